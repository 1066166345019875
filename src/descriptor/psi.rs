//! The angular functions of softness.
//!
//! Ψ_XY(i; ξ, λ, ζ) = Σ_{j∈X} Σ_{k∈Y} exp[−(r_ij² + r_jk² + r_ik²)/ξ²] (1 + λ cos θ_jik)^ζ over
//! **ordered** pairs j ≠ k of neighbours closer than the cutoff (so each triangle of one species
//! counts twice), without the factor 2^(1−ζ) and without a smooth cutoff; r_jk is not cut off.
//! Cubuk et al., Phys. Rev. Lett. 114, 108001 (2015), doi:10.1103/PhysRevLett.114.108001, with the
//! 22 parameter sets of Cubuk's thesis (Harvard, 2016) unless `sets` gives others.

use super::angular::{Angular, check_function};
use super::entry::Entry;
use super::{AngularFunction, Descriptor};
use crate::error::Result;

/// (ξ, λ, ζ), ξ in units of σ_AA.
const SETS: [[f64; 3]; 22] = [
    [14.633, -1.0, 1.0],
    [14.633, 1.0, 1.0],
    [14.638, -1.0, 2.0],
    [14.638, 1.0, 2.0],
    [2.554, -1.0, 1.0],
    [2.554, 1.0, 1.0],
    [2.554, -1.0, 2.0],
    [2.554, 1.0, 2.0],
    [1.648, 1.0, 1.0],
    [1.648, 1.0, 2.0],
    [1.204, 1.0, 1.0],
    [1.204, 1.0, 2.0],
    [1.204, 1.0, 4.0],
    [1.204, 1.0, 16.0],
    [0.933, 1.0, 1.0],
    [0.933, 1.0, 2.0],
    [0.933, 1.0, 4.0],
    [0.933, 1.0, 16.0],
    [0.695, 1.0, 1.0],
    [0.695, 1.0, 2.0],
    [0.695, 1.0, 4.0],
    [0.695, 1.0, 16.0],
];

pub(super) fn read(entry: &Entry) -> Result<Box<dyn Descriptor>> {
    let sets = entry.triples("sets")?.unwrap_or_else(|| SETS.to_vec());
    // The published ξ are in units of σ; a length of the material takes its place in Å.
    let unit = entry.optional_positive("unit")?.unwrap_or(1.0);
    let cutoff = entry.positive("cutoff")?;
    let mut functions = Vec::new();
    let mut labels = Vec::new();
    for &[xi, lambda, zeta] in &sets {
        if !(xi > 0.0) {
            return Err(entry.error(
                "sets",
                format!("ξ must be positive, got {xi}"),
                "give rows of ξ, λ, ζ",
            ));
        }
        let xi = xi * unit;
        check_function(entry, 1.0 / (xi * xi), lambda, zeta)?;
        functions.push(AngularFunction {
            eta: 1.0 / (xi * xi),
            lambda,
            zeta,
            scale: 1.0,
            scale_same: 2.0,
        });
        labels.push(format!("xi={xi} lambda={lambda} zeta={zeta} rc={cutoff}"));
    }
    let rows = sets.iter().map(|row| super::entry::numbers(row)).collect();
    let definition = toml::Table::from_iter([
        ("cutoff".to_owned(), cutoff.into()),
        ("unit".to_owned(), unit.into()),
        ("sets".to_owned(), toml::Value::Array(rows)),
    ]);
    let groups = entry.groups()?;
    Ok(Box::new(Angular {
        kind: "psi",
        groups,
        cutoff,
        third_side: true,
        smooth: false,
        functions,
        labels,
        definition,
    }))
}
