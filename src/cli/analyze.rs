//! `fulgurite analyze`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use fulgurite::analysis::suite::{AnalysisKind, AnalysisPlan, Output, Suite, write_dynamics};
use fulgurite::config::{Override, load_analysis};
use fulgurite::io::{StructureFormat, TrajectoryReader, common_units, read_frames};
use fulgurite::protocol::{RunSummary, last_stage, stage_frames};
use fulgurite::system::{UnitSystem, Units};
use fulgurite::{Error, Result};

use super::progress::counting;
use super::{Types, remark, say};

/// Frames from which a trajectory's dynamics are looked at without being asked for.
const FEWEST_FRAMES: u64 = 8;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Structures or trajectories of the same atoms, or run directories (their final.data; for
    /// `--only dynamics` the last stage of their trajectory.nc)
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Directory of the tables and pictures
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Which analyses and how (configs/analyze.toml explains every key)
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Sets a key of the configuration
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Only these analyses: radial, coordination, angles, network, rings, shapes, clusters, scattering,
    /// voronoi, cavities, dynamics
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Longest distance of g(r) [default: 10]
    #[arg(long)]
    r_max: Option<f64>,
    /// Bin of g(r) [default: a 500th of the range]
    #[arg(long)]
    bin: Option<f64>,
    /// Longest wave vector of S(Q) [default: 20]
    #[arg(long)]
    q_max: Option<f64>,
    /// Bin of S(Q) [default: 0.1]
    #[arg(long)]
    q_bin: Option<f64>,
    /// Length of a bond, where the first minimum of g(r) is not wanted: Si-O=2.2
    #[arg(long = "bond", value_name = "A-B=LENGTH")]
    bonds: Vec<String>,
    /// Device for pairs and wave vectors: auto, gpu, gpu:N, cpu, cpu:LEVEL or reference [default: auto]
    #[arg(long)]
    device: Option<String>,
    /// Reduced Lennard-Jones units, where the files do not say
    #[arg(long)]
    lj: bool,
    #[command(flatten)]
    types: Types,
}

impl Arguments {
    /// The configuration with the options of the command line.
    fn plan(&self) -> Result<AnalysisPlan> {
        let mut overrides = Vec::new();
        for text in &self.overrides {
            overrides.push(Override::parse(text)?);
        }
        let mut plan = load_analysis(self.config.as_deref(), &overrides)?;
        if !self.only.is_empty() {
            let text = format!("analyses=[\"{}\"]", self.only.join("\", \""));
            plan.analyses = load_analysis(None, &[Override::parse(&text)?])?.analyses;
        }
        for (name, value, place) in [
            ("--r-max", self.r_max, &mut plan.radial.r_max),
            ("--bin", self.bin, &mut plan.radial.bin),
            ("--q-max", self.q_max, &mut plan.scattering.q_max),
        ] {
            if let Some(value) = value {
                *place = Some(positive(name, value)?);
            }
        }
        if let Some(bin) = self.q_bin {
            plan.scattering.bin = positive("--q-bin", bin)?;
        }
        for text in &self.bonds {
            let (pair, length) = bond(text)?;
            plan.bonds.insert(pair, length);
        }
        if self.lj {
            plan.units = Some(UnitSystem::Lj);
        }
        plan.types = self.types.or(plan.types)?;
        if self.device.is_some() {
            plan.device.clone_from(&self.device);
        }
        Ok(plan)
    }
}

fn positive(name: &str, value: f64) -> Result<f64> {
    if value > 0.0 && value.is_finite() {
        return Ok(value);
    }
    Err(Error::config(name, "must be positive", "give a positive number"))
}

/// Si-O=2.2
fn bond(text: &str) -> Result<(String, f64)> {
    text.split_once('=')
        .and_then(|(pair, length)| Some((pair, length.parse::<f64>().ok()?)))
        .filter(|(pair, length)| pair.contains('-') && *length > 0.0 && length.is_finite())
        .map(|(pair, length)| (pair.to_owned(), length))
        .ok_or_else(|| {
            Error::config(
                "--bond",
                format!("`{text}` is not a bond length"),
                "write two species and a positive length: Si-O=2.2",
            )
        })
}

