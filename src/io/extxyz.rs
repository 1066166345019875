//! Extended XYZ, frame by frame, and plain XYZ whose second line is `cell: Lx Ly Lz`.
//!
//! Format: <https://github.com/libAtoms/extxyz>. Velocities are the columns `velo`, `vel`,
//! `velocity` or `velocities` in the unit system's velocity (metal: Å/ps).

use std::io::{self, BufRead, Write};
use std::path::Path;

use super::text::{Lines, Place, assemble, cautious, checked_box, shorten};
use super::{Frame, write_atomically};
use crate::error::{Error, Result};
use crate::system::{SimulationBox, Species, Structure, UnitSystem, Units, symbol_of_number};

/// Most columns of one property, and most properties.
const MOST_COLUMNS: usize = 1000;
/// The rotation of a box that is already in standard form.
const IDENTITY: [[f64; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

/// Reads the frames of an (extended) XYZ file, one at a time. After an error there are no more.
pub struct ExtendedXyzReader<R> {
    lines: Lines<R>,
    failed: bool,
}

/// What the columns of a property hold.
#[derive(Clone, Copy, PartialEq)]
enum Content {
    Species,
    AtomicNumber,
    Position,
    Velocity,
    Force,
    Image,
    Charge,
    Mass,
    Diameter,
    Radius,
    Id,
    Ignored,
}

struct Property {
    content: Content,
    columns: usize,
}

/// The second line of a frame.
struct Comment {
    cell: SimulationBox,
    rotation: [[f64; 3]; 3],
    properties: Vec<Property>,
    step: Option<u64>,
    time: Option<f64>,
}

impl<R: BufRead> ExtendedXyzReader<R> {
    /// Reads from a (decompressed) reader; `path` is only for messages.
    pub fn new(reader: R, path: &Path) -> Self {
        Self { lines: Lines::new(reader, path), failed: false }
    }

    fn frame(&mut self) -> Result<Option<Frame>> {
        let Some(line) = self.lines.next_filled()? else {
            return Ok(None);
        };
        let count: usize =
            line.place.integer(Some(line.text.trim()), "the first line, the number of atoms,")?;
        let line = self.lines.expect_line("the comment line of a frame")?;
        let comment = parse_comment(line.text, line.place)?;
        let mut rows = Rows::new(count);
        for _ in 0..count {
            let line = self.lines.expect_line("the last atom of a frame")?;
            rows.read(&comment.properties, line.text, line.place)?;
        }
        rows.finish(comment, self.lines.place()).map(Some)
    }
}

impl<R: BufRead> Iterator for ExtendedXyzReader<R> {
    type Item = Result<Frame>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let frame = self.frame();
        self.failed = frame.is_err();
        frame.transpose()
    }
}

/// Splits `key=value key="quoted value" flag` into pairs; a key without a value has an empty one.
fn key_values(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after_key) = word(rest, true);
        let after_key = after_key.trim_start();
        if let Some(value) = after_key.strip_prefix('=') {
            let (value, after) = word(value.trim_start(), false);
            pairs.push((key, value));
            rest = after.trim_start();
        } else {
            // A stray `=` would otherwise stop the progress.
            pairs.push((key, String::new()));
            rest = after_key;
        }
    }
    pairs
}

