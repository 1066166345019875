//! Means with errors, plateaus, and the break of two straight lines.

use serde::{Deserialize, Serialize};

/// A mean over independent runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Standard error of the mean; `None` with fewer than two values.
    pub standard_error: Option<f64>,
    /// Number of values.
    pub count: usize,
}

/// Mean and standard error; `None` without values.
pub fn mean_and_standard_error(values: &[f64]) -> Option<Mean> {
    let n = values.len() as f64;
    if values.is_empty() {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    Some(Mean {
        mean,
        standard_error: (values.len() > 1).then(|| (squares / (n - 1.0) / n).sqrt()),
        count: values.len(),
    })
}

/// Whether a series has settled.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    /// Mean of the last quarter minus mean of the quarter before.
    pub drift: f64,
    /// Standard error of the drift, from means over blocks.
    pub standard_error: f64,
    /// True if the drift is within three standard errors.
    pub reached: bool,
}

/// Compares the last two quarters of a series; `None` with fewer than 20 values.
pub fn plateau(values: &[f64]) -> Option<Plateau> {
    if values.len() < 20 {
        return None;
    }
    let quarter = values.len() / 4;
    let parts = [
        &values[values.len() - 2 * quarter..values.len() - quarter],
        &values[values.len() - quarter..],
    ];
    // Five blocks a quarter: neighbouring values are correlated, blocks hardly.
    let blocks = parts.map(|part| {
        let size = (part.len() / 5).max(1);
        let means: Vec<f64> =
            part.chunks_exact(size).map(|c| c.iter().sum::<f64>() / size as f64).collect();
        mean_and_standard_error(&means)
    });
    let [Some(before), Some(after)] = blocks else { return None };
    let error = before.standard_error.unwrap_or(0.0).hypot(after.standard_error.unwrap_or(0.0));
    let drift = after.mean - before.mean;
    Some(Plateau { drift, standard_error: error, reached: drift.abs() <= 3.0 * error })
}

/// Two straight lines through a curve with a break.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TwoLines {
    /// Abscissa where the lines cross.
    pub break_at: f64,
    /// Slope below the break.
    pub slope_below: f64,
    /// Slope above the break.
    pub slope_above: f64,
    /// Root mean square distance of the points from the lines.
    pub residual: f64,
}

/// Least squares fit of two lines, y = a + b x below and above a break that is fitted too. Every
/// split with at least a sixth of the points on each side is tried; `None` with fewer than 12
/// points, for parallel lines, or if the lines cross outside of the data.
///
/// For U(T) of a quench the break is the fictive temperature.
pub fn fit_two_lines(points: &[(f64, f64)]) -> Option<TwoLines> {
    if points.len() < 12 {
        return None;
    }
    let mut points = points.to_vec();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let smallest = (points.len() / 6).max(3);
    let mut best: Option<(f64, [f64; 2], [f64; 2])> = None;
    for split in smallest..=points.len() - smallest {
        let (below, above) = points.split_at(split);
        let (a, b) = (line(below)?, line(above)?);
        let squares = residual_squares(below, a) + residual_squares(above, b);
        if best.is_none_or(|(s, _, _)| squares < s) {
            best = Some((squares, a, b));
        }
    }
    let (squares, [a0, a1], [b0, b1]) = best?;
    let break_at = (b0 - a0) / (a1 - b1);
    let inside = break_at > points[0].0 && break_at < points[points.len() - 1].0;
    inside.then(|| TwoLines {
        break_at,
        slope_below: a1,
        slope_above: b1,
        residual: (squares / points.len() as f64).sqrt(),
    })
}

fn line(points: &[(f64, f64)]) -> Option<[f64; 2]> {
    let n = points.len() as f64;
    let x = points.iter().map(|p| p.0).sum::<f64>() / n;
    let y = points.iter().map(|p| p.1).sum::<f64>() / n;
    let xx: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    let xy: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    (xx > 0.0).then(|| [y - xy / xx * x, xy / xx])
}

fn residual_squares(points: &[(f64, f64)], [a, b]: [f64; 2]) -> f64 {
    points.iter().map(|p| (p.1 - a - b * p.0).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{RandomStream, Stream};

    #[test]
    fn two_lines_find_the_break() {
        let stream = RandomStream::new(5, Stream::Sampling);
        let points: Vec<(f64, f64)> = (0..200)
            .map(|k| {
                let t = 400.0 + 18.0 * f64::from(k);
                let u = if t < 2100.0 { 3.0 * t } else { 3.0 * 2100.0 + 4.5 * (t - 2100.0) };
                (t, u + 20.0 * stream.normal_pair(0, k, 0)[0])
            })
            .collect();
        let fit = fit_two_lines(&points).expect("a break");
        assert!((fit.break_at - 2100.0).abs() < 40.0, "{}", fit.break_at);
        assert!((fit.slope_below - 3.0).abs() < 0.05 && (fit.slope_above - 4.5).abs() < 0.05);
        assert!(fit_two_lines(&points[..11]).is_none());
    }

    #[test]
    fn plateaus() {
        let stream = RandomStream::new(6, Stream::Sampling);
        let noise = |k: u32| stream.normal_pair(0, k, 0)[0];
        let flat: Vec<f64> = (0..400).map(|k| 5.0 + noise(k)).collect();
        assert!(plateau(&flat).expect("enough").reached);
        let rising: Vec<f64> = (0..400).map(|k| 0.05 * f64::from(k) + noise(k)).collect();
        assert!(!plateau(&rising).expect("enough").reached);
        assert!(plateau(&flat[..10]).is_none());
    }

    #[test]
    fn standard_errors() {
        let mean = mean_and_standard_error(&[1.0, 2.0, 3.0]).expect("values");
        assert_eq!((mean.mean, mean.count), (2.0, 3));
        assert!((mean.standard_error.expect("two") - (1.0_f64 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!(mean_and_standard_error(&[4.0]).expect("one").standard_error, None);
        assert!(mean_and_standard_error(&[]).is_none());
    }
}
