//! What structures and trajectories say: pure functions in double precision.

pub(crate) mod cells;
mod coordination;
mod displacement;
mod pair_histogram;
mod radial;
mod statistics;
mod structure_factor;
pub mod suite;

pub use cells::{Neighbor, NeighborList};
pub use coordination::{Bonding, bonding};
pub use displacement::{
    DisplacementHistogram, displacements, mean_squared_displacement, self_intermediate_scattering,
};
pub use pair_histogram::{PairCounts, count_pairs, pair_index};
pub use radial::{PairRdf, PartialRdf};
pub use statistics::{Mean, Plateau, TwoLines, fit_two_lines, mean_and_standard_error, plateau};
pub use structure_factor::{first_peak, structure_factor};
