//! Run configurations: from TOML to a plan whose numbers have all been checked.

use std::path::Path;

use super::analyze::check_structure;
use super::document::{Document, Override};
use super::forcefield::load_force_field_beside;
use super::plan::{Analysis, Build, Measurement, OutputIntervals, RunPlan, Start};
use super::run_text::RunText;
use crate::analysis::suite::AnalysisKind;
use crate::error::{Error, Result};
use crate::system::{UnitSystem, Units};

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

#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    document: &'a Document,
    pub(super) units: Units,
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

/// Reads what depends on the time step: intervals, stages, branches.
pub(super) struct StageReader<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) timestep: f64,
    pub(super) raw: &'a RunText,
    /// Longest cutoff: the length that defaults are measured in.
    cutoff: f64,
    /// Species of the force field.
    species: Vec<&'a str>,
}

impl StageReader<'_> {
    pub(super) fn document(&self) -> &Document {
        self.reader.document
    }

    pub(super) fn time_unit(&self) -> &'static str {
        match self.reader.units.system {
            UnitSystem::Metal => " ps",
            UnitSystem::Lj => "",
        }
    }

    /// A duration in steps.
    pub(super) fn steps(&self, path: &str, duration: f64) -> Result<u64> {
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

    pub(super) fn interval(&self, path: &str, value: Option<f64>, default: f64) -> Result<u64> {
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

    /// Refuses what cannot be part of a file's name.
    pub(super) fn check_name(&self, path: &str, name: &str) -> Result<()> {
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
}
