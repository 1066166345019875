//! Expansion coefficients c_nlm and their power spectrum.
//!
//! The orthonormal radial functions are tabulated: orthonormalising after a sum in single
//! precision would subtract numbers hundreds of times larger than the result.

use super::gather::Points;
use super::harmonics::Harmonics;
use super::lanes::{LANES, Lane, fma};
use crate::descriptor::SoapKernel;

/// Radial functions side by side.
const CHUNK: usize = 8;

#[derive(Debug)]
pub(super) struct Soap {
    n_max: usize,
    /// n_max in whole chunks.
    n_padded: usize,
    l_max: usize,
    table: Vec<f32>,
    inverse_step: f32,
    harmonics: Harmonics,
}

/// Work space of a thread.
#[derive(Debug, Default)]
pub(super) struct Space {
    angular: Vec<Lane>,
    /// Radial functions of each lane's neighbour.
    radial: Vec<f32>,
    /// c, index (group·(l+1)² + lm)·n_padded + n.
    coefficients: Vec<f32>,
}

impl Soap {
    pub fn new(kernel: &SoapKernel) -> Self {
        let n_padded = kernel.n_max.next_multiple_of(CHUNK);
        let table = kernel
            .table
            .chunks(kernel.n_max)
            .flat_map(|row| {
                let padding = std::iter::repeat_n(0.0, n_padded - row.len());
                row.iter().map(|&x| x as f32).chain(padding)
            })
            .collect();
        Self {
            n_max: kernel.n_max,
            n_padded,
            l_max: kernel.l_max,
            table,
            inverse_step: (1.0 / kernel.step) as f32,
            harmonics: Harmonics::new(kernel.l_max),
        }
    }

    #[inline(always)]
    pub fn sums<const FMA: bool>(
        &self,
        groups: &mut [Points],
        centre_groups: u32,
        space: &mut Space,
        sums: &mut [f64],
    ) {
        let part = self.harmonics.count() * self.n_padded;
        space.angular.resize(self.harmonics.count(), [0.0; LANES]);
        space.radial.resize(LANES * (self.l_max + 1) * self.n_padded, 0.0);
        space.coefficients.clear();
        space.coefficients.resize(groups.len() * part, 0.0);
        for (g, points) in groups.iter_mut().enumerate() {
            if centre_groups >> g & 1 == 1 {
                points.push_centre();
            }
            points.pad();
            let mut first = 0;
            while first < points.padded() {
                self.harmonics.evaluate::<FMA>(points, first, &mut space.angular);
                self.radial::<FMA>(&points.r[first..first + LANES], &mut space.radial);
                self.add::<FMA>(
                    &space.angular,
                    &space.radial,
                    &mut space.coefficients[g * part..(g + 1) * part],
                );
                first += LANES;
            }
        }
        self.power::<FMA>(&space.coefficients, groups.len(), sums);
    }

    /// g_nl at each lane's distance, interpolated by four points.
    #[inline(always)]
    fn radial<const FMA: bool>(&self, r: &[f32], radial: &mut [f32]) {
        let width = (self.l_max + 1) * self.n_padded;
        for k in 0..LANES {
            let u = r[k] * self.inverse_step;
            let row = u as usize;
            let t = u - row as f32;
            let (a, b, c) = (t + 1.0, t - 1.0, t - 2.0);
            let w = [-t * b * c / 6.0, a * b * c * 0.5, -a * t * c * 0.5, a * t * b / 6.0];
            let rows = &self.table[row * width..(row + 4) * width];
            let (first, rest) = rows.split_at(width);
            let (second, rest) = rest.split_at(width);
            let (third, fourth) = rest.split_at(width);
            let to = &mut radial[k * width..(k + 1) * width];
            for i in 0..width {
                let outer = fma::<FMA>(w[0], first[i], w[3] * fourth[i]);
                to[i] = fma::<FMA>(w[1], second[i], fma::<FMA>(w[2], third[i], outer));
            }
        }
    }

    /// c_nlm += g_nl Y_lm over the lanes.
    #[inline(always)]
    fn add<const FMA: bool>(&self, angular: &[Lane], radial: &[f32], coefficients: &mut [f32]) {
        let width = (self.l_max + 1) * self.n_padded;
        for l in 0..=self.l_max {
            for n in (0..self.n_padded).step_by(CHUNK) {
                let column = l * self.n_padded + n;
                for lm in l * l..(l + 1) * (l + 1) {
                    let to = &mut coefficients[lm * self.n_padded + n..][..CHUNK];
                    let mut sum = [0f32; CHUNK];
                    sum.copy_from_slice(to);
                    for k in 0..LANES {
                        let from = &radial[k * width + column..][..CHUNK];
                        for i in 0..CHUNK {
                            sum[i] = fma::<FMA>(angular[lm][k], from[i], sum[i]);
                        }
                    }
                    to.copy_from_slice(&sum);
                }
            }
        }
    }

    #[inline(always)]
    fn power<const FMA: bool>(&self, coefficients: &[f32], groups: usize, sums: &mut [f64]) {
        let part = self.harmonics.count() * self.n_padded;
        let mut at = 0;
        for a in 0..groups {
            for b in a..groups {
                let (ca, cb) =
                    (&coefficients[a * part..][..part], &coefficients[b * part..][..part]);
                for l in 0..=self.l_max {
                    let factor = std::f64::consts::PI * (8.0 / (2 * l + 1) as f64).sqrt();
                    for n in 0..self.n_max {
                        let lowest = if a == b { n } else { 0 };
                        for chunk in (lowest / CHUNK * CHUNK..self.n_max).step_by(CHUNK) {
                            let mut sum = [0f32; CHUNK];
                            for lm in l * l..(l + 1) * (l + 1) {
                                let one = ca[lm * self.n_padded + n];
                                let other = &cb[lm * self.n_padded + chunk..][..CHUNK];
                                for i in 0..CHUNK {
                                    sum[i] = fma::<FMA>(one, other[i], sum[i]);
                                }
                            }
                            for i in lowest.max(chunk)..self.n_max.min(chunk + CHUNK) {
                                sums[at] = factor * f64::from(sum[i - chunk]);
                                at += 1;
                            }
                        }
                    }
                }
            }
        }
    }
}
