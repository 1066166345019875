//! How mobility answers to softness: P_R(S) and ⟨D⟩(S).

use serde::Serialize;

use crate::analysis::motion::{Estimate, Line, jackknife, weighted_line};

/// Intervals of softness; the first and the last have no outer end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bands {
    /// Softness between one and the next, ascending.
    pub edges: Vec<f64>,
}

/// Sums kept of a band: number, mobile, Σ softness, Σ value of the label.
pub(super) const SUMS: usize = 4;

impl Bands {
    /// Bands of equal width between the half-percent quantiles of some softnesses.
    pub fn even(softness: &[f64], count: usize) -> Self {
        let (low, high) = (quantile(softness, 0.005), quantile(softness, 0.995));
        let edge = |k: usize| low + (high - low) * k as f64 / count as f64;
        Self { edges: (1..count).map(edge).collect() }
    }

    /// Bands that hold equally many of some softnesses.
    pub fn quantiles(softness: &[f64], count: usize) -> Self {
        let edge = |k: usize| quantile(softness, k as f64 / count as f64);
        Self { edges: (1..count).map(edge).collect() }
    }

    /// Number of bands.
    pub fn count(&self) -> usize {
        self.edges.len() + 1
    }

    /// The band of a softness.
    pub fn of(&self, softness: f64) -> usize {
        self.edges.partition_point(|edge| *edge <= softness)
    }

    /// Adds atoms to the sums of the bands, band after band.
    pub(super) fn add(&self, sums: &mut [f64], softness: &[f64], mobile: &[bool], values: &[f64]) {
        for ((s, mobile), value) in softness.iter().zip(mobile).zip(values) {
            let at = SUMS * self.of(*s);
            sums[at] += 1.0;
            sums[at + 1] += f64::from(u8::from(*mobile));
            sums[at + 2] += s;
            sums[at + 3] += value;
        }
    }
}

fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = part * sorted.len().saturating_sub(1) as f64;
    let (below, share) = (at.floor() as usize, at.fract());
    let get = |k: usize| sorted.get(k).or(sorted.last()).copied().unwrap_or(0.0);
    get(below) * (1.0 - share) + get(below + 1) * share
}

/// What the atoms of one bin of softness do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ResponseBin {
    /// Number of atoms.
    pub atoms: f64,
    /// Their mean softness.
    pub softness: f64,
    /// P_R: the part that is mobile, with its error.
    pub mobile: Estimate,
    /// Mean value of the label, ⟨D⟩, with its error.
    pub value: Estimate,
}

/// P_R(S) and ⟨D⟩(S) at one temperature.
///
/// Errors are the scatter between glasses (jackknife) with four of them or more, else binomial.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Response {
    /// The bins, softest last; those without atoms are left out.
    pub bins: Vec<ResponseBin>,
    /// ln P_R = ln P₀ + β S through bins that are neither empty nor saturated: ln P₀.
    pub log_prefactor: Option<Estimate>,
    /// β.
    pub beta: Option<Estimate>,
    /// ⟨D⟩ = a (S − S₀)^b, where S₀ lies below every bin: a, b, S₀.
    pub power: Option<[f64; 3]>,
}

impl Response {
    /// From the sums of each glass, band after band.
    pub(super) fn new(by_glass: &[Vec<f64>], bands: usize, saturation: f64) -> Self {
        let total = |k: usize| by_glass.iter().map(|g| g[k]).sum::<f64>();
        let bins: Vec<ResponseBin> = (0..bands)
            .filter(|b| total(SUMS * b) > 0.0)
            .map(|b| {
                let of = |k: usize| total(SUMS * b + k);
                let blocks: Vec<Vec<f64>> =
                    by_glass.iter().map(|g| g[SUMS * b..SUMS * (b + 1)].to_vec()).collect();
                let mut mobile = jackknife(&blocks, |s| s[1] / s[0]);
                let binomial = binomial_error(of(0), of(1));
                // Few glasses can agree by chance; no less than counting allows.
                mobile.error = Some(mobile.error.unwrap_or(0.0).max(binomial));
                ResponseBin {
                    atoms: of(0),
                    softness: of(2) / of(0),
                    mobile,
                    value: jackknife(&blocks, |s| s[3] / s[0]),
                }
            })
            .collect();
        // The first sum of a block is its number of atoms.
        let blocks: Vec<Vec<f64>> = by_glass
            .iter()
            .map(|g| {
                let atoms = g.chunks(SUMS).map(|b| b[0]).sum::<f64>();
                std::iter::once(atoms).chain(g.iter().copied()).collect()
            })
            .collect();
        let fit = |sums: &[f64]| exponential(&sums[1..], saturation);
        let estimate = |pick: fn(&Line) -> (f64, f64)| {
            let error = fit(&sum_of(&blocks)).map(|l| pick(&l).1)?;
            let found = jackknife(&blocks, |s| fit(s).map_or(f64::NAN, |l| pick(&l).0));
            let finite = |e: &f64| e.is_finite();
            Some(Estimate { error: found.error.filter(finite).or(Some(error)), ..found })
        };
        Self {
            log_prefactor: estimate(|l| (l.intercept, l.intercept_error)),
            beta: estimate(|l| (l.slope, l.slope_error)),
            power: power_law(&bins),
            bins,
        }
    }
}

