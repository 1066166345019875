//! A simulation on a GPU.

use std::sync::Arc;
use std::time::Instant;

use bytemuck::{Zeroable, cast_slice};

use super::GpuBackend;
use super::buffers::{Buffers, LONGEST_CHUNK, OBSERVED_SUMS, largest_capacity};
use super::context::Context;
use super::kernels::{Kernel, PotentialKind, Role};
use super::parameters::{
    Control, ListGeometry, MOST_ATOMS, MOST_SPECIES, Model, Parameters, WORKGROUP, schedule,
};
use super::pipelines::Pipelines;
use super::steps::{Extent, REBUILD_IF_NEEDED, Recorder};
use super::timing::{PassTimes, Timers};
use crate::backend::{Backend, DynamicsSession, Observables, Observation, StepReport};
use crate::dynamics::thermostat::bath_energy;
use crate::dynamics::{
    DynamicsPlan, DynamicsState, Evaluation, Positions, Thermodynamics, ThermostatState,
    degrees_of_freedom,
};
use crate::error::{Error, Result};
use crate::system::{FixedPosition, Structure, to_fixed};

/// Seconds that one submission should take: far below every driver's watchdog.
const CHUNK_SECONDS: f64 = 0.1;

/// A simulation on a GPU.
#[derive(Debug)]
pub struct GpuSession {
    context: Arc<Context>,
    pipelines: Arc<Pipelines>,
    buffers: Buffers,
    timers: Option<Timers>,
    signature: String,
    template: Structure,
    plan: DynamicsPlan,
    parameters: Parameters,
    /// The control block at the last step boundary that the host saw.
    control: Control,
    /// Steps that the next submission may have.
    chunk: u32,
    splice_visits: u64,
    rebuilds: u64,
    /// Set when the device's state was lost; every later call says so.
    lost: bool,
}

/// State in the order of the input, ready for the device.
struct Upload {
    positions: Vec<FixedPosition>,
    images: Vec<[i32; 3]>,
    velocities: Vec<[f64; 3]>,
}

impl Upload {
    fn from_structure(structure: &Structure) -> Self {
        let b = &structure.simulation_box;
        let (positions, images) = structure
            .positions
            .iter()
            .zip(&structure.images)
            .map(|(&r, image)| {
                let (u, shift) = to_fixed(b, r);
                (u, [0, 1, 2].map(|k| image[k] + shift[k]))
            })
            .unzip();
        let velocities =
            structure.velocities.clone().unwrap_or_else(|| vec![[0.0; 3]; structure.len()]);
        Self { positions, images, velocities }
    }
}

impl GpuSession {
    pub(super) fn start(
        backend: &GpuBackend,
        start: &Structure,
        plan: &DynamicsPlan,
    ) -> Result<Self> {
        start.check_finite()?;
        let upload = Upload::from_structure(start);
        let mut session = Self::assemble(backend, start, plan, 0, &ThermostatState::default())?;
        session.load(&upload, None, None)?;
        Ok(session)
    }

    pub(super) fn resume(
        backend: &GpuBackend,
        template: &Structure,
        plan: &DynamicsPlan,
        from: &DynamicsState,
    ) -> Result<Self> {
        let mut template = template.clone();
        template.simulation_box = from.simulation_box;
        let structure = from.structure(&template);
        structure.check_finite()?;
        let own = from.backend == backend.capabilities().signature;
        let upload = match &from.positions {
            Positions::Fixed { fractions, images } => Upload {
                positions: fractions.clone(),
                images: images.clone(),
                velocities: from.velocities.clone(),
            },
            Positions::Double(_) => Upload::from_structure(&structure),
        };
        let same_length = [upload.positions.len(), upload.images.len(), upload.velocities.len()];
        if same_length.iter().any(|&n| n != template.len()) {
            return Err(Error::input(
                format!("a state of {same_length:?} atoms for a structure of {}", template.len()),
                "resume with the structure that the run was started from",
            ));
        }
        let mut session = Self::assemble(backend, &template, plan, from.step, &from.thermostat)?;
        session.splice_visits = from.splice_visits;
        session.rebuilds = from.rebuilds;
        let list = (own && from.list_fractions.len() == template.len())
            .then_some(from.list_fractions.as_slice());
        let kinetic = from.thermostat.twice_kinetic.filter(|_| own);
        session.load(&upload, list, kinetic)?;
        Ok(session)
    }

