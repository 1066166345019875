//! Reading replicas back: sums, forces, states.

use bytemuck::cast_slice;

use super::kernels::{Kernel, Role};
use super::layout::OBSERVED_SUMS;
use super::replicas::GpuReplicas;
use super::steps::Extent;
use crate::backend::{Observables, Observation, ReplicaSession, StepReport};
use crate::dynamics::thermostat::bath_energy;
use crate::dynamics::{DynamicsState, Evaluation, Positions, Thermodynamics};
use crate::error::Result;

/// Energy, virial and Σ m v v of a replica.
type Sums = [f64; OBSERVED_SUMS];

impl GpuReplicas {
    /// The sums of every replica.
    fn sums(&mut self) -> Result<Vec<Sums>> {
        let mut encoder = self.encoder();
        let kernels = [(Kernel::Evaluate, Extent::Atoms), (Kernel::Reduce, Extent::Atoms)];
        self.recorder().run(&mut encoder, kernels);
        let controls = self.submit(encoder)?;
        let [words] = self.buffers.read(&self.context, [Role::Sums])?;
        let groups = self.layout.parameters.groups as usize;
        let own = words.chunks_exact(2 * OBSERVED_SUMS * groups);
        let mut all: Vec<Sums> = own.map(exact_sums).collect();
        if controls.iter().any(|control| control.unrepresentable != 0) {
            // An atom's energy beyond 10⁶: an overlapping start. Add the atoms on the host.
            self.write_controls();
            let [observed, velocities, positions] = self
                .buffers
                .read(&self.context, [Role::Observed, Role::Velocity, Role::Position])?;
            for (n, control) in controls.iter().enumerate() {
                if control.unrepresentable != 0 {
                    all[n] = self.sums_on_host(n, &observed, &velocities, &positions);
                }
            }
        }
        for (sums, member) in all.iter_mut().zip(&self.members) {
            sums[0] += member.plan.force_field.self_energy(&member.template.kinds);
        }
        Ok(all)
    }

    fn sums_on_host(
        &self,
        replica: usize,
        observed: &[u32],
        velocities: &[u32],
        positions: &[u32],
    ) -> Sums {
        let mut sums = [0.0; OBSERVED_SUMS];
        let first = replica * self.slots();
        for slot in first..first + self.members[replica].template.len() {
            let float = |k: usize| f64::from(f32::from_bits(observed[12 * slot + k]));
            for (sum, k) in sums.iter_mut().zip([3, 4, 5, 6, 8, 9, 10]) {
                *sum += float(k);
            }
            let species = (positions[4 * slot + 3] >> 24) as usize;
            let mass = f64::from(self.layout.parameters.masses[species][1]);
            let v = [0, 1, 2].map(|k| f64::from(f32::from_bits(velocities[4 * slot + k])));
            let pairs = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)];
            for (sum, (a, b)) in sums[7..].iter_mut().zip(pairs) {
                *sum += mass * v[a] * v[b];
            }
        }
        sums
    }

    /// Energy, forces and virial of every replica.
    pub(super) fn evaluate_all(&mut self) -> Result<Vec<Evaluation>> {
        let sums = self.sums()?;
        let [observed, positions] =
            self.buffers.read(&self.context, [Role::Observed, Role::Position])?;
        let evaluations = self.members.iter().zip(sums).enumerate().map(|(n, (member, sums))| {
            let mut forces = vec![[0.0; 3]; member.template.len()];
            let first = n * self.slots();
            for slot in first..first + forces.len() {
                let atom = (positions[4 * slot + 3] & 0xff_ffff) as usize;
                forces[atom] =
                    [0, 1, 2].map(|k| f64::from(f32::from_bits(observed[12 * slot + k])));
            }
            let [potential_energy, w0, w1, w2, w3, w4, w5, ..] = sums;
            Evaluation { potential_energy, forces, virial: [w0, w1, w2, w3, w4, w5] }
        });
        Ok(evaluations.collect())
    }
}

