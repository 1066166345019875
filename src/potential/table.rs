//! Tabulated pair potentials.
//!
//! A user's table (r, U) becomes a natural cubic spline in r: that is its definition, and what
//! `reference` evaluates. `cpu` and `gpu` use cubics in s = r² on a uniform grid with the spline's
//! values and slopes at the nodes, so force and energy belong together exactly; the same route
//! serves smooth truncation and force fields that mix forms.

use super::real::{Real, Term};
use crate::error::{Error, Result};

/// Natural cubic spline through points of increasing abscissa.
#[derive(Debug, Clone, PartialEq)]
pub struct CubicSpline {
    x: Vec<f64>,
    y: Vec<f64>,
    second: Vec<f64>,
}

impl CubicSpline {
    /// The spline through at least four points (r, U) with r increasing.
    pub fn new(x: Vec<f64>, y: Vec<f64>) -> Result<Self> {
        let n = x.len();
        if n < 4 || y.len() != n {
            return Err(Error::input(
                format!("a tabulated potential needs at least 4 points, got {n}"),
                "give more rows of r and energy",
            ));
        }
        if x.iter().chain(&y).any(|v| !v.is_finite()) || x[0] <= 0.0 {
            return Err(Error::input(
                "a tabulated potential holds a value that is not finite or r ≤ 0",
                "give finite numbers with r > 0",
            ));
        }
        if let Some(row) = x.windows(2).position(|w| w[1] <= w[0]) {
            return Err(Error::input(
                format!("r does not increase at row {} of a tabulated potential", row + 2),
                "sort the rows by r and remove repeated distances",
            ));
        }
        let mut second = vec![0.0; n];
        let mut work = vec![0.0; n];
        for i in 1..n - 1 {
            let sig = (x[i] - x[i - 1]) / (x[i + 1] - x[i - 1]);
            let p = sig * second[i - 1] + 2.0;
            second[i] = (sig - 1.0) / p;
            let jump =
                (y[i + 1] - y[i]) / (x[i + 1] - x[i]) - (y[i] - y[i - 1]) / (x[i] - x[i - 1]);
            work[i] = (6.0 * jump / (x[i + 1] - x[i - 1]) - sig * work[i - 1]) / p;
        }
        for i in (0..n - 1).rev() {
            second[i] = second[i] * second[i + 1] + work[i];
        }
        Ok(Self { x, y, second })
    }

    /// First tabulated r.
    pub fn start(&self) -> f64 {
        self.x[0]
    }

    /// Last tabulated r.
    pub fn end(&self) -> f64 {
        self.x[self.x.len() - 1]
    }

    /// Value and slope at r; linear continuation outside the table.
    pub fn evaluate(&self, r: f64) -> [f64; 2] {
        let inside = r.clamp(self.start(), self.end());
        let hi = self.x.partition_point(|&x| x <= inside).clamp(1, self.x.len() - 1);
        let lo = hi - 1;
        let h = self.x[hi] - self.x[lo];
        let a = (self.x[hi] - inside) / h;
        let b = 1.0 - a;
        let value = a * self.y[lo]
            + b * self.y[hi]
            + ((a * a * a - a) * self.second[lo] + (b * b * b - b) * self.second[hi]) * h * h / 6.0;
        let slope = (self.y[hi] - self.y[lo]) / h
            + ((3.0 * b * b - 1.0) * self.second[hi] - (3.0 * a * a - 1.0) * self.second[lo]) * h
                / 6.0;
        [value + slope * (r - inside), slope]
    }
}

/// Intervals of a kernel table.
pub const TABLE_INTERVALS: usize = 4096;

/// Cubics in s = r² on a uniform grid: U = c₀ + c₁t + c₂t² + c₃t³ with t ∈ [0, 1) per interval.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelTable {
    /// s of the first node.
    pub start: f64,
    /// Interval in s.
    pub step: f64,
    /// Four coefficients an interval.
    pub coefficients: Vec<[f32; 4]>,
}

