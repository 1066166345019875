//! What single atoms do: moments and distributions of displacements, self scattering, overlap.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::errors::{Estimate, jackknife, larger, merge};
use super::lags::{LagGrid, Origins};

/// Groups of atoms that errors are estimated from, beside blocks of time.
const ATOM_GROUPS: usize = 10;
/// Atoms summed at a time; fixed, so that sums do not depend on the number of threads.
const CHUNK: usize = 4096;
/// Sums of a cell before those of the wave vectors: count, Σr², Σr⁴, Σoverlap.
const FIXED: usize = 4;

/// Accumulates single-particle quantities over time origins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SelfMotion {
    species: usize,
    wave_vectors: Vec<f64>,
    overlap_length: f64,
    bin: f64,
    bins: usize,
    /// Lags whose displacement distribution is kept.
    pub chosen: Vec<usize>,
    origins: Origins<Vec<[f64; 3]>>,
    /// Of each lag, species, block of time and group of atoms.
    cells: Vec<f64>,
    /// Of each lag, species (and all), block of time: origins, Σ Q, Σ Q².
    overlaps: Vec<f64>,
    /// Of each chosen lag, species, block of time and bin; the last bin is everything beyond.
    counts: Vec<u64>,
}

/// Sums over some atoms: cells of species × groups, and bins of species.
struct Partial {
    cells: Vec<f64>,
    counts: Vec<u64>,
}

impl SelfMotion {
    pub fn new(
        grid: &LagGrid,
        species: usize,
        wave_vectors: Vec<f64>,
        overlap_length: f64,
        bin: f64,
        bins: usize,
        chosen: Vec<usize>,
    ) -> Self {
        let width = FIXED + wave_vectors.len();
        let (lags, blocks) = (grid.lags().len(), grid.blocks());
        Self {
            species,
            overlap_length,
            bin,
            bins,
            origins: Origins::default(),
            cells: vec![0.0; lags * species * blocks * ATOM_GROUPS * width],
            overlaps: vec![0.0; lags * (species + 1) * blocks * 3],
            counts: vec![0; chosen.len() * species * blocks * (bins + 1)],
            wave_vectors,
            chosen,
        }
    }

    fn width(&self) -> usize {
        FIXED + self.wave_vectors.len()
    }

    pub fn wave_vectors(&self) -> &[f64] {
        &self.wave_vectors
    }

    pub fn overlap_length(&self) -> f64 {
        self.overlap_length
    }

    pub fn seen(&self) -> u32 {
        self.origins.seen()
    }

    /// Notes positions that are unwrapped and free of drift.
    pub fn push(&mut self, grid: &LagGrid, positions: Vec<[f64; 3]>, kinds: &[u16]) {
        let mut origins = std::mem::take(&mut self.origins);
        origins.push(grid, positions, |lag, at, start, end| {
            let histogram = self.chosen.iter().position(|&c| c == lag);
            let sums = self.compare(start, end, kinds, histogram.is_some());
            self.note(grid, lag, grid.block(at), histogram, &sums);
        });
        self.origins = origins;
    }

    fn compare(
        &self,
        start: &[[f64; 3]],
        end: &[[f64; 3]],
        kinds: &[u16],
        with_counts: bool,
    ) -> Partial {
        let width = self.width();
        let limit = self.overlap_length * self.overlap_length;
        let partials: Vec<Partial> = start
            .par_chunks(CHUNK)
            .zip(end.par_chunks(CHUNK))
            .zip(kinds.par_chunks(CHUNK))
            .enumerate()
            .map(|(chunk, ((start, end), kinds))| {
                let bins = if with_counts { self.species * (self.bins + 1) } else { 0 };
                let mut sums = Partial {
                    cells: vec![0.0; self.species * ATOM_GROUPS * width],
                    counts: vec![0; bins],
                };
                for (k, ((a, b), &kind)) in start.iter().zip(end).zip(kinds).enumerate() {
                    let d = [b[0] - a[0], b[1] - a[1], b[2] - a[2]];
                    let r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
                    let (kind, group) = (usize::from(kind), (chunk * CHUNK + k) % ATOM_GROUPS);
                    let cell = &mut sums.cells[(kind * ATOM_GROUPS + group) * width..][..width];
                    cell[0] += 1.0;
                    cell[1] += r2;
                    cell[2] += r2 * r2;
                    cell[3] += f64::from(u8::from(r2 < limit));
                    let r = r2.sqrt();
                    for (sum, q) in cell[FIXED..].iter_mut().zip(&self.wave_vectors) {
                        *sum += sinc(q * r);
                    }
                    if with_counts {
                        let bin = ((r / self.bin) as usize).min(self.bins);
                        sums.counts[kind * (self.bins + 1) + bin] += 1;
                    }
                }
                sums
            })
            .collect();
        let mut partials = partials.into_iter();
        let mut total =
            partials.next().unwrap_or(Partial { cells: Vec::new(), counts: Vec::new() });
        for partial in partials {
            total.cells.iter_mut().zip(&partial.cells).for_each(|(t, p)| *t += p);
            total.counts.iter_mut().zip(&partial.counts).for_each(|(t, p)| *t += p);
        }
        total
    }

