//! What is accumulated while a stage runs: displacements against its start, and g(r).

use serde::{Deserialize, Serialize};

use crate::analysis::{PartialRdf, displacements, mean_squared_displacement};
use crate::config::Analysis;
use crate::error::Result;
use crate::system::Structure;

/// Accumulated quantities of a stage; part of the checkpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Sampler {
    /// Unwrapped positions at the start of the stage.
    pub start: Vec<[f64; 3]>,
    /// g(r) of the second half of the stage.
    pub rdf: PartialRdf,
    /// (step, mean squared displacement of each species).
    pub msd: Vec<(u64, Vec<f64>)>,
}

impl Sampler {
    pub fn new(structure: &Structure, analysis: &Analysis) -> Result<Self> {
        Ok(Self {
            start: unwrapped(structure),
            rdf: PartialRdf::new(structure, analysis.rdf_cutoff, analysis.rdf_bin)?,
            msd: Vec::new(),
        })
    }

    /// Notes a frame; g(r) only where the stage has settled.
    pub fn sample(&mut self, step: u64, structure: &Structure, with_rdf: bool) -> Result<()> {
        let moved = self.displacements(structure);
        self.msd.push((
            step,
            mean_squared_displacement(&moved, &structure.kinds, structure.species.len()),
        ));
        if with_rdf {
            self.rdf.add(structure)?;
        }
        Ok(())
    }

    /// Displacements since the start of the stage.
    pub fn displacements(&self, structure: &Structure) -> Vec<[f64; 3]> {
        let masses: Vec<f64> = structure
            .kinds
            .iter()
            .map(|&k| structure.species[usize::from(k)].mass.unwrap_or(1.0))
            .collect();
        displacements(&self.start, &unwrapped(structure), &masses)
    }
}

fn unwrapped(structure: &Structure) -> Vec<[f64; 3]> {
    (0..structure.len()).map(|i| structure.unwrapped(i)).collect()
}
