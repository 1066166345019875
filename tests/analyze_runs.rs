//! `analyze` and `dynamics` on trajectories and on runs.

#[path = "common/crystals.rs"]
mod crystals;

use std::path::Path;

use assert_cmd::Command;
use crystals::{FACES, analyze, cristobalite, crystal, numbers};
use fulgurite::io::{TrajectoryOptions, TrajectoryWriter, write_structure};
use fulgurite::system::UnitSystem;
use predicates::prelude::*;
use predicates::str::contains;

#[test]
fn trajectories_and_runs_find_what_suits_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    // Twelve frames of a gas of silicon and oxygen in which everything moves by the same steps.
    let write = |name: &str, times: bool| {
        let crystal = cristobalite(2);
        let lattice = crystal.simulation_box.lengths[0];
        let mut text = String::new();
        for frame in 0..12 {
            let time =
                if times { format!(" Time={}", 0.5 * f64::from(frame)) } else { String::new() };
            text.push_str(&format!(
                "{}\nLattice=\"{lattice} 0 0 0 {lattice} 0 0 0 {lattice}\" Properties=species:S:1:pos:R:3{time}\n",
                crystal.len()
            ));
            for (k, (r, &kind)) in crystal.positions.iter().zip(&crystal.kinds).enumerate() {
                let moved = 0.02 * f64::from(frame) * if k % 2 == 0 { 1.0 } else { -1.0 };
                let name = ["Si", "O"][usize::from(kind)];
                text.push_str(&format!("{name} {} {} {}\n", r[0] + moved, r[1], r[2]));
            }
        }
        std::fs::write(path(name), text).expect("written");
    };
    write("t.xyz", true);
    let quick = ["--set", "cavities.grid=1", "--q-max", "2", "--set", "frames.every=6"];
    let output = path("t");
    analyze()
        .arg(path("t.xyz"))
        .args(quick)
        .arg("--output")
        .arg(&output)
        .assert()
        .success()
        .stdout(contains("structure from 2 of 12 frames").and(contains("diffusion coefficient")));
    for file in ["radial.csv", "mean-square-displacement.csv", "mean-square-displacement.svg"] {
        assert!(output.join(file).exists(), "{file}");
    }
    // Without times the structure is still there; asked for by name, dynamics are an error.
    write("timeless.xyz", false);
    analyze()
        .arg(path("timeless.xyz"))
        .args(quick)
        .arg("--output")
        .arg(path("u"))
        .assert()
        .success()
        .stderr(contains("dynamics left out"));
    analyze()
        .arg(path("timeless.xyz"))
        .args(["--only", "dynamics"])
        .arg("--output")
        .arg(path("v"))
        .assert()
        .code(2)
        .stderr(contains("time").and(contains("help: ")));
    // A run directory stands for its final structure, a run with members for all of theirs.
    let run = path("run");
    for member in ["seed-1", "seed-2"] {
        std::fs::create_dir_all(run.join(member)).expect("a directory");
        write_structure(run.join(member).join("final.data"), &cristobalite(1), UnitSystem::Metal)
            .expect("written");
    }
    analyze()
        .arg(&run)
        .args(["--only", "radial,coordination"])
        .arg("--output")
        .arg(path("w"))
        .assert()
        .success()
        .stdout(contains("2 frames; tables"));
}

/// Stages are not whole multiples of the interval of frames, and a melt is no glass.
#[test]
fn dynamics_of_a_run_are_those_of_its_last_stage() {
    let directory = tempfile::tempdir().expect("a directory");
    let run = directory.path().join("run");
    std::fs::create_dir_all(&run).expect("a directory");
    let crystal = cristobalite(1);
    write_structure(run.join("final.data"), &crystal, UnitSystem::Metal).expect("written");
    let trajectory = run.join("trajectory.nc");
    let options = TrajectoryOptions::default();
    let mut writer = TrajectoryWriter::create(&trajectory, &crystal, &options).expect("created");
    for step in (1..=8).map(|k| 100 * k).chain((1..=8).map(|k| 850 + 100 * k)) {
        let moved: Vec<[f64; 3]> = crystal
            .positions
            .iter()
            .enumerate()
            .map(|(k, r)| {
                let way = if k % 2 == 0 { 1e-4 } else { -1e-4 } * step as f64;
                [r[0] + way, r[1], r[2]]
            })
            .collect();
        let time = 0.5 * step as f64;
        let cell = &crystal.simulation_box;
        writer.append_frame(step, time, cell, &moved, None).expect("appended");
    }
    let rows = "stage,step\nmelt,0\nmelt,850\nrelax,850\nrelax,1650\n";
    std::fs::write(run.join("thermo.csv"), rows).expect("written");
    let named = "stage relax: times 475 to 825";
    analyze()
        .arg(&run)
        .args(["--only", "dynamics", "--output"])
        .arg(directory.path().join("a"))
        .assert()
        .success()
        .stdout(contains(named).and(contains("exponent of the displacement, Si")));
    let dynamics = |input: &Path, output: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fulgurite"));
        command.arg("dynamics").arg(input).arg("--output").arg(directory.path().join(output));
        command.assert()
    };
    dynamics(&run, "b").success().stdout(contains(named).and(contains("8 frames, results in")));
    dynamics(&trajectory, "c")
        .code(2)
        .stderr(contains("475 follows 400, most are 50.000000 apart"));
    analyze()
        .arg(&trajectory)
        .args(["--only", "coordination", "--device", "cpu", "--output"])
        .arg(directory.path().join("d"))
        .assert()
        .success()
        .stdout(contains("frames of several stages are averaged: melt (8), relax (8)"));
}

