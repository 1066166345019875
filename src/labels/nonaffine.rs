//! What the best affine map of a neighbourhood leaves: D²_min.

use nalgebra::{Matrix3, Vector3};
use rayon::prelude::*;

use super::Statistic;
use crate::analysis::NeighborList;
use crate::error::{Error, Result};
use crate::system::Structure;

/// A singular value smaller than the largest by this factor is none: the neighbours then lie in a
/// plane or on a line, to the precision of single-precision coordinates.
const RANK: f64 = 1e-6;

/// D²_min of chosen atoms.
#[derive(Debug, Clone, PartialEq)]
pub struct Nonaffine {
    /// D²_min of each atom, in the square of the length unit.
    pub values: Vec<f64>,
    /// Atoms with fewer than three independent vectors to neighbours, which every motion of the
    /// neighbours (or every motion in their plane or line) fits.
    pub deficient: usize,
}

/// D²_min(i) = min over 3×3 matrices Λ of the mean (or sum) over neighbours j of
/// |R_ij(t+Δt) − Λ R_ij(t)|², where neighbours are the atoms closer than `cutoff` at t that
/// `is_neighbor` says are, each with the image that it had at t (M. L. Falk and J. S. Langer, Phys.
/// Rev. E 57, 7192 (1998), doi:10.1103/PhysRevE.57.7192, where it is a sum).
///
/// With X = Σ R(t+Δt) R(t)ᵀ and Y = Σ R(t) R(t)ᵀ the best map is Λ = X Y⁺, Y⁺ being the
/// pseudo-inverse where neighbours do not span space. Both structures must have the same atoms in
/// the same order, with images that continue each other. An atom without neighbours is an error.
pub fn nonaffine(
    start: &Structure,
    end: &Structure,
    atoms: &[usize],
    cutoff: f64,
    is_neighbor: impl Fn(u16) -> bool + Sync,
    statistic: Statistic,
) -> Result<Nonaffine> {
    let half_width = start.simulation_box.longest_cutoff();
    if cutoff > half_width {
        return Err(Error::CutoffTooLong { cutoff, half_width });
    }
    let list = NeighborList::new(start, |_, _| cutoff)?;
    let fits: Vec<Option<(f64, bool)>> = atoms
        .par_iter()
        .map(|&i| {
            let near = list.of(i).iter().filter(|n| is_neighbor(start.kinds[n.atom as usize]));
            let pairs: Vec<(Vector3<f64>, Vector3<f64>)> = near
                .map(|n| {
                    let vector = Vector3::from(n.vector);
                    (vector, later(start, end, i, n.atom as usize, n.vector))
                })
                .collect();
            best_fit(&pairs).map(|(sum, deficient)| match statistic {
                Statistic::Sum => (sum, deficient),
                Statistic::Mean => (sum / pairs.len() as f64, deficient),
            })
        })
        .collect();
    if let Some(alone) = fits.iter().position(Option::is_none) {
        return Err(Error::input(
            format!(
                "atom {} has no neighbours within {cutoff}, so no affine map of them",
                atoms[alone] + 1
            ),
            "use a longer cutoff, or other species as neighbours",
        ));
    }
    Ok(Nonaffine {
        values: fits.iter().flatten().map(|f| f.0).collect(),
        deficient: fits.iter().flatten().filter(|f| f.1).count(),
    })
}

/// The vector from i to j at the end, to the image of j that `vector` led to at the start.
fn later(start: &Structure, end: &Structure, i: usize, j: usize, vector: [f64; 3]) -> Vector3<f64> {
    let (a, b) = (&start.simulation_box, &end.simulation_box);
    let direct = a.difference_to_fractional(
        [0, 1, 2].map(|k| vector[k] - (start.positions[j][k] - start.positions[i][k])),
    );
    // Images that j is away from where it was wrapped to, less those of i.
    let shift = [0, 1, 2].map(|k| {
        direct[k].round() + f64::from(end.images[j][k])
            - f64::from(start.images[j][k])
            - f64::from(end.images[i][k])
            + f64::from(start.images[i][k])
    });
    let lattice = b.difference_to_cartesian(shift);
    Vector3::from([0, 1, 2].map(|k| end.positions[j][k] - end.positions[i][k] + lattice[k]))
}

/// Least sum of squares over (R(t), R(t+Δt)), and whether the R(t) do not span space; `None`
/// without any.
fn best_fit(pairs: &[(Vector3<f64>, Vector3<f64>)]) -> Option<(f64, bool)> {
    if pairs.is_empty() {
        return None;
    }
    let (mut x, mut y) = (Matrix3::zeros(), Matrix3::zeros());
    for (before, after) in pairs {
        x += after * before.transpose();
        y += before * before.transpose();
    }
    // The eigenvalues of Y are squares of the singular values of the neighbours' matrix.
    let eigen = y.symmetric_eigen();
    let largest = eigen.eigenvalues.max();
    let mut inverse = Matrix3::zeros();
    let mut rank = 0;
    for k in 0..3 {
        let (value, vector) = (eigen.eigenvalues[k], eigen.eigenvectors.column(k));
        if value > RANK * RANK * largest && value > 0.0 {
            inverse += vector * vector.transpose() / value;
            rank += 1;
        }
    }
    let map = x * inverse;
    let sum = pairs.iter().map(|(before, after)| (after - map * before).norm_squared()).sum();
    Some((sum, rank < 3))
}
