//! Validated runs: what [`super::load_run`] answers with and [`crate::protocol`] executes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::analysis::suite::{AnalysisKind, StructureOptions};
use crate::dynamics::{Ensemble, MinimizeMethod, TemperatureSchedule};
use crate::potential::ForceField;

/// A validated run: everything [`crate::protocol`] needs to execute it.
#[derive(Debug, Clone)]
pub struct RunPlan {
    /// What the user calls it.
    pub title: String,
    /// The interactions.
    pub force_field: ForceField,
    /// Where the atoms come from.
    pub start: Start,
    /// Time step in the internal unit (metal: ps).
    pub timestep: f64,
    /// Neighbour-list skin, if given.
    pub skin: Option<f64>,
    /// How often files are written, in steps.
    pub output: OutputIntervals,
    /// What is measured on the way.
    pub analysis: Analysis,
    /// Which members the run has.
    pub ensemble: EnsembleSettings,
    /// The repetitions: one for each seed, quench rate, temperature and composition.
    pub members: Vec<Member>,
    /// The configuration with every default and every `--set` filled in, as TOML.
    pub resolved: String,
    /// Checksum of the resolved configuration and the force field: a checkpoint continues only
    /// under the same.
    pub fingerprint: u32,
}

/// Where the atoms come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// A structure file.
    File(PathBuf),
    /// Random placement.
    Build(Build),
}

/// A structure to be built by random placement.
#[derive(Debug, Clone, PartialEq)]
pub struct Build {
    /// Formula, mol %: "(Na2O)30(SiO2)70".
    pub composition: String,
    /// Number of atoms.
    pub atoms: usize,
    /// Density (metal: g/cm³; lj: particles per volume).
    pub density: f64,
    /// Minimum distance of pairs without an own one.
    pub default_distance: Option<f64>,
    /// Minimum distance of a pair of species.
    pub pair_distances: Vec<([String; 2], f64)>,
}

/// How often files are written, in steps; 0 is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputIntervals {
    /// Rows of thermo.csv.
    pub thermo: u64,
    /// Frames of the trajectory.
    pub trajectory: u64,
    /// Checkpoints.
    pub checkpoint: u64,
}

/// What is measured during and after stages. Lengths in the force field's unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// Steps between samples of g(r) and displacements.
    pub interval: u64,
    /// Longest distance of g(r).
    pub rdf_cutoff: f64,
    /// Bin width of g(r).
    pub rdf_bin: f64,
    /// Bin width of displacement histograms.
    pub displacement_bin: f64,
    /// What is measured beyond g(r) and displacements from the start.
    pub measure: Vec<Measurement>,
    /// Analyses of structure of each stage with dynamics.
    pub structure: Vec<AnalysisKind>,
    /// How these analyses are made.
    pub options: StructureOptions,
    /// Steps between the frames that they see in the settled half of a stage; 0: its end alone.
    pub structure_interval: u64,
    /// Wave vectors of scattering functions; empty: the first peak of S(q) where a stage begins.
    pub wave_vectors: Vec<f64>,
    /// Distance that counts as not moved; `None`: 0.3 of the mean distance of atoms.
    pub overlap_length: Option<f64>,
    /// Steps between samples of velocities.
    pub vibrations_interval: u64,
    /// Longest lag of velocity correlations, in samples.
    pub vibrations_longest: u32,
}

/// What a run can measure in each stage without storing the trajectory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measurement {
    /// Mean squared displacement and diffusion, self scattering, non-Gaussian parameter, overlap
    /// and χ₄, displacement distributions: averaged over time origins, in stages without a ramp.
    Dynamics,
    /// Collective intermediate scattering function, with `Dynamics`.
    CollectiveScattering,
    /// Distinct van Hove function, with `Dynamics`.
    DistinctVanHove,
    /// Velocity autocorrelation and vibrational density of states, in stages without a ramp.
    Vibrations,
    /// Energy of the inherent structure: of the minimum below the end of the stage.
    InherentStructure,
}

