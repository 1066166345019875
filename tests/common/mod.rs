//! Reference data and force fields shared by the integration tests.

#![allow(dead_code)]

use std::path::PathBuf;
use std::sync::Arc;

use fulgurite::backend::Backend;
use fulgurite::dynamics::{DynamicsPlan, Ensemble, Evaluation, TemperatureSchedule};
use fulgurite::potential::{
    CompiledForceField, DampedShiftedForce, ForceField, Pair, PairDefinition, ShortRange,
    SpeciesParameters, Truncation,
};
use fulgurite::system::{Structure, UnitSystem};

pub fn data(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(path)
}

/// The force field of PRB 106, 214206, Table I.
pub fn teter(truncation: Truncation) -> ForceField {
    let species = |name: &str, charge, mass| SpeciesParameters {
        name: name.into(),
        charge,
        mass,
        diameter: None,
    };
    let pair = |i, a, rho, c| Pair {
        species: [i, 2],
        definition: PairDefinition::Buckingham { a, rho, c, short_range: ShortRange::Splice },
        cutoff: None,
    };
    ForceField {
        name: "teter".into(),
        units: UnitSystem::Metal,
        cutoff: 8.0,
        truncation,
        coulomb: Some(DampedShiftedForce { damping: 0.25, cutoff: 8.0 }),
        species: vec![
            species("Na", 0.6, 22.98976928),
            species("Si", 2.4, 28.0855),
            species("O", -1.2, 15.9994),
        ],
        pairs: vec![
            pair(2, 1844.7458, 0.343645, 192.580),
            pair(1, 13702.9050, 0.193817, 54.681),
            pair(0, 4383.7555, 0.243838, 30.700),
        ],
    }
}

pub fn plan(field: &ForceField, structure: &Structure, ensemble: Ensemble) -> DynamicsPlan {
    DynamicsPlan {
        force_field: Arc::new(CompiledForceField::new(field, structure).expect("compiles")),
        timestep: 1e-3,
        ensemble,
        temperature: TemperatureSchedule::constant(300.0),
        seed: 1,
        skin: None,
    }
}

pub fn evaluate(backend: &dyn Backend, field: &ForceField, structure: &Structure) -> Evaluation {
    let plan = plan(field, structure, Ensemble::Nve);
    let mut session = backend.molecular_dynamics(structure, &plan).expect("starts");
    session.evaluate().expect("evaluates")
}

/// Root mean square of the difference over that of `b`.
pub fn relative_rms(a: &[[f64; 3]], b: &[[f64; 3]]) -> f64 {
    let (mut difference, mut size) = (0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        for k in 0..3 {
            difference += (x[k] - y[k]).powi(2);
            size += y[k].powi(2);
        }
    }
    (difference / size).sqrt()
}

/// Largest difference of virials over the largest component of `b`.
pub fn virial_error(a: &[f64; 6], b: &[f64; 6]) -> f64 {
    let largest = b.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    a.iter().zip(b).fold(0.0f64, |m, (x, y)| m.max((x - y).abs())) / largest
}

/// The Kob–Andersen mixture, shifted at 2.5 σ of each pair.
pub fn kob_andersen() -> ForceField {
    let species = |name: &str| SpeciesParameters {
        name: name.into(),
        charge: 0.0,
        mass: 1.0,
        diameter: None,
    };
    let pair = |i, j, epsilon, sigma: f64| Pair {
        species: [i, j],
        definition: PairDefinition::LennardJones { epsilon, sigma },
        cutoff: Some(2.5 * sigma),
    };
    ForceField {
        name: "kob-andersen".into(),
        units: UnitSystem::Lj,
        cutoff: 2.5,
        truncation: Truncation::Shift,
        coulomb: None,
        species: vec![species("A"), species("B")],
        pairs: vec![pair(0, 0, 1.0, 1.0), pair(0, 1, 1.5, 0.8), pair(1, 1, 0.5, 0.88)],
    }
}

/// One Lennard-Jones species.
pub fn lennard_jones(cutoff: f64, truncation: Truncation) -> ForceField {
    let mut field = kob_andersen();
    field.cutoff = cutoff;
    field.truncation = truncation;
    field.species.truncate(1);
    field.pairs.truncate(1);
    field.pairs[0].cutoff = None;
    field
}

/// Grains of a C–S–H gel with their own diameters.
pub fn grains() -> ForceField {
    let mut field = lennard_jones(4.0, Truncation::Plain);
    field.name = "grains".into();
    field.pairs[0].definition = PairDefinition::GeneralizedLennardJones { a0: 1.3 };
    field
}

/// Every CPU instruction set of this machine, and every GPU adapter.
pub fn fast_backends() -> Vec<Box<dyn Backend>> {
    fulgurite::backend::cpu::Level::available()
        .into_iter()
        .map(|level| {
            Box::new(fulgurite::backend::cpu::CpuBackend::with_level(level)) as Box<dyn Backend>
        })
        .chain(gpu_backends())
        .collect()
}

/// Every GPU adapter; none is a visible skip, or a failure where `FULGURITE_REQUIRE_GPU=1`.
pub fn gpu_backends() -> Vec<Box<dyn Backend>> {
    use fulgurite::backend::gpu::{AdapterChoice, GpuBackend, GpuOptions, adapters};
    let found = adapters();
    if found.is_empty() {
        let demanded = std::env::var_os("FULGURITE_REQUIRE_GPU").is_some_and(|v| v == "1");
        assert!(!demanded, "FULGURITE_REQUIRE_GPU=1, but there is no adapter");
        eprintln!("SKIPPED on gpu: no adapter; install a Vulkan driver");
    }
    found
        .iter()
        .map(|adapter| {
            let choice = AdapterChoice::Index(adapter.index);
            let backend = GpuBackend::new(choice, GpuOptions::from_environment())
                .unwrap_or_else(|e| panic!("{} cannot be opened: {e}", adapter.name));
            Box::new(backend) as Box<dyn Backend>
        })
        .collect()
}

/// A random structure with a smallest distance, in any box.
pub fn random_structure(
    simulation_box: fulgurite::system::SimulationBox,
    counts: &[(&str, f64, usize)],
    smallest: f64,
    seed: u64,
) -> Structure {
    let atoms = counts
        .iter()
        .map(|&(name, mass, count)| {
            (fulgurite::system::Species { name: name.into(), mass: Some(mass) }, count)
        })
        .collect();
    fulgurite::system::RandomPacking {
        atoms,
        simulation_box,
        minimum_distances: fulgurite::system::MinimumDistances::uniform(smallest),
        seed,
    }
    .build()
    .expect("room for all")
}
