//! Benchmark of descriptors: devices side by side in one run.

use std::time::Instant;

use serde::Serialize;

use crate::backend::reference::ReferenceBackend;
use crate::backend::{Backend, select};
use crate::descriptor::{BoundPlan, Centres, DescriptorPlan, compute_exact};
use crate::error::Result;
use crate::system::{
    Composition, Density, MinimumDistances, RandomPacking, Species, Structure, Units, cubic_box,
};

/// What is benchmarked.
#[derive(Debug, Clone)]
pub struct DescriptorBenchmark {
    /// Devices, as [`select`] knows them.
    pub devices: Vec<String>,
    /// Atoms of sodium silicate, rounded to whole copies of a 3000-atom sample.
    pub atoms: usize,
    /// Measurements, of which the median counts. Devices take turns.
    pub repeats: usize,
}

/// One device's numbers for one descriptor.
#[derive(Debug, Clone, Serialize)]
pub struct DescriptorResult {
    /// Name of the device.
    pub device: String,
    /// What was computed.
    pub descriptor: String,
    /// Centres.
    pub centres: usize,
    /// Features of each.
    pub columns: usize,
    /// Median over the measurements of centres a second, cells and kernels being ready.
    pub centres_per_second: f64,
    /// Slowest and fastest measurement.
    pub range: [f64; 2],
    /// Seconds to sort the atoms into cells, upload them and compile kernels: once a structure.
    pub setup_seconds: f64,
    /// Speed relative to the first device.
    pub ratio: f64,
    /// Largest error of a feature of 100 centres against `reference`, relative to the feature's
    /// root mean square.
    pub error: f64,
}

/// Descriptors measured: name and definition.
const CASES: [(&str, &str); 4] = [
    (
        "radial, 17 functions, O around Na, 8 Å",
        "centres = [\"Na\"]\n[[descriptor]]\nkind = \"radial\"\nneighbors = [\"O\"]\ncutoff = 8.0\n\
         L = 0.2\nr = { from = 1.6, to = 6.4, step = 0.3 }",
    ),
    (
        "Ψ, 22 sets, O-O around Na, 5 Å",
        "centres = [\"Na\"]\n[[descriptor]]\nkind = \"psi\"\nneighbors = [\"O\"]\ncutoff = 5.0\n\
         unit = 2.0",
    ),
    (
        "q4, q6, w4, w6 of every atom, 3.5 Å",
        "[[descriptor]]\nkind = \"bond-order\"\nneighbors = [\"*\"]\ncutoff = 3.5\nl = [4, 6]",
    ),
    (
        "SOAP, n 8, l 6, O around Na, 8 Å, σ 1 Å",
        "centres = [\"Na\"]\n[[descriptor]]\nkind = \"soap\"\nneighbors = [\"O\"]\ncutoff = 8.0\n\
         n_max = 8\nl_max = 6\nsigma = 1.0",
    ),
];

/// Sodium silicate packed at random: neighbours are as many as in the glass.
fn sample(atoms: usize) -> Result<Structure> {
    let counts: Vec<(Species, usize)> = Composition::parse("(Na2O)30(SiO2)70")?
        .counts(super::SAMPLE)?
        .into_iter()
        .map(|(name, count)| {
            let mass = crate::system::standard_mass(&name);
            (Species { name, mass }, count)
        })
        .collect();
    let cell = RandomPacking {
        simulation_box: cubic_box(&counts, Density::Mass(2.466), &Units::METAL)?,
        atoms: counts,
        minimum_distances: MinimumDistances::uniform(1.5),
        seed: 1,
    }
    .build()?;
    super::replicate(&cell, super::copies(atoms))
}

/// Runs the benchmark; `said` is told what is being done.
pub fn descriptors(
    benchmark: &DescriptorBenchmark,
    mut said: impl FnMut(&str),
) -> Result<Vec<DescriptorResult>> {
    super::check_size("--atoms", benchmark.atoms, 1)?;
    let selections = benchmark.devices.iter().map(|d| select(d)).collect::<Result<Vec<_>>>()?;
    said("preparing the sample");
    let structure = sample(benchmark.atoms)?;
    let mut results = Vec::new();
    for (name, text) in CASES {
        let plan = DescriptorPlan::parse(name, text)?;
        let bound = plan.bind(&structure)?;
        let atoms: Vec<u32> = bound.centres.iter().map(|&i| i as u32).collect();
        let mut sums = vec![0.0; atoms.len() * plan.terms()[0].descriptor.sums_len()];
        let first = results.len();
        let mut sessions = Vec::new();
        for selection in &selections {
            said(&format!("{name}: starting {}", selection.backend.capabilities().name));
            let clock = Instant::now();
            let session = selection.backend.descriptors(&bound)?;
            let setup_seconds = clock.elapsed().as_secs_f64();
            let error = error(selection.backend.as_ref(), &bound)?;
            sessions.push((session, Vec::new()));
            results.push(DescriptorResult {
                device: selection.backend.capabilities().name.clone(),
                descriptor: name.to_owned(),
                centres: atoms.len(),
                columns: bound.columns.len(),
                centres_per_second: 0.0,
                range: [0.0; 2],
                setup_seconds,
                ratio: 1.0,
                error,
            });
        }
        for round in 0..=benchmark.repeats.max(1) {
            said(&format!("{name}: round {round} of {}", benchmark.repeats.max(1)));
            for (session, rates) in &mut sessions {
                let clock = Instant::now();
                session.sums(0, &atoms, &mut sums)?;
                // The first round warms up.
                if round > 0 {
                    rates.push(atoms.len() as f64 / clock.elapsed().as_secs_f64());
                }
            }
        }
        for (k, (_, mut rates)) in sessions.into_iter().enumerate() {
            rates.sort_by(f64::total_cmp);
            results[first + k].centres_per_second = rates[rates.len() / 2];
            results[first + k].range = [rates[0], rates[rates.len() - 1]];
            results[first + k].ratio = rates[rates.len() / 2] / results[first].centres_per_second;
        }
    }
    Ok(results)
}

/// Largest error of some centres' features over each feature's root mean square.
fn error(backend: &dyn Backend, bound: &BoundPlan) -> Result<f64> {
    let every = bound.centres.len().div_ceil(100);
    let some = bound.centres.iter().step_by(every).copied().collect();
    let plan = bound.plan.with_centres(Centres::Atoms(some))?;
    let have = compute_exact(backend, bound.structure, &plan)?;
    let want = compute_exact(&ReferenceBackend::new(), bound.structure, &plan)?;
    let width = bound.columns.len();
    let mut worst = 0.0f64;
    for c in 0..width {
        let column = || (c..want.len()).step_by(width);
        let square: f64 = column().map(|k| want[k] * want[k]).sum();
        let rms = (square / (want.len() / width) as f64).sqrt().max(f64::MIN_POSITIVE);
        worst = column().fold(worst, |m, k| m.max((have[k] - want[k]).abs() / rms));
    }
    Ok(worst)
}
