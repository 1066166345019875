//! Classifiers tried: on divisions of the atoms, on glasses they never saw, with fewer features.

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

/// For each glass (or other group) the plane learned from the others.
pub(super) fn without_each(
    samples: &Samples,
    learning: &LearningSettings,
    glasses: usize,
) -> Result<Vec<Fitted>> {
    (0..glasses as u32)
        .map(|glass| {
            let others: Vec<usize> =
                (0..samples.len()).filter(|&n| samples.glass[n] != glass).collect();
            Fitted::new(&samples.select(&others), learning)
        })
        .collect()
}

/// Planes that each did not learn from one group of atoms: from one of the glasses, or from one fifth
/// of the atoms of a single glass.
pub(super) struct HeldOut {
    pub planes: Vec<Fitted>,
    glasses: usize,
}

impl HeldOut {
    pub fn new(collected: &Collected, learning: &LearningSettings, glasses: usize) -> Result<Self> {
        let (samples, groups) = collected.groups(glasses)?;
        Ok(Self { planes: without_each(&samples, learning, groups)?, glasses })
    }

    /// One plane for all atoms, which did learn from them.
    pub fn none(all: Fitted) -> Self {
        Self { planes: vec![all], glasses: 1 }
    }

    /// Softness of each atom by the plane that did not learn from it.
    pub fn softness(&self, set: &Surroundings, width: usize, convention: Convention) -> Vec<f64> {
        let groups = match self.planes.len() {
            1 => vec![0; set.atoms.len()],
            _ => set.groups(self.glasses),
        };
        let mut softness = vec![0.0; set.atoms.len()];
        for (group, plane) in self.planes.iter().enumerate() {
            let rows: Vec<usize> =
                (0..groups.len()).filter(|&n| groups[n] as usize == group).collect();
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

/// Scores over the divisions that have both classes on both sides.
pub(super) fn score(samples: &Samples, learning: &LearningSettings) -> Result<Score> {
    samples.check()?;
    let splits = Split::repeated(
        samples,
        learning.split,
        learning.train_fraction,
        learning.splits,
        learning.seed,
    )?;
    let width = samples.columns.len();
    let mut found: [Vec<f64>; 4] = Default::default();
    for split in &splits {
        let (train, test) = (samples.select(&split.train), samples.select(&split.test));
        if !(train.has_both_classes() && test.has_both_classes()) {
            continue;
        }
        let fitted = Fitted::new(&train, learning)?;
        let confusion = |s: &Samples| {
            let scores = fitted.softness(&s.features, width, Convention::Margin);
            Confusion::count(&scores, &s.mobile)
        };
        let (seen, unseen) = (confusion(&train), confusion(&test));
        found[0].push(unseen.balanced_accuracy());
        found[1].push(seen.balanced_accuracy());
        found[2].push(unseen.accuracy());
        found[3].push(unseen.recall());
    }
    let divisions = found[0].len();
    if divisions == 0 {
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
    let [balanced, training, accuracy, recall] = found.map(|f| scatter(&f));
    Ok(Score {
        divisions,
        balanced_accuracy: balanced,
        balanced_accuracy_of_training: training,
        accuracy,
        recall,
    })
}

/// Balanced accuracy of each glass by the plane that did not learn from it.
pub(super) fn unseen(samples: &Samples, planes: &[Fitted]) -> Option<Vec<Confusion>> {
    if planes.len() < 2 {
        return None;
    }
    let of = |glass: u32| {
        let rows: Vec<usize> = (0..samples.len()).filter(|&n| samples.glass[n] == glass).collect();
        let part = samples.select(&rows);
        let scores = planes[glass as usize].softness(
            &part.features,
            samples.columns.len(),
            Convention::Margin,
        );
        Confusion::count(&scores, &part.mobile)
    };
    Some((0..planes.len() as u32).map(of).collect())
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
    let planes = if glasses > 1 { Some(without_each(samples, learning, glasses)?) } else { None };
    Ok(Baseline {
        name: name.to_owned(),
        features: samples.columns.len(),
        score: score(samples, learning)?,
        between_glasses: planes
            .and_then(|p| unseen(samples, &p))
            .and_then(|c| balanced_between(&c)),
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
    planes: &[Fitted],
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
            let each: Vec<f64> = planes.iter().map(|p| of(p, k)).collect();
            let mean = each.iter().sum::<f64>() / n;
            let squares: f64 = each.iter().map(|w| (w - mean).powi(2)).sum();
            let error = (planes.len() > 1).then(|| ((n - 1.0) / n * squares).sqrt());
            (name.clone(), Estimate { value: of(all, k), error })
        })
        .collect()
}

/// Accuracy with fewer and fewer features; those of least weight go first.
pub(super) fn fewer(
    samples: &Samples,
    all: &Fitted,
    learning: &LearningSettings,
    glasses: usize,
) -> Result<Vec<Baseline>> {
    let mut columns = all.standardizer.kept.clone();
    let mut weights = all.plane.weights.clone();
    let mut found = Vec::new();
    loop {
        let part = samples.select_columns(&columns);
        let name = if columns.len() > 3 {
            format!("{} features", columns.len())
        } else {
            columns.iter().map(|&k| samples.columns[k].as_str()).collect::<Vec<_>>().join("; ")
        };
        found.push(baseline(&name, &part, learning, glasses)?);
        if columns.len() == 1 {
            return Ok(found);
        }
        let mut order: Vec<usize> = (0..columns.len()).collect();
        order.sort_by(|&a, &b| weights[b].abs().total_cmp(&weights[a].abs()));
        order.truncate(next_count(columns.len()));
        order.sort_unstable();
        columns = order.iter().map(|&k| columns[k]).collect();
        let fitted = Fitted::new(&samples.select_columns(&columns), learning)?;
        if fitted.plane.weights.len() != columns.len() {
            return Ok(found);
        }
        weights = fitted.plane.weights;
    }
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
    fn noise() -> Collected {
        let stream = RandomStream::new(8, Stream::Sampling);
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
        let collected = noise();
        let learning = LearningSettings::default();
        let samples = collected.samples().expect("fits");
        let area = |held_out: &HeldOut| {
            let of = |set| held_out.softness(set, 40, Convention::Margin);
            let softness: Vec<f64> = collected.sets.iter().flat_map(of).collect();
            area_under(&roc(&softness, &samples.mobile))
        };
        let seen = area(&HeldOut::none(Fitted::new(&samples, &learning).expect("trained")));
        let unseen = area(&HeldOut::new(&collected, &learning, 1).expect("trained"));
        assert!(seen > 0.75, "{seen}");
        assert!((0.35..0.62).contains(&unseen), "{unseen}");
        // Nor by divisions of the atoms, which keep the moments of an atom together.
        let found = score(&samples, &learning).expect("divisions").balanced_accuracy;
        assert!((0.4..0.6).contains(&found.value), "{found:?}");
        // A class of a single atom is in one fifth only, without which there is nothing to learn.
        let mut rare = noise();
        for set in &mut rare.sets {
            set.mobile = (0..150).map(|i| i == 7).collect();
        }
        assert!(HeldOut::new(&rare, &learning, 1).is_err());
    }
}
