//! Water sorption in porous matrices by lattice density functional theory: isotherms, their
//! gradients with respect to the matrix, and the design of a matrix for a wanted isotherm.

mod lattice;
mod model;
mod plan;
pub(crate) mod solver;

pub use lattice::{Dimension, Lattices, Shape};
pub use model::SorptionModel;
pub(crate) use model::Reduced;
pub use plan::{
    Cotangent, Gradients, Isotherms, Loss, Mean, MeanSquare, Path, Scheme, SorptionPlan, Start,
    even_humidities,
};
pub(crate) use plan::{
    Shifted, check, check_cotangent, density_cotangent, direct_derivative, divisor,
};