    fn assemble(
        backend: &GpuBackend,
        template: &Structure,
        plan: &DynamicsPlan,
        step: u64,
        thermostat: &ThermostatState,
    ) -> Result<Self> {
        plan.check()?;
        let context = Arc::clone(&backend.context);
        let field = &plan.force_field;
        let atoms = template.len();
        for (what, needed, available) in
            [("atoms", atoms, MOST_ATOMS - 1), ("species", field.species_count(), MOST_SPECIES)]
        {
            if needed > available {
                return Err(Error::Capacity {
                    what: what.into(),
                    needed: needed as u64,
                    available: available as u64,
                    device: context.description.name.clone(),
                });
            }
        }
        if atoms == 0 {
            return Err(Error::input("the structure has no atoms", "give at least one atom"));
        }
        let simulation_box = &template.simulation_box;
        let geometry = ListGeometry::new(simulation_box, field.cutoff, plan.skin, atoms)?;
        let model = Model::new(field)?;
        let parameters = Parameters::new(plan, simulation_box, atoms, &geometry, &model);
        let capacity = match context.options.list_capacity {
            Some(capacity) => capacity.max(1),
            None => expected_capacity(&geometry, atoms, simulation_box.volume()),
        };
        let parameters = parameters.with_capacity(capacity);
        let potential = PotentialKind { form: field.form, damping_terms: model.damping_terms };
        let pipelines = backend.pipelines(potential)?;
        let buffers = Buffers::new(&context, &pipelines, &parameters, &model.words)?;
        let timers = match context.options.timestamps && context.timestamps {
            true => Some(Timers::new(&context)?),
            false => None,
        };
        let control = Control::new(step, thermostat);
        buffers.write(&context, Role::Control, &[control]);
        tracing::debug!(
            atoms,
            skin = geometry.skin,
            cells = ?geometry.cells,
            capacity,
            "gpu session"
        );
        let chunk = context.options.chunk_steps.unwrap_or(4).clamp(1, LONGEST_CHUNK);
        Ok(Self {
            signature: backend.capabilities().signature.clone(),
            context,
            pipelines,
            buffers,
            timers,
            template: template.clone(),
            plan: plan.clone(),
            parameters,
            control,
            chunk,
            splice_visits: 0,
            rebuilds: 0,
            lost: false,
        })
    }

    /// Brings a state to the device: the list from `list` (else from the positions themselves),
    /// then the forces. `twice_kinetic` is the thermostat's memory, if it has one.
    fn load(
        &mut self,
        upload: &Upload,
        list: Option<&[FixedPosition]>,
        twice_kinetic: Option<f64>,
    ) -> Result<()> {
        let diameters = self.diameters()?;
        let velocities =
            rows(&upload.velocities, |v, i| [v[0] as f32, v[1] as f32, v[2] as f32, diameters[i]]);
        let images = rows(&upload.images, |m, _| [m[0], m[1], m[2], 0]);
        let list_positions = self.tagged(list.unwrap_or(&upload.positions));
        let context = Arc::clone(&self.context);
        self.buffers.write(&context, Role::Position, &list_positions);
        self.buffers.write(&context, Role::Image, &images);
        self.buffers.write(&context, Role::Velocity, &velocities);
        let mut encoder = self.encoder();
        self.recorder().sort_and_list(&mut encoder);
        self.submit(encoder)?;
        self.grow_until_it_fits()?;
        let mut encoder = self.encoder();
        if list.is_some() {
            self.buffers.write(&context, Role::GivenPosition, &self.tagged(&upload.positions));
            self.buffers.write(&context, Role::GivenImage, &images);
            self.recorder().run(&mut encoder, [(Kernel::Place, Extent::Atoms)]);
        }
        let mut recorder = self.recorder();
        recorder.run(&mut encoder, [(Kernel::Force, Extent::Atoms)]);
        if twice_kinetic.is_none() {
            recorder.run(&mut encoder, [(Kernel::InitialKinetic, Extent::Single)]);
        }
        let control = self.submit(encoder)?;
        self.control = control;
        self.refuse_broken()
    }

