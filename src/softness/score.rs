//! Classifiers tried: on divisions of the atoms, on glasses they never saw, with fewer features.

use std::collections::BTreeMap;

use serde::Serialize;

use super::baselines::Baseline;
use super::data::{Collected, Surroundings};
use super::model::Convention;
use super::settings::LearningSettings;
use crate::analysis::mean_and_standard_error;
use crate::analysis::motion::Estimate;
use crate::error::{Error, Result};
use crate::learning::{Confusion, Hyperplane, Samples, Split, Standardizer};

/// How good a classifier is, over repeated divisions into training and test. Errors are standard
/// deviations between the divisions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// Mean of the shares called right in the two classes, on the test samples: a guess gives 0.5.
    pub balanced_accuracy: Estimate,
    /// The same on the training samples.
    pub balanced_accuracy_of_training: Estimate,
    /// Share of all test samples called right: guessing the larger class gives its share.
    pub accuracy: Estimate,
    /// Share of the mobile called mobile.
    pub recall: Estimate,
    /// Divisions that count: those with both classes on both sides.
    pub divisions: usize,
}

/// A plane with the scale of its features.
#[derive(Clone)]
pub(super) struct Fitted {
    pub standardizer: Standardizer,
    pub plane: Hyperplane,
}

impl Fitted {
    pub fn new(samples: &Samples, learning: &LearningSettings) -> Result<Self> {
        samples.check()?;
        let standardizer = Standardizer::fit(samples)?;
        let x = standardizer.apply(&samples.features, samples.columns.len());
        let plane = learning.training().train(&x, &samples.mobile)?;
        Ok(Self { standardizer, plane })
    }

    pub fn softness(&self, features: &[f64], columns: usize, convention: Convention) -> Vec<f64> {
        let mut s = self.plane.margins(&self.standardizer.apply(features, columns));
        if convention == Convention::Distance {
            let norm = self.plane.weights.iter().map(|w| w * w).sum::<f64>().sqrt();
            s.iter_mut().for_each(|s| *s /= norm);
        }
        s
    }
}

/// Planes that each did not learn from one group of samples, by the number of the group.
pub(super) type Planes = BTreeMap<u32, Fitted>;

/// For each glass (or other group) the plane learned from the others.
fn without_each(samples: &Samples, learning: &LearningSettings) -> Result<Planes> {
    let without = |glass: u32| -> Result<(u32, Fitted)> {
        let others: Vec<usize> =
            (0..samples.len()).filter(|&n| samples.glass[n] != glass).collect();
        Ok((glass, Fitted::new(&samples.select(&others), learning)?))
    };
    samples.glasses().into_iter().map(without).collect()
}

/// Counts of each group, in ascending order, by the plane for it.
fn confusions<'a>(samples: &Samples, plane: impl Fn(u32) -> Option<&'a Fitted>) -> Vec<Confusion> {
    let of = |group: u32| {
        let rows: Vec<usize> = (0..samples.len()).filter(|&n| samples.glass[n] == group).collect();
        let part = samples.select(&rows);
        let columns = samples.columns.len();
        let scores = plane(group)?.softness(&part.features, columns, Convention::Margin);
        Some(Confusion::count(&scores, &part.mobile))
    };
    samples.glasses().into_iter().filter_map(of).collect()
}

/// Counts of each glass (or other group) by what is learned from the others.
pub(super) fn between_groups(
    samples: &Samples,
    learning: &LearningSettings,
) -> Result<Vec<Confusion>> {
    samples.check()?;
    let planes = without_each(samples, learning)?;
    Ok(confusions(samples, |group| planes.get(&group)))
}

/// Planes that each did not learn from one group of atoms: from one of the glasses, or from one fifth
/// of the atoms of a single glass.
pub(super) struct HeldOut {
    pub planes: Planes,
    /// Learned from all of them, for atoms of glasses that nothing was learned from.
    common: Fitted,
    glasses: usize,
}

impl HeldOut {
    /// `common` is the plane learned from all of `glasses` glasses.
    pub fn new(
        collected: &Collected,
        learning: &LearningSettings,
        glasses: usize,
        common: Fitted,
    ) -> Result<Self> {
        let planes = without_each(&collected.groups(glasses)?, learning)?;
        Ok(Self { planes, common, glasses })
    }

