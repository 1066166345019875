//! Labels: which atoms of a trajectory are mobile.
//!
//! A [`LabelDefinition`] says which motion counts, after what time, and where mobile begins;
//! [`compute`] reads a trajectory and answers with [`Labels`]: the structures that are to be
//! described, the atoms labelled in each, a value for each atom and whether it is mobile.
//! Trajectories are read frame by frame; only the frames between an origin and its end are held.

mod definition;
mod displacement;
mod forecast;
mod frames;
mod hop;
mod inherent;
mod nonaffine;
mod pairs;
mod threshold;

use std::path::PathBuf;

pub use definition::{
    About, Coordinates, HopDefinition, HopSample, LabelDefinition, LabelKind, Origins, Statistic,
};
pub use displacement::displacement_lengths;
pub use hop::{HopEvent, hop_strength};
pub use inherent::{Inherent, InherentSearch};
pub use nonaffine::{Nonaffine, nonaffine};
pub use threshold::{CERTAIN, Threshold, ThresholdDefinition};

use crate::backend::Backend;
use crate::config::suggestion;
use crate::error::{Error, Result};
use crate::io::{Frame, Frames, in_one_order, read_frames};
use crate::potential::ForceField;
use crate::system::Structure;
use frames::Clock;
use hop::Hops;
use pairs::Pairs;

/// What was read so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Frames done.
    pub frames: u64,
    /// Frames of the trajectory, if that is known.
    pub total: Option<u64>,
}

/// What labelling may need besides the trajectory.
pub struct Context<'a> {
    /// Where inherent structures are found, and with which forces.
    pub minimizer: Option<(&'a dyn Backend, &'a ForceField)>,
    /// Told after every frame.
    pub progress: &'a mut dyn FnMut(Progress),
}

/// A structure and the atoms of it that are labelled.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Its frame, counted from 0 in the trajectory.
    pub frame: u64,
    /// Its time, if the trajectory says so.
    pub time: Option<f64>,
    /// The structure whose surroundings are to be described: the inherent one, if so defined.
    pub structure: Structure,
    /// Indices of the labelled atoms.
    pub atoms: Vec<usize>,
}

/// Labelled atoms of a trajectory.
#[derive(Debug, Clone)]
pub struct Labels {
    /// How they were made.
    pub definition: LabelDefinition,
    /// Structures with the atoms labelled in each, in order of time.
    pub origins: Vec<Origin>,
    /// The value of each atom, origin after origin: |Δr|, D²_min or p_hop ([`HopSample`] says which).
    pub values: Vec<f64>,
    /// Whether each is mobile.
    pub mobile: Vec<bool>,
    /// Where mobile begins.
    pub threshold: Threshold,
    /// Part that is mobile.
    pub fraction: f64,
    /// Jumps of all chosen atoms (hop; otherwise empty), in the order in which they end.
    pub events: Vec<HopEvent>,
    /// What the reader of these labels should know, one sentence each.
    pub notes: Vec<String>,
}

impl Labels {
    /// Number of labelled atoms, all origins together.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Each origin with its values and whether they are mobile.
    pub fn by_origin(&self) -> impl Iterator<Item = (&Origin, &[f64], &[bool])> {
        let mut start = 0;
        self.origins.iter().map(move |origin| {
            let range = start..start + origin.atoms.len();
            start = range.end;
            (origin, &self.values[range.clone()], &self.mobile[range])
        })
    }
}

/// Values without a threshold.
#[derive(Debug, Default)]
struct Measured {
    origins: Vec<Origin>,
    values: Vec<f64>,
    events: Vec<HopEvent>,
    notes: Vec<String>,
    /// Times between the two moments of each origin, where the frames say them.
    lags: Vec<f64>,
}

/// Labels of one trajectory, in one file or in several that follow each other: NetCDF, LAMMPS dump,
/// extended XYZ, or structures.
pub fn compute(
    definition: &LabelDefinition,
    files: &[PathBuf],
    context: &mut Context,
) -> Result<Labels> {
    only(compute_all(definition, &[files.to_vec()], context)?)
}

/// Labels of several trajectories with one threshold, found from all of them together.
pub fn compute_all(
    definition: &LabelDefinition,
    trajectories: &[Vec<PathBuf>],
    context: &mut Context,
) -> Result<Vec<Labels>> {
    let measured = trajectories
        .iter()
        .map(|files| {
            let name = files.first().map_or_else(String::new, |f| f.display().to_string());
            measure(definition, read_files(files)?, context).map_err(|e| in_file(&name, e))
        })
        .collect::<Result<Vec<_>>>()?;
    judge(definition, measured)
}

