//! One stage of a segment: minimisation, or dynamics with everything that is observed on the way.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::Progress;
use super::checkpoint::{self, Checkpoint, Cursor};
use super::files::SegmentFiles;
use super::record::{Finished, finish_dynamics, finish_minimization};
use super::runner::{interrupted, snapshot_path};
use super::sampler::Sampler;
use crate::backend::{Backend, DynamicsSession, Observables};
use crate::config::{Member, RunPlan, Stage, StageKind, VelocityStart};
use crate::dynamics::{
    DynamicsPlan, DynamicsState, Ensemble, MinimizeMethod, MinimizeOptions, TemperatureSchedule,
    Thermodynamics, ThermostatState, minimize,
};
use crate::error::{Error, Result};
use crate::io::write_structure;
use crate::potential::CompiledForceField;
use crate::system::{Structure, maxwell_boltzmann_velocities};

/// Atom-steps between two looks at the interrupt flag: about a second on two cores.
const ATOM_STEPS_PER_CHUNK: u64 = 3_000_000;

pub(super) struct SegmentContext<'a> {
    pub plan: &'a RunPlan,
    pub backend: &'a dyn Backend,
    pub output: &'a Path,
    pub member: &'a Member,
    pub cursor: Cursor,
    pub seed: u64,
    pub template: &'a Structure,
    pub structure_fingerprint: u32,
    pub force_field: Arc<CompiledForceField>,
    pub directory: PathBuf,
    pub interrupt: Option<&'a AtomicBool>,
    pub progress: &'a mut dyn Progress,
    /// Dynamics steps before this stage.
    pub done_steps: u64,
}

impl SegmentContext<'_> {
    /// Directory of a stage's results, made if it is not there.
    fn results(&self, stage: &Stage) -> Result<PathBuf> {
        let path = match self.cursor.segment {
            0 => self.directory.join("stages").join(&stage.name),
            _ => self.directory.clone(),
        };
        std::fs::create_dir_all(&path).map_err(|e| Error::io("create", &path, e))?;
        Ok(path)
    }

    fn save(
        &self,
        state: DynamicsState,
        stage_start: u64,
        sampler: Option<Sampler>,
        files: &mut SegmentFiles,
    ) -> Result<PathBuf> {
        let (thermo_bytes, trajectory_frames) = files.settle()?;
        checkpoint::write(
            self.output,
            &Checkpoint {
                version: env!("CARGO_PKG_VERSION").into(),
                fingerprint: self.plan.fingerprint,
                structure: self.structure_fingerprint,
                cursor: self.cursor,
                stage_start,
                sampler,
                state,
                thermo_bytes,
                trajectory_frames,
            },
        )
    }

    fn time(&self, step: u64) -> f64 {
        step as f64 * self.plan.timestep
    }

    fn dynamics_plan(&self, ensemble: Ensemble, temperature: TemperatureSchedule) -> DynamicsPlan {
        DynamicsPlan {
            force_field: Arc::clone(&self.force_field),
            timestep: self.plan.timestep,
            ensemble,
            temperature,
            seed: self.seed,
            skin: self.plan.skin,
        }
    }
}

/// Runs a stage from `state`; `begun` is what a checkpoint inside the stage holds.
pub(super) fn run_stage(
    context: &mut SegmentContext<'_>,
    stage: &Stage,
    mut state: DynamicsState,
    begun: Option<(Sampler, u64)>,
    files: &mut SegmentFiles,
) -> Result<DynamicsState> {
    if begun.is_none() {
        // Stages start with their own thermostat and counters.
        state.thermostat = ThermostatState::default();
        state.splice_visits = 0;
        state.rebuilds = 0;
        context.save(state.clone(), state.step, None, files)?;
    }
    match &stage.kind {
        StageKind::Minimize { method, force_tolerance, max_steps } => {
            let options = MinimizeOptions {
                method: *method,
                force_tolerance: *force_tolerance,
                max_evaluations: *max_steps,
                // 0.1 Å where the cutoff is 8 Å, and as much of a diameter elsewhere.
                longest_move: context.force_field.cutoff / 80.0,
            };
            run_minimization(context, stage, &options, &state)
        }
        StageKind::Dynamics { .. } => {
            Dynamics::start(context, stage, state, begun)?.run(context, files)
        }
    }
}

