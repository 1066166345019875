//! Structure factors: from g(r), and directly over the wave vectors of the box.

use serde::{Deserialize, Serialize};

use super::density_waves::{DensityWave, density_waves};
use super::pair_histogram::pair_index;
use super::radial::PairRdf;
use super::wave_vectors::{choose_vectors, wave_vector};
use crate::error::{Error, Result};
use crate::system::Structure;

/// S(q) = 1 + 4πρ ∫ r² (g(r) − 1) sin(qr)/(qr) w(r) dr with the window w = sin(πr/R)/(πr/R)
/// (Lorch) against the ripples of the cut at R. Neutral weights: every atom scatters equally.
pub fn structure_factor(total: &PairRdf, number_density: f64, q: &[f64]) -> Vec<f64> {
    let sinc = |x: f64| if x.abs() < 1e-6 { 1.0 } else { x.sin() / x };
    let width = if total.r.len() > 1 { total.r[1] - total.r[0] } else { 0.0 };
    let end = total.r.last().map_or(1.0, |r| r + 0.5 * width);
    q.iter()
        .map(|&q| {
            let integral: f64 = total
                .r
                .iter()
                .zip(&total.g)
                .map(|(&r, &g)| {
                    r * r * (g - 1.0) * sinc(q * r) * sinc(std::f64::consts::PI * r / end) * width
                })
                .sum();
            1.0 + 4.0 * std::f64::consts::PI * number_density * integral
        })
        .collect()
}

/// Partial structure factor of Faber and Ziman from a partial g(r):
/// A(Q) = 1 + 4πρ ∫ r² (g(r) − 1) sin(Qr)/(Qr) w(r) dr with ρ the number density of all atoms;
/// w = sin(πr/R)/(πr/R) with `lorch` (Lorch, J. Phys. C 2, 229 (1969),
/// doi:10.1088/0022-3719/2/2/305), 1 without.
pub fn partial_transform(partial: &PairRdf, density: f64, lorch: bool, q: &[f64]) -> Vec<f64> {
    if lorch {
        return structure_factor(partial, density, q);
    }
    let width = if partial.r.len() > 1 { partial.r[1] - partial.r[0] } else { 0.0 };
    q.iter()
        .map(|&q| {
            let integral: f64 = partial
                .r
                .iter()
                .zip(&partial.g)
                .map(|(&r, &g)| {
                    let x = q * r;
                    let sinc = if x.abs() < 1e-6 { 1.0 } else { x.sin() / x };
                    r * r * (g - 1.0) * sinc * width
                })
                .sum();
            1.0 + 4.0 * std::f64::consts::PI * density * integral
        })
        .collect()
}

/// Partial structure factors summed directly over wave vectors of the box, accumulated over
/// frames: I_ab(Q) = ⟨Re ρ_a ρ_b*⟩/N with ρ_a(Q) = Σ_{j∈a} exp(iQ·r_j), averaged over vectors
/// with |Q| in a bin. No cut of g(r), but only the vectors that the box has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DirectStructureFactor {
    /// Where the bins of |Q| begin, and where the last one ends.
    edges: Vec<f64>,
    kinds: usize,
    fractions: Vec<f64>,
    atoms: usize,
    /// Integer wave vectors (h, k, l) and their bin.
    vectors: Vec<([i32; 3], usize)>,
    /// For each bin, and last for what lies beyond them: Σ|Q|, number of vectors, Σ I_ab.
    sums: Vec<(f64, u64, Vec<f64>)>,
}

impl DirectStructureFactor {
    /// Wave vectors up to `longest` in bins of `width`, at most `per_bin` in each (spread evenly
    /// over those there are; drawn by a fixed sequence where the box has too many to go through).
    pub fn new(structure: &Structure, longest: f64, width: f64, per_bin: usize) -> Result<Self> {
        let bins = (longest / width).ceil();
        if !(1.0..=1e6).contains(&bins) || per_bin == 0 {
            return Err(Error::input(
                format!("bins of {width} do not divide wave vectors up to {longest}"),
                "give a bin width that is a part of the longest wave vector",
            ));
        }
        let edges = (0..=bins as usize).map(|k| k as f64 * width).collect();
        Self::within(structure, longest, edges, per_bin)
    }

