//! Classifiers tried: on divisions of the atoms, on glasses they never saw, with fewer features.

use serde::Serialize;

use super::baselines::Baseline;
use super::model::Convention;
use super::settings::LearningSettings;
use crate::analysis::mean_and_standard_error;
use crate::analysis::motion::Estimate;
use crate::error::Result;
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

/// For each glass the plane learned from the others; with a single glass, from itself.
pub(super) fn without_each(
    samples: &Samples,
    learning: &LearningSettings,
    glasses: usize,
) -> Result<Vec<Fitted>> {
    (0..glasses as u32)
        .map(|glass| {
            let others: Vec<usize> =
                (0..samples.len()).filter(|&n| glasses == 1 || samples.glass[n] != glass).collect();
            Fitted::new(&samples.select(&others), learning)
        })
        .collect()
}

fn scatter(values: &[f64]) -> Estimate {
    let mean = mean_and_standard_error(values);
    Estimate {
        value: mean.map_or(f64::NAN, |m| m.mean),
        error: mean.and_then(|m| m.standard_error.map(|e| e * (m.count as f64).sqrt())),
    }
}

pub(super) fn mean(values: &[f64]) -> Estimate {
    let mean = mean_and_standard_error(values);
    Estimate {
        value: mean.map_or(f64::NAN, |m| m.mean),
        error: mean.and_then(|m| m.standard_error),
    }
}

/// Scores over the divisions.
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
    let [balanced, training, accuracy, recall] = found.map(|f| scatter(&f));
    Ok(Score {
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
    let values: Vec<f64> =
        confusions.iter().map(Confusion::balanced_accuracy).filter(|b| b.is_finite()).collect();
    (!values.is_empty()).then(|| mean(&values))
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
