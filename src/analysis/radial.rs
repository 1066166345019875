//! Partial pair distribution functions.

use serde::{Deserialize, Serialize};

use super::pair_histogram::{PairCounts, count_pairs, pair_index};
use crate::error::{Error, Result};
use crate::system::Structure;

/// Accumulates partial pair distribution functions over frames.
///
/// g_ab(r) = n_ab(r) V / (N_a N_b 4πr² dr), with the exact volume of each shell; n_ab counts
/// ordered pairs. Counts are integers, so that the result does not depend on how a run was cut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartialRdf {
    cutoff: f64,
    bins: usize,
    species: Vec<String>,
    numbers: Vec<usize>,
    counts: Vec<u64>,
    frames: u64,
    /// Σ over frames of 1/V.
    inverse_volume: f64,
}

/// g(r) of one pair of species.
#[derive(Debug, Clone, PartialEq)]
pub struct PairRdf {
    /// The two species.
    pub species: [String; 2],
    /// Middle of each bin.
    pub r: Vec<f64>,
    /// g at each bin.
    pub g: Vec<f64>,
    /// Mean number of neighbours of the second species around the first within the bin's end.
    pub running: Vec<f64>,
    /// Pairs counted in each bin over all frames, which tell how noisy g is.
    pub counts: Vec<u64>,
}

impl PartialRdf {
    /// Nothing yet, for structures like `structure`: bins of about `bin` up to `cutoff`, or up to
    /// half the box if that is shorter.
    pub fn new(structure: &Structure, cutoff: f64, bin: f64) -> Result<Self> {
        Self::with_images(structure, cutoff.min(structure.simulation_box.longest_cutoff()), bin)
    }

    /// As [`Self::new`], with periodic images where the cutoff exceeds half the box.
    pub fn with_images(structure: &Structure, cutoff: f64, bin: f64) -> Result<Self> {
        let bins = (cutoff / bin).round();
        if !(1.0..=1e7).contains(&bins) {
            return Err(Error::input(
                format!("bins of {bin} do not divide a distance of {cutoff}"),
                "give a bin width that is a small part of the cutoff",
            ));
        }
        let bins = bins as usize;
        let kinds = structure.species.len();
        Ok(Self {
            cutoff,
            bins,
            species: structure.species.iter().map(|s| s.name.clone()).collect(),
            numbers: structure.counts(),
            counts: vec![0; kinds * (kinds + 1) / 2 * bins],
            frames: 0,
            inverse_volume: 0.0,
        })
    }

    /// Frames so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Counts the pairs of a frame.
    pub fn add(&mut self, structure: &Structure) -> Result<()> {
        self.add_counts(&count_pairs(structure, self.cutoff, self.bins)?, structure);
        Ok(())
    }

    /// Adds pairs of a frame that were counted elsewhere, up to [`Self::cutoff`] in
    /// [`Self::bins`] bins.
    pub fn add_counts(&mut self, counted: &PairCounts, structure: &Structure) {
        self.counts.iter_mut().zip(&counted.counts).for_each(|(sum, n)| *sum += n);
        self.frames += 1;
        self.inverse_volume += 1.0 / structure.simulation_box.volume();
    }

    /// Distance up to which pairs are counted.
    pub fn cutoff(&self) -> f64 {
        self.cutoff
    }

    /// Number of bins.
    pub fn bins(&self) -> usize {
        self.bins
    }

    /// g(r) of every unordered pair of species that has atoms.
    pub fn partials(&self) -> Vec<PairRdf> {
        let kinds = self.species.len();
        let mut partials = Vec::new();
        for a in 0..kinds {
            for b in a..kinds {
                if self.numbers[a] > 0 && self.numbers[b] > 0 {
                    partials.push(self.partial(a, b));
                }
            }
        }
        partials
    }

    fn partial(&self, a: usize, b: usize) -> PairRdf {
        let width = self.cutoff / self.bins as f64;
        let start = pair_index(a, b, self.species.len()) * self.bins;
        let counts = &self.counts[start..start + self.bins];
        let (na, nb) = (self.numbers[a] as f64, self.numbers[b] as f64);
        // An unordered pair of one species counts for both of its atoms.
        let ordered = if a == b { 2.0 } else { 1.0 };
        let frames = self.frames.max(1) as f64;
        let density = self.inverse_volume / frames;
        let mut sum = 0.0;
        let (mut r, mut g, mut running) = (Vec::new(), Vec::new(), Vec::new());
        for (k, &count) in counts.iter().enumerate() {
            let (inner, outer) = (k as f64 * width, (k + 1) as f64 * width);
            let shell = 4.0 / 3.0 * std::f64::consts::PI * (outer.powi(3) - inner.powi(3));
            let pairs = ordered * count as f64 / frames;
            sum += pairs / na;
            r.push(0.5 * (inner + outer));
            g.push(if density > 0.0 { pairs / (na * nb * density * shell) } else { 0.0 });
            running.push(sum);
        }
        let counts = counts.to_vec();
        PairRdf {
            species: [self.species[a].clone(), self.species[b].clone()],
            r,
            g,
            running,
            counts,
        }
    }

