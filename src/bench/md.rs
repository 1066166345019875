//! Benchmark of molecular dynamics: devices side by side in one run.

use std::time::Instant;

use serde::Serialize;

use super::{check_size, plan, sample, unobserved};
use crate::backend::reference::{ReferenceBackend, for_each_pair};
use crate::backend::{Backend, Observables, Replica, ReplicaSession, select, select_profiled};
use crate::dynamics::DynamicsPlan;
use crate::error::Result;
use crate::system::{Structure, Units, maxwell_boltzmann_velocities};

/// Floating-point operations (a fused product and sum counts as two) that one pair of atoms needs
/// with this potential, forces on both included, however a device goes about it: separation 6,
/// r² 5, cutoff 1, r, 1/r and 1/r² 3, 1/r⁶ 2, exponential 16, Buckingham virial 4, damped shifted
/// force with eleven coefficients 25, their sum and force vector 6, addition to both atoms 6.
pub const OPERATIONS_PER_PAIR: f64 = 74.0;

/// Larger standard errors leave the drift unsaid, kT for each degree of freedom and ns: it is the
/// largest drift that the engine may have.
const DRIFT_RESOLUTION: f64 = 3e-3;

/// What is benchmarked.
#[derive(Debug, Clone)]
pub struct MdBenchmark {
    /// Devices, as [`select`] knows them.
    pub devices: Vec<String>,
    /// Atoms; rounded to a whole number of copies of a 3000-atom sample along each edge.
    pub atoms: usize,
    /// Copies of the sample with velocities of their own, advanced together.
    pub replicas: usize,
    /// Steps per measurement; `None`: about a second's worth.
    pub steps: Option<u64>,
    /// Measurements, of which the median counts. Devices take turns.
    pub repeats: usize,
}

/// Time in one kind of pass.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pass {
    /// Its name.
    pub name: String,
    /// Seconds for each step, all replicas together. Where replicas run on threads of their own,
    /// seconds of all threads.
    pub seconds_per_step: f64,
    /// Share of the time in all passes.
    pub share: f64,
}

/// One device's numbers.
#[derive(Debug, Clone, Serialize)]
pub struct MdResult {
    /// Name of the device.
    pub device: String,
    /// Atoms that were asked for.
    pub atoms_wanted: usize,
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
    /// Speed relative to the first device.
    pub ratio: f64,
    /// Directed pairs within the cutoff a second.
    pub directed_pairs_per_second: f64,
    /// Directed pairs within the cutoff for each atom.
    pub neighbours: f64,
    /// Steps between rebuilds of the neighbour list.
    pub steps_per_rebuild: Option<f64>,
    /// Single-precision operations a second that the device was measured to do at most.
    pub arithmetic_peak: Option<f64>,
    /// Share of that peak in operations that the pairs need ([`OPERATIONS_PER_PAIR`]): not counted
    /// is what the device computes twice or for pairs beyond the cutoff.
    pub arithmetic_share: Option<f64>,
    /// Memory of the session on the device, bytes.
    pub device_memory: Option<u64>,
    /// Relative root mean square of force errors against `reference`, up to 30,000 atoms.
    pub force_error: Option<f64>,
    /// Slope of the conserved quantity, kT for each degree of freedom and ns; `None` where the
    /// measurements are too short to tell it from noise.
    pub drift: Option<f64>,
    /// Standard error of the slope, whether or not it is small enough.
    pub drift_error: Option<f64>,
    /// Time in each pass, the longest first.
    pub passes: Vec<Pass>,
    /// Steps over which the passes were timed.
    pub profiled_steps: u64,
}

/// A device under measurement.
struct Run<'a> {
    device: &'a str,
    backend: Box<dyn Backend>,
    together: Timed,
    alone: Option<Timed>,
    force_error: Option<f64>,
    peak: Option<f64>,
}

