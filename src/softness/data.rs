//! Labelled surroundings, collected from trajectories.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::backend::Backend;
use crate::config::RunPlan;
use crate::descriptor::{Centres, DescriptorPlan, compute_exact};
use crate::error::{Error, Result};
use crate::labels::{Context, LabelDefinition, LabelKind, Threshold, compute_all};
use crate::learning::Samples;
use crate::potential::ForceField;
use crate::system::{RandomStream, Stream, Structure};

/// A trajectory to learn from or to predict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Source {
    /// Its files, one after the other.
    pub files: Vec<PathBuf>,
    /// Name of the glass; trajectories of the same glass are not independent.
    pub glass: String,
    /// Temperature (metal: K).
    pub temperature: f64,
}

/// Error if not all members are the same but for their seed and none are chosen, or if there are several
/// branches and none is.
fn comparable(
    directory: &Path,
    plan: &RunPlan,
    branch: Option<&str>,
    members: &[String],
) -> Result<()> {
    let several = |what: &str, mut names: Vec<String>, key: &str| {
        names.sort();
        names.dedup();
        if names.len() < 2 {
            return Ok(());
        }
        Err(Error::input(
            format!("{} has several {what}: {}", directory.display(), names.join(", ")),
            format!("say as data.{key} which are to be learned from together"),
        ))
    };
    if members.is_empty() {
        let rates = plan.members.iter().filter_map(|m| m.rate).map(|r| r.to_string());
        several("quench rates", rates.collect(), "members")?;
        let compositions = plan.members.iter().filter_map(|m| m.composition.clone());
        several("compositions", compositions.collect(), "members")?;
    }
    if branch.is_none() {
        let names = plan.members.iter().flat_map(|m| &m.branches);
        let names = names.filter_map(|b| b.name.rsplit_once('-').map(|n| n.0.to_owned()));
        several("branches", names.collect(), "branch")?;
    }
    Ok(())
}

/// The relaxations of a finished run: those of one branch, which may be left out if there is only one.
/// Each member is a glass; `members` chooses among them, empty for all, which must then be the same but
/// for their seed.
pub fn sources_of_run(
    directory: &Path,
    plan: &RunPlan,
    branch: Option<&str>,
    members: &[String],
) -> Result<Vec<Source>> {
    let named = |m: &str| if m.is_empty() { directory.display().to_string() } else { m.to_owned() };
    if let Some(unknown) = members.iter().find(|m| !plan.members.iter().any(|p| p.directory == **m))
    {
        let known: Vec<&str> = plan.members.iter().map(|m| m.directory.as_str()).collect();
        return Err(Error::input(
            format!("{} has no member `{unknown}`", directory.display()),
            crate::config::suggestion(unknown, &known, "member"),
        ));
    }
    comparable(directory, plan, branch, members)?;
    let mut sources = Vec::new();
    for member in &plan.members {
        if !members.is_empty() && !members.contains(&member.directory) {
            continue;
        }
        for relaxation in &member.branches {
            let wanted =
                branch.is_none_or(|b| relaxation.name.rsplit_once('-').is_some_and(|n| n.0 == b));
            let path = directory.join(&member.directory).join("branches").join(&relaxation.name);
            let file = path.join("trajectory.nc");
            if !wanted {
                continue;
            }
            if !file.is_file() {
                return Err(Error::input(
                    format!("{} is not there", file.display()),
                    "finish the run (`fulgurite run … --resume`) with output.trajectory set",
                ));
            }
            sources.push(Source {
                files: vec![file],
                glass: named(&member.directory),
                temperature: relaxation.temperature,
            });
        }
    }
    if sources.is_empty() {
        return Err(Error::input(
            format!(
                "{} has no relaxation{}",
                directory.display(),
                branch.map_or_else(String::new, |b| format!(" `{b}`"))
            ),
            "name a [[branch]] of the run, or list trajectories as [[data.trajectory]]",
        ));
    }
    Ok(sources)
}