    /// The total g(r), every atom counting equally.
    pub fn total(&self) -> PairRdf {
        let n: usize = self.numbers.iter().sum();
        let mut total = PairRdf {
            species: ["all".into(), "all".into()],
            r: Vec::new(),
            g: vec![0.0; self.bins],
            running: vec![0.0; self.bins],
            counts: vec![0; self.bins],
        };
        let kinds = self.species.len();
        for a in 0..kinds {
            for b in a..kinds {
                let partial = self.partial(a, b);
                let factor = if a == b { 1.0 } else { 2.0 };
                let (na, nb) = (self.numbers[a] as f64, self.numbers[b] as f64);
                total.r.clone_from(&partial.r);
                if self.numbers[a] == 0 || self.numbers[b] == 0 {
                    continue;
                }
                let weight = factor * na * nb / (n as f64).powi(2);
                for k in 0..self.bins {
                    total.g[k] += weight * partial.g[k];
                    total.counts[k] += partial.counts[k];
                    total.running[k] += factor * na / n as f64 * partial.running[k];
                }
            }
        }
        total
    }

    /// Number density, averaged over frames.
    pub fn number_density(&self) -> f64 {
        let n: usize = self.numbers.iter().sum();
        n as f64 * self.inverse_volume / self.frames.max(1) as f64
    }
}

impl PairRdf {
    /// Position and height of the first peak: the highest bin of the first maximum that stands out
    /// of the noise. `None` without one.
    pub fn first_peak(&self) -> Option<(f64, f64)> {
        self.first_shell().map(|shell| (self.r[shell.peak], self.g[shell.peak]))
    }

    /// First minimum behind the first peak. `None` if g never turns up again.
    ///
    /// g is averaged with a Gaussian weight a few per cent of the distance wide, and a rise or
    /// fall counts only if it exceeds four standard errors of the counts (Poisson). A flat or
    /// empty valley answers with its middle.
    pub fn first_minimum(&self) -> Option<f64> {
        self.first_shell().and_then(|shell| shell.minimum)
    }

    /// Searches with more and more averaging until noise no longer hides peak and minimum.
    fn first_shell(&self) -> Option<Shell> {
        let mut peak_only = None;
        for width in [0.015, 0.025, 0.04, 0.06, 0.09] {
            match self.shell_with(width) {
                Some(shell) if shell.minimum.is_some() => return Some(shell),
                Some(shell) => peak_only = peak_only.or(Some(shell)),
                None => {}
            }
        }
        peak_only
    }

    /// `width`: standard deviation of the Gaussian weight, relative to the shortest distances.
    fn shell_with(&self, width: f64) -> Option<Shell> {
        let pairs: u64 = self.counts.iter().sum();
        let volume: f64 = self.g.iter().zip(&self.r).map(|(g, r)| g * r * r).sum();
        let start = self.g.iter().position(|&g| g > 0.0)?;
        let bin = if self.r.len() > 1 { self.r[1] - self.r[0] } else { return None };
        let sigma = (width * self.r[start] / bin).max(0.7);
        let span = (3.0 * sigma).ceil() as usize;
        let kernel: Vec<f64> =
            (0..=span).map(|k| (-0.5 * (k as f64 / sigma).powi(2)).exp()).collect();
        // Pairs that g = 1 would put into a bin, per r².
        let ideal = pairs as f64 / volume;
        let smooth: Vec<(f64, f64)> = (0..self.g.len())
            .map(|k| {
                let (mut sum, mut squares, mut norm) = (0.0, 1.0, 0.0);
                for m in k.saturating_sub(span)..(k + span + 1).min(self.g.len()) {
                    let w = kernel[k.abs_diff(m)];
                    let n0 = ideal * self.r[m] * self.r[m];
                    sum += w * n0 * self.g[m];
                    squares += w * w * n0 * self.g[m];
                    norm += w * n0;
                }
                (sum / norm, squares.sqrt() / norm)
            })
            .collect();
        let mut peak = start;
        let mut at = start;
        loop {
            let (g, error) = *smooth.get(at)?;
            let (top, top_error) = smooth[peak];
            if g > top {
                peak = at;
            } else if top - g > 4.0 * error.hypot(top_error) && top - g > 0.15 * top && top > 0.3 {
                break;
            }
            at += 1;
        }
        let highest = (peak.saturating_sub(span)..(peak + span + 1).min(self.g.len()))
            .max_by(|&a, &b| self.g[a].total_cmp(&self.g[b]))?;
        let mut lowest = peak;
        let found = (peak..smooth.len()).find(|&k| {
            if smooth[k].0 < smooth[lowest].0 {
                lowest = k;
            }
            let rise = smooth[k].0 - smooth[lowest].0;
            let error = smooth[k].1.hypot(smooth[lowest].1);
            rise > 4.0 * error && rise > 0.05 * smooth[peak].0.min(2.0)
        });
        let minimum = found.map(|end| {
            let floor = smooth[lowest].0 + smooth[lowest].1.max(1e-3);
            let mut low = (peak..end).filter(|&k| smooth[k].0 <= floor);
            let first = low.next().unwrap_or(lowest);
            let last = low.next_back().unwrap_or(first);
            0.5 * (self.r[first] + self.r[last])
        });
        Some(Shell { peak: highest, minimum })
    }
}

