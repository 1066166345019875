//! Frames of a trajectory in which every atom's path is continuous.

use super::{Context, InherentSearch, LabelDefinition, Progress};
use crate::error::{Error, Result};
use crate::io::Frame;
use crate::system::Structure;

/// A jump of more than half a box that ends this close to a whole number of boxes (in each
/// direction, as a part of the box) is one of bookkeeping, not of an atom.
const WHOLE: f64 = 0.15;
/// How far outside the box wrapped positions may be: programs wrap only now and then.
const STRAY: f64 = 0.5;
/// Precision of the times of frames as a part of the lag.
const TIME_TOLERANCE: f64 = 1e-3;

/// A frame whose images say how far each atom has gone since the first frame.
#[derive(Debug, Clone)]
pub(super) struct TrackedFrame {
    /// Counted from 0 in the file.
    pub index: u64,
    /// What the file says.
    pub time: Option<f64>,
    pub structure: Structure,
}

/// What becomes of the frames.
pub(super) trait Consumer {
    /// Whether a frame is needed; asked for every frame, in order.
    fn wants(&mut self, clock: f64) -> Result<bool>;

    /// Takes the frames that are needed, in order, each some time after it was asked for.
    fn take(&mut self, frame: TrackedFrame) -> Result<()>;
}

/// Unit of the lag: time or frames.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    frames: bool,
    /// Differences below this are none.
    pub tolerance: f64,
    /// Δt or t_R.
    pub lag: f64,
}

impl Clock {
    pub fn new(definition: &LabelDefinition) -> Result<Self> {
        definition.check()?;
        Ok(match (definition.time, definition.frames) {
            (Some(time), _) => Self { frames: false, tolerance: TIME_TOLERANCE * time, lag: time },
            (None, frames) => {
                Self { frames: true, tolerance: 0.5, lag: frames.unwrap_or(1) as f64 }
            }
        })
    }

    fn of(&self, index: u64, frame: &Frame) -> Result<f64> {
        if self.frames {
            return Ok(index as f64);
        }
        frame.time.ok_or_else(|| {
            Error::input(
                format!("frame {} says no time", index + 1),
                "give the interval in frames (`frames`) instead of `time`",
            )
        })
    }

    /// A moment, for messages.
    pub fn name(&self, clock: f64) -> String {
        if self.frames { format!("frame {}", clock + 1.0) } else { format!("time {clock}") }
    }
}

/// Hands the frames that a consumer wants to it, made continuous and, if the definition asks for
/// it, as inherent structures. Notes what should be known of them.
pub(super) fn read(
    definition: &LabelDefinition,
    clock: &Clock,
    frames: impl Iterator<Item = Result<Frame>>,
    context: &mut Context,
    consumer: &mut dyn Consumer,
    notes: &mut Vec<String>,
) -> Result<()> {
    let mut search = match (definition.inherent, context.minimizer) {
        (false, _) => None,
        (true, Some((backend, force_field))) => Some(InherentSearch::new(backend, force_field)?),
        (true, None) => {
            return Err(Error::config(
                "label.inherent",
                "inherent structures need a force field",
                "name the force field that the trajectory was made with, or say inherent = false",
            ));
        }
    };
    let mut batch: Vec<TrackedFrame> = Vec::new();
    let mut first = None;
    let mut last: Option<Structure> = None;
    let mut index = 0;
    let total = frames.size_hint().1.map(|n| n as u64);
    let mut unfinished = 0;
    for frame in frames {
        let mut frame = frame?;
        frame.structure.check_finite()?;
        if let Some(before) = &last {
            same_atoms(before, &frame.structure, index)?;
        }
        connect(definition, last.as_ref(), &mut frame.structure, index)?;
        let now = clock.of(index, &frame)?;
        let start = *first.get_or_insert(now);
        if consumer.wants(now - start)? {
            let structure = frame.structure.clone();
            batch.push(TrackedFrame { index, time: frame.time, structure });
            if batch.len() >= search.as_ref().map_or(1, InherentSearch::batch) {
                unfinished += hand_over(&mut search, &mut batch, consumer)?;
            }
        }
        last = Some(frame.structure);
        index += 1;
        (context.progress)(Progress { frames: index, total });
    }
    if index == 0 {
        return Err(Error::input("the trajectory has no frames", "give one with frames"));
    }
    unfinished += hand_over(&mut search, &mut batch, consumer)?;
    if unfinished > 0 {
        notes.push(format!(
            "{unfinished} inherent structures were not minimised to the force tolerance"
        ));
    }
    Ok(())
}

