//! Which members of several runs are of one material, so that means and fits never mix two.

use serde::Serialize;

use super::transitions::Transition;
use crate::system::Structure;

/// Parts of species closer than this are the same: sizes round them differently.
const SAME_PART: f64 = 2e-3;
/// Number densities closer than this, relatively, are the same.
const SAME_DENSITY: f64 = 1e-3;

/// What a member consists of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Material {
    /// Name of the force field.
    pub force_field: String,
    /// Species with their parts of the atoms, by name.
    pub composition: Vec<(String, f64)>,
    /// Atoms per volume.
    pub number_density: f64,
}

impl Material {
    /// The material of a structure under a force field.
    pub fn of(structure: &Structure, force_field: &str) -> Self {
        let atoms = structure.len().max(1) as f64;
        let mut composition: Vec<(String, f64)> = structure
            .species
            .iter()
            .zip(structure.counts())
            .filter(|(_, count)| *count > 0)
            .map(|(species, count)| (species.name.clone(), count as f64 / atoms))
            .collect();
        composition.sort_by(|a, b| a.0.cmp(&b.0));
        Self {
            force_field: force_field.to_owned(),
            composition,
            number_density: structure.len() as f64 / structure.simulation_box.volume(),
        }
    }

    fn same_composition(&self, other: &Self) -> bool {
        self.composition.len() == other.composition.len()
            && self
                .composition
                .iter()
                .zip(&other.composition)
                .all(|(a, b)| a.0 == b.0 && (a.1 - b.1).abs() < SAME_PART)
    }

    fn same_density(&self, other: &Self) -> bool {
        (self.number_density - other.number_density).abs() < SAME_DENSITY * self.number_density
    }

    fn same(&self, other: &Self) -> bool {
        self.force_field == other.force_field
            && self.same_composition(other)
            && self.same_density(other)
    }

    fn parts(&self) -> String {
        let part = |(name, part): &(String, f64)| format!("{name} {:.1} %", 100.0 * part);
        self.composition.iter().map(part).collect::<Vec<_>>().join(" ")
    }
}

/// Members of one material, and of one number of atoms if `by_size`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    /// What sets it apart from the others; empty if it is the only one.
    pub label: String,
    /// Indices of its members.
    pub members: Vec<usize>,
}

/// Every member in its group, in the order of their first members.
pub(super) fn groups(members: &[Transition], by_size: bool) -> Vec<Group> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, member) in members.iter().enumerate() {
        let same = |group: &&mut Vec<usize>| {
            let first = &members[group[0]];
            first.material.same(&member.material) && (!by_size || first.atoms == member.atoms)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    let firsts: Vec<&Transition> = groups.iter().map(|g| &members[g[0]]).collect();
    let differ = |same: &dyn Fn(&Transition, &Transition) -> bool| {
        firsts.iter().skip(1).any(|other| !same(firsts[0], other))
    };
    let force_fields = differ(&|a, b| a.material.force_field == b.material.force_field);
    let compositions = differ(&|a, b| a.material.same_composition(&b.material));
    let densities = differ(&|a, b| a.material.same_density(&b.material));
    let sizes = by_size && differ(&|a, b| a.atoms == b.atoms);
    groups
        .iter()
        .zip(&firsts)
        .map(|(group, first)| {
            let material = &first.material;
            let label = [
                compositions.then(|| material.parts()),
                densities.then(|| format!("density {:.4}", material.number_density)),
                force_fields.then(|| material.force_field.clone()),
                sizes.then(|| format!("{} atoms", first.atoms)),
            ];
            let label = label.into_iter().flatten().collect::<Vec<_>>().join(", ");
            Group { label, members: group.clone() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(
        force_field: &str,
        composition: &[(&str, f64)],
        density: f64,
        atoms: usize,
    ) -> Transition {
        Transition {
            name: String::new(),
            atoms,
            seed: 1,
            rate: None,
            energy_break: None,
            inherent_structure_energy: None,
            structure_factor: Vec::new(),
            material: Material {
                force_field: force_field.into(),
                composition: composition.iter().map(|(n, p)| ((*n).into(), *p)).collect(),
                number_density: density,
            },
        }
    }

    #[test]
    fn materials_are_kept_apart_and_rounding_is_not_a_material() {
        let rich = [("Na", 0.2), ("O", 0.5667), ("Si", 0.2333)];
        let rounded = [("Na", 0.2005), ("O", 0.5662), ("Si", 0.2333)];
        let poor = [("Na", 0.0645), ("O", 0.6344), ("Si", 0.3011)];
        let same = [member("teter", &rich, 0.0735, 3000), member("teter", &rounded, 0.07349, 598)];
        let found = groups(&same, false);
        assert_eq!(found, [Group { label: String::new(), members: vec![0, 1] }]);
        let found = groups(&same, true);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].label.as_str(), found[1].label.as_str()), ("3000 atoms", "598 atoms"));
        let mixed = [
            member("teter", &rich, 0.0735, 3000),
            member("teter", &poor, 0.0735, 3000),
            member("teter", &rich, 0.0735, 3000),
            member("du-teter", &rich, 0.08, 3000),
        ];
        let found = groups(&mixed, true);
        assert_eq!(found[0].members, [0, 2]);
        assert_eq!(found.len(), 3);
        assert_eq!(found[2].label, "Na 20.0 % O 56.7 % Si 23.3 %, density 0.0800, du-teter");
    }
}
