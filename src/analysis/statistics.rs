//! Means with errors, plateaus, and the break of two straight lines.

use serde::{Deserialize, Serialize};

use super::curves::with_error;

/// Groups of points of which one at a time is left out for the error of a break.
const GROUPS: usize = 10;
/// Difference of the Bayesian information criterion from which one model is clearly better (Kass and
/// Raftery, J. Am. Stat. Assoc. 90, 773 (1995), doi:10.1080/01621459.1995.10476572: "very strong").
const CLEAR: f64 = 10.0;

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
    /// Jackknife error of it, leaving out every tenth point in turn; `None` where a fit to the rest
    /// has no crossing. The choice of the range is not in it.
    #[serde(default)]
    pub break_error: Option<f64>,
    /// Slope below the break.
    pub slope_below: f64,
    /// Slope above the break.
    pub slope_above: f64,
    /// Root mean square distance of the points from the lines.
    pub residual: f64,
    /// Whether the curve breaks rather than bends: two lines (five parameters with the split) are
    /// better than one parabola (three) by more than 10 in n ln(Σ residual²/n) + k ln n, the
    /// information criterion of Schwarz, Ann. Stat. 6, 461 (1978), doi:10.1214/aos/1176344136.
    #[serde(default)]
    pub clear: bool,
}

impl TwoLines {
    /// "2189 ± 49".
    pub fn break_with_error(&self) -> String {
        with_error(self.break_at, self.break_error)
    }

    /// "breaks at 2189 ± 49 K", or that it only bends.
    pub fn verdict(&self, unit: &str) -> String {
        let space = if unit.is_empty() { "" } else { " " };
        let place = format!("{}{space}{unit}", self.break_with_error());
        if self.clear {
            format!("breaks at {place}")
        } else {
            format!("bends without a clear break; two lines would cross at {place}")
        }
    }
}

/// Least squares fit of two lines, y = a + b x below and above a break that is fitted too. Every
/// split with at least a sixth of the points on each side is tried; `None` with fewer than 12
/// points, for parallel lines, or if the lines cross outside of the data. A smooth curve has such a
/// crossing too: [`TwoLines::clear`] tells them apart.
///
/// For U(T) of a quench a clear break is the fictive temperature.
pub fn fit_two_lines(points: &[(f64, f64)]) -> Option<TwoLines> {
    if points.len() < 12 {
        return None;
    }
    let mut points = points.to_vec();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let found = best_lines(&points)?;
    let inside = found.break_at > points[0].0 && found.break_at < points[points.len() - 1].0;
    inside.then(|| TwoLines { break_error: break_error(&points), ..found })
}

/// The two lines with the least squares through sorted points, without the error of their break.
fn best_lines(points: &[(f64, f64)]) -> Option<TwoLines> {
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
    let n = points.len() as f64;
    let criterion = |squares: f64, parameters: f64| n * (squares / n).ln() + parameters * n.ln();
    let gain = criterion(parabola_squares(points)?, 3.0) - criterion(squares, 5.0);
    Some(TwoLines {
        break_at: (b0 - a0) / (a1 - b1),
        break_error: None,
        slope_below: a1,
        slope_above: b1,
        residual: (squares / n).sqrt(),
        clear: gain > CLEAR,
    })
}

/// σ² = (m − 1)/m Σ (θ_k − ⟨θ⟩)², θ_k the break without every m-th point from the k-th on.
fn break_error(points: &[(f64, f64)]) -> Option<f64> {
    let mut breaks = [0.0; GROUPS];
    for (group, found) in breaks.iter_mut().enumerate() {
        let rest: Vec<(f64, f64)> =
            (0..).zip(points).filter(|(k, _)| k % GROUPS != group).map(|(_, p)| *p).collect();
        *found = best_lines(&rest)?.break_at;
    }
    let m = GROUPS as f64;
    let mean = breaks.iter().sum::<f64>() / m;
    let squares: f64 = breaks.iter().map(|b| (b - mean).powi(2)).sum();
    Some(((m - 1.0) / m * squares).sqrt()).filter(|error| error.is_finite())
}

/// What the least squares parabola leaves: that of a line, less what the part of x² beyond a line
/// explains of it.
fn parabola_squares(points: &[(f64, f64)]) -> Option<f64> {
    let middle = points.iter().map(|p| p.0).sum::<f64>() / points.len() as f64;
    let squares: Vec<(f64, f64)> =
        points.iter().map(|p| (p.0, (p.0 - middle) * (p.0 - middle))).collect();
    let (straight, [a, b]) = (line(points)?, line(&squares)?);
    let rest: Vec<(f64, f64)> = points
        .iter()
        .zip(&squares)
        .map(|(point, square)| {
            let beyond = square.1 - a - b * square.0;
            (beyond, point.1 - straight[0] - straight[1] * point.0)
        })
        .collect();
    let own: f64 = rest.iter().map(|r| r.0 * r.0).sum();
    let bend = if own > 0.0 { rest.iter().map(|r| r.0 * r.1).sum::<f64>() / own } else { 0.0 };
    Some(rest.iter().map(|r| (r.1 - bend * r.0).powi(2)).sum())
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
        assert!(fit.clear);
        let error = fit.break_error.expect("an error");
        assert!(error > 0.5 && error < 60.0, "{error}");
        assert!(fit.verdict("K").starts_with("breaks at 2"), "{}", fit.verdict("K"));
    }

    #[test]
    fn smooth_curves_have_no_clear_break() {
        for trial in 0..8 {
            let stream = RandomStream::new(100 + trial, Stream::Sampling);
            let curve = |bend: f64| -> Vec<(f64, f64)> {
                (0..60)
                    .map(|k| {
                        let t = 4000.0 - 60.0 * f64::from(k);
                        let noise = 3e-3 * stream.normal_pair(0, k, 0)[0];
                        (t, 2e-4 * t + bend * t * t + noise)
                    })
                    .collect()
            };
            for bend in [0.0, 1e-8] {
                let fit = fit_two_lines(&curve(bend));
                assert!(fit.is_none_or(|f| !f.clear), "{trial} {bend}: {fit:?}");
            }
        }
        // A parabola leaves nothing of a parabola.
        let exact: Vec<(f64, f64)> =
            (0..20).map(f64::from).map(|x| (x, 1.0 - 2.0 * x + 0.5 * x * x)).collect();
        assert!(parabola_squares(&exact).expect("points") < 1e-18);
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
