//! Which wave vectors a structure factor is summed over.

use crate::error::{Error, Result};
use crate::system::{SimulationBox, Structure};

/// Sines a frame may take, half a second of two processor cores.
const SINES: f64 = 6e8;
/// Vectors that a bin of the largest structures has: 10 % of noise.
const FEWEST: usize = 100;
/// Bins may be this part of their Q wide, and no more than so many times the narrowest: peaks of
/// S(Q) broaden with Q, and G(r) needs bins of less than π/r.
const RELATIVE_WIDTH: f64 = 0.015;
const MOST_WIDENED: f64 = 2.5;

/// Edges of bins of |Q| from 0 to `longest`: `width` wide at first, 1.5 % of Q from where that is
/// more, at most 2.5 times `width`. Where there is little to resolve, wide bins have less noise.
pub fn widening_bins(longest: f64, width: f64) -> Result<Vec<f64>> {
    let bins = (longest / width).ceil();
    if !(1.0..=1e6).contains(&bins) {
        return Err(Error::input(
            format!("bins of {width} do not divide wave vectors up to {longest}"),
            "give a bin width that is a part of the longest wave vector",
        ));
    }
    let mut edges = vec![0.0];
    let mut last = 0.0;
    // Whole numbers of the narrow width first, so that nothing adds up.
    let mut narrow = 0.0;
    while last < longest {
        last = if RELATIVE_WIDTH * last <= width {
            narrow += 1.0;
            narrow * width
        } else {
            last + (RELATIVE_WIDTH * last).min(MOST_WIDENED * width)
        };
        // A last bin that is a sliver of one would be empty or noisy.
        if last + 0.5 * width > longest {
            last = longest;
        }
        edges.push(last);
    }
    Ok(edges)
}

/// How many wave vectors of each bin are summed, so that a frame takes about as long whatever its
/// size: all there are in small boxes, at least a hundred in large ones. Bins that have fewer
/// leave their share to the others.
pub fn vectors_per_bin(structure: &Structure, edges: &[f64]) -> usize {
    let bins = edges.len().saturating_sub(1).max(1);
    let wanted = SINES / structure.len().max(1) as f64;
    let there: Vec<f64> = edges
        .windows(2)
        .map(|e| {
            let within = |q| vectors_within(&structure.simulation_box, q);
            within(e[1]) - within(e[0])
        })
        .collect();
    let sum = |each: usize| there.iter().map(|n| n.min(each as f64)).sum::<f64>();
    // The largest number that is not too many.
    let (mut low, mut high) = (FEWEST, FEWEST.max((wanted as usize).saturating_mul(bins)) + 1);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if sum(middle) <= wanted { low = middle } else { high = middle }
    }
    // More do not show any more: 1.6 % of noise.
    low.min(4000)
}

/// |2π (h a* + k b* + l c*)|.
pub(super) fn wave_vector(simulation_box: &SimulationBox, hkl: [i32; 3]) -> f64 {
    let [lx, ly, lz] = simulation_box.lengths;
    let [xy, xz, yz] = simulation_box.tilts;
    let [h, k, l] = hkl.map(f64::from);
    let qx = h / lx;
    let qy = (k - xy * qx) / ly;
    let qz = (l - xz * qx - yz * qy) / lz;
    std::f64::consts::TAU * (qx * qx + qy * qy + qz * qz).sqrt()
}

/// Vectors up to `longest` with the number of their bin, at most `per_bin` in each bin that
/// begins and ends at `edges`.
pub(super) fn choose_vectors(
    simulation_box: &SimulationBox,
    longest: f64,
    edges: &[f64],
    per_bin: usize,
) -> Result<Vec<([i32; 3], usize)>> {
    let bins = edges.len() - 1;
    let most = simulation_box.vectors().map(|v| {
        (longest * v.iter().map(|x| x * x).sum::<f64>().sqrt() / std::f64::consts::TAU).floor()
    });
    if most.iter().any(|m| *m > 1e4) {
        return Err(Error::input(
            format!("wave vectors up to {longest} are too many for this box"),
            "use a shorter longest wave vector, or the transform of g(r)",
        ));
    }
    let enumerated = first_drawn_bin(simulation_box, edges, per_bin);
    let shortest_drawn = edges[enumerated].min(longest);
    let [mh, mk, ml] = most.map(|m| (m * shortest_drawn / longest).ceil() as i32);
    // ρ(−Q) is the conjugate of ρ(Q), so half of the vectors say everything. A pass counts, a
    // second one keeps an evenly spread part.
    let half = |visit: &mut dyn FnMut([i32; 3], usize)| {
        for h in 0..=mh {
            for k in if h == 0 { 0 } else { -mk }..=mk {
                for l in if h == 0 && k == 0 { 1 } else { -ml }..=ml {
                    let q = wave_vector(simulation_box, [h, k, l]);
                    if let Some(bin) = bin_of(edges, q).filter(|b| q <= longest && *b < enumerated)
                    {
                        visit([h, k, l], bin);
                    }
                }
            }
        }
    };
    let mut present = vec![0usize; enumerated];
    half(&mut |_, bin| present[bin] += 1);
    let mut seen = vec![0usize; enumerated];
    let mut kept = Vec::new();
    half(&mut |hkl, bin| {
        let (index, total) = (seen[bin], present[bin]);
        seen[bin] += 1;
        let wanted = per_bin.min(total);
        if (index + 1) * wanted / total > index * wanted / total {
            kept.push((hkl, bin));
        }
    });
    for bin in enumerated..bins {
        let vectors = draw_vectors(simulation_box, longest, edges, bin, per_bin);
        kept.extend(vectors.into_iter().map(|hkl| (hkl, bin)));
    }
    Ok(kept)
}

