//! Structures and trajectories on disk: LAMMPS data and dump, extended XYZ (each also gzipped),
//! and a binary NetCDF trajectory.
//!
//! Readers take any bytes and answer with a structure or an error that names file and line; they
//! never panic and never allocate on the word of a count in the file. Writers replace a file
//! atomically.

mod atomic_file;
mod declared_units;
mod extxyz;
mod lammps_data;
mod lammps_dump;
mod netcdf;
mod npy;
mod order;
mod text;
mod trajectory;

use std::fs::File;
use std::io::Read;
use std::path::Path;

pub use atomic_file::{AtomicFile, write_atomically};
pub use declared_units::{common_units, declared_units};
pub use extxyz::{ExtendedXyzReader, write_extended_xyz_frame, write_forces_extxyz};
pub use lammps_data::{read_lammps_data, write_lammps_data};
pub use lammps_dump::{DumpReader, write_dump_frame};
pub use npy::{NpyArray, NpyRows, parse_npy, read_npy, write_npy_f32, write_npy_f64};
pub use order::in_one_order;
pub use trajectory::{FramePrecision, TrajectoryOptions, TrajectoryReader, TrajectoryWriter};

use crate::error::{Error, Result};
use crate::system::{Structure, UnitSystem};

/// A file format for structures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StructureFormat {
    /// LAMMPS data file: `.data`, `.lmp`.
    LammpsData,
    /// LAMMPS text dump: `.dump`, `.lammpstrj`.
    LammpsDump,
    /// Extended XYZ: `.xyz`, `.extxyz`.
    ExtendedXyz,
    /// Binary trajectory, AMBER NetCDF: `.nc`, `.ncdf`.
    NetCdf,
}

impl StructureFormat {
    /// The format a file name stands for; a final `.gz` is skipped.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
        let (name, gzip) = match name.strip_suffix(".gz") {
            Some(stem) => (stem, true),
            None => (name.as_str(), false),
        };
        match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("data" | "lmp") => Ok(Self::LammpsData),
            Some("dump" | "lammpstrj") => Ok(Self::LammpsDump),
            Some("xyz" | "extxyz") => Ok(Self::ExtendedXyz),
            Some("nc" | "ncdf") if !gzip => Ok(Self::NetCdf),
            _ => Err(Error::input(
                format!("cannot tell the format of {} from its name", path.display()),
                "name it .data or .lmp (LAMMPS data), .dump or .lammpstrj (LAMMPS dump), .xyz or \
                 .extxyz (extended XYZ), each with .gz if you like, or .nc (NetCDF trajectory)",
            )),
        }
    }
}

/// A structure with what a trajectory file says about its moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Step of the run, if the file says so.
    pub step: Option<u64>,
    /// Time (metal: ps), if the file says so.
    pub time: Option<f64>,
    /// Forces (metal: eV/Å), if the file has them.
    pub forces: Option<Vec<[f64; 3]>>,
    /// Whether the file says how often each atom has crossed the box, by image flags or unwrapped
    /// coordinates. Otherwise images only say how far outside of the box an atom was written.
    pub unwrapped: bool,
    /// The atoms.
    pub structure: Structure,
}

/// Frames of a file, one at a time.
pub type Frames = Box<dyn Iterator<Item = Result<Frame>>>;

/// Reads a structure; of several frames in the file, the last.
pub fn read_structure(path: impl AsRef<Path>) -> Result<Structure> {
    let path = path.as_ref();
    let format = StructureFormat::from_path(path)?;
    if format == StructureFormat::NetCdf {
        let mut reader = TrajectoryReader::open(path)?;
        let Some(last) = reader.frames().checked_sub(1) else {
            return Err(Error::format(path, 0, "the trajectory has no frames"));
        };
        return Ok(reader.frame(last)?.structure);
    }
    let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
    read_structure_from(file, format, path)
}

/// Reads a structure from bytes (gzipped or not); `path` is only for messages. Of several frames,
/// the last is returned and the others are checked too.
pub fn read_structure_from<R: Read>(
    reader: R,
    format: StructureFormat,
    path: &Path,
) -> Result<Structure> {
    if format == StructureFormat::NetCdf {
        // The layout needs random access; trajectories of this size are opened by path.
        let mut bytes = Vec::new();
        let mut reader = reader;
        reader.read_to_end(&mut bytes).map_err(|e| text::read_error(path, 0, e))?;
        let mut trajectory = TrajectoryReader::from_bytes(bytes, path)?;
        let mut last = None;
        for frame in 0..trajectory.frames() {
            last = Some(trajectory.frame(frame)?.structure);
        }
        return last.ok_or_else(|| Error::format(path, 0, "the trajectory has no frames"));
    }
    let mut last = None;
    for frame in frames_from(reader, format, path)? {
        last = Some(frame?.structure);
    }
    last.ok_or_else(|| Error::format(path, 1, "the file has no atoms"))
}

/// Opens a file as a sequence of frames, whatever its format. Atoms come in the order of the first
/// frame where the file identifies them.
pub fn read_frames(path: impl AsRef<Path>) -> Result<Frames> {
    let path = path.as_ref();
    let format = StructureFormat::from_path(path)?;
    if format == StructureFormat::NetCdf {
        let mut reader = TrajectoryReader::open(path)?;
        return Ok(Box::new((0..reader.frames()).map(move |frame| reader.frame(frame))));
    }
    let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
    Ok(Box::new(in_one_order(frames_from(file, format, path)?)))
}

fn frames_from<'a, R: Read + 'a>(
    reader: R,
    format: StructureFormat,
    path: &Path,
) -> Result<Box<dyn Iterator<Item = Result<Frame>> + 'a>> {
    let reader = text::decompressed(reader).map_err(|e| text::read_error(path, 1, e))?;
    Ok(match format {
        StructureFormat::LammpsDump => Box::new(DumpReader::new(reader, path)),
        StructureFormat::ExtendedXyz => Box::new(ExtendedXyzReader::new(reader, path)),
        StructureFormat::LammpsData | StructureFormat::NetCdf => {
            let frame = read_lammps_data(reader, path).map(|structure| Frame {
                step: None,
                time: None,
                forces: None,
                // A single moment has no paths.
                unwrapped: false,
                structure,
            });
            Box::new(std::iter::once(frame))
        }
    })
}

/// Writes a structure in the format its name stands for, atomically. Numbers are written so that
/// reading gives them back to the last bit.
pub fn write_structure(
    path: impl AsRef<Path>,
    structure: &Structure,
    units: UnitSystem,
) -> Result<()> {
    let path = path.as_ref();
    match StructureFormat::from_path(path)? {
        StructureFormat::LammpsData => {
            lammps_data::check_writable(structure)?;
            write_atomically(path, |w| write_lammps_data(w, structure, units))
        }
        StructureFormat::LammpsDump => {
            lammps_data::check_writable(structure)?;
            write_atomically(path, |w| write_dump_frame(w, structure, units, 0))
        }
        StructureFormat::ExtendedXyz => {
            extxyz::check_writable(structure)?;
            write_atomically(path, |w| write_extended_xyz_frame(w, structure, units, None, None))
        }
        StructureFormat::NetCdf => {
            let options = TrajectoryOptions {
                units,
                precision: FramePrecision::Double,
                velocities: structure.velocities.is_some(),
            };
            trajectory::write_single(path, structure, &options)
        }
    }
}

#[cfg(test)]
mod tests;
