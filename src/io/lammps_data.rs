//! LAMMPS data files: `atom_style` atomic and charge (also molecular and full, whose topology is
//! skipped), orthogonal and triclinic boxes.
//!
//! Format: <https://docs.lammps.org/read_data.html>.

use std::collections::HashMap;
use std::io::{self, BufRead, Write};
use std::path::Path;

use super::declared_units::{Conversion, not_understood, style_of_title};
use super::text::{Lines, Place, assemble, cautious, checked_box, shorten};
use crate::error::{Error, Result};
use crate::system::{Species, Structure, UnitSystem, standard_mass, symbol_of_mass};

/// Sections of the format; those not used here are skipped.
const SECTIONS: &[&str] = &[
    "Atoms",
    "Velocities",
    "Masses",
    "Atom Type Labels",
    "Bond Type Labels",
    "Angle Type Labels",
    "Dihedral Type Labels",
    "Improper Type Labels",
    "Ellipsoids",
    "Lines",
    "Triangles",
    "Bodies",
    "Bonds",
    "Angles",
    "Dihedrals",
    "Impropers",
    "Pair Coeffs",
    "PairIJ Coeffs",
    "Bond Coeffs",
    "Angle Coeffs",
    "Dihedral Coeffs",
    "Improper Coeffs",
    "BondBond Coeffs",
    "BondAngle Coeffs",
    "MiddleBondTorsion Coeffs",
    "EndBondTorsion Coeffs",
    "AngleTorsion Coeffs",
    "AngleAngleTorsion Coeffs",
    "BondBond13 Coeffs",
    "AngleAngle Coeffs",
];

/// Columns of the `Atoms` section.
#[derive(Clone, Copy)]
struct AtomStyle {
    name: &'static str,
    molecule: bool,
    charge: bool,
}

const STYLES: [AtomStyle; 4] = [
    AtomStyle { name: "atomic", molecule: false, charge: false },
    AtomStyle { name: "charge", molecule: false, charge: true },
    AtomStyle { name: "molecular", molecule: true, charge: false },
    AtomStyle { name: "full", molecule: true, charge: true },
];

impl AtomStyle {
    fn columns(self) -> usize {
        5 + usize::from(self.molecule) + usize::from(self.charge)
    }

    fn from_hint(hint: &str, place: Place<'_>) -> Result<Self> {
        STYLES.into_iter().find(|style| style.name == hint).ok_or_else(|| {
            place.error(format!(
                "atom_style `{}` is not supported; write the file with atom_style charge or atomic",
                shorten(hint)
            ))
        })
    }

    fn from_columns(columns: usize, place: Place<'_>) -> Result<Self> {
        match columns {
            5 | 8 => Ok(STYLES[0]),
            6 | 9 => Ok(STYLES[1]),
            _ => Err(place.error(format!(
                "{columns} columns do not tell the atom_style; write the section as `Atoms # charge` or `Atoms # atomic`"
            ))),
        }
    }
}

#[derive(Default)]
struct Header {
    atoms: Option<usize>,
    types: Option<u16>,
    bounds: [Option<[f64; 2]>; 3],
    tilts: [f64; 3],
}

#[derive(Default)]
struct Atoms {
    ids: Vec<u64>,
    kinds: Vec<u16>,
    positions: Vec<[f64; 3]>,
    images: Vec<[i32; 3]>,
    charges: Vec<f64>,
    has_charge: bool,
}