/// The first bin too full to go through its vectors one by one: ten million lie below it, and it
/// has many times the number that is wanted.
fn first_drawn_bin(simulation_box: &SimulationBox, edges: &[f64], per_bin: usize) -> usize {
    let sphere = |q: f64| vectors_within(simulation_box, q);
    let drawn = |bin: &[f64]| {
        sphere(bin[0]) > 1e7 && sphere(bin[1]) - sphere(bin[0]) > 64.0 * per_bin as f64
    };
    edges.windows(2).position(drawn).unwrap_or(edges.len() - 1)
}

/// About how many vectors are shorter than q, without their opposites.
fn vectors_within(simulation_box: &SimulationBox, q: f64) -> f64 {
    let density = 0.5 * simulation_box.volume() / std::f64::consts::TAU.powi(3);
    4.0 / 3.0 * std::f64::consts::PI * q.powi(3) * density
}

/// The bin that holds q.
fn bin_of(edges: &[f64], q: f64) -> Option<usize> {
    let after = edges.partition_point(|edge| *edge <= q);
    (after < edges.len()).then(|| after.checked_sub(1)).flatten()
}

/// Different vectors of a bin, no two opposite, spread evenly over directions and lengths by the
/// additive recurrence of three irrational numbers.
fn draw_vectors(
    simulation_box: &SimulationBox,
    longest: f64,
    edges: &[f64],
    bin: usize,
    wanted: usize,
) -> std::collections::BTreeSet<[i32; 3]> {
    // Powers of 1/x for the real root of x⁴ = x + 1, which fill a cube most evenly.
    const ROOT: f64 = 1.220_744_084_605_759_5;
    let steps = [ROOT.powi(-1), ROOT.powi(-2), ROOT.powi(-3)];
    let (from, to) = (edges[bin], edges[bin + 1]);
    let vectors = simulation_box.vectors();
    let mut found = std::collections::BTreeSet::new();
    // Each bin goes on where the one before it ended, about: other directions in every bin. A
    // thin shell in a small box is missed more often than it is hit.
    for n in 0..wanted.saturating_mul(10_000) {
        if found.len() == wanted {
            break;
        }
        let at = (bin * wanted + n) as f64;
        let [u, v, w] = steps.map(|s| (0.5 + at * s).fract());
        let length = from + w * (to - from);
        let (sine, angle) = ((1.0 - u * u).sqrt(), std::f64::consts::TAU * v);
        let q = [length * u, length * sine * angle.cos(), length * sine * angle.sin()];
        let hkl = vectors.map(|edge| {
            let turns: f64 = edge.iter().zip(&q).map(|(e, q)| e * q).sum();
            (turns / std::f64::consts::TAU).round() as i32
        });
        let reached = wave_vector(simulation_box, hkl);
        if reached <= longest && bin_of(edges, reached) == Some(bin) {
            found.insert(if hkl < [0; 3] { hkl.map(|x| -x) } else { hkl });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Backend, cpu::CpuBackend};
    use crate::system::{RandomStream, Species, Stream};

    #[test]
    fn bins_widen_with_the_wave_vector() {
        let edges = widening_bins(20.0, 0.1).expect("bins");
        assert!(edges[0] == 0.0 && *edges.last().expect("an end") == 20.0);
        assert!((edges[17] - 1.7).abs() < 1e-12);
        let widths: Vec<f64> = edges.windows(2).map(|e| e[1] - e[0]).collect();
        let (_, inner) = widths.split_last().expect("bins");
        assert!(inner.windows(2).all(|w| w[1] > w[0] - 1e-9), "{widths:?}");
        assert!((inner[inner.len() - 1] - 0.25).abs() < 1e-9, "{widths:?}");
        // One bin, a sliver at the end, and nonsense.
        assert_eq!(widening_bins(1.0, 1.0).expect("one"), [0.0, 1.0]);
        assert_eq!(widening_bins(0.52, 0.1).expect("five").len(), 6);
        assert!(widening_bins(1.0, 2e7).is_ok() && widening_bins(1.0, 1e-9).is_err());
    }

    #[test]
    fn noise_is_about_the_same_whatever_the_size() {
        let gas = |n: u32| {
            let stream = RandomStream::new(11, Stream::Sampling);
            let cell = SimulationBox::cubic(2.0 * f64::from(n).cbrt()).expect("cube");
            let place = |i| [0, 1, 2].map(|lane| stream.uniform(0, i, lane));
            let positions = (0..n).map(|i| cell.to_cartesian(place(i))).collect();
            let species = vec![Species { name: "A".into(), mass: None }];
            Structure::new(cell, species, vec![0; n as usize], positions).expect("sound")
        };
        let edges = widening_bins(12.0, 0.1).expect("bins");
        for n in [300, 3000] {
            let gas = gas(n);
            let each = vectors_per_bin(&gas, &edges);
            assert!((1000..=4000).contains(&each), "{n}: {each}");
            let chosen = choose_vectors(&gas.simulation_box, 12.0, &edges, each).expect("vectors");
            assert!((chosen.len() * gas.len()) as f64 <= 1.1 * SINES, "{n}");
            // S of an ideal gas is 1, and its bins scatter as they must.
            let mut sums =
                crate::analysis::DirectStructureFactor::with_bins(&gas, edges.clone(), each)
                    .expect("vectors");
            let waves = CpuBackend::new().density_waves(&gas, &sums.wave_vectors());
            sums.add_waves(&gas, &waves.expect("summed")).expect("added");
            let scatter: Vec<f64> = sums
                .partials()
                .iter()
                .zip(sums.vectors_in_bins())
                .filter(|(_, number)| *number >= 100)
                .map(|((_, s), number)| (s[0] - 1.0) * (number as f64).sqrt())
                .collect();
            let mean = scatter.iter().map(|x| x * x).sum::<f64>() / scatter.len() as f64;
            assert!(scatter.len() > 60 && (0.5..2.0).contains(&mean), "{n}: {mean}");
            let far = sums.vectors_in_bins();
            assert!(far[far.len() - 2] >= 1000, "{far:?}");
        }
        // A million atoms: not a handful of vectors, whose noise no number of atoms averages away.
        let mut large = gas(10);
        large.kinds = vec![0; 1_000_000];
        large.positions = vec![[0.0; 3]; 1_000_000];
        large.simulation_box = SimulationBox::cubic(200.0).expect("cube");
        assert_eq!(vectors_per_bin(&large, &edges), FEWEST);
    }

    #[test]
    fn vectors_of_a_large_box_are_drawn_in_their_bins() {
        let (width, per_bin, longest) = (0.1, 8, 12.0);
        for tilts in [[0.0; 3], [30.0, -20.0, 45.0]] {
            let cell = SimulationBox::new([0.0; 3], [120.0, 140.0, 160.0], tilts).expect("box");
            let bins = 120;
            let edges: Vec<f64> = (0..=bins).map(|k| f64::from(k) * width).collect();
            let bins = bins as usize;
            let first = first_drawn_bin(&cell, &edges, per_bin);
            assert!((20..100).contains(&first), "{first}");
            let chosen = choose_vectors(&cell, longest, &edges, per_bin).expect("vectors");
            let mut all: Vec<_> = chosen.iter().map(|(hkl, _)| *hkl).collect();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), chosen.len(), "twice the same");
            assert!(all.iter().all(|hkl| *hkl > [0; 3]), "a vector and its opposite");
            for bin in first - 3..bins {
                let own: Vec<_> = chosen.iter().filter(|(_, b)| *b == bin).collect();
                assert_eq!(own.len(), per_bin, "bin {bin}");
                for (hkl, _) in own {
                    let q = wave_vector(&cell, *hkl);
                    assert!(edges[bin] <= q && q < edges[bin + 1]);
                }
            }
            // Every direction alike: the mean of h² over lengths says so for each axis.
            let drawn = chosen.iter().filter(|(_, b)| *b >= first);
            let edges = cell.vectors();
            let (mut squares, mut number) = ([0.0; 3], 0.0);
            for (hkl, _) in drawn {
                let q = wave_vector(&cell, *hkl);
                for k in 0..3 {
                    let edge = edges[k].iter().map(|x| x * x).sum::<f64>().sqrt();
                    let cosine = f64::from(hkl[k]) * std::f64::consts::TAU / (q * edge);
                    squares[k] += cosine * cosine;
                }
                number += 1.0;
            }
            for square in squares {
                assert!((square / number - 1.0 / 3.0).abs() < 0.03, "{squares:?}");
            }
        }
    }

    #[test]
    fn reciprocal_vectors_of_a_tilted_box() {
        let cell = SimulationBox::new([0.0; 3], [5.0, 6.0, 7.0], [1.0, -2.0, 1.5]).expect("box");
        // |2π a*| = 2π over the perpendicular width.
        let widths = cell.perpendicular_widths();
        for (k, hkl) in [[1, 0, 0], [0, 1, 0], [0, 0, 1]].into_iter().enumerate() {
            let q = wave_vector(&cell, hkl);
            assert!((q - std::f64::consts::TAU / widths[k]).abs() < 1e-12);
        }
    }
}
