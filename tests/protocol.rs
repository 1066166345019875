//! Whole runs: files, branches, members; and that a run stopped anywhere ends with the same bytes.

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fulgurite::Error;
use fulgurite::backend::Backend;
use fulgurite::backend::cpu::CpuBackend;
use fulgurite::backend::reference::ReferenceBackend;
use fulgurite::config::{RunPlan, parse_run};
use fulgurite::dynamics::Thermodynamics;
use fulgurite::protocol::{Progress, RunOptions, RunSummary, Silent, run};

const LENNARD_JONES: &str = r#"
title = "test"
forcefield = "kob-andersen"
[structure]
composition = "A80B20"
atoms = 500
density = 1.2
[dynamics]
timestep = 0.004
relaxation = 0.2
[output]
thermo = 0.04
trajectory = 0.2
checkpoint = 0.148
[analysis]
interval = 0.02
rdf_cutoff = 3.0
rdf_bin = 0.02
measure = ["dynamics", "collective-scattering", "distinct-van-hove", "vibrations", "inherent-structure"]
vibrations_interval = 0.008
structure = ["radial", "coordination", "angles"]
structure_interval = 0.092
[ensemble]
seeds = [1, 2]
[[stage]]
name = "minimize"
kind = "minimize"
force_tolerance = 20.0
[[stage]]
name = "settle"
kind = "hold"
temperature = 2.0
duration = 0.4
thermostat = "langevin"
relaxation = 0.1
displacement_cap = 0.02
[[stage]]
name = "melt"
kind = "hold"
temperature = 2.0
duration = 1.0
[[stage]]
name = "quench"
kind = "ramp"
to = 1.0
rate = 1.0
snapshots = [1.5, 1.0]
[[stage]]
name = "rest"
kind = "relax"
duration = 0.4
thermostat = "nve"
[[branch]]
name = "relax"
from = "quench"
duration = 0.4
thermostat = "stochastic-rescaling"
"#;

const SILICATE: &str = r#"
forcefield = "teter"
[structure]
composition = "(Na2O)30(SiO2)70"
atoms = 600
density = 2.466
[output]
thermo = 0.01
trajectory = 0.05
checkpoint = 0.037
[analysis]
structure = ["network", "rings", "shapes", "clusters", "voronoi"]
structure_interval = 0.043
[analysis.options.bonds]
Si-O = 2.4
[analysis.options.network]
formers = ["Si"]
[analysis.options.rings]
kinds = ["king"]
longest = 8
[[stage]]
name = "minimize"
kind = "minimize"
method = "cg"
force_tolerance = 5.0
[[stage]]
name = "melt"
kind = "hold"
temperature = 6000
duration = 0.2
thermostat = "langevin"
relaxation = 0.05
displacement_cap = 0.05
[[stage]]
name = "quench"
kind = "ramp"
to = 4000
duration = 0.2
snapshots = [5000]
"#;

/// No inherent structures, which take their time on the slower backends.
fn few_minimisations(text: String) -> String {
    text.replace(", \"inherent-structure\"", "")
}

/// One seed.
fn short_lennard_jones() -> String {
    few_minimisations(LENNARD_JONES.replace("seeds = [1, 2]", "seeds = [1]"))
}

fn plan(text: &str) -> RunPlan {
    parse_run("test.toml", text, Path::new(""), &[])
        .unwrap_or_else(|e| panic!("{e}: {}", e.remedy()))
}

/// Every file of a run except what holds wall-clock times or states between.
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
            } else if name != "timing.log" {
                files.insert(name, std::fs::read(&path).expect("readable"));
            }
        }
    }
    files
}

/// Asks the run to stop after a number of steps from where it began.
struct StopAfter {
    flag: Arc<AtomicBool>,
    steps: u64,
    first: u64,
}

impl Progress for StopAfter {
    fn started(&mut self, _: usize, _: u64, done: u64) {
        self.first = done;
    }

    fn advanced(&mut self, done: u64, _: Option<&Thermodynamics>) {
        if done >= self.first + self.steps {
            self.flag.store(true, Ordering::Relaxed);
        }
    }
}

fn uninterrupted(plan: &RunPlan, backend: &dyn Backend, output: &Path) -> RunSummary {
    let options = RunOptions { output: output.into(), resume: false, interrupt: None };
    run(plan, backend, &options, &mut Silent).unwrap_or_else(|e| panic!("{e}"))
}

