//! Distances of all pairs, counted by species: the work behind g(r).

use rayon::prelude::*;

use super::cells::{Cells, MOST_IMAGES, Run, too_far};
use crate::error::{Error, Result};
use crate::system::{SimulationBox, Structure};

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

/// Positions rounded to a grid that divides every bin of a histogram, so that distances are
/// compared in exact integers and every device counts the same.
///
/// A bin is `per_bin` units wide, as many as give the whole range 65,535 at most. Positions and
/// edges of the box are rounded to the nearest unit, which moves a component of a distance by at
/// most a unit and a half: 2.3e-4 Å for a range of 10 Å.
#[derive(Debug, Clone)]
pub struct PairGrid {
    /// The rounded structure, in units.
    pub structure: Structure,
    /// Units in a bin.
    pub per_bin: u32,
    /// Bins.
    pub bins: usize,
}

/// Largest range in units: squares of components and their sums then fit into 64 bits, and those
/// within the range into 32.
const MOST_UNITS: u32 = 65_535;

impl PairGrid {
    /// The grid for `bins` bins up to `cutoff`.
    pub fn new(structure: &Structure, cutoff: f64, bins: usize) -> Result<Self> {
        let per_bin = u32::try_from(bins).ok().and_then(|bins| MOST_UNITS.checked_div(bins));
        let Some(per_bin) = per_bin.filter(|&n| n >= 8) else {
            return Err(Error::input(
                format!("{bins} bins are too many for a histogram of pairs"),
                "give a bin width of at least an 8000th of the cutoff",
            ));
        };
        let cell = &structure.simulation_box;
        let unit = cutoff / (bins as f64 * f64::from(per_bin));
        let most = cell.lengths.iter().chain(&cell.tilts).map(|x| x.abs()).fold(0.0, f64::max);
        if !(unit > 0.0 && most / unit < f64::from(1 << 29)) {
            return Err(Error::input(
                format!("a range of {cutoff} is too short for a box of {most}"),
                "give a longer range of g(r)",
            ));
        }
        if cell.perpendicular_widths().iter().any(|w| cutoff / w > MOST_IMAGES) {
            return Err(too_far(cutoff));
        }
        let round = |x: f64| (x / unit).round();
        let rounded = SimulationBox {
            origin: [0.0; 3],
            lengths: cell.lengths.map(round),
            tilts: cell.tilts.map(round),
        };
        let positions = structure
            .positions
            .par_iter()
            .map(|r| {
                let f = cell.to_fractional(*r).map(|x| x - x.floor());
                cell.difference_to_cartesian(f).map(round)
            })
            .collect();
        let structure = Structure {
            simulation_box: rounded,
            positions,
            images: vec![[0; 3]; structure.len()],
            velocities: None,
            charges: None,
            diameters: None,
            ids: structure.ids.clone(),
            species: structure.species.clone(),
            kinds: structure.kinds.clone(),
        };
        Ok(Self { structure, per_bin, bins })
    }

    /// Range in units.
    pub fn range(&self) -> u32 {
        self.per_bin * self.bins as u32
    }

    /// Counts the pairs on all cores.
    pub fn count(&self) -> Result<PairCounts> {
        // Squared distances are integers and edges of bins squares of integers: half a unit more
        // keeps the root off the edges, so that its bin is exact.
        count(&self.structure, f64::from(self.range()), self.bins, 0.5)
    }

    /// Counts the pairs one by one over all atoms and images: slow, and nothing to doubt.
    pub fn count_simply(&self) -> Result<PairCounts> {
        let kinds = self.structure.species.len();
        check(kinds, self.bins)?;
        let cell = &self.structure.simulation_box;
        let range = f64::from(self.range());
        let images = cell.perpendicular_widths().map(|w| (range / w).ceil() as i64 + 1);
        let vectors = cell.vectors().map(|v| v.map(|x| x as i64));
        let positions: Vec<[i64; 3]> =
            self.structure.positions.iter().map(|r| r.map(|x| x as i64)).collect();
        let mut counts = vec![0u64; kinds * (kinds + 1) / 2 * self.bins];
        let (per_bin, range) = (i64::from(self.per_bin), i64::from(self.range()));
        for a in -images[0]..=images[0] {
            for b in -images[1]..=images[1] {
                for c in -images[2]..=images[2] {
                    let shift = [0, 1, 2]
                        .map(|k| a * vectors[0][k] + b * vectors[1][k] + c * vectors[2][k]);
                    for (i, r) in positions.iter().enumerate() {
                        let from = [0, 1, 2].map(|k| r[k] - shift[k]);
                        for (j, s) in positions.iter().enumerate() {
                            let squared: i64 = (0..3).map(|k| (s[k] - from[k]).pow(2)).sum();
                            let itself = i == j && [a, b, c] == [0; 3];
                            if squared < range * range && !itself {
                                let bin = squared.isqrt() / per_bin;
                                let [x, y] = [i, j].map(|n| usize::from(self.structure.kinds[n]));
                                counts[pair_index(x, y, kinds) * self.bins + bin as usize] += 1;
                            }
                        }
                    }
                }
            }
        }
        // Each pair was met from both of its ends.
        counts.iter_mut().for_each(|n| *n /= 2);
        Ok(PairCounts { kinds, bins: self.bins, counts })
    }
}

