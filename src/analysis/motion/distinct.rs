//! The distinct part of the van Hove function: where the other atoms are later.

use serde::{Deserialize, Serialize};

use super::errors::{Estimate, jackknife_curve, merge};
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
    /// Of each chosen lag and each comparison: 1/V, and the counts by species now, species then
    /// and bin.
    compared: Vec<Vec<(f64, Vec<u64>)>>,
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
    pub g: Vec<Estimate>,
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
            compared: vec![Vec::new(); chosen.len()],
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
        let mut counts = vec![0; self.species * self.species * self.bins];
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
        self.compared[k].push((structure.simulation_box.volume().recip(), counts));
    }

    /// g_d of every pair of species at every lag that was reached, with errors from comparisons
    /// taken together until they span the lag.
    pub fn finish(&self, grid: &LagGrid, names: &[String], numbers: &[usize]) -> Vec<DistinctPair> {
        let width = self.cutoff / self.bins as f64;
        let mut found = Vec::new();
        for (compared, &lag) in self.compared.iter().zip(&self.chosen) {
            if compared.is_empty() {
                continue;
            }
            let merged = grid.lags()[lag].div_ceil(self.every.max(1)) as usize;
            for a in 0..self.species {
                for b in a..self.species {
                    if numbers[a] == 0 || numbers[b] == 0 {
                        continue;
                    }
                    let others = if a == b { numbers[b] - 1 } else { numbers[b] };
                    let rows: Vec<Vec<f64>> = compared
                        .iter()
                        .map(|(inverse_volume, counts)| {
                            let row = |a: usize, b: usize| {
                                &counts[(a * self.species + b) * self.bins..][..self.bins]
                            };
                            // Forward and backward in time are the same in equilibrium.
                            let pairs = row(a, b).iter().zip(row(b, a));
                            let pairs = pairs.map(|(x, y)| 0.5 * (x + y) as f64);
                            std::iter::once(*inverse_volume).chain(pairs).collect()
                        })
                        .collect();
                    let g = jackknife_curve(&merge(&rows, merged), |sums| {
                        (0..self.bins)
                            .map(|bin| {
                                let (inner, outer) = (bin as f64 * width, (bin + 1) as f64 * width);
                                let shell = 4.0 / 3.0
                                    * std::f64::consts::PI
                                    * (outer.powi(3) - inner.powi(3));
                                let ideal = numbers[a] as f64 * others as f64 * sums[0] * shell;
                                if ideal > 0.0 { sums[bin + 1] / ideal } else { 0.0 }
                            })
                            .collect()
                    });
                    found.push(DistinctPair {
                        lag: grid.lags()[lag],
                        names: [names[a].clone(), names[b].clone()],
                        r: (0..self.bins).map(|bin| (bin as f64 + 0.5) * width).collect(),
                        g,
                    });
                }
            }
        }
        found
    }
}
