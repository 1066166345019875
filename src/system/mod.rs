//! What is simulated: the periodic box, species, atoms, units, fixed-point positions and
//! counter-based random numbers.

mod fixed_point;
mod random;
mod simulation_box;
mod structure;
mod units;

pub(crate) use fixed_point::{FIXED_ONE, advance_fixed};
pub use fixed_point::{FixedPosition, fixed_difference, from_fixed, to_fixed};
pub use random::{RandomStream, Stream, threefry2x32};
pub use simulation_box::SimulationBox;
pub use structure::{Species, Structure};
pub use units::{UnitSystem, Units};
