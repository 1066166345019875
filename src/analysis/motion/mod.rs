//! Dynamics: how atoms move over a trajectory, averaged over time origins, with errors.
//!
//! Samples are pushed one at a time, in a running simulation or from a file; only the origins
//! within the longest lag are kept. Errors are the larger of two jackknife errors: over blocks of
//! time, taken together until one is at least as long as the lag, and (for single-particle
//! quantities) over ten groups of atoms. A lag with fewer than four such blocks has none of the
//! first kind; collective quantities then have no error.

mod collective;
mod displacements;
mod distinct;
mod errors;
mod fits;
mod lags;
mod output;
mod trajectory;
mod velocities;

use serde::{Deserialize, Serialize};

use collective::Collective;
use displacements::SelfMotion;
use distinct::Distinct;

pub use distinct::DistinctPair;
pub use errors::Estimate;
pub(crate) use errors::jackknife;
pub use fits::{Arrhenius, Diffusion, Line, arrhenius, temperatures, weighted_line};
pub use lags::LagGrid;
pub use output::velocity_curves;
pub use trajectory::{TrajectoryDynamics, TrajectoryResult};
pub use velocities::{VelocityCorrelation, VelocitySpectrum};

use crate::error::{Error, Result};
use crate::system::{Structure, standard_mass};

/// Lags a decade.
const PER_DECADE: u32 = 12;
/// Lags with a displacement distribution and a distinct van Hove function.
const CHOSEN: usize = 5;
/// Squared displacements below this are rounding of coordinates, of a size of 1 to 1000.
const STILL: f64 = 1e-20;

/// What is measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MotionOptions {
    /// Wave vectors of the intermediate scattering functions.
    pub wave_vectors: Vec<f64>,
    /// Distance that counts as not moved in the overlap.
    pub overlap_length: f64,
    /// Bin width of displacement distributions and of the distinct van Hove function.
    pub bin: f64,
    /// Longest distance of both.
    pub cutoff: f64,
    /// Longest lag as a part of the trajectory.
    pub longest: f64,
    /// Origins kept at a time at most (each 24 bytes an atom).
    pub origins: u32,
    /// Collective intermediate scattering function.
    pub collective: bool,
    /// Distinct van Hove function.
    pub distinct: bool,
}

/// Accumulates the dynamics of a trajectory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Motion {
    grid: LagGrid,
    interval: f64,
    species: Vec<String>,
    numbers: Vec<usize>,
    own: SelfMotion,
    collective: Option<Collective>,
    distinct: Option<Distinct>,
}

/// Dynamics of one species, or of all atoms.
#[derive(Debug, Clone, PartialEq)]
pub struct SpeciesMotion {
    /// Species name; "all" for all atoms.
    pub name: String,
    /// ⟨|Δr|²⟩ at each lag.
    pub mean_square: Vec<Estimate>,
    /// α₂ = 3⟨Δr⁴⟩/5⟨Δr²⟩² − 1, 0 for Gaussian displacements (A. Rahman, Phys. Rev. 136, A405
    /// (1964), doi:10.1103/PhysRev.136.A405).
    pub non_gaussian: Vec<Estimate>,
    /// F_s(q, t) = ⟨sin(q|Δr|)/(q|Δr|)⟩ for each wave vector, at each lag.
    pub self_scattering: Vec<Vec<Estimate>>,
    /// Q(t) = ⟨Θ(a − |Δr|)⟩.
    pub overlap: Vec<Estimate>,
    /// χ₄(t) = N [⟨Q²⟩ − ⟨Q⟩²] (N. Lačević et al., J. Chem. Phys. 119, 7372 (2003),
    /// doi:10.1063/1.1605094).
    pub susceptibility: Vec<Estimate>,
    /// Probability density of |Δr|, 4πr² G_s(r, t), at each chosen lag (L. Van Hove, Phys. Rev. 95,
    /// 249 (1954), doi:10.1103/PhysRev.95.249).
    pub distribution: Vec<Vec<Estimate>>,
    /// Diffusion coefficient, where there are enough lags.
    pub diffusion: Option<Diffusion>,
}

impl SpeciesMotion {
    /// Whether no atom moves at all beyond rounding: there is no exponent of ⟨|Δr|²⟩ then.
    pub fn is_still(&self) -> bool {
        self.mean_square.iter().all(|e| e.value < STILL)
    }
}

