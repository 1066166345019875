//! `analyze` on crystals, where every number is exact, and on what it must refuse.

#[path = "common/crystals.rs"]
mod crystals;

use std::path::Path;

use assert_cmd::Command;
use crystals::{FACES, analyze, cristobalite, crystal, numbers};
use fulgurite::analysis::suite::AnalysisKind;
use fulgurite::analysis::{NeighborList, PartialRdf, PeriodicGraph, RingKind};
use fulgurite::io::write_structure;
use fulgurite::system::{SimulationBox, Structure, UnitSystem};
use predicates::prelude::*;
use predicates::str::contains;

fn number(numbers: &[(String, f64)], name: &str) -> f64 {
    let found = numbers.iter().find(|(n, _)| n == name);
    found.unwrap_or_else(|| panic!("no `{name}` in {numbers:?}")).1
}

/// Twelve six-rings pass through every silicon, two for each, and there is no other ring.
fn six_rings(output: &Path) {
    let rings = std::fs::read_to_string(output.join("rings.csv")).expect("rings");
    // Two formers may share two bridges; atoms that are joined themselves make three-rings at least.
    let smallest = if rings.starts_with("ring size (formers)") { 2 } else { 3 };
    assert_eq!(rings.lines().count(), 1 + 12 + 1 - smallest, "sizes to 12");
    for line in rings.lines().skip(1) {
        let cells: Vec<f64> = line.split(',').map(|c| c.parse().expect("a number")).collect();
        let each = if cells[0] == 6.0 { 2.0 } else { 0.0 };
        assert_eq!(cells[1..], [each; 3], "{line}");
    }
}

/// Boxes that twelve formers reach around, one of them with four formers along its edge.
#[test]
fn rings_do_not_close_through_the_boundary() {
    let directory = tempfile::tempdir().expect("a directory");
    for copies in [1, 2] {
        let input = directory.path().join(format!("{copies}.xyz"));
        let output = directory.path().join(copies.to_string());
        write_structure(&input, &cristobalite(copies), UnitSystem::Metal).expect("written");
        let only = ["--only", "rings", "--bond", "Si-O=1.8"];
        analyze().arg(&input).args(only).arg("--output").arg(&output).assert().success();
        six_rings(&output);
    }
}

