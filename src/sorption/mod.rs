//! Water sorption in porous matrices by lattice density functional theory: isotherms, their
//! gradients with respect to the matrix, and the design of a matrix for a wanted isotherm.

mod benchmark;
mod curves;
mod design;
mod files;
mod generate;
mod lattice;
mod model;
mod plan;
pub(crate) mod solver;

pub use benchmark::{SorptionBenchmark, SorptionResult, benchmark};
pub use curves::{area_between, sinuosity};
pub use design::{Design, DesignSettings, DesignStep, Parametrization, check_target, design};
pub use files::{read_lattices, read_target, write_lattice_png};
pub use generate::{
    TARGET_NAMES, named_target, one_large_pore, random_lattices, random_target, single_pore,
};
pub use lattice::{Dimension, Lattices, Shape};
pub(crate) use model::Reduced;
pub use model::SorptionModel;
pub use plan::{
    Cotangent, Gradients, Isotherms, Loss, Mean, MeanSquare, Path, Scheme, SorptionPlan, Start,
    even_humidities,
};
pub(crate) use plan::{
    Shifted, check, check_cotangent, density_cotangent, direct_derivative, divisor,
};
