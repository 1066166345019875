//! Atoms in clusters of eight, and the list of cluster pairs within reach.
//!
//! Everything here is a pure function of the positions at the last rebuild, so a resumed run has
//! the same clusters, the same list and the same order of summation.

use rayon::prelude::*;

use super::simd::{CLUSTER, Lanes};
use crate::system::{FixedPosition, SimulationBox};

/// Marks a slot without an atom.
pub(super) const PADDING: u32 = u32::MAX;

/// i-clusters are halves of j-clusters.
pub(super) const HALF: usize = CLUSTER / 2;

/// Positions and species of eight atoms, as the kernel reads them.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Cluster {
    pub fractions: [[u32; CLUSTER]; 3],
    pub species: [u32; CLUSTER],
}

/// Which atom is in which slot.
#[derive(Debug, Clone, Default)]
pub(super) struct ClusterOrder {
    /// Atom of each slot; slots come in clusters.
    pub atoms: Vec<[u32; CLUSTER]>,
    /// Columns along the first and second box edge.
    columns: [usize; 2],
    /// First cluster of each column, and the end.
    column_start: Vec<u32>,
    /// Lowest and highest third fraction of each cluster.
    heights: Vec<[u32; 2]>,
    /// Where each cluster lies.
    bounds: Vec<Bounds>,
}

impl ClusterOrder {
    /// Sorts atoms into columns of about a cluster's edge, each column along the third axis, and
    /// cuts the columns into clusters.
    pub fn new(simulation_box: &SimulationBox, fractions: &[FixedPosition]) -> Self {
        let widths = simulation_box.perpendicular_widths();
        let edge = (CLUSTER as f64 * simulation_box.volume() / fractions.len() as f64).cbrt();
        let columns = [0, 1].map(|k| (widths[k] / edge).round().clamp(1.0, 30_000.0) as usize);
        let cell = |u: u32, n: usize| ((u64::from(u) * n as u64) >> 32) as usize;
        let mut keys: Vec<(u64, u32)> = fractions
            .par_iter()
            .enumerate()
            .map(|(atom, u)| {
                let column = cell(u[0], columns[0]) * columns[1] + cell(u[1], columns[1]);
                (((column as u64) << 32) | u64::from(u[2]), atom as u32)
            })
            .collect();
        keys.par_sort_unstable();
        let count = columns[0] * columns[1];
        let mut order = Self { columns, ..Self::default() };
        order.column_start.reserve(count + 1);
        let mut next = 0;
        for column in 0..count {
            order.column_start.push(order.atoms.len() as u32);
            let end = next + keys[next..].partition_point(|k| (k.0 >> 32) as usize == column);
            for members in keys[next..end].chunks(CLUSTER) {
                let mut atoms = [PADDING; CLUSTER];
                for (slot, key) in atoms.iter_mut().zip(members) {
                    *slot = key.1;
                }
                order.atoms.push(atoms);
                let height = |k: &(u64, u32)| k.0 as u32;
                order.heights.push([height(&members[0]), height(&members[members.len() - 1])]);
            }
            next = end;
        }
        order.column_start.push(order.atoms.len() as u32);
        order
    }

    /// Kernel clusters with the given positions; padding repeats its cluster's first atom under
    /// the species `padding_species`, which interacts with nothing.
    pub fn fill(
        &mut self,
        fractions: &[FixedPosition],
        kinds: &[u16],
        padding_species: u32,
        clusters: &mut Vec<Cluster>,
    ) {
        self.atoms
            .par_iter()
            .map(|atoms| {
                let mut cluster =
                    Cluster { fractions: [[0; CLUSTER]; 3], species: [padding_species; CLUSTER] };
                for (slot, &atom) in atoms.iter().enumerate() {
                    let real = if atom == PADDING { atoms[0] } else { atom } as usize;
                    for k in 0..3 {
                        cluster.fractions[k][slot] = fractions[real][k];
                    }
                    if atom != PADDING {
                        cluster.species[slot] = u32::from(kinds[real]);
                    }
                }
                cluster
            })
            .collect_into_vec(clusters);
        clusters
            .par_iter()
            .map(|cluster| bounds(cluster, 0..CLUSTER))
            .collect_into_vec(&mut self.bounds);
    }
}

