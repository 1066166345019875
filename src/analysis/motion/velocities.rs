//! Velocity autocorrelation and the vibrational density of states.

use rayon::prelude::*;
use realfft::RealFftPlanner;
use serde::{Deserialize, Serialize};

use super::errors::{Estimate, jackknife, jackknife_curve, merge};
use super::lags::{LagGrid, Origins};
use crate::error::{Error, Result};
use crate::system::Structure;

const CHUNK: usize = 4096;

/// Accumulates velocity autocorrelation functions over time origins.
///
/// C_a(t) = ⟨v(t)·v(0)⟩/⟨v²⟩ of the atoms of species a, and of all atoms weighted by mass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VelocityCorrelation {
    grid: LagGrid,
    /// Time between samples.
    interval: f64,
    species: Vec<String>,
    /// Mass of all atoms of a species.
    weights: Vec<f64>,
    numbers: Vec<usize>,
    origins: Origins<Vec<[f64; 3]>>,
    /// Of each lag, species and block of time: origins, Σ v·v/N.
    cells: Vec<f64>,
}

/// A velocity autocorrelation function and its spectrum.
#[derive(Debug, Clone, PartialEq)]
pub struct VelocitySpectrum {
    /// Species name, or "all" for the mass-weighted total.
    pub name: String,
    /// Times.
    pub time: Vec<f64>,
    /// C(t)/C(0), 1 at t = 0.
    pub correlation: Vec<Estimate>,
    /// Frequencies, cycles per time (metal: THz).
    pub frequency: Vec<f64>,
    /// Vibrational density of states; its integral over frequency is 1 (of a species: the share
    /// of that species in the total, so that the species add up to the total).
    pub density: Vec<Estimate>,
}

impl VelocityCorrelation {
    /// For structures like `structure`, `samples` of them, `interval` apart, up to `longest`
    /// samples, with at most `origins` origins kept.
    pub fn new(
        structure: &Structure,
        interval: f64,
        samples: u32,
        longest: u32,
        origins: u32,
    ) -> Result<Self> {
        let grid = LagGrid::linear(samples, longest, origins)?;
        let numbers = structure.counts();
        let weights = super::masses_by_species(structure)
            .iter()
            .zip(&numbers)
            .map(|(m, &n)| m * n as f64)
            .collect();
        let cells = vec![0.0; grid.lags().len() * numbers.len() * grid.blocks() * 2];
        Ok(Self {
            grid,
            interval,
            species: structure.species.iter().map(|s| s.name.clone()).collect(),
            weights,
            numbers,
            origins: Origins::default(),
            cells,
        })
    }

    /// Samples so far.
    pub fn samples(&self) -> u32 {
        self.origins.seen()
    }

    /// Notes the velocities of a frame relative to the centre of mass; an error if it has none.
    pub fn push(&mut self, structure: &Structure) -> Result<()> {
        self.note(structure, |velocities| super::without_drift(velocities, structure))
    }

    /// The same for atoms of a system whose centre of mass already stands still.
    pub(super) fn push_steady(&mut self, structure: &Structure) -> Result<()> {
        self.note(structure, |velocities| velocities)
    }

    fn note(
        &mut self,
        structure: &Structure,
        relative: impl FnOnce(Vec<[f64; 3]>) -> Vec<[f64; 3]>,
    ) -> Result<()> {
        let Some(velocities) = &structure.velocities else {
            return Err(Error::input(
                "the frames have no velocities",
                "write velocities into the trajectory, or leave the velocity analysis out",
            ));
        };
        let velocities = relative(velocities.clone());
        let mut origins = std::mem::take(&mut self.origins);
        let kinds = &structure.kinds;
        origins.push(&self.grid, velocities, |lag, at, start, end| {
            let sums = products(start, end, kinds, self.numbers.len());
            for (kind, sum) in sums.iter().enumerate().filter(|&(k, _)| self.numbers[k] > 0) {
                let row = (lag * self.numbers.len() + kind) * self.grid.blocks();
                let at = (row + self.grid.block(at)) * 2;
                self.cells[at] += 1.0;
                self.cells[at + 1] += sum / self.numbers[kind] as f64;
            }
        });
        self.origins = origins;
        Ok(())
    }

