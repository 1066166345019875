//! Dynamics on the GPU: state determines bits, replay after overflow, conservation, agreement
//! with the reference, faults.

mod gpu_support;

use fulgurite::Error;
use fulgurite::backend::gpu::{AdapterChoice, GpuBackend, GpuOptions};
use fulgurite::backend::reference::ReferenceBackend;
use fulgurite::backend::{Backend, DynamicsSession, Observables, Replica, ReplicaSession};
use fulgurite::dynamics::{DynamicsPlan, DynamicsState, Ensemble, TemperatureSchedule};
use fulgurite::potential::Truncation;
use fulgurite::system::{SimulationBox, Structure};
use gpu_support::*;

const THERMODYNAMICS: Observables = Observables { thermodynamics: true, structure: false };

fn ensembles() -> [Ensemble; 4] {
    [
        Ensemble::Nve,
        Ensemble::NoseHoover { relaxation: 0.2 },
        Ensemble::StochasticRescaling { relaxation: 0.1 },
        Ensemble::Langevin { relaxation: 0.5, displacement_cap: Some(0.05) },
    ]
}

/// A Kob–Andersen melt that moves enough to rebuild its list every few steps.
fn melt(atoms: usize, ensemble: Ensemble) -> (Structure, DynamicsPlan) {
    let mut structure = mixture(atoms, 21);
    let mut plan = plan(&kob_andersen(Truncation::ForceShift), &structure, 0.002);
    plan.ensemble = ensemble;
    plan.temperature = TemperatureSchedule { start: 2.0, end: 1.0, from_step: 3, steps: 40 };
    plan.skin = Some(0.12);
    give_velocities(&mut structure, &plan, 2.0);
    (structure, plan)
}

fn final_state(
    backend: &GpuBackend,
    structure: &Structure,
    plan: &DynamicsPlan,
    steps: u64,
) -> DynamicsState {
    let mut session = backend.start(structure, plan).expect("starts");
    session.advance(steps).expect("runs");
    session.checkpoint().expect("reads")
}

/// A run in one go against one that is resumed at every step, in other chunks, with another
/// capacity, and observed and evaluated between: the same state to the last bit.
fn compare_bits(checked: bool, steps: u64) {
    let plain = GpuOptions { checked, ..GpuOptions::default() };
    let varied = GpuOptions { chunk_steps: Some(3), list_capacity: Some(40), ..plain.clone() };
    let (plain, varied) = (backends(&plain), backends(&varied));
    for ensemble in ensembles() {
        let (structure, plan) = melt(501, ensemble);
        for (backend, other) in plain.iter().zip(&varied) {
            let straight = final_state(backend, &structure, &plan, steps);
            assert!(straight.rebuilds > 2, "{} rebuilds", straight.rebuilds);
            assert_eq!(straight.step, steps);
            assert_eq!(straight, final_state(other, &structure, &plan, steps), "{ensemble:?}");
            let mut session = other.start(&structure, &plan).expect("starts");
            for step in 0..steps {
                if step % 7 == 3 {
                    session.observe(THERMODYNAMICS).expect("observes");
                    session.evaluate().expect("evaluates");
                }
                session.advance(1).expect("steps");
                let state = session.checkpoint().expect("reads");
                session = other.continue_from(&structure, &plan, &state).expect("resumes");
                assert_eq!(state, session.checkpoint().expect("reads"), "{ensemble:?} at {step}");
            }
            let resumed = session.checkpoint().expect("reads");
            assert_eq!(straight, resumed, "{ensemble:?} on {}", backend.adapter().name);
        }
    }
}

#[test]
fn state_determines_bits() {
    compare_bits(false, 60);
}

#[test]
fn state_determines_bits_with_checked_shaders() {
    compare_bits(true, 20);
}

fn opened_with_capacity(like: &GpuBackend, capacity: u32) -> GpuBackend {
    let options = GpuOptions { list_capacity: Some(capacity), ..GpuOptions::default() };
    GpuBackend::new(AdapterChoice::Index(like.adapter().index), options).expect("opens")
}

