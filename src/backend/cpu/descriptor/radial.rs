//! Sums of Gaussians of distances.

use super::gather::Points;
use super::lanes::{LANES, cutoff_function, exp2, fma, total};
use crate::descriptor::RadialFunction;

#[derive(Debug)]
pub(super) struct Radial {
    centres: Vec<f32>,
    /// −η log₂ e.
    rates: Vec<f32>,
    /// 1/R_c, where there is a cutoff function.
    inverse_cutoff: Option<f32>,
}

impl Radial {
    pub fn new(functions: &[RadialFunction], cutoff_function: bool, cutoff: f64) -> Self {
        Self {
            centres: functions.iter().map(|f| f.centre as f32).collect(),
            rates: functions.iter().map(|f| (-f.eta * std::f64::consts::LOG2_E) as f32).collect(),
            inverse_cutoff: cutoff_function.then_some((1.0 / cutoff) as f32),
        }
    }

    #[inline(always)]
    pub fn sums<const FMA: bool>(&self, groups: &mut [Points], sums: &mut [f64]) {
        let count = self.centres.len();
        for (points, sums) in groups.iter_mut().zip(sums.chunks_mut(count)) {
            points.pad();
            let padded = points.padded();
            if let Some(inverse) = self.inverse_cutoff {
                for k in 0..padded {
                    points.weight[k] *= cutoff_function::<FMA>(points.r[k] * inverse);
                }
            }
            let (r, weight) = (&points.r[..padded], &points.weight[..padded]);
            for f in 0..count {
                let (centre, rate) = (self.centres[f], self.rates[f]);
                let mut sum = [0f32; LANES];
                for (r, weight) in r.chunks_exact(LANES).zip(weight.chunks_exact(LANES)) {
                    for k in 0..LANES {
                        let d = r[k] - centre;
                        sum[k] = fma::<FMA>(weight[k], exp2::<FMA>(rate * d * d), sum[k]);
                    }
                }
                sums[f] = total(&sum);
            }
        }
    }
}
