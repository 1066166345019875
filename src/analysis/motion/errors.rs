//! Values with errors from sums over blocks.

use serde::{Deserialize, Serialize};

/// A value with its standard error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Standard error; `None` where there are too few independent blocks.
    pub error: Option<f64>,
}

/// Fewest blocks that an error is estimated from.
pub(super) const FEWEST_BLOCKS: usize = 4;

/// A function of sums over all blocks, and its jackknife error from leaving out one block at a time
/// (Efron & Stein, Ann. Stat. 9, 586 (1981), doi:10.1214/aos/1176345462). Blocks whose first sum,
/// the count, is zero are left out.
pub(crate) fn jackknife(blocks: &[Vec<f64>], value: impl Fn(&[f64]) -> f64) -> Estimate {
    let curve = jackknife_curve(blocks, |sums| vec![value(sums)]);
    curve.first().copied().unwrap_or(Estimate { value: f64::NAN, error: None })
}

/// As [`jackknife`] for a function with many values: a curve with an error at each point.
pub(super) fn jackknife_curve(
    blocks: &[Vec<f64>],
    values: impl Fn(&[f64]) -> Vec<f64>,
) -> Vec<Estimate> {
    let filled: Vec<&Vec<f64>> = blocks.iter().filter(|b| b.first() > Some(&0.0)).collect();
    let width = blocks.first().map_or(0, Vec::len);
    let sum = |skip: usize| {
        let mut total = vec![0.0; width];
        for (k, block) in filled.iter().enumerate() {
            if k != skip {
                for (t, x) in total.iter_mut().zip(block.iter()) {
                    *t += x;
                }
            }
        }
        total
    };
    let all = values(&sum(usize::MAX));
    if filled.len() < FEWEST_BLOCKS {
        return all.into_iter().map(|value| Estimate { value, error: None }).collect();
    }
    let n = filled.len() as f64;
    let without: Vec<Vec<f64>> = (0..filled.len()).map(|k| values(&sum(k))).collect();
    let at = |k: usize| without.iter().map(move |w| w.get(k).copied().unwrap_or(f64::NAN));
    (0..)
        .zip(all)
        .map(|(k, value)| {
            let mean = at(k).sum::<f64>() / n;
            let squares: f64 = at(k).map(|v| (v - mean).powi(2)).sum();
            let error = ((n - 1.0) / n * squares).sqrt();
            Estimate { value, error: error.is_finite().then_some(error) }
        })
        .collect()
}

/// Adds neighbouring blocks together, `merged` at a time.
pub(super) fn merge(blocks: &[Vec<f64>], merged: usize) -> Vec<Vec<f64>> {
    blocks
        .chunks(merged.max(1))
        .map(|chunk| {
            let mut sum = vec![0.0; chunk[0].len()];
            for block in chunk {
                for (s, x) in sum.iter_mut().zip(block) {
                    *s += x;
                }
            }
            sum
        })
        .collect()
}

/// The value with the larger of two errors.
pub(super) fn larger(a: Estimate, b: Estimate) -> Estimate {
    let error = match (a.error, b.error) {
        (Some(x), Some(y)) => Some(x.max(y)),
        (x, y) => x.or(y),
    };
    Estimate { value: a.value, error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jackknife_of_a_mean_is_its_standard_error() {
        let values = [1.0, 4.0, 2.0, 7.0, 3.0];
        let blocks: Vec<Vec<f64>> = values.iter().map(|v| vec![1.0, *v]).collect();
        let found = jackknife(&blocks, |s| s[1] / s[0]);
        let wanted = super::super::super::mean_and_standard_error(&values).expect("values");
        assert!((found.value - wanted.mean).abs() < 1e-12);
        let (a, b) = (found.error.expect("five"), wanted.standard_error.expect("five"));
        assert!((a - b).abs() < 1e-12);
        assert_eq!(jackknife(&blocks[..3], |s| s[1] / s[0]).error, None);
        assert_eq!(merge(&blocks, 2)[0], [2.0, 5.0]);
        assert_eq!(merge(&blocks, 2).len(), 3);
    }
}
