//! Run configurations: from TOML to a plan whose numbers have all been checked.

use std::collections::BTreeMap;
use std::path::Path;

use super::analyze::check_structure;
use super::document::{Document, Override, suggestion};
use super::forcefield::load_force_field_beside;
use super::plan::{
    Analysis, Branch, Build, EnsembleSettings, Measurement, Member, OutputIntervals, RunPlan,
    Stage, StageKind, Start, VelocityStart,
};
use super::run_text::{
    BranchText, KindText, MethodText, RunText, STAGE_KEYS, StageText, ThermostatText,
    VelocitiesText,
};
use crate::analysis::suite::AnalysisKind;
use crate::dynamics::{Ensemble, MinimizeMethod};
use crate::error::{Error, Result};
use crate::system::{Composition, UnitSystem, Units};

/// Reads a run configuration from a file, with `--set` options applied.
pub fn load_run(path: &Path, overrides: &[Override]) -> Result<RunPlan> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    let directory = path.parent().map(Path::to_path_buf).unwrap_or_default();
    parse_run(&path.display().to_string(), &text, &directory, overrides)
}

/// Parses a run configuration. `name` stands for the file in messages; relative paths in it are
/// taken from `directory`.
pub fn parse_run(
    name: &str,
    text: &str,
    directory: &Path,
    overrides: &[Override],
) -> Result<RunPlan> {
    let (document, mut raw): (Document, RunText) = Document::parse(name, text, overrides)?;
    let force_field = load_force_field_beside(&raw.forcefield, directory).map_err(|e| match e {
        Error::Config { place, what, remedy } if place == "force field" => {
            document.error("forcefield", what, remedy)
        }
        Error::Io { .. } => document.error(
            "forcefield",
            e.to_string(),
            "give a preset's name or the path of a force-field file, relative to this file",
        ),
        other => other,
    })?;
    let units = Units::of(force_field.units);
    let reader = Reader { document: &document, units };
    let start = reader.start(&raw, directory)?;
    let timestep = reader.timestep(&mut raw)?;
    let longest = force_field.coulomb.map_or(0.0, |c| c.cutoff).max(force_field.cutoff);
    let species = force_field.species.iter().map(|s| s.name.as_str()).collect();
    let stages = StageReader { reader, timestep, raw: &raw, cutoff: longest, species };
    let output = stages.output()?;
    let analysis = stages.analysis()?;
    let ensemble = stages.ensemble()?;
    let members = stages.members(&ensemble)?;
    if raw.ensemble.replicas.is_some() {
        // The number of seeds follows from `replicas` only where they are not listed.
        raw.ensemble.seeds.clone_from(&ensemble.seeds);
    }
    let written = |raw: &RunText| {
        toml::to_string(raw).map_err(|e| Error::config(name, e.to_string(), "report this as a bug"))
    };
    let resolved = written(&raw)?;
    // How many members run side by side may change when a run is resumed.
    raw.ensemble.replicas = None;
    let decisive = written(&raw)?;
    let skin = raw.dynamics.skin.map(|s| document.not_negative("dynamics.skin", s)).transpose()?;
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(decisive.as_bytes());
    checksum.update(format!("{force_field:?}").as_bytes());
    Ok(RunPlan {
        title: raw.title.clone(),
        force_field,
        start,
        timestep,
        skin,
        output,
        analysis,
        ensemble,
        members,
        resolved,
        fingerprint: checksum.finalize(),
    })
}

/// Replicas of one session; as many records fit a GPU's uniform buffer.
const MOST_REPLICAS: u64 = 256;

#[derive(Clone, Copy)]
struct Reader<'a> {
    document: &'a Document,
    units: Units,
}

