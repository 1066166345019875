//! Binary trajectories: NetCDF classic (CDF-2) in the AMBER convention, as OVITO and ASE read it:
//! <https://ambermd.org/netcdf/nctraj.xhtml>.
//!
//! Beyond the convention the file holds what a run needs to be read back: `step`, `cell_origin`,
//! the exact box (`cell_edges`: lx ly lz xy xz yz), and per atom `species_index` (counted from
//! 0), `atom_id`, `charge`, `diameter`, with the names and masses of the species. `atom_types` are
//! atomic numbers, as ASE has it, or counted from 1 if a species is no element. Every frame has the
//! same size, so the file can be cut back to any number of frames; its bytes depend on nothing but
//! the frames in it.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::declared_units::{Conversion, named, not_understood};
use super::netcdf::{Attribute, Header, Kind, RECORD_COUNT_OFFSET, Variable};
use super::text::{assemble, checked_box, read_error};
use super::{Frame, write_atomically};
use crate::error::{Error, Result};
use crate::system::{
    SimulationBox, Species, Structure, UnitSystem, atomic_number, symbol_of_number,
};

const PROGRAM: &str = "fulgurite";

/// Floating-point type of positions and velocities in a trajectory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FramePrecision {
    /// 4 bytes, relative rounding 6·10⁻⁸: 1.5·10⁻⁵ Å at 240 Å.
    #[default]
    Single,
    /// 8 bytes, exact.
    Double,
}

/// How a trajectory is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrajectoryOptions {
    /// Units named in the file.
    pub units: UnitSystem,
    /// Type of positions and velocities.
    pub precision: FramePrecision,
    /// Whether frames have velocities.
    pub velocities: bool,
}

/// Appends frames to a trajectory.
#[derive(Debug)]
pub struct TrajectoryWriter {
    file: File,
    path: PathBuf,
    header: Header,
    atoms: usize,
}

impl TrajectoryWriter {
    /// Creates a trajectory of these atoms without frames, replacing a file of that name.
    pub fn create(
        path: impl AsRef<Path>,
        structure: &Structure,
        options: &TrajectoryOptions,
    ) -> Result<Self> {
        let path = path.as_ref();
        let (_, start) = encode_start(structure, options)?;
        write_atomically(path, |w| w.write_all(&start))?;
        Self::open_at(path, 0)
    }

    /// Opens a trajectory written by this program and cuts it back to `frames` frames, so that a
    /// resumed run continues as if it had never stopped.
    pub fn open_at(path: impl AsRef<Path>, frames: u64) -> Result<Self> {
        let path = path.as_ref();
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(|e| Error::io("read", path, e))?;
        let length = file.metadata().map_err(|e| Error::io("read", path, e))?.len();
        let header = Header::decode(BufReader::new(&mut file), length)
            .map_err(|e| read_error(path, 0, e))?;
        if header.attribute("program").map(Attribute::as_text).as_deref() != Some(PROGRAM) {
            return Err(Error::format(
                path,
                0,
                "this trajectory was written by another program and cannot be continued",
            ));
        }
        let atoms = header.length_of("atom").unwrap_or(0) as usize;
        let mut writer = Self { file, path: path.into(), header, atoms };
        let frames32 = u32::try_from(frames).ok().filter(|&n| n < u32::MAX);
        let wanted = frames32.and_then(|_| {
            writer
                .header
                .record_size()
                .checked_mul(frames)?
                .checked_add(writer.header.records_begin())
        });
        match (frames32, wanted) {
            (Some(frames), Some(wanted)) if wanted <= length => {
                writer.header.record_count = frames;
                writer.file.set_len(wanted).map_err(|e| Error::io("write", path, e))?;
                writer.write_count()?;
                Ok(writer)
            }
            _ => Err(Error::format(
                path,
                0,
                format!(
                    "the trajectory has fewer than the {frames} frames it should be cut back to"
                ),
            )),
        }
    }