/// One structure with the features and labels of its chosen atoms.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Index of the glass.
    pub glass: u32,
    /// Temperature.
    pub temperature: f64,
    /// The structure.
    pub structure: Structure,
    /// The labelled atoms.
    pub atoms: Vec<usize>,
    /// Their features, row after row.
    pub features: Vec<f64>,
    /// Values of the label.
    pub values: Vec<f64>,
    /// Whether each is mobile.
    pub mobile: Vec<bool>,
}

/// Groups of the atoms of a single glass.
const FIFTHS: u32 = 5;

/// The fifth that an atom is in, drawn at random: files often repeat the order of species or of a lattice.
fn fifth(atom: usize) -> u32 {
    RandomStream::new(0, Stream::Sampling).words(0, atom as u32, 0)[0] % FIFTHS
}

impl Surroundings {
    /// The group of each atom, as in [`Collected::groups`].
    pub(super) fn groups(&self, glasses: usize) -> Vec<u32> {
        let of = |&atom: &usize| match (glasses, self.glass) {
            (2.., glass) => glass,
            (_, 0) => fifth(atom),
            // Nothing is learned from other glasses than the one.
            (_, glass) => FIFTHS + glass - 1,
        };
        self.atoms.iter().map(of).collect()
    }
}

/// Labelled surroundings of some trajectories.
#[derive(Debug, Clone)]
pub struct Collected {
    /// Names of the features.
    pub columns: Vec<String>,
    /// The structures.
    pub sets: Vec<Surroundings>,
    /// Where mobile begins.
    pub threshold: Threshold,
    /// What the reader should know.
    pub notes: Vec<String>,
}

impl Collected {
    /// As samples to learn from, set after set.
    pub fn samples(&self) -> Result<Samples> {
        let mut samples = Samples::new(self.columns.clone());
        for set in &self.sets {
            samples.extend_atoms(&set.features, &set.mobile, set.glass, &set.atoms)?;
        }
        Ok(samples)
    }

    /// The samples in groups of which one at a time can be kept from learning: the glasses; if only the
    /// first one is learned from, fifths of its atoms, drawn at random, each atom with all its moments.
    pub(super) fn groups(&self, glasses: usize) -> Result<Samples> {
        let mut samples = self.samples()?;
        samples.glass = self.sets.iter().flat_map(|set| set.groups(glasses)).collect();
        Ok(samples)
    }

    /// The same for learning from these samples: their glasses, or fifths of the only one.
    pub(super) fn own_groups(&self) -> Result<Samples> {
        let mut samples = self.samples()?;
        if samples.glasses().len() == 1 {
            let atoms = self.sets.iter().flat_map(|set| &set.atoms);
            samples.glass = atoms.map(|&atom| fifth(atom)).collect();
        }
        Ok(samples)
    }

    /// Puts the glasses that have labelled atoms before those that have none, in `names` and in the sets,
    /// and returns the number of the former.
    pub(super) fn number_glasses(&mut self, names: &mut Vec<String>) -> usize {
        let has_atoms = |k: &usize| self.sets.iter().any(|set| set.glass as usize == *k);
        let (mut order, others): (Vec<usize>, Vec<usize>) = (0..names.len()).partition(has_atoms);
        let count = order.len();
        order.extend(others);
        for set in &mut self.sets {
            let place = order.iter().position(|k| *k == set.glass as usize);
            set.glass = place.unwrap_or(0) as u32;
        }
        *names = order.iter().map(|&k| names[k].clone()).collect();
        count
    }

    /// Part of all atoms that is mobile.
    pub fn fraction(&self) -> f64 {
        let (n, m) = self.sets.iter().fold((0, 0), |(n, m), s| {
            (n + s.mobile.len(), m + s.mobile.iter().filter(|m| **m).count())
        });
        m as f64 / (n as f64).max(1.0)
    }
}