fn run_minimization(
    context: &mut SegmentContext<'_>,
    stage: &Stage,
    options: &MinimizeOptions,
    state: &DynamicsState,
) -> Result<DynamicsState> {
    let results = context.results(stage)?;
    let plan = context.dynamics_plan(Ensemble::Nve, TemperatureSchedule::constant(0.0));
    let mut session = context.backend.resume(context.template, &plan, state)?;
    let (progress, interrupt) = (&mut *context.progress, context.interrupt);
    let report = minimize(session.as_mut(), options, &mut |evaluations, force| {
        progress.minimizing(evaluations, force);
        !interrupted(interrupt)
    })?;
    if interrupted(interrupt) {
        // The state at the start of the stage is saved; a minimisation is short.
        return Err(Error::Interrupted {
            step: state.step,
            checkpoint: checkpoint::existing(context.output).unwrap_or_default(),
        });
    }
    if !report.converged {
        let method = match options.method {
            MinimizeMethod::Fire => "fire",
            MinimizeMethod::ConjugateGradient => "cg",
        };
        context.progress.message(&format!(
            "stage {}: {method} stopped after {} evaluations with a largest force of {:.3}",
            stage.name, report.evaluations, report.largest_force
        ));
    }
    let units = &context.force_field.units;
    finish_minimization(&results, &stage.name, state.step, &report, units)?;
    session.checkpoint()
}

/// A stage of dynamics on its way.
struct Dynamics<'a> {
    stage: &'a Stage,
    plan: DynamicsPlan,
    session: Box<dyn DynamicsSession>,
    sampler: Option<Sampler>,
    first_step: u64,
    last_step: u64,
    step: u64,
    ramp: bool,
    snapshots: Vec<(f64, u64)>,
}

impl<'a> Dynamics<'a> {
    fn start(
        context: &SegmentContext<'_>,
        stage: &'a Stage,
        mut state: DynamicsState,
        begun: Option<(Sampler, u64)>,
    ) -> Result<Self> {
        let StageKind::Dynamics { ensemble, from, steps, ramp, snapshots, velocities, .. } =
            &stage.kind
        else {
            return Err(Error::input("a minimisation is not dynamics", "report this as a bug"));
        };
        let (sampler, first_step) = match begun {
            Some((sampler, first_step)) => (Some(sampler), first_step),
            None => (None, state.step),
        };
        let still = state.velocities.iter().all(|v| *v == [0.0; 3]);
        if sampler.is_none() && (*velocities == VelocityStart::Maxwell || still) {
            let mut structure = context.template.clone();
            let units = &context.force_field.units;
            // A stage that draws again must not draw the same numbers.
            let seed = context.seed.wrapping_add(context.cursor.stage as u64);
            maxwell_boltzmann_velocities(&mut structure, *from, seed, units)?;
            state.velocities = structure.velocities.unwrap_or_default();
        }
        let plan = context.dynamics_plan(*ensemble, stage.kind.schedule(first_step));
        let session = context.backend.resume(context.template, &plan, &state)?;
        Ok(Self {
            stage,
            plan,
            session,
            sampler,
            first_step,
            last_step: first_step + steps,
            step: state.step,
            ramp: *ramp,
            snapshots: snapshots.iter().map(|&(t, at)| (t, first_step + at)).collect(),
        })
    }

    fn run(
        mut self,
        context: &mut SegmentContext<'_>,
        files: &mut SegmentFiles,
    ) -> Result<DynamicsState> {
        let results = context.results(self.stage)?;
        if self.sampler.is_none() {
            self.begin(context, files)?;
        }
        while self.step < self.last_step {
            let next = self.next_event(context);
            let report = self.session.advance(next - self.step)?;
            self.step = report.step;
            let latest = self.write_due(context, files)?;
            context
                .progress
                .advanced(context.done_steps + self.step - self.first_step, latest.as_ref());
            let stop = interrupted(context.interrupt);
            if stop || (self.due(context.plan.output.checkpoint) && self.step < self.last_step) {
                let state = self.session.checkpoint()?;
                let path = context.save(state, self.first_step, self.sampler.clone(), files)?;
                if stop {
                    return Err(Error::Interrupted { step: self.step, checkpoint: path });
                }
            }
        }
        self.finish(context, files, &results)
    }

    /// First row, first sample, and the reference positions of displacements.
    fn begin(&mut self, context: &SegmentContext<'_>, files: &mut SegmentFiles) -> Result<()> {
        let observation =
            self.session.observe(Observables { thermodynamics: true, structure: true })?;
        if let Some(structure) = &observation.structure {
            let mut sampler = Sampler::new(structure, &context.plan.analysis)?;
            sampler.sample(self.step, structure, false)?;
            self.sampler = Some(sampler);
        }
        if let Some(t) = &observation.thermodynamics {
            self.write_row(context, files, t)?;
        }
        self.snapshots_due(context)
    }