/// Adds 64-bit integers in units of 2⁻³², in whatever order.
fn exact_sums(words: &[u32]) -> Sums {
    let mut wide = [0i128; OBSERVED_SUMS];
    for group in words.chunks_exact(2 * OBSERVED_SUMS) {
        for (sum, pair) in wide.iter_mut().zip(group.chunks_exact(2)) {
            *sum += i128::from(((u64::from(pair[1]) << 32) | u64::from(pair[0])) as i64);
        }
    }
    wide.map(|sum| sum as f64 / 4_294_967_296.0)
}

impl ReplicaSession for GpuReplicas {
    fn count(&self) -> usize {
        self.members.len()
    }

    fn memory(&self) -> Option<u64> {
        Some(self.bytes())
    }

    fn profile(&self) -> Vec<(&'static str, f64)> {
        let times = self.pass_times().into_iter().flat_map(|times| &times.kernels);
        times.map(|(name, (seconds, _))| (*name, *seconds)).collect()
    }

    fn advance(&mut self, steps: u64) -> Result<Vec<StepReport>> {
        self.advance_all(steps)
    }

    fn observe(&mut self, what: Observables) -> Result<Vec<Observation>> {
        let sums = if what.thermodynamics { self.sums()? } else { Vec::new() };
        let states = if what.structure { self.checkpoint()? } else { Vec::new() };
        let observations = self.members.iter().enumerate().map(|(n, member)| {
            let step = member.control.step();
            let dof = member.degrees_of_freedom();
            let thermodynamics = sums.get(n).map(|sums| {
                let [u, w0, w1, w2, w3, w4, w5, k0, k1, k2, k3, k4, k5] = *sums;
                Thermodynamics::from_sums(
                    step,
                    u,
                    [w0, w1, w2, w3, w4, w5],
                    [k0, k1, k2, k3, k4, k5],
                    bath_energy(&member.plan, &member.control.thermostat(), step, dof),
                    dof,
                    member.template.simulation_box.volume(),
                    &member.plan.force_field.units,
                )
            });
            let structure = states.get(n).map(|state| state.structure(&member.template));
            Observation { step, thermodynamics, structure }
        });
        Ok(observations.collect())
    }

    fn checkpoint(&mut self) -> Result<Vec<DynamicsState>> {
        let roles = [Role::Position, Role::Velocity, Role::Image, Role::ListPosition];
        let [positions, velocities, images, list] = self.buffers.read(&self.context, roles)?;
        let signed: &[i32] = cast_slice(&images);
        let states = self.members.iter().enumerate().map(|(n, member)| {
            let atoms = member.template.len();
            let mut state = DynamicsState {
                backend: self.signature.clone(),
                step: member.control.step(),
                simulation_box: member.template.simulation_box,
                positions: Positions::Double(Vec::new()),
                velocities: vec![[0.0; 3]; atoms],
                thermostat: member.control.thermostat(),
                order: Vec::with_capacity(atoms),
                list_fractions: vec![[0; 3]; atoms],
                splice_visits: member.splice_visits,
                rebuilds: member.rebuilds,
            };
            let mut fractions = vec![[0; 3]; atoms];
            let mut image_rows = vec![[0; 3]; atoms];
            let first = n * self.slots();
            for slot in first..first + atoms {
                let at = 4 * slot;
                let index = positions[at + 3] & 0xff_ffff;
                let atom = index as usize;
                state.order.push(index);
                for k in 0..3 {
                    fractions[atom][k] = positions[at + k];
                    image_rows[atom][k] = signed[at + k];
                    state.velocities[atom][k] = f64::from(f32::from_bits(velocities[at + k]));
                    state.list_fractions[atom][k] = list[at + k];
                }
            }
            state.positions = Positions::Fixed { fractions, images: image_rows };
            state
        });
        Ok(states.collect())
    }
}