/// Members that were asked for: one for each seed, quench rate, temperature and composition.
#[derive(Debug, Clone, PartialEq)]
pub struct EnsembleSettings {
    /// One member for each.
    pub seeds: Vec<u64>,
    /// Rates of the ramps (metal: K/ps); empty: as written in the stages.
    pub rates: Vec<f64>,
    /// Temperatures that members end at, in place of those of the last ramp and of the stages after
    /// it, or of all stages where there is no ramp; empty: as written.
    pub temperatures: Vec<f64>,
    /// Compositions in place of the structure's own, all of the same species; empty: as written.
    pub compositions: Vec<String>,
    /// Members that advance together in one session, at most. It changes no result.
    pub replicas: usize,
}

/// One repetition of the protocol.
#[derive(Debug, Clone)]
pub struct Member {
    /// Seed of positions, velocities and noise.
    pub seed: u64,
    /// Quench rate, if the run repeats over rates.
    pub rate: Option<f64>,
    /// Temperature it ends at, if the run repeats over temperatures.
    pub temperature: Option<f64>,
    /// Composition, if the run repeats over compositions.
    pub composition: Option<String>,
    /// Its directory inside the run's ("" if there is only one member).
    pub directory: String,
    /// The stages one after the other.
    pub stages: Vec<Stage>,
    /// Relaxations of snapshots, run after the stages.
    pub branches: Vec<Branch>,
}

impl Member {
    /// Dynamics steps of all stages and branches.
    pub fn total_steps(&self) -> u64 {
        self.stages.iter().chain(self.branches.iter().map(|b| &b.stage)).map(Stage::steps).sum()
    }
}

/// A named stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Name, unique in the run.
    pub name: String,
    /// What it does.
    pub kind: StageKind,
}

impl Stage {
    /// Dynamics steps.
    pub fn steps(&self) -> u64 {
        match &self.kind {
            StageKind::Minimize { .. } => 0,
            StageKind::Dynamics { steps, .. } => *steps,
        }
    }
}

/// What a stage does.
#[derive(Debug, Clone, PartialEq)]
pub enum StageKind {
    /// To a minimum of the potential energy at fixed box.
    Minimize {
        /// Algorithm.
        method: MinimizeMethod,
        /// Largest force component at the end.
        force_tolerance: f64,
        /// Force evaluations at most.
        max_steps: u64,
    },
    /// Molecular dynamics.
    Dynamics {
        /// Equations of motion.
        ensemble: Ensemble,
        /// Target temperature at the start.
        from: f64,
        /// Target temperature at the end.
        to: f64,
        /// Length in steps.
        steps: u64,
        /// True for ramps; those downwards may give a fictive temperature by their U(T).
        ramp: bool,
        /// Snapshots: temperature and step within the stage.
        snapshots: Vec<(f64, u64)>,
        /// Where the velocities come from.
        velocities: VelocityStart,
    },
}

impl StageKind {
    /// Target temperature as a function of the run's step, for a stage that starts at `from_step`.
    pub fn schedule(&self, from_step: u64) -> TemperatureSchedule {
        match self {
            Self::Dynamics { from, to, steps, .. } => {
                TemperatureSchedule { start: *from, end: *to, from_step, steps: *steps }
            }
            Self::Minimize { .. } => TemperatureSchedule::constant(0.0),
        }
    }
}

/// Where a stage's velocities come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VelocityStart {
    /// Kept; drawn from Maxwell's distribution if all are zero.
    Keep,
    /// Drawn from Maxwell's distribution.
    Maxwell,
}

/// A relaxation of one snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// Name with the temperature: "relax-700K".
    pub name: String,
    /// Index of the ramp the snapshot is taken from.
    pub from_stage: usize,
    /// Temperature of the snapshot.
    pub temperature: f64,
    /// The relaxation.
    pub stage: Stage,
}
