//! What changes with the quench rate and the size: fictive temperature, inherent-structure energy,
//! S(Q), from a set of runs.

use std::path::Path;

use serde::Serialize;

use super::material::Material;
use super::run::RunFiles;
use crate::analysis::curves::significant;
use crate::analysis::{
    DirectStructureFactor, Mean, TwoLines, mean_and_standard_error, vectors_per_bin, widening_bins,
};
use crate::backend::Backend;
use crate::config::{RunPlan, StageKind, load_run};
use crate::error::Result;
use crate::io::read_structure;
use crate::protocol::{MemberSummary, StageRecord, inherent_structure_energy_of};
use crate::system::Structure;

/// Bins of S(Q) and its longest wave vector, in inverse mean distances of atoms.
const BIN: f64 = 0.25;
const LONGEST: f64 = 40.0;

/// One member of a run, seen as a point of a transition.
#[derive(Debug, Clone, Serialize)]
pub struct Transition {
    /// The run's directory and the member's.
    pub name: String,
    /// Number of atoms.
    pub atoms: usize,
    /// Seed.
    pub seed: u64,
    /// Quench rate of the last ramp downwards (metal: K/ps).
    pub rate: Option<f64>,
    /// Break of U(T) on that ramp: T_f where it is clear.
    pub energy_break: Option<TwoLines>,
    /// Potential energy per atom of the inherent structure at the end.
    pub inherent_structure_energy: Option<f64>,
    /// What it consists of.
    pub material: Material,
    /// S(Q) of the final structure: Q, S and its standard error, in bins that all members share.
    #[serde(skip)]
    pub structure_factor: Vec<[f64; 3]>,
}

impl Transition {
    /// T_f, where U(T) has a clear break.
    pub fn fictive_temperature(&self) -> Option<f64> {
        self.energy_break.filter(|b| b.clear).map(|b| b.break_at)
    }
}

/// Every member of the runs. Where a run did not measure its inherent structures, the final
/// structure is minimised on `backend`; a run whose force field cannot be read has none.
pub fn transitions(
    runs: &[RunFiles],
    backend: &dyn Backend,
    tell: &mut dyn FnMut(&str),
) -> Result<Vec<Transition>> {
    let mut all = Vec::new();
    let mut bins = None;
    for run in runs {
        let plan = plan_of(run);
        for member in &run.summary.members {
            tell(&name_of(run, member));
            let (mut point, structure) = point(run, member, plan.as_ref())?;
            let edges: &Vec<f64> = match &bins {
                Some(edges) => edges,
                None => bins.insert(bins_of(&structure)?),
            };
            if let (None, Some(plan)) = (point.inherent_structure_energy, &plan) {
                let energy = inherent_structure_energy_of(&structure, &plan.force_field, backend)?;
                point.inherent_structure_energy = Some(energy);
            }
            point.structure_factor = scattering(&structure, edges, backend)?;
            all.push(point);
        }
    }
    Ok(all)
}

/// Every member of a run by what the run itself wrote down: nothing is minimised, no S(Q).
pub(super) fn recorded(run: &RunFiles) -> Result<Vec<Transition>> {
    let plan = plan_of(run);
    let members = run.summary.members.iter();
    members.map(|member| Ok(point(run, member, plan.as_ref())?.0)).collect()
}

fn plan_of(run: &RunFiles) -> Option<RunPlan> {
    load_run(&run.directory.join("configuration.toml"), &[]).ok()
}

fn name_of(run: &RunFiles, member: &MemberSummary) -> String {
    match member.directory.as_str() {
        "" => run.folder(),
        directory => format!("{}/{directory}", run.folder()),
    }
}