/// Counts the pairs closer than `cutoff` in `bins` equal bins. Images are counted on their own, so
/// the cutoff may exceed half the box. Counts are integers: the result does not depend on the
/// number of threads.
pub fn count_pairs(structure: &Structure, cutoff: f64, bins: usize) -> Result<PairCounts> {
    count(structure, cutoff, bins, 0.0)
}

fn check(kinds: usize, bins: usize) -> Result<()> {
    if bins == 0 || (bins + 1).saturating_mul(kinds * kinds) > 1 << 28 {
        return Err(Error::input(
            format!("{bins} bins for {kinds} species are not a histogram"),
            "give a bin width that is a small part of the cutoff",
        ));
    }
    Ok(())
}

/// `offset` is added to squared distances.
fn count(structure: &Structure, cutoff: f64, bins: usize, offset: f64) -> Result<PairCounts> {
    let kinds = structure.species.len();
    check(kinds, bins)?;
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
                count_row(
                    &cells,
                    &offsets,
                    row,
                    bins,
                    offset,
                    &mut counts,
                    &mut scratch,
                    structure,
                );
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
    offset: f64,
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
                count_row_avx512(cells, offsets, row, bins, offset, counts, scratch, structure)
            };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the instruction set was detected.
            return unsafe {
                count_row_avx2(cells, offsets, row, bins, offset, counts, scratch, structure)
            };
        }
    }
    count_row_generic(cells, offsets, row, bins, offset, counts, scratch, structure);
}

// The same code for wider vectors; products and sums are not fused, so the bits are the same.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
fn count_row_avx512(
    cells: &Cells,
    offsets: &[u32],
    row: usize,
    bins: usize,
    offset: f64,
    counts: &mut [u64],
    scratch: &mut Scratch,
    structure: &Structure,
) {
    count_row_generic(cells, offsets, row, bins, offset, counts, scratch, structure);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn count_row_avx2(
    cells: &Cells,
    offsets: &[u32],
    row: usize,
    bins: usize,
    offset: f64,
    counts: &mut [u64],
    scratch: &mut Scratch,
    structure: &Structure,
) {
    count_row_generic(cells, offsets, row, bins, offset, counts, scratch, structure);
}

#[inline(always)]
fn count_row_generic(
    cells: &Cells,
    offsets: &[u32],
    row: usize,
    bins: usize,
    offset: f64,
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
                count_run(cells, offsets, i, run, scale, bins, offset, &mut scratch.bins, own);
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
    offset: f64,
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
        let bin = (dx * dx + dy * dy + dz * dz + offset).sqrt() * scale;
        let bin = if bin < last { bin } else { last };
        // SAFETY: 0 ≤ bin ≤ 2²⁸ by construction, never NaN (positions are finite).
        places[j] = unsafe { bin.to_int_unchecked::<i32>() } as u32 + offsets[j];
    }
    for &place in places.iter() {
        counts[place as usize] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{RandomStream, Species, Stream};

    #[test]
    fn the_grid_is_exact_and_near_the_truth() {
        let stream = RandomStream::new(3, Stream::Sampling);
        for tilts in [[0.0; 3], [3.0, -2.0, 1.5]] {
            let cell = SimulationBox::new([1.0, 2.0, -3.0], [7.0, 8.0, 9.0], tilts).expect("box");
            let positions = (0..150)
                .map(|i| cell.to_cartesian([0, 1, 2].map(|lane| 3.0 * stream.uniform(0, i, lane))))
                .collect();
            let species = ["A", "B", "C"].map(|n| Species { name: n.into(), mass: None }).to_vec();
            let kinds = (0..150).map(|i| (i % 3) as u16).collect();
            let gas = Structure::new(cell, species, kinds, positions).expect("sound");
            for (cutoff, bins) in [(3.0, 30), (8.5, 850), (5.0, 7)] {
                let grid = PairGrid::new(&gas, cutoff, bins).expect("a grid");
                let counted = grid.count().expect("counted");
                assert_eq!(counted, grid.count_simply().expect("counted"), "{cutoff} {bins}");
                let truth = count_pairs(&gas, cutoff, bins).expect("counted");
                let moved: u64 =
                    truth.counts.iter().zip(&counted.counts).map(|(a, b)| a.abs_diff(*b)).sum();
                let whole: u64 = truth.counts.iter().sum();
                assert!(moved as f64 <= 0.05 * whole as f64, "{moved} of {whole}");
            }
        }
    }

    #[test]
    fn distances_on_edges_of_bins_are_exact() {
        // 1, 2, 3 … bins apart along a line: every distance is the lower edge of its bin.
        let cell = SimulationBox::cubic(100.0).expect("cube");
        let species = vec![Species { name: "A".into(), mass: None }];
        let positions = (0..10).map(|k| [f64::from(k), 0.0, 0.0]).collect();
        let line = Structure::new(cell, species, vec![0; 10], positions).expect("sound");
        let grid = PairGrid::new(&line, 13.0, 13).expect("a grid");
        let wanted: Vec<u64> = (0..13).map(|k| if k == 0 || k > 9 { 0 } else { 10 - k }).collect();
        assert_eq!(grid.count().expect("counted").counts, wanted);
        assert!(PairGrid::new(&line, 13.0, 10_000).is_err());
        assert!(PairGrid::new(&line, 0.0, 10).is_err());
    }
}
