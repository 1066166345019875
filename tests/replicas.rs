//! Replicas in one session: each has the bits of the same simulation run alone, on every backend.

mod common;

use std::sync::Arc;

use common::{fast_backends, kob_andersen, random_structure, teter};
use fulgurite::Error;
use fulgurite::backend::reference::ReferenceBackend;
use fulgurite::backend::{Backend, Observables, Replica};
use fulgurite::dynamics::{DynamicsPlan, DynamicsState, Ensemble, TemperatureSchedule};
use fulgurite::potential::{CompiledForceField, ForceField, Truncation};
use fulgurite::system::{SimulationBox, Structure, maxwell_boltzmann_velocities};

const ALL: Observables = Observables { thermodynamics: true, structure: true };

/// Simulations of unlike size, box, composition, seed, temperature and thermostat.
struct Mixed {
    structures: Vec<Structure>,
    plans: Vec<DynamicsPlan>,
}

fn mixed(field: &ForceField) -> Mixed {
    let ensembles = [
        Ensemble::NoseHoover { relaxation: 0.2 },
        Ensemble::StochasticRescaling { relaxation: 0.1 },
        Ensemble::Langevin { relaxation: 0.5, displacement_cap: Some(0.05) },
        Ensemble::Nve,
        Ensemble::NoseHoover { relaxation: 0.1 },
    ];
    let (mut structures, mut plans) = (Vec::new(), Vec::new());
    let mut compiled = None;
    for (n, ensemble) in ensembles.into_iter().enumerate() {
        let (a, b) = ([300, 277, 320, 192, 250][n], [75, 90, 65, 64, 71][n]);
        let edge = ((a + b) as f64 / [1.2, 1.15, 1.25, 1.2, 1.1][n]).cbrt();
        let simulation_box = match n {
            4 => SimulationBox::new([0.0; 3], [edge; 3], [0.5, -0.4, 0.3]),
            _ => SimulationBox::cubic(edge),
        }
        .expect("a box");
        let counts = [("A", 1.0, a), ("B", 1.0, b)];
        let mut structure = random_structure(simulation_box, &counts, 0.72, 3 + n as u64);
        let shared = compiled.get_or_insert_with(|| {
            Arc::new(CompiledForceField::new(field, &structure).expect("compiles"))
        });
        let temperature = 1.5 + 0.2 * n as f64;
        maxwell_boltzmann_velocities(&mut structure, temperature, n as u64, &shared.units)
            .expect("velocities");
        plans.push(DynamicsPlan {
            force_field: Arc::clone(shared),
            timestep: 0.002,
            ensemble,
            temperature: TemperatureSchedule {
                start: temperature,
                end: 1.0,
                from_step: 3,
                steps: 40,
            },
            seed: 100 + n as u64,
            skin: Some(0.12),
        });
        structures.push(structure);
    }
    Mixed { structures, plans }
}

impl Mixed {
    fn replicas<'a>(&'a self, from: Option<&'a [DynamicsState]>) -> Vec<Replica<'a>> {
        (0..self.plans.len())
            .map(|n| Replica {
                structure: &self.structures[n],
                plan: &self.plans[n],
                from: from.map(|states| &states[n]),
            })
            .collect()
    }
}

fn field() -> ForceField {
    ForceField { truncation: Truncation::ForceShift, ..kob_andersen() }
}

fn backends() -> Vec<Box<dyn Backend>> {
    let mut all = fast_backends();
    all.push(Box::new(ReferenceBackend::new()));
    all
}

