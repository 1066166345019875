//! What a softness study is asked: trajectories, the label of its atoms, features, classifier.

use super::baselines::species_of;
use super::data::Source;
use super::settings::{AnalysisSettings, LearningSettings};
use crate::descriptor::DescriptorPlan;
use crate::error::{Error, Result};
use crate::io::read_frames;
use crate::labels::{HopSample, LabelDefinition, LabelKind, Origins, ThresholdDefinition};
use crate::potential::ForceField;
use crate::system::UnitSystem;

/// A softness study, checked.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Title.
    pub title: String,
    /// All trajectories, of all temperatures and glasses.
    pub sources: Vec<Source>,
    /// The temperature that is learned from.
    pub temperature: f64,
    /// What mobile means.
    pub label: LabelDefinition,
    /// The features.
    pub descriptors: DescriptorPlan,
    /// SOAP or other features to compare with.
    pub soap: Option<DescriptorPlan>,
    /// The classifier.
    pub learning: LearningSettings,
    /// What is looked at.
    pub analysis: AnalysisSettings,
    /// Forces, for inherent structures.
    pub force_field: Option<ForceField>,
    /// Units of the trajectories.
    pub units: UnitSystem,
}

impl Plan {
    /// What a model needs and no more: the training temperature.
    pub fn for_training(mut self) -> Result<Self> {
        self.check_temperature()?;
        self.sources.retain(|s| s.temperature == self.temperature);
        self.analysis.times.clear();
        self.soap = None;
        Ok(self)
    }

    /// Binds what is computed last to the first frame there is, so that a species that it does not have is
    /// not found out after everything else.
    pub(super) fn check_first_frame(&self) -> Result<()> {
        let Some(file) = self.sources.first().and_then(|s| s.files.first()) else { return Ok(()) };
        let Some(frame) = read_frames(file)?.next() else { return Ok(()) };
        let structure = frame?.structure;
        self.descriptors.bind(&structure)?;
        if let Some(soap) = &self.soap {
            soap.bind(&structure)?;
        }
        species_of(&self.analysis.neighbors, &structure)?;
        Ok(())
    }

    pub(super) fn check_temperature(&self) -> Result<()> {
        let known = temperatures(self);
        if known.contains(&self.temperature) {
            return Ok(());
        }
        let known: Vec<String> = known.iter().map(f64::to_string).collect();
        Err(Error::input(
            format!("no trajectory is at the training temperature {}", self.temperature),
            format!("set data.temperature to one of {}", known.join(", ")),
        ))
    }
}

/// Temperatures of the trajectories, each once, ascending.
pub(super) fn temperatures(plan: &Plan) -> Vec<f64> {
    let mut temperatures: Vec<f64> = plan.sources.iter().map(|s| s.temperature).collect();
    temperatures.sort_by(f64::total_cmp);
    temperatures.dedup();
    temperatures
}

/// True if the labelled atoms are examples, as many of each class.
pub(super) fn chosen_examples(label: &LabelDefinition) -> bool {
    label.hop.as_ref().is_some_and(|hop| hop.sample == HopSample::Examples)
}

/// The same label with a threshold that no longer depends on the data, of all atoms: jumps that begin
/// within a window, for each atom that rests before it.
pub(super) fn fixed_label(label: &LabelDefinition, value: f64) -> LabelDefinition {
    let mut label = label.clone();
    if label.kind != LabelKind::Hop {
        label.threshold = Some(ThresholdDefinition::Fixed { value });
    } else if chosen_examples(&label) {
        let lag = label.time.unwrap_or(label.frames.unwrap_or(1) as f64);
        let first = label.origins.as_ref().map_or(0.0, |o| o.first);
        label.origins =
            Some(Origins { first: first + 0.5 * lag, interval: Some(lag), number: None });
        if let Some(hop) = &mut label.hop {
            (hop.sample, hop.examples) = (HopSample::All, None);
        }
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_elsewhere_keep_the_threshold_and_take_every_atom() {
        let quantile = ThresholdDefinition::Quantile { mobile: 0.4 };
        let label = LabelDefinition::displacement("Na", 50.0, quantile);
        let fixed = fixed_label(&label, 2.5);
        assert_eq!(fixed.threshold, Some(ThresholdDefinition::Fixed { value: 2.5 }));
        let hop: LabelDefinition = toml::from_str(
            "kind = \"hop\"\ntime = 10\norigins = { first = 100 }\nhop = { quiet = 85, examples = 60 }",
        )
        .expect("a label");
        let everyone = fixed_label(&hop, 0.2);
        everyone.check().expect("sound");
        assert!(chosen_examples(&hop) && !chosen_examples(&everyone));
        assert_eq!(
            everyone.origins,
            Some(Origins { first: 105.0, interval: Some(10.0), number: None })
        );
    }
}
