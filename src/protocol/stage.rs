//! One stage of the members that stand at its beginning, or at the same step of it: minimisation,
//! or dynamics in one session with everything that is observed on the way.

use std::path::PathBuf;
use std::time::Instant;

use super::checkpoint;
use super::inherent::inherent_structure_energy;
use super::lane::{Begun, Lane};
use super::record::{Finished, finish_dynamics, finish_minimization};
use super::runner::{Shared, snapshot_path};
use super::sampler::{Due, Sampler};
use crate::backend::{Observables, Observation, Replica, ReplicaSession};
use crate::config::{Measurement, StageKind, VelocityStart};
use crate::dynamics::{
    DynamicsPlan, DynamicsState, Ensemble, MinimizeMethod, MinimizeOptions, TemperatureSchedule,
    Thermodynamics, ThermostatState, minimize,
};
use crate::error::{Error, Result};
use crate::io::write_structure;
use crate::system::maxwell_boltzmann_velocities;

/// Atom-steps of a stage's first call of the device: a second at most on the slowest.
const FIRST_ATOM_STEPS: u64 = 100_000;

/// Seconds between two looks at the interrupt flag: short for people, long for a fast device, which
/// stands still between two calls.
const SECONDS_PER_CALL: f64 = 0.5;

/// Steps of the next call of a device at most, after one of `done` steps, `call` at most, that took
/// so many seconds. No bit depends on it.
fn next_call(call: u64, done: u64, seconds: f64) -> u64 {
    let wanted = SECONDS_PER_CALL * done as f64 / seconds.max(1e-9);
    // One slow or quick call says little.
    (wanted as u64).clamp(call / 4, call.saturating_mul(4)).max(1)
}

