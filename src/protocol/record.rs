//! What a stage leaves behind: stage.json and the tables beside it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::files::ThermoRow;
use super::provenance::write_json;
use super::sampler::Sampler;
use super::{files, pictures};
use crate::analysis::motion::{Diffusion, velocity_curves};
use crate::analysis::suite::Output;
use crate::analysis::{
    DisplacementHistogram, PairRdf, Plateau, TwoLines, bonding, first_peak, fit_two_lines,
    mean_and_standard_error, plateau, self_intermediate_scattering,
};
use crate::config::RunPlan;
use crate::dynamics::Ensemble;
use crate::dynamics::MinimizeReport;
use crate::error::{Error, Result};
use crate::io::write_atomically;
use crate::potential::CompiledForceField;
use crate::system::{Structure, Units};

/// Results of one stage, as in stage.json. Units are those of the force field (metal: eV, Å, ps,
/// K, GPa), see `units` there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    /// Name of the stage.
    pub name: String,
    /// "minimize", "hold" or "ramp".
    pub kind: String,
    /// Unit of each quantity.
    pub units: BTreeMap<String, String>,
    /// First step.
    pub first_step: u64,
    /// Last step.
    pub last_step: u64,
    /// How a minimisation ended.
    pub minimization: Option<MinimizationRecord>,
    /// Means over the second half of the stage.
    pub means: Option<StageMeans>,
    /// Pairs seen inside a splice region, summed over force evaluations.
    pub splice_visits: Option<u64>,
    /// Whether the potential energy has settled (not for ramps).
    pub plateau: Option<Plateau>,
    /// Break of the potential energy against temperature (ramps downwards): T_f where it is clear.
    pub fictive_temperature: Option<TwoLines>,
    /// What is left of the structure at the start of the stage.
    pub memory: Option<MemoryRecord>,
    /// Mean squared displacement of each species over the stage.
    pub mean_squared_displacement: BTreeMap<String, f64>,
    /// Diffusion coefficient of each species, averaged over time origins.
    #[serde(default)]
    pub diffusion: BTreeMap<String, Diffusion>,
    /// Relaxation time of a Langevin thermostat, whose friction slows diffusion.
    #[serde(default)]
    pub friction_time: Option<f64>,
    /// Potential energy per atom of the inherent structure at the end.
    #[serde(default)]
    pub inherent_structure_energy: Option<f64>,
    /// Neighbours of attracting species in the final structure.
    pub bonds: Vec<BondRecord>,
}

/// How a minimisation ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MinimizationRecord {
    /// Force evaluations.
    pub evaluations: u64,
    /// True if the tolerance was reached.
    pub converged: bool,
    /// Largest force component at the end.
    pub largest_force: f64,
    /// Potential energy at the end.
    pub potential_energy: f64,
}

/// Means over the second half of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StageMeans {
    /// Temperature.
    pub temperature: f64,
    /// Potential energy per atom.
    pub potential_energy_per_atom: f64,
    /// Pressure.
    pub pressure: f64,
    /// Conserved quantity per atom: last minus first value of the whole stage.
    pub conserved_drift_per_atom: f64,
}

/// Loss of memory over a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemoryRecord {
    /// First peak of the structure factor.
    pub wave_vector: Option<f64>,
    /// Self intermediate scattering function of each species at that wave vector.
    pub self_scattering: BTreeMap<String, f64>,
    /// Root mean square displacement of each species.
    pub displacement: BTreeMap<String, f64>,
    /// Half of the smallest width of the box.
    pub half_box: f64,
    /// True if every species has |F_s| below 0.1 or has moved half a box.
    pub lost: bool,
}

