//! Inherent structures of many frames.

use std::sync::Arc;

use rayon::ThreadPool;

use crate::backend::{Backend, DeviceKind, Observables, lanes, on_lanes};
use crate::dynamics::DynamicsPlan;
use crate::error::{Error, Result};
use crate::potential::{CompiledForceField, ForceField};
use crate::protocol::{at_rest, descend};
use crate::system::Structure;

/// Frames that a device works on at a time and that are held together, for each thread.
const FRAMES_PER_LANE: usize = 4;

/// An inherent structure and how it was reached.
#[derive(Debug, Clone)]
pub struct Inherent {
    /// The atoms in the minimum, each in the image that continues its path; no velocities.
    pub structure: Structure,
    /// Potential energy there.
    pub potential_energy: f64,
    /// Force evaluations used.
    pub evaluations: u64,
    /// True if the force tolerance was reached.
    pub converged: bool,
}

/// Finds inherent structures, several frames at a time: on `cpu` and `reference` each on a thread
/// of its own, on `gpu` one after the other, where a frame has the device for itself. A frame's
/// result depends on neither the frames beside it nor the number of threads.
pub struct InherentSearch<'a> {
    backend: &'a dyn Backend,
    force_field: &'a ForceField,
    /// For the species of the frames seen last.
    plan: Option<(Vec<String>, DynamicsPlan)>,
    lanes: Vec<ThreadPool>,
}

impl<'a> InherentSearch<'a> {
    /// A search on a device under a force field.
    pub fn new(backend: &'a dyn Backend, force_field: &'a ForceField) -> Result<Self> {
        let lanes = match backend.capabilities().kind {
            DeviceKind::Gpu => Vec::new(),
            DeviceKind::Cpu | DeviceKind::Reference => lanes(rayon::current_num_threads())?,
        };
        Ok(Self { backend, force_field, plan: None, lanes })
    }

    /// How many frames are worth handing over at a time.
    pub fn batch(&self) -> usize {
        FRAMES_PER_LANE * self.lanes.len().max(1)
    }

    /// The inherent structures of some structures of the same species.
    pub fn find(&mut self, structures: &[Structure]) -> Result<Vec<Inherent>> {
        let Some(first) = structures.first() else { return Ok(Vec::new()) };
        let names: Vec<String> = first.species.iter().map(|s| s.name.clone()).collect();
        let plan = match self.plan.take().filter(|(known, _)| *known == names) {
            Some((_, plan)) => plan,
            None => at_rest(Arc::new(CompiledForceField::new(self.force_field, first)?)),
        };
        let mut found: Vec<Option<Inherent>> = structures.iter().map(|_| None).collect();
        on_lanes(&self.lanes, found.iter_mut().zip(structures), |(slot, structure)| {
            *slot = Some(one(self.backend, &plan, structure)?);
            Ok(())
        })?;
        self.plan = Some((names, plan));
        Ok(found.into_iter().flatten().collect())
    }
}

fn one(backend: &dyn Backend, plan: &DynamicsPlan, structure: &Structure) -> Result<Inherent> {
    let mut start = structure.clone();
    start.velocities = None;
    let mut session = backend.molecular_dynamics(&start, plan)?;
    let report = descend(session.as_mut(), plan.force_field.cutoff, &mut || true)?;
    let observation = session.observe(Observables { structure: true, ..Default::default() })?;
    let Some(end) = observation.structure else {
        return Err(Error::input(
            "the session gave no structure",
            "use a backend that reads positions back",
        ));
    };
    // An atom moves less than half a box on the way down: its image is the nearest one.
    let cell = &structure.simulation_box;
    for i in 0..start.len() {
        let (from, to) = (structure.positions[i], end.positions[i]);
        let moved = cell.minimum_image([0, 1, 2].map(|k| to[k] - from[k]));
        start.positions[i] = [0, 1, 2].map(|k| from[k] + moved[k]);
    }
    start.check_finite()?;
    start.wrap();
    Ok(Inherent {
        structure: start,
        potential_energy: report.potential_energy,
        evaluations: report.evaluations,
        converged: report.converged,
    })
}
