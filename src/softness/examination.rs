//! What a softness says of a glass: how often atoms move by softness and temperature, how well it
//! foretells at other temperatures and times, how it is spread in space, and what simpler or richer
//! features would have said.

use super::activation::Activation;
use super::bands::{Bands, Response, SUMS};
use super::baselines::{Around, coordination, correlation, similarity, species_of};
use super::correlation::softness_correlation;
use super::data::{Collected, Source, Surroundings};
use super::plan::{Plan, fixed_label, temperatures};
use super::score::{HeldOut, balanced_between, baseline, between_groups, fewer, mean};
use super::study::{ResponseAt, Similarity, Study, Transfer};
use crate::analysis::voronoi_cells;
use crate::backend::Backend;
use crate::descriptor::DescriptorPlan;
use crate::error::{Error, Result};
use crate::labels::LabelDefinition;
use crate::learning::Samples;
use crate::system::Units;

/// Collects labelled surroundings.
pub(super) type Gather<'a> =
    dyn Fn(&[&Source], &LabelDefinition, &mut dyn FnMut(&str)) -> Result<Collected> + 'a;

impl Study {
    /// P_R(S), ⟨D⟩(S), E_a(S), and softness at other temperatures.
    pub(super) fn answer_to_softness(
        &mut self,
        plan: &Plan,
        trained: &Collected,
        held_out: &HeldOut,
        gather: &Gather<'_>,
        told: &mut dyn FnMut(&str),
    ) -> Result<()> {
        let temperatures = temperatures(plan);
        let convention = plan.learning.convention();
        let width = trained.columns.len();
        let soft = |set: &Surroundings| held_out.softness(set, width, convention);
        let softness: Vec<f64> = trained.sets.iter().flat_map(soft).collect();
        let bins = Bands::even(&softness, plan.analysis.bins);
        let bands = Bands::quantiles(&softness, plan.analysis.bands);
        let per_band = SUMS * bands.count();
        let glasses = self.glasses.len() + self.other_glasses.len();
        let mut by_band = vec![vec![0.0; per_band * temperatures.len()]; glasses];
        let fixed = fixed_label(&plan.label, self.threshold);
        for (t, &temperature) in temperatures.iter().enumerate() {
            let other;
            let collected = if temperature == plan.temperature {
                trained
            } else {
                let sources: Vec<&Source> =
                    plan.sources.iter().filter(|s| s.temperature == temperature).collect();
                other = gather(&sources, &fixed, told)?;
                &other
            };
            if collected.columns != trained.columns {
                return Err(Error::input(
                    format!("the trajectories at {temperature} have other species"),
                    "give trajectories of the same system",
                ));
            }
            let mut by_bin = vec![vec![0.0; SUMS * bins.count()]; glasses];
            for set in &collected.sets {
                let glass = set.glass as usize;
                let s = soft(set);
                bins.add(&mut by_bin[glass], &s, &set.mobile, &set.values);
                let part = &mut by_band[glass][per_band * t..per_band * (t + 1)];
                bands.add(part, &s, &set.mobile, &set.values);
            }
            let response = Response::new(&by_bin, bins.count(), plan.analysis.saturation);
            self.responses.push(ResponseAt { temperature, response });
            self.temperatures.push(transfer(temperature, collected, held_out, plan)?);
        }
        if temperatures.len() >= 3 {
            let boltzmann = Units::of(plan.units).boltzmann;
            let found = Activation::new(
                &by_band,
                &temperatures,
                bands.count(),
                plan.analysis.saturation,
                boltzmann,
            );
            if found.energy_line.is_none() {
                self.notes.push(format!(
                    "No activation energy: fewer than three bands of softness have three \
                     temperatures with enough mobile atoms and less than {:.0} % of them.",
                    100.0 * plan.analysis.saturation
                ));
            }
            self.activation = Some(found);
        }
        Ok(())
    }