/// The first coordination shell of a g(r).
struct Shell {
    /// Highest bin.
    peak: usize,
    /// Distance of the minimum behind it.
    minimum: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{RandomStream, SimulationBox, Species, Stream};

    fn species(names: &[&str]) -> Vec<Species> {
        names.iter().map(|&n| Species { name: n.into(), mass: None }).collect()
    }

    #[test]
    fn ideal_gas_is_flat() {
        let stream = RandomStream::new(1, Stream::Sampling);
        let cell = SimulationBox::new([0.0; 3], [20.0, 21.0, 22.0], [3.0, -2.0, 1.0]).expect("box");
        let positions: Vec<[f64; 3]> = (0..4000)
            .map(|i| cell.to_cartesian([0, 1, 2].map(|lane| stream.uniform(0, i, lane))))
            .collect();
        let kinds = (0..4000).map(|i| u16::from(i % 4 == 0)).collect();
        let gas = Structure::new(cell, species(&["A", "B"]), kinds, positions).expect("sound");
        let mut rdf = PartialRdf::new(&gas, 8.0, 0.5).expect("bins");
        rdf.add(&gas).expect("counted");
        let partials = rdf.partials();
        assert_eq!(partials.len(), 3);
        for partial in partials.iter().chain([&rdf.total()]) {
            for k in 6..partial.g.len() {
                assert!(
                    (partial.g[k] - 1.0).abs() < 0.08,
                    "{:?} {}",
                    partial.species,
                    partial.g[k]
                );
            }
        }
        assert!((rdf.number_density() - 4000.0 / (20.0 * 21.0 * 22.0)).abs() < 1e-12);
    }

    #[test]
    fn face_centred_cubic_shells() {
        let n = 6;
        let a = 2.0;
        let mut positions = Vec::new();
        for x in 0..n {
            for y in 0..n {
                for z in 0..n {
                    for b in [[0.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]] {
                        positions.push([
                            a * (f64::from(x) + b[0]),
                            a * (f64::from(y) + b[1]),
                            a * (f64::from(z) + b[2]),
                        ]);
                    }
                }
            }
        }
        let cube = SimulationBox::cubic(a * f64::from(n)).expect("cube");
        let kinds = vec![0; positions.len()];
        let crystal = Structure::new(cube, species(&["Ar"]), kinds, positions).expect("sound");
        let mut rdf = PartialRdf::new(&crystal, 5.0, 0.02).expect("bins");
        rdf.add(&crystal).expect("counted");
        rdf.add(&crystal).expect("counted");
        let partial = &rdf.partials()[0];
        let neighbours = |r: f64| partial.running[(r / 0.02).round() as usize - 1];
        let d = a / 2.0_f64.sqrt();
        assert!((neighbours(1.2 * d) - 12.0).abs() < 1e-9);
        assert!((neighbours(1.5 * d) - 18.0).abs() < 1e-9);
        assert!((neighbours(1.8 * d) - 42.0).abs() < 1e-9);
        assert!((neighbours(2.1 * d) - 54.0).abs() < 1e-9);
        let (peak, _) = partial.first_peak().expect("a peak");
        assert!((peak - d).abs() < 0.02, "{peak}");
        let minimum = partial.first_minimum().expect("a minimum");
        assert!(minimum > d && minimum < 2.0, "{minimum}");
    }

