//! What is simulated: the periodic box, species, atoms, units, fixed-point positions and
//! counter-based random numbers.

mod builder;
mod composition;
mod elements;
mod fixed_point;
mod random;
mod simulation_box;
mod species_names;
mod structure;
mod units;
mod velocities;

pub use builder::{Density, MinimumDistances, RandomPacking, cubic_box};
pub use composition::Composition;
pub use elements::{atomic_number, standard_mass, symbol_of_mass, symbol_of_number};
pub(crate) use fixed_point::{FIXED_ONE, advance_fixed};
pub use fixed_point::{FixedPosition, fixed_difference, from_fixed, to_fixed};
pub use random::{RandomStream, Stream, threefry2x32};
pub use simulation_box::SimulationBox;
pub use species_names::{SpeciesNames, is_named};
pub use structure::{Species, Structure};
pub use units::{UnitSystem, Units};
pub use velocities::{kinetic_energy, maxwell_boltzmann_velocities, temperature};
