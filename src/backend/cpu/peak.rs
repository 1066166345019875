//! The most arithmetic that the processor does: fused products and sums on registers alone.

use std::hint::black_box;
use std::time::Instant;

use super::level::Level;
use super::simd::{CLUSTER, Lanes};

/// Chains that do not wait for each other: more than latency times units on any processor here, and
/// few enough for sixteen registers.
const CHAINS: usize = 12;

/// Products with sums in a loop; the answer only keeps them from being left out.
#[inline(always)]
pub(super) fn multiply_add<L: Lanes>(rounds: u32, seeds: &Seeds) -> f32 {
    let mut x = [L::cluster(&seeds[0]); CHAINS];
    for k in 0..CHAINS {
        x[k] = L::cluster(&seeds[k]);
    }
    let a = L::cluster(&seeds[CHAINS]);
    let b = L::cluster(&seeds[CHAINS + 1]);
    for _ in 0..rounds {
        for k in 0..CHAINS {
            x[k] = x[k].mul_add(a, b);
        }
    }
    let mut sum = 0.0;
    for k in 0..CHAINS {
        sum += x[k].to_array()[0];
    }
    sum
}

/// Numbers that no compiler knows, and that stay finite.
pub(super) type Seeds = [[f32; CLUSTER]; CHAINS + 2];

fn seeds() -> Seeds {
    let mut seeds = [[0.0; CLUSTER]; CHAINS + 2];
    for (k, row) in seeds.iter_mut().enumerate() {
        for (lane, x) in row.iter_mut().enumerate() {
            *x = 0.5 + 0.01 * (k * CLUSTER + lane) as f32;
        }
    }
    seeds[CHAINS] = [0.75; CLUSTER];
    black_box(seeds)
}

/// Single-precision operations a second on all threads of the pool, a fused product and sum counted
/// as two: the best of many short tries, so that other work on the machine does not count.
pub(super) fn peak(level: Level) -> f64 {
    const ROUNDS: u32 = 200_000;
    let seeds = seeds();
    let operations = 2.0 * (CHAINS * CLUSTER * level.rows()) as f64 * f64::from(ROUNDS);
    let mut best = 0.0f64;
    for _ in 0..50 {
        let clock = Instant::now();
        let threads = rayon::broadcast(|_| black_box(level.multiply_add(ROUNDS, &seeds))).len();
        best = best.max(threads as f64 * operations / clock.elapsed().as_secs_f64());
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_does_the_same_arithmetic() {
        let seeds = seeds();
        let (a, b) = (seeds[CHAINS][0], seeds[CHAINS + 1][0]);
        let mut want = 0.0;
        for row in &seeds[..CHAINS] {
            let mut x = row[0];
            for _ in 0..20 {
                x = x.mul_add(a, b);
            }
            want += x;
        }
        for level in Level::available() {
            let have = level.multiply_add(20, &seeds);
            assert!((have / want - 1.0).abs() < 1e-5, "{}: {have} {want}", level.name());
            // Between one operation a cycle of a slow processor and 64 lanes of a fast one, a core.
            let rate = peak(level) / rayon::current_num_threads() as f64;
            assert!((1e8..1e12).contains(&rate), "{}: {rate:e}", level.name());
        }
    }
}