/// One word, quoted or bracketed or plain, and what follows it.
fn word(text: &str, is_key: bool) -> (String, &str) {
    let close = match text.chars().next() {
        Some('"') => '"',
        Some('\'') => '\'',
        Some('{') => '}',
        Some('[') => ']',
        _ => {
            let end = text
                .find(|c: char| c.is_whitespace() || (is_key && c == '='))
                .unwrap_or(text.len());
            return (text[..end].to_owned(), &text[end..]);
        }
    };
    let mut value = String::new();
    let mut escaped = false;
    let mut depth = 1;
    for (n, c) in text.char_indices().skip(1) {
        if escaped {
            value.push(c);
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else {
            if c == close {
                depth -= 1;
            } else if close == ']' && c == '[' {
                depth += 1;
            }
            if depth == 0 {
                return (value, &text[n + c.len_utf8()..]);
            }
            value.push(c);
        }
    }
    (value, "")
}

fn parse_comment(text: &str, place: Place<'_>) -> Result<Comment> {
    let mut comment = Comment {
        cell: SimulationBox { origin: [0.0; 3], lengths: [0.0; 3], tilts: [0.0; 3] },
        rotation: IDENTITY,
        properties: vec![
            Property { content: Content::Species, columns: 1 },
            Property { content: Content::Position, columns: 3 },
        ],
        step: None,
        time: None,
    };
    if let Some(lengths) = text.trim().strip_prefix("cell:") {
        let lengths = numbers::<3>(lengths, "the cell", place)?;
        comment.cell = checked_box([0.0; 3], lengths, [0.0; 3]).map_err(|e| place.locate(e))?;
        return Ok(comment);
    }
    let mut lattice = None;
    let mut origin = [0.0; 3];
    for (key, value) in key_values(text) {
        match key.to_ascii_lowercase().as_str() {
            "lattice" => lattice = Some(numbers::<9>(&value, "Lattice", place)?),
            "origin" => origin = numbers::<3>(&value, "Origin", place)?,
            "properties" => comment.properties = parse_properties(&value, place)?,
            "pbc" => {
                let periodic = |w: &str| matches!(w, "T" | "True" | "true" | "TRUE" | "1");
                if !value.split([' ', ',', '\t']).filter(|w| !w.is_empty()).all(periodic) {
                    return Err(place.error(format!(
                        "pbc is `{}`; only structures periodic in all three directions are supported",
                        shorten(&value)
                    )));
                }
            }
            "step" | "timestep" => comment.step = value.trim().parse().ok(),
            "time" => comment.time = value.trim().parse().ok().filter(|t: &f64| t.is_finite()),
            _ => {}
        }
    }
    let Some([ax, ay, az, bx, by, bz, cx, cy, cz]) = lattice else {
        return Err(place.error(
            "there is no periodic box: the second line needs Lattice=\"…\" (extended XYZ) or `cell: Lx Ly Lz`",
        ));
    };
    let vectors = [[ax, ay, az], [bx, by, bz], [cx, cy, cz]];
    let (cell, rotation) = SimulationBox::from_vectors(vectors).map_err(|e| place.locate(e))?;
    comment.rotation = rotation;
    let origin = rotated(&rotation, origin);
    comment.cell = checked_box(origin, cell.lengths, cell.tilts).map_err(|e| place.locate(e))?;
    Ok(comment)
}

fn numbers<const N: usize>(text: &str, what: &str, place: Place<'_>) -> Result<[f64; N]> {
    let mut tokens = text.split([' ', '\t', ',', '[', ']']).filter(|t| !t.is_empty());
    let mut values = [0.0; N];
    for value in &mut values {
        *value = place.number(tokens.next(), what)?;
    }
    if tokens.next().is_some() {
        return Err(place.error(format!("{what} has more than {N} numbers")));
    }
    Ok(values)
}

fn parse_properties(text: &str, place: Place<'_>) -> Result<Vec<Property>> {
    let fields: Vec<&str> = text.split(':').collect();
    if !fields.len().is_multiple_of(3) || fields.len() > 3 * MOST_COLUMNS {
        return Err(place.error("Properties is not a list of name:type:columns"));
    }
    let mut properties: Vec<Property> = Vec::new();
    for field in fields.chunks_exact(3) {
        let (name, kind) = (field[0], field[1]);
        let columns: usize = place.integer(Some(field[2]), "a column count in Properties")?;
        if columns == 0 || columns > MOST_COLUMNS || !matches!(kind, "S" | "R" | "I" | "L") {
            return Err(place.error(format!(
                "`{}` in Properties is not name:type:columns with type S, R, I or L",
                shorten(&field.join(":"))
            )));
        }
        let (content, expected) = match name.to_ascii_lowercase().as_str() {
            "species" | "element" | "elements" | "symbol" | "symbols" => (Content::Species, 1),
            "z" | "numbers" | "atomic_numbers" => (Content::AtomicNumber, 1),
            "pos" | "position" | "positions" => (Content::Position, 3),
            "velo" | "vel" | "velocity" | "velocities" => (Content::Velocity, 3),
            "force" | "forces" => (Content::Force, 3),
            "image" | "images" => (Content::Image, 3),
            "charge" | "charges" | "q" | "initial_charges" => (Content::Charge, 1),
            "mass" | "masses" => (Content::Mass, 1),
            "diameter" | "diameters" => (Content::Diameter, 1),
            "radius" | "radii" => (Content::Radius, 1),
            "id" | "ids" => (Content::Id, 1),
            _ => (Content::Ignored, columns),
        };
        let repeated =
            content != Content::Ignored && properties.iter().any(|p| p.content == content);
        if columns != expected || repeated {
            let fault = if repeated { "is there twice" } else { "has a wrong number of columns" };
            return Err(place.error(format!("the property `{}` {fault}", shorten(name))));
        }
        properties.push(Property { content, columns });
    }
    let has = |content| properties.iter().any(|p| p.content == content);
    if !has(Content::Position) || !(has(Content::Species) || has(Content::AtomicNumber)) {
        return Err(place.error("Properties must have species:S:1 and pos:R:3"));
    }
    Ok(properties)
}

fn rotated(rotation: &[[f64; 3]; 3], r: [f64; 3]) -> [f64; 3] {
    if *rotation == IDENTITY {
        return r;
    }
    rotation.map(|row| row[0] * r[0] + row[1] * r[1] + row[2] * r[2])
}

/// The columns of a frame as they are read.
struct Rows {
    names: Vec<String>,
    kinds: Vec<u16>,
    positions: Vec<[f64; 3]>,
    velocities: Vec<[f64; 3]>,
    forces: Vec<[f64; 3]>,
    images: Vec<[i32; 3]>,
    charges: Vec<f64>,
    masses: Vec<f64>,
    diameters: Vec<f64>,
    ids: Vec<u64>,
}

impl Rows {
    fn new(count: usize) -> Self {
        Self {
            names: Vec::new(),
            kinds: cautious(count),
            positions: cautious(count),
            velocities: Vec::new(),
            forces: Vec::new(),
            images: Vec::new(),
            charges: Vec::new(),
            masses: Vec::new(),
            diameters: Vec::new(),
            ids: Vec::new(),
        }
    }

    fn read(&mut self, properties: &[Property], text: &str, place: Place<'_>) -> Result<()> {
        let named = properties.iter().any(|p| p.content == Content::Species);
        let mut tokens = text.split_whitespace();
        for property in properties {
            match property.content {
                Content::Species => {
                    let kind = self.kind(place.token(tokens.next(), "the species")?, place)?;
                    self.kinds.push(kind);
                }
                Content::AtomicNumber => {
                    let number: u32 = place.integer(tokens.next(), "the atomic number")?;
                    if !named {
                        let symbol = symbol_of_number(number).ok_or_else(|| {
                            place.error(format!("{number} is not an atomic number"))
                        })?;
                        let kind = self.kind(symbol, place)?;
                        self.kinds.push(kind);
                    }
                }
                Content::Position => self.positions.push(vector(&mut tokens, "position", place)?),
                Content::Velocity => self.velocities.push(vector(&mut tokens, "velocity", place)?),
                Content::Force => self.forces.push(vector(&mut tokens, "force", place)?),
                Content::Image => {
                    let mut image = [0; 3];
                    for flag in &mut image {
                        *flag = place.image(tokens.next())?;
                    }
                    self.images.push(image);
                }
                Content::Charge => self.charges.push(place.number(tokens.next(), "the charge")?),
                Content::Mass => self.masses.push(place.number(tokens.next(), "the mass")?),
                Content::Diameter => {
                    self.diameters.push(place.number(tokens.next(), "the diameter")?);
                }
                Content::Radius => {
                    self.diameters.push(2.0 * place.number(tokens.next(), "the radius")?);
                }
                Content::Id => self.ids.push(place.integer(tokens.next(), "the atom id")?),
                Content::Ignored => {
                    for _ in 0..property.columns {
                        place.token(tokens.next(), "a column")?;
                    }
                }
            }
        }
        if tokens.next().is_some() {
            return Err(place.error("the line has more columns than Properties names"));
        }
        Ok(())
    }

    fn kind(&mut self, name: &str, place: Place<'_>) -> Result<u16> {
        let found = self.names.iter().position(|n| n == name);
        let index = found.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        // A search per atom is fast only while species are few, as they are in any real file.
        u16::try_from(index)
            .ok()
            .filter(|&n| n < 1024)
            .ok_or_else(|| place.error("there are more than 1024 different species"))
    }

    fn finish(mut self, comment: Comment, end: Place<'_>) -> Result<Frame> {
        for rows in [&mut self.positions, &mut self.velocities, &mut self.forces] {
            for r in rows {
                *r = rotated(&comment.rotation, *r);
            }
        }
        let mut species: Vec<Species> =
            self.names.into_iter().map(|name| Species { name, mass: None }).collect();
        for (&kind, &mass) in self.kinds.iter().zip(&self.masses) {
            if mass > 0.0 {
                species[usize::from(kind)].mass.get_or_insert(mass);
            }
        }
        let has = |content| comment.properties.iter().any(|p| p.content == content);
        let images = has(Content::Image).then_some(self.images.as_slice());
        let mut structure = assemble(comment.cell, species, self.kinds, self.positions, images)
            .map_err(|e| end.locate(e))?;
        if has(Content::Id) {
            structure.ids = self.ids;
        }
        structure.velocities = has(Content::Velocity).then_some(self.velocities);
        structure.charges = has(Content::Charge).then_some(self.charges);
        let sized = has(Content::Diameter) || has(Content::Radius);
        structure.diameters = sized.then_some(self.diameters);
        let forces = has(Content::Force).then_some(self.forces);
        let unwrapped = has(Content::Image);
        Ok(Frame { step: comment.step, time: comment.time, forces, unwrapped, structure })
    }
}

fn vector<'a>(
    tokens: &mut impl Iterator<Item = &'a str>,
    what: &str,
    place: Place<'_>,
) -> Result<[f64; 3]> {
    let mut r = [0.0; 3];
    for x in &mut r {
        *x = place.number(tokens.next(), what)?;
    }
    Ok(r)
}

