//! What simpler or richer features can do.

use serde::Serialize;

use super::data::Surroundings;
use super::score::Score;
use crate::analysis::motion::Estimate;
use crate::analysis::{NeighborList, PairRdf, PartialRdf};
use crate::config::suggestion;
use crate::descriptor::Group;
use crate::error::{Error, Result};
use crate::system::Structure;

/// A classifier on other features, tested like the model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Baseline {
    /// Its features: "coordination number", "SOAP".
    pub name: String,
    /// Number of features.
    pub features: usize,
    /// Scores on samples kept out of the training.
    pub score: Score,
    /// Scatter of the balanced accuracy between glasses that were kept out, where there are several.
    pub between_glasses: Option<Estimate>,
}

/// Number of atoms of some species within a radius of each labelled atom.
pub(super) fn coordination(
    set: &Surroundings,
    neighbors: &[String],
    cutoff: f64,
) -> Result<Vec<f64>> {
    let structure = &set.structure;
    let counts: Vec<bool> = structure
        .species
        .iter()
        .map(|s| neighbors.is_empty() || neighbors.contains(&s.name))
        .collect();
    let list = NeighborList::new(structure, |_, _| cutoff)?;
    let counted = |i: &usize| {
        let near = list.of(*i).iter();
        near.filter(|n| counts[usize::from(structure.kinds[n.atom as usize])]).count() as f64
    };
    Ok(set.atoms.iter().map(counted).collect())
}

/// The species that some groups ("O", "Si+O", "*") stand for; empty for all. Refuses those that the
/// structure does not have.
pub(super) fn species_of(groups: &[String], structure: &Structure) -> Result<Vec<String>> {
    let known: Vec<&str> = structure.species.iter().map(|s| s.name.as_str()).collect();
    let groups: Vec<Group> = groups.iter().map(|g| Group::parse(g)).collect();
    if groups.iter().any(|g| g.species().is_empty()) {
        return Ok(Vec::new());
    }
    let names: Vec<String> = groups.iter().flat_map(|g| g.species().to_vec()).collect();
    match names.iter().find(|n| !known.contains(&n.as_str())) {
        None => Ok(names),
        Some(unknown) => Err(Error::config(
            "analysis.neighbors",
            format!("the structures have no species `{unknown}`"),
            suggestion(unknown, &known, "species"),
        )),
    }
}

/// What lies around the labelled atoms.
pub(super) struct Around {
    partials: Vec<PairRdf>,
    /// Number of atoms of each species.
    numbers: Vec<(String, f64)>,
    /// Species of the labelled atoms.
    pub centres: Vec<String>,
}

impl Around {
    /// Counts pairs within `cutoff` in some structures of one composition.
    pub fn new(sets: &[Surroundings], cutoff: f64) -> Result<Option<Self>> {
        let Some(first) = sets.first() else { return Ok(None) };
        let structure = &first.structure;
        let cutoff = cutoff.min(structure.simulation_box.longest_cutoff());
        let mut rdf = PartialRdf::with_images(structure, cutoff, 0.02 * cutoff / 8.0)?;
        let mut labelled = vec![false; structure.species.len()];
        for set in sets {
            rdf.add(&set.structure)?;
            set.atoms.iter().for_each(|&i| labelled[usize::from(set.structure.kinds[i])] = true);
        }
        let number = |kind: usize| {
            structure.kinds.iter().filter(|&&k| usize::from(k) == kind).count() as f64
        };
        let named = structure.species.iter().map(|s| s.name.clone());
        Ok(Some(Self {
            partials: rdf.partials(),
            numbers: named.clone().enumerate().map(|(k, name)| (name, number(k))).collect(),
            centres: named.zip(labelled).filter(|(_, of)| *of).map(|(name, _)| name).collect(),
        }))
    }

    /// The radial distribution of all atoms of some species (empty: of every species) around the
    /// labelled species: g of the pairs, weighted by the numbers of both.
    pub fn of(&self, neighbors: &[String]) -> Option<PairRdf> {
        let mut sum: Option<PairRdf> = None;
        let mut total = 0.0;
        for centre in &self.centres {
            for (other, others) in &self.numbers {
                if !(neighbors.is_empty() || neighbors.contains(other)) {
                    continue;
                }
                let Some(pair) = self.partials.iter().find(|p| {
                    p.species == [centre.as_str(), other.as_str()]
                        || p.species == [other.as_str(), centre.as_str()]
                }) else {
                    continue;
                };
                let centres = self.numbers.iter().find(|n| n.0 == *centre).map_or(0.0, |n| n.1);
                let weight = centres * others;
                // Around the first species of a pair; around the other there are more or fewer.
                let turned = if pair.species[0] == *centre { 1.0 } else { others / centres };
                total += weight;
                let sum = sum.get_or_insert_with(|| PairRdf {
                    g: vec![0.0; pair.g.len()],
                    running: vec![0.0; pair.g.len()],
                    counts: vec![0; pair.g.len()],
                    ..pair.clone()
                });
                for k in 0..pair.g.len() {
                    sum.g[k] += weight * pair.g[k];
                    sum.running[k] += centres * turned * pair.running[k];
                    sum.counts[k] += pair.counts[k];
                }
            }
        }
        let centres: f64 =
            self.numbers.iter().filter(|n| self.centres.contains(&n.0)).map(|n| n.1).sum();
        let mut found = sum.filter(|_| total > 0.0)?;
        found.g.iter_mut().for_each(|g| *g /= total);
        found.running.iter_mut().for_each(|n| *n /= centres);
        Some(found)
    }

    /// Name of the centres in the names of features.
    pub fn label(&self) -> &str {
        if let [one] = self.centres.as_slice() { one } else { "*" }
    }
}