/// Runs the benchmark; `said` is told what is being done.
pub fn molecular_dynamics(
    benchmark: &MdBenchmark,
    mut said: impl FnMut(&str),
) -> Result<Vec<MdResult>> {
    let count = benchmark.replicas.max(1);
    check_size("--atoms", benchmark.atoms, count)?;
    let backends = benchmark.devices.iter().map(|d| select(d)).collect::<Result<Vec<_>>>()?;
    said("preparing the sample");
    let structure = sample(benchmark.atoms)?;
    let plan = plan(&structure)?;
    let structures = (0..count as u64)
        .map(|n| {
            let mut structure = structure.clone();
            maxwell_boltzmann_velocities(&mut structure, 300.0, 2 + n, &Units::METAL)?;
            Ok(structure)
        })
        .collect::<Result<Vec<_>>>()?;
    let replicas: Vec<Replica<'_>> =
        structures.iter().map(|structure| Replica { structure, plan: &plan, from: None }).collect();
    let neighbours = neighbours(&structure, plan.force_field.cutoff);

    let mut runs = Vec::new();
    for (device, selected) in benchmark.devices.iter().zip(backends) {
        said(&format!("starting {device}"));
        let backend = selected.backend;
        let force_error = match structure.len() <= 30_000 {
            true => Some(force_error(backend.as_ref(), &structure, &plan)?),
            false => None,
        };
        let peak = backend.arithmetic_peak()?;
        let together = Timed::start(backend.as_ref(), &replicas, benchmark.steps)?;
        let alone = match count {
            1 => None,
            _ => Some(Timed::start(backend.as_ref(), &replicas[..1], benchmark.steps)?),
        };
        runs.push(Run { device, backend, together, alone, force_error, peak });
    }
    for round in 0..benchmark.repeats.max(1) {
        said(&format!("measuring, round {} of {}", round + 1, benchmark.repeats.max(1)));
        for run in &mut runs {
            run.together.measure(structure.len())?;
            run.alone.as_mut().map_or(Ok(()), |alone| alone.measure(structure.len()))?;
        }
    }
    let mut results: Vec<MdResult> = Vec::new();
    for mut run in runs {
        let (median, range) = run.together.rates();
        let mut passes = run.together.passes();
        let mut profiled_steps = run.together.measured_steps();
        if passes.is_empty() {
            said(&format!("timing the passes of {}", run.device));
            (passes, profiled_steps) = profile(run.device, &replicas, &run.together, median)?;
        }
        let pairs = median * neighbours / 2.0;
        let (drift, drift_error) = match drift(&run.together.energies, &plan, structure.len()) {
            Some([drift, error]) if error <= DRIFT_RESOLUTION => (Some(drift), Some(error)),
            Some([_, error]) => (None, Some(error)),
            None => (None, None),
        };
        results.push(MdResult {
            device: run.backend.capabilities().name.clone(),
            atoms_wanted: benchmark.atoms,
            atoms: structure.len(),
            replicas: count,
            steps: run.together.steps,
            atom_steps_per_second: median,
            alone_atom_steps_per_second: run.alone.map(|mut alone| alone.rates().0),
            range,
            ratio: results.first().map_or(1.0, |first| median / first.atom_steps_per_second),
            directed_pairs_per_second: median * neighbours,
            neighbours,
            steps_per_rebuild: run.together.steps_per_rebuild(),
            arithmetic_peak: run.peak,
            arithmetic_share: run.peak.map(|peak| OPERATIONS_PER_PAIR * pairs / peak),
            device_memory: run.together.session.memory(),
            force_error: run.force_error,
            drift,
            drift_error,
            passes,
            profiled_steps,
        });
    }
    Ok(results)
}

/// Directed pairs within the cutoff for each atom.
fn neighbours(structure: &Structure, cutoff: f64) -> f64 {
    let mut pairs = 0u64;
    for_each_pair(&structure.simulation_box, &structure.positions, cutoff, |_, _, _, _| pairs += 1);
    2.0 * pairs as f64 / structure.len() as f64
}