    /// Correlation functions and spectra of all atoms and of each species; empty without samples.
    ///
    /// g(ν) = 4 ∫₀^∞ C(t)/C(0) cos(2πνt) w(t) dt with the Hann window w, whose width decides the
    /// resolution: about 1/T at a longest time of T. J. M. Dickey and A. Paskin, Phys. Rev. 188,
    /// 1407 (1969), doi:10.1103/PhysRev.188.1407.
    pub fn finish(&self) -> Vec<VelocitySpectrum> {
        let lags = self.grid.lags().len();
        let blocks = self.grid.blocks();
        let cell = |lag: usize, kind: usize, block: usize| {
            let at = ((lag * self.numbers.len() + kind) * blocks + block) * 2;
            (self.cells[at], self.cells[at + 1])
        };
        let present: Vec<usize> =
            (0..self.numbers.len()).filter(|&k| self.numbers[k] > 0).collect();
        let zero = |kind: usize| -> f64 {
            let (n, c) = (0..blocks)
                .map(|b| cell(0, kind, b))
                .fold((0.0, 0.0), |s, x| (s.0 + x.0, s.1 + x.1));
            self.weights[kind] * c / n
        };
        let correlation = |kinds: &[usize], lag: usize| -> Estimate {
            let rows: Vec<Vec<f64>> = (0..blocks)
                .map(|b| {
                    let sum = kinds.iter().map(|&k| self.weights[k] * cell(lag, k, b).1).sum();
                    vec![cell(lag, kinds[0], b).0, sum]
                })
                .collect();
            let start: f64 = kinds.iter().map(|&k| zero(k)).sum();
            jackknife(&merge(&rows, self.grid.merged(lag)), |s| s[1] / s[0] / start)
        };
        let total: f64 = present.iter().map(|&k| zero(k)).sum();
        let mut parts = vec![("all".to_owned(), present.clone(), 1.0)];
        if present.len() > 1 {
            parts.extend(
                present.iter().map(|&k| (self.species[k].clone(), vec![k], zero(k) / total)),
            );
        }
        if self.origins.seen() == 0 || !(total > 0.0) {
            return Vec::new();
        }
        parts
            .into_iter()
            .map(|(name, kinds, share)| {
                let correlation: Vec<Estimate> =
                    (0..lags).map(|lag| correlation(&kinds, lag)).collect();
                let reached = correlation.iter().take_while(|c| c.value.is_finite()).count();
                let (frequency, density) = self.spectrum(&kinds, reached, share, &cell);
                VelocitySpectrum {
                    name,
                    time: self.grid.lags().iter().map(|&l| f64::from(l) * self.interval).collect(),
                    correlation,
                    frequency,
                    density,
                }
            })
            .collect()
    }

    /// The spectrum of the first `lags` lags, with errors from blocks of time as long as the
    /// longest of them.
    fn spectrum(
        &self,
        kinds: &[usize],
        lags: usize,
        share: f64,
        cell: &dyn Fn(usize, usize, usize) -> (f64, f64),
    ) -> (Vec<f64>, Vec<Estimate>) {
        let Some(last) = lags.checked_sub(1) else { return (Vec::new(), Vec::new()) };
        // Of each block: for every lag, origins and the sum of products.
        let rows: Vec<Vec<f64>> = (0..self.grid.blocks())
            .map(|block| {
                (0..lags)
                    .flat_map(|lag| {
                        let sum: f64 =
                            kinds.iter().map(|&k| self.weights[k] * cell(lag, k, block).1).sum();
                        [cell(lag, kinds[0], block).0, sum]
                    })
                    .collect()
            })
            .collect();
        let curve = |sums: &[f64]| -> Vec<f64> {
            sums.chunks(2).map(|c| c[1] / c[0] / (sums[1] / sums[0])).collect()
        };
        let merged = merge(&rows, self.grid.merged(last));
        let density =
            jackknife_curve(&merged, |sums| spectrum(&curve(sums), self.interval, share).1);
        let (frequency, _) = spectrum(&vec![0.0; lags], self.interval, share);
        (frequency, density)
    }
}

/// Σ v(t)·v(0) of each species.
fn products(start: &[[f64; 3]], end: &[[f64; 3]], kinds: &[u16], species: usize) -> Vec<f64> {
    let partials: Vec<Vec<f64>> = start
        .par_chunks(CHUNK)
        .zip(end.par_chunks(CHUNK))
        .zip(kinds.par_chunks(CHUNK))
        .map(|((start, end), kinds)| {
            let mut sums = vec![0.0; species];
            for ((a, b), &kind) in start.iter().zip(end).zip(kinds) {
                sums[usize::from(kind)] += a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
            }
            sums
        })
        .collect();
    let mut total = vec![0.0; species];
    for partial in &partials {
        total.iter_mut().zip(partial).for_each(|(t, p)| *t += p);
    }
    total
}

