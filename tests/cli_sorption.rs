//! `fulgurite sorption` as a user meets it: files in and out, pictures, messages.

use std::path::Path;

use assert_cmd::Command;
use fulgurite::io::{read_npy, write_npy_f64};
use predicates::str::contains;

fn fulgurite() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulgurite"));
    command.arg("sorption");
    command
}

/// A matrix of 8 × 6 sites with a slit, as .npy, .png and .csv.
fn workplace() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    let eta: Vec<f64> = (0..48).map(|i| f64::from(u8::from((2..6).contains(&(i % 8))))).collect();
    write_npy_f64(at("grid.npy"), &[6, 8], &eta).expect("written");
    write_npy_f64(at("two.npy"), &[2, 6, 8], &[eta.clone(), vec![1.0; 48]].concat())
        .expect("written");
    let shape = fulgurite::sorption::Shape::square(6, 8);
    fulgurite::sorption::write_lattice_png(at("grid.png"), shape, &eta).expect("written");
    let rows: Vec<String> = eta
        .chunks(8)
        .map(|r| r.iter().map(|e| e.to_string()).collect::<Vec<_>>().join(","))
        .collect();
    std::fs::write(at("grid.csv"), rows.join("\n")).expect("written");
    directory
}

fn bad(arguments: &[&str], directory: &Path, cause: &str, remedy: &str) {
    fulgurite()
        .current_dir(directory)
        .args(arguments)
        .assert()
        .code(2)
        .stderr(contains(cause))
        .stderr(contains(remedy));
}

#[test]
fn isotherms_from_every_kind_of_file_are_the_same() {
    let directory = workplace();
    let mut tables = Vec::new();
    for file in ["grid.npy", "grid.png", "grid.csv"] {
        let output = fulgurite()
            .current_dir(directory.path())
            .args(["isotherm", file, "--desorption", "--device", "reference"])
            .assert()
            .success()
            .get_output()
            .stdout
            .clone();
        tables.push(String::from_utf8(output).expect("text"));
    }
    assert_eq!(tables[0], tables[1]);
    assert_eq!(tables[0], tables[2]);
    let mut lines = tables[0].lines();
    assert_eq!(lines.next(), Some("relative_humidity,adsorption,desorption"));
    let rows: Vec<Vec<f64>> =
        lines.map(|l| l.split(',').map(|w| w.parse().expect("a number")).collect()).collect();
    assert_eq!(rows.len(), 40);
    assert!((rows[0][0] - 0.025).abs() < 1e-12 && rows[39][0] == 1.0);
    assert!(rows.iter().all(|r| r[2] >= r[1] - 1e-9));
    assert!(rows[39][1] > 0.9);
}

#[test]
fn outputs_and_pictures() {
    let directory = workplace();
    fulgurite()
        .current_dir(directory.path())
        .args(["isotherm", "two.npy", "--batch", "--desorption", "--device", "cpu"])
        .args(["--output", "out.npy", "--densities", "rho.npy", "--picture", "loop.svg"])
        .args(["--water", "water.svg", "--set", "humidity.steps=10"])
        .assert()
        .success()
        .stdout(contains("porosity 0.5000"));
    let table = read_npy(directory.path().join("out.npy")).expect("read");
    assert_eq!(table.shape, [2, 10, 3]);
    let rho = read_npy(directory.path().join("rho.npy")).expect("read");
    assert_eq!(rho.shape, [2, 10, 6, 8]);
    // The mean over the pores of the first lattice at the last humidity.
    let mean = rho.data[9 * 48..10 * 48].iter().sum::<f64>() / 24.0;
    assert!((mean - table.data[9 * 3 + 1]).abs() < 1e-6);
    for picture in ["loop.svg", "water.svg"] {
        let text = std::fs::read_to_string(directory.path().join(picture)).expect("written");
        assert!(text.starts_with("<svg"));
    }
    bad(
        &["isotherm", "grid.npy", "--output", "out.npy"],
        directory.path(),
        "the file exists",
        "--overwrite",
    );
    fulgurite()
        .current_dir(directory.path())
        .args(["isotherm", "grid.npy", "--device", "cpu", "--scan-down", "0.6", "--scan-up", "0.3"])
        .assert()
        .success()
        .stdout(contains("branch,relative_humidity,filling").and(contains("scan_up,1,")));
}

use predicates::prelude::PredicateBooleanExt;

#[test]
fn gradients_and_their_jumps() {
    let directory = workplace();
    fulgurite()
        .current_dir(directory.path())
        .args(["gradient", "grid.npy", "--target", "y=x", "--device", "cpu"])
        .args(["--output", "slope.npy", "--picture", "slope.svg"])
        .assert()
        .success()
        .stdout(contains("lattice 0: loss"));
    assert_eq!(read_npy(directory.path().join("slope.npy")).expect("read").shape, [6, 8]);
    // The bulk gas ends here: the derivative diverges.
    let [gas, _] = fulgurite::sorption::SorptionModel::default().bulk_spinodals().expect("known");
    write_npy_f64(directory.path().join("bulk.npy"), &[1, 1], &[1.0]).expect("written");
    let list = format!("humidity.list=[{:.17}]", gas.1 * (1.0 - 1e-14));
    fulgurite()
        .current_dir(directory.path())
        .args(["gradient", "bulk.npy", "--device", "reference", "--set", "humidity.highest=4"])
        .args(["--set", &list, "--at", &format!("{:.17}", gas.1 * (1.0 - 1e-14))])
        .assert()
        .code(2)
        .stderr(contains("the derivative diverges"))
        .stderr(contains("--truncated"));
}