/// Runs the stage that all of `lanes` stand in to its end, or to `until` steps of it.
pub(super) fn run_stage(
    shared: &mut Shared<'_>,
    lanes: &mut [&mut Lane<'_>],
    until: Option<u64>,
) -> Result<()> {
    for lane in lanes.iter_mut() {
        let begin = lane.enter().and_then(|()| {
            if lane.begun.is_none() {
                // Stages start with their own thermostat and counters.
                lane.state.thermostat = ThermostatState::default();
                lane.state.splice_visits = 0;
                lane.state.rebuilds = 0;
                lane.save()?;
            }
            Ok(())
        });
        begin.map_err(|e| lane.named(e))?;
    }
    let Some(first) = lanes.first() else { return Ok(()) };
    match &first.current().kind {
        StageKind::Minimize { .. } => lanes
            .iter_mut()
            .try_for_each(|lane| run_minimization(shared, lane).map_err(|e| lane.named(e))),
        StageKind::Dynamics { .. } => Dynamics::start(shared, lanes, until)?.run(shared, lanes),
    }
}

fn run_minimization(shared: &mut Shared<'_>, lane: &mut Lane<'_>) -> Result<()> {
    let StageKind::Minimize { method, force_tolerance, max_steps } = lane.current().kind else {
        return Err(unlike());
    };
    let options = MinimizeOptions {
        method,
        force_tolerance,
        max_evaluations: max_steps,
        // 0.1 Å where the cutoff is 8 Å, and as much of a diameter elsewhere.
        longest_move: lane.force_field.cutoff / 80.0,
    };
    let results = lane.results()?;
    let plan = lane.dynamics_plan(Ensemble::Nve, TemperatureSchedule::constant(0.0));
    let mut session = shared.backend.resume(&lane.template, &plan, &lane.state)?;
    let report = minimize(session.as_mut(), &options, &mut |evaluations, force| {
        shared.progress.minimizing(evaluations, force);
        !shared.stopped()
    })?;
    if shared.stopped() {
        // The state at the start of the stage is saved; a minimisation is short.
        return Err(Error::Interrupted {
            step: lane.state.step,
            checkpoint: lane.checkpoint().unwrap_or_default(),
        });
    }
    let stage = &lane.current().name;
    if !report.converged {
        let method = match options.method {
            MinimizeMethod::Fire => "fire",
            MinimizeMethod::ConjugateGradient => "cg",
        };
        shared.progress.message(&format!(
            "stage {stage}: {method} stopped after {} evaluations with a largest force of {:.3}",
            report.evaluations, report.largest_force
        ));
    }
    finish_minimization(&results, stage, lane.state.step, &report, &lane.force_field.units)?;
    let state = session.checkpoint()?;
    lane.leave(state)
}

fn unlike() -> Error {
    Error::input("members of different stages in one session", "report this as a bug")
}

/// A stage of dynamics on its way, in as many replicas as there are lanes.
struct Dynamics {
    plans: Vec<DynamicsPlan>,
    results: Vec<PathBuf>,
    session: Box<dyn ReplicaSession>,
    /// Steps of the stage that are done, and that are to be done now.
    done: u64,
    until: u64,
    /// Steps of each lane's stage: a ramp to another temperature may be longer.
    ends: Vec<u64>,
    /// Steps of the next call of the device at most.
    call: u64,
    ramp: bool,
    /// Temperature of each lane's snapshots and the step of the stage.
    snapshots: Vec<Vec<(f64, u64)>>,
}

impl Dynamics {
    fn start(shared: &Shared<'_>, lanes: &mut [&mut Lane<'_>], until: Option<u64>) -> Result<Self> {
        let mut plans = Vec::new();
        let mut results = Vec::new();
        let mut all_snapshots = Vec::new();
        let (mut ends, mut is_ramp) = (Vec::new(), false);
        for lane in lanes.iter_mut() {
            let kind = &lane.current().kind;
            let StageKind::Dynamics { ensemble, from, steps, ramp, snapshots, velocities, .. } =
                kind
            else {
                return Err(unlike());
            };
            let still = lane.state.velocities.iter().all(|v| *v == [0.0; 3]);
            if lane.begun.is_none() && (*velocities == VelocityStart::Maxwell || still) {
                let mut structure = lane.template.clone();
                let units = &lane.force_field.units;
                maxwell_boltzmann_velocities(&mut structure, *from, lane.velocity_seed(), units)?;
                lane.state.velocities = structure.velocities.unwrap_or_default();
            }
            let first_step = lane.begun.as_ref().map_or(lane.state.step, |b| b.first_step);
            plans.push(lane.dynamics_plan(*ensemble, kind.schedule(first_step)));
            results.push(lane.results()?);
            all_snapshots.push(snapshots.clone());
            ends.push(*steps);
            is_ramp = *ramp;
        }
        let replicas: Vec<Replica<'_>> = lanes
            .iter()
            .zip(&plans)
            .map(|(lane, plan)| Replica {
                structure: &lane.template,
                plan,
                from: Some(&lane.state),
            })
            .collect();
        let session = shared.backend.replicas(&replicas).map_err(|e| whose(e, lanes))?;
        let shortest = ends.iter().copied().min().unwrap_or(0);
        let atoms: u64 = lanes.iter().map(|lane| lane.template.len() as u64).sum();
        Ok(Self {
            call: (FIRST_ATOM_STEPS / atoms.max(1)).max(1),
            plans,
            results,
            session,
            done: lanes.first().map_or(0, |lane| lane.place().done),
            until: until.map_or(shortest, |until| until.min(shortest)),
            ends,
            ramp: is_ramp,
            snapshots: all_snapshots,
        })
    }

    fn run(mut self, shared: &mut Shared<'_>, lanes: &mut [&mut Lane<'_>]) -> Result<()> {
        if lanes.iter().any(|lane| lane.begun.is_none()) {
            self.begin(shared, lanes)?;
        }
        while self.done < self.until {
            let next = self.next_event(shared, lanes);
            let count = next - self.done;
            let clock = Instant::now();
            self.session.advance(count).map_err(|e| whose(e, lanes))?;
            self.call = next_call(self.call, count, clock.elapsed().as_secs_f64());
            self.done = next;
            shared.done_steps += count * lanes.len() as u64;
            let latest = self.write_due(shared, lanes)?;
            shared.progress.advanced(shared.done_steps, latest.as_ref());
            let stop = shared.stopped();
            let on_their_way = self.ends.iter().any(|&end| self.done < end);
            if stop || (self.due(shared.plan.output.checkpoint) && on_their_way) {
                let states = self.session.checkpoint()?;
                for ((lane, state), &end) in lanes.iter_mut().zip(states).zip(&self.ends) {
                    if !stop && self.done == end {
                        continue;
                    }
                    lane.state = state;
                    lane.save().map_err(|e| lane.named(e))?;
                }
                if stop {
                    return Err(interrupted(lanes));
                }
            }
        }
        let states = self.session.checkpoint()?;
        for (n, (lane, state)) in lanes.iter_mut().zip(states).enumerate() {
            if self.done < self.ends[n] {
                lane.state = state;
            } else {
                self.finish(n, shared, lane, state).map_err(|e| lane.named(e))?;
            }
        }
        Ok(())
    }

    /// First row, first sample, and the reference positions of displacements.
    fn begin(&mut self, shared: &Shared<'_>, lanes: &mut [&mut Lane<'_>]) -> Result<()> {
        let what = Observables { thermodynamics: true, structure: true };
        let observations = self.session.observe(what).map_err(|e| whose(e, lanes))?;
        for (((lane, plan), seen), &steps) in
            lanes.iter_mut().zip(&self.plans).zip(&observations).zip(&self.ends)
        {
            if let Some(structure) = &seen.structure {
                let analysis = &shared.plan.analysis;
                let timestep = shared.plan.timestep;
                let units = lane.force_field.units.system;
                let mut sampler =
                    Sampler::new(structure, analysis, steps, timestep, self.ramp, units)?;
                let due = Due { rdf: false, structure: false, regular: true };
                sampler.sample(seen.step, structure, due)?;
                if let Some(velocities) = &mut sampler.velocities {
                    velocities.push(structure)?;
                }
                lane.begun = Some(Begun { sampler, first_step: seen.step });
            }
            write_row(lane, plan, seen).map_err(|e| lane.named(e))?;
        }
        self.snapshots_due(lanes)
    }

    fn due(&self, interval: u64) -> bool {
        interval > 0 && self.done.is_multiple_of(interval)
    }

    fn next_event(&self, shared: &Shared<'_>, lanes: &[&mut Lane<'_>]) -> u64 {
        let mut next = self.until.min(self.done.saturating_add(self.call));
        let output = &shared.plan.output;
        let intervals = [
            output.thermo,
            output.trajectory,
            output.checkpoint,
            shared.plan.analysis.interval,
            shared.plan.analysis.structure_interval,
            vibrations_interval(shared, lanes),
        ];
        for interval in intervals.into_iter().filter(|&i| i > 0) {
            next = next.min((self.done / interval + 1) * interval);
        }
        for &(_, at) in self.snapshots.iter().flatten().filter(|&&(_, at)| at > self.done) {
            next = next.min(at);
        }
        next
    }

    /// Writes what is due at this step.
    fn write_due(
        &mut self,
        shared: &Shared<'_>,
        lanes: &mut [&mut Lane<'_>],
    ) -> Result<Option<Thermodynamics>> {
        let wanted: Vec<Wanted> =
            self.ends.iter().map(|&steps| self.wanted(shared, lanes, steps)).collect();
        let what = Observables {
            thermodynamics: wanted.iter().any(|w| w.row),
            structure: wanted.iter().any(|w| w.sample.is_some() || w.frame || w.velocities),
        };
        let mut latest = None;
        if what.thermodynamics || what.structure {
            let observations = self.session.observe(what).map_err(|e| whose(e, lanes))?;
            for (((lane, plan), seen), wanted) in
                lanes.iter_mut().zip(&self.plans).zip(&observations).zip(wanted)
            {
                write_observation(lane, plan, seen, wanted).map_err(|e| lane.named(e))?;
            }
            latest = observations.first().and_then(|seen| seen.thermodynamics);
        }
        self.snapshots_due(lanes)?;
        Ok(latest)
    }

    /// What of this step is kept of a lane whose stage has so many steps.
    fn wanted(&self, shared: &Shared<'_>, lanes: &[&mut Lane<'_>], steps: u64) -> Wanted {
        let end = self.done == steps;
        let settled = !self.ramp && 2 * self.done >= steps;
        let regular = self.due(shared.plan.analysis.interval);
        let structure = end || (settled && self.due(shared.plan.analysis.structure_interval));
        Wanted {
            row: end || self.due(shared.plan.output.thermo),
            frame: self.due(shared.plan.output.trajectory),
            sample: (regular || structure).then_some(Due {
                rdf: end || (regular && settled),
                structure,
                regular,
            }),
            velocities: self.due(vibrations_interval(shared, lanes)),
        }
    }

    fn snapshots_due(&mut self, lanes: &[&mut Lane<'_>]) -> Result<()> {
        let done = self.done;
        if !self.snapshots.iter().flatten().any(|&(_, at)| at == done) {
            return Ok(());
        }
        let states = self.session.checkpoint()?;
        for ((lane, snapshots), state) in lanes.iter().zip(&self.snapshots).zip(&states) {
            for &(temperature, _) in snapshots.iter().filter(|&&(_, at)| at == done) {
                write_snapshot(lane, temperature, state).map_err(|e| lane.named(e))?;
            }
        }
        Ok(())
    }

    fn finish(
        &self,
        n: usize,
        shared: &Shared<'_>,
        lane: &mut Lane<'_>,
        state: DynamicsState,
    ) -> Result<()> {
        lane.files()?.flush()?;
        let structure = state.structure(&lane.template);
        let inherent_structure_energy = inherent_structure(shared, lane, &state)?;
        if let Some(begun) = &lane.begun {
            finish_dynamics(&Finished {
                plan: shared.plan,
                field: &lane.force_field,
                stage: &lane.current().name,
                ramp: self.ramp,
                ensemble: self.plans[n].ensemble,
                first_step: begun.first_step,
                last_step: state.step,
                splice_visits: state.splice_visits,
                structure: &structure,
                sampler: &begun.sampler,
                inherent_structure_energy,
                segment: &lane.directory(),
                results: &self.results[n],
            })?;
        }
        lane.leave(state)
    }
}

