//! Structure factors: from g(r), and directly over the wave vectors of the box.

use serde::{Deserialize, Serialize};

use super::density_waves::{DensityWave, density_waves};
use super::pair_histogram::pair_index;
use super::radial::PairRdf;
use crate::error::{Error, Result};
use crate::system::{SimulationBox, Structure};

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
    width: f64,
    kinds: usize,
    fractions: Vec<f64>,
    atoms: usize,
    /// Integer wave vectors (h, k, l) and their bin.
    vectors: Vec<([i32; 3], usize)>,
    /// For each bin: Σ|Q|, number of vectors, Σ I_ab.
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
        let kinds = structure.species.len();
        let atoms = structure.len();
        let counts = structure.counts();
        let vectors =
            choose_vectors(&structure.simulation_box, longest, width, bins as usize, per_bin)?;
        Ok(Self {
            width,
            kinds,
            fractions: counts.iter().map(|&n| n as f64 / atoms as f64).collect(),
            atoms,
            vectors,
            sums: vec![(0.0, 0, vec![0.0; kinds * (kinds + 1) / 2]); bins as usize],
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
    /// The wave vectors are those of the first frame's box. In a box that breathes they keep their
    /// integers and change their lengths; one that leaves its bin by more than a bin's width is an
    /// error.
    pub fn add_waves(&mut self, structure: &Structure, waves: &[DensityWave]) -> Result<()> {
        let kinds = self.kinds;
        if waves.len() != self.vectors.len() * kinds {
            return Err(Error::input(
                format!("{} density waves for {} wave vectors", waves.len(), self.vectors.len()),
                "sum the waves of the same structure",
            ));
        }
        let lengths: Vec<f64> = self
            .vectors
            .iter()
            .map(|(hkl, _)| wave_vector(&structure.simulation_box, *hkl))
            .collect();
        let left = self.vectors.iter().zip(&lengths).find(|((_, bin), q)| {
            let middle = (*bin as f64 + 0.5) * self.width;
            (*q - middle).abs() > 1.5 * self.width
        });
        if left.is_some() {
            return Err(Error::input(
                "the box changes so much that wave vectors leave their bins of S(Q)",
                "analyse frames of one box size at a time, or widen the bins",
            ));
        }
        for (k, (&(_, bin), q)) in self.vectors.iter().zip(lengths).enumerate() {
            let amplitude = &waves[k * kinds..(k + 1) * kinds];
            let sum = &mut self.sums[bin];
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
        let filled = self.sums.iter().filter(|(_, number, _)| *number > 0);
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

    /// Width of the bins.
    pub fn width(&self) -> f64 {
        self.width
    }
}

/// |2π (h a* + k b* + l c*)|.
fn wave_vector(simulation_box: &SimulationBox, hkl: [i32; 3]) -> f64 {
    let [lx, ly, lz] = simulation_box.lengths;
    let [xy, xz, yz] = simulation_box.tilts;
    let [h, k, l] = hkl.map(f64::from);
    let qx = h / lx;
    let qy = (k - xy * qx) / ly;
    let qz = (l - xz * qx - yz * qy) / lz;
    std::f64::consts::TAU * (qx * qx + qy * qy + qz * qz).sqrt()
}

fn choose_vectors(
    simulation_box: &SimulationBox,
    longest: f64,
    width: f64,
    bins: usize,
    per_bin: usize,
) -> Result<Vec<([i32; 3], usize)>> {
    let edges = simulation_box.vectors();
    let most = edges.map(|v| {
        (longest * v.iter().map(|x| x * x).sum::<f64>().sqrt() / std::f64::consts::TAU).floor()
    });
    if most.iter().any(|m| *m > 1e4) {
        return Err(Error::input(
            format!("wave vectors up to {longest} are too many for this box"),
            "use a shorter longest wave vector, or the transform of g(r)",
        ));
    }
    let enumerated = first_drawn_bin(simulation_box, width, bins, per_bin);
    let shortest_drawn = (enumerated as f64 * width).min(longest);
    let [mh, mk, ml] = most.map(|m| (m * shortest_drawn / longest).ceil() as i32);
    // ρ(−Q) is the conjugate of ρ(Q), so half of the vectors say everything. A pass counts, a
    // second one keeps an evenly spread part.
    let half = |visit: &mut dyn FnMut([i32; 3], usize)| {
        for h in 0..=mh {
            for k in if h == 0 { 0 } else { -mk }..=mk {
                for l in if h == 0 && k == 0 { 1 } else { -ml }..=ml {
                    let q = wave_vector(simulation_box, [h, k, l]);
                    let bin = (q / width) as usize;
                    if q <= longest && bin < enumerated {
                        visit([h, k, l], bin);
                    }
                }
            }
        }
    };
    let mut present = vec![0usize; enumerated];
    half(&mut |_, bin| present[bin] += 1);
    let mut seen = vec![0usize; enumerated];
    let mut kept = Vec::new();
    half(&mut |hkl, bin| {
        let (index, total) = (seen[bin], present[bin]);
        seen[bin] += 1;
        let wanted = per_bin.min(total);
        if (index + 1) * wanted / total > index * wanted / total {
            kept.push((hkl, bin));
        }
    });
    for bin in enumerated..bins {
        let vectors = draw_vectors(simulation_box, longest, width, bin, per_bin);
        kept.extend(vectors.into_iter().map(|hkl| (hkl, bin)));
    }
    Ok(kept)
}

/// The first bin too full to go through its vectors one by one: ten million lie below it, and it
/// has many times the number that is wanted.
fn first_drawn_bin(
    simulation_box: &SimulationBox,
    width: f64,
    bins: usize,
    per_bin: usize,
) -> usize {
    // Vectors per volume of wave vector space, half of them.
    let density = 0.5 * simulation_box.volume() / std::f64::consts::TAU.powi(3);
    let sphere = |q: f64| 4.0 / 3.0 * std::f64::consts::PI * q.powi(3) * density;
    let from = |bin: usize| bin as f64 * width;
    let drawn = |&bin: &usize| {
        let within = sphere(from(bin + 1)) - sphere(from(bin));
        sphere(from(bin)) > 1e7 && within > 64.0 * per_bin as f64
    };
    (0..bins).find(drawn).unwrap_or(bins)
}

/// Different vectors of a bin, no two opposite, spread evenly over directions and lengths by the
/// additive recurrence of three irrational numbers.
fn draw_vectors(
    simulation_box: &SimulationBox,
    longest: f64,
    width: f64,
    bin: usize,
    wanted: usize,
) -> std::collections::BTreeSet<[i32; 3]> {
    // Powers of 1/x for the real root of x⁴ = x + 1, which fill a cube most evenly.
    const ROOT: f64 = 1.220_744_084_605_759_5;
    let steps = [ROOT.powi(-1), ROOT.powi(-2), ROOT.powi(-3)];
    let edges = simulation_box.vectors();
    let mut found = std::collections::BTreeSet::new();
    // Each bin goes on where the one before it ended, about: other directions in every bin. A
    // thin shell in a small box is missed more often than it is hit.
    for n in 0..wanted.saturating_mul(10_000) {
        if found.len() == wanted {
            break;
        }
        let at = (bin * wanted + n) as f64;
        let [u, v, w] = steps.map(|s| (0.5 + at * s).fract());
        let length = (bin as f64 + w) * width;
        let (sine, angle) = ((1.0 - u * u).sqrt(), std::f64::consts::TAU * v);
        let q = [length * u, length * sine * angle.cos(), length * sine * angle.sin()];
        let hkl = edges.map(|edge| {
            let turns: f64 = edge.iter().zip(&q).map(|(e, q)| e * q).sum();
            (turns / std::f64::consts::TAU).round() as i32
        });
        let reached = wave_vector(simulation_box, hkl);
        if reached <= longest && (reached / width) as usize == bin {
            found.insert(if hkl < [0; 3] { hkl.map(|x| -x) } else { hkl });
        }
    }
    found
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
    fn vectors_of_a_large_box_are_drawn_in_their_bins() {
        let (width, per_bin, longest) = (0.1, 8, 12.0);
        for tilts in [[0.0; 3], [30.0, -20.0, 45.0]] {
            let cell = SimulationBox::new([0.0; 3], [120.0, 140.0, 160.0], tilts).expect("box");
            let bins = 120;
            let first = first_drawn_bin(&cell, width, bins, per_bin);
            assert!((20..100).contains(&first), "{first}");
            let chosen = choose_vectors(&cell, longest, width, bins, per_bin).expect("vectors");
            let mut all: Vec<_> = chosen.iter().map(|(hkl, _)| *hkl).collect();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), chosen.len(), "twice the same");
            assert!(all.iter().all(|hkl| *hkl > [0; 3]), "a vector and its opposite");
            for bin in first - 3..bins {
                let own: Vec<_> = chosen.iter().filter(|(_, b)| *b == bin).collect();
                assert_eq!(own.len(), per_bin, "bin {bin}");
                for (hkl, _) in own {
                    let q = wave_vector(&cell, *hkl);
                    assert!((q / width) as usize == bin && q <= longest);
                }
            }
            // Every direction alike: the mean of h² over lengths says so for each axis.
            let drawn = chosen.iter().filter(|(_, b)| *b >= first);
            let edges = cell.vectors();
            let (mut squares, mut number) = ([0.0; 3], 0.0);
            for (hkl, _) in drawn {
                let q = wave_vector(&cell, *hkl);
                for k in 0..3 {
                    let edge = edges[k].iter().map(|x| x * x).sum::<f64>().sqrt();
                    let cosine = f64::from(hkl[k]) * std::f64::consts::TAU / (q * edge);
                    squares[k] += cosine * cosine;
                }
                number += 1.0;
            }
            for square in squares {
                assert!((square / number - 1.0 / 3.0).abs() < 0.03, "{squares:?}");
            }
        }
    }

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
        use crate::system::Species;
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
    fn reciprocal_vectors_of_a_tilted_box() {
        let cell = SimulationBox::new([0.0; 3], [5.0, 6.0, 7.0], [1.0, -2.0, 1.5]).expect("box");
        // |2π a*| = 2π over the perpendicular width.
        let widths = cell.perpendicular_widths();
        for (k, hkl) in [[1, 0, 0], [0, 1, 0], [0, 0, 1]].into_iter().enumerate() {
            let q = wave_vector(&cell, hkl);
            assert!((q - std::f64::consts::TAU / widths[k]).abs() < 1e-12);
        }
    }
}