#[test]
fn a_design_finds_a_matrix() {
    let directory = workplace();
    fulgurite()
        .current_dir(directory.path())
        .args(["design", "y=x", "--size", "8x8", "--device", "cpu", "--output", "found"])
        .args([
            "--set",
            "humidity.steps=10",
            "--set",
            "design.steps=40",
            "--set",
            "design.starts=4",
        ])
        .args(["--truncated", "40"])
        .assert()
        .success()
        .stdout(contains("best of 4 starts, truncated to 40 iterations at each humidity"))
        .stdout(contains("the same matrix with converged densities"));
    let found = directory.path().join("found");
    let matrix = read_npy(found.join("matrix.npy")).expect("read");
    assert_eq!(matrix.shape, [8, 8]);
    assert!(matrix.data.iter().all(|e| *e == 0.0 || *e == 1.0));
    let text = std::fs::read_to_string(found.join("design.json")).expect("written");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert!(json["mean_squared_difference"].as_f64().expect("a number") < 0.01, "{json}");
    for file in ["matrix.png", "isotherm.svg", "history.csv", "history.svg", "water.svg"] {
        assert!(found.join(file).exists(), "{file}");
    }
    let table = std::fs::read_to_string(found.join("isotherm.csv")).expect("written");
    assert!(table.starts_with("relative_humidity,target,achieved,converged\n"), "{table}");
    assert_eq!((&json["seed"], &json["design"]["starts"]), (&1.into(), &4.into()));
    assert_eq!(json["design"]["parametrization"], "sigmoid");
    // The configuration that was used gives the same matrix again.
    fulgurite()
        .current_dir(directory.path())
        .args(["design", "y=x", "--size", "8x8", "--device", "cpu", "--output", "again"])
        .args(["--config", "found/configuration.toml"])
        .assert()
        .success();
    for file in ["matrix.npy", "isotherm.csv", "history.csv", "configuration.toml"] {
        let bytes = |run: &str| std::fs::read(directory.path().join(run).join(file)).expect("read");
        assert_eq!(bytes("found"), bytes("again"), "{file}");
    }
    // What it is worth with converged densities is what the command for isotherms finds.
    fulgurite()
        .current_dir(directory.path())
        .args(["isotherm", "found/matrix.npy", "--device", "reference", "--output", "exact.npy"])
        .args(["--set", "humidity.steps=10"])
        .assert()
        .success();
    let exact = read_npy(directory.path().join("exact.npy")).expect("read").data;
    let mut loss = 0.0;
    for (k, row) in exact.chunks(2).enumerate() {
        let have = json["converged"]["filling"][k].as_f64().expect("a number");
        assert!((have - row[1]).abs() < 1e-4, "{have} {}", row[1]);
        loss += (row[1] - row[0]).powi(2) / 10.0;
    }
    let have = json["converged"]["mean_squared_difference"].as_f64().expect("a number");
    assert!((have - loss).abs() < 1e-5, "{have} {loss}");
    // The table of a design is a target again: the column that was aimed at.
    fulgurite()
        .current_dir(directory.path())
        .args(["gradient", "found/matrix.png", "--target", "found/isotherm.csv", "--device", "cpu"])
        .args(["--truncated", "40"])
        .assert()
        .success()
        .stderr(contains("column `target` of found/isotherm.csv"))
        .stdout(contains(format!(
            "loss {:.9}",
            json["mean_squared_difference"].as_f64().expect("a number")
        )));
    // Nothing of the user's is replaced in silence, whatever it is called.
    for file in ["matrix.png", "water.svg", "configuration.toml", "design.json"] {
        let own = directory.path().join(format!("own-{file}"));
        std::fs::create_dir(&own).expect("made");
        std::fs::write(own.join(file), "mine").expect("written");
        let name = own.file_name().expect("named").to_string_lossy().into_owned();
        let arguments = ["design", "y=x", "--size", "4x4", "--device", "cpu", "--output", &name];
        bad(&arguments, directory.path(), "the file exists", "--overwrite");
        assert_eq!(std::fs::read_to_string(own.join(file)).expect("there"), "mine");
    }
    // What was designed gives the isotherm that was reported.
    let output = fulgurite()
        .current_dir(directory.path())
        .args(["isotherm", "found/matrix.png", "--device", "cpu", "--truncated", "40"])
        .args(["--set", "humidity.steps=10"])
        .assert()
        .success()
        .get_output()
        .stdout
        .clone();
    let last: f64 = String::from_utf8(output)
        .expect("text")
        .lines()
        .last()
        .and_then(|l| l.split(',').nth(1))
        .and_then(|w| w.parse().ok())
        .expect("a number");
    let want = json["achieved_filling"][9].as_f64().expect("a number");
    assert!((last - want).abs() < 1e-6);
}

#[test]
fn only_square_lattices_have_a_drawing() {
    let directory = workplace();
    let design = |size: &str| {
        fulgurite()
            .current_dir(directory.path())
            .args(["design", "y=x", "--size", size, "--device", "cpu", "--output", "found"])
            .args(["--set", "humidity.steps=4", "--set", "design.steps=3", "--set"])
            .args(["design.refinements=0", "--truncated", "5", "--overwrite"])
            .assert()
            .success();
        directory.path().join("found/matrix.png").exists()
    };
    assert!(design("4x4"));
    // One layer with six neighbours a site is not a square lattice, and the old drawing is gone.
    assert!(!design("1x4x4"));
    assert!(design("4x4") && !design("2x3x3"));
}

