//! Sorption on a GPU.
use super::GpuBackend;
use crate::error::Result;
use crate::sorption::{Gradients, Isotherms, Lattices, Loss, SorptionPlan};

pub(super) fn isotherms(_: &GpuBackend, lattices: &Lattices, plan: &SorptionPlan) -> Result<Isotherms> {
    let _ = (lattices, plan);
    Err(crate::Error::input("not yet", "use cpu"))
}
pub(super) fn gradients(_: &GpuBackend, lattices: &Lattices, plan: &SorptionPlan, loss: &dyn Loss) -> Result<Gradients> {
    let _ = (lattices, plan, loss);
    Err(crate::Error::input("not yet", "use cpu"))
}
