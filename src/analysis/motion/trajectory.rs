//! Dynamics of a trajectory file, ours or anyone's.

use std::path::Path;

use serde::Deserialize;

use super::{
    Motion, MotionOptions, MotionResult, VelocityCorrelation, VelocitySpectrum, without_drift,
};
use crate::analysis::{PartialRdf, first_peak};
use crate::error::{Error, Result};
use crate::io::{Frame, read_frames};
use crate::system::Structure;

/// Origins kept at a time at most.
const ORIGINS: u64 = 100;
/// Memory for them.
const ORIGIN_BYTES: u64 = 1 << 30;
/// How far frames may be from evenly spaced, as a part of their distance.
const UNEVEN: f64 = 1e-3;

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
    /// Positions are unwrapped by the images the file gives. Where it gives none, an atom is taken
    /// to have moved to its nearest image from one frame to the next, which is right as long as it
    /// moves less than half a box between frames.
    pub fn read(&self, path: &Path) -> Result<TrajectoryResult> {
        self.read_with(path, &mut |_, _| {})
    }

    /// As [`TrajectoryDynamics::read`]; `told` hears how many frames are done, and of how many.
    pub fn read_with(
        &self,
        path: &Path,
        told: &mut dyn FnMut(u64, u64),
    ) -> Result<TrajectoryResult> {
        let times = self.times(path)?;
        let interval = even(path, &times)?;
        let frames = u32::try_from(times.len()).unwrap_or(u32::MAX);
        let mut state: Option<(Motion, Option<VelocityCorrelation>)> = None;
        let mut track: Vec<[f64; 3]> = Vec::new();
        let mut last: Option<Structure> = None;
        let mut index = 0;
        for (number, frame) in read_frames(path)?.enumerate() {
            let frame = frame?;
            if !self.wanted(self.time(path, number, &frame)?) {
                continue;
            }
            index += 1;
            let mut structure = frame.structure;
            if let Some(last) = &last {
                follow(path, number, &mut track, last, &structure)?;
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

    fn times(&self, path: &Path) -> Result<Vec<f64>> {
        let mut times = Vec::new();
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
        Ok(times)
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

/// Moves the track of every atom from one frame to the next.
fn follow(
    path: &Path,
    number: usize,
    track: &mut [[f64; 3]],
    last: &Structure,
    now: &Structure,
) -> Result<()> {
    let same = |i: usize| last.species_name(i) == now.species_name(i);
    let alike = track.len() == now.len() && last.kinds == now.kinds && last.ids == now.ids;
    if !alike || !(0..now.len()).all(same) {
        return Err(Error::input(
            format!("{}: frame {} has other atoms than the one before", path.display(), number + 1),
            "give a trajectory of the same atoms in every frame, in the same order or with identifiers",
        ));
    }
    let without_images = [last, now].iter().all(|s| s.images.iter().all(|image| *image == [0; 3]));
    for (i, at) in track.iter_mut().enumerate() {
        let (a, b) = (last.unwrapped(i), now.unwrapped(i));
        let mut d = [b[0] - a[0], b[1] - a[1], b[2] - a[2]];
        if without_images {
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
    let interval = (times[times.len() - 1] - times[0]) / (times.len() - 1) as f64;
    let uneven =
        times.windows(2).position(|w| !((w[1] - w[0] - interval).abs() <= UNEVEN * interval));
    match uneven {
        None if interval > 0.0 => Ok(interval),
        at => {
            let k = at.unwrap_or(0);
            Err(Error::input(
                format!(
                    "{}: frames are not evenly spaced in time: {} follows {}, {interval} apart on average",
                    path.display(),
                    times[k + 1],
                    times[k]
                ),
                "choose a window of evenly spaced frames, or give the time between frames (`interval`)",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    /// Two atoms, one of which crosses the box of 10 by 0.8 a frame.
    fn walk(frames: usize, wrapped: bool, stamp: impl Fn(usize) -> String) -> String {
        let mut text = String::new();
        for k in 0..frames {
            let x = 4.0 + 0.8 * k as f64;
            let x = if wrapped { x % 10.0 } else { x };
            let _ = write!(
                text,
                "2\nLattice=\"10 0 0 0 10 0 0 0 10\" Properties=species:S:1:pos:R:3 {}\n\
                 Na {x} 1 1\nCl 5 5 5\n",
                stamp(k)
            );
        }
        text
    }

    fn read(text: &str, options: &TrajectoryDynamics) -> Result<TrajectoryResult> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("walk.xyz");
        std::fs::write(&path, text).expect("written");
        options.read(&path)
    }

    fn refused(text: &str, options: &TrajectoryDynamics) -> String {
        let error = read(text, options).expect_err("refused");
        assert_eq!(error.exit_code(), 2);
        let text = error.to_string();
        text.split_once(".xyz: ").map_or(text.clone(), |t| t.1.to_owned())
    }

    #[test]
    fn wrapped_and_unwrapped_files_give_the_same_paths() {
        let time = |k: usize| format!("Time={}", 0.5 * k as f64);
        let mut found = Vec::new();
        for wrapped in [true, false] {
            let result =
                read(&walk(30, wrapped, time), &TrajectoryDynamics::default()).expect("read");
            assert_eq!((result.frames, result.interval), (30, 0.5));
            // Relative to the centre of mass, sodium moves by the share of the chlorine's mass.
            let share = 35.45 / (35.45 + 22.98976928);
            let na = result.motion.species.iter().find(|s| s.name == "Na").expect("sodium");
            for (t, e) in result.motion.time.iter().zip(&na.mean_square) {
                let exact = (share * 0.8 * t / 0.5).powi(2);
                assert!(
                    (e.value - exact).abs() < 1e-3 * exact.max(1e-9),
                    "{t}: {} {exact}",
                    e.value
                );
            }
            found.push(na.mean_square.clone());
        }
        for (a, b) in found[0].iter().zip(&found[1]) {
            assert!((a.value - b.value).abs() < 1e-9);
        }
    }

    /// Walkers with velocities as a LAMMPS dump, each frame in an order of its own.
    fn dump(shuffled: bool) -> String {
        let mut text = String::new();
        for frame in 0..24u64 {
            let _ = write!(
                text,
                "ITEM: TIMESTEP\n{frame}\nITEM: NUMBER OF ATOMS\n7\n\
                 ITEM: BOX BOUNDS pp pp pp\n0 10\n0 10\n0 10\n\
                 ITEM: ATOMS id element xu yu zu vx vy vz\n"
            );
            for n in 0..7 {
                let id = if shuffled { 1 + (n * 3 + frame * 2) % 7 } else { 1 + n };
                let x = |k: u64| (id * k) as f64 + 0.1 * ((frame * frame * id * k) % 17) as f64;
                let name = if id % 3 == 0 { "Na" } else { "O" };
                let _ = writeln!(
                    text,
                    "{id} {name} {} {} {} {} {} {}",
                    x(1),
                    x(2),
                    x(3),
                    x(5),
                    x(6),
                    x(7)
                );
            }
        }
        text
    }

    #[test]
    fn atoms_in_any_order_are_the_same_atoms() {
        let directory = tempfile::tempdir().expect("a directory");
        let [sorted, shuffled] = [false, true].map(|shuffled| {
            let path = directory.path().join("walk.lammpstrj");
            std::fs::write(&path, dump(shuffled)).expect("written");
            let options = TrajectoryDynamics { timestep: Some(0.5), ..Default::default() };
            options.read(&path).expect("read")
        });
        // Errors are over groups of atoms, which follow the order of the first frame.
        for (a, b) in sorted.motion.species.iter().zip(&shuffled.motion.species) {
            assert_eq!(a.name, b.name);
            for (x, y) in a.mean_square.iter().zip(&b.mean_square) {
                assert!((x.value - y.value).abs() < 1e-9 * x.value.max(1.0), "{x:?} {y:?}");
            }
        }
        for (a, b) in sorted.velocities.iter().zip(&shuffled.velocities) {
            let (a, b) = (&a.correlation, &b.correlation);
            assert!(a.iter().zip(b).all(|(x, y)| (x.value - y.value).abs() < 1e-9));
        }
    }

    #[test]
    fn a_selection_drifts_with_the_system() {
        // One atom walks, 99 of the same mass stand: it keeps 0.99 of its path.
        let mut text = String::new();
        for k in 0..20 {
            let _ = write!(
                text,
                "100\nLattice=\"20 0 0 0 20 0 0 0 20\" Properties=species:S:1:pos:R:3 Time={k}\n"
            );
            for i in 0..99 {
                let _ = writeln!(text, "A {} {} {}", i % 5 * 4, i / 5 % 5 * 4, i / 25 * 4);
            }
            let _ = writeln!(text, "X {} 1 1", 0.3 * f64::from(k));
        }
        let of = |species: &[&str]| {
            let species = species.iter().map(|s| (*s).to_owned()).collect();
            let result = read(&text, &TrajectoryDynamics { species, ..Default::default() });
            let result = result.expect("read");
            let x = result.motion.species.iter().find(|s| s.name == "X").expect("X");
            x.mean_square.iter().map(|e| e.value).collect::<Vec<_>>()
        };
        let (alone, among) = (of(&["X"]), of(&[]));
        for (lag, (a, b)) in alone.iter().zip(&among).enumerate().skip(1) {
            assert!((a - b).abs() < 1e-9 * b && *a > 0.08, "{lag}: {a} {b}");
        }
    }

    #[test]
    fn bad_trajectories_are_refused_by_name() {
        let time = |k: usize| format!("Time={}", 0.5 * k as f64);
        let plain = TrajectoryDynamics::default();
        let none = |_: usize| String::new();
        assert_eq!(refused(&walk(5, true, none), &plain), "frame 1 says no time");
        assert!(
            read(
                &walk(5, true, none),
                &TrajectoryDynamics { interval: Some(0.1), ..plain.clone() }
            )
            .is_ok()
        );
        assert_eq!(refused(&walk(1, true, time), &plain), "one frame has no dynamics");
        let other = TrajectoryDynamics { species: vec!["K".into()], ..plain.clone() };
        assert_eq!(
            refused(&walk(5, true, time), &other),
            "the selection has no atoms: no species K"
        );
        let late = TrajectoryDynamics { window: Some([90.0, 99.0]), ..plain.clone() };
        assert_eq!(refused(&walk(5, true, time), &late), "no frame to analyse");
        let uneven = |k: usize| format!("Time={}", k * k);
        let said = refused(&walk(5, true, uneven), &plain);
        assert!(said.starts_with("frames are not evenly spaced in time"), "{said}");
        let mut mixed = walk(3, true, time);
        mixed.push_str("1\nLattice=\"10 0 0 0 10 0 0 0 10\" Properties=species:S:1:pos:R:3 Time=1.5\nNa 1 1 1\n");
        assert_eq!(refused(&mixed, &plain), "frame 4 has 1 atoms, the first has 2");
        let swapped =
            walk(3, true, time).replacen("Na", "X", 2).replacen("Cl", "Na", 2).replace('X', "Cl");
        assert!(refused(&swapped, &plain).contains("has other atoms than the one before"));
    }
}