/// Glasses of two quench rates have no mean.
#[test]
fn members_of_several_rates_are_not_averaged() {
    let directory = tempfile::tempdir().expect("a directory");
    let run = directory.path().join("run");
    let write = |member: &str| {
        std::fs::create_dir_all(run.join(member)).expect("a directory");
        let path = run.join(member).join("final.data");
        write_structure(path, &cristobalite(1), UnitSystem::Metal).expect("written");
    };
    let analyze_run = || {
        let mut command = analyze();
        let output = directory.path().join("output");
        command.arg(&run).args(["--only", "coordination"]).arg("--output").arg(output);
        command.assert()
    };
    for member in ["rate-1-seed-1", "rate-1-seed-2", "rate-10-seed-1"] {
        write(member);
    }
    let named = "(rate 1: rate-1-seed-1 rate-1-seed-2; rate 10: rate-10-seed-1)";
    analyze_run().code(2).stderr(contains("holds glasses of 2 quench rates").and(contains(named)));
    // What the run says of itself counts more than names.
    let of = |directory: &str, seed: u64, rate: f64| {
        serde_json::json!({
            "directory": directory, "seed": seed, "rate": rate,
            "checks": [], "stages": [], "branches": []
        })
    };
    for (rate, accepted) in [(2.0, false), (1.0, true)] {
        let members = vec![
            of("rate-1-seed-1", 1, 1.0),
            of("rate-1-seed-2", 2, 1.0),
            of("rate-10-seed-1", 1, rate),
        ];
        let summary = serde_json::json!({
            "title": "", "members": members, "means": {}, "all_checks_passed": true
        });
        std::fs::write(run.join("summary.json"), summary.to_string()).expect("written");
        if accepted {
            analyze_run().success().stdout(contains("3 frames; tables"));
        } else {
            analyze_run().code(2).stderr(contains("rate 2: rate-10-seed-1"));
        }
    }
}

/// Files of a run say their units; an atom is no neighbour of itself.
#[test]
fn runs_in_reduced_units_are_recognised() {
    let directory = tempfile::tempdir().expect("a directory");
    let run = directory.path().join("run");
    let sites: Vec<(u16, [f64; 3])> = FACES.iter().map(|&f| (0, f)).collect();
    let mut mixture = crystal(1.6, 2, &["A", "B"], &sites);
    mixture.kinds[0] = 1;
    mixture.species.iter_mut().for_each(|s| s.mass = Some(1.0));
    // As many frames as the images of the only B need to stand out as a peak.
    for seed in 1..=20 {
        let member = run.join(format!("seed-{seed}"));
        std::fs::create_dir_all(&member).expect("a directory");
        write_structure(member.join("final.data"), &mixture, UnitSystem::Lj).expect("written");
    }
    let output = directory.path().join("output");
    let only = ["--only", "radial", "--device", "cpu"];
    analyze().arg(&run).args(only).arg("--output").arg(&output).assert().success();
    let table = std::fs::read_to_string(output.join("radial.csv")).expect("a table");
    assert!(table.starts_with("r,g total,"), "no unit of length: {}", &table[..20]);
    let last = table.lines().last().and_then(|line| line.split(',').next()).expect("a row");
    assert!((last.parse::<f64>().expect("a number") - 5.0).abs() < 0.1, "up to 5: {last}");
    let found = numbers(&output);
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"first peak of g, A-B"), "{names:?}");
    assert!(!names.contains(&"first peak of g, B-B"), "{names:?}");
    // Files that differ are not analysed together.
    let metal = directory.path().join("metal.data");
    write_structure(&metal, &mixture, UnitSystem::Metal).expect("written");
    let mut command = analyze();
    command.arg(run.join("seed-1")).arg(&metal).arg("--output").arg(directory.path().join("both"));
    command.assert().code(2).stderr(contains("are in different units"));
}
