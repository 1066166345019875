//! The activation energy that softness stands for.

use serde::Serialize;

use super::bands::{FEWEST_MOBILE, SUMS, binomial_error, sum_of};
use crate::analysis::motion::{Estimate, Line, jackknife, weighted_line};

/// One band of softness over the temperatures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BandActivation {
    /// Mean softness of the band.
    pub softness: f64,
    /// (T, P_R, error of P_R, whether the point entered the fit).
    pub points: Vec<(f64, f64, f64, bool)>,
    /// E_a of ln P_R = Σ − E_a/kT (metal: eV).
    pub energy: Option<Estimate>,
    /// Σ.
    pub entropy: Option<Estimate>,
}

/// E_a(S) and Σ(S).
///
/// P_R(S, T) = exp(Σ(S) − E_a(S)/kT) with E_a = e₀ − e₁ S and Σ = Σ₀ − Σ₁ S: soft and hard atoms
/// move alike at the temperature T₀ = e₁/(k Σ₁). S. S. Schoenholz et al., Nat. Phys. 12, 469
/// (2016), doi:10.1038/nphys3644.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Activation {
    /// The bands, softest last.
    pub bands: Vec<BandActivation>,
    /// e₀, e₁ (metal: eV).
    pub energy_line: Option<[Estimate; 2]>,
    /// Σ₀, Σ₁.
    pub entropy_line: Option<[Estimate; 2]>,
    /// T₀, if e₁ and Σ₁ have one sign and both exceed two of their errors; else it is not determined.
    pub onset_temperature: Option<Estimate>,
}

/// Fewest temperatures of an Arrhenius fit.
const FEWEST_TEMPERATURES: usize = 3;

/// A value with its propagated error, from sums.
type OfSums<'a> = dyn Fn(&[f64]) -> Option<(f64, f64)> + 'a;