/// The lattice of cristobalite with other formers and bridges, by its analyses of the network.
#[test]
fn networks_of_other_glasses_are_found() {
    let directory = tempfile::tempdir().expect("a directory");
    for (number_of_case, (former, bridge, options)) in [
        ("Ge", "Se", &[][..]),
        ("Be", "F", &[]),
        ("Te", "O", &[]),
        ("1", "2", &["--set", "network.formers=['1']", "--set", "network.bridges=['2']"]),
    ]
    .into_iter()
    .enumerate()
    {
        let mut crystal = cristobalite(2);
        crystal.species[0].name = former.into();
        crystal.species[1].name = bridge.into();
        let input = directory.path().join(format!("{number_of_case}.xyz"));
        let output = directory.path().join(number_of_case.to_string());
        write_structure(&input, &crystal, UnitSystem::Metal).expect("written");
        let only = ["--only", "rings,network,clusters,coordination"];
        analyze()
            .arg(&input)
            .args(only)
            .args(options)
            .arg("--output")
            .arg(&output)
            .assert()
            .success();
        six_rings(&output);
        let found = numbers(&output);
        let word = if bridge == "O" { "oxygen" } else { bridge };
        for (name, value) in [
            (format!("{bridge} around {former}"), 4.0),
            (format!("bridging {word}"), 1.0),
            (format!("mean n of Qn, {former}"), 4.0),
            ("constraints".to_owned(), 11.0 / 3.0),
            ("dimensions the network spans".to_owned(), 3.0),
        ] {
            let have = number(&found, &name);
            assert!((have - value).abs() < 1e-9, "{former}, {bridge}: {name}: {have}");
        }
    }
    // Silicon alone: the diamond lattice, whose own bonds make the rings.
    let mut crystal = cristobalite(2);
    let is_silicon: Vec<bool> = crystal.kinds.iter().map(|&k| k == 0).collect();
    let mut keep = is_silicon.iter();
    crystal.positions.retain(|_| *keep.next().expect("as many"));
    crystal.kinds.retain(|&k| k == 0);
    let diamond = Structure::new(
        crystal.simulation_box,
        vec![crystal.species[0].clone()],
        crystal.kinds.clone(),
        crystal.positions.clone(),
    );
    let (input, output) = (directory.path().join("si.xyz"), directory.path().join("si"));
    write_structure(&input, &diamond.expect("a crystal"), UnitSystem::Metal).expect("written");
    let run = analyze().arg(&input).args(["--only", "rings"]).arg("--output").arg(&output).assert();
    run.success().stdout(contains("mean ring size, King: 6.0000 atoms"));
    six_rings(&output);
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
        ("largest cluster, network", 1.0),
        ("tetrahedral order, Si", 1.0),
        ("shape measure, Si, tetrahedron", 0.0),
        ("Voronoi volumes over box volume", 1.0),
        // The centre of the cage is (1/2, 1/2, 1/2) of the cell: √11/8 from the nearest oxygens.
        ("largest cavity radius", 7.16 * (11.0f64).sqrt() / 8.0 - 1.35),
    ] {
        let have = number(&found, name);
        assert!((have - value).abs() < 1e-4, "{name}: {have}, not {value}");
    }
    six_rings(&output);
    for file in [
        "radial",
        "running-coordination",
        "reduced",
        "coordination",
        "angles",
        "qn",
        "oxygens",
        "constraints",
        "rings",
        "tetrahedral-order",
        "shape-measure",
        "clusters",
        "scattering",
        "reduced-from-scattering",
        "voronoi",
        "free-volume",
        "cavities",
    ] {
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

/// Every single number that is a part of something stands in a table too, and totals beside their
/// parts.
#[test]
fn totals_and_constraints_are_tables_and_pictures() {
    let directory = tempfile::tempdir().expect("a directory");
    let (input, output) = (directory.path().join("a.xyz"), directory.path().join("out"));
    write_structure(&input, &cristobalite(2), UnitSystem::Metal).expect("written");
    let only = ["--only", "radial,network", "--bond", "Si-O=1.8", "--r-max", "5", "--output"];
    analyze().arg(&input).args(only).arg(&output).assert().success();
    let table = |name: &str| -> (Vec<String>, Vec<Vec<f64>>) {
        let mut reader = csv::Reader::from_path(output.join(name)).expect("a table");
        let header = reader.headers().expect("a header").iter().map(str::to_owned).collect();
        let cells = |row: csv::StringRecord| row.iter().map(|x| x.parse().expect("x")).collect();
        (header, reader.records().map(|row| cells(row.expect("a row"))).collect())
    };
    let (header, rows) = table("constraints.csv");
    assert_eq!(header[0], "bonds of an atom");
    // Two oxygens of two bonds for each silicon of four: 2 · (1 + 1) + (2 + 5), for three atoms.
    let share = |bonds: usize| rows[bonds][1..].to_vec();
    let near = |found: Vec<f64>, wanted: [f64; 4]| {
        assert!(found.iter().zip(wanted).all(|(x, y)| (x - y).abs() < 1e-12), "{found:?}");
    };
    near(share(2), [2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0, 4.0 / 3.0]);
    near(share(4), [1.0 / 3.0, 2.0 / 3.0, 5.0 / 3.0, 7.0 / 3.0]);
    near(share(1), [0.0; 4]);
    let (header, rows) = table("radial.csv");
    let column = |name: &str| header.iter().position(|h| h == name).expect("a column");
    let last = rows.last().expect("a row");
    // All around all: each species' neighbours, weighted by its share.
    let of = |name: &str| last[column(name)];
    assert!((of("n O-Si") - of("n Si-O") / 2.0).abs() < 1e-9);
    let wanted = (of("n Si-Si") + of("n Si-O")) / 3.0 + (of("n O-Si") + of("n O-O")) / 1.5;
    assert!(wanted > 20.0 && (of("n total") - wanted).abs() < 1e-9, "{wanted}");
    for (picture, what) in [
        ("radial", "total"),
        ("running-coordination", "all around all"),
        ("running-coordination", "O around Si"),
        ("running-coordination", "Si around O"),
    ] {
        let text = std::fs::read_to_string(output.join(format!("{picture}.svg"))).expect("drawn");
        assert!(text.contains(&format!("\n{what}\n")), "{picture}");
    }
    for picture in ["oxygens", "constraints"] {
        assert!(output.join(format!("{picture}.svg")).exists(), "{picture}");
    }
}

#[test]
fn constraints_of_a_perfect_network() {
    let whole = cristobalite(2);
    let bonds = NeighborList::new(&whole, |a, b| if a == b { 0.0 } else { 1.8 }).expect("bonds");
    let silicon = whole.kinds.iter().filter(|&&k| k == 0).count() as f64;
    let oxygen = whole.len() as f64 - silicon;
    let found = fulgurite::analysis::constraints(&whole, &bonds, &[1], &[0]);
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
    assert!(!output.join("rings.csv").exists(), "packed, no network: no rings");
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
        let graph = PeriodicGraph::through_bridges(
            s,
            &bonds,
            |atom| s.kinds[atom] == 0,
            |atom| s.kinds[atom] == 1,
        );
        graph.unfolded(8).expect("small").count_rings(RingKind::Primitive)
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
    assert_eq!(partials(&straight), pool.install(|| partials(&straight)));
    assert_eq!(rings(&straight), pool.install(|| rings(&straight)));
    assert_eq!(rings(&straight), rings(&turned));
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
    refused(&[&large, "--r-max=1e9"], "reaches over more than 64 images of the box");
    refused(&[&large, "--bin=1e-4"], "too many for a histogram");
    refused(&[&large, "--only", "ring"], "unknown value `ring`");
    refused(&[&large, "--only", "dynamics"], "frame 1 says no time");
    refused(&[&large, &large, "--only", "dynamics"], "dynamics need one trajectory");
    refused(&[&large, "--set", "cavities.radii.Si=-1"], "must not be negative");
    refused(&[&large, "--set", "cavities.radii.Xe=1"], "there is no Xe");
    refused(&[&large, "--set", "rings.longest=2"], "cannot be counted");
    refused(&[&large, "--set", "network.formers=['X']"], "given as a former, but there is no X");
    let both = ["network.formers=['Si','O']", "network.bridges=['O']"];
    refused(
        &[&large, "--set", both[0], "--set", both[1]],
        "O is given as a former and as a bridge",
    );
    refused(&[&large, "--set", "frames.every=0"], "counted from 1");
    refused(&[&large, "--set", "frames.first=5"], "no frame to analyse");
    refused(&["absent.data"], "cannot read");
    refused(&[&directory.path().display().to_string()], "has no final.data");
    // One atom has no neighbour but its own images.
    let one = path("one.xyz");
    let sites = [(0, [0.5; 3])];
    write_structure(&one, &crystal(5.0, 1, &["A"], &sites), UnitSystem::Metal).expect("written");
    analyze().arg(&one).arg("--output").arg(path("one")).assert().success().stdout(
        contains("species A is not in the table of neutron scattering lengths")
            .and(contains("A has no ionic radius")),
    );
    // No atoms at all.
    let empty = path("empty.xyz");
    let header = r#"Lattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3"#;
    std::fs::write(&empty, format!("0\n{header}\n")).expect("written");
    let mut command = analyze();
    command.arg(&empty).arg("--output").arg(path("none"));
    command.assert().code(2).stderr(contains("help: "));
}

#[test]
fn configurations_are_read_and_their_mistakes_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let input = path("c.xyz");
    write_structure(&input, &cristobalite(2), UnitSystem::Metal).expect("written");
    let run = |config: &str, output: &str| {
        std::fs::write(path("a.toml"), config).expect("written");
        let mut command = analyze();
        command.arg(&input).arg("--config").arg(path("a.toml")).arg("--output").arg(path(output));
        command.assert()
    };
    for (config, cause, remedy) in [
        ("radail = 1", "a.toml:1:1: unknown key `radail`", "did you mean `radial`?"),
        ("[radial]\nrmax = 1", "a.toml:2:1: unknown key `rmax`", "did you mean `r_max`?"),
        ("analyses = [\"angels\"]", "unknown value `angels`", "did you mean `angles`?"),
        ("[radial]\nr_max = -1", "a.toml:2:9: `r_max` must be a positive number", "positive r_max"),
        ("[bonds]\nSi = 2", "a.toml:2:6: `Si` is not a pair", "Si-O = 2.2"),
        ("[bonds]\nSi-O = 0", "must be a positive number", "positive Si-O"),
        ("[scattering.lengths]\nLi = nan", "NaN is not a scattering length", "Li = -2.22"),
        ("[scattering.form_factors]\nNa = [1.0, 2.0]", "2 numbers do not make a", "and last c"),
        ("[rings]\nkinds = [\"king\", \"gutman\"]", "unknown value `gutman`", "`guttman`"),
        ("[[reference]]\nfile = \"g\"\nof = \"total\"", "missing key `curve`", "add `curve"),
        (
            "[[reference]]\nfile = \"g\"\nof = \"total\"\ncurve = \"g\"\nranges = [[2.0, 1.0]]",
            "2 to 1 is not a range",
            "the smaller first",
        ),
    ] {
        run(config, "refused").code(2).stderr(contains(cause).and(contains(remedy)));
        assert!(!path("refused").exists(), "{config}: nothing is left behind");
    }
    // What it says is what is done.
    run(
        "analyses = [\"rings\", \"angles\"]\n[bonds]\nSi-O = 1.7\n[rings]\nkinds = [\"king\"]\nlongest = 6\n[angles]\nbin = 5.0\n",
        "some",
    )
    .success();
    let lines = |file: &str| {
        std::fs::read_to_string(path("some").join(file)).expect("a table").lines().count()
    };
    assert_eq!((lines("angles.csv"), lines("rings.csv")), (37, 6));
    assert!(!path("some").join("radial.csv").exists());
    // The example holds every key and works as it stands.
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/analyze.toml");
    let output = path("example");
    analyze()
        .arg(&input)
        .args(["--config", example, "--set", "cavities.radii.Na=0"])
        .arg("--output")
        .arg(&output)
        .assert()
        .code(2)
        .stderr(contains("there is no Na"));
    let text = std::fs::read_to_string(example).expect("the example").replace("Na = 1.02", "");
    run(&text, "whole").success();
    assert!(path("whole").join("cavities.csv").exists());
}