#[test]
fn an_overflowing_list_grows_without_a_trace() {
    let (structure, plan) = melt(701, Ensemble::NoseHoover { relaxation: 0.2 });
    for backend in backends(&GpuOptions { list_capacity: Some(300), ..GpuOptions::default() }) {
        let want = final_state(&backend, &structure, &plan, 80);
        // Exactly enough for the start, so that the first fluctuation overflows within a chunk.
        let grown = opened_with_capacity(&backend, 1);
        let grown = grown.start(&structure, &plan).expect("starts").list_capacity();
        let exact = (grown / 2..=grown)
            .find(|&capacity| {
                let tight = opened_with_capacity(&backend, capacity);
                tight.start(&structure, &plan).expect("starts").list_capacity() == capacity
            })
            .expect("the grown capacity suffices");
        let tight = opened_with_capacity(&backend, exact);
        let mut session = tight.start(&structure, &plan).expect("starts");
        session.advance(80).expect("runs");
        assert!(session.list_capacity() > exact, "{exact} neighbours were never exceeded");
        assert_eq!(want, session.checkpoint().expect("reads"));
    }
}

/// Against the reference over a few steps: the same equations, the same random numbers.
#[test]
fn follows_the_reference() {
    for ensemble in ensembles() {
        let (structure, plan) = melt(301, ensemble);
        let reference = ReferenceBackend::new();
        for backend in backends(&GpuOptions::default()) {
            let mut exact = reference.molecular_dynamics(&structure, &plan).expect("starts");
            let mut session = backend.molecular_dynamics(&structure, &plan).expect("starts");
            exact.advance(20).expect("runs");
            session.advance(20).expect("runs");
            let all = Observables { thermodynamics: true, structure: true };
            let (want, have) =
                (exact.observe(all).expect("reads"), session.observe(all).expect("reads"));
            let (w, h) = (want.structure.expect("asked"), have.structure.expect("asked"));
            let mut worst = 0.0f64;
            for i in 0..w.len() {
                let d = [0, 1, 2].map(|k| w.unwrapped(i)[k] - h.unwrapped(i)[k]);
                worst = worst.max(d.iter().fold(0.0, |m: f64, x| m.max(x.abs())));
            }
            let (w, h) = (want.thermodynamics.expect("asked"), have.thermodynamics.expect("asked"));
            let name = &backend.adapter().name;
            println!(
                "{ensemble:?} on {name}: position {worst:.1e}, T {:.6} {:.6}, conserved {:.6} {:.6}, P {:.6} {:.6}",
                w.temperature, h.temperature, w.conserved, h.conserved, w.pressure, h.pressure
            );
            assert!(worst < 2e-5, "{ensemble:?} on {name}: {worst}");
            assert!((w.temperature - h.temperature).abs() < 2e-5 * w.temperature);
            assert!((w.conserved - h.conserved).abs() < 1e-4 * w.kinetic_energy);
            assert!((w.pressure - h.pressure).abs() < 1e-4 * w.pressure.abs());
            for (a, b) in w.stress.iter().zip(&h.stress) {
                assert!((a - b).abs() < 1e-4 * w.pressure.abs());
            }
        }
    }
}

/// Per degree of freedom and time, in kT.
fn drift(
    backend: &GpuBackend,
    structure: &Structure,
    plan: &DynamicsPlan,
    steps: u64,
    kt: f64,
) -> f64 {
    let mut session = backend.start(structure, plan).expect("starts");
    let blocks = 40;
    let mut points = Vec::new();
    for _ in 0..blocks {
        session.advance(steps / blocks).expect("runs");
        let seen = session.observe(THERMODYNAMICS).expect("reads").thermodynamics.expect("asked");
        points.push((seen.step as f64 * plan.timestep, seen.conserved));
    }
    let n = points.len() as f64;
    let mean = points.iter().fold((0.0, 0.0), |m, p| (m.0 + p.0 / n, m.1 + p.1 / n));
    let (mut up, mut down) = (0.0, 0.0);
    for (t, e) in points {
        up += (t - mean.0) * (e - mean.1);
        down += (t - mean.0).powi(2);
    }
    up / down / (kt * 3.0 * structure.len() as f64)
}