/// The structures of a run directory: its own, or those of its members. Members of several quench
/// rates are different glasses, of which there is no mean.
fn of_run(directory: &Path) -> Result<Vec<PathBuf>> {
    let own = directory.join("final.data");
    if own.is_file() {
        return Ok(vec![own]);
    }
    let entries = std::fs::read_dir(directory).map_err(|e| Error::io("read", directory, e))?;
    let mut members = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| Error::io("read", directory, e))?.path().join("final.data");
        if path.is_file() {
            members.push(path);
        }
    }
    members.sort();
    let mut by_rate: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in members.iter().filter_map(|path| path.parent()?.file_name()) {
        let name = name.to_string_lossy();
        by_rate.entry(rate_of(directory, &name)?).or_default().push(name.into_owned());
    }
    if by_rate.len() > 1 {
        let listed: Vec<String> = by_rate
            .iter()
            .map(|(rate, names)| format!("rate {rate}: {}", names.join(" ")))
            .collect();
        return Err(Error::input(
            format!("{} holds glasses of {} quench rates", directory.display(), by_rate.len()),
            format!("analyse the members of one rate at a time ({})", listed.join("; ")),
        ));
    }
    if members.is_empty() {
        return Err(Error::input(
            format!("{} has no final.data", directory.display()),
            "give a finished run, one of its members, or a structure file",
        ));
    }
    Ok(members)
}

/// The quench rate of a member; empty in a run with only its own. summary.json says it, before the
/// run has ended the directory's name.
fn rate_of(run: &Path, member: &str) -> Result<String> {
    let path = run.join("summary.json");
    if path.is_file() {
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
        let summary: RunSummary = serde_json::from_str(&text)
            .map_err(|e| Error::format(&path, e.line(), e.to_string()))?;
        if let Some(found) = summary.members.iter().find(|m| m.directory == member) {
            return Ok(found.rate.map_or_else(String::new, |rate| rate.to_string()));
        }
    }
    let named = member.strip_prefix("rate-").and_then(|rest| rest.split_once("-seed-"));
    Ok(named.map_or_else(String::new, |(rate, _)| rate.to_owned()))
}

/// A file with the number of its frames.
fn frames_of(path: PathBuf) -> Result<(PathBuf, u64)> {
    let frames = match StructureFormat::from_path(&path)? {
        StructureFormat::NetCdf => TrajectoryReader::open(&path)?.frames(),
        StructureFormat::LammpsData => 1,
        _ => {
            let mut frames = 0;
            for frame in read_frames(&path)? {
                frame?;
                frames += 1;
            }
            frames
        }
    };
    Ok((path, frames))
}

/// The frames of these numbers, in order.
fn chosen(
    path: &Path,
    numbers: Vec<u64>,
) -> Result<Box<dyn Iterator<Item = Result<fulgurite::io::Frame>>>> {
    if StructureFormat::from_path(path)? == StructureFormat::NetCdf {
        let mut reader = TrajectoryReader::open(path)?;
        return Ok(Box::new(numbers.into_iter().map(move |number| reader.frame(number))));
    }
    let frames = read_frames(path)?.zip(0..);
    Ok(Box::new(frames.filter_map(move |(frame, number)| {
        (frame.is_err() || numbers.contains(&number)).then_some(frame)
    })))
}

/// The trajectory whose dynamics are looked at: the only one there is.
fn trajectory<'a>(plan: &AnalysisPlan, files: &'a [(PathBuf, u64)]) -> Result<Option<&'a Path>> {
    match files {
        [(path, frames)] if plan.wants_dynamics() || *frames >= FEWEST_FRAMES => {
            let automatic = plan.analyses.is_none();
            Ok((plan.wants_dynamics() || automatic).then_some(path))
        }
        _ if plan.wants_dynamics() => Err(Error::input(
            format!("dynamics need one trajectory, and there are {} files", files.len()),
            "give one trajectory file, or leave `dynamics` out",
        )),
        _ => Ok(None),
    }
}