    /// One plane for all atoms, which did learn from them.
    pub fn none(common: Fitted) -> Self {
        Self { planes: Planes::new(), common, glasses: 1 }
    }

    fn plane(&self, group: u32) -> &Fitted {
        self.planes.get(&group).unwrap_or(&self.common)
    }

    /// Counts of each group of some samples by the plane that did not learn from it; `None` if there are
    /// no such planes.
    pub fn unseen(&self, collected: &Collected) -> Result<Option<Vec<Confusion>>> {
        if self.planes.is_empty() {
            return Ok(None);
        }
        let samples = collected.groups(self.glasses)?;
        Ok(Some(confusions(&samples, |group| Some(self.plane(group)))))
    }

    /// Softness of each atom by the plane that did not learn from it.
    pub fn softness(&self, set: &Surroundings, width: usize, convention: Convention) -> Vec<f64> {
        let groups = set.groups(self.glasses);
        let mut present = groups.clone();
        present.sort_unstable();
        present.dedup();
        let mut softness = vec![0.0; set.atoms.len()];
        for group in present {
            let plane = self.plane(group);
            let rows: Vec<usize> = (0..groups.len()).filter(|&n| groups[n] == group).collect();
            let features: Vec<f64> = rows
                .iter()
                .flat_map(|&n| set.features[n * width..(n + 1) * width].iter().copied())
                .collect();
            for (n, s) in rows.iter().zip(plane.softness(&features, width, convention)) {
                softness[*n] = s;
            }
        }
        softness
    }
}

fn finite(values: &[f64]) -> Vec<f64> {
    values.iter().copied().filter(|x| x.is_finite()).collect()
}

fn scatter(values: &[f64]) -> Estimate {
    let mean = mean_and_standard_error(values);
    Estimate {
        value: mean.map_or(f64::NAN, |m| m.mean),
        error: mean.and_then(|m| m.standard_error.map(|e| e * (m.count as f64).sqrt())),
    }
}

/// Mean with its standard error of the values that are numbers; `None` without any.
pub(super) fn mean(values: &[f64]) -> Option<Estimate> {
    let mean = mean_and_standard_error(&finite(values))?;
    Some(Estimate { value: mean.mean, error: mean.standard_error })
}

/// Divisions into training and test that have both classes on both sides; an error without any.
fn divisions(samples: &Samples, learning: &LearningSettings) -> Result<Vec<(Samples, Samples)>> {
    samples.check()?;
    let splits = Split::repeated(
        samples,
        learning.split,
        learning.train_fraction,
        learning.splits,
        learning.seed,
    )?;
    let parts: Vec<(Samples, Samples)> = splits
        .iter()
        .map(|split| (samples.select(&split.train), samples.select(&split.test)))
        .filter(|(train, test)| train.has_both_classes() && test.has_both_classes())
        .collect();
    if parts.is_empty() {
        let mobile = samples.mobile.iter().filter(|m| **m).count();
        return Err(Error::input(
            format!(
                "none of the {} divisions has both classes on both sides: {mobile} of {} samples \
                 are mobile",
                splits.len(),
                samples.len()
            ),
            "move the threshold of the label, or take another time or temperature",
        ));
    }
    Ok(parts)
}

/// Counts of some samples by a plane.
fn counted(fitted: &Fitted, samples: &Samples) -> Confusion {
    let columns = samples.columns.len();
    let scores = fitted.softness(&samples.features, columns, Convention::Margin);
    Confusion::count(&scores, &samples.mobile)
}

impl Score {
    /// From the counts of the training and of the test samples of each division.
    fn new(found: &[(Confusion, Confusion)]) -> Self {
        let over = |of: &dyn Fn(&(Confusion, Confusion)) -> f64| {
            scatter(&found.iter().map(of).collect::<Vec<_>>())
        };
        Self {
            balanced_accuracy: over(&|(_, test)| test.balanced_accuracy()),
            balanced_accuracy_of_training: over(&|(train, _)| train.balanced_accuracy()),
            accuracy: over(&|(_, test)| test.accuracy()),
            recall: over(&|(_, test)| test.recall()),
            divisions: found.len(),
        }
    }
}