/// Runs in pieces of pseudo-random length; returns how many times it was stopped.
fn in_pieces(plan: &RunPlan, backend: &dyn Backend, output: &Path, damage: bool) -> u32 {
    let mut stops = 0;
    let mut lengths = [61, 1, 140, 17, 333, 90, 2, 45, 210].into_iter().cycle();
    loop {
        let flag = Arc::new(AtomicBool::new(false));
        let options = RunOptions {
            output: output.into(),
            resume: stops > 0,
            interrupt: Some(Arc::clone(&flag)),
        };
        let steps = lengths.next().expect("endless");
        match run(plan, backend, &options, &mut StopAfter { flag, steps, first: 0 }) {
            Ok(_) => return stops,
            Err(Error::Interrupted { checkpoint, .. }) => {
                assert!(checkpoint.is_file());
                stops += 1;
                // A killed run has lost its last checkpoint and written beyond the one before.
                let previous = checkpoint.with_file_name("previous.checkpoint");
                if damage && stops % 3 == 0 && previous.is_file() {
                    std::fs::write(&checkpoint, b"half a checkpoint").expect("writable");
                }
            }
            Err(other) => panic!("{other}"),
        }
        assert!(stops < 200, "the run does not come to an end");
    }
}

fn same_bytes(text: &str, backend: &dyn Backend) {
    let plan = plan(text);
    let directory = tempfile::tempdir().expect("a directory");
    let whole = directory.path().join("whole");
    let cut = directory.path().join("cut");
    uninterrupted(&plan, backend, &whole);
    let stops = in_pieces(&plan, backend, &cut, true);
    assert!(stops >= 3, "only {stops} interruptions");
    let (a, b) = (contents(&whole), contents(&cut));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, bytes) in &a {
        assert!(bytes == &b[name], "{name} differs after {stops} interruptions");
    }
}

#[test]
fn interrupted_lennard_jones_run_repeats_every_byte_on_reference() {
    let short = short_lennard_jones();
    same_bytes(&short, &ReferenceBackend::new());
}

#[test]
fn interrupted_lennard_jones_run_repeats_every_byte_on_cpu() {
    same_bytes(LENNARD_JONES, &CpuBackend::new());
}

#[test]
fn interrupted_silicate_run_repeats_every_byte_on_cpu() {
    same_bytes(SILICATE, &CpuBackend::new());
}

#[test]
fn interrupted_lennard_jones_run_repeats_every_byte_on_gpu() {
    let short = short_lennard_jones();
    for backend in common::gpu_backends() {
        same_bytes(&short, backend.as_ref());
    }
}

#[test]
fn a_run_leaves_what_it_promises() {
    let plan = plan(LENNARD_JONES);
    let directory = tempfile::tempdir().expect("a directory");
    let output = directory.path().join("run");
    let summary = uninterrupted(&plan, &CpuBackend::new(), &output);
    let files = contents(&output);
    for name in ["configuration.toml", "provenance.json", "summary.json", "report.html"] {
        assert!(files.contains_key(name), "{name}");
    }
    for member in ["seed-1", "seed-2"] {
        for name in [
            "initial.data",
            "final.data",
            "thermo.csv",
            "trajectory.nc",
            "snapshots/quench-1.5.data",
            "snapshots/quench-1.data",
            "stages/minimize/stage.json",
            "stages/melt/rdf.csv",
            "stages/melt/msd.csv",
            "stages/melt/displacements.csv",
            "stages/melt/rdf.svg",
            "stages/melt/energy.svg",
            "stages/melt/temperature.svg",
            "stages/melt/mean-square-displacement.csv",
            "stages/melt/self-scattering.svg",
            "stages/melt/structure/analysis.json",
            "stages/melt/structure/radial.csv",
            "stages/quench/structure/angles.svg",
            "branches/relax-1.5/stage.json",
            "branches/relax-1/final.data",
        ] {
            assert!(files.contains_key(&format!("{member}/{name}")), "{member}/{name}");
        }
    }
    assert_ne!(files["seed-1/final.data"], files["seed-2/final.data"]);
    assert_eq!(summary.members.len(), 2);
    let melt = &summary.members[0].stages[2];
    let means = melt.means.expect("dynamics");
    assert!((means.temperature - 2.0).abs() < 0.2, "{}", means.temperature);
    let temperature = &summary.means[""]["melt/temperature"];
    assert_eq!(temperature.count, 2);
    assert!(temperature.standard_error.is_some());
    // Rows of thermo.csv: header, then for each stage its first step and every tenth.
    let thermo = String::from_utf8(files["seed-1/thermo.csv"].clone()).expect("text");
    let rows = thermo.lines().count();
    assert_eq!(rows, 1 + (1 + 10) + (1 + 25) + (1 + 25) + (1 + 10));
    let nve: Vec<f64> = thermo
        .lines()
        .filter(|l| l.starts_with("rest,"))
        .map(|l| l.split(',').nth(7).expect("a column").parse().expect("a number"))
        .collect();
    let drift = nve.iter().fold(0.0_f64, |m, e| m.max((e - nve[0]).abs())) / 500.0;
    assert!(drift < 2e-3, "energy of the NVE stage moves by {drift} per atom");
    // The branches start at their snapshot and hold its temperature.
    let branch = &summary.members[0].branches[0];
    assert_eq!(branch.name, "relax-1.5");
    assert_eq!(branch.last_step - branch.first_step, 100);
    // The frames are all there.
    let trajectory =
        fulgurite::io::TrajectoryReader::open(output.join("seed-1/trajectory.nc")).expect("opens");
    assert_eq!(trajectory.frames(), 2 + 5 + 5 + 2);
}

