//! Speed of sorption on devices side by side in one run.

use std::time::Instant;

use rayon::prelude::*;
use serde::Serialize;

use super::{
    Lattices, MeanSquare, Path, Scheme, Shape, SorptionPlan, even_humidities, random_lattices,
};
use crate::backend::reference::ReferenceBackend;
use crate::backend::{Backend, select};
use crate::error::Result;

/// What is benchmarked.
#[derive(Debug, Clone)]
pub struct SorptionBenchmark {
    /// Devices, as [`select`] knows them.
    pub devices: Vec<String>,
    /// Random lattices.
    pub lattices: usize,
    /// Shape of a lattice.
    pub shape: Shape,
    /// Equal steps of humidity up to saturation.
    pub humidities: usize,
    /// Iterations of the truncated scheme.
    pub iterations: u32,
    /// Measurements, of which the median counts; devices take turns.
    pub repeats: usize,
}

/// One device's numbers.
#[derive(Debug, Clone, Serialize)]
pub struct SorptionResult {
    /// Name of the device.
    pub device: String,
    /// Lattices in the batch.
    pub lattices: usize,
    /// Sites of a lattice.
    pub sites: usize,
    /// Truncated scheme: site updates (sites × humidities × iterations × lattices) a second.
    pub site_updates_per_second: f64,
    /// Slowest and fastest measurement.
    pub range: [f64; 2],
    /// Truncated scheme: seconds for the whole batch.
    pub truncated_seconds: f64,
    /// Converged: seconds for the whole batch.
    pub converged_seconds: f64,
    /// Converged: mean passes over the sites at a humidity, checks and bounds included.
    pub passes_per_point: f64,
    /// Isotherm and gradient of a loss by the implicit adjoint, seconds for the whole batch.
    pub implicit_gradient_seconds: f64,
    /// Isotherm and gradient by back-propagation through the truncated scheme.
    pub unrolled_gradient_seconds: f64,
    /// What the implicit gradient holds at once, bytes a lattice: the densities at every humidity,
    /// however many iterations were made, and its workspace.
    pub implicit_gradient_bytes: u64,
    /// The same for back-propagation: also the iterations of one humidity.
    pub unrolled_gradient_bytes: u64,
    /// Largest difference of an isotherm of the truncated scheme to `reference`, adsorption and
    /// desorption, over the first lattices.
    pub difference: f64,
    /// Number of these lattices.
    pub compared: usize,
}

/// Lattices that are compared with `reference` at most.
const COMPARED: usize = 200;

/// Isotherms by `reference`, lattices on all threads.
fn reference(lattices: &Lattices, plan: &SorptionPlan) -> Result<Vec<f64>> {
    let one =
        |k: usize| Ok(ReferenceBackend::new().sorption(&lattices.range(k..k + 1), plan)?.filling);
    let parts = (0..lattices.count()).into_par_iter().map(one).collect::<Result<Vec<_>>>()?;
    Ok(parts.concat())
}

/// Runs the benchmark; `said` is told what is being done.
pub fn benchmark(
    benchmark: &SorptionBenchmark,
    mut said: impl FnMut(&str),
) -> Result<Vec<SorptionResult>> {
    let lattices = random_lattices(benchmark.shape, benchmark.lattices, 0.05..0.95, 1)?;
    let humidities = even_humidities(benchmark.humidities, 1.0);
    let loss = MeanSquare { target: humidities.clone() };
    let converged = SorptionPlan::new(Path::adsorption(&humidities));
    let truncated = SorptionPlan {
        scheme: Scheme::Truncated { iterations: benchmark.iterations },
        ..converged.clone()
    };
    let few = lattices.range(0..benchmark.lattices.min(4));
    said("computing the reference");
    let compared = lattices.range(0..benchmark.lattices.min(COMPARED));
    let desorption = SorptionPlan { path: Path::desorption(&humidities), ..truncated.clone() };
    let exact = [reference(&compared, &truncated)?, reference(&compared, &desorption)?];
    let mut devices = Vec::new();
    for name in &benchmark.devices {
        said(&format!("starting {name}"));
        let selection = select(name)?;
        let mut difference = 0.0f64;
        for (plan, exact) in [&truncated, &desorption].into_iter().zip(&exact) {
            let have = selection.backend.sorption(&compared, plan)?.filling;
            difference = have.iter().zip(exact).fold(difference, |m, (a, b)| m.max((a - b).abs()));
        }
        // Compiles the other kernels.
        selection.backend.sorption_gradient(&few, &truncated, &loss)?;
        selection.backend.sorption_gradient(&few, &converged, &loss)?;
        devices.push((
            selection,
            difference,
            Vec::new(),
            [Vec::new(), Vec::new(), Vec::new()],
            0.0,
        ));
    }
    for round in 0..benchmark.repeats.max(1) {
        said(&format!("measuring, round {} of {}", round + 1, benchmark.repeats.max(1)));
        for (selection, _, plain, others, passes) in &mut devices {
            let backend: &dyn Backend = selection.backend.as_ref();
            let clock = Instant::now();
            backend.sorption(&lattices, &truncated)?;
            plain.push(clock.elapsed().as_secs_f64());
            let clock = Instant::now();
            let found = backend.sorption(&lattices, &converged)?;
            others[0].push(clock.elapsed().as_secs_f64());
            *passes = found.iterations.iter().map(|i| f64::from(*i)).sum::<f64>()
                / found.iterations.len() as f64;
            let clock = Instant::now();
            backend.sorption_gradient(&lattices, &converged, &loss)?;
            others[1].push(clock.elapsed().as_secs_f64());
            let clock = Instant::now();
            backend.sorption_gradient(&lattices, &truncated, &loss)?;
            others[2].push(clock.elapsed().as_secs_f64());
        }
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let sites = lattices.sites();
    let updates = (sites * benchmark.humidities * benchmark.lattices) as f64
        * f64::from(benchmark.iterations);
    Ok(devices
        .into_iter()
        .map(|(selection, difference, mut plain, mut others, passes_per_point)| {
            let truncated_seconds = median(&mut plain);
            let bytes = |plan| selection.backend.sorption_gradient_bytes(benchmark.shape, plan);
            SorptionResult {
                device: selection.backend.capabilities().name.clone(),
                lattices: benchmark.lattices,
                sites,
                site_updates_per_second: updates / truncated_seconds,
                range: [updates / plain[plain.len() - 1], updates / plain[0]],
                truncated_seconds,
                converged_seconds: median(&mut others[0]),
                passes_per_point,
                implicit_gradient_seconds: median(&mut others[1]),
                unrolled_gradient_seconds: median(&mut others[2]),
                implicit_gradient_bytes: bytes(&converged),
                unrolled_gradient_bytes: bytes(&truncated),
                difference,
                compared: compared.count(),
            }
        })
        .collect())
}
