//! Jumps between cages: p_hop, its events, and the atoms about to jump and long unmoved.
//!
//! p_hop(t) = √(⟨(r−⟨r⟩_B)²⟩_A ⟨(r−⟨r⟩_A)²⟩_B) with means over the frames of A = [t−t_R/2, t] and
//! B = [t, t+t_R/2], the frame at t in both (R. Candelier et al., Phys. Rev. Lett. 102, 088001 (2009),
//! doi:10.1103/PhysRevLett.102.088001; A. Smessaert and J. Rottler, Phys. Rev. E 88, 022314 (2013),
//! doi:10.1103/PhysRevE.88.022314). It is a squared length: an atom that jumps by d between two cages
//! in which it rests, s frames after t, has p_hop = d² f^(3/2), f = (h + 1 − s)/(h + 1) being the part of
//! B after the jump and h the frames in half the window.

use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use rayon::prelude::*;

use super::forecast::Forecast;
use super::frames::{Clock, Consumer, TrackedFrame};
use super::{About, HopDefinition, HopSample, LabelDefinition, Measured, Origin};
use crate::analysis::motion::masses_by_species;
use crate::error::{Error, Result};
use crate::system::{RandomStream, Stream, Structure};

/// Examples of each class where the definition does not say: those of E. D. Cubuk et al., Phys. Rev.
/// Lett. 114, 108001 (2015), doi:10.1103/PhysRevLett.114.108001.
const EXAMPLES: u64 = 6000;
/// Frames after which structures that nothing refers to any more are let go.
const CLEARING: u64 = 32;

/// A time in which p_hop of an atom is at or above the opening threshold without a break.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HopEvent {
    /// The atom.
    pub atom: usize,
    /// Frame at which it opens, counted from 0 in the trajectory.
    pub start: u64,
    /// Frame of the maximum.
    pub frame: u64,
    /// Time of the maximum, if the trajectory says so.
    pub time: Option<f64>,
    /// p_hop there, squared length.
    pub maximum: f64,
    /// |⟨r⟩_B − ⟨r⟩_A| there: how far the atom went.
    pub displacement: f64,
    /// False if the trajectory begins or ends within the event.
    pub complete: bool,
}

/// p_hop and |⟨r⟩_B − ⟨r⟩_A| of a path, its middle being the moment asked about: the path has an odd
/// number of positions, the first half up to the middle being A and the second from it on being B.
pub fn hop_strength(path: &[[f64; 3]]) -> (f64, f64) {
    let middle = path.len() / 2;
    let (a, b) = (&path[..=middle], &path[middle..]);
    // Relative to the middle, so that squares of far-away positions do not cancel.
    let origin = path[middle];
    let mean = |part: &[[f64; 3]]| {
        let mut sum = [0.0; 3];
        for r in part {
            for k in 0..3 {
                sum[k] += r[k] - origin[k];
            }
        }
        sum.map(|x| x / part.len() as f64)
    };
    let (mean_a, mean_b) = (mean(a), mean(b));
    let spread = |part: &[[f64; 3]], around: [f64; 3]| {
        let squares = part
            .iter()
            .map(|r| (0..3).map(|k| (r[k] - origin[k] - around[k]).powi(2)).sum::<f64>());
        squares.sum::<f64>() / part.len() as f64
    };
    let strength = (spread(a, mean_b) * spread(b, mean_a)).sqrt();
    let apart = (0..3).map(|k| (mean_b[k] - mean_a[k]).powi(2)).sum::<f64>().sqrt();
    (strength, apart)
}

/// What is known of an atom as the frames pass.
#[derive(Debug, Clone, Copy)]
struct Watch {
    event: Option<HopEvent>,
    /// First frame since which p_hop has been below the opening threshold.
    quiet_since: u64,
}

/// An example that may be taken: smallest lots first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Example {
    lot: u64,
    frame: u64,
    atom: usize,
    /// Bits of the value, p_hop.
    value: u64,
}

/// A frame in the window.
struct Windowed {
    frame: TrackedFrame,
    /// Positions of the chosen atoms, continuous and without drift.
    positions: Vec<[f64; 3]>,
}