/// Steps between samples of velocities; 0: they are not asked for.
fn vibrations_interval(shared: &Shared<'_>, lanes: &[&mut Lane<'_>]) -> u64 {
    let sampled =
        |lane: &Lane<'_>| lane.begun.as_ref().is_some_and(|b| b.sampler.velocities.is_some());
    let wanted = lanes.iter().any(|lane| sampled(lane));
    if wanted { shared.plan.analysis.vibrations_interval } else { 0 }
}

/// What is done with a structure that was observed.
#[derive(Clone, Copy)]
struct Wanted {
    row: bool,
    frame: bool,
    sample: Option<Due>,
    velocities: bool,
}

fn write_observation(
    lane: &mut Lane<'_>,
    plan: &DynamicsPlan,
    seen: &Observation,
    wanted: Wanted,
) -> Result<()> {
    if wanted.row {
        write_row(lane, plan, seen)?;
    }
    let Some(structure) = &seen.structure else { return Ok(()) };
    if wanted.frame {
        let time = lane.time(seen.step);
        lane.files()?.frame(seen.step, time, structure)?;
    }
    let Some(Begun { sampler, .. }) = &mut lane.begun else { return Ok(()) };
    if let Some(due) = wanted.sample {
        sampler.sample(seen.step, structure, due)?;
    }
    match &mut sampler.velocities {
        Some(velocities) if wanted.velocities => velocities.push(structure),
        _ => Ok(()),
    }
}