/// Scores over the divisions that have both classes on both sides.
pub(super) fn score(samples: &Samples, learning: &LearningSettings) -> Result<Score> {
    let of = |(train, test): &(Samples, Samples)| -> Result<(Confusion, Confusion)> {
        let fitted = Fitted::new(train, learning)?;
        Ok((counted(&fitted, train), counted(&fitted, test)))
    };
    let found: Vec<_> = divisions(samples, learning)?.iter().map(of).collect::<Result<_>>()?;
    Ok(Score::new(&found))
}

pub(super) fn balanced_between(confusions: &[Confusion]) -> Option<Estimate> {
    mean(&confusions.iter().map(Confusion::balanced_accuracy).collect::<Vec<_>>())
}

pub(super) fn baseline(
    name: &str,
    samples: &Samples,
    learning: &LearningSettings,
    glasses: usize,
) -> Result<Baseline> {
    let between = if glasses > 1 { Some(between_groups(samples, learning)?) } else { None };
    samples.check()?;
    Ok(Baseline {
        name: name.to_owned(),
        features: Standardizer::fit(samples)?.kept.len(),
        score: score(samples, learning)?,
        between_glasses: between.and_then(|c| balanced_between(&c)),
    })
}

/// Numbers of features to try on the way down: all of up to 30, halves above.
fn next_count(count: usize) -> usize {
    if count > 30 { count / 2 } else { count - 1 }
}

/// Weights of all features, 0 for those that were not kept; the error is the scatter between planes
/// that each left out one glass, scaled as a jackknife.
pub(super) fn weights(
    columns: &[String],
    all: &Fitted,
    planes: &Planes,
) -> Vec<(String, Estimate)> {
    let of = |fitted: &Fitted, k: usize| {
        let place = fitted.standardizer.kept.iter().position(|kept| *kept == k);
        place.map_or(0.0, |j| fitted.plane.weights[j])
    };
    let n = planes.len() as f64;
    columns
        .iter()
        .enumerate()
        .map(|(k, name)| {
            let each: Vec<f64> = planes.values().map(|p| of(p, k)).collect();
            let mean = each.iter().sum::<f64>() / n;
            let squares: f64 = each.iter().map(|w| (w - mean).powi(2)).sum();
            let error = (planes.len() > 1).then(|| ((n - 1.0) / n * squares).sqrt());
            (name.clone(), Estimate { value: of(all, k), error })
        })
        .collect()
}

/// A plane with fewer and fewer features: those of least weight go first.
struct Fewer<'a> {
    samples: &'a Samples,
    learning: &'a LearningSettings,
    columns: Vec<usize>,
    fitted: Option<Fitted>,
}

impl<'a> Fewer<'a> {
    fn new(samples: &'a Samples, learning: &'a LearningSettings) -> Result<Self> {
        let columns = Standardizer::fit(samples)?.kept;
        Ok(Self { samples, learning, columns, fitted: None })
    }

    /// Goes down to `count` features, if there are more.
    fn reduce(&mut self, count: usize) -> Result<&Fitted> {
        loop {
            let fitted = match self.fitted.take() {
                Some(fitted) => fitted,
                None => Fitted::new(&self.samples.select_columns(&self.columns), self.learning)?,
            };
            if self.columns.len() <= count {
                return Ok(self.fitted.insert(fitted));
            }
            // Those that were not kept have no weight.
            let mut weights = vec![0.0; self.columns.len()];
            for (&k, weight) in fitted.standardizer.kept.iter().zip(&fitted.plane.weights) {
                weights[k] = weight.abs();
            }
            let mut order: Vec<usize> = (0..weights.len()).collect();
            order.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]).then(a.cmp(&b)));
            order.truncate(count);
            order.sort_unstable();
            self.columns = order.iter().map(|&k| self.columns[k]).collect();
        }
    }

    fn counted(&mut self, count: usize, samples: &Samples) -> Result<Confusion> {
        self.reduce(count)?;
        let part = samples.select_columns(&self.columns);
        Ok(counted(self.reduce(count)?, &part))
    }

    fn name(&self) -> String {
        let names = self.columns.iter().map(|&k| self.samples.columns[k].as_str());
        match self.columns.len() {
            0..=3 => names.collect::<Vec<_>>().join("; "),
            more => format!("{more} features"),
        }
    }
}

