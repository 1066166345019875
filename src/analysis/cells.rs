//! Atoms sorted into cells, for any radius and any box: pairs are found with the images that they
//! have, so that a radius may exceed half the box.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::system::{SimulationBox, Structure};

/// Cells along an edge per search radius.
const PER_RADIUS: f64 = 2.0;
/// Images of the box along an edge that a radius may reach over.
pub(super) const MOST_IMAGES: f64 = 64.0;

/// Atoms in the order of their cells; cells run along x first.
pub(crate) struct Cells {
    simulation_box: SimulationBox,
    radius: f64,
    counts: [usize; 3],
    /// Cells to look at on each side.
    reach: [i64; 3],
    widths: [f64; 3],
    around: Vec<StencilRow>,
    behind: Vec<StencilRow>,
    /// First atom of each cell, and the number of atoms.
    starts: Vec<u32>,
    /// Original index of each sorted atom.
    pub order: Vec<u32>,
    /// Wrapped positions, x, y, z apart.
    pub xyz: [Vec<f64>; 3],
}

/// A row of cells near a cell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StencilRow {
    /// Rows away along y and z.
    pub dy: i64,
    pub dz: i64,
    /// Cells to each side along x.
    pub reach: i64,
}

/// A run of sorted atoms, all moved by the same lattice vector.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub start: usize,
    pub end: usize,
    pub shift: [f64; 3],
}

impl Cells {
    /// Sorts the positions for searches within `radius`.
    pub fn new(
        simulation_box: &SimulationBox,
        positions: &[[f64; 3]],
        radius: f64,
    ) -> Result<Self> {
        let total = simulation_box.perpendicular_widths();
        if !(radius > 0.0 && radius.is_finite()) {
            return Err(Error::input(
                format!("{radius} is not a search radius"),
                "give a positive length",
            ));
        }
        if total.iter().any(|w| radius / w > MOST_IMAGES) || positions.len() >= u32::MAX as usize {
            return Err(too_far(radius));
        }
        // More cells than atoms would only cost memory.
        let most = (positions.len() as f64).cbrt().ceil().max(1.0);
        let counts =
            total.map(|w| (PER_RADIUS * w / radius).floor().clamp(1.0, 2.0 * most) as usize);
        let mut widths = [0.0; 3];
        let mut reach = [0; 3];
        for k in 0..3 {
            widths[k] = total[k] / counts[k] as f64;
            reach[k] = (radius / widths[k]).ceil() as i64;
        }
        let cell_of = |r: &[f64; 3]| {
            let c = cell_at(&counts, simulation_box.to_fractional(*r));
            ((c[2] * counts[1] + c[1]) * counts[0] + c[0]) as u32
        };
        let cells: Vec<u32> = positions.par_iter().map(cell_of).collect();
        let mut starts = vec![0u32; counts.iter().product::<usize>() + 1];
        for &c in &cells {
            starts[c as usize + 1] += 1;
        }
        for k in 1..starts.len() {
            starts[k] += starts[k - 1];
        }
        let mut next = starts.clone();
        let mut order = vec![0u32; positions.len()];
        for (atom, &c) in (0u32..).zip(&cells) {
            order[next[c as usize] as usize] = atom;
            next[c as usize] += 1;
        }
        let xyz = [0, 1, 2].map(|k| {
            order
                .par_iter()
                .map(|&atom| simulation_box.wrap(positions[atom as usize]).0[k])
                .collect()
        });
        let mut cells = Self {
            simulation_box: *simulation_box,
            radius,
            counts,
            reach,
            widths,
            around: Vec::new(),
            behind: Vec::new(),
            starts,
            order,
            xyz,
        };
        (cells.around, cells.behind) = (cells.stencil(false), cells.stencil(true));
        Ok(cells)
    }

    /// Cells along the edges.
    pub fn counts(&self) -> [usize; 3] {
        self.counts
    }

    /// First atom of each cell, and the number of atoms.
    pub fn starts(&self) -> &[u32] {
        &self.starts
    }

    /// Images of an atom that a search may meet, at most.
    pub fn images(&self) -> u64 {
        (0..3).map(|k| 2 * (self.reach[k] as u64).div_ceil(self.counts[k] as u64) + 1).product()
    }

    /// The radius searched within.
    pub fn radius(&self) -> f64 {
        self.radius
    }

    /// Rows of cells: units of work.
    pub fn rows(&self) -> usize {
        self.counts[1] * self.counts[2]
    }

    /// Row and cell of a point with fractional coordinates in [0, 1).
    pub fn place(&self, fractional: [f64; 3]) -> (usize, usize) {
        let [x, y, z] = cell_at(&self.counts, fractional);
        (z * self.counts[1] + y, x)
    }

    /// Cells in a row.
    pub fn row_length(&self) -> usize {
        self.counts[0]
    }

