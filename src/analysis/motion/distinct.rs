//! The distinct part of the van Hove function: where the other atoms are later.

use serde::{Deserialize, Serialize};

use super::lags::{LagGrid, Origins};
use crate::backend::reference::for_each_pair;
use crate::system::Structure;

/// Origins compared at each lag at most: every one counts all pairs of two frames.
const COMPARISONS: u32 = 8;

/// Accumulates g_d(r, t) = G_d(r, t)/ρ at chosen lags.
///
/// The pairs of atoms now with atoms then are the pairs of two kinds of atoms in one box that holds
/// both frames; an atom's pair with its own past is left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Distinct {
    chosen: Vec<usize>,
    species: usize,
    cutoff: f64,
    bins: usize,
    every: u32,
    origins: Origins<Vec<[f64; 3]>>,
    /// Of each chosen lag: comparisons, and Σ 1/V over them.
    compared: Vec<(u64, f64)>,
    /// Of each chosen lag, species now, species then and bin.
    counts: Vec<u64>,
}

/// g_d of a pair of species at one lag.
#[derive(Debug, Clone, PartialEq)]
pub struct DistinctPair {
    /// Lag in samples.
    pub lag: u32,
    /// The two species.
    pub names: [String; 2],
    /// Middle of each bin.
    pub r: Vec<f64>,
    /// g_d at each bin; 1 where the past does not matter.
    pub g: Vec<f64>,
}

impl Distinct {
    pub fn new(
        grid: &LagGrid,
        chosen: &[usize],
        species: usize,
        cutoff: f64,
        bin: f64,
        samples: u32,
    ) -> Self {
        let bins = (cutoff / bin).round().clamp(1.0, 1e5) as usize;
        let origins = (samples / grid.stride()).max(1);
        Self {
            chosen: chosen.to_vec(),
            species,
            cutoff,
            bins,
            every: grid.stride() * origins.div_ceil(COMPARISONS),
            origins: Origins::default(),
            compared: vec![(0, 0.0); chosen.len()],
            counts: vec![0; chosen.len() * species * species * bins],
        }
    }

    /// Notes unwrapped positions free of drift.
    pub fn push(&mut self, grid: &LagGrid, structure: &Structure, positions: Vec<[f64; 3]>) {
        let mut origins = std::mem::take(&mut self.origins);
        origins.push(grid, positions, |lag, at, start, end| {
            if let (Some(k), true) =
                (self.chosen.iter().position(|&c| c == lag), at.is_multiple_of(self.every))
            {
                self.compare(k, structure, start, end);
            }
        });
        self.origins = origins;
    }

    fn compare(&mut self, k: usize, structure: &Structure, start: &[[f64; 3]], end: &[[f64; 3]]) {
        let atoms = end.len();
        let both: Vec<[f64; 3]> = end.iter().chain(start).copied().collect();
        let scale = self.bins as f64 / self.cutoff;
        let counts = &mut self.counts[k * self.species * self.species * self.bins..];
        for_each_pair(&structure.simulation_box, &both, self.cutoff, |i, j, _, r2| {
            let (now, then) = if i < j { (i, j) } else { (j, i) };
            if now >= atoms || then < atoms || then - atoms == now {
                return;
            }
            let (a, b) =
                (usize::from(structure.kinds[now]), usize::from(structure.kinds[then - atoms]));
            let bin = ((r2.sqrt() * scale) as usize).min(self.bins - 1);
            counts[(a * self.species + b) * self.bins + bin] += 1;
        });
        self.compared[k].0 += 1;
        self.compared[k].1 += structure.simulation_box.volume().recip();
    }

    /// g_d of every pair of species at every lag that was reached.
    pub fn finish(&self, grid: &LagGrid, names: &[String], numbers: &[usize]) -> Vec<DistinctPair> {
        let width = self.cutoff / self.bins as f64;
        let mut found = Vec::new();
        for (k, &lag) in self.chosen.iter().enumerate() {
            let (times, inverse_volumes) = self.compared[k];
            if times == 0 {
                continue;
            }
            for a in 0..self.species {
                for b in a..self.species {
                    if numbers[a] == 0 || numbers[b] == 0 {
                        continue;
                    }
                    let row = |a: usize, b: usize| {
                        let pair = (k * self.species + a) * self.species + b;
                        &self.counts[pair * self.bins..][..self.bins]
                    };
                    let others = if a == b { numbers[b] - 1 } else { numbers[b] };
                    let mut pair = DistinctPair {
                        lag: grid.lags()[lag],
                        names: [names[a].clone(), names[b].clone()],
                        r: Vec::with_capacity(self.bins),
                        g: Vec::with_capacity(self.bins),
                    };
                    for bin in 0..self.bins {
                        let (inner, outer) = (bin as f64 * width, (bin + 1) as f64 * width);
                        let shell =
                            4.0 / 3.0 * std::f64::consts::PI * (outer.powi(3) - inner.powi(3));
                        let ideal = numbers[a] as f64 * others as f64 * inverse_volumes * shell;
                        // Forward and backward in time are the same in equilibrium.
                        let pairs = 0.5 * (row(a, b)[bin] + row(b, a)[bin]) as f64;
                        pair.r.push(0.5 * (inner + outer));
                        pair.g.push(if ideal > 0.0 { pairs / ideal } else { 0.0 });
                    }
                    found.push(pair);
                }
            }
        }
        found
    }
}
