//! Features with mean 0 and variance 1.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::Samples;
use crate::error::{Error, Result};

/// A deviation below this part of the largest of the features that differ in r alone is none.
const SMALL: f64 = 1e-4;
/// A deviation below this part of the largest of the same kind of feature (the first word of its name) is
/// none: features of one kind may well span many decades, but not this many.
const VANISHING: f64 = 1e-12;

/// The name of a feature without its r=…, and r; `None` without one. Features that differ in r alone are
/// one function at several distances.
pub(crate) fn curve_and_radius(name: &str) -> Option<(String, f64)> {
    let mut r = None;
    let others: Vec<&str> = name
        .split_whitespace()
        .filter(|word| match word.strip_prefix("r=").map(str::parse::<f64>) {
            Some(Ok(value)) => {
                r = Some(value);
                false
            }
            _ => true,
        })
        .collect();
    Some((others.join(" "), r?))
}

/// x → (x − mean)/deviation, for the features that vary at all.
///
/// Weights of standardised features can be compared with each other. The deviation is the
/// population's, √(Σ(x − mean)²/n).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standardizer {
    /// Indices of the features that are kept, ascending.
    pub kept: Vec<usize>,
    /// Mean of each kept feature.
    pub mean: Vec<f64>,
    /// Standard deviation of each kept feature.
    pub deviation: Vec<f64>,
}

impl Standardizer {
    /// Learns means and deviations. A feature that is the same in all samples (to rounding) tells nothing
    /// that could be measured and is not kept; nor is one whose deviation is below 1e-4 of the largest
    /// among the features that differ from it in r alone (a Gaussian where hardly ever a neighbour is), or
    /// below 1e-12 of the largest of its kind. An error if none is left.
    pub fn fit(samples: &Samples) -> Result<Self> {
        let (n, columns) = (samples.len() as f64, samples.columns.len());
        let mut mean = vec![0.0; columns];
        for row in samples.features.chunks_exact(columns.max(1)) {
            for (m, x) in mean.iter_mut().zip(row) {
                *m += x / n;
            }
        }
        let mut variance = vec![0.0; columns];
        for row in samples.features.chunks_exact(columns.max(1)) {
            for (k, x) in row.iter().enumerate() {
                variance[k] += (x - mean[k]).powi(2) / n;
            }
        }
        let kind = |k: usize| samples.columns[k].split_whitespace().next().unwrap_or("");
        let curve: Vec<Option<String>> =
            samples.columns.iter().map(|name| curve_and_radius(name).map(|c| c.0)).collect();
        let mut largest: HashMap<&str, f64> = HashMap::new();
        let mut of_curve: HashMap<&str, f64> = HashMap::new();
        for k in 0..columns {
            let deviation = variance[k].sqrt();
            let of = largest.entry(kind(k)).or_insert(0.0);
            *of = of.max(deviation);
            if let Some(curve) = &curve[k] {
                let of = of_curve.entry(curve).or_insert(0.0);
                *of = of.max(deviation);
            }
        }
        // Features come in single precision: less than its rounding is no variation. Tails of
        // Gaussians far from every neighbour vary much relative to themselves, and mean nothing.
        let varies = |k: &usize| {
            let deviation = variance[*k].sqrt();
            deviation > 1e-6 * mean[*k].abs().max(1e-12)
                && deviation > VANISHING * largest[kind(*k)]
                && curve[*k].as_deref().is_none_or(|c| deviation > SMALL * of_curve[c])
        };
        let kept: Vec<usize> = (0..columns).filter(varies).collect();
        if kept.is_empty() {
            return Err(Error::input(
                format!("none of the {columns} features varies between the samples"),
                "check the descriptor's cutoff and species",
            ));
        }
        Ok(Self {
            mean: kept.iter().map(|&k| mean[k]).collect(),
            deviation: kept.iter().map(|&k| variance[k].sqrt()).collect(),
            kept,
        })
    }

    /// Standardised features of rows of `columns` features each.
    pub fn apply(&self, features: &[f64], columns: usize) -> Vec<f64> {
        let mut out = Vec::with_capacity(features.len() / columns.max(1) * self.kept.len());
        for row in features.chunks_exact(columns.max(1)) {
            for (j, &k) in self.kept.iter().enumerate() {
                out.push((row[k] - self.mean[j]) / self.deviation[j]);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_vanish_and_constants_are_left_out() {
        let mut samples = Samples::new(vec!["a".into(), "same".into(), "b".into()]);
        let rows = [1.0, 7.0, 10.0, 2.0, 7.0, 30.0, 6.0, 7.0, 20.0];
        samples.extend(&rows, &[true, false, true], 0).expect("three");
        let s = Standardizer::fit(&samples).expect("two vary");
        assert_eq!(s.kept, [0, 2]);
        let x = s.apply(&rows, 3);
        for k in 0..2 {
            let column: Vec<f64> = x.chunks(2).map(|r| r[k]).collect();
            let squares: f64 = column.iter().map(|v| v * v).sum();
            assert!(column.iter().sum::<f64>().abs() < 1e-12 && (squares - 3.0).abs() < 1e-12);
        }
        let constant = samples.select_columns(&[1]);
        assert!(Standardizer::fit(&constant).is_err());
    }

    #[test]
    fn tails_without_neighbours_are_left_out() {
        let names = ["radial A-A r=0.1", "radial A-A r=1", "other r=0.1"].map(String::from);
        let mut samples = Samples::new(names.to_vec());
        // Zero to any physical precision, and yet of large relative deviation.
        let rows = [1e-17, 1.0, 1e-9, 9e-17, 2.0, 2e-9, 0.0, 4.0, 4e-9];
        samples.extend(&rows, &[true, false, true], 0).expect("three");
        assert_eq!(Standardizer::fit(&samples).expect("two vary").kept, [1, 2]);
    }

    #[test]
    fn features_of_one_kind_may_span_many_decades() {
        // Angular functions of a short and of a long range, and one that underflows.
        let names =
            ["psi A-A-A xi=0.695", "psi A-A-A xi=1.2", "psi A-A-A xi=9", "psi A-A-A xi=0.1"];
        let mut samples = Samples::new(names.map(String::from).to_vec());
        let rows = [2e-6, 1e-3, 40.0, 1e-15, 7e-6, 4e-3, 70.0, 3e-15, 1e-6, 2e-3, 50.0, 0.0];
        samples.extend(&rows, &[true, false, true], 0).expect("three");
        assert_eq!(Standardizer::fit(&samples).expect("three vary").kept, [0, 1, 2]);
    }
}