/// What a run wrote down about a member, and its final structure.
fn point(
    run: &RunFiles,
    member: &MemberSummary,
    plan: Option<&RunPlan>,
) -> Result<(Transition, Structure)> {
    let structure = read_structure(run.directory.join(&member.directory).join("final.data"))?;
    let ramp = plan.and_then(|p| last_quench(p, &member.directory));
    // Without the plan, the last stage that has a break is a ramp downwards at least.
    let quenched = |s: &&StageRecord| match &ramp {
        Some((name, _)) => s.name == *name,
        None => plan.is_none() && s.fictive_temperature.is_some(),
    };
    let stage = member.stages.iter().rev().find(quenched);
    let force_field = run.provenance["forcefield"].as_str().unwrap_or_default();
    let transition = Transition {
        name: name_of(run, member),
        atoms: structure.len(),
        seed: member.seed,
        rate: member.rate.or(ramp.as_ref().and_then(|r| r.1)),
        energy_break: stage.and_then(|s| s.fictive_temperature),
        inherent_structure_energy: member
            .stages
            .iter()
            .rev()
            .find_map(|s| s.inherent_structure_energy),
        material: Material::of(&structure, force_field),
        structure_factor: Vec::new(),
    };
    Ok((transition, structure))
}

/// Name and rate of the last ramp downwards of a member: the one that made its final structure.
fn last_quench(plan: &RunPlan, member: &str) -> Option<(String, Option<f64>)> {
    let same = plan.members.iter().find(|m| m.directory == member)?;
    same.stages.iter().rev().find_map(|s| match &s.kind {
        StageKind::Dynamics { from, to, steps, ramp: true, .. } if to < from => {
            // A whole number of steps is a little off the rate asked for.
            let rate = (from - to) / (*steps as f64 * plan.timestep);
            Some((s.name.clone(), significant(rate).parse().ok()))
        }
        _ => None,
    })
}

/// Bins of |Q| that suit a structure's density.
fn bins_of(structure: &Structure) -> Result<Vec<f64>> {
    let spacing = (structure.simulation_box.volume() / structure.len().max(1) as f64).cbrt();
    widening_bins(LONGEST / spacing, BIN / spacing)
}

/// S(Q) of a structure, every atom scattering equally, over the wave vectors of its box: Q, S and
/// its standard error in each bin that has vectors. No window of a transform stands between sizes.
fn scattering(
    structure: &Structure,
    edges: &[f64],
    backend: &dyn Backend,
) -> Result<Vec<[f64; 3]>> {
    let mut alike = structure.clone();
    alike.kinds.fill(0);
    let each = vectors_per_bin(&alike, edges);
    let mut sums = DirectStructureFactor::with_bins(&alike, edges.to_vec(), each)?;
    let waves = backend.density_waves(&alike, &sums.wave_vectors())?;
    sums.add_waves(&alike, &waves)?;
    let points = sums.partials().into_iter().zip(sums.vectors_in_bins());
    Ok(points.map(|((q, s), n)| [q, s[0], s[0] / (n as f64).sqrt()]).collect())
}

/// Means over members that share a key: (key, mean), in the order of the keys.
pub(super) fn grouped(points: &[(f64, f64)]) -> Vec<(f64, Mean)> {
    let mut keys: Vec<f64> = points.iter().map(|p| p.0).collect();
    keys.sort_by(f64::total_cmp);
    keys.dedup_by(|a, b| (*a - *b).abs() <= 1e-9 * b.abs());
    keys.into_iter()
        .filter_map(|key| {
            let same = points.iter().filter(|p| (p.0 - key).abs() <= 1e-9 * key.abs());
            let values: Vec<f64> = same.map(|p| p.1).collect();
            Some((key, mean_and_standard_error(&values)?))
        })
        .collect()
}

