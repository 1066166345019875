//! Inherent structures: the minimum of the potential energy below a configuration.

use std::sync::Arc;

use crate::backend::{Backend, DynamicsSession};
use crate::dynamics::{
    DynamicsPlan, Ensemble, MinimizeMethod, MinimizeOptions, MinimizeReport, TemperatureSchedule,
    minimize,
};
use crate::error::Result;
use crate::potential::{CompiledForceField, ForceField};
use crate::system::Structure;

/// Force evaluations of a quench to the inherent structure at most.
const EVALUATIONS: u64 = 2000;

/// Moves a session's atoms to the inherent structure: the local minimum that steepest descent
/// would reach (F. H. Stillinger and T. A. Weber, Phys. Rev. A 25, 978 (1982),
/// doi:10.1103/PhysRevA.25.978), here by conjugate gradients until the largest force component is
/// a hundred-thousandth of the largest before, or after 2000 force evaluations. `go_on` is asked on
/// the way; what is answered after it said no means nothing.
pub(crate) fn descend(
    session: &mut dyn DynamicsSession,
    cutoff: f64,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<MinimizeReport> {
    let forces = session.evaluate()?.forces;
    let largest = forces.iter().flatten().fold(0.0, |m: f64, f| m.max(f.abs()));
    let options = MinimizeOptions {
        method: MinimizeMethod::ConjugateGradient,
        force_tolerance: (1e-5 * largest).max(f64::MIN_POSITIVE),
        max_evaluations: EVALUATIONS,
        longest_move: cutoff / 80.0,
    };
    minimize(session, &options, &mut |_, _| go_on())
}

/// Potential energy per atom of the inherent structure of a session's atoms.
pub(super) fn inherent_structure_energy(
    session: &mut dyn DynamicsSession,
    atoms: usize,
    cutoff: f64,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<f64> {
    Ok(descend(session, cutoff, go_on)?.potential_energy / atoms as f64)
}

/// What is minimised under: no motion, only forces.
pub(crate) fn at_rest(force_field: Arc<CompiledForceField>) -> DynamicsPlan {
    DynamicsPlan {
        timestep: force_field.units.timestep,
        force_field,
        ensemble: Ensemble::Nve,
        temperature: TemperatureSchedule::constant(0.0),
        seed: 0,
        skin: None,
    }
}

/// Energy per atom of the inherent structure of any structure.
pub fn inherent_structure_energy_of(
    structure: &Structure,
    force_field: &ForceField,
    backend: &dyn Backend,
) -> Result<f64> {
    let force_field = Arc::new(CompiledForceField::new(force_field, structure)?);
    let cutoff = force_field.cutoff;
    let plan = at_rest(force_field);
    let mut session = backend.molecular_dynamics(structure, &plan)?;
    inherent_structure_energy(session.as_mut(), structure.len(), cutoff, &mut || true)
}
