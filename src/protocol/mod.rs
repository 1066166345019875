//! Executes a validated run: stages one after the other, branches from snapshots, repetitions over
//! seeds and quench rates, with everything written to one directory.
//!
//! A run that is stopped at any moment, by a signal or by `kill -9`, continues from its last
//! checkpoint and ends with the same bytes in every output file as one never stopped: output files
//! are cut back to the lengths noted in the checkpoint, and hold no wall-clock times (those are in
//! `timing.log`).
//!
//! ```text
//! configuration.toml   the configuration with every default filled in
//! provenance.json      version, device, seeds, host
//! summary.json         results, checks, means and standard errors over the members
//! report.html          the same for reading, with pictures
//! checkpoints/         the last two checkpoints
//! initial.data         the structure at the start
//! thermo.csv           thermodynamics of the stages
//! trajectory.nc        frames
//! snapshots/           structures at the temperatures asked for
//! stages/NAME/         results of each stage: stage.json, rdf.csv, msd.csv, displacements.csv
//! branches/NAME/       the same for each relaxed snapshot
//! final.data           the structure at the end
//! ```
//!
//! With several members each has a directory of its own, `rate-1-seed-2/`, laid out the same way and
//! with its own checkpoints. Members that take the same steps can advance side by side in one session
//! (`replicas` of [`crate::config::EnsembleSettings`]); it changes no byte of what they write.

mod checkpoint;
mod files;
mod inherent;
mod lane;
mod pictures;
mod provenance;
mod record;
mod runner;
mod sampler;
mod stage;
mod stage_frames;
mod start;
mod summary;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use inherent::inherent_structure_energy_of;
pub(crate) use inherent::{at_rest, descend};
pub use record::{BondRecord, MemoryRecord, MinimizationRecord, StageMeans, StageRecord};
pub use runner::run;
pub use stage_frames::{StageFrames, last_stage, stage_frames};
pub use start::{check_overlaps, initial_structure, member_structure};
pub use summary::{Check, MemberSummary, RunSummary};

use crate::dynamics::Thermodynamics;

/// Where a run writes and how it can be stopped.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The run's directory.
    pub output: PathBuf,
    /// Continue the run that is already there.
    pub resume: bool,
    /// Set to true, by a signal handler for example, to save the state and stop.
    pub interrupt: Option<Arc<AtomicBool>>,
}

/// Told what a run is doing. Every method has an empty default.
pub trait Progress {
    /// The run begins: dynamics steps of all members together, and how many of them a resumed run
    /// has behind it.
    fn started(&mut self, atoms: usize, total_steps: u64, done_steps: u64) {
        let _ = (atoms, total_steps, done_steps);
    }

    /// A stage begins; `member` is empty in a run of one.
    fn stage(&mut self, member: &str, stage: &str) {
        let _ = (member, stage);
    }

    /// Force evaluations of a minimisation so far.
    fn minimizing(&mut self, evaluations: u64, largest_force: f64) {
        let _ = (evaluations, largest_force);
    }

    /// Dynamics steps done so far in all.
    fn advanced(&mut self, done_steps: u64, latest: Option<&Thermodynamics>) {
        let _ = (done_steps, latest);
    }

    /// Something worth knowing happened.
    fn message(&mut self, text: &str) {
        let _ = text;
    }
}

/// Ignores everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {}
