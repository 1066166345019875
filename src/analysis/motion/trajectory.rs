//! Dynamics of a trajectory file, ours or anyone's.

use std::path::Path;

use serde::Deserialize;

use super::{
    Motion, MotionOptions, MotionResult, VelocityCorrelation, VelocitySpectrum, without_drift,
};
use crate::analysis::{PartialRdf, first_peak};
use crate::error::{Error, Result};
use crate::io::{Frame, read_frames};
use crate::system::{SpeciesNames, Structure, UnitSystem, Units};

/// Origins kept at a time at most.
const ORIGINS: u64 = 100;
/// Memory for them.
const ORIGIN_BYTES: u64 = 1 << 30;
/// How far frames may be from evenly spaced, as a part of their distance.
const UNEVEN: f64 = 1e-3;
/// Coordinates that reach over more boxes than this are unwrapped, whatever the file says or does
/// not say: programs wrap only now and then, but not that late.
const WIDEST_WRAPPED: f64 = 2.0;
/// Frequency (THz) up to which glasses without hydrogen vibrate: Si–O stretches at 33.
const FASTEST: f64 = 40.0;
/// Velocities that correlate less than this from frame to frame have turned in between; for reduced
/// units, which have no fastest vibration.
const FORGOTTEN: f64 = 0.5;

/// What of a trajectory is analysed, and how. Everything has a default.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrajectoryDynamics {
    /// Species to look at; empty: all.
    pub species: Vec<String>,
    /// First and last time; all frames without it.
    pub window: Option<[f64; 2]>,
    /// Time between frames, where the file does not say (metal: ps).
    pub interval: Option<f64>,
    /// Time of a step, where the file has steps but no times (metal: ps).
    pub timestep: Option<f64>,
    /// Wave vectors of scattering functions; empty: the first peak of S(q) of the first frame.
    pub wave_vectors: Vec<f64>,
    /// Distance that counts as not moved; default 0.3 of the mean distance of atoms.
    pub overlap_length: Option<f64>,
    /// Longest lag as a part of the trajectory; default one half.
    pub longest: Option<f64>,
    /// Collective intermediate scattering function.
    pub collective: bool,
    /// Distinct van Hove function.
    pub distinct: bool,
    /// Names of the species of files that number them.
    #[serde(skip)]
    pub types: SpeciesNames,
}

/// What was found in a trajectory.
#[derive(Debug, Clone, PartialEq)]
pub struct TrajectoryResult {
    /// Frames used.
    pub frames: u32,
    /// Time between them.
    pub interval: f64,
    /// How atoms move.
    pub motion: MotionResult,
    /// Velocity correlations; empty if the frames have no velocities.
    pub velocities: Vec<VelocitySpectrum>,
    /// Whether the box is flat, as that of a two-dimensional system.
    pub flat: bool,
}

impl TrajectoryResult {
    /// What should be known of the results.
    pub fn remarks(&self, units: &Units) -> Vec<String> {
        let mut remarks = Vec::new();
        remarks.extend(self.velocities.first().and_then(|all| aliasing(all, self.interval, units)));
        if self.flat {
            remarks.push(
                "the box is flat: D is a sixth of the slope, as in three dimensions; atoms that move \
                 in a plane have a quarter"
                    .into(),
            );
        }
        let still = self.motion.species.iter().filter(|s| s.is_still());
        remarks.extend(still.map(|s| format!("{} does not move", s.name)));
        remarks
    }
}

/// Frequencies beyond half of the sampling rate appear below it (H. Nyquist, Trans. AIEE 47, 617
/// (1928), doi:10.1109/T-AIEE.1928.5055024).
fn aliasing(spectrum: &VelocitySpectrum, interval: f64, units: &Units) -> Option<String> {
    let highest = 0.5 / interval;
    let known = units.system == UnitSystem::Metal;
    let forgotten = spectrum.correlation.get(1).is_some_and(|c| c.value < FORGOTTEN);
    let folded = if known { highest < FASTEST } else { forgotten };
    folded.then(|| {
        let (thz, ps) = if known { (" THz", " ps") } else { ("", "") };
        let need = if known { format!(", for {FASTEST} THz every {} ps", 0.5 / FASTEST) } else { String::new() };
        format!(
            "velocities every {interval:.4}{ps} show vibrations up to {highest:.3}{thz}; faster ones are \
             folded into that range: write frames more often{need}"
        )
    })
}

