//! Integrators and thermostats: conservation, canonical distributions, and bits determined by
//! the state alone.

mod common;

use common::{data, fast_backends, gpu_backends, kob_andersen, plan, random_structure, teter};
use fulgurite::backend::cpu::{CpuBackend, Level};
use fulgurite::backend::gpu::adapters;
use fulgurite::backend::reference::ReferenceBackend;
use fulgurite::backend::{Backend, DynamicsSession, Observables};
use fulgurite::dynamics::{
    DynamicsPlan, DynamicsState, Ensemble, TemperatureSchedule, Thermodynamics,
};
use fulgurite::io::read_structure;
use fulgurite::potential::Truncation;
use fulgurite::system::{SimulationBox, Structure, Units, maxwell_boltzmann_velocities};

fn thermo(session: &mut dyn DynamicsSession) -> Thermodynamics {
    let what = Observables { thermodynamics: true, ..Observables::default() };
    session.observe(what).expect("observes").thermodynamics.expect("asked for")
}

/// A Kob–Andersen liquid at T = 1, equilibrated once on the CPU.
fn liquid(atoms: usize) -> Structure {
    let length = (atoms as f64 / 1.2).cbrt();
    let counts = [("A", 1.0, atoms * 4 / 5), ("B", 1.0, atoms - atoms * 4 / 5)];
    let mut structure =
        random_structure(SimulationBox::cubic(length).expect("box"), &counts, 0.75, 21);
    maxwell_boltzmann_velocities(&mut structure, 1.0, 4, &Units::LJ).expect("masses");
    let mut plan = liquid_plan(
        &structure,
        Ensemble::Langevin { relaxation: 0.1, displacement_cap: Some(0.02) },
    );
    plan.timestep = 0.002;
    let backend = CpuBackend::new();
    let mut session = backend.molecular_dynamics(&structure, &plan).expect("starts");
    session.advance(4000).expect("runs");
    let what = Observables { structure: true, ..Observables::default() };
    session.observe(what).expect("observes").structure.expect("asked for")
}

fn liquid_plan(structure: &Structure, ensemble: Ensemble) -> DynamicsPlan {
    let mut plan = plan(&kob_andersen(), structure, ensemble);
    plan.timestep = 0.004;
    plan.temperature = TemperatureSchedule::constant(1.0);
    plan
}

fn thermostats() -> [Ensemble; 3] {
    [
        Ensemble::NoseHoover { relaxation: 0.2 },
        Ensemble::StochasticRescaling { relaxation: 0.1 },
        Ensemble::Langevin { relaxation: 0.2, displacement_cap: None },
    ]
}

/// The force-shifted 300 K glass with fresh velocities, once they have shared their energy out.
fn settled_glass() -> (Structure, DynamicsPlan) {
    let mut structure = read_structure(data("sodium-silicate/glass-300K.data.gz")).expect("reads");
    maxwell_boltzmann_velocities(&mut structure, 300.0, 5, &Units::METAL).expect("masses");
    let plan = plan(&teter(Truncation::ForceShift), &structure, Ensemble::Nve);
    let mut session = CpuBackend::new().molecular_dynamics(&structure, &plan).expect("starts");
    session.advance(1000).expect("runs");
    let what = Observables { structure: true, ..Observables::default() };
    (session.observe(what).expect("observes").structure.expect("asked for"), plan)
}

/// Slope of the total energy by least squares with its standard error, kT for each degree of
/// freedom and ns, from so many points so many steps of 1 fs apart.
fn drift_of_the_glass(backend: &dyn Backend, points: u64, apart: u64) -> (f64, f64) {
    let (structure, plan) = settled_glass();
    let mut session = backend.molecular_dynamics(&structure, &plan).expect("starts");
    let mut energies = Vec::new();
    for _ in 0..points {
        session.advance(apart).expect("runs");
        let t = thermo(session.as_mut());
        energies.push((t.step as f64 * 1e-6, t.conserved));
    }
    let kt = Units::METAL.boltzmann * thermo(session.as_mut()).temperature;
    let dof = 3.0 * structure.len() as f64 - 3.0;
    let (slope, error) = slope(&energies);
    let (drift, error) = (slope / (kt * dof), error / (kt * dof));
    let name = &backend.capabilities().name;
    println!("{name}: drift {drift:.2e} ± {error:.1e} kT per degree of freedom and ns");
    (drift, error)
}

