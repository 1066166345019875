//! Straight lines with errors: diffusion coefficients and Arrhenius laws.

use serde::{Deserialize, Serialize};

use super::errors::{Estimate, FEWEST_BLOCKS};

/// A weighted straight line y = a + b x.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// y at x = 0.
    pub intercept: f64,
    /// Its standard error, from the errors of the points.
    pub intercept_error: f64,
    /// Slope.
    pub slope: f64,
    /// Its standard error.
    pub slope_error: f64,
}

/// Weighted least squares of (x, y, standard error of y); `None` with fewer than two different x.
///
/// The errors are those that the points' errors propagate to; with no error given (0) every point
/// weighs the same and the errors come from the scatter about the line (not a number with two points).
pub fn weighted_line(points: &[(f64, f64, f64)]) -> Option<Line> {
    let known = points.iter().all(|p| p.2 > 0.0 && p.2.is_finite());
    let weight = |p: &(f64, f64, f64)| if known { p.2.powi(-2) } else { 1.0 };
    let w: f64 = points.iter().map(weight).sum();
    let x = points.iter().map(|p| weight(p) * p.0).sum::<f64>() / w;
    let y = points.iter().map(|p| weight(p) * p.1).sum::<f64>() / w;
    let xx: f64 = points.iter().map(|p| weight(p) * (p.0 - x).powi(2)).sum();
    let xy: f64 = points.iter().map(|p| weight(p) * (p.0 - x) * (p.1 - y)).sum();
    if points.len() < 2 || !(xx > 0.0) || !xy.is_finite() {
        return None;
    }
    let slope = xy / xx;
    let intercept = y - slope * x;
    let variance = if known {
        1.0
    } else {
        let squares: f64 = points.iter().map(|p| (p.1 - intercept - slope * p.0).powi(2)).sum();
        squares / (points.len() as f64 - 2.0)
    };
    Some(Line {
        intercept,
        intercept_error: (variance * (1.0 / w + x * x / xx)).sqrt(),
        slope,
        slope_error: (variance / xx).sqrt(),
    })
}

/// An Arrhenius law, value = A exp(−E/kT).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Arrhenius {
    /// Prefactor A, in the value's unit.
    pub prefactor: f64,
    /// Standard error of ln A.
    pub log_prefactor_error: f64,
    /// Activation energy E (metal: eV).
    pub energy: f64,
    /// Its standard error.
    pub energy_error: f64,
    /// Root mean square distance of ln(value) from the law: how little of a law it is.
    pub residual: f64,
}

/// Fits ln(value) against 1/T by weighted least squares to points (T, value, error).
///
/// Points that are not positive are left out; `None` with fewer than three temperatures (apart by
/// more than a hundredth), since two are on any law. `boltzmann` is k in the energy unit wanted.
pub fn arrhenius(points: &[(f64, f64, f64)], boltzmann: f64) -> Option<Arrhenius> {
    let logs: Vec<(f64, f64, f64)> = points
        .iter()
        .filter(|p| p.0 > 0.0 && p.1 > 0.0)
        .map(|&(t, value, error)| (1.0 / t, value.ln(), error / value))
        .collect();
    if temperatures(logs.iter().map(|p| 1.0 / p.0)) < 3 {
        return None;
    }
    let line = weighted_line(&logs)?;
    let squares: f64 = logs.iter().map(|p| (p.1 - line.intercept - line.slope * p.0).powi(2)).sum();
    Some(Arrhenius {
        prefactor: line.intercept.exp(),
        log_prefactor_error: line.intercept_error,
        energy: -line.slope * boltzmann,
        energy_error: line.slope_error * boltzmann,
        residual: (squares / logs.len() as f64).sqrt(),
    })
}

/// How many temperatures there are: those within a hundredth of each other are one.
pub fn temperatures(of: impl Iterator<Item = f64>) -> usize {
    let mut all: Vec<f64> = of.filter(|t| *t > 0.0).collect();
    all.sort_by(f64::total_cmp);
    let mut last = 0.0;
    all.into_iter()
        .filter(|&t| {
            let another = t > 1.01 * last;
            if another {
                last = t;
            }
            another
        })
        .count()
}

/// A diffusion coefficient from the slope of the mean squared displacement.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Diffusion {
    /// D = slope/6 (metal: Å²/ps).
    pub coefficient: Estimate,
    /// Shortest and longest time of the fit.
    pub window: [f64; 2],
    /// Exponent of the mean squared displacement within the window: 1 is diffusion, less is still
    /// caged, and D is then no diffusion coefficient.
    pub exponent: f64,
}

