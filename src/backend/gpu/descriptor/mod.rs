//! Descriptors on a GPU.
//!
//! The host sorts the atoms into cells once for every term; the device then makes neighbour lists and
//! sums for a block of centres at a time. A list that was too short is grown and its block done
//! again. Where the box is narrower than two cutoffs, copies of it are laid side by side first.

mod kernels;
mod parameters;
mod term;

use std::sync::Arc;

use super::context::Context;
use crate::backend::cpu::Level;
use crate::backend::cpu::descriptor::CpuDescriptors;
use crate::descriptor::{BoundPlan, DescriptorSession};
use crate::error::Result;
use term::GpuTerm;

/// Descriptors on a GPU.
#[derive(Debug)]
pub struct GpuDescriptors<'a> {
    context: Arc<Context>,
    terms: Vec<Option<GpuTerm>>,
    /// For terms without a kernel.
    host: Option<CpuDescriptors<'a>>,
    bound: &'a BoundPlan<'a>,
}

impl<'a> GpuDescriptors<'a> {
    /// Sorts the atoms, compiles the kernels and uploads what does not change.
    pub fn start(context: &Arc<Context>, bound: &'a BoundPlan<'a>) -> Result<Self> {
        let terms = (0..bound.terms.len())
            .map(|k| GpuTerm::new(context, bound, k))
            .collect::<Result<Vec<_>>>()?;
        let host = if terms.iter().any(Option::is_none) {
            Some(CpuDescriptors::start(bound, Level::best())?)
        } else {
            None
        };
        Ok(Self { context: Arc::clone(context), terms, host, bound })
    }
}

impl DescriptorSession for GpuDescriptors<'_> {
    fn sums(&mut self, term: usize, atoms: &[u32], sums: &mut [f64]) -> Result<()> {
        match (&mut self.terms[term], &mut self.host) {
            (Some(kernel), _) => kernel.sums(&self.context, self.bound, term, atoms, sums),
            (None, Some(host)) => host.sums(term, atoms, sums),
            (None, None) => Ok(()),
        }
    }
}