#[test]
fn conserved_quantities_do_not_drift() {
    let cold = Ensemble::Langevin { relaxation: 0.05, displacement_cap: Some(0.02) };
    let (structure, mut plan) = melt(501, cold);
    plan.skin = None;
    plan.temperature = TemperatureSchedule::constant(1.0);
    for backend in backends(&GpuOptions::default()) {
        let mut session = backend.start(&structure, &plan).expect("starts");
        session.advance(600).expect("runs");
        let relaxed = session
            .observe(Observables { thermodynamics: false, structure: true })
            .expect("reads")
            .structure
            .expect("asked");
        for ensemble in ensembles() {
            let mut plan = plan.clone();
            plan.ensemble = match ensemble {
                Ensemble::Langevin { .. } => {
                    Ensemble::Langevin { relaxation: 1.0, displacement_cap: None }
                }
                other => other,
            };
            plan.temperature =
                TemperatureSchedule { start: 1.0, end: 0.8, from_step: 0, steps: 2000 };
            let rate = drift(&backend, &relaxed, &plan, 2000, 1.0);
            let name = &backend.adapter().name;
            println!("{ensemble:?} on {name}: {rate:.2e} kT per degree of freedom and time");
            // 2000 steps are four units of time: a fifth of a thousandth of kT in all.
            assert!(rate.abs() < 1e-4, "{ensemble:?}: {rate}");
        }
    }
}

#[test]
fn momentum_stays_zero() {
    let (structure, plan) = melt(501, Ensemble::NoseHoover { relaxation: 0.2 });
    for backend in backends(&GpuOptions::default()) {
        let state = final_state(&backend, &structure, &plan, 200);
        for k in 0..3 {
            let sum: f64 = state.velocities.iter().map(|v| v[k]).sum();
            assert!(sum.abs() < 2e-3, "momentum {sum}");
        }
    }
}

#[test]
fn a_run_that_blows_up_names_step_and_atom() {
    let mut structure = silicate(901, 2);
    let mut plan = plan(&teter(), &structure, 0.05);
    give_velocities(&mut structure, &plan, 4000.0);
    plan.skin = Some(0.5);
    for backend in backends(&GpuOptions::default()) {
        let mut session = backend.start(&structure, &plan).expect("starts");
        match session.advance(2000) {
            Err(Error::NonFinite { step, atom, .. }) => {
                assert!(step < 2000 && (1..=901).contains(&atom));
            }
            other => panic!("{other:?}"),
        }
        // The session stands at the last good boundary.
        session.checkpoint().expect("reads");
    }
}

#[test]
fn set_positions_moves_atoms_and_keeps_velocities() {
    let (structure, plan) = melt(301, Ensemble::Nve);
    for backend in backends(&GpuOptions { list_capacity: Some(4), ..GpuOptions::default() }) {
        let mut session = backend.start(&structure, &plan).expect("starts");
        let velocities = session.checkpoint().expect("reads").velocities;
        let other = mixture(301, 99);
        session.set_positions(&other.positions).expect("sets");
        let state = session.checkpoint().expect("reads");
        assert_eq!(state.velocities, velocities);
        let want = exact(&other, &plan);
        let [force, energy, virial] = errors(&session.evaluate().expect("evaluates"), &want);
        assert!(force < 5e-6 && energy < 1e-6 && virial < 1e-5, "{force} {energy} {virial}");
        // The same bits follow as from a session resumed here.
        session.advance(10).expect("runs");
        let mut resumed = backend.continue_from(&structure, &plan, &state).expect("resumes");
        resumed.advance(10).expect("runs");
        assert_eq!(session.checkpoint().expect("reads"), resumed.checkpoint().expect("reads"));
    }
}

