//! The members of a run: seeds, rates, temperatures, compositions.

use super::plan::{EnsembleSettings, Member};
use super::run::StageReader;
use crate::error::Result;
use crate::system::{Composition, UnitSystem};

/// Replicas of one session; as many records fit a GPU's uniform buffer.
const MOST_REPLICAS: u64 = 256;

/// A composition as part of a directory's name: "(Na2O)30(SiO2)70" → "Na2O-30-SiO2-70".
fn folder_name(composition: &str) -> String {
    let parts: Vec<&str> = composition
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '.'))
        .filter(|part| !part.is_empty())
        .collect();
    parts.join("-")
}

impl StageReader<'_> {
    pub(super) fn ensemble(&self) -> Result<EnsembleSettings> {
        let e = &self.raw.ensemble;
        for (index, &rate) in e.rates.iter().enumerate() {
            self.document().positive(&format!("ensemble.rates[{index}]"), rate)?;
        }
        let repeated = |seen: bool, path: String, value: String| {
            if seen {
                return Err(self.document().error(
                    &path,
                    format!("{value} is listed twice"),
                    "list every seed, rate, temperature and composition once",
                ));
            }
            Ok(())
        };
        for (k, s) in e.seeds.iter().enumerate() {
            repeated(e.seeds[..k].contains(s), format!("ensemble.seeds[{k}]"), s.to_string())?;
        }
        for (k, r) in e.rates.iter().enumerate() {
            repeated(e.rates[..k].contains(r), format!("ensemble.rates[{k}]"), r.to_string())?;
        }
        for (k, &t) in e.temperatures.iter().enumerate() {
            let path = format!("ensemble.temperatures[{k}]");
            self.document().positive(&path, t)?;
            repeated(e.temperatures[..k].contains(&t), path, t.to_string())?;
        }
        self.compositions()?;
        for (k, c) in e.compositions.iter().enumerate() {
            let path = format!("ensemble.compositions[{k}]");
            let folder = |text: &String| folder_name(text);
            repeated(
                e.compositions[..k].iter().map(folder).any(|f| f == folder(c)),
                path,
                c.clone(),
            )?;
        }
        let has_rate = self.raw.stage.iter().any(|s| s.rate.is_some());
        if !e.rates.is_empty() && !has_rate {
            return Err(self.document().error(
                "ensemble.rates",
                "no ramp has a `rate` for [ensemble] rates to replace",
                "give a ramp stage `rate` instead of `duration`",
            ));
        }
        let replicas = e.replicas.unwrap_or(1);
        if !(1..=MOST_REPLICAS).contains(&replicas) {
            return Err(self.document().error(
                "ensemble.replicas",
                format!("cannot run {replicas} replicas together"),
                format!("give between 1 and {MOST_REPLICAS}"),
            ));
        }
        // Each seed makes a member of every rate, temperature and composition.
        let each = [e.rates.len(), e.temperatures.len(), e.compositions.len()];
        let each: u64 = each.into_iter().map(|n| n.max(1) as u64).product();
        let seeds = replicas.div_ceil(each);
        let seeds = match (e.seeds.is_empty(), self.raw.seed.checked_add(seeds - 1)) {
            (false, _) => e.seeds.clone(),
            (true, Some(last)) => (self.raw.seed..=last).collect(),
            (true, None) => {
                return Err(self.document().error(
                    "ensemble.replicas",
                    format!("there are no {replicas} seeds from {} on", self.raw.seed),
                    "give a smaller `seed`, or list `seeds`",
                ));
            }
        };
        Ok(EnsembleSettings {
            seeds,
            rates: e.rates.clone(),
            temperatures: e.temperatures.clone(),
            compositions: e.compositions.clone(),
            replicas: replicas as usize,
        })
    }

    /// Checks that the members' compositions can be read and have the same species.
    fn compositions(&self) -> Result<()> {
        let mut first: Option<(&str, Vec<String>)> = None;
        for (k, text) in self.raw.ensemble.compositions.iter().enumerate() {
            let path = format!("ensemble.compositions[{k}]");
            let composition = Composition::parse(text)
                .map_err(|e| self.document().error(&path, e.to_string(), e.remedy()))?;
            let mut species: Vec<String> =
                composition.amounts().iter().map(|(name, _)| name.clone()).collect();
            species.sort_unstable();
            match &first {
                None => first = Some((text, species)),
                Some((_, known)) if *known == species => {}
                Some((other, _)) => {
                    return Err(self.document().error(
                        &path,
                        format!("{text} and {other} have not the same species"),
                        "members of one run share their species: make a run of each",
                    ));
                }
            }
        }
        Ok(())
    }

    pub(super) fn members(&self, ensemble: &EnsembleSettings) -> Result<Vec<Member>> {
        fn each<T: Clone>(values: &[T]) -> Vec<Option<T>> {
            match values.is_empty() {
                true => vec![None],
                false => values.iter().cloned().map(Some).collect(),
            }
        }
        let unit = if self.reader.units.system == UnitSystem::Metal { "K" } else { "" };
        let mut members = Vec::new();
        for rate in each(&ensemble.rates) {
            for composition in each(&ensemble.compositions) {
                for temperature in each(&ensemble.temperatures) {
                    let stages = self.stages(rate, temperature)?;
                    let branches = self.branches(&stages)?;
                    let mut parts: Vec<String> = Vec::new();
                    parts.extend(rate.map(|rate| format!("rate-{rate}")));
                    parts.extend(composition.as_deref().map(folder_name));
                    parts.extend(temperature.map(|t| format!("temperature-{t}{unit}")));
                    for &seed in &ensemble.seeds {
                        members.push(Member {
                            seed,
                            rate,
                            temperature,
                            composition: composition.clone(),
                            directory: [&parts[..], &[format!("seed-{seed}")]].concat().join("-"),
                            stages: stages.clone(),
                            branches: branches.clone(),
                        });
                    }
                }
            }
        }
        if let [only] = &mut members[..] {
            only.directory.clear();
        }
        Ok(members)
    }
}
