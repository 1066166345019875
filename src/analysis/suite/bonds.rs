//! What a bond is: which pairs of species, up to which length.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::NetworkOptions;
use crate::analysis::PartialRdf;
use crate::error::{Error, Result};
use crate::system::{Structure, is_named};

/// Anions of glasses: bonds join them to everything else.
const ANIONS: [&str; 9] = ["O", "F", "N", "Cl", "Br", "I", "S", "Se", "Te"];
/// Beside these, chalcogens are cations: tellurium in tellurite glasses.
const STRONGEST: [&str; 2] = ["O", "F"];
const CHALCOGENS: [&str; 3] = ["S", "Se", "Te"];
/// Where these are, they alone join formers: halogens end the network.
const JOINING: [&str; 2] = ["O", "N"];
/// Network formers (Zachariasen, J. Am. Chem. Soc. 54, 3841 (1932), doi:10.1021/ja01349a006, names
/// B, Si, Ge, P, As, Sb), with Al, and Be and Te, which form fluoride and tellurite glasses.
const FORMERS: [&str; 9] = ["Si", "Ge", "P", "B", "Al", "As", "Sb", "Be", "Te"];

/// Pairs of species that form bonds, with the longest bond of each.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct BondCutoffs {
    /// Species names.
    pub names: Vec<String>,
    /// Longest bond by species numbers, the smaller first.
    pub lengths: BTreeMap<(u16, u16), f64>,
    /// Pairs that would form bonds, had their g(r) a clear first minimum.
    pub unclear: Vec<(u16, u16)>,
    /// Ligands of sites, which bonds join to everything else; without any, bonds join all species.
    pub anions: Vec<u16>,
    /// Anions that join formers: oxygen in oxide glasses.
    pub bridges: Vec<u16>,
    /// Network formers.
    pub formers: Vec<u16>,
    /// Formers are to be joined directly, by their own bonds.
    pub direct: bool,
}

impl BondCutoffs {
    /// Lengths as given; the others end at the first minimum of the pair's g(r) in this structure.
    /// With anions, bonds join them to everything else; otherwise any two species.
    pub fn find(
        structure: &Structure,
        given: &[([String; 2], f64)],
        network: &NetworkOptions,
    ) -> Result<Self> {
        let roles = Self::roles(structure, given, network)?;
        let names: Vec<String> = structure.species.iter().map(|s| s.name.clone()).collect();
        let counts = structure.counts();
        let length = |x: &String, y: &String| {
            given
                .iter()
                .find(|([a, b], _)| {
                    (is_named(x, a) && is_named(y, b)) || (is_named(x, b) && is_named(y, a))
                })
                .map(|(_, length)| *length)
        };
        let anion = |kind: u16| roles.anions.contains(&kind);
        let kinds = names.len() as u16;
        // Smooth enough for the search, sharp enough for bonds.
        let mean_distance = (structure.simulation_box.volume() / structure.len() as f64).cbrt();
        let mut rdf =
            PartialRdf::with_images(structure, 3.0 * mean_distance, 0.01 * mean_distance)?;
        rdf.add(structure)?;
        let partials = rdf.partials();
        let (mut lengths, mut unclear) = (BTreeMap::new(), Vec::new());
        for a in 0..kinds {
            for b in a..kinds {
                let (first, second) = (&names[usize::from(a)], &names[usize::from(b)]);
                let given = length(first, second);
                if given.is_none() && !roles.anions.is_empty() && anion(a) == anion(b) {
                    continue;
                }
                let found = partials
                    .iter()
                    .find(|p| p.species[0] == *first && p.species[1] == *second)
                    .and_then(|p| p.first_minimum());
                match given.or(found) {
                    Some(cutoff) => {
                        lengths.insert((a, b), cutoff);
                    }
                    None if counts[usize::from(a)] > 0 && counts[usize::from(b)] > 0 => {
                        unclear.push((a, b));
                    }
                    None => {}
                }
            }
        }
        let Roles { anions, bridges, formers } = roles;
        let direct = network.bridges.as_ref().is_some_and(Vec::is_empty);
        Ok(Self { names, lengths, unclear, anions, bridges, formers, direct })
    }

    /// What the species are; those that bond lengths and the network name must be there.
    pub(super) fn roles(
        structure: &Structure,
        given: &[([String; 2], f64)],
        network: &NetworkOptions,
    ) -> Result<Roles> {
        let names: Vec<String> = structure.species.iter().map(|s| s.name.clone()).collect();
        for ([a, b], _) in given {
            let there = |name: &String| names.iter().any(|n| is_named(n, name));
            if let Some(unknown) = [a, b].into_iter().find(|name| !there(name)) {
                return Err(Error::input(
                    format!("a bond length is given for {a}-{b}, but there is no {unknown}"),
                    format!("species of the structure: {}", names.join(", ")),
                ));
            }
        }
        Roles::find(&names, &structure.counts(), network)
    }

    /// What a reader should know of the bonds that were not found.
    pub(super) fn remark(&self) -> Option<String> {
        let pair = |&(a, b): &(u16, u16)| format!("{}-{}", self.name(a), self.name(b));
        let pairs: Vec<String> = self.unclear.iter().map(pair).collect();
        (!pairs.is_empty()).then(|| {
            format!(
                "no bonds of {}: g(r) of the first frame has no clear first minimum; `[bonds]` in a \
                 configuration gives their length",
                pairs.join(", ")
            )
        })
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
        self.anions.contains(&kind)
    }

    /// Name of a species.
    pub fn name(&self, kind: u16) -> &str {
        &self.names[usize::from(kind)]
    }