/// Neighbours of one species around another in a final structure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BondRecord {
    /// "Si-O": oxygens around silicon.
    pub pair: String,
    /// First minimum of g(r).
    pub cutoff: f64,
    /// First peak of g(r).
    pub peak: f64,
    /// Mean distance of neighbours within the cutoff, if there are any.
    pub mean_length: Option<f64>,
    /// Mean coordination number.
    pub coordination: f64,
    /// Fraction of atoms with each coordination number.
    pub fractions: BTreeMap<u32, f64>,
    /// Shortest distance in the final structure.
    pub shortest: Option<f64>,
}

/// What [`finish_dynamics`] needs to know.
pub(super) struct Finished<'a> {
    pub plan: &'a RunPlan,
    pub field: &'a CompiledForceField,
    pub stage: &'a str,
    pub ramp: bool,
    pub ensemble: Ensemble,
    pub first_step: u64,
    pub last_step: u64,
    pub splice_visits: u64,
    pub structure: &'a Structure,
    pub sampler: &'a Sampler,
    pub inherent_structure_energy: Option<f64>,
    /// Directory with the segment's thermo.csv.
    pub segment: &'a Path,
    /// Directory of the stage's results.
    pub results: &'a Path,
}

fn unit_names(units: &Units) -> BTreeMap<String, String> {
    ["energy", "length", "pressure", "time", "temperature"]
        .into_iter()
        .map(|kind| (kind.to_owned(), units.name(kind).to_owned()))
        .collect()
}

/// Record of a minimisation; writes stage.json.
pub(super) fn finish_minimization(
    results: &Path,
    stage: &str,
    step: u64,
    report: &MinimizeReport,
    units: &Units,
) -> Result<StageRecord> {
    let record = StageRecord {
        name: stage.to_owned(),
        kind: "minimize".into(),
        units: unit_names(units),
        first_step: step,
        last_step: step,
        minimization: Some(MinimizationRecord {
            evaluations: report.evaluations,
            converged: report.converged,
            largest_force: report.largest_force,
            potential_energy: report.potential_energy,
        }),
        means: None,
        splice_visits: None,
        plateau: None,
        fictive_temperature: None,
        memory: None,
        mean_squared_displacement: BTreeMap::new(),
        diffusion: BTreeMap::new(),
        friction_time: None,
        inherent_structure_energy: None,
        bonds: Vec::new(),
    };
    write_json(&results.join("stage.json"), &record)?;
    Ok(record)
}

/// Evaluates a stage of dynamics and writes its tables, pictures and stage.json.
pub(super) fn finish_dynamics(finished: &Finished<'_>) -> Result<StageRecord> {
    let units = &finished.field.units;
    let rows = files::read_thermodynamics(finished.segment, finished.stage)?;
    let structure = finished.structure;
    let atoms = structure.len() as f64;
    let moved = finished.sampler.displacements(structure);
    let species = structure.species.len();
    let partials = finished.sampler.rdf.partials();
    write_rdf(finished, &partials)?;
    write_msd(finished)?;
    write_structure_analyses(finished)?;
    let histogram = DisplacementHistogram::new(
        &moved,
        &structure.kinds,
        species,
        finished.plan.analysis.displacement_bin,
    );
    write_displacements(finished, &histogram)?;
    let ramp = finished.ramp.then(|| energies_of_temperature(&rows, atoms));
    let fit = ramp.as_deref().filter(|_| cools(&rows)).and_then(energy_break);
    let energy = finished.results.join("energy.svg");
    pictures::energy(&energy, &rows, units, atoms, ramp.as_deref(), fit.as_ref())?;
    pictures::temperature(&finished.results.join("temperature.svg"), &rows, units)?;
    let diffusion = write_dynamics(finished)?;
    pictures::radial(&finished.results.join("rdf.svg"), &partials, units)?;
    let energies: Vec<f64> = rows.iter().map(|r| r.potential / atoms).collect();
    let record = StageRecord {
        name: finished.stage.to_owned(),
        kind: if finished.ramp { "ramp" } else { "hold" }.into(),
        units: unit_names(units),
        first_step: finished.first_step,
        last_step: finished.last_step,
        minimization: None,
        means: means(&rows, atoms),
        splice_visits: finished.field.has_splice().then_some(finished.splice_visits),
        plateau: if finished.ramp { None } else { plateau(&energies) },
        fictive_temperature: fit,
        memory: if finished.ramp { None } else { Some(memory(finished, &moved)) },
        mean_squared_displacement: by_name(
            structure,
            &crate::analysis::mean_squared_displacement(&moved, &structure.kinds, species),
        ),
        diffusion,
        friction_time: match finished.ensemble {
            Ensemble::Langevin { relaxation, .. } => Some(relaxation),
            _ => None,
        },
        inherent_structure_energy: finished.inherent_structure_energy,
        bonds: bonds(finished, &partials)?,
    };
    write_json(&finished.results.join("stage.json"), &record)?;
    Ok(record)
}

