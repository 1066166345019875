//! What the user writes: force-field files and run configurations, read with the line of every
//! mistake and turned into validated plans.

mod analyze;
mod document;
mod forcefield;
mod plan;
mod presets;
mod run;
mod run_ensemble;
mod run_stages;
mod run_text;
mod softness;
mod sorption;

pub use analyze::load_analysis;
pub(crate) use document::suggestion;
pub use document::{Document, Override};
pub use forcefield::{load_force_field, parse_force_field};
pub use plan::{
    Analysis, Branch, Build, EnsembleSettings, Measurement, Member, OutputIntervals, RunPlan,
    Stage, StageKind, Start, VelocityStart,
};
pub use presets::{PRESETS, Preset, preset};
pub use run::{load_run, parse_run};
pub use softness::{SoftnessConfig, SoftnessRun, load_softness};
pub use sorption::{
    MOST_HUMIDITIES, SchemeOptions, SorptionConfig, load_sorption, load_sorption_for,
};
