//! Configuration of softness: `configs/softness-*.toml`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::forcefield::load_force_field_beside;
use super::{Document, Override, RunPlan, load_run};
use crate::descriptor::{Centres, DescriptorPlan, DescriptorText};
use crate::error::{Error, Result};
use crate::io::common_units;
use crate::labels::{LabelDefinition, LabelKind};
use crate::softness::{AnalysisSettings, LearningSettings, Plan, Source, sources_of_run};
use crate::system::UnitSystem;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    #[serde(default)]
    title: String,
    data: Data,
    label: LabelDefinition,
    descriptors: DescriptorText,
    soap: Option<DescriptorText>,
    #[serde(default)]
    learning: LearningSettings,
    #[serde(default)]
    analysis: AnalysisSettings,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    /// Directory of a run.
    run: Option<PathBuf>,
    /// What makes the run.
    config: Option<PathBuf>,
    /// `--set` of it.
    #[serde(default)]
    set: Vec<String>,
    branch: Option<String>,
    #[serde(default)]
    members: Vec<String>,
    temperature: f64,
    forcefield: Option<String>,
    units: Option<UnitSystem>,
    #[serde(default)]
    trajectory: Vec<Trajectory>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trajectory {
    files: Vec<PathBuf>,
    glass: String,
    temperature: f64,
}

/// A run that a study learns from.
#[derive(Debug, Clone)]
pub struct SoftnessRun {
    /// Its directory.
    pub directory: PathBuf,
    /// The configuration that makes it, if it is named.
    pub config: Option<PathBuf>,
    /// Values set in that configuration.
    pub overrides: Vec<Override>,
    branch: Option<String>,
    members: Vec<String>,
}

/// A softness configuration, checked; the data it names need not be there yet.
#[derive(Debug)]
pub struct SoftnessConfig {
    /// The run, if the data come from one.
    pub run: Option<SoftnessRun>,
    plan: Plan,
    forcefield_named: bool,
    /// Units that are named, by themselves or by a force field.
    units: Option<UnitSystem>,
}

/// Reads a softness configuration.
pub fn load_softness(path: &Path, overrides: &[Override]) -> Result<SoftnessConfig> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    let (document, text): (Document, Text) =
        Document::parse(&path.display().to_string(), &text, overrides)?;
    let home = path.parent().unwrap_or(Path::new("."));
    check(&document, &text)?;
    let descriptors = DescriptorPlan::from_text(&document, "descriptors.", &text.descriptors)?;
    let soap = match &text.soap {
        Some(soap) => Some(DescriptorPlan::from_text(&document, "soap.", soap)?),
        None => None,
    };
    let label = label(&document, text.label, &descriptors)?;
    let force_field = match &text.data.forcefield {
        Some(name) => Some(load_force_field_beside(name, home)?),
        None => None,
    };
    let units = match (text.data.units, &force_field) {
        (Some(units), _) => Some(units),
        (None, field) => field.as_ref().map(|f| f.units),
    };
    let data = text.data;
    let run = match data.run {
        Some(directory) => Some(SoftnessRun {
            directory,
            config: data.config.map(|c| home.join(c)),
            overrides: data.set.iter().map(|s| Override::parse(s)).collect::<Result<_>>()?,
            branch: data.branch,
            members: data.members,
        }),
        None => None,
    };
    Ok(SoftnessConfig {
        run,
        forcefield_named: force_field.is_some(),
        units,
        plan: Plan {
            title: text.title,
            sources: data
                .trajectory
                .into_iter()
                .map(|t| Source {
                    files: t.files.into_iter().map(|file| home.join(file)).collect(),
                    glass: t.glass,
                    temperature: t.temperature,
                })
                .collect(),
            temperature: data.temperature,
            label,
            descriptors,
            soap,
            learning: text.learning,
            analysis: text.analysis,
            force_field,
            units: units.unwrap_or(UnitSystem::Metal),
        },
    })
}