    #[test]
    fn histogram_equals_a_double_loop_over_images() {
        for tilts in [[0.0; 3], [3.0, -2.0, 1.5]] {
            let cell = SimulationBox::new([0.0; 3], [7.0, 8.0, 9.0], tilts).expect("box");
            let stream = RandomStream::new(3, Stream::Sampling);
            let positions: Vec<[f64; 3]> = (0..60)
                .map(|i| cell.to_cartesian([0, 1, 2].map(|lane| stream.uniform(0, i, lane))))
                .collect();
            let kinds = (0..60).map(|i| i % 3).collect();
            let gas =
                Structure::new(cell, species(&["A", "B", "C"]), kinds, positions).expect("sound");
            let (cutoff, bins) = (11.0, 37);
            let mut wanted = vec![0u64; 6 * bins];
            for i in 0..60 {
                for j in 0..60 {
                    for image in 0..1331i32 {
                        let t = [image % 11 - 5, image / 11 % 11 - 5, image / 121 - 5];
                        let s = cell.difference_to_cartesian(t.map(f64::from));
                        let (a, b) = (gas.positions[i], gas.positions[j]);
                        let r = (0..3).map(|k| (b[k] + s[k] - a[k]).powi(2)).sum::<f64>().sqrt();
                        if r < cutoff && (i != j || t != [0; 3]) {
                            let pair = pair_index(i % 3, j % 3, 3);
                            wanted[pair * bins + (r / cutoff * bins as f64) as usize] += 1;
                        }
                    }
                }
            }
            // The loop above meets every pair from both ends.
            wanted.iter_mut().for_each(|n| *n /= 2);
            let found = count_pairs(&gas, cutoff, bins).expect("counted");
            assert_eq!(found.counts, wanted);
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                let again = pool.expect("a pool").install(|| count_pairs(&gas, cutoff, bins));
                assert_eq!(again.expect("counted"), found);
            }
        }
    }

    #[test]
    fn partials_sum_to_the_total() {
        let cell = SimulationBox::cubic(10.0).expect("cube");
        let stream = RandomStream::new(9, Stream::Sampling);
        let positions: Vec<[f64; 3]> = (0..200)
            .map(|i| cell.to_cartesian([0, 1, 2].map(|lane| stream.uniform(0, i, lane))))
            .collect();
        let of = |kinds: Vec<u16>, names: &[&str]| {
            let gas = Structure::new(cell, species(names), kinds, positions.clone()).expect("ok");
            let mut rdf = PartialRdf::new(&gas, 5.0, 0.1).expect("bins");
            rdf.add(&gas).expect("counted");
            rdf.total()
        };
        let mixed = of((0..200).map(|i| i % 3).collect(), &["A", "B", "C"]);
        let plain = of(vec![0; 200], &["A"]);
        for k in 0..plain.g.len() {
            assert!((mixed.g[k] - plain.g[k]).abs() < 1e-12);
            assert!((mixed.running[k] - plain.running[k]).abs() < 1e-9);
        }
        assert_eq!(mixed.counts, plain.counts);
    }

    /// A curve of two peaks counted with Poisson noise: pairs with few counts must not stop at a
    /// spike.
    #[test]
    fn noise_is_no_minimum() {
        let stream = RandomStream::new(21, Stream::Sampling);
        for (scale, seeds) in [(0.5, 40u32), (3.0, 40), (100.0, 5)] {
            for seed in 0..seeds {
                let (mut r, mut g, mut counts) = (Vec::new(), Vec::new(), Vec::new());
                for k in 0..200u32 {
                    let x = 0.02 * (f64::from(k) + 0.5);
                    // Contact near 0.8, peak at 0.9, minimum near 1.3, second peak at 1.7.
                    let rise = 1.0 / (1.0 + (-(x - 0.83) / 0.015).exp());
                    let wanted = rise
                        * (1.0 + 2.5 * (-((x - 0.9) / 0.12).powi(2)).exp()
                            - 0.55 * (-((x - 1.3) / 0.2).powi(2)).exp()
                            + 0.4 * (-((x - 1.7) / 0.15).powi(2)).exp());
                    let ideal = scale * 300.0 * x * x;
                    let mean = ideal * wanted;
                    let noise = stream.normal_pair(u64::from(seed), k, 0)[0];
                    let n = (mean + mean.sqrt() * noise).round().max(0.0);
                    r.push(x);
                    g.push(n / ideal);
                    counts.push(n as u64);
                }
                let running = vec![0.0; 200];
                let rdf = PairRdf { species: ["A".into(), "B".into()], r, g, running, counts };
                let (peak, _) = rdf.first_peak().expect("a peak");
                assert!((0.83..1.05).contains(&peak), "{scale} {seed} {peak}");
                let minimum = rdf.first_minimum().expect("a minimum");
                assert!((minimum - 1.3).abs() < 0.17, "{scale} {seed} {minimum}");
            }
        }
    }
}
