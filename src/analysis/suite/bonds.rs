//! What a bond is: which pairs of species, up to which length.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::analysis::PartialRdf;
use crate::error::{Error, Result};
use crate::system::Structure;

/// Anions of glasses: bonds join them to everything else.
const ANIONS: [&str; 6] = ["O", "F", "S", "Cl", "Se", "Te"];
/// Network formers of oxide glasses.
const FORMERS: [&str; 5] = ["Si", "Ge", "P", "B", "Al"];

/// Pairs of species that form bonds, with the longest bond of each.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct BondCutoffs {
    /// Species names.
    pub names: Vec<String>,
    /// Longest bond by species numbers, the smaller first.
    pub lengths: BTreeMap<(u16, u16), f64>,
    /// The species that joins formers, if there is one: oxygen.
    pub oxygen: Option<u16>,
    /// Network formers.
    pub formers: Vec<u16>,
}

impl BondCutoffs {
    /// Lengths as given; the others end at the first minimum of the pair's g(r) in this structure.
    /// With anions, bonds join them to everything else; otherwise any two species.
    pub fn find(structure: &Structure, given: &[([String; 2], f64)]) -> Result<Self> {
        let names: Vec<String> = structure.species.iter().map(|s| s.name.clone()).collect();
        for ([a, b], _) in given {
            if let Some(unknown) = [a, b].into_iter().find(|name| !names.contains(name)) {
                return Err(Error::input(
                    format!("a bond length is given for {a}-{b}, but there is no {unknown}"),
                    format!("species of the structure: {}", names.join(", ")),
                ));
            }
        }
        let length = |x: &String, y: &String| {
            given
                .iter()
                .find(|([a, b], _)| (a == x && b == y) || (a == y && b == x))
                .map(|(_, length)| *length)
        };
        let anion = |name: &String| ANIONS.contains(&name.as_str());
        let counts = structure.counts();
        let any_anion = names.iter().zip(&counts).any(|(n, &count)| count > 0 && anion(n));
        let kinds = names.len() as u16;
        // Smooth enough for the search, sharp enough for bonds.
        let mean_distance = (structure.simulation_box.volume() / structure.len() as f64).cbrt();
        let mut rdf =
            PartialRdf::with_images(structure, 3.0 * mean_distance, 0.01 * mean_distance)?;
        rdf.add(structure)?;
        let partials = rdf.partials();
        let mut lengths = BTreeMap::new();
        for a in 0..kinds {
            for b in a..kinds {
                let (first, second) = (&names[usize::from(a)], &names[usize::from(b)]);
                let given = length(first, second);
                if given.is_none() && any_anion && anion(first) == anion(second) {
                    continue;
                }
                let found = partials
                    .iter()
                    .find(|p| p.species[0] == *first && p.species[1] == *second)
                    .and_then(|p| p.first_minimum());
                if let Some(cutoff) = given.or(found) {
                    lengths.insert((a, b), cutoff);
                }
            }
        }
        let number = |name: &str| names.iter().position(|n| n == name).map(|k| k as u16);
        let present = |kind: &u16| counts[usize::from(*kind)] > 0;
        let formers = FORMERS.iter().filter_map(|name| number(name)).filter(present).collect();
        Ok(Self { lengths, oxygen: number("O").filter(present), formers, names })
    }

    /// Longest bond of a pair; 0 where they form none.
    pub fn of(&self, a: u16, b: u16) -> f64 {
        self.lengths.get(&(a.min(b), a.max(b))).copied().unwrap_or(0.0)
    }

    /// True if the pair forms bonds.
    pub fn joins(&self, a: u16, b: u16) -> bool {
        self.lengths.contains_key(&(a.min(b), a.max(b)))
    }

    /// True for oxygen and its like: the ligands of sites, not their centres.
    pub fn is_anion(&self, kind: u16) -> bool {
        ANIONS.contains(&self.name(kind))
    }

    /// Name of a species.
    pub fn name(&self, kind: u16) -> &str {
        &self.names[usize::from(kind)]
    }

    /// Oxygen and formers, where both are there: an oxide network.
    pub fn network(&self) -> Option<(u16, &[u16])> {
        self.oxygen.filter(|_| !self.formers.is_empty()).map(|o| (o, self.formers.as_slice()))
    }
}