impl KernelTable {
    /// The table of a pair function between two distances.
    pub fn new(term: impl Fn(f64) -> Term<f64>, from: f64, to: f64) -> Self {
        let (start, end) = (from * from, to * to);
        let step = (end - start) / TABLE_INTERVALS as f64;
        // Value and slope per interval of t at both ends; −2 s dU/ds = virial.
        let node = |k: usize| {
            let s = start + step * k as f64;
            // The last node lies inside: at the cutoff itself the potential is already cut.
            let t = term(if k == TABLE_INTERVALS { s * (1.0 - 1e-14) } else { s });
            [t.energy, -0.5 * t.virial / s * step]
        };
        let mut left = node(0);
        let coefficients = (0..TABLE_INTERVALS)
            .map(|k| {
                let right = node(k + 1);
                let rise = right[0] - left[0];
                let c = [
                    left[0],
                    left[1],
                    3.0 * rise - 2.0 * left[1] - right[1],
                    left[1] + right[1] - 2.0 * rise,
                ];
                left = right;
                c.map(|x| x as f32)
            })
            .collect();
        Self { start, step, coefficients }
    }
}

/// A cubic piece at t; below the table (t < 0) the tangent continues.
#[inline(always)]
pub fn cubic_piece<R: Real>(c: [R; 4], t: R, minus_two_over_step: R, r2: R) -> Term<R> {
    let zero = R::constant(0.0);
    let u = R::select(t.less(zero), zero, t);
    let curve = u.mul_add(c[3], c[2]);
    Term {
        energy: t.mul_add(c[1], c[0]) + u * u * curve,
        virial: r2 * minus_two_over_step * u.mul_add(curve + u.mul_add(c[3], curve), c[1]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spline_reproduces_a_smooth_function() {
        let x: Vec<f64> = (0..200).map(|i| 0.8 + 0.02 * f64::from(i)).collect();
        let y = x.iter().map(|r| r.powi(-6)).collect();
        let spline = CubicSpline::new(x, y).expect("sound");
        for r in [1.203, 2.0, 3.111] {
            let [value, slope] = spline.evaluate(r);
            assert!((value * r.powi(6) - 1.0).abs() < 1e-5);
            assert!((slope * r.powi(7) / -6.0 - 1.0).abs() < 1e-3);
        }
    }

    #[test]
    fn bad_tables_are_refused() {
        assert!(CubicSpline::new(vec![1.0, 2.0, 3.0], vec![0.0; 3]).is_err());
        assert!(CubicSpline::new(vec![1.0, 2.0, 2.0, 3.0], vec![0.0; 4]).is_err());
        assert!(CubicSpline::new(vec![1.0, 2.0, 3.0, f64::NAN], vec![0.0; 4]).is_err());
        assert!(CubicSpline::new(vec![0.0, 2.0, 3.0, 4.0], vec![0.0; 4]).is_err());
    }

    #[test]
    fn cubic_pieces_keep_force_and_energy_together() {
        let f = |s: f64| {
            let i6 = s.powi(-3);
            Term { energy: 4.0 * (i6 * i6 - i6), virial: 24.0 * (2.0 * i6 * i6 - i6) }
        };
        let table = KernelTable::new(f, 0.8, 2.5);
        for k in 0..3000 {
            let s = 0.81 + f64::from(k) * 0.0017;
            let u = (s - table.start) / table.step;
            let index = u.floor() as usize;
            let c = table.coefficients[index].map(f64::from);
            let piece = cubic_piece(c, u - u.floor(), -2.0 / table.step, s);
            let exact = f(s);
            assert!((piece.energy - exact.energy).abs() < 1e-6 * exact.energy.abs().max(1.0));
            assert!((piece.virial - exact.virial).abs() < 2e-5 * exact.virial.abs().max(1.0));
        }
    }
}
