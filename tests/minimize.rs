//! Minimisers on the reference backend: a perturbed crystal returns to its lattice energy, an
//! overlapping start becomes quiet.

use std::sync::Arc;

use fulgurite::backend::Backend;
use fulgurite::backend::reference::ReferenceBackend;
use fulgurite::config::load_force_field;
use fulgurite::dynamics::{
    DynamicsPlan, Ensemble, MinimizeMethod, MinimizeOptions, MinimizeReport, TemperatureSchedule,
    minimize,
};
use fulgurite::potential::CompiledForceField;
use fulgurite::system::{
    Composition, Density, MinimumDistances, RandomPacking, RandomStream, SimulationBox, Species,
    Stream, Structure, Units, cubic_box,
};

fn run(structure: &Structure, field: &str, options: MinimizeOptions) -> MinimizeReport {
    let field = load_force_field(field).expect("preset");
    let plan = DynamicsPlan {
        force_field: Arc::new(CompiledForceField::new(&field, structure).expect("compiles")),
        timestep: 1e-3,
        ensemble: Ensemble::Nve,
        temperature: TemperatureSchedule::constant(1.0),
        seed: 1,
        skin: None,
    };
    let mut session =
        ReferenceBackend::new().molecular_dynamics(structure, &plan).expect("a session");
    minimize(session.as_mut(), &options, &mut |_, _| true).expect("no failure")
}

/// Face-centred cubic argon with every atom moved by up to `shake` in each direction.
fn crystal(shake: f64) -> Structure {
    let a = 1.5496;
    let stream = RandomStream::new(3, Stream::Sampling);
    let mut positions = Vec::new();
    for x in 0..5 {
        for y in 0..5 {
            for z in 0..5 {
                for b in [[0.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]] {
                    let atom = positions.len() as u32;
                    let cell = [x, y, z].map(f64::from);
                    positions.push([0, 1, 2].map(|k| {
                        a * (cell[k] + b[k])
                            + shake * (2.0 * stream.uniform(0, atom, k as u32) - 1.0)
                    }));
                }
            }
        }
    }
    let species = vec![Species { name: "Ar".into(), mass: None }];
    let kinds = vec![0; positions.len()];
    Structure::new(SimulationBox::cubic(5.0 * a).expect("cube"), species, kinds, positions)
        .expect("sound")
}

#[test]
fn a_shaken_crystal_returns_to_its_lattice_energy() {
    let options = |method| MinimizeOptions {
        method,
        force_tolerance: 1e-6,
        max_evaluations: 2000,
        longest_move: 0.03,
    };
    let exact = run(&crystal(0.0), "lennard-jones", options(MinimizeMethod::Fire));
    for method in [MinimizeMethod::Fire, MinimizeMethod::ConjugateGradient] {
        let found = run(&crystal(0.1), "lennard-jones", options(method));
        assert!(found.converged, "{method:?}: {found:?}");
        assert!(found.initial_energy > exact.potential_energy + 10.0);
        assert!(
            (found.potential_energy / exact.potential_energy - 1.0).abs() < 1e-9,
            "{method:?}: {} against {}",
            found.potential_energy,
            exact.potential_energy
        );
    }
}

#[test]
fn random_placements_become_quiet() {
    let field = load_force_field("teter").expect("preset");
    let composition = Composition::parse("(Na2O)30(SiO2)70").expect("formula");
    let atoms: Vec<(Species, usize)> = composition
        .counts(900)
        .expect("exact")
        .into_iter()
        .map(|(name, count)| {
            let mass = field.species.iter().find(|s| s.name == name).map(|s| s.mass);
            (Species { name, mass }, count)
        })
        .collect();
    let structure = RandomPacking {
        simulation_box: cubic_box(&atoms, Density::Mass(2.466), &Units::METAL).expect("a box"),
        atoms,
        minimum_distances: MinimumDistances::uniform(0.8),
        seed: 4,
    }
    .build()
    .expect("placed");
    for method in [MinimizeMethod::Fire, MinimizeMethod::ConjugateGradient] {
        let found = run(
            &structure,
            "teter",
            MinimizeOptions {
                method,
                force_tolerance: 2.0,
                max_evaluations: 400,
                longest_move: 0.1,
            },
        );
        assert!(found.converged, "{method:?}: {found:?}");
        assert!(found.potential_energy < found.initial_energy);
    }
}

#[test]
fn the_caller_can_stop() {
    let field = load_force_field("lennard-jones").expect("preset");
    let structure = crystal(0.1);
    let plan = DynamicsPlan {
        force_field: Arc::new(CompiledForceField::new(&field, &structure).expect("compiles")),
        timestep: 1e-3,
        ensemble: Ensemble::Nve,
        temperature: TemperatureSchedule::constant(1.0),
        seed: 1,
        skin: None,
    };
    let mut session =
        ReferenceBackend::new().molecular_dynamics(&structure, &plan).expect("a session");
    let options = MinimizeOptions {
        method: MinimizeMethod::Fire,
        force_tolerance: 1e-9,
        max_evaluations: 1000,
        longest_move: 0.03,
    };
    let report = minimize(session.as_mut(), &options, &mut |n, _| n < 7).expect("no failure");
    assert_eq!(report.evaluations, 7);
    assert!(!report.converged);
}