/// A j-cluster in the list of an i-cluster.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Index of the j-cluster.
    pub cluster: u32,
    /// Its place in the block's force buffer.
    pub local: u32,
    /// Bit 0: the first two atoms of the i-cluster have partners there; bit 1: the second two.
    pub sides: u32,
}

/// A fixed share of the i-clusters with their lists.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// First i-cluster.
    pub first: u32,
    /// Start of each i-cluster's entries, and the end.
    pub starts: Vec<u32>,
    /// Places of the i-clusters' own j-clusters in the force buffer.
    pub own: Vec<u32>,
    /// The lists.
    pub entries: Vec<Entry>,
    /// j-cluster of each place in the force buffer.
    pub touched: Vec<u32>,
}

/// The list: every pair of atoms within `cutoff` is in exactly one cluster pair.
#[derive(Debug, Default)]
pub(super) struct PairList {
    pub blocks: Vec<Block>,
    /// For each j-cluster, where its force contributions lie: (block, place), by rising block.
    pub contributions: Vec<(u32, u32)>,
    /// Start of each j-cluster's contributions, and the end.
    pub contribution_start: Vec<u32>,
}

/// Geometry of a list in the units of fractions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    /// List cutoff squared.
    pub cutoff2: f32,
    /// Box matrix times 2⁻³²: lx, ly, lz, xy, xz, yz.
    pub matrix: [f32; 6],
    /// Cutoff over perpendicular width.
    pub fraction: [f64; 3],
    /// Perpendicular widths times 2⁻³².
    pub widths: [f64; 3],
    pub triclinic: bool,
    pub cutoff: f64,
}

impl Reach {
    pub fn new(simulation_box: &SimulationBox, cutoff: f64) -> Self {
        let widths = simulation_box.perpendicular_widths();
        Self {
            cutoff2: (cutoff * cutoff) as f32,
            matrix: fraction_matrix(simulation_box),
            fraction: widths.map(|w| cutoff / w),
            widths: widths.map(|w| w / crate::system::FIXED_ONE),
            triclinic: simulation_box.is_triclinic(),
            cutoff,
        }
    }
}

/// lx, ly, lz, xy, xz, yz over 2³²: turns signed fixed-point differences into lengths.
pub(super) fn fraction_matrix(simulation_box: &SimulationBox) -> [f32; 6] {
    let [lx, ly, lz] = simulation_box.lengths;
    let [xy, xz, yz] = simulation_box.tilts;
    [lx, ly, lz, xy, xz, yz].map(|x| (x / crate::system::FIXED_ONE) as f32)
}

/// Separation vectors from signed fixed-point differences.
#[inline(always)]
pub(super) fn separation<L: Lanes, const TRICLINIC: bool>(
    i: &[L::Int; 3],
    j: &[L::Int; 3],
    matrix: &[f32; 6],
) -> [L; 3] {
    // Written out: closures over vectors are not inlined into functions with more instructions
    // than the crate's baseline.
    let fx = L::wrapped_difference(i[0], j[0]);
    let fy = L::wrapped_difference(i[1], j[1]);
    let fz = L::wrapped_difference(i[2], j[2]);
    let lx = L::constant(f64::from(matrix[0]));
    let ly = L::constant(f64::from(matrix[1]));
    let lz = L::constant(f64::from(matrix[2]));
    if TRICLINIC {
        let xy = L::constant(f64::from(matrix[3]));
        let xz = L::constant(f64::from(matrix[4]));
        let yz = L::constant(f64::from(matrix[5]));
        [fx.mul_add(lx, fy.mul_add(xy, fz * xz)), fy.mul_add(ly, fz * yz), lz * fz]
    } else {
        [lx * fx, ly * fy, lz * fz]
    }
}

#[inline(always)]
pub(super) fn square<L: Lanes>(d: &[L; 3]) -> L {
    d[0].mul_add(d[0], d[1].mul_add(d[1], d[2] * d[2]))
}

/// i-atoms of half a cluster as vectors: `[vector][axis]`, 4/ROWS vectors used.
#[inline(always)]
pub(super) fn load_rows<L: Lanes>(cluster: &Cluster, half: usize) -> [[L::Int; 3]; HALF] {
    let first = [
        L::rows_int(&cluster.fractions[0][half * HALF..]),
        L::rows_int(&cluster.fractions[1][half * HALF..]),
        L::rows_int(&cluster.fractions[2][half * HALF..]),
    ];
    let mut rows = [first; HALF];
    for v in 1..HALF / L::ROWS {
        let at = half * HALF + v * L::ROWS;
        for k in 0..3 {
            rows[v][k] = L::rows_int(&cluster.fractions[k][at..]);
        }
    }
    rows
}