/// 20 ps: at most 3e-3 kT per degree of freedom and ns.
#[test]
fn cpu_keeps_the_energy_of_the_glass() {
    let (drift, error) = drift_of_the_glass(&CpuBackend::new(), 100, 200);
    assert!(error < 1.5e-3 && drift.abs() < 3e-3, "drift {drift:e} ± {error:e}");
}

/// Shorter on the other instruction sets: what they can be told to differ by from no drift.
#[test]
fn cpu_keeps_the_energy_of_the_glass_on_every_instruction_set() {
    for level in Level::available().into_iter().skip(1) {
        let (drift, error) = drift_of_the_glass(&CpuBackend::with_level(level), 75, 40);
        assert!(error < 1e-2 && drift.abs() < 3e-3 + 3.0 * error, "drift {drift:e} ± {error:e}");
    }
}

/// As long on hardware as on the cpu; on a software rasteriser 0.2 ps, whose error still tells an
/// integrator that loses a thousandth of kT in a picosecond.
#[test]
fn gpus_keep_the_energy_of_the_glass() {
    for (backend, adapter) in gpu_backends().iter().zip(adapters()) {
        let (points, apart, largest) =
            if adapter.software { (50, 4, 0.3) } else { (100, 200, 1.5e-3) };
        let (drift, error) = drift_of_the_glass(backend.as_ref(), points, apart);
        assert!(error < largest && drift.abs() < 3e-3 + 3.0 * error, "{drift:e} ± {error:e}");
    }
}

