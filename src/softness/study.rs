//! From trajectories to a softness and to what it says.

use serde::Serialize;

use super::activation::Activation;
use super::bands::Response;
use super::baselines::Baseline;
use super::correlation::SoftnessCorrelation;
use super::data::{Source, collect};
use super::model::{SoftnessModel, TrainedOn};
use super::plan::{Plan, chosen_examples, fixed_label};
use super::score::{Fitted, HeldOut, Score, balanced_between, mean, score, weights};
use super::settings::LearningSettings;
use crate::analysis::motion::Estimate;
use crate::backend::Backend;
use crate::error::Result;
use crate::labels::LabelDefinition;
use crate::learning::{Confusion, area_under, roc};
use crate::system::{Structure, UnitSystem};

/// A glass that the classifier never saw.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnseenGlass {
    /// Its name.
    pub glass: String,
    /// Balanced accuracy, if it has atoms of both classes.
    pub balanced_accuracy: Option<f64>,
    /// Accuracy.
    pub accuracy: f64,
    /// Share of its mobile atoms with a positive softness, if it has any.
    pub recall: Option<f64>,
}

/// One softness at another temperature or after another time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Transfer {
    /// Temperature or time.
    pub at: f64,
    /// Part of the atoms that is mobile there.
    pub mobile_fraction: f64,
    /// Balanced accuracy of the softness learned at the training temperature and time, on glasses
    /// not learned from; error: between glasses. With a single glass, on fifths of its atoms not
    /// learned from; error: between them.
    pub applied: Option<Estimate>,
    /// The same, learned anew there.
    pub retrained: Option<Estimate>,
}

/// P_R(S) and ⟨D⟩(S) at one temperature.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResponseAt {
    /// Temperature.
    pub temperature: f64,
    /// The response.
    #[serde(flatten)]
    pub response: Response,
}

/// SOAP similarity to the atoms that moved most.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Similarity {
    /// Correlation coefficient with the value of the label; error: between glasses.
    pub with_value: Estimate,
    /// With the softness.
    pub with_softness: Estimate,
}

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct Study {
    /// Title.
    pub title: String,
    /// Unit of temperatures, "" in reduced units.
    pub temperature_unit: String,
    /// Unit of lengths.
    pub length_unit: String,
    /// Unit of the times of the label: "ps", "frames", "" in reduced units.
    pub time_unit: String,
    /// The classifier, how it was tested, and what softness is.
    pub learning: LearningSettings,
    /// Names of the glasses that were learned from.
    pub glasses: Vec<String>,
    /// Names of those that have labelled atoms at other temperatures only.
    pub other_glasses: Vec<String>,
    /// Temperature learned from.
    pub temperature: f64,
    /// Labelled atoms there.
    pub samples: usize,
    /// Part that is mobile.
    pub mobile_fraction: f64,
    /// Value of the label above which an atom is mobile.
    pub threshold: f64,
    /// Scores over the divisions.
    pub score: Score,
    /// Scores on glasses not learned from; empty with a single glass.
    pub unseen: Vec<UnseenGlass>,
    /// Their mean with its standard error: balanced accuracy.
    pub unseen_balanced_accuracy: Option<Estimate>,
    /// Their mean with its standard error: share of the mobile with positive softness.
    pub unseen_recall: Option<Estimate>,
    /// Counts of all samples by a softness that did not learn from their glass (of a single glass:
    /// from their fifth of the atoms).
    pub confusion: Confusion,
    /// Receiver operating characteristic of the same.
    #[serde(skip)]
    pub roc: Vec<(f64, f64)>,
    /// Area under it.
    pub roc_area: f64,
    /// Values of the label at the training temperature.
    #[serde(skip)]
    pub values: Vec<f64>,
    /// Softness of the same atoms.
    #[serde(skip)]
    pub softness: Vec<f64>,
    /// Whether they are mobile.
    #[serde(skip)]
    pub mobile: Vec<bool>,
    /// Weights of the features; error: jackknife over the glasses, or over the fifths of the atoms of
    /// a single one.
    pub weights: Vec<(String, Estimate)>,
    /// g(r) around the labelled atoms of each group of neighbours that features are of: "Na-O", (r, g).
    #[serde(skip)]
    pub rdf: Vec<(String, Vec<(f64, f64)>)>,
    /// P_R(S) and ⟨D⟩(S).
    pub responses: Vec<ResponseAt>,
    /// E_a(S) and Σ(S); with three temperatures or more.
    pub activation: Option<Activation>,
    /// At other temperatures.
    pub temperatures: Vec<Transfer>,
    /// After other times.
    pub times: Vec<Transfer>,
    /// Correlation in space.
    pub correlation: Option<SoftnessCorrelation>,
    /// Other features.
    pub baselines: Vec<Baseline>,
    /// Fewer and fewer features: the one of least weight is dropped.
    pub fewer_features: Vec<Baseline>,
    /// SOAP similarity.
    pub similarity: Option<Similarity>,
    /// What the reader should know.
    pub notes: Vec<String>,
    /// The softness learned from all glasses together.
    #[serde(skip)]
    pub model: SoftnessModel,
    /// The first structure that was learned from: the inherent one, if the label is of those.
    #[serde(skip)]
    pub structure: Option<Structure>,
}

