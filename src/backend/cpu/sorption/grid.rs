//! Where the numbers of lattices side by side lie.
//!
//! Value (z, y, x, lane) is at ((z·(ny + 2) + y + 1)·(nx + 2) + x + 1)·lanes + lane (with layers
//! before and behind in three dimensions too): around the sites there is a frame of copies of the
//! sites at the other side. So every neighbour is at the same distance in memory at every site, and
//! a pass is one flat loop over sites and frame that the compiler vectorises; what it makes of the
//! frame is replaced by copies afterwards. What a lane computes does not depend on the others.

use crate::sorption::{Dimension, Shape};

/// Passes go over whole vectors.
pub(super) const VECTOR: usize = 16;

/// Layout of `lanes` lattices side by side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    size: [usize; 3],
    pub three: bool,
    pub lanes: usize,
    /// Distance in memory of neighbours along y and along z.
    pub row: usize,
    pub layer: usize,
    /// First site, and the length of a pass.
    pub first: usize,
    pub span: usize,
}

impl Grid {
    pub fn new(shape: Shape, lanes: usize) -> Self {
        let size = shape.size;
        let [nz, ny, nx] = size;
        let three = shape.dimension == Dimension::Three;
        let row = (nx + 2) * lanes;
        let layer = (ny + 2) * row;
        let first = usize::from(three) * layer + row + lanes;
        let last = (nz - 1) * layer + (ny - 1) * row + nx * lanes;
        Self { size, three, lanes, row, layer, first, span: last.next_multiple_of(VECTOR) }
    }

    /// Length of an array.
    pub fn len(&self) -> usize {
        (self.size[0] + 2 * usize::from(self.three)) * self.layer + VECTOR
    }

    /// Where the sites of a lane are.
    pub fn sites(&self, lane: usize) -> impl Iterator<Item = usize> + use<> {
        let ([nz, ny, nx], grid) = (self.size, *self);
        (0..nz * ny).flat_map(move |row| {
            let start = grid.first + row / ny * grid.layer + row % ny * grid.row + lane;
            (0..nx).map(move |x| start + x * grid.lanes)
        })
    }

    /// An array from one function of (lane, site), zero in the frame.
    pub fn fill(&self, value: impl Fn(usize, usize) -> f32) -> Vec<f32> {
        let mut array = vec![0.0; self.len()];
        for lane in 0..self.lanes {
            for (site, at) in self.sites(lane).enumerate() {
                array[at] = value(lane, site);
            }
        }
        array
    }

    /// Sum over a lane's sites, in their order.
    pub fn sum(&self, lane: usize, array: &[f32]) -> f64 {
        self.sites(lane).map(|at| f64::from(array[at])).sum()
    }

    /// Makes the frame copies of the sites at the other side.
    #[inline(always)]
    pub fn wrap(&self, array: &mut [f32]) {
        let [nz, ny, _] = self.size;
        for z in 0..nz {
            let layer = self.first - self.row - self.lanes + z * self.layer;
            let layer = &mut array[layer..layer + self.layer];
            for y in 1..=ny {
                let row = &mut layer[y * self.row..(y + 1) * self.row];
                let n = row.len();
                if self.lanes == 1 {
                    row[0] = row[n - 2];
                    row[n - 1] = row[1];
                } else {
                    row.copy_within(n - 2 * self.lanes..n - self.lanes, 0);
                    row.copy_within(self.lanes..2 * self.lanes, n - self.lanes);
                }
            }
            layer.copy_within(ny * self.row..(ny + 1) * self.row, 0);
            layer.copy_within(self.row..2 * self.row, (ny + 1) * self.row);
        }
        if self.three {
            array.copy_within(nz * self.layer..(nz + 1) * self.layer, 0);
            array.copy_within(self.layer..2 * self.layer, (nz + 1) * self.layer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_memory_are_neighbours_of_the_lattice() {
        for (shape, lanes) in [
            (Shape::square(3, 5), 1),
            (Shape::square(1, 1), 4),
            (Shape::square(2, 20), 4),
            (Shape::cubic(2, 3, 4), 3),
            (Shape::cubic(1, 1, 1), 1),
        ] {
            let grid = Grid::new(shape, lanes);
            let mut array = grid.fill(|lane, site| (site * lanes + lane) as f32);
            grid.wrap(&mut array);
            assert!(grid.first + grid.span + grid.layer <= grid.len() + grid.layer);
            for lane in 0..lanes {
                for (site, at) in grid.sites(lane).enumerate() {
                    let mut steps = vec![grid.lanes, grid.row];
                    steps.extend(grid.three.then_some(grid.layer));
                    let mut have: Vec<f32> = steps
                        .iter()
                        .flat_map(|step| [array[at - step], array[at + step]])
                        .collect();
                    let mut want: Vec<f32> =
                        shape.neighbours(site).map(|j| (j * lanes + lane) as f32).collect();
                    have.sort_by(f32::total_cmp);
                    want.sort_by(f32::total_cmp);
                    assert_eq!(have, want, "{shape:?} {lanes} {site}");
                }
            }
        }
    }
}