#[test]
fn overlapping_start_relaxes_under_a_cap() {
    let b = SimulationBox::cubic(8.0).expect("sound");
    let mut structure = random_structure(b, &["A", "B"], &[4, 1], 600, 0.02, 31);
    let mut plan = plan(&kob_andersen(Truncation::Shift), &structure, 0.002);
    plan.ensemble = Ensemble::Langevin { relaxation: 0.1, displacement_cap: Some(0.02) };
    give_velocities(&mut structure, &plan, 1.0);
    for backend in backends(&GpuOptions::default()) {
        let mut session = backend.start(&structure, &plan).expect("starts");
        let seen = session.observe(THERMODYNAMICS).expect("reads").thermodynamics.expect("asked");
        assert!(seen.potential_energy > 1e9);
        session.advance(1500).expect("runs");
        let seen = session.observe(THERMODYNAMICS).expect("reads").thermodynamics.expect("asked");
        assert!(seen.potential_energy < 600.0, "{}", seen.potential_energy);
    }
}

#[test]
fn too_large_for_the_device_is_refused_with_numbers() {
    let (structure, plan) = melt(301, Ensemble::Nve);
    let options = GpuOptions { list_capacity: Some(4_000_000), ..GpuOptions::default() };
    for backend in backends(&options) {
        match backend.start(&structure, &plan) {
            Err(Error::Capacity { needed, available, .. }) => assert!(needed > available),
            // A device with more than 5 GB a binding takes it.
            other => assert!(other.is_ok(), "{:?}", other.err()),
        }
    }
}

#[test]
fn passes_are_timed_where_the_device_can() {
    let (structure, plan) = melt(301, Ensemble::Nve);
    let plain = backends(&GpuOptions::default());
    let timed = backends(&GpuOptions { timestamps: true, ..GpuOptions::default() });
    for (backend, timed) in plain.iter().zip(&timed) {
        let mut session = timed.start(&structure, &plan).expect("starts");
        session.advance(20).expect("runs");
        assert_eq!(
            final_state(backend, &structure, &plan, 20),
            session.checkpoint().expect("reads"),
            "timing changed the run"
        );
        match session.pass_times() {
            None => assert!(!timed.adapter().timestamps),
            Some(times) => {
                let (seconds, count) = times.kernels["force"];
                assert!(count >= 20 && seconds > 0.0 && seconds < 60.0, "{seconds} s, {count}");
            }
        }
    }
}

/// Compiled pipelines are kept and used again, and a damaged file is as good as none.
#[test]
fn pipelines_are_kept_between_runs() {
    let (structure, plan) = melt(301, Ensemble::Nve);
    let files = |directory: &std::path::Path| -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(directory).expect("a directory");
        entries.map(|entry| entry.expect("readable").path()).collect()
    };
    for backend in backends(&GpuOptions::default()) {
        let want = final_state(&backend, &structure, &plan, 10);
        let directory = tempfile::tempdir().expect("a directory");
        let kept = GpuOptions {
            pipeline_cache: Some(directory.path().to_owned()),
            ..GpuOptions::default()
        };
        let first = reopened(&backend, &kept);
        assert_eq!(want, final_state(&first, &structure, &plan, 10));
        if backend.adapter().backend != "vulkan" {
            continue;
        }
        let [file] = &files(directory.path())[..] else { panic!("one file for the adapter") };
        let bytes = std::fs::read(file).expect("written");
        // What a driver keeps is its own affair: software ones keep their name and nothing else.
        assert!(bytes.len() > 12 + 32, "{} bytes", bytes.len());
        assert_eq!(want, final_state(&reopened(&backend, &kept), &structure, &plan, 10));
        let mut damaged = bytes.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        std::fs::write(file, &damaged).expect("written");
        assert_eq!(want, final_state(&reopened(&backend, &kept), &structure, &plan, 10));
        assert_ne!(std::fs::read(file).expect("written anew"), damaged);
    }
}