#[test]
fn a_replica_has_the_bits_it_has_alone() {
    let mixed = mixed(&field());
    for backend in backends() {
        let name = &backend.capabilities().name;
        let exact = name.starts_with("reference");
        let steps = if exact { 6 } else { 60 };
        let mut together = backend.replicas(&mixed.replicas(None)).expect("starts");
        assert_eq!(together.count(), 5);
        // Stopped, looked at and saved on the way.
        let mut reports = together.advance(steps / 3).expect("runs");
        together.observe(ALL).expect("observes");
        let states = together.checkpoint().expect("reads");
        let mut together = backend.replicas(&mixed.replicas(Some(&states))).expect("resumes");
        for (sum, more) in
            reports.iter_mut().zip(together.advance(steps - steps / 3).expect("runs"))
        {
            sum.rebuilds += more.rebuilds;
        }
        let seen = together.observe(ALL).expect("observes");
        let states = together.checkpoint().expect("reads");
        for (n, replica) in mixed.replicas(None).iter().enumerate() {
            let mut alone =
                backend.molecular_dynamics(replica.structure, replica.plan).expect("starts");
            let report = alone.advance(steps).expect("runs");
            let want = alone.observe(ALL).expect("observes");
            assert_eq!(want.thermodynamics, seen[n].thermodynamics, "replica {n} on {name}");
            assert_eq!(want.structure, seen[n].structure, "replica {n} on {name}");
            assert_eq!(alone.checkpoint().expect("reads"), states[n], "replica {n} on {name}");
            assert_eq!(report.rebuilds, reports[n].rebuilds, "replica {n} on {name}");
            assert!(exact || report.rebuilds > 2, "{} rebuilds", report.rebuilds);
        }
    }
}

#[test]
fn replicas_at_different_steps_advance_together() {
    let mixed = mixed(&field());
    for backend in fast_backends() {
        let states: Vec<DynamicsState> = mixed
            .replicas(None)
            .iter()
            .enumerate()
            .map(|(n, replica)| {
                let mut alone =
                    backend.molecular_dynamics(replica.structure, replica.plan).expect("starts");
                alone.advance(5 * n as u64).expect("runs");
                alone.checkpoint().expect("reads")
            })
            .collect();
        let mut together = backend.replicas(&mixed.replicas(Some(&states))).expect("resumes");
        together.advance(20).expect("runs");
        for (n, state) in together.checkpoint().expect("reads").into_iter().enumerate() {
            let plan = &mixed.plans[n];
            let mut alone =
                backend.resume(&mixed.structures[n], plan, &states[n]).expect("resumes");
            alone.advance(20).expect("runs");
            assert_eq!(alone.checkpoint().expect("reads"), state, "replica {n}");
            assert_eq!(state.step, 20 + 5 * n as u64);
        }
    }
}

#[test]
fn a_replica_that_blows_up_is_named() {
    let mut mixed = mixed(&field());
    mixed.plans[3].timestep = 0.002;
    let hot = mixed.structures[3].velocities.as_mut().expect("given");
    hot[17] = [4000.0, 0.0, 0.0];
    for backend in backends() {
        let failed = backend.replicas(&mixed.replicas(None)).and_then(|mut s| s.advance(3));
        match failed {
            Err(Error::Replica { replica: 3, source }) => {
                assert!(matches!(*source, Error::NonFinite { atom: 18, .. }), "{source}");
            }
            other => panic!("{other:?} on {}", backend.capabilities().name),
        }
    }
}

#[test]
fn no_replicas_are_refused() {
    for backend in backends() {
        let error = backend.replicas(&[]).err().expect("refused");
        assert!(error.to_string().contains("no replicas"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}

/// Charges and a splice, in boxes barely wide enough.
#[test]
fn silicate_replicas_have_the_bits_they_have_alone() {
    let field = teter(Truncation::Plain);
    let counts = [("Na", 22.98976928, 122), ("Si", 28.0855, 140), ("O", 15.9994, 341)];
    let structures: Vec<Structure> = [20.2, 20.4]
        .into_iter()
        .zip(3..)
        .map(|(edge, seed)| {
            let b = SimulationBox::cubic(edge).expect("a box");
            random_structure(b, &counts, 1.4, seed)
        })
        .collect();
    let plan = common::plan(
        &field,
        &structures[0],
        Ensemble::Langevin { relaxation: 0.05, displacement_cap: Some(0.05) },
    );
    let replicas: Vec<Replica<'_>> =
        structures.iter().map(|structure| Replica { structure, plan: &plan, from: None }).collect();
    for backend in fast_backends() {
        let mut together = backend.replicas(&replicas).expect("starts");
        let reports = together.advance(12).expect("runs");
        for (n, state) in together.checkpoint().expect("reads").into_iter().enumerate() {
            let mut alone = backend.molecular_dynamics(&structures[n], &plan).expect("starts");
            let report = alone.advance(12).expect("runs");
            assert_eq!(alone.checkpoint().expect("reads"), state, "replica {n}");
            assert_eq!(report, reports[n]);
        }
    }
}