/// Potential energy per atom of the minimum below the end of a stage, if it is asked for. The run
/// goes on from where it was.
fn inherent_structure(
    shared: &Shared<'_>,
    lane: &Lane<'_>,
    state: &DynamicsState,
) -> Result<Option<f64>> {
    if !shared.plan.analysis.measure.contains(&Measurement::InherentStructure) {
        return Ok(None);
    }
    let plan = lane.dynamics_plan(Ensemble::Nve, TemperatureSchedule::constant(0.0));
    let mut session = shared.backend.resume(&lane.template, &plan, state)?;
    let (atoms, cutoff) = (lane.template.len(), lane.force_field.cutoff);
    let energy =
        inherent_structure_energy(session.as_mut(), atoms, cutoff, &mut || !shared.stopped())?;
    if shared.stopped() {
        return Err(Error::Interrupted {
            step: state.step,
            checkpoint: lane.checkpoint().unwrap_or_default(),
        });
    }
    Ok(Some(energy))
}

fn write_row(lane: &mut Lane<'_>, plan: &DynamicsPlan, seen: &Observation) -> Result<()> {
    let Some(t) = &seen.thermodynamics else { return Ok(()) };
    if !t.potential_energy.is_finite() || !t.temperature.is_finite() {
        // The device checks atoms; a sum that overflowed all the same must not go unnoticed.
        return Err(Error::NonFinite {
            step: seen.step,
            atom: 0,
            quantity: "energy",
            value: t.potential_energy,
        });
    }
    let target = match plan.ensemble {
        Ensemble::Nve => t.temperature,
        _ => plan.temperature.at(seen.step),
    };
    let (stage, time) = (&lane.current().name, lane.time(seen.step));
    let files = lane.files()?;
    files.thermodynamics(stage, time, target, t)?;
    files.flush()
}