    /// Wave vectors in bins of |Q| that begin at 0 and end where the next one begins, at most
    /// `per_bin` in each; [`widening_bins`](super::widening_bins) and
    /// [`vectors_per_bin`](super::vectors_per_bin) give both.
    pub fn with_bins(structure: &Structure, edges: Vec<f64>, per_bin: usize) -> Result<Self> {
        let rising = edges.windows(2).all(|e| e[1] > e[0] && e[1].is_finite());
        let longest = edges.last().copied().filter(|_| rising && edges.len() > 1);
        match longest {
            Some(longest) if edges[0] == 0.0 && per_bin > 0 => {
                Self::within(structure, longest, edges, per_bin)
            }
            _ => Err(Error::input(
                "bins of wave vectors do not rise from zero",
                "give ascending numbers that begin with 0",
            )),
        }
    }

    fn within(
        structure: &Structure,
        longest: f64,
        edges: Vec<f64>,
        per_bin: usize,
    ) -> Result<Self> {
        let kinds = structure.species.len();
        let atoms = structure.len();
        let counts = structure.counts();
        let vectors = choose_vectors(&structure.simulation_box, longest, &edges, per_bin)?;
        Ok(Self {
            kinds,
            fractions: counts.iter().map(|&n| n as f64 / atoms as f64).collect(),
            atoms,
            vectors,
            sums: vec![(0.0, 0, vec![0.0; kinds * (kinds + 1) / 2]); edges.len()],
            edges,
        })
    }

    /// Number of wave vectors in use.
    pub fn vectors(&self) -> usize {
        self.vectors.len()
    }

    /// The integer wave vectors (h, k, l), Q = 2π (h a* + k b* + l c*).
    pub fn wave_vectors(&self) -> Vec<[i32; 3]> {
        self.vectors.iter().map(|(hkl, _)| *hkl).collect()
    }

    /// Adds a frame. The sum over atoms has a fixed order, whatever the number of threads.
    pub fn add(&mut self, structure: &Structure) -> Result<()> {
        let waves = density_waves(structure, &self.wave_vectors());
        self.add_waves(structure, &waves)
    }

    /// Adds a frame whose density waves were summed elsewhere: for each wave vector, for each
    /// species.
    ///
    /// The wave vectors are those of the first frame's box. In a box that changes they keep their
    /// integers and change their lengths: each counts in the bin of its length in this frame, and
    /// nowhere beyond the last bin.
    pub fn add_waves(&mut self, structure: &Structure, waves: &[DensityWave]) -> Result<()> {
        let kinds = self.kinds;
        if waves.len() != self.vectors.len() * kinds {
            return Err(Error::input(
                format!("{} density waves for {} wave vectors", waves.len(), self.vectors.len()),
                "sum the waves of the same structure",
            ));
        }
        for (k, &(hkl, bin)) in self.vectors.iter().enumerate() {
            let amplitude = &waves[k * kinds..(k + 1) * kinds];
            let q = wave_vector(&structure.simulation_box, hkl);
            let bin = self.bin_of(q, bin);
            let Some(sum) = self.sums.get_mut(bin) else { continue };
            sum.0 += q;
            sum.1 += 1;
            for a in 0..kinds {
                for b in a..kinds {
                    let (x, y) = (amplitude[a], amplitude[b]);
                    sum.2[pair_index(a, b, kinds)] +=
                        (x[0] * y[0] + x[1] * y[1]) / self.atoms as f64;
                }
            }
        }
        Ok(())
    }

