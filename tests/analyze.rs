//! `analyze` on crystals, where every number is exact, and on what it must refuse.

use std::path::Path;

use assert_cmd::Command;
use fulgurite::analysis::{NeighborList, PartialRdf, RingKind, count_rings};
use fulgurite::io::write_structure;
use fulgurite::system::{SimulationBox, Species, Structure, UnitSystem};
use predicates::prelude::*;
use predicates::str::contains;

/// Copies of a cubic cell: fractional sites with their species.
fn crystal(edge: f64, copies: usize, species: &[&str], sites: &[(u16, [f64; 3])]) -> Structure {
    let length = edge * copies as f64;
    let species = species.iter().map(|n| Species { name: (*n).into(), mass: None }).collect();
    let (mut kinds, mut positions) = (Vec::new(), Vec::new());
    for x in 0..copies {
        for y in 0..copies {
            for z in 0..copies {
                for &(kind, site) in sites {
                    let corner = [x, y, z].map(|k| k as f64);
                    kinds.push(kind);
                    positions.push([0, 1, 2].map(|k| edge * (corner[k] + site[k])));
                }
            }
        }
    }
    let cell = SimulationBox::orthogonal([length; 3]).expect("a box");
    Structure::new(cell, species, kinds, positions).expect("a crystal")
}

const FACES: [[f64; 3]; 4] = [[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]];

/// Ideal β-cristobalite: silicon on the sites of diamond, oxygen half-way between (Fd-3m).
fn cristobalite(copies: usize) -> Structure {
    let mut sites = Vec::new();
    for face in FACES {
        sites.push((0, face));
        sites.push((0, face.map(|x| x + 0.25)));
        for bond in [[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]] {
            sites.push((1, [0, 1, 2].map(|k| face[k] + 0.125 * bond[k])));
        }
    }
    crystal(7.16, copies, &["Si", "O"], &sites)
}

fn analyze() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulgurite"));
    command.arg("analyze");
    command
}

/// What `analysis.json` says of a number.
fn numbers(directory: &Path) -> Vec<(String, f64)> {
    let text = std::fs::read_to_string(directory.join("analysis.json")).expect("a summary");
    let products: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let mut found = Vec::new();
    for product in products.as_array().expect("a list") {
        for number in product["numbers"].as_array().expect("numbers") {
            let name = number[0].as_str().expect("a name").to_owned();
            found.push((name, number[1].as_f64().expect("a number")));
        }
    }
    found
}

fn number(numbers: &[(String, f64)], name: &str) -> f64 {
    let found = numbers.iter().find(|(n, _)| n == name);
    found.unwrap_or_else(|| panic!("no `{name}` in {numbers:?}")).1
}

#[test]
fn cristobalite_is_exact() {
    let directory = tempfile::tempdir().expect("a directory");
    let (input, output) = (directory.path().join("c.data"), directory.path().join("out"));
    write_structure(&input, &cristobalite(3), UnitSystem::Metal).expect("written");
    analyze()
        .arg(&input)
        .arg("--output")
        .arg(&output)
        .assert()
        .success()
        .stdout(contains("1 frames"));
    let found = numbers(&output);
    for (name, value) in [
        ("O around Si", 4.0),
        ("Si around O", 2.0),
        ("mean angle O-Si-O", (-1.0f64 / 3.0).acos().to_degrees()),
        ("mean angle Si-O-Si", 180.0),
        ("free oxygen", 0.0),
        ("non-bridging oxygen", 0.0),
        ("bridging oxygen", 1.0),
        ("mean n of Qn, Si", 4.0),
        // (11 − 12x)/(3 − 2x) at x = 0
        ("constraints", 11.0 / 3.0),
        ("dimensions the network spans", 3.0),
    ] {
        let have = number(&found, name);
        assert!((have - value).abs() < 1e-4, "{name}: {have}, not {value}");
    }
    // Twelve six-rings pass through every silicon, two for each; nothing smaller.
    let rings = std::fs::read_to_string(output.join("rings.csv")).expect("rings");
    for line in rings.lines().skip(1) {
        let cells: Vec<f64> = line.split(',').map(|c| c.parse().expect("a number")).collect();
        if cells[0] < 6.0 {
            assert_eq!(cells[1..], [0.0; 3], "{line}");
        } else if cells[0] == 6.0 {
            assert_eq!(cells[1..], [2.0; 3], "{line}");
        }
    }
    for file in
        ["radial", "running-coordination", "coordination", "angles", "qn", "rings", "scattering"]
    {
        let picture =
            std::fs::read_to_string(output.join(format!("{file}.svg"))).expect("a picture");
        assert!(picture.contains("<svg") && !picture.contains("NaN"), "{file}");
    }
    analyze()
        .arg(&input)
        .arg("--output")
        .arg(&output)
        .assert()
        .code(2)
        .stderr(contains("is not empty"));
}