/// Mean SOAP similarity of each row to the rows that moved most: S(i) = ⟨q_i·q_j⟩ over the `part`
/// of the atoms j ≠ i with the largest values, q of unit length.
pub(super) fn similarity(features: &[f64], columns: usize, values: &[f64], part: f64) -> Vec<f64> {
    let unit: Vec<Vec<f64>> = features
        .chunks_exact(columns)
        .map(|row| {
            let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            row.iter().map(|x| x / norm.max(f64::MIN_POSITIVE)).collect()
        })
        .collect();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]).then(a.cmp(&b)));
    order.truncate(((part * values.len() as f64).round() as usize).max(2));
    let mut is_reference = vec![false; values.len()];
    let mut sum = vec![0.0; columns];
    for &j in &order {
        is_reference[j] = true;
        sum.iter_mut().zip(&unit[j]).for_each(|(s, x)| *s += x);
    }
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    unit.iter()
        .enumerate()
        .map(|(i, q)| {
            let itself = if is_reference[i] { dot(q, q) } else { 0.0 };
            let others = order.len() as f64 - if is_reference[i] { 1.0 } else { 0.0 };
            (dot(q, &sum) - itself) / others
        })
        .collect()
}

/// Pearson's correlation coefficient.
pub(super) fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len() as f64;
    let (ma, mb) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    let sums = a.iter().zip(b).fold([0.0; 3], |s, (a, b)| {
        [s[0] + (a - ma).powi(2), s[1] + (b - mb).powi(2), s[2] + (a - ma) * (b - mb)]
    });
    sums[2] / (sums[0] * sums[1]).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{RandomStream, SimulationBox, Species, Stream};

    #[test]
    fn all_neighbours_together_have_the_total_distribution() {
        let stream = RandomStream::new(4, Stream::Positions);
        let positions =
            (0..600).map(|i| [0, 1, 2].map(|k| 12.0 * stream.uniform(0, i, k))).collect();
        let species = ["Na", "Si", "O"].map(|n| Species { name: n.into(), mass: None }).to_vec();
        let cell = SimulationBox::cubic(12.0).expect("a box");
        let kinds: Vec<u16> = (0..600).map(|i| [0, 1, 2, 2, 2][i % 5]).collect();
        let structure = Structure::new(cell, species, kinds.clone(), positions).expect("sound");
        let with = |atoms: Vec<usize>| Surroundings {
            glass: 0,
            temperature: 1.0,
            structure: structure.clone(),
            features: Vec::new(),
            values: Vec::new(),
            mobile: Vec::new(),
            atoms,
        };
        let cutoff = 5.0;
        // Counted one by one around the sodium.
        let sodium: Vec<usize> = (0..600).filter(|&i| kinds[i] == 0).collect();
        let list = NeighborList::new(&structure, |_, _| cutoff).expect("neighbours");
        let counted = |kinds_wanted: &[u16]| {
            let near = sodium.iter().flat_map(|&i| list.of(i));
            near.filter(|n| kinds_wanted.contains(&kinds[n.atom as usize])).count() as f64
                / sodium.len() as f64
        };
        let around = Around::new(&[with(sodium.clone())], cutoff).expect("g").expect("a structure");
        let names = |of: &[&str]| of.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        for (neighbors, kinds) in
            [(names(&[]), &[0, 1, 2][..]), (names(&["Si", "O"]), &[1, 2]), (names(&["O"]), &[2])]
        {
            let g = around.of(&neighbors).expect("neighbours");
            let last = *g.running.last().expect("bins");
            assert!((last - counted(kinds)).abs() < 1e-9, "{neighbors:?}");
            let mean = g.g.iter().zip(&g.r).skip(50).map(|(g, r)| g * r * r).sum::<f64>()
                / g.r.iter().skip(50).map(|r| r * r).sum::<f64>();
            assert!((mean - 1.0).abs() < 0.05, "{neighbors:?}: {mean}");
        }
        assert_eq!(around.label(), "Na");
        let all = Around::new(&[with((0..600).collect())], cutoff).expect("g").expect("some");
        assert_eq!(all.label(), "*");
        let mut rdf = PartialRdf::new(&structure, cutoff, 0.02 * cutoff / 8.0).expect("bins");
        rdf.add(&structure).expect("counted");
        for (a, b) in all.of(&[]).expect("neighbours").g.iter().zip(&rdf.total().g) {
            assert!((a - b).abs() < 1e-9);
        }
        assert_eq!(species_of(&names(&["Si+O"]), &structure).expect("known"), ["Si", "O"]);
        assert!(species_of(&names(&["*"]), &structure).expect("all").is_empty());
        let error = species_of(&names(&["o"]), &structure).expect_err("unknown").to_string();
        assert!(
            error.contains("analysis.neighbors") && error.contains("no species `o`"),
            "{error}"
        );
    }

    #[test]
    fn atoms_like_the_movers_are_similar() {
        let features = [3.0, 0.0, 2.0, 0.0, 0.0, 1.0, 1.0, 1.0];
        let s = similarity(&features, 2, &[5.0, 4.0, 1.0, 0.0], 0.5);
        let root = 0.5_f64.sqrt();
        for (found, wanted) in s.iter().zip([1.0, 1.0, 0.0, root]) {
            assert!((found - wanted).abs() < 1e-12);
        }
        assert!((correlation(&[1.0, 2.0, 4.0], &[2.0, 4.0, 8.0]) - 1.0).abs() < 1e-12);
        assert!((correlation(&[1.0, 2.0, 3.0], &[1.0, -1.0, 1.0])).abs() < 1e-12);
    }
}