/// What to say where the chosen frames of a run's trajectory are of several stages: a melt and the
/// glass it became have no common structure.
fn mixed_stages(files: &[(PathBuf, u64)], chosen: &[Vec<u64>]) -> Vec<String> {
    let mut notes = Vec::new();
    for ((path, _), numbers) in files.iter().zip(chosen) {
        // A table of that name need not be of a run.
        let Ok(stages) = stage_frames(path) else { continue };
        let seen: Vec<String> = stages
            .iter()
            .filter_map(|s| {
                let count = s.frames.iter().filter(|frame| numbers.contains(frame)).count();
                (count > 0).then(|| format!("{} ({count})", s.stage))
            })
            .collect();
        if seen.len() > 1 {
            notes.push(format!(
                "{}: frames of several stages are averaged: {}; choose those of one with \
                 `frames.first` and `frames.last`",
                path.display(),
                seen.join(", ")
            ));
        }
    }
    notes
}

pub fn main(arguments: &Arguments) -> Result<()> {
    let mut plan = arguments.plan()?;
    let mut files = Vec::new();
    for input in &arguments.inputs {
        let paths = if input.is_dir() { of_run(input)? } else { vec![input.clone()] };
        for path in paths {
            files.push(frames_of(path)?);
        }
    }
    if plan.units.is_none() {
        plan.units = common_units(files.iter().map(|(path, _)| path.as_path()))?;
    }
    let moving = match arguments.inputs.as_slice() {
        [run] if run.is_dir() && plan.wants_dynamics() => {
            let (path, last) = last_stage(run)?;
            let [from, to] = *plan.dynamics.window.get_or_insert(last.window);
            say(&format!("{}, stage {}: times {from} to {to}", path.display(), last.stage))?;
            Some(path)
        }
        _ => trajectory(&plan, &files)?.map(Path::to_owned),
    };
    let device = fulgurite::backend::select(plan.device.as_deref().unwrap_or("auto"))?;
    let mut suite = Suite::new(&plan)?;
    let mut output = Output::create(&arguments.output, Units::of(plan.unit_system()))?;
    let chosen_frames: Vec<Vec<u64>> = files.iter().map(|(_, n)| plan.frames.of(*n)).collect();
    let all: u64 = files.iter().map(|(_, n)| n).sum();
    let used: u64 = chosen_frames.iter().map(|c| c.len() as u64).sum();
    let steps = if suite.is_empty() { 0 } else { used * suite.len() as u64 };
    let mut notes = mixed_stages(&files, &chosen_frames);
    let mut flat = false;
    let bar = counting(Some(steps), "analyses");
    if !suite.is_empty() {
        for ((path, _), numbers) in files.iter().zip(chosen_frames) {
            for frame in chosen(path, numbers)? {
                let number = suite.frames() + 1;
                let mut structure = frame?.structure;
                plan.types.apply(&mut structure)?;
                flat |= structure.simulation_box.is_flat();
                suite.accumulate(&structure, device.backend.as_ref(), |kind: AnalysisKind| {
                    bar.inc(1);
                    bar.set_message(format!("frame {number}: {}", kind.name()));
                })?;
            }
        }
        if let Err(error) = suite.finish(&mut output) {
            output.discard();
            return Err(error);
        }
    }
    if let Some(path) = &moving {
        plan.dynamics.types = plan.types.clone();
        bar.set_message("dynamics");
        let told = &mut |done, frames| {
            bar.set_length(steps + frames);
            bar.set_position(steps + done);
        };
        match plan.dynamics.read_with(path, told) {
            Ok(result) => write_dynamics(&result, &mut output)?,
            Err(error) if plan.wants_dynamics() => {
                output.discard();
                return Err(error);
            }
            Err(error) => remark(&format!("dynamics left out: {error}; {}", error.remedy())),
        }
    }
    output.write_summary()?;
    bar.finish_and_clear();
    for product in output.products() {
        for (name, value, unit) in &product.numbers {
            say(format!("{name}: {value:.4} {unit}").trim_end())?;
        }
        for remark in &product.remarks {
            say(&format!("note: {remark}"))?;
        }
    }
    if flat {
        notes.push(
            "the box is flat: g(r), densities and S(Q) are those of a periodic slab in three \
             dimensions, not of a sheet"
                .into(),
        );
    }
    for note in notes.iter().filter(|_| steps > 0) {
        say(&format!("note: {note}"))?;
    }
    if used < all {
        say(&format!(
            "structure from {used} of {all} frames; `frames` in a configuration says which"
        ))?;
    }
    say(&format!("{used} frames; tables and pictures in {}", arguments.output.display()))
}