    pub(super) fn after_other_times(
        &mut self,
        plan: &Plan,
        trained: &Collected,
        held_out: &HeldOut,
        gather: &Gather<'_>,
        told: &mut dyn FnMut(&str),
    ) -> Result<()> {
        let sources: Vec<&Source> =
            plan.sources.iter().filter(|s| s.temperature == plan.temperature).collect();
        for &time in &plan.analysis.times {
            let mut label = fixed_label(&plan.label, self.threshold);
            // In the unit of the label: files without times have none.
            match label.time {
                Some(_) => label.time = Some(time),
                None => label.frames = Some(time as u64),
            }
            match gather(&sources, &label, told) {
                Ok(collected) if collected.columns == trained.columns => {
                    self.times.push(transfer(time, &collected, held_out, plan)?);
                }
                Ok(_) => {}
                // A trajectory that ends before is no reason to lose the rest.
                Err(error) => {
                    let after = format!("{time} {}", self.time_unit);
                    self.notes.push(format!("Not after {}: {error}.", after.trim_end()));
                }
            }
        }
        Ok(())
    }

    pub(super) fn in_space(
        &mut self,
        plan: &Plan,
        trained: &Collected,
        held_out: &HeldOut,
    ) -> Result<()> {
        let convention = plan.learning.convention();
        let softness: Vec<Vec<f64>> = trained
            .sets
            .iter()
            .map(|set| held_out.softness(set, trained.columns.len(), convention))
            .collect();
        let of: Vec<_> = trained
            .sets
            .iter()
            .zip(&softness)
            .map(|(set, s)| (set.glass, &set.structure, set.atoms.as_slice(), s.as_slice()))
            .collect();
        let longest = trained
            .sets
            .iter()
            .map(|s| s.structure.simulation_box.longest_cutoff())
            .fold(f64::INFINITY, f64::min);
        let cutoff = plan.analysis.correlation_cutoff.min(longest);
        self.correlation = Some(softness_correlation(&of, cutoff, cutoff / 30.0)?);
        Ok(())
    }

    /// The volume of the Voronoi cell as the only feature, where cells are asked for and can be found.
    fn voronoi(&mut self, plan: &Plan, trained: &Collected, glasses: usize) {
        if !plan.analysis.voronoi {
            return;
        }
        let volumes = || -> Result<Samples> {
            let mut samples = Samples::new(vec!["Voronoi volume".into()]);
            for set in &trained.sets {
                let cells = voronoi_cells(&set.structure)?;
                let of: Vec<f64> = set.atoms.iter().map(|&i| cells[i].volume).collect();
                samples.extend_atoms(&of, &set.mobile, set.glass, &set.atoms)?;
            }
            Ok(samples)
        };
        match volumes().and_then(|s| baseline("Voronoi volume", &s, &plan.learning, glasses)) {
            Ok(b) => self.baselines.push(b),
            Err(e) => self.notes.push(format!("No Voronoi volume: {e}.")),
        }
    }

    pub(super) fn other_features(
        &mut self,
        plan: &Plan,
        trained: &Collected,
        samples: &Samples,
        backend: &dyn Backend,
        told: &mut dyn FnMut(&str),
    ) -> Result<()> {
        let glasses = self.glasses.len();
        let terms = plan.descriptors.terms();
        let groups: Vec<_> = terms.iter().flat_map(|t| t.descriptor.groups()).collect();
        let neighbors = match trained.sets.first() {
            Some(set) if !plan.analysis.neighbors.is_empty() => {
                species_of(&plan.analysis.neighbors, &set.structure)?
            }
            _ => groups.first().map(|g| g.species().to_vec()).unwrap_or_default(),
        };
        let reach = terms.iter().map(|t| t.descriptor.cutoff()).fold(0.0, f64::max);
        let around = Around::new(&trained.sets, reach)?;
        let mut first_minimum = None;
        if let Some(around) = &around {
            first_minimum = around.of(&neighbors).and_then(|g| g.first_minimum());
            for group in groups {
                let pair = format!("{}-{}", around.label(), group.label());
                let known = self.rdf.iter().any(|(name, _)| *name == pair);
                if let Some(g) = around.of(group.species()).filter(|_| !known) {
                    self.rdf.push((pair, g.r.into_iter().zip(g.g).collect()));
                }
            }
        }
        match plan.analysis.neighbor_cutoff.or(first_minimum) {
            Some(cutoff) => {
                let mut counted = Samples::new(vec!["coordination number".into()]);
                for set in &trained.sets {
                    let n = coordination(set, &neighbors, cutoff)?;
                    counted.extend_atoms(&n, &set.mobile, set.glass, &set.atoms)?;
                }
                let name = format!("coordination number (within {cutoff:.2})");
                match baseline(&name, &counted, &plan.learning, glasses) {
                    Ok(b) => self.baselines.push(b),
                    Err(e) => self.notes.push(format!("No coordination number: {e}.")),
                }
            }
            None => self.notes.push(
                "No coordination number: g(r) has no first minimum; set analysis.neighbor_cutoff."
                    .into(),
            ),
        }
        self.voronoi(plan, trained, glasses);
        self.fewer_features = fewer(samples, &plan.learning, glasses)?;
        if let Some(soap) = &plan.soap
            && let Err(error) = self.comparison(plan, soap, trained, backend, told)
        {
            self.notes.push(format!("No comparison features: {error}."));
        }
        Ok(())
    }

