//! A member on its way through the run: where it stands, its files and its checkpoints.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checkpoint::{self, Checkpoint, Cursor};
use super::files::SegmentFiles;
use super::runner::snapshot_path;
use super::sampler::Sampler;
use super::start::member_structure;
use crate::backend::Backend;
use crate::config::{Member, RunPlan, Stage};
use crate::dynamics::{DynamicsPlan, DynamicsState, Ensemble, TemperatureSchedule};
use crate::error::{Error, Result};
use crate::io::write_structure;
use crate::potential::CompiledForceField;
use crate::system::Structure;

/// Where a lane stands; ordered as the run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// 0: the stages; k: branch k−1.
    pub segment: usize,
    pub stage: usize,
    pub begun: bool,
    /// Steps of the stage that are done.
    pub done: u64,
}

/// A stage that has begun.
pub(super) struct Begun {
    pub sampler: Sampler,
    pub first_step: u64,
}

/// A member's own part of a run.
pub(super) struct Lane<'a> {
    pub plan: &'a RunPlan,
    pub member: &'a Member,
    pub template: Structure,
    pub force_field: Arc<CompiledForceField>,
    pub state: DynamicsState,
    pub begun: Option<Begun>,
    number: usize,
    output: &'a Path,
    fingerprint: u32,
    segment: usize,
    stage: usize,
    /// Open while a segment is on its way.
    files: Option<SegmentFiles>,
}

impl<'a> Lane<'a> {
    /// A member at its beginning, or where its checkpoint says.
    pub fn new(
        plan: &'a RunPlan,
        backend: &dyn Backend,
        output: &'a Path,
        number: usize,
        from: Option<Checkpoint>,
    ) -> Result<Self> {
        let member = &plan.members[number];
        let template = member_structure(plan, member)?;
        let force_field = Arc::new(CompiledForceField::new(&plan.force_field, &template)?);
        let fingerprint = structure_fingerprint(&template);
        let place = from.as_ref().map_or((0, 0), |c| (c.cursor.segment, c.cursor.stage));
        let (state, begun, lengths) = match from {
            None => {
                let plan = DynamicsPlan {
                    force_field: Arc::clone(&force_field),
                    timestep: plan.timestep,
                    ensemble: Ensemble::Nve,
                    temperature: TemperatureSchedule::constant(0.0),
                    seed: member.seed,
                    skin: plan.skin,
                };
                let state = backend.molecular_dynamics(&template, &plan)?.checkpoint()?;
                (state, None, None)
            }
            Some(from) if from.structure != fingerprint => {
                return Err(Error::Checkpoint {
                    path: checkpoint::directory(&output.join(&member.directory)),
                    what: "belongs to another initial structure".into(),
                    remedy: "restore the structure file the run was started from".into(),
                });
            }
            Some(from) => {
                let first_step = from.stage_start;
                let begun = from.sampler.map(|sampler| Begun { sampler, first_step });
                (from.state, begun, Some((from.thermo_bytes, from.trajectory_frames)))
            }
        };
        let mut lane = Self {
            plan,
            member,
            template,
            force_field,
            state,
            begun,
            number,
            output,
            fingerprint,
            segment: place.0,
            stage: place.1,
            files: None,
        };
        if let (Some((bytes, frames)), false) = (lengths, lane.finished()) {
            lane.files = Some(SegmentFiles::reopen(&lane.directory(), bytes, frames)?);
        }
        Ok(lane)
    }

    pub fn finished(&self) -> bool {
        self.segment > self.member.branches.len()
    }

    pub fn place(&self) -> Place {
        let begun = self.begun.as_ref();
        let done = begun.map_or(0, |b| self.state.step - b.first_step);
        Place { segment: self.segment, stage: self.stage, begun: begun.is_some(), done }
    }

