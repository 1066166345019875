//! Distances of all pairs, counted by species: the work behind g(r).

use rayon::prelude::*;

use super::cells::{Cells, Run};
use crate::error::{Error, Result};
use crate::system::Structure;

/// Pairs of atoms by species and distance, each pair (and image) once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairCounts {
    /// Number of species.
    pub kinds: usize,
    /// Bins of each pair of species.
    pub bins: usize,
    /// `counts[pair_index(a, b) · bins + bin]`.
    pub counts: Vec<u64>,
}

/// Place of an unordered pair of species among `kinds (kinds + 1) / 2`.
pub fn pair_index(a: usize, b: usize, kinds: usize) -> usize {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    low * kinds - low * (low + 1) / 2 + high
}

/// Counts the pairs closer than `cutoff` in `bins` equal bins. Images are counted on their own, so
/// the cutoff may exceed half the box. Counts are integers: the result does not depend on the
/// number of threads.
pub fn count_pairs(structure: &Structure, cutoff: f64, bins: usize) -> Result<PairCounts> {
    let kinds = structure.species.len();
    if bins == 0 || (bins + 1).saturating_mul(kinds * kinds) > 1 << 28 {
        return Err(Error::input(
            format!("{bins} bins for {kinds} species are not a histogram"),
            "give a bin width that is a small part of the cutoff",
        ));
    }
    let cells = Cells::new(&structure.simulation_box, &structure.positions, cutoff)?;
    // Distances beyond the cutoff fall into a bin of their own, which costs less than a branch.
    let stride = bins + 1;
    let offsets: Vec<u32> = cells
        .order
        .iter()
        .map(|&atom| u32::from(structure.kinds[atom as usize]) * stride as u32)
        .collect();
    let ordered = (0..cells.rows())
        .into_par_iter()
        .with_min_len(cells.rows().div_ceil(256))
        .fold(
            || (vec![0u64; kinds * kinds * stride], Scratch::default()),
            |(mut counts, mut scratch), row| {
                count_row(&cells, &offsets, row, bins, &mut counts, &mut scratch, structure);
                (counts, scratch)
            },
        )
        .map(|(counts, _)| counts)
        .reduce(
            || vec![0; kinds * kinds * stride],
            |mut a, b| {
                a.iter_mut().zip(&b).for_each(|(x, y)| *x += y);
                a
            },
        );
    let mut counts = vec![0; kinds * (kinds + 1) / 2 * bins];
    for a in 0..kinds {
        for b in 0..kinds {
            let from = (a * kinds + b) * stride;
            let to = pair_index(a, b, kinds) * bins;
            for k in 0..bins {
                counts[to + k] += ordered[from + k];
            }
        }
    }
    Ok(PairCounts { kinds, bins, counts })
}

#[derive(Default)]
struct Scratch {
    runs: Vec<Run>,
    bins: Vec<u32>,
}

fn count_row(
    cells: &Cells,
    offsets: &[u32],
    row: usize,
    bins: usize,
    counts: &mut [u64],
    scratch: &mut Scratch,
    structure: &Structure,
) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
        {
            // SAFETY: the instruction set was detected.
            return unsafe {
                count_row_avx512(cells, offsets, row, bins, counts, scratch, structure)
            };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the instruction set was detected.
            return unsafe {
                count_row_avx2(cells, offsets, row, bins, counts, scratch, structure)
            };
        }
    }
    count_row_generic(cells, offsets, row, bins, counts, scratch, structure);
}

// The same code for wider vectors; products and sums are not fused, so the bits are the same.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
fn count_row_avx512(
    cells: &Cells,
    offsets: &[u32],
    row: usize,
    bins: usize,
    counts: &mut [u64],
    scratch: &mut Scratch,
    structure: &Structure,
) {
    count_row_generic(cells, offsets, row, bins, counts, scratch, structure);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn count_row_avx2(
    cells: &Cells,
    offsets: &[u32],
    row: usize,
    bins: usize,
    counts: &mut [u64],
    scratch: &mut Scratch,
    structure: &Structure,
) {
    count_row_generic(cells, offsets, row, bins, counts, scratch, structure);
}

#[inline(always)]
fn count_row_generic(
    cells: &Cells,
    offsets: &[u32],
    row: usize,
    bins: usize,
    counts: &mut [u64],
    scratch: &mut Scratch,
    structure: &Structure,
) {
    let kinds = structure.species.len();
    let stride = bins + 1;
    let scale = bins as f64 / cells.radius();
    for x in 0..cells.row_length() {
        let members = cells.members(row, x);
        if members.is_empty() {
            continue;
        }
        cells.runs(row, x, true, &mut scratch.runs);
        for i in members.clone() {
            let kind = usize::from(structure.kinds[cells.order[i] as usize]);
            let own = &mut counts[kind * kinds * stride..][..kinds * stride];
            let within = Run { start: i + 1, end: members.end, shift: [0.0; 3] };
            for run in scratch.runs.iter().chain([&within]) {
                count_run(cells, offsets, i, run, scale, bins, &mut scratch.bins, own);
            }
        }
    }
}

#[inline(always)]
fn count_run(
    cells: &Cells,
    offsets: &[u32],
    i: usize,
    run: &Run,
    scale: f64,
    bins: usize,
    places: &mut Vec<u32>,
    counts: &mut [u64],
) {
    let [xs, ys, zs] = &cells.xyz;
    let origin = [xs[i] - run.shift[0], ys[i] - run.shift[1], zs[i] - run.shift[2]];
    let (xs, ys, zs) = (&xs[run.start..run.end], &ys[run.start..run.end], &zs[run.start..run.end]);
    let n = xs.len();
    let offsets = &offsets[run.start..run.end];
    if places.len() < n {
        places.resize(n, 0);
    }
    let places = &mut places[..n];
    let last = bins as f64;
    for j in 0..n {
        let (dx, dy, dz) = (xs[j] - origin[0], ys[j] - origin[1], zs[j] - origin[2]);
        let bin = (dx * dx + dy * dy + dz * dz).sqrt() * scale;
        let bin = if bin < last { bin } else { last };
        // SAFETY: 0 ≤ bin ≤ 2²⁸ by construction, never NaN (positions are finite).
        places[j] = unsafe { bin.to_int_unchecked::<i32>() } as u32 + offsets[j];
    }
    for &place in places.iter() {
        counts[place as usize] += 1;
    }
}
