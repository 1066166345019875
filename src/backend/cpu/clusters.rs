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

/// Lowest and highest fraction along one axis.
type Interval = [u32; 2];

/// Which atom is in which slot, and where to look for neighbours: slabs along the first axis,
/// columns along the second within each, clusters along the third within each. All are full but
/// for the last cluster, so that no lane computes padding in vain.
#[derive(Debug, Clone, Default)]
pub(super) struct ClusterOrder {
    /// Atom of each slot; slots come in clusters.
    pub atoms: Vec<[u32; CLUSTER]>,
    /// First fractions of each slab, rising.
    slabs: Vec<Interval>,
    /// First column of each slab, and the end.
    slab_start: Vec<usize>,
    /// Second fractions of each column, rising within a slab.
    columns: Vec<Interval>,
    /// First cluster of each column, and the end.
    column_start: Vec<usize>,
    /// Third fractions of each cluster, rising within a column.
    heights: Vec<Interval>,
    /// Where each cluster lies.
    bounds: Vec<Bounds>,
}

/// Atoms by one coordinate: (fraction, atom).
type Key = (u32, u32);

fn interval(sorted: &[Key]) -> Interval {
    [sorted[0].0, sorted[sorted.len() - 1].0]
}

/// Sorts atoms along an axis.
fn sort_along(axis: usize, fractions: &[FixedPosition], keys: &mut [Key]) {
    for key in keys.iter_mut() {
        key.0 = fractions[key.1 as usize][axis];
    }
    keys.sort_unstable();
}

/// Clusters of atoms shared out among `parts` (at most as many as there are clusters): the first
/// atom of each part, and the end.
fn shares(atoms: usize, parts: usize) -> Vec<usize> {
    let clusters = atoms.div_ceil(CLUSTER);
    let parts = parts.clamp(1, clusters.max(1));
    (0..=parts).map(|k| (CLUSTER * (k * clusters / parts)).min(atoms)).collect()
}

/// What one slab adds to the order.
#[derive(Default)]
struct Slab {
    first: Interval,
    columns: Vec<Interval>,
    /// Clusters in each column.
    counts: Vec<usize>,
    atoms: Vec<[u32; CLUSTER]>,
    heights: Vec<Interval>,
}

impl Slab {
    fn new(fractions: &[FixedPosition], keys: &mut [Key], columns: usize) -> Self {
        let mut slab = Self { first: interval(keys), ..Self::default() };
        sort_along(1, fractions, keys);
        for ends in shares(keys.len(), columns).windows(2) {
            let column = &mut keys[ends[0]..ends[1]];
            slab.columns.push(interval(column));
            sort_along(2, fractions, column);
            slab.counts.push(column.len().div_ceil(CLUSTER));
            for members in column.chunks(CLUSTER) {
                let mut atoms = [PADDING; CLUSTER];
                for (slot, key) in atoms.iter_mut().zip(members) {
                    *slot = key.1;
                }
                slab.atoms.push(atoms);
                slab.heights.push(interval(members));
            }
        }
        slab
    }
}

impl ClusterOrder {
    /// Cuts the atoms into slabs, columns and clusters of equal numbers, each about as long as
    /// wide. Atoms at equal heights are told apart by their index.
    pub fn new(simulation_box: &SimulationBox, fractions: &[FixedPosition]) -> Self {
        let widths = simulation_box.perpendicular_widths();
        let edge = (CLUSTER as f64 * simulation_box.volume() / fractions.len() as f64).cbrt();
        let parts = [0, 1].map(|k| (widths[k] / edge).round().clamp(1.0, 30_000.0) as usize);
        let mut keys: Vec<Key> =
            fractions.par_iter().enumerate().map(|(atom, u)| (u[0], atom as u32)).collect();
        keys.par_sort_unstable();
        let ends = shares(keys.len(), parts[0]);
        let mut rest = keys.as_mut_slice();
        let mut slabs = Vec::with_capacity(ends.len() - 1);
        for ends in ends.windows(2) {
            let (slab, after) = rest.split_at_mut(ends[1] - ends[0]);
            slabs.push(slab);
            rest = after;
        }
        let slabs: Vec<Slab> = slabs
            .into_par_iter()
            .filter(|keys| !keys.is_empty())
            .map(|keys| Slab::new(fractions, keys, parts[1]))
            .collect();
        let mut order = Self::default();
        for slab in slabs {
            order.slabs.push(slab.first);
            order.slab_start.push(order.columns.len());
            let mut next = order.atoms.len();
            for count in slab.counts {
                order.column_start.push(next);
                next += count;
            }
            order.columns.extend(slab.columns);
            order.atoms.extend(slab.atoms);
            order.heights.extend(slab.heights);
        }
        order.slab_start.push(order.columns.len());
        order.column_start.push(order.atoms.len());
        order
    }