    fn due(&self, interval: u64) -> bool {
        interval > 0 && (self.step - self.first_step).is_multiple_of(interval)
    }

    fn next_event(&self, context: &SegmentContext<'_>) -> u64 {
        let chunk = (ATOM_STEPS_PER_CHUNK / context.template.len() as u64).max(1);
        let mut next = self.last_step.min(self.step + chunk);
        let output = &context.plan.output;
        let intervals =
            [output.thermo, output.trajectory, output.checkpoint, context.plan.analysis.interval];
        for interval in intervals.into_iter().filter(|&i| i > 0) {
            let done = self.step - self.first_step;
            next = next.min(self.first_step + (done / interval + 1) * interval);
        }
        for &(_, at) in self.snapshots.iter().filter(|&&(_, at)| at > self.step) {
            next = next.min(at);
        }
        next
    }

    /// Writes what is due at this step.
    fn write_due(
        &mut self,
        context: &SegmentContext<'_>,
        files: &mut SegmentFiles,
    ) -> Result<Option<Thermodynamics>> {
        let end = self.step == self.last_step;
        let sample = end || self.due(context.plan.analysis.interval);
        let frame = self.due(context.plan.output.trajectory);
        let what = Observables {
            thermodynamics: end || self.due(context.plan.output.thermo),
            structure: sample || frame,
        };
        if what.thermodynamics || what.structure {
            let observation = self.session.observe(what)?;
            if let Some(t) = &observation.thermodynamics {
                self.write_row(context, files, t)?;
            }
            if let Some(structure) = &observation.structure {
                if frame {
                    files.frame(self.step, context.time(self.step), structure)?;
                }
                let done = self.step - self.first_step;
                let settled = !self.ramp && 2 * done >= self.last_step - self.first_step;
                if let (true, Some(sampler)) = (sample, &mut self.sampler) {
                    sampler.sample(self.step, structure, settled || end)?;
                }
            }
            self.snapshots_due(context)?;
            return Ok(observation.thermodynamics);
        }
        self.snapshots_due(context)?;
        Ok(None)
    }

    fn write_row(
        &self,
        context: &SegmentContext<'_>,
        files: &mut SegmentFiles,
        t: &Thermodynamics,
    ) -> Result<()> {
        if !t.potential_energy.is_finite() || !t.temperature.is_finite() {
            // The device checks atoms; a sum that overflowed all the same must not go unnoticed.
            return Err(Error::NonFinite {
                step: self.step,
                atom: 0,
                quantity: "energy",
                value: t.potential_energy,
            });
        }
        let target = match self.plan.ensemble {
            Ensemble::Nve => t.temperature,
            _ => self.plan.temperature.at(self.step),
        };
        files.thermodynamics(&self.stage.name, context.time(self.step), target, t)?;
        files.flush()
    }

    fn snapshots_due(&mut self, context: &SegmentContext<'_>) -> Result<()> {
        let due: Vec<f64> =
            self.snapshots.iter().filter(|&&(_, at)| at == self.step).map(|&(t, _)| t).collect();
        if due.is_empty() {
            return Ok(());
        }
        let state = self.session.checkpoint()?;
        let units = &context.force_field.units;
        for temperature in due {
            let path = |extension: &str| {
                snapshot_path(&context.directory, &self.stage.name, temperature, units, extension)
            };
            let data = path("data");
            if let Some(directory) = data.parent() {
                std::fs::create_dir_all(directory)
                    .map_err(|e| Error::io("create", directory, e))?;
            }
            checkpoint::write_framed(&path("state"), &state)?;
            write_structure(&data, &state.structure(context.template), units.system)?;
        }
        Ok(())
    }

    fn finish(
        mut self,
        context: &SegmentContext<'_>,
        files: &mut SegmentFiles,
        results: &Path,
    ) -> Result<DynamicsState> {
        files.flush()?;
        let state = self.session.checkpoint()?;
        let structure = state.structure(context.template);
        if let Some(sampler) = &self.sampler {
            finish_dynamics(&Finished {
                plan: context.plan,
                field: &context.force_field,
                stage: &self.stage.name,
                ramp: self.ramp,
                first_step: self.first_step,
                last_step: self.last_step,
                splice_visits: state.splice_visits,
                structure: &structure,
                sampler,
                segment: &context.directory,
                results,
            })?;
        }
        Ok(state)
    }
}