/// A LAMMPS dump that numbers its species, with a type that has no atoms between them.
fn numbered_dump(crystal: &Structure) -> String {
    let length = crystal.simulation_box.lengths[0];
    let mut text = format!(
        "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n{}\nITEM: BOX BOUNDS pp pp pp\n",
        crystal.len()
    );
    text.push_str(&format!("0 {length}\n").repeat(3));
    text.push_str("ITEM: ATOMS id type x y z\n");
    for (k, (r, kind)) in crystal.positions.iter().zip(&crystal.kinds).enumerate() {
        text.push_str(&format!("{} {} {} {} {}\n", k + 1, 1 + 2 * kind, r[0], r[1], r[2]));
    }
    text
}

#[test]
fn numbered_species_can_be_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("c.dump"), numbered_dump(&cristobalite(2))).expect("written");
    let run = |options: &[&str], output: &str| {
        let mut command = analyze();
        let only = ["--only", "network,scattering,cavities,radial", "--q-max", "4", "--r-max", "5"];
        command.arg(path("c.dump")).args(only).args(["--set", "cavities.grid=0.6"]).args(options);
        command.arg("--output").arg(path(output)).assert()
    };
    let header = |output: &str, table: &str| -> String {
        let text = std::fs::read_to_string(path(output).join(table)).expect("a table");
        text.lines().next().expect("a header").to_owned()
    };
    // Elements are known: nothing is left out for the type without atoms.
    let given = run(&["--types", "1=Si,3=O", "--bond", "Si-O=1.8"], "named").success();
    given.stdout(contains("left out").not().and(contains("no cavities").not()));
    let all = "Q (1/Å),S neutron,S xray,S number,A Si-Si,A Si-O,A O-O,wave vectors";
    assert_eq!(header("named", "scattering.csv"), all);
    let reduced = header("named", "reduced.csv");
    assert!(reduced.contains("G neutron") && reduced.contains("G xray"), "{reduced}");
    let found = numbers(&path("named"));
    assert!((number(&found, "mean n of Qn, Si") - 4.0).abs() < 1e-12);
    assert!(number(&found, "largest cavity radius") > 1.0);
    // The same in a configuration, and by number where species keep their names.
    std::fs::write(path("a.toml"), "[types]\n1 = \"Si\"\n3 = \"O\"\n").expect("written");
    let config = path("a.toml").display().to_string();
    run(&["--config", &config, "--bond", "Si-O=1.8"], "configured").success();
    assert_eq!(numbers(&path("configured")), found);
    let by_number = ["network.formers=['1']", "network.bridges=['3']"];
    let sets = ["--set", by_number[0], "--set", by_number[1]];
    run(&[&["--bond", "1-3=1.8"][..], &sets].concat(), "numbers").success();
    assert!((number(&numbers(&path("numbers")), "mean n of Qn, type1") - 4.0).abs() < 1e-12);
    run(&["--types", "1=Si,4=O"], "refused")
        .code(2)
        .stderr(contains("4 is given a name, but there is no 4").and(contains("type1, type2")));
    run(&["--types", "Si,O"], "refused").code(2).stderr(contains("1=Si,2=O"));
    // Other commands read names in the same way.
    let convert = |options: &[&str], to: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fulgurite"));
        command.arg("convert").arg(path("c.dump")).arg(path(to)).args(options).assert()
    };
    convert(&["--types", "1=Si,2=Na,3=O"], "c.xyz").success();
    let text = std::fs::read_to_string(path("c.xyz")).expect("written");
    assert!(text.contains("\nSi ") && text.contains("\nO ") && !text.contains("type"));
}

