//! The structure a run starts from.

use crate::backend::reference::for_each_pair;
use crate::config::{Build, Member, RunPlan, Start};
use crate::error::{Error, Result};
use crate::io::read_structure;
use crate::potential::{ForceField, SMALLEST_R2};
use crate::system::{
    Composition, Density, MinimumDistances, RandomPacking, Species, Structure, UnitSystem, Units,
    cubic_box,
};

/// Reads or builds the structure that a run of one composition starts from. Masses are the force
/// field's.
pub fn initial_structure(plan: &RunPlan, seed: u64) -> Result<Structure> {
    structure_of(plan, None, seed)
}

/// Reads or builds the structure that a member starts from.
pub fn member_structure(plan: &RunPlan, member: &Member) -> Result<Structure> {
    structure_of(plan, member.composition.as_deref(), member.seed)
}

fn structure_of(plan: &RunPlan, composition: Option<&str>, seed: u64) -> Result<Structure> {
    let field = &plan.force_field;
    let mut structure = match (&plan.start, composition) {
        (Start::File(path), _) => read_structure(path)?,
        (Start::Build(build), None) => packed(build, field, seed)?,
        (Start::Build(build), Some(own)) => {
            let build = Build { composition: own.to_owned(), ..build.clone() };
            let mut structure = packed(&build, field, seed)?;
            order_species(&mut structure, field);
            structure
        }
    };
    for species in &mut structure.species {
        species.mass = Some(parameters(field, &species.name)?.mass);
    }
    structure.check_finite()?;
    check_overlaps(&structure)?;
    Ok(structure)
}

/// Species in the order of the force field: members of different compositions share sessions only
/// if they count their species alike.
fn order_species(structure: &mut Structure, field: &ForceField) {
    let place = |name: &str| field.species.iter().position(|s| s.name == name);
    let mut order: Vec<usize> = (0..structure.species.len()).collect();
    order.sort_by_key(|&k| place(&structure.species[k].name));
    let species = order.iter().map(|&k| structure.species[k].clone()).collect();
    let mut new = vec![0; order.len()];
    for (to, &from) in order.iter().enumerate() {
        new[from] = to as u16;
    }
    for kind in &mut structure.kinds {
        *kind = new[usize::from(*kind)];
    }
    structure.species = species;
}

fn parameters<'a>(
    field: &'a ForceField,
    name: &str,
) -> Result<&'a crate::potential::SpeciesParameters> {
    field.species.iter().find(|s| s.name == name).ok_or_else(|| Error::UnknownSpecies {
        forcefield: field.name.clone(),
        species: name.to_owned(),
    })
}

fn packed(build: &Build, field: &ForceField, seed: u64) -> Result<Structure> {
    let units = Units::of(field.units);
    let composition = Composition::parse(&build.composition)?;
    for (name, _) in composition.amounts() {
        parameters(field, name)?;
    }
    let find = |name: &str| field.species.iter().find(|s| s.name == name);
    if field.coulomb.is_some() {
        composition.check_neutral(|name| find(name).map(|s| s.charge))?;
    }
    let atoms: Vec<(Species, usize)> = composition
        .counts(build.atoms)?
        .into_iter()
        .map(|(name, count)| (Species { mass: find(&name).map(|s| s.mass), name }, count))
        .collect();
    let density = match field.units {
        UnitSystem::Metal => Density::Mass(build.density),
        UnitSystem::Lj => Density::Number(build.density),
    };
    let simulation_box = cubic_box(&atoms, density, &units)?;
    let spacing = (simulation_box.volume() / build.atoms as f64).cbrt();
    // Sparse enough for random placement to find room, 1.5 Å in an oxide glass.
    let mut distances = MinimumDistances::uniform(build.default_distance.unwrap_or(0.63 * spacing));
    for ([a, b], distance) in &build.pair_distances {
        for name in [a, b] {
            if composition.amounts().iter().all(|(n, _)| n != name) {
                return Err(Error::input(
                    format!("minimum distance {a}-{b}: {name} is not in {}", build.composition),
                    "name species of the composition",
                ));
            }
        }
        distances = distances.with(a, b, *distance);
    }
    RandomPacking { atoms, simulation_box, minimum_distances: distances, seed }.build()
}

/// Error for two atoms closer than any force field is evaluated.
pub fn check_overlaps(structure: &Structure) -> Result<()> {
    let cutoff = SMALLEST_R2.sqrt().min(structure.simulation_box.longest_cutoff());
    let mut closest: Option<(usize, usize, f64)> = None;
    for_each_pair(&structure.simulation_box, &structure.positions, cutoff, |i, j, _, r2| {
        if closest.is_none_or(|(_, _, best)| r2 < best) {
            closest = Some((i.min(j), i.max(j), r2));
        }
    });
    match closest {
        None => Ok(()),
        Some((i, j, r2)) => {
            Err(Error::Overlap { first: i + 1, second: j + 1, distance: r2.sqrt() })
        }
    }
}
