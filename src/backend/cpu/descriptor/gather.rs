//! The neighbours of one centre, group by group, as padded columns.

use super::lanes::LANES;
use crate::descriptor::CellList;

/// Neighbours of one group: columns padded to whole lanes with weight zero.
#[derive(Debug, Default, Clone)]
pub(super) struct Points {
    pub x: Vec<f32>,
    pub y: Vec<f32>,
    pub z: Vec<f32>,
    pub r: Vec<f32>,
    /// 1, and 0 for padding.
    pub weight: Vec<f32>,
    /// Candidate number: the same neighbour has it in every group.
    pub id: Vec<u32>,
    /// Neighbours without padding.
    pub len: usize,
}

impl Points {
    fn clear(&mut self) {
        self.len = 0;
    }

    /// Room for `more` neighbours behind those there are.
    fn reserve(&mut self, more: usize) {
        let needed = self.len + more + LANES;
        if self.x.len() < needed {
            let size = 2 * needed;
            for column in [&mut self.x, &mut self.y, &mut self.z, &mut self.r, &mut self.weight] {
                column.resize(size, 0.0);
            }
            self.id.resize(size, 0);
        }
    }

    /// Adds the centre itself.
    pub fn push_centre(&mut self) {
        self.reserve(1);
        let n = self.len;
        (self.x[n], self.y[n], self.z[n], self.r[n]) = (0.0, 0.0, 0.0, 0.0);
        self.id[n] = u32::MAX;
        self.len += 1;
    }

    /// Fills the last lanes with points of no weight at a harmless place.
    pub fn pad(&mut self) {
        self.reserve(0);
        let padded = self.padded();
        self.weight[..self.len].fill(1.0);
        for n in self.len..padded {
            (self.x[n], self.y[n], self.z[n], self.r[n]) = (1.0, 0.0, 0.0, 1.0);
            self.weight[n] = 0.0;
            self.id[n] = u32::MAX;
        }
    }

    /// Length with padding.
    pub fn padded(&self) -> usize {
        self.len.next_multiple_of(LANES)
    }
}

/// Candidates looked at together.
const CHUNK: usize = 64;

/// Work space of a thread.
#[derive(Debug, Default)]
pub(super) struct Around {
    pub groups: Vec<Points>,
    runs: Vec<(std::ops::Range<usize>, [f64; 3])>,
}

impl Around {
    pub fn new(groups: usize) -> Self {
        Self { groups: vec![Points::default(); groups], runs: Vec::new() }
    }

    /// Finds the neighbours of a wrapped position. `bits` are the groups of the sorted atoms.
    #[inline(always)]
    pub fn gather(&mut self, cells: &CellList, bits: &[u32], position: [f64; 3], cutoff: f64) {
        self.groups.iter_mut().for_each(Points::clear);
        self.runs.clear();
        let runs = &mut self.runs;
        cells.for_each_run(position, |range, shift| runs.push((range, shift)));
        let [x, y, z] = &cells.coordinates;
        let limit = cutoff * cutoff;
        let mut d = [[0f32; CHUNK]; 4];
        let mut inside = [0u32; CHUNK];
        let mut number = 0;
        for (range, shift) in &self.runs {
            // Differences in double precision, because coordinates are large and differences small.
            let [sx, sy, sz] = [0, 1, 2].map(|k| shift[k] - position[k]);
            let mut first = range.start;
            while first < range.end {
                let count = (range.end - first).min(CHUNK);
                let (x, y, z) =
                    (&x[first..first + count], &y[first..first + count], &z[first..first + count]);
                let bits = &bits[first..first + count];
                for k in 0..count {
                    let (dx, dy, dz) = (x[k] + sx, y[k] + sy, z[k] + sz);
                    let r2 = dx * dx + dy * dy + dz * dz;
                    d[0][k] = dx as f32;
                    d[1][k] = dy as f32;
                    d[2][k] = dz as f32;
                    d[3][k] = (r2 as f32).sqrt();
                    // The centre itself is the only point at distance zero.
                    inside[k] = if r2 < limit && r2 > 0.0 { bits[k] } else { 0 };
                }
                for (g, points) in self.groups.iter_mut().enumerate() {
                    points.reserve(count);
                    let mut n = points.len;
                    for k in 0..count {
                        points.x[n] = d[0][k];
                        points.y[n] = d[1][k];
                        points.z[n] = d[2][k];
                        points.r[n] = d[3][k];
                        points.id[n] = number + k as u32;
                        n += (inside[k] >> g & 1) as usize;
                    }
                    points.len = n;
                }
                number += count as u32;
                first += count;
            }
        }
    }
}