/// Minimises the frames of a batch, if asked to, and empties it; returns how many did not get to
/// the minimum.
fn hand_over(
    search: &mut Option<InherentSearch<'_>>,
    batch: &mut Vec<TrackedFrame>,
    consumer: &mut dyn Consumer,
) -> Result<u64> {
    let mut unfinished = 0;
    if let Some(search) = search {
        let structures: Vec<Structure> = batch.iter().map(|f| f.structure.clone()).collect();
        for (frame, inherent) in batch.iter_mut().zip(search.find(&structures)?) {
            frame.structure = inherent.structure;
            unfinished += u64::from(!inherent.converged);
        }
    }
    batch.drain(..).try_for_each(|frame| consumer.take(frame))?;
    Ok(unfinished)
}

/// Error if the atoms are not those of the frame before.
fn same_atoms(before: &Structure, now: &Structure, index: u64) -> Result<()> {
    let (this, that) = (index + 1, index);
    let remedy = "give a trajectory of the same atoms in every frame, in the same order or with \
                  their identifiers";
    if before.len() != now.len() {
        return Err(Error::input(
            format!("frame {this} has {} atoms, frame {that} has {}", now.len(), before.len()),
            remedy,
        ));
    }
    if let Some(i) = (0..now.len()).find(|&i| before.ids[i] != now.ids[i]) {
        return Err(Error::input(
            format!(
                "atom {} has the id {} in frame {this} and {} in frame {that}",
                i + 1,
                now.ids[i],
                before.ids[i]
            ),
            remedy,
        ));
    }
    if let Some(i) = (0..now.len()).find(|&i| before.species_name(i) != now.species_name(i)) {
        return Err(Error::input(
            format!(
                "atom {} is {} in frame {this} and {} in frame {that}",
                i + 1,
                now.species_name(i),
                before.species_name(i)
            ),
            remedy,
        ));
    }
    Ok(())
}

/// Makes the images of a frame continue those of the frame before, or checks that they do.
fn connect(
    definition: &LabelDefinition,
    before: Option<&Structure>,
    now: &mut Structure,
    index: u64,
) -> Result<()> {
    let unwrapped = |s: &Structure, i: usize| {
        let f = s.simulation_box.to_fractional(s.positions[i]);
        [0, 1, 2].map(|k| f[k] + f64::from(s.images[i][k]))
    };
    match definition.coordinates {
        super::Coordinates::Wrapped => {
            let stray =
                |i: &usize| unwrapped(now, *i).iter().any(|f| *f < -STRAY || *f > 1.0 + STRAY);
            if let Some(i) = (0..now.len()).find(stray) {
                return Err(Error::input(
                    format!(
                        "frame {}: atom {} is outside the box (or image flags say so), but the \
                         coordinates are said to be wrapped",
                        index + 1,
                        i + 1
                    ),
                    "say coordinates = \"unwrapped\" (wrapped ones with image flags are), or write every \
                     frame with wrapped coordinates",
                ));
            }
            for i in 0..now.len() {
                let f = now.simulation_box.to_fractional(now.positions[i]);
                now.images[i] = match before {
                    None => [0; 3],
                    Some(before) => {
                        let was = unwrapped(before, i);
                        [0, 1, 2].map(|k| (was[k] - f[k]).round() as i32)
                    }
                };
            }
            Ok(())
        }
        super::Coordinates::Unwrapped => {
            let Some(before) = before else { return Ok(()) };
            let mut rest: Vec<f64> = (0..now.len())
                .filter_map(|i| {
                    let (a, b) = (unwrapped(before, i), unwrapped(now, i));
                    let d = [0, 1, 2].map(|k| b[k] - a[k]);
                    let jumps = d.iter().any(|x| x.abs() > 0.5);
                    jumps.then(|| d.iter().fold(0.0, |m: f64, x| m.max((x - x.round()).abs())))
                })
                .collect();
            rest.sort_unstable_by(f64::total_cmp);
            match rest.get(rest.len() / 2) {
                Some(median) if *median < WHOLE => Err(Error::input(
                    format!(
                        "from frame {index} to frame {} {} atoms jump by whole boxes: wrapped and \
                         unwrapped coordinates are mixed, or all are wrapped",
                        index + 1,
                        rest.len()
                    ),
                    "write every frame unwrapped (or with image flags), or every frame wrapped and \
                     say coordinates = \"wrapped\"",
                )),
                _ => Ok(()),
            }
        }
    }
}
