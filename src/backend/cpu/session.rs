//! Dynamics on the CPU.

use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::clusters::{ClusterOrder, PADDING, PairList, Reach};
use super::integrate::{
    Drift, KickAndDrift, Motion, change_velocities, collect_and_kick, collect_forces, scale,
};
use super::kernel::{ClusterForces, KernelInput, Sums};
use super::level::{Kernel, Level};
use super::simd::CLUSTER;
use super::tables::kernel_input;
use crate::backend::reference::langevin_normals;
use crate::backend::{DynamicsSession, Observables, Observation, StepReport};
use crate::dynamics::thermostat::{
    bath_energy, follow_temperature, langevin_constants, nose_hoover_half_step, rescaling_factor,
    rescaling_numbers,
};
use crate::dynamics::{
    DynamicsPlan, DynamicsState, Ensemble, Evaluation, Positions, Thermodynamics, ThermostatState,
    degrees_of_freedom,
};
use crate::error::{Error, Result};
use crate::system::{FixedPosition, RandomStream, Stream, Structure, to_fixed};

/// Skin over cutoff when the plan leaves it open.
const DEFAULT_SKIN: f64 = 0.1;

/// A simulation in fixed-point positions, f32 forces and f64 velocities.
#[derive(Debug)]
pub struct CpuSession {
    template: Structure,
    plan: DynamicsPlan,
    level: Level,
    signature: String,
    reach: Reach,
    /// Squared distance from the listed position that calls for a rebuild.
    rebuild_beyond2: f64,
    drift: Drift,
    force_kernel: Kernel,
    energy_kernel: Kernel,
    diameters: Vec<f64>,
    order: ClusterOrder,
    list: PairList,
    input: KernelInput,
    motions: Vec<Motion>,
    buffers: Vec<Vec<ClusterForces>>,
    forces_known: bool,
    thermostat: ThermostatState,
    step: u64,
    splice_visits: u64,
    rebuilds: u64,
    times: Times,
}

/// Where the time goes.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    list: Duration,
    forces: Duration,
    integrate: Duration,
}

/// Per-atom state in input order.
struct Atoms {
    fractions: Vec<FixedPosition>,
    images: Vec<[i32; 3]>,
    velocities: Vec<[f64; 3]>,
}

impl CpuSession {
    pub(super) fn start(
        start: &Structure,
        plan: &DynamicsPlan,
        level: Level,
        signature: &str,
    ) -> Result<Self> {
        start.check_finite()?;
        let (fractions, images) = quantise(start);
        let velocities = start.velocities.clone().unwrap_or_else(|| vec![[0.0; 3]; start.len()]);
        let atoms = Atoms { fractions, images, velocities };
        let mut session = Self::empty(start, plan, level, signature)?;
        session.arrange(atoms, None);
        Ok(session)
    }

    pub(super) fn resume(
        template: &Structure,
        plan: &DynamicsPlan,
        from: &DynamicsState,
        level: Level,
        signature: &str,
    ) -> Result<Self> {
        let mut template = template.clone();
        template.simulation_box = from.simulation_box;
        from.check_length(template.len())?;
        let mut session = Self::empty(&template, plan, level, signature)?;
        let velocities = from.velocities.clone();
        match &from.positions {
            Positions::Fixed { fractions, images } => {
                let atoms =
                    Atoms { fractions: fractions.clone(), images: images.clone(), velocities };
                let listed = (from.backend == signature
                    && from.list_fractions.len() == fractions.len())
                .then_some(from.list_fractions.as_slice());
                session.arrange(atoms, listed);
            }
            Positions::Double(_) => {
                let structure = from.structure(&template);
                let (fractions, images) = quantise(&structure);
                session.arrange(Atoms { fractions, images, velocities }, None);
            }
        }
        session.thermostat = from.thermostat;
        session.step = from.step;
        session.splice_visits = from.splice_visits;
        session.rebuilds = from.rebuilds;
        // Under the plan that wrote the state this never holds; a stage with a smaller skin may.
        let away = session.drift.farthest_from_list(&session.input.clusters, &session.motions);
        if away > session.rebuild_beyond2 {
            session.rebuild();
        }
        Ok(session)
    }

