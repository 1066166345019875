//! LAMMPS text dumps, frame by frame.
//!
//! Format: <https://docs.lammps.org/dump.html>. The bounds of a triclinic box are those of its
//! bounding box: `xlo_bound = xlo + min(0, xy, xz, xy+xz)` and so on
//! (<https://docs.lammps.org/Howto_triclinic.html>). Frames of a dump that says `real` units are
//! converted to metal units; it says so once, before the first frame.

use std::io::{self, BufRead, Write};
use std::path::Path;

use super::Frame;
use super::declared_units::{Conversion, not_understood};
use super::text::{Lines, Place, assemble, cautious, checked_box, shorten};
use crate::error::Result;
use crate::system::{SimulationBox, Species, Structure, UnitSystem};

/// Most atom types a dump may name; each costs an entry even if no atom has it.
const MOST_TYPES: u16 = u16::MAX - 1;

/// Reads the frames of a dump, one at a time. After an error there are no more frames.
pub struct DumpReader<R> {
    lines: Lines<R>,
    conversion: Conversion,
    failed: bool,
}

/// What a column of the `ATOMS` section holds.
#[derive(Clone, Copy, PartialEq)]
enum Column {
    Id,
    Type,
    Element,
    Mass,
    Charge,
    Diameter,
    Radius,
    Position(usize),
    Scaled(usize),
    Image(usize),
    Velocity(usize),
    Force(usize),
    Ignored,
}

/// What the coordinates of a frame are.
#[derive(Clone, Copy, PartialEq)]
struct Columns {
    /// Parts of the box (xs, xsu).
    scaled: bool,
    /// Wrapped, with image flags beside them.
    images: bool,
    /// With the crossings of the box: image flags, or xu, xsu.
    unwrapped: bool,
}

impl<R: BufRead> DumpReader<R> {
    /// Reads from a (decompressed) reader; `path` is only for messages.
    pub fn new(reader: R, path: &Path) -> Self {
        Self { lines: Lines::new(reader, path), conversion: Conversion::NONE, failed: false }
    }

    fn frame(&mut self) -> Result<Option<Frame>> {
        let mut time = None;
        let mut step = None;
        let mut count = None;
        let mut simulation_box = None;
        loop {
            let Some(line) = self.lines.next_filled()? else {
                if step.is_some() || count.is_some() || simulation_box.is_some() {
                    return Err(self.lines.place().error("the file ends within a frame"));
                }
                return Ok(None);
            };
            let place = line.place;
            let Some(item) = line.text.trim().strip_prefix("ITEM:") else {
                return Err(place.error(format!(
                    "expected an `ITEM:` line of a LAMMPS dump, found `{}`",
                    shorten(line.text.trim())
                )));
            };
            let item = item.trim().to_owned();
            match item.as_str() {
                "TIMESTEP" => {
                    let line = self.lines.expect_line("the time step")?;
                    step = Some(line.place.integer(Some(line.text.trim()), "the time step")?);
                }
                "TIME" => {
                    let line = self.lines.expect_line("the time")?;
                    let read = line.place.number(Some(line.text.trim()), "the time")?;
                    time = Some(read * self.conversion.time);
                }
                "UNITS" => {
                    let line = self.lines.expect_line("the units")?;
                    let style = line.text.trim();
                    self.conversion = Conversion::of_style(style)
                        .ok_or_else(|| line.place.error(not_understood(style)))?;
                }
                "NUMBER OF ATOMS" => {
                    let line = self.lines.expect_line("the number of atoms")?;
                    count =
                        Some(line.place.integer(Some(line.text.trim()), "the number of atoms")?);
                }
                _ => {
                    if let Some(rest) = item.strip_prefix("BOX BOUNDS") {
                        simulation_box = Some(self.bounds(rest)?);
                    } else if let Some(rest) = item.strip_prefix("ATOMS") {
                        let (Some(count), Some(cell)) = (count, simulation_box) else {
                            return Err(self.lines.place().error(
                                "the atoms come before `NUMBER OF ATOMS` and `BOX BOUNDS`",
                            ));
                        };
                        return self.atoms(rest, count, cell, step, time).map(Some);
                    } else {
                        return Err(self.lines.place().error(format!(
                            "`ITEM: {}` is not an item of a LAMMPS dump",
                            shorten(&item)
                        )));
                    }
                }
            }
        }
    }