/// Reads a LAMMPS data file; `path` is only for messages.
///
/// Species are named by the comments of `Masses`, by `Atom Type Labels`, by the element whose
/// standard weight is within 0.01 of the mass (a mass of exactly 1 is taken as reduced units),
/// or else `type1`, `type2`, …. Velocities of a file whose first line says `units = real` are
/// converted to metal units.
pub fn read_lammps_data<R: BufRead>(reader: R, path: &Path) -> Result<Structure> {
    let mut lines = Lines::new(reader, path);
    let title = lines.expect_line("its title line")?;
    let conversion = match style_of_title(title.text) {
        Some(style) => {
            Conversion::of_style(style).ok_or_else(|| title.place.error(not_understood(style)))?
        }
        None => Conversion::NONE,
    };
    let header = read_header(&mut lines)?;
    let count =
        header.atoms.ok_or_else(|| lines.place().error("the header has no `atoms` line"))?;
    let types =
        header.types.ok_or_else(|| lines.place().error("the header has no `atom types` line"))?;
    let simulation_box = header_box(&header).map_err(|e| lines.place().locate(e))?;

    let mut species = SpeciesTable::new(types);
    let mut atoms: Option<Atoms> = None;
    let mut velocities: Option<Vec<(u64, [f64; 3])>> = None;
    while let Some(line) = lines.next_filled()? {
        let (name, comment) = split_comment(line.text);
        if name.is_empty() {
            continue;
        }
        let place = line.place;
        let Some(section) = SECTIONS.iter().find(|s| **s == name) else {
            return Err(place.error(format!(
                "`{}` is not a section of a LAMMPS data file, or a line too many of the one before",
                shorten(name)
            )));
        };
        match *section {
            "Masses" => species.read_masses(&mut lines)?,
            "Atom Type Labels" => species.read_labels(&mut lines)?,
            "Atoms" if atoms.is_some() => {
                return Err(place.error("there is a second `Atoms` section"));
            }
            "Atoms" => {
                let style = match comment.split_whitespace().next() {
                    Some(hint) => Some(AtomStyle::from_hint(hint, place)?),
                    None => None,
                };
                atoms = Some(read_atoms(&mut lines, count, style, &species)?);
            }
            "Velocities" => velocities = Some(read_velocities(&mut lines, count)?),
            _ => skip_section(&mut lines)?,
        }
    }
    let end = lines.place();
    let atoms = match atoms {
        Some(atoms) => atoms,
        None if count == 0 => Atoms::default(),
        None => return Err(end.error("the file has no `Atoms` section")),
    };
    let index = index_by_id(&atoms.ids, end)?;
    let kinds = atoms.kinds;
    let mut structure =
        assemble(simulation_box, species.finish(), kinds, atoms.positions, Some(&atoms.images))
            .map_err(|e| end.locate(e))?;
    structure.charges = atoms.has_charge.then_some(atoms.charges);
    if let Some(rows) = velocities {
        let mut velocities = ordered_velocities(&rows, &index, end)?;
        velocities.as_flattened_mut().iter_mut().for_each(|v| *v *= conversion.velocity);
        structure.velocities = Some(velocities);
    }
    structure.ids = atoms.ids;
    Ok(structure)
}

fn split_comment(line: &str) -> (&str, &str) {
    match line.split_once('#') {
        Some((content, comment)) => (content.trim(), comment.trim()),
        None => (line.trim(), ""),
    }
}

fn is_section(line: &str) -> bool {
    let (name, _) = split_comment(line);
    SECTIONS.contains(&name)
}

