//! Benchmarks: speed, accuracy and drift of devices side by side in one run.

mod descriptors;

pub use descriptors::{DescriptorBenchmark, DescriptorResult, descriptors};

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use crate::backend::reference::{ReferenceBackend, for_each_pair};
use crate::backend::{Backend, Observables, Replica, ReplicaSession, select, select_profiled};
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
    /// Copies of the sample with velocities of their own, advanced together.
    pub replicas: usize,
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
    /// Atoms simulated, in each replica.
    pub atoms: usize,
    /// Replicas advanced together.
    pub replicas: usize,
    /// Steps per measurement.
    pub steps: u64,
    /// Median over the measurements, atoms × steps a second, all replicas together.
    pub atom_steps_per_second: f64,
    /// The same of one replica alone, measured in turn with all together.
    pub alone_atom_steps_per_second: Option<f64>,
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
    let structures = (0..benchmark.replicas.max(1) as u64)
        .map(|n| {
            let mut structure = structure.clone();
            maxwell_boltzmann_velocities(&mut structure, 300.0, 2 + n, &Units::METAL)?;
            Ok(structure)
        })
        .collect::<Result<Vec<_>>>()?;
    let replicas: Vec<Replica<'_>> =
        structures.iter().map(|structure| Replica { structure, plan: &plan, from: None }).collect();
    let count = replicas.len();
    let mut directed = 0u64;
    for_each_pair(
        &structure.simulation_box,
        &structure.positions,
        plan.force_field.cutoff,
        |_, _, _, _| directed += 2,
    );
    let neighbours = directed as f64 / atoms as f64;

    let mut runs = Vec::new();
    for device in &benchmark.devices {
        said(&format!("starting {device}"));
        let backend = select(device)?.backend;
        let force_error = match atoms <= 30_000 {
            true => Some(force_error(backend.as_ref(), &structure, &plan)?),
            false => None,
        };
        let mut together = Timed::start(backend.as_ref(), &replicas, benchmark.steps)?;
        let alone = match count {
            1 => None,
            _ => Some(Timed::start(backend.as_ref(), &replicas[..1], benchmark.steps)?),
        };
        let first = together.conserved()?;
        runs.push((device, backend, together, alone, force_error, first));
    }
    for round in 0..benchmark.repeats.max(1) {
        said(&format!("measuring, round {} of {}", round + 1, benchmark.repeats.max(1)));
        for (_, _, together, alone, ..) in &mut runs {
            together.measure(atoms)?;
            alone.as_mut().map_or(Ok(()), |alone| alone.measure(atoms))?;
        }
    }
    let mut results = Vec::new();
    for (device, backend, mut together, alone, force_error, first) in runs {
        let last = together.conserved()?;
        let kt = plan.force_field.units.boltzmann * last.temperature;
        let nanoseconds = (last.step - first.step) as f64 * plan.timestep * 1e-3;
        let dof = count as f64 * (3.0 * atoms as f64 - 3.0);
        let mut passes = together.session.profile();
        if passes.is_empty() {
            said(&format!("timing the passes of {device}"));
            let profiled = select_profiled(device)?;
            let mut session = profiled.backend.replicas(&replicas)?;
            session.advance(together.steps.min(200))?;
            passes = session.profile();
        }
        let whole: f64 = passes.iter().map(|p| p.1).sum();
        let mut passes: Vec<(String, f64)> = passes
            .into_iter()
            .map(|(name, seconds)| (name.to_owned(), seconds / whole.max(f64::MIN_POSITIVE)))
            .collect();
        passes.sort_by(|a, b| b.1.total_cmp(&a.1));
        let (median, range) = together.rates();
        results.push(MdResult {
            device: backend.capabilities().name.clone(),
            atoms,
            replicas: count,
            steps: together.steps,
            atom_steps_per_second: median,
            alone_atom_steps_per_second: alone.map(|mut alone| alone.rates().0),
            range,
            directed_pairs_per_second: median * neighbours,
            neighbours,
            steps_per_rebuild: together.steps_per_rebuild(),
            force_error,
            drift: (last.conserved - first.conserved) / (kt * dof * nanoseconds),
            passes,
        });
    }
    Ok(results)
}

/// A session under measurement.
struct Timed {
    session: Box<dyn ReplicaSession>,
    steps: u64,
    /// Atom-steps a second of each measurement.
    rates: Vec<f64>,
    rebuilds: u64,
}

/// Conserved quantity of all replicas together, and the temperature of the first.
struct Conserved {
    step: u64,
    conserved: f64,
    temperature: f64,
}

impl Timed {
    fn start(backend: &dyn Backend, replicas: &[Replica<'_>], steps: Option<u64>) -> Result<Self> {
        let mut session = backend.replicas(replicas)?;
        // Warm up, then find how many steps a measurement takes.
        session.advance(5)?;
        let clock = Instant::now();
        session.advance(5)?;
        let each = clock.elapsed().as_secs_f64() / 5.0;
        let steps = steps.unwrap_or_else(|| (1.0 / each).ceil().clamp(1.0, 5000.0) as u64);
        // Fresh velocities share their energy out first: the step's own error in the energy, of
        // second order, moves with it and would read as drift.
        session.advance(steps)?;
        Ok(Self { session, steps, rates: Vec::new(), rebuilds: 0 })
    }

    fn measure(&mut self, atoms: usize) -> Result<()> {
        let clock = Instant::now();
        let reports = self.session.advance(self.steps)?;
        let seconds = clock.elapsed().as_secs_f64();
        self.rebuilds += reports.iter().map(|report| report.rebuilds).sum::<u64>();
        self.rates.push((self.steps * reports.len() as u64) as f64 * atoms as f64 / seconds);
        Ok(())
    }

    fn conserved(&mut self) -> Result<Conserved> {
        let what = Observables { thermodynamics: true, ..Observables::default() };
        let mut sum = Conserved { step: 0, conserved: 0.0, temperature: 0.0 };
        for (n, seen) in self.session.observe(what)?.into_iter().enumerate() {
            let t = seen.thermodynamics.ok_or_else(unobserved)?;
            sum.conserved += t.conserved;
            if n == 0 {
                (sum.step, sum.temperature) = (t.step, t.temperature);
            }
        }
        Ok(sum)
    }

    /// Median, and slowest and fastest.
    fn rates(&mut self) -> (f64, [f64; 2]) {
        self.rates.sort_by(f64::total_cmp);
        let n = self.rates.len();
        (self.rates[n / 2], [self.rates[0], self.rates[n - 1]])
    }

    fn steps_per_rebuild(&self) -> Option<f64> {
        let steps = self.steps * (self.rates.len() * self.session.count()) as u64;
        (self.rebuilds > 0).then(|| steps as f64 / self.rebuilds as f64)
    }
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