#[test]
fn help_names_every_analysis() {
    let mut help = analyze().arg("--help").assert().success();
    for kind in AnalysisKind::STRUCTURE.into_iter().chain([AnalysisKind::Dynamics]) {
        help = help.stdout(contains(kind.name()));
    }
}

#[test]
fn what_species_scatter_can_be_given() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    // Types of a dump, not elements.
    let mut crystal = cristobalite(2);
    for (species, name) in crystal.species.iter_mut().zip(["A1", "Si"]) {
        species.name = name.into();
    }
    write_structure(path("c.xyz"), &crystal, UnitSystem::Metal).expect("written");
    let run = |config: &str, output: &str| {
        std::fs::write(path("a.toml"), config).expect("written");
        let mut command = analyze();
        command.arg(path("c.xyz")).args(["--only", "scattering,radial", "--q-bin", "0.5"]);
        command.arg("--config").arg(path("a.toml")).arg("--output").arg(path(output));
        command.assert().success()
    };
    run("", "plain").stdout(contains("left out: species A1 is not in the table of neutron"));
    let text = "[scattering.lengths]\nA1 = 2.0\nSi = -0.5\nXx = 1.0\n\
                [scattering.form_factors]\nA1 = [3.0, 4.0, 1.5]\n[scattering]\nq_max = 80.0\n";
    run(text, "given").stdout(
        contains("X-ray form factors are known up to Q = 75.4 1/Å")
            .and(contains("there is no Xx"))
            .and(contains("left out").not()),
    );
    // Two lengths that cancel: nothing to measure S by.
    run("[scattering.lengths]\nA1 = 2.0\nSi = -1.0", "none")
        .stdout(contains("left out: the mean amplitude of neutron is zero"));
    let mut reader = csv::Reader::from_path(path("given").join("scattering.csv")).expect("there");
    let header: Vec<String> =
        reader.headers().expect("a header").iter().map(str::to_owned).collect();
    let column = |name: &str| header.iter().position(|h| h == name).expect("a column");
    let mut rows = 0;
    for row in reader.records() {
        let row = row.expect("a row");
        let of = |name: &str| -> f64 { row[column(name)].parse().expect("a number") };
        let q = of("Q (1/Å)");
        let s2 = (q / (4.0 * std::f64::consts::PI)).powi(2);
        let table = fulgurite::analysis::xray_form_factor("Si", q).expect("in the table");
        let a = [of("A A1-A1"), of("A A1-Si"), of("A Si-Si")];
        for (name, f) in
            [("S neutron", [2.0, -0.5]), ("S xray", [3.0 * (-4.0 * s2).exp() + 1.5, table])]
        {
            // One A1 and two Si.
            let [x, y] = [f[0] / 3.0, 2.0 * f[1] / 3.0];
            let sum = x * x * (a[0] - 1.0) + 2.0 * x * y * (a[1] - 1.0) + y * y * (a[2] - 1.0);
            let wanted = 1.0 + sum / (x + y).powi(2);
            assert!((of(name) - wanted).abs() < 1e-9 * (1.0 + wanted.abs()), "{name} at {q}");
        }
        rows += 1;
    }
    assert!(rows > 50);
}