    fn empty(
        template: &Structure,
        plan: &DynamicsPlan,
        level: Level,
        signature: &str,
    ) -> Result<Self> {
        plan.check()?;
        let field = &plan.force_field;
        let simulation_box = &template.simulation_box;
        let half_width = simulation_box.longest_cutoff();
        if field.cutoff > half_width {
            return Err(Error::CutoffTooLong { cutoff: field.cutoff, half_width });
        }
        // Beyond half the width the wrapped difference need not be the nearest image.
        let skin = plan.skin.unwrap_or(DEFAULT_SKIN * field.cutoff).min(half_width - field.cutoff);
        let input = kernel_input(field, simulation_box, level)?;
        let terms = input.damping.as_ref().map_or(0, |fit| fit.slope.len());
        let diameters =
            if field.form.uses_diameters() { field.atom_diameters(template)? } else { Vec::new() };
        Ok(Self {
            reach: Reach::new(simulation_box, field.cutoff + skin),
            rebuild_beyond2: 0.25 * skin * skin,
            drift: Drift::new(simulation_box),
            force_kernel: level.kernel(field.form, terms, false),
            energy_kernel: level.kernel(field.form, terms, true),
            template: template.clone(),
            plan: plan.clone(),
            level,
            signature: signature.into(),
            diameters,
            order: ClusterOrder::default(),
            list: PairList::default(),
            input,
            motions: Vec::new(),
            buffers: Vec::new(),
            forces_known: false,
            thermostat: ThermostatState::default(),
            step: 0,
            splice_visits: 0,
            rebuilds: 0,
            times: Times::default(),
        })
    }

    /// Lays atoms out in clusters and lists pairs, from `listed` positions if the list was made
    /// earlier, else from the present ones.
    fn arrange(&mut self, atoms: Atoms, listed: Option<&[FixedPosition]>) {
        let simulation_box = &self.template.simulation_box;
        let kinds = &self.template.kinds;
        let listed = listed.unwrap_or(&atoms.fractions);
        let padding = self.plan.force_field.species_count() as u32;
        self.order = ClusterOrder::new(simulation_box, listed);
        self.order.fill(listed, kinds, padding, &mut self.input.clusters);
        let (order, clusters, reach, level) =
            (&self.order, &self.input.clusters, &self.reach, self.level);
        self.list = PairList::new(order, |first, last, stamps, stamp| {
            level.list_block(order, clusters, reach, first, last, stamps, stamp)
        });
        self.buffers.resize_with(self.list.blocks.len(), Vec::new);
        for (buffer, block) in self.buffers.iter_mut().zip(&self.list.blocks) {
            buffer.resize(block.touched.len(), [[0.0; CLUSTER]; 3]);
        }
        let field = &self.plan.force_field;
        let unit = field.units.mass_velocity2;
        self.order
            .atoms
            .par_iter()
            .zip(&mut self.input.clusters)
            .map(|(slots, cluster)| {
                let mut motion = Motion { listed: cluster.fractions, ..Motion::EMPTY };
                for (slot, &atom) in slots.iter().enumerate() {
                    if atom == PADDING {
                        continue;
                    }
                    let atom = atom as usize;
                    motion.mass[slot] = unit * field.masses[usize::from(kinds[atom])];
                    motion.inverse_mass[slot] = 1.0 / motion.mass[slot];
                    for k in 0..3 {
                        cluster.fractions[k][slot] = atoms.fractions[atom][k];
                        motion.images[k][slot] = atoms.images[atom][k];
                        motion.velocities[k][slot] = atoms.velocities[atom][k];
                    }
                }
                motion
            })
            .collect_into_vec(&mut self.motions);
        if !self.diameters.is_empty() {
            let diameter =
                |&atom: &u32| self.diameters.get(atom as usize).map_or(1.0, |&d| d as f32);
            self.input.diameters =
                self.order.atoms.iter().map(|slots| slots.each_ref().map(diameter)).collect();
        }
        self.forces_known = false;
    }

    /// Visits every atom with its cluster and slot.
    fn for_each_atom(&self, mut visit: impl FnMut(usize, usize, usize)) {
        for (cluster, slots) in self.order.atoms.iter().enumerate() {
            for (slot, &atom) in slots.iter().enumerate() {
                if atom != PADDING {
                    visit(atom as usize, cluster, slot);
                }
            }
        }
    }