    /// Mean |Q| of each bin that has vectors, and the partials A_ab of Faber and Ziman there:
    /// A_ab = 1 + (I_ab − c_a δ_ab)/(c_a c_b); 1 for species without atoms.
    pub fn partials(&self) -> Vec<(f64, Vec<f64>)> {
        let kinds = self.kinds;
        let filled = self.bins().iter().filter(|(_, number, _)| *number > 0);
        filled
            .map(|(q, number, sums)| {
                let n = *number as f64;
                let mut partials = vec![1.0; sums.len()];
                for a in 0..kinds {
                    for b in a..kinds {
                        let (ca, cb) = (self.fractions[a], self.fractions[b]);
                        let k = pair_index(a, b, kinds);
                        let own = if a == b { ca } else { 0.0 };
                        if ca * cb > 0.0 {
                            partials[k] = 1.0 + (sums[k] / n - own) / (ca * cb);
                        }
                    }
                }
                (q / n, partials)
            })
            .collect()
    }

    /// Number of wave vectors in each bin of [`Self::partials`], at least one; where the box changes,
    /// the mean over the frames. In a disordered structure |ρ(Q)|² scatters by its mean from vector
    /// to vector, so that S of one frame and n vectors has the standard error S/√n.
    pub fn vectors_in_bins(&self) -> Vec<usize> {
        let added: u64 = self.sums.iter().map(|s| s.1).sum();
        let frames = (added as f64 / self.vectors.len().max(1) as f64).max(1.0);
        let filled = self.bins().iter().filter(|(_, number, _)| *number > 0);
        filled.map(|(_, number, _)| ((*number as f64 / frames).round() as usize).max(1)).collect()
    }

    fn bins(&self) -> &[(f64, u64, Vec<f64>)] {
        &self.sums[..self.edges.len() - 1]
    }

    /// The bin of a length, or the number of bins if it lies beyond them. A vector that has not left
    /// the bin it was chosen in by more than rounding stays there.
    fn bin_of(&self, q: f64, chosen: usize) -> usize {
        let slack = 1e-9 * q;
        if q >= self.edges[chosen] - slack && q <= self.edges[chosen + 1] + slack {
            return chosen;
        }
        self.edges.partition_point(|edge| *edge <= q).saturating_sub(1)
    }
}

