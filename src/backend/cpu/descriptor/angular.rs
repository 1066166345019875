//! Sums over triangles of a centre and two neighbours.
//!
//! Many functions share η, or λ and ζ: each exponential and each power is made once for a pair.

use super::gather::Points;
use super::lanes::{LANES, Lane, cutoff_function, exp2, fma, total};
use crate::descriptor::AngularFunction;

#[derive(Debug)]
pub(super) struct Angular {
    /// Distinct −η log₂ e.
    rates: Vec<f32>,
    /// Distinct (λ, ζ).
    powers: Vec<(f32, Power)>,
    /// Which rate and which power each function has.
    factors: Vec<(usize, usize)>,
    /// Factors for two groups and for one.
    scales: Vec<[f64; 2]>,
    third_side: bool,
    inverse_cutoff: Option<f32>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Power {
    Whole(u32),
    Any(f32),
}

/// Work space of a thread.
#[derive(Debug, Default)]
pub(super) struct Space {
    sums: Vec<Lane>,
    exponentials: Vec<Lane>,
    powers: Vec<Lane>,
}

fn position<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter().position(|x| *x == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    })
}

impl Angular {
    pub fn new(
        functions: &[AngularFunction],
        third_side: bool,
        cutoff_function: bool,
        cutoff: f64,
    ) -> Self {
        let (mut rates, mut powers) = (Vec::new(), Vec::new());
        let factors = functions
            .iter()
            .map(|f| {
                let rate = (-f.eta * std::f64::consts::LOG2_E) as f32;
                let power = if f.zeta.fract() == 0.0 {
                    Power::Whole(f.zeta as u32)
                } else {
                    Power::Any(f.zeta as f32)
                };
                (position(&mut rates, rate), position(&mut powers, (f.lambda as f32, power)))
            })
            .collect();
        Self {
            rates,
            powers,
            factors,
            scales: functions.iter().map(|f| [f.scale, f.scale_same]).collect(),
            third_side,
            inverse_cutoff: cutoff_function.then_some((1.0 / cutoff) as f32),
        }
    }

    #[inline(always)]
    pub fn sums<const FMA: bool>(
        &self,
        groups: &mut [Points],
        space: &mut Space,
        sums: &mut [f64],
    ) {
        for points in groups.iter_mut() {
            points.pad();
            if let Some(inverse) = self.inverse_cutoff {
                for k in 0..points.padded() {
                    points.weight[k] *= cutoff_function::<FMA>(points.r[k] * inverse);
                }
            }
        }
        space.exponentials.resize(self.rates.len(), [0.0; LANES]);
        space.powers.resize(self.powers.len(), [0.0; LANES]);
        let count = self.factors.len();
        let mut blocks = sums.chunks_mut(count);
        for a in 0..groups.len() {
            for b in a..groups.len() {
                space.sums.clear();
                space.sums.resize(count, [0.0; LANES]);
                self.pairs::<FMA>(&groups[a], &groups[b], a == b, space);
                let Some(block) = blocks.next() else { return };
                for f in 0..count {
                    block[f] = self.scales[f][usize::from(a == b)] * total(&space.sums[f]);
                }
            }
        }
    }

    #[inline(always)]
    fn pairs<const FMA: bool>(&self, js: &Points, ks: &Points, same: bool, space: &mut Space) {
        let padded = ks.padded();
        for p in 0..js.len {
            let (xj, yj, zj, rj) = (js.x[p], js.y[p], js.z[p], js.r[p]);
            let (weight_j, id) = (js.weight[p], js.id[p]);
            let inverse_j = 1.0 / rj;
            // Within one group each pair once: k behind j.
            let mut first = if same { (p + 1) / LANES * LANES } else { 0 };
            while first < padded {
                let lanes = first..first + LANES;
                let (x, y, z) = (&ks.x[lanes.clone()], &ks.y[lanes.clone()], &ks.z[lanes.clone()]);
                let (r, w) = (&ks.r[lanes.clone()], &ks.weight[lanes.clone()]);
                let ids = &ks.id[lanes];
                let mut cosine: Lane = [0.0; LANES];
                let mut square: Lane = [0.0; LANES];
                let mut weight: Lane = [0.0; LANES];
                for k in 0..LANES {
                    let dot = fma::<FMA>(xj, x[k], fma::<FMA>(yj, y[k], zj * z[k]));
                    cosine[k] = dot * inverse_j / r[k];
                    let (dx, dy, dz) = (xj - x[k], yj - y[k], zj - z[k]);
                    let third = fma::<FMA>(dx, dx, fma::<FMA>(dy, dy, dz * dz));
                    let two = fma::<FMA>(rj, rj, r[k] * r[k]);
                    square[k] = if self.third_side { two + third } else { two };
                    let counts = if same { first + k > p } else { ids[k] != id };
                    weight[k] = if counts { weight_j * w[k] } else { 0.0 };
                    if let (true, Some(inverse)) = (self.third_side, self.inverse_cutoff) {
                        weight[k] *= cutoff_function::<FMA>(third.sqrt() * inverse);
                    }
                }
                for (rate, e) in self.rates.iter().zip(&mut space.exponentials) {
                    for k in 0..LANES {
                        e[k] = weight[k] * exp2::<FMA>(rate * square[k]);
                    }
                }
                for (&(lambda, power), values) in self.powers.iter().zip(&mut space.powers) {
                    raise::<FMA>(lambda, power, &cosine, values);
                }
                for (&(e, q), sum) in self.factors.iter().zip(&mut space.sums) {
                    let (e, q) = (&space.exponentials[e], &space.powers[q]);
                    for k in 0..LANES {
                        sum[k] = fma::<FMA>(e[k], q[k], sum[k]);
                    }
                }
                first += LANES;
            }
        }
    }
}

/// (1 + λ cos θ)^ζ.
#[inline(always)]
fn raise<const FMA: bool>(lambda: f32, power: Power, cosine: &Lane, values: &mut Lane) {
    let mut base: Lane = [0.0; LANES];
    for k in 0..LANES {
        let b = fma::<FMA>(lambda, cosine[k], 1.0);
        base[k] = if b > 0.0 { b } else { 0.0 };
    }
    match power {
        Power::Whole(mut n) => {
            *values = [1.0; LANES];
            while n > 0 {
                if n & 1 == 1 {
                    for k in 0..LANES {
                        values[k] *= base[k];
                    }
                }
                for k in 0..LANES {
                    base[k] *= base[k];
                }
                n >>= 1;
            }
        }
        Power::Any(zeta) => {
            for k in 0..LANES {
                values[k] = base[k].powf(zeta);
            }
        }
    }
}