    fn bounds(&mut self, words: &str) -> Result<SimulationBox> {
        if words.contains("abc") {
            return Err(self.lines.place().error(
                "boxes of general orientation are not supported; dump with `triclinic/general no`",
            ));
        }
        let triclinic = words.split_whitespace().any(|w| w == "xy");
        let mut low = [0.0; 3];
        let mut high = [0.0; 3];
        let mut tilts = [0.0; 3];
        for axis in 0..3 {
            let line = self.lines.expect_line("the bounds of its box")?;
            let mut tokens = line.text.split_whitespace();
            low[axis] = line.place.number(tokens.next(), "the lower bound")?;
            high[axis] = line.place.number(tokens.next(), "the upper bound")?;
            if triclinic {
                tilts[axis] = line.place.number(tokens.next(), "the tilt factor")?;
            }
        }
        let [below, above] = overhang(tilts);
        for axis in 0..3 {
            low[axis] -= below[axis];
            high[axis] -= above[axis];
        }
        let lengths = [high[0] - low[0], high[1] - low[1], high[2] - low[2]];
        checked_box(low, lengths, tilts).map_err(|e| self.lines.place().locate(e))
    }

    fn atoms(
        &mut self,
        words: &str,
        count: usize,
        cell: SimulationBox,
        step: Option<u64>,
        time: Option<f64>,
    ) -> Result<Frame> {
        let (columns, layout) = parse_columns(words, self.lines.place())?;
        let has = |wanted: Column| columns.contains(&wanted);
        let mut rows = Rows::new(count);
        for _ in 0..count {
            let line = self.lines.expect_line("the last atom of a frame")?;
            rows.read(&columns, line.text, line.place)?;
        }
        let end = self.lines.place();
        if layout.scaled {
            for r in &mut rows.positions {
                *r = cell.to_cartesian(*r);
            }
        }
        let (species, kinds) = rows.species(&columns, end)?;
        let images = layout.images.then_some(rows.images.as_slice());
        let mut structure =
            assemble(cell, species, kinds, rows.positions, images).map_err(|e| end.locate(e))?;
        if has(Column::Id) {
            structure.ids = rows.ids;
        }
        structure.charges = has(Column::Charge).then_some(rows.charges);
        structure.diameters =
            (has(Column::Diameter) || has(Column::Radius)).then_some(rows.diameters);
        let complete = |column: fn(usize) -> Column| (0..3).all(|k| has(column(k)));
        let scaled = |mut rows: Vec<[f64; 3]>, by: f64| {
            rows.as_flattened_mut().iter_mut().for_each(|x| *x *= by);
            rows
        };
        let Conversion { velocity, force, .. } = self.conversion;
        structure.velocities =
            complete(Column::Velocity).then(|| scaled(rows.velocities, velocity));
        let forces = complete(Column::Force).then(|| scaled(rows.forces, force));
        Ok(Frame { step, time, forces, unwrapped: layout.unwrapped, structure })
    }
}