/// Calm atoms leave most steps without the kernels of a rebuild. Fast ones use their lists up in between:
/// then chunks are repeated with a rebuild in every step, and the state is that of the device's other
/// pattern: single steps.
#[test]
fn rebuilds_are_encoded_where_they_are_needed() {
    let lists_in = |structure: &Structure, plan: &DynamicsPlan, steps: u64| {
        let timed = GpuOptions { timestamps: true, ..GpuOptions::default() };
        let timed = backends(&timed).into_iter().filter(|timed| timed.adapter().timestamps);
        let counts = timed.map(|timed| {
            let mut session = timed.start(structure, plan).expect("starts");
            session.advance(steps).expect("runs");
            let (_, lists) = session.pass_times().expect("timed").kernels["list"];
            let single = GpuOptions { chunk_steps: Some(1), ..GpuOptions::default() };
            let want = final_state(&reopened(&timed, &single), structure, plan, steps);
            assert_eq!(want, session.checkpoint().expect("reads"));
            lists
        });
        counts.collect::<Vec<u64>>()
    };
    let (structure, mut plan) = melt(301, Ensemble::NoseHoover { relaxation: 0.2 });
    plan.timestep = 0.005;
    for lists in lists_in(&structure, &plan, 24) {
        // One at the start and one a step at least in the chunks that were repeated.
        assert!(lists > 18, "{lists} of fast atoms");
    }
    plan.timestep = 1e-5;
    for lists in lists_in(&structure, &plan, 24) {
        // The start's may have grown.
        assert!((7..=8).contains(&lists), "{lists} of calm atoms");
    }
}

/// Backends with other options on the same adapters.
fn reopened(like: &GpuBackend, options: &GpuOptions) -> GpuBackend {
    let choice = AdapterChoice::Index(like.adapter().index);
    GpuBackend::new(choice, options.clone()).expect("opens")
}

/// Melts of unlike sizes and thermostats, and their states after some steps alone.
fn melts() -> Vec<(Structure, DynamicsPlan)> {
    [501, 389, 470]
        .into_iter()
        .zip(ensembles().into_iter().skip(1))
        .map(|(n, e)| melt(n, e))
        .collect()
}

fn alone(
    backend: &GpuBackend,
    melts: &[(Structure, DynamicsPlan)],
    steps: u64,
) -> Vec<DynamicsState> {
    melts.iter().map(|(structure, plan)| final_state(backend, structure, plan, steps)).collect()
}

fn replicas(melts: &[(Structure, DynamicsPlan)]) -> Vec<Replica<'_>> {
    melts.iter().map(|(structure, plan)| Replica { structure, plan, from: None }).collect()
}

#[test]
fn an_overflow_in_one_replica_leaves_no_trace_in_any() {
    let melts = melts();
    for backend in backends(&GpuOptions { list_capacity: Some(300), ..GpuOptions::default() }) {
        let want = alone(&backend, &melts, 80);
        let grown = opened_with_capacity(&backend, 1).start_replicas(&replicas(&melts));
        let grown = grown.expect("starts").list_capacity();
        // What was needed, without the slack that growing adds: exactly enough for the start.
        let exact = (1..grown).find(|n| n + n / 8 + 4 == grown).expect("the slack is known");
        let tight = opened_with_capacity(&backend, exact);
        let mut session = tight.start_replicas(&replicas(&melts)).expect("starts");
        assert_eq!(session.list_capacity(), exact);
        session.advance(80).expect("runs");
        assert!(session.list_capacity() > exact, "{exact} neighbours were never exceeded");
        assert_eq!(want, session.checkpoint().expect("reads"));
    }
}