impl Diffusion {
    /// True if the exponent is within 0.2 of 1.
    pub fn is_diffusive(&self) -> bool {
        (self.exponent - 1.0).abs() < 0.2
    }
}

/// Fits a straight line to the mean squared displacement, given at each time as sums over blocks
/// [number, Σr², …]; the error is the jackknife's, from fits without one block at a time. `None` with
/// fewer than three times.
pub(super) fn diffusion(sums: &[(f64, Vec<Vec<f64>>)]) -> Option<Diffusion> {
    let curve = |without: usize| -> Vec<(f64, f64)> {
        let mean = |blocks: &[Vec<f64>]| {
            let used = blocks.iter().enumerate().filter(|&(b, _)| b != without);
            let (n, r2) = used.fold((0.0, 0.0), |s, (_, x)| (s.0 + x[0], s.1 + x[1]));
            r2 / n
        };
        sums.iter().map(|(t, blocks)| (*t, mean(blocks))).filter(|p| p.1.is_finite()).collect()
    };
    // The error of a mean squared displacement grows with itself.
    let coefficient = |curve: &[(f64, f64)]| {
        let points: Vec<(f64, f64, f64)> = curve.iter().map(|&(t, y)| (t, y, t)).collect();
        weighted_line(&points).map(|l| l.slope / 6.0)
    };
    let all = curve(usize::MAX);
    if all.len() < 3 || all[0].0 <= 0.0 {
        return None;
    }
    let logs: Vec<(f64, f64, f64)> =
        all.iter().filter(|p| p.1 > 0.0).map(|p| (p.0.ln(), p.1.ln(), 1.0)).collect();
    let exponent = weighted_line(&logs).map_or(f64::NAN, |l| l.slope);
    // The last blocks of time hold no origins of the longest lags.
    let filled =
        |b: &usize| sums.iter().all(|(_, blocks)| blocks.get(*b).is_some_and(|x| x[0] > 0.0));
    let blocks = sums.iter().map(|s| s.1.len()).max().unwrap_or(0);
    let parts: Vec<f64> =
        (0..blocks).filter(filled).filter_map(|b| coefficient(&curve(b))).collect();
    let n = parts.len() as f64;
    let mean = parts.iter().sum::<f64>() / n;
    let squares: f64 = parts.iter().map(|d| (d - mean).powi(2)).sum();
    let error = (parts.len() >= FEWEST_BLOCKS).then(|| ((n - 1.0) / n * squares).sqrt());
    Some(Diffusion {
        coefficient: Estimate { value: coefficient(&all)?, error },
        window: [all[0].0, all[all.len() - 1].0],
        exponent,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{RandomStream, Stream};

    #[test]
    fn an_arrhenius_law_comes_back_with_its_errors() {
        let k = 8.617333262e-5;
        let exact = |t: f64| 30.0 * (-0.7 / (k * t)).exp();
        let stream = RandomStream::new(8, Stream::Sampling);
        let mut within = 0;
        for trial in 0..100 {
            let points: Vec<(f64, f64, f64)> = (0..8)
                .map(|n| {
                    let t = 800.0 + 200.0 * f64::from(n);
                    let noise = 1.0 + 0.05 * stream.normal_pair(trial, n, 0)[0];
                    (t, exact(t) * noise, 0.05 * exact(t))
                })
                .collect();
            let fit = arrhenius(&points, k).expect("eight points");
            assert!((fit.energy - 0.7).abs() < 5.0 * fit.energy_error);
            within += usize::from((fit.energy - 0.7).abs() < fit.energy_error);
        }
        assert!((55..=82).contains(&within), "{within} of 100 within one standard error");
        let two = [(1000.0, 1.0, 0.1), (2000.0, 2.0, 0.1)];
        assert!(arrhenius(&two, k).is_none());
        let twice = [two[0], (1001.0, 1.1, 0.1), two[1], (2001.0, 2.1, 0.1)];
        assert!(arrhenius(&twice, k).is_none(), "two temperatures, each twice");
        // Values that are not positive have no logarithm.
        assert!(arrhenius(&[two[0], two[1], (1500.0, 0.0, 0.1)], k).is_none());
    }

    #[test]
    fn lines_with_and_without_errors() {
        let points = [(0.0, 1.0, 0.0), (1.0, 3.0, 0.0), (2.0, 5.0, 0.0)];
        let line = weighted_line(&points).expect("a line");
        assert!((line.slope - 2.0).abs() < 1e-12 && (line.intercept - 1.0).abs() < 1e-12);
        assert!(line.slope_error < 1e-9);
        assert!(weighted_line(&points[..1]).is_none());
        assert!(weighted_line(&[points[0], points[0]]).is_none());
    }
}