#[test]
fn densities_and_water_of_any_branch_and_lattice() {
    let directory = workplace();
    let here = directory.path();
    let run = |branch: &str, more: &[&str]| {
        fulgurite()
            .current_dir(here)
            .args(["isotherm", "two.npy", "--batch", "--desorption", "--device", "reference"])
            .args(["--set", "humidity.steps=10", "--branch", branch, "--overwrite"])
            .args(["--densities", "d.npy", "--water", "w.svg", "--picture", "p.svg"])
            .args(["--output", "o.csv", "--lattice", "1"])
            .args(more)
            .assert()
            .success()
            .stdout(contains("porosity 1.0000").and(contains("(lattice 1; --summary")));
        read_npy(here.join("d.npy")).expect("read")
    };
    // The second lattice is all pore: at 50 % empty coming from below, full coming from above.
    let at_half = |array: &fulgurite::io::NpyArray| array.data[(10 + 4) * 48];
    let (up, down) = (run("adsorption", &[]), run("desorption", &[]));
    assert_eq!((&up.shape[..], &down.shape), (&[2, 10, 6, 8][..], &up.shape));
    assert!((at_half(&up) - 0.00685501).abs() < 1e-7, "{}", at_half(&up));
    assert!((at_half(&down) - 0.96632217).abs() < 1e-7, "{}", at_half(&down));
    let scan = run("scan_up", &["--scan-up", "0.65"]);
    // 1, 0.9, 0.8, 0.7, 0.65 and back.
    assert_eq!(scan.shape, [2, 9, 6, 8]);
    let water = std::fs::read_to_string(here.join("w.svg")).expect("drawn");
    // 25 and 50 % are nearest to the turning point, which is shown once.
    assert!(water.contains("at 65.0 %, 70.0 % relative") || water.contains("at 65.0 %, 80.0 %"));
}

#[test]
fn an_array_of_three_axes_is_said_to_be_one_lattice() {
    let directory = workplace();
    fulgurite()
        .current_dir(directory.path())
        .args(["isotherm", "two.npy", "--device", "cpu", "--set", "humidity.steps=4"])
        .assert()
        .success()
        .stderr(contains("1 lattice of 2 × 6 × 8 (with --batch: 2 of 6 × 8)"));
}

#[cfg(unix)]
#[test]
fn a_design_that_is_interrupted_writes_its_best_and_says_so() {
    let directory = workplace();
    for signal in ["-INT", "-TERM"] {
        let name = format!("stopped{signal}");
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_fulgurite"))
            .current_dir(directory.path())
            .args(["sorption", "design", "y=x", "--size", "10x10", "--device", "cpu"])
            .args(["--output", &name, "--set", "design.steps=1000000"])
            .stderr(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("started");
        // The directory is made just before the signals are looked at.
        let found = directory.path().join(&name);
        while !found.exists() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        std::thread::sleep(std::time::Duration::from_millis(500));
        let id = child.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().is_ok());
        let mut said = String::new();
        let mut from = child.stderr.take().expect("piped");
        std::io::Read::read_to_string(&mut from, &mut said).expect("text");
        assert_eq!(child.wait().expect("ended").code(), Some(130), "{said}");
        assert!(said.contains("error: interrupted at step"), "{said}");
        assert!(said.contains("the best found until then is in"), "{said}");
        let text = std::fs::read_to_string(found.join("design.json")).expect("written");
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert!(json["mean_squared_difference"].as_f64().expect("a number") < 0.3);
        let matrix = read_npy(found.join("matrix.npy")).expect("read");
        assert!(matrix.data.iter().all(|e| *e == 0.0 || *e == 1.0));
    }
}

#[test]
fn tables_of_several_columns_are_targets_by_name() {
    let directory = workplace();
    let here = directory.path();
    fulgurite()
        .current_dir(here)
        .args(["isotherm", "grid.npy", "--desorption", "--errors", "--device", "reference"])
        .args(["--output", "loop.csv", "--set", "humidity.steps=10"])
        .assert()
        .success();
    // Aims at adsorption, which the matrix meets.
    fulgurite()
        .current_dir(here)
        .args(["gradient", "grid.npy", "--target", "loop.csv", "--device", "reference"])
        .assert()
        .success()
        .stderr(contains("column `adsorption` of loop.csv"))
        .stdout(contains("loss 0.000000000"));
    let text = std::fs::read_to_string(here.join("loop.csv")).expect("written");
    std::fs::write(here.join("bare.csv"), text.lines().skip(1).collect::<Vec<_>>().join("\n"))
        .expect("written");
    let bare = ["design", "bare.csv", "--size", "4x4", "--output", "d"];
    bad(&bare, here, "5 columns, and no telling which one is the target", "two columns");
    std::fs::write(here.join("comment.csv"), format!("# measured\n{text}")).expect("written");
    fulgurite()
        .current_dir(here)
        .args(["gradient", "grid.npy", "--target", "comment.csv", "--device", "reference"])
        .assert()
        .success()
        .stdout(contains("loss 0.000000000"));
}

#[test]
fn scanning_curves_turn_between_the_humidities() {
    let directory = workplace();
    let curve = |option: &str, at: &str| {
        let output = fulgurite()
            .current_dir(directory.path())
            .args(["isotherm", "grid.npy", "--device", "reference", option, at, "--set"])
            .arg("humidity.steps=4")
            .assert()
            .success()
            .get_output()
            .stdout
            .clone();
        let text = String::from_utf8(output).expect("text");
        let rows = text.lines().filter(|line| line.starts_with("scan"));
        rows.map(|line| {
            let words: Vec<&str> = line.split(',').collect();
            (words[1].parse().expect("a number"), words[2].parse().expect("a number"))
        })
        .collect::<Vec<(f64, f64)>>()
    };
    let down = curve("--scan-down", "0.7");
    let humidities = |rows: &[(f64, f64)]| rows.iter().map(|r| r.0).collect::<Vec<_>>();
    assert_eq!(humidities(&down), [0.25, 0.5, 0.7, 0.5, 0.25]);
    assert!(down[2].1 > down[1].1);
    let up = curve("--scan-up", "0.3");
    assert_eq!(humidities(&up), [1.0, 0.75, 0.5, 0.3, 0.5, 0.75, 1.0]);
    assert!(up[3].1 < up[2].1);
}