impl<R: BufRead> Iterator for DumpReader<R> {
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

/// How far a tilted box reaches below its lower and above its upper corner along each axis.
fn overhang(tilts: [f64; 3]) -> [[f64; 3]; 2] {
    let [xy, xz, yz] = tilts;
    let x = [0.0, xy, xz, xy + xz];
    let least = x.into_iter().fold(0.0, f64::min);
    let most = x.into_iter().fold(0.0, f64::max);
    [[least, yz.min(0.0), 0.0], [most, yz.max(0.0), 0.0]]
}

fn parse_columns(words: &str, place: Place<'_>) -> Result<(Vec<Column>, Columns)> {
    // Several kinds of coordinates may be there; the most informative set is used.
    let names: Vec<&str> = words.split_whitespace().collect();
    let set = [["xu", "yu", "zu"], ["x", "y", "z"], ["xsu", "ysu", "zsu"], ["xs", "ys", "zs"]]
        .into_iter()
        .find(|set| set.iter().all(|name| names.contains(name)));
    let Some(set) = set else {
        return Err(place.error(
            "the dump has no complete coordinates: neither x y z, xu yu zu, xs ys zs nor xsu ysu zsu",
        ));
    };
    if !names.contains(&"type") && !names.contains(&"element") {
        return Err(place.error("the dump has neither a `type` nor an `element` column"));
    }
    let scaled = set[0].starts_with("xs");
    let column = |name: &&str| match *name {
        "id" => Column::Id,
        "type" => Column::Type,
        "element" => Column::Element,
        "mass" => Column::Mass,
        "q" => Column::Charge,
        "diameter" => Column::Diameter,
        "radius" => Column::Radius,
        "ix" => Column::Image(0),
        "iy" => Column::Image(1),
        "iz" => Column::Image(2),
        "vx" => Column::Velocity(0),
        "vy" => Column::Velocity(1),
        "vz" => Column::Velocity(2),
        "fx" => Column::Force(0),
        "fy" => Column::Force(1),
        "fz" => Column::Force(2),
        other => match set.iter().position(|s| *s == other) {
            Some(k) if scaled => Column::Scaled(k),
            Some(k) => Column::Position(k),
            None => Column::Ignored,
        },
    };
    let columns: Vec<Column> = names.iter().map(column).collect();
    for (n, first) in columns.iter().enumerate() {
        if *first != Column::Ignored && columns[..n].contains(first) {
            return Err(place.error(format!("the column `{}` is there twice", names[n])));
        }
    }
    let wrapped = !set[0].ends_with('u');
    let images = wrapped && (0..3).all(|k| columns.contains(&Column::Image(k)));
    Ok((columns, Columns { scaled, images, unwrapped: images || !wrapped }))
}

/// The columns of a frame as they are read.
struct Rows {
    ids: Vec<u64>,
    types: Vec<u16>,
    elements: Vec<u16>,
    element_names: Vec<String>,
    masses: Vec<f64>,
    charges: Vec<f64>,
    diameters: Vec<f64>,
    positions: Vec<[f64; 3]>,
    images: Vec<[i32; 3]>,
    velocities: Vec<[f64; 3]>,
    forces: Vec<[f64; 3]>,
}

impl Rows {
    fn new(count: usize) -> Self {
        Self {
            ids: Vec::new(),
            types: Vec::new(),
            elements: Vec::new(),
            element_names: Vec::new(),
            masses: Vec::new(),
            charges: Vec::new(),
            diameters: Vec::new(),
            positions: cautious(count),
            images: Vec::new(),
            velocities: Vec::new(),
            forces: Vec::new(),
        }
    }

    fn read(&mut self, columns: &[Column], text: &str, place: Place<'_>) -> Result<()> {
        let mut tokens = text.split_whitespace();
        let (mut position, mut image) = ([0.0; 3], [0; 3]);
        let (mut velocity, mut force) = ([0.0; 3], [0.0; 3]);
        for column in columns {
            let token = tokens.next();
            match *column {
                Column::Id => self.ids.push(place.integer(token, "the atom id")?),
                Column::Type => {
                    let kind: u16 = place.integer(token, "the atom type")?;
                    if kind == 0 || kind > MOST_TYPES {
                        return Err(place.error(format!("the atom type {kind} is out of range")));
                    }
                    self.types.push(kind);
                }
                Column::Element => {
                    let kind = self.element(place.token(token, "the element")?, place)?;
                    self.elements.push(kind);
                }
                Column::Mass => self.masses.push(place.number(token, "the mass")?),
                Column::Charge => self.charges.push(place.number(token, "the charge")?),
                Column::Diameter => self.diameters.push(place.number(token, "the diameter")?),
                Column::Radius => self.diameters.push(2.0 * place.number(token, "the radius")?),
                Column::Position(k) | Column::Scaled(k) => {
                    position[k] = place.number(token, "the coordinate")?;
                }
                Column::Image(k) => image[k] = place.image(token)?,
                Column::Velocity(k) => velocity[k] = place.number(token, "the velocity")?,
                Column::Force(k) => force[k] = place.number(token, "the force")?,
                Column::Ignored => {
                    place.token(token, "a column")?;
                }
            }
        }
        if tokens.next().is_some() {
            return Err(place.error(format!("there are more than {} columns", columns.len())));
        }
        self.positions.push(position);
        self.images.push(image);
        self.velocities.push(velocity);
        self.forces.push(force);
        Ok(())
    }

    fn element(&mut self, name: &str, place: Place<'_>) -> Result<u16> {
        let found = self.element_names.iter().position(|n| n == name);
        let index = found.unwrap_or_else(|| {
            self.element_names.push(name.to_owned());
            self.element_names.len() - 1
        });
        // A search per atom is fast only while species are few, as they are in any real file.
        u16::try_from(index)
            .ok()
            .filter(|&n| n < 1024)
            .ok_or_else(|| place.error("there are more than 1024 different elements"))
    }