/// Slope of the energies over time and its standard error, kT for each degree of freedom and ns.
fn drift(energies: &[Conserved], plan: &DynamicsPlan, atoms: usize) -> Option<[f64; 2]> {
    let last = energies.last()?;
    let dof = last.replicas as f64 * (3.0 * atoms as f64 - 3.0);
    let unit = plan.force_field.units.boltzmann * last.temperature * dof;
    let points: Vec<[f64; 2]> = energies
        .iter()
        .map(|e| [e.step as f64 * plan.timestep * 1e-3, e.conserved / unit])
        .collect();
    // A line through three points has an error of one degree of freedom: none to be trusted.
    if points.len() < 8 {
        return None;
    }
    slope(&points)
}

/// Least-squares slope with its standard error from the scatter around the line.
fn slope(points: &[[f64; 2]]) -> Option<[f64; 2]> {
    let n = points.len() as f64;
    let [mx, my] = [0, 1].map(|k| points.iter().map(|p| p[k]).sum::<f64>() / n);
    let xx: f64 = points.iter().map(|p| (p[0] - mx).powi(2)).sum();
    let xy: f64 = points.iter().map(|p| (p[0] - mx) * (p[1] - my)).sum();
    if n < 3.0 || xx <= 0.0 {
        return None;
    }
    let slope = xy / xx;
    let rest: f64 = points.iter().map(|p| (p[1] - my - slope * (p[0] - mx)).powi(2)).sum();
    Some([slope, (rest / (n - 2.0) / xx).sqrt()])
}