#[inline(always)]
pub(super) fn load_cluster<L: Lanes>(cluster: &Cluster) -> [L::Int; 3] {
    [
        L::cluster_int(&cluster.fractions[0]),
        L::cluster_int(&cluster.fractions[1]),
        L::cluster_int(&cluster.fractions[2]),
    ]
}

/// Centre and half extent along each axis, in fractions of 2³².
type Bounds = [[u32; 2]; 3];

/// Bounds of a half or whole cluster. Within a column no coordinate wraps.
#[inline(always)]
fn bounds(cluster: &Cluster, slots: std::ops::Range<usize>) -> Bounds {
    let mut bounds = [[0; 2]; 3];
    for k in 0..3 {
        let (mut low, mut high) = (u32::MAX, 0);
        for &u in &cluster.fractions[k][slots.clone()] {
            low = low.min(u);
            high = high.max(u);
        }
        let extent = high - low;
        bounds[k] = [low + extent / 2, extent / 2 + 1];
    }
    bounds
}

/// Lists the partners of the i-clusters of one block. `L` is the instruction set.
#[inline(always)]
pub(super) fn list_block<L: Lanes>(
    order: &ClusterOrder,
    clusters: &[Cluster],
    reach: &Reach,
    first: u32,
    last: u32,
    stamps: &mut [(u32, u32)],
    stamp: u32,
) -> Block {
    let mut block = Block { first, ..Block::default() };
    let mut place = |cluster: u32, touched: &mut Vec<u32>| {
        let (seen, local) = &mut stamps[cluster as usize];
        if *seen != stamp {
            (*seen, *local) = (stamp, touched.len() as u32);
            touched.push(cluster);
        }
        *local
    };
    let [nx, ny] = order.columns;
    for ci in first..last {
        let own = ci / 2;
        block.starts.push(block.entries.len() as u32);
        block.own.push(place(own, &mut block.touched));
        let half = (ci % 2) as usize;
        if order.atoms[own as usize][half * HALF] == PADDING {
            continue;
        }
        let home = &clusters[own as usize];
        let extent = bounds(home, half * HALF..half * HALF + HALF);
        let rows = load_rows::<L>(home, half);
        let xs = columns_in_reach(extent[0], reach.fraction[0], nx);
        let ys = columns_in_reach(extent[1], reach.fraction[1], ny);
        for x in xs.clone() {
            for y in ys.clone() {
                let column = (x % nx) * ny + y % ny;
                let range =
                    order.column_start[column] as usize..order.column_start[column + 1] as usize;
                let heights = &order.heights[range.clone()];
                // A tall cluster can overlap both windows of a range that wraps: take it once.
                let mut done = 0;
                for [low, high] in
                    height_windows(extent[2], reach.fraction[2]).into_iter().flatten()
                {
                    let from = heights.partition_point(|h| h[1] < low).max(done);
                    let to = heights.partition_point(|h| h[0] <= high).max(from);
                    done = to;
                    for cj in range.start + from..range.start + to {
                        if cj < own as usize {
                            continue;
                        }
                        let other = &clusters[cj];
                        if far_apart(&extent, &order.bounds[cj], reach) {
                            continue;
                        }
                        let sides = if reach.triclinic {
                            sides_within::<L, true>(&rows, other, reach)
                        } else {
                            sides_within::<L, false>(&rows, other, reach)
                        };
                        if sides != 0 {
                            let local = place(cj as u32, &mut block.touched);
                            block.entries.push(Entry { cluster: cj as u32, local, sides });
                        }
                    }
                }
            }
        }
        // By sides, so that the kernel's branches on them are predicted; a stable sort keeps the
        // order a function of the positions.
        let start = block.starts[block.starts.len() - 1] as usize;
        block.entries[start..].sort_by_key(|entry| entry.sides);
    }
    block.starts.push(block.entries.len() as u32);
    block
}