    /// Species and kinds: by type if there is one (named by the element of its first atom), else
    /// by element in order of appearance.
    fn species(&self, columns: &[Column], end: Place<'_>) -> Result<(Vec<Species>, Vec<u16>)> {
        let by_type = columns.contains(&Column::Type);
        let (kinds, names): (Vec<u16>, Vec<String>) = if by_type {
            let types = self.types.iter().copied().max().unwrap_or(0);
            let mut names: Vec<String> = (1..=types).map(|n| format!("type{n}")).collect();
            let mut seen = vec![None; usize::from(types)];
            for (&kind, &element) in self.types.iter().zip(&self.elements) {
                let slot = &mut seen[usize::from(kind) - 1];
                if slot.is_some_and(|first| first != element) {
                    return Err(end.error(format!("atoms of type {kind} have different elements")));
                }
                *slot = Some(element);
            }
            for (name, element) in names.iter_mut().zip(seen) {
                if let Some(element) = element {
                    name.clone_from(&self.element_names[usize::from(element)]);
                }
            }
            (self.types.iter().map(|&t| t - 1).collect(), names)
        } else {
            (self.elements.clone(), self.element_names.clone())
        };
        let mut species: Vec<Species> =
            names.into_iter().map(|name| Species { name, mass: None }).collect();
        for (&kind, &mass) in kinds.iter().zip(&self.masses) {
            if mass > 0.0 {
                species[usize::from(kind)].mass.get_or_insert(mass);
            }
        }
        Ok((species, kinds))
    }
}

/// Writes one frame of a dump: `id type element x y z ix iy iz`, then `q`, `mass` and
/// `vx vy vz` where known.
pub fn write_dump_frame(
    writer: &mut dyn Write,
    structure: &Structure,
    units: UnitSystem,
    step: u64,
) -> io::Result<()> {
    let cell = &structure.simulation_box;
    let name = match units {
        UnitSystem::Metal => "metal",
        UnitSystem::Lj => "lj",
    };
    writeln!(writer, "ITEM: UNITS\n{name}\nITEM: TIMESTEP\n{step}")?;
    writeln!(writer, "ITEM: NUMBER OF ATOMS\n{}", structure.len())?;
    let triclinic = cell.is_triclinic();
    let tilt_words = if triclinic { " xy xz yz" } else { "" };
    writeln!(writer, "ITEM: BOX BOUNDS{tilt_words} pp pp pp")?;
    let [below, above] = overhang(cell.tilts);
    for axis in 0..3 {
        let low = cell.origin[axis] + below[axis];
        let high = cell.origin[axis] + cell.lengths[axis] + above[axis];
        write!(writer, "{low:?} {high:?}")?;
        if triclinic {
            write!(writer, " {:?}", cell.tilts[axis])?;
        }
        writeln!(writer)?;
    }
    let masses: Option<Vec<f64>> = structure.species.iter().map(|s| s.mass).collect();
    write!(writer, "ITEM: ATOMS id type element x y z ix iy iz")?;
    for (present, words) in [
        (structure.charges.is_some(), " q"),
        (masses.is_some(), " mass"),
        (structure.velocities.is_some(), " vx vy vz"),
    ] {
        if present {
            write!(writer, "{words}")?;
        }
    }
    writeln!(writer)?;
    for atom in 0..structure.len() {
        let kind = usize::from(structure.kinds[atom]);
        let [x, y, z] = structure.positions[atom];
        let [ix, iy, iz] = structure.images[atom];
        let (id, element) = (structure.ids[atom], structure.species_name(atom));
        write!(writer, "{id} {} {element} {x:?} {y:?} {z:?} {ix} {iy} {iz}", kind + 1)?;
        if let Some(charges) = &structure.charges {
            write!(writer, " {:?}", charges[atom])?;
        }
        if let Some(masses) = &masses {
            write!(writer, " {:?}", masses[kind])?;
        }
        if let Some([x, y, z]) = structure.velocities.as_ref().map(|v| v[atom]) {
            write!(writer, " {x:?} {y:?} {z:?}")?;
        }
        writeln!(writer)?;
    }
    Ok(())
}