fn by_name(structure: &Structure, values: &[f64]) -> BTreeMap<String, f64> {
    structure
        .species
        .iter()
        .zip(values)
        .filter(|(_, v)| v.is_finite())
        .map(|(s, &v)| (s.name.clone(), v))
        .collect()
}

fn means(rows: &[ThermoRow], atoms: f64) -> Option<StageMeans> {
    let settled = &rows[rows.len() / 2..];
    let mean = |value: fn(&ThermoRow) -> f64| {
        mean_and_standard_error(&settled.iter().map(value).collect::<Vec<_>>()).map(|m| m.mean)
    };
    Some(StageMeans {
        temperature: mean(|r| r.temperature)?,
        potential_energy_per_atom: mean(|r| r.potential)? / atoms,
        pressure: mean(|r| r.pressure)?,
        conserved_drift_per_atom: (rows.last()?.conserved - rows.first()?.conserved) / atoms,
    })
}

/// U(T) of a ramp in about sixty points, so that the thermal noise of single rows does not decide
/// where the break is. T is the target and how far the atoms are behind it, the lag averaged over a
/// sixth of the ramp around each point: thermal fluctuations of the kinetic energy, against which
/// those of U are turned, are no lag.
fn energies_of_temperature(rows: &[ThermoRow], atoms: f64) -> Vec<(f64, f64)> {
    let size = rows.len().div_ceil(60).max(1);
    let mean = |chunk: &[ThermoRow], of: &dyn Fn(&ThermoRow) -> f64| {
        chunk.iter().map(of).sum::<f64>() / chunk.len() as f64
    };
    let chunks: Vec<&[ThermoRow]> = rows.chunks(size).collect();
    let lags: Vec<f64> = chunks.iter().map(|c| mean(c, &|r| r.temperature - r.target)).collect();
    let reach = chunks.len() / 12;
    let lag = |k: usize| {
        let near = &lags[k.saturating_sub(reach)..(k + reach + 1).min(lags.len())];
        near.iter().sum::<f64>() / near.len() as f64
    };
    (0..)
        .zip(&chunks)
        .map(|(k, c)| (mean(c, &|r| r.target) + lag(k), mean(c, &|r| r.potential) / atoms))
        .collect()
}

fn cools(rows: &[ThermoRow]) -> bool {
    matches!((rows.first(), rows.last()), (Some(first), Some(last)) if last.target < first.target)
}

/// A melt has more ways to take up energy than its glass: U(T) is steeper above the break.
fn energy_break(points: &[(f64, f64)]) -> Option<TwoLines> {
    fit_two_lines(points).filter(|fit| fit.slope_above > fit.slope_below)
}