/// Error if extended XYZ cannot hold the structure without loss.
pub(super) fn check_writable(structure: &Structure) -> Result<()> {
    structure.check_finite()?;
    let bad = |name: &str| name.is_empty() || name.contains(char::is_whitespace);
    if let Some(species) = structure.species.iter().find(|s| bad(&s.name)) {
        return Err(Error::input(
            format!("the species name `{}` cannot be written to a file", species.name),
            "rename the species, without blanks",
        ));
    }
    Ok(())
}

/// `Lattice`, `Origin` (if not zero), `pbc` and the units, ready for the comment line.
fn cell_words(cell: &SimulationBox, units: UnitSystem) -> String {
    let lattice: Vec<String> = cell.vectors().concat().iter().map(|x| format!("{x:?}")).collect();
    let mut words = format!("Lattice=\"{}\" pbc=\"T T T\"", lattice.join(" "));
    if cell.origin != [0.0; 3] {
        let [x, y, z] = cell.origin;
        words.push_str(&format!(" Origin=\"{x:?} {y:?} {z:?}\""));
    }
    let units = Units::of(units);
    for kind in ["length", "velocity", "force", "time"] {
        words.push_str(&format!(" {kind}_unit=\"{}\"", units.name(kind)));
    }
    words
}

/// Writes one frame of extended XYZ: species and position, then id, image, velocity, charge, mass
/// and radius as far as they are known and not trivial.
pub fn write_extended_xyz_frame(
    writer: &mut dyn Write,
    structure: &Structure,
    units: UnitSystem,
    step: Option<u64>,
    time: Option<f64>,
) -> io::Result<()> {
    let ids = structure.ids.iter().zip(1..).any(|(&id, n)| id != n);
    let images = structure.images.iter().any(|&image| image != [0; 3]);
    let masses: Option<Vec<f64>> = structure.species.iter().map(|s| s.mass).collect();
    write!(writer, "{}\n{}", structure.len(), cell_words(&structure.simulation_box, units))?;
    if let Some(step) = step {
        write!(writer, " step={step}")?;
    }
    if let Some(time) = time {
        write!(writer, " time={time:?}")?;
    }
    write!(writer, " Properties=species:S:1:pos:R:3")?;
    for (present, words) in [
        (ids, ":id:I:1"),
        (images, ":image:I:3"),
        (structure.velocities.is_some(), ":velo:R:3"),
        (structure.charges.is_some(), ":charge:R:1"),
        (masses.is_some(), ":mass:R:1"),
        (structure.diameters.is_some(), ":radius:R:1"),
    ] {
        if present {
            write!(writer, "{words}")?;
        }
    }
    writeln!(writer)?;
    for atom in 0..structure.len() {
        let [x, y, z] = structure.positions[atom];
        write!(writer, "{} {x:?} {y:?} {z:?}", structure.species_name(atom))?;
        if ids {
            write!(writer, " {}", structure.ids[atom])?;
        }
        if images {
            let [x, y, z] = structure.images[atom];
            write!(writer, " {x} {y} {z}")?;
        }
        if let Some([x, y, z]) = structure.velocities.as_ref().map(|v| v[atom]) {
            write!(writer, " {x:?} {y:?} {z:?}")?;
        }
        if let Some(charges) = &structure.charges {
            write!(writer, " {:?}", charges[atom])?;
        }
        if let Some(masses) = &masses {
            write!(writer, " {:?}", masses[usize::from(structure.kinds[atom])])?;
        }
        if let Some(diameters) = &structure.diameters {
            write!(writer, " {:?}", 0.5 * diameters[atom])?;
        }
        writeln!(writer)?;
    }
    Ok(())
}

/// Writes positions and forces as extended XYZ, `species:S:1:pos:R:3:forces:R:3`, atoms in the
/// order of the input, forces with 12 significant digits.
pub fn write_forces_extxyz(
    path: impl AsRef<Path>,
    structure: &Structure,
    forces: &[[f64; 3]],
    units: UnitSystem,
) -> Result<()> {
    check_writable(structure)?;
    if forces.len() != structure.len() {
        return Err(Error::input(
            format!("{} forces for {} atoms", forces.len(), structure.len()),
            "give one force for each atom",
        ));
    }
    write_atomically(path, |writer| {
        let cell = cell_words(&structure.simulation_box, units);
        writeln!(writer, "{}\n{cell} Properties=species:S:1:pos:R:3:forces:R:3", structure.len())?;
        for (atom, [fx, fy, fz]) in forces.iter().enumerate() {
            let [x, y, z] = structure.positions[atom];
            let name = structure.species_name(atom);
            writeln!(writer, "{name} {x:?} {y:?} {z:?} {fx:.11e} {fy:.11e} {fz:.11e}")?;
        }
        Ok(())
    })
}
