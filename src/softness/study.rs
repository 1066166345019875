//! From trajectories to a softness and to what it says.

use serde::Serialize;

use super::activation::Activation;
use super::bands::{Bands, Response, SUMS};
use super::baselines::{Around, Baseline, coordination, correlation, similarity, species_of};
use super::correlation::{SoftnessCorrelation, softness_correlation};
use super::data::{Collected, Source, Surroundings, collect};
use super::model::{SoftnessModel, TrainedOn};
use super::score::{
    Fitted, HeldOut, Score, balanced_between, baseline, fewer, mean, score, unseen, weights,
    without_each,
};
use super::settings::{AnalysisSettings, LearningSettings};
use crate::analysis::motion::Estimate;
use crate::analysis::voronoi_cells;
use crate::backend::Backend;
use crate::descriptor::DescriptorPlan;
use crate::error::{Error, Result};
use crate::labels::{HopSample, LabelDefinition, LabelKind, Origins, ThresholdDefinition};
use crate::learning::{Confusion, Samples, area_under, roc};
use crate::potential::ForceField;
use crate::system::{Structure, UnitSystem, Units};

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

    fn check_temperature(&self) -> Result<()> {
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
    /// Names of the glasses.
    pub glasses: Vec<String>,
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

/// Collects labelled surroundings.
type Gather<'a> =
    dyn Fn(&[&Source], &LabelDefinition, &mut dyn FnMut(&str)) -> Result<Collected> + 'a;

impl Study {
    /// Learns from the trajectories at the training temperature and looks at all of them. `told`
    /// hears what is being done.
    pub fn of(plan: &Plan, backend: &dyn Backend, told: &mut dyn FnMut(&str)) -> Result<Self> {
        plan.check_temperature()?;
        let learning = &plan.learning;
        let convention = learning.convention();
        let mut glasses: Vec<String> = Vec::new();
        for source in &plan.sources {
            if !glasses.contains(&source.glass) {
                glasses.push(source.glass.clone());
            }
        }
        let at = |t: f64| -> Vec<&Source> {
            plan.sources.iter().filter(|s| s.temperature == t).collect()
        };
        let gather = |sources: &[&Source], label: &LabelDefinition, told: &mut dyn FnMut(&str)| {
            let field = plan.force_field.as_ref();
            collect(backend, sources, &glasses, label, &plan.descriptors, field, told)
        };
        let sources = at(plan.temperature);
        let trained = gather(&sources, &plan.label, told)?;
        let samples = trained.samples()?;
        told("training");
        let score = score(&samples, learning)?;
        let all = Fitted::new(&samples, learning)?;
        let mut notes = trained.notes.clone();
        let held_out = if glasses.len() > 1 {
            HeldOut::new(&trained, learning, glasses.len())?
        } else {
            let fifths = HeldOut::new(&trained, learning, 1);
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
                Err(_) => HeldOut::none(Fitted::new(&samples, learning)?),
            }
        };
        let width = samples.columns.len();
        let confusions = match glasses.len() {
            1 => None,
            _ => unseen(&samples, &held_out.planes),
        };
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
                glasses: glasses.len(),
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
            temperature: plan.temperature,
            samples: samples.len(),
            mobile_fraction: trained.fraction(),
            threshold: trained.threshold.value,
            score,
            unseen: confusions
                .iter()
                .flatten()
                .zip(&glasses)
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
            glasses: glasses.clone(),
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
        study.other_features(plan, &trained, &samples, &all, backend, told)?;
        Ok(study)
    }

    /// P_R(S), ⟨D⟩(S), E_a(S), and softness at other temperatures.
    fn answer_to_softness(
        &mut self,
        plan: &Plan,
        trained: &Collected,
        held_out: &HeldOut,
        gather: &Gather<'_>,
        told: &mut dyn FnMut(&str),
    ) -> Result<()> {
        let temperatures = temperatures(plan);
        let convention = plan.learning.convention();
        let width = trained.columns.len();
        let soft = |set: &Surroundings| held_out.softness(set, width, convention);
        let softness: Vec<f64> = trained.sets.iter().flat_map(soft).collect();
        let bins = Bands::even(&softness, plan.analysis.bins);
        let bands = Bands::quantiles(&softness, plan.analysis.bands);
        let per_band = SUMS * bands.count();
        let mut by_band = vec![vec![0.0; per_band * temperatures.len()]; self.glasses.len()];
        let fixed = fixed_label(&plan.label, self.threshold);
        for (t, &temperature) in temperatures.iter().enumerate() {
            let other;
            let collected = if temperature == plan.temperature {
                trained
            } else {
                let sources: Vec<&Source> =
                    plan.sources.iter().filter(|s| s.temperature == temperature).collect();
                other = gather(&sources, &fixed, told)?;
                &other
            };
            if collected.columns != trained.columns {
                return Err(Error::input(
                    format!("the trajectories at {temperature} have other species"),
                    "give trajectories of the same system",
                ));
            }
            let mut by_bin = vec![vec![0.0; SUMS * bins.count()]; self.glasses.len()];
            for set in &collected.sets {
                let glass = set.glass as usize;
                let s = soft(set);
                bins.add(&mut by_bin[glass], &s, &set.mobile, &set.values);
                let part = &mut by_band[glass][per_band * t..per_band * (t + 1)];
                bands.add(part, &s, &set.mobile, &set.values);
            }
            let response = Response::new(&by_bin, bins.count(), plan.analysis.saturation);
            self.responses.push(ResponseAt { temperature, response });
            self.temperatures.push(transfer(
                temperature,
                collected,
                &held_out.planes,
                plan,
                self.glasses.len(),
            )?);
        }
        if temperatures.len() >= 3 {
            let boltzmann = Units::of(plan.units).boltzmann;
            let found = Activation::new(
                &by_band,
                &temperatures,
                bands.count(),
                plan.analysis.saturation,
                boltzmann,
            );
            if found.energy_line.is_none() {
                self.notes.push(format!(
                    "No activation energy: fewer than three bands of softness have three \
                     temperatures with enough mobile atoms and less than {:.0} % of them.",
                    100.0 * plan.analysis.saturation
                ));
            }
            self.activation = Some(found);
        }
        Ok(())
    }

    fn after_other_times(
        &mut self,
        plan: &Plan,
        trained: &Collected,
        held_out: &HeldOut,
        gather: &Gather<'_>,
        told: &mut dyn FnMut(&str),
    ) -> Result<()> {
        let sources: Vec<&Source> =
            plan.sources.iter().filter(|s| s.temperature == plan.temperature).collect();
        for &time in &plan.analysis.times {
            let mut label = fixed_label(&plan.label, self.threshold);
            (label.time, label.frames) = (Some(time), None);
            match gather(&sources, &label, told) {
                Ok(collected) if collected.columns == trained.columns => {
                    let planes = &held_out.planes;
                    self.times.push(transfer(time, &collected, planes, plan, self.glasses.len())?);
                }
                Ok(_) => {}
                // A trajectory that ends before is no reason to lose the rest.
                Err(error) => self.notes.push(format!("Not after {time}: {error}.")),
            }
        }
        Ok(())
    }

    fn in_space(&mut self, plan: &Plan, trained: &Collected, held_out: &HeldOut) -> Result<()> {
        let convention = plan.learning.convention();
        let softness: Vec<Vec<f64>> = trained
            .sets
            .iter()
            .map(|set| held_out.softness(set, trained.columns.len(), convention))
            .collect();
        let of: Vec<_> = trained
            .sets
            .iter()
            .zip(&softness)
            .map(|(set, s)| (set.glass, &set.structure, set.atoms.as_slice(), s.as_slice()))
            .collect();
        let longest = trained
            .sets
            .iter()
            .map(|s| s.structure.simulation_box.longest_cutoff())
            .fold(f64::INFINITY, f64::min);
        let cutoff = plan.analysis.correlation_cutoff.min(longest);
        self.correlation = Some(softness_correlation(&of, cutoff, cutoff / 30.0)?);
        Ok(())
    }

    /// The volume of the Voronoi cell as the only feature, where cells are asked for and can be found.
    fn voronoi(&mut self, plan: &Plan, trained: &Collected, glasses: usize) {
        if !plan.analysis.voronoi {
            return;
        }
        let volumes = || -> Result<Samples> {
            let mut samples = Samples::new(vec!["Voronoi volume".into()]);
            for set in &trained.sets {
                let cells = voronoi_cells(&set.structure)?;
                let of: Vec<f64> = set.atoms.iter().map(|&i| cells[i].volume).collect();
                samples.extend_atoms(&of, &set.mobile, set.glass, &set.atoms)?;
            }
            Ok(samples)
        };
        match volumes().and_then(|s| baseline("Voronoi volume", &s, &plan.learning, glasses)) {
            Ok(b) => self.baselines.push(b),
            Err(e) => self.notes.push(format!("No Voronoi volume: {e}.")),
        }
    }

    fn other_features(
        &mut self,
        plan: &Plan,
        trained: &Collected,
        samples: &Samples,
        all: &Fitted,
        backend: &dyn Backend,
        told: &mut dyn FnMut(&str),
    ) -> Result<()> {
        let glasses = self.glasses.len();
        let terms = plan.descriptors.terms();
        let groups: Vec<_> = terms.iter().flat_map(|t| t.descriptor.groups()).collect();
        let neighbors = match trained.sets.first() {
            Some(set) if !plan.analysis.neighbors.is_empty() => {
                species_of(&plan.analysis.neighbors, &set.structure)?
            }
            _ => groups.first().map(|g| g.species().to_vec()).unwrap_or_default(),
        };
        let reach = terms.iter().map(|t| t.descriptor.cutoff()).fold(0.0, f64::max);
        let around = Around::new(&trained.sets, reach)?;
        let mut first_minimum = None;
        if let Some(around) = &around {
            first_minimum = around.of(&neighbors).and_then(|g| g.first_minimum());
            for group in groups {
                let pair = format!("{}-{}", around.label(), group.label());
                let known = self.rdf.iter().any(|(name, _)| *name == pair);
                if let Some(g) = around.of(group.species()).filter(|_| !known) {
                    self.rdf.push((pair, g.r.into_iter().zip(g.g).collect()));
                }
            }
        }
        match plan.analysis.neighbor_cutoff.or(first_minimum) {
            Some(cutoff) => {
                let mut counted = Samples::new(vec!["coordination number".into()]);
                for set in &trained.sets {
                    let n = coordination(set, &neighbors, cutoff)?;
                    counted.extend_atoms(&n, &set.mobile, set.glass, &set.atoms)?;
                }
                let name = format!("coordination number (within {cutoff:.2})");
                match baseline(&name, &counted, &plan.learning, glasses) {
                    Ok(b) => self.baselines.push(b),
                    Err(e) => self.notes.push(format!("No coordination number: {e}.")),
                }
            }
            None => self.notes.push(
                "No coordination number: g(r) has no first minimum; set analysis.neighbor_cutoff."
                    .into(),
            ),
        }
        self.voronoi(plan, trained, glasses);
        self.fewer_features = fewer(samples, all, &plan.learning, glasses)?;
        if let Some(soap) = &plan.soap {
            told("comparison features");
            let mut rich = Samples::default();
            let mut found = vec![Vec::<(f64, f64)>::new(); glasses];
            let mut start = 0;
            for set in &trained.sets {
                let atoms = crate::descriptor::Centres::Atoms(set.atoms.clone());
                let with = soap.with_centres(atoms)?;
                if rich.columns.is_empty() {
                    rich.columns = soap.bind(&set.structure)?.columns;
                }
                let features = crate::descriptor::compute_exact(backend, &set.structure, &with)?;
                let like = similarity(
                    &features,
                    rich.columns.len(),
                    &set.values,
                    plan.analysis.similar_to,
                );
                let softness = &self.softness[start..start + set.atoms.len()];
                start += set.atoms.len();
                found[set.glass as usize]
                    .push((correlation(&like, &set.values), correlation(&like, softness)));
                rich.extend_atoms(&features, &set.mobile, set.glass, &set.atoms)?;
            }
            self.similarity = between_glasses(&found);
            told("training on the comparison features");
            self.baselines.push(baseline("SOAP", &rich, &plan.learning, glasses)?);
        }
        Ok(())
    }
}