#[test]
fn constraints_of_a_perfect_network() {
    let whole = cristobalite(2);
    let bonds = NeighborList::new(&whole, |a, b| if a == b { 0.0 } else { 1.8 }).expect("bonds");
    let silicon = whole.kinds.iter().filter(|&&k| k == 0).count() as f64;
    let oxygen = whole.len() as f64 - silicon;
    let found = fulgurite::analysis::constraints(&whole, &bonds, 1, &[0]);
    assert!((found.stretching - 4.0 * silicon / (silicon + oxygen)).abs() < 1e-12);
    assert!((found.bending - (5.0 * silicon + oxygen) / (silicon + oxygen)).abs() < 1e-12);
}

#[test]
fn face_centred_cubic_is_exact() {
    let sites: Vec<(u16, [f64; 3])> = FACES.iter().map(|&f| (0, f)).collect();
    let directory = tempfile::tempdir().expect("a directory");
    let (input, output) = (directory.path().join("a.xyz"), directory.path().join("out"));
    write_structure(&input, &crystal(4.0, 5, &["Ar"], &sites), UnitSystem::Metal).expect("written");
    analyze().arg(&input).arg("--output").arg(&output).assert().success();
    let found = numbers(&output);
    assert_eq!(number(&found, "Ar around Ar"), 12.0);
    // 24 angles of 60°, 12 of 90°, 24 of 120° and 6 of 180° between twelve neighbours.
    let mean = (24.0 * 60.0 + 12.0 * 90.0 + 24.0 * 120.0 + 6.0 * 180.0) / 66.0;
    assert!((number(&found, "mean angle Ar-Ar-Ar") - mean).abs() < 1e-6);
    assert!(!output.join("rings.csv").exists(), "no network, no rings");
}

#[test]
fn threads_and_tilts_change_nothing() {
    // The same crystal in a box with tilted edges: a lattice vector of the crystal added to the
    // third edge.
    let straight = cristobalite(2);
    let [a, b, c] = straight.simulation_box.lengths;
    let tilted = SimulationBox::new([0.0; 3], [a, b, c], [0.0, a / 2.0, 0.0]).expect("a box");
    let turned = Structure::new(
        tilted,
        straight.species.clone(),
        straight.kinds.clone(),
        straight.positions.clone(),
    )
    .expect("a crystal");
    let partials = |s: &Structure| {
        let mut rdf = PartialRdf::with_images(s, 9.0, 0.1).expect("bins");
        rdf.add(s).expect("counted");
        rdf.partials()
    };
    let rings = |s: &Structure| {
        let bonds = NeighborList::new(s, |a, b| if a == b { 0.0 } else { 1.8 }).expect("bonds");
        let graph = fulgurite::analysis::Graph::through_bridges(
            &bonds,
            |atom| s.kinds[atom] == 0,
            |atom| s.kinds[atom] == 1,
        );
        count_rings(&graph, RingKind::King, 6)
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
    assert_eq!(partials(&straight), pool.install(|| partials(&straight)));
    assert_eq!(rings(&straight), pool.install(|| rings(&straight)));
    for (p, q) in partials(&straight).iter().zip(&partials(&turned)) {
        for (x, y) in p.running.iter().zip(&q.running) {
            assert!((x - y).abs() < 1e-9 * (1.0 + x), "{:?}: {x} {y}", p.species);
        }
    }
}

#[test]
fn bad_input_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let (small, large) = (path("small.xyz"), path("large.xyz"));
    write_structure(&small, &cristobalite(1), UnitSystem::Metal).expect("written");
    write_structure(&large, &cristobalite(2), UnitSystem::Metal).expect("written");
    let refused = |arguments: &[&str], cause: &str| {
        let output = path("refused");
        let _ = std::fs::remove_dir_all(&output);
        let mut command = analyze();
        command.args(arguments).arg("--output").arg(&output);
        command.assert().code(2).stderr(contains(cause).and(contains("help: ")));
    };
    let (small, large) = (small.display().to_string(), large.display().to_string());
    refused(&[&large, &small], "frame 2 has");
    refused(&[&large, "--bond", "Si-X=2"], "there is no X");
    refused(&[&large, "--bond", "Si=2"], "is not a bond length");
    refused(&[&large, "--r-max=-1"], "must be positive");
    refused(&[&large, "--r-max=1e9"], "do not divide a distance");
    refused(&["absent.data"], "cannot read");
    refused(&[&directory.path().display().to_string()], "has no final.data");
    // One atom has no neighbour but its own images.
    let one = path("one.xyz");
    let sites = [(0, [0.5; 3])];
    write_structure(&one, &crystal(5.0, 1, &["A"], &sites), UnitSystem::Metal).expect("written");
    analyze()
        .arg(&one)
        .arg("--output")
        .arg(path("one"))
        .assert()
        .success()
        .stdout(contains("species A is not in the table of neutron scattering lengths"));
}