#[test]
fn what_cannot_be_claimed_is_said_and_written() {
    let directory = workplace();
    let here = directory.path();
    let run = |more: &[&str]| {
        let assert = fulgurite().current_dir(here).args(more).assert().success();
        let output = assert.get_output();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        (text(&output.stdout), text(&output.stderr))
    };
    let [gas, _] = fulgurite::sorption::SorptionModel::default().bulk_spinodals().expect("known");
    write_npy_f64(here.join("bulk.npy"), &[2, 1, 1], &[0.5, 1.0]).expect("written");
    // 1e-4 below the end of the gas single precision is not certain to 1e-6, but to 1e-4, which is
    // said if it was asked for; 1e-6 below it has no bound, which always is.
    let list = format!("humidity.list=[0.5,{:.17}]", gas.1 * (1.0 - 1e-4));
    let end = format!("humidity.list=[0.5,{:.17}]", gas.1 * (1.0 - 1e-6));
    let bulk = ["isotherm", "bulk.npy", "--batch", "--errors", "--set", "humidity.highest=4"];
    let cpu = [&bulk[..], &["--set", &list, "--device", "cpu"]].concat();
    let (table, said) = run(&cpu);
    assert!(!said.contains("not certain") && !said.contains("without a bound"), "{said}");
    let (_, said) = run(&[&cpu[..], &["--set", "solver.tolerance=1e-6"]].concat());
    assert!(
        said.contains("adsorption: 1 of 4 points not certain to 1e-6 (lattice 1 at 3.7"),
        "{said}"
    );
    assert!(said.contains("rounding of single precision") && said.contains("--device reference"));
    let (_, said) = run(&[&bulk[..], &["--set", &end, "--device", "cpu"]].concat());
    let note = "adsorption: 1 of 4 points without a bound of the error (lattice 1 at 3.7";
    assert!(said.contains(note) && said.contains("elsewhere densities are certain to"), "{said}");
    let rows: Vec<Vec<&str>> = table.lines().map(|l| l.split(',').collect()).collect();
    assert_eq!(rows[0], ["lattice", "relative_humidity", "adsorption", "adsorption_error"]);
    let error = |row: usize| rows[row][3].parse::<f64>().expect("a number");
    assert!(error(3) <= 1e-6 && error(4) > 1e-6 && error(4) < 1e-3, "{table}");
    let (_, said) = run(&[&bulk[..], &["--set", &list, "--device", "reference"]].concat());
    assert!(!said.contains("not certain"), "{said}");
    // Too few iterations are not rounding.
    let few = ["--set", "solver.scheme=\"converged\"", "--set", "solver.most_iterations=20"];
    let few = [&bulk[..], &["--set", &list, "--device", "reference"], &few[..]].concat();
    let (_, said) = run(&few);
    assert!(said.contains("stopped after 20 iterations; raise solver.most_iterations"), "{said}");
    assert!(!said.contains("rounding"), "{said}");
    let gradient = ["gradient", "bulk.npy", "--batch", "--at", "0.5", "--set"];
    let (_, said) =
        run(&[&gradient[..], &["humidity.highest=4", "--set", &end, "--device", "cpu"]].concat());
    assert!(said.contains("path: 1 of 4 points without a bound of the error (lattice 1"), "{said}");
    // Arrays and scanning curves have the bounds as well.
    let (_, _) = run(&["isotherm", "grid.npy", "--errors", "--desorption", "--output", "e.npy"]);
    let array = read_npy(here.join("e.npy")).expect("read");
    assert_eq!(array.shape, [40, 5]);
    assert!(array.data.chunks(5).all(|row| row[3] > 0.0 && row[4] > 0.0));
    let (table, _) = run(&["isotherm", "grid.npy", "--errors", "--scan-down", "0.6"]);
    assert!(table.starts_with("branch,relative_humidity,filling,error\n"), "{table}");
    let truncated = ["isotherm", "grid.npy", "--errors", "--truncated", "9"];
    bad(&truncated, here, "no bound of what is left", "--converged");
}

#[test]
fn outputs_are_checked_before_anything_is_computed() {
    let directory = workplace();
    let here = directory.path();
    let wrong = |arguments: &[&str], cause: &str, remedy: &str| {
        bad(arguments, here, cause, remedy);
        let name = arguments[arguments.len() - 1];
        assert!(!here.join(name).exists(), "{name}");
    };
    let isotherm = |option, name| ["isotherm", "grid.npy", "--device", "cpu", option, name];
    wrong(&isotherm("--output", "a.txt"), "an isotherm is written as .csv or .npy", "ends in .csv");
    wrong(&isotherm("--densities", "d.csv"), "densities is written as .npy", "ends in .npy");
    wrong(&isotherm("--picture", "p.png"), "written as .svg", "ends in .svg");
    wrong(&isotherm("--water", "w.jpg"), "written as .svg or .png", "ends in .svg or .png");
    wrong(&isotherm("--summary", "s.npy"), "a summary is written as .csv", ".csv");
    let scan = ["isotherm", "none.npy", "--scan-down", "0.5", "--output", "x.npy"];
    wrong(&scan, "scanning curves have humidities of their own", ".csv");
    let gradient =
        |option, name| ["gradient", "grid.npy", "--device", "cpu", "--target", "y=x", option, name];
    wrong(&gradient("--output", "g.txt"), "written as .npy or .csv", "ends in .npy or .csv");
    wrong(&gradient("--picture", "g.jpg"), "written as .svg or .png", "ends in .svg or .png");
    let batch = ["gradient", "two.npy", "--batch", "--target", "y=x", "--output", "g.csv"];
    wrong(&batch, "one square lattice", ".npy");
    let generate = ["generate", "--count", "2", "--output", "gg.csv"];
    wrong(&generate, "a batch of lattices is written as .npy", "ends in .npy");
    let target = ["target", "y=x", "--output", "t.csv", "--picture", "t.png"];
    wrong(&target, "written as .svg", "ends in .svg");
    // What can be written is what it says.
    fulgurite()
        .current_dir(here)
        .args(gradient("--output", "g.csv"))
        .args(["--picture", "g.png"])
        .assert()
        .success();
    fulgurite().current_dir(here).args(gradient("--output", "g.npy")).assert().success();
    let array = read_npy(here.join("g.npy")).expect("read");
    let text = std::fs::read_to_string(here.join("g.csv")).expect("written");
    let table: Vec<f64> =
        text.lines().flat_map(|l| l.split(',')).map(|w| w.parse().expect("a number")).collect();
    assert_eq!((array.data, text.lines().count()), (table, 6));
    assert!(std::fs::read(here.join("g.png")).expect("written").starts_with(b"\x89PNG"));
    fulgurite()
        .current_dir(here)
        .args(isotherm("--water", "w.png"))
        .args(["--output", "a.csv"])
        .assert()
        .success();
    assert!(std::fs::read(here.join("w.png")).expect("written").starts_with(b"\x89PNG"));
}

