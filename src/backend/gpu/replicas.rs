//! Replicas on a GPU: one state on the device, steps in chunks, replay after overflow. A session of
//! one simulation is one of one replica.

use std::sync::Arc;
use std::time::Instant;

use super::GpuBackend;
use super::buffers::Buffers;
use super::context::Context;
use super::kernels::{Kernel, PotentialKind, Role};
use super::layout::{LONGEST_CHUNK, Layout, Limits};
use super::parameters::{
    Control, ListGeometry, MOST_SPECIES, Model, Parameters, REBUILD_EVERY, ReplicaParameters,
    schedule_entry,
};
use super::pipelines::Pipelines;
use super::steps::{Extent, REBUILD_IF_NEEDED, Recorder};
use super::timing::{LONGEST_TIMED, PassTimes, Timers};
use super::upload::{Memory, Upload, append_rows, template};
use crate::backend::{Backend, Replica, StepReport};
use crate::dynamics::{DynamicsPlan, degrees_of_freedom};
use crate::error::{Error, Result};
use crate::potential::CompiledForceField;
use crate::system::{FixedPosition, Structure};

/// Seconds that one submission should take: far below every driver's watchdog.
const CHUNK_SECONDS: f64 = 0.1;

/// A session of simulations on a GPU that advance together.
#[derive(Debug)]
pub struct GpuReplicas {
    pub(super) context: Arc<Context>,
    pipelines: Arc<Pipelines>,
    pub(super) buffers: Buffers,
    timers: Option<Timers>,
    pub(super) signature: String,
    pub(super) layout: Layout,
    pub(super) members: Vec<Member>,
    /// Steps that the next submission may have.
    chunk: u32,
    rebuilds: RebuildPattern,
    /// The commands that are likely to come next.
    ahead: Option<(Script, wgpu::CommandBuffer)>,
    /// Set when the device's state was lost; every later call says so.
    lost: bool,
}

/// What the commands of a chunk depend on.
#[derive(Debug, PartialEq, Eq)]
struct Script {
    steps: u32,
    /// Where each replica's first step stands between steps that rebuild aged lists.
    begins: Vec<u64>,
    /// Whether lists can be rebuilt in every step.
    every: bool,
}

/// What the host knows of a replica.
#[derive(Debug)]
pub(super) struct Member {
    pub template: Structure,
    pub plan: DynamicsPlan,
    /// The control block at the last step boundary that the host saw.
    pub control: Control,
    pub splice_visits: u64,
    pub rebuilds: u64,
    /// Visits of the force evaluation at step 0, counted when the first step is taken.
    first_visits: u64,
    /// The list's skin, as wide as the box allows.
    skin: f64,
}

impl Member {
    pub fn degrees_of_freedom(&self) -> f64 {
        degrees_of_freedom(self.template.len(), self.plan.ensemble.conserves_momentum())
    }

    /// Positions with species and index in the fourth word.
    fn tagged(&self, to: &mut Vec<[u32; 4]>, slots: usize, positions: &[FixedPosition]) {
        let kinds = &self.template.kinds;
        append_rows(to, slots, positions, |u, i| {
            [u[0], u[1], u[2], (u32::from(kinds[i]) << 24) | i as u32]
        });
    }

    fn diameters(&self) -> Result<Vec<f32>> {
        let field = &self.plan.force_field;
        if !field.form.uses_diameters() {
            return Ok(vec![1.0; self.template.len()]);
        }
        Ok(field.atom_diameters(&self.template)?.into_iter().map(|d| d as f32).collect())
    }
}

/// Says which replica an error is about.
fn of_replica<T>(replica: usize, result: Result<T>) -> Result<T> {
    result.map_err(|source| Error::Replica { replica, source: Box::new(source) })
}

/// Whether two force fields, compiled apart, are the same to the kernels.
fn same_interactions(a: &Arc<CompiledForceField>, b: &Arc<CompiledForceField>) -> bool {
    Arc::ptr_eq(a, b)
        || (a.form == b.form
            && a.masses == b.masses
            && a.cutoff == b.cutoff
            && a.charges == b.charges
            && format!("{:?}", a.coulomb) == format!("{:?}", b.coulomb)
            && a.kernel_rows() == b.kernel_rows()
            && format!("{:?}", a.pairs) == format!("{:?}", b.pairs))
}

