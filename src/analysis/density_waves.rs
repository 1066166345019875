//! Density waves ρ_a(Q) = Σ_{j∈a} exp(iQ·r_j), what structure factors are made of.

use std::ops::Range;

use rayon::prelude::*;

use crate::system::{FixedPosition, Structure, to_fixed};

/// Real and imaginary part of ρ_a(Q).
pub type DensityWave = [f64; 2];

/// Atoms that devices sum in single precision before they go on in double.
pub(crate) const WAVE_BLOCK: usize = 4096;

/// Fixed-point positions sorted by species, and where each species stands.
pub(crate) fn by_species(structure: &Structure) -> (Vec<FixedPosition>, Vec<Range<usize>>) {
    let mut fixed = Vec::with_capacity(structure.len());
    let mut ranges = Vec::new();
    for kind in 0..structure.species.len() {
        let start = fixed.len();
        for (r, &own) in structure.positions.iter().zip(&structure.kinds) {
            if usize::from(own) == kind {
                fixed.push(to_fixed(&structure.simulation_box, *r).0);
            }
        }
        ranges.push(start..fixed.len());
    }
    (fixed, ranges)
}

/// ρ_a(Q) of every species at Q = 2π (h a* + k b* + l c*): for each vector, for each species. In
/// double precision; the order of the sum over atoms is fixed, whatever the number of threads.
pub fn density_waves(structure: &Structure, vectors: &[[i32; 3]]) -> Vec<DensityWave> {
    let kinds = structure.species.len();
    let fractional: Vec<[f64; 3]> = structure
        .positions
        .par_iter()
        .map(|r| structure.simulation_box.to_fractional(*r))
        .collect();
    vectors
        .par_iter()
        .flat_map_iter(|hkl| {
            let h = hkl.map(f64::from);
            let mut waves = vec![[0.0; 2]; kinds];
            for (f, &kind) in fractional.iter().zip(&structure.kinds) {
                // Whole turns are taken off before the sine, which keeps its digits.
                let turns = h[0] * f[0] + h[1] * f[1] + h[2] * f[2];
                let (sin, cos) = (std::f64::consts::TAU * (turns - turns.round())).sin_cos();
                let sum = &mut waves[usize::from(kind)];
                sum[0] += cos;
                sum[1] += sin;
            }
            waves
        })
        .collect()
}