/// Mean over the glasses of the mean over the structures of each: correlation coefficients with the
/// value of the label and with softness.
fn between_glasses(found: &[Vec<(f64, f64)>]) -> Option<Similarity> {
    let pick = |f: fn(&(f64, f64)) -> f64| {
        let each = |glass: &Vec<(f64, f64)>| {
            mean(&glass.iter().map(f).collect::<Vec<_>>()).map_or(f64::NAN, |m| m.value)
        };
        mean(&found.iter().map(each).collect::<Vec<_>>())
    };
    Some(Similarity { with_value: pick(|p| p.0)?, with_softness: pick(|p| p.1)? })
}

/// Temperatures of the trajectories, each once, ascending.
fn temperatures(plan: &Plan) -> Vec<f64> {
    let mut temperatures: Vec<f64> = plan.sources.iter().map(|s| s.temperature).collect();
    temperatures.sort_by(f64::total_cmp);
    temperatures.dedup();
    temperatures
}

/// True if the labelled atoms are examples, as many of each class.
fn chosen_examples(label: &LabelDefinition) -> bool {
    label.hop.as_ref().is_some_and(|hop| hop.sample == HopSample::Examples)
}

/// The same label with a threshold that no longer depends on the data, of all atoms: jumps that begin
/// within a window, for each atom that rests before it.
fn fixed_label(label: &LabelDefinition, value: f64) -> LabelDefinition {
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

fn transfer(
    at: f64,
    collected: &Collected,
    planes: &[Fitted],
    plan: &Plan,
    glasses: usize,
) -> Result<Transfer> {
    let (samples, groups) = collected.groups(glasses)?;
    // Where nearly everything moves, or nothing, some glass may lack a class.
    let anew = samples
        .check()
        .and_then(|()| without_each(&samples, &plan.learning, groups))
        .ok()
        .and_then(|planes| unseen(&samples, &planes));
    Ok(Transfer {
        at,
        mobile_fraction: collected.fraction(),
        applied: unseen(&samples, planes).and_then(|c| balanced_between(&c)),
        retrained: anew.and_then(|c| balanced_between(&c)),
    })
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

    #[test]
    fn structures_of_a_glass_are_not_independent() {
        let found = [vec![(0.1, 0.4), (0.3, 0.4)], vec![(0.4, 0.6)]];
        let similarity = between_glasses(&found).expect("two glasses");
        let with = similarity.with_value;
        assert!((with.value - 0.3).abs() < 1e-12 && (with.error.expect("two") - 0.1).abs() < 1e-12);
        let one = between_glasses(&found[..1]).expect("one glass");
        assert_eq!(one.with_softness.error, None);
    }
}