fn write_snapshot(lane: &Lane<'_>, temperature: f64, state: &DynamicsState) -> Result<()> {
    let units = &lane.force_field.units;
    let stage = &lane.current().name;
    let path =
        |extension: &str| snapshot_path(&lane.directory(), stage, temperature, units, extension);
    let data = path("data");
    if let Some(directory) = data.parent() {
        std::fs::create_dir_all(directory).map_err(|e| Error::io("create", directory, e))?;
    }
    checkpoint::write_framed(&path("state"), state)?;
    write_structure(&data, &state.structure(&lane.template), units.system)
}

/// Says which member an error of a session is about.
fn whose(error: Error, lanes: &[&mut Lane<'_>]) -> Error {
    match error {
        Error::Replica { replica, source } => match lanes.get(replica) {
            Some(lane) => lane.named(*source),
            None => *source,
        },
        other => other,
    }
}

fn interrupted(lanes: &[&mut Lane<'_>]) -> Error {
    let first = lanes.first();
    Error::Interrupted {
        step: first.map_or(0, |lane| lane.state.step),
        checkpoint: first.and_then(|lane| lane.checkpoint()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls of a device that needs so many seconds for a step, from the first to the steady one.
    fn calls(atoms: u64, seconds_per_step: f64) -> Vec<u64> {
        let first = (FIRST_ATOM_STEPS / atoms).max(1);
        let longer = |&steps: &u64| Some(next_call(steps, steps, steps as f64 * seconds_per_step));
        std::iter::successors(Some(first), longer).take(20).collect()
    }

    #[test]
    fn calls_take_about_half_a_second_on_every_device() {
        // A million atoms on a fast GPU and on two cores, 3000 atoms on a GPU and on `reference`.
        for (atoms, seconds_per_step) in
            [(1_029_000, 1e-3), (1_029_000, 0.25), (3000, 40e-6), (3000, 0.05)]
        {
            let calls = calls(atoms, seconds_per_step);
            let steady = calls[19] as f64 * seconds_per_step;
            assert!((0.3..=1.0).contains(&steady), "{atoms} atoms: {steady} s");
            // On the way there none is much longer.
            assert!(calls.iter().all(|&n| n as f64 * seconds_per_step < 2.0), "{calls:?}");
        }
        // A step that takes longer than a call is a call.
        assert_eq!(next_call(1, 1, 5.0), 1);
        assert_eq!(next_call(2, 2, 0.0), 8);
        // Outputs that cut calls short do not make them shorter still.
        assert_eq!(next_call(1000, 10, 0.01), 500);
    }
}