    /// Positions with species and index in the fourth word.
    fn tagged(&self, positions: &[FixedPosition]) -> Vec<[u32; 4]> {
        let kinds = &self.template.kinds;
        rows(positions, |u, i| [u[0], u[1], u[2], (u32::from(kinds[i]) << 24) | i as u32])
    }

    fn diameters(&self) -> Result<Vec<f32>> {
        let field = &self.plan.force_field;
        if !field.form.uses_diameters() {
            return Ok(vec![1.0; self.template.len()]);
        }
        Ok(field.atom_diameters(&self.template)?.into_iter().map(|d| d as f32).collect())
    }

    fn encoder(&self) -> wgpu::CommandEncoder {
        self.context.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }

    fn recorder(&mut self) -> Recorder<'_> {
        Recorder {
            pipelines: &self.pipelines,
            buffers: &self.buffers,
            parameters: &self.parameters,
            timers: self.timers.as_mut(),
        }
    }

    /// Submits, waits and returns the control block.
    fn submit(&mut self, mut encoder: wgpu::CommandEncoder) -> Result<Control> {
        if self.lost {
            return Err(self.context.failed("the session's state was lost by an earlier failure"));
        }
        self.buffers.encode_control_copy(&mut encoder);
        if let Some(timers) = &self.timers {
            timers.encode_resolve(&mut encoder);
        }
        self.context.queue.submit([encoder.finish()]);
        let control = self.buffers.finish_control_copy(&self.context).inspect_err(|_| {
            self.lost = true;
        })?;
        if let Some(timers) = &mut self.timers {
            timers.collect(&self.context)?;
        }
        Ok(control)
    }

    /// Grows the list until the present one fits; positions, order and everything else stay.
    fn grow_until_it_fits(&mut self) -> Result<()> {
        loop {
            let [words]: [Vec<u32>; 1] = self.read([Role::Control])?;
            let most = words.first().copied().unwrap_or(0);
            if most <= self.parameters.capacity {
                return Ok(());
            }
            self.grow(most)?;
            let mut encoder = self.encoder();
            self.recorder().list_again(&mut encoder);
            self.submit(encoder)?;
        }
    }

    fn grow(&mut self, needed: u32) -> Result<()> {
        let largest = largest_capacity(&self.context, self.parameters.stride);
        if u64::from(needed) > largest {
            return Err(Error::Capacity {
                what: format!(
                    "neighbours of an atom within cutoff and skin, {} atoms",
                    self.template.len()
                ),
                needed: u64::from(needed),
                available: largest,
                device: self.context.description.name.clone(),
            });
        }
        // Some slack, so that a melt does not grow its list again and again.
        let wanted = u64::from(needed) + u64::from(needed / 8) + 4;
        self.parameters.capacity = wanted.min(largest) as u32;
        tracing::debug!(capacity = self.parameters.capacity, "neighbour list grows");
        self.buffers.grow_list(&self.context, &self.pipelines, &self.parameters).inspect_err(|_| {
            self.lost = true;
        })
    }

    /// Reads whole buffers as words.
    fn read<const N: usize>(&self, roles: [Role; N]) -> Result<[Vec<u32>; N]> {
        let wanted = roles.map(|role| (role, self.buffers.get(role).size()));
        let read = self.buffers.read(&self.context, &wanted)?;
        read.try_into().map_err(|_| self.context.failed("reading back lost a buffer"))
    }

    /// One submission of steps, replayed with a larger list until it fits.
    fn chunk(&mut self, steps: u32) -> Result<()> {
        let dof = self.degrees_of_freedom();
        let numbers = schedule(&self.plan, self.control.step(), steps, dof);
        self.buffers.write(&self.context, Role::Schedule, &numbers);
        let mut encoder = self.encoder();
        self.buffers.encode_snapshot(&mut encoder);
        loop {
            self.recorder().steps(&mut encoder, steps);
            let control = self.submit(encoder)?;
            if control.halted == 0 {
                self.account(control);
                return Ok(());
            }
            if control.broken != 0 {
                let error = self.blown_up(&control)?;
                self.restore()?;
                return Err(error);
            }
            self.grow(control.most_neighbours)?;
            self.restore()?;
            encoder = self.encoder();
        }
    }

    /// Back to the start of the chunk.
    fn restore(&mut self) -> Result<()> {
        let mut encoder = self.encoder();
        self.buffers.encode_restore(&mut encoder);
        self.recorder().list_again(&mut encoder);
        self.submit(encoder)?;
        Ok(())
    }

    fn account(&mut self, control: Control) {
        // Each directed pair is seen from both sides; the kernel counts one of them.
        let visits = control.splice_visits.wrapping_sub(self.control.splice_visits);
        let rebuilds = control.rebuilds.wrapping_sub(self.control.rebuilds);
        self.splice_visits += u64::from(visits);
        self.rebuilds += u64::from(rebuilds);
        self.control = control;
    }

    /// Which atom broke the run, from the state in which the device stopped.
    fn blown_up(&self, control: &Control) -> Result<Error> {
        let [positions, velocities, forces] =
            self.read([Role::Position, Role::Velocity, Role::Force])?;
        let timestep = self.plan.timestep;
        let mut worst: Option<(usize, &'static str, f64)> = None;
        for slot in 0..self.template.len() {
            let atom = (positions[4 * slot + 3] & 0xff_ffff) as usize;
            let row = |words: &[u32]| -> [f64; 3] {
                [0, 1, 2].map(|k| f64::from(f32::from_bits(words[4 * slot + k])))
            };
            let (quantity, values) = if control.broken == 2 {
                ("force", row(&forces))
            } else {
                ("displacement", row(&velocities).map(|v| v * timestep))
            };
            // NaN is larger than everything here.
            let size = |x: f64| if x.is_nan() { f64::INFINITY } else { x.abs() };
            let value =
                values.into_iter().fold(0.0, |a: f64, b| if size(b) > size(a) { b } else { a });
            let larger = match worst {
                None => true,
                Some((other, _, previous)) => {
                    size(value) > size(previous) || (size(value) == size(previous) && atom < other)
                }
            };
            if larger {
                worst = Some((atom, quantity, value));
            }
        }
        let (atom, quantity, value) = worst.unwrap_or((0, "force", f64::NAN));
        Ok(Error::NonFinite { step: control.step(), atom: atom + 1, quantity, value })
    }

    /// Turns a force that is not finite into an error, outside chunks.
    fn refuse_broken(&mut self) -> Result<()> {
        if self.control.broken == 0 {
            return Ok(());
        }
        let error = self.blown_up(&self.control)?;
        self.control.broken = 0;
        self.buffers.write(&self.context, Role::Control, &[self.control]);
        Err(error)
    }

    fn degrees_of_freedom(&self) -> f64 {
        degrees_of_freedom(self.template.len(), self.plan.ensemble.conserves_momentum())
    }

    /// Energy, virial and Σ m v v; with `forces` also the force on each atom.
    fn sums(&mut self) -> Result<([f64; OBSERVED_SUMS], Control)> {
        let mut encoder = self.encoder();
        let kernels = [(Kernel::Evaluate, Extent::Atoms), (Kernel::Reduce, Extent::Atoms)];
        self.recorder().run(&mut encoder, kernels);
        let control = self.submit(encoder)?;
        let mut sums = [0.0; OBSERVED_SUMS];
        if control.unrepresentable == 0 {
            let [words] = self.read([Role::Sums])?;
            let mut wide = [0i128; OBSERVED_SUMS];
            for group in words.chunks_exact(2 * OBSERVED_SUMS) {
                for (sum, pair) in wide.iter_mut().zip(group.chunks_exact(2)) {
                    *sum += i128::from(((u64::from(pair[1]) << 32) | u64::from(pair[0])) as i64);
                }
            }
            for (sum, wide) in sums.iter_mut().zip(wide) {
                *sum = wide as f64 / 4_294_967_296.0;
            }
        } else {
            // An atom's energy beyond 10⁶: an overlapping start. Add the atoms on the host.
            self.control.unrepresentable = 0;
            self.buffers.write(&self.context, Role::Control, &[self.control]);
            let [observed, velocities, positions] =
                self.read([Role::Observed, Role::Velocity, Role::Position])?;
            for slot in 0..self.template.len() {
                let float = |k: usize| f64::from(f32::from_bits(observed[12 * slot + k]));
                for (sum, k) in sums.iter_mut().zip([3, 4, 5, 6, 8, 9, 10]) {
                    *sum += float(k);
                }
                let species = (positions[4 * slot + 3] >> 24) as usize;
                let mass = f64::from(self.parameters.masses[species][1]);
                let v = [0, 1, 2].map(|k| f64::from(f32::from_bits(velocities[4 * slot + k])));
                let pairs = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)];
                for (sum, (a, b)) in sums[7..].iter_mut().zip(pairs) {
                    *sum += mass * v[a] * v[b];
                }
            }
        }
        sums[0] += self.plan.force_field.self_energy(&self.template.kinds);
        Ok((sums, control))
    }

    /// Neighbours an atom may have at present.
    pub fn list_capacity(&self) -> u32 {
        self.parameters.capacity
    }

    /// Time per kernel, if the options asked for it and the device can tell.
    pub fn pass_times(&self) -> Option<&PassTimes> {
        self.timers.as_ref().map(Timers::times)
    }
}

