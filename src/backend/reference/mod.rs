//! The reference backend: double precision, simple, never tuned. What it says is true.

mod pairs;
mod session;

use super::replicas::Independent;
use super::{Backend, Capabilities, DeviceKind, DynamicsSession, Replica, ReplicaSession};
use crate::dynamics::{DynamicsPlan, DynamicsState};
use crate::error::Result;
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
}