    fn atoms(&self) -> Atoms {
        let n = self.template.len();
        let mut atoms = Atoms {
            fractions: vec![[0; 3]; n],
            images: vec![[0; 3]; n],
            velocities: vec![[0.0; 3]; n],
        };
        self.for_each_atom(|atom, c, s| {
            let motion = &self.motions[c];
            for k in 0..3 {
                atoms.fractions[atom][k] = self.input.clusters[c].fractions[k][s];
                atoms.images[atom][k] = motion.images[k][s];
                atoms.velocities[atom][k] = motion.velocities[k][s];
            }
        });
        atoms
    }

    fn rebuild(&mut self) {
        let start = Instant::now();
        let atoms = self.atoms();
        self.arrange(atoms, None);
        self.rebuilds += 1;
        self.times.list += start.elapsed();
    }

    fn run_kernel(&mut self, kernel: Kernel) -> Sums {
        let (input, list) = (&self.input, &self.list);
        let parts: Vec<Sums> = list
            .blocks
            .par_iter()
            .zip(&mut self.buffers)
            .map(|(block, buffer)| kernel.run(input, block, buffer))
            .collect();
        parts.into_iter().fold(Sums::default(), |mut sum, part| {
            sum.energy += part.energy;
            sum.splice_visits += part.splice_visits;
            for k in 0..6 {
                sum.virial[k] += part.virial[k];
            }
            sum
        })
    }

    /// Forces at the present positions, then a kick by `half_step`; returns Σ m v².
    fn force_and_kick(&mut self, half_step: f64) -> f64 {
        let start = Instant::now();
        let sums = self.run_kernel(self.force_kernel);
        self.times.forces += start.elapsed();
        self.splice_visits += sums.splice_visits;
        self.forces_known = true;
        let start = Instant::now();
        let twice_kinetic = collect_and_kick(
            self.level,
            &mut self.input.clusters,
            &mut self.motions,
            &self.list,
            &self.buffers,
            half_step,
        );
        self.times.integrate += start.elapsed();
        twice_kinetic
    }

    fn ensure_forces(&mut self) {
        if !self.forces_known {
            let visits = self.splice_visits;
            self.force_and_kick(0.0);
            // A resumed run has counted the visits of this force evaluation already.
            if self.step > 0 {
                self.splice_visits = visits;
            }
        }
    }

    fn scale(&mut self, factor: f64) -> f64 {
        scale(self.level, &mut self.input.clusters, &mut self.motions, factor)
    }

    fn degrees_of_freedom(&self) -> f64 {
        degrees_of_freedom(self.template.len(), self.plan.ensemble.conserves_momentum())
    }

    fn kt_at(&self, step: u64) -> f64 {
        self.plan.force_field.units.boltzmann * self.plan.temperature.at(step)
    }

    /// Kick, drift and the rebuild that the drift may call for.
    fn kick_and_drift(&mut self, half_step: f64, time: f64, cap: Option<f64>) -> Result<()> {
        let start = Instant::now();
        let sweep = KickAndDrift { drift: self.drift, half_step, time, cap };
        let moved = sweep.run(self.level, &mut self.input.clusters, &mut self.motions);
        self.times.integrate += start.elapsed();
        let longest = 0.5 * self.template.simulation_box.longest_cutoff();
        if !(moved.step2() <= longest * longest) {
            return Err(self.blow_up(time));
        }
        if moved.away2() > self.rebuild_beyond2 {
            self.rebuild();
        }
        self.forces_known = false;
        Ok(())
    }

    /// The atom that moved farthest in the last drift, or not at all finitely.
    fn blow_up(&self, time: f64) -> Error {
        let mut worst = (0, 0.0f64);
        self.for_each_atom(|atom, c, s| {
            let moved = (0..3)
                .map(|k| time * self.motions[c].velocities[k][s])
                .map(|x| x * x)
                .sum::<f64>()
                .sqrt();
            if !worst.1.is_nan() && !(moved <= worst.1) {
                worst = (atom, moved);
            }
        });
        Error::NonFinite {
            step: self.step + 1,
            atom: worst.0 + 1,
            quantity: "displacement in one step",
            value: worst.1,
        }
    }

