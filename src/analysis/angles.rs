//! Bond angles.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::cells::NeighborList;
use crate::system::Structure;

/// Angles a–centre–b, counted in equal bins from 0° to 180°.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AngleDistribution {
    /// Species of the ends and the centre: (end, centre, end).
    pub triplet: (u16, u16, u16),
    /// Angles in each bin.
    pub counts: Vec<u64>,
    /// Number of angles.
    pub number: u64,
    sum: f64,
}

impl AngleDistribution {
    /// Nothing yet, for ends `a` and `b` around `center`.
    pub fn new(a: u16, center: u16, b: u16, bins: usize) -> Self {
        Self { triplet: (a, center, b), counts: vec![0; bins.max(1)], number: 0, sum: 0.0 }
    }

    /// Adds the angles between the bonds of a frame, each pair of bonds once.
    pub fn add(&mut self, structure: &Structure, bonds: &NeighborList) {
        let (a, center, b) = self.triplet;
        let bins = self.counts.len();
        let kind = |n: u32| structure.kinds[n as usize];
        let parts: Vec<(Vec<u64>, f64)> = (0..structure.len())
            .collect::<Vec<_>>()
            .par_chunks(4096)
            .map(|atoms| {
                let (mut counts, mut sum) = (vec![0u64; bins], 0.0);
                for &atom in atoms.iter().filter(|&&atom| structure.kinds[atom] == center) {
                    let near = bonds.of(atom);
                    for (k, first) in near.iter().enumerate() {
                        for second in &near[k + 1..] {
                            let ends = (kind(first.atom), kind(second.atom));
                            if ends != (a, b) && ends != (b, a) {
                                continue;
                            }
                            let degrees = angle(first.vector, second.vector).to_degrees();
                            counts[((degrees / 180.0 * bins as f64) as usize).min(bins - 1)] += 1;
                            sum += degrees;
                        }
                    }
                }
                (counts, sum)
            })
            .collect();
        for (counts, sum) in parts {
            self.counts.iter_mut().zip(&counts).for_each(|(total, n)| *total += n);
            self.number += counts.iter().sum::<u64>();
            self.sum += sum;
        }
    }

    /// Mean angle in degrees; NaN without one.
    pub fn mean(&self) -> f64 {
        self.sum / self.number as f64
    }

    /// Middle of each bin (degrees) and probability density (per degree).
    pub fn density(&self) -> Vec<(f64, f64)> {
        let width = 180.0 / self.counts.len() as f64;
        let norm = (self.number.max(1)) as f64 * width;
        (0..)
            .zip(&self.counts)
            .map(|(k, &n)| ((f64::from(k) + 0.5) * width, n as f64 / norm))
            .collect()
    }
}

/// Angle between two vectors, radians; by atan2, which is exact near 0 and π too.
pub fn angle(a: [f64; 3], b: [f64; 3]) -> f64 {
    let cross = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
    let sine = cross.iter().map(|x| x * x).sum::<f64>().sqrt();
    sine.atan2(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])
}
