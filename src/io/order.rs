//! Frames whose atoms come in any order, brought into that of the first.

use super::Frame;
use crate::error::Result;
use crate::system::{Species, Structure};

/// Frames with the atoms of each in the order of the first, by the identifiers the file gives, and
/// with species counted as in the first. Programs that run in parallel write atoms as they find
/// them. A frame of other atoms is passed on as it is, for its reader to refuse.
pub fn in_one_order<I: Iterator<Item = Result<Frame>>>(
    frames: I,
) -> impl Iterator<Item = Result<Frame>> {
    let mut first: Option<First> = None;
    frames.map(move |frame| {
        let mut frame = frame?;
        match &first {
            Some(first) => first.bring_into_order(&mut frame),
            None => first = Some(First::new(&frame.structure)),
        }
        Ok(frame)
    })
}

struct First {
    ids: Vec<u64>,
    /// Places in `ids`, by ascending identifier.
    by_id: Vec<usize>,
    species: Vec<Species>,
}

fn by_id(ids: &[u64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_by_key(|&i| ids[i]);
    order
}

impl First {
    fn new(structure: &Structure) -> Self {
        Self {
            ids: structure.ids.clone(),
            by_id: by_id(&structure.ids),
            species: structure.species.clone(),
        }
    }

    fn bring_into_order(&self, frame: &mut Frame) {
        let structure = &mut frame.structure;
        if structure.ids != self.ids
            && let Some(from) = self.places(&structure.ids)
        {
            reorder(&from, &mut structure.ids);
            reorder(&from, &mut structure.kinds);
            reorder(&from, &mut structure.positions);
            reorder(&from, &mut structure.images);
            if let Some(v) = &mut structure.velocities {
                reorder(&from, v);
            }
            if let Some(v) = &mut structure.charges {
                reorder(&from, v);
            }
            if let Some(v) = &mut structure.diameters {
                reorder(&from, v);
            }
            if let Some(v) = &mut frame.forces {
                reorder(&from, v);
            }
        }
        if structure.species != self.species {
            let place = |s: &Species| self.species.iter().position(|own| own == s);
            let places: Option<Vec<usize>> = structure.species.iter().map(place).collect();
            if let Some(places) = places {
                for kind in &mut structure.kinds {
                    *kind = places[usize::from(*kind)] as u16;
                }
                structure.species.clone_from(&self.species);
            }
        }
    }

    /// Where in a frame each atom of the first stands; `None` if the atoms are not the same.
    fn places(&self, ids: &[u64]) -> Option<Vec<usize>> {
        if ids.len() != self.ids.len() {
            return None;
        }
        let mut from = vec![0; ids.len()];
        let mut last = None;
        for (&own, other) in self.by_id.iter().zip(by_id(ids)) {
            // An identifier that is there twice names nobody.
            if self.ids[own] != ids[other] || last == Some(ids[other]) {
                return None;
            }
            last = Some(ids[other]);
            from[own] = other;
        }
        Some(from)
    }
}

fn reorder<T: Copy>(from: &[usize], values: &mut Vec<T>) {
    *values = from.iter().map(|&i| values[i]).collect();
}