    fn verlet(&mut self) -> Result<f64> {
        let half = 0.5 * self.plan.timestep;
        self.kick_and_drift(half, self.plan.timestep, None)?;
        Ok(self.force_and_kick(half))
    }

    fn single_step(&mut self) -> Result<()> {
        self.ensure_forces();
        let (dof, timestep) = (self.degrees_of_freedom(), self.plan.timestep);
        let kt = self.kt_at(self.step);
        match self.plan.ensemble {
            Ensemble::Nve => {
                self.verlet()?;
            }
            Ensemble::NoseHoover { relaxation } => {
                let half = |session: &mut Self, k2: f64| {
                    let state = &mut session.thermostat;
                    nose_hoover_half_step(state, k2, dof, kt, relaxation, timestep)
                };
                let k2 = self.scale(1.0);
                let factor = half(self, k2);
                self.scale(factor);
                let k2 = self.verlet()?;
                let factor = half(self, k2);
                self.scale(factor);
                let next = self.kt_at(self.step + 1);
                follow_temperature(&mut self.thermostat, dof, relaxation, kt, next);
            }
            Ensemble::StochasticRescaling { relaxation } => {
                let k2 = self.verlet()?;
                let numbers = rescaling_numbers(self.plan.seed, self.step, dof);
                let factor = rescaling_factor(numbers, k2, kt, relaxation, timestep);
                self.thermostat.bath_energy += 0.5 * k2 * (1.0 - factor * factor);
                self.scale(factor);
            }
            Ensemble::Langevin { relaxation, displacement_cap } => {
                self.langevin(relaxation, displacement_cap)?;
            }
        }
        self.step += 1;
        Ok(())
    }

    fn langevin(&mut self, relaxation: f64, displacement_cap: Option<f64>) -> Result<()> {
        let timestep = self.plan.timestep;
        let half = 0.5 * timestep;
        let cap = displacement_cap.map(|cap| cap / timestep);
        self.kick_and_drift(half, half, cap)?;
        let unit = self.plan.force_field.units.mass_velocity2;
        let [c, noise] = langevin_constants(self.kt_at(self.step), unit, relaxation, timestep);
        let stream = RandomStream::new(self.plan.seed, Stream::Langevin);
        let (step, order) = (self.step, &self.order);
        let [before, after] = change_velocities(
            self.level,
            &mut self.input.clusters,
            &mut self.motions,
            |n, motion| {
                for (slot, &atom) in order.atoms[n].iter().enumerate() {
                    if atom == PADDING {
                        continue;
                    }
                    let normals = langevin_normals(&stream, step, atom);
                    let width = noise / (motion.mass[slot] / unit).sqrt();
                    for k in 0..3 {
                        let v = &mut motion.velocities[k][slot];
                        *v = c * *v + width * normals[k];
                    }
                }
            },
        );
        self.thermostat.bath_energy += 0.5 * (before - after);
        self.kick_and_drift(0.0, half, cap)?;
        self.force_and_kick(half);
        Ok(())
    }

    /// Energy, virial and forces (in clusters) at the present positions.
    fn measure(&mut self) -> (f64, [f64; 6]) {
        let sums = self.run_kernel(self.energy_kernel);
        let own = self.plan.force_field.self_energy(&self.template.kinds);
        (sums.energy + own, sums.virial)
    }

    fn kinetic_sums(&self) -> [f64; 6] {
        let mut sums = [0.0; 6];
        for motion in &self.motions {
            let v = &motion.velocities;
            for (s, (a, b)) in sums.iter_mut().zip([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)])
            {
                for slot in 0..CLUSTER {
                    *s += motion.mass[slot] * v[a][slot] * v[b][slot];
                }
            }
        }
        sums
    }
}

fn quantise(structure: &Structure) -> (Vec<FixedPosition>, Vec<[i32; 3]>) {
    structure
        .positions
        .iter()
        .zip(&structure.images)
        .map(|(&r, image)| {
            let (fixed, shift) = to_fixed(&structure.simulation_box, r);
            (fixed, [0, 1, 2].map(|k| image[k] + shift[k]))
        })
        .unzip()
}

