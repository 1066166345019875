//! summary.json: the results of every member, checks, means and standard errors over seeds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::provenance::write_json;
use super::record::StageRecord;
use crate::analysis::{Mean, mean_and_standard_error};
use crate::config::{Member, RunPlan, StageKind};
use crate::error::{Error, Result};

/// Results of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunSummary {
    /// The run's title.
    pub title: String,
    /// Results of each repetition.
    pub members: Vec<MemberSummary>,
    /// For each quench rate ("" if the run has only its own), composition and temperature, with
    /// spaces between them: quantity → mean over the seeds.
    pub means: BTreeMap<String, BTreeMap<String, Mean>>,
    /// True if every check of every member passed.
    pub all_checks_passed: bool,
}

/// Results of one repetition.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MemberSummary {
    /// Its directory inside the run's.
    pub directory: String,
    /// Its seed.
    pub seed: u64,
    /// Its quench rate, if the run repeats over rates.
    pub rate: Option<f64>,
    /// Temperature it ends at, if the run repeats over temperatures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Composition, if the run repeats over compositions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub composition: Option<String>,
    /// What was checked.
    pub checks: Vec<Check>,
    /// Results of the stages.
    pub stages: Vec<StageRecord>,
    /// Results of the branches.
    pub branches: Vec<StageRecord>,
}

/// One check of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Check {
    /// "memory", "plateau" or "splice".
    pub name: String,
    /// The stage it is about.
    pub stage: String,
    /// Whether it passed.
    pub passed: bool,
    /// What was found.
    pub detail: String,
}

/// Reads the stage records of a finished run and writes summary.json.
pub(super) fn summarize(output: &Path, plan: &RunPlan) -> Result<RunSummary> {
    let mut members = Vec::new();
    for member in &plan.members {
        let directory = output.join(&member.directory);
        let stages = member
            .stages
            .iter()
            .map(|s| read(&directory.join("stages").join(&s.name)))
            .collect::<Result<Vec<_>>>()?;
        let branches = member
            .branches
            .iter()
            .map(|b| read(&directory.join("branches").join(&b.name)))
            .collect::<Result<Vec<_>>>()?;
        members.push(MemberSummary {
            directory: member.directory.clone(),
            seed: member.seed,
            rate: member.rate,
            temperature: member.temperature,
            composition: member.composition.clone(),
            checks: checks(member, &stages, &branches),
            stages,
            branches,
        });
    }
    let summary = RunSummary {
        title: plan.title.clone(),
        means: means(&members),
        all_checks_passed: members.iter().all(|m| m.checks.iter().all(|c| c.passed)),
        members,
    };
    write_json(&output.join("summary.json"), &summary)?;
    Ok(summary)
}

fn read(directory: &Path) -> Result<StageRecord> {
    let path: PathBuf = directory.join("stage.json");
    let bytes = std::fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
    serde_json::from_slice(&bytes).map_err(|e| Error::format(&path, e.line(), e.to_string()))
}

fn checks(member: &Member, stages: &[StageRecord], branches: &[StageRecord]) -> Vec<Check> {
    let mut checks = Vec::new();
    let is_ramp =
        |k: usize| matches!(member.stages[k].kind, StageKind::Dynamics { ramp: true, .. });
    let first_ramp = (0..stages.len()).find(|&k| is_ramp(k));
    // The melt is what the first ramp starts from.
    let melt = first_ramp.and_then(|ramp| (0..ramp).rev().find(|&k| stages[k].memory.is_some()));
    if let Some(melt) = melt
        && let Some(memory) = &stages[melt].memory
    {
        let words: Vec<String> = memory
            .displacement
            .iter()
            .map(|(name, d)| {
                let f = memory.self_scattering.get(name).copied().unwrap_or(f64::NAN);
                format!("{name}: F_s = {f:.3}, moved {d:.2}")
            })
            .collect();
        checks.push(Check {
            name: "memory".into(),
            stage: stages[melt].name.clone(),
            passed: memory.lost,
            detail: format!(
                "the melt {} its start ({}; half box {:.2})",
                if memory.lost { "has forgotten" } else { "still remembers" },
                words.join("; "),
                memory.half_box
            ),
        });
    }
    let after_melt = stages
        .iter()
        .enumerate()
        .filter(|&(k, _)| melt.is_some_and(|m| k >= m) || (melt.is_none() && first_ramp.is_none()));
    for (stage, is_melt) in
        after_melt.map(|(k, s)| (s, Some(k) == melt)).chain(branches.iter().map(|b| (b, false)))
    {
        if let Some(plateau) = &stage.plateau {
            checks.push(Check {
                name: "plateau".into(),
                stage: stage.name.clone(),
                passed: plateau.reached,
                detail: format!(
                    "potential energy per atom changed by {:.2e} ± {:.2e} between the last two \
                     quarters",
                    plateau.drift, plateau.standard_error
                ),
            });
        }
        // A hot melt may touch the splice, and the beginning of the ramp with it; what is held
        // afterwards must not.
        if let (Some(visits), "hold", false) = (stage.splice_visits, stage.kind.as_str(), is_melt) {
            checks.push(Check {
                name: "splice".into(),
                stage: stage.name.clone(),
                passed: visits == 0,
                detail: format!("{visits} visits of pairs to the splice region"),
            });
        }
    }
    checks
}

/// Means over seeds of the scalar results, grouped by everything else that members differ in.
fn means(members: &[MemberSummary]) -> BTreeMap<String, BTreeMap<String, Mean>> {
    let mut values: BTreeMap<String, BTreeMap<String, Vec<f64>>> = BTreeMap::new();
    for member in members {
        let parts = [
            member.rate.map(|r| r.to_string()),
            member.composition.clone(),
            member.temperature.map(|t| t.to_string()),
        ];
        let key = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let group = values.entry(key).or_default();
        for stage in member.stages.iter().chain(&member.branches) {
            let mut note = |quantity: &str, value: f64| {
                if value.is_finite() {
                    group.entry(format!("{}/{quantity}", stage.name)).or_default().push(value);
                }
            };
            if let Some(means) = &stage.means {
                note("temperature", means.temperature);
                note("potential_energy_per_atom", means.potential_energy_per_atom);
                note("pressure", means.pressure);
            }
            if let Some(fit) = &stage.fictive_temperature {
                note("energy_break", fit.break_at);
                if fit.clear {
                    note("fictive_temperature", fit.break_at);
                }
            }
            for (species, value) in &stage.mean_squared_displacement {
                note(&format!("mean_squared_displacement/{species}"), *value);
            }
            for bond in &stage.bonds {
                if let Some(length) = bond.mean_length {
                    note(&format!("bond/{}/mean_length", bond.pair), length);
                }
                note(&format!("bond/{}/coordination", bond.pair), bond.coordination);
            }
        }
    }
    values
        .into_iter()
        .map(|(key, group)| {
            let means = group
                .into_iter()
                .filter_map(|(name, v)| mean_and_standard_error(&v).map(|m| (name, m)))
                .collect();
            (key, means)
        })
        .collect()
}
