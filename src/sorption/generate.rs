//! Random lattices and random target isotherms, from a seed.

use rand_distr::{Distribution, Normal};

use super::{Lattices, Shape};
use crate::error::{Error, Result};
use crate::system::{RandomStream, Stream};

/// Binary lattices of varied pore size and porosity.
///
/// Each lattice is uncorrelated noise, averaged with its neighbours a number of times that is
/// logarithmically uniform between 0 and 64 (pores from single sites to a large part of the
/// lattice), whose highest values become pores: a fraction that is uniform in the range of
/// porosities, at least one site. Lattice k of a seed is the same in every batch.
pub fn random_lattices(
    shape: Shape,
    count: usize,
    porosity: std::ops::Range<f64>,
    seed: u64,
) -> Result<Lattices> {
    if !(porosity.start >= 0.0 && porosity.start <= porosity.end && porosity.end <= 1.0) {
        return Err(Error::input(
            format!("a range of porosities from {} to {}", porosity.start, porosity.end),
            "give a range within [0, 1]",
        ));
    }
    let stream = RandomStream::new(seed, Stream::Sampling);
    let sites = shape.sites();
    let mut all = Vec::with_capacity(sites * count);
    for lattice in 0..count as u64 {
        let mut field: Vec<f64> =
            (0..sites).map(|i| stream.normal_pair(lattice, i as u32, 0)[0]).collect();
        let rounds = 65f64.powf(stream.uniform(lattice, 0, 1)) - 1.0;
        for _ in 0..rounds.round() as usize {
            field = (0..sites)
                .map(|i| {
                    let near: f64 = shape.neighbours(i).map(|j| field[j]).sum();
                    (field[i] + near) / (1 + shape.dimension.neighbours()) as f64
                })
                .collect();
        }
        let fraction =
            porosity.start + (porosity.end - porosity.start) * stream.uniform(lattice, 1, 1);
        let pores = ((fraction * sites as f64).round() as usize).clamp(1, sites);
        let mut order: Vec<usize> = (0..sites).collect();
        order.sort_by(|a, b| field[*b].total_cmp(&field[*a]).then(a.cmp(b)));
        let first = all.len();
        all.resize(first + sites, 0.0);
        for site in &order[..pores] {
            all[first + site] = 1.0;
        }
    }
    Lattices::new(shape, all)
}

/// Random target isotherms as in H. Liu's thesis (§6.2.4): one in five is stepwise (zeros, then
/// ones), the others run through an anchor of uniform index and value, with increments before and
/// after it that are the softmax of N(0, 4²).
pub fn random_target(points: usize, index: u64, seed: u64) -> Result<Vec<f64>> {
    let stream = RandomStream::new(seed, Stream::Sampling);
    let below = |lane: u32, n: usize| {
        ((stream.uniform(index, 0, lane) * n as f64) as usize).min(n.saturating_sub(1))
    };
    if points == 0 {
        return Err(Error::input("a target of no points", "give at least one humidity"));
    }
    if stream.uniform(index, 0, 2) < 0.2 {
        let zeros = below(3, points);
        return Ok((0..points).map(|k| f64::from(u8::from(k >= zeros))).collect());
    }
    let anchor = below(4, points);
    let value = if anchor + 1 == points { 1.0 } else { stream.uniform(index, 0, 5) };
    let normal = Normal::new(0.0f64, 4.0).map_err(|e| Error::input(e.to_string(), "a bug"))?;
    let mut generator = RandomStream::new(seed ^ 0x5EED, Stream::Sampling).generator(index);
    let mut curve = Vec::with_capacity(points);
    let mut level: f64 = 0.0;
    for (length, rise) in [(anchor + 1, value), (points - anchor - 1, 1.0 - value)] {
        let raw: Vec<f64> = (0..length).map(|_| normal.sample(&mut generator).exp()).collect();
        let whole: f64 = raw.iter().sum();
        let base = level;
        for increment in raw {
            level += rise * increment / whole;
            curve.push(level.min(1.0));
        }
        // The sum of the increments is the rise but for rounding.
        if let Some(last) = curve.last_mut().filter(|_| length > 0) {
            *last = base + rise;
            level = base + rise;
        }
    }
    Ok(curve)
}

