//! `fulgurite sorption generate`.

use std::path::PathBuf;

use clap::Args;
use fulgurite::io::write_npy_f32;
use fulgurite::sorption::random_lattices_from;
use fulgurite::{Error, Result};

use super::{check_output, parse_size, say};
use crate::cli::progress::counting;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Number of lattices (the thesis tested on 8769)
    #[arg(long, default_value_t = 8769)]
    count: usize,
    /// Size: 20x20 or 8x8x8
    #[arg(long, default_value = "20x20")]
    size: String,
    /// Lowest porosity
    #[arg(long, default_value_t = 0.05)]
    porosity_from: f64,
    /// Highest porosity
    #[arg(long, default_value_t = 0.95)]
    porosity_to: f64,
    /// Seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Array (batch, ny, nx) or (batch, nz, ny, nx)
    #[arg(long, value_name = "OUT.npy")]
    output: PathBuf,
    /// Replace files that exist
    #[arg(long)]
    overwrite: bool,
}

/// Lattices made at a time.
const PORTION: usize = 256;

pub fn main(arguments: &Arguments) -> Result<()> {
    let Arguments { count, seed, output, .. } = arguments;
    check_output(output, "a batch of lattices", &["npy"], arguments.overwrite)?;
    let shape = parse_size(&arguments.size)?;
    let porosity = arguments.porosity_from..arguments.porosity_to;
    if *count == 0 {
        return Err(Error::config(
            "sorption generate",
            "no lattice is asked for",
            "give a --count of at least 1",
        ));
    }
    let mut all: Vec<f32> = Vec::new();
    let numbers = shape.checked_sites()?.checked_mul(*count);
    if numbers.is_none_or(|numbers| all.try_reserve_exact(numbers).is_err()) {
        return Err(Error::config(
            "sorption generate",
            format!("{count} lattices of {:?} sites do not fit into memory", shape.axes()),
            "make several files of different seeds",
        ));
    }
    let bar = counting(Some(*count as u64), "lattices");
    for first in (0..*count).step_by(PORTION) {
        let now = PORTION.min(count - first);
        let part = random_lattices_from(shape, first, now, porosity.clone(), *seed)?;
        all.extend(part.eta().iter().map(|e| *e as f32));
        bar.inc(now as u64);
    }
    bar.finish_and_clear();
    let mut axes = vec![*count];
    axes.extend(shape.axes());
    write_npy_f32(output, &axes, &all)?;
    say(&format!("{count} lattices in {}", output.display()))
}
