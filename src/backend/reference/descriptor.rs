//! Descriptors by their definitions, one atom after the other.

use crate::descriptor::{BoundPlan, Definition, DescriptorSession};
use crate::error::Result;

/// Descriptors in double precision.
#[derive(Debug)]
pub struct ReferenceDescriptors<'a> {
    bound: &'a BoundPlan<'a>,
    definition: Definition<'a>,
}

impl<'a> ReferenceDescriptors<'a> {
    /// Prepares the neighbour search.
    pub fn start(bound: &'a BoundPlan<'a>) -> Result<Self> {
        Ok(Self { bound, definition: Definition::new(bound)? })
    }
}

impl DescriptorSession for ReferenceDescriptors<'_> {
    fn sums(&mut self, term: usize, atoms: &[u32], sums: &mut [f64]) -> Result<()> {
        let width = self.bound.terms[term].term.descriptor.sums_len();
        let mut space = Vec::new();
        for (&atom, sums) in atoms.iter().zip(sums.chunks_mut(width)) {
            self.definition.sums(term, atom, &mut space, sums);
        }
        Ok(())
    }
}