pub(super) fn sum_of(blocks: &[Vec<f64>]) -> Vec<f64> {
    let mut total = vec![0.0; blocks.first().map_or(0, Vec::len)];
    for block in blocks {
        total.iter_mut().zip(block).for_each(|(t, x)| *t += x);
    }
    total
}

/// Standard error of a part m of n.
pub(super) fn binomial_error(n: f64, m: f64) -> f64 {
    // Neither nothing nor everything is certain: half an atom at least.
    let p = (m.max(0.5) / n).min(1.0 - 0.5 / n);
    (p * (1.0 - p) / n).max(0.0).sqrt()
}

/// Fewest mobile atoms whose part has a logarithm worth fitting.
pub(super) const FEWEST_MOBILE: f64 = 5.0;

fn exponential(sums: &[f64], saturation: f64) -> Option<Line> {
    let points: Vec<(f64, f64, f64)> = sums
        .chunks(SUMS)
        .filter(|b| b[1] >= FEWEST_MOBILE && b[1] < saturation * b[0])
        .map(|b| (b[2] / b[0], (b[1] / b[0]).ln(), binomial_error(b[0], b[1]) * b[0] / b[1]))
        .collect();
    if points.len() < 3 { None } else { weighted_line(&points) }
}

/// Least squares of ln ⟨D⟩ = ln a + b ln(S − S₀), weighted by atoms, S₀ scanned down to four times
/// the range of S below the first bin. Where the best S₀ is farther, ⟨D⟩ is as well an exponential,
/// and there is no answer.
fn power_law(bins: &[ResponseBin]) -> Option<[f64; 3]> {
    let (first, last) = (bins.first()?.softness, bins.last()?.softness);
    if bins.len() < 5 || !(last > first) || bins.iter().any(|b| !(b.value.value > 0.0)) {
        return None;
    }
    let mut best: Option<(f64, [f64; 3])> = None;
    let steps = 300;
    for k in 0..=steps {
        let origin = first - (last - first) * 0.02 * 200_f64.powf(f64::from(k) / f64::from(steps));
        let points: Vec<(f64, f64, f64)> = bins
            .iter()
            .map(|b| ((b.softness - origin).ln(), b.value.value.ln(), b.atoms.sqrt().recip()))
            .collect();
        let line = weighted_line(&points)?;
        let squares: f64 =
            points.iter().map(|p| ((p.1 - line.intercept - line.slope * p.0) / p.2).powi(2)).sum();
        if best.is_none_or(|(least, _)| squares < least) {
            best = Some((squares, [line.intercept.exp(), line.slope, origin]));
        }
    }
    let nearest = first - 0.02 * (last - first);
    let farthest = first - 4.0 * (last - first);
    best.map(|(_, fit)| fit)
        .filter(|fit| fit[2] > 0.99 * farthest + 0.01 * nearest && fit[2] < nearest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{RandomStream, Stream};

    #[test]
    fn a_known_exponential_comes_back_within_its_error() {
        let stream = RandomStream::new(2, Stream::Sampling);
        let draw = |glass: u64, n: u32| {
            let s = stream.normal_pair(glass, n, 0)[0];
            let p = (-1.5 + 0.4 * s).exp();
            (s, stream.uniform(glass, n, 1) < p, 2.0 * (s + 8.0).powf(0.5))
        };
        let atoms: Vec<Vec<(f64, bool, f64)>> =
            (0..6).map(|g| (0..4000).map(|n| draw(g, n)).collect()).collect();
        let softness: Vec<f64> = atoms.iter().flatten().map(|a| a.0).collect();
        let bands = Bands::even(&softness, 10);
        let by_glass: Vec<Vec<f64>> = atoms
            .iter()
            .map(|glass| {
                let mut sums = vec![0.0; SUMS * bands.count()];
                let s: Vec<f64> = glass.iter().map(|a| a.0).collect();
                let m: Vec<bool> = glass.iter().map(|a| a.1).collect();
                let d: Vec<f64> = glass.iter().map(|a| a.2).collect();
                bands.add(&mut sums, &s, &m, &d);
                sums
            })
            .collect();
        let response = Response::new(&by_glass, bands.count(), 0.9);
        assert_eq!(response.bins.iter().map(|b| b.atoms).sum::<f64>(), 24000.0);
        for (found, wanted) in [(response.beta, 0.4), (response.log_prefactor, -1.5)] {
            let found = found.expect("a fit");
            let error = found.error.expect("six glasses");
            assert!((found.value - wanted).abs() < 4.0 * error && error < 0.05, "{found:?}");
        }
        let [a, b, origin] = response.power.expect("a power law");
        assert!((b - 0.5).abs() < 0.1 && (origin + 8.0).abs() < 2.0, "{a} {b} {origin}");
    }

    #[test]
    fn bands_hold_equally_many() {
        let softness: Vec<f64> = (0..1000).map(|k| (f64::from(k) / 100.0).powi(3)).collect();
        let bands = Bands::quantiles(&softness, 5);
        let mut count = [0; 5];
        softness.iter().for_each(|s| count[bands.of(*s)] += 1);
        assert_eq!(count, [200; 5]);
        assert_eq!((bands.of(-1e9), bands.of(1e9)), (0, 4));
    }

    #[test]
    fn nothing_and_everything_keep_an_error() {
        assert!(binomial_error(100.0, 0.0) > 0.005 && binomial_error(100.0, 100.0) > 0.005);
        assert!((binomial_error(400.0, 100.0) - (0.25_f64 * 0.75 / 400.0).sqrt()).abs() < 1e-12);
    }
}
