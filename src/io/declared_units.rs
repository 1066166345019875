//! The units that a file says it is written in.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::text::{decompressed, read_error, shorten};
use super::{StructureFormat, TrajectoryReader};
use crate::error::{Error, Result};
use crate::system::UnitSystem;

/// Bytes in which a text file may say it.
const BEGINNING: u64 = 1 << 16;

/// From the units of a file to those of the program, where they are not the same already.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Conversion {
    pub time: f64,
    pub velocity: f64,
    pub force: f64,
}

impl Conversion {
    pub const NONE: Self = Self { time: 1.0, velocity: 1.0, force: 1.0 };
    /// LAMMPS `real`: Å, fs, Å/fs, kcal/(mol Å); 1 kcal/mol = 4184 J/(N_A e) eV.
    pub const REAL: Self = Self { time: 1e-3, velocity: 1e3, force: 4184.0 / 96_485.332_123 };

    /// That of a unit style of LAMMPS (<https://docs.lammps.org/units.html>); `None` for a style that
    /// is not understood.
    pub fn of_style(style: &str) -> Option<Self> {
        match style {
            "metal" | "lj" => Some(Self::NONE),
            "real" => Some(Self::REAL),
            _ => None,
        }
    }
}

/// What there is to say of units that are not understood.
pub(super) fn not_understood(units: &str) -> String {
    format!("the units are `{}`; write the file in metal, real or lj units", shorten(units))
}

/// The unit style in the first line of LAMMPS data; `None` where none is named. LAMMPS writes
/// `units = real` there, other programs whatever they like.
pub(super) fn style_of_title(title: &str) -> Option<&str> {
    let mut words = title.split(|c: char| c.is_whitespace() || c == ',' || c == '=');
    words.find(|word| *word == "units")?;
    let style = words.find(|word| !word.is_empty())?;
    let known = ["lj", "real", "metal", "si", "cgs", "electron", "micro", "nano"];
    known.contains(&style).then_some(style)
}

/// The unit system that a file names, as it is read: in the first line of LAMMPS data (LAMMPS writes
/// `units = lj` there), as `ITEM: UNITS` of a dump, as the unit of length of extended XYZ or NetCDF.
/// `real` is read as `metal`; other systems are refused where the file is read. `None` where a file
/// names none.
pub fn declared_units(path: impl AsRef<Path>) -> Result<Option<UnitSystem>> {
    let path = path.as_ref();
    let format = StructureFormat::from_path(path)?;
    if format == StructureFormat::NetCdf {
        return Ok(TrajectoryReader::open(path)?.units());
    }
    let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
    let mut bytes = Vec::new();
    decompressed(file)
        .and_then(|reader| reader.take(BEGINNING).read_to_end(&mut bytes))
        .map_err(|e| read_error(path, 1, e))?;
    Ok(in_text(format, &String::from_utf8_lossy(&bytes)))
}

/// The unit system that some files name, if any does; an error if they name different ones.
pub fn common_units<'a>(files: impl IntoIterator<Item = &'a Path>) -> Result<Option<UnitSystem>> {
    let mut said: Option<(UnitSystem, &Path)> = None;
    for path in files {
        let Some(units) = declared_units(path)? else { continue };
        match said {
            Some((others, first)) if others != units => {
                return Err(Error::input(
                    format!("{} and {} are in different units", first.display(), path.display()),
                    "take files of one system of units at a time",
                ));
            }
            _ => said = Some((units, path)),
        }
    }
    Ok(said.map(|(units, _)| units))
}

fn in_text(format: StructureFormat, text: &str) -> Option<UnitSystem> {
    let mut lines = text.lines();
    let first = lines.next()?;
    match format {
        StructureFormat::LammpsData => named(style_of_title(first)?),
        StructureFormat::LammpsDump if first.trim() == "ITEM: UNITS" => named(lines.next()?.trim()),
        StructureFormat::ExtendedXyz => {
            let (_, unit) = lines.next()?.split_once("length_unit=")?;
            named(unit.split(|c: char| c == '"' || c.is_whitespace()).find(|u| !u.is_empty())?)
        }
        _ => None,
    }
}

/// A unit system by its own name or that of its length.
pub(super) fn named(word: &str) -> Option<UnitSystem> {
    match word {
        "lj" => Some(UnitSystem::Lj),
        "metal" | "real" | "Å" | "angstrom" | "Angstrom" => Some(UnitSystem::Metal),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::write_structure;
    use crate::system::{SimulationBox, Species, Structure};

    #[test]
    fn every_file_of_ours_says_its_units() {
        let cell = SimulationBox::cubic(5.0).expect("box");
        let species = vec![Species { name: "A".into(), mass: Some(1.0) }];
        let one = Structure::new(cell, species, vec![0], vec![[0.5; 3]]).expect("sound");
        let directory = tempfile::tempdir().expect("a directory");
        for units in [UnitSystem::Metal, UnitSystem::Lj] {
            for name in ["a.data", "a.data.gz", "a.dump", "a.xyz", "a.nc"] {
                let path = directory.path().join(name);
                write_structure(&path, &one, units).expect("written");
                assert_eq!(declared_units(&path).expect("read"), Some(units), "{name}");
            }
        }
    }

    #[test]
    fn files_of_others_are_understood_or_say_nothing() {
        use StructureFormat::{ExtendedXyz, LammpsData, LammpsDump};
        let data = "LAMMPS data file via write_data, version 2 Aug 2023, timestep = 5, units = ";
        for (format, text, wanted) in [
            (LammpsData, format!("{data}lj\n"), Some(UnitSystem::Lj)),
            (LammpsData, format!("{data}metal\n"), Some(UnitSystem::Metal)),
            (LammpsData, format!("{data}real\n"), Some(UnitSystem::Metal)),
            (LammpsData, "a glass in units of its own\n".to_owned(), None),
            (LammpsDump, "ITEM: UNITS\nreal\n".to_owned(), Some(UnitSystem::Metal)),
            (LammpsData, "units".to_owned(), None),
            (LammpsData, "a glass\n\nunits lj\n".to_owned(), None),
            (LammpsDump, "ITEM: UNITS\nlj\n".to_owned(), Some(UnitSystem::Lj)),
            (LammpsDump, "ITEM: TIMESTEP\n0\n".to_owned(), None),
            (ExtendedXyz, "1\nLattice=\"5 0 0 0 5 0 0 0 5\"\n".to_owned(), None),
            (ExtendedXyz, String::new(), None),
        ] {
            assert_eq!(in_text(format, &text), wanted, "{text}");
        }
    }
}