#[test]
fn a_batch_of_one_keeps_its_axis_and_every_lattice_has_a_line() {
    let directory = workplace();
    let here = directory.path();
    let one = fulgurite::sorption::random_lattices(
        fulgurite::sorption::Shape::square(6, 8),
        1,
        0.5..0.6,
        1,
    )
    .expect("sound");
    write_npy_f64(here.join("one.npy"), &[1, 6, 8], one.eta()).expect("written");
    let isotherm = |grid: &'static str| {
        let mut command = fulgurite();
        command.current_dir(here).args(["isotherm", grid, "--batch", "--device", "cpu"]);
        command
    };
    isotherm("one.npy").args(["--output", "o.npy", "--densities", "d.npy"]).assert().success();
    assert_eq!(read_npy(here.join("o.npy")).expect("read").shape, [1, 40, 2]);
    assert_eq!(read_npy(here.join("d.npy")).expect("read").shape, [1, 40, 6, 8]);
    isotherm("one.npy").assert().success().stdout(contains("lattice,relative_humidity,ads"));
    isotherm("two.npy").args(["--desorption", "--summary", "s.csv"]).assert().success();
    let text = std::fs::read_to_string(here.join("s.csv")).expect("written");
    let rows: Vec<Vec<&str>> = text.lines().map(|l| l.split(',').collect()).collect();
    let header = "lattice,porosity,roughness,adsorption_at_highest,adsorption_sinuosity,desorption_at_highest,desorption_sinuosity,loop_area";
    assert_eq!(rows[0].join(","), header);
    assert_eq!((rows.len(), rows[1][1], rows[2][1]), (3, "0.500000000", "1.000000000"));
    let number = |row: usize, column: usize| rows[row][column].parse::<f64>().expect("a number");
    // The bulk does not condense below saturation but empties late: the loop is nearly everything.
    assert!((number(2, 3) - 0.01454322).abs() < 1e-6 && number(2, 7) > 0.6, "{text}");
    assert!((number(2, 4) - 1.0).abs() < 1e-3 && number(2, 6) > 1.2, "{text}");
    assert!(number(1, 4) > 1.0 && number(1, 6) > 1.0 && number(1, 7) > 0.0, "{text}");
}

/// The curve of a target file.
fn curve(path: &Path) -> Vec<f64> {
    let target = fulgurite::sorption::read_target(path).expect("a target");
    assert_eq!(target.humidities.expect("two columns").len(), target.filling.len());
    target.filling
}