impl MotionOptions {
    /// Wave vector of the first peak of S(q) from g(r) up to `cutoff`, an overlap of 0.3 of the mean
    /// distance of atoms, distributions in bins of `bin`, lags up to half of the trajectory, nothing
    /// that costs more than single-particle sums.
    pub fn of_structure(structure: &Structure, cutoff: f64, bin: f64) -> Result<Self> {
        let spacing = spacing(structure);
        let mut rdf = PartialRdf::new(structure, cutoff, cutoff / 400.0)?;
        rdf.add(structure)?;
        let peak = first_peak(&rdf.total(), rdf.number_density());
        Ok(Self {
            wave_vectors: vec![peak.unwrap_or(std::f64::consts::TAU / spacing)],
            overlap_length: 0.3 * spacing,
            bin,
            cutoff,
            longest: 0.5,
            origins: 2,
            collective: false,
            distinct: false,
        })
    }
}

fn spacing(structure: &Structure) -> f64 {
    (structure.simulation_box.volume() / structure.len().max(1) as f64).cbrt()
}

impl TrajectoryDynamics {
    /// Reads the file twice: first its times, then its atoms.
    ///
    /// Positions are unwrapped by the images or unwrapped coordinates the file gives, or if its
    /// coordinates reach over more than two boxes. Otherwise an atom is taken to have moved to its
    /// nearest image from one frame to the next, which is right as long as it moves less than half a
    /// box between frames, wrapped or not, also where atoms stand a little outside of the box.
    pub fn read(&self, path: &Path) -> Result<TrajectoryResult> {
        self.read_with(path, &mut |_, _| {})
    }

    /// As [`TrajectoryDynamics::read`]; `told` hears how many frames are done, and of how many.
    pub fn read_with(
        &self,
        path: &Path,
        told: &mut dyn FnMut(u64, u64),
    ) -> Result<TrajectoryResult> {
        let (times, unwrapped) = self.survey(path)?;
        let interval = even(path, &times)?;
        let frames = u32::try_from(times.len()).unwrap_or(u32::MAX);
        let mut state: Option<(Motion, Option<VelocityCorrelation>)> = None;
        let mut track: Vec<[f64; 3]> = Vec::new();
        let mut last: Option<Structure> = None;
        let mut flat = false;
        let mut index = 0;
        for (number, frame) in read_frames(path)?.enumerate() {
            let frame = frame?;
            if !self.wanted(self.time(path, number, &frame)?) {
                continue;
            }
            index += 1;
            let mut structure = frame.structure;
            self.types.apply(&mut structure)?;
            if structure.len() == 1 {
                return Err(Error::input(
                    format!(
                        "{}: one atom has no motion relative to its centre of mass",
                        path.display()
                    ),
                    "give a trajectory of several atoms",
                ));
            }
            flat |= structure.simulation_box.is_flat();
            if let Some(last) = &last {
                follow(path, number, &mut track, last, &structure, unwrapped)?;
            } else {
                track = (0..structure.len()).map(|i| structure.unwrapped(i)).collect();
            }
            last = Some(structure.clone());
            // The drift is that of the whole system, whatever is chosen of it. Wrapped again, images
            // say how far each atom has gone.
            structure.positions = without_drift(track.clone(), &structure);
            structure.images = vec![[0; 3]; track.len()];
            structure.velocities =
                structure.velocities.take().map(|v| without_drift(v, &structure));
            let mut structure = self.select(structure)?;
            structure.wrap();
            if state.is_none() {
                state = Some(self.start(&structure, interval, frames)?);
            }
            if let Some((motion, velocities)) = &mut state {
                motion.push_steady(&structure).map_err(|e| in_file(path, e))?;
                if let Some(velocities) = velocities {
                    velocities.push_steady(&structure).map_err(|e| in_file(path, e))?;
                }
            }
            told(u64::from(index), u64::from(frames));
        }
        let Some((motion, velocities)) = state else {
            return Err(Error::format(path, 0, "the trajectory has no frames"));
        };
        Ok(TrajectoryResult {
            frames: index,
            interval,
            motion: motion.finish(),
            velocities: velocities.map_or_else(Vec::new, |v| v.finish()),
            flat,
        })
    }

