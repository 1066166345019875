//! Labels of two moments, t and t + Δt: displacement and D²_min.

use std::collections::VecDeque;

use super::frames::{Clock, Consumer, TrackedFrame};
use super::{LabelDefinition, LabelKind, Measured, Origin, displacement_lengths, nonaffine};
use crate::error::{Error, Result};
use crate::system::Structure;

/// Waits for the frames at the origins and one lag later.
pub(super) struct Pairs<'a> {
    definition: &'a LabelDefinition,
    clock: Clock,
    /// Moment of the next origin.
    next: f64,
    interval: Option<f64>,
    /// Origins to come; `None` for as many as the trajectory has.
    left: Option<u64>,
    /// When the origins that were met end.
    ends: VecDeque<f64>,
    /// What the frames to come are for: the end of the oldest origin, an origin.
    uses: VecDeque<(bool, bool)>,
    last: f64,
    /// Origins whose end has not come.
    open: VecDeque<TrackedFrame>,
    measured: Measured,
    deficient: usize,
}

impl<'a> Pairs<'a> {
    pub fn new(definition: &'a LabelDefinition, clock: Clock) -> Self {
        let origins = definition.origins.clone().unwrap_or_default();
        Self {
            definition,
            clock,
            next: origins.first,
            interval: origins.interval,
            left: if origins.interval.is_some() { origins.number } else { Some(1) },
            ends: VecDeque::new(),
            uses: VecDeque::new(),
            last: 0.0,
            open: VecDeque::new(),
            measured: Measured::default(),
            deficient: 0,
        }
    }

    fn no_frame(&self, wanted: f64, after: &str) -> Error {
        Error::input(
            format!("the trajectory has no frame at {}{after}", self.clock.name(wanted)),
            "choose a time, and origins, at which frames were written",
        )
    }

    /// What was measured, after the last frame.
    pub fn finish(self) -> Result<Measured> {
        let end = format!("; it ends at {}", self.clock.name(self.last));
        // Origins with a number are all wanted; without one, as many as there are, and some.
        let definite = self.left.is_some();
        let none = self.measured.origins.is_empty();
        if definite && self.left != Some(0) || none && self.ends.is_empty() {
            return Err(self.no_frame(self.next, &end));
        }
        if let Some(missing) = self.ends.front().filter(|_| definite || none) {
            return Err(self.no_frame(*missing, &end));
        }
        let mut measured = self.measured;
        if self.deficient > 0 {
            measured.notes.push(format!(
                "{} of {} labelled atoms have fewer than three independent neighbours, which any \
                 motion fits: their D²_min is too small",
                self.deficient,
                measured.values.len()
            ));
        }
        Ok(measured)
    }

    fn close(
        &mut self,
        origin: TrackedFrame,
        end: &Structure,
        end_time: Option<f64>,
    ) -> Result<()> {
        let definition = self.definition;
        let (start, atoms) =
            (&origin.structure, super::chosen(&definition.species, &origin.structure)?);
        let values = match (definition.kind, definition.cutoff) {
            (LabelKind::Nonaffine, Some(cutoff)) => {
                let near = super::kinds_of(&definition.neighbors, start)?;
                let statistic = definition.statistic.unwrap_or_default();
                let is_neighbor = |kind: u16| near[usize::from(kind)];
                let found = nonaffine(start, end, &atoms, cutoff, is_neighbor, statistic)?;
                self.deficient += found.deficient;
                found.values
            }
            _ => displacement_lengths(start, end, &atoms, definition.remove_drift),
        };
        self.measured.values.extend(values);
        if let (Some(from), Some(to)) = (origin.time, end_time) {
            self.measured.lags.push(to - from);
        }
        let TrackedFrame { index: frame, time, structure, .. } = origin;
        self.measured.origins.push(Origin { frame, time, structure, atoms });
        Ok(())
    }
}

impl Consumer for Pairs<'_> {
    fn wants(&mut self, clock: f64) -> Result<bool> {
        let tolerance = self.clock.tolerance;
        let after = format!(": {} follows {}", self.clock.name(clock), self.clock.name(self.last));
        if clock < self.last {
            return Err(Error::input(
                format!("frames are not in the order of time{after}"),
                "give a trajectory in which time increases",
            ));
        }
        let closes = match self.ends.front() {
            Some(end) if clock > end + tolerance => return Err(self.no_frame(*end, &after)),
            Some(end) => clock >= end - tolerance,
            None => false,
        };
        let more = self.left != Some(0);
        if more && clock > self.next + tolerance {
            return Err(self.no_frame(self.next, &after));
        }
        let opens = more && clock >= self.next - tolerance;
        if closes {
            self.ends.pop_front();
        }
        if opens {
            self.ends.push_back(clock + self.clock.lag);
            self.left = self.left.map(|n| n - 1);
            match self.interval {
                Some(interval) => self.next += interval,
                None => self.left = Some(0),
            }
        }
        self.last = clock;
        if closes || opens {
            self.uses.push_back((closes, opens));
        }
        Ok(closes || opens)
    }

    fn take(&mut self, frame: TrackedFrame) -> Result<()> {
        let Some((closes, opens)) = self.uses.pop_front() else { return Ok(()) };
        if let Some(origin) = self.open.pop_front_if(|_| closes) {
            self.close(origin, &frame.structure, frame.time)?;
        }
        if opens {
            self.open.push_back(frame);
        }
        Ok(())
    }
}
