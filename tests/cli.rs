//! The binary as a user meets it: output, exit statuses, messages, and a run killed at any moment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use std::time::{Duration, Instant};

use assert_cmd::Command;
use fulgurite::io::{read_structure, write_structure};
use fulgurite::protocol::initial_structure;
use fulgurite::system::UnitSystem;
use predicates::prelude::*;
use predicates::str::contains;

const RUN: &str = r#"
forcefield = "kob-andersen"
[structure]
composition = "A80B20"
atoms = 500
density = 1.2
[dynamics]
timestep = 0.004
relaxation = 0.2
[output]
thermo = 0.08
trajectory = 0.4
checkpoint = 0.4
[[stage]]
name = "minimize"
kind = "minimize"
force_tolerance = 20.0
[[stage]]
name = "melt"
kind = "hold"
temperature = 2.0
duration = 8
[[stage]]
name = "quench"
kind = "ramp"
to = 1.0
duration = 8
snapshots = [1.5]
[[branch]]
name = "relax"
from = "quench"
duration = 4
"#;

fn fulgurite() -> Command {
    Command::new(env!("CARGO_BIN_EXE_fulgurite"))
}

/// A directory with run.toml and a structure.
fn workplace() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("run.toml"), RUN).expect("written");
    let plan = fulgurite::config::load_run(Path::new("configs/quickstart.toml"), &[])
        .expect("the shipped configuration");
    let structure = initial_structure(&plan, 1).expect("built");
    let data = directory.path().join("start.data");
    write_structure(&data, &structure, UnitSystem::Metal).expect("written");
    (directory, data)
}

/// Drivers that look for a display say nothing on machines without a session.
#[test]
fn devices_are_listed_without_a_session() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulgurite"));
    command.arg("devices").env_remove("XDG_RUNTIME_DIR");
    command.assert().success().stderr(contains("XDG_RUNTIME_DIR").not());
}

#[test]
fn evaluate_prints_the_promised_object() {
    let (directory, data) = workplace();
    let forces = directory.path().join("forces.extxyz");
    let mut energies = Vec::new();
    for device in ["reference", "cpu"] {
        let output = fulgurite()
            .args(["evaluate", "--forcefield", "teter", "--json", "--device", device])
            .arg("--forces")
            .arg(&forces)
            .arg(&data)
            .assert()
            .success()
            .get_output()
            .stdout
            .clone();
        let value: serde_json::Value = serde_json::from_slice(&output).expect("one JSON object");
        let keys: Vec<&String> = value.as_object().expect("an object").keys().collect();
        assert_eq!(keys.len(), 6);
        assert_eq!(value["atoms"], 3000);
        assert_eq!(
            value["units"],
            serde_json::json!({ "energy": "eV", "length": "Å", "pressure": "GPa" })
        );
        for component in ["xx", "yy", "zz", "yz", "xz", "xy"] {
            assert!(value["virial_stress"][component].is_f64());
        }
        assert!(value["virial_pressure"].is_f64());
        energies.push(value["potential_energy"].as_f64().expect("a number"));
        let text = std::fs::read_to_string(&forces).expect("written");
        assert!(text.lines().nth(1).expect("a header").contains("forces:R:3"));
        assert_eq!(text.lines().count(), 3002);
    }
    assert!((energies[0] / energies[1] - 1.0).abs() < 1e-6, "{energies:?}");
    fulgurite()
        .args(["evaluate", "--forcefield", "teter", "--device", "cpu"])
        .arg(&data)
        .assert()
        .success()
        .stdout(contains("potential energy").and(contains("GPa (no kinetic part)")));
}

/// The targets of start-up: a whole process, pipelines compiled. The best of three, so that other
/// work on the machine does not fail it.
#[test]
fn a_single_point_answers_at_once() {
    let (_directory, data) = workplace();
    let mut limits = vec![("cpu".to_owned(), 1.0)];
    for adapter in fulgurite::backend::gpu::adapters().iter().filter(|a| !a.software) {
        limits.push((format!("gpu:{}", adapter.index), 2.0));
    }
    for (device, limit) in limits {
        let best = (0..3)
            .map(|_| {
                let clock = Instant::now();
                fulgurite()
                    .args(["evaluate", "--forcefield", "teter", "--device", &device])
                    .arg(&data)
                    .assert()
                    .success();
                clock.elapsed().as_secs_f64()
            })
            .fold(f64::INFINITY, f64::min);
        println!("{device}: {best:.2} s");
        assert!(best < limit, "{device}: {best} s");
    }
}