/// Labels of frames from anywhere.
pub fn compute_frames(
    definition: &LabelDefinition,
    frames: impl Iterator<Item = Result<Frame>>,
    context: &mut Context,
) -> Result<Labels> {
    only(judge(definition, vec![measure(definition, frames, context)?])?)
}

fn only(mut labels: Vec<Labels>) -> Result<Labels> {
    labels.pop().ok_or_else(|| Error::input("no trajectory to label", "give one"))
}

/// The frames of files, one after the other.
fn read_files(files: &[PathBuf]) -> Result<Frames> {
    if let [file] = files {
        return read_frames(file);
    }
    let files = files.to_vec();
    // Each file has an order of its own until they are one sequence.
    Ok(Box::new(in_one_order(files.into_iter().flat_map(|file| match read_frames(&file) {
        Ok(frames) => frames,
        Err(error) => Box::new(std::iter::once(Err(error))),
    }))))
}

fn measure(
    definition: &LabelDefinition,
    frames: impl Iterator<Item = Result<Frame>>,
    context: &mut Context,
) -> Result<Measured> {
    let clock = Clock::new(definition)?;
    let mut notes = Vec::new();
    let mut measured = match &definition.hop {
        Some(hop) if definition.kind == LabelKind::Hop => {
            let mut hops = Hops::new(definition, hop, clock)?;
            frames::read(definition, &clock, frames, context, &mut hops, &mut notes)?;
            hops.finish()?
        }
        _ => {
            let mut pairs = Pairs::new(definition, clock);
            frames::read(definition, &clock, frames, context, &mut pairs, &mut notes)?;
            pairs.finish()?
        }
    };
    measured.notes.extend(notes);
    Ok(measured)
}

/// Finds the threshold of all trajectories together.
fn judge(definition: &LabelDefinition, measured: Vec<Measured>) -> Result<Vec<Labels>> {
    let all: Vec<f64> = measured.iter().flat_map(|m| &m.values).copied().collect();
    let logarithmic = definition.kind == LabelKind::Nonaffine;
    let threshold = match &definition.threshold {
        Some(threshold) => threshold.find(&all, logarithmic)?,
        None => {
            let value = definition.hop_threshold()?;
            ThresholdDefinition::Fixed { value }.find(&all, logarithmic)?
        }
    };
    let shallow = threshold.depth.filter(|depth| *depth < CERTAIN).map(|depth| {
        format!(
            "the minimum of the histogram at {:.4} is only {depth:.1} standard errors deep",
            threshold.value
        )
    });
    // A number of frames is a time only where frames are equally far apart.
    let lags = || measured.iter().flat_map(|m| &m.lags).copied().filter(|t| *t > 0.0);
    let (least, most) = (lags().fold(f64::INFINITY, f64::min), lags().fold(0.0, f64::max));
    let uneven = (definition.frames.is_some() && most > 1.01 * least).then(|| {
        format!("the same number of frames is a time of {least} here and of {most} there")
    });
    Ok(measured
        .into_iter()
        .map(|mut m| {
            m.notes.extend(shallow.clone());
            m.notes.extend(uneven.clone());
            let mobile: Vec<bool> = m.values.iter().map(|v| *v > threshold.value).collect();
            let number = mobile.iter().filter(|m| **m).count();
            Labels {
                definition: definition.clone(),
                fraction: number as f64 / mobile.len().max(1) as f64,
                origins: m.origins,
                values: m.values,
                mobile,
                threshold,
                events: m.events,
                notes: m.notes,
            }
        })
        .collect())
}

fn in_file(name: &str, error: Error) -> Error {
    match error {
        Error::Input { what, remedy } => Error::Input { what: format!("{name}: {what}"), remedy },
        other => other,
    }
}

/// For each species of a structure whether it is named; all are if none is.
fn kinds_of(species: &[String], structure: &Structure) -> Result<Vec<bool>> {
    let known: Vec<&str> = structure.species.iter().map(|s| s.name.as_str()).collect();
    if let Some(missing) = species.iter().find(|s| !known.contains(&s.as_str())) {
        return Err(Error::input(
            format!("the trajectory has no species `{missing}`"),
            suggestion(missing, &known, "species"),
        ));
    }
    Ok(known.iter().map(|k| species.is_empty() || species.iter().any(|s| s == k)).collect())
}

/// Indices of the atoms of some species, or of all.
fn chosen(species: &[String], structure: &Structure) -> Result<Vec<usize>> {
    let wanted = kinds_of(species, structure)?;
    let atoms: Vec<usize> =
        (0..structure.len()).filter(|&i| wanted[usize::from(structure.kinds[i])]).collect();
    if atoms.is_empty() {
        return Err(Error::input(
            format!("the trajectory has no atoms of {}", species.join(", ")),
            "choose species that it has",
        ));
    }
    Ok(atoms)
}