fn read_header<R: BufRead>(lines: &mut Lines<R>) -> Result<Header> {
    let mut header = Header::default();
    while let Some(line) = lines.next_filled()? {
        let (content, _) = split_comment(line.text);
        if SECTIONS.contains(&content) {
            lines.put_back();
            return Ok(header);
        }
        let place = line.place;
        let tokens: Vec<&str> = content.split_whitespace().collect();
        let word = |n: usize| tokens.get(n).copied();
        match (tokens.len(), tokens.as_slice()) {
            (0, _) => {}
            (2, [_, "atoms"]) => {
                header.atoms = Some(place.integer(word(0), "the number of atoms")?);
            }
            (3, [_, "atom", "types"]) => {
                header.types = Some(place.integer(word(0), "the number of atom types")?);
            }
            (4, [_, _, low, high]) if high.strip_suffix("hi") == low.strip_suffix("lo") => {
                let axis = match *low {
                    "xlo" => 0,
                    "ylo" => 1,
                    "zlo" => 2,
                    _ => return Err(place.error("the box line does not name an axis")),
                };
                header.bounds[axis] = Some([
                    place.number(word(0), "the lower bound")?,
                    place.number(word(1), "the upper bound")?,
                ]);
            }
            (6, [.., "xy", "xz", "yz"]) => {
                for (n, tilt) in header.tilts.iter_mut().enumerate() {
                    *tilt = place.number(word(n), "the tilt factor")?;
                }
            }
            (_, [.., "avec" | "bvec" | "cvec"] | [.., "abc", "origin"]) => {
                return Err(place.error(
                    "boxes of general orientation are not supported; write a restricted triclinic box (xlo xhi … xy xz yz)",
                ));
            }
            (_, [count, ..]) if count.parse::<f64>().is_ok() => {} // bonds, angles, extra …
            _ => {
                return Err(place.error(format!(
                    "`{}` is neither a header line nor a section of a LAMMPS data file",
                    shorten(content)
                )));
            }
        }
    }
    Ok(header)
}

fn header_box(header: &Header) -> Result<crate::system::SimulationBox> {
    let mut origin = [0.0; 3];
    let mut lengths = [0.0; 3];
    for axis in 0..3 {
        let Some([low, high]) = header.bounds[axis] else {
            let name = ["x", "y", "z"][axis];
            return Err(Error::input(
                format!("the header has no `{name}lo {name}hi` line"),
                "give the box",
            ));
        };
        origin[axis] = low;
        lengths[axis] = high - low;
    }
    checked_box(origin, lengths, header.tilts)
}

/// Names and masses of the types, as far as the file has told them.
struct SpeciesTable {
    masses: Vec<Option<f64>>,
    comments: Vec<Option<String>>,
    labels: Vec<Option<String>>,
}

impl SpeciesTable {
    fn new(types: u16) -> Self {
        let types = usize::from(types);
        Self { masses: vec![None; types], comments: vec![None; types], labels: vec![None; types] }
    }

    fn index(&self, token: Option<&str>, place: Place<'_>) -> Result<usize> {
        let token = place.token(token, "the atom type")?;
        let found = match token.parse::<usize>() {
            Ok(number) => number.checked_sub(1).filter(|&n| n < self.masses.len()),
            Err(_) => self.labels.iter().position(|l| l.as_deref() == Some(token)),
        };
        found.ok_or_else(|| {
            place.error(format!(
                "`{}` is not one of the {} atom types",
                shorten(token),
                self.masses.len()
            ))
        })
    }

    fn read_masses<R: BufRead>(&mut self, lines: &mut Lines<R>) -> Result<()> {
        for _ in 0..self.masses.len() {
            let line = lines.expect_filled("the mass of every atom type")?;
            let (content, comment) = split_comment(line.text);
            let mut tokens = content.split_whitespace();
            let kind = self.index(tokens.next(), line.place)?;
            let mass = line.place.number(tokens.next(), "the mass")?;
            if mass <= 0.0 {
                return Err(line.place.error(format!("the mass {mass} is not positive")));
            }
            self.masses[kind] = Some(mass);
            self.comments[kind] = comment.split_whitespace().next().map(str::to_owned);
        }
        Ok(())
    }

    fn read_labels<R: BufRead>(&mut self, lines: &mut Lines<R>) -> Result<()> {
        for _ in 0..self.labels.len() {
            let line = lines.expect_filled("the label of every atom type")?;
            let mut tokens = split_comment(line.text).0.split_whitespace();
            let kind: usize = line.place.integer(tokens.next(), "the atom type")?;
            let Some(slot) = kind.checked_sub(1).and_then(|k| self.labels.get_mut(k)) else {
                return Err(line.place.error(format!("atom type {kind} is out of range")));
            };
            *slot = Some(line.place.token(tokens.next(), "the label")?.to_owned());
        }
        Ok(())
    }