/// What [`Motion::finish`] answers with.
#[derive(Debug, Clone, PartialEq)]
pub struct MotionResult {
    /// Lag times.
    pub time: Vec<f64>,
    /// Wave vectors of F_s.
    pub wave_vectors: Vec<f64>,
    /// The overlap's distance.
    pub overlap_length: f64,
    /// Each species. A single species stands for all atoms.
    pub species: Vec<SpeciesMotion>,
    /// Overlap and χ₄ of all atoms together.
    pub all: (Vec<Estimate>, Vec<Estimate>),
    /// Times of the displacement distributions.
    pub chosen: Vec<f64>,
    /// Middle of their bins.
    pub distance: Vec<f64>,
    /// Collective scattering: (|q|, species or "all", F(q, t) at each lag).
    pub collective: Vec<(f64, String, Vec<Estimate>)>,
    /// Distinct van Hove functions, with lags as times.
    pub distinct: Vec<(f64, DistinctPair)>,
}

impl Motion {
    /// For `samples` samples, `interval` apart in time, of structures like `structure`.
    pub fn new(
        structure: &Structure,
        interval: f64,
        samples: u32,
        options: &MotionOptions,
    ) -> Result<Self> {
        if structure.is_empty() {
            return Err(Error::input(
                "the selection has no atoms",
                "choose species that the structure has",
            ));
        }
        if samples < 2 {
            return Err(Error::input(
                "one frame has no dynamics",
                "give a trajectory of at least two frames",
            ));
        }
        let longest = ((f64::from(samples - 1) * options.longest).round() as u32).max(1);
        let grid = LagGrid::logarithmic(samples, longest, PER_DECADE, options.origins)?;
        let species = structure.species.len();
        // Evenly spread over the logarithm of the lag, the longest among them.
        let last = grid.lags().len() - 1;
        let mut chosen: Vec<usize> =
            (0..CHOSEN).map(|k| last - k * (last.saturating_sub(1)) / CHOSEN).collect();
        chosen.retain(|&c| c > 0);
        chosen.sort_unstable();
        chosen.dedup();
        let cutoff = options.cutoff.min(structure.simulation_box.longest_cutoff());
        let bins = (options.cutoff / options.bin).round().clamp(1.0, 1e5) as usize;
        let own = SelfMotion::new(
            &grid,
            species,
            options.wave_vectors.clone(),
            options.overlap_length,
            options.bin,
            bins,
            chosen.clone(),
        );
        let collective = options.collective.then(|| {
            Collective::new(&grid, &structure.simulation_box, species, &options.wave_vectors)
        });
        let distinct = options
            .distinct
            .then(|| Distinct::new(&grid, &chosen, species, cutoff, options.bin, samples));
        Ok(Self {
            interval,
            species: structure.species.iter().map(|s| s.name.clone()).collect(),
            numbers: structure.counts(),
            own,
            collective,
            distinct,
            grid,
        })
    }

    /// Samples so far.
    pub fn samples(&self) -> u32 {
        self.own.seen()
    }

    /// Notes a frame; its images say how far atoms have gone around the box. Motion is relative to
    /// the centre of mass.
    pub fn push(&mut self, structure: &Structure) -> Result<()> {
        self.note(structure, |positions| without_drift(positions, structure))
    }

    /// The same for atoms of a system whose centre of mass already stands still.
    fn push_steady(&mut self, structure: &Structure) -> Result<()> {
        self.note(structure, |positions| positions)
    }

    fn note(
        &mut self,
        structure: &Structure,
        relative: impl FnOnce(Vec<[f64; 3]>) -> Vec<[f64; 3]>,
    ) -> Result<()> {
        if structure.counts() != self.numbers {
            return Err(Error::input(
                format!(
                    "frame {} has {} atoms, the first has {}, or other species",
                    self.samples() + 1,
                    structure.len(),
                    self.numbers.iter().sum::<usize>()
                ),
                "give a trajectory of the same atoms in every frame",
            ));
        }
        let positions = relative((0..structure.len()).map(|i| structure.unwrapped(i)).collect());
        if let Some(collective) = &mut self.collective {
            let (simulation_box, kinds) = (&structure.simulation_box, &structure.kinds);
            collective.push(&self.grid, simulation_box, &positions, kinds);
        }
        if let Some(distinct) = &mut self.distinct {
            distinct.push(&self.grid, structure, positions.clone());
        }
        self.own.push(&self.grid, positions, &structure.kinds);
        Ok(())
    }

