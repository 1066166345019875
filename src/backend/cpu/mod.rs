//! The fast CPU backend: cluster pairs in SIMD, fixed-point positions, all cores, the same bits
//! for any number of threads.

mod clusters;
pub(super) mod descriptor;
mod integrate;
mod kernel;
mod level;
mod peak;
mod session;
mod simd;
mod sorption;
mod tables;
mod waves;

use super::replicas::Independent;
use super::{Backend, Capabilities, DeviceKind, DynamicsSession, Replica, ReplicaSession};
use crate::analysis::{DensityWave, PairCounts, PairGrid};
use crate::descriptor::{BoundPlan, DescriptorSession};
use crate::dynamics::{DynamicsPlan, DynamicsState};
use crate::error::Result;
use crate::sorption::{Gradients, Isotherms, Lattices, Loss, Shape, SorptionPlan};
use crate::system::Structure;

pub use level::Level;
pub use session::CpuSession;

/// The CPU backend at one instruction set.
#[derive(Debug)]
pub struct CpuBackend {
    capabilities: Capabilities,
    level: Level,
}

impl CpuBackend {
    /// The backend with this machine's best instruction set.
    pub fn new() -> Self {
        Self::with_level(Level::best())
    }

    /// The backend with a given instruction set.
    pub fn with_level(level: Level) -> Self {
        Self {
            level,
            capabilities: Capabilities {
                kind: DeviceKind::Cpu,
                name: format!("cpu: {}, {} threads", level.name(), rayon::current_num_threads()),
                signature: format!("cpu-2-{}", level.name()),
                force_precision: 5e-6,
                energy_precision: 1e-6,
                virial_precision: 1e-5,
                descriptor_precision: 2e-5,
            },
        }
    }
}

impl Default for CpuBackend {
    fn default() -> Self {
        Self::new()
    }
}

impl Backend for CpuBackend {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn molecular_dynamics(
        &self,
        start: &Structure,
        plan: &DynamicsPlan,
    ) -> Result<Box<dyn DynamicsSession>> {
        Ok(Box::new(CpuSession::start(start, plan, self.level, &self.capabilities.signature)?))
    }

    fn resume(
        &self,
        template: &Structure,
        plan: &DynamicsPlan,
        from: &DynamicsState,
    ) -> Result<Box<dyn DynamicsSession>> {
        let signature = &self.capabilities.signature;
        Ok(Box::new(CpuSession::resume(template, plan, from, self.level, signature)?))
    }

    fn replicas(&self, replicas: &[Replica<'_>]) -> Result<Box<dyn ReplicaSession>> {
        // A thread each: small systems have too little work for two.
        Ok(Box::new(Independent::new(self, replicas, rayon::current_num_threads())?))
    }

    fn arithmetic_peak(&self) -> Result<Option<f64>> {
        Ok(Some(peak::peak(self.level)))
    }

    fn descriptors<'a>(&self, plan: &'a BoundPlan<'a>) -> Result<Box<dyn DescriptorSession + 'a>> {
        Ok(Box::new(descriptor::CpuDescriptors::start(plan, self.level)?))
    }

    fn pair_counts(&self, structure: &Structure, cutoff: f64, bins: usize) -> Result<PairCounts> {
        PairGrid::new(structure, cutoff, bins)?.count()
    }

    fn density_waves(
        &self,
        structure: &Structure,
        vectors: &[[i32; 3]],
    ) -> Result<Vec<DensityWave>> {
        Ok(waves::density_waves(self.level, structure, vectors))
    }

    fn sorption(&self, lattices: &Lattices, plan: &SorptionPlan) -> Result<Isotherms> {
        sorption::isotherms(self.level, lattices, plan)
    }

    fn sorption_gradient(
        &self,
        lattices: &Lattices,
        plan: &SorptionPlan,
        loss: &dyn Loss,
    ) -> Result<Gradients> {
        sorption::gradients(self.level, lattices, plan, loss)
    }

    fn sorption_gradient_bytes(&self, shape: Shape, plan: &SorptionPlan) -> u64 {
        sorption::gradient_bytes(shape, plan)
    }
}