#[test]
fn reference_targets_are_written_and_designed_for() {
    let directory = workplace();
    let here = directory.path();
    let target = |kind: &str, more: &[&str]| {
        let name = format!("{kind}.csv");
        fulgurite()
            .current_dir(here)
            .args(["target", kind, "--output", &name, "--size", "6x6", "--device", "cpu"])
            .args(["--set", "humidity.steps=10"])
            .args(more)
            .assert()
            .success()
            .stdout(contains("a target of 10 humidities"));
        curve(&here.join(name))
    };
    let humidities: Vec<f64> = (1..=10).map(|k| f64::from(k) / 10.0).collect();
    assert_eq!(target("y=x", &["--picture", "line.svg"]), humidities);
    assert!(std::fs::read_to_string(here.join("line.svg")).expect("drawn").starts_with("<svg"));
    for (kind, at) in [("small-pores", 0.2), ("medium-pores", 0.5), ("large-pores", 0.8)] {
        let step: Vec<f64> = humidities.iter().map(|h| f64::from(u8::from(*h >= at))).collect();
        assert_eq!(target(kind, &[]), step);
    }
    let zeros = target("stepwise", &["--seed", "4"]);
    assert!(zeros.iter().all(|t| *t == 0.0 || *t == 1.0) && zeros.is_sorted());
    let random = target("anchored", &["--seed", "4", "--index", "2"]);
    assert!(random.is_sorted() && (random[9] - 1.0).abs() < 1e-12);
    assert_eq!(target("anchored", &["--seed", "4", "--index", "2", "--overwrite"]), random);
    assert_ne!(target("anchored", &["--seed", "4", "--index", "3", "--overwrite"]), random);
    // An enclosed pore has a closed form: RH/(RH + e^K).
    let k = (2.0 - 4.0 * 1.5) * 647.0f64 / 298.0;
    for (have, h) in target("single-pore", &[]).iter().zip(&humidities) {
        assert!((have - h / (h + k.exp())).abs() < 1e-6, "{have}");
    }
    // 25 of 36 sites in one pore fill later than one site; the densities are converged.
    let large = target("one-large-pore", &[]);
    assert!(large.is_sorted() && large[0] < 0.9 && large[9] > 0.9, "{large:?}");
    let text = std::fs::read_to_string(here.join("one-large-pore.csv")).expect("written");
    assert!(text.starts_with("# isotherm of one-large-pore on 6x6, converged\n"), "{text}");
    let shape = fulgurite::sorption::Shape::square(6, 6);
    let matrix = fulgurite::sorption::one_large_pore(shape).expect("sound");
    write_npy_f64(here.join("pore.npy"), &[6, 6], matrix.eta()).expect("written");
    fulgurite()
        .current_dir(here)
        .args(["isotherm", "pore.npy", "--device", "cpu", "--output", "pore.csv"])
        .args(["--set", "humidity.steps=10"])
        .assert()
        .success();
    for (have, want) in large.iter().zip(curve(&here.join("pore.csv"))) {
        assert!((have - want).abs() < 1e-8, "{have} {want}");
    }
    // Designs aim with the truncated scheme, and so does the target of the thesis.
    let published = ["--truncated", "100", "--overwrite"];
    assert!(target("one-large-pore", &published).is_sorted());
    let text = std::fs::read_to_string(here.join("one-large-pore.csv")).expect("written");
    assert!(text.contains("truncated to 100 iterations"), "{text}");
    // The first curves of a batch are those written one by one; one in five is stepwise.
    fulgurite()
        .current_dir(here)
        .args(["target", "random", "--count", "200", "--seed", "4", "--output", "many.npy"])
        .args(["--set", "humidity.steps=10", "--picture", "many.svg"])
        .assert()
        .success()
        .stdout(contains("200 targets of 10 humidities"));
    let many = read_npy(here.join("many.npy")).expect("read");
    assert_eq!(many.shape, [200, 10]);
    assert_eq!(target("random", &["--seed", "4", "--index", "7"]), many.data[70..80]);
    let steps = many.data.chunks(10).filter(|c| c.iter().all(|t| *t == 0.0 || *t == 1.0)).count();
    assert!((20..61).contains(&steps), "{steps}");
    // What the isotherm of a matrix asks for is found again, or something as good.
    for (kind, most) in [("single-pore", 1e-4), ("one-large-pore", 1e-2), ("stepwise", 0.1)] {
        fulgurite()
            .current_dir(here)
            .args(["design", &format!("{kind}.csv"), "--size", "6x6", "--device", "cpu"])
            .args(["--output", &format!("{kind}-found"), "--set", "design.steps=40"])
            .args(["--set", "design.starts=4"])
            .assert()
            .success();
        let found = here.join(format!("{kind}-found")).join("design.json");
        let text = std::fs::read_to_string(found).expect("written");
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let left = json["mean_squared_difference"].as_f64().expect("a number");
        assert!(left < most, "{kind}: {left}");
    }
    bad(&["target", "nothing", "--output", "a.csv"], here, "not a known kind", "one-large-pore");
    bad(&["target", "y=x", "--output", "a.txt"], here, ".csv or .npy", "--output");
    bad(&["target", "y=x", "--output", "y=x.csv"], here, "the file exists", "--overwrite");
    bad(&["target", "y=x", "--count", "3", "--output", "a.npy"], here, "only random", "--count");
    bad(&["target", "random", "--count", "3", "--output", "a.csv"], here, "one target", ".npy");
    bad(&["target", "random", "--count", "0", "--output", "a.csv"], here, "no curve", "--count");
    bad(
        &["target", "stepwise", "--set", "humidity.steps=0", "--output", "a.csv"],
        here,
        "no humidity",
        "at least one",
    );
}

#[test]
fn both_parametrizations_design() {
    let directory = workplace();
    for parametrization in ["sigmoid", "projected"] {
        fulgurite()
            .current_dir(directory.path())
            .args(["design", "y=x", "--size", "6x6", "--device", "cpu", "--truncated", "40"])
            .args(["--output", parametrization, "--set", "humidity.steps=10"])
            .args(["--set", "design.steps=40", "--set", "design.starts=4", "--set"])
            .arg(format!("design.parametrization=\"{parametrization}\""))
            .assert()
            .success();
        let found = directory.path().join(parametrization).join("design.json");
        let text = std::fs::read_to_string(found).expect("written");
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let left = json["mean_squared_difference"].as_f64().expect("a number");
        // A random matrix of this size is off by 0.1 and more.
        assert!(left < 0.02, "{parametrization}: {left}");
    }
}

#[test]
fn truncation_is_worth_less_the_longer_it_iterates() {
    let directory = workplace();
    fulgurite()
        .current_dir(directory.path())
        .args(["validate", "--count", "40", "--size", "12x12", "--iterations", "20,100,500"])
        .args(["--device", "cpu", "--output", "validation"])
        .assert()
        .success()
        .stdout(contains("M = 100: mean area"));
    let at = |name: &str| directory.path().join("validation").join(name);
    let table = std::fs::read_to_string(at("truncation.csv")).expect("a table");
    let areas: Vec<f64> = table
        .lines()
        .skip(1)
        .map(|line| line.split(',').nth(2).and_then(|a| a.parse().ok()).expect("a number"))
        .collect();
    assert_eq!(areas.len(), 3);
    assert!(areas[0] > areas[1] && areas[1] > areas[2] && areas[2] >= 0.0, "{areas:?}");
    // The published scheme, M = 100, is off by some tenths of a per cent.
    assert!((1e-4..1e-2).contains(&areas[1]), "{areas:?}");
    for file in ["sinuosity.csv", "sinuosity.svg", "truncation.svg"] {
        assert!(at(file).exists(), "{file}");
    }
    // Every lattice has a line; its areas make the means.
    let text = std::fs::read_to_string(at("lattices.csv")).expect("a table");
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some(
            "lattice,porosity,sinuosity,area_pores_20,area_pores_100,area_pores_500,area_sites_20,area_sites_100,area_sites_500"
        )
    );
    let rows: Vec<Vec<f64>> =
        lines.map(|l| l.split(',').map(|w| w.parse().expect("a number")).collect()).collect();
    assert_eq!(rows.len(), 40);
    // Means over all sites are porosity times those over the pores, lattice by lattice.
    let header = table.lines().next().expect("a header");
    assert!(
        header.ends_with("mean_area_sites,standard_error_sites,largest_area_sites"),
        "{header}"
    );
    let of_sites = |line: &str| line.split(',').nth(5).and_then(|a| a.parse::<f64>().ok());
    for (k, line) in table.lines().skip(1).enumerate() {
        let mean = rows.iter().map(|r| r[1] * r[3 + k]).sum::<f64>() / 40.0;
        let have = of_sites(line).expect("a number");
        assert!((have - mean).abs() < 1e-6 * mean + 1e-8 && have < areas[k], "{have} {mean}");
        assert!(rows.iter().all(|r| (r[6 + k] - r[1] * r[3 + k]).abs() < 1e-6));
    }
    assert!(rows.iter().all(|r| (1.0..1.42).contains(&r[2])));
    for (k, area) in areas.iter().enumerate() {
        let mean = rows.iter().map(|r| r[3 + k]).sum::<f64>() / 40.0;
        assert!((mean - area).abs() < 2e-9, "{mean} {area}");
    }
}

