//! Structure of the reference glass against freud and OVITO (tests/data/structure/make.py).

use std::collections::BTreeMap;

use fulgurite::analysis::{
    AngleDistribution, DirectStructureFactor, NeighborList, PartialRdf, reduced_from_g,
    reduced_from_structure_factor, structure_factor, voronoi_cells,
};
use fulgurite::io::read_structure;
use fulgurite::system::Structure;
use rayon::prelude::*;

fn glass() -> Structure {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sodium-silicate/glass-300K.data.gz");
    read_structure(path).expect("the reference glass")
}

/// Header and rows of a file of numbers.
fn table(name: &str) -> (Vec<String>, Vec<Vec<f64>>) {
    let path = format!("{}/tests/data/structure/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("an oracle");
    let mut lines = text.lines();
    let header = lines.next().expect("a header").split(',').map(str::to_owned).collect();
    let numbers = |line: &str| line.split(',').map(|x| x.parse().expect("a number")).collect();
    (header, lines.map(numbers).collect())
}

fn kind(glass: &Structure, name: &str) -> u16 {
    glass.species.iter().position(|s| s.name == name).expect("a species") as u16
}

/// Si–O up to 2.2 Å, Na–O up to 3.2 Å.
fn bonds(glass: &Structure) -> NeighborList {
    let [sodium, silicon, oxygen] = ["Na", "Si", "O"].map(|name| kind(glass, name));
    NeighborList::new(glass, |a, b| match (a.min(b), a.max(b)) {
        pair if pair == (silicon.min(oxygen), silicon.max(oxygen)) => 2.2,
        pair if pair == (sodium.min(oxygen), sodium.max(oxygen)) => 3.2,
        _ => 0.0,
    })
    .expect("bonds")
}

#[test]
fn pairs_are_those_of_ovito() {
    let glass = glass();
    let (header, rows) = table("ovito-rdf.csv");
    let mut rdf = PartialRdf::new(&glass, 10.0, 0.05).expect("bins");
    rdf.add(&glass).expect("counted");
    assert_eq!(rdf.bins(), rows.len());
    let partials = rdf.partials();
    for (column, name) in header.iter().enumerate().skip(1) {
        let (a, b) = name.split_once('-').expect("a pair");
        let own = partials
            .iter()
            .find(|p| p.species == [a, b] || p.species == [b, a])
            .unwrap_or_else(|| panic!("no {name}"));
        for (k, row) in rows.iter().enumerate() {
            assert!((own.r[k] - row[0]).abs() < 1e-6);
            let (found, wanted) = (own.g[k], row[column]);
            assert!(
                (found - wanted).abs() < 2e-5 * (1.0 + wanted),
                "{name} {}: {found} {wanted}",
                row[0]
            );
        }
    }
    // Partials weighted by c_a c_b are the total, and every pair is in the running number.
    let (total, n) = (rdf.total(), glass.len() as f64);
    let counts = glass.counts();
    for k in 0..rdf.bins() {
        let mut sum = 0.0;
        for p in &partials {
            let [a, b] =
                [0, 1].map(|e| counts[usize::from(kind(&glass, &p.species[e]))] as f64 / n);
            sum += if p.species[0] == p.species[1] { a * b } else { 2.0 * a * b } * p.g[k];
        }
        assert!((sum - total.g[k]).abs() < 1e-12 * (1.0 + sum));
    }
    let pairs: u64 = total.counts.iter().sum();
    let last = total.running.last().expect("bins");
    assert!((last - 2.0 * pairs as f64 / n).abs() < 1e-9 * last);
}

#[test]
fn neighbours_and_angles_are_those_of_ovito() {
    let glass = glass();
    let bonds = bonds(&glass);
    let mut found: BTreeMap<(String, String, usize), usize> = BTreeMap::new();
    for atom in 0..glass.len() {
        let center = &glass.species[usize::from(glass.kinds[atom])].name;
        for other in &glass.species {
            if (center == "O") == (other.name == "O") {
                continue;
            }
            let near = bonds.of(atom).iter();
            let n = near
                .filter(|b| {
                    glass.species[usize::from(glass.kinds[b.atom as usize])].name == other.name
                })
                .count();
            *found.entry((center.clone(), other.name.clone(), n)).or_default() += 1;
        }
    }
    let path =
        format!("{}/tests/data/structure/ovito-coordination.csv", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("an oracle");
    let mut wanted = BTreeMap::new();
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let n = cells[2].parse::<usize>().expect("a number");
        let atoms = cells[3].parse::<usize>().expect("a number");
        wanted.insert((cells[0].to_owned(), cells[1].to_owned(), n), atoms);
    }
    assert_eq!(found, wanted);
    let (header, rows) = table("ovito-angles.csv");
    for (column, name) in header.iter().enumerate().skip(1) {
        let ends: Vec<&str> = name.split('-').collect();
        let [a, center, b] = [0, 1, 2].map(|k| kind(&glass, ends[k]));
        let mut angles = AngleDistribution::new(a, center, b, rows.len());
        angles.add(&glass, &bonds);
        let whole: f64 = rows.iter().map(|r| r[column]).sum();
        assert_eq!(angles.number as f64, whole, "{name}");
        // An angle on the edge of a bin may fall to either side.
        let moved: f64 =
            rows.iter().zip(&angles.counts).map(|(r, n)| (r[column] - *n as f64).abs()).sum();
        assert!(moved <= 2.0 + 1e-3 * whole, "{name}: {moved} of {whole}");
    }
}

#[test]
fn voronoi_volumes_are_those_of_ovito() {
    let glass = glass();
    let mut cells: Vec<(u64, f64)> = glass
        .ids
        .iter()
        .copied()
        .zip(voronoi_cells(&glass).expect("cells").iter().map(|c| c.volume))
        .collect();
    cells.sort_by_key(|(id, _)| *id);
    let (_, rows) = table("ovito-voronoi.csv");
    assert_eq!(rows.len(), cells.len());
    for ((id, volume), row) in cells.iter().zip(&rows) {
        assert!((volume - row[0]).abs() < 1e-5 * volume, "atom {id}: {volume} {}", row[0]);
    }
}

#[test]
fn structure_factor_is_that_of_numpy_and_freud() {
    let glass = glass();
    // All atoms alike, every wave vector of the box.
    let mut alike = glass.clone();
    alike.kinds.fill(0);
    let mut direct = DirectStructureFactor::new(&alike, 5.0, 0.1, usize::MAX).expect("vectors");
    direct.add(&alike).expect("summed");
    let found: Vec<(f64, f64)> = direct.partials().iter().map(|(q, a)| (*q, a[0])).collect();
    let (_, rows) = table("numpy-scattering.csv");
    assert!(rows.len() >= 28);
    for row in &rows {
        let (q, s) = found.iter().find(|(q, _)| (q - row[0]).abs() < 0.05).expect("a bin");
        assert!((s - row[1]).abs() < 1e-6 * (1.0 + row[1]), "{q}: {s} {}", row[1]);
    }
    // Debye's formula, S = 1 + (2/N) Σ sin(Qr)/(Qr) over pairs, with nearest images.
    let (_, rows) = table("freud-debye.csv");
    let r = &alike.positions;
    let sums = (0..r.len()).into_par_iter().map(|i| {
        let mut sums = vec![0.0; rows.len()];
        for j in 0..i {
            let d = [0, 1, 2].map(|k| r[i][k] - r[j][k]);
            let near = alike.simulation_box.minimum_image(d);
            let distance = near.iter().map(|x| x * x).sum::<f64>().sqrt();
            for (sum, row) in sums.iter_mut().zip(&rows) {
                *sum += (row[0] * distance).sin() / (row[0] * distance);
            }
        }
        sums
    });
    let sums = sums
        .reduce(|| vec![0.0; rows.len()], |a, b| a.iter().zip(&b).map(|(x, y)| x + y).collect());
    for (sum, row) in sums.iter().zip(&rows) {
        let s = 1.0 + 2.0 * sum / r.len() as f64;
        assert!((s - row[1]).abs() < 2e-3 * (1.0 + row[1].abs()), "{}: {s} {}", row[0], row[1]);
    }

    // The same from g(r) up to half the box, where the cut has died away.
    let mut rdf = PartialRdf::new(&alike, 17.0, 0.02).expect("bins");
    rdf.add(&alike).expect("counted");
    let (total, density) = (rdf.total(), rdf.number_density());
    let fine: Vec<(f64, f64)> = found.iter().copied().filter(|(q, _)| *q > 2.0).collect();
    let q: Vec<f64> = fine.iter().map(|p| p.0).collect();
    let difference: f64 = structure_factor(&total, density, &q)
        .iter()
        .zip(&fine)
        .map(|(a, (_, b))| (a - b).powi(2))
        .sum::<f64>()
        / fine.len() as f64;
    assert!(difference.sqrt() < 0.06, "{}", difference.sqrt());

    // No pairs at short distances: G = −4πρr there, from g exactly, from S within the ripples.
    let mut to_far = DirectStructureFactor::new(&alike, 25.0, 0.05, 60).expect("vectors");
    to_far.add(&alike).expect("summed");
    let s: Vec<(f64, f64)> = to_far.partials().iter().map(|(q, a)| (*q, a[0])).collect();
    let r: Vec<f64> = (4..=11).map(|k| 0.1 * f64::from(k)).collect();
    let limit = |r: f64| -4.0 * std::f64::consts::PI * density * r;
    let exact = reduced_from_g(&r, &vec![0.0; r.len()], density);
    let transformed = reduced_from_structure_factor(&s, true, &r);
    let mean =
        |g: &[f64]| g.iter().zip(&r).map(|(g, r)| g / limit(*r)).sum::<f64>() / r.len() as f64;
    assert!((mean(&exact) - 1.0).abs() < 1e-12);
    assert!((mean(&transformed) - 1.0).abs() < 0.15, "{}", mean(&transformed));
}