    /// A classifier on richer features, and the similarity that they show.
    fn comparison(
        &mut self,
        plan: &Plan,
        soap: &DescriptorPlan,
        trained: &Collected,
        backend: &dyn Backend,
        told: &mut dyn FnMut(&str),
    ) -> Result<()> {
        let glasses = self.glasses.len();
        told("comparison features");
        let mut rich = Samples::default();
        let mut found = vec![Vec::<(f64, f64)>::new(); glasses];
        let mut start = 0;
        for set in &trained.sets {
            let atoms = crate::descriptor::Centres::Atoms(set.atoms.clone());
            let with = soap.with_centres(atoms)?;
            if rich.columns.is_empty() {
                rich.columns = soap.bind(&set.structure)?.columns;
            }
            let features = crate::descriptor::compute_exact(backend, &set.structure, &with)?;
            let like =
                similarity(&features, rich.columns.len(), &set.values, plan.analysis.similar_to);
            let softness = &self.softness[start..start + set.atoms.len()];
            start += set.atoms.len();
            found[set.glass as usize]
                .push((correlation(&like, &set.values), correlation(&like, softness)));
            rich.extend_atoms(&features, &set.mobile, set.glass, &set.atoms)?;
        }
        self.similarity = between_glasses(&found);
        told("training on the comparison features");
        self.baselines.push(baseline("SOAP", &rich, &plan.learning, glasses)?);
        Ok(())
    }
}

/// Mean over the glasses of the mean over the structures of each: correlation coefficients with the
/// value of the label and with softness.
fn between_glasses(found: &[Vec<(f64, f64)>]) -> Option<Similarity> {
    let pick = |f: fn(&(f64, f64)) -> f64| {
        let each = |glass: &Vec<(f64, f64)>| {
            mean(&glass.iter().map(f).collect::<Vec<_>>()).map_or(f64::NAN, |m| m.value)
        };
        mean(&found.iter().map(each).collect::<Vec<_>>())
    };
    Some(Similarity { with_value: pick(|p| p.0)?, with_softness: pick(|p| p.1)? })
}

fn transfer(at: f64, collected: &Collected, held_out: &HeldOut, plan: &Plan) -> Result<Transfer> {
    // Where nearly everything moves, or nothing, some glass may lack a class.
    let anew = between_groups(&collected.own_groups()?, &plan.learning).ok();
    Ok(Transfer {
        at,
        mobile_fraction: collected.fraction(),
        applied: held_out.unseen(collected)?.and_then(|c| balanced_between(&c)),
        retrained: anew.and_then(|c| balanced_between(&c)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_of_a_glass_are_not_independent() {
        let found = [vec![(0.1, 0.4), (0.3, 0.4)], vec![(0.4, 0.6)]];
        let similarity = between_glasses(&found).expect("two glasses");
        let with = similarity.with_value;
        assert!((with.value - 0.3).abs() < 1e-12 && (with.error.expect("two") - 0.1).abs() < 1e-12);
        let one = between_glasses(&found[..1]).expect("one glass");
        assert_eq!(one.with_softness.error, None);
    }
}
