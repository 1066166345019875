//! `fulgurite convert`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use fulgurite::Result;
use fulgurite::io::write_structure;
use fulgurite::system::UnitSystem;

use super::Types;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Structure to read: .data, .dump, .xyz, .extxyz (each also .gz) or .nc
    input: PathBuf,
    /// Structure to write; its name says the format
    output: PathBuf,
    /// Unit system named in the output
    #[arg(long, value_enum, default_value = "metal")]
    units: UnitsArgument,
    #[command(flatten)]
    types: Types,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum UnitsArgument {
    Metal,
    Lj,
}

pub fn main(arguments: &Arguments) -> Result<()> {
    let structure = arguments.types.read_structure(&arguments.input)?;
    let units = match arguments.units {
        UnitsArgument::Metal => UnitSystem::Metal,
        UnitsArgument::Lj => UnitSystem::Lj,
    };
    write_structure(&arguments.output, &structure, units)
}
