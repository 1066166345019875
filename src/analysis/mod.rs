//! What structures and trajectories say: pure functions in double precision.

mod agreement;
mod angles;
mod bond_graph;
mod cavity_search;
pub(crate) mod cells;
mod coordination;
pub mod curves;
mod density_waves;
mod displacement;
mod free_volume;
pub mod motion;
mod network;
mod order;
mod pair_histogram;
mod radial;
mod reduced;
mod rings;
mod scattering;
mod scattering_tables;
mod statistics;
mod structure_factor;
pub mod suite;
mod voronoi;
mod wave_vectors;

pub use agreement::{parse_curve, r_chi, r_chi_of_partials};
pub use angles::{AngleDistribution, angle};
pub use bond_graph::{PeriodicGraph, UnfoldedGraph};
pub use cells::{Neighbor, NeighborList};
pub use coordination::{Bonding, bonding};
pub use density_waves::{DensityWave, density_waves};
pub(crate) use density_waves::{WAVE_BLOCK, by_species};
pub use displacement::{
    DisplacementHistogram, displacements, mean_squared_displacement, self_intermediate_scattering,
};
pub use free_volume::{FreeVolume, ionic_radius};
pub use network::{Clusters, Constraints, Network, clusters, constraints};
pub use order::{Shape, continuous_shape, tetrahedral_order};
pub use pair_histogram::{PairCounts, PairGrid, count_pairs, pair_index};
pub use radial::{PairRdf, PartialRdf};
pub use reduced::{reduced_from_g, reduced_from_structure_factor};
pub use rings::{Graph, RingKind, count_rings};
pub use scattering::{
    Amplitudes, LONGEST_FORM_FACTOR, Radiation, neutron_length, weighted_total, xray_form_factor,
};
pub use statistics::{Mean, Plateau, TwoLines, fit_two_lines, mean_and_standard_error, plateau};
pub use structure_factor::{
    DirectStructureFactor, first_peak, partial_transform, structure_factor,
};
pub use voronoi::{VoronoiCell, voronoi_cells};
pub use wave_vectors::{vectors_per_bin, widening_bins};
