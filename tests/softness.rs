//! Softness from a melt-quench to a page, through the command line, and what is refused.

use std::path::Path;

use assert_cmd::Command;
use fulgurite::backend::select;
use fulgurite::descriptor::{DescriptorPlan, compute};
use fulgurite::io::{read_npy, read_structure};
use fulgurite::softness::SoftnessModel;
use predicates::prelude::*;

mod page_support;

fn fulgurite() -> Command {
    Command::cargo_bin("fulgurite").expect("the binary")
}

/// 420 atoms, hot enough that a good part of the sodium moves within a few picoseconds.
const MELT_QUENCH: &str = r#"
title = "small"
forcefield = "teter"
[structure]
composition = "(Na2O)30(SiO2)70"
atoms = 420
density = 2.466
[dynamics]
timestep = 2.0
thermostat = "nose-hoover"
relaxation = 0.1
[output]
thermo = 0.5
trajectory = 1
checkpoint = 50
[ensemble]
seeds = [1, 2]
[[stage]]
name = "minimize"
kind = "minimize"
force_tolerance = 2.0
max_steps = 300
[[stage]]
name = "settle"
kind = "hold"
temperature = 4000
duration = 1
thermostat = "langevin"
relaxation = 0.05
displacement_cap = 0.05
[[stage]]
name = "quench"
kind = "ramp"
from = 4000
to = 1000
rate = 1000
snapshots = [2500, 1800, 1200]
[[branch]]
name = "relax"
from = "quench"
duration = 2
"#;

const SOFTNESS: &str = r#"
title = "Softness of a small glass"
[data]
run = "RUN"
config = "melt.toml"
temperature = 1800
[label]
kind = "displacement"
time = 2
threshold = { kind = "quantile", mobile = 0.4 }
[descriptors]
centres = ["Na"]
[[descriptors.descriptor]]
kind = "radial"
neighbors = ["O"]
cutoff = 8.0
L = 0.2
r = [0.1, 1.6, 2.2, 2.8, 3.4, 4.0, 4.6, 5.2, 5.8, 6.4]   # none is at 0.1 Å
[learning]
splits = 3
[analysis]
bins = 4
bands = 3
times = [1, 1000]
[soap]
centres = ["Na"]
[[soap.descriptor]]
kind = "soap"
neighbors = ["O"]
cutoff = 4.0
n_max = 3
l_max = 2
sigma = 1.0
"#;

fn write(directory: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, text).expect("written");
    path
}