/// Writes the table of transitions.
pub(super) fn write_table(directory: &Path, all: &[Transition]) -> Result<()> {
    crate::io::write_atomically(directory.join("transitions.csv"), |w| {
        writeln!(
            w,
            "run,atoms,seed,rate,fictive temperature,inherent-structure energy per atom,\
             crossing of two lines through U(T),error of the crossing"
        )?;
        let text = |x: Option<f64>| x.map_or_else(String::new, |x| x.to_string());
        for t in all {
            writeln!(
                w,
                "\"{}\",{},{},{},{},{},{},{}",
                t.name.replace('"', "'"),
                t.atoms,
                t.seed,
                text(t.rate),
                text(t.fictive_temperature()),
                text(t.inherent_structure_energy),
                text(t.energy_break.map(|b| b.break_at)),
                text(t.energy_break.and_then(|b| b.break_error))
            )?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_one_rate_are_averaged() {
        let found = grouped(&[(10.0, 1.0), (1.0, 5.0), (10.0, 3.0)]);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].0, found[0].1.mean, found[0].1.standard_error), (1.0, 5.0, None));
        assert_eq!((found[1].0, found[1].1.mean, found[1].1.count), (10.0, 2.0, 2));
        assert!((found[1].1.standard_error.expect("two") - 1.0).abs() < 1e-12);
    }

    /// A ramp within the melt comes first, the quench that made the glass last.
    #[test]
    fn the_last_ramp_downwards_is_the_quench() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("run.toml");
        let ramp = |name: &str, to: u32, rate: u32| {
            format!("[[stage]]\nname = \"{name}\"\nkind = \"ramp\"\nto = {to}\nrate = {rate}\n")
        };
        let text = format!(
            "forcefield = \"teter\"\n[structure]\ncomposition = \"(Na2O)30(SiO2)70\"\natoms = 600\n\
             density = 2.466\n[[stage]]\nname = \"melt\"\nkind = \"hold\"\ntemperature = 4000\n\
             duration = 0.1\n{}{}{}",
            ramp("cool", 3500, 500),
            ramp("heat", 4000, 1000),
            ramp("quench", 300, 3700)
        );
        std::fs::write(&path, text).expect("written");
        let plan = load_run(&path, &[]).expect("a plan");
        let found = last_quench(&plan, &plan.members[0].directory);
        assert_eq!(found, Some(("quench".to_owned(), Some(3700.0))));
        assert_eq!(last_quench(&plan, "nobody"), None);
    }

    /// The Bragg peaks of a crystal carry the same weight whatever its size, and the bins are those
    /// of the first: no size has a window of its own.
    #[test]
    fn sizes_are_compared_in_the_same_bins() {
        use crate::backend::cpu::CpuBackend;
        use crate::system::{SimulationBox, Species};
        let cube = |n: u32| {
            let place = |c: u32| [c % n, c / n % n, c / n / n].map(f64::from);
            let positions = (0..n * n * n).map(place).collect();
            let species = ["A", "B"].map(|n| Species { name: n.into(), mass: None }).to_vec();
            let kinds = (0..n * n * n).map(|c| (c % 2) as u16).collect();
            let cell = SimulationBox::cubic(f64::from(n)).expect("cube");
            Structure::new(cell, species, kinds, positions).expect("sound")
        };
        let edges = bins_of(&cube(6)).expect("bins");
        let backend = CpuBackend::new();
        let mut weights = Vec::new();
        for n in [4, 6, 9, 12] {
            let crystal = cube(n);
            let found = scattering(&crystal, &edges, &backend).expect("summed");
            let bin_of = |q: f64| edges.partition_point(|e| *e <= q);
            // One wave in the box is the shortest vector.
            assert_eq!(bin_of(found[0][0]), bin_of(std::f64::consts::TAU / f64::from(n)));
            let peak = found
                .iter()
                .find(|point| bin_of(point[0]) == bin_of(std::f64::consts::TAU))
                .expect("a peak");
            // Three pairs of vectors (100) scatter as one atom each would N times.
            let vectors = (peak[1] / peak[2]).powi(2);
            weights.push(peak[1] * vectors / crystal.len() as f64);
        }
        assert!(weights.iter().all(|w| (w - 3.0).abs() < 1e-3), "{weights:?}");
    }
}
