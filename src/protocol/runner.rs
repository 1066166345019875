//! Members one after the other, each a chain of stages and then its branches.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::checkpoint::{self, Checkpoint, Cursor};
use super::files::SegmentFiles;
use super::segment::{SegmentContext, run_stage};
use super::start::initial_structure;
use super::summary::{RunSummary, summarize};
use super::{Progress, RunOptions, provenance};
use crate::backend::Backend;
use crate::config::{Member, RunPlan, Stage};
use crate::dynamics::{DynamicsPlan, DynamicsState, Ensemble, TemperatureSchedule};
use crate::error::{Error, Result};
use crate::io::{write_atomically, write_structure};
use crate::potential::CompiledForceField;
use crate::report::write_run;
use crate::system::Structure;

/// Executes a run from its beginning, or from its last checkpoint.
///
/// Errors during dynamics come wrapped in [`Error::RunFailed`] with the last checkpoint; a stop by
/// [`RunOptions::interrupt`] is [`Error::Interrupted`].
pub fn run(
    plan: &RunPlan,
    backend: &dyn Backend,
    options: &RunOptions,
    progress: &mut dyn Progress,
) -> Result<RunSummary> {
    let output = &options.output;
    let from = prepare(plan, backend, options)?;
    append_log(output, &format!("device {}\n", backend.capabilities().name))?;
    let mut runner = Runner {
        plan,
        backend,
        output,
        interrupt: options.interrupt.as_deref(),
        progress,
        done_steps: 0,
    };
    if let Some(from) = &from {
        runner.progress.message(&format!("continuing from step {}", from.state.step));
    }
    let outcome = runner.members(from);
    outcome.map_err(|error| match error {
        Error::NonFinite { .. }
        | Error::Capacity { .. }
        | Error::Device { .. }
        | Error::Io { action: "create" | "write" | "rename", .. } => Error::RunFailed {
            source: Box::new(error),
            last_checkpoint: checkpoint::existing(output),
        },
        other => other,
    })?;
    let summary = summarize(output, plan)?;
    write_run(output, &[])?;
    Ok(summary)
}

/// Makes the directory, or finds the checkpoint of the run that is in it.
fn prepare(
    plan: &RunPlan,
    backend: &dyn Backend,
    options: &RunOptions,
) -> Result<Option<Checkpoint>> {
    let output = &options.output;
    let place = format!("output directory {}", output.display());
    let occupied =
        output.exists() && std::fs::read_dir(output).map_or(true, |mut d| d.next().is_some());
    if occupied && !options.resume {
        return Err(Error::config(
            place,
            "exists and is not empty",
            "choose another with --output, or continue the run in it with --resume",
        ));
    }
    if options.resume && !occupied {
        return Err(Error::config(
            place,
            "holds no run to resume",
            "leave --resume out to start the run",
        ));
    }
    let from =
        if options.resume { checkpoint::read_latest(output, plan.fingerprint)? } else { None };
    if let Some(from) = &from {
        let signature = &backend.capabilities().signature;
        if from.state.backend != *signature {
            return Err(Error::Checkpoint {
                path: checkpoint::directory(output),
                what: format!(
                    "written on the device `{}`, this one is `{signature}`",
                    from.state.backend
                ),
                remedy: "resume on the same --device: another one gives other bits".into(),
            });
        }
    }
    if from.is_none() {
        if options.resume && !output.join("configuration.toml").is_file() {
            return Err(Error::config(
                place,
                "holds no run of this program",
                "choose another with --output",
            ));
        }
        let directory = checkpoint::directory(output);
        std::fs::create_dir_all(&directory).map_err(|e| {
            Error::config(
                place,
                format!("cannot be created: {e}"),
                "choose a directory that you may write to with --output",
            )
        })?;
        write_atomically(output.join("configuration.toml"), |w| {
            w.write_all(plan.resolved.as_bytes())
        })?;
        provenance::write(output, plan, backend.capabilities())?;
    }
    Ok(from)
}

