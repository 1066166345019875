//! The GPU backend: wgpu compute kernels in single precision on fixed-point positions.
//!
//! The state lives on the device. A step is three dispatches that the host encodes ahead in chunks,
//! drift, forces and thermostat, and seven more in some steps: rebuild of the neighbour list if an atom
//! moved too far (decided on the device). The host reads a hundred bytes after each chunk. Many replicas of a small
//! system share every dispatch, each with its own box, thermostat, cells and rebuilds.
//!
//! Kernels need plain WebGPU only: no 64-bit integers, float atomics or subgroups. Subgroup operations
//! and fused multiply-add are used where a device was seen to have them.

mod analysis;
mod buffers;
mod cache;
mod context;
mod descriptor;
mod kernels;
mod layout;
mod observe;
mod parameters;
mod peak;
mod pipelines;
mod probe;
mod replicas;
mod session;
mod sorption;
mod steps;
mod timing;
mod upload;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Backend, Capabilities, DeviceKind, DynamicsSession, Replica, ReplicaSession};
use crate::analysis::{DensityWave, PairCounts};
use crate::descriptor::{BoundPlan, DescriptorSession};
use crate::dynamics::{DynamicsPlan, DynamicsState};
use crate::error::Result;
use crate::sorption::{Gradients, Isotherms, Lattices, Loss, Shape, SorptionPlan};
use crate::system::Structure;

pub use cache::CACHE_VARIABLE;
pub use context::{
    AdapterChoice, AdapterDescription, CHECKED_VARIABLE, Context, GpuOptions, adapters,
    best_hardware,
};
pub use kernels::{Access, Kernel, KernelSource, PotentialKind, Role};
pub use probe::Compiler;
pub use replicas::GpuReplicas;
pub use session::GpuSession;
pub use timing::PassTimes;

use pipelines::Pipelines;

/// The GPU backend on one adapter.
#[derive(Debug)]
pub struct GpuBackend {
    capabilities: Capabilities,
    context: Arc<Context>,
    pipelines: Mutex<HashMap<PotentialKind, Arc<Pipelines>>>,
    sorption: sorption::Programs,
}

impl GpuBackend {
    /// Opens an adapter.
    pub fn new(choice: AdapterChoice, options: GpuOptions) -> Result<Self> {
        let context = Context::open(choice, options)?;
        let adapter = context.description();
        let capabilities = Capabilities {
            kind: DeviceKind::Gpu,
            name: format!("gpu: {} ({}, {})", adapter.name, adapter.backend, adapter.driver),
            signature: format!(
                "gpu-2{} {} {} {}",
                context.compiler()?.letters(),
                adapter.backend,
                adapter.name,
                adapter.driver
            ),
            force_precision: 5e-6,
            energy_precision: 1e-6,
            virial_precision: 1e-5,
            descriptor_precision: 5e-5,
        };
        Ok(Self {
            capabilities,
            context: Arc::new(context),
            pipelines: Mutex::default(),
            sorption: sorption::Programs::default(),
        })
    }

    /// The adapter in use.
    pub fn adapter(&self) -> &AdapterDescription {
        self.context.description()
    }

    /// As [`Backend::molecular_dynamics`], with the session's own type.
    pub fn start(&self, start: &Structure, plan: &DynamicsPlan) -> Result<GpuSession> {
        GpuSession::new(self, start, plan, None)
    }

    /// As [`Backend::resume`], with the session's own type.
    pub fn continue_from(
        &self,
        template: &Structure,
        plan: &DynamicsPlan,
        from: &DynamicsState,
    ) -> Result<GpuSession> {
        GpuSession::new(self, template, plan, Some(from))
    }

    /// As [`Backend::replicas`], with the session's own type.
    pub fn start_replicas(&self, replicas: &[Replica<'_>]) -> Result<GpuReplicas> {
        GpuReplicas::start(self, replicas)
    }

    /// The kernels of a potential, compiled at first use.
    fn pipelines(&self, potential: PotentialKind) -> Result<Arc<Pipelines>> {
        let mut known = self.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(&potential) {
            return Ok(Arc::clone(found));
        }
        let made = Arc::new(Pipelines::new(&self.context, potential)?);
        known.insert(potential, Arc::clone(&made));
        Ok(made)
    }
}

impl Backend for GpuBackend {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn molecular_dynamics(
        &self,
        start: &Structure,
        plan: &DynamicsPlan,
    ) -> Result<Box<dyn DynamicsSession>> {
        Ok(Box::new(self.start(start, plan)?))
    }

    fn resume(
        &self,
        template: &Structure,
        plan: &DynamicsPlan,
        from: &DynamicsState,
    ) -> Result<Box<dyn DynamicsSession>> {
        Ok(Box::new(self.continue_from(template, plan, from)?))
    }

    fn replicas(&self, replicas: &[Replica<'_>]) -> Result<Box<dyn ReplicaSession>> {
        Ok(Box::new(self.start_replicas(replicas)?))
    }

    fn arithmetic_peak(&self) -> Result<Option<f64>> {
        peak::peak(&self.context).map(Some)
    }

    fn descriptors<'a>(&self, plan: &'a BoundPlan<'a>) -> Result<Box<dyn DescriptorSession + 'a>> {
        Ok(Box::new(descriptor::GpuDescriptors::start(&self.context, plan)?))
    }

    fn pair_counts(&self, structure: &Structure, cutoff: f64, bins: usize) -> Result<PairCounts> {
        analysis::pair_counts(&self.context, structure, cutoff, bins)
    }

    fn density_waves(
        &self,
        structure: &Structure,
        vectors: &[[i32; 3]],
    ) -> Result<Vec<DensityWave>> {
        analysis::density_waves(&self.context, structure, vectors)
    }

    fn sorption(&self, lattices: &Lattices, plan: &SorptionPlan) -> Result<Isotherms> {
        sorption::isotherms(self, lattices, plan)
    }

    fn sorption_gradient(
        &self,
        lattices: &Lattices,
        plan: &SorptionPlan,
        loss: &dyn Loss,
    ) -> Result<Gradients> {
        sorption::gradients(self, lattices, plan, loss)
    }

    fn sorption_gradient_bytes(&self, shape: Shape, plan: &SorptionPlan) -> u64 {
        sorption::gradient_bytes(shape, plan)
    }
}