impl Reader<'_> {
    fn start(&self, raw: &RunText, directory: &Path) -> Result<Start> {
        let d = self.document;
        let s = &raw.structure;
        if let Some(file) = &s.file {
            for key in ["composition", "atoms", "density", "minimum_distances"] {
                if d.has(&format!("structure.{key}")) {
                    return Err(d.error(
                        &format!("structure.{key}"),
                        format!("`{key}` and `file` exclude each other"),
                        "read a structure from `file`, or build one from `composition`",
                    ));
                }
            }
            if !raw.ensemble.compositions.is_empty() {
                return Err(d.error(
                    "ensemble.compositions",
                    "a structure that is read has a composition of its own",
                    "build the structures: give atoms and density in place of `file`",
                ));
            }
            return Ok(Start::File(directory.join(file)));
        }
        let missing = |key: &str| {
            d.error(
                "structure",
                format!("missing key `{key}`"),
                "give composition, atoms and density, or a structure `file`",
            )
        };
        let composition = match raw.ensemble.compositions.first() {
            // Members replace it.
            Some(first) if s.composition.is_none() => first.clone(),
            _ => s.composition.clone().ok_or_else(|| missing("composition"))?,
        };
        let atoms = s.atoms.ok_or_else(|| missing("atoms"))?;
        let density =
            d.positive("structure.density", s.density.ok_or_else(|| missing("density"))?)?;
        if atoms == 0 || atoms > 1 << 31 {
            return Err(d.error(
                "structure.atoms",
                format!("cannot build a structure of {atoms} atoms"),
                "give between 1 and 2³¹ atoms",
            ));
        }
        if self.units.system == UnitSystem::Metal && density > 30.0 {
            return Err(d.error(
                "structure.density",
                format!("no material has a density of {density} g/cm³"),
                "give the density in g/cm³ (1 g/cm³ = 1000 kg/m³)",
            ));
        }
        let mut default_distance = None;
        let mut pair_distances = Vec::new();
        for (pair, &distance) in &s.minimum_distances {
            let path = format!("structure.minimum_distances.{pair}");
            let distance = d.not_negative(&path, distance)?;
            if pair == "default" {
                default_distance = Some(distance);
            } else if let Some((a, b)) = pair.split_once('-') {
                pair_distances.push(([a.trim().to_owned(), b.trim().to_owned()], distance));
            } else {
                return Err(d.error(
                    &path,
                    format!("`{pair}` is not a pair of species"),
                    "write \"Si-O\" = 1.3, or default = 1.0",
                ));
            }
        }
        Ok(Start::Build(Build {
            composition,
            atoms: atoms as usize,
            density,
            default_distance,
            pair_distances,
        }))
    }

    /// Fills in the defaults of `[dynamics]` and gives the time step in the internal unit.
    fn timestep(&self, raw: &mut RunText) -> Result<f64> {
        let d = self.document;
        let metal = self.units.system == UnitSystem::Metal;
        let timestep = *raw.dynamics.timestep.get_or_insert(if metal { 1.0 } else { 0.005 });
        let timestep = d.positive("dynamics.timestep", timestep)?;
        let relaxation = *raw.dynamics.relaxation.get_or_insert(if metal { 0.1 } else { 0.5 });
        d.positive("dynamics.relaxation", relaxation)?;
        if metal && !(0.01..=100.0).contains(&timestep) {
            return Err(d.error(
                "dynamics.timestep",
                format!("a time step of {timestep} fs is not usable"),
                "the time step is in fs: give 0.5 to 2 for oxides",
            ));
        }
        Ok(timestep * self.units.timestep)
    }
}

/// A composition as part of a directory's name: "(Na2O)30(SiO2)70" → "Na2O-30-SiO2-70".
fn folder_name(composition: &str) -> String {
    let parts: Vec<&str> = composition
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '.'))
        .filter(|part| !part.is_empty())
        .collect();
    parts.join("-")
}

struct StageReader<'a> {
    reader: Reader<'a>,
    timestep: f64,
    raw: &'a RunText,
    /// Longest cutoff: the length that defaults are measured in.
    cutoff: f64,
    /// Species of the force field.
    species: Vec<&'a str>,
}