/// Columns (not yet taken modulo n) that an extent with its reach overlaps, each once.
fn columns_in_reach(extent: [u32; 2], reach: f64, n: usize) -> std::ops::Range<usize> {
    let centre = f64::from(extent[0]) / crate::system::FIXED_ONE;
    let half = f64::from(extent[1]) / crate::system::FIXED_ONE + reach;
    let first = ((centre - half) * n as f64).floor() as i64;
    let last = ((centre + half) * n as f64).floor() as i64;
    let count = (last - first + 1).min(n as i64);
    let start = first.rem_euclid(n as i64) as usize;
    start..start + count as usize
}

/// Ranges of the third fraction within reach: one, or two where the range wraps.
fn height_windows(extent: [u32; 2], reach: f64) -> [Option<[u32; 2]>; 2] {
    let reach = (reach * crate::system::FIXED_ONE).ceil() as u64 + u64::from(extent[1]) + 1;
    if 2 * reach >= u64::from(u32::MAX) {
        return [Some([0, u32::MAX]), None];
    }
    let low = extent[0].wrapping_sub(reach as u32);
    let high = extent[0].wrapping_add(reach as u32);
    if low <= high { [Some([low, high]), None] } else { [Some([0, high]), Some([low, u32::MAX])] }
}

/// True if the bounds alone keep the clusters apart.
fn far_apart(a: &Bounds, b: &Bounds, reach: &Reach) -> bool {
    let mut gaps = [0.0; 3];
    for k in 0..3 {
        let centres = (b[k][0].wrapping_sub(a[k][0]) as i32).unsigned_abs();
        let gap = centres.saturating_sub(a[k][1].saturating_add(b[k][1]));
        gaps[k] = f64::from(gap) * reach.widths[k];
    }
    if reach.triclinic {
        gaps[0] > reach.cutoff || gaps[1] > reach.cutoff || gaps[2] > reach.cutoff
    } else {
        gaps[0] * gaps[0] + gaps[1] * gaps[1] + gaps[2] * gaps[2] > reach.cutoff * reach.cutoff
    }
}

#[inline(always)]
/// Which sides of an i-cluster have an atom within reach of a j-cluster.
fn sides_within<L: Lanes, const TRICLINIC: bool>(
    rows: &[[L::Int; 3]; HALF],
    other: &Cluster,
    reach: &Reach,
) -> u32 {
    let j = load_cluster::<L>(other);
    let cutoff2 = L::constant(f64::from(reach.cutoff2));
    let vectors = HALF / L::ROWS;
    let mut sides = 0;
    for (v, row) in rows.iter().take(vectors).enumerate() {
        let d = separation::<L, TRICLINIC>(row, &j, &reach.matrix);
        if L::count(square(&d).less(cutoff2)) > 0 {
            sides |= 1 << (2 * v / vectors);
        }
    }
    sides
}

impl PairList {
    /// i-clusters in a block: small systems still make enough blocks for all cores, large ones
    /// few enough that their halos stay small beside them.
    pub fn block_size(clusters: usize) -> usize {
        (2 * clusters).div_ceil(16).clamp(24, 1024)
    }

    /// Lists all pairs; `list` runs [`list_block`] under the session's instruction set.
    pub fn new(
        order: &ClusterOrder,
        list: impl Fn(u32, u32, &mut [(u32, u32)], u32) -> Block + Sync,
    ) -> Self {
        let clusters = order.atoms.len();
        let size = Self::block_size(clusters);
        let blocks: Vec<Block> = (0..(2 * clusters).div_ceil(size))
            .into_par_iter()
            .map_init(
                || vec![(PADDING, 0); clusters],
                |stamps, b| {
                    let first = (b * size) as u32;
                    let last = ((b + 1) * size).min(2 * clusters) as u32;
                    list(first, last, stamps, b as u32)
                },
            )
            .collect();
        let mut start = vec![0u32; clusters + 1];
        for block in &blocks {
            for &cluster in &block.touched {
                start[cluster as usize + 1] += 1;
            }
        }
        for c in 0..clusters {
            start[c + 1] += start[c];
        }
        let mut next = start.clone();
        let mut contributions = vec![(0, 0); start[clusters] as usize];
        for (b, block) in blocks.iter().enumerate() {
            for (local, &cluster) in block.touched.iter().enumerate() {
                let at = &mut next[cluster as usize];
                contributions[*at as usize] = (b as u32, local as u32);
                *at += 1;
            }
        }
        Self { blocks, contributions, contribution_start: start }
    }
}