    /// The stage it is in or comes to.
    pub fn current(&self) -> &'a Stage {
        &segment_stages(self.member, self.segment)[self.stage]
    }

    fn own_directory(&self) -> PathBuf {
        self.output.join(&self.member.directory)
    }

    /// Directory of the segment's files.
    pub fn directory(&self) -> PathBuf {
        let own = self.own_directory();
        match self.segment.checked_sub(1) {
            None => own,
            Some(branch) => own.join("branches").join(&self.member.branches[branch].name),
        }
    }

    /// Directory of the stage's results, made if it is not there.
    pub fn results(&self) -> Result<PathBuf> {
        let path = match self.segment {
            0 => self.directory().join("stages").join(&self.current().name),
            _ => self.directory(),
        };
        std::fs::create_dir_all(&path).map_err(|e| Error::io("create", &path, e))?;
        Ok(path)
    }

    /// Seed of the segment: branches must not repeat the noise of the stages they branch from.
    fn seed(&self) -> u64 {
        self.member.seed.wrapping_add((self.segment as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// Seed of the velocities of a stage: one that draws again must not draw the same numbers.
    pub fn velocity_seed(&self) -> u64 {
        self.seed().wrapping_add(self.stage as u64)
    }

    pub fn dynamics_plan(
        &self,
        ensemble: Ensemble,
        temperature: TemperatureSchedule,
    ) -> DynamicsPlan {
        DynamicsPlan {
            force_field: Arc::clone(&self.force_field),
            timestep: self.plan.timestep,
            ensemble,
            temperature,
            seed: self.seed(),
            skin: self.plan.skin,
        }
    }

    pub fn time(&self, step: u64) -> f64 {
        step as f64 * self.plan.timestep
    }

    pub fn files(&mut self) -> Result<&mut SegmentFiles> {
        self.files
            .as_mut()
            .ok_or_else(|| Error::input("a segment without files", "report this as a bug"))
    }

    /// Opens the segment's files if they are not open, and with them the segment: a branch begins
    /// with its snapshot.
    pub fn enter(&mut self) -> Result<()> {
        if self.files.is_some() {
            return Ok(());
        }
        let units = self.force_field.units;
        let with_trajectory = self.plan.output.trajectory > 0;
        let directory = self.directory();
        self.files =
            Some(SegmentFiles::create(&directory, &self.template, &units, with_trajectory)?);
        match self.segment.checked_sub(1) {
            None => write_structure(directory.join("initial.data"), &self.template, units.system),
            Some(branch) => {
                let branch = &self.member.branches[branch];
                let from = &self.member.stages[branch.from_stage].name;
                let path =
                    snapshot_path(&self.own_directory(), from, branch.temperature, &units, "state");
                self.state = checkpoint::read_framed(&path)?;
                if !with_trajectory {
                    return Ok(());
                }
                // What moves during a relaxation is measured from its start.
                let structure = self.state.structure(&self.template);
                let (step, time) = (self.state.step, self.time(self.state.step));
                self.files()?.frame(step, time, &structure)
            }
        }
    }

    /// Goes on to the next stage, or to the next segment after the last one.
    pub fn leave(&mut self, state: DynamicsState) -> Result<()> {
        self.state = state;
        self.begun = None;
        self.stage += 1;
        if self.stage < segment_stages(self.member, self.segment).len() {
            return Ok(());
        }
        let units = self.force_field.units;
        let structure = self.state.structure(&self.template);
        write_structure(self.directory().join("final.data"), &structure, units.system)?;
        (self.segment, self.stage) = (self.segment + 1, 0);
        if self.finished() {
            // So that a resumed run of several members does not repeat the end of this one.
            self.save()?;
        }
        self.files = None;
        Ok(())
    }

    /// Writes a checkpoint of `state` and `begun`.
    pub fn save(&mut self) -> Result<PathBuf> {
        let (thermo_bytes, trajectory_frames) = self.files()?.settle()?;
        let first_step = self.begun.as_ref().map_or(self.state.step, |b| b.first_step);
        checkpoint::write(
            &self.own_directory(),
            &Checkpoint {
                version: env!("CARGO_PKG_VERSION").into(),
                fingerprint: self.plan.fingerprint,
                structure: self.fingerprint,
                cursor: Cursor { member: self.number, segment: self.segment, stage: self.stage },
                stage_start: first_step,
                sampler: self.begun.as_ref().map(|b| b.sampler.clone()),
                state: self.state.clone(),
                thermo_bytes,
                trajectory_frames,
            },
        )
    }

    /// The newest checkpoint on disk.
    pub fn checkpoint(&self) -> Option<PathBuf> {
        checkpoint::existing(&self.own_directory())
    }

    /// Names the member in an error, where the run has several.
    pub fn named(&self, error: Error) -> Error {
        match error {
            Error::Interrupted { .. } => error,
            _ if self.member.directory.is_empty() => error,
            _ => Error::Member { member: self.member.directory.clone(), source: Box::new(error) },
        }
    }
}

/// Stages of a segment: those of the member, or a branch's only one.
pub(super) fn segment_stages(member: &Member, segment: usize) -> &[Stage] {
    match segment.checked_sub(1) {
        None => &member.stages,
        Some(branch) => std::slice::from_ref(&member.branches[branch].stage),
    }
}

/// Dynamics steps of a member that lie before a checkpoint.
pub(super) fn steps_before(member: &Member, checkpoint: &Checkpoint) -> u64 {
    let cursor = checkpoint.cursor;
    let steps = |stages: &[Stage]| stages.iter().map(Stage::steps).sum::<u64>();
    let whole: u64 = (0..cursor.segment.min(member.branches.len() + 1))
        .map(|segment| steps(segment_stages(member, segment)))
        .sum();
    if cursor.segment > member.branches.len() {
        return whole;
    }
    let begun = match checkpoint.sampler {
        Some(_) => checkpoint.state.step - checkpoint.stage_start,
        None => 0,
    };
    whole + steps(&segment_stages(member, cursor.segment)[..cursor.stage]) + begun
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