/// Target isotherms with a name: `y=x`, and a single step at 20, 50 and 80 % of the humidities
/// for `small-pores`, `medium-pores` and `large-pores`.
pub fn named_target(name: &str, humidities: &[f64]) -> Option<Vec<f64>> {
    let highest = humidities.iter().fold(f64::MIN_POSITIVE, |m, h| m.max(*h));
    let step = |at: f64| {
        humidities.iter().map(|h| f64::from(u8::from(*h > at * highest - 1e-12))).collect()
    };
    match name {
        "y=x" => Some(humidities.iter().map(|h| h / highest).collect()),
        "small-pores" => Some(step(0.2)),
        "medium-pores" => Some(step(0.5)),
        "large-pores" => Some(step(0.8)),
        _ => None,
    }
}

/// Names that [`named_target`] knows.
pub const TARGET_NAMES: [&str; 4] = ["y=x", "small-pores", "medium-pores", "large-pores"];

/// A lattice with a single pore site.
pub fn single_pore(shape: Shape) -> Result<Lattices> {
    let mut eta = vec![0.0; shape.sites()];
    if let Some(first) = eta.first_mut() {
        *first = 1.0;
    }
    Lattices::new(shape, eta)
}

/// One large pore: all sites but the first of every axis, (N−1)² of N² in two dimensions.
pub fn one_large_pore(shape: Shape) -> Result<Lattices> {
    let [_, ny, nx] = shape.size;
    let three = shape.dimension == super::Dimension::Three;
    let eta = (0..shape.sites())
        .map(|i| {
            let wall = i % nx == 0 || i / nx % ny == 0 || three && i / (nx * ny) == 0;
            f64::from(u8::from(!wall))
        })
        .collect();
    Lattices::new(shape, eta)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lattices_vary_and_repeat() {
        let shape = Shape::square(20, 20);
        let many = random_lattices(shape, 60, 0.1..0.95, 7).expect("sound");
        let again = random_lattices(shape, 60, 0.1..0.95, 7).expect("sound");
        assert_eq!(many, again);
        let few = random_lattices(shape, 5, 0.1..0.95, 7).expect("sound");
        assert_eq!(few.lattice(4), many.lattice(4));
        assert_ne!(many.lattice(0), random_lattices(shape, 1, 0.1..0.95, 8).expect("sound").eta());
        let porosities: Vec<f64> = (0..60).map(|k| many.porosity(k)).collect();
        assert!(porosities.iter().any(|p| *p < 0.3) && porosities.iter().any(|p| *p > 0.8));
        let roughness: Vec<f64> = (0..60).map(|k| many.roughness(k)).collect();
        assert!(roughness.iter().any(|r| *r < 0.1) && roughness.iter().any(|r| *r > 0.35));
    }

    #[test]
    fn targets_rise_to_one_and_one_in_five_is_stepwise() {
        let mut steps = 0;
        for k in 0..2000 {
            let target = random_target(40, k, 3).expect("a curve");
            assert!(target.windows(2).all(|w| w[0] <= w[1]), "{target:?}");
            assert!((0.0..=1.0).contains(&target[0]) && (target[39] - 1.0).abs() < 1e-12);
            steps += usize::from(target.iter().all(|t| *t == 0.0 || *t == 1.0));
        }
        assert!((steps as f64 / 2000.0 - 0.2).abs() < 0.04, "{steps}");
    }

    #[test]
    fn reference_lattices() {
        let shape = Shape::square(20, 20);
        assert_eq!(single_pore(shape).expect("sound").porosity(0), 1.0 / 400.0);
        assert_eq!(one_large_pore(shape).expect("sound").porosity(0), 361.0 / 400.0);
        let cube = one_large_pore(Shape::cubic(4, 4, 4)).expect("sound");
        assert_eq!(cube.porosity(0), 27.0 / 64.0);
    }
}
