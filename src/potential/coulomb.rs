//! Damped shifted force Coulomb (Fennell & Gezelter, J. Chem. Phys. 124, 234104 (2006),
//! doi:10.1063/1.2206581).
//!
//! U = k q_i q_j [erfc(αr)/r − erfc(αR)/R + f_c (r−R)], f_c = erfc(αR)/R² + 2α e^(−α²R²)/(√π R).
//! Written with E(s) = erf(α√s)/√s, which is smooth in s = r² where erfc(αr)/r is not:
//! U/(k q_i q_j) = 1/r − E(r²) + f_c r − U₀ and −r dU/dr = 1/r + 2r²E′(r²) − f_c r.

use std::f64::consts::PI;

use super::dual::Dual;
use super::real::{Distance, Real, Term};
use crate::error::{Error, Result};

/// A charge model: damping α and cutoff R.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DampedShiftedForce {
    /// α, inverse length.
    pub damping: f64,
    /// R.
    pub cutoff: f64,
}

impl DampedShiftedForce {
    /// f_c, the shift of the force.
    pub fn force_shift(&self) -> f64 {
        let (a, r) = (self.damping, self.cutoff);
        libm::erfc(a * r) / (r * r) + 2.0 * a * (-a * a * r * r).exp() / (PI.sqrt() * r)
    }

    /// U₀ = erfc(αR)/R + f_c R.
    pub fn energy_shift(&self) -> f64 {
        libm::erfc(self.damping * self.cutoff) / self.cutoff + self.force_shift() * self.cutoff
    }

    /// Constant self energy per k q²: −[α/√π + erfc(αR)/(2R) + f_c R/2] (LAMMPS's convention).
    pub fn self_energy(&self) -> f64 {
        -(self.damping / PI.sqrt() + 0.5 * self.energy_shift())
    }
}

/// E(s) and its slope, exactly or as a fitted polynomial.
pub trait Damping<R> {
    /// (E, 2 dE/ds) at s = r².
    fn erf_over_r(&self, d: &Distance<R>) -> [R; 2];
    /// f_c.
    fn force_shift(&self) -> R;
    /// U₀.
    fn energy_shift(&self) -> R;
}

/// Energy and force of a pair of charges; `qq` = k q_i q_j.
#[inline(always)]
pub fn coulomb_term<R: Real, D: Damping<R>>(qq: R, d: &Distance<R>, damping: &D) -> Term<R> {
    let [e, slope] = damping.erf_over_r(d);
    let shift = damping.force_shift();

    Term {
        energy: qq * (shift.mul_add(d.r, d.inverse - e) - damping.energy_shift()),
        virial: qq * (d.inverse + slope.mul_add(d.r2, -(shift * d.r))),
    }
}

/// The definition in double precision.
impl Damping<f64> for DampedShiftedForce {
    fn erf_over_r(&self, d: &Distance<f64>) -> [f64; 2] {
        let a = self.damping;
        let e = libm::erf(a * d.r) * d.inverse;
        let gauss = 2.0 * a / PI.sqrt() * (-a * a * d.r2).exp();
        // 2 dE/ds = (1/r) dE/dr
        [e, (gauss - e) * d.inverse * d.inverse]
    }

    fn force_shift(&self) -> f64 {
        DampedShiftedForce::force_shift(self)
    }

    fn energy_shift(&self) -> f64 {
        DampedShiftedForce::energy_shift(self)
    }
}

impl Damping<Dual> for DampedShiftedForce {
    fn erf_over_r(&self, d: &Distance<Dual>) -> [Dual; 2] {
        let plain =
            Distance { r2: d.r2.value, r: d.r.value, residual: 0.0, inverse: d.inverse.value };
        let [e, slope] = Damping::<f64>::erf_over_r(self, &plain);
        // The derivative of E itself comes from a difference quotient of E, not from `slope`, so
        // that the proof force = −dU/dr does not assume what it proves.
        let h = 1e-4 * d.r.value;
        let at = |r: f64| libm::erf(self.damping * r) / r;
        let r = d.r.value;
        let by_r =
            (8.0 * (at(r + h) - at(r - h)) - (at(r + 2.0 * h) - at(r - 2.0 * h))) / (12.0 * h);
        [Dual { value: e, derivative: by_r / (2.0 * r) * d.r2.derivative }, Dual::constant(slope)]
    }

    fn force_shift(&self) -> Dual {
        Dual::constant(DampedShiftedForce::force_shift(self))
    }

    fn energy_shift(&self) -> Dual {
        Dual::constant(DampedShiftedForce::energy_shift(self))
    }
}

/// Polynomial fit of E(s) on [0, R²] in t = 2s/R² − 1, and of 2E′(s) as its exact derivative.
#[derive(Debug, Clone, PartialEq)]
pub struct DampingFit {
    /// Coefficients of E in powers of t.
    pub energy: Vec<f32>,
    /// Coefficients of 2 dE/ds in powers of t, one fewer.
    pub slope: Vec<f32>,
    /// 2/R².
    pub scale: f32,
    /// f_c.
    pub force_shift: f32,
    /// U₀.
    pub energy_shift: f32,
    /// Largest error of 2E′ found on a fine grid, evaluated in single precision.
    pub slope_error: f64,
}

