//! Cavities: every local maximum of the distance to the surface of the nearest atom.
//!
//! A maximum lies in the convex hull of the centres of the atoms that its sphere touches, or the
//! sphere could move away from all of them. A cell of the box none of whose atoms in question have
//! such a hull near it holds no maximum; other cells are divided until few atoms are left, whose
//! common tangent spheres are then known in closed form. No maximum is missed, however small, and
//! nothing depends on a grid.

use rayon::prelude::*;

use super::cells::{Cells, Run};
use crate::error::Result;
use crate::system::{SimulationBox, Structure};

/// Atoms in question of a cell that is not divided further.
const FEW: usize = 7;
/// Divisions of a cell at most: where more than [`FEW`] atoms of a crystal touch one sphere, two
/// maxima in a cell of a 128th of the mean distance of atoms count once.
const DEEPEST: u32 = 6;
/// Steps of the search for a plane between a cell and the atoms in question.
const STEPS: usize = 24;
/// Lengths that rounding makes, over the mean distance of atoms.
const ROUNDING: f64 = 1e-9;

/// Radii of the cavities of a frame, ascending. No point of the box is farther than `farthest` from
/// the surface of the nearest atom; `radii` are those of the species.
pub(super) fn cavity_radii(
    structure: &Structure,
    radii: &[f64],
    farthest: f64,
) -> Result<Vec<f64>> {
    let cell = &structure.simulation_box;
    let spacing = (cell.volume() / structure.len() as f64).cbrt();
    let edges = cell.vectors().map(length);
    let counts = edges.map(|l| (2.0 * l / spacing).ceil().max(1.0) as usize);
    let part = counts.map(|n| 1.0 / n as f64);
    let largest = radii.iter().copied().fold(0.0, f64::max);
    let reach = largest + farthest + 2.0 * half_diagonal(cell, part);
    let cells = Cells::new(cell, &structure.positions, reach)?;
    let [nx, ny, nz] = counts;
    let mut found: Vec<([u32; 3], f64)> = (0..ny * nz)
        .into_par_iter()
        .flat_map_iter(|row| {
            let mut search = Search { cell, rounding: ROUNDING * spacing, found: Vec::new() };
            let mut runs = Vec::new();
            for x in 0..nx {
                let place = [x, row % ny, row / ny];
                let middle = [0, 1, 2].map(|k| (place[k] as f64 + 0.5) * part[k]);
                let near = atoms_near(structure, &cells, radii, middle, &mut runs);
                search.divide(middle, part, &near, 0);
            }
            search.found
        })
        .collect();
    // A maximum on the face of a cell is found in both.
    found.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    found.dedup_by_key(|f| f.0);
    let mut found: Vec<f64> = found.into_iter().map(|(_, radius)| radius).collect();
    found.sort_by(f64::total_cmp);
    Ok(found)
}

/// An atom seen from the middle of a cell.
#[derive(Debug, Clone, Copy)]
struct Near {
    /// Vector to it.
    at: [f64; 3],
    radius: f64,
}

impl Near {
    /// Distance of a point to its surface.
    fn surface(&self, from: [f64; 3]) -> f64 {
        length(minus(self.at, from)) - self.radius
    }
}

/// Every atom that the cells were made to find around a point.
fn atoms_near(
    structure: &Structure,
    cells: &Cells,
    radii: &[f64],
    middle: [f64; 3],
    runs: &mut Vec<Run>,
) -> Vec<Near> {
    let at = structure.simulation_box.to_cartesian(middle);
    let (row, x) = cells.place(middle);
    cells.runs(row, x, false, runs);
    let [xs, ys, zs] = &cells.xyz;
    let mut near = Vec::new();
    for run in runs.iter() {
        for j in run.start..run.end {
            let place = [xs[j], ys[j], zs[j]];
            let there = [0, 1, 2].map(|k| place[k] + run.shift[k] - at[k]);
            let kind = structure.kinds[cells.order[j] as usize];
            near.push(Near { at: there, radius: radii[usize::from(kind)] });
        }
    }
    near
}