fn slope(points: &[(f64, f64)]) -> (f64, f64) {
    let n = points.len() as f64;
    let (mx, my) =
        (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let xx: f64 = points.iter().map(|p| (p.0 - mx).powi(2)).sum();
    let xy: f64 = points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum();
    let slope = xy / xx;
    let rest: f64 = points.iter().map(|p| (p.1 - my - slope * (p.0 - mx)).powi(2)).sum();
    (slope, (rest / (n - 2.0) / xx).sqrt())
}

#[test]
fn momentum_is_conserved() {
    let structure = liquid(600);
    for backend in fast_backends() {
        for ensemble in [Ensemble::Nve, thermostats()[0], thermostats()[1]] {
            let mut start = structure.clone();
            maxwell_boltzmann_velocities(&mut start, 1.0, 9, &Units::LJ).expect("masses");
            let plan = liquid_plan(&start, ensemble);
            let mut session = backend.molecular_dynamics(&start, &plan).expect("starts");
            session.advance(500).expect("runs");
            let state = session.checkpoint().expect("checkpoint");
            for k in 0..3 {
                let total: f64 = state.velocities.iter().map(|v| v[k]).sum();
                // 500 steps of f32 forces of size ~30 and 600 atoms: rounding of 1e-4 at most.
                assert!(total.abs() < 2e-3, "{}: momentum {total}", backend.capabilities().name);
            }
        }
    }
}

#[test]
fn every_thermostat_conserves_its_quantity() {
    let structure = liquid(600);
    let mut backends = fast_backends();
    backends.push(Box::new(ReferenceBackend::new()));
    for backend in backends {
        for ensemble in thermostats() {
            let mut plan = liquid_plan(&structure, ensemble);
            plan.timestep = 0.002;
            // Also while the target moves.
            plan.temperature =
                TemperatureSchedule { start: 1.0, end: 0.7, from_step: 100, steps: 300 };
            let mut session = backend.molecular_dynamics(&structure, &plan).expect("starts");
            let first = thermo(session.as_mut());
            let mut worst = 0.0f64;
            for _ in 0..20 {
                session.advance(25).expect("runs");
                let now = thermo(session.as_mut());
                worst = worst.max((now.conserved - first.conserved).abs());
            }
            let last = thermo(session.as_mut());
            let exchanged = (last.potential_energy + last.kinetic_energy
                - first.potential_energy
                - first.kinetic_energy)
                .abs();
            println!("{} {ensemble:?}: {worst:.3} of {exchanged:.1}", backend.capabilities().name);
            // The energy itself moves by hundreds of ε; the jump of the force at the cutoff
            // of the shifted potential alone makes noise of about 0.1 ε.
            assert!(exchanged > 100.0 && worst < 0.5, "{ensemble:?} {worst} {exchanged}");
        }
    }
}

#[test]
fn cpu_thermostats_sample_the_canonical_ensemble() {
    let atoms = 600;
    let structure = liquid(atoms);
    for ensemble in thermostats() {
        let plan = liquid_plan(&structure, ensemble);
        let mut session = CpuBackend::new().molecular_dynamics(&structure, &plan).expect("starts");
        session.advance(2000).expect("runs");
        let (mut temperatures, mut fourth, mut second) = (Vec::new(), 0.0, 0.0);
        for _ in 0..600 {
            session.advance(20).expect("runs");
            let state = session.checkpoint().expect("checkpoint");
            let squares = state.velocities.iter().flatten().map(|v| v * v);
            let sum: f64 = squares.clone().sum();
            let dof = 3.0 * atoms as f64 - if ensemble.conserves_momentum() { 3.0 } else { 0.0 };
            temperatures.push(sum / dof);
            second += sum;
            fourth += squares.map(|s| s * s).sum::<f64>();
        }
        let n = temperatures.len() as f64;
        let mean = temperatures.iter().sum::<f64>() / n;
        let variance = temperatures.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / n;
        let expected = 2.0 / (3.0 * atoms as f64 - 3.0);
        println!("{ensemble:?}: T {mean:.4}, variance over canonical {:.3}", variance / expected);
        // Samples 0.08 apart with τ ≤ 0.2: at least 150 are independent.
        assert!((mean - 1.0).abs() < 5.0 * (expected / 150.0).sqrt(), "{ensemble:?}: T {mean}");
        assert!((variance / expected - 1.0).abs() < 0.5, "{ensemble:?}: {}", variance / expected);
        // Maxwell–Boltzmann: ⟨v⁴⟩ = 3⟨v²⟩² for every component.
        let count = n * 3.0 * atoms as f64;
        let kurtosis = (fourth / count) / (second / count).powi(2);
        assert!((kurtosis - 3.0).abs() < 0.03, "{ensemble:?}: kurtosis {kurtosis}");
    }
}

fn same(a: &DynamicsState, b: &DynamicsState, what: &str) {
    assert!(a == b, "{what}: states differ");
}

/// Checkpoint at every step of 200, with varied chunks, observations in between, and resumes.
#[test]
fn the_state_determines_the_bits() {
    let structure = liquid(603);
    let mut backends = fast_backends();
    backends.push(Box::new(ReferenceBackend::new()));
    for backend in backends {
        let steps = if backend.capabilities().kind == fulgurite::backend::DeviceKind::Reference {
            40
        } else {
            200
        };
        for ensemble in [Ensemble::Nve, thermostats()[0], thermostats()[1], thermostats()[2]] {
            let mut plan = liquid_plan(&structure, ensemble);
            plan.temperature = TemperatureSchedule { start: 1.0, end: 0.8, from_step: 0, steps };
            // A thin skin, so that rebuilds happen.
            plan.skin = Some(0.15);
            let mut whole = backend.molecular_dynamics(&structure, &plan).expect("starts");
            whole.advance(steps).expect("runs");
            let want = whole.checkpoint().expect("checkpoint");
            assert!(
                backend.capabilities().kind == fulgurite::backend::DeviceKind::Reference
                    || want.rebuilds > 2
            );

            let mut pieces = backend.molecular_dynamics(&structure, &plan).expect("starts");
            let mut state = pieces.checkpoint().expect("checkpoint");
            let mut step = 0;
            let mut chunk = 1;
            while step < steps {
                let take = chunk.min(steps - step);
                if step % 3 == 0 {
                    pieces = backend.resume(&structure, &plan, &state).expect("resumes");
                }
                pieces.advance(take).expect("runs");
                if step % 2 == 0 {
                    let all = Observables { thermodynamics: true, structure: true };
                    pieces.observe(all).expect("observes");
                    pieces.evaluate().expect("evaluates");
                }
                state = pieces.checkpoint().expect("checkpoint");
                step += take;
                chunk = chunk % 4 + 1;
            }
            same(&want, &state, &format!("{} {ensemble:?}", backend.capabilities().name));
        }
    }
}

#[test]
fn cpu_bits_do_not_depend_on_the_number_of_threads() {
    let structure = read_structure(data("sodium-silicate/melt-4000K.data.gz")).expect("reads");
    let mut structure = structure;
    maxwell_boltzmann_velocities(&mut structure, 4000.0, 5, &Units::METAL).expect("masses");
    let mut plan =
        plan(&teter(Truncation::Plain), &structure, Ensemble::NoseHoover { relaxation: 0.1 });
    plan.temperature = TemperatureSchedule::constant(4000.0);
    same_bits_on_threads(&structure, &[plan], 150);
}

/// Runs under one plan after the other, on one thread and on several, and compares.
fn same_bits_on_threads(structure: &Structure, plans: &[DynamicsPlan], steps: u64) {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
        pool.install(|| {
            let backend = CpuBackend::new();
            let mut session = backend.molecular_dynamics(structure, &plans[0]).expect("starts");
            session.advance(steps).expect("runs");
            for plan in &plans[1..] {
                let state = session.checkpoint().expect("checkpoint");
                session = backend.resume(structure, plan, &state).expect("resumes");
                session.advance(steps).expect("runs");
            }
            (session.checkpoint().expect("checkpoint"), thermo(session.as_mut()))
        })
    };
    let one = run(1);
    for threads in [2, 3, 7] {
        let many = run(threads);
        same(&one.0, &many.0, &format!("{threads} threads"));
        assert_eq!(one.1, many.1);
    }
}

