//! Where mobile begins.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How the threshold between immobile and mobile atoms is found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ThresholdDefinition {
    /// A value.
    Fixed {
        /// Atoms above it are mobile.
        value: f64,
    },
    /// Such that a part of the atoms is mobile.
    Quantile {
        /// The part, between 0 and 1.
        mobile: f64,
    },
    /// The minimum between the two peaks of the histogram: of lengths as they are, of D²_min as
    /// logarithms.
    HistogramMinimum {},
}

/// A threshold and how it was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// Values above it are mobile.
    pub value: f64,
    /// Where the histogram has its two peaks, if it was looked at.
    pub peaks: Option<[f64; 2]>,
    /// Depth of the dip between them in standard errors. Below [`CERTAIN`] it may be noise.
    pub depth: Option<f64>,
}

impl ThresholdDefinition {
    /// Error if a number makes no sense.
    pub fn check(&self) -> Result<()> {
        match *self {
            Self::Fixed { value } if !(value.is_finite() && value > 0.0) => Err(Error::config(
                "label.threshold.value",
                format!("must be a positive number, got {value}"),
                "give a positive number",
            )),
            Self::Quantile { mobile } if !(mobile > 0.0 && mobile < 1.0) => Err(Error::config(
                "label.threshold.mobile",
                format!("{mobile} is not a part of the atoms"),
                "give a number between 0 and 1, such as 0.07",
            )),
            _ => Ok(()),
        }
    }

    /// The threshold of some values; `logarithmic` says that the histogram is one of their
    /// logarithms.
    pub fn find(&self, values: &[f64], logarithmic: bool) -> Result<Threshold> {
        self.check()?;
        if let Some(bad) = values.iter().find(|v| !v.is_finite()) {
            return Err(Error::input(
                format!("a label has the value {bad}"),
                "give a trajectory of finite coordinates",
            ));
        }
        match *self {
            Self::Fixed { value } => Ok(Threshold { value, peaks: None, depth: None }),
            Self::Quantile { mobile } => quantile(values, mobile),
            Self::HistogramMinimum {} if logarithmic => {
                // Zero, a neighbourhood that fits exactly, has no logarithm and is immobile.
                let logarithms: Vec<f64> =
                    values.iter().filter(|v| **v > 0.0).map(|v| v.log10()).collect();
                let found = histogram_minimum(&logarithms)?;
                Ok(Threshold {
                    value: 10f64.powf(found.value),
                    peaks: found.peaks.map(|p| p.map(|x| 10f64.powf(x))),
                    depth: found.depth,
                })
            }
            Self::HistogramMinimum {} => histogram_minimum(values),
        }
    }
}

/// Halfway between the last mobile and the first immobile value.
fn quantile(values: &[f64], mobile: f64) -> Result<Threshold> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let number = (mobile * sorted.len() as f64).round() as usize;
    if number == 0 || number >= sorted.len() {
        return Err(Error::input(
            format!("{mobile} of {} atoms leaves a class without atoms", sorted.len()),
            "give more atoms, or a part closer to one half",
        ));
    }
    let (inside, outside) = (sorted[number - 1], sorted[number]);
    if inside == outside {
        return Err(Error::input(
            format!("no threshold parts {mobile} of the atoms: many have the value {inside}"),
            "give another part, or a fixed threshold",
        ));
    }
    Ok(Threshold { value: outside + 0.5 * (inside - outside), peaks: None, depth: None })
}

/// Values that a histogram of two peaks must have.
const FEWEST: usize = 50;
/// A dip counts if it is this many standard errors deep. Of 600 to 6000 random numbers with one
/// peak (normal, exponential, Maxwell's), one set in a hundred has a dip as deep.
const SIGNIFICANT: f64 = 2.5;
/// A dip this many standard errors deep is none of chance, and a third peak behind it none either.
pub const CERTAIN: f64 = 4.0;
/// Grid points a bandwidth.
const PER_BANDWIDTH: f64 = 10.0;
/// Grid points at most.
const MOST_POINTS: f64 = 1e6;

