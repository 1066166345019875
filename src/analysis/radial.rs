//! Partial pair distribution functions.

use serde::{Deserialize, Serialize};

use crate::backend::reference::for_each_pair;
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
}

impl PartialRdf {
    /// Nothing yet, for structures like `structure`: bins of about `bin` up to `cutoff`, or up to
    /// half the box if that is shorter.
    pub fn new(structure: &Structure, cutoff: f64, bin: f64) -> Result<Self> {
        let cutoff = cutoff.min(structure.simulation_box.longest_cutoff());
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
    pub fn add(&mut self, structure: &Structure) {
        let kinds = self.species.len();
        let scale = self.bins as f64 / self.cutoff;
        for_each_pair(
            &structure.simulation_box,
            &structure.positions,
            self.cutoff,
            |i, j, _, r2| {
                let pair = pair_index(
                    usize::from(structure.kinds[i]),
                    usize::from(structure.kinds[j]),
                    kinds,
                );
                let bin = ((r2.sqrt() * scale) as usize).min(self.bins - 1);
                self.counts[pair * self.bins + bin] += 1;
            },
        );
        self.frames += 1;
        self.inverse_volume += 1.0 / structure.simulation_box.volume();
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
        PairRdf { species: [self.species[a].clone(), self.species[b].clone()], r, g, running }
    }

    /// The total g(r), every atom counting equally.
    pub fn total(&self) -> PairRdf {
        let n: usize = self.numbers.iter().sum();
        let mut total = PairRdf {
            species: ["all".into(), "all".into()],
            r: Vec::new(),
            g: vec![0.0; self.bins],
            running: vec![0.0; self.bins],
        };
        let kinds = self.species.len();
        for a in 0..kinds {
            for b in a..kinds {
                let partial = self.partial(a, b);
                let factor = if a == b { 1.0 } else { 2.0 };
                let (na, nb) = (self.numbers[a] as f64, self.numbers[b] as f64);
                let weight = factor * na * nb / (n as f64).powi(2);
                for k in 0..self.bins {
                    total.g[k] += weight * partial.g[k];
                    total.running[k] += factor * na / n as f64 * partial.running[k];
                }
                total.r = partial.r;
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

fn pair_index(a: usize, b: usize, kinds: usize) -> usize {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    low * kinds - low * (low + 1) / 2 + high
}

impl PairRdf {
    /// Position and height of the first peak: the highest point up to where g first falls below
    /// half of it again. `None` without a pair.
    pub fn first_peak(&self) -> Option<(f64, f64)> {
        let start = self.g.iter().position(|&g| g > 0.5)?;
        let mut best = start;
        for k in start..self.g.len() {
            if self.g[k] > self.g[best] {
                best = k;
            } else if self.g[k] < 0.5 * self.g[best] && self.g[best] > 1.0 {
                break;
            }
        }
        Some((self.r[best], self.g[best]))
    }

    /// First minimum behind the first peak, of g averaged over five bins. `None` if g never
    /// turns up again.
    pub fn first_minimum(&self) -> Option<f64> {
        let (peak, _) = self.first_peak()?;
        let smooth: Vec<f64> = (0..self.g.len())
            .map(|k| {
                let window = &self.g[k.saturating_sub(2)..(k + 3).min(self.g.len())];
                window.iter().sum::<f64>() / window.len() as f64
            })
            .collect();
        let from = self.r.iter().position(|&r| r >= peak)?;
        let mut lowest = from;
        for k in from..smooth.len() {
            // Of a wide valley of zeros the middle is taken below.
            if smooth[k] < smooth[lowest] {
                lowest = k;
            } else if smooth[k] > smooth[lowest] + 0.1 * self.g[from].min(2.0) {
                let last = (lowest..k).rev().find(|&m| smooth[m] <= smooth[lowest])?;
                return Some(0.5 * (self.r[lowest] + self.r[last]));
            }
        }
        None
    }
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
        rdf.add(&gas);
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
        rdf.add(&crystal);
        rdf.add(&crystal);
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
}