#[test]
fn agreement_with_references_is_measured() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let glass =
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sodium-silicate/glass-300K.data.gz");
    let first = ["--only", "radial,scattering", "--set", "scattering.bin=0.5"];
    analyze().arg(glass).args(first).arg("--output").arg(path("first")).assert().success();
    // Its own curves, scaled: R_χ of 1.1 f against f is (1.1 − 1)/1.1 of the larger.
    let column = |file: &str, name: &str, factor: f64, to: &str| {
        let text = std::fs::read_to_string(path("first").join(file)).expect("a table");
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
        let place = header.iter().position(|h| *h == name).expect("a column");
        let mut curve = String::from("x,y\n");
        for line in lines {
            let cells: Vec<&str> = line.split(',').collect();
            let y: f64 = cells[place].parse().expect("a number");
            curve.push_str(&format!("{},{}\n", cells[0], factor * y));
        }
        std::fs::write(path(to), curve).expect("written");
    };
    column("radial.csv", "g Si-O", 1.0, "same.csv");
    column("radial.csv", "g Na-O", 1.0 / 1.1, "scaled.csv");
    column("radial.csv", "g total", 2.0, "total.csv");
    column("radial.csv", "g O-O", 1.0, "o-o.csv");
    column("scattering.csv", "S neutron", 1.0, "s.csv");
    column("scattering.csv", "S number", 1.0, "s-total.csv");
    column("reduced.csv", "G number (1/Å²)", 1.0, "reduced-total.csv");
    column("reduced-from-scattering.csv", "G xray (1/Å²)", 1.0, "reduced-xray.csv");
    // G = 4πρr(g − 1) of a pair, from its g.
    let atoms = fulgurite::io::read_structure(glass).expect("the glass");
    let density = atoms.len() as f64 / atoms.simulation_box.volume();
    let same = std::fs::read_to_string(path("same.csv")).expect("written");
    let mut reduced = String::new();
    for line in same.lines().skip(1) {
        let (r, g) = line.split_once(',').expect("two columns");
        let (r, g) = (r.parse::<f64>().expect("r"), g.parse::<f64>().expect("g"));
        reduced
            .push_str(&format!("{r} {}\n", 4.0 * std::f64::consts::PI * density * r * (g - 1.0)));
    }
    std::fs::write(path("reduced-pair.csv"), reduced).expect("written");
    let config = r#"