impl GpuReplicas {
    pub(super) fn start(backend: &GpuBackend, replicas: &[Replica<'_>]) -> Result<Self> {
        let Some(first) = replicas.first() else {
            return Err(Error::input("a session of no replicas", "give at least one replica"));
        };
        let field = &first.plan.force_field;
        let mut geometries = Vec::with_capacity(replicas.len());
        for (n, replica) in replicas.iter().enumerate() {
            geometries.push(of_replica(n, geometry(replica, field))?);
        }
        let uploads = (replicas.iter().enumerate())
            .map(|(n, replica)| of_replica(n, Upload::of(replica)))
            .collect::<Result<Vec<_>>>()?;
        let mut session = Self::assemble(backend, replicas, &geometries)?;
        let signature = session.signature.clone();
        let memories: Vec<Memory<'_>> = replicas
            .iter()
            .zip(&geometries)
            .map(|(replica, geometry)| Memory::of(replica.from, &signature, geometry.skin))
            .collect();
        for ((member, memory), replica) in session.members.iter_mut().zip(&memories).zip(replicas) {
            member.rebuilds += u64::from(memory.forgets_list_of(replica.from, &signature));
        }
        session.load(&uploads, &memories)?;
        Ok(session)
    }

    fn assemble(
        backend: &GpuBackend,
        replicas: &[Replica<'_>],
        geometries: &[ListGeometry],
    ) -> Result<Self> {
        let context = Arc::clone(&backend.context);
        let field = &replicas[0].plan.force_field;
        let species = field.species_count();
        if species > MOST_SPECIES {
            return Err(Error::Capacity {
                what: "species".into(),
                needed: species as u64,
                available: MOST_SPECIES as u64,
                device: context.description.name.clone(),
            });
        }
        let model = Model::new(field)?;
        let members: Vec<Member> = replicas
            .iter()
            .zip(geometries)
            .map(|(replica, geometry)| {
                let from = replica.from;
                let thermostat = from.map(|from| from.thermostat).unwrap_or_default();
                Member {
                    template: template(replica),
                    plan: replica.plan.clone(),
                    control: Control::new(from.map_or(0, |from| from.step), &thermostat),
                    splice_visits: from.map_or(0, |from| from.splice_visits),
                    rebuilds: from.map_or(0, |from| from.rebuilds),
                    first_visits: 0,
                    skin: geometry.skin,
                }
            })
            .collect();
        let own: Vec<ReplicaParameters> = members
            .iter()
            .zip(geometries)
            .map(|(member, geometry)| {
                let (template, plan) = (&member.template, &member.plan);
                ReplicaParameters::new(plan, &template.simulation_box, template.len(), geometry)
            })
            .collect();
        let sizes: Vec<(usize, u32)> = members
            .iter()
            .zip(geometries)
            .map(|(member, geometry)| (member.template.len(), geometry.cell_count()))
            .collect();
        let expected = members.iter().zip(geometries).map(|(member, geometry)| {
            let volume = member.template.simulation_box.volume();
            geometry.expected_capacity(member.template.len(), volume)
        });
        let capacity = match context.options.list_capacity {
            Some(capacity) => capacity.max(1),
            None => expected.max().unwrap_or(1),
        };
        let limits = limits(&context);
        let shared = Parameters::new(field, &model);
        let layout = Layout::new(shared, &sizes, model.words.len(), capacity, limits)?;
        let potential = PotentialKind { form: field.form, damping_terms: model.damping_terms };
        let pipelines = backend.pipelines(potential)?;
        let buffers = Buffers::new(&context, &pipelines, &layout, &own, &model.words)?;
        let timers = match context.options.timestamps && context.timestamps {
            true => Some(Timers::new(&context)?),
            false => None,
        };
        tracing::debug!(
            replicas = members.len(),
            slots = layout.parameters.slots,
            cells = layout.parameters.cell_room,
            capacity,
            parts = layout.parameters.parts,
            bytes = layout.bytes(),
            "gpu session"
        );
        let chunk = context.options.chunk_steps.unwrap_or(4).clamp(1, LONGEST_CHUNK);
        let signature = backend.capabilities().signature.clone();
        Ok(Self {
            signature,
            context,
            pipelines,
            buffers,
            timers,
            layout,
            members,
            chunk,
            rebuilds: RebuildPattern::default(),
            ahead: None,
            lost: false,
        })
    }

    pub(super) fn slots(&self) -> usize {
        self.layout.parameters.slots as usize
    }

    /// Positions of every replica, as the device has them.
    pub(super) fn tagged(&self, of: impl Fn(usize) -> Vec<FixedPosition>) -> Vec<[u32; 4]> {
        let mut rows = Vec::new();
        for (n, member) in self.members.iter().enumerate() {
            member.tagged(&mut rows, self.slots(), &of(n));
        }
        rows
    }

    /// Brings states to the device: each list from its memory (else from the positions
    /// themselves), then the forces.
    fn load(&mut self, uploads: &[Upload], memories: &[Memory<'_>]) -> Result<()> {
        let (mut velocities, mut images) = (Vec::new(), Vec::new());
        for (n, (member, upload)) in self.members.iter().zip(uploads).enumerate() {
            let diameters = of_replica(n, member.diameters())?;
            append_rows(&mut velocities, self.slots(), &upload.velocities, |v, i| {
                [v[0] as f32, v[1] as f32, v[2] as f32, diameters[i]]
            });
            append_rows(&mut images, self.slots(), &upload.images, |m, _| [m[0], m[1], m[2], 0]);
        }
        let lists = self.tagged(|n| memories[n].list.unwrap_or(&uploads[n].positions).to_vec());
        let context = Arc::clone(&self.context);
        self.buffers.write(&context, Role::Position, &lists);
        self.buffers.write(&context, Role::Image, &images);
        self.buffers.write(&context, Role::Velocity, &velocities);
        self.write_controls();
        let mut encoder = self.encoder();
        self.recorder().sort_and_list(&mut encoder);
        let controls = self.submit(encoder)?;
        self.grow_until_it_fits(controls)?;
        let mut encoder = self.encoder();
        if memories.iter().any(|memory| memory.list.is_some()) {
            let given = self.tagged(|n| uploads[n].positions.clone());
            self.buffers.write(&context, Role::GivenPosition, &given);
            self.buffers.write(&context, Role::GivenImage, &images);
            self.recorder().run(&mut encoder, [(Kernel::Place, Extent::Atoms)]);
        }
        let kernels = [(Kernel::Force, Extent::Atoms), (Kernel::InitialKinetic, Extent::Replicas)];
        self.recorder().run(&mut encoder, kernels);
        let controls = self.submit(encoder)?;
        for ((member, control), memory) in self.members.iter_mut().zip(controls).zip(memories) {
            member.first_visits = u64::from(control.splice_visits / 2);
            member.control = control;
            if let Some(known) = memory.twice_kinetic {
                member.control.twice_kinetic = known as f32;
            }
        }
        self.write_controls();
        self.refuse_broken()
    }

    /// Moves the atoms of a session to positions given in the order of the input.
    pub(super) fn place(
        &mut self,
        fractions: &[Vec<FixedPosition>],
        images: &[Vec<[i32; 3]>],
    ) -> Result<()> {
        let given = self.tagged(|n| fractions[n].clone());
        self.buffers.write(&self.context, Role::GivenPosition, &given);
        let mut rows = Vec::new();
        for images in images {
            append_rows(&mut rows, self.slots(), images, |m, _| [m[0], m[1], m[2], 0]);
        }
        self.buffers.write(&self.context, Role::GivenImage, &rows);
        let mut encoder = self.encoder();
        let mut recorder = self.recorder();
        recorder
            .run(&mut encoder, [(Kernel::Place, Extent::Atoms), (Kernel::Check, Extent::Atoms)]);
        recorder.run(&mut encoder, REBUILD_IF_NEEDED);
        let controls = self.submit(encoder)?;
        let before: Vec<u32> = controls.iter().map(|control| control.splice_visits).collect();
        self.grow_until_it_fits(controls)?;
        let mut encoder = self.encoder();
        self.recorder().run(&mut encoder, [(Kernel::Force, Extent::Atoms)]);
        let controls = self.submit(encoder)?;
        for ((member, control), before) in self.members.iter_mut().zip(controls).zip(before) {
            let rebuilds = control.rebuilds.wrapping_sub(member.control.rebuilds);
            member.rebuilds += u64::from(rebuilds);
            member.first_visits = u64::from(control.splice_visits.wrapping_sub(before) / 2);
            member.control = control;
        }
        self.refuse_broken()
    }

    pub(super) fn encoder(&self) -> wgpu::CommandEncoder {
        self.context.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }

    pub(super) fn recorder(&mut self) -> Recorder<'_> {
        Recorder {
            pipelines: &self.pipelines,
            buffers: &self.buffers,
            layout: &self.layout,
            timers: self.timers.as_mut(),
        }
    }

    /// Submits, waits and returns the control blocks.
    pub(super) fn submit(&mut self, encoder: wgpu::CommandEncoder) -> Result<Vec<Control>> {
        let commands = self.closed(encoder);
        self.begin(commands)?;
        self.finish()
    }

    /// Ends the commands of a submission.
    fn closed(&self, mut encoder: wgpu::CommandEncoder) -> wgpu::CommandBuffer {
        self.buffers.encode_control_copy(&mut encoder);
        if let Some(timers) = &self.timers {
            timers.encode_resolve(&mut encoder);
        }
        encoder.finish()
    }

    fn begin(&self, commands: wgpu::CommandBuffer) -> Result<()> {
        if self.lost {
            return Err(self.context.failed("the session's state was lost by an earlier failure"));
        }
        self.context.queue.submit([commands]);
        Ok(())
    }

    /// Waits for what was begun.
    fn finish(&mut self) -> Result<Vec<Control>> {
        let controls = self.buffers.finish_control_copy(&self.context).inspect_err(|_| {
            self.lost = true;
        })?;
        if let Some(timers) = &mut self.timers {
            timers.collect(&self.context)?;
        }
        Ok(controls)
    }

    /// The host's control blocks become the device's, before the next submission.
    pub(super) fn write_controls(&self) {
        let controls: Vec<Control> = self.members.iter().map(|member| member.control).collect();
        self.buffers.write(&self.context, Role::Control, &controls);
    }

    /// Grows the lists until the present ones fit; positions, order and everything else stay.
    fn grow_until_it_fits(&mut self, mut controls: Vec<Control>) -> Result<()> {
        loop {
            let most = controls.iter().map(|control| control.most_neighbours).max().unwrap_or(0);
            if most <= self.layout.parameters.capacity {
                return Ok(());
            }
            self.grow(most)?;
            // Every list has moved, also those of replicas that were not being rebuilt.
            for control in &mut controls {
                control.rebuilding = 1;
            }
            self.buffers.write(&self.context, Role::Control, &controls);
            let mut encoder = self.encoder();
            self.recorder().list_again(&mut encoder);
            controls = self.submit(encoder)?;
        }
    }

    fn grow(&mut self, needed: u32) -> Result<()> {
        let largest = self.layout.largest_capacity();
        if u64::from(needed) > largest {
            return Err(Error::Capacity {
                what: "neighbours of an atom within cutoff and skin".into(),
                needed: u64::from(needed),
                available: largest,
                device: self.context.description.name.clone(),
            });
        }
        // Some slack, so that a melt does not grow its list again and again.
        let wanted = u64::from(needed) + u64::from(needed / 8) + 4;
        self.layout.set_capacity(wanted.min(largest) as u32)?;
        // It was written for the present lists.
        self.ahead = None;
        tracing::debug!(capacity = self.layout.parameters.capacity, "neighbour list grows");
        self.buffers.lay_out_list(&self.context, &self.pipelines, &self.layout).inspect_err(|_| {
            self.lost = true;
        })
    }

    /// One submission of steps, replayed with larger lists until they fit. While the device is at it,
    /// the commands of the next `then` steps are written down.
    fn chunk(&mut self, steps: u32, then: u32) -> Result<()> {
        let mut numbers = Vec::with_capacity(self.members.len() * (steps as usize + 1));
        // One more entry than steps: a step's end looks at the next target.
        for step in 0..=u64::from(steps) {
            numbers.extend(self.members.iter().map(|member| {
                let at = member.control.step() + step;
                schedule_entry(&member.plan, at, member.degrees_of_freedom())
            }));
        }
        self.buffers.write(&self.context, Role::Schedule, &numbers);
        let mut script = self.script(steps, 0, self.rebuilds);
        let mut commands = match self.ahead.take() {
            Some((known, commands)) if known == script => commands,
            _ => self.written_down(&script, true),
        };
        loop {
            self.begin(commands)?;
            // Timed passes number their queries as they are written down.
            if self.ahead.is_none() && self.timers.is_none() {
                let next = self.script(then, steps, self.rebuilds.after(script.every));
                let commands = self.written_down(&next, true);
                self.ahead = Some((next, commands));
            }
            let controls = self.finish()?;
            if controls.iter().all(|control| control.halted == 0) {
                self.rebuilds = self.rebuilds.after(script.every);
                self.account(&controls);
                return Ok(());
            }
            if !script.every && controls.iter().any(|c| c.halted != 0 && c.moved_too_far >= 2) {
                // A list was used up between: what followed does not count.
                self.rebuilds.failed();
                tracing::debug!(steps, "a list was used up early: repeated with every rebuild");
                script.every = true;
                self.ahead = None;
                self.restore()?;
            } else if let Some(n) = controls.iter().position(|control| control.broken != 0) {
                let error = self.blown_up(n, &controls[n])?;
                self.restore()?;
                return of_replica(n, Err(error));
            } else {
                self.grow(controls.iter().map(|c| c.most_neighbours).max().unwrap_or(0))?;
                self.restore()?;
            }
            commands = self.written_down(&script, false);
        }
    }

    /// What a chunk consists of that begins `after` steps from here.
    fn script(&self, steps: u32, after: u32, rebuilds: RebuildPattern) -> Script {
        // A list that is used up at once is not left to the steps that look after aged ones.
        let patient = self.members.iter().all(|member| member.skin > 0.0);
        let begins = |member: &Member| (member.control.step() + u64::from(after)) % REBUILD_EVERY;
        Script {
            steps,
            begins: self.members.iter().map(begins).collect(),
            every: !(patient && rebuilds.sparse()),
        }
    }

    /// The commands of a chunk; the first try keeps the state that a repetition begins with.
    fn written_down(&mut self, script: &Script, first: bool) -> wgpu::CommandBuffer {
        let mut encoder = self.encoder();
        if first {
            self.buffers.encode_snapshot(&mut encoder);
        }
        let due = |step: u32| {
            script.begins.iter().any(|n| (n + u64::from(step)).is_multiple_of(REBUILD_EVERY))
        };
        self.recorder().steps(&mut encoder, script.steps, |step| script.every || due(step));
        self.closed(encoder)
    }

    /// Back to the start of the chunk.
    fn restore(&mut self) -> Result<()> {
        let mut encoder = self.encoder();
        self.buffers.encode_restore(&mut encoder);
        self.submit(encoder)?;
        for member in &mut self.members {
            member.control.rebuilding = 1;
        }
        self.write_controls();
        let mut encoder = self.encoder();
        self.recorder().list_again(&mut encoder);
        self.submit(encoder)?;
        Ok(())
    }

    fn account(&mut self, controls: &[Control]) {
        for (member, control) in self.members.iter_mut().zip(controls) {
            // The kernel sees each pair from both sides.
            let visits = control.splice_visits.wrapping_sub(member.control.splice_visits) / 2;
            let rebuilds = control.rebuilds.wrapping_sub(member.control.rebuilds);
            if member.control.step() == 0 {
                // A resumed run has counted the visits of this force evaluation already.
                member.splice_visits += member.first_visits;
            }
            member.splice_visits += u64::from(visits);
            member.rebuilds += u64::from(rebuilds);
            member.control = *control;
        }
    }

    /// Which atom broke the run, from the state in which the device stopped.
    fn blown_up(&self, replica: usize, control: &Control) -> Result<Error> {
        let [positions, velocities, forces] =
            self.buffers.read(&self.context, [Role::Position, Role::Velocity, Role::Force])?;
        let member = &self.members[replica];
        let timestep = member.plan.timestep;
        let first = replica * self.slots();
        let mut worst: Option<(usize, &'static str, f64)> = None;
        for slot in first..first + member.template.len() {
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
        let Some(n) = self.members.iter().position(|member| member.control.broken != 0) else {
            return Ok(());
        };
        let control = self.members[n].control;
        let error = self.blown_up(n, &control)?;
        for member in &mut self.members {
            member.control.broken = 0;
        }
        self.write_controls();
        of_replica(n, Err(error))
    }

    /// Integrates in chunks of a measured length.
    pub(super) fn advance_all(&mut self, steps: u64) -> Result<Vec<StepReport>> {
        let before: Vec<(u64, u64)> =
            self.members.iter().map(|m| (m.splice_visits, m.rebuilds)).collect();
        // All passes of a timed submission are to have their queries.
        let timed = if self.timers.is_some() { LONGEST_TIMED } else { LONGEST_CHUNK };
        let longest = self.context.options.chunk_steps.unwrap_or(timed).clamp(1, timed);
        let mut left = steps;
        while left > 0 {
            let now = left.min(u64::from(self.chunk)) as u32;
            let started = Instant::now();
            // What is asked for next is likely to be as long as what is asked for now.
            let rest = (left - u64::from(now)).min(u64::from(self.chunk)) as u32;
            self.chunk(now, if rest > 0 { rest } else { now })?;
            left -= u64::from(now);
            let each = started.elapsed().as_secs_f64() / f64::from(now);
            let fitting = (CHUNK_SECONDS / each.max(1e-9)).min(f64::from(LONGEST_CHUNK)) as u32;
            self.chunk = fitting.min(4 * self.chunk).clamp(1, longest);
        }
        let reports =
            self.members.iter().zip(before).map(|(member, (visits, rebuilds))| StepReport {
                step: member.control.step(),
                rebuilds: member.rebuilds - rebuilds,
                splice_visits: member.splice_visits - visits,
            });
        Ok(reports.collect())
    }

    /// Neighbours an atom may have at present.
    pub fn list_capacity(&self) -> u32 {
        self.layout.parameters.capacity
    }

    /// Parts that the neighbour list is split into.
    pub fn list_parts(&self) -> u32 {
        self.layout.parameters.parts
    }

    /// Device memory of the session, bytes.
    pub fn bytes(&self) -> u64 {
        self.layout.bytes()
    }

    /// Time per kernel, if the options asked for it and the device can tell.
    pub fn pass_times(&self) -> Option<&PassTimes> {
        self.timers.as_ref().map(Timers::times)
    }
}

/// In which steps of a chunk lists can be rebuilt. Dispatches cost time even where they do nothing, so
/// most chunks have them only where aged lists are rebuilt; where atoms are too fast for that, the
/// chunk is repeated with a rebuild in every step. Which of the two ran changes no result: a list is
/// rebuilt in the same steps.
#[derive(Debug, Clone, Copy, Default)]
struct RebuildPattern {
    /// Chunks yet to come with a rebuild in every step.
    every: u32,
    /// The same after the next failure.
    penalty: u32,
}

impl RebuildPattern {
    fn sparse(&self) -> bool {
        self.every == 0
    }

    /// After a chunk was completed.
    fn after(mut self, every: bool) -> Self {
        if every {
            self.every = self.every.saturating_sub(1);
        } else {
            self.penalty = 0;
        }
        self
    }

    /// A chunk with few rebuilds was not.
    fn failed(&mut self) {
        self.penalty = (2 * self.penalty).clamp(2, 64);
        self.every = self.penalty;
    }
}

/// Checks a replica and lays out its cells.
fn geometry(replica: &Replica<'_>, field: &Arc<CompiledForceField>) -> Result<ListGeometry> {
    let Replica { plan, structure, from } = replica;
    plan.check()?;
    if !same_interactions(field, &plan.force_field) {
        return Err(Error::input(
            "another force field, or another order of species, than replica 0",
            "start simulations of different force fields in sessions of their own",
        ));
    }
    if structure.is_empty() {
        return Err(Error::input("the structure has no atoms", "give at least one atom"));
    }
    let simulation_box = from.map_or(&structure.simulation_box, |from| &from.simulation_box);
    ListGeometry::new(simulation_box, field.cutoff, plan.skin, structure.len())
}

fn limits(context: &Context) -> Limits {
    Limits {
        binding: context.largest_binding(),
        dispatch: context.longest_dispatch(),
        device: context.description.name.clone(),
    }
}