    fn start(
        &self,
        structure: &Structure,
        interval: f64,
        frames: u32,
    ) -> Result<(Motion, Option<VelocityCorrelation>)> {
        let spacing = spacing(structure);
        let cutoff = (3.5 * spacing).min(structure.simulation_box.longest_cutoff());
        let defaults = MotionOptions::of_structure(structure, cutoff, spacing / 25.0)?;
        let origins =
            (ORIGIN_BYTES / (24 * structure.len().max(1) as u64)).clamp(2, ORIGINS) as u32;
        let options = MotionOptions {
            wave_vectors: match self.wave_vectors.as_slice() {
                [] => defaults.wave_vectors,
                given => given.to_vec(),
            },
            overlap_length: self.overlap_length.unwrap_or(defaults.overlap_length),
            longest: self.longest.unwrap_or(defaults.longest),
            origins,
            collective: self.collective,
            distinct: self.distinct,
            ..defaults
        };
        let motion = Motion::new(structure, interval, frames, &options)?;
        let velocities = match structure.velocities {
            Some(_) if frames >= 4 => {
                let longest = (frames / 2).max(1);
                Some(VelocityCorrelation::new(structure, interval, frames, longest, origins)?)
            }
            _ => None,
        };
        Ok((motion, velocities))
    }

    fn wanted(&self, time: f64) -> bool {
        self.window.is_none_or(|[from, to]| (from..=to).contains(&time))
    }

    /// The times of the wanted frames, and whether the file's coordinates are unwrapped.
    fn survey(&self, path: &Path) -> Result<(Vec<f64>, bool)> {
        let mut times = Vec::new();
        let mut reach = Reach::default();
        let mut atoms = None;
        for (number, frame) in read_frames(path)?.enumerate() {
            let frame = frame?;
            let size = frame.structure.len();
            if *atoms.get_or_insert(size) != size {
                return Err(Error::input(
                    format!(
                        "{}: frame {} has {size} atoms, the first has {}",
                        path.display(),
                        number + 1,
                        atoms.unwrap_or(0)
                    ),
                    "give a trajectory of the same atoms in every frame",
                ));
            }
            reach.add(&frame);
            let time = self.time(path, number, &frame)?;
            if self.wanted(time) {
                times.push(time);
            }
        }
        if times.len() < 2 {
            let what = match times.len() {
                0 => "no frame to analyse",
                _ => "one frame has no dynamics",
            };
            return Err(Error::input(
                format!("{}: {what}", path.display()),
                "give a trajectory of at least two frames, and a window that holds them",
            ));
        }
        Ok((times, reach.is_unwrapped()))
    }

    fn time(&self, path: &Path, number: usize, frame: &Frame) -> Result<f64> {
        if let Some(interval) = self.interval {
            return Ok(number as f64 * interval);
        }
        match (frame.time, frame.step, self.timestep) {
            (Some(time), _, _) => Ok(time),
            (None, Some(step), Some(timestep)) => Ok(step as f64 * timestep),
            (None, step, _) => Err(Error::input(
                format!(
                    "{}: frame {} says no time{}",
                    path.display(),
                    number + 1,
                    if step.is_some() { ", only a step" } else { "" }
                ),
                if step.is_some() {
                    "give the time of a step (`timestep`) or between frames (`interval`)"
                } else {
                    "give the time between frames (`interval`)"
                },
            )),
        }
    }

    /// The atoms of the chosen species.
    fn select(&self, structure: Structure) -> Result<Structure> {
        if self.species.is_empty() {
            return Ok(structure);
        }
        let keep: Vec<usize> = (0..structure.len())
            .filter(|&i| self.species.iter().any(|s| s == structure.species_name(i)))
            .collect();
        if keep.is_empty() {
            let known: Vec<&str> = structure.species.iter().map(|s| s.name.as_str()).collect();
            return Err(Error::input(
                format!("the selection has no atoms: no species {}", self.species.join(", ")),
                format!("choose from {}", known.join(", ")),
            ));
        }
        let pick = |rows: &[[f64; 3]]| keep.iter().map(|&i| rows[i]).collect::<Vec<_>>();
        Ok(Structure {
            kinds: keep.iter().map(|&i| structure.kinds[i]).collect(),
            images: keep.iter().map(|&i| structure.images[i]).collect(),
            ids: keep.iter().map(|&i| structure.ids[i]).collect(),
            velocities: structure.velocities.as_deref().map(pick),
            positions: pick(&structure.positions),
            charges: None,
            diameters: None,
            ..structure
        })
    }
}