#[test]
fn directories_and_checkpoints_are_guarded() {
    let text = SILICATE.replace("duration = 0.2", "duration = 0.05");
    let whole = plan(&text);
    let backend = CpuBackend::new();
    let directory = tempfile::tempdir().expect("a directory");
    let output = directory.path().join("run");
    let options = |resume| RunOptions { output: output.clone(), resume, interrupt: None };
    let refused = |plan: &RunPlan, backend: &dyn Backend, resume| {
        let error = run(plan, backend, &options(resume), &mut Silent).expect_err("refused");
        assert_eq!(error.exit_code(), 2, "{error}");
        error.to_string()
    };
    assert!(refused(&whole, &backend, true).contains("holds no run to resume"));
    uninterrupted(&whole, &backend, &output);
    let before = contents(&output);
    assert!(refused(&whole, &backend, false).contains("exists and is not empty"));
    let other = plan(&text.replace("temperature = 6000", "temperature = 5500"));
    assert!(refused(&other, &backend, true).contains("another configuration"));
    assert!(refused(&whole, &ReferenceBackend::new(), true).contains("written on the device"));
    assert_eq!(before, contents(&output), "a refused run changed files");
    // A finished run resumed ends where it was.
    run(&whole, &backend, &options(true), &mut Silent).expect("finishes again");
    assert!(before == contents(&output));
    // Checkpoints of another version, and damaged ones.
    for name in ["latest", "previous"] {
        let path = output.join(format!("checkpoints/{name}.checkpoint"));
        let mut bytes = std::fs::read(&path).expect("there");
        bytes[8] = 99;
        std::fs::write(&path, bytes).expect("writable");
    }
    assert!(refused(&whole, &backend, true).contains("format 99"));
}

#[test]
fn analyses_of_a_run_take_its_options() {
    let plan = plan(&SILICATE.replace("duration = 0.2", "duration = 0.05"));
    // They are part of what the run notes of itself.
    let again = parse_run("again", &plan.resolved, Path::new(""), &[]).expect("a configuration");
    assert_eq!(again.analysis, plan.analysis);
    let directory = tempfile::tempdir().expect("a directory");
    let output = directory.path().join("run");
    uninterrupted(&plan, &CpuBackend::new(), &output);
    let path = output.join("stages/melt/structure/rings.csv");
    let rings = std::fs::read_to_string(path).expect("rings");
    let lines: Vec<&str> = rings.lines().collect();
    assert_eq!(lines[0], "ring size (formers),King (per former)");
    assert_eq!(lines.len(), 8, "sizes 2 to 8");
    // A bond for a species that the structure does not have is found before the stage is run.
    let wrong = parse_run(
        "wrong",
        &SILICATE.replace("(Na2O)30(SiO2)70", "SiO2").replace("Si-O = 2.4", "Na-O = 3.0"),
        Path::new(""),
        &[],
    );
    let options = RunOptions { output: directory.path().join("x"), resume: false, interrupt: None };
    let error = run(&wrong.expect("a plan"), &CpuBackend::new(), &options, &mut Silent)
        .expect_err("no sodium");
    assert!(error.to_string().contains("Na-O, but there is no Na"), "{error}");
}