/// Labels of the sources and features of the labelled atoms. `glasses` numbers the glasses;
/// `told` hears what is being done.
pub fn collect(
    backend: &dyn Backend,
    sources: &[&Source],
    glasses: &[String],
    label: &LabelDefinition,
    descriptors: &DescriptorPlan,
    force_field: Option<&ForceField>,
    told: &mut dyn FnMut(&str),
) -> Result<Collected> {
    let trajectories: Vec<Vec<PathBuf>> = sources.iter().map(|s| s.files.clone()).collect();
    let labels = compute_all(
        label,
        &trajectories,
        &mut Context {
            minimizer: force_field.map(|f| (backend, f)),
            progress: &mut |p| {
                if label.inherent {
                    told(&format!("frame {}", p.frames));
                }
            },
        },
    )?;
    let mut collected = Collected {
        columns: Vec::new(),
        sets: Vec::new(),
        threshold: labels.first().map(|l| l.threshold).ok_or_else(|| {
            Error::input("there is no trajectory", "name a run, or list [[data.trajectory]]")
        })?,
        notes: Vec::new(),
    };
    for (source, labels) in sources.iter().zip(labels) {
        let place = glasses.iter().position(|g| *g == source.glass).unwrap_or(0);
        for note in &labels.notes {
            let note = format!("{} at {}: {note}", source.glass, source.temperature);
            if !collected.notes.contains(&note) {
                collected.notes.push(note);
            }
        }
        for (origin, values, mobile) in labels.by_origin().filter(|o| !o.0.atoms.is_empty()) {
            told(&format!("{} at {}", source.glass, source.temperature));
            let plan = descriptors.with_centres(Centres::Atoms(origin.atoms.clone()))?;
            // Named after all centres: the few that are labelled may be of one species by chance.
            let columns = descriptors.bind(&origin.structure)?.columns;
            if collected.columns.is_empty() {
                collected.columns = columns;
            } else if collected.columns != columns {
                return Err(Error::input(
                    format!("{}: its atoms have other features than those before", source.glass),
                    "give trajectories of the same species",
                ));
            }
            collected.sets.push(Surroundings {
                glass: place as u32,
                temperature: source.temperature,
                features: compute_exact(backend, &origin.structure, &plan)?,
                structure: origin.structure.clone(),
                atoms: origin.atoms.clone(),
                values: values.to_vec(),
                mobile: mobile.to_vec(),
            });
        }
    }
    if collected.sets.is_empty() && label.kind == LabelKind::Hop {
        return Err(Error::input(
            format!(
                "no event exceeds the threshold {} of p_hop: no atom rearranges",
                collected.threshold.value
            ),
            "take a higher temperature, a longer trajectory or a lower label.threshold",
        ));
    }
    Ok(collected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Override, load_run};

    #[test]
    fn glasses_of_other_rates_are_not_pooled() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/sodium-silicate-3000.toml");
        let error = |set: &[&str], branch: Option<&str>, members: &[String]| {
            let set: Vec<Override> =
                set.iter().map(|s| Override::parse(s).expect("an override")).collect();
            let plan = load_run(&path, &set).expect("a run");
            sources_of_run(Path::new("nowhere"), &plan, branch, members)
                .expect_err("nothing was run")
                .to_string()
        };
        let two = ["ensemble.rates=[1, 10]", "ensemble.seeds=[1]"];
        let found = error(&two, Some("relax"), &[]);
        assert!(found.contains("several quench rates: 1, 10"), "{found}");
        let found = error(&two, Some("relax"), &["rate-10-seed-1".to_owned()]);
        assert!(found.contains("is not there"), "{found}");
        let found = error(&["ensemble.rates=[10]", "ensemble.seeds=[1, 2]"], Some("relax"), &[]);
        assert!(found.contains("is not there"), "{found}");
    }

    #[test]
    fn fifths_do_not_follow_the_order_of_the_file() {
        for period in [5, 10, 25] {
            let mut number = [0usize; FIFTHS as usize];
            (0..3000).step_by(period).for_each(|atom| number[fifth(atom) as usize] += 1);
            let mean = 3000 / period / FIFTHS as usize;
            for n in number {
                assert!(2 * n > mean && n < 2 * mean, "{number:?} of every {period}th atom");
            }
        }
    }
}
