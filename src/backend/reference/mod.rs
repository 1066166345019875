//! The reference backend: double precision, simple, never tuned. What it says is true.

mod descriptor;
mod pairs;
mod session;
mod sorption;

use super::replicas::Independent;
use super::{Backend, Capabilities, DeviceKind, DynamicsSession, Replica, ReplicaSession};
use crate::analysis::{DensityWave, PairCounts, PairGrid, density_waves};
use crate::descriptor::{BoundPlan, DescriptorSession};
use crate::dynamics::{DynamicsPlan, DynamicsState};
use crate::error::Result;
use crate::sorption::{Gradients, Isotherms, Lattices, Loss, Shape, SorptionPlan};
use crate::system::Structure;

pub use pairs::for_each_pair;
pub use session::ReferenceSession;
pub(crate) use session::langevin_normals;

/// The reference backend.
#[derive(Debug)]
pub struct ReferenceBackend {
    capabilities: Capabilities,
}

impl ReferenceBackend {
    /// The backend; it needs nothing.
    pub fn new() -> Self {
        Self {
            capabilities: Capabilities {
                kind: DeviceKind::Reference,
                name: "reference: double precision, one thread".into(),
                signature: "reference-1".into(),
                force_precision: 1e-9,
                energy_precision: 1e-9,
                virial_precision: 1e-9,
                descriptor_precision: 1e-9,
            },
        }
    }
}

impl Default for ReferenceBackend {
    fn default() -> Self {
        Self::new()
    }
}

impl Backend for ReferenceBackend {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn molecular_dynamics(
        &self,
        start: &Structure,
        plan: &DynamicsPlan,
    ) -> Result<Box<dyn DynamicsSession>> {
        Ok(Box::new(ReferenceSession::start(start, plan)?))
    }

    fn resume(
        &self,
        template: &Structure,
        plan: &DynamicsPlan,
        from: &DynamicsState,
    ) -> Result<Box<dyn DynamicsSession>> {
        Ok(Box::new(ReferenceSession::resume(template, plan, from, &self.capabilities.signature)?))
    }

    fn replicas(&self, replicas: &[Replica<'_>]) -> Result<Box<dyn ReplicaSession>> {
        Ok(Box::new(Independent::new(self, replicas, 1)?))
    }

    fn descriptors<'a>(&self, plan: &'a BoundPlan<'a>) -> Result<Box<dyn DescriptorSession + 'a>> {
        Ok(Box::new(descriptor::ReferenceDescriptors::start(plan)?))
    }

    fn pair_counts(&self, structure: &Structure, cutoff: f64, bins: usize) -> Result<PairCounts> {
        PairGrid::new(structure, cutoff, bins)?.count_simply()
    }

    fn density_waves(
        &self,
        structure: &Structure,
        vectors: &[[i32; 3]],
    ) -> Result<Vec<DensityWave>> {
        Ok(density_waves(structure, vectors))
    }

    fn sorption(&self, lattices: &Lattices, plan: &SorptionPlan) -> Result<Isotherms> {
        sorption::isotherms(lattices, plan)
    }

    fn sorption_gradient(
        &self,
        lattices: &Lattices,
        plan: &SorptionPlan,
        loss: &dyn Loss,
    ) -> Result<Gradients> {
        sorption::gradients(lattices, plan, loss)
    }

    fn sorption_gradient_bytes(&self, shape: Shape, plan: &SorptionPlan) -> u64 {
        sorption::gradient_bytes(shape, plan)
    }
}