/// Follows p_hop of the chosen atoms over the frames.
pub(super) struct Hops<'a> {
    definition: &'a LabelDefinition,
    hop: &'a HopDefinition,
    maximum: f64,
    clock: Clock,
    /// Times of the first two frames asked for, then their distance.
    last: Option<f64>,
    interval: Option<f64>,
    atoms: Vec<usize>,
    masses: Vec<f64>,
    /// Centre of mass of the first frame.
    centre: [f64; 3],
    window: VecDeque<Windowed>,
    watches: Vec<Watch>,
    lots: RandomStream,
    soft: BinaryHeap<Example>,
    hard: BinaryHeap<Example>,
    /// Candidates met of each class.
    met: [u64; 2],
    kept: BTreeMap<u64, TrackedFrame>,
    events: Vec<HopEvent>,
    /// Moments judged so far.
    moments: u64,
    /// Where all atoms are labelled: frames between origins, how many are asked for, what becomes of
    /// the atoms.
    stride: u64,
    number: u64,
    forecast: Forecast,
    /// When the first frame is needed.
    begins: f64,
}

impl<'a> Hops<'a> {
    pub fn new(
        definition: &'a LabelDefinition,
        hop: &'a HopDefinition,
        clock: Clock,
    ) -> Result<Self> {
        let first = definition.origins.as_ref().map_or(0.0, |o| o.first);
        let all = hop.sample == HopSample::All;
        let before = 0.5 * clock.lag;
        if all && first > 0.0 && first < before - clock.tolerance {
            return Err(Error::config(
                "label.origins.first",
                format!("p_hop at {first} needs half a window before it, which is {before}"),
                "begin later, or leave `first` out for the first moment that has one",
            ));
        }
        Ok(Self {
            definition,
            hop,
            maximum: definition.hop_threshold()?,
            begins: if all { (first - before).max(0.0) } else { first },
            clock,
            last: None,
            interval: None,
            atoms: Vec::new(),
            masses: Vec::new(),
            centre: [0.0; 3],
            window: VecDeque::new(),
            watches: Vec::new(),
            lots: RandomStream::new(0, Stream::Sampling),
            soft: BinaryHeap::new(),
            hard: BinaryHeap::new(),
            met: [0; 2],
            kept: BTreeMap::new(),
            events: Vec::new(),
            moments: 0,
            stride: 0,
            number: match hop.sample {
                HopSample::Examples => 0,
                HopSample::All => {
                    definition.origins.as_ref().and_then(|o| o.number).unwrap_or(u64::MAX)
                }
            },
            forecast: Forecast::new(hop.open),
        })
    }

    /// Frames of half a window.
    fn half(&self) -> Option<usize> {
        self.interval.map(|interval| (0.5 * self.clock.lag / interval).round() as usize)
    }

    fn position_rows(&mut self, structure: &Structure) -> Result<Vec<[f64; 3]>> {
        if self.atoms.is_empty() {
            self.atoms = super::chosen(&self.definition.species, structure)?;
            let by_species = masses_by_species(structure);
            let masses: Vec<f64> =
                structure.kinds.iter().map(|&k| by_species[usize::from(k)]).collect();
            self.masses = masses;
            self.centre = self.centre_of_mass(structure);
            let watch = Watch { event: None, quiet_since: 0 };
            self.watches = vec![watch; self.atoms.len()];
        }
        let mut drift = [0.0; 3];
        if self.definition.remove_drift {
            let centre = self.centre_of_mass(structure);
            drift = [0, 1, 2].map(|k| centre[k] - self.centre[k]);
        }
        let at = |&i: &usize| {
            let r = structure.unwrapped(i);
            [0, 1, 2].map(|k| r[k] - drift[k])
        };
        Ok(self.atoms.iter().map(at).collect())
    }

    fn centre_of_mass(&self, structure: &Structure) -> [f64; 3] {
        let (mut sum, mut total) = ([0.0; 3], 0.0);
        for (i, m) in self.masses.iter().enumerate() {
            let r = structure.unwrapped(i);
            total += m;
            for k in 0..3 {
                sum[k] += m * r[k];
            }
        }
        sum.map(|x| x / total)
    }

