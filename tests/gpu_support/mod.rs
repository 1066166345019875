//! What the GPU tests share: adapters, force fields and structures.
#![allow(dead_code)]

use std::sync::Arc;

use fulgurite::backend::gpu::{AdapterChoice, GpuBackend, GpuOptions, adapters};
use fulgurite::backend::reference::for_each_pair;
use fulgurite::dynamics::{DynamicsPlan, Ensemble, Evaluation, TemperatureSchedule};
use fulgurite::potential::{
    CompiledForceField, DampedShiftedForce, ForceField, Pair, PairDefinition, ShortRange,
    SpeciesParameters, Truncation,
};
use fulgurite::system::{
    RandomStream, SimulationBox, Species, Stream, Structure, UnitSystem, from_fixed, to_fixed,
};

/// A backend on every adapter there is; none is a visible skip, or a failure where CI demands one.
pub fn backends(options: &GpuOptions) -> Vec<GpuBackend> {
    let found = adapters();
    if found.is_empty() {
        let demanded = std::env::var_os("FULGURITE_REQUIRE_GPU").is_some_and(|v| v == "1");
        assert!(!demanded, "FULGURITE_REQUIRE_GPU=1, but there is no adapter");
        eprintln!("SKIPPED: no GPU adapter; install a Vulkan driver to run this test");
    }
    found
        .iter()
        .map(|a| {
            GpuBackend::new(AdapterChoice::Index(a.index), options.clone())
                .unwrap_or_else(|e| panic!("{} cannot be opened: {e}", a.name))
        })
        .collect()
}

fn species(name: &str, charge: f64, mass: f64) -> SpeciesParameters {
    SpeciesParameters { name: name.into(), charge, mass, diameter: None }
}

fn buckingham(species: [usize; 2], a: f64, rho: f64, c: f64, short_range: ShortRange) -> Pair {
    Pair {
        species,
        definition: PairDefinition::Buckingham { a, rho, c, short_range },
        cutoff: None,
    }
}

/// Sodium silicate of Liu et al., PRB 106, 214206 (2022), Table I.
pub fn teter() -> ForceField {
    ForceField {
        name: "teter".into(),
        units: UnitSystem::Metal,
        cutoff: 8.0,
        truncation: Truncation::Plain,
        coulomb: Some(DampedShiftedForce { damping: 0.25, cutoff: 8.0 }),
        species: vec![
            species("Na", 0.6, 22.98976928),
            species("Si", 2.4, 28.0855),
            species("O", -1.2, 15.9994),
        ],
        pairs: vec![
            buckingham([2, 2], 1844.7458, 0.343645, 192.580, ShortRange::Splice),
            buckingham([1, 2], 13702.9050, 0.193817, 54.681, ShortRange::Splice),
            buckingham([0, 2], 4383.7555, 0.243838, 30.700, ShortRange::Splice),
        ],
    }
}

/// Silica with the D/r²⁴ guard and a longer-ranged Coulomb term (17 coefficients).
pub fn silica() -> ForceField {
    let guard = |d| ShortRange::Repulsion24(d);
    ForceField {
        name: "bks".into(),
        units: UnitSystem::Metal,
        cutoff: 8.0,
        truncation: Truncation::ForceShift,
        coulomb: Some(DampedShiftedForce { damping: 0.25, cutoff: 11.0 }),
        species: vec![species("Si", 2.4, 28.0855), species("O", -1.2, 15.9994)],
        pairs: vec![
            buckingham([0, 1], 18003.7572, 0.2052048, 133.5381, guard(29.0)),
            buckingham([1, 1], 1388.7730, 0.3623188, 175.0, guard(113.0)),
            buckingham([0, 0], 0.0, 1.0, 0.0, guard(3423200.0)),
        ],
    }
}

/// Kob–Andersen.
pub fn kob_andersen(truncation: Truncation) -> ForceField {
    let pair = |species, epsilon, sigma: f64| Pair {
        species,
        definition: PairDefinition::LennardJones { epsilon, sigma },
        cutoff: Some(2.5 * sigma),
    };
    ForceField {
        name: "kob-andersen".into(),
        units: UnitSystem::Lj,
        cutoff: 2.5,
        truncation,
        coulomb: None,
        species: vec![species("A", 0.0, 1.0), species("B", 0.0, 1.0)],
        pairs: vec![pair([0, 0], 1.0, 1.0), pair([0, 1], 1.5, 0.8), pair([1, 1], 0.5, 0.88)],
    }
}

/// Grains with a diameter each.
pub fn grains() -> ForceField {
    ForceField {
        name: "grains".into(),
        units: UnitSystem::Lj,
        cutoff: 2.5,
        truncation: Truncation::Plain,
        coulomb: None,
        species: vec![species("G", 0.0, 1.0)],
        pairs: vec![Pair {
            species: [0, 0],
            definition: PairDefinition::GeneralizedLennardJones { a0: 1.0 },
            cutoff: None,
        }],
    }
}