    fn finish(self) -> Vec<Species> {
        let named = self.comments.into_iter().zip(self.labels);
        let name = |(n, ((comment, label), mass)): (usize, ((_, _), Option<f64>))| {
            let by_mass = || mass.and_then(symbol_of_mass).map(str::to_owned);
            let name: Option<String> = Option::<String>::or(label, comment).or_else(by_mass);
            Species { name: name.unwrap_or_else(|| format!("type{}", n + 1)), mass }
        };
        named.zip(self.masses).enumerate().map(name).collect()
    }
}

fn read_atoms<R: BufRead>(
    lines: &mut Lines<R>,
    count: usize,
    mut style: Option<AtomStyle>,
    species: &SpeciesTable,
) -> Result<Atoms> {
    let mut atoms = Atoms {
        ids: cautious(count),
        kinds: cautious(count),
        positions: cautious(count),
        images: cautious(count),
        ..Atoms::default()
    };
    for n in 0..count {
        let line = lines.expect_filled("the last of its atoms")?;
        let place = line.place;
        if is_section(line.text) {
            return Err(place.error(format!("the header announces {count} atoms, here are {n}")));
        }
        let content = split_comment(line.text).0;
        let columns = content.split_whitespace().count();
        let style = match style {
            Some(style) => style,
            None => *style.insert(AtomStyle::from_columns(columns, place)?),
        };
        if columns != style.columns() && columns != style.columns() + 3 {
            return Err(place.error(format!(
                "{columns} columns, where atom_style {} has {} (or {} with image flags)",
                style.name,
                style.columns(),
                style.columns() + 3
            )));
        }
        let mut tokens = content.split_whitespace();
        atoms.ids.push(place.integer(tokens.next(), "the atom id")?);
        if style.molecule {
            tokens.next();
        }
        // SpeciesTable holds at most 65,535 types, so the index fits.
        atoms.kinds.push(species.index(tokens.next(), place)? as u16);
        if style.charge {
            atoms.charges.push(place.number(tokens.next(), "the charge")?);
        }
        let mut position = [0.0; 3];
        for x in &mut position {
            *x = place.number(tokens.next(), "the coordinate")?;
        }
        atoms.positions.push(position);
        let mut image = [0; 3];
        if columns > style.columns() {
            for flag in &mut image {
                *flag = place.image(tokens.next())?;
            }
        }
        atoms.images.push(image);
    }
    atoms.has_charge = style.is_some_and(|style| style.charge);
    Ok(atoms)
}

fn read_velocities<R: BufRead>(lines: &mut Lines<R>, count: usize) -> Result<Vec<(u64, [f64; 3])>> {
    let mut rows = cautious(count);
    for _ in 0..count {
        let line = lines.expect_filled("the last of its velocities")?;
        let mut tokens = split_comment(line.text).0.split_whitespace();
        let id = line.place.integer(tokens.next(), "the atom id")?;
        let mut velocity = [0.0; 3];
        for x in &mut velocity {
            *x = line.place.number(tokens.next(), "the velocity")?;
        }
        rows.push((id, velocity));
    }
    Ok(rows)
}

fn skip_section<R: BufRead>(lines: &mut Lines<R>) -> Result<()> {
    while let Some(line) = lines.next_filled()? {
        if is_section(line.text) {
            lines.put_back();
            break;
        }
    }
    Ok(())
}

fn index_by_id(ids: &[u64], end: Place<'_>) -> Result<HashMap<u64, usize>> {
    let mut index = HashMap::with_capacity(ids.len());
    for (n, &id) in ids.iter().enumerate() {
        if index.insert(id, n).is_some() {
            return Err(end.error(format!("two atoms have the id {id}")));
        }
    }
    Ok(index)
}

