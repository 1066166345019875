//! Displacements between two moments: mean squares, histograms, self intermediate scattering.

/// Displacement of each atom from `start` to `end` (unwrapped positions), without the motion of
/// the centre of mass.
pub fn displacements(start: &[[f64; 3]], end: &[[f64; 3]], masses: &[f64]) -> Vec<[f64; 3]> {
    let mut drift = [0.0; 3];
    let total: f64 = masses.iter().sum();
    for ((a, b), m) in start.iter().zip(end).zip(masses) {
        for k in 0..3 {
            drift[k] += m / total * (b[k] - a[k]);
        }
    }
    start
        .iter()
        .zip(end)
        .map(|(a, b)| [b[0] - a[0] - drift[0], b[1] - a[1] - drift[1], b[2] - a[2] - drift[2]])
        .collect()
}

fn square(d: [f64; 3]) -> f64 {
    d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
}

/// ⟨|Δr|²⟩ of each of `species` species; NaN for a species without atoms.
pub fn mean_squared_displacement(
    displacements: &[[f64; 3]],
    kinds: &[u16],
    species: usize,
) -> Vec<f64> {
    by_species(displacements, kinds, species, square)
}

/// Self intermediate scattering function F_s(q) = ⟨sin(q|Δr|)/(q|Δr|)⟩ of each species, averaged
/// over the directions of q.
pub fn self_intermediate_scattering(
    displacements: &[[f64; 3]],
    kinds: &[u16],
    species: usize,
    q: f64,
) -> Vec<f64> {
    by_species(displacements, kinds, species, |d| {
        let x = q * square(d).sqrt();
        if x < 1e-6 { 1.0 } else { x.sin() / x }
    })
}

fn by_species(
    displacements: &[[f64; 3]],
    kinds: &[u16],
    species: usize,
    value: impl Fn([f64; 3]) -> f64,
) -> Vec<f64> {
    let mut sums = vec![0.0; species];
    let mut numbers = vec![0.0; species];
    for (d, &kind) in displacements.iter().zip(kinds) {
        sums[usize::from(kind)] += value(*d);
        numbers[usize::from(kind)] += 1.0;
    }
    sums.iter().zip(&numbers).map(|(s, n)| s / n).collect()
}

/// How far atoms of each species have gone.
#[derive(Debug, Clone, PartialEq)]
pub struct DisplacementHistogram {
    /// Width of a bin.
    pub bin: f64,
    /// For each species, the number of atoms in each bin.
    pub counts: Vec<Vec<u64>>,
}

impl DisplacementHistogram {
    /// Counts distances in bins of a width; all species have the same number of bins.
    pub fn new(displacements: &[[f64; 3]], kinds: &[u16], species: usize, bin: f64) -> Self {
        let index = |d: &[f64; 3]| (square(*d).sqrt() / bin) as usize;
        // A lost atom must not ask for more memory than there is.
        let bins = displacements.iter().map(index).max().unwrap_or(0).min(999_999) + 1;
        let mut counts = vec![vec![0; bins]; species];
        for (d, &kind) in displacements.iter().zip(kinds) {
            counts[usize::from(kind)][index(d).min(bins - 1)] += 1;
        }
        Self { bin, counts }
    }

    /// Probability density of a species, per length.
    pub fn density(&self, species: usize) -> Vec<f64> {
        let counts = &self.counts[species];
        let total: u64 = counts.iter().sum();
        counts.iter().map(|&c| c as f64 / (total.max(1) as f64 * self.bin)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_known_displacements() {
        let start = vec![[0.0; 3], [1.0, 1.0, 1.0], [2.0, 0.0, 0.0]];
        // A common drift of (5, 0, 0) and one atom each 0.3 and −0.3 along y.
        let end = vec![[5.0, 0.3, 0.0], [6.0, 0.7, 1.0], [7.0, 0.0, 0.0]];
        let d = displacements(&start, &end, &[1.0; 3]);
        let kinds = [0, 0, 1];
        let msd = mean_squared_displacement(&d, &kinds, 2);
        assert!((msd[0] - 0.09).abs() < 1e-12 && msd[1].abs() < 1e-12);
        let fs = self_intermediate_scattering(&d, &kinds, 2, 2.0);
        assert!((fs[0] - 0.6_f64.sin() / 0.6).abs() < 1e-12 && (fs[1] - 1.0).abs() < 1e-12);
        let histogram = DisplacementHistogram::new(&d, &kinds, 2, 0.2);
        assert_eq!(histogram.counts, vec![vec![0, 2], vec![1, 0]]);
        assert!((histogram.density(0)[1] - 5.0).abs() < 1e-12);
    }
}