    /// Appends a frame. Unwrapped positions keep displacements; wrapped ones are as valid.
    pub fn append_frame(
        &mut self,
        step: u64,
        time: f64,
        simulation_box: &SimulationBox,
        positions: &[[f64; 3]],
        velocities: Option<&[[f64; 3]]>,
    ) -> Result<()> {
        let wrong =
            |what: String| Err(Error::input(what, "give what the trajectory was created for"));
        if positions.len() != self.atoms || velocities.is_some_and(|v| v.len() != self.atoms) {
            return wrong(format!("a frame of {} atoms for {}", positions.len(), self.atoms));
        }
        if velocities.is_some() != self.header.find("velocities").is_some() {
            return wrong("a frame with other columns than the trajectory".into());
        }
        if self.header.record_count >= u32::MAX - 1 {
            return wrong("the trajectory is full".into());
        }
        let bytes = encode_frame(&self.header, step, time, simulation_box, positions, velocities);
        // The count is raised only after the frame is in the file: a reader, or a run killed in
        // between, sees whole frames.
        let end = self.byte_length();
        self.write_at(end, &bytes)?;
        self.header.record_count += 1;
        self.write_count()
    }

    /// Frames in the file.
    pub fn frames(&self) -> u64 {
        u64::from(self.header.record_count)
    }

    /// Length of the file in bytes.
    pub fn byte_length(&self) -> u64 {
        self.header.records_begin() + self.frames() * self.header.record_size()
    }

    /// Waits until all frames are on the disk, as needed before a checkpoint counts on them.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(|e| Error::io("write", &self.path, e))
    }

    fn write_count(&mut self) -> Result<()> {
        let count = self.header.record_count.to_be_bytes();
        self.write_at(RECORD_COUNT_OFFSET, &count)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.file
            .seek(SeekFrom::Start(offset))
            .and_then(|_| self.file.write_all(bytes))
            .map_err(|e| Error::io("write", &self.path, e))
    }
}

/// Writes a trajectory of one frame, atomically.
pub(super) fn write_single(
    path: &Path,
    structure: &Structure,
    options: &TrajectoryOptions,
) -> Result<()> {
    structure.check_finite()?;
    let (mut header, mut bytes) = encode_start(structure, options)?;
    let unwrapped: Vec<[f64; 3]> = (0..structure.len()).map(|n| structure.unwrapped(n)).collect();
    let velocities = structure.velocities.as_deref();
    bytes.extend(encode_frame(&header, 0, 0.0, &structure.simulation_box, &unwrapped, velocities));
    header.record_count = 1;
    let start = header.encode();
    bytes[..start.len()].copy_from_slice(&start);
    write_atomically(path, |w| w.write_all(&bytes))
}