    /// Sorted atoms of a cell of a row.
    pub fn members(&self, row: usize, x: usize) -> std::ops::Range<usize> {
        let cell = row * self.counts[0] + x;
        self.starts[cell] as usize..self.starts[cell + 1] as usize
    }

    /// Rows of cells to look at from a cell, with the cells to each side of it along x. With `half`
    /// only those behind it.
    pub fn stencil(&self, half: bool) -> Vec<StencilRow> {
        let tilted = self.simulation_box.is_triclinic();
        let mut rows = Vec::new();
        for dz in if half { 0 } else { -self.reach[2] }..=self.reach[2] {
            for dy in if half && dz == 0 { 0 } else { -self.reach[1] }..=self.reach[1] {
                // Distance between the rows, at least.
                let gap = |d: i64, k: usize| (d.abs() - 1).max(0) as f64 * self.widths[k];
                let (gy, gz) = (gap(dy, 1), gap(dz, 2));
                let apart = if tilted { gy.max(gz) } else { gy.hypot(gz) };
                if apart >= self.radius {
                    continue;
                }
                let mut reach = self.reach[0];
                if !tilted {
                    let along = (self.radius * self.radius - apart * apart).sqrt();
                    reach = reach.min((along / self.widths[0]).ceil() as i64);
                }
                rows.push(StencilRow { dy, dz, reach });
            }
        }
        rows
    }

    /// Runs of atoms that may be within the radius of those in a cell. With `half`, only runs
    /// behind the cell: every pair of atoms and images is then met once, except pairs within the
    /// cell, which are left out.
    pub fn runs(&self, row: usize, x: usize, half: bool, runs: &mut Vec<Run>) {
        runs.clear();
        let [nx, ny, nz] = self.counts.map(|n| n as i64);
        let home = [x as i64, row as i64 % ny, row as i64 / ny];
        for &StencilRow { dy, dz, reach } in if half { &self.behind } else { &self.around } {
            let low = if half && dy == 0 && dz == 0 { home[0] + 1 } else { home[0] - reach };
            let high = home[0] + reach;
            let (y, z) = (home[1] + dy, home[2] + dz);
            let target = z.rem_euclid(nz) * ny + y.rem_euclid(ny);
            let image = [0, y.div_euclid(ny), z.div_euclid(nz)];
            let mut at = low;
            while at <= high {
                let period = at.div_euclid(nx);
                let last = high.min(period * nx + nx - 1);
                let cell = |c: i64| (target * nx + c - period * nx) as usize;
                let (start, end) = (self.starts[cell(at)], self.starts[cell(last) + 1]);
                if start < end {
                    let shift = self.simulation_box.difference_to_cartesian([
                        period as f64,
                        image[1] as f64,
                        image[2] as f64,
                    ]);
                    runs.push(Run { start: start as usize, end: end as usize, shift });
                }
                at = last + 1;
            }
        }
    }
}

/// A radius that reaches too far.
pub(super) fn too_far(radius: f64) -> Error {
    Error::input(
        format!("a radius of {radius} reaches over more than {MOST_IMAGES} images of the box"),
        "use a shorter radius, or a larger box",
    )
}

fn cell_at(counts: &[usize; 3], f: [f64; 3]) -> [usize; 3] {
    [0, 1, 2].map(|k| (((f[k] - f[k].floor()) * counts[k] as f64) as usize).min(counts[k] - 1))
}

/// An atom near another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbor {
    /// Its index.
    pub atom: u32,
    /// Vector to it, with its image.
    pub vector: [f64; 3],
    /// Length of the vector.
    pub distance: f64,
}

impl Neighbor {
    /// Lattice vector from the cell of the atom `from`, whose neighbour this is, to the cell of the
    /// neighbour, for positions as the structure has them.
    pub fn image(&self, structure: &Structure, from: usize) -> [i64; 3] {
        let (a, b) = (structure.positions[from], structure.positions[self.atom as usize]);
        let beyond = [0, 1, 2].map(|k| self.vector[k] - (b[k] - a[k]));
        structure.simulation_box.difference_to_fractional(beyond).map(|x| x.round() as i64)
    }
}

/// Neighbours of every atom within a cutoff for each pair of species, nearest first.
#[derive(Debug, Clone, PartialEq)]
pub struct NeighborList {
    starts: Vec<usize>,
    neighbors: Vec<Neighbor>,
}

