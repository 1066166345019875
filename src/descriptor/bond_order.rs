//! Bond-orientational order parameters.
//!
//! q_lm(i) = (1/N_b) Σ_j Y_lm(r̂_ij) over the N_b neighbours within the cutoff;
//! q_l = [4π/(2l+1) Σ_m |q_lm|²]^½;
//! w_l = Σ_{m₁+m₂+m₃=0} (l l l; m₁ m₂ m₃) q_lm₁ q_lm₂ q_lm₃ / [Σ_m |q_lm|²]^{3/2}.
//! Steinhardt, Nelson, Ronchetti, Phys. Rev. B 28, 784 (1983), doi:10.1103/PhysRevB.28.784.
//! With `averaged`, q̄_lm(i), the mean of q_lm over the atom and its N_b neighbours of the same
//! group, takes the place of q_lm: Lechner, Dellago, J. Chem. Phys. 129, 114707 (2008), doi:10.1063/1.2977970.
//!
//! An atom without neighbours has q = w = 0. Neighbours have equal weights, so the parameters jump
//! where a neighbour crosses the cutoff: put it into a minimum of g(r).

use super::entry::Entry;
use super::harmonics::{RealHarmonics, complex_components, wigner_3j};
use super::{Descriptor, Group, Kernel, Neighborhood};
use crate::error::Result;

#[derive(Debug)]
struct BondOrder {
    groups: Vec<Group>,
    cutoff: f64,
    degrees: Vec<usize>,
    parameters: Vec<&'static str>,
    averaged: bool,
    harmonics: RealHarmonics,
    symbols: Vec<Vec<(i32, i32, f64)>>,
}

pub(super) fn read(entry: &Entry) -> Result<Box<dyn Descriptor>> {
    let degrees = entry.integers("l", 1..=12)?;
    if !degrees.is_sorted_by(|a, b| a < b) {
        return Err(entry.error(
            "l",
            "`l` must ascend without repetition",
            "write for example l = [4, 6]",
        ));
    }
    Ok(Box::new(BondOrder {
        groups: entry.groups()?,
        cutoff: entry.positive("cutoff")?,
        parameters: entry.words("parameters", &["q", "w"])?,
        averaged: entry.boolean("averaged", false)?,
        harmonics: RealHarmonics::new(degrees.last().copied().unwrap_or(1)),
        symbols: degrees.iter().map(|&l| wigner_3j(l)).collect(),
        degrees,
    }))
}

impl BondOrder {
    fn sums_of_a_group(&self) -> usize {
        self.degrees.iter().map(|l| 2 * l + 1).sum()
    }
}

/// [q_l, w_l] of real components.
fn invariants(real: &[f64], symbols: &[(i32, i32, f64)]) -> [f64; 2] {
    let l = (real.len() / 2) as i32;
    let square: f64 = real.iter().map(|q| q * q).sum();
    if square <= 0.0 {
        return [0.0; 2];
    }
    let q = (4.0 * std::f64::consts::PI / real.len() as f64 * square).sqrt();
    let complex = complex_components(real);
    let at = |m: i32| complex[(l + m) as usize];
    let mut w = 0.0;
    for &(m1, m2, symbol) in symbols {
        let ([a, b], [c, d], [e, f]) = (at(m1), at(m2), at(-m1 - m2));
        w += symbol * ((a * c - b * d) * e - (a * d + b * c) * f);
    }
    [q, w / square.powf(1.5)]
}

impl Descriptor for BondOrder {
    fn cutoff(&self) -> f64 {
        self.cutoff
    }

    fn groups(&self) -> &[Group] {
        &self.groups
    }

    fn definition(&self) -> toml::Table {
        let degrees = self.degrees.iter().map(|&l| toml::Value::Integer(l as i64)).collect();
        let parameters = self.parameters.iter().map(|&p| p.into()).collect();
        toml::Table::from_iter([
            ("cutoff".to_owned(), self.cutoff.into()),
            ("l".to_owned(), toml::Value::Array(degrees)),
            ("parameters".to_owned(), toml::Value::Array(parameters)),
            ("averaged".to_owned(), self.averaged.into()),
        ])
    }

    fn columns(&self, centre: &str) -> Vec<String> {
        let mut columns = Vec::new();
        let suffix = if self.averaged { " averaged" } else { "" };
        for group in &self.groups {
            for parameter in &self.parameters {
                for l in &self.degrees {
                    columns.push(format!(
                        "{parameter}{l} {centre}-{} rc={}{suffix}",
                        group.label(),
                        self.cutoff
                    ));
                }
            }
        }
        columns
    }

    fn sums_len(&self) -> usize {
        self.groups.len() * self.sums_of_a_group()
    }

    fn sums(&self, around: &Neighborhood, sums: &mut [f64]) {
        let mut values = vec![0.0; (self.harmonics.l_max + 1).pow(2)];
        for (g, sums) in sums.chunks_mut(self.sums_of_a_group()).enumerate() {
            let mut neighbors = 0usize;
            for neighbor in around.of(g) {
                self.harmonics.evaluate(neighbor.d.map(|x| x / neighbor.r), &mut values);
                let mut sum = sums.iter_mut();
                for &l in &self.degrees {
                    for (value, sum) in values[l * l..(l + 1) * (l + 1)].iter().zip(&mut sum) {
                        *sum += value;
                    }
                }
                neighbors += 1;
            }
            sums.iter_mut().for_each(|s| *s /= neighbors.max(1) as f64);
        }
    }

    fn averaged(&self) -> bool {
        self.averaged
    }

    fn finish(&self, sums: &[f64], features: &mut [f64]) {
        let mut features = features.iter_mut();
        for sums in sums.chunks(self.sums_of_a_group()) {
            let mut from = 0;
            let found: Vec<[f64; 2]> = self
                .degrees
                .iter()
                .zip(&self.symbols)
                .map(|(&l, symbols)| {
                    let to = from + 2 * l + 1;
                    let pair = invariants(&sums[from..to], symbols);
                    from = to;
                    pair
                })
                .collect();
            for parameter in &self.parameters {
                let which = usize::from(*parameter == "w");
                // `found` first: a zip takes one too many from its first iterator.
                for (pair, feature) in found.iter().zip(&mut features) {
                    *feature = pair[which];
                }
            }
        }
    }

    fn kernel(&self) -> Option<Kernel> {
        Some(Kernel::Harmonics { degrees: self.degrees.clone() })
    }
}
