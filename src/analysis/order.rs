//! Shape of a site: tetrahedral order and continuous shape measures.

use nalgebra::{Matrix3, Matrix4, SymmetricEigen};
use serde::{Deserialize, Serialize};

use super::cells::Neighbor;

/// Tetrahedral order q = 1 − (3/8) Σ_{j<k} (cos θ_jk + 1/3)² over four neighbours: 1 in a regular
/// tetrahedron, 0 on average for random directions (Errington & Debenedetti, Nature 409, 318
/// (2001), doi:10.1038/35053024).
pub fn tetrahedral_order(neighbors: &[Neighbor; 4]) -> f64 {
    let mut sum = 0.0;
    for j in 0..4 {
        for k in j + 1..4 {
            let (a, b) = (&neighbors[j], &neighbors[k]);
            let dot: f64 = (0..3).map(|x| a.vector[x] * b.vector[x]).sum();
            sum += (dot / (a.distance * b.distance) + 1.0 / 3.0).powi(2);
        }
    }
    1.0 - 0.375 * sum
}

/// A regular polyhedron that a site is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Shape {
    /// Four ligands.
    Tetrahedron,
    /// Six ligands.
    Octahedron,
}

impl Shape {
    /// The shape for a number of ligands.
    pub fn of_coordination(ligands: usize) -> Option<Self> {
        match ligands {
            4 => Some(Self::Tetrahedron),
            6 => Some(Self::Octahedron),
            _ => None,
        }
    }

    /// Name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tetrahedron => "tetrahedron",
            Self::Octahedron => "octahedron",
        }
    }

    fn vertices(self) -> Vec<[f64; 3]> {
        match self {
            Self::Tetrahedron => {
                vec![[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]
            }
            Self::Octahedron => vec![
                [1.0, 0.0, 0.0],
                [-1.0, 0.0, 0.0],
                [0.0, 1.0, 0.0],
                [0.0, -1.0, 0.0],
                [0.0, 0.0, 1.0],
                [0.0, 0.0, -1.0],
            ],
        }
    }
}

/// Continuous shape measure of a site, centre and ligands: S = 100 min Σ|q − p|²/Σ|q − q̄|² over
/// rotation, size and assignment of the ideal polyhedron's points p; 0 for the ideal shape
/// (Pinsky & Avnir, Inorg. Chem. 37, 5575 (1998), doi:10.1021/ic9804925).
///
/// `ligands` are vectors from the centre; `None` unless there are as many as the shape has.
pub fn continuous_shape(ligands: &[[f64; 3]], shape: Shape) -> Option<f64> {
    let ideal = shape.vertices();
    if ligands.len() != ideal.len() {
        return None;
    }
    let n = ligands.len();
    // The ideal centre is the centroid of its points already.
    let mut mean = [0.0; 3];
    for v in ligands {
        (0..3).for_each(|k| mean[k] += v[k] / (n + 1) as f64);
    }
    let points: Vec<[f64; 3]> = ligands.iter().map(|v| [0, 1, 2].map(|k| v[k] - mean[k])).collect();
    let squares = |rows: &[[f64; 3]]| rows.iter().flatten().map(|x| x * x).sum::<f64>();
    let total = squares(&points) + mean.iter().map(|x| x * x).sum::<f64>();
    let norm = squares(&ideal);
    if !(total > 0.0) {
        return None;
    }
    let mut best = 0.0_f64;
    // Rotations of the polyhedron take any vertex to any other, so the first assignment is free.
    let mut order: Vec<usize> = (0..n).collect();
    permute(&mut order, 1, &mut |order| {
        let mut m = Matrix3::zeros();
        for (p, &k) in points.iter().zip(order) {
            for a in 0..3 {
                for b in 0..3 {
                    m[(a, b)] += p[a] * ideal[k][b];
                }
            }
        }
        best = best.max(best_overlap(&m));
    });
    Some((100.0 * (1.0 - best * best / (total * norm))).max(0.0))
}

/// max over rotations R of Σ q·Rp: the largest eigenvalue of Horn's matrix (J. Opt. Soc. Am. A 4,
/// 629 (1987), doi:10.1364/JOSAA.4.000629).
fn best_overlap(m: &Matrix3<f64>) -> f64 {
    let [xx, xy, xz] = [m[(0, 0)], m[(0, 1)], m[(0, 2)]];
    let [yx, yy, yz] = [m[(1, 0)], m[(1, 1)], m[(1, 2)]];
    let [zx, zy, zz] = [m[(2, 0)], m[(2, 1)], m[(2, 2)]];
    let horn = Matrix4::new(
        xx + yy + zz,
        yz - zy,
        zx - xz,
        xy - yx,
        yz - zy,
        xx - yy - zz,
        xy + yx,
        zx + xz,
        zx - xz,
        xy + yx,
        yy - xx - zz,
        yz + zy,
        xy - yx,
        zx + xz,
        yz + zy,
        zz - xx - yy,
    );
    SymmetricEigen::new(horn).eigenvalues.max()
}

fn permute(order: &mut [usize], from: usize, visit: &mut impl FnMut(&[usize])) {
    if from + 1 >= order.len() {
        return visit(order);
    }
    for k in from..order.len() {
        order.swap(from, k);
        permute(order, from + 1, visit);
        order.swap(from, k);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ideal_shapes_measure_zero_and_squares_do_not() {
        let turn = |v: &[f64; 3]| {
            let (s, c) = 0.7_f64.sin_cos();
            let w = [c * v[0] - s * v[1], s * v[0] + c * v[1], v[2]];
            [1.7 * w[0], 1.7 * (c * w[1] - s * w[2]), 1.7 * (s * w[1] + c * w[2])]
        };
        for shape in [Shape::Tetrahedron, Shape::Octahedron] {
            let mut points: Vec<[f64; 3]> = shape.vertices().iter().map(turn).collect();
            points.reverse();
            points.swap(0, 2);
            assert!(continuous_shape(&points, shape).expect("fits") < 1e-9);
            assert_eq!(continuous_shape(&points[1..], shape), None);
        }
        // Published: a square is at S = 33.33 from the tetrahedron, a trigonal prism (edges all
        // equal) at 16.74 from the octahedron (Alvarez et al., New J. Chem. 26, 996 (2002)).
        let square = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]];
        let s = continuous_shape(&square, Shape::Tetrahedron).expect("four");
        assert!((s - 100.0 / 3.0).abs() < 0.01, "{s}");
        let h = 3.0_f64.sqrt() / 2.0;
        let prism: Vec<[f64; 3]> =
            [-h, h].iter().flat_map(|&z| [[1.0, 0.0, z], [-0.5, h, z], [-0.5, -h, z]]).collect();
        let s = continuous_shape(&prism, Shape::Octahedron).expect("six");
        assert!((s - 16.74).abs() < 0.02, "{s}");
    }

    #[test]
    fn tetrahedral_order_of_tetrahedron_and_square() {
        let of = |v: [[f64; 3]; 4]| {
            tetrahedral_order(&v.map(|vector| Neighbor {
                atom: 0,
                vector,
                distance: vector.iter().map(|x| x * x).sum::<f64>().sqrt(),
            }))
        };
        let ideal: [[f64; 3]; 4] = Shape::Tetrahedron.vertices().try_into().expect("four");
        assert!((of(ideal) - 1.0).abs() < 1e-12);
        // Angles of 90° four times and 180° twice: 1 − 3/8 (4/9 + 2·4/9) = 1/2.
        let square = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]];
        assert!((of(square) - 0.5).abs() < 1e-12);
    }
}