impl NeighborList {
    /// Finds the neighbours; `cutoff(a, b)` must be symmetric, zero for pairs that are no
    /// neighbours. Images count as neighbours of their own where the cutoff exceeds half the box.
    pub fn new(structure: &Structure, cutoff: impl Fn(u16, u16) -> f64 + Sync) -> Result<Self> {
        let kinds = 0..structure.species.len() as u16;
        let longest = kinds
            .clone()
            .flat_map(|a| kinds.clone().map(move |b| (a, b)))
            .map(|(a, b)| cutoff(a, b))
            .fold(0.0, f64::max);
        if longest == 0.0 {
            return Ok(Self { starts: vec![0; structure.len() + 1], neighbors: Vec::new() });
        }
        let cells = Cells::new(&structure.simulation_box, &structure.positions, longest)?;
        let [xs, ys, zs] = &cells.xyz;
        let found: Vec<Vec<(u32, Vec<Neighbor>)>> = (0..cells.rows())
            .into_par_iter()
            .map(|row| {
                let mut result = Vec::new();
                let mut runs = Vec::new();
                for x in 0..cells.row_length() {
                    let members = cells.members(row, x);
                    if members.is_empty() {
                        continue;
                    }
                    cells.runs(row, x, false, &mut runs);
                    for i in members {
                        let atom = cells.order[i];
                        let kind = structure.kinds[atom as usize];
                        let mut near = Vec::new();
                        for run in &runs {
                            let origin =
                                [xs[i] - run.shift[0], ys[i] - run.shift[1], zs[i] - run.shift[2]];
                            for j in run.start..run.end {
                                let d = [xs[j] - origin[0], ys[j] - origin[1], zs[j] - origin[2]];
                                let r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
                                if r2 >= longest * longest {
                                    continue;
                                }
                                let other = cells.order[j];
                                let limit = cutoff(kind, structure.kinds[other as usize]);
                                let itself = i == j && run.shift == [0.0; 3];
                                if r2 < limit * limit && !itself {
                                    near.push(Neighbor {
                                        atom: other,
                                        vector: d,
                                        distance: r2.sqrt(),
                                    });
                                }
                            }
                        }
                        near.sort_by(|a, b| {
                            a.distance.total_cmp(&b.distance).then(a.atom.cmp(&b.atom))
                        });
                        result.push((atom, near));
                    }
                }
                result
            })
            .collect();
        let mut starts = vec![0usize; structure.len() + 1];
        for (atom, near) in found.iter().flatten() {
            starts[*atom as usize + 1] = near.len();
        }
        for k in 1..starts.len() {
            starts[k] += starts[k - 1];
        }
        let nothing = Neighbor { atom: 0, vector: [0.0; 3], distance: 0.0 };
        let mut neighbors = vec![nothing; starts[structure.len()]];
        for (atom, near) in found.iter().flatten() {
            let start = starts[*atom as usize];
            neighbors[start..start + near.len()].copy_from_slice(near);
        }
        Ok(Self { starts, neighbors })
    }

    /// Number of atoms.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// True without atoms.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Neighbours of an atom, nearest first.
    pub fn of(&self, atom: usize) -> &[Neighbor] {
        &self.neighbors[self.starts[atom]..self.starts[atom + 1]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{RandomStream, Species, Stream};

    pub(crate) fn gas(n: u32, tilts: [f64; 3]) -> Structure {
        let stream = RandomStream::new(11, Stream::Sampling);
        let cell = SimulationBox::new([1.0, 2.0, -3.0], [7.0, 8.0, 9.0], tilts).expect("box");
        let positions = (0..n)
            .map(|i| cell.to_cartesian([0, 1, 2].map(|lane| stream.uniform(0, i, lane))))
            .collect();
        let species = ["A", "B"].map(|name| Species { name: name.into(), mass: None }).to_vec();
        Structure::new(cell, species, (0..n).map(|i| u16::from(i % 3 == 0)).collect(), positions)
            .expect("sound")
    }

    #[test]
    fn neighbors_with_images_equal_a_sum_over_images() {
        for tilts in [[0.0; 3], [3.0, -2.0, 1.5]] {
            let gas = gas(40, tilts);
            for radius in [1.5, 3.0, 8.5] {
                let list = NeighborList::new(&gas, |_, _| radius).expect("list");
                for i in 0..gas.len() {
                    let mut wanted = Vec::new();
                    for j in 0..gas.len() {
                        for image in 0..1331i32 {
                            let t = [image % 11 - 5, image / 11 % 11 - 5, image / 121 - 5];
                            let s = gas.simulation_box.difference_to_cartesian(t.map(f64::from));
                            let (a, b) = (gas.positions[i], gas.positions[j]);
                            let d2: f64 = (0..3).map(|k| (b[k] + s[k] - a[k]).powi(2)).sum();
                            if d2 < radius * radius && (i != j || t != [0; 3]) {
                                wanted.push(d2.sqrt());
                            }
                        }
                    }
                    wanted.sort_by(f64::total_cmp);
                    let found: Vec<f64> = list.of(i).iter().map(|n| n.distance).collect();
                    assert_eq!(found.len(), wanted.len(), "{radius}");
                    assert!(found.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 1e-9));
                }
            }
        }
    }

    #[test]
    fn a_radius_over_too_many_images_is_an_error() {
        let error = NeighborList::new(&gas(5, [0.0; 3]), |_, _| 1e4).expect_err("too long");
        assert!(error.to_string().contains("images of the box"), "{error}");
    }
}