fn ordered_velocities(
    rows: &[(u64, [f64; 3])],
    index: &HashMap<u64, usize>,
    end: Place<'_>,
) -> Result<Vec<[f64; 3]>> {
    let mut velocities = vec![None; index.len()];
    for (id, velocity) in rows {
        match index.get(id) {
            Some(&n) => velocities[n] = Some(*velocity),
            None => {
                return Err(end.error(format!("there is a velocity for id {id}, but no such atom")));
            }
        }
    }
    velocities
        .into_iter()
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| end.error("an atom has no velocity, another has two"))
}

/// Error if LAMMPS's formats cannot hold the structure without loss.
pub(super) fn check_writable(structure: &Structure) -> Result<()> {
    structure.check_finite()?;
    let bad = |name: &str| {
        name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '#' || c == '"')
    };
    if let Some(species) = structure.species.iter().find(|s| bad(&s.name)) {
        return Err(Error::input(
            format!("the species name `{}` cannot be written to a file", species.name),
            "rename the species, without blanks, quotes or #",
        ));
    }
    if structure.diameters.is_some() {
        return Err(Error::input(
            "the LAMMPS formats written here have no place for the diameters of this structure",
            "write extended XYZ (.xyz) instead",
        ));
    }
    Ok(())
}

/// Writes a LAMMPS data file with image flags; `atom_style charge` if there are charges, else
/// `atomic`.
///
/// In metal units a species without a mass gets its element's standard weight. If a mass is still
/// unknown, species are named by `Atom Type Labels` and there is no `Masses` section.
pub fn write_lammps_data(
    writer: &mut dyn Write,
    structure: &Structure,
    units: UnitSystem,
) -> io::Result<()> {
    let cell = &structure.simulation_box;
    let name = match units {
        UnitSystem::Metal => "metal",
        UnitSystem::Lj => "lj",
    };
    writeln!(writer, "LAMMPS data file written by fulgurite, units {name}\n")?;
    writeln!(writer, "{} atoms\n{} atom types\n", structure.len(), structure.species.len())?;
    for (axis, label) in ["x", "y", "z"].iter().enumerate() {
        let low = cell.origin[axis];
        let high = low + cell.lengths[axis];
        writeln!(writer, "{low:?} {high:?} {label}lo {label}hi")?;
    }
    if cell.is_triclinic() {
        let [xy, xz, yz] = cell.tilts;
        writeln!(writer, "{xy:?} {xz:?} {yz:?} xy xz yz")?;
    }
    let masses: Option<Vec<f64>> = structure
        .species
        .iter()
        .map(|s| match units {
            UnitSystem::Metal => s.mass.or_else(|| standard_mass(&s.name)),
            UnitSystem::Lj => s.mass,
        })
        .collect();
    let heading = if masses.is_some() { "Masses" } else { "Atom Type Labels" };
    writeln!(writer, "\n{heading}\n")?;
    for (n, species) in structure.species.iter().enumerate() {
        match &masses {
            Some(masses) => writeln!(writer, "{} {:?} # {}", n + 1, masses[n], species.name)?,
            None => writeln!(writer, "{} {}", n + 1, species.name)?,
        }
    }
    let style = if structure.charges.is_some() { "charge" } else { "atomic" };
    writeln!(writer, "\nAtoms # {style}\n")?;
    for atom in 0..structure.len() {
        write!(writer, "{} {}", structure.ids[atom], structure.kinds[atom] + 1)?;
        if let Some(charges) = &structure.charges {
            write!(writer, " {:?}", charges[atom])?;
        }
        let [x, y, z] = structure.positions[atom];
        let [ix, iy, iz] = structure.images[atom];
        writeln!(writer, " {x:?} {y:?} {z:?} {ix} {iy} {iz}")?;
    }
    if let Some(velocities) = &structure.velocities {
        writeln!(writer, "\nVelocities\n")?;
        for (id, [x, y, z]) in structure.ids.iter().zip(velocities) {
            writeln!(writer, "{id} {x:?} {y:?} {z:?}")?;
        }
    }
    Ok(())
}
