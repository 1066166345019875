//! Benchmarks: speed, accuracy and drift of devices side by side in one run.

mod descriptors;

pub use descriptors::{DescriptorBenchmark, DescriptorResult, descriptors};

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use crate::backend::reference::{ReferenceBackend, for_each_pair};
use crate::backend::{Backend, Observables, select, select_profiled};
use crate::config::load_force_field;
use crate::dynamics::{DynamicsPlan, Ensemble, TemperatureSchedule};
use crate::error::{Error, Result};
use crate::potential::{CompiledForceField, Truncation};
use crate::system::{
    Composition, Density, MinimumDistances, RandomPacking, SimulationBox, Species, Structure,
    Units, cubic_box, maxwell_boltzmann_velocities,
};

/// What is benchmarked.
#[derive(Debug, Clone)]
pub struct MdBenchmark {
    /// Devices, as [`select`] knows them.
    pub devices: Vec<String>,
    /// Atoms; rounded to a whole number of copies of a 3000-atom sample.
    pub atoms: usize,
    /// Steps per measurement; `None`: about a second's worth.
    pub steps: Option<u64>,
    /// Measurements, of which the median counts. Devices take turns.
    pub repeats: usize,
}

/// One device's numbers.
#[derive(Debug, Clone, Serialize)]
pub struct MdResult {
    /// Name of the device.
    pub device: String,
    /// Atoms simulated.
    pub atoms: usize,
    /// Steps per measurement.
    pub steps: u64,
    /// Median over the measurements, atoms × steps a second.
    pub atom_steps_per_second: f64,
    /// Slowest and fastest measurement.
    pub range: [f64; 2],
    /// Directed pairs within the cutoff a second.
    pub directed_pairs_per_second: f64,
    /// Directed pairs within the cutoff for each atom.
    pub neighbours: f64,
    /// Steps between rebuilds of the neighbour list.
    pub steps_per_rebuild: Option<f64>,
    /// Relative root mean square of force errors against `reference`, up to 30,000 atoms.
    pub force_error: Option<f64>,
    /// Change of the total energy over the measurements, kT for each degree of freedom and ns.
    pub drift: f64,
    /// Share of the time in each pass.
    pub passes: Vec<(String, f64)>,
}

/// A sodium silicate at 300 K: random, relaxed a little on the CPU, copied to the size wanted.
fn sample(atoms: usize) -> Result<Structure> {
    let field = load_force_field("teter")?;
    let counts: Vec<(Species, usize)> = Composition::parse("(Na2O)30(SiO2)70")?
        .counts(3000)?
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
    let copies = ((atoms as f64 / 3000.0).cbrt().round() as usize).max(1);
    let mut whole = replicate(&cell, copies)?;
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

/// Runs the benchmark; `said` is told what is being done.
pub fn molecular_dynamics(
    benchmark: &MdBenchmark,
    mut said: impl FnMut(&str),
) -> Result<Vec<MdResult>> {
    said("preparing the sample");
    let structure = sample(benchmark.atoms)?;
    let plan = plan(&structure)?;
    let atoms = structure.len();
    let mut directed = 0u64;
    for_each_pair(
        &structure.simulation_box,
        &structure.positions,
        plan.force_field.cutoff,
        |_, _, _, _| directed += 2,
    );
    let neighbours = directed as f64 / atoms as f64;
    let thermodynamics = Observables { thermodynamics: true, ..Observables::default() };

    let mut sessions = Vec::new();
    for device in &benchmark.devices {
        said(&format!("starting {device}"));
        let selection = select(device)?;
        let mut session = selection.backend.molecular_dynamics(&structure, &plan)?;
        let force_error = if atoms <= 30_000 {
            Some(force_error(selection.backend.as_ref(), &structure, &plan)?)
        } else {
            None
        };
        // Warm up, then find how many steps a measurement takes.
        session.advance(5)?;
        let clock = Instant::now();
        session.advance(5)?;
        let each = clock.elapsed().as_secs_f64() / 5.0;
        let steps =
            benchmark.steps.unwrap_or_else(|| (1.0 / each).ceil().clamp(1.0, 5000.0) as u64);
        // Fresh velocities share their energy out first: the step's own error in the energy, of
        // second order, moves with it and would read as drift.
        session.advance(steps)?;
        let first = session.observe(thermodynamics)?.thermodynamics.ok_or_else(unobserved)?;
        sessions.push((device, selection, session, force_error, steps, first, Vec::new(), 0));
    }
    for round in 0..benchmark.repeats.max(1) {
        said(&format!("measuring, round {} of {}", round + 1, benchmark.repeats.max(1)));
        for (_, _, session, _, steps, _, rates, rebuilds) in &mut sessions {
            let clock = Instant::now();
            *rebuilds += session.advance(*steps)?.rebuilds;
            rates.push(*steps as f64 * atoms as f64 / clock.elapsed().as_secs_f64());
        }
    }
    let mut results = Vec::new();
    for (device, selection, mut session, force_error, steps, first, mut rates, rebuilds) in sessions
    {
        rates.sort_by(f64::total_cmp);
        let median = rates[rates.len() / 2];
        let last = session.observe(thermodynamics)?.thermodynamics.ok_or_else(unobserved)?;
        let kt = plan.force_field.units.boltzmann * last.temperature;
        let nanoseconds = (last.step - first.step) as f64 * plan.timestep * 1e-3;
        let dof = 3.0 * atoms as f64 - 3.0;
        let mut passes = session.profile();
        if passes.is_empty() {
            said(&format!("timing the passes of {device}"));
            let profiled = select_profiled(device)?;
            let mut session = profiled.backend.molecular_dynamics(&structure, &plan)?;
            session.advance(steps.min(200))?;
            passes = session.profile();
        }
        let whole: f64 = passes.iter().map(|p| p.1).sum();
        let mut passes: Vec<(String, f64)> = passes
            .into_iter()
            .map(|(name, seconds)| (name.to_owned(), seconds / whole.max(f64::MIN_POSITIVE)))
            .collect();
        passes.sort_by(|a, b| b.1.total_cmp(&a.1));
        results.push(MdResult {
            device: selection.backend.capabilities().name.clone(),
            atoms,
            steps,
            atom_steps_per_second: median,
            range: [rates[0], rates[rates.len() - 1]],
            directed_pairs_per_second: median * neighbours,
            neighbours,
            steps_per_rebuild: (rebuilds > 0)
                .then(|| (steps * rates.len() as u64) as f64 / rebuilds as f64),
            force_error,
            drift: (last.conserved - first.conserved) / (kt * dof * nanoseconds),
            passes,
        });
    }
    Ok(results)
}

fn force_error(backend: &dyn Backend, structure: &Structure, plan: &DynamicsPlan) -> Result<f64> {
    let mut session = backend.molecular_dynamics(structure, plan)?;
    // At the device's own positions, so that only the arithmetic is compared.
    let what = Observables { structure: true, ..Observables::default() };
    let seen = session.observe(what)?.structure.ok_or_else(unobserved)?;
    let have = session.evaluate()?;
    let want = ReferenceBackend::new().molecular_dynamics(&seen, plan)?.evaluate()?;
    let (mut difference, mut size) = (0.0, 0.0);
    for (x, y) in have.forces.iter().flatten().zip(want.forces.iter().flatten()) {
        difference += (x - y) * (x - y);
        size += y * y;
    }
    Ok((difference / size).sqrt())
}
