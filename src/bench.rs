//! Benchmarks: speed, accuracy and drift of devices side by side in one run, and rows that are kept
//! and compared.

mod descriptors;
mod md;
mod rows;

pub use descriptors::{DescriptorBenchmark, DescriptorResult, descriptors};
pub use md::{MdBenchmark, MdResult, OPERATIONS_PER_PAIR, Pass, molecular_dynamics};
pub use rows::{
    Comparison, Row, compare, descriptor_rows, md_rows, read_rows, sorption_rows, write_rows,
};

use std::sync::Arc;

use crate::backend::{Backend, Observables};
use crate::config::load_force_field;
use crate::dynamics::{DynamicsPlan, Ensemble, TemperatureSchedule};
use crate::error::{Error, Result};
use crate::potential::{CompiledForceField, Truncation};
use crate::system::{
    Composition, Density, MinimumDistances, RandomPacking, SimulationBox, Species, Structure,
    Units, cubic_box, maxwell_boltzmann_velocities,
};

/// Atoms of the sample that larger ones are copies of.
const SAMPLE: usize = 3000;

/// Copies of the sample along each edge for about so many atoms.
fn copies(atoms: usize) -> usize {
    ((atoms as f64 / SAMPLE as f64).cbrt().round() as usize).max(1)
}

/// Refuses sizes that no machine here has the memory for: what is too large for a device is refused
/// by the device, but the sample is made on the host.
fn check_size(option: &str, atoms: usize, replicas: usize) -> Result<()> {
    /// About 10 GB of structures on the host.
    const MOST: usize = 100_000_000;
    let whole = copies(atoms).checked_pow(3).and_then(|n| n.checked_mul(SAMPLE));
    match whole.and_then(|n| n.checked_mul(replicas)) {
        Some(n) if n <= MOST => Ok(()),
        _ => Err(Error::config(
            option,
            format!("{atoms} atoms in {replicas} replicas are too many to prepare"),
            format!("give at most {MOST} atoms in all"),
        )),
    }
}

/// A sodium silicate at 300 K: random, relaxed a little on the CPU, copied to the size wanted.
fn sample(atoms: usize) -> Result<Structure> {
    let field = load_force_field("teter")?;
    let counts: Vec<(Species, usize)> = Composition::parse("(Na2O)30(SiO2)70")?
        .counts(SAMPLE)?
        .into_iter()
        .map(|(name, count)| {
            let mass = field.species.iter().find(|s| s.name == name).map(|s| s.mass);
            (Species { name, mass }, count)
        })
        .collect();
    let mut cell = RandomPacking {
        simulation_box: cubic_box(&counts, Density::Mass(2.466), &Units::METAL)?,
        atoms: counts,
        minimum_distances: MinimumDistances::uniform(1.5),
        seed: 1,
    }
    .build()?;
    maxwell_boltzmann_velocities(&mut cell, 2500.0, 1, &Units::METAL)?;
    let backend = crate::backend::cpu::CpuBackend::new();
    for (temperature, steps) in [(2500.0, 2000), (1000.0, 1000), (300.0, 4000)] {
        let mut plan = plan(&cell)?;
        plan.ensemble = Ensemble::Langevin { relaxation: 0.05, displacement_cap: Some(0.05) };
        plan.temperature = TemperatureSchedule::constant(temperature);
        let mut session = backend.molecular_dynamics(&cell, &plan)?;
        session.advance(steps)?;
        let what = Observables { structure: true, ..Observables::default() };
        cell = session.observe(what)?.structure.ok_or_else(unobserved)?;
    }
    let mut whole = replicate(&cell, copies(atoms))?;
    maxwell_boltzmann_velocities(&mut whole, 300.0, 2, &Units::METAL)?;
    Ok(whole)
}

fn unobserved() -> Error {
    Error::input("a session did not answer what it was asked", "report this as a bug")
}

fn replicate(cell: &Structure, copies: usize) -> Result<Structure> {
    let [a, b, c] = cell.simulation_box.lengths;
    let mut positions = Vec::with_capacity(cell.len() * copies.pow(3));
    for x in 0..copies {
        for y in 0..copies {
            for z in 0..copies {
                positions.extend(
                    cell.positions
                        .iter()
                        .map(|r| [r[0] + a * x as f64, r[1] + b * y as f64, r[2] + c * z as f64]),
                );
            }
        }
    }
    let kinds = cell.kinds.repeat(copies.pow(3));
    let n = copies as f64;
    let simulation_box = SimulationBox::orthogonal([n * a, n * b, n * c])?;
    Structure::new(simulation_box, cell.species.clone(), kinds, positions)
}

/// Force shift, so that drift measures the integrator rather than the cutoff.
fn plan(structure: &Structure) -> Result<DynamicsPlan> {
    let mut field = load_force_field("teter")?;
    field.truncation = Truncation::ForceShift;
    Ok(DynamicsPlan {
        force_field: Arc::new(CompiledForceField::new(&field, structure)?),
        timestep: 1e-3,
        ensemble: Ensemble::Nve,
        temperature: TemperatureSchedule::constant(300.0),
        seed: 1,
        skin: None,
    })
}