struct Runner<'a> {
    plan: &'a RunPlan,
    backend: &'a dyn Backend,
    output: &'a Path,
    interrupt: Option<&'a AtomicBool>,
    progress: &'a mut dyn Progress,
    done_steps: u64,
}

impl Runner<'_> {
    fn members(&mut self, mut from: Option<Checkpoint>) -> Result<()> {
        let total: u64 = self.plan.members.iter().map(Member::total_steps).sum();
        let first = from.as_ref().map_or(0, |c| c.cursor.member);
        for (index, member) in self.plan.members.iter().enumerate() {
            if index < first {
                self.done_steps += member.total_steps();
                continue;
            }
            let structure = initial_structure(self.plan, member.seed)?;
            if index == first {
                let done = self.done_steps + from.as_ref().map_or(0, |c| steps_before(member, c));
                self.progress.started(structure.len(), total, done);
            }
            self.member(index, member, &structure, from.take())?;
        }
        Ok(())
    }

    fn member(
        &mut self,
        index: usize,
        member: &Member,
        structure: &Structure,
        mut from: Option<Checkpoint>,
    ) -> Result<()> {
        let force_field = Arc::new(CompiledForceField::new(&self.plan.force_field, structure)?);
        let fingerprint = structure_fingerprint(structure);
        if let Some(from) = &from
            && from.structure != fingerprint
        {
            return Err(Error::Checkpoint {
                path: checkpoint::directory(self.output),
                what: "belongs to another initial structure".into(),
                remedy: "restore the structure file the run was started from".into(),
            });
        }
        let directory = self.output.join(&member.directory);
        let first = from.as_ref().map_or(0, |c| c.cursor.segment);
        for segment in 0..=member.branches.len() {
            let stages = match segment.checked_sub(1) {
                None => &member.stages[..],
                Some(branch) => std::slice::from_ref(&member.branches[branch].stage),
            };
            if segment < first {
                self.done_steps += stages.iter().map(Stage::steps).sum::<u64>();
                continue;
            }
            let path = match segment.checked_sub(1) {
                None => directory.clone(),
                Some(branch) => directory.join("branches").join(&member.branches[branch].name),
            };
            let mut context = SegmentContext {
                plan: self.plan,
                backend: self.backend,
                output: self.output,
                member,
                cursor: Cursor { member: index, segment, stage: 0 },
                seed: segment_seed(member.seed, segment),
                template: structure,
                structure_fingerprint: fingerprint,
                force_field: Arc::clone(&force_field),
                directory: path,
                interrupt: self.interrupt,
                progress: &mut *self.progress,
                done_steps: self.done_steps,
            };
            self.done_steps = run_segment(&mut context, stages, from.take())?;
        }
        Ok(())
    }
}

fn run_segment(
    context: &mut SegmentContext<'_>,
    stages: &[Stage],
    from: Option<Checkpoint>,
) -> Result<u64> {
    let units = context.force_field.units;
    let (mut files, mut state, first, mut resumed) = match from {
        Some(from) => {
            let files = SegmentFiles::reopen(
                &context.directory,
                from.thermo_bytes,
                from.trajectory_frames,
            )?;
            let resumed = from.sampler.map(|s| (s, from.stage_start));
            (files, from.state, from.cursor.stage, resumed)
        }
        None => {
            let files = SegmentFiles::create(
                &context.directory,
                context.template,
                &units,
                context.plan.output.trajectory > 0,
            )?;
            (files, first_state(context)?, 0, None)
        }
    };
    for (index, stage) in stages.iter().enumerate() {
        if index < first {
            context.done_steps += stage.steps();
            continue;
        }
        context.cursor.stage = index;
        context.progress.stage(&context.member.directory, &stage.name);
        let clock = Instant::now();
        let begun = resumed.take();
        let before = state.step;
        let already = begun.as_ref().map_or(0, |(_, start)| before - start);
        state = run_stage(context, stage, state, begun, &mut files)?;
        context.done_steps += stage.steps();
        log_time(context, stage, state.step - before, already, clock)?;
    }
    write_structure(
        context.directory.join("final.data"),
        &state.structure(context.template),
        units.system,
    )?;
    Ok(context.done_steps)
}

