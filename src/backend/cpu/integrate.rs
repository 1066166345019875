//! Velocities, images and forces by cluster, and the loops that move them.

use rayon::prelude::*;

use super::clusters::{Cluster, PairList};
use super::kernel::ClusterForces;
use super::level::{Level, Task};
use super::simd::CLUSTER;
use crate::system::{FIXED_ONE, SimulationBox, advance_fixed};

/// Clusters per chunk of a parallel loop. Fixed, so that partial sums do not depend on the number
/// of threads.
const CHUNK: usize = 64;

/// Below this many clusters a loop is faster on one thread.
const PARALLEL_FROM: usize = 1024;

/// What the integrator keeps of eight atoms, `[axis][atom]`. Padding has mass 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Motion {
    pub velocities: [[f64; CLUSTER]; 3],
    /// Mass times the unit of mass·velocity².
    pub mass: [f64; CLUSTER],
    /// Its inverse, 0 for padding.
    pub inverse_mass: [f64; CLUSTER],
    pub images: [[i32; CLUSTER]; 3],
    pub forces: ClusterForces,
    /// Fractions at the last rebuild.
    pub listed: [[u32; CLUSTER]; 3],
}

impl Motion {
    pub const EMPTY: Self = Self {
        velocities: [[0.0; CLUSTER]; 3],
        mass: [0.0; CLUSTER],
        inverse_mass: [0.0; CLUSTER],
        images: [[0; CLUSTER]; 3],
        forces: [[0.0; CLUSTER]; 3],
        listed: [[0; CLUSTER]; 3],
    };
}

/// How far atoms went, slot by slot of all clusters; padding stays where it is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moved {
    away2: [f64; CLUSTER],
    step2: [f64; CLUSTER],
}

impl Moved {
    /// Largest squared distance from the position at the last rebuild.
    pub fn away2(self) -> f64 {
        self.away2.into_iter().fold(0.0, f64::max)
    }

    /// Largest squared distance in this move; NaN if any is.
    pub fn step2(self) -> f64 {
        self.step2.into_iter().fold(0.0, larger)
    }
}

/// The larger, or NaN if there is one, which `max` would drop.
#[inline(always)]
fn larger(a: f64, b: f64) -> f64 {
    if b <= a || a.is_nan() { a } else { b }
}

/// A loop over all clusters that sums something up.
trait Sweep: Sync {
    type Sum: Copy + Default + Send;
    /// What it does to cluster `n`, and adds to the sum.
    fn visit(&self, n: usize, cluster: &mut Cluster, motion: &mut Motion, sum: &mut Self::Sum);
    fn join(a: Self::Sum, b: Self::Sum) -> Self::Sum;
}

/// A share of a sweep, compiled for the instruction set.
struct Chunk<'a, S> {
    sweep: &'a S,
    first: usize,
    clusters: &'a mut [Cluster],
    motions: &'a mut [Motion],
}

impl<S: Sweep> Task for Chunk<'_, S> {
    type Output = S::Sum;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> S::Sum {
        let mut sum = S::Sum::default();
        for k in 0..self.clusters.len() {
            let (cluster, motion) = (&mut self.clusters[k], &mut self.motions[k]);
            self.sweep.visit(self.first + k, cluster, motion, &mut sum);
        }
        sum
    }
}

/// Sweeps over every cluster and joins the sums of chunks in order.
fn over_clusters<S: Sweep>(
    level: Level,
    clusters: &mut [Cluster],
    motions: &mut [Motion],
    sweep: &S,
) -> S::Sum {
    let chunk =
        |(n, (clusters, motions))| level.run(Chunk { sweep, first: n * CHUNK, clusters, motions });
    if clusters.len() < PARALLEL_FROM {
        let chunks = clusters.chunks_mut(CHUNK).zip(motions.chunks_mut(CHUNK)).enumerate();
        chunks.map(chunk).fold(S::Sum::default(), S::join)
    } else {
        let partial: Vec<S::Sum> = clusters
            .par_chunks_mut(CHUNK)
            .zip(motions.par_chunks_mut(CHUNK))
            .enumerate()
            .map(chunk)
            .collect();
        partial.into_iter().fold(S::Sum::default(), S::join)
    }
}

/// Turns velocities into fixed-point displacements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drift {
    inverse_lengths: [f64; 3],
    lengths: [f64; 3],
    tilts: [f64; 3],
}

impl Drift {
    pub fn new(simulation_box: &SimulationBox) -> Self {
        Self {
            inverse_lengths: simulation_box.lengths.map(|l| FIXED_ONE / l),
            lengths: simulation_box.lengths.map(|l| l / FIXED_ONE),
            tilts: simulation_box.tilts.map(|t| t / FIXED_ONE),
        }
    }