/// Numbers of slope coefficients that kernels are built for.
pub const DAMPING_TERMS: [usize; 2] = [11, 17];

impl DampingFit {
    /// The shortest fit whose slope error stays below `2e-6` of 2E′(0), the level at which it
    /// no longer shows beside the rounding of r².
    pub fn new(model: &DampedShiftedForce) -> Result<Self> {
        let scale_of_slope = 4.0 * model.damping.powi(3) / (3.0 * PI.sqrt());
        let mut best = f64::INFINITY;
        for terms in DAMPING_TERMS {
            let fit = Self::with_terms(model, terms);
            if fit.slope_error <= 2e-6 * scale_of_slope {
                return Ok(fit);
            }
            best = best.min(fit.slope_error / scale_of_slope);
        }
        Err(Error::input(
            format!(
                "damping × cutoff = {:.2} is too large for the fitted kernels (relative error {best:.1e})",
                model.damping * model.cutoff
            ),
            "reduce the damping or the Coulomb cutoff, or use --device reference",
        ))
    }

    fn with_terms(model: &DampedShiftedForce, terms: usize) -> Self {
        let degree = terms; // of E; its derivative has `terms` coefficients
        let half = 0.5 * model.cutoff * model.cutoff;
        let value = |t: f64| {
            let s = half * (t + 1.0);
            let r = s.sqrt();
            if r < 1e-4 {
                2.0 * model.damping / PI.sqrt()
            } else {
                libm::erf(model.damping * r) / r
            }
        };
        let energy = chebyshev_to_powers(&chebyshev_fit(value, degree + 1));
        let slope: Vec<f64> = (1..=degree).map(|k| 2.0 / half * k as f64 * energy[k]).collect();
        let mut fit = Self {
            energy: energy.iter().map(|&c| c as f32).collect(),
            slope: slope.iter().map(|&c| c as f32).collect(),
            scale: (1.0 / half) as f32,
            force_shift: model.force_shift() as f32,
            energy_shift: model.energy_shift() as f32,
            slope_error: 0.0,
        };
        for n in 1..=4000 {
            let r = model.cutoff * f64::from(n) / 4000.0;
            let d = f64::distance(r * r);
            let [_, exact] = Damping::<f64>::erf_over_r(model, &d);
            let t = ((r * r) as f32).mul_add(fit.scale, -1.0);
            let fitted = fit.slope.iter().rev().fold(0.0f32, |sum, &c| sum.mul_add(t, c));
            // Near r = 0 the closed form of the slope loses digits; the polynomial does not.
            if r > 0.3 {
                fit.slope_error = fit.slope_error.max((f64::from(fitted) - exact).abs());
            }
        }
        fit
    }
}

/// Chebyshev coefficients of the interpolant at `count` Chebyshev nodes on [−1, 1].
fn chebyshev_fit(f: impl Fn(f64) -> f64, count: usize) -> Vec<f64> {
    let nodes = 4 * count;
    let angle = |k: usize| PI * (k as f64 + 0.5) / nodes as f64;
    let values: Vec<f64> = (0..nodes).map(|k| f(angle(k).cos())).collect();
    (0..count)
        .map(|j| {
            let sum: f64 =
                values.iter().enumerate().map(|(k, v)| v * (j as f64 * angle(k)).cos()).sum();
            sum * if j == 0 { 1.0 } else { 2.0 } / nodes as f64
        })
        .collect()
}

/// Coefficients in powers of t of Σ c_j T_j(t).
fn chebyshev_to_powers(chebyshev: &[f64]) -> Vec<f64> {
    let n = chebyshev.len();
    let mut powers = vec![0.0; n];
    let mut previous = vec![0.0; n];
    let mut current = vec![0.0; n];
    previous[0] = 1.0;
    if n > 1 {
        current[1] = 1.0;
    }
    for (j, &c) in chebyshev.iter().enumerate() {
        let t = if j == 0 { &previous } else { &current };
        for k in 0..n {
            powers[k] += c * t[k];
        }
        if j > 0 {
            let mut next = vec![0.0; n];
            for k in 0..n {
                next[k] = if k > 0 { 2.0 * current[k - 1] } else { 0.0 } - previous[k];
            }
            previous = std::mem::replace(&mut current, next);
        }
    }
    powers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fit_of_the_published_damping() {
        let model = DampedShiftedForce { damping: 0.25, cutoff: 8.0 };
        let fit = DampingFit::new(&model).expect("αR = 2 is easy");
        assert_eq!(fit.slope.len(), 11);
        assert!(fit.slope_error < 2e-8, "{:e}", fit.slope_error);
    }

    #[test]
    fn longer_range_takes_more_terms_and_too_long_is_refused() {
        let fit = DampingFit::new(&DampedShiftedForce { damping: 0.25, cutoff: 12.0 });
        assert_eq!(fit.expect("αR = 3").slope.len(), 17);
        assert!(DampingFit::new(&DampedShiftedForce { damping: 0.6, cutoff: 12.0 }).is_err());
    }

    #[test]
    fn force_and_energy_vanish_at_the_cutoff() {
        let model = DampedShiftedForce { damping: 0.2, cutoff: 9.0 };
        let d = f64::distance(81.0);
        let term = coulomb_term(14.4, &d, &model);
        assert!(term.energy.abs() < 1e-13 && term.virial.abs() < 1e-13);
    }
}
