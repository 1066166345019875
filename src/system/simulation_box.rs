//! The triclinic periodic box.

use nalgebra::Vector3;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A periodic box with edge vectors a = (lx, 0, 0), b = (xy, ly, 0), c = (xz, yz, lz) and an
/// origin, the convention of LAMMPS. Any cell can be rotated into this form.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SimulationBox {
    /// Lower corner.
    pub origin: [f64; 3],
    /// Edge lengths lx, ly, lz along x, y, z.
    pub lengths: [f64; 3],
    /// Tilt factors xy, xz, yz.
    pub tilts: [f64; 3],
}

impl SimulationBox {
    /// A box from origin, edge lengths and tilts; lengths must be positive and finite.
    pub fn new(origin: [f64; 3], lengths: [f64; 3], tilts: [f64; 3]) -> Result<Self> {
        let finite = origin.iter().chain(&lengths).chain(&tilts).all(|x| x.is_finite());
        if !finite || lengths.iter().any(|&l| l <= 0.0 || l > 1e7) {
            return Err(Error::input(
                format!(
                    "the box lengths {lengths:?} with tilts {tilts:?} do not make a periodic cell"
                ),
                "give three positive finite lengths and finite tilts",
            ));
        }
        if lengths[0] * lengths[1] * lengths[2] < 1e-12 {
            return Err(Error::input("the box has no volume", "give larger box lengths"));
        }
        Ok(Self { origin, lengths, tilts })
    }

    /// A rectangular box at the origin.
    pub fn orthogonal(lengths: [f64; 3]) -> Result<Self> {
        Self::new([0.0; 3], lengths, [0.0; 3])
    }

    /// A cube at the origin.
    pub fn cubic(length: f64) -> Result<Self> {
        Self::orthogonal([length; 3])
    }

