//! The stages of a run and the branches that leave them, checked.

use std::collections::BTreeMap;

use super::document::suggestion;
use super::plan::{Branch, Stage, StageKind, VelocityStart};
use super::run::StageReader;
use super::run_text::{
    BranchText, KindText, MethodText, STAGE_KEYS, StageText, ThermostatText, VelocitiesText,
};
use crate::dynamics::{Ensemble, MinimizeMethod};
use crate::error::{Error, Result};
use crate::system::UnitSystem;

impl StageReader<'_> {
    pub(super) fn stages(&self, rate: Option<f64>, ends_at: Option<f64>) -> Result<Vec<Stage>> {
        let d = self.document();
        if self.raw.stage.is_empty() {
            return Err(d.error(
                "",
                "the run has no [[stage]]",
                "add a [[stage]] with name and kind = \"minimize\", \"hold\", \"ramp\" or \"relax\"",
            ));
        }
        let mut stages: Vec<Stage> = Vec::new();
        let mut temperature = None;
        let last_ramp = self.raw.stage.iter().rposition(|s| s.kind == KindText::Ramp).unwrap_or(0);
        for (index, text) in self.raw.stage.iter().enumerate() {
            let ends_at = ends_at.filter(|_| index >= last_ramp);
            let path = format!("stage[{index}]");
            self.check_name(&format!("{path}.name"), &text.name)?;
            if stages.iter().any(|s| s.name == text.name) {
                return Err(d.error(
                    &format!("{path}.name"),
                    format!("two stages are called `{}`", text.name),
                    "give every stage its own name",
                ));
            }
            for key in STAGE_KEYS {
                let own = text.kind.keys();
                if d.has(&format!("{path}.{key}")) && !own.contains(&key) {
                    return Err(d.error(
                        &format!("{path}.{key}"),
                        format!(
                            "`{key}` does not belong to a stage of kind `{}`",
                            text.kind.name()
                        ),
                        suggestion(key, own, "key"),
                    ));
                }
            }
            let kind = self.kind(&path, text, rate, ends_at, temperature)?;
            if let StageKind::Dynamics { to, .. } = kind {
                temperature = Some(to);
            }
            stages.push(Stage { name: text.name.clone(), kind });
        }
        Ok(stages)
    }

    fn kind(
        &self,
        path: &str,
        text: &StageText,
        member_rate: Option<f64>,
        member_temperature: Option<f64>,
        previous: Option<f64>,
    ) -> Result<StageKind> {
        let d = self.document();
        let key = |k: &str| format!("{path}.{k}");
        let missing = |k: &str| {
            d.error(
                path,
                format!("missing key `{k}` of the {} stage `{}`", text.kind.name(), text.name),
                format!("add `{k} = …`"),
            )
        };
        let required =
            |k: &str, value: Option<f64>| d.positive(&key(k), value.ok_or_else(|| missing(k))?);
        let metal = self.reader.units.system == UnitSystem::Metal;
        let (from, to, steps) = match text.kind {
            KindText::Minimize => {
                return Ok(StageKind::Minimize {
                    method: match text.method {
                        Some(MethodText::Cg) => MinimizeMethod::ConjugateGradient,
                        Some(MethodText::Fire) | None => MinimizeMethod::Fire,
                    },
                    force_tolerance: d.positive(
                        &key("force_tolerance"),
                        text.force_tolerance.unwrap_or(if metal { 0.05 } else { 1e-3 }),
                    )?,
                    max_steps: text.max_steps.unwrap_or(2000),
                });
            }
            KindText::Hold => {
                let written = text.temperature.or(member_temperature);
                let t = member_temperature.unwrap_or(required("temperature", written)?);
                let duration = text.duration.ok_or_else(|| missing("duration"))?;
                (t, t, self.steps(&key("duration"), duration)?)
            }
            KindText::Relax => {
                let t = match text.temperature.or(previous) {
                    Some(t) => d.positive(&key("temperature"), t)?,
                    None if member_temperature.is_some() => 0.0,
                    None => return Err(missing("temperature")),
                };
                let t = member_temperature.unwrap_or(t);
                let duration = text.duration.ok_or_else(|| missing("duration"))?;
                (t, t, self.steps(&key("duration"), duration)?)
            }
            KindText::Ramp => {
                let from = match text.from.or(previous) {
                    Some(t) => d.positive(&key("from"), t)?,
                    None => return Err(missing("from")),
                };
                let to = required("to", text.to.or(member_temperature))?;
                let to = member_temperature.unwrap_or(to);
                let steps = match (text.rate, text.duration) {
                    (Some(_), Some(_)) => {
                        return Err(d.error(
                            &key("duration"),
                            "`rate` and `duration` exclude each other",
                            "give one of the two",
                        ));
                    }
                    (Some(own), None) => {
                        let rate = d.positive(&key("rate"), own).map_err(|e| match e {
                            Error::Config { place, what, .. } => Error::Config {
                                place,
                                what,
                                remedy: "the direction follows from `from` and `to`; give the rate as a positive number".into(),
                            },
                            other => other,
                        })?;
                        let rate = member_rate.unwrap_or(rate);
                        if from == to {
                            return Err(d.error(
                                &key("to"),
                                "the ramp begins and ends at the same temperature",
                                "use a hold stage, or another `to`",
                            ));
                        }
                        self.steps(&key("rate"), (to - from).abs() / rate)?
                    }
                    (None, Some(duration)) => self.steps(&key("duration"), duration)?,
                    (None, None) => return Err(missing("rate")),
                };
                (from, to, steps)
            }
        };
        Ok(StageKind::Dynamics {
            ensemble: self.thermostat(
                path,
                text.thermostat,
                text.relaxation,
                text.displacement_cap,
            )?,
            from,
            to,
            steps,
            ramp: text.kind == KindText::Ramp,
            snapshots: self.snapshots(path, text, from, to, steps)?,
            velocities: match text.velocities {
                Some(VelocitiesText::Maxwell) => VelocityStart::Maxwell,
                Some(VelocitiesText::Keep) | None => VelocityStart::Keep,
            },
        })
    }

    fn snapshots(
        &self,
        path: &str,
        text: &StageText,
        from: f64,
        to: f64,
        steps: u64,
    ) -> Result<Vec<(f64, u64)>> {
        let mut snapshots = Vec::new();
        for (k, &t) in text.snapshots.iter().enumerate() {
            let here = format!("{path}.snapshots[{k}]");
            self.document().positive(&here, t)?;
            if t < from.min(to) || t > from.max(to) {
                return Err(self.document().error(
                    &here,
                    format!("the ramp from {from} to {to} never has the temperature {t}"),
                    "list temperatures between `from` and `to`",
                ));
            }
            let fraction = if to == from { 1.0 } else { (t - from) / (to - from) };
            let step = (fraction * steps as f64).round() as u64;
            if snapshots.iter().any(|&(other, at)| other == t || at == step) {
                return Err(self.document().error(
                    &here,
                    format!("two snapshots at {t}"),
                    "list every temperature once",
                ));
            }
            snapshots.push((t, step));
        }
        snapshots.sort_by_key(|&(_, step)| step);
        Ok(snapshots)
    }

    fn thermostat(
        &self,
        path: &str,
        thermostat: Option<ThermostatText>,
        relaxation: Option<f64>,
        displacement_cap: Option<f64>,
    ) -> Result<Ensemble> {
        let d = self.document();
        let raw = &self.raw.dynamics;
        let relaxation = match relaxation {
            Some(r) => d.positive(&format!("{path}.relaxation"), r)?,
            None => raw.relaxation.unwrap_or(0.1),
        };
        let thermostat = thermostat.unwrap_or(raw.thermostat);
        if relaxation < 5.0 * self.timestep && thermostat != ThermostatText::Nve {
            let place = if d.has(&format!("{path}.relaxation")) { path } else { "dynamics" };
            return Err(d.error(
                &format!("{place}.relaxation"),
                format!(
                    "a relaxation time of {relaxation}{} is shorter than five time steps",
                    self.time_unit()
                ),
                "the relaxation time is in ps (lj: reduced time): give about 100 time steps",
            ));
        }
        if displacement_cap.is_some() && thermostat != ThermostatText::Langevin {
            return Err(d.error(
                &format!("{path}.displacement_cap"),
                "only the langevin thermostat has a displacement cap",
                "set thermostat = \"langevin\" in this stage",
            ));
        }
        Ok(match thermostat {
            ThermostatText::Nve => Ensemble::Nve,
            ThermostatText::NoseHoover => Ensemble::NoseHoover { relaxation },
            ThermostatText::StochasticRescaling => Ensemble::StochasticRescaling { relaxation },
            ThermostatText::Langevin => Ensemble::Langevin {
                relaxation,
                displacement_cap: displacement_cap
                    .map(|c| d.positive(&format!("{path}.displacement_cap"), c))
                    .transpose()?,
            },
        })
    }

    pub(super) fn branches(&self, stages: &[Stage]) -> Result<Vec<Branch>> {
        let mut branches: Vec<Branch> = Vec::new();
        for (index, text) in self.raw.branch.iter().enumerate() {
            let path = format!("branch[{index}]");
            self.check_name(&format!("{path}.name"), &text.name)?;
            for branch in self.branch(&path, text, stages)? {
                if branches.iter().any(|b| b.name == branch.name) {
                    return Err(self.document().error(
                        &format!("{path}.name"),
                        format!("two branches are called `{}`", branch.name),
                        "give every branch its own name",
                    ));
                }
                branches.push(branch);
            }
        }
        Ok(branches)
    }

    fn branch(&self, path: &str, text: &BranchText, stages: &[Stage]) -> Result<Vec<Branch>> {
        let d = self.document();
        let from_stage = stages.iter().position(|s| s.name == text.from).ok_or_else(|| {
            let names: Vec<&str> = stages.iter().map(|s| s.name.as_str()).collect();
            d.error(
                &format!("{path}.from"),
                format!("no stage is called `{}`", text.from),
                suggestion(&text.from, &names, "stage"),
            )
        })?;
        let snapshots = match &stages[from_stage].kind {
            StageKind::Dynamics { snapshots, .. } if !snapshots.is_empty() => snapshots,
            _ => {
                return Err(d.error(
                    &format!("{path}.from"),
                    format!("the stage `{}` takes no snapshots", text.from),
                    "add `snapshots = [temperatures]` to that ramp",
                ));
            }
        };
        let known: BTreeMap<u64, f64> = snapshots.iter().map(|&(t, s)| (s, t)).collect();
        let not_taken = |here: &str, t: f64| {
            d.error(
                here,
                format!("the stage `{}` takes no snapshot at {t}", text.from),
                format!(
                    "its snapshots are at {}",
                    known.values().rev().map(f64::to_string).collect::<Vec<_>>().join(", ")
                ),
            )
        };
        let taken = |t: f64| known.values().any(|&k| k == t);
        for (k, &t) in text.temperatures.iter().enumerate() {
            if !taken(t) {
                return Err(not_taken(&format!("{path}.temperatures[{k}]"), t));
            }
        }
        let chosen: Vec<f64> = if text.temperatures.is_empty() {
            snapshots.iter().map(|&(t, _)| t).collect()
        } else {
            text.temperatures.clone()
        };
        let mut durations = BTreeMap::new();
        for (k, o) in text.overrides.iter().enumerate() {
            let here = format!("{path}.override[{k}]");
            if !chosen.contains(&o.temperature) {
                return Err(not_taken(&format!("{here}.temperature"), o.temperature));
            }
            let steps = self.steps(&format!("{here}.duration"), o.duration)?;
            durations.insert(o.temperature.to_bits(), steps);
        }
        let usual = self.steps(&format!("{path}.duration"), text.duration)?;
        let ensemble = self.thermostat(path, text.thermostat, text.relaxation, None)?;
        let unit = if self.reader.units.system == UnitSystem::Metal { "K" } else { "" };
        Ok(chosen
            .into_iter()
            .map(|temperature| Branch {
                name: format!("{}-{temperature}{unit}", text.name),
                from_stage,
                temperature,
                stage: Stage {
                    name: format!("{}-{temperature}{unit}", text.name),
                    kind: StageKind::Dynamics {
                        ensemble,
                        from: temperature,
                        to: temperature,
                        steps: durations.get(&temperature.to_bits()).copied().unwrap_or(usual),
                        ramp: false,
                        snapshots: Vec::new(),
                        velocities: VelocityStart::Keep,
                    },
                },
            })
            .collect())
    }
}