/// Accuracy with fewer and fewer features. Each training part chooses its own, so that no test sample
/// has a say; the names are those that all samples together choose.
pub(super) fn fewer(
    samples: &Samples,
    learning: &LearningSettings,
    glasses: usize,
) -> Result<Vec<Baseline>> {
    let divisions = divisions(samples, learning)?;
    let split = |glass: u32| {
        let (of, others): (Vec<usize>, Vec<usize>) =
            (0..samples.len()).partition(|&n| samples.glass[n] == glass);
        (samples.select(&others), samples.select(&of))
    };
    let unseen: Vec<(Samples, Samples)> = match glasses {
        0 | 1 => Vec::new(),
        _ => samples.glasses().into_iter().map(split).collect(),
    };
    let mut chosen = chains(&divisions, learning)?;
    let mut chosen_without = chains(&unseen, learning)?;
    let mut all = Fewer::new(samples, learning)?;
    let mut count = all.columns.len();
    let mut found = Vec::new();
    loop {
        all.reduce(count)?;
        let mut pairs = Vec::new();
        for (chain, (train, test)) in chosen.iter_mut().zip(&divisions) {
            pairs.push((chain.counted(count, train)?, chain.counted(count, test)?));
        }
        let mut between = Vec::new();
        for (chain, (_, test)) in chosen_without.iter_mut().zip(&unseen) {
            between.push(chain.counted(count, test)?);
        }
        found.push(Baseline {
            name: all.name(),
            features: count,
            score: Score::new(&pairs),
            between_glasses: balanced_between(&between),
        });
        if count == 1 {
            return Ok(found);
        }
        count = next_count(count);
    }
}

