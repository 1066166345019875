//! Where physics is computed: the `Backend` trait and its sessions.
//!
//! A session owns a simulation on a device. The host steers it in chunks and looks at the state
//! only through [`DynamicsSession::observe`] and [`DynamicsSession::checkpoint`].

pub mod cpu;
pub mod gpu;
pub mod reference;
mod replicas;
mod select;

pub use replicas::{Replica, ReplicaSession};
pub(crate) use replicas::{lanes, on_lanes};
pub use select::{Device, Selection, devices, select, select_profiled};

use serde::Serialize;

use crate::analysis::{DensityWave, PairCounts};
use crate::descriptor::{BoundPlan, DescriptorSession};
use crate::dynamics::{DynamicsPlan, DynamicsState, Evaluation, Thermodynamics};
use crate::error::Result;
use crate::sorption::{Gradients, Isotherms, Lattices, Loss, Shape, SorptionPlan};
use crate::system::Structure;

/// Kind of device a backend runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// Double precision, written to be read.
    Reference,
    /// SIMD and threads, mixed precision.
    Cpu,
    /// A wgpu adapter.
    Gpu,
}

/// What a backend is and how exact its results are.
#[derive(Debug, Clone, Serialize)]
pub struct Capabilities {
    /// Kind of device.
    pub kind: DeviceKind,
    /// One line for people: "cpu: AVX-512, 2 threads".
    pub name: String,
    /// Bits repeat exactly only between runs with the same signature (kind and instruction set
    /// or adapter and driver).
    pub signature: String,
    /// Root mean square of force errors over that of forces.
    pub force_precision: f64,
    /// Relative precision of the potential energy.
    pub energy_precision: f64,
    /// Precision of the virial relative to its largest component.
    pub virial_precision: f64,
    /// Largest error of a descriptor's feature relative to its root mean square over the centres.
    pub descriptor_precision: f64,
}

/// A place where physics is computed.
pub trait Backend: Send + Sync {
    /// Name and precision.
    fn capabilities(&self) -> &Capabilities;

    /// Starts a simulation from a structure (velocities default to zero).
    fn molecular_dynamics(
        &self,
        start: &Structure,
        plan: &DynamicsPlan,
    ) -> Result<Box<dyn DynamicsSession>>;

    /// Continues a state bit-identically under the same plan, or starts the next stage from it
    /// under another. `template` gives species and kinds.
    fn resume(
        &self,
        template: &Structure,
        plan: &DynamicsPlan,
        from: &DynamicsState,
    ) -> Result<Box<dyn DynamicsSession>>;

    /// Starts or continues independent simulations that advance together. Each has the bits that
    /// it would have in a session of its own.
    fn replicas(&self, replicas: &[Replica<'_>]) -> Result<Box<dyn ReplicaSession>>;

    /// Single-precision operations a second at most, a fused product and sum counted as two,
    /// measured on registers alone; `None` where the backend does not work in single precision.
    fn arithmetic_peak(&self) -> Result<Option<f64>> {
        Ok(None)
    }

    /// Starts computing the descriptors of a structure's atoms.
    fn descriptors<'a>(&self, plan: &'a BoundPlan<'a>) -> Result<Box<dyn DescriptorSession + 'a>>;

    /// Pairs of atoms by species and distance up to `cutoff`, on a [`crate::analysis::PairGrid`]:
    /// every device counts the same.
    fn pair_counts(&self, structure: &Structure, cutoff: f64, bins: usize) -> Result<PairCounts>;

    /// Density waves ρ_a(Q) at integer wave vectors: for each vector, for each species. `cpu` and
    /// `gpu` are within 1e-5 √N of double precision, N the number of atoms.
    fn density_waves(
        &self,
        structure: &Structure,
        vectors: &[[i32; 3]],
    ) -> Result<Vec<DensityWave>>;

    /// Sorption isotherms of a batch of lattices.
    fn sorption(&self, lattices: &Lattices, plan: &SorptionPlan) -> Result<Isotherms>;

    /// Isotherms, a loss of each lattice and its gradient with respect to η: by the implicit
    /// adjoint at converged points, by back-propagation through a truncated scheme.
    fn sorption_gradient(
        &self,
        lattices: &Lattices,
        plan: &SorptionPlan,
        loss: &dyn Loss,
    ) -> Result<Gradients>;

    /// What [`Backend::sorption_gradient`] holds at once for each lattice of a batch in work, in
    /// bytes: matrix, densities at every point, kept iterations, workspace and gradient.
    fn sorption_gradient_bytes(&self, shape: Shape, plan: &SorptionPlan) -> u64;
}

/// What [`DynamicsSession::observe`] is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Observables {
    /// Energies, temperature, pressure, stress.
    pub thermodynamics: bool,
    /// Positions and velocities.
    pub structure: bool,
}

/// What was observed.
#[derive(Debug, Clone)]
pub struct Observation {
    /// Step of the observation.
    pub step: u64,
    /// Energies, temperature, pressure, stress, if asked for.
    pub thermodynamics: Option<Thermodynamics>,
    /// Positions and velocities, if asked for.
    pub structure: Option<Structure>,
}

/// What happened while a session advanced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StepReport {
    /// Step reached.
    pub step: u64,
    /// Neighbour-list rebuilds in this call.
    pub rebuilds: u64,
    /// Visits to the splice region in this call (pairs × force evaluations).
    pub splice_visits: u64,
}

/// A simulation on a device.
pub trait DynamicsSession: Send {
    /// Integrates a number of steps without looking at the state in between.
    ///
    /// A non-finite position, velocity or force ends in [`crate::Error::NonFinite`].
    fn advance(&mut self, steps: u64) -> Result<StepReport>;

    /// Reads quantities back; does not change the state.
    fn observe(&mut self, what: Observables) -> Result<Observation>;

    /// Energy, forces and virial at the present positions; does not change the state.
    fn evaluate(&mut self) -> Result<Evaluation>;

    /// Replaces the positions (unwrapped or wrapped), for minimisers; velocities stay.
    fn set_positions(&mut self, positions: &[[f64; 3]]) -> Result<()>;

    /// Seconds spent in each kind of pass since the session began, where the session knows.
    fn profile(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// Memory of the session on its device, bytes, where the session knows.
    fn memory(&self) -> Option<u64> {
        None
    }

    /// The complete state; does not change it.
    fn checkpoint(&mut self) -> Result<DynamicsState>;
}
