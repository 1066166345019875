//! How softness is learned and what is looked at.

use serde::{Deserialize, Serialize};

use super::Convention;
use crate::learning::{Classes, Loss, SplitBy, Training};

/// The classifier and how it is tested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LearningSettings {
    /// Logistic regression or the squared hinge of a linear support vector machine.
    pub loss: Loss,
    /// C: larger follows the data more closely.
    pub regularization: f64,
    /// Whether both classes weigh the same.
    pub classes: Classes,
    /// Whether the intercept is penalised too.
    pub penalize_intercept: bool,
    /// What is divided between training and test.
    pub split: SplitBy,
    /// Part that is learned from.
    pub train_fraction: f64,
    /// Number of divisions.
    pub splits: usize,
    /// Seed of the divisions.
    pub seed: u64,
    /// What softness is; by default the distance for logistic regression and the margin for the
    /// support vector machine.
    pub softness: Option<Convention>,
}

impl Default for LearningSettings {
    fn default() -> Self {
        let training = Training::default();
        Self {
            loss: training.loss,
            regularization: training.regularization,
            classes: training.classes,
            penalize_intercept: training.penalize_intercept,
            split: SplitBy::Atoms,
            train_fraction: 0.7,
            splits: 10,
            seed: 1,
            softness: None,
        }
    }
}

impl LearningSettings {
    /// What the classifier needs of it.
    pub fn training(&self) -> Training {
        Training {
            loss: self.loss,
            regularization: self.regularization,
            classes: self.classes,
            penalize_intercept: self.penalize_intercept,
        }
    }

    /// Loss, C, classes and what softness is, in words.
    pub fn describe(&self) -> String {
        let loss = match self.loss {
            Loss::Logistic => "logistic regression",
            Loss::SquaredHinge => "linear support vector machine (squared hinge)",
        };
        let classes = match self.classes {
            Classes::Balanced => "classes balanced",
            Classes::Plain => "classes plain (each sample weighs the same)",
        };
        let softness = match self.convention() {
            Convention::Distance => "softness S = (w·F + b)/|w|, the signed distance",
            Convention::Margin => "softness S = w·F + b, the margin",
        };
        let intercept = if self.penalize_intercept { ", intercept penalised" } else { "" };
        format!("{loss}, C = {}{intercept}, {classes}; {softness}", self.regularization)
    }

    /// What softness is.
    pub fn convention(&self) -> Convention {
        self.softness.unwrap_or(match self.loss {
            Loss::Logistic => Convention::Distance,
            Loss::SquaredHinge => Convention::Margin,
        })
    }
}

/// What is looked at once the plane is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnalysisSettings {
    /// Bins of softness in P_R(S) and ⟨D⟩(S).
    pub bins: usize,
    /// Bands of softness, equally populated, whose activation energies are found.
    pub bands: usize,
    /// A band enters the fit of its activation energy at temperatures where less than this part of
    /// it is mobile.
    pub saturation: f64,
    /// Other times after which mobility is asked for.
    pub times: Vec<f64>,
    /// Distance to which softness is correlated; half the box if that is less.
    pub correlation_cutoff: f64,
    /// Species whose atoms are counted for the coordination number; those of the first descriptor
    /// without it.
    pub neighbors: Vec<String>,
    /// Radius of the coordination number; the first minimum of g(r) without it.
    pub neighbor_cutoff: Option<f64>,
    /// Whether the volume of the Voronoi cell is tried as the only feature.
    pub voronoi: bool,
    /// Part of the atoms, those that moved most, to which SOAP similarity is measured.
    pub similar_to: f64,
}

impl Default for AnalysisSettings {
    fn default() -> Self {
        Self {
            bins: 12,
            bands: 5,
            saturation: 0.75,
            times: Vec::new(),
            correlation_cutoff: 15.0,
            neighbors: Vec::new(),
            neighbor_cutoff: None,
            voronoi: true,
            similar_to: 0.1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classifier_and_the_convention_are_named() {
        assert_eq!(
            LearningSettings::default().describe(),
            "logistic regression, C = 1, classes balanced; softness S = (w·F + b)/|w|, the signed \
             distance"
        );
        let other = LearningSettings {
            loss: Loss::SquaredHinge,
            classes: Classes::Plain,
            regularization: 0.1,
            ..LearningSettings::default()
        };
        let told = other.describe();
        assert!(
            told.contains("squared hinge") && told.contains("C = 0.1, classes plain"),
            "{told}"
        );
        assert!(told.ends_with("S = w·F + b, the margin"), "{told}");
    }
}