    /// Judges the middle of the window.
    fn judge(&mut self, half: usize) {
        let window = &self.window;
        let strengths: Vec<(f64, f64)> = (0..self.atoms.len())
            .into_par_iter()
            .map_init(Vec::new, |path, n| {
                path.clear();
                path.extend(window.iter().map(|w| w.positions[n]));
                hop_strength(path)
            })
            .collect();
        let middle = &self.window[half].frame;
        let (frame, time) = (middle.index, middle.time);
        let interval = self.interval.unwrap_or(1.0);
        self.forecast.follow(self.moments, &strengths);
        if self.forecast.begun() < self.number && self.moments.is_multiple_of(self.stride.max(1)) {
            let (structure, atoms) = (middle.structure.clone(), self.atoms.clone());
            let origin = Origin { frame, time, structure, atoms };
            self.forecast.begin(origin, &strengths, self.moments + 2 * half as u64);
        }
        let quiet = (self.hop.quiet / interval).round().max(1.0) as u64;
        let limit = self.hop.examples.unwrap_or(EXAMPLES) as usize;
        let examples = self.hop.sample == HopSample::Examples;
        // Whether the frame before the middle, and the middle, are those of an example.
        let mut used = [false; 2];
        for (n, &(strength, displacement)) in strengths.iter().enumerate() {
            let atom = self.atoms[n];
            let watch = &mut self.watches[n];
            if strength >= self.hop.open {
                let event = watch.event.get_or_insert_with(|| {
                    used[1] |= self.hop.about == About::Opening;
                    let (start, maximum, complete) = (frame, f64::NEG_INFINITY, self.moments > 0);
                    HopEvent { atom, start, frame, time, maximum, displacement, complete }
                });
                if strength > event.maximum {
                    used[0] |= self.hop.about == About::Jump;
                    *event = HopEvent { frame, time, maximum: strength, displacement, ..*event };
                }
                continue;
            }
            if let Some(event) = watch.event.take() {
                watch.quiet_since = self.moments;
                self.events.push(event);
                if examples && event.maximum > self.maximum && event.complete {
                    self.met[0] += 1;
                    let frame = moment(&event, self.hop.about);
                    let lot = lot(&self.lots, 0, frame, atom);
                    let value = event.maximum.to_bits();
                    offer(&mut self.soft, limit, Example { lot, frame, atom, value });
                }
            }
            if examples && self.moments - watch.quiet_since >= quiet {
                self.met[1] += 1;
                let lot = lot(&self.lots, 1, frame, atom);
                let example = Example { lot, frame, atom, value: strength.to_bits() };
                used[1] |= offer(&mut self.hard, limit, example);
            }
        }
        for (used, place) in used.into_iter().zip([half - 1, half]) {
            if examples && used {
                let kept = &self.window[place].frame;
                self.kept.entry(kept.index).or_insert_with(|| kept.clone());
            }
        }
        self.moments += 1;
        if self.moments.is_multiple_of(CLEARING) {
            self.clear();
        }
    }

    /// Lets structures go that no example and no open event refers to.
    fn clear(&mut self) {
        let examples = self.soft.iter().chain(&self.hard).map(|e| e.frame);
        let open = self.watches.iter().filter_map(|w| w.event.map(|e| moment(&e, self.hop.about)));
        let used: std::collections::HashSet<u64> = examples.chain(open).collect();
        self.kept.retain(|frame, _| used.contains(frame));
    }