/// Small limits stand for large systems: a list in many parts, some of them across the border of two
/// replicas, and dispatches of many rows whose last is not full.
#[test]
fn split_lists_and_two_dimensional_dispatches_leave_no_trace() {
    let melts = melts();
    for checked in [false, true] {
        for backend in backends(&GpuOptions { checked, ..GpuOptions::default() }) {
            let steps = if checked { 12 } else { 40 };
            let want = alone(&backend, &melts, steps);
            for (binding, dispatch, capacity) in [
                (None, Some(3), None),
                (Some(100_000), None, None),
                (Some(70_000), Some(5), Some(30)),
            ] {
                let options = GpuOptions {
                    checked,
                    largest_binding: binding,
                    longest_dispatch: dispatch,
                    list_capacity: capacity,
                    ..GpuOptions::default()
                };
                let small = reopened(&backend, &options);
                let mut session = small.start_replicas(&replicas(&melts)).expect("starts");
                assert_eq!(session.list_parts() > 4, binding.is_some(), "{}", session.list_parts());
                session.advance(steps).expect("runs");
                assert_eq!(want, session.checkpoint().expect("reads"), "{options:?}");
                let (structure, plan) = &melts[0];
                let mut single = small.start(structure, plan).expect("starts");
                let have = single.evaluate().expect("evaluates");
                let whole = backend.start(structure, plan).expect("starts").evaluate();
                assert_eq!(have, whole.expect("evaluates"), "{options:?}");
                single.advance(steps).expect("runs");
                assert_eq!(want[0], single.checkpoint().expect("reads"), "{options:?}");
            }
        }
    }
}

#[test]
fn a_system_above_the_binding_limit_is_refused_with_need_and_limit() {
    let (structure, plan) = melt(501, Ensemble::Nve);
    let options = GpuOptions { largest_binding: Some(8000), ..GpuOptions::default() };
    for backend in backends(&options) {
        let message = backend.start(&structure, &plan).expect_err("refused").to_string();
        assert!(
            message.contains("(bytes): ") && message.contains(" needed, 8000 available on"),
            "{message}"
        );
    }
}

#[test]
fn replicas_of_other_force_fields_are_refused() {
    let (structure, plan) = melt(301, Ensemble::Nve);
    let mut other = plan.clone();
    other.force_field =
        gpu_support::plan(&kob_andersen(Truncation::Plain), &structure, 0.002).force_field;
    for backend in backends(&GpuOptions::default()) {
        let both = [&plan, &other].map(|plan| Replica { structure: &structure, plan, from: None });
        let error = backend.start_replicas(&both).expect_err("refused");
        assert!(error.to_string().starts_with("replica 1: another force field"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}

/// Visits to the splice, that of the first force evaluation included, also where the run was saved
/// before its first step.
#[test]
fn splice_visits_are_those_of_the_reference() {
    let b = SimulationBox::cubic(20.2).expect("sound");
    let mut structure = random_structure(b, &["Na", "Si", "O"], &[6, 7, 17], 600, 1.0, 4);
    let plan = plan(&teter(), &structure, 1e-5);
    give_velocities(&mut structure, &plan, 300.0);
    let counts = |backend: &dyn Backend| {
        let mut session = backend.molecular_dynamics(&structure, &plan).expect("starts");
        let start = session.checkpoint().expect("reads");
        let visits = [1, 3].map(|n| session.advance(n).expect("runs").splice_visits);
        let mut again = backend.resume(&structure, &plan, &start).expect("resumes");
        assert_eq!(again.advance(1).expect("runs").splice_visits, visits[0]);
        let mut later = backend
            .resume(&structure, &plan, &again.checkpoint().expect("reads"))
            .expect("resumes");
        assert_eq!(later.advance(3).expect("runs").splice_visits, visits[1]);
        visits
    };
    let want = counts(&ReferenceBackend::new());
    assert!(want[0] > 100 && want[0].is_multiple_of(2), "{want:?}");
    assert_eq!(counts(&fulgurite::backend::cpu::CpuBackend::new()), want, "cpu");
    for backend in backends(&GpuOptions::default()) {
        assert_eq!(counts(&backend), want, "{}", backend.adapter().name);
    }
}