#[test]
fn validation_does_what_its_options_say() {
    let directory = workplace();
    let here = directory.path();
    let validate = |more: &[&str]| {
        let mut command = fulgurite();
        command
            .current_dir(here)
            .args(["validate", "--count", "20", "--size", "10x10", "--device", "reference"])
            .args(more);
        command
    };
    // Other numbers of iterations than usual are drawn.
    let exact = ["--iterations", "7,30", "--set", "humidity.steps=8", "--output", "exact"];
    validate(&exact).assert().success();
    let picture = std::fs::read_to_string(here.join("exact/sinuosity.svg")).expect("drawn");
    assert!(picture.contains("M = 7") && picture.contains("M = 30"));
    // A single number of iterations is a point of the picture, not nothing.
    let one = ["--iterations", "7", "--set", "humidity.steps=8", "--output", "one"];
    validate(&one).assert().success();
    let picture = std::fs::read_to_string(here.join("one/truncation.svg")).expect("drawn");
    assert!(picture.contains("<circle"), "{picture}");
    // A loose tolerance is not the same as none given.
    let loose = ["--iterations", "7,30", "--set", "humidity.steps=8", "--output", "loose"];
    let keys = ["--set", "solver.scheme=\"converged\"", "--set", "solver.tolerance=0.05"];
    validate(&loose).args(keys).assert().success();
    let table = |run: &str| std::fs::read(here.join(run).join("lattices.csv")).expect("read");
    assert_ne!(table("exact"), table("loose"));
    let few = ["--set", "solver.scheme=\"converged\"", "--set", "solver.most_iterations=14"];
    let stopped = ["--iterations", "7", "--set", "humidity.steps=8", "--output", "stopped"];
    validate(&stopped).args(few).assert().success().stderr(contains("stopped after 14 iterations"));
    let refused = |more: &[&str], cause: &str, remedy: &str| {
        validate(more).assert().code(2).stderr(contains(cause)).stderr(contains(remedy));
    };
    let truncated = ["--truncated", "100", "--output", "t"];
    refused(&truncated, "several are compared with converged", "--iterations M,M");
    let by_set = ["--set", "solver.scheme=\"truncated\"", "--output", "t"];
    refused(&by_set, "several are compared with converged", "--iterations M,M");
    refused(&["--iterations", "0,5", "--output", "t"], "0 iterations", "at least 1");
    // Any file of the directory is looked at.
    std::fs::create_dir(here.join("own")).expect("made");
    std::fs::write(here.join("own/sinuosity.svg"), "mine").expect("written");
    refused(&["--output", "own"], "the file exists", "--overwrite");
}

#[test]
fn bench_sorption_compares_devices() {
    let output = Command::new(env!("CARGO_BIN_EXE_fulgurite"))
        .args(["bench", "sorption", "--device", "reference", "--device", "cpu", "--lattices", "4"])
        .args(["--size", "8x8", "--humidities", "5", "--iterations", "20", "--repeats", "1"])
        .arg("--json")
        .assert()
        .success()
        .get_output()
        .stdout
        .clone();
    let results: serde_json::Value = serde_json::from_slice(&output).expect("JSON");
    let results = results.as_array().expect("a list");
    assert_eq!(results.len(), 2);
    for result in results {
        assert_eq!((&result["lattices"], &result["sites"]), (&4.into(), &64.into()));
        assert!(result["site_updates_per_second"].as_f64().expect("a rate") > 0.0);
        assert!(result["difference"].as_f64().expect("a number") < 1e-5, "{result}");
        let bytes = |name: &str| result[name].as_u64().expect("bytes");
        assert!(bytes("implicit_gradient_bytes") < bytes("unrolled_gradient_bytes"));
    }
}