    pub fn finish(mut self) -> Result<Measured> {
        if self.moments == 0 {
            return Err(Error::input(
                format!("the trajectory is shorter than the window of {}", self.clock.lag),
                "give a longer trajectory, or a shorter window",
            ));
        }
        for watch in &mut self.watches {
            if let Some(event) = watch.event.take() {
                self.events.push(HopEvent { complete: false, ..event });
            }
        }
        let rearrangements = self.events.iter().filter(|e| e.maximum > self.maximum).count();
        let counted =
            format!("{} events, {rearrangements} of them rearrangements", self.events.len());
        if self.hop.sample == HopSample::All {
            let (found, unknown) = self.forecast.finish(self.moments);
            let wanted = self.definition.origins.as_ref().and_then(|o| o.number).unwrap_or(1);
            if (found.origins.len() as u64) < wanted {
                return Err(Error::input(
                    format!(
                        "{} of the {wanted} moments asked for have half a window before and one and \
                         a half after them",
                        found.origins.len()
                    ),
                    "give a longer trajectory, or ask for fewer (origins.number)",
                ));
            }
            let mut notes = vec![counted];
            if unknown > 0 {
                notes.push(format!(
                    "{unknown} atoms are left out, in whose events the trajectory ends"
                ));
            }
            return Ok(Measured { events: self.events, notes, ..found });
        }
        // Classes of one size: the hard examples with the smallest lots.
        let soft = std::mem::take(&mut self.soft).into_sorted_vec();
        let mut hard = std::mem::take(&mut self.hard).into_sorted_vec();
        hard.truncate(soft.len());
        let mut measured = Measured::default();
        measured.notes.push(format!(
            "{counted}; {} atoms about to rearrange and {} unmoved for {} are examples, of {} and {} \
             that there were",
            soft.len(),
            hard.len(),
            self.hop.quiet,
            self.met[0],
            self.met[1]
        ));
        let mut by_frame: BTreeMap<u64, Vec<Example>> = BTreeMap::new();
        for example in soft.into_iter().chain(hard) {
            by_frame.entry(example.frame).or_default().push(example);
        }
        for (frame, mut examples) in by_frame {
            examples.sort_unstable_by_key(|e| e.atom);
            let Some(TrackedFrame { time, structure, .. }) = self.kept.remove(&frame) else {
                continue;
            };
            measured.values.extend(examples.iter().map(|e| f64::from_bits(e.value)));
            let atoms = examples.iter().map(|e| e.atom).collect();
            measured.origins.push(Origin { frame, time, structure, atoms });
        }
        measured.events = self.events;
        Ok(measured)
    }
}

/// The frame at which the atom of an event is about to rearrange.
fn moment(event: &HopEvent, about: About) -> u64 {
    match about {
        About::Opening => event.start,
        // A window of an odd number of frames: there is always one before its middle.
        About::Jump => event.frame - 1,
    }
}

/// A random number that belongs to an example, whatever the others.
fn lot(lots: &RandomStream, class: u32, frame: u64, atom: usize) -> u64 {
    let uniform = lots.uniform(frame, atom as u32, class);
    (uniform * (1u64 << 53) as f64) as u64
}

/// Keeps the examples with the smallest lots; true if this one is among them.
fn offer(heap: &mut BinaryHeap<Example>, limit: usize, example: Example) -> bool {
    heap.push(example);
    heap.len() <= limit || heap.pop() != Some(example)
}

impl Consumer for Hops<'_> {
    fn wants(&mut self, clock: f64) -> Result<bool> {
        if clock < self.begins - self.clock.tolerance {
            return Ok(false);
        }
        let Some(last) = self.last.replace(clock) else { return Ok(true) };
        let step = clock - last;
        let interval = *self.interval.get_or_insert(step);
        let names = (self.clock.name(clock), self.clock.name(last));
        if !(step > 0.0 && (step - interval).abs() <= 1e-3 * interval) {
            return Err(Error::input(
                format!(
                    "frames are not evenly spaced: {} follows {}, the first two are {interval} apart",
                    names.0, names.1
                ),
                "give a trajectory of evenly spaced frames",
            ));
        }
        let half = 0.5 * self.clock.lag / interval;
        if half < 0.999 || (half - half.round()).abs() > 1e-3 * half {
            return Err(Error::config(
                "label.time",
                format!(
                    "half the window, {}, is not a number of frames, which are {interval} apart",
                    0.5 * self.clock.lag
                ),
                "choose a window of an even number of frame intervals",
            ));
        }
        let apart = self.definition.origins.as_ref().and_then(|o| o.interval).unwrap_or(interval);
        self.stride = (apart / interval).round().max(1.0) as u64;
        if (apart / interval - self.stride as f64).abs() > 1e-3 * self.stride as f64 {
            return Err(Error::config(
                "label.origins.interval",
                format!("{apart} is not a number of frame intervals, which are {interval}"),
                "choose origins at which frames were written",
            ));
        }
        Ok(true)
    }

    fn take(&mut self, frame: TrackedFrame) -> Result<()> {
        let positions = self.position_rows(&frame.structure)?;
        self.window.push_back(Windowed { frame, positions });
        let Some(half) = self.half() else { return Ok(()) };
        if self.window.len() > 2 * half {
            self.judge(half);
            self.window.pop_front();
        }
        Ok(())
    }
}
