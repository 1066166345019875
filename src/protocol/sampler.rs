//! What is accumulated while a stage runs: displacements against its start, g(r), and dynamics over
//! time origins.

use serde::{Deserialize, Serialize};

use crate::analysis::motion::{Motion, MotionOptions, VelocityCorrelation};
use crate::analysis::suite::{AnalysisPlan, Suite};
use crate::analysis::{PartialRdf, displacements, mean_squared_displacement};
use crate::backend::cpu::CpuBackend;
use crate::config::{Analysis, Measurement};
use crate::error::Result;
use crate::system::{Structure, UnitSystem};

/// Memory for time origins: they are part of every checkpoint.
const ORIGIN_BYTES: u64 = 64 << 20;
/// Fewest samples of a stage that dynamics are measured from.
const FEWEST_SAMPLES: u64 = 8;

/// Accumulated quantities of a stage; part of the checkpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Sampler {
    /// Unwrapped positions at the start of the stage.
    pub start: Vec<[f64; 3]>,
    /// g(r) of the second half of the stage.
    pub rdf: PartialRdf,
    /// (step, mean squared displacement of each species).
    pub msd: Vec<(u64, Vec<f64>)>,
    /// Dynamics over time origins, in stages without a ramp.
    pub motion: Option<Motion>,
    /// Velocity correlations, in stages without a ramp that ask for them.
    pub velocities: Option<VelocityCorrelation>,
    /// Structure of the settled half of the stage, or of its end.
    pub structure: Option<Suite>,
}

/// What is due of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    /// g(r): only where the stage has settled.
    pub rdf: bool,
    /// Analyses of structure.
    pub structure: bool,
    /// The frame is a multiple of the interval after the start: ends of stages need not be.
    pub regular: bool,
}

impl Sampler {
    /// For a stage of `steps` steps of length `timestep` that starts with `structure`.
    pub fn new(
        structure: &Structure,
        analysis: &Analysis,
        steps: u64,
        timestep: f64,
        ramp: bool,
        units: UnitSystem,
    ) -> Result<Self> {
        let wants = |m: Measurement| analysis.measure.contains(&m) && !ramp;
        let samples = steps.checked_div(analysis.interval).unwrap_or(0) + 1;
        let origins =
            |most: u64| (ORIGIN_BYTES / (24 * structure.len().max(1) as u64)).clamp(2, most) as u32;
        let motion = if wants(Measurement::Dynamics) && samples >= FEWEST_SAMPLES {
            let options = MotionOptions {
                collective: wants(Measurement::CollectiveScattering),
                distinct: wants(Measurement::DistinctVanHove),
                origins: origins(50),
                ..motion_options(structure, analysis)?
            };
            let interval = analysis.interval as f64 * timestep;
            let samples = u32::try_from(samples).unwrap_or(u32::MAX);
            Some(Motion::new(structure, interval, samples, &options)?)
        } else {
            None
        };
        let samples = steps / analysis.vibrations_interval + 1;
        let velocities = if wants(Measurement::Vibrations) && samples >= FEWEST_SAMPLES {
            let interval = analysis.vibrations_interval as f64 * timestep;
            let samples = u32::try_from(samples).unwrap_or(u32::MAX);
            let longest = analysis.vibrations_longest.min(samples / 2);
            let origins = origins(40);
            Some(VelocityCorrelation::new(structure, interval, samples, longest, origins)?)
        } else {
            None
        };
        let suite = if analysis.structure.is_empty() {
            None
        } else {
            let chosen = analysis.structure.clone();
            let plan = AnalysisPlan::with_options(units, chosen, &analysis.options);
            let suite = Suite::new(&plan)?;
            suite.expect(structure)?;
            Some(suite)
        };
        Ok(Self {
            start: unwrapped(structure),
            rdf: PartialRdf::new(structure, analysis.rdf_cutoff, analysis.rdf_bin)?,
            msd: Vec::new(),
            motion,
            velocities,
            structure: suite,
        })
    }

    /// Notes a frame.
    pub fn sample(&mut self, step: u64, structure: &Structure, due: Due) -> Result<()> {
        if due.regular || due.rdf {
            let moved = self.displacements(structure);
            self.msd.push((
                step,
                mean_squared_displacement(&moved, &structure.kinds, structure.species.len()),
            ));
        }
        if due.rdf {
            self.rdf.add(structure)?;
        }
        if let Some(suite) = self.structure.as_mut().filter(|_| due.structure) {
            // On the processor: what a device rounds must not steer what is written.
            suite.accumulate(structure, &CpuBackend::new(), |_| ())?;
        }
        match &mut self.motion {
            Some(motion) if due.regular => motion.push(structure),
            _ => Ok(()),
        }
    }

    /// Displacements since the start of the stage.
    pub fn displacements(&self, structure: &Structure) -> Vec<[f64; 3]> {
        let masses: Vec<f64> = structure
            .kinds
            .iter()
            .map(|&k| structure.species[usize::from(k)].mass.unwrap_or(1.0))
            .collect();
        displacements(&self.start, &unwrapped(structure), &masses)
    }
}

/// Wave vectors and lengths as configured, or from the structure.
fn motion_options(structure: &Structure, analysis: &Analysis) -> Result<MotionOptions> {
    let (cutoff, bin) = (analysis.rdf_cutoff, analysis.displacement_bin);
    let mut options = MotionOptions::of_structure(structure, cutoff, bin)?;
    if !analysis.wave_vectors.is_empty() {
        options.wave_vectors.clone_from(&analysis.wave_vectors);
    }
    options.overlap_length = analysis.overlap_length.unwrap_or(options.overlap_length);
    Ok(options)
}

fn unwrapped(structure: &Structure) -> Vec<[f64; 3]> {
    (0..structure.len()).map(|i| structure.unwrapped(i)).collect()
}