/// A session under measurement.
struct Timed {
    session: Box<dyn ReplicaSession>,
    steps: u64,
    /// Pieces of a measurement, between which energies are read.
    pieces: u64,
    /// Atom-steps a second of each measurement.
    rates: Vec<f64>,
    rebuilds: u64,
    energies: Vec<Conserved>,
    /// Times in passes before the first measurement.
    profile: Vec<(&'static str, f64)>,
}

/// Conserved quantity of all replicas together, and the temperature of the first.
struct Conserved {
    step: u64,
    conserved: f64,
    temperature: f64,
    replicas: usize,
}

impl Timed {
    fn start(backend: &dyn Backend, replicas: &[Replica<'_>], steps: Option<u64>) -> Result<Self> {
        let mut session = backend.replicas(replicas)?;
        // Warm up, then find how many steps a measurement takes.
        session.advance(5)?;
        let clock = Instant::now();
        session.advance(5)?;
        let each = clock.elapsed().as_secs_f64() / 5.0;
        let steps = steps.unwrap_or_else(|| (1.0 / each).ceil().clamp(1.0, 200_000.0) as u64);
        // Fresh velocities share their energy out first: the step's own error in the energy, of
        // second order, moves with it and would read as drift.
        session.advance(steps)?;
        // A tenth of a second is a submission of a GPU: shorter pieces would slow it down.
        let pieces = ((10.0 * each * steps as f64) as u64).clamp(1, 10).min(steps);
        let profile = session.profile();
        let mut timed = Self {
            session,
            steps,
            pieces,
            rates: Vec::new(),
            rebuilds: 0,
            energies: Vec::new(),
            profile,
        };
        timed.note_energy()?;
        Ok(timed)
    }

    fn measure(&mut self, atoms: usize) -> Result<()> {
        let mut seconds = 0.0;
        for piece in 0..self.pieces {
            let end = |piece: u64| piece * self.steps / self.pieces;
            let clock = Instant::now();
            let reports = self.session.advance(end(piece + 1) - end(piece))?;
            seconds += clock.elapsed().as_secs_f64();
            self.rebuilds += reports.iter().map(|report| report.rebuilds).sum::<u64>();
            self.note_energy()?;
        }
        let atom_steps = self.steps as f64 * self.session.count() as f64 * atoms as f64;
        self.rates.push(atom_steps / seconds);
        Ok(())
    }

    fn note_energy(&mut self) -> Result<()> {
        let what = Observables { thermodynamics: true, ..Observables::default() };
        let replicas = self.session.count();
        let mut sum = Conserved { step: 0, conserved: 0.0, temperature: 0.0, replicas };
        for (n, seen) in self.session.observe(what)?.into_iter().enumerate() {
            let t = seen.thermodynamics.ok_or_else(unobserved)?;
            sum.conserved += t.conserved;
            if n == 0 {
                (sum.step, sum.temperature) = (t.step, t.temperature);
            }
        }
        self.energies.push(sum);
        Ok(())
    }

    fn measured_steps(&self) -> u64 {
        self.steps * self.rates.len() as u64
    }

    fn passes(&self) -> Vec<Pass> {
        passes(&self.profile, &self.session.profile(), self.measured_steps())
    }

    /// Median, and slowest and fastest.
    fn rates(&mut self) -> (f64, [f64; 2]) {
        self.rates.sort_by(f64::total_cmp);
        let n = self.rates.len();
        (self.rates[n / 2], [self.rates[0], self.rates[n - 1]])
    }

    fn steps_per_rebuild(&self) -> Option<f64> {
        let steps = self.measured_steps() * self.session.count() as u64;
        (self.rebuilds > 0).then(|| steps as f64 / self.rebuilds as f64)
    }
}

/// Times in passes between two looks at a session's profile.
fn passes(before: &[(&str, f64)], after: &[(&'static str, f64)], steps: u64) -> Vec<Pass> {
    let earlier = |name: &str| before.iter().find(|p| p.0 == name).map_or(0.0, |p| p.1);
    let spent: Vec<(&str, f64)> =
        after.iter().map(|&(name, seconds)| (name, seconds - earlier(name))).collect();
    let whole: f64 = spent.iter().map(|p| p.1).sum();
    let mut passes: Vec<Pass> = spent
        .into_iter()
        .map(|(name, seconds)| Pass {
            name: name.to_owned(),
            seconds_per_step: seconds / steps.max(1) as f64,
            share: seconds / whole.max(f64::MIN_POSITIVE),
        })
        .collect();
    passes.sort_by(|a, b| b.share.total_cmp(&a.share));
    passes
}

/// Passes of a device that is slower when it times them, over several rebuilds of the list: their
/// share is right only over whole intervals between rebuilds. At most about half a minute.
fn profile(
    device: &str,
    replicas: &[Replica<'_>],
    measured: &Timed,
    rate: f64,
) -> Result<(Vec<Pass>, u64)> {
    let interval = measured.steps_per_rebuild().unwrap_or(30.0).ceil() as u64;
    let atoms: usize = replicas.iter().map(|replica| replica.structure.len()).sum();
    let most = (30.0 * rate / atoms as f64) as u64;
    let steps = (4 * interval).min(most).max(1);
    let mut session = select_profiled(device)?.backend.replicas(replicas)?;
    // The first list is as fresh as the velocities: it lasts longer.
    session.advance(interval.min(steps))?;
    let before = session.profile();
    session.advance(steps)?;
    Ok((passes(&before, &session.profile(), steps), steps))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_comes_with_its_error() {
        // y = 2x with scatter ±1 in turn: Σ(x − x̄)² = 82.5, residuals of a known sum.
        let points: Vec<[f64; 2]> = (0..10)
            .map(|k| [f64::from(k), 2.0 * f64::from(k) + f64::from(2 * (k % 2) - 1)])
            .collect();
        let [slope, error] = slope(&points).expect("ten points");
        assert!((slope - (2.0 + 5.0 / 82.5)).abs() < 1e-12, "{slope}");
        let rest = 10.0 - 25.0 / 82.5;
        assert!((error - (rest / 8.0 / 82.5_f64).sqrt()).abs() < 1e-12, "{error}");
        assert_eq!(super::slope(&points[..2]), None);
    }

    #[test]
    fn passes_leave_out_what_came_before() {
        let before = [("list", 9.0), ("force", 1.0)];
        let after = [("list", 10.0), ("force", 4.0), ("new", 4.0)];
        let passes = passes(&before, &after, 10);
        let names: Vec<&str> = passes.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["new", "force", "list"]);
        assert_eq!(passes[2].share, 0.125);
        assert_eq!(passes[1].seconds_per_step, 0.3);
    }
}