/// Above 1024 clusters of eight the loops over atoms run on all threads too.
#[test]
fn cpu_bits_of_ten_thousand_atoms_do_not_depend_on_the_number_of_threads() {
    let atoms = 10_007;
    let length = (f64::from(atoms) / 1.2).cbrt();
    let counts = [("A", 1.0, 8000), ("B", 1.0, 2007)];
    let simulation_box = SimulationBox::cubic(length).expect("box");
    let mut structure = random_structure(simulation_box, &counts, 0.7, 21);
    maxwell_boltzmann_velocities(&mut structure, 1.0, 4, &Units::LJ).expect("masses");
    let plans = [
        Ensemble::Langevin { relaxation: 0.1, displacement_cap: Some(0.02) },
        Ensemble::NoseHoover { relaxation: 0.2 },
    ]
    .map(|ensemble| {
        let mut plan = liquid_plan(&structure, ensemble);
        (plan.timestep, plan.skin) = (0.002, Some(0.2));
        plan
    });
    same_bits_on_threads(&structure, &plans, 100);
}

#[test]
fn a_run_that_blows_up_names_step_and_atom() {
    let mut structure = read_structure(data("sodium-silicate/glass-300K.data.gz")).expect("reads");
    maxwell_boltzmann_velocities(&mut structure, 3000.0, 5, &Units::METAL).expect("masses");
    let mut backends = fast_backends();
    backends.push(Box::new(ReferenceBackend::new()));
    for backend in backends {
        let mut plan = plan(&teter(Truncation::Plain), &structure, Ensemble::Nve);
        plan.timestep = 0.05;
        let mut session = backend.molecular_dynamics(&structure, &plan).expect("starts");
        match session.advance(60) {
            Err(fulgurite::Error::NonFinite { step, atom, .. }) => {
                assert!(step >= 1 && (1..=3000).contains(&atom));
            }
            other => panic!("{}: {other:?}", backend.capabilities().name),
        }
    }
}

/// A stage on one device continues from a state of another.
#[test]
fn states_travel_between_devices() {
    let structure = liquid(600);
    let plan = liquid_plan(&structure, Ensemble::Nve);
    let mut reference =
        ReferenceBackend::new().molecular_dynamics(&structure, &plan).expect("starts");
    reference.advance(3).expect("runs");
    let state = reference.checkpoint().expect("checkpoint");
    let energy = thermo(reference.as_mut()).conserved;
    for backend in fast_backends() {
        let mut session = backend.resume(&structure, &plan, &state).expect("resumes");
        let there = thermo(session.as_mut()).conserved;
        assert!((there - energy).abs() < 1e-5 * energy.abs());
        session.advance(3).expect("runs");
        let back = session.checkpoint().expect("checkpoint");
        let mut again = ReferenceBackend::new().resume(&structure, &plan, &back).expect("resumes");
        again.advance(3).expect("runs");
        assert_eq!(again.checkpoint().expect("checkpoint").step, 9);
    }
}

#[test]
fn a_state_of_another_number_of_atoms_is_refused() {
    let (large, small) = (liquid(600), liquid(500));
    let plan = liquid_plan(&large, Ensemble::Nve);
    let mut backends = fast_backends();
    backends.push(Box::new(ReferenceBackend::new()));
    for backend in backends {
        let name = &backend.capabilities().name;
        let state = backend
            .molecular_dynamics(&large, &plan)
            .and_then(|mut session| session.checkpoint())
            .expect("starts");
        let error = backend.resume(&small, &plan, &state).err().expect("refused");
        assert_eq!(error.to_string(), "a state of 600 atoms for a structure of 500", "{name}");
        assert_eq!(error.exit_code(), 2, "{name}");
    }
}