/// One padded row of four words an atom.
fn rows<T, U: Copy + Zeroable>(items: &[T], row: impl Fn(&T, usize) -> [U; 4]) -> Vec<[U; 4]> {
    let mut made: Vec<[U; 4]> = items.iter().enumerate().map(|(i, item)| row(item, i)).collect();
    made.resize(items.len().next_multiple_of(WORKGROUP as usize), [U::zeroed(); 4]);
    made
}

/// Neighbours to expect within the list's radius at the mean density, with a margin for
/// fluctuations: glasses vary by a tenth, and a list that turns out short is grown.
fn expected_capacity(geometry: &ListGeometry, atoms: usize, volume: f64) -> u32 {
    let sphere = 4.0 / 3.0 * std::f64::consts::PI * geometry.radius.powi(3);
    let mean = atoms as f64 / volume * sphere;
    let wanted = (1.15 * mean + 16.0).ceil().min(atoms as f64) as u32;
    wanted.next_multiple_of(4)
}

impl DynamicsSession for GpuSession {
    fn profile(&self) -> Vec<(&'static str, f64)> {
        let times = self.pass_times().into_iter().flat_map(|times| &times.kernels);
        times.map(|(name, (seconds, _))| (*name, *seconds)).collect()
    }

    fn advance(&mut self, steps: u64) -> Result<StepReport> {
        let (visits, rebuilds) = (self.splice_visits, self.rebuilds);
        let longest =
            self.context.options.chunk_steps.unwrap_or(LONGEST_CHUNK).clamp(1, LONGEST_CHUNK);
        let mut left = steps;
        while left > 0 {
            let now = left.min(u64::from(self.chunk)) as u32;
            let started = Instant::now();
            self.chunk(now)?;
            left -= u64::from(now);
            let each = started.elapsed().as_secs_f64() / f64::from(now);
            let fitting = (CHUNK_SECONDS / each.max(1e-9)).min(f64::from(LONGEST_CHUNK)) as u32;
            self.chunk = fitting.min(4 * self.chunk).clamp(1, longest);
        }
        Ok(StepReport {
            step: self.control.step(),
            rebuilds: self.rebuilds - rebuilds,
            splice_visits: self.splice_visits - visits,
        })
    }