/// The header and everything before the first frame.
fn encode_start(structure: &Structure, options: &TrajectoryOptions) -> Result<(Header, Vec<u8>)> {
    let atoms = u32::try_from(structure.len()).ok().filter(|&n| n > 0 && n < 1 << 27);
    let Some(atoms) = atoms.filter(|_| !structure.species.is_empty()) else {
        return Err(Error::input(
            format!("a trajectory cannot hold {} atoms", structure.len()),
            "write between 1 and 134,217,727 atoms",
        ));
    };
    let (length, time, speed) = match options.units {
        // The convention's own words, which MDAnalysis checks.
        UnitSystem::Metal => ("angstrom", "picosecond", "angstrom/picosecond"),
        UnitSystem::Lj => ("lj", "lj", "lj"),
    };
    let real = match options.precision {
        FramePrecision::Single => Kind::Float,
        FramePrecision::Double => Kind::Double,
    };
    let label_length = structure.species.iter().map(|s| s.name.len()).max().unwrap_or(0).max(1);
    let mut h = Header::default();
    for (name, text) in [
        ("Conventions", "AMBER"),
        ("ConventionVersion", "1.0"),
        ("program", PROGRAM),
        ("programVersion", env!("CARGO_PKG_VERSION")),
        ("title", "trajectory"),
    ] {
        h.attributes.push(Attribute::text(name, text));
    }
    let frame = h.dimension("frame", 0);
    let spatial = h.dimension("spatial", 3);
    let atom = h.dimension("atom", atoms);
    let cell_spatial = h.dimension("cell_spatial", 3);
    let cell_angular = h.dimension("cell_angular", 3);
    let label = h.dimension("label", 5);
    let cell_edge = h.dimension("cell_edge", 6);
    let species = h.dimension("species", structure.species.len() as u32);
    let species_label = h.dimension("species_label", label_length as u32);
    h.variable("spatial", Kind::Char, &[spatial], "");
    h.variable("cell_spatial", Kind::Char, &[cell_spatial], "");
    h.variable("cell_angular", Kind::Char, &[cell_angular, label], "");
    h.variable("species_name", Kind::Char, &[species, species_label], "");
    h.variable("species_mass", Kind::Double, &[species], "");
    h.variable("species_index", Kind::Int, &[atom], "");
    h.variable("atom_types", Kind::Int, &[atom], "");
    h.variable("atom_id", Kind::Double, &[atom], "");
    if structure.ids.iter().all(|&id| i32::try_from(id).is_ok()) {
        // An integer column is what other programs take for identifiers.
        if let Some(id) = h.variables.last_mut() {
            id.kind = Kind::Int;
        }
    }
    if structure.charges.is_some() {
        h.variable("charge", Kind::Double, &[atom], "");
    }
    if structure.diameters.is_some() {
        h.variable("diameter", Kind::Double, &[atom], length);
    }
    h.variable("time", Kind::Double, &[frame], time);
    h.variable("step", Kind::Double, &[frame], "");
    h.variable("cell_lengths", Kind::Double, &[frame, cell_spatial], length);
    h.variable("cell_angles", Kind::Double, &[frame, cell_angular], "degree");
    h.variable("cell_origin", Kind::Double, &[frame, spatial], length);
    h.variable("cell_edges", Kind::Double, &[frame, cell_edge], length);
    h.variable("coordinates", real, &[frame, atom, spatial], length);
    if options.velocities {
        h.variable("velocities", real, &[frame, atom, spatial], speed);
    }
    h.place_variables();

    let numbers: Option<Vec<u32>> =
        structure.species.iter().map(|s| atomic_number(&s.name)).collect();
    let numbers = numbers.unwrap_or_else(|| (1..).take(structure.species.len()).collect());
    let mut bytes = h.encode();
    for variable in h.variables.iter().filter(|v| !h.is_record(v)) {
        let mut put = |values: &mut dyn Iterator<Item = f64>| {
            values.for_each(|x| variable.kind.encode(x, &mut bytes));
        };
        let text = |t: &str, width: usize| {
            let mut padded = t.as_bytes().to_vec();
            padded.resize(width, 0);
            padded.into_iter().map(f64::from)
        };
        match variable.name.as_str() {
            "spatial" => put(&mut text("xyz", 3)),
            "cell_spatial" => put(&mut text("abc", 3)),
            "cell_angular" => put(&mut text("alphabeta gamma", 15)),
            "species_name" => {
                put(&mut structure.species.iter().flat_map(|s| text(&s.name, label_length)));
            }
            // Zero stands for an unknown mass.
            "species_mass" => put(&mut structure.species.iter().map(|s| s.mass.unwrap_or(0.0))),
            "species_index" => put(&mut structure.kinds.iter().map(|&k| f64::from(k))),
            "atom_types" => {
                put(&mut structure.kinds.iter().map(|&k| f64::from(numbers[usize::from(k)])));
            }
            "atom_id" => put(&mut structure.ids.iter().map(|&id| id as f64)),
            "charge" => put(&mut structure.charges.iter().flatten().copied()),
            "diameter" => put(&mut structure.diameters.iter().flatten().copied()),
            name => unreachable!("variable {name} is not defined above"),
        }
        bytes.resize(bytes.len().div_ceil(4) * 4, 0);
    }
    Ok((h, bytes))
}

fn encode_frame(
    header: &Header,
    step: u64,
    time: f64,
    cell: &SimulationBox,
    positions: &[[f64; 3]],
    velocities: Option<&[[f64; 3]]>,
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(header.record_size() as usize);
    let [a, b, c] = cell.vectors();
    let dot = |u: [f64; 3], v: [f64; 3]| u[0] * v[0] + u[1] * v[1] + u[2] * v[2];
    let norm = |v: [f64; 3]| dot(v, v).sqrt();
    let angle = |u, v| {
        let cosine = dot(u, v) / (norm(u) * norm(v));
        if cosine == 0.0 { 90.0 } else { cosine.clamp(-1.0, 1.0).acos().to_degrees() }
    };
    let small: [(&str, &[f64]); 6] = [
        ("time", &[time]),
        ("step", &[step as f64]),
        ("cell_lengths", &[norm(a), norm(b), norm(c)]),
        ("cell_angles", &[angle(b, c), angle(a, c), angle(a, b)]),
        ("cell_origin", &cell.origin),
        ("cell_edges", &[cell.lengths, cell.tilts].concat()),
    ];
    for variable in header.variables.iter().filter(|v| header.is_record(v)) {
        let rows = match variable.name.as_str() {
            "coordinates" => positions,
            "velocities" => velocities.unwrap_or(&[]),
            _ => &[],
        };
        for &x in rows.as_flattened() {
            variable.kind.encode(x, &mut bytes);
        }
        for (_, values) in small.iter().filter(|(name, _)| *name == variable.name) {
            values.iter().for_each(|&x| variable.kind.encode(x, &mut bytes));
        }
    }
    bytes
}

trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

/// Reads the frames of a NetCDF trajectory, in any order.
pub struct TrajectoryReader {
    source: Box<dyn ReadSeek>,
    length: u64,
    path: PathBuf,
    header: Header,
    atoms: usize,
    species: Vec<Species>,
    kinds: Vec<u16>,
    ids: Option<Vec<f64>>,
    charges: Option<Vec<f64>>,
    diameters: Option<Vec<f64>>,
    conversion: Conversion,
}

impl TrajectoryReader {
    /// Opens a trajectory written by this or another program in the AMBER convention.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
        let length = file.metadata().map_err(|e| Error::io("read", path, e))?.len();
        Self::new(Box::new(BufReader::new(file)), length, path)
    }

    /// Reads a trajectory held in memory; `path` is only for messages.
    pub fn from_bytes(bytes: Vec<u8>, path: &Path) -> Result<Self> {
        let length = bytes.len() as u64;
        Self::new(Box::new(Cursor::new(bytes)), length, path)
    }

    fn new(mut source: Box<dyn ReadSeek>, length: u64, path: &Path) -> Result<Self> {
        let header = Header::decode(&mut source, length).map_err(|e| read_error(path, 0, e))?;
        let atoms = header.length_of("atom").unwrap_or(0) as usize;
        let mut reader = Self {
            source,
            length,
            path: path.into(),
            header,
            atoms,
            species: Vec::new(),
            kinds: Vec::new(),
            ids: None,
            charges: None,
            diameters: None,
            conversion: Conversion::NONE,
        };
        if atoms == 0 || reader.header.find("coordinates").is_none() {
            return Err(reader.error("there are no `coordinates` of atoms"));
        }
        reader.conversion = reader.conversion()?;
        reader.read_species()?;
        reader.ids = reader.per_atom("atom_id")?;
        reader.charges = reader.per_atom("charge")?;
        reader.diameters = reader.per_atom("diameter")?;
        Ok(reader)
    }

    /// Frames in the file.
    pub fn frames(&self) -> u64 {
        u64::from(self.header.record_count)
    }

    /// Atoms in each frame.
    pub fn atoms(&self) -> usize {
        self.atoms
    }

    /// The unit system, as far as the unit of the coordinates tells it.
    pub fn units(&self) -> Option<UnitSystem> {
        named(&self.unit_of("coordinates").or_else(|| self.unit_of("cell_lengths"))?)
    }

    fn unit_of(&self, variable: &str) -> Option<String> {
        let attributes = &self.header.find(variable)?.attributes;
        let text = attributes.iter().find(|a| a.name == "units")?.as_text();
        Some(text.trim_matches(['\0', ' ']).to_owned())
    }

    /// By the units the variables name; LAMMPS names those of lengths and times, and femtoseconds for
    /// its `real` units only.
    fn conversion(&self) -> Result<Conversion> {
        let length = self.unit_of("coordinates").or_else(|| self.unit_of("cell_lengths"));
        let others =
            ["bohr", "meter", "centimeter", "nanometer", "micrometer", "m", "cm", "nm", "um"];
        if let Some(length) = length.filter(|l| others.contains(&l.to_lowercase().as_str())) {
            return Err(self.error(not_understood(&length)));
        }
        let is_femto = |unit: &str| unit.contains("femtosecond") || unit.ends_with("fs");
        let femtoseconds = self.unit_of("time").is_some_and(|unit| is_femto(&unit));
        if !femtoseconds {
            return Ok(Conversion::NONE);
        }
        let velocity = match self.unit_of("velocities") {
            Some(unit) if !is_femto(&unit) => 1.0,
            _ => Conversion::REAL.velocity,
        };
        Ok(Conversion { velocity, ..Conversion::REAL })
    }

    /// Step and time of frame `frame`, counted from 0, without its atoms.
    pub fn moment(&mut self, frame: u64) -> Result<(Option<u64>, Option<f64>)> {
        if frame >= self.frames() {
            return Err(self.error(format!("there is no frame {frame}")));
        }
        let time = self.numbers("time", frame, 1)?.map(|t| t[0] * self.conversion.time);
        let step = self.numbers("step", frame, 1)?.map(|s| s[0] as u64);
        Ok((step, time))
    }

    /// Reads frame `frame`, counted from 0.
    pub fn frame(&mut self, frame: u64) -> Result<Frame> {
        if frame >= self.frames() {
            return Err(self.error(format!("there is no frame {frame}")));
        }
        let cell = self.cell(frame)?;
        let Some(positions) = self.vectors("coordinates", frame)? else {
            return Err(self.error("there are no `coordinates`"));
        };
        let assembled = assemble(cell, self.species.clone(), self.kinds.clone(), positions, None);
        let mut structure = assembled.map_err(|e| self.error(format!("frame {frame}: {e}")))?;
        let Conversion { velocity, force, .. } = self.conversion;
        let scaled = |mut rows: Vec<[f64; 3]>, by: f64| {
            rows.as_flattened_mut().iter_mut().for_each(|x| *x *= by);
            rows
        };
        structure.velocities = self.vectors("velocities", frame)?.map(|v| scaled(v, velocity));
        structure.check_finite().map_err(|e| self.error(format!("frame {frame}: {e}")))?;
        let forces = self.vectors("forces", frame)?.map(|f| scaled(f, force));
        if let Some(ids) = &self.ids {
            structure.ids = ids.iter().map(|&id| id as u64).collect();
        }
        structure.charges.clone_from(&self.charges);
        structure.diameters.clone_from(&self.diameters);
        let (step, time) = self.moment(frame)?;
        // Neither the convention nor LAMMPS says whether coordinates are wrapped.
        Ok(Frame { step, time, forces, unwrapped: false, structure })
    }

    fn error(&self, what: impl Into<String>) -> Error {
        Error::format(&self.path, 0, what)
    }

    fn cell(&mut self, frame: u64) -> Result<SimulationBox> {
        let three = |v: &[f64]| [v[0], v[1], v[2]];
        let origin = self.numbers("cell_origin", frame, 3)?.map_or([0.0; 3], |o| three(&o));
        let (lengths, tilts) = if let Some(edges) = self.numbers("cell_edges", frame, 6)? {
            (three(&edges), three(&edges[3..]))
        } else {
            let lengths = self.numbers("cell_lengths", frame, 3)?;
            let angles = self.numbers("cell_angles", frame, 3)?;
            let (Some(lengths), Some(angles)) = (lengths, angles) else {
                return Err(self.error("the trajectory has no periodic box"));
            };
            edges_of_angles(three(&lengths), three(&angles))
        };
        checked_box(origin, lengths, tilts).map_err(|e| self.error(format!("frame {frame}: {e}")))
    }

    /// Species from this program's own variables, from atomic numbers, or from type numbers.
    fn read_species(&mut self) -> Result<()> {
        let candidates =
            [("species_index", false), ("atom_types", true), ("Z", true), ("type", false)];
        let present = |(name, _): &(&str, bool)| self.header.find(name).is_some();
        let Some((name, elements)) = candidates.into_iter().find(present) else {
            return Err(self.error(
                "the trajectory names no species: it has neither `atom_types`, `type` nor `Z`",
            ));
        };
        let mut types = self.per_atom(name)?.unwrap_or_default();
        if name == "species_index" {
            types.iter_mut().for_each(|kind| *kind += 1.0);
        }
        let mut numbers = Vec::with_capacity(types.len());
        for kind in types {
            if !(kind >= 1.0 && kind < f64::from(u16::MAX)) {
                return Err(self.error(format!("the atom type {kind} is out of range")));
            }
            numbers.push(kind as u16);
        }
        if elements {
            let mut seen = numbers.clone();
            seen.sort_unstable();
            seen.dedup();
            for &number in &seen {
                let symbol = symbol_of_number(number.into())
                    .ok_or_else(|| self.error(format!("{number} is not an atomic number")))?;
                self.species.push(Species { name: symbol.into(), mass: None });
            }
            self.kinds = numbers.iter().map(|n| seen.partition_point(|s| s < n) as u16).collect();
            return Ok(());
        }
        let names = self.species_names()?;
        let masses = self.fixed("species_mass")?.unwrap_or_default();
        let largest = usize::from(numbers.iter().copied().max().unwrap_or(0));
        for n in 0..largest.max(names.len()) {
            let name = names.get(n).filter(|name| !name.is_empty()).cloned();
            self.species.push(Species {
                name: name.unwrap_or_else(|| format!("type{}", n + 1)),
                mass: masses.get(n).copied().filter(|&m| m > 0.0 && m.is_finite()),
            });
        }
        self.kinds = numbers.iter().map(|&n| n - 1).collect();
        Ok(())
    }

    fn species_names(&mut self) -> Result<Vec<String>> {
        let Some(variable) = self.header.find("species_name").cloned() else {
            return Ok(Vec::new());
        };
        let width = match variable.dimensions.as_slice() {
            [_, label] => self.header.dimensions[*label].1.max(1) as usize,
            _ => return Err(self.error("`species_name` is not a list of names")),
        };
        if self.header.is_record(&variable) || variable.kind != Kind::Char {
            return Err(self.error("`species_name` is not a list of names"));
        }
        let bytes = self.bytes(&variable, 0)?;
        let name =
            |label: &[u8]| String::from_utf8_lossy(label).trim_matches(['\0', ' ']).to_owned();
        let names: Vec<String> = bytes.chunks(width).map(name).collect();
        if names.len() > usize::from(u16::MAX) {
            return Err(self.error("there are too many species"));
        }
        Ok(names)
    }

    /// A fixed variable of one number an atom, or the same of the first frame.
    fn per_atom(&mut self, name: &str) -> Result<Option<Vec<f64>>> {
        let record = self.header.find(name).is_some_and(|v| self.header.is_record(v));
        if record && self.header.record_count == 0 {
            return Ok(None);
        }
        self.numbers(name, 0, self.atoms)
    }

    fn fixed(&mut self, name: &str) -> Result<Option<Vec<f64>>> {
        let count = self
            .header
            .find(name)
            .filter(|v| !self.header.is_record(v))
            .map_or(0, |v| self.header.count(v));
        if count == 0 {
            return Ok(None);
        }
        self.numbers(name, 0, usize::try_from(count).unwrap_or(usize::MAX))
    }

    fn vectors(&mut self, name: &str, frame: u64) -> Result<Option<Vec<[f64; 3]>>> {
        let numbers = self.numbers(name, frame, self.atoms.saturating_mul(3))?;
        Ok(numbers.map(|flat| flat.as_chunks::<3>().0.to_vec()))
    }

    /// `count` numbers of a variable in a frame; `None` if there is no such variable.
    fn numbers(&mut self, name: &str, frame: u64, count: usize) -> Result<Option<Vec<f64>>> {
        let Some(variable) = self.header.find(name).cloned() else {
            return Ok(None);
        };
        if self.header.count(&variable) != count as u64 || variable.kind == Kind::Char {
            return Err(self.error(format!("`{name}` does not have {count} numbers")));
        }
        let bytes = self.bytes(&variable, frame)?;
        let mut values = variable.kind.decode(&bytes);
        let scale = variable.attributes.iter().find(|a| a.name == "scale_factor");
        if let Some(scale) = scale.and_then(Attribute::as_number).filter(|&s| s != 1.0) {
            values.iter_mut().for_each(|x| *x *= scale);
        }
        if let Some(bad) = values.iter().find(|x| !x.is_finite()) {
            return Err(self.error(format!("frame {frame}: `{name}` has the value {bad}")));
        }
        Ok(Some(values))
    }

    fn bytes(&mut self, variable: &Variable, frame: u64) -> Result<Vec<u8>> {
        let size = self.header.count(variable).saturating_mul(variable.kind.size());
        let record = if self.header.is_record(variable) { frame } else { 0 };
        let offset =
            record.saturating_mul(self.header.record_size()).saturating_add(variable.begin);
        // Checked before anything is allocated: sizes in a header are only claims.
        if offset.saturating_add(size) > self.length {
            return Err(
                self.error(format!("the file ends before `{}` of frame {frame}", variable.name))
            );
        }
        let mut bytes = vec![0; size as usize];
        self.source
            .seek(SeekFrom::Start(offset))
            .and_then(|_| self.source.read_exact(&mut bytes))
            .map_err(|e| read_error(&self.path, 0, e))?;
        Ok(bytes)
    }
}

/// Edge lengths and tilts of a cell given by |a|, |b|, |c| and α, β, γ in degrees.
fn edges_of_angles(lengths: [f64; 3], angles: [f64; 3]) -> ([f64; 3], [f64; 3]) {
    let [a, b, c] = lengths;
    let cosine = |degrees: f64| if degrees == 90.0 { 0.0 } else { degrees.to_radians().cos() };
    let [alpha, beta, gamma] = angles.map(cosine);
    let (xy, xz) = (b * gamma, c * beta);
    let ly = (b * b - xy * xy).sqrt();
    let yz = (b * c * alpha - xy * xz) / ly;
    let lz = (c * c - xz * xz - yz * yz).sqrt();
    ([a, ly, lz], [xy, xz, yz])
}
