//! Random lattices from a seed, and lattices of known shape.

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
    random_lattices_from(shape, 0, count, porosity, seed)
}

/// `count` lattices of [`random_lattices`] from number `first` on.
pub fn random_lattices_from(
    shape: Shape,
    first: usize,
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
    let sites = shape.checked_sites()?;
    if count == 0 {
        return Err(Error::input("no lattice is asked for", "ask for at least one"));
    }
    let mut all = Vec::new();
    let numbers = sites.checked_mul(count).filter(|n| all.try_reserve_exact(*n).is_ok());
    if numbers.is_none() {
        return Err(Error::input(
            format!(
                "{count} lattices of {:?} sites do not fit into memory: {:.1e} bytes",
                shape.axes(),
                8.0 * sites as f64 * count as f64
            ),
            "make fewer or smaller lattices; several files of different seeds do the same",
        ));
    }
    let stream = RandomStream::new(seed, Stream::Sampling);
    for lattice in first as u64..first as u64 + count as u64 {
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

/// A lattice with a single pore site.
pub fn single_pore(shape: Shape) -> Result<Lattices> {
    let mut eta = vec![0.0; shape.checked_sites()?];
    if let Some(first) = eta.first_mut() {
        *first = 1.0;
    }
    Lattices::new(shape, eta)
}

/// One large pore: all sites but the first of every axis, (N−1)² of N² in two dimensions.
pub fn one_large_pore(shape: Shape) -> Result<Lattices> {
    shape.checked_sites()?;
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
        let part = random_lattices_from(shape, 50, 10, 0.1..0.95, 7).expect("sound");
        assert_eq!(part, many.range(50..60));
        assert_ne!(many.lattice(0), random_lattices(shape, 1, 0.1..0.95, 8).expect("sound").eta());
        let porosities: Vec<f64> = (0..60).map(|k| many.porosity(k)).collect();
        assert!(porosities.iter().any(|p| *p < 0.3) && porosities.iter().any(|p| *p > 0.8));
        let roughness: Vec<f64> = (0..60).map(|k| many.roughness(k)).collect();
        assert!(roughness.iter().any(|r| *r < 0.1) && roughness.iter().any(|r| *r > 0.35));
    }

    #[test]
    fn batches_that_cannot_be_made_are_refused_before_memory_is_asked_for() {
        let message = |error: Error| error.to_string();
        let huge = Shape::square(1_000_000, 1_000_000);
        let random = |shape, count| {
            message(random_lattices(shape, count, 0.1..0.9, 1).expect_err("refused"))
        };
        assert!(random(huge, 1).contains("too large"));
        assert!(random(Shape::square(20, 20), usize::MAX / 100).contains("do not fit into memory"));
        assert!(random(Shape::square(20, 20), 1 << 55).contains("do not fit into memory"));
        assert!(random(Shape::square(20, 20), 0).contains("no lattice is asked for"));
        assert!(message(single_pore(huge).expect_err("refused")).contains("too large"));
        assert!(message(one_large_pore(huge).expect_err("refused")).contains("too large"));
        let empty = Shape::square(0, 3);
        assert!(message(one_large_pore(empty).expect_err("refused")).contains("empty"));
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
