//! Density fluctuations: the collective intermediate scattering function.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::errors::{Estimate, jackknife, merge};
use super::lags::{LagGrid, Origins};
use crate::system::SimulationBox;

/// Wave vectors of a shell at most: enough for the average over directions.
const VECTORS: usize = 32;

/// Wave vectors of the box near one length, as integers (h, k, l): q = h b₁ + k b₂ + l b₃.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Shell {
    vectors: Vec<[i32; 3]>,
    /// Mean length of the vectors.
    pub length: f64,
}

impl Shell {
    /// Up to 32 vectors nearest in length to `wave_vector`, one of each pair ±q.
    pub fn near(simulation_box: &SimulationBox, wave_vector: f64) -> Self {
        let widths = simulation_box.perpendicular_widths();
        let step = std::f64::consts::TAU / widths.iter().copied().fold(0.0, f64::max);
        // Wide enough to have vectors even where the box is small.
        let reach = wave_vector + step;
        let most = widths.map(|w| (reach * w / std::f64::consts::TAU).ceil() as i32 + 1);
        let mut found = Vec::new();
        for h in 0..=most[0] {
            for k in -most[1]..=most[1] {
                for l in -most[2]..=most[2] {
                    if h < 0 || (h == 0 && (k < 0 || (k == 0 && l <= 0))) {
                        continue;
                    }
                    let q = length(simulation_box, [h, k, l]);
                    let off = (q - wave_vector).abs();
                    if off <= step {
                        found.push((off, [h, k, l], q));
                    }
                }
            }
        }
        found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        // All of the nearest: a spread of a fraction of the peak's width does not matter, a bias
        // towards one direction would.
        found.truncate(VECTORS);
        let length = found.iter().map(|f| f.2).sum::<f64>() / found.len().max(1) as f64;
        Self { vectors: found.into_iter().map(|f| f.1).collect(), length }
    }
}

/// |q| of q = h b₁ + k b₂ + l b₃: the gradient of the phase 2π (h, k, l)·f.
fn length(simulation_box: &SimulationBox, hkl: [i32; 3]) -> f64 {
    let mut squares = 0.0;
    for axis in 0..3 {
        let mut unit = [0.0; 3];
        unit[axis] = 1.0;
        let f = simulation_box.difference_to_fractional(unit);
        let turns: f64 = (0..3).map(|m| f64::from(hkl[m]) * f[m]).sum();
        squares += turns * turns;
    }
    std::f64::consts::TAU * squares.sqrt()
}

/// Accumulates F(q, t) over time origins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Collective {
    species: usize,
    pub shells: Vec<Shell>,
    /// Of each sample: density of each vector (shells one after the other) and species.
    origins: Origins<Vec<[f64; 2]>>,
    /// Of each lag, shell, species (and all), block: count, Σ Re ρ(t) ρ*(0).
    cells: Vec<f64>,
}

impl Collective {
    pub fn new(
        grid: &LagGrid,
        simulation_box: &SimulationBox,
        species: usize,
        wave_vectors: &[f64],
    ) -> Self {
        let shells: Vec<Shell> = wave_vectors
            .iter()
            .map(|&q| Shell::near(simulation_box, q))
            .filter(|s| !s.vectors.is_empty())
            .collect();
        let cells = vec![0.0; grid.lags().len() * shells.len() * (species + 1) * grid.blocks() * 2];
        Self { species, shells, origins: Origins::default(), cells }
    }

    pub fn push(
        &mut self,
        grid: &LagGrid,
        simulation_box: &SimulationBox,
        positions: &[[f64; 3]],
        kinds: &[u16],
    ) {
        let density = densities(simulation_box, positions, kinds, &self.shells, self.species);
        let mut origins = std::mem::take(&mut self.origins);
        origins.push(grid, density, |lag, at, start, end| {
            let mut first = 0;
            for (s, shell) in self.shells.iter().enumerate() {
                let vectors = shell.vectors.len();
                for kind in 0..=self.species {
                    let mut sum = 0.0;
                    for v in first..first + vectors {
                        let (a, b) = (
                            density_of(start, v, kind, self.species),
                            density_of(end, v, kind, self.species),
                        );
                        sum += a[0] * b[0] + a[1] * b[1];
                    }
                    let row = (lag * self.shells.len() + s) * (self.species + 1) + kind;
                    let at = (row * grid.blocks() + grid.block(at)) * 2;
                    self.cells[at] += 1.0;
                    self.cells[at + 1] += sum / vectors as f64;
                }
                first += vectors;
            }
        });
        self.origins = origins;
    }

    /// F(q, t) of a shell, per atom of the species (`kind` = number of species: of all atoms), with
    /// its error from blocks of time.
    pub fn scattering(
        &self,
        grid: &LagGrid,
        lag: usize,
        shell: usize,
        kind: usize,
        atoms: usize,
    ) -> Estimate {
        let row = (lag * self.shells.len() + shell) * (self.species + 1) + kind;
        let blocks: Vec<Vec<f64>> = (0..grid.blocks())
            .map(|block| {
                let at = (row * grid.blocks() + block) * 2;
                self.cells[at..at + 2].to_vec()
            })
            .collect();
        jackknife(&merge(&blocks, grid.merged(lag)), |s| s[1] / (s[0] * atoms as f64))
    }
}

fn density_of(densities: &[[f64; 2]], vector: usize, kind: usize, species: usize) -> [f64; 2] {
    let own = &densities[vector * species..(vector + 1) * species];
    match own.get(kind) {
        Some(one) => *one,
        None => own.iter().fold([0.0; 2], |s, d| [s[0] + d[0], s[1] + d[1]]),
    }
}

/// ρ_a(q) = Σ_j∈a exp(i q·r_j), each vector summed in the order of the atoms.
fn densities(
    simulation_box: &SimulationBox,
    positions: &[[f64; 3]],
    kinds: &[u16],
    shells: &[Shell],
    species: usize,
) -> Vec<[f64; 2]> {
    let fractional: Vec<[f64; 3]> =
        positions.par_iter().map(|&r| simulation_box.to_fractional(r)).collect();
    let vectors: Vec<[f64; 3]> =
        shells.iter().flat_map(|s| &s.vectors).map(|v| v.map(f64::from)).collect();
    let rows: Vec<Vec<[f64; 2]>> = vectors
        .par_iter()
        .map(|v| {
            let mut sums = vec![[0.0; 2]; species];
            for (f, &kind) in fractional.iter().zip(kinds) {
                let turns = v[0] * f[0] + v[1] * f[1] + v[2] * f[2];
                let (sin, cos) = (std::f64::consts::TAU * (turns - turns.floor())).sin_cos();
                let sum = &mut sums[usize::from(kind)];
                sum[0] += cos;
                sum[1] += sin;
            }
            sums
        })
        .collect();
    rows.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_have_their_length_in_tilted_boxes() {
        let tilted =
            SimulationBox::new([1.0, 2.0, 3.0], [20.0, 18.0, 22.0], [3.0, -2.0, 4.0]).expect("box");
        let shell = Shell::near(&tilted, 2.0);
        assert_eq!(shell.vectors.len(), VECTORS);
        for v in &shell.vectors {
            assert!((length(&tilted, *v) - 2.0).abs() < 0.1);
        }
        let cube = SimulationBox::cubic(10.0).expect("cube");
        let q = length(&cube, [1, 2, 2]);
        assert!((q - 3.0 * std::f64::consts::TAU / 10.0).abs() < 1e-12);
    }
}