fn memory(finished: &Finished<'_>, moved: &[[f64; 3]]) -> MemoryRecord {
    let structure = finished.structure;
    let species = structure.species.len();
    let rdf = &finished.sampler.rdf;
    let wave_vector = first_peak(&rdf.total(), rdf.number_density());
    let scattering = wave_vector
        .map(|q| self_intermediate_scattering(moved, &structure.kinds, species, q))
        .unwrap_or_default();
    let displacement: Vec<f64> =
        crate::analysis::mean_squared_displacement(moved, &structure.kinds, species)
            .into_iter()
            .map(f64::sqrt)
            .collect();
    let half_box = structure.simulation_box.longest_cutoff();
    let lost = (0..species)
        .filter(|&s| displacement[s].is_finite())
        .all(|s| displacement[s] > half_box || scattering.get(s).is_some_and(|f| f.abs() < 0.1));
    MemoryRecord {
        wave_vector,
        self_scattering: by_name(structure, &scattering),
        displacement: by_name(structure, &displacement),
        half_box,
        lost,
    }
}

/// Pairs of opposite charges; without charges, all pairs.
fn bonds(finished: &Finished<'_>, partials: &[PairRdf]) -> Result<Vec<BondRecord>> {
    let structure = finished.structure;
    let field = finished.field;
    let mut records = Vec::new();
    for (a, first) in structure.species.iter().enumerate() {
        for (b, second) in structure.species.iter().enumerate() {
            let attracts =
                field.coulomb.is_none() || (field.charges[a] > 0.0 && field.charges[b] < 0.0);
            let found = partials.iter().find(|p| {
                p.species == [first.name.clone(), second.name.clone()]
                    || p.species == [second.name.clone(), first.name.clone()]
            });
            let (true, Some(rdf)) = (attracts, found) else { continue };
            let (Some((peak, _)), Some(cutoff)) = (rdf.first_peak(), rdf.first_minimum()) else {
                continue;
            };
            let bonds = bonding(structure, a as u16, b as u16, cutoff)?;
            records.push(BondRecord {
                pair: format!("{}-{}", first.name, second.name),
                cutoff,
                peak,
                mean_length: Some(bonds.mean_length).filter(|x| x.is_finite()),
                coordination: bonds.mean(),
                fractions: bonds.fractions(),
                shortest: Some(bonds.shortest).filter(|x| x.is_finite()),
            });
        }
    }
    Ok(records)
}

fn length_column(name: &str, units: &Units) -> String {
    match units.name("length") {
        "lj" => name.to_owned(),
        unit => format!("{name} ({unit})"),
    }
}

fn write_rdf(finished: &Finished<'_>, partials: &[PairRdf]) -> Result<()> {
    let units = &finished.field.units;
    write_atomically(finished.results.join("rdf.csv"), |w| {
        let mut header = vec![length_column("r", units)];
        for p in partials {
            header.push(format!("g {}-{}", p.species[0], p.species[1]));
            header.push(format!("n {}-{}", p.species[0], p.species[1]));
        }
        writeln!(w, "{}", header.join(","))?;
        let bins = partials.first().map_or(0, |p| p.r.len());
        for k in 0..bins {
            write!(w, "{:.5}", partials[0].r[k])?;
            for p in partials {
                write!(w, ",{:.6},{:.6}", p.g[k], p.running[k])?;
            }
            writeln!(w)?;
        }
        Ok(())
    })
}

/// Writes dynamics over time origins; answers with the diffusion coefficients.
fn write_dynamics(finished: &Finished<'_>) -> Result<BTreeMap<String, Diffusion>> {
    let units = &finished.field.units;
    let mut diffusion = BTreeMap::new();
    if let Some(motion) = &finished.sampler.motion {
        let result = motion.finish();
        for curves in result.curves(units) {
            curves.write(finished.results)?;
        }
        for species in result.species {
            if let Some(found) = species.diffusion {
                diffusion.insert(species.name, found);
            }
        }
    }
    if let Some(velocities) = &finished.sampler.velocities {
        for curves in velocity_curves(&velocities.finish(), units) {
            curves.write(finished.results)?;
        }
    }
    Ok(diffusion)
}