#[test]
fn a_run_that_blows_up_names_step_atom_and_checkpoint() {
    let text = SILICATE
        .replace("[output]", "[dynamics]\ntimestep = 50\nrelaxation = 1\n[output]")
        .replace("thermo = 0.01\ntrajectory = 0.05\ncheckpoint = 0.037", "")
        .replace("thermostat = \"langevin\"\nrelaxation = 0.05\ndisplacement_cap = 0.05", "")
        .replace("duration = 0.2", "duration = 50");
    let directory = tempfile::tempdir().expect("a directory");
    let options =
        RunOptions { output: directory.path().join("run"), resume: false, interrupt: None };
    for backend in [&CpuBackend::new() as &dyn Backend, &ReferenceBackend::new()] {
        let _ = std::fs::remove_dir_all(&options.output);
        let error = run(&plan(&text), backend, &options, &mut Silent).expect_err("blows up");
        let message = error.to_string();
        assert_eq!(error.exit_code(), 1);
        assert!(message.contains("blew up at step"), "{message}");
        assert!(message.contains("of atom"), "{message}");
        assert!(message.contains("last good checkpoint"), "{message}");
    }
}

#[test]
fn impossible_structures_are_refused() {
    let refused = |from: &str, to: &str| {
        let directory = tempfile::tempdir().expect("a directory");
        let options =
            RunOptions { output: directory.path().join("run"), resume: false, interrupt: None };
        let error =
            run(&plan(&SILICATE.replace(from, to)), &CpuBackend::new(), &options, &mut Silent)
                .expect_err("refused");
        assert_eq!(error.exit_code(), 2, "{error}");
        format!("{error} {}", error.remedy())
    };
    assert!(refused("atoms = 600", "atoms = 601").contains("601"));
    assert!(refused("(Na2O)30(SiO2)70", "(Na2O)30(SiO3)70").contains("neutral"));
    assert!(refused("(Na2O)30(SiO2)70", "(K2O)30(SiO2)70").contains("species K"));
    assert!(refused("(Na2O)30(SiO2)70", "(Na2O30(SiO2)70").contains("(Na2O30(SiO2)70"));
    assert!(refused("atoms = 600", "atoms = 60").contains("cutoff"));
}

/// A few hundred steps of everything.
fn short() -> String {
    LENNARD_JONES
        .replace("atoms = 500", "atoms = 250")
        .replace("cutoff = 3.0", "cutoff = 2.5")
        .replace("duration = 1.0", "duration = 0.2")
        .replace("duration = 0.4", "duration = 0.2")
        .replace("rate = 1.0", "rate = 2.5")
}

/// Everything a run says, and the names of its stages.
#[derive(Default)]
struct Said(String);

impl Progress for Said {
    fn stage(&mut self, member: &str, stage: &str) {
        self.0.push_str(&format!("{member} {stage}\n"));
    }

    fn message(&mut self, text: &str) {
        self.0.push_str(text);
    }
}

