//! Velocities, images and forces by cluster, and the loops that move them.

use rayon::prelude::*;

use super::clusters::{Cluster, PairList};
use super::kernel::ClusterForces;
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
    pub images: [[i32; CLUSTER]; 3],
    pub forces: ClusterForces,
    /// Fractions at the last rebuild.
    pub listed: [[u32; CLUSTER]; 3],
}

impl Motion {
    pub const EMPTY: Self = Self {
        velocities: [[0.0; CLUSTER]; 3],
        mass: [0.0; CLUSTER],
        images: [[0; CLUSTER]; 3],
        forces: [[0.0; CLUSTER]; 3],
        listed: [[0; CLUSTER]; 3],
    };
}

/// How far atoms went.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moved {
    /// Largest squared distance from the position at the last rebuild.
    pub from_list2: f64,
    /// Largest squared distance in this move; NaN if any is.
    pub step2: f64,
}

/// Runs `work` on every cluster and combines the results of chunks in order.
fn over_clusters<T: Send + Sync + Copy>(
    clusters: &mut [Cluster],
    motions: &mut [Motion],
    start: T,
    work: impl Fn(usize, &mut Cluster, &mut Motion, T) -> T + Sync,
    join: impl Fn(T, T) -> T,
) -> T {
    let chunk = |(n, (clusters, motions)): (usize, (&mut [Cluster], &mut [Motion]))| {
        let mut sum = start;
        for (k, (c, m)) in clusters.iter_mut().zip(motions).enumerate() {
            sum = work(n * CHUNK + k, c, m, sum);
        }
        sum
    };
    if clusters.len() < PARALLEL_FROM {
        let chunks = clusters.chunks_mut(CHUNK).zip(motions.chunks_mut(CHUNK)).enumerate();
        chunks.map(chunk).fold(start, join)
    } else {
        let partial: Vec<T> = clusters
            .par_chunks_mut(CHUNK)
            .zip(motions.par_chunks_mut(CHUNK))
            .enumerate()
            .map(chunk)
            .collect();
        partial.into_iter().fold(start, join)
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
        [fx, fy, fz].map(round_to_i32)
    }

    #[inline(always)]
    fn length2(self, u: [i32; 3]) -> f64 {
        let [xy, xz, yz] = self.tilts;
        let [fx, fy, fz] = u.map(f64::from);
        let x = self.lengths[0] * fx + xy * fy + xz * fz;
        let y = self.lengths[1] * fy + yz * fz;
        let z = self.lengths[2] * fz;
        x * x + y * y + z * z
    }

    /// v → scale·v + ½Δt f/m (if `half_step` is not 0), then r → r + `time`·v.
    pub fn kick_and_drift(
        self,
        clusters: &mut [Cluster],
        motions: &mut [Motion],
        half_step: f64,
        time: f64,
        cap: Option<f64>,
    ) -> Moved {
        over_clusters(
            clusters,
            motions,
            Moved::default(),
            |_, cluster, motion, moved| {
                kick(motion, half_step);
                if let Some(fastest) = cap {
                    limit_speed(motion, fastest);
                }
                self.drift(cluster, motion, time, moved)
            },
            farther,
        )
    }

    #[inline(always)]
    fn drift(
        self,
        cluster: &mut Cluster,
        motion: &mut Motion,
        time: f64,
        mut moved: Moved,
    ) -> Moved {
        let mut from_list = [0.0; CLUSTER];
        let mut step = [0.0; CLUSTER];
        for a in 0..CLUSTER {
            let d = [0, 1, 2].map(|k| time * motion.velocities[k][a]);
            step[a] = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
            let by = self.to_fixed(d);
            for k in 0..3 {
                motion.images[k][a] += advance_fixed(&mut cluster.fractions[k][a], by[k]);
            }
            let away =
                [0, 1, 2].map(|k| cluster.fractions[k][a].wrapping_sub(motion.listed[k][a]) as i32);
            from_list[a] = self.length2(away);
        }
        for a in 0..CLUSTER {
            if motion.mass[a] > 0.0 {
                moved.from_list2 = moved.from_list2.max(from_list[a]);
                // `!(x <= y)` keeps NaN, which `max` would drop.
                if !(step[a] <= moved.step2) {
                    moved.step2 = step[a];
                }
            }
        }
        moved
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

fn farther(a: Moved, b: Moved) -> Moved {
    Moved {
        from_list2: a.from_list2.max(b.from_list2),
        step2: if b.step2 <= a.step2 || a.step2.is_nan() { a.step2 } else { b.step2 },
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
            let m = motion.mass[a];
            let gain = if m > 0.0 { half_step * force / m } else { 0.0 };
            motion.velocities[k][a] += gain;
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

/// Collects forces, then v → v + ½Δt f/m; returns Σ m v².
pub(super) fn collect_and_kick(
    clusters: &mut [Cluster],
    motions: &mut [Motion],
    list: &PairList,
    buffers: &[Vec<ClusterForces>],
    half_step: f64,
) -> f64 {
    over_clusters(
        clusters,
        motions,
        0.0,
        |n, _, motion, sum| {
            motion.forces = collect_forces(list, buffers, n);
            kick(motion, half_step);
            add_twice_kinetic(motion, sum)
        },
        |a, b| a + b,
    )
}

/// v → factor·v; returns Σ m v².
pub(super) fn scale(clusters: &mut [Cluster], motions: &mut [Motion], factor: f64) -> f64 {
    over_clusters(
        clusters,
        motions,
        0.0,
        |_, _, motion, sum| {
            if factor != 1.0 {
                motion.velocities = motion.velocities.map(|row| row.map(|v| v * factor));
            }
            add_twice_kinetic(motion, sum)
        },
        |a, b| a + b,
    )
}

/// v → change(cluster, v); returns Σ m v² before and after.
pub(super) fn change_velocities(
    clusters: &mut [Cluster],
    motions: &mut [Motion],
    change: impl Fn(usize, &mut Motion) + Sync,
) -> [f64; 2] {
    over_clusters(
        clusters,
        motions,
        [0.0; 2],
        |n, _, motion, [before, after]| {
            let before = add_twice_kinetic(motion, before);
            change(n, motion);
            [before, add_twice_kinetic(motion, after)]
        },
        |a, b| [a[0] + b[0], a[1] + b[1]],
    )
}