    /// Bytes of the order.
    pub fn bytes(&self) -> usize {
        size_of_val(self.atoms.as_slice())
            + size_of_val(self.slabs.as_slice())
            + size_of_val(self.slab_start.as_slice())
            + size_of_val(self.columns.as_slice())
            + size_of_val(self.column_start.as_slice())
            + size_of_val(self.heights.as_slice())
            + size_of_val(self.bounds.as_slice())
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
    pub cluster: u32,
    /// Its place in the block's force buffer.
    pub local: u32,
}

/// The order of an i-cluster's entries: partners of its first two atoms only, of both pairs, of
/// the second two only, so that each pair of atoms has one range.
const ORDER_OF_SIDES: [u8; 4] = [0, 0, 2, 1];

/// A fixed share of the i-clusters with their lists.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// First i-cluster.
    pub first: u32,
    /// Where the entries of each i-cluster's first and second two atoms lie; the ranges overlap.
    pub ranges: Vec<[[u32; 2]; 2]>,
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
    let mut found: Vec<(u8, Entry)> = Vec::new();
    let mut place = |cluster: u32, touched: &mut Vec<u32>| {
        let (seen, local) = &mut stamps[cluster as usize];
        if *seen != stamp {
            (*seen, *local) = (stamp, touched.len() as u32);
            touched.push(cluster);
        }
        *local
    };
    for ci in first..last {
        let own = ci / 2;
        let start = block.entries.len() as u32;
        block.own.push(place(own, &mut block.touched));
        let half = (ci % 2) as usize;
        if order.atoms[own as usize][half * HALF] == PADDING {
            block.ranges.push([[start; 2]; 2]);
            continue;
        }
        let home = &clusters[own as usize];
        let extent = bounds(home, half * HALF..half * HALF + HALF);
        let rows = load_rows::<L>(home, half);
        let window = |axis: usize| windows(extent[axis], reach.fraction[axis]);
        let (xs, ys, zs) = (window(0), window(1), window(2));
        for slab in overlapping(&order.slabs, xs) {
            let slab = order.slab_start[slab]..order.slab_start[slab + 1];
            for column in overlapping(&order.columns[slab.clone()], ys) {
                let column = slab.start + column;
                let range = order.column_start[column]..order.column_start[column + 1];
                for height in overlapping(&order.heights[range.clone()], zs) {
                    let cj = range.start + height;
                    if cj < own as usize || far_apart(&extent, &order.bounds[cj], reach) {
                        continue;
                    }
                    let other = &clusters[cj];
                    let sides = if reach.triclinic {
                        sides_within::<L, true>(&rows, other, reach)
                    } else {
                        sides_within::<L, false>(&rows, other, reach)
                    };
                    if sides != 0 {
                        let local = place(cj as u32, &mut block.touched);
                        let entry = Entry { cluster: cj as u32, local };
                        found.push((ORDER_OF_SIDES[sides as usize], entry));
                    }
                }
            }
        }
        // A stable sort keeps the order a function of the positions.
        found.sort_by_key(|&(order, _)| order);
        let first = found.partition_point(|&(order, _)| order < 2) as u32;
        let second = found.partition_point(|&(order, _)| order < 1) as u32;
        let end = start + found.len() as u32;
        block.ranges.push([[start, start + first], [start + second, end]]);
        block.entries.extend(found.drain(..).map(|(_, entry)| entry));
    }
    block
}

/// Fractions within reach of an extent: one range, or two where it wraps.
fn windows(extent: [u32; 2], reach: f64) -> [Option<Interval>; 2] {
    let reach = (reach * crate::system::FIXED_ONE).ceil() as u64 + u64::from(extent[1]) + 1;
    if 2 * reach >= u64::from(u32::MAX) {
        return [Some([0, u32::MAX]), None];
    }
    let low = extent[0].wrapping_sub(reach as u32);
    let high = extent[0].wrapping_add(reach as u32);
    if low <= high { [Some([low, high]), None] } else { [Some([0, high]), Some([low, u32::MAX])] }
}

/// Which of these rising intervals overlap a window, each once even where it overlaps both parts
/// of one that wraps.
fn overlapping(
    intervals: &[Interval],
    windows: [Option<Interval>; 2],
) -> impl Iterator<Item = usize> + use<> {
    let mut ranges = [0..0, 0..0];
    let mut done = 0;
    for (range, [low, high]) in ranges.iter_mut().zip(windows.into_iter().flatten()) {
        let from = intervals.partition_point(|i| i[1] < low).max(done);
        let to = intervals.partition_point(|i| i[0] <= high).max(from);
        done = to;
        *range = from..to;
    }
    ranges.into_iter().flatten()
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
    /// i-clusters in a block: as many as keep the clusters around them few beside them, with
    /// enough blocks for all cores (16 of 3000 atoms, 45 of 24,000, 290 of a million).
    pub fn block_size(clusters: usize) -> usize {
        let halves = 2 * clusters;
        (3 * halves).isqrt().clamp(24, 1024)
    }

    /// Bytes of the list.
    pub fn bytes(&self) -> usize {
        let block = |b: &Block| {
            size_of_val(b.ranges.as_slice())
                + size_of_val(b.own.as_slice())
                + size_of_val(b.entries.as_slice())
                + size_of_val(b.touched.as_slice())
        };
        self.blocks.iter().map(block).sum::<usize>()
            + size_of_val(self.contributions.as_slice())
            + size_of_val(self.contribution_start.as_slice())
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