/// Half the longest diagonal of a part of the box.
fn half_diagonal(cell: &SimulationBox, part: [f64; 3]) -> f64 {
    [[1.0, 1.0, 1.0], [-1.0, 1.0, 1.0], [1.0, -1.0, 1.0], [1.0, 1.0, -1.0]]
        .iter()
        .map(|signs| {
            let across = [0, 1, 2].map(|k| signs[k] * part[k]);
            0.5 * length(cell.difference_to_cartesian(across))
        })
        .fold(0.0, f64::max)
}

struct Search<'a> {
    cell: &'a SimulationBox,
    rounding: f64,
    /// Place in the box, in steps of 2⁻²⁰ of its edges, and radius.
    found: Vec<([u32; 3], f64)>,
}

impl Search<'_> {
    /// Looks for maxima in the part of the box around `middle`. `near` has, seen from there, at
    /// least the atoms that may be nearest to some point of the part.
    fn divide(&mut self, middle: [f64; 3], part: [f64; 3], near: &[Near], depth: u32) {
        let half = half_diagonal(self.cell, part);
        let here = near.iter().map(|n| n.surface([0.0; 3])).fold(f64::INFINITY, f64::min);
        if here + half <= 0.0 {
            return;
        }
        // Moved by `half`, a point gains and loses at most that.
        let limit = here + 2.0 * half + self.rounding;
        let near: Vec<Near> =
            near.iter().copied().filter(|n| n.surface([0.0; 3]) <= limit).collect();
        if near.len() < 4 || beyond(&near, half) {
            return;
        }
        if near.len() <= FEW || depth == DEEPEST {
            self.touching(middle, part, &near);
            return;
        }
        let quarter = part.map(|p| 0.25 * p);
        for child in 0..8 {
            let aside =
                [0, 1, 2].map(|k| if child >> k & 1 == 1 { quarter[k] } else { -quarter[k] });
            let shift = self.cell.difference_to_cartesian(aside);
            let seen: Vec<Near> =
                near.iter().map(|n| Near { at: minus(n.at, shift), radius: n.radius }).collect();
            let middle = [0, 1, 2].map(|k| middle[k] + aside[k]);
            self.divide(middle, part.map(|p| 0.5 * p), &seen, depth + 1);
        }
    }

    /// Keeps the spheres that touch four of the atoms, contain none and cannot grow.
    fn touching(&mut self, middle: [f64; 3], part: [f64; 3], near: &[Near]) {
        let n = near.len();
        for d in 3..n {
            for c in 2..d {
                for b in 1..c {
                    for a in 0..b {
                        let four = [near[a], near[b], near[c], near[d]];
                        for (at, radius) in tangent_spheres(&four).into_iter().flatten() {
                            let f = self.cell.difference_to_fractional(at);
                            let inside = (0..3).all(|k| f[k].abs() <= 0.5 * part[k] + ROUNDING);
                            if inside && self.is_maximum(near, at, radius) {
                                let place = [0, 1, 2].map(|k| quantized(middle[k] + f[k]));
                                self.found.push((place, radius));
                                if n > FEW {
                                    return;
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// True if no atom reaches into the sphere and those that touch it are on both sides of every
    /// plane through its centre.
    fn is_maximum(&self, near: &[Near], at: [f64; 3], radius: f64) -> bool {
        let tolerance = 1e3 * self.rounding;
        let mut touching = Vec::with_capacity(8);
        for atom in near {
            let gap = atom.surface(at) - radius;
            if gap < -tolerance {
                return false;
            }
            if gap < tolerance {
                let v = minus(atom.at, at);
                touching.push(v.map(|x| x / length(v).max(f64::MIN_POSITIVE)));
            }
        }
        let flat = 1e-6;
        for (k, &u) in touching.iter().enumerate() {
            for &v in &touching[k + 1..] {
                let normal = cross(u, v);
                let size = length(normal);
                if size < flat {
                    continue;
                }
                let heights = touching.iter().map(|&w| dot(normal, w) / size);
                let (low, high) =
                    heights.fold((0.0f64, 0.0f64), |(low, high), h| (low.min(h), high.max(h)));
                if low > -flat || high < flat {
                    return false;
                }
            }
        }
        true
    }
}

/// Place along an edge in steps of 2⁻²⁰ of it.
fn quantized(f: f64) -> u32 {
    const STEPS_OF_AN_EDGE: f64 = (1u32 << 20) as f64;
    ((f - f.floor()) * STEPS_OF_AN_EDGE).round() as u32 % (1 << 20)
}

/// True if the hull of the atoms' centres is farther than `half` from the origin. By Gilbert's
/// iteration towards its nearest point (SIAM J. Control 4, 61 (1966), doi:10.1137/0304007): every
/// step gives a plane, and only one that leaves all centres beyond says so.
fn beyond(near: &[Near], half: f64) -> bool {
    let mut p = near[0].at;
    for _ in 0..STEPS {
        let size = length(p);
        if size <= half {
            return false;
        }
        let (mut least, mut next) = (f64::INFINITY, p);
        for atom in near {
            let along = dot(p, atom.at);
            if along < least {
                (least, next) = (along, atom.at);
            }
        }
        if least > half * size {
            return true;
        }
        let back = minus(p, next);
        let square = dot(back, back);
        if square <= 0.0 {
            return false;
        }
        let step = (dot(p, back) / square).clamp(0.0, 1.0);
        p = [0, 1, 2].map(|k| p[k] - step * back[k]);
    }
    false
}

/// Spheres that touch four spheres from outside, |x − rᵢ| = t + Rᵢ: the differences to the first
/// equation are linear in x and t, which leaves a quadratic in t.
fn tangent_spheres(four: &[Near; 4]) -> [Option<([f64; 3], f64)>; 2] {
    let none = [None, None];
    let first = four[0];
    let rows = [1, 2, 3].map(|k| minus(four[k].at, first.at));
    let volume = dot(rows[0], cross(rows[1], rows[2]));
    let size = rows.iter().map(|r| length(*r)).product::<f64>();
    if volume.abs() <= 1e-9 * size {
        return none;
    }
    // Solution of rows · x = right.
    let solve = |right: [f64; 3]| {
        let parts = [cross(rows[1], rows[2]), cross(rows[2], rows[0]), cross(rows[0], rows[1])];
        [0, 1, 2].map(|k| (0..3).map(|m| right[m] * parts[m][k]).sum::<f64>() / volume)
    };
    let own = first.radius;
    let p = solve([0, 1, 2].map(|k| {
        let other = four[k + 1].radius;
        0.5 * (dot(rows[k], rows[k]) - other * other + own * own)
    }));
    let q = solve([0, 1, 2].map(|k| own - four[k + 1].radius));
    // a t² + 2 b t + c = 0
    let (a, b, c) = (dot(q, q) - 1.0, dot(p, q) - own, dot(p, p) - own * own);
    let sphere = |t: f64| {
        let touches = t > 0.0 && t.is_finite();
        touches.then(|| ([0, 1, 2].map(|k| first.at[k] + p[k] + t * q[k]), t))
    };
    let square = b * b - a * c;
    if square < 0.0 {
        return none;
    }
    // Of the two forms of a root, the one without cancellation.
    let sum = -(b + square.sqrt().copysign(b));
    [sphere(sum / a), sphere(c / sum)]
}

fn minus(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn length(a: [f64; 3]) -> f64 {
    dot(a, a).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{RandomStream, Species, Stream};

    const RADII: [f64; 2] = [1.0, 0.4];
    const FARTHEST: f64 = 2.4;

    /// Atoms of two sizes near the corners of a lattice, so that no point is far from all.
    fn shaken(tilts: [f64; 3], seed: u64) -> Structure {
        let stream = RandomStream::new(seed, Stream::Sampling);
        let cell = SimulationBox::new([0.0, 1.0, -1.0], [4.6, 4.8, 5.2], tilts).expect("box");
        let place = |i: u32| {
            [0u32, 1, 2].map(|k| 0.5 * (f64::from(i >> k & 1) + 0.5 * stream.uniform(0, i, k)))
        };
        let positions = (0..8).map(|i| cell.to_cartesian(place(i))).collect();
        let species = ["A", "B"].map(|n| Species { name: n.into(), mass: None }).to_vec();
        Structure::new(cell, species, vec![0, 1, 0, 0, 1, 1, 0, 1], positions).expect("sound")
    }

    /// All atoms and images within a distance of a point of the box, nearest first.
    fn around(shaken: &Structure, at: [f64; 3], reach: f64) -> Vec<Near> {
        let mut near = Vec::new();
        for image in 0..343i32 {
            let t = [image % 7 - 3, image / 7 % 7 - 3, image / 49 - 3].map(f64::from);
            let shift = shaken.simulation_box.difference_to_cartesian(t);
            for (r, kind) in shaken.positions.iter().zip(&shaken.kinds) {
                let there = [0, 1, 2].map(|k| r[k] + shift[k] - at[k]);
                near.push(Near { at: there, radius: RADII[usize::from(*kind)] });
            }
        }
        near.retain(|n| length(n.at) < reach);
        near.sort_by(|a, b| length(a.at).total_cmp(&length(b.at)));
        near
    }

    /// True if a point is within the tetrahedron of four others.
    fn within(at: [f64; 3], four: &[Near; 4]) -> bool {
        let [a, b, c, d] = four.map(|n| minus(n.at, at));
        let volume = |u, v, w| dot(u, cross(v, w));
        let parts = [volume(b, c, d), -volume(a, c, d), volume(a, b, d), -volume(a, b, c)];
        parts.iter().all(|v| *v > 0.0) || parts.iter().all(|v| *v < 0.0)
    }

    /// The empty spheres among those that touch any four atoms, with their centres between them.
    fn every_one(shaken: &Structure) -> Vec<f64> {
        let mut found: Vec<([f64; 3], f64)> = Vec::new();
        for origin in &shaken.positions {
            let near = around(shaken, *origin, 2.0 * (FARTHEST + RADII[0]));
            for d in 1..near.len() {
                for c in 1..d {
                    for b in 1..c {
                        let four = [near[0], near[b], near[c], near[d]];
                        for (at, radius) in tangent_spheres(&four).into_iter().flatten() {
                            let place = [0, 1, 2].map(|k| at[k] + origin[k]);
                            let known = |f: &([f64; 3], f64)| {
                                let apart = minus(place, f.0);
                                length(shaken.simulation_box.minimum_image(apart)) < 1e-6
                            };
                            if radius < FARTHEST
                                && within(at, &four)
                                && near.iter().all(|n| n.surface(at) > radius - 1e-9)
                                && !found.iter().any(known)
                            {
                                found.push((place, radius));
                            }
                        }
                    }
                }
            }
        }
        let mut radii: Vec<f64> = found.into_iter().map(|f| f.1).collect();
        radii.sort_by(f64::total_cmp);
        radii
    }

    #[test]
    fn all_cavities_of_a_small_box_are_found() {
        let mut most = 0;
        for (tilts, seed) in [([0.0; 3], 3), ([1.1, -0.8, 1.4], 4)] {
            let shaken = shaken(tilts, seed);
            let cavities = || cavity_radii(&shaken, &RADII, FARTHEST).expect("cavities");
            let (wanted, found) = (every_one(&shaken), cavities());
            assert_eq!(found.len(), wanted.len(), "{found:?} {wanted:?}");
            assert!(found.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 1e-8));
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
            assert_eq!(pool.install(cavities), found);
            most = most.max(found.len());
        }
        assert!(most > 8, "{most}");
    }

    #[test]
    fn a_sphere_between_four_touches_each() {
        let atoms = [
            ([0.0, 0.0, 0.0], 1.0),
            ([4.0, 0.3, 0.0], 0.5),
            ([0.2, 4.1, 0.1], 0.8),
            ([0.4, 0.5, 3.9], 1.3),
        ];
        let four = atoms.map(|(at, radius)| Near { at, radius });
        let spheres: Vec<_> = tangent_spheres(&four).into_iter().flatten().collect();
        assert_eq!(spheres.len(), 1);
        for atom in four {
            assert!((atom.surface(spheres[0].0) - spheres[0].1).abs() < 1e-12);
        }
        let flat = [[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 0.0]];
        let flat = flat.map(|at| Near { at, radius: 0.1 });
        assert_eq!(tangent_spheres(&flat), [None, None]);
    }
}
