//! Pair potentials: one definition per form for every device, and force fields made of them.

mod buckingham;
mod compiled;
mod coulomb;
mod dual;
mod forcefield;
mod forms;
mod lennard_jones;
mod real;
mod splice;
mod table;
pub mod wgsl;

pub use buckingham::{Buckingham, BuckinghamRepulsion24};
pub use compiled::{
    CompiledCoulomb, CompiledForceField, ROW_TAIL, ReferencePair, SMALLEST_R2, pair_term,
    short_range_term,
};
pub use coulomb::{DAMPING_TERMS, DampedShiftedForce, Damping, DampingFit, coulomb_term};
pub use dual::Dual;
pub use forcefield::{ForceField, Pair, PairDefinition, ShortRange, SpeciesParameters, Truncation};
pub use forms::{FormKind, PairForm};
pub use lennard_jones::{GeneralizedLennardJones, LennardJones};
pub use real::{Distance, Parameters, Rare, Real, Term};
pub use splice::{Splice, fit as fit_splice};
pub use table::{CubicSpline, KernelTable, TABLE_INTERVALS, cubic_piece};