fn in_file(path: &Path, error: Error) -> Error {
    match error {
        Error::Input { what, remedy } => {
            Error::Input { what: format!("{}: {what}", path.display()), remedy }
        }
        other => other,
    }
}

/// Where the coordinates of a file reach.
#[derive(Default)]
struct Reach {
    /// The file counts crossings of the box, and there are some.
    crossings: bool,
    /// Lowest and highest coordinate along each edge, in boxes.
    ends: Option<[[f64; 2]; 3]>,
}

impl Reach {
    fn add(&mut self, frame: &Frame) {
        let structure = &frame.structure;
        self.crossings |= frame.unwrapped && structure.images.iter().any(|i| *i != [0; 3]);
        let ends = self.ends.get_or_insert([[f64::INFINITY, f64::NEG_INFINITY]; 3]);
        for (r, image) in structure.positions.iter().zip(&structure.images) {
            let f = structure.simulation_box.to_fractional(*r);
            for k in 0..3 {
                let x = f[k] + f64::from(image[k]);
                ends[k] = [ends[k][0].min(x), ends[k][1].max(x)];
            }
        }
    }

    /// A liquid whose atoms move half a box between frames is spread over several boxes after a few
    /// of them, so unwrapped files whose atoms stay together lose nothing by the nearest image.
    fn is_unwrapped(&self) -> bool {
        let wide = |[low, high]: &[f64; 2]| high - low > WIDEST_WRAPPED;
        self.crossings || self.ends.is_some_and(|ends| ends.iter().any(wide))
    }
}

/// Moves the track of every atom from one frame to the next: as the coordinates say if they are
/// unwrapped, to the nearest image if not.
fn follow(
    path: &Path,
    number: usize,
    track: &mut [[f64; 3]],
    last: &Structure,
    now: &Structure,
    unwrapped: bool,
) -> Result<()> {
    let same = |i: usize| last.species_name(i) == now.species_name(i);
    let alike = track.len() == now.len() && last.kinds == now.kinds && last.ids == now.ids;
    if !alike || !(0..now.len()).all(same) {
        return Err(Error::input(
            format!("{}: frame {} has other atoms than the one before", path.display(), number + 1),
            "give a trajectory of the same atoms in every frame, in the same order or with identifiers",
        ));
    }
    for (i, at) in track.iter_mut().enumerate() {
        let (a, b) = (last.unwrapped(i), now.unwrapped(i));
        let mut d = [b[0] - a[0], b[1] - a[1], b[2] - a[2]];
        if !unwrapped {
            d = now.simulation_box.minimum_image(d);
        }
        for k in 0..3 {
            at[k] += d[k];
        }
    }
    Ok(())
}

/// The common distance of the times.
fn even(path: &Path, times: &[f64]) -> Result<f64> {
    let mut apart: Vec<f64> = times.windows(2).map(|w| w[1] - w[0]).collect();
    apart.sort_by(f64::total_cmp);
    let median = apart[apart.len() / 2];
    let whole = (times[times.len() - 1] - times[0]) / (times.len() - 1) as f64;
    // The mean is the more precise one where they agree.
    let interval = if (whole - median).abs() <= UNEVEN * median { whole } else { median };
    let uneven =
        times.windows(2).position(|w| !((w[1] - w[0] - interval).abs() <= UNEVEN * interval));
    match uneven {
        None if interval > 0.0 => Ok(interval),
        at => {
            let k = at.unwrap_or(0);
            Err(Error::input(
                format!(
                    "{}: frames are not evenly spaced in time: {} follows {}, most are {interval:.6} apart",
                    path.display(),
                    times[k + 1],
                    times[k]
                ),
                "choose a window of evenly spaced frames (the directory of a run stands for those of its \
                 last stage), or give the time between frames (`interval`)",
            ))
        }
    }
}

#[cfg(test)]
mod tests;