/// Runs with arguments and expects this exit status and these words of cause and remedy.
fn refused(arguments: &[&str], status: i32, cause: &str, remedy: &str) {
    let assert = fulgurite().args(arguments).assert().code(status);
    let output = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    let lines: Vec<&str> = output.lines().collect();
    // Graphics drivers may have said something before.
    let error = lines.iter().rfind(|l| l.starts_with("error: ")).unwrap_or(&"");
    let help = lines.iter().rfind(|l| l.starts_with("help: ")).unwrap_or(&"");
    assert!(error.contains(cause), "{arguments:?}: {output}");
    assert!(help.contains(remedy), "{arguments:?}: {output}");
    assert!(!output.contains("panicked"), "{output}");
}

#[test]
fn bad_input_is_refused_in_two_lines() {
    let (directory, data) = workplace();
    let data = data.display().to_string();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let evaluate = ["evaluate", &data, "--device", "cpu", "--forcefield"];
    let with = |last: &'static str| [&evaluate[..], &[last]].concat();
    refused(&with("tetre"), 2, "no preset and no file `tetre`", "did you mean `teter`?");
    refused(&with("bks"), 2, "no parameters for species Na", "[species.Na]");
    refused(&with("nowhere.toml"), 2, "cannot read", "check that the file exists");
    refused(
        &["evaluate", "absent.data", "--forcefield", "teter"],
        2,
        "cannot read absent.data",
        "check that the file exists",
    );
    refused(
        &["evaluate", &data, "--forcefield", "teter", "--device", "abacus"],
        2,
        "unknown device",
        "auto",
    );
    refused(&["convert", &data, &path("x.pdf")], 2, "x.pdf", "name it");

    let text = std::fs::read_to_string(&data).expect("readable");
    let atoms: Vec<&str> = text.lines().skip_while(|l| !l.starts_with("Atoms")).collect();
    // Columns: id, type, x, y, z, images.
    let [first, second] = [atoms[2], atoms[3]];
    let fields: Vec<&str> = first.split_whitespace().collect();
    let others: Vec<&str> = second.split_whitespace().collect();
    let moved = [&others[..2], &fields[2..]].concat().join(" ");
    std::fs::write(path("overlap.data"), text.replace(second, &moved)).expect("written");
    refused(
        &["evaluate", &path("overlap.data"), "--forcefield", "teter"],
        2,
        "overlap",
        "larger minimum distances",
    );
    let lost = first.replacen(fields[2], "nan", 1);
    std::fs::write(path("nan.data"), text.replace(first, &lost)).expect("written");
    refused(&["evaluate", &path("nan.data"), "--forcefield", "teter"], 2, "nan", "");
    std::fs::write(path("half.data"), &text[..text.len() / 2]).expect("written");
    refused(&["evaluate", &path("half.data"), "--forcefield", "teter"], 2, "half.data", "");

    let config = path("run.toml");
    let out = path("out");
    refused(
        &["run", &config, "--output", &out, "--set", "structure.atmos=500"],
        2,
        "unknown key `atmos`",
        "did you mean `atoms`?",
    );
    refused(&["run", &config, "--output", &out, "--set", "nonsense"], 2, "KEY=VALUE", "write");
    refused(&["run", &config, "--output", &out, "--resume"], 2, "no run to resume", "--resume");
    std::fs::write(path("file"), "in the way").expect("written");
    refused(
        &["run", &config, "--device", "cpu", "--output", &path("file/run")],
        2,
        "cannot be created",
        "--output",
    );
    refused(
        &["run", &config, "--device", "cpu", "--output", &path("")],
        2,
        "exists and is not empty",
        "--resume",
    );
}

#[test]
fn convert_keeps_every_number() {
    let (directory, data) = workplace();
    let there = directory.path().join("x.extxyz.gz");
    let back = directory.path().join("y.data");
    fulgurite().arg("convert").arg(&data).arg(&there).assert().success();
    fulgurite().arg("convert").arg(&there).arg(&back).assert().success();
    let (a, b) = (read_structure(&data).expect("a"), read_structure(&back).expect("b"));
    assert_eq!(a.positions, b.positions);
    assert_eq!(a.kinds, b.kinds);
}