/// The state a segment begins with: the initial structure, or a branch's snapshot.
fn first_state(context: &SegmentContext<'_>) -> Result<DynamicsState> {
    let units = context.force_field.units;
    let Some(branch) = context.cursor.segment.checked_sub(1) else {
        write_structure(context.directory.join("initial.data"), context.template, units.system)?;
        let plan = DynamicsPlan {
            force_field: Arc::clone(&context.force_field),
            timestep: context.plan.timestep,
            ensemble: Ensemble::Nve,
            temperature: TemperatureSchedule::constant(0.0),
            seed: context.seed,
            skin: context.plan.skin,
        };
        return context.backend.molecular_dynamics(context.template, &plan)?.checkpoint();
    };
    let branch = &context.member.branches[branch];
    let from = &context.member.stages[branch.from_stage].name;
    let directory = context.output.join(&context.member.directory);
    checkpoint::read_framed(&snapshot_path(&directory, from, branch.temperature, &units, "state"))
}

/// "snapshots/quench-700K.data"
pub(super) fn snapshot_path(
    directory: &Path,
    stage: &str,
    temperature: f64,
    units: &crate::system::Units,
    extension: &str,
) -> PathBuf {
    let unit = match units.name("temperature") {
        "lj" => "",
        unit => unit,
    };
    directory.join("snapshots").join(format!("{stage}-{temperature}{unit}.{extension}"))
}

/// Branches must not repeat the noise of the stages they branch from.
fn segment_seed(seed: u64, segment: usize) -> u64 {
    seed.wrapping_add((segment as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

fn structure_fingerprint(structure: &Structure) -> u32 {
    let mut checksum = crc32fast::Hasher::new();
    for species in &structure.species {
        checksum.update(species.name.as_bytes());
    }
    for kind in &structure.kinds {
        checksum.update(&kind.to_le_bytes());
    }
    for row in structure.simulation_box.vectors().iter().chain(&structure.positions) {
        for x in row {
            checksum.update(&x.to_le_bytes());
        }
    }
    checksum.finalize()
}

/// Dynamics steps of a member that lie before a checkpoint.
fn steps_before(member: &Member, checkpoint: &Checkpoint) -> u64 {
    let cursor = checkpoint.cursor;
    let mut steps = 0;
    for segment in 0..=cursor.segment {
        let stages = match segment.checked_sub(1) {
            None => &member.stages[..],
            Some(branch) => std::slice::from_ref(&member.branches[branch].stage),
        };
        let count = if segment < cursor.segment { stages.len() } else { cursor.stage };
        steps += stages[..count].iter().map(Stage::steps).sum::<u64>();
    }
    if checkpoint.sampler.is_some() {
        steps += checkpoint.state.step - checkpoint.stage_start;
    }
    steps
}

/// Wall-clock times go to a file of their own, so that all others repeat byte for byte.
fn log_time(
    context: &SegmentContext<'_>,
    stage: &Stage,
    steps: u64,
    already: u64,
    clock: Instant,
) -> Result<()> {
    let seconds = clock.elapsed().as_secs_f64();
    let rate = steps as f64 * context.template.len() as f64 / seconds.max(1e-9);
    let resumed =
        if already > 0 { format!(" (resumed after {already} steps)") } else { String::new() };
    let line = if steps == 0 {
        format!("{} {}: {seconds:.2} s\n", context.member.directory, stage.name)
    } else {
        format!(
            "{} {}: {steps} steps in {seconds:.2} s, {rate:.3e} atom-steps/s{resumed}\n",
            context.member.directory, stage.name
        )
    };
    append_log(context.output, line.trim_start())
}

fn append_log(output: &Path, line: &str) -> Result<()> {
    let path = output.join("timing.log");
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(line.as_bytes()))
        .map_err(|e| Error::io("write", &path, e))
}

/// True once the caller has asked to stop.
pub(super) fn interrupted(flag: Option<&AtomicBool>) -> bool {
    flag.is_some_and(|flag| flag.load(Ordering::Relaxed))
}
