//! Names for species that a file only numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Species, Structure};
use crate::error::{Error, Result};

/// True if a person may call a species of a file by this name: its own, or the number of a LAMMPS
/// type, which has no other name there ("1" for "type1").
pub fn is_named(species: &str, name: &str) -> bool {
    species == name || species.strip_prefix("type") == Some(name)
}

/// What the species of a file are: "1" is Si. Types of one name become one species.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SpeciesNames(BTreeMap<String, String>);

impl SpeciesNames {
    /// Adds what `1=Si` says.
    pub fn add(&mut self, text: &str) -> Result<()> {
        let parts = text.split_once('=').map(|(given, name)| (given.trim(), name.trim()));
        match parts.filter(|(given, name)| !given.is_empty() && !name.is_empty()) {
            Some((given, name)) => {
                self.0.insert(given.to_owned(), name.to_owned());
                Ok(())
            }
            None => Err(Error::config(
                "--types",
                format!("`{text}` names no species"),
                "write types of the file and their names: 1=Si,2=O",
            )),
        }
    }

    /// True if species keep their names.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names the species of a structure; an error if it lacks one that is named here.
    pub fn apply(&self, structure: &mut Structure) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let called = |given: &String| structure.species.iter().any(|s| is_named(&s.name, given));
        if let Some(given) = self.0.keys().find(|given| !called(given)) {
            let names: Vec<&str> = structure.species.iter().map(|s| s.name.as_str()).collect();
            return Err(Error::input(
                format!("{given} is given a name, but there is no {given}"),
                format!("species of the structure: {}", names.join(", ")),
            ));
        }
        let mut species: Vec<Species> = Vec::new();
        let mut numbers: Vec<u16> = Vec::new();
        for old in &structure.species {
            let found = self.0.iter().find(|(given, _)| is_named(&old.name, given));
            let name = found.map_or(&old.name, |(_, name)| name);
            match species.iter_mut().zip(0..).find(|(s, _)| s.name == *name) {
                Some((same, number)) => {
                    same.mass = same.mass.or(old.mass);
                    numbers.push(number);
                }
                None => {
                    numbers.push(species.len() as u16);
                    species.push(Species { name: name.clone(), mass: old.mass });
                }
            }
        }
        for kind in &mut structure.kinds {
            *kind = numbers[usize::from(*kind)];
        }
        structure.species = species;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SimulationBox;

    fn numbered() -> Structure {
        let cell = SimulationBox::cubic(5.0).expect("cube");
        let species = |name: &str, mass| Species { name: name.into(), mass };
        let all = vec![species("type1", None), species("O", None), species("type3", Some(16.0))];
        let positions = (0..4).map(|k| [f64::from(k); 3]).collect();
        Structure::new(cell, all, vec![0, 1, 2, 2], positions).expect("sound")
    }

    #[test]
    fn types_get_names_and_types_of_one_name_are_one_species() {
        let mut names = SpeciesNames::default();
        for text in ["1=Si", "type3 = O"] {
            names.add(text).expect("a name");
        }
        let mut atoms = numbered();
        names.apply(&mut atoms).expect("there");
        let found: Vec<(&str, Option<f64>)> =
            atoms.species.iter().map(|s| (s.name.as_str(), s.mass)).collect();
        assert_eq!(found, [("Si", None), ("O", Some(16.0))]);
        assert_eq!(atoms.kinds, [0, 1, 1, 1]);
    }

    #[test]
    fn mistakes_are_named() {
        for text in ["Si", "1=", "=Si"] {
            let error = SpeciesNames::default().add(text).expect_err("no name");
            assert!(error.to_string().contains("names no species"), "{error}");
        }
        let mut names = SpeciesNames::default();
        names.add("4=Na").expect("a name");
        let error = names.apply(&mut numbered()).expect_err("absent");
        assert_eq!(error.to_string(), "4 is given a name, but there is no 4");
        assert_eq!(error.remedy(), "species of the structure: type1, O, type3");
    }
}