    /// Signed fixed-point displacement of a displacement vector.
    #[inline(always)]
    fn to_fixed(self, d: [f64; 3]) -> [i32; 3] {
        let [xy, xz, yz] = self.tilts;
        let fz = d[2] * self.inverse_lengths[2];
        let fy = (d[1] - yz * fz) * self.inverse_lengths[1];
        let fx = (d[0] - xy * fy - xz * fz) * self.inverse_lengths[0];
        [round_to_i32(fx), round_to_i32(fy), round_to_i32(fz)]
    }

    #[inline(always)]
    fn length2(self, u: [i32; 3]) -> f64 {
        let [xy, xz, yz] = self.tilts;
        let [fx, fy, fz] = [f64::from(u[0]), f64::from(u[1]), f64::from(u[2])];
        let x = self.lengths[0] * fx + xy * fy + xz * fz;
        let y = self.lengths[1] * fy + yz * fz;
        let z = self.lengths[2] * fz;
        x * x + y * y + z * z
    }

    #[inline(always)]
    fn drift(self, cluster: &mut Cluster, motion: &mut Motion, time: f64, moved: &mut Moved) {
        let mut by = [[0; CLUSTER]; 3];
        for a in 0..CLUSTER {
            let v = &motion.velocities;
            let d = [time * v[0][a], time * v[1][a], time * v[2][a]];
            let step2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
            moved.step2[a] = larger(moved.step2[a], step2);
            let to = self.to_fixed(d);
            (by[0][a], by[1][a], by[2][a]) = (to[0], to[1], to[2]);
        }
        let mut away = [[0; CLUSTER]; 3];
        for k in 0..3 {
            for a in 0..CLUSTER {
                motion.images[k][a] += advance_fixed(&mut cluster.fractions[k][a], by[k][a]);
                away[k][a] = cluster.fractions[k][a].wrapping_sub(motion.listed[k][a]) as i32;
            }
        }
        for a in 0..CLUSTER {
            let away2 = self.length2([away[0][a], away[1][a], away[2][a]]);
            moved.away2[a] = moved.away2[a].max(away2);
        }
    }

    /// Largest squared distance from the positions at the last rebuild.
    pub fn farthest_from_list(self, clusters: &[Cluster], motions: &[Motion]) -> f64 {
        let mut worst = 0.0f64;
        for (cluster, motion) in clusters.iter().zip(motions) {
            for a in 0..CLUSTER {
                if motion.mass[a] > 0.0 {
                    let away = [0, 1, 2]
                        .map(|k| cluster.fractions[k][a].wrapping_sub(motion.listed[k][a]) as i32);
                    worst = worst.max(self.length2(away));
                }
            }
        }
        worst
    }
}

/// v → v + ½Δt f/m (if `half_step` is not 0), then r → r + `time`·v, no faster than `cap`.
#[derive(Debug, Clone, Copy)]
pub(super) struct KickAndDrift {
    pub drift: Drift,
    pub half_step: f64,
    pub time: f64,
    pub cap: Option<f64>,
}

impl KickAndDrift {
    pub fn run(self, level: Level, clusters: &mut [Cluster], motions: &mut [Motion]) -> Moved {
        over_clusters(level, clusters, motions, &self)
    }
}

impl Sweep for KickAndDrift {
    type Sum = Moved;

    #[inline(always)]
    fn visit(&self, _: usize, cluster: &mut Cluster, motion: &mut Motion, moved: &mut Moved) {
        kick(motion, self.half_step);
        if let Some(fastest) = self.cap {
            limit_speed(motion, fastest);
        }
        self.drift.drift(cluster, motion, self.time, moved);
    }

    fn join(a: Moved, b: Moved) -> Moved {
        let mut farther = a;
        for k in 0..CLUSTER {
            farther.away2[k] = a.away2[k].max(b.away2[k]);
            farther.step2[k] = larger(a.step2[k], b.step2[k]);
        }
        farther
    }
}

/// Nearest integer of |x| < 2³¹ by the carry of a large addend: a plain `as i32` would saturate
/// lane by lane.
#[inline(always)]
fn round_to_i32(x: f64) -> i32 {
    (x + 6755399441055744.0).to_bits() as i32
}

/// v → v + ½Δt f/m.
#[inline(always)]
fn kick(motion: &mut Motion, half_step: f64) {
    for k in 0..3 {
        for a in 0..CLUSTER {
            let force = f64::from(motion.forces[k][a]);
            motion.velocities[k][a] += half_step * force * motion.inverse_mass[a];
        }
    }
}