impl Activation {
    /// From `by_glass[glass]`: for each temperature the sums of each band. `boltzmann` is k in the
    /// energy unit wanted.
    pub(super) fn new(
        by_glass: &[Vec<f64>],
        temperatures: &[f64],
        bands: usize,
        saturation: f64,
        boltzmann: f64,
    ) -> Self {
        // The jackknife wants the number of atoms first.
        let blocks: Vec<Vec<f64>> = by_glass
            .iter()
            .map(|g| {
                let atoms = g.chunks(SUMS).map(|b| b[0]).sum::<f64>();
                std::iter::once(atoms).chain(g.iter().copied()).collect()
            })
            .collect();
        let all = sum_of(&blocks);
        let at = |sums: &[f64], t: usize, b: usize| {
            let k = 1 + SUMS * (t * bands + b);
            [sums[k], sums[k + 1], sums[k + 2]]
        };
        let used = |[n, m, _]: [f64; 3]| m >= FEWEST_MOBILE && m < saturation * n;
        let arrhenius = |sums: &[f64], b: usize| -> Option<Line> {
            let points: Vec<(f64, f64, f64)> = (0..temperatures.len())
                .filter(|&t| used(at(sums, t, b)))
                .map(|t| {
                    let [n, m, _] = at(sums, t, b);
                    (1.0 / temperatures[t], (m / n).ln(), binomial_error(n, m) * n / m)
                })
                .collect();
            if points.len() < FEWEST_TEMPERATURES { None } else { weighted_line(&points) }
        };
        let softness = |sums: &[f64], b: usize| {
            let (n, s) = (0..temperatures.len()).fold((0.0, 0.0), |(n, s), t| {
                let [more, _, sum] = at(sums, t, b);
                (n + more, s + sum)
            });
            s / n
        };
        // With fewer than four glasses the error is what the counts propagate to.
        let estimate = |value: &OfSums| -> Option<Estimate> {
            let (_, propagated) = value(&all)?;
            let found = jackknife(&blocks, |s| value(s).map_or(f64::NAN, |v| v.0));
            let error = found.error.filter(|e| e.is_finite()).unwrap_or(propagated);
            Some(Estimate { value: found.value, error: Some(error).filter(|e| e.is_finite()) })
        };
        let line = |sums: &[f64], of: &dyn Fn(&Line) -> (f64, f64)| -> Option<Line> {
            let points: Vec<(f64, f64, f64)> = (0..bands)
                .filter_map(|b| {
                    let (value, error) = of(&arrhenius(sums, b)?);
                    Some((softness(sums, b), value, error))
                })
                .collect();
            if points.len() < 3 { None } else { weighted_line(&points) }
        };
        let energy = |l: &Line| (-l.slope * boltzmann, l.slope_error * boltzmann);
        let entropy = |l: &Line| (l.intercept, l.intercept_error);
        let both = |of: &dyn Fn(&Line) -> (f64, f64)| {
            let constant = estimate(&|s| line(s, of).map(|l| (l.intercept, l.intercept_error)))?;
            let slope = estimate(&|s| line(s, of).map(|l| (-l.slope, l.slope_error)))?;
            Some([constant, slope])
        };
        let onset = |sums: &[f64]| {
            let (e, s) = (line(sums, &energy)?.slope, line(sums, &entropy)?.slope);
            let value = e / (boltzmann * s);
            value.is_finite().then_some((value, f64::NAN))
        };
        let (energy_line, entropy_line) = (both(&energy), both(&entropy));
        let determined = |line: &Option<[Estimate; 2]>| {
            line.and_then(|[_, slope]| Some((slope.value, slope.error?)))
                .filter(|(slope, error)| slope.abs() > 2.0 * error)
                .map(|(slope, _)| slope)
        };
        let crosses = match (determined(&energy_line), determined(&entropy_line)) {
            (Some(e), Some(s)) => e * s > 0.0,
            _ => false,
        };
        Self {
            bands: (0..bands)
                .map(|b| BandActivation {
                    softness: softness(&all, b),
                    points: (0..temperatures.len())
                        .map(|t| {
                            let sums = at(&all, t, b);
                            let [n, m, _] = sums;
                            (temperatures[t], m / n, binomial_error(n, m), used(sums))
                        })
                        .filter(|p| p.1.is_finite())
                        .collect(),
                    energy: estimate(&|s| arrhenius(s, b).map(|l| energy(&l))),
                    entropy: estimate(&|s| arrhenius(s, b).map(|l| entropy(&l))),
                })
                .collect(),
            onset_temperature: if crosses { estimate(&onset) } else { None },
            energy_line,
            entropy_line,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::softness::Bands;
    use crate::system::{RandomStream, Stream};

    #[test]
    fn known_energies_and_entropies_come_back() {
        let k = 8.617333262e-5;
        let temperatures = [600.0, 700.0, 800.0, 1000.0];
        let stream = RandomStream::new(3, Stream::Sampling);
        // E = 0.25 − 0.04 S, Σ = 1.6 − 0.3 S: T₀ = 0.04/(0.3 k).
        let mut by_glass = Vec::new();
        let bands = Bands { edges: vec![-1.0, -0.3, 0.3, 1.0] };
        for glass in 0..5 {
            let mut sums = vec![0.0; SUMS * bands.count() * temperatures.len()];
            for (t, temperature) in temperatures.iter().enumerate() {
                let step = 10 * glass + t as u64;
                let softness: Vec<f64> =
                    (0..40_000).map(|n| stream.normal_pair(step, n, 0)[0]).collect();
                let mobile: Vec<bool> = softness
                    .iter()
                    .enumerate()
                    .map(|(n, s)| {
                        let p = ((1.6 - 0.3 * s) - (0.25 - 0.04 * s) / (k * temperature)).exp();
                        stream.uniform(step, n as u32, 1) < p
                    })
                    .collect();
                let part = &mut sums[SUMS * bands.count() * t..];
                bands.add(part, &softness, &mobile, &vec![0.0; softness.len()]);
            }
            by_glass.push(sums);
        }
        let found = Activation::new(&by_glass, &temperatures, bands.count(), 0.7, k);
        let within = |e: Estimate, wanted: f64| {
            let error = e.error.expect("five glasses");
            assert!((e.value - wanted).abs() < 5.0 * error, "{e:?} is not {wanted}");
            assert!(error < 0.2 * wanted.abs().max(0.1), "{e:?}");
        };
        let [e0, e1] = found.energy_line.expect("a line");
        within(e0, 0.25);
        within(e1, 0.04);
        let [s0, s1] = found.entropy_line.expect("a line");
        within(s0, 1.6);
        within(s1, 0.3);
        let onset = found.onset_temperature.expect("lines cross");
        assert!((onset.value - 0.04 / (0.3 * k)).abs() < 5.0 * onset.error.expect("five"));
        // Where Σ rises with S, soft and hard atoms move alike at no temperature.
        let parallel: Vec<Vec<f64>> = by_glass
            .iter()
            .map(|glass| {
                let mut glass = glass.clone();
                for (b, sums) in glass.chunks_mut(SUMS).enumerate() {
                    let (temperature, s) = (temperatures[b / bands.count()], sums[2] / sums[0]);
                    let exponent = 1.6 + 0.1 * s - (0.25 - 0.04 * s) / (k * temperature);
                    sums[1] = sums[0] * exponent.exp();
                }
                glass
            })
            .collect();
        let found = Activation::new(&parallel, &temperatures, bands.count(), 0.7, k);
        assert!(found.energy_line.is_some() && found.onset_temperature.is_none());
        // A band that is saturated everywhere has no energy.
        let none = Activation::new(&by_glass, &temperatures, bands.count(), 1e-6, k);
        assert!(none.bands.iter().all(|b| b.energy.is_none()) && none.energy_line.is_none());
    }
}