    /// The box spanned by three arbitrary edge vectors (rows), rotated into the standard form.
    /// Returns the box and the rotation R (rows) with r_box = R r for positions, velocities and
    /// forces. The vectors must be right-handed.
    pub fn from_vectors(vectors: [[f64; 3]; 3]) -> Result<(Self, [[f64; 3]; 3])> {
        let [a, b, c] = vectors;
        let [va, vb, vc] = vectors.map(Vector3::from);
        let lx = va.norm();
        let e1 = va / lx;
        let xy = vb.dot(&e1);
        let b_perpendicular = vb - xy * e1;
        let ly = b_perpendicular.norm();
        let e2 = b_perpendicular / ly;
        let e3 = e1.cross(&e2);
        let lengths = [lx, ly, vc.dot(&e3)];
        let made = Self::new([0.0; 3], lengths, [xy, vc.dot(&e1), vc.dot(&e2)]).map_err(|_| {
            Error::input(
                "the lattice vectors do not span a right-handed cell",
                "give three linearly independent vectors with a·(b×c) > 0",
            )
        })?;
        // An axis-aligned input keeps its numbers to the last bit.
        let aligned = a[1] == 0.0 && a[2] == 0.0 && b[2] == 0.0 && a[0] > 0.0 && b[1] > 0.0;
        if aligned {
            let made = Self::new([0.0; 3], [a[0], b[1], c[2]], [b[0], c[0], c[1]])?;
            return Ok((made, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]));
        }
        Ok((made, [e1.into(), e2.into(), e3.into()]))
    }

    /// Edge vectors a, b, c as rows.
    pub fn vectors(&self) -> [[f64; 3]; 3] {
        let [lx, ly, lz] = self.lengths;
        let [xy, xz, yz] = self.tilts;
        [[lx, 0.0, 0.0], [xy, ly, 0.0], [xz, yz, lz]]
    }

    /// True if any tilt is not zero.
    pub fn is_triclinic(&self) -> bool {
        self.tilts.iter().any(|&t| t != 0.0)
    }

    /// Volume lx ly lz.
    pub fn volume(&self) -> f64 {
        self.lengths.iter().product()
    }

    /// Whether one width is less than a tenth of both others, as two-dimensional systems are written
    /// by programs that know three dimensions only.
    pub fn is_flat(&self) -> bool {
        let mut widths = self.perpendicular_widths();
        widths.sort_by(f64::total_cmp);
        10.0 * widths[0] < widths[1]
    }

    /// Perpendicular widths V/|b×c|, V/|c×a|, V/|a×b|: distances between opposite faces.
    pub fn perpendicular_widths(&self) -> [f64; 3] {
        let [a, b, c] = self.vectors().map(Vector3::from);
        let volume = self.volume();
        [b.cross(&c), c.cross(&a), a.cross(&b)].map(|normal| volume / normal.norm())
    }

    /// The longest cutoff for which the nearest image of every pair within it is unique.
    pub fn longest_cutoff(&self) -> f64 {
        0.5 * self.perpendicular_widths().into_iter().fold(f64::INFINITY, f64::min)
    }

    /// Fractional coordinates of a position (not wrapped).
    pub fn to_fractional(&self, r: [f64; 3]) -> [f64; 3] {
        self.difference_to_fractional([
            r[0] - self.origin[0],
            r[1] - self.origin[1],
            r[2] - self.origin[2],
        ])
    }

    /// Fractional components of a difference vector.
    pub fn difference_to_fractional(&self, d: [f64; 3]) -> [f64; 3] {
        let [lx, ly, lz] = self.lengths;
        let [xy, xz, yz] = self.tilts;
        let fz = d[2] / lz;
        let fy = (d[1] - yz * fz) / ly;
        let fx = (d[0] - xy * fy - xz * fz) / lx;
        [fx, fy, fz]
    }

    /// Position of fractional coordinates.
    pub fn to_cartesian(&self, f: [f64; 3]) -> [f64; 3] {
        let d = self.difference_to_cartesian(f);
        [d[0] + self.origin[0], d[1] + self.origin[1], d[2] + self.origin[2]]
    }

    /// Difference vector of fractional components.
    pub fn difference_to_cartesian(&self, f: [f64; 3]) -> [f64; 3] {
        let [lx, ly, lz] = self.lengths;
        let [xy, xz, yz] = self.tilts;
        [lx * f[0] + xy * f[1] + xz * f[2], ly * f[1] + yz * f[2], lz * f[2]]
    }

    /// Shortest periodic image of a difference vector: nearest by fractional rounding, then the
    /// best of its 27 neighbours in a tilted box, exact for cells reduced to |tilt| ≤ length/2.
    pub fn minimum_image(&self, d: [f64; 3]) -> [f64; 3] {
        let f = self.difference_to_fractional(d).map(|x| x - x.round());
        let nearest = self.difference_to_cartesian(f);
        if !self.is_triclinic() {
            return nearest;
        }
        let mut best = nearest;
        for i in -1..=1 {
            for j in -1..=1 {
                for k in -1..=1 {
                    let shifted = [f[0] + f64::from(i), f[1] + f64::from(j), f[2] + f64::from(k)];
                    let candidate = self.difference_to_cartesian(shifted);
                    if dot(candidate, candidate) < dot(best, best) {
                        best = candidate;
                    }
                }
            }
        }
        best
    }

    /// Position wrapped into the box, and the image it came from.
    pub fn wrap(&self, r: [f64; 3]) -> ([f64; 3], [i32; 3]) {
        let f = self.to_fractional(r);
        let image = f.map(|x| x.floor() as i32);
        if image == [0; 3] {
            return (r, image);
        }
        let shift = self.difference_to_cartesian(image.map(f64::from));
        ([r[0] - shift[0], r[1] - shift[1], r[2] - shift[2]], image)
    }
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tilted() -> SimulationBox {
        SimulationBox::new([1.0, -2.0, 0.5], [10.0, 8.0, 12.0], [2.5, -3.0, 1.0]).expect("box")
    }

    #[test]
    fn fractional_round_trip() {
        let b = tilted();
        let r = [3.3, -7.1, 22.9];
        let back = b.to_cartesian(b.to_fractional(r));
        for k in 0..3 {
            assert!((back[k] - r[k]).abs() < 1e-12);
        }
    }

    #[test]
    fn perpendicular_widths_of_a_sheared_cell() {
        let b = SimulationBox::new([0.0; 3], [10.0, 10.0, 10.0], [5.0, 0.0, 0.0]).expect("box");
        let w = b.perpendicular_widths();
        assert!((w[0] - 10.0 / 1.25_f64.sqrt()).abs() < 1e-12);
        assert!((w[1] - 10.0).abs() < 1e-12 && (w[2] - 10.0).abs() < 1e-12);
    }

    #[test]
    fn minimum_image_beats_every_other_image() {
        let b = tilted();
        for n in 0..500u32 {
            let x = f64::from(n);
            let d = [(x * 0.731).sin() * 20.0, (x * 1.37).cos() * 20.0, (x * 2.11).sin() * 20.0];
            let m = b.minimum_image(d);
            for i in -4..=4 {
                for j in -4..=4 {
                    for k in -4..=4 {
                        let s =
                            b.difference_to_cartesian([f64::from(i), f64::from(j), f64::from(k)]);
                        let o = [m[0] + s[0], m[1] + s[1], m[2] + s[2]];
                        assert!(dot(o, o) >= dot(m, m) - 1e-9);
                    }
                }
            }
        }
    }

    #[test]
    fn rotated_vectors_keep_lengths_and_volume() {
        let v = [[1.0, 5.0, 0.3], [-4.0, 1.0, 0.2], [0.5, 0.1, 6.0]];
        let (b, rotation) = SimulationBox::from_vectors(v).expect("right-handed");
        let w = b.vectors();
        for k in 0..3 {
            assert!((dot(v[k], v[k]) - dot(w[k], w[k])).abs() < 1e-12);
            let turned = rotation.map(|row| dot(row, v[k]));
            for x in 0..3 {
                assert!((turned[x] - w[k][x]).abs() < 1e-12);
            }
        }
    }
}