#[inline(always)]
fn limit_speed(motion: &mut Motion, fastest: f64) {
    for a in 0..CLUSTER {
        let v = [0, 1, 2].map(|k| motion.velocities[k][a]);
        let speed = (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).sqrt();
        if speed > fastest {
            for k in 0..3 {
                motion.velocities[k][a] *= fastest / speed;
            }
        }
    }
}

/// Σ m v² of a cluster added to a sum.
#[inline(always)]
fn add_twice_kinetic(motion: &Motion, sum: f64) -> f64 {
    let mut lanes = [0.0; CLUSTER];
    for k in 0..3 {
        for a in 0..CLUSTER {
            lanes[a] += motion.mass[a] * motion.velocities[k][a] * motion.velocities[k][a];
        }
    }
    sum + ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6]))
        + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]))
}

/// Sums the blocks' contributions to a cluster's forces, in the order of blocks.
#[inline(always)]
pub(super) fn collect_forces(
    list: &PairList,
    buffers: &[Vec<ClusterForces>],
    cluster: usize,
) -> ClusterForces {
    let from = list.contribution_start[cluster] as usize;
    let to = list.contribution_start[cluster + 1] as usize;
    let mut sum = [[0.0; CLUSTER]; 3];
    for &(block, local) in &list.contributions[from..to] {
        let part = &buffers[block as usize][local as usize];
        for k in 0..3 {
            for a in 0..CLUSTER {
                sum[k][a] += part[k][a];
            }
        }
    }
    sum
}

/// Collects forces, then v → v + ½Δt f/m.
struct CollectAndKick<'a> {
    list: &'a PairList,
    buffers: &'a [Vec<ClusterForces>],
    half_step: f64,
}

impl Sweep for CollectAndKick<'_> {
    type Sum = f64;

    #[inline(always)]
    fn visit(&self, n: usize, _: &mut Cluster, motion: &mut Motion, sum: &mut f64) {
        motion.forces = collect_forces(self.list, self.buffers, n);
        kick(motion, self.half_step);
        *sum = add_twice_kinetic(motion, *sum);
    }

    fn join(a: f64, b: f64) -> f64 {
        a + b
    }
}

/// Collects forces, then v → v + ½Δt f/m; returns Σ m v².
pub(super) fn collect_and_kick(
    level: Level,
    clusters: &mut [Cluster],
    motions: &mut [Motion],
    list: &PairList,
    buffers: &[Vec<ClusterForces>],
    half_step: f64,
) -> f64 {
    over_clusters(level, clusters, motions, &CollectAndKick { list, buffers, half_step })
}

/// v → factor·v.
struct Scale(f64);

impl Sweep for Scale {
    type Sum = f64;

    #[inline(always)]
    fn visit(&self, _: usize, _: &mut Cluster, motion: &mut Motion, sum: &mut f64) {
        if self.0 != 1.0 {
            for k in 0..3 {
                for a in 0..CLUSTER {
                    motion.velocities[k][a] *= self.0;
                }
            }
        }
        *sum = add_twice_kinetic(motion, *sum);
    }

    fn join(a: f64, b: f64) -> f64 {
        a + b
    }
}

/// v → factor·v; returns Σ m v².
pub(super) fn scale(
    level: Level,
    clusters: &mut [Cluster],
    motions: &mut [Motion],
    factor: f64,
) -> f64 {
    over_clusters(level, clusters, motions, &Scale(factor))
}

/// v → change(cluster, v).
struct Change<F>(F);

impl<F: Fn(usize, &mut Motion) + Sync> Sweep for Change<F> {
    /// Σ m v² before and after.
    type Sum = [f64; 2];

    #[inline(always)]
    fn visit(&self, n: usize, _: &mut Cluster, motion: &mut Motion, sum: &mut [f64; 2]) {
        sum[0] = add_twice_kinetic(motion, sum[0]);
        (self.0)(n, motion);
        sum[1] = add_twice_kinetic(motion, sum[1]);
    }

    fn join(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
        [a[0] + b[0], a[1] + b[1]]
    }
}

/// v → change(cluster, v); returns Σ m v² before and after.
pub(super) fn change_velocities(
    level: Level,
    clusters: &mut [Cluster],
    motions: &mut [Motion],
    change: impl Fn(usize, &mut Motion) + Sync,
) -> [f64; 2] {
    over_clusters(level, clusters, motions, &Change(change))
}