    fn observe(&mut self, what: Observables) -> Result<Observation> {
        let step = self.control.step();
        let thermodynamics = if what.thermodynamics {
            let (sums, _) = self.sums()?;
            let dof = self.degrees_of_freedom();
            let [u, w0, w1, w2, w3, w4, w5, k0, k1, k2, k3, k4, k5] = sums;
            Some(Thermodynamics::from_sums(
                step,
                u,
                [w0, w1, w2, w3, w4, w5],
                [k0, k1, k2, k3, k4, k5],
                bath_energy(&self.plan, &self.control.thermostat(), step, dof),
                dof,
                self.template.simulation_box.volume(),
                &self.plan.force_field.units,
            ))
        } else {
            None
        };
        let structure =
            if what.structure { Some(self.checkpoint()?.structure(&self.template)) } else { None };
        Ok(Observation { step, thermodynamics, structure })
    }

    fn evaluate(&mut self) -> Result<Evaluation> {
        let (sums, _) = self.sums()?;
        let [observed, positions] = self.read([Role::Observed, Role::Position])?;
        let mut forces = vec![[0.0; 3]; self.template.len()];
        for slot in 0..self.template.len() {
            let atom = (positions[4 * slot + 3] & 0xff_ffff) as usize;
            forces[atom] = [0, 1, 2].map(|k| f64::from(f32::from_bits(observed[12 * slot + k])));
        }
        let [potential_energy, w0, w1, w2, w3, w4, w5, ..] = sums;
        Ok(Evaluation { potential_energy, forces, virial: [w0, w1, w2, w3, w4, w5] })
    }