    /// Bridges and formers, where both are there: a network of formers joined by oxygens or their
    /// like.
    pub fn network(&self) -> Option<(&[u16], &[u16])> {
        let whole = !self.bridges.is_empty() && !self.formers.is_empty();
        whole.then_some((self.bridges.as_slice(), self.formers.as_slice()))
    }

    /// True if some former has bonds with some bridge.
    pub(super) fn bridged(&self) -> bool {
        self.formers.iter().any(|&f| self.bridges.iter().any(|&b| self.joins(f, b)))
    }

    /// One and several of the bridges in words: "oxygen" and "oxygens".
    pub fn bridge_words(&self) -> (String, String) {
        match self.bridges.as_slice() {
            [one] if self.name(*one) == "O" => ("oxygen".into(), "oxygens".into()),
            [one] => (self.name(*one).into(), format!("{} atoms", self.name(*one))),
            _ => ("anion".into(), "anions".into()),
        }
    }
}

/// What the species of a structure are.
pub(super) struct Roles {
    anions: Vec<u16>,
    bridges: Vec<u16>,
    formers: Vec<u16>,
}

impl Roles {
    fn find(names: &[String], counts: &[usize], network: &NetworkOptions) -> Result<Self> {
        let number = |name: &str| {
            let found = (0..names.len()).find(|&k| counts[k] > 0 && is_named(&names[k], name));
            found.map(|k| k as u16)
        };
        let known =
            |names: &[&str]| -> Vec<u16> { names.iter().filter_map(|n| number(n)).collect() };
        let given = |what: &str, list: &Option<Vec<String>>| -> Result<Option<Vec<u16>>> {
            let Some(list) = list else { return Ok(None) };
            let of = |name: &String| {
                number(name).ok_or_else(|| {
                    Error::input(
                        format!("{name} is given as a {what}, but there is no {name}"),
                        format!("species of the structure: {}", names.join(", ")),
                    )
                })
            };
            list.iter().map(of).collect::<Result<_>>().map(Some)
        };
        let bridges = given("bridge", &network.bridges)?;
        let formers = given("former", &network.formers)?;
        let is_former = |kind: &u16| formers.as_ref().is_some_and(|f| f.contains(kind));
        let mut anions = known(&ANIONS);
        if !known(&STRONGEST).is_empty() {
            let cations = known(&CHALCOGENS);
            anions.retain(|kind| !cations.contains(kind));
        }
        anions.retain(|kind| !is_former(kind));
        let bridges = match bridges {
            Some(bridges) if bridges.is_empty() => {
                anions.clear();
                bridges
            }
            Some(bridges) => {
                anions.extend(&bridges);
                anions.sort_unstable();
                anions.dedup();
                bridges
            }
            None => {
                let mut joining = known(&JOINING);
                joining.retain(|kind| anions.contains(kind));
                if joining.is_empty() { anions.clone() } else { joining }
            }
        };
        let mut formers = formers.unwrap_or_else(|| known(&FORMERS));
        formers.retain(|kind| !anions.contains(kind));
        Ok(Self { anions, bridges, formers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Anions, bridges and formers by name.
    fn roles(species: &[&str], formers: Option<&[&str]>, bridges: Option<&[&str]>) -> [String; 3] {
        let names: Vec<String> = species.iter().map(|&n| n.to_owned()).collect();
        let list = |l: Option<&[&str]>| l.map(|l| l.iter().map(|&n| n.to_owned()).collect());
        let network = NetworkOptions { formers: list(formers), bridges: list(bridges) };
        let found = Roles::find(&names, &vec![1; names.len()], &network).expect("known species");
        [found.anions, found.bridges, found.formers]
            .map(|l| l.iter().map(|&k| species[usize::from(k)]).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn species_find_their_roles() {
        for (species, wanted) in [
            (&["Na", "Si", "O"][..], ["O", "O", "Si"]),
            (&["Ge", "Se"], ["Se", "Se", "Ge"]),
            (&["As", "S", "Se"], ["S Se", "S Se", "As"]),
            (&["Be", "F"], ["F", "F", "Be"]),
            // Tellurium is a cation in an oxide, an anion of germanium.
            (&["Te", "O"], ["O", "O", "Te"]),
            (&["Ge", "Te"], ["Te", "Te", "Ge"]),
            (&["Na", "S", "O"], ["O", "O", ""]),
            // Fluorine ends the network of an oxyfluoride glass.
            (&["Al", "P", "O", "F"], ["O F", "O", "P Al"]),
            (&["Si", "N"], ["N", "N", "Si"]),
            (&["Si", "O", "N"], ["O N", "O N", "Si"]),
            (&["Ag", "I", "P", "O"], ["O I", "O", "P"]),
            (&["Si"], ["", "", "Si"]),
            (&["1", "2"], ["", "", ""]),
        ] {
            assert_eq!(roles(species, None, None), wanted, "{species:?}");
        }
        assert_eq!(roles(&["1", "2"], Some(&["1"]), Some(&["2"])), ["2", "2", "1"]);
        assert_eq!(
            roles(&["type1", "type2"], Some(&["1"]), Some(&["2"])),
            ["type2", "type2", "type1"]
        );
        // In nitrates nitrogen is a cation.
        assert_eq!(roles(&["K", "N", "O"], Some(&["N"]), None), ["O", "O", "N"]);
        assert_eq!(roles(&["Zn", "Si", "O"], Some(&["Zn", "Si"]), None), ["O", "O", "Zn Si"]);
        assert_eq!(roles(&["Al", "O", "F"], None, Some(&["O", "F"])), ["O F", "O F", "Al"]);
        assert_eq!(roles(&["Ge", "Se"], Some(&["Ge", "Se"]), Some(&[])), ["", "", "Ge Se"]);
    }
}
