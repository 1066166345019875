//! A softness that can be kept: one readable file.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::descriptor::{Centres, DescriptorMatrix, DescriptorPlan, compute};
use crate::error::{Error, Result};
use crate::io::write_atomically;
use crate::labels::LabelDefinition;
use crate::learning::{Hyperplane, Standardizer, Training};
use crate::system::Structure;

/// What softness is, F the standardised features and w·F + b = 0 the plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Convention {
    /// Signed distance from the plane, (w·F + b)/|w| (Liu, Smedskjaer, Bauchy 2022).
    Distance,
    /// w·F + b, not divided by |w| (Cubuk et al. 2015, who write it w·F − b).
    Margin,
}

/// One feature: softness is Σ weight (value − mean)/deviation + intercept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// Its name, as the descriptors give it.
    pub name: String,
    /// Mean over the training samples.
    pub mean: f64,
    /// Standard deviation over the training samples.
    pub deviation: f64,
    /// Weight of the standardised feature.
    pub weight: f64,
}

/// What a model was trained on and how well it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainedOn {
    /// Independent glasses.
    pub glasses: usize,
    /// Temperature (metal: K).
    pub temperature: f64,
    /// Labelled atoms.
    pub samples: usize,
    /// Part of them that is mobile.
    pub mobile_fraction: f64,
    /// Value of the label above which an atom is mobile.
    pub threshold: f64,
    /// Balanced accuracy on atoms kept out of the training, mean over the divisions.
    pub balanced_accuracy: f64,
    /// The same without balance; the larger class alone gives 1 − mobile_fraction or
    /// mobile_fraction.
    pub accuracy: f64,
}

/// A trained softness with everything needed to apply it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftnessModel {
    /// Kind and version of the file.
    pub format: String,
    /// Version of the program.
    pub version: String,
    /// Species that have a softness; empty for all.
    pub species: Vec<String>,
    /// What softness is.
    pub softness: Convention,
    /// b.
    pub intercept: f64,
    /// Features that did not vary and are not used.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// The descriptors, as `fulgurite descriptors` reads them.
    pub descriptors: String,
    /// How the classifier was trained.
    pub training: Training,
    /// On what.
    pub trained_on: TrainedOn,
    /// What mobile means.
    pub label: LabelDefinition,
    /// The features used, in the order of the descriptors.
    pub feature: Vec<Feature>,
}

const FORMAT: &str = "fulgurite softness 1";

impl SoftnessModel {
    /// Puts a model together. `columns` names all features, of which the standardiser kept some.
    pub(super) fn new(
        descriptors: &DescriptorPlan,
        label: &LabelDefinition,
        columns: &[String],
        standardizer: &Standardizer,
        plane: &Hyperplane,
        training: Training,
        softness: Convention,
        trained_on: TrainedOn,
    ) -> Self {
        let feature = standardizer
            .kept
            .iter()
            .enumerate()
            .map(|(j, &k)| Feature {
                name: columns[k].clone(),
                mean: standardizer.mean[j],
                deviation: standardizer.deviation[j],
                weight: plane.weights[j],
            })
            .collect();
        let dropped = (0..columns.len()).filter(|k| !standardizer.kept.contains(k));
        Self {
            format: FORMAT.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            species: match descriptors.centres() {
                Centres::Species(names) => names.clone(),
                _ => Vec::new(),
            },
            softness,
            intercept: plane.intercept,
            left_out: dropped.map(|k| columns[k].clone()).collect(),
            descriptors: descriptors.definition().to_owned(),
            training,
            trained_on,
            label: label.clone(),
            feature,
        }
    }

    /// Softness of rows of all the descriptors' features, in the order of `columns`.
    ///
    /// Error if the features are not those that the model was trained on.
    pub fn softness(&self, columns: &[String], features: &[f64]) -> Result<Vec<f64>> {
        let mut wanted = self.feature.iter().peekable();
        let mut used = Vec::with_capacity(self.feature.len());
        for (k, column) in columns.iter().enumerate() {
            match wanted.peek() {
                Some(feature) if feature.name == *column => {
                    used.push((k, *feature));
                    wanted.next();
                }
                _ if self.left_out.contains(column) => {}
                _ => {
                    return Err(mismatch(format!(
                        "the model does not know the feature `{column}`"
                    )));
                }
            }
        }
        if let Some(missing) = wanted.next() {
            return Err(mismatch(format!("the feature `{}` is missing", missing.name)));
        }
        let scale = match self.softness {
            Convention::Margin => 1.0,
            Convention::Distance => {
                self.feature.iter().map(|f| f.weight * f.weight).sum::<f64>().sqrt().recip()
            }
        };
        let of = |row: &[f64]| {
            let sum: f64 =
                used.iter().map(|(k, f)| f.weight * (row[*k] - f.mean) / f.deviation).sum();
            scale * (sum + self.intercept)
        };
        Ok(features.chunks_exact(columns.len().max(1)).map(of).collect())
    }

    /// Softness of every atom of the model's species in a structure: their indices and values.
    pub fn apply(
        &self,
        backend: &dyn Backend,
        structure: &Structure,
    ) -> Result<(Vec<usize>, Vec<f64>)> {
        let plan = DescriptorPlan::parse("the model's descriptors", &self.descriptors)?;
        let matrix = compute(backend, structure, &plan)?;
        let softness = self.of_matrix(&matrix)?;
        Ok((matrix.centres, softness))
    }

    /// Softness of features made before; refused unless they come from the same definition.
    pub fn of_matrix(&self, matrix: &DescriptorMatrix) -> Result<Vec<f64>> {
        if matrix.definition != self.descriptors {
            return Err(mismatch(
                "the features were made with another descriptor definition".into(),
            ));
        }
        let features: Vec<f64> = matrix.data.iter().map(|x| f64::from(*x)).collect();
        self.softness(&matrix.columns, &features)
    }

    /// Writes the model as TOML.
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = toml::to_string(self)
            .map_err(|e| Error::io("write", path, std::io::Error::other(e)))?;
        write_atomically(path, |w| w.write_all(text.as_bytes()))
    }

    /// Reads a model and checks that it is one.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
        let line = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
        let model: Self = toml::from_str(&text).map_err(|e| {
            Error::format(path, e.span().map_or(0, |s| line(s.start)), e.message().to_owned())
        })?;
        if model.format != FORMAT {
            return Err(Error::format(path, 1, format!("`{}` is not `{FORMAT}`", model.format)));
        }
        let numbers = model.feature.iter().flat_map(|f| [f.mean, f.deviation, f.weight]);
        let sound = numbers.chain([model.intercept]).all(f64::is_finite)
            && model.feature.iter().all(|f| f.deviation > 0.0)
            && !model.feature.is_empty();
        if !sound {
            return Err(Error::format(
                path,
                0,
                "weights, means and intercept must be finite, deviations positive",
            ));
        }
        DescriptorPlan::parse(&path.display().to_string(), &model.descriptors)?;
        Ok(model)
    }
}

fn mismatch(what: String) -> Error {
    Error::input(
        what,
        "compute the features with the definition that the model holds under `descriptors`",
    )
}
