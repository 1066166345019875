//! Iterated averages of any descriptor over shells of neighbours.
//!
//! X_i⁽ᵏ⁾ = Σ_j w(r_ij) X_j⁽ᵏ⁻¹⁾ / Σ_j w(r_ij), over the atom itself (r = 0) and its neighbours closer
//! than r_c, with w = exp(−r/r_c) or w = 1. Each iteration looks one r_c further. Boattini,
//! Smallenburg, Filion, Phys. Rev. Lett. 127, 088007 (2021), doi:10.1103/PhysRevLett.127.088007, whose
//! weight this is to our knowledge; it was not checked against the printed equation.

use super::entry::Entry;
use super::plan::{Group, group_names};
use crate::error::Result;

/// Weights of an average.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// exp(−r/r_c).
    Exponential,
    /// 1.
    Uniform,
}

/// The `average` table of a descriptor.
#[derive(Debug, Clone, PartialEq)]
pub struct ShellAverage {
    /// r_c, Å.
    pub cutoff: f64,
    /// How often to average.
    pub iterations: usize,
    /// Weights.
    pub weights: Weights,
    /// The neighbours that count: one group.
    pub groups: Vec<Group>,
}

impl ShellAverage {
    pub(super) fn read(entry: &Entry) -> Result<Self> {
        let cutoff = entry.positive("cutoff")?;
        let iterations = entry.integer("iterations", 1..=8)?;
        let weights = match entry.word("weights", &["exponential", "uniform"])? {
            "uniform" => Weights::Uniform,
            _ => Weights::Exponential,
        };
        let groups = if entry.has("neighbors") { entry.groups()? } else { vec![Group::parse("*")] };
        if groups.len() > 1 {
            return Err(entry.error(
                "neighbors",
                "an average is over one group of neighbours",
                "join the species: neighbors = [\"Si+O\"]",
            ));
        }
        entry.finish()?;
        Ok(Self { cutoff, iterations, weights, groups })
    }

    pub(super) fn definition(&self) -> toml::Table {
        let weights = match self.weights {
            Weights::Exponential => "exponential",
            Weights::Uniform => "uniform",
        };
        toml::Table::from_iter([
            ("cutoff".to_owned(), self.cutoff.into()),
            ("iterations".to_owned(), (self.iterations as i64).into()),
            ("weights".to_owned(), weights.into()),
            ("neighbors".to_owned(), group_names(&self.groups)),
        ])
    }

    /// Weight of an atom at a distance.
    pub fn weight(&self, r: f64) -> f64 {
        match self.weights {
            Weights::Exponential => (-r / self.cutoff).exp(),
            Weights::Uniform => 1.0,
        }
    }
}