#[test]
fn devices_are_listed() {
    fulgurite()
        .arg("devices")
        .assert()
        .success()
        .stdout(contains("cpu").and(contains("reference")));
    let output = fulgurite().args(["devices", "--json"]).assert().success().get_output().clone();
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let names: Vec<&str> =
        list.as_array().expect("a list").iter().filter_map(|d| d["name"].as_str()).collect();
    for name in ["cpu", "cpu:portable", "reference"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    // Each of them can be asked for, and is what it says.
    for name in names.iter().filter(|name| name.starts_with("cpu:")) {
        let level = fulgurite::backend::select(name).expect("selected");
        let signature = level.backend.capabilities().signature.to_lowercase();
        // cpu, the version of the arithmetic, the instruction set.
        let set = signature.splitn(3, '-').last().expect("three parts").replace('-', "");
        assert_eq!(set, name["cpu:".len()..]);
    }
    let abacus = ["bench", "md", "--device", "cpu:abacus"];
    refused(&abacus, 2, "no instruction set `abacus`", "portable");
}

fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(path) = open.pop() {
        for entry in std::fs::read_dir(&path).expect("a directory") {
            let path = entry.expect("readable").path();
            let name = path.strip_prefix(directory).expect("inside").display().to_string();
            if path.is_dir() {
                if !name.ends_with("checkpoints") {
                    open.push(path);
                }
            } else if name != "timing.log" && !name.contains(".part") {
                files.insert(name, std::fs::read(&path).expect("readable"));
            }
        }
    }
    files
}

fn same_files(whole: &Path, cut: &Path) {
    let (a, b) = (contents(whole), contents(cut));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, bytes) in &a {
        assert!(bytes == &b[name], "{name} differs");
    }
}

