//! Structural descriptors: numbers that say how the neighbourhood of an atom looks.
//!
//! A [`DescriptorPlan`] is read from TOML, checked once, and evaluated on a device in blocks of
//! centres by [`compute()`] or [`stream`]. Each descriptor is one file here, which holds its
//! parameters, its columns and its double-precision definition, and one line in [`REGISTRY`]. The
//! fast devices run it by one of the shared [`Kernel`]s, or, if it names none, by its definition.
//!
//! All images of a periodic structure within the cutoff count, so a cutoff may exceed half the box.

mod angular;
mod bond_order;
mod compute;
mod entry;
mod g2;
mod g4;
mod g5;
pub mod harmonics;
mod kernel;
mod neighbors;
mod output;
mod plan;
mod psi;
mod radial;
mod shell_average;
mod soap;
mod soap_basis;

use std::fmt::Debug;

pub use compute::{
    BLOCK_VALUES, Block, Definition, DescriptorMatrix, DescriptorSession, compute, compute_exact,
    stream,
};
pub use entry::Entry;
pub use harmonics::RealHarmonics;
pub use kernel::{AngularFunction, Kernel, RadialFunction, SoapKernel};
pub use neighbors::{CellList, Neighbor};
pub use output::{Sidecar, read_matrix, read_sidecar, sidecar_path, write_matrix};
pub use plan::{BoundPlan, BoundTerm, Centres, DescriptorPlan, DescriptorText, Group, Term};
pub use shell_average::{ShellAverage, Weights};

use crate::error::Result;

/// What surrounds one centre.
#[derive(Debug, Clone, Copy)]
pub struct Neighborhood<'a> {
    /// Bit g is set where the centre's own species is in group g.
    pub centre_groups: u32,
    /// Every neighbour, all periodic images counted, closer than the descriptor's cutoff.
    pub neighbors: &'a [Neighbor],
}

impl Neighborhood<'_> {
    /// The neighbours of a group.
    pub fn of(&self, group: usize) -> impl Iterator<Item = &Neighbor> + Clone {
        self.neighbors.iter().filter(move |n| n.groups >> group & 1 == 1)
    }
}

/// A structural descriptor with its parameters.
///
/// An atom's features are `finish(sums)`: `sums` is taken over the atom's neighbours. The
/// features of averaged descriptors come from sums averaged over the neighbours.
pub trait Descriptor: Debug + Send + Sync {
    /// Neighbours count up to this distance.
    fn cutoff(&self) -> f64;

    /// Groups of neighbours that have columns of their own.
    fn groups(&self) -> &[Group];

    /// The parameters as TOML, all defaults written out.
    fn definition(&self) -> toml::Table;

    /// Names of the features around a centre, in order.
    fn columns(&self, centre: &str) -> Vec<String>;

    /// Number of sums; by default the features themselves.
    fn sums_len(&self) -> usize {
        self.columns("").len()
    }

    /// The sums over a neighbourhood in double precision: the definition. `sums` is zero before.
    fn sums(&self, around: &Neighborhood, sums: &mut [f64]);

    /// True if features come from the mean of the sums over the neighbours and the atom itself.
    fn averaged(&self) -> bool {
        false
    }

    /// Features from sums.
    fn finish(&self, sums: &[f64], features: &mut [f64]) {
        features.copy_from_slice(sums);
    }

    /// The shared kernel that makes the sums on the fast devices.
    fn kernel(&self) -> Option<Kernel> {
        None
    }
}

/// Reads one `[[descriptor]]` table.
type Read = fn(&Entry) -> Result<Box<dyn Descriptor>>;

/// Every descriptor: the name it has as `kind` and what reads it.
pub const REGISTRY: &[(&str, Read)] = &[
    ("radial", radial::read),
    ("g2", g2::read),
    ("g4", g4::read),
    ("g5", g5::read),
    ("psi", psi::read),
    ("soap", soap::read),
    ("bond-order", bond_order::read),
];