impl StageReader<'_> {
    fn document(&self) -> &Document {
        self.reader.document
    }

    fn time_unit(&self) -> &'static str {
        match self.reader.units.system {
            UnitSystem::Metal => " ps",
            UnitSystem::Lj => "",
        }
    }

    /// A duration in steps.
    fn steps(&self, path: &str, duration: f64) -> Result<u64> {
        let duration = self.document().positive(path, duration)?;
        let steps = (duration / self.timestep).round();
        if (1.0..1e12).contains(&steps) {
            return Ok(steps as u64);
        }
        let unit = self.time_unit();
        Err(self.document().error(
            path,
            format!("{duration}{unit} is {steps} time steps of {}{unit}", self.timestep),
            format!(
                "give at least one time step; durations and intervals are in{}",
                if unit.is_empty() { " reduced units" } else { unit }
            ),
        ))
    }

    fn interval(&self, path: &str, value: Option<f64>, default: f64) -> Result<u64> {
        match value {
            Some(0.0) => Ok(0),
            Some(v) => self.steps(path, v),
            None => Ok(((default / self.timestep).round() as u64).max(1)),
        }
    }

    fn output(&self) -> Result<OutputIntervals> {
        let o = &self.raw.output;
        // 100 steps of thermodynamics, 50,000 between checkpoints.
        Ok(OutputIntervals {
            thermo: self.interval("output.thermo", o.thermo, 100.0 * self.timestep)?.max(1),
            trajectory: match o.trajectory {
                None => 0,
                some => self.interval("output.trajectory", some, 0.0)?,
            },
            checkpoint: self.interval("output.checkpoint", o.checkpoint, 5e4 * self.timestep)?,
        })
    }

    fn analysis(&self) -> Result<Analysis> {
        let a = &self.raw.analysis;
        let d = self.document();
        let length = |key: &str, value: Option<f64>, default: f64| {
            d.positive(&format!("analysis.{key}"), value.unwrap_or(default))
        };
        let rdf_cutoff = length("rdf_cutoff", a.rdf_cutoff, self.cutoff)?;
        let rdf_bin = length("rdf_bin", a.rdf_bin, rdf_cutoff / 400.0)?;
        if rdf_bin > 0.2 * rdf_cutoff || rdf_cutoff / rdf_bin > 1e6 {
            return Err(d.error(
                "analysis.rdf_bin",
                format!("bins of {rdf_bin} do not divide a cutoff of {rdf_cutoff} usefully"),
                "give between 5 and a million bins",
            ));
        }
        for (index, kind) in a.structure.iter().enumerate() {
            if !AnalysisKind::STRUCTURE.contains(kind) {
                return Err(d.error(
                    &format!("analysis.structure[{index}]"),
                    format!("`{}` is no analysis of single structures", kind.name()),
                    "name dynamics in `measure`; compare with references by `fulgurite analyze`",
                ));
            }
        }
        check_structure(d, "analysis.options.", &a.options)?;
        for name in a.options.species() {
            if !self.species.contains(&name) {
                return Err(d.error(
                    "analysis.options",
                    format!(
                        "the options of analyses name {name}, which the force field does not have"
                    ),
                    format!("its species: {}", self.species.join(", ")),
                ));
            }
        }
        if a.structure.is_empty() && d.has("analysis.options") {
            return Err(d.error(
                "analysis.options",
                "options of analyses are given, but no analysis",
                "choose analyses: structure = [\"rings\", \"angles\"] in [analysis]",
            ));
        }
        // 4 fs sees vibrations up to 125 THz; 2 ps tells lines 0.5 THz apart.
        let vibrations = self
            .interval("analysis.vibrations_interval", a.vibrations_interval, 4.0 * self.timestep)?
            .max(1);
        let longest = self.interval(
            "analysis.vibrations_longest",
            a.vibrations_longest,
            2000.0 * self.timestep,
        )?;
        Ok(Analysis {
            interval: self.interval("analysis.interval", a.interval, 1000.0 * self.timestep)?,
            rdf_cutoff,
            rdf_bin,
            displacement_bin: length("displacement_bin", a.displacement_bin, self.cutoff / 80.0)?,
            structure: a.structure.clone(),
            options: a.options.clone(),
            structure_interval: self.interval(
                "analysis.structure_interval",
                Some(a.structure_interval.unwrap_or(0.0)),
                0.0,
            )?,
            measure: a.measure.clone().unwrap_or_else(|| vec![Measurement::Dynamics]),
            wave_vectors: a
                .wave_vectors
                .iter()
                .enumerate()
                .map(|(k, &q)| d.positive(&format!("analysis.wave_vectors[{k}]"), q))
                .collect::<Result<_>>()?,
            overlap_length: a
                .overlap_length
                .map(|l| d.positive("analysis.overlap_length", l))
                .transpose()?,
            vibrations_interval: vibrations,
            vibrations_longest: u32::try_from(longest / vibrations).unwrap_or(u32::MAX).max(2),
        })
    }

    fn ensemble(&self) -> Result<EnsembleSettings> {
        let e = &self.raw.ensemble;
        for (index, &rate) in e.rates.iter().enumerate() {
            self.document().positive(&format!("ensemble.rates[{index}]"), rate)?;
        }
        let repeated = |seen: bool, path: String, value: String| {
            if seen {
                return Err(self.document().error(
                    &path,
                    format!("{value} is listed twice"),
                    "list every seed, rate, temperature and composition once",
                ));
            }
            Ok(())
        };
        for (k, s) in e.seeds.iter().enumerate() {
            repeated(e.seeds[..k].contains(s), format!("ensemble.seeds[{k}]"), s.to_string())?;
        }
        for (k, r) in e.rates.iter().enumerate() {
            repeated(e.rates[..k].contains(r), format!("ensemble.rates[{k}]"), r.to_string())?;
        }
        for (k, &t) in e.temperatures.iter().enumerate() {
            let path = format!("ensemble.temperatures[{k}]");
            self.document().positive(&path, t)?;
            repeated(e.temperatures[..k].contains(&t), path, t.to_string())?;
        }
        self.compositions()?;
        for (k, c) in e.compositions.iter().enumerate() {
            let path = format!("ensemble.compositions[{k}]");
            let folder = |text: &String| folder_name(text);
            repeated(
                e.compositions[..k].iter().map(folder).any(|f| f == folder(c)),
                path,
                c.clone(),
            )?;
        }
        let has_rate = self.raw.stage.iter().any(|s| s.rate.is_some());
        if !e.rates.is_empty() && !has_rate {
            return Err(self.document().error(
                "ensemble.rates",
                "no ramp has a `rate` for [ensemble] rates to replace",
                "give a ramp stage `rate` instead of `duration`",
            ));
        }
        let replicas = e.replicas.unwrap_or(1);
        if !(1..=MOST_REPLICAS).contains(&replicas) {
            return Err(self.document().error(
                "ensemble.replicas",
                format!("cannot run {replicas} replicas together"),
                format!("give between 1 and {MOST_REPLICAS}"),
            ));
        }
        let seeds = match (e.seeds.is_empty(), self.raw.seed.checked_add(replicas - 1)) {
            (false, _) => e.seeds.clone(),
            (true, Some(last)) => (self.raw.seed..=last).collect(),
            (true, None) => {
                return Err(self.document().error(
                    "ensemble.replicas",
                    format!("there are no {replicas} seeds from {} on", self.raw.seed),
                    "give a smaller `seed`, or list `seeds`",
                ));
            }
        };
        Ok(EnsembleSettings {
            seeds,
            rates: e.rates.clone(),
            temperatures: e.temperatures.clone(),
            compositions: e.compositions.clone(),
            replicas: replicas as usize,
        })
    }

    /// Checks that the members' compositions can be read and have the same species.
    fn compositions(&self) -> Result<()> {
        let mut first: Option<(&str, Vec<String>)> = None;
        for (k, text) in self.raw.ensemble.compositions.iter().enumerate() {
            let path = format!("ensemble.compositions[{k}]");
            let composition = Composition::parse(text)
                .map_err(|e| self.document().error(&path, e.to_string(), e.remedy()))?;
            let mut species: Vec<String> =
                composition.amounts().iter().map(|(name, _)| name.clone()).collect();
            species.sort_unstable();
            match &first {
                None => first = Some((text, species)),
                Some((_, known)) if *known == species => {}
                Some((other, _)) => {
                    return Err(self.document().error(
                        &path,
                        format!("{text} and {other} have not the same species"),
                        "members of one run share their species: make a run of each",
                    ));
                }
            }
        }
        Ok(())
    }

    fn members(&self, ensemble: &EnsembleSettings) -> Result<Vec<Member>> {
        fn each<T: Clone>(values: &[T]) -> Vec<Option<T>> {
            match values.is_empty() {
                true => vec![None],
                false => values.iter().cloned().map(Some).collect(),
            }
        }
        let unit = if self.reader.units.system == UnitSystem::Metal { "K" } else { "" };
        let mut members = Vec::new();
        for rate in each(&ensemble.rates) {
            for composition in each(&ensemble.compositions) {
                for temperature in each(&ensemble.temperatures) {
                    let stages = self.stages(rate, temperature)?;
                    let branches = self.branches(&stages)?;
                    let mut parts: Vec<String> = Vec::new();
                    parts.extend(rate.map(|rate| format!("rate-{rate}")));
                    parts.extend(composition.as_deref().map(folder_name));
                    parts.extend(temperature.map(|t| format!("temperature-{t}{unit}")));
                    for &seed in &ensemble.seeds {
                        members.push(Member {
                            seed,
                            rate,
                            temperature,
                            composition: composition.clone(),
                            directory: [&parts[..], &[format!("seed-{seed}")]].concat().join("-"),
                            stages: stages.clone(),
                            branches: branches.clone(),
                        });
                    }
                }
            }
        }
        if let [only] = &mut members[..] {
            only.directory.clear();
        }
        Ok(members)
    }

    fn stages(&self, rate: Option<f64>, ends_at: Option<f64>) -> Result<Vec<Stage>> {
        let d = self.document();
        if self.raw.stage.is_empty() {
            return Err(d.error(
                "",
                "the run has no [[stage]]",
                "add a [[stage]] with name and kind = \"minimize\", \"hold\", \"ramp\" or \"relax\"",
            ));
        }
        let mut stages: Vec<Stage> = Vec::new();
        let mut temperature = None;
        let last_ramp = self.raw.stage.iter().rposition(|s| s.kind == KindText::Ramp).unwrap_or(0);
        for (index, text) in self.raw.stage.iter().enumerate() {
            let ends_at = ends_at.filter(|_| index >= last_ramp);
            let path = format!("stage[{index}]");
            self.check_name(&format!("{path}.name"), &text.name)?;
            if stages.iter().any(|s| s.name == text.name) {
                return Err(d.error(
                    &format!("{path}.name"),
                    format!("two stages are called `{}`", text.name),
                    "give every stage its own name",
                ));
            }
            for key in STAGE_KEYS {
                let own = text.kind.keys();
                if d.has(&format!("{path}.{key}")) && !own.contains(&key) {
                    return Err(d.error(
                        &format!("{path}.{key}"),
                        format!(
                            "`{key}` does not belong to a stage of kind `{}`",
                            text.kind.name()
                        ),
                        suggestion(key, own, "key"),
                    ));
                }
            }
            let kind = self.kind(&path, text, rate, ends_at, temperature)?;
            if let StageKind::Dynamics { to, .. } = kind {
                temperature = Some(to);
            }
            stages.push(Stage { name: text.name.clone(), kind });
        }
        Ok(stages)
    }

    fn check_name(&self, path: &str, name: &str) -> Result<()> {
        let good = !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
            && !name.starts_with('.');
        if good {
            return Ok(());
        }
        Err(self.document().error(
            path,
            format!("`{name}` cannot be a name: it becomes part of file names"),
            "use letters, digits, - and _",
        ))
    }

    fn kind(
        &self,
        path: &str,
        text: &StageText,
        member_rate: Option<f64>,
        member_temperature: Option<f64>,
        previous: Option<f64>,
    ) -> Result<StageKind> {
        let d = self.document();
        let key = |k: &str| format!("{path}.{k}");
        let missing = |k: &str| {
            d.error(
                path,
                format!("missing key `{k}` of the {} stage `{}`", text.kind.name(), text.name),
                format!("add `{k} = …`"),
            )
        };
        let required =
            |k: &str, value: Option<f64>| d.positive(&key(k), value.ok_or_else(|| missing(k))?);
        let metal = self.reader.units.system == UnitSystem::Metal;
        let (from, to, steps) = match text.kind {
            KindText::Minimize => {
                return Ok(StageKind::Minimize {
                    method: match text.method {
                        Some(MethodText::Cg) => MinimizeMethod::ConjugateGradient,
                        Some(MethodText::Fire) | None => MinimizeMethod::Fire,
                    },
                    force_tolerance: d.positive(
                        &key("force_tolerance"),
                        text.force_tolerance.unwrap_or(if metal { 0.05 } else { 1e-3 }),
                    )?,
                    max_steps: text.max_steps.unwrap_or(2000),
                });
            }
            KindText::Hold => {
                let written = text.temperature.or(member_temperature);
                let t = member_temperature.unwrap_or(required("temperature", written)?);
                let duration = text.duration.ok_or_else(|| missing("duration"))?;
                (t, t, self.steps(&key("duration"), duration)?)
            }
            KindText::Relax => {
                let t = match text.temperature.or(previous) {
                    Some(t) => d.positive(&key("temperature"), t)?,
                    None if member_temperature.is_some() => 0.0,
                    None => return Err(missing("temperature")),
                };
                let t = member_temperature.unwrap_or(t);
                let duration = text.duration.ok_or_else(|| missing("duration"))?;
                (t, t, self.steps(&key("duration"), duration)?)
            }
            KindText::Ramp => {
                let from = match text.from.or(previous) {
                    Some(t) => d.positive(&key("from"), t)?,
                    None => return Err(missing("from")),
                };
                let to = required("to", text.to.or(member_temperature))?;
                let to = member_temperature.unwrap_or(to);
                let steps = match (text.rate, text.duration) {
                    (Some(_), Some(_)) => {
                        return Err(d.error(
                            &key("duration"),
                            "`rate` and `duration` exclude each other",
                            "give one of the two",
                        ));
                    }
                    (Some(own), None) => {
                        let rate = d.positive(&key("rate"), own).map_err(|e| match e {
                            Error::Config { place, what, .. } => Error::Config {
                                place,
                                what,
                                remedy: "the direction follows from `from` and `to`; give the rate as a positive number".into(),
                            },
                            other => other,
                        })?;
                        let rate = member_rate.unwrap_or(rate);
                        if from == to {
                            return Err(d.error(
                                &key("to"),
                                "the ramp begins and ends at the same temperature",
                                "use a hold stage, or another `to`",
                            ));
                        }
                        self.steps(&key("rate"), (to - from).abs() / rate)?
                    }
                    (None, Some(duration)) => self.steps(&key("duration"), duration)?,
                    (None, None) => return Err(missing("rate")),
                };
                (from, to, steps)
            }
        };
        Ok(StageKind::Dynamics {
            ensemble: self.thermostat(
                path,
                text.thermostat,
                text.relaxation,
                text.displacement_cap,
            )?,
            from,
            to,
            steps,
            ramp: text.kind == KindText::Ramp,
            snapshots: self.snapshots(path, text, from, to, steps)?,
            velocities: match text.velocities {
                Some(VelocitiesText::Maxwell) => VelocityStart::Maxwell,
                Some(VelocitiesText::Keep) | None => VelocityStart::Keep,
            },
        })
    }

    fn snapshots(
        &self,
        path: &str,
        text: &StageText,
        from: f64,
        to: f64,
        steps: u64,
    ) -> Result<Vec<(f64, u64)>> {
        let mut snapshots = Vec::new();
        for (k, &t) in text.snapshots.iter().enumerate() {
            let here = format!("{path}.snapshots[{k}]");
            self.document().positive(&here, t)?;
            if t < from.min(to) || t > from.max(to) {
                return Err(self.document().error(
                    &here,
                    format!("the ramp from {from} to {to} never has the temperature {t}"),
                    "list temperatures between `from` and `to`",
                ));
            }
            let fraction = if to == from { 1.0 } else { (t - from) / (to - from) };
            let step = (fraction * steps as f64).round() as u64;
            if snapshots.iter().any(|&(other, at)| other == t || at == step) {
                return Err(self.document().error(
                    &here,
                    format!("two snapshots at {t}"),
                    "list every temperature once",
                ));
            }
            snapshots.push((t, step));
        }
        snapshots.sort_by_key(|&(_, step)| step);
        Ok(snapshots)
    }

    fn thermostat(
        &self,
        path: &str,
        thermostat: Option<ThermostatText>,
        relaxation: Option<f64>,
        displacement_cap: Option<f64>,
    ) -> Result<Ensemble> {
        let d = self.document();
        let raw = &self.raw.dynamics;
        let relaxation = match relaxation {
            Some(r) => d.positive(&format!("{path}.relaxation"), r)?,
            None => raw.relaxation.unwrap_or(0.1),
        };
        let thermostat = thermostat.unwrap_or(raw.thermostat);
        if relaxation < 5.0 * self.timestep && thermostat != ThermostatText::Nve {
            let place = if d.has(&format!("{path}.relaxation")) { path } else { "dynamics" };
            return Err(d.error(
                &format!("{place}.relaxation"),
                format!(
                    "a relaxation time of {relaxation}{} is shorter than five time steps",
                    self.time_unit()
                ),
                "the relaxation time is in ps (lj: reduced time): give about 100 time steps",
            ));
        }
        if displacement_cap.is_some() && thermostat != ThermostatText::Langevin {
            return Err(d.error(
                &format!("{path}.displacement_cap"),
                "only the langevin thermostat has a displacement cap",
                "set thermostat = \"langevin\" in this stage",
            ));
        }
        Ok(match thermostat {
            ThermostatText::Nve => Ensemble::Nve,
            ThermostatText::NoseHoover => Ensemble::NoseHoover { relaxation },
            ThermostatText::StochasticRescaling => Ensemble::StochasticRescaling { relaxation },
            ThermostatText::Langevin => Ensemble::Langevin {
                relaxation,
                displacement_cap: displacement_cap
                    .map(|c| d.positive(&format!("{path}.displacement_cap"), c))
                    .transpose()?,
            },
        })
    }

    fn branches(&self, stages: &[Stage]) -> Result<Vec<Branch>> {
        let mut branches: Vec<Branch> = Vec::new();
        for (index, text) in self.raw.branch.iter().enumerate() {
            let path = format!("branch[{index}]");
            self.check_name(&format!("{path}.name"), &text.name)?;
            for branch in self.branch(&path, text, stages)? {
                if branches.iter().any(|b| b.name == branch.name) {
                    return Err(self.document().error(
                        &format!("{path}.name"),
                        format!("two branches are called `{}`", branch.name),
                        "give every branch its own name",
                    ));
                }
                branches.push(branch);
            }
        }
        Ok(branches)
    }

    fn branch(&self, path: &str, text: &BranchText, stages: &[Stage]) -> Result<Vec<Branch>> {
        let d = self.document();
        let from_stage = stages.iter().position(|s| s.name == text.from).ok_or_else(|| {
            let names: Vec<&str> = stages.iter().map(|s| s.name.as_str()).collect();
            d.error(
                &format!("{path}.from"),
                format!("no stage is called `{}`", text.from),
                suggestion(&text.from, &names, "stage"),
            )
        })?;
        let snapshots = match &stages[from_stage].kind {
            StageKind::Dynamics { snapshots, .. } if !snapshots.is_empty() => snapshots,
            _ => {
                return Err(d.error(
                    &format!("{path}.from"),
                    format!("the stage `{}` takes no snapshots", text.from),
                    "add `snapshots = [temperatures]` to that ramp",
                ));
            }
        };
        let known: BTreeMap<u64, f64> = snapshots.iter().map(|&(t, s)| (s, t)).collect();
        let not_taken = |here: &str, t: f64| {
            d.error(
                here,
                format!("the stage `{}` takes no snapshot at {t}", text.from),
                format!(
                    "its snapshots are at {}",
                    known.values().rev().map(f64::to_string).collect::<Vec<_>>().join(", ")
                ),
            )
        };
        let taken = |t: f64| known.values().any(|&k| k == t);
        for (k, &t) in text.temperatures.iter().enumerate() {
            if !taken(t) {
                return Err(not_taken(&format!("{path}.temperatures[{k}]"), t));
            }
        }
        let chosen: Vec<f64> = if text.temperatures.is_empty() {
            snapshots.iter().map(|&(t, _)| t).collect()
        } else {
            text.temperatures.clone()
        };
        let mut durations = BTreeMap::new();
        for (k, o) in text.overrides.iter().enumerate() {
            let here = format!("{path}.override[{k}]");
            if !chosen.contains(&o.temperature) {
                return Err(not_taken(&format!("{here}.temperature"), o.temperature));
            }
            let steps = self.steps(&format!("{here}.duration"), o.duration)?;
            durations.insert(o.temperature.to_bits(), steps);
        }
        let usual = self.steps(&format!("{path}.duration"), text.duration)?;
        let ensemble = self.thermostat(path, text.thermostat, text.relaxation, None)?;
        let unit = if self.reader.units.system == UnitSystem::Metal { "K" } else { "" };
        Ok(chosen
            .into_iter()
            .map(|temperature| Branch {
                name: format!("{}-{temperature}{unit}", text.name),
                from_stage,
                temperature,
                stage: Stage {
                    name: format!("{}-{temperature}{unit}", text.name),
                    kind: StageKind::Dynamics {
                        ensemble,
                        from: temperature,
                        to: temperature,
                        steps: durations.get(&temperature.to_bits()).copied().unwrap_or(usual),
                        ramp: false,
                        snapshots: Vec::new(),
                        velocities: VelocityStart::Keep,
                    },
                },
            })
            .collect())
    }
}