/// Writes the analyses of structure into a directory of their own.
fn write_structure_analyses(finished: &Finished<'_>) -> Result<()> {
    let Some(suite) = finished.sampler.structure.as_ref().filter(|s| s.frames() > 0) else {
        return Ok(());
    };
    let directory = finished.results.join("structure");
    std::fs::create_dir_all(&directory).map_err(|e| Error::io("create", &directory, e))?;
    let mut output = Output::within(&directory, finished.field.units);
    suite.finish(&mut output)?;
    output.write_summary()
}

fn write_msd(finished: &Finished<'_>) -> Result<()> {
    let units = &finished.field.units;
    let structure = finished.structure;
    write_atomically(finished.results.join("msd.csv"), |w| {
        let (time, square) = match units.name("time") {
            "lj" => ("time".to_owned(), String::new()),
            unit => (format!("time ({unit})"), format!(" ({}²)", units.name("length"))),
        };
        let names: Vec<String> =
            structure.species.iter().map(|s| format!("msd {}{square}", s.name)).collect();
        writeln!(w, "{time},{}", names.join(","))?;
        for (step, values) in &finished.sampler.msd {
            let time = (step - finished.first_step) as f64 * finished.plan.timestep;
            let values: Vec<String> = values.iter().map(|v| format!("{v:.6}")).collect();
            writeln!(w, "{time:.6},{}", values.join(","))?;
        }
        Ok(())
    })
}

fn write_displacements(finished: &Finished<'_>, histogram: &DisplacementHistogram) -> Result<()> {
    let structure = finished.structure;
    write_atomically(finished.results.join("displacements.csv"), |w| {
        let names: Vec<String> = structure
            .species
            .iter()
            .flat_map(|s| [format!("count {}", s.name), format!("density {}", s.name)])
            .collect();
        let column = length_column("displacement", &finished.field.units);
        writeln!(w, "{column},{}", names.join(","))?;
        let densities: Vec<Vec<f64>> =
            (0..structure.species.len()).map(|s| histogram.density(s)).collect();
        for k in 0..histogram.counts.first().map_or(0, Vec::len) {
            write!(w, "{:.5}", (k as f64 + 0.5) * histogram.bin)?;
            for (counts, density) in histogram.counts.iter().zip(&densities) {
                write!(w, ",{},{:.6}", counts[k], density[k])?;
            }
            writeln!(w)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A quench with a break of U at 2000 for the atoms, which are `lag` behind the target.
    fn quench(lag: f64) -> Vec<ThermoRow> {
        (0..600)
            .map(|k| {
                let target = 4000.0 - 6.0 * f64::from(k);
                // Kinetic energy that fluctuates is taken from the potential energy.
                let wave = 20.0 * f64::from(k).sin();
                let temperature = target + lag;
                let potential =
                    100.0 * (1e-4 * temperature + 1e-4 * (temperature - 2000.0).max(0.0));
                ThermoRow {
                    time: f64::from(k),
                    target,
                    temperature: temperature + wave,
                    potential: potential - 1e-3 * wave,
                    conserved: 0.0,
                    pressure: 0.0,
                }
            })
            .collect()
    }

    #[test]
    fn the_break_is_at_the_temperature_of_the_atoms() {
        for lag in [0.0, 500.0] {
            let rows = quench(lag);
            let fit = energy_break(&energies_of_temperature(&rows, 100.0)).expect("a break");
            assert!((fit.break_at - 2000.0).abs() < 20.0, "{lag}: {fit:?}");
            assert!(fit.clear && fit.break_error.is_some_and(|e| e < 30.0), "{fit:?}");
        }
    }

    #[test]
    fn only_ramps_downwards_that_flatten_break() {
        let mut rows = quench(0.0);
        assert!(cools(&rows));
        rows.reverse();
        assert!(!cools(&rows) && !cools(&rows[..1]) && !cools(&[]));
        // Steeper below than above is no glass.
        for row in &mut rows {
            row.potential = -row.potential;
        }
        assert!(energy_break(&energies_of_temperature(&rows, 100.0)).is_none());
    }
}