/// The minimum between the two peaks of the values' distribution.
///
/// The distribution is a sum of Gaussians at the values (M. Rosenblatt, Ann. Math. Stat. 27, 832
/// (1956), doi:10.1214/aoms/1177728190), so that no bins have to be chosen. Its standard error at x
/// is √(f(x) R/(n h)), R = 1/(2√π). Dips are filled, the shallowest in standard errors first, until
/// one is left. Of the bandwidths h from 1.2 to 0.5 of Silverman's rule, the one with the deepest is
/// taken.
fn histogram_minimum(values: &[f64]) -> Result<Threshold> {
    let few = |what: String| {
        Err(Error::input(
            format!("the threshold cannot be the minimum of the histogram: {what}"),
            "use threshold.kind = \"quantile\" or \"fixed\", another time, or more atoms",
        ))
    };
    if values.len() < FEWEST {
        return few(format!("{} values are too few to see two peaks", values.len()));
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let mean = sorted.iter().sum::<f64>() / n;
    let deviation = (sorted.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    let quartile = |q: f64| sorted[(q * (n - 1.0)).round() as usize];
    let spread = deviation.min((quartile(0.75) - quartile(0.25)) / 1.34);
    if !(spread > 0.0) {
        return few("most values are equal".into());
    }
    let rule = 0.9 * spread * n.powf(-0.2);
    let mut best: Option<Threshold> = None;
    let mut third: f64 = 0.0;
    for factor in [1.2, 0.9, 0.65, 0.5] {
        let bandwidth = factor * rule;
        if (sorted[sorted.len() - 1] - sorted[0]) / bandwidth * PER_BANDWIDTH > MOST_POINTS {
            return few("a few values are far from all others".into());
        }
        let density = Density::new(&sorted, bandwidth);
        let Some(dip) = density.deepest_dip() else { continue };
        third = third.max(dip.filled);
        if best.is_none_or(|b| b.depth.is_none_or(|depth| dip.depth > depth)) {
            let peaks = Some(dip.peaks.map(|p| density.x(p)));
            best = Some(Threshold { value: density.x(dip.at), peaks, depth: Some(dip.depth) });
        }
    }
    match best.filter(|b| b.depth.is_some_and(|depth| depth >= SIGNIFICANT)) {
        Some(_) if third >= CERTAIN => few("it has more than two peaks".into()),
        Some(threshold) => Ok(threshold),
        None => few("it has one peak".into()),
    }
}

/// What is left when all other dips are filled: points of a grid.
struct Dip {
    at: usize,
    peaks: [usize; 2],
    /// Its depth, and that of the deepest that was filled, in standard errors.
    depth: f64,
    filled: f64,
}

/// A density on a grid.
struct Density {
    first: f64,
    step: f64,
    values: Vec<f64>,
    /// Square of the standard error over the density.
    variance: f64,
}

impl Density {
    fn new(sorted: &[f64], bandwidth: f64) -> Self {
        let step = bandwidth / PER_BANDWIDTH;
        let reach = (4.0 * PER_BANDWIDTH) as usize;
        let first = sorted[0] - 5.0 * bandwidth;
        let points = ((sorted[sorted.len() - 1] - first) / step) as usize + 2 * reach;
        // Each value is shared between two grid points, which keeps its place to second order.
        let mut counts = vec![0.0; points];
        for x in sorted {
            let place = (x - first) / step;
            let left = place as usize;
            counts[left] += 1.0 - (place - left as f64);
            counts[left + 1] += place - left as f64;
        }
        let kernel: Vec<f64> =
            (0..=reach).map(|k| (-0.5 * (k as f64 / PER_BANDWIDTH).powi(2)).exp()).collect();
        let n = sorted.len() as f64;
        let norm = 1.0 / (n * bandwidth * std::f64::consts::TAU.sqrt());
        let mut values = vec![0.0; points];
        for (at, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0.0) {
            let low = at.saturating_sub(reach);
            for to in low..(at + reach + 1).min(points) {
                values[to] += norm * count * kernel[to.abs_diff(at)];
            }
        }
        let variance = 0.5 / std::f64::consts::PI.sqrt() / (n * bandwidth);
        Self { first, step, values, variance }
    }

    fn x(&self, point: usize) -> f64 {
        self.first + self.step * point as f64
    }

    /// The deepest dip between two peaks, if there are two.
    fn deepest_dip(&self) -> Option<Dip> {
        let f = &self.values;
        let (mut peaks, mut dips) = (Vec::new(), Vec::<usize>::new());
        let mut rising = true;
        for k in 1..f.len() {
            if rising && f[k] < f[k - 1] {
                peaks.push(k - 1);
                rising = false;
            } else if !rising && f[k] > f[k - 1] {
                dips.push(k - 1);
                rising = true;
            }
        }
        dips.truncate(peaks.len().saturating_sub(1));
        let mut filled: f64 = 0.0;
        loop {
            let depth = |k: usize| {
                let (peak, dip) = (f[peaks[k]].min(f[peaks[k + 1]]), f[dips[k]]);
                (peak - dip) / (self.variance * (peak + dip)).sqrt()
            };
            let depths: Vec<f64> = (0..dips.len()).map(depth).collect();
            let weakest = (0..dips.len()).min_by(|&a, &b| depths[a].total_cmp(&depths[b]))?;
            if dips.len() == 1 {
                let (at, peaks) = (dips[0], [peaks[0], peaks[1]]);
                return Some(Dip { at, peaks, depth: depths[0], filled });
            }
            filled = filled.max(depths[weakest]);
            dips.remove(weakest);
            let lower = usize::from(f[peaks[weakest]] > f[peaks[weakest + 1]]);
            peaks.remove(weakest + lower);
        }
    }
}