    fn set_positions(&mut self, positions: &[[f64; 3]]) -> Result<()> {
        if positions.len() != self.template.len() {
            return Err(Error::input(
                format!("{} positions for {} atoms", positions.len(), self.template.len()),
                "give one position for each atom",
            ));
        }
        if let Some(atom) = positions.iter().position(|r| r.iter().any(|x| !x.is_finite())) {
            return Err(Error::NonFinite {
                step: self.control.step(),
                atom: atom + 1,
                quantity: "position",
                value: f64::NAN,
            });
        }
        let b = self.template.simulation_box;
        let (fractions, images): (Vec<_>, Vec<_>) =
            positions.iter().map(|&r| to_fixed(&b, r)).unzip();
        self.buffers.write(&self.context, Role::GivenPosition, &self.tagged(&fractions));
        let images = rows(&images, |m: &[i32; 3], _| [m[0], m[1], m[2], 0]);
        self.buffers.write(&self.context, Role::GivenImage, &images);
        let mut encoder = self.encoder();
        let mut recorder = self.recorder();
        recorder
            .run(&mut encoder, [(Kernel::Place, Extent::Atoms), (Kernel::Check, Extent::Atoms)]);
        recorder.run(&mut encoder, REBUILD_IF_NEEDED);
        self.submit(encoder)?;
        self.grow_until_it_fits()?;
        let mut encoder = self.encoder();
        self.recorder().run(&mut encoder, [(Kernel::Force, Extent::Atoms)]);
        let control = self.submit(encoder)?;
        self.account(control);
        self.refuse_broken()
    }

    fn checkpoint(&mut self) -> Result<DynamicsState> {
        let [positions, velocities, images, list] =
            self.read([Role::Position, Role::Velocity, Role::Image, Role::ListPosition])?;
        let atoms = self.template.len();
        let mut state = DynamicsState {
            backend: self.signature.clone(),
            step: self.control.step(),
            simulation_box: self.template.simulation_box,
            positions: Positions::Double(Vec::new()),
            velocities: vec![[0.0; 3]; atoms],
            thermostat: self.control.thermostat(),
            order: Vec::with_capacity(atoms),
            list_fractions: vec![[0; 3]; atoms],
            splice_visits: self.splice_visits,
            rebuilds: self.rebuilds,
        };
        let mut fractions = vec![[0; 3]; atoms];
        let mut image_rows = vec![[0; 3]; atoms];
        let signed: &[i32] = cast_slice(&images);
        for slot in 0..atoms {
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
        Ok(state)
    }
}
