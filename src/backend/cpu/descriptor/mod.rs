//! Descriptors on all cores.

use rayon::prelude::*;

use super::level::Level;
use crate::descriptor::{BoundPlan, Definition, DescriptorSession};
use crate::error::Result;

/// Descriptors on all cores.
#[derive(Debug)]
pub struct CpuDescriptors<'a> {
    bound: &'a BoundPlan<'a>,
    definition: Definition<'a>,
}

impl<'a> CpuDescriptors<'a> {
    /// Prepares the neighbour search.
    pub fn start(bound: &'a BoundPlan<'a>, _level: Level) -> Result<Self> {
        Ok(Self { bound, definition: Definition::new(bound)? })
    }
}

impl DescriptorSession for CpuDescriptors<'_> {
    fn sums(&mut self, term: usize, atoms: &[u32], sums: &mut [f64]) -> Result<()> {
        let width = self.bound.terms[term].term.descriptor.sums_len();
        sums.par_chunks_mut(width).zip(atoms).for_each_init(Vec::new, |space, (sums, &atom)| {
            self.definition.sums(term, atom, space, sums);
        });
        Ok(())
    }
}
