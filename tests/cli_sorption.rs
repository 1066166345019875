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
        .stdout(contains("best of 4 starts"));
    let found = directory.path().join("found");
    let matrix = read_npy(found.join("matrix.npy")).expect("read");
    assert_eq!(matrix.shape, [8, 8]);
    assert!(matrix.data.iter().all(|e| *e == 0.0 || *e == 1.0));
    let text = std::fs::read_to_string(found.join("design.json")).expect("written");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert!(json["mean_squared_difference"].as_f64().expect("a number") < 0.01, "{json}");
    for file in
        ["matrix.png", "isotherm.csv", "isotherm.svg", "history.csv", "history.svg", "water.svg"]
    {
        assert!(found.join(file).exists(), "{file}");
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

/// The curve of a target file.
fn curve(path: &Path) -> Vec<f64> {
    let (humidities, filling) = fulgurite::sorption::read_target(path).expect("a target");
    assert_eq!(humidities.expect("two columns").len(), filling.len());
    filling
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
    // 25 of 36 sites in one pore fill later than one site.
    let large = target("one-large-pore", &[]);
    assert!(large.is_sorted() && large[0] < 0.9 && large[9] > 0.9, "{large:?}");
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
        &["isotherm", "grid.npy", "--set", "solver.tolerance=1e-3"],
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