impl Study {
    /// Learns from the trajectories at the training temperature and looks at all of them. `told`
    /// hears what is being done.
    pub fn of(plan: &Plan, backend: &dyn Backend, told: &mut dyn FnMut(&str)) -> Result<Self> {
        plan.check_temperature()?;
        plan.check_first_frame()?;
        let learning = &plan.learning;
        let convention = learning.convention();
        let mut names: Vec<String> = Vec::new();
        for source in &plan.sources {
            if !names.contains(&source.glass) {
                names.push(source.glass.clone());
            }
        }
        let at = |t: f64| -> Vec<&Source> {
            plan.sources.iter().filter(|s| s.temperature == t).collect()
        };
        let field = plan.force_field.as_ref();
        let sources = at(plan.temperature);
        let descriptors = &plan.descriptors;
        let mut trained =
            collect(backend, &sources, &names, &plan.label, descriptors, field, told)?;
        // What is not there at the training temperature is no glass that was learned from.
        let learned = trained.number_glasses(&mut names);
        let (glasses, other_glasses) = names.split_at(learned);
        let gather = |sources: &[&Source], label: &LabelDefinition, told: &mut dyn FnMut(&str)| {
            collect(backend, sources, &names, label, descriptors, field, told)
        };
        let samples = trained.samples()?;
        told("training");
        let score = score(&samples, learning)?;
        let all = Fitted::new(&samples, learning)?;
        let mut notes = trained.notes.clone();
        if !other_glasses.is_empty() {
            notes.push(format!(
                "{} at {}: no labelled atoms, and nothing is learned from there; at other \
                 temperatures softness is that learned from all the others.",
                other_glasses.join(", "),
                plan.temperature
            ));
        }
        let held_out = if learned > 1 {
            HeldOut::new(&trained, learning, learned, all.clone())?
        } else {
            let fifths = HeldOut::new(&trained, learning, 1, all.clone());
            notes.push(match &fifths {
                Ok(_) => {
                    "There is one glass: each fifth of its atoms has the softness learned from \
                          the others, and errors do not hold the scatter between glasses."
                        .into()
                }
                Err(error) => format!(
                    "There is one glass, and softness was learned from the atoms it is shown for, \
                     since fifths of them cannot be kept out: {error}."
                ),
            });
            match fifths {
                Ok(fifths) => fifths,
                Err(_) => HeldOut::none(all.clone()),
            }
        };
        let width = samples.columns.len();
        let confusions = if learned > 1 { held_out.unseen(&trained)? } else { None };
        let softness: Vec<f64> =
            trained.sets.iter().flat_map(|set| held_out.softness(set, width, convention)).collect();
        if score.divisions < learning.splits {
            notes.push(format!(
                "{} of {} divisions lack a class on one side and do not count.",
                learning.splits - score.divisions,
                learning.splits
            ));
        }
        for (glass, confusion) in glasses.iter().zip(confusions.iter().flatten()) {
            if !confusion.balanced_accuracy().is_finite() {
                notes.push(format!("{glass} has one class only, and no balanced accuracy."));
            }
        }
        let constant: Vec<&str> = (0..width)
            .filter(|k| !all.standardizer.kept.contains(k))
            .map(|k| samples.columns[k].as_str())
            .collect();
        if !constant.is_empty() {
            notes.push(format!(
                "Left out, because (nearly) the same for all atoms: {}.",
                constant.join(", ")
            ));
        }
        let curve = roc(&softness, &samples.mobile);
        let model = SoftnessModel::new(
            &plan.descriptors,
            &plan.label,
            &samples.columns,
            &all.standardizer,
            &all.plane,
            learning.training(),
            convention,
            TrainedOn {
                glasses: learned,
                temperature: plan.temperature,
                samples: samples.len(),
                mobile_fraction: trained.fraction(),
                threshold: trained.threshold.value,
                balanced_accuracy: score.balanced_accuracy.value,
                accuracy: score.accuracy.value,
            },
        );
        let mut study = Self {
            title: plan.title.clone(),
            temperature_unit: match plan.units {
                UnitSystem::Metal => "K".into(),
                UnitSystem::Lj => String::new(),
            },
            length_unit: match plan.units {
                UnitSystem::Metal => "Å".into(),
                UnitSystem::Lj => "σ".into(),
            },
            time_unit: match (plan.label.time, plan.units) {
                (None, _) => "frames".into(),
                (_, UnitSystem::Metal) => "ps".into(),
                (_, UnitSystem::Lj) => String::new(),
            },
            learning: LearningSettings { softness: Some(convention), ..learning.clone() },
            temperature: plan.temperature,
            samples: samples.len(),
            mobile_fraction: trained.fraction(),
            threshold: trained.threshold.value,
            score,
            unseen: confusions
                .iter()
                .flatten()
                .zip(glasses)
                .map(|(c, glass)| UnseenGlass {
                    glass: glass.clone(),
                    balanced_accuracy: Some(c.balanced_accuracy()).filter(|x| x.is_finite()),
                    accuracy: c.accuracy(),
                    recall: Some(c.recall()).filter(|x| x.is_finite()),
                })
                .collect(),
            unseen_balanced_accuracy: confusions.as_deref().and_then(balanced_between),
            unseen_recall: confusions
                .as_ref()
                .and_then(|c| mean(&c.iter().map(Confusion::recall).collect::<Vec<_>>())),
            confusion: Confusion::count(&softness, &samples.mobile),
            roc_area: area_under(&curve),
            roc: curve,
            values: trained.sets.iter().flat_map(|s| s.values.iter().copied()).collect(),
            mobile: samples.mobile.clone(),
            weights: weights(&samples.columns, &all, &held_out.planes),
            rdf: Vec::new(),
            responses: Vec::new(),
            activation: None,
            temperatures: Vec::new(),
            times: Vec::new(),
            correlation: None,
            baselines: Vec::new(),
            fewer_features: Vec::new(),
            similarity: None,
            notes,
            softness,
            model,
            structure: trained.sets.first().map(|set| set.structure.clone()),
            glasses: glasses.to_vec(),
            other_glasses: other_glasses.to_vec(),
        };
        // Chosen examples say nothing of how often atoms move, nor of their neighbours.
        let everyone;
        let complete = if chosen_examples(&plan.label) {
            everyone = gather(&sources, &fixed_label(&plan.label, study.threshold), told)?;
            &everyone
        } else {
            &trained
        };
        study.answer_to_softness(plan, complete, &held_out, &gather, told)?;
        study.after_other_times(plan, &trained, &held_out, &gather, told)?;
        study.in_space(plan, complete, &held_out)?;
        study.other_features(plan, &trained, &samples, backend, told)?;
        Ok(study)
    }
}