analyses = ["agreement"]
[scattering]
bin = 0.5
[[reference]]
file = "same.csv"
curve = "g"
of = "O-Si"
[[reference]]
file = "scaled.csv"
curve = "g"
of = "Na-O"
[[reference]]
file = "total.csv"
curve = "g"
of = "total"
ranges = [[0.0, 2.1]]
[[reference]]
file = "s.csv"
curve = "S"
of = "neutron"
[[reference]]
file = "s-total.csv"
curve = "S"
of = "total"
[[reference]]
file = "reduced-total.csv"
curve = "G"
of = "total"
[[reference]]
file = "reduced-pair.csv"
curve = "G"
of = "Si-O"
[[reference]]
file = "reduced-xray.csv"
curve = "G"
of = "xray"
from = "S"
[[reference]]
file = "o-o.csv"
curve = "g"
of = "O-O"
"#;
    std::fs::write(path("a.toml"), config).expect("written");
    let output = path("second");
    analyze()
        .arg(glass)
        .arg("--config")
        .arg(path("a.toml"))
        .arg("--output")
        .arg(&output)
        .assert()
        .success()
        .stdout(contains("no R_chi of g O-O, below 2.1: the reference has no signal there"));
    let found = numbers(&output);
    for (name, value) in [
        ("R_chi of g O-O, everywhere", 0.0),
        ("R_chi of g O-O, from 2.1", 0.0),
        ("R_chi of g O-Si, everywhere", 0.0),
        ("R_chi of g O-Si, below 2.1", 0.0),
        ("R_chi of g Na-O, everywhere", 10.0),
        ("R_chi of g Na-O, from 2.1", 10.0),
        ("R_chi of g total, below 2.1", 50.0),
        ("R_chi of S neutron, everywhere", 0.0),
        ("R_chi of S total, everywhere", 0.0),
        ("R_chi of G total, everywhere", 0.0),
        ("R_chi of G Si-O, from 2.1", 0.0),
        ("R_chi of G(S) xray, everywhere", 0.0),
        // √((0² + 10² + 0²)/3)
        ("R_chi of the pairs' g, everywhere", (100.0f64 / 3.0).sqrt()),
    ] {
        let have = number(&found, name);
        assert!((have - value).abs() < 1e-9, "{name}: {have}, not {value}");
    }
    assert!(output.join("agreement.csv").exists() && output.join("agreement-4.svg").exists());
    let refused = |from: &str, to: &str, cause: &str, remedy: &str| {
        std::fs::write(path("b.toml"), config.replace(from, to)).expect("written");
        let mut command = analyze();
        command.arg(glass).arg("--config").arg(path("b.toml")).arg("--output").arg(path("third"));
        command.assert().code(2).stderr(contains(cause).and(contains(remedy)));
        // The next try finds nothing in its way.
        let left = std::fs::read_dir(path("third")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{from} -> {to}");
    };
    let absent = "there is no curve `g Na-Xe` to compare with";
    refused("\"Na-O\"", "\"Na-Xe\"", absent, "g Na-O");
    refused("scaled.csv", "absent.csv", "cannot read", "help: ");
    refused("\"neutron\"", "\"neutrons\"", "`neutrons` names no curve", "neutron, xray or number");
    refused("\"xray\"", "\"Si-O\"", "is not transformed to a G of Si-O", "leave `from` out");
    refused("\"neutron\"", "\"neutron\"\nfrom = \"S\"", "`from` belongs to", "leave `from` out");
    // Found out only when all is done: no point of the reference lies in a range.
    refused("[[0.0, 2.1]]", "[[90.0, 91.0]]", "no point in common from 90 to 91", "same unit");
}

#[test]
fn every_result_is_independent_of_threads() {
    let directory = tempfile::tempdir().expect("a directory");
    let glass =
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sodium-silicate/glass-700K.data.gz");
    let results = |threads: &str| {
        let output = directory.path().join(threads);
        analyze()
            .arg(glass)
            .args(["--device", "cpu", "--q-max", "3", "--set", "cavities.grid=0.6"])
            .arg("--output")
            .arg(&output)
            .env("RAYON_NUM_THREADS", threads)
            .assert()
            .success();
        let mut files: Vec<_> = std::fs::read_dir(&output)
            .expect("results")
            .map(|e| e.expect("a file").path())
            .collect();
        files.sort();
        files
            .into_iter()
            .map(|f| (f.file_name().map(|n| n.to_owned()), std::fs::read(&f).expect("a file")))
            .collect::<Vec<_>>()
    };
    let (one, three) = (results("1"), results("3"));
    assert!(one.len() > 25);
    for (a, b) in one.iter().zip(&three) {
        assert!(a == b, "{:?} differs", a.0);
    }
}