#[test]
fn bad_input_is_said() {
    let directory = workplace();
    let here = directory.path();
    let at = |name: &str| here.join(name);
    write_npy_f64(at("nan.npy"), &[1, 2], &[1.0, f64::NAN]).expect("written");
    write_npy_f64(at("big.npy"), &[1, 2], &[1.0, 1.5]).expect("written");
    write_npy_f64(at("solid.npy"), &[2, 2], &[0.0; 4]).expect("written");
    write_npy_f64(at("empty.npy"), &[0, 4], &[]).expect("written");
    write_npy_f64(at("line.npy"), &[4], &[1.0; 4]).expect("written");
    bad(&["isotherm", "nan.npy"], here, "η = NaN", "scale the values");
    bad(&["isotherm", "big.npy"], here, "η = 1.5", "scale the values");
    bad(&["isotherm", "solid.npy"], here, "no pore", "--invert");
    bad(&["isotherm", "empty.npy"], here, "empty", "at least one site");
    bad(&["isotherm", "line.npy"], here, "is not a grid", "(ny, nx)");
    bad(&["isotherm", "none.npy"], here, "cannot read", "exists");
    bad(&["isotherm", "grid.csv", "--batch"], here, "batch axis", ".npy");
    bad(
        &["isotherm", "grid.npy", "--set", "humidity.list=[0.0, 0.5]"],
        here,
        "relative humidity 0 ",
        "fractions",
    );
    bad(
        &["isotherm", "grid.npy", "--set", "humidity.list=[0.5, 1.5]"],
        here,
        "1.5 is not above 0 and at most 1",
        "highest",
    );
    bad(&["isotherm", "grid.npy", "--set", "humidity.step=3"], here, "unknown key `step`", "steps");
    bad(
        &["isotherm", "grid.npy", "--set", "solver.iterations=30"],
        here,
        "another scheme",
        "converged",
    );
    bad(
        &["isotherm", "grid.npy", "--set", "model.temperature=-3"],
        here,
        "positive",
        "temperature",
    );
    bad(&["isotherm", "grid.npy", "--scan-down", "7"], here, "turning point", "between");
    let percent = ["isotherm", "grid.npy", "--water", "w.svg", "--water-at", "30,50"];
    bad(&percent, here, "--water-at 30", "fractions");
    let branch = ["isotherm", "grid.npy", "--branch", "desorption", "--densities", "d.npy"];
    bad(&branch, here, "this branch is not computed", "--desorption");
    bad(&["isotherm", "grid.npy", "--lattice", "1"], here, "the batch has 1 lattice", "from 0");
    let steps = ["isotherm", "grid.npy", "--set", "humidity.steps=1000000000000"];
    bad(&steps, here, "1000000 are the most", "fewer steps");
    Command::new(env!("CARGO_BIN_EXE_fulgurite"))
        .args(["bench", "sorption", "--humidities", "1000000000000"])
        .assert()
        .code(2)
        .stderr(contains("1000000 are the most"));

    let file = std::fs::File::create(at("color.png")).expect("created");
    let mut encoder = png::Encoder::new(file, 2, 1);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("written");
    writer.write_image_data(&[255, 0, 0, 0, 0, 255]).expect("written");
    writer.finish().expect("written");
    bad(&["isotherm", "color.png"], here, "not greyscale", "greyscale PNG");
    std::fs::write(at("false.png"), "no picture").expect("written");
    bad(&["isotherm", "false.png"], here, "not a PNG", "greyscale PNG");

    std::fs::write(at("short.csv"), "relative_humidity,filling\n0.5,0.2\n1,1\n").expect("written");
    std::fs::write(at("falls.csv"), "0.2\n0.6\n0.5\n").expect("written");
    std::fs::write(at("high.csv"), "0.5,0.2\n1,1.2\n").expect("written");
    std::fs::write(at("dry.csv"), "0,0\n1,1\n").expect("written");
    let design = |target: &'static str, set: &'static str| {
        ["design", target, "--output", "d", "--size", "4x4", "--set", set]
    };
    bad(
        &design("short.csv", "humidity.steps=3"),
        here,
        "2 humidities that are not the 3",
        "[humidity]",
    );
    bad(&design("falls.csv", "humidity.steps=3"), here, "falls from 0.6 to 0.5", "do not decrease");
    bad(
        &design("falls.csv", "humidity.steps=4"),
        here,
        "has 3 points, the humidity grid 4",
        "one value",
    );
    bad(&design("high.csv", "design.seed=1"), here, "not in [0, 1]", "between 0");
    bad(&design("dry.csv", "design.seed=1"), here, "relative humidity 0 ", "fractions");
    bad(&design("nothing", "design.seed=1"), here, "neither a file nor a known name", "y=x");
    bad(&design("y=x", "design.starts=0"), here, "0 starts", "design");
    bad(&["gradient", "grid.npy"], here, "no loss", "--target");
    bad(&["design", "y=x", "--output", "d", "--size", "4"], here, "not a size", "20x20");
    for size in ["1000000x1000000", "4000x4000x4000", "18446744073709551615x2"] {
        let design = ["design", "y=x", "--output", "d", "--size", size];
        bad(&design, here, "is too large", "fewer than 2^31 sites");
        let generate = ["generate", "--output", "g.npy", "--count", "1", "--size", size];
        bad(&generate, here, "is too large", "fewer than 2^31 sites");
    }
    let many = ["generate", "--output", "g.npy", "--count", "9223372036854775807"];
    bad(&many, here, "do not fit into memory", "several files");
    let none = ["generate", "--output", "g.npy", "--count", "0"];
    bad(&none, here, "no lattice is asked for", "--count");

    // Allowed, and said.
    fulgurite()
        .current_dir(here)
        .args(["isotherm", "grid.npy", "--device", "cpu", "--set", "model.temperature=700"])
        .assert()
        .success()
        .stderr(contains("does not condense"));
}

#[test]
fn generated_batches_repeat_and_are_read_again() {
    let directory = workplace();
    for name in ["a.npy", "b.npy"] {
        fulgurite()
            .current_dir(directory.path())
            .args(["generate", "--count", "7", "--size", "5x6", "--seed", "3", "--output", name])
            .assert()
            .success();
    }
    let read = |name| std::fs::read(directory.path().join(name)).expect("read");
    assert_eq!(read("a.npy"), read("b.npy"));
    fulgurite()
        .current_dir(directory.path())
        .args(["isotherm", "a.npy", "--batch", "--device", "cpu", "--truncated", "5"])
        .assert()
        .success()
        .stdout(contains("lattice,relative_humidity,adsorption").and(contains("\n6,1,")));
}

#[test]
fn the_shipped_configurations_are_read() {
    let directory = workplace();
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    for name in ["sorption-isotherm.toml", "sorption-published.toml", "sorption-design.toml"] {
        fulgurite()
            .current_dir(directory.path())
            .args(["isotherm", "grid.npy", "--device", "cpu", "--config"])
            .arg(configs.join(name))
            .assert()
            .success();
    }
}
