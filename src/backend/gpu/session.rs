//! A simulation on a GPU: a session of one replica.

use std::ops::Deref;

use super::GpuBackend;
use super::replicas::GpuReplicas;
use crate::backend::{
    DynamicsSession, Observables, Observation, Replica, ReplicaSession, StepReport,
};
use crate::dynamics::{DynamicsPlan, DynamicsState, Evaluation};
use crate::error::{Error, Result};
use crate::system::{Structure, to_fixed};

/// A simulation on a GPU.
#[derive(Debug)]
pub struct GpuSession {
    replicas: GpuReplicas,
}

impl Deref for GpuSession {
    type Target = GpuReplicas;

    fn deref(&self) -> &GpuReplicas {
        &self.replicas
    }
}

/// The answer of the only replica.
fn only<T>(result: Result<Vec<T>>) -> Result<T> {
    match result {
        Ok(mut answers) => answers
            .pop()
            .ok_or_else(|| Error::input("a session without a replica", "report this as a bug")),
        Err(Error::Replica { source, .. }) => Err(*source),
        Err(error) => Err(error),
    }
}

impl GpuSession {
    pub(super) fn new(
        backend: &GpuBackend,
        structure: &Structure,
        plan: &DynamicsPlan,
        from: Option<&DynamicsState>,
    ) -> Result<Self> {
        let replica = Replica { structure, plan, from };
        let replicas = only(GpuReplicas::start(backend, &[replica]).map(|session| vec![session]))?;
        Ok(Self { replicas })
    }
}

impl DynamicsSession for GpuSession {
    fn profile(&self) -> Vec<(&'static str, f64)> {
        self.replicas.profile()
    }

    fn memory(&self) -> Option<u64> {
        self.replicas.memory()
    }

    fn advance(&mut self, steps: u64) -> Result<StepReport> {
        only(self.replicas.advance(steps))
    }

    fn observe(&mut self, what: Observables) -> Result<Observation> {
        only(self.replicas.observe(what))
    }

    fn evaluate(&mut self) -> Result<Evaluation> {
        only(self.replicas.evaluate_all())
    }

    fn set_positions(&mut self, positions: &[[f64; 3]]) -> Result<()> {
        let member = &self.replicas.members[0];
        if positions.len() != member.template.len() {
            return Err(Error::input(
                format!("{} positions for {} atoms", positions.len(), member.template.len()),
                "give one position for each atom",
            ));
        }
        if let Some(atom) = positions.iter().position(|r| r.iter().any(|x| !x.is_finite())) {
            return Err(Error::NonFinite {
                step: member.control.step(),
                atom: atom + 1,
                quantity: "position",
                value: f64::NAN,
            });
        }
        let b = member.template.simulation_box;
        let (fractions, images) = positions.iter().map(|&r| to_fixed(&b, r)).unzip();
        only(self.replicas.place(&[fractions], &[images]).map(|()| vec![()]))
    }

    fn checkpoint(&mut self) -> Result<DynamicsState> {
        only(self.replicas.checkpoint())
    }
}