/// The spectrum of an even function given at t ≥ 0, with a Hann window; its integral is `share`.
fn spectrum(values: &[f64], interval: f64, share: f64) -> (Vec<f64>, Vec<f64>) {
    let lags = values.len();
    if lags < 2 {
        return (Vec::new(), Vec::new());
    }
    // Zeros behind the data only draw a smoother curve through the same information.
    let length = (4 * lags).next_power_of_two();
    let mut even = vec![0.0; length];
    for (k, v) in values.iter().enumerate() {
        let window = 0.5 + 0.5 * (std::f64::consts::PI * k as f64 / lags as f64).cos();
        even[k] = v * window;
        if k > 0 {
            even[length - k] = v * window;
        }
    }
    let plan = RealFftPlanner::<f64>::new().plan_fft_forward(length);
    let mut out = plan.make_output_vec();
    // Lengths fit by construction.
    if plan.process(&mut even, &mut out).is_err() {
        return (Vec::new(), Vec::new());
    }
    let step = 1.0 / (length as f64 * interval);
    let frequency = (0..out.len()).map(|k| k as f64 * step).collect();
    let density = out.iter().map(|c| 2.0 * share * interval * c.re).collect();
    (frequency, density)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{RandomStream, SimulationBox, Species, Stream};

    fn oscillators(frequencies: &[f64], interval: f64, samples: u32) -> VelocityCorrelation {
        let atoms = 400;
        let cube = SimulationBox::cubic(10.0).expect("cube");
        let species = [("A", 1.0), ("B", 3.0)]
            .map(|(n, m)| Species { name: n.into(), mass: Some(m) })
            .to_vec();
        let kinds: Vec<u16> = (0..atoms).map(|i| (i % 2) as u16).collect();
        let positions = vec![[1.0; 3]; atoms];
        let mut structure = Structure::new(cube, species, kinds, positions).expect("sound");
        let stream = RandomStream::new(11, Stream::Sampling);
        let mut correlation =
            VelocityCorrelation::new(&structure, interval, samples, samples / 4, 100)
                .expect("a grid");
        for sample in 0..samples {
            let t = f64::from(sample) * interval;
            let velocities = (0..atoms)
                .map(|i| {
                    let nu = frequencies[i % 2];
                    // Equipartition: m v² is the same for both.
                    let speed = if i % 2 == 0 { 1.0 } else { 3f64.sqrt().recip() };
                    [0, 1, 2].map(|k| {
                        let phase = std::f64::consts::TAU * stream.uniform(0, i as u32, k);
                        speed * (std::f64::consts::TAU * nu * t + phase).cos()
                    })
                })
                .collect();
            structure.velocities = Some(velocities);
            correlation.push(&structure).expect("velocities");
        }
        correlation
    }

    #[test]
    fn harmonic_oscillators_have_their_lines() {
        let spectra = oscillators(&[5.0, 12.0], 0.01, 1200).finish();
        assert_eq!(spectra.len(), 3);
        for (spectrum, nu, share) in [(&spectra[1], 5.0, 0.5), (&spectra[2], 12.0, 0.5)] {
            for (t, c) in spectrum.time.iter().zip(&spectrum.correlation) {
                let exact = (std::f64::consts::TAU * nu * t).cos();
                assert!((c.value - exact).abs() < 0.03, "{t}: {} {exact}", c.value);
            }
            let step = spectrum.frequency[1];
            let density: Vec<f64> = spectrum.density.iter().map(|d| d.value).collect();
            let integral: f64 = step * density.iter().sum::<f64>() - 0.5 * step * density[0];
            assert!((integral - share).abs() < 0.02, "{integral}");
            let peak = (0..density.len())
                .max_by(|&a, &b| density[a].total_cmp(&density[b]))
                .expect("points");
            assert!((spectrum.frequency[peak] - nu).abs() < 0.1, "{}", spectrum.frequency[peak]);
        }
        // The species add up to the total.
        for k in 0..spectra[0].density.len() {
            let sum = spectra[1].density[k].value + spectra[2].density[k].value;
            assert!((sum - spectra[0].density[k].value).abs() < 1e-9);
        }
        // Blocks of a periodic motion agree: errors are there, and small beside the peak.
        let highest = spectra[0].density.iter().map(|d| d.value).fold(0.0, f64::max);
        for d in &spectra[0].density {
            assert!(d.error.is_some_and(|e| e < 0.1 * highest), "{d:?}");
        }
    }

    #[test]
    fn frames_without_velocities_are_refused() {
        let cube = SimulationBox::cubic(10.0).expect("cube");
        let species = vec![Species { name: "A".into(), mass: None }];
        let still = Structure::new(cube, species, vec![0], vec![[0.0; 3]]).expect("sound");
        let mut correlation = VelocityCorrelation::new(&still, 1.0, 4, 2, 4).expect("a grid");
        let error = correlation.push(&still).expect_err("refused");
        assert_eq!(error.to_string(), "the frames have no velocities");
        assert!(correlation.finish().is_empty());
    }
}