/// Wave vector of the first peak of S(q): the first local maximum that reaches half of the
/// highest, looked for between one wave in R and 40/d, d the mean distance of atoms.
pub fn first_peak(total: &PairRdf, number_density: f64) -> Option<f64> {
    let end = *total.r.last()?;
    let spacing = number_density.cbrt().recip();
    let (low, high) = (std::f64::consts::TAU / end, 40.0 / spacing);
    if !(low.is_finite() && high > low) {
        return None;
    }
    let q: Vec<f64> = (0..600).map(|k| low + (high - low) * f64::from(k) / 599.0).collect();
    let s = structure_factor(total, number_density, &q);
    let highest = s.iter().copied().fold(0.0, f64::max);
    (1..q.len() - 1)
        .find(|&k| s[k] >= 0.5 * highest && s[k] >= s[k - 1] && s[k] > s[k + 1])
        .map(|k| q[k])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_of_neighbours_peaks_where_it_should() {
        // g = 1 with a Gaussian shell at d: S(q) follows sin(qd)/(qd), first maximum near 7.73/d.
        let d = 3.0;
        let r: Vec<f64> = (0..1500).map(|k| 0.01 * (f64::from(k) + 0.5)).collect();
        let g = r
            .iter()
            .map(|r| if *r < 2.2 { 0.0 } else { 1.0 + 3.0 * (-(r - d).powi(2) / 0.02).exp() })
            .collect();
        let running = vec![0.0; r.len()];
        let counts = vec![0; r.len()];
        let rdf = PairRdf { species: ["all".into(), "all".into()], r, g, running, counts };
        let q = first_peak(&rdf, 0.03).expect("a peak");
        assert!((q * d - 7.73).abs() < 0.8, "{}", q * d);
        let s = structure_factor(&rdf, 0.0, &[1.0, 2.0]);
        assert_eq!(s, [1.0, 1.0]);
    }

    #[test]
    fn bragg_peaks_of_a_crystal_stand_where_they_should() {
        use crate::system::{SimulationBox, Species};
        // Body-centred cubic: S(hkl) = N for h + k + l even, 0 else.
        let (n, a) = (4, 3.0);
        let mut positions = Vec::new();
        for c in 0..n * n * n {
            let corner = [c % n, c / n % n, c / n / n].map(|x| a * f64::from(x));
            positions.push(corner);
            positions.push(corner.map(|x| x + 0.5 * a));
        }
        let atoms = positions.len();
        let cube = SimulationBox::cubic(a * f64::from(n)).expect("cube");
        let species = vec![Species { name: "Fe".into(), mass: None }];
        let crystal = Structure::new(cube, species, vec![0; atoms], positions).expect("sound");
        let mut direct = DirectStructureFactor::new(&crystal, 6.0, 1e-3, 10_000).expect("vectors");
        direct.add(&crystal).expect("added");
        direct.add(&crystal).expect("added");
        let peaks: Vec<f64> =
            direct.partials().iter().filter(|(_, s)| s[0] > 1.0).map(|(q, _)| *q).collect();
        let unit = std::f64::consts::TAU / a;
        let wanted = [2.0_f64, 4.0, 6.0, 8.0].map(|squares| unit * squares.sqrt());
        assert_eq!(peaks.len(), 4, "{peaks:?}");
        assert!(peaks.iter().zip(wanted).all(|(q, w)| (q - w).abs() < 1e-9), "{peaks:?}");
        let (_, first) = &direct.partials()[direct
            .partials()
            .iter()
            .position(|(q, _)| (q - wanted[0]).abs() < 1e-9)
            .expect("the peak")];
        assert!((first[0] - atoms as f64).abs() < 1e-6);
    }

    #[test]
    fn boxes_that_change_move_wave_vectors_to_other_bins() {
        use crate::system::{SimulationBox, Species};
        // A simple cubic crystal of 4 × 4 × 4 cells: S = N where h, k and l are multiples of four.
        let cube = |a: f64| {
            let positions = (0..64).map(|c| [c % 4, c / 4 % 4, c / 16].map(|x| a * f64::from(x)));
            let cell = SimulationBox::cubic(4.0 * a).expect("cube");
            let species = vec![Species { name: "Po".into(), mass: None }];
            Structure::new(cell, species, vec![0; 64], positions.collect()).expect("sound")
        };
        let edges: Vec<f64> = (0..=40).map(|k| 0.1 * f64::from(k)).collect();
        let mut direct =
            DirectStructureFactor::with_bins(&cube(3.0), edges.clone(), 100_000).expect("vectors");
        let chosen = direct.vectors();
        for a in [3.0, 2.4] {
            direct.add(&cube(a)).expect("added");
        }
        let partials = direct.partials();
        let at = |q: f64| {
            let bin = edges.partition_point(|e| *e <= q);
            let found = partials.iter().position(|(p, _)| edges.partition_point(|e| e <= p) == bin);
            found.expect("a bin with vectors")
        };
        // Both first peaks stand where their box has them, among the other vectors of their bins.
        for a in [3.0, 2.4] {
            let k = at(std::f64::consts::TAU / a);
            assert!(partials[k].1[0] > 0.5, "{a}: {:?}", partials[k]);
        }
        // No vector of the smaller box is shorter than one wave in it; beyond 4 they are dropped.
        let counted: u64 = direct.bins().iter().map(|s| s.1).sum();
        let all: u64 = direct.sums.iter().map(|s| s.1).sum();
        assert_eq!(all, 2 * chosen as u64);
        assert!(counted < all && counted > chosen as u64);
        let numbers = direct.vectors_in_bins();
        assert_eq!(numbers.len(), partials.len());
        let mean: usize = numbers.iter().sum();
        assert!((mean as f64 - 0.5 * counted as f64).abs() <= numbers.len() as f64);
    }
}
