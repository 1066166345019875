//! Spherical harmonics of neighbours, sixteen at a time, and their mean.

use super::gather::Points;
use super::lanes::{LANES, Lane, fma, total};
use crate::descriptor::RealHarmonics;

/// Coefficients in single precision.
#[derive(Debug)]
pub(super) struct Harmonics {
    l_max: usize,
    diagonal: Vec<f32>,
    recursion: Vec<[f32; 2]>,
}

impl Harmonics {
    pub fn new(l_max: usize) -> Self {
        let exact = RealHarmonics::new(l_max);
        Self {
            l_max,
            diagonal: exact.diagonal.iter().map(|&x| x as f32).collect(),
            recursion: exact.recursion.iter().map(|r| r.map(|x| x as f32)).collect(),
        }
    }

    /// Number of functions.
    pub fn count(&self) -> usize {
        (self.l_max + 1) * (self.l_max + 1)
    }

    /// Y_lm of the unit vectors of one lane-full of points, times their weights.
    #[inline(always)]
    pub fn evaluate<const FMA: bool>(&self, points: &Points, first: usize, values: &mut [Lane]) {
        let lanes = first..first + LANES;
        let (px, py, pz) =
            (&points.x[lanes.clone()], &points.y[lanes.clone()], &points.z[lanes.clone()]);
        let (r, weight) = (&points.r[lanes.clone()], &points.weight[lanes]);
        let (mut x, mut y, mut z): (Lane, Lane, Lane) = Default::default();
        let (mut re, mut im): (Lane, Lane) = Default::default();
        for k in 0..LANES {
            // At the centre itself only l = 0 counts, for which any vector will do.
            let inverse = if r[k] > 0.0 { 1.0 / r[k] } else { 0.0 };
            (x[k], y[k], z[k]) = (px[k] * inverse, py[k] * inverse, pz[k] * inverse);
            (re[k], im[k]) = (weight[k], 0.0);
        }
        for m in 0..=self.l_max {
            let mut before: Lane = [0.0; LANES];
            let mut here: Lane = [self.diagonal[m]; LANES];
            for l in m..=self.l_max {
                if l > m {
                    let [a, b] = self.recursion[l * l + l + m];
                    for k in 0..LANES {
                        let next = a * fma::<FMA>(z[k], here[k], b * before[k]);
                        before[k] = here[k];
                        here[k] = next;
                    }
                }
                let value = &mut values[l * l + l + m];
                for k in 0..LANES {
                    value[k] = here[k] * re[k];
                }
                if m > 0 {
                    let value = &mut values[l * l + l - m];
                    for k in 0..LANES {
                        value[k] = here[k] * im[k];
                    }
                }
            }
            for k in 0..LANES {
                let turned = fma::<FMA>(x[k], re[k], -y[k] * im[k]);
                im[k] = fma::<FMA>(x[k], im[k], y[k] * re[k]);
                re[k] = turned;
            }
        }
    }
}

/// q_lm.
#[derive(Debug)]
pub(super) struct MeanHarmonics {
    harmonics: Harmonics,
    degrees: Vec<usize>,
}

impl MeanHarmonics {
    pub fn new(degrees: &[usize]) -> Self {
        let l_max = degrees.last().copied().unwrap_or(0);
        Self { harmonics: Harmonics::new(l_max), degrees: degrees.to_vec() }
    }

    #[inline(always)]
    pub fn sums<const FMA: bool>(
        &self,
        groups: &mut [Points],
        values: &mut Vec<Lane>,
        sums: &mut [f64],
    ) {
        values.resize(self.harmonics.count(), [0.0; LANES]);
        let width: usize = self.degrees.iter().map(|l| 2 * l + 1).sum();
        for (points, sums) in groups.iter_mut().zip(sums.chunks_mut(width)) {
            points.pad();
            sums.fill(0.0);
            let mut first = 0;
            while first < points.padded() {
                self.harmonics.evaluate::<FMA>(points, first, values);
                let mut at = 0;
                for &l in &self.degrees {
                    for value in &values[l * l..(l + 1) * (l + 1)] {
                        sums[at] += total(value);
                        at += 1;
                    }
                }
                first += LANES;
            }
            let number = points.len.max(1) as f64;
            for sum in sums.iter_mut() {
                *sum /= number;
            }
        }
    }
}