#[test]
fn one_configuration_goes_from_a_melt_quench_to_the_page() {
    let directory = tempfile::tempdir().expect("a directory");
    let here = directory.path();
    write(here, "melt.toml", MELT_QUENCH);
    let run = here.join("run");
    let config =
        write(here, "softness.toml", &SOFTNESS.replace("RUN", run.to_str().expect("a path")));
    let report = |output: &Path| {
        let mut command = fulgurite();
        command.args(["softness", "report"]).arg(&config).args(["--device", "cpu", "--output"]);
        command.arg(output);
        command
    };
    let page = here.join("page");
    report(&page)
        .assert()
        .success()
        .stdout(predicate::str::contains("168 atoms of 2 glasses, 39.9 % mobile"))
        .stdout(predicate::str::contains("on glasses not learned from"))
        .stderr(predicate::str::contains("comes first"))
        .stderr(predicate::str::contains(
            "(nearly) the same for all atoms: radial Na-O r=0.10 L=0.2",
        ))
        .stderr(predicate::str::contains("Not after 1000"));
    for name in ["model.toml", "softness.json", "report.html", "weights.csv", "mobility.svg"] {
        assert!(page.join(name).is_file(), "{name}");
    }
    let text = std::fs::read_to_string(page.join("softness.json")).expect("there");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["glasses"].as_array().map(Vec::len), Some(2));
    assert_eq!(json["unseen"].as_array().map(Vec::len), Some(2));
    assert_eq!(json["temperatures"].as_array().map(Vec::len), Some(3));
    assert!((json["mobile_fraction"].as_f64().expect("a number") - 0.4).abs() < 0.01);
    for name in ["SOAP", "Voronoi volume"] {
        let of = json["baselines"].as_array().expect("baselines");
        assert!(of.iter().any(|b| b["name"] == name), "{name}");
    }
    // Fewer features, down to one.
    let fewer = json["fewer_features"].as_array().expect("fewer");
    assert_eq!(fewer.last().expect("one")["features"], 1);
    let html = std::fs::read_to_string(page.join("report.html")).expect("there");
    assert!(html.contains("logistic regression, C = 1, classes balanced"));
    assert_eq!(json["learning"]["softness"], "distance");
    assert!(html.matches("<svg").count() >= 9 && html.contains("id=\"scene\""));

    if let Some(browser) = page_support::browser() {
        let file = std::fs::canonicalize(page.join("report.html")).expect("there");
        page_support::assert_drawn(&browser, &file, &here.join("profile"), 9, true);
    }

    let weights = std::fs::read_to_string(page.join("weights.csv")).expect("there");
    assert!(weights.starts_with("feature,r,weight,error,g(r)\nradial Na-O L=0.2,"), "{weights}");

    // A run of another configuration is not taken for the one that is named.
    report(&here.join("other"))
        .args(["--set", "data.set=[\"ensemble.seeds=[1, 3]\"]"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("was not made with"))
        .stderr(predicate::str::contains("it has `seeds = [1, 2]`, they say `seeds = [1, 3]`"));

    // The run is there now, and everything comes out the same, on one thread too.
    let again = here.join("again");
    report(&again)
        .env("RAYON_NUM_THREADS", "1")
        .assert()
        .success()
        .stderr(predicate::str::contains("comes first").not());
    for name in ["model.toml", "softness.json", "report.html"] {
        let bytes = |d: &Path| std::fs::read(d.join(name)).expect("there");
        assert_eq!(bytes(&page), bytes(&again), "{name}");
    }
    // A result is never overwritten.
    report(&page).assert().code(2).stderr(predicate::str::contains("exists and is not empty"));

    // The model on a structure, as a table and as an array, is the model on its features.
    let structure = run.join("seed-1/final.data");
    let model = page.join("model.toml");
    let apply = |input: &Path, output: &str| {
        let mut command = fulgurite();
        command.args(["softness", "apply"]).args([&model, &input.to_path_buf()]);
        command.args(["--device", "cpu", "--output"]).arg(here.join(output));
        command
    };
    apply(&structure, "s.csv").assert().success().stdout(predicate::str::contains("soft (S > 0)"));
    apply(&structure, "s.npy").assert().success();
    let array = read_npy(here.join("s.npy")).expect("an array");
    let chosen = select("reference").expect("a device");
    let atoms = read_structure(&structure).expect("a structure");
    let loaded = SoftnessModel::load(&model).expect("a model");
    let (centres, softness) = loaded.apply(chosen.backend.as_ref(), &atoms).expect("applied");
    assert_eq!(array.shape, [420]);
    assert_eq!(array.data.iter().filter(|x| x.is_finite()).count(), centres.len());
    for (i, s) in centres.iter().zip(&softness) {
        assert!((array.data[*i] - s).abs() < 1e-3, "atom {i}: {} and {s}", array.data[*i]);
    }
    let table = std::fs::read_to_string(here.join("s.csv")).expect("a table");
    assert_eq!(table.lines().count(), 1 + centres.len());
    assert!(table.starts_with("id,species,softness\n"));
    // The table names atoms by their identifiers: the order of the file does not matter.
    let text = std::fs::read_to_string(&structure).expect("there");
    let mut lines: Vec<&str> = text.lines().collect();
    let first = 2 + lines.iter().position(|l| l.starts_with("Atoms")).expect("atoms");
    lines[first..first + 420].reverse();
    let reversed = write(here, "reversed.data", &(lines.join("\n") + "\n"));
    apply(&reversed, "r.csv").assert().success();
    let by_id = |table: &str| -> std::collections::BTreeMap<u64, f64> {
        let row = |line: &str| {
            let cells: Vec<&str> = line.split(',').collect();
            (cells[0].parse().expect("an id"), cells[2].parse().expect("a number"))
        };
        table.lines().skip(1).map(row).collect()
    };
    let other = std::fs::read_to_string(here.join("r.csv")).expect("a table");
    let (one, other) = (by_id(&table), by_id(&other));
    assert_eq!(one.len(), centres.len());
    for (id, s) in &one {
        assert!((s - other[id]).abs() < 1e-3, "atom {id}: {s} and {}", other[id]);
    }
    apply(&structure, "s.csv").assert().code(2).stderr(predicate::str::contains("the file exists"));
    // Of features of the structure there is one number an atom too.
    let definition = write(here, "features.toml", &loaded.descriptors);
    let features = here.join("features.npy");
    fulgurite()
        .arg("descriptors")
        .arg(&structure)
        .arg("--config")
        .arg(&definition)
        .args(["--device", "cpu", "--output"])
        .arg(&features)
        .assert()
        .success();
    apply(&features, "f.npy").assert().success();
    let same = read_npy(here.join("f.npy")).expect("an array");
    assert_eq!(same.shape, [420]);
    for (a, b) in array.data.iter().zip(&same.data) {
        assert!((a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-4, "{a} {b}");
    }
    let sidecar = here.join("features.json");
    let text = std::fs::read_to_string(&sidecar).expect("there");
    std::fs::write(&sidecar, text.replace("\"atoms\": 420", "\"atoms\": 0")).expect("written");
    apply(&features, "g.npy")
        .assert()
        .code(2)
        .stderr(predicate::str::contains("do not say how many atoms"));
    // A model of inherent structures wants those.
    apply(&structure, "i.npy")
        .args(["--inherent", "teter"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("the model is of instantaneous structures"));
    let text = std::fs::read_to_string(&model).expect("there");
    let of_rest = write(here, "of-rest.toml", &text.replace("inherent = false", "inherent = true"));
    let rest = |output: &str, more: &[&str]| {
        let mut command = fulgurite();
        command.args(["softness", "apply"]).args([&of_rest, &structure]).args(more);
        command.args(["--device", "cpu", "--output"]).arg(here.join(output));
        command.assert().success()
    };
    rest("j.npy", &[]).stderr(predicate::str::contains("the model is of inherent structures"));
    rest("k.npy", &["--inherent", "teter"]).stderr(predicate::str::contains("note").not());
    let [thermal, minimum] =
        ["j.npy", "k.npy"].map(|name| read_npy(here.join(name)).expect("an array").data);
    assert_eq!(
        thermal.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
        array.data.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
    );
    let apart = thermal.iter().zip(&minimum).filter(|(a, b)| (*a - *b).abs() > 1e-3).count();
    assert!(apart > 60, "{apart} of 84 sodium atoms");

    apply(&structure, "s.txt").assert().code(2).stderr(predicate::str::contains(".csv or .npy"));

    // Features of another definition are refused; so is a damaged model.
    let other = loaded.descriptors.replace("6.4]", "6.1]");
    let plan = DescriptorPlan::parse("other", &other).expect("a plan");
    let matrix = compute(chosen.backend.as_ref(), &atoms, &plan).expect("features");
    let error = loaded.of_matrix(&matrix).expect_err("another definition").to_string();
    assert!(error.contains("another descriptor definition"), "{error}");
    let error = loaded.softness(&matrix.columns, &[]).expect_err("other features").to_string();
    assert!(error.contains("feature"), "{error}");
    for (from, to) in [
        ("fulgurite softness 1", "fulgurite softness 9"),
        ("[[feature]]\n", "[[feature]]\nsize = 1\n"),
        ("intercept = ", "intercept = nan # "),
    ] {
        let text = std::fs::read_to_string(&model).expect("there");
        assert!(text.contains(from), "{from}");
        let damaged = write(here, "damaged.toml", &text.replacen(from, to, 1));
        fulgurite()
            .args(["softness", "apply"])
            .args([&damaged, &structure])
            .arg("--output")
            .arg(here.join("never.csv"))
            .assert()
            .failure()
            .stderr(predicate::str::contains("damaged.toml"));
    }

    // What could not be compared at the end is found out at the beginning.
    report(&here.join("never"))
        .args(["--set", "soap.descriptor.0.neighbors=[\"o\"]", "--set", "label.time=500"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("no species `o`"));
    assert!(!here.join("never").exists());

    // What cannot be learned from says why.
    for (set, wanted) in [
        ("label.threshold={kind=\"fixed\",value=1000.0}", "one class only"),
        ("data.temperature=700", "set data.temperature to one of 1200, 1800, 2500"),
        ("analysis.neighbors=[\"o\"]", "no species `o`"),
        ("data.branch=anneal", "has no relaxation `anneal`"),
        ("data.members=[\"seed-9\"]", "has no member `seed-9`"),
        ("label.time=500", "no frame at time 500"),
        ("descriptors.descriptor.0.r=[0.1]", "none of the 1 features varies"),
    ] {
        let output = here.join("never");
        report(&output)
            .args(["--set", set])
            .assert()
            .code(2)
            .stderr(predicate::str::contains(wanted))
            .stderr(predicate::str::contains("help: "));
        assert!(!output.exists(), "{set} left {}", output.display());
    }
}

/// A Kob-Andersen liquid in which every atom jumps now and then.
const LIQUID: &str = r#"
title = "small liquid"
forcefield = "kob-andersen"
[structure]
composition = "A80B20"
atoms = 500
density = 1.2
minimum_distances = { default = 0.7 }
[dynamics]
timestep = 0.005
thermostat = "nose-hoover"
relaxation = 0.5
[output]
thermo = 5
trajectory = 1
checkpoint = 200
[analysis]
rdf_cutoff = 3.0
rdf_bin = 0.02
[[stage]]
name = "minimize"
kind = "minimize"
force_tolerance = 1.0
max_steps = 300
[[stage]]
name = "settle"
kind = "hold"
temperature = 1.0
duration = 2
thermostat = "langevin"
relaxation = 0.2
displacement_cap = 0.02
[[stage]]
name = "cool"
kind = "ramp"
from = 1.0
to = 0.6
rate = 0.05
snapshots = [0.9, 0.75, 0.6]
[[branch]]
name = "at"
from = "cool"
duration = 60
"#;

const JUMPS: &str = r#"
[data]
run = "RUN"
config = "liquid.toml"
temperature = 0.6
[label]
kind = "hop"
time = 10
[label.hop]
quiet = 8
[descriptors]
centres = ["A"]
species = ["A", "B"]
[[descriptors.descriptor]]
kind = "radial"
cutoff = 3.0
delta = 0.1
r = { from = 0.8, to = 2.6, step = 0.2 }
[learning]
loss = "squared-hinge"
splits = 3
[analysis]
bins = 5
bands = 3
saturation = 0.95
correlation_cutoff = 3
"#;

#[test]
fn jumps_of_a_liquid_are_learned_by_a_support_vector_machine() {
    let directory = tempfile::tempdir().expect("a directory");
    let here = directory.path();
    write(here, "liquid.toml", LIQUID);
    let run = here.join("run");
    let config = write(here, "jumps.toml", &JUMPS.replace("RUN", run.to_str().expect("a path")));
    let page = here.join("page");
    fulgurite()
        .args(["softness", "report"])
        .arg(&config)
        .args(["--device", "cpu", "--output"])
        .arg(&page)
        .assert()
        .success()
        .stdout(predicate::str::contains("atoms of 1 glass, 50.0 % mobile"));
    let text = std::fs::read_to_string(page.join("softness.json")).expect("there");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    // P_R is a part of the A atoms that rest at five moments one window apart (few of the hot ones do),
    // not of the examples.
    let bins = |t: usize| json["responses"][t]["bins"].as_array().expect("bins").clone();
    for t in 0..3 {
        let atoms: f64 = bins(t).iter().map(|b| b["atoms"].as_f64().expect("atoms")).sum();
        assert!(atoms > 20.0 && atoms < 2000.0, "{atoms} atoms at {t}");
    }
    let arrhenius = std::fs::read_to_string(page.join("arrhenius.svg")).expect("there");
    assert!(arrhenius.contains("\n1/T\n") && !arrhenius.contains("1000/T"));
    let notes = json["notes"].to_string();
    assert!(notes.contains("each fifth of its atoms has the softness learned from the others"));
    let mobile = |t: usize| json["temperatures"][t]["mobile_fraction"].as_f64().expect("a part");
    assert!(mobile(0) < mobile(2), "hot atoms jump more: {} {}", mobile(0), mobile(2));
    assert!(json["correlation"]["points"].as_array().expect("points").len() > 10);
    let model = std::fs::read_to_string(page.join("model.toml")).expect("there");
    assert!(model.contains("softness = \"margin\"") && model.contains("loss = \"squared-hinge\""));

    let train = |output: &str, set: &str| {
        let mut command = fulgurite();
        command.args(["softness", "train"]).arg(&config).args(["--device", "cpu", "--set", set]);
        command.arg("--output").arg(here.join(output));
        command.assert()
    };
    // The few examples of a moment may all be of one species; their features are those of both.
    train("both", "descriptors.centres=[\"A\", \"B\"]").success();
    let model = std::fs::read_to_string(here.join("both/model.toml")).expect("there");
    assert!(model.contains("radial *-A r=0.8"), "{model}");
    train("none", "label.threshold={kind=\"fixed\",value=1000.0}")
        .code(2)
        .stderr(predicate::str::contains("no event exceeds the threshold 1000 of p_hop"));
    train("late", "data.temperature=0.65")
        .code(2)
        .stderr(predicate::str::contains("set data.temperature to one of 0.6, 0.75, 0.9"));
}
