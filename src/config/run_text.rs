//! The run configuration as it is written in TOML, before its numbers are checked.

use crate::analysis::suite::{AnalysisKind, StructureOptions};
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::plan::Measurement;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunText {
    #[serde(default)]
    pub title: String,
    pub forcefield: String,
    #[serde(default = "one")]
    pub seed: u64,
    pub structure: StructureText,
    #[serde(default)]
    pub dynamics: DynamicsText,
    #[serde(default)]
    pub output: OutputText,
    #[serde(default)]
    pub analysis: AnalysisText,
    #[serde(default)]
    pub ensemble: EnsembleText,
    #[serde(default)]
    pub stage: Vec<StageText>,
    #[serde(default)]
    pub branch: Vec<BranchText>,
}

fn one() -> u64 {
    1
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StructureText {
    pub file: Option<String>,
    pub composition: Option<String>,
    pub atoms: Option<u64>,
    pub density: Option<f64>,
    #[serde(default)]
    pub minimum_distances: BTreeMap<String, f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ThermostatText {
    NoseHoover,
    StochasticRescaling,
    Langevin,
    Nve,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DynamicsText {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestep: Option<f64>,
    #[serde(default = "nose_hoover")]
    pub thermostat: ThermostatText,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relaxation: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skin: Option<f64>,
}

fn nose_hoover() -> ThermostatText {
    ThermostatText::NoseHoover
}

impl Default for DynamicsText {
    fn default() -> Self {
        Self { timestep: None, thermostat: nose_hoover(), relaxation: None, skin: None }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OutputText {
    pub thermo: Option<f64>,
    pub trajectory: Option<f64>,
    pub checkpoint: Option<f64>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnalysisText {
    pub interval: Option<f64>,
    pub rdf_cutoff: Option<f64>,
    pub rdf_bin: Option<f64>,
    pub displacement_bin: Option<f64>,
    pub measure: Option<Vec<Measurement>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub structure: Vec<AnalysisKind>,
    pub structure_interval: Option<f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wave_vectors: Vec<f64>,
    pub overlap_length: Option<f64>,
    pub vibrations_interval: Option<f64>,
    pub vibrations_longest: Option<f64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub options: StructureOptions,
}

/// What says nothing is not written, so that the text of runs without it stays as it was.
fn is_default(options: &StructureOptions) -> bool {
    *options == StructureOptions::default()
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EnsembleText {
    #[serde(default)]
    pub seeds: Vec<u64>,
    #[serde(default)]
    pub rates: Vec<f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub temperatures: Vec<f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compositions: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum KindText {
    Minimize,
    Hold,
    Ramp,
    Relax,
}

impl KindText {
    pub fn name(self) -> &'static str {
        match self {
            Self::Minimize => "minimize",
            Self::Hold => "hold",
            Self::Ramp => "ramp",
            Self::Relax => "relax",
        }
    }

    pub fn keys(self) -> &'static [&'static str] {
        const DYNAMICS: [&str; 4] = ["thermostat", "relaxation", "displacement_cap", "velocities"];
        const fn join<const A: usize, const N: usize>(own: [&'static str; A]) -> [&'static str; N] {
            let mut all = [""; N];
            let mut k = 0;
            while k < N {
                all[k] = if k < A { own[k] } else { DYNAMICS[k - A] };
                k += 1;
            }
            all
        }
        const HOLD: [&str; 6] = join(["temperature", "duration"]);
        const RAMP: [&str; 9] = join(["from", "to", "rate", "duration", "snapshots"]);
        match self {
            Self::Minimize => &["method", "force_tolerance", "max_steps"],
            Self::Hold | Self::Relax => &HOLD,
            Self::Ramp => &RAMP,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum MethodText {
    Fire,
    Cg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum VelocitiesText {
    Maxwell,
    Keep,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StageText {
    pub name: String,
    pub kind: KindText,
    pub temperature: Option<f64>,
    pub duration: Option<f64>,
    pub from: Option<f64>,
    pub to: Option<f64>,
    pub rate: Option<f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub snapshots: Vec<f64>,
    pub thermostat: Option<ThermostatText>,
    pub relaxation: Option<f64>,
    pub displacement_cap: Option<f64>,
    pub velocities: Option<VelocitiesText>,
    pub method: Option<MethodText>,
    pub force_tolerance: Option<f64>,
    pub max_steps: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BranchText {
    pub name: String,
    pub from: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub temperatures: Vec<f64>,
    pub duration: f64,
    pub thermostat: Option<ThermostatText>,
    pub relaxation: Option<f64>,
    #[serde(default, rename = "override")]
    pub overrides: Vec<BranchOverrideText>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BranchOverrideText {
    pub temperature: f64,
    pub duration: f64,
}

/// Keys of stages other than `name` and `kind`.
pub(super) const STAGE_KEYS: [&str; 13] = [
    "temperature",
    "duration",
    "from",
    "to",
    "rate",
    "snapshots",
    "thermostat",
    "relaxation",
    "displacement_cap",
    "velocities",
    "method",
    "force_tolerance",
    "max_steps",
];