fn check(document: &Document, text: &Text) -> Result<()> {
    document.positive("data.temperature", text.data.temperature)?;
    match (&text.data.run, text.data.trajectory.is_empty()) {
        (Some(_), true) | (None, false) => {}
        (Some(_), false) => {
            return Err(document.error(
                "data.run",
                "both a run and trajectories are named",
                "give `run`, or [[data.trajectory]]",
            ));
        }
        (None, true) => {
            return Err(document.error(
                "data",
                "no data are named",
                "give `run`, the directory of a run, or [[data.trajectory]] tables",
            ));
        }
    }
    for key in ["config", "set", "branch", "members"] {
        if text.data.run.is_none() && document.has(&format!("data.{key}")) {
            return Err(document.error(
                &format!("data.{key}"),
                format!("`{key}` has no meaning without `run`"),
                "remove it, or name a run",
            ));
        }
    }
    for (k, trajectory) in text.data.trajectory.iter().enumerate() {
        let path = format!("data.trajectory[{k}]");
        document.positive(&format!("{path}.temperature"), trajectory.temperature)?;
        if trajectory.files.is_empty() {
            return Err(document.error(&format!("{path}.files"), "no file", "name at least one"));
        }
    }
    let learning = &text.learning;
    document.positive("learning.regularization", learning.regularization)?;
    let fraction = |path: &str, value: f64| {
        if value > 0.0 && value < 1.0 {
            return Ok(());
        }
        let what = format!("must lie between 0 and 1, got {value}");
        Err(document.error(path, what, "give a number such as 0.7"))
    };
    fraction("learning.train_fraction", learning.train_fraction)?;
    fraction("analysis.similar_to", text.analysis.similar_to)?;
    if !(text.analysis.saturation > 0.0 && text.analysis.saturation <= 1.0) {
        return Err(document.error(
            "analysis.saturation",
            format!("must be above 0 and at most 1, got {}", text.analysis.saturation),
            "give a number such as 0.75",
        ));
    }
    for (path, value, least) in [
        ("learning.splits", learning.splits, 1),
        ("analysis.bins", text.analysis.bins, 3),
        ("analysis.bands", text.analysis.bands, 2),
    ] {
        if !(least..=1000).contains(&value) {
            return Err(document.error(
                path,
                format!("must lie between {least} and 1000, got {value}"),
                "give another number",
            ));
        }
    }
    document.positive("analysis.correlation_cutoff", text.analysis.correlation_cutoff)?;
    if let Some(cutoff) = text.analysis.neighbor_cutoff {
        document.positive("analysis.neighbor_cutoff", cutoff)?;
    }
    if text.label.kind == LabelKind::Hop && !text.analysis.times.is_empty() {
        return Err(document.error(
            "analysis.times",
            "jumps have no end time",
            "remove it, or label by displacement or nonaffine motion",
        ));
    }
    for (k, time) in text.analysis.times.iter().enumerate() {
        let path = format!("analysis.times[{k}]");
        document.positive(&path, *time)?;
        if text.label.frames.is_some() && time.fract() != 0.0 {
            return Err(document.error(
                &path,
                format!("the label counts frames, and {time} is no whole number of them"),
                "give whole numbers, or the label's interval as `time`",
            ));
        }
    }
    Ok(())
}

/// The label with the species of the descriptors' centres, which must be the same.
fn label(
    document: &Document,
    mut label: LabelDefinition,
    descriptors: &DescriptorPlan,
) -> Result<LabelDefinition> {
    let centres = match descriptors.centres() {
        Centres::Species(names) => names.clone(),
        Centres::All => Vec::new(),
        Centres::Atoms(_) => {
            return Err(document.error(
                "descriptors.centres",
                "softness is learned for species, not for numbered atoms",
                "give species, such as centres = [\"Na\"]",
            ));
        }
    };
    if label.species.is_empty() {
        label.species = centres;
    } else {
        let (mut a, mut b) = (label.species.clone(), centres);
        a.sort();
        b.sort();
        if a != b {
            return Err(document.error(
                "label.species",
                format!("labels are of {}, descriptors of {}", a.join("+"), b.join("+")),
                "name the same species, or leave label.species out",
            ));
        }
    }
    label.check()?;
    Ok(label)
}

impl SoftnessRun {
    /// True if the run is finished. Error if it was made with another configuration than the one that
    /// is named, or if it is not there and none is named.
    pub fn finished(&self) -> Result<bool> {
        let finished = self.directory.join("summary.json").is_file();
        let Some(path) = &self.config else {
            return match finished {
                true => Ok(true),
                false => Err(Error::config(
                    format!("data.run = \"{}\"", self.directory.display()),
                    "holds no finished run",
                    "run it first, or name its configuration as data.config",
                )),
            };
        };
        if finished {
            let named = load_run(path, &self.overrides)?;
            let of = load_run(&self.directory.join("configuration.toml"), &[])?;
            if named.fingerprint != of.fingerprint {
                return Err(Error::config(
                    format!("data.run = \"{}\"", self.directory.display()),
                    format!(
                        "was not made with {} and data.set: {}",
                        path.display(),
                        difference(&of.resolved, &named.resolved)
                    ),
                    "name another directory, or take data.config out to use the run as it is",
                ));
            }
        }
        Ok(finished)
    }
}

/// Where two resolved configurations first differ.
fn difference(run: &str, named: &str) -> String {
    let first = run.lines().zip(named.lines()).find(|(a, b)| a != b);
    match first {
        Some((a, b)) => format!("it has `{a}`, they say `{b}`"),
        None if run == named => "the force field has changed".into(),
        None => "one has more settings than the other".into(),
    }
}