    fn note(
        &mut self,
        grid: &LagGrid,
        lag: usize,
        block: usize,
        histogram: Option<usize>,
        sums: &Partial,
    ) {
        let (width, blocks) = (self.width(), grid.blocks());
        let (mut all, mut all_kept) = (0.0, 0.0);
        for kind in 0..self.species {
            let (mut number, mut kept) = (0.0, 0.0);
            for group in 0..ATOM_GROUPS {
                let from = &sums.cells[(kind * ATOM_GROUPS + group) * width..][..width];
                let at =
                    (((lag * self.species + kind) * blocks + block) * ATOM_GROUPS + group) * width;
                for (t, x) in self.cells[at..at + width].iter_mut().zip(from) {
                    *t += x;
                }
                number += from[0];
                kept += from[3];
            }
            self.note_overlap(blocks, lag, kind, block, kept / number);
            all += number;
            all_kept += kept;
        }
        self.note_overlap(blocks, lag, self.species, block, all_kept / all);
        if let Some(chosen) = histogram {
            let bins = self.bins + 1;
            for kind in 0..self.species {
                let at = ((chosen * self.species + kind) * blocks + block) * bins;
                for (t, x) in self.counts[at..at + bins].iter_mut().zip(&sums.counts[kind * bins..])
                {
                    *t += x;
                }
            }
        }
    }

    fn note_overlap(&mut self, blocks: usize, lag: usize, kind: usize, block: usize, q: f64) {
        if q.is_finite() {
            let at = ((lag * (self.species + 1) + kind) * blocks + block) * 3;
            self.overlaps[at] += 1.0;
            self.overlaps[at + 1] += q;
            self.overlaps[at + 2] += q * q;
        }
    }

    fn cell(&self, grid: &LagGrid, lag: usize, kind: usize, block: usize, group: usize) -> &[f64] {
        let width = self.width();
        let row = (lag * self.species + kind) * grid.blocks() + block;
        &self.cells[(row * ATOM_GROUPS + group) * width..][..width]
    }

    /// Sums of each block of time, `merged` of them taken together, and of each group of atoms.
    pub fn sums(
        &self,
        grid: &LagGrid,
        lag: usize,
        kind: usize,
        merged: usize,
    ) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
        let width = self.width();
        let mut times = vec![vec![0.0; width]; grid.blocks()];
        let mut groups = vec![vec![0.0; width]; ATOM_GROUPS];
        for (block, time) in times.iter_mut().enumerate() {
            for (group, sum) in groups.iter_mut().enumerate() {
                let cell = self.cell(grid, lag, kind, block, group);
                time.iter_mut().zip(cell).for_each(|(t, x)| *t += x);
                sum.iter_mut().zip(cell).for_each(|(t, x)| *t += x);
            }
        }
        (merge(&times, merged), groups)
    }

    /// A function of the sums, with the larger of the errors from blocks of time and from groups of
    /// atoms.
    fn estimate(
        &self,
        grid: &LagGrid,
        lag: usize,
        kind: usize,
        value: impl Fn(&[f64]) -> f64,
    ) -> Estimate {
        let (times, groups) = self.sums(grid, lag, kind, grid.merged(lag));
        larger(jackknife(&times, &value), jackknife(&groups, &value))
    }

    pub fn mean_square(&self, grid: &LagGrid, lag: usize, kind: usize) -> Estimate {
        self.estimate(grid, lag, kind, |s| s[1] / s[0])
    }

    pub fn non_gaussian(&self, grid: &LagGrid, lag: usize, kind: usize) -> Estimate {
        self.estimate(grid, lag, kind, |s| {
            if s[1] > 0.0 { 0.6 * s[2] * s[0] / (s[1] * s[1]) - 1.0 } else { f64::NAN }
        })
    }

    pub fn scattering(&self, grid: &LagGrid, lag: usize, kind: usize, q: usize) -> Estimate {
        self.estimate(grid, lag, kind, |s| s[FIXED + q] / s[0])
    }

    /// Overlap Q and χ₄ of a species; `kind` = number of species: of all atoms.
    pub fn overlap(
        &self,
        grid: &LagGrid,
        lag: usize,
        kind: usize,
        atoms: usize,
    ) -> (Estimate, Estimate) {
        let blocks: Vec<Vec<f64>> = (0..grid.blocks())
            .map(|block| {
                let at = ((lag * (self.species + 1) + kind) * grid.blocks() + block) * 3;
                self.overlaps[at..at + 3].to_vec()
            })
            .collect();
        let blocks = merge(&blocks, grid.merged(lag));
        let susceptibility = |s: &[f64]| {
            let (n, mean) = (s[0], s[1] / s[0]);
            if n < 2.0 {
                return f64::NAN;
            }
            // n − 1: the mean is of the same origins.
            atoms as f64 * (s[2] / n - mean * mean).max(0.0) * n / (n - 1.0)
        };
        let mean = jackknife(&blocks, |s| s[1] / s[0]);
        let mean = if kind < self.species {
            larger(mean, self.estimate(grid, lag, kind, |s| s[3] / s[0]))
        } else {
            mean
        };
        (mean, jackknife(&blocks, susceptibility))
    }

    /// Probability density of displacements, per length, of a chosen lag.
    pub fn distribution(&self, grid: &LagGrid, chosen: usize, kind: usize) -> Vec<Estimate> {
        let bins = self.bins + 1;
        let at = |block: usize| {
            let from = ((chosen * self.species + kind) * grid.blocks() + block) * bins;
            &self.counts[from..from + bins]
        };
        let totals: Vec<u64> = (0..grid.blocks()).map(|b| at(b).iter().sum()).collect();
        (0..self.bins)
            .map(|bin| {
                let blocks: Vec<Vec<f64>> =
                    (0..grid.blocks()).map(|b| vec![totals[b] as f64, at(b)[bin] as f64]).collect();
                jackknife(&merge(&blocks, grid.merged(self.chosen[chosen])), |s| {
                    s[1] / (s[0] * self.bin)
                })
            })
            .collect()
    }

    pub fn bin_centres(&self) -> Vec<f64> {
        (0..self.bins).map(|k| (k as f64 + 0.5) * self.bin).collect()
    }
}

fn sinc(x: f64) -> f64 {
    if x < 1e-4 { 1.0 - x * x / 6.0 } else { x.sin() / x }
}