impl DynamicsSession for CpuSession {
    fn profile(&self) -> Vec<(&'static str, f64)> {
        let Times { list, forces, integrate } = self.times;
        vec![
            ("forces", forces.as_secs_f64()),
            ("integrate", integrate.as_secs_f64()),
            ("list", list.as_secs_f64()),
        ]
    }

    fn memory(&self) -> Option<u64> {
        let buffers: usize = self.buffers.iter().map(|b| size_of_val(b.as_slice())).sum();
        let own = buffers
            + size_of_val(self.motions.as_slice())
            + size_of_val(self.input.clusters.as_slice())
            + size_of_val(self.input.diameters.as_slice())
            + self.order.bytes()
            + self.list.bytes();
        Some(own as u64)
    }

    fn advance(&mut self, steps: u64) -> Result<StepReport> {
        let (visits, rebuilds) = (self.splice_visits, self.rebuilds);
        for _ in 0..steps {
            self.single_step()?;
        }
        Ok(StepReport {
            step: self.step,
            rebuilds: self.rebuilds - rebuilds,
            splice_visits: self.splice_visits - visits,
        })
    }

    fn observe(&mut self, what: Observables) -> Result<Observation> {
        let thermodynamics = what.thermodynamics.then(|| {
            let (energy, virial) = self.measure();
            let dof = self.degrees_of_freedom();
            Thermodynamics::from_sums(
                self.step,
                energy,
                virial,
                self.kinetic_sums(),
                bath_energy(&self.plan, &self.thermostat, self.step, dof),
                dof,
                self.template.simulation_box.volume(),
                &self.plan.force_field.units,
            )
        });
        let structure =
            if what.structure { Some(self.checkpoint()?.structure(&self.template)) } else { None };
        Ok(Observation { step: self.step, thermodynamics, structure })
    }

    fn evaluate(&mut self) -> Result<Evaluation> {
        let (potential_energy, virial) = self.measure();
        let mut forces = vec![[0.0; 3]; self.template.len()];
        for (cluster, slots) in self.order.atoms.iter().enumerate() {
            let sum = collect_forces(&self.list, &self.buffers, cluster);
            for (slot, &atom) in slots.iter().enumerate() {
                if atom != PADDING {
                    forces[atom as usize] = [0, 1, 2].map(|k| f64::from(sum[k][slot]));
                }
            }
        }
        Ok(Evaluation { potential_energy, forces, virial })
    }

    fn set_positions(&mut self, positions: &[[f64; 3]]) -> Result<()> {
        if positions.len() != self.template.len() {
            return Err(Error::input(
                format!("{} positions for {} atoms", positions.len(), self.template.len()),
                "give one position for each atom",
            ));
        }
        let simulation_box = self.template.simulation_box;
        for (cluster, slots) in self.order.atoms.iter().enumerate() {
            for (slot, &atom) in slots.iter().enumerate() {
                if atom == PADDING {
                    continue;
                }
                let (fixed, image) = to_fixed(&simulation_box, positions[atom as usize]);
                for k in 0..3 {
                    self.input.clusters[cluster].fractions[k][slot] = fixed[k];
                    self.motions[cluster].images[k][slot] = image[k];
                }
            }
        }
        self.forces_known = false;
        let away = self.drift.farthest_from_list(&self.input.clusters, &self.motions);
        if away > self.rebuild_beyond2 {
            self.rebuild();
        }
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<DynamicsState> {
        let atoms = self.atoms();
        let mut list_fractions = vec![[0; 3]; self.template.len()];
        self.for_each_atom(|atom, c, s| {
            list_fractions[atom] = [0, 1, 2].map(|k| self.motions[c].listed[k][s]);
        });
        Ok(DynamicsState {
            backend: self.signature.clone(),
            step: self.step,
            simulation_box: self.template.simulation_box,
            positions: Positions::Fixed { fractions: atoms.fractions, images: atoms.images },
            velocities: atoms.velocities,
            thermostat: self.thermostat,
            order: Vec::new(),
            list_fractions,
            splice_visits: self.splice_visits,
            rebuilds: self.rebuilds,
        })
    }
}