impl SoftnessConfig {
    /// Title as configured.
    pub fn title(&self) -> &str {
        &self.plan.title
    }

    /// The plan, now that the data are there.
    pub fn plan(mut self) -> Result<Plan> {
        if let Some(run) = &self.run {
            let resolved = run.directory.join("configuration.toml");
            let of: RunPlan = load_run(&resolved, &[])?;
            self.plan.sources =
                sources_of_run(&run.directory, &of, run.branch.as_deref(), &run.members)?;
            self.plan.units = of.force_field.units;
            if !self.forcefield_named {
                self.plan.force_field = Some(of.force_field);
            }
        } else {
            let files = self.plan.sources.iter().flat_map(|s| &s.files);
            match (common_units(files.map(PathBuf::as_path))?, self.units) {
                (Some(said), Some(named)) if said != named => {
                    return Err(Error::config(
                        "data.units",
                        "the trajectories say that they are in other units",
                        "take `units` out, and a force field in the units of the trajectories",
                    ));
                }
                (Some(said), _) => self.plan.units = said,
                (None, _) => {}
            }
        }
        Ok(self.plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[data]
temperature = 700
[[data.trajectory]]
files = ["a.nc"]
glass = "one"
temperature = 700
[label]
kind = "displacement"
time = 50
[label.threshold]
kind = "fixed"
value = 2.0
[descriptors]
centres = ["Na"]
[[descriptors.descriptor]]
kind = "radial"
neighbors = ["O"]
cutoff = 8.0
L = 0.2
r = { from = 1.6, to = 6.4, step = 0.3 }
"#;

    fn load(text: &str) -> Result<SoftnessConfig> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("s.toml");
        std::fs::write(&path, text).expect("written");
        load_softness(&path, &[])
    }

    #[test]
    fn defaults_are_those_of_the_source() {
        let plan = load(GOOD).expect("good").plan;
        assert_eq!(plan.label.species, ["Na"]);
        assert_eq!(plan.learning, LearningSettings::default());
        assert_eq!((plan.learning.train_fraction, plan.learning.splits), (0.7, 10));
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (from, to, wanted) in [
            ("temperature = 700\n[[", "temperature = -1\n[[", "must be"),
            ("files = [\"a.nc\"]", "files = []", "no file"),
            ("[label]", "[learning]\ntrain_fraction = 1.5\n[label]", "between 0 and 1"),
            ("[label]", "[learning]\nsplits = 0\n[label]", "must lie between 1"),
            ("[label]", "[learning]\nlos = \"logistic\"\n[label]", "unknown key `los`"),
            ("[label]", "[analysis]\nbands = 1\n[label]", "must lie between 2"),
            (
                "kind = \"displacement\"",
                "kind = \"displacement\"\nspecies = \"Si\"",
                "labels are of Si, descriptors of Na",
            ),
            ("centres = [\"Na\"]", "centres = [0, 1]", "not for numbered atoms"),
            ("[data]", "[data]\nbranch = \"relax\"", "has no meaning without `run`"),
            (
                "kind = \"displacement\"\ntime = 50\n[label.threshold]",
                "kind = \"hop\"\ntime = 50\nhop = { quiet = 9 }\n[analysis]\ntimes = [1]\n[label.threshold]",
                "jumps have no end time",
            ),
            ("[data]", "[data]\nrun = \"runs/x\"", "both a run and trajectories"),
            (
                "[label]\nkind = \"displacement\"\ntime = 50",
                "[analysis]\ntimes = [2.5]\n[label]\nkind = \"displacement\"\nframes = 5",
                "is no whole number of them",
            ),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let error = load(&GOOD.replacen(from, to, 1)).expect_err(to).to_string();
            assert!(error.contains(wanted), "{to}: {error}");
        }
    }

    #[test]
    fn units_are_those_that_the_files_say() {
        let directory = tempfile::tempdir().expect("a directory");
        let with = |units: &str, header: &str| {
            let data = format!("first{header}\n\n0 atoms\n");
            std::fs::write(directory.path().join("a.data"), data).expect("written");
            let text =
                GOOD.replace("a.nc", "a.data").replace("[data]", &format!("[data]\n{units}"));
            let path = directory.path().join("s.toml");
            std::fs::write(&path, text).expect("written");
            load_softness(&path, &[]).expect("sound").plan()
        };
        // The file lies beside the configuration, wherever the program runs.
        let units = |units: &str, header: &str| with(units, header).expect("a plan").units;
        assert_eq!(units("", ", units = lj"), UnitSystem::Lj);
        assert_eq!(units("", ""), UnitSystem::Metal);
        assert_eq!(units("units = \"lj\"", ""), UnitSystem::Lj);
        let error = with("units = \"metal\"", ", units = lj").expect_err("a contradiction");
        assert!(error.to_string().contains("in other units"), "{error}");
    }
}
