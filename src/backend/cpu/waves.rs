//! Density waves in single precision on fixed-point phases; sums of blocks in double.

use rayon::prelude::*;

use super::level::{Level, Task};
use crate::analysis::{DensityWave, WAVE_BLOCK, by_species};
use crate::system::Structure;

/// Lanes that are summed apart: the same for every instruction set, so that its bits are too.
const LANES: usize = 16;

/// ρ_a(Q) for each vector, for each species.
pub(super) fn density_waves(
    level: Level,
    structure: &Structure,
    vectors: &[[i32; 3]],
) -> Vec<DensityWave> {
    let (fixed, ranges) = by_species(structure);
    let axes = [0, 1, 2].map(|k| fixed.iter().map(|r| r[k]).collect::<Vec<u32>>());
    vectors
        .par_iter()
        .flat_map_iter(|&hkl| {
            let axes = &axes;
            ranges.iter().map(move |range| {
                let mut sum = [0.0; 2];
                for start in range.clone().step_by(WAVE_BLOCK) {
                    let end = (start + WAVE_BLOCK).min(range.end);
                    let block = [0, 1, 2].map(|k| &axes[k][start..end]);
                    let part = level.run(Block { hkl: hkl.map(|x| x as u32), block });
                    sum[0] += part[0];
                    sum[1] += part[1];
                }
                sum
            })
        })
        .collect()
}

struct Block<'a> {
    hkl: [u32; 3],
    block: [&'a [u32]; 3],
}

impl Task for Block<'_> {
    type Output = DensityWave;

    // Products and sums are never fused, whatever the instruction set: the bits are the same.
    #[inline(always)]
    fn run<const FMA: bool>(self) -> DensityWave {
        let Self { hkl: [h, k, l], block: [xs, ys, zs] } = self;
        let (mut re, mut im) = ([0.0f32; LANES], [0.0f32; LANES]);
        let whole = xs.len() / LANES * LANES;
        for at in (0..whole).step_by(LANES) {
            let (x, y, z) = (&xs[at..at + LANES], &ys[at..at + LANES], &zs[at..at + LANES]);
            for n in 0..LANES {
                let phase = h
                    .wrapping_mul(x[n])
                    .wrapping_add(k.wrapping_mul(y[n]))
                    .wrapping_add(l.wrapping_mul(z[n]));
                let [cosine, sine] = wave(phase);
                re[n] += cosine;
                im[n] += sine;
            }
        }
        for at in whole..xs.len() {
            let phase = h
                .wrapping_mul(xs[at])
                .wrapping_add(k.wrapping_mul(ys[at]))
                .wrapping_add(l.wrapping_mul(zs[at]));
            let [cosine, sine] = wave(phase);
            re[at - whole] += cosine;
            im[at - whole] += sine;
        }
        [re, im].map(|lanes| lanes.iter().map(|&x| f64::from(x)).sum())
    }
}

/// Cosine and sine of a phase in units of 2⁻³² turns, to 1e-7: as in shaders/analysis/waves.wgsl.
#[inline(always)]
fn wave(phase: u32) -> [f32; 2] {
    // Quarter turns, the nearest of them, and what remains, from −½ to ½.
    let quarters = phase as i32 as f32 * 9.313_226e-10;
    // Adding and taking away 1.5·2²³ rounds without a call.
    let q = (quarters + 12_582_912.0) - 12_582_912.0;
    let r = quarters - q;
    let s = r * r;
    let sine = r
        * (1.570_796_4
            + s * (-0.645_964_1 + s * (0.079_692_63 + s * (-0.004_681_754 + s * 0.000_160_441_2))));
    let cosine = 1.0
        + s * (-1.233_700_5
            + s * (0.253_669_5 + s * (-0.020_863_48 + s * (0.000_919_260_3 - s * 2.520_204_3e-5))));
    // SAFETY: |q| ≤ 2.
    let quarter = unsafe { q.to_int_unchecked::<i32>() };
    let odd = quarter & 1 != 0;
    let (c, s) = if odd { (-sine, cosine) } else { (cosine, sine) };
    if quarter & 2 != 0 { [-c, -s] } else { [c, s] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wave_is_right_at_every_phase() {
        for k in 0..200_000u32 {
            let phase = k.wrapping_mul(2_654_435_761);
            let angle = f64::from(phase as i32) / 4294967296.0 * std::f64::consts::TAU;
            let [cosine, sine] = wave(phase);
            assert!((f64::from(cosine) - angle.cos()).abs() < 2e-7, "{phase}");
            assert!((f64::from(sine) - angle.sin()).abs() < 2e-7, "{phase}");
        }
    }
}