fn start(directory: &Path, output: &Path, resume: bool, threads: u32) -> std::process::Child {
    let mut process = Process::new(env!("CARGO_BIN_EXE_fulgurite"));
    process
        .args(["run", "--device", "cpu", "--output"])
        .arg(output)
        .arg(directory.join("run.toml"))
        .env("RAYON_NUM_THREADS", threads.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if resume {
        process.arg("--resume");
    }
    process.spawn().expect("the binary starts")
}

#[test]
fn a_run_killed_at_any_moment_ends_with_the_same_files() {
    let (directory, _) = workplace();
    kill_and_resume(directory.path());
}

#[test]
fn replicas_killed_at_any_moment_end_with_the_same_files() {
    let (directory, _) = workplace();
    let path = directory.path().join("run.toml");
    let text = std::fs::read_to_string(&path).expect("readable");
    std::fs::write(&path, format!("{text}\n[ensemble]\nreplicas = 3\n")).expect("writable");
    kill_and_resume(directory.path());
}

fn kill_and_resume(directory: &Path) {
    let whole = directory.join("whole");
    let clock = Instant::now();
    assert!(start(directory, &whole, false, 1).wait().expect("ends").success());
    let length = clock.elapsed();
    let cut = directory.join("cut");
    let mut resume = false;
    let mut kills = 0;
    // Killed after pseudo-random fractions of the whole run, on varying numbers of threads.
    for part in [0.02, 0.31, 0.13, 0.07, 0.23] {
        let mut child = start(directory, &cut, resume, 1 + kills % 2);
        std::thread::sleep(Duration::from_secs_f64(part * length.as_secs_f64()));
        if child.try_wait().expect("asked").is_some() {
            break;
        }
        child.kill().expect("killed");
        child.wait().expect("gone");
        kills += 1;
        // Killed before it had written its configuration, there is nothing to resume.
        resume = cut.join("configuration.toml").is_file();
        if !resume {
            let _ = std::fs::remove_dir_all(&cut);
        }
    }
    assert!(kills >= 2, "the run was over before it could be killed");
    let status = start(directory, &cut, resume, 2).wait().expect("ends");
    assert!(status.success());
    same_files(&whole, &cut);
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_saves_its_state_and_says_so() {
    let (directory, _) = workplace();
    let directory = directory.path();
    let output = directory.join("run");
    let child = Process::new(env!("CARGO_BIN_EXE_fulgurite"))
        .args(["run", "--device", "cpu", "--set", "stage.melt.duration=4000", "--output"])
        .arg(&output)
        .arg(directory.join("run.toml"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    // Well into the melt: its first row of thermodynamics has been written.
    let clock = Instant::now();
    let melting =
        || std::fs::read_to_string(output.join("thermo.csv")).is_ok_and(|t| t.contains("\nmelt,"));
    while !melting() && clock.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let id = child.id().to_string();
    assert!(Process::new("kill").args(["-INT", &id]).status().expect("kill").success());
    let ended = child.wait_with_output().expect("ends");
    assert_eq!(ended.status.code(), Some(130));
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("error: interrupted at step"), "{said}");
    assert!(said.contains("help: continue with the same command and `--resume`"), "{said}");
    assert!(output.join("checkpoints/latest.checkpoint").is_file());
}

/// A disk that fills up: every file may grow to 80 (or 160) kB and no further.
#[cfg(unix)]
#[test]
fn a_full_disk_stops_the_run_and_loses_nothing() {
    let (directory, _) = workplace();
    let directory = directory.path();
    let whole = directory.join("whole");
    assert!(start(directory, &whole, false, 2).wait().expect("ends").success());
    let cut = directory.join("cut");
    let ended = Process::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 160; exec \"$0\" \"$@\""])
        .args([env!("CARGO_BIN_EXE_fulgurite"), "run", "--device", "cpu", "--output"])
        .arg(&cut)
        .arg(directory.join("run.toml"))
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write") && said.contains("last good checkpoint"), "{said}");
    assert!(said.contains("that the disk is not full"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(start(directory, &cut, true, 2).wait().expect("ends").success());
    same_files(&whole, &cut);
}

fn bench_md(arguments: &[&str]) -> Vec<u8> {
    let ended = fulgurite().args(["bench", "md"]).args(arguments).assert().success();
    ended.get_output().stdout.clone()
}

#[test]
fn bench_md_prints_what_it_promises() {
    let measured =
        ["--device", "cpu:portable", "--device", "cpu", "--steps", "40", "--repeats", "2"];
    let json = bench_md(&[&measured[..], &["--replicas", "2", "--json"]].concat());
    let results: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(results.as_array().map(Vec::len), Some(2));
    for result in results.as_array().expect("rows") {
        assert_eq!(result["atoms"], 3000);
        assert_eq!(result["replicas"], 2);
        let number = |key: &str| result[key].as_f64().unwrap_or_else(|| panic!("{key}: {result}"));
        for key in ["atom_steps_per_second", "alone_atom_steps_per_second", "ratio"] {
            assert!(number(key) > 0.0, "{key}");
        }
        let neighbours = number("neighbours");
        assert!((140.0..175.0).contains(&neighbours), "{neighbours}");
        let pairs = number("directed_pairs_per_second");
        assert!((pairs / (number("atom_steps_per_second") * neighbours) - 1.0).abs() < 1e-9);
        assert!(number("force_error") < 5e-6);
        // A share of the peak is one: 37 operations for each directed pair.
        let share = number("arithmetic_share");
        assert!(share > 0.01 && share < 1.0, "{share}");
        assert!((share * number("arithmetic_peak") / (37.0 * pairs) - 1.0).abs() < 1e-9);
        // At least positions, velocities, forces and a list entry for each pair of clusters.
        let memory = number("device_memory");
        assert!((1e6..1e8).contains(&memory), "{memory}");
        // Eighty steps of 1 fs cannot tell a drift of 3e-3 kT/ns from noise.
        assert!(result["drift"].is_null(), "{}", result["drift"]);
        let passes = result["passes"].as_array().expect("passes");
        assert_eq!(passes.len(), 3);
        assert_eq!(result["profiled_steps"], 80);
        let sum = |key: &str| passes.iter().filter_map(|p| p[key].as_f64()).sum::<f64>();
        assert!((sum("share") - 1.0).abs() < 1e-9);
        // Passes of both replicas on threads of their own: at most two threads' time.
        let step = 6000.0 / number("atom_steps_per_second");
        let spent = sum("seconds_per_step");
        assert!(spent > 0.3 * step && spent < 3.0 * step, "{spent} of {step}");
    }
    assert_eq!(results[0]["ratio"], 1.0);

    let rounded = [&measured[..], &["--atoms", "4000"]].concat();
    let text = String::from_utf8(bench_md(&rounded)).expect("text");
    assert!(text.starts_with("3000 atoms are measured, not 4000"), "{text}");
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("cpu: ")).collect();
    assert_eq!(rows.len(), 2, "{text}");
    assert!(rows[0].contains("portable"), "{text}");
    for promised in [
        "ratio",
        "of peak",
        "memory",
        "force error",
        "drift",
        "not measured",
        "Passes on cpu",
        "µs",
    ] {
        assert!(text.contains(promised), "{promised}: {text}");
    }
}

#[test]
fn bench_md_refuses_at_once_what_it_cannot_measure() {
    let clock = Instant::now();
    refused(&["bench", "md", "--atoms", "0"], 2, "must be positive", "positive");
    refused(&["bench", "md", "--replicas", "0"], 2, "must be positive", "positive");
    let many = ["bench", "md", "--device", "cpu", "--atoms", "1000000000000"];
    refused(&many, 2, "too many", "at most 100000000 atoms");
    let devices = ["bench", "md", "--device", "cpu", "--device", "nope"];
    refused(&devices, 2, "unknown device", "fulgurite devices");
    // The sample alone takes seconds.
    assert!(clock.elapsed() < Duration::from_secs(3), "{:?}", clock.elapsed());
}