/// A run whose members advance together, against the same members one after the other.
fn replicas_leave_no_trace(text: &str, backend: &dyn Backend, replicas: usize) {
    let of = |n: usize| plan(&text.replace("[ensemble]", &format!("[ensemble]\nreplicas = {n}")));
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    uninterrupted(&of(1), backend, &path("alone"));
    let mut said = Said::default();
    let options = RunOptions { output: path("together"), resume: false, interrupt: None };
    run(&of(replicas), backend, &options, &mut said).unwrap_or_else(|e| panic!("{e}"));
    let others = replicas.min(of(1).members.len()).min(4) - 1;
    assert!(said.0.contains(&format!("and {others} more melt")), "{}", said.0);
    let stops = in_pieces(&of(replicas), backend, &path("cut"), true);
    assert!(stops >= 3, "only {stops} interruptions");
    let alone = contents(&path("alone"));
    for other in ["together", "cut"] {
        let found = contents(&path(other));
        assert_eq!(alone.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
        for (name, bytes) in &alone {
            // These two quote the configuration.
            let same = match name.as_str() {
                "configuration.toml" | "report.html" => {
                    let text = String::from_utf8_lossy(&found[name]).into_owned();
                    let (here, there) = (format!("replicas = {replicas}"), "replicas = 1");
                    text.contains(&here) && text.replace(&here, there).as_bytes() == bytes
                }
                _ => *bytes == found[name],
            };
            assert!(same, "{name} differs in the run `{other}`");
        }
    }
    for member in &of(1).members {
        let bytes = |run: &str, which: &str| {
            let file = format!("checkpoints/{which}.checkpoint");
            std::fs::read(path(run).join(&member.directory).join(file)).expect("written")
        };
        for which in ["latest", "previous"] {
            let same = bytes("alone", which) == bytes("together", which);
            assert!(same, "{which} checkpoint of {}", member.directory);
        }
    }
    // A run of an earlier layout is not silently begun again.
    std::fs::create_dir(path("cut").join("checkpoints")).expect("made");
    let again = RunOptions { output: path("cut"), resume: true, interrupt: None };
    let error = run(&of(1), backend, &again, &mut Silent).expect_err("refused");
    assert!(error.to_string().contains("one for all members"), "{error}");
    // How many run together may change on resuming; nothing else may.
    let again = RunOptions { output: path("together"), resume: true, interrupt: None };
    run(&of(1), backend, &again, &mut Silent).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn replicas_leave_no_trace_on_cpu() {
    // Three seeds at two rates: ramps of two lengths in one session.
    let text = short().replace("seeds = [1, 2]", "seeds = [1, 2, 7]\nrates = [4, 2.5]");
    replicas_leave_no_trace(&text, &CpuBackend::new(), 4);
}

/// Two compositions, their species in two orders, to two temperatures each: one session.
fn temperatures_and_compositions() -> String {
    short().replace("snapshots = [1.5, 1.0]", "snapshots = [1.5]").replace(
        "seeds = [1, 2]",
        "seeds = [3]\ntemperatures = [1.0, 1.2]\ncompositions = [\"A80B20\", \"B80A170\"]",
    )
}

#[test]
fn members_of_other_temperatures_and_compositions_share_a_session() {
    let plan = plan(&temperatures_and_compositions());
    let names: Vec<&str> = plan.members.iter().map(|m| m.directory.as_str()).collect();
    assert_eq!(
        names,
        [
            "A80B20-temperature-1-seed-3",
            "A80B20-temperature-1.2-seed-3",
            "B80A170-temperature-1-seed-3",
            "B80A170-temperature-1.2-seed-3"
        ]
    );
    // The melt is everyone's; the quench ends, and what follows stays, at the member's temperature.
    let targets = |member: &fulgurite::config::Member| -> Vec<f64> {
        member.stages.iter().map(|s| s.kind.schedule(0).end).collect()
    };
    assert_eq!(targets(&plan.members[0])[1..], [2.0, 2.0, 1.0, 1.0]);
    assert_eq!(targets(&plan.members[3])[1..], [2.0, 2.0, 1.2, 1.2]);
    let counts: Vec<Vec<(String, usize)>> = plan
        .members
        .iter()
        .map(|member| {
            let s = fulgurite::protocol::member_structure(&plan, member).expect("built");
            s.species.iter().map(|s| s.name.clone()).zip(s.counts()).collect()
        })
        .collect();
    let both = |a, b| vec![("A".to_owned(), a), ("B".to_owned(), b)];
    assert_eq!(counts[0], both(200, 50));
    assert_eq!(counts[2], both(170, 80));
    replicas_leave_no_trace(&temperatures_and_compositions(), &CpuBackend::new(), 4);
}

#[test]
fn replicas_leave_no_trace_on_reference() {
    let text = few_minimisations(short()).replace("force_tolerance = 20.0", "max_steps = 20");
    replicas_leave_no_trace(&text, &ReferenceBackend::new(), 8);
}

#[test]
fn replicas_leave_no_trace_on_gpu() {
    for backend in common::gpu_backends() {
        replicas_leave_no_trace(&few_minimisations(short()), backend.as_ref(), 2);
    }
}

#[test]
fn replicas_make_seeds_and_a_failure_names_the_member() {
    let text = SILICATE
        .replace("[output]", "[dynamics]\ntimestep = 50\nrelaxation = 1\n[output]")
        .replace("thermo = 0.01\ntrajectory = 0.05\ncheckpoint = 0.037", "")
        .replace("thermostat = \"langevin\"\nrelaxation = 0.05\ndisplacement_cap = 0.05", "")
        .replace("duration = 0.2", "duration = 50");
    let plan = plan(&format!("{}\n[ensemble]\nreplicas = 2\n", text));
    let seeds: Vec<u64> = plan.members.iter().map(|m| m.seed).collect();
    assert_eq!(seeds, [1, 2]);
    assert!(plan.resolved.contains("replicas = 2"), "{}", plan.resolved);
    let directory = tempfile::tempdir().expect("a directory");
    let options =
        RunOptions { output: directory.path().join("run"), resume: false, interrupt: None };
    let error = run(&plan, &CpuBackend::new(), &options, &mut Silent).expect_err("blows up");
    let message = error.to_string();
    assert_eq!(error.exit_code(), 1);
    assert!(message.starts_with("seed-1: the run blew up at step"), "{message}");
    assert!(message.contains("seed-1/checkpoints/latest.checkpoint"), "{message}");
}