    /// Averages over the origins, with errors. Species without atoms are left out.
    pub fn finish(&self) -> MotionResult {
        // Lags that the trajectory was too short for have no origins.
        let lags: Vec<usize> =
            (0..self.grid.lags().len()).filter(|&l| self.grid.lags()[l] < self.samples()).collect();
        let time = |lag: u32| f64::from(lag) * self.interval;
        let each = |f: &dyn Fn(usize) -> Estimate| lags.iter().map(|&l| f(l)).collect::<Vec<_>>();
        let chosen: Vec<usize> =
            (0..self.own.chosen.len()).filter(|&c| lags.contains(&self.own.chosen[c])).collect();
        let present: Vec<usize> =
            (0..self.species.len()).filter(|&k| self.numbers[k] > 0).collect();
        let (own, grid) = (&self.own, &self.grid);
        let overlaps = |kind: usize, atoms: usize| -> (Vec<Estimate>, Vec<Estimate>) {
            lags.iter().map(|&l| own.overlap(grid, l, kind, atoms)).unzip()
        };
        let species = present
            .iter()
            .map(|&k| {
                let (overlap, susceptibility) = overlaps(k, self.numbers[k]);
                SpeciesMotion {
                    name: self.species[k].clone(),
                    mean_square: each(&|l| own.mean_square(grid, l, k)),
                    non_gaussian: each(&|l| own.non_gaussian(grid, l, k)),
                    self_scattering: (0..own.wave_vectors().len())
                        .map(|q| each(&|l| own.scattering(grid, l, k, q)))
                        .collect(),
                    overlap,
                    susceptibility,
                    distribution: chosen.iter().map(|&c| own.distribution(grid, c, k)).collect(),
                    diffusion: self.diffusion(k, &lags),
                }
            })
            .collect();
        let atoms = self.numbers.iter().sum();
        let mut collective = Vec::new();
        if let Some(all) = &self.collective {
            for (s, shell) in all.shells.iter().enumerate() {
                let mut note = |name: &str, kind: usize, atoms: usize| {
                    let curve = each(&|l| all.scattering(grid, l, s, kind, atoms));
                    collective.push((shell.length, name.to_owned(), curve));
                };
                note("all", self.species.len(), atoms);
                for &k in present.iter().filter(|_| present.len() > 1) {
                    note(&self.species[k], k, self.numbers[k]);
                }
            }
        }
        MotionResult {
            time: lags.iter().map(|&l| time(grid.lags()[l])).collect(),
            wave_vectors: own.wave_vectors().to_vec(),
            overlap_length: own.overlap_length(),
            species,
            all: overlaps(self.species.len(), atoms),
            chosen: chosen.iter().map(|&c| time(grid.lags()[own.chosen[c]])).collect(),
            distance: own.bin_centres(),
            collective,
            distinct: self.distinct.as_ref().map_or_else(Vec::new, |d| {
                let pairs = d.finish(grid, &self.species, &self.numbers);
                pairs.into_iter().map(|p| (time(p.lag), p)).collect()
            }),
        }
    }

    /// From the slope of the last three quarters of the lags in time: short lags are ballistic or
    /// caged, and where that takes longer the exponent says so.
    fn diffusion(&self, kind: usize, lags: &[usize]) -> Option<Diffusion> {
        let longest = self.grid.lags()[*lags.last()?];
        let window: Vec<usize> = lags
            .iter()
            .copied()
            .filter(|&l| self.grid.lags()[l] > 0 && 4 * self.grid.lags()[l] >= longest)
            .collect();
        // Blocks of time as long as the longest lag, for all of them.
        let merged = self.grid.merged(*window.last()?);
        let (mut by_time, mut by_atoms) = (Vec::new(), Vec::new());
        for &lag in &window {
            let time = f64::from(self.grid.lags()[lag]) * self.interval;
            let (times, groups) = self.own.sums(&self.grid, lag, kind, merged);
            by_time.push((time, times));
            by_atoms.push((time, groups));
        }
        let by_atoms = fits::diffusion(&by_atoms)?;
        let by_time = fits::diffusion(&by_time)?;
        let coefficient = errors::larger(by_atoms.coefficient, by_time.coefficient);
        Some(Diffusion { coefficient, ..by_atoms })
    }
}

/// Mass of each species: the file's, or the element's, or 1.
pub(crate) fn masses_by_species(structure: &Structure) -> Vec<f64> {
    structure
        .species
        .iter()
        .map(|s| s.mass.or_else(|| standard_mass(&s.name)).unwrap_or(1.0))
        .collect()
}

/// Vectors less their mean weighted by mass.
fn without_drift(mut vectors: Vec<[f64; 3]>, structure: &Structure) -> Vec<[f64; 3]> {
    let masses = masses_by_species(structure);
    let (mut sum, mut total) = ([0.0; 3], 0.0);
    for (v, &kind) in vectors.iter().zip(&structure.kinds) {
        let m = masses[usize::from(kind)];
        total += m;
        for k in 0..3 {
            sum[k] += m * v[k];
        }
    }
    for v in &mut vectors {
        for k in 0..3 {
            v[k] -= sum[k] / total;
        }
    }
    vectors
}

#[cfg(test)]
mod tests;