fn chains<'a>(
    parts: &'a [(Samples, Samples)],
    learning: &'a LearningSettings,
) -> Result<Vec<Fewer<'a>>> {
    parts.iter().map(|(train, _)| Fewer::new(train, learning)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Threshold;
    use crate::learning::{area_under, roc};
    use crate::system::{RandomStream, SimulationBox, Species, Stream, Structure};

    #[test]
    fn divisions_and_glasses_without_a_class_do_not_count() {
        let mut samples = Samples::new(vec!["a".into()]);
        let features: Vec<f64> = (0..30).map(f64::from).collect();
        let mobile: Vec<bool> = (0..30).map(|n| n < 2).collect();
        samples.extend(&features, &mobile, 0).expect("fits");
        let learning = LearningSettings { splits: 20, ..LearningSettings::default() };
        let found = score(&samples, &learning).expect("some divisions");
        // Each of the two is on its own side in 0.42 of the divisions.
        assert!((3..16).contains(&found.divisions), "{}", found.divisions);
        assert!(found.balanced_accuracy.value.is_finite() && found.recall.value.is_finite());
        samples.mobile[1] = false;
        let error = score(&samples, &learning).expect_err("one mobile sample").to_string();
        assert_eq!(
            error,
            "none of the 20 divisions has both classes on both sides: 1 of 30 samples are mobile"
        );
        let mean = mean(&[f64::NAN, 0.5, 0.7]).expect("two glasses");
        assert!((mean.value - 0.6).abs() < 1e-12 && mean.error.is_some());
        assert!(super::mean(&[f64::NAN]).is_none());
    }

    /// 150 atoms of one glass at two moments, features and classes drawn independently.
    fn noise(seed: u64) -> Collected {
        let stream = RandomStream::new(seed, Stream::Sampling);
        let n = 150;
        let species = vec![Species { name: "Na".into(), mass: None }];
        let cell = SimulationBox::cubic(30.0).expect("a box");
        let positions =
            (0..n as u32).map(|i| [0, 1, 2].map(|k| 30.0 * stream.uniform(9, i, k))).collect();
        let structure = Structure::new(cell, species, vec![0; n], positions).expect("sound");
        let set = |moment: u64| Surroundings {
            glass: 0,
            temperature: 1.0,
            structure: structure.clone(),
            atoms: (0..n).collect(),
            // The surroundings of an atom hardly change, nor does its class.
            features: (0..40 * n as u32)
                .map(|i| {
                    stream.normal_pair(0, i, 0)[0] + 0.1 * stream.normal_pair(1 + moment, i, 0)[0]
                })
                .collect(),
            values: vec![1.0; n],
            mobile: (0..n as u32).map(|i| stream.uniform(5, i, 7) < 0.4).collect(),
        };
        Collected {
            columns: (0..40).map(|k| format!("f{k}")).collect(),
            sets: vec![set(0), set(1)],
            threshold: Threshold { value: 1.0, peaks: None, depth: None },
            notes: Vec::new(),
        }
    }

    #[test]
    fn noise_of_a_single_glass_is_not_learned() {
        let collected = noise(8);
        let learning = LearningSettings::default();
        let samples = collected.samples().expect("fits");
        let area = |held_out: &HeldOut| {
            let of = |set| held_out.softness(set, 40, Convention::Margin);
            let softness: Vec<f64> = collected.sets.iter().flat_map(of).collect();
            area_under(&roc(&softness, &samples.mobile))
        };
        let seen = area(&HeldOut::none(Fitted::new(&samples, &learning).expect("trained")));
        let common = || Fitted::new(&samples, &learning).expect("trained");
        let unseen = area(&HeldOut::new(&collected, &learning, 1, common()).expect("trained"));
        assert!(seen > 0.75, "{seen}");
        assert!((0.35..0.62).contains(&unseen), "{unseen}");
        // Nor by divisions of the atoms, which keep the moments of an atom together.
        let found = score(&samples, &learning).expect("divisions").balanced_accuracy;
        assert!((0.4..0.6).contains(&found.value), "{found:?}");
        // A class of a single atom is in one fifth only, without which there is nothing to learn.
        let mut rare = noise(8);
        for set in &mut rare.sets {
            set.mobile = (0..150).map(|i| i == 7).collect();
        }
        assert!(HeldOut::new(&rare, &learning, 1, common()).is_err());
    }

    #[test]
    fn fewer_features_of_noise_know_nothing_of_the_test() {
        let mut sum = 0.0;
        for seed in 0..8 {
            let mut collected = noise(seed);
            collected.sets.truncate(1);
            let samples = collected.samples().expect("fits");
            let found = fewer(&samples, &LearningSettings::default(), 1).expect("fewer");
            let counts: Vec<usize> = found.iter().map(|b| b.features).collect();
            assert_eq!(counts[..3], [40, 20, 19]);
            assert_eq!((counts.len(), counts[counts.len() - 1]), (21, 1));
            sum += found.iter().map(|b| b.score.balanced_accuracy.value).sum::<f64>() / 21.0;
        }
        // Samples of 150 atoms scatter by 0.04. Those features that have most weight for all atoms,
        // the test among them, would be right in some 60 %.
        let accuracy = sum / 8.0;
        assert!((0.45..0.545).contains(&accuracy), "{accuracy}");
    }

    #[test]
    fn glasses_that_nothing_was_learned_from_have_the_common_plane() {
        let mut collected = noise(8);
        collected.sets[1].glass = 1;
        let learning = LearningSettings::default();
        let samples = collected.samples().expect("fits");
        let common = Fitted::new(&samples, &learning).expect("trained");
        let held_out = HeldOut::new(&collected, &learning, 2, common.clone()).expect("two glasses");
        assert_eq!(held_out.planes.len(), 2);
        let mut other = collected.sets[0].clone();
        other.glass = 5;
        let by_common = common.softness(&other.features, 40, Convention::Distance);
        assert_eq!(held_out.softness(&other, 40, Convention::Distance), by_common);
        assert_ne!(held_out.softness(&collected.sets[0], 40, Convention::Distance), by_common);
        // With one glass learned from, another is not divided into its fifths.
        let single = HeldOut::new(&noise(8), &learning, 1, common).expect("fifths");
        assert_eq!(single.planes.len(), 5);
        assert_eq!(single.softness(&other, 40, Convention::Distance), by_common);
        // Glasses without atoms come last and do not count.
        let mut names = ["empty", "a", "b"].map(String::from).to_vec();
        (collected.sets[0].glass, collected.sets[1].glass) = (2, 1);
        assert_eq!(collected.number_glasses(&mut names), 2);
        assert_eq!(names, ["a", "b", "empty"]);
        assert_eq!((collected.sets[0].glass, collected.sets[1].glass), (1, 0));
    }
}
