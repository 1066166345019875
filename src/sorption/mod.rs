//! Water sorption in porous matrices by lattice density functional theory: isotherms, their
//! gradients with respect to the matrix, and the design of a matrix for a wanted isotherm.

mod benchmark;
mod curves;
mod design;
mod files;
mod generate;
mod lattice;
pub(crate) mod memory;
mod model;
mod plan;
pub(crate) mod solver;
mod targets;

pub use benchmark::{SorptionBenchmark, SorptionResult, benchmark};
pub use curves::{area_between, sinuosity};
pub use design::{
    ConvergedDesign, Design, DesignProgress, DesignSettings, DesignStep, Parametrization,
    check_target, design,
};
pub use files::{TargetCurve, read_lattices, read_target, write_lattice_png};
pub use generate::{one_large_pore, random_lattices, random_lattices_from, single_pore};
pub use lattice::{Dimension, Lattices, Shape};
pub(crate) use model::Reduced;
pub use model::SorptionModel;
pub use plan::{
    Cotangent, Gradients, Isotherms, Loss, Mean, MeanSquare, Path, Scheme, SorptionPlan, Start,
    even_humidities,
};
pub(crate) use plan::{Judged, Shifted, check, divisor};
pub use targets::{TARGET_NAMES, TargetKind, named_target, random_target};