/// Atoms at random with a smallest distance, kinds in turn by `ratio`.
pub fn random_structure(
    simulation_box: SimulationBox,
    names: &[&str],
    ratio: &[usize],
    atoms: usize,
    distance: f64,
    seed: u64,
) -> Structure {
    let stream = RandomStream::new(seed, Stream::Sampling);
    let mut positions: Vec<[f64; 3]> = Vec::new();
    let mut attempt = 0;
    while positions.len() < atoms {
        let f = [0, 1, 2].map(|k| stream.uniform(0, attempt, k));
        attempt += 1;
        assert!(attempt < 2_000_000, "too dense for {atoms} atoms at {distance}");
        let r = simulation_box.to_cartesian(f);
        let free = positions.iter().all(|p| {
            let d = simulation_box.minimum_image([r[0] - p[0], r[1] - p[1], r[2] - p[2]]);
            d[0] * d[0] + d[1] * d[1] + d[2] * d[2] > distance * distance
        });
        if free {
            positions.push(r);
        }
    }
    let cycle: Vec<u16> = ratio.iter().enumerate().flat_map(|(k, &n)| vec![k as u16; n]).collect();
    let kinds = (0..atoms).map(|i| cycle[i % cycle.len()]).collect();
    let species = names.iter().map(|n| Species { name: (*n).into(), mass: None }).collect();
    Structure::new(simulation_box, species, kinds, positions).expect("sound")
}

/// (Na2O)30(SiO2)70 at its density, atoms at random.
pub fn silicate(atoms: usize, seed: u64) -> Structure {
    let length = (atoms as f64 / 0.0735).cbrt();
    let b = SimulationBox::cubic(length).expect("sound");
    random_structure(b, &["Na", "Si", "O"], &[6, 7, 17], atoms, 1.35, seed)
}

/// Kob–Andersen mixture at density 1.2.
pub fn mixture(atoms: usize, seed: u64) -> Structure {
    let b = SimulationBox::cubic((atoms as f64 / 1.2).cbrt()).expect("sound");
    random_structure(b, &["A", "B"], &[4, 1], atoms, 0.72, seed)
}

/// A plan without thermostat.
pub fn plan(field: &ForceField, structure: &Structure, timestep: f64) -> DynamicsPlan {
    let names: Vec<&str> = structure.species.iter().map(|s| s.name.as_str()).collect();
    DynamicsPlan {
        force_field: Arc::new(CompiledForceField::for_species(field, &names).expect("sound")),
        timestep,
        ensemble: Ensemble::Nve,
        temperature: TemperatureSchedule::constant(1.0),
        seed: 17,
        skin: None,
    }
}

/// Velocities at a temperature, without total momentum.
pub fn give_velocities(structure: &mut Structure, plan: &DynamicsPlan, temperature: f64) {
    let field = &plan.force_field;
    let stream = RandomStream::new(5, Stream::Velocities);
    let masses: Vec<f64> = structure.kinds.iter().map(|&k| field.masses[usize::from(k)]).collect();
    let mut velocities: Vec<[f64; 3]> = masses
        .iter()
        .enumerate()
        .map(|(i, m)| {
            let spread =
                (field.units.boltzmann * temperature / (m * field.units.mass_velocity2)).sqrt();
            let [a, b] = stream.normal_pair(0, i as u32, 0);
            let [c, _] = stream.normal_pair(0, i as u32, 1);
            [a * spread, b * spread, c * spread]
        })
        .collect();
    let total: f64 = masses.iter().sum();
    for k in 0..3 {
        let momentum: f64 = velocities.iter().zip(&masses).map(|(v, m)| m * v[k]).sum();
        velocities.iter_mut().for_each(|v| v[k] -= momentum / total);
    }
    structure.velocities = Some(velocities);
}

/// Energy, forces and virial in double precision at the device's quantised coordinates.
pub fn exact(structure: &Structure, plan: &DynamicsPlan) -> Evaluation {
    let b = &structure.simulation_box;
    let positions: Vec<[f64; 3]> =
        structure.positions.iter().map(|&r| from_fixed(b, to_fixed(b, r).0)).collect();
    let field = &plan.force_field;
    let diameters = structure.diameters.clone().unwrap_or_else(|| vec![1.0; structure.len()]);
    let mut evaluation = Evaluation {
        potential_energy: field.self_energy(&structure.kinds),
        forces: vec![[0.0; 3]; structure.len()],
        virial: [0.0; 6],
    };
    for_each_pair(b, &positions, field.cutoff, |i, j, d, r2| {
        let term = field.reference_term(
            structure.kinds[i],
            structure.kinds[j],
            r2,
            [diameters[i], diameters[j]],
        );
        let force = term.virial / r2;
        evaluation.potential_energy += term.energy;
        for k in 0..3 {
            evaluation.forces[j][k] += force * d[k];
            evaluation.forces[i][k] -= force * d[k];
        }
        for (w, (x, y)) in
            evaluation.virial.iter_mut().zip([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)])
        {
            *w += force * d[x] * d[y];
        }
    });
    evaluation
}

/// Errors of an evaluation: relative RMS force, relative energy, virial over its largest component.
pub fn errors(have: &Evaluation, want: &Evaluation) -> [f64; 3] {
    let mut difference = 0.0;
    let mut size = 0.0;
    for (a, b) in have.forces.iter().zip(&want.forces) {
        for k in 0..3 {
            difference += (a[k] - b[k]).powi(2);
            size += b[k] * b[k];
        }
    }
    let largest = want.virial.iter().fold(0.0f64, |m, w| m.max(w.abs()));
    let virial =
        have.virial.iter().zip(&want.virial).fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
    [
        (difference / size).sqrt(),
        ((have.potential_energy - want.potential_energy) / want.potential_energy).abs(),
        virial / largest,
    ]
}
