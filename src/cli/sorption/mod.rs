//! `fulgurite sorption`.

mod bench;
mod claims;
mod design;
mod generate;
mod gradient;
mod isotherm;
mod pictures;
mod tables;
mod target;
mod validate;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use fulgurite::backend::{Backend, Selection};
use fulgurite::config::{Override, SchemeOptions, SorptionConfig, load_sorption_for};
use fulgurite::sorption::{Isotherms, Lattices, Scheme, Shape, SorptionPlan};
use fulgurite::{Error, Result};
use indicatif::ProgressBar;

use super::{remark, say};

pub use bench::{BenchArguments, bench};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Sorption isotherm of a pore matrix, or of a batch of them
    Isotherm(isotherm::Arguments),
    /// Derivative of a loss of the isotherm with respect to the matrix
    Gradient(gradient::Arguments),
    /// Find a pore matrix for a wanted isotherm
    Design(design::Arguments),
    /// Isotherms to aim at: reference cases by name, random ones from a seed
    Target(target::Arguments),
    /// Random lattices of varied pore size and porosity
    Generate(generate::Arguments),
    /// The truncated scheme against converged densities over random lattices
    Validate(validate::Arguments),
}

/// Options that every question has.
#[derive(Debug, Args)]
struct Common {
    /// Configuration (see configs/sorption-isotherm.toml) [default: the published parameters]
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Replace a value of the configuration: model.wettability=1.2, humidity.steps=80
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Exactly so many plain iterations at each humidity (the published scheme: 100)
    #[arg(long, value_name = "M", conflicts_with = "converged")]
    truncated: Option<u32>,
    /// Converged densities, on the branch for certain (solver.tolerance is kept)
    #[arg(long)]
    converged: bool,
    /// auto, gpu, gpu:N, cpu, cpu:LEVEL or reference
    #[arg(long, default_value = "auto")]
    device: String,
    /// Replace files that exist
    #[arg(long)]
    overwrite: bool,
}

impl Common {
    /// The configuration; `default` is the scheme of a command where nobody asks for one.
    fn config(&self, default: Scheme) -> Result<SorptionConfig> {
        let set = self.set.iter().map(|t| Override::parse(t)).collect::<Result<Vec<_>>>()?;
        let option = match self.truncated {
            Some(iterations) => Some(Scheme::Truncated { iterations }),
            None => self.converged.then_some(Scheme::CONVERGED),
        };
        let options = SchemeOptions { option, default: Some(default) };
        let config = load_sorption_for(self.config.as_deref(), &set, options)?;
        if let Some(notice) = config.model.notice() {
            remark(&format!("note: {notice}"));
        }
        Ok(config)
    }

    fn device(&self) -> Result<Selection> {
        let chosen = fulgurite::backend::select(&self.device)?;
        let name = &chosen.backend.capabilities().name;
        remark(&format!("on {name} ({})", chosen.reason));
        Ok(chosen)
    }

    /// Fails early if an output exists, or if its name does not say one of the formats that
    /// `what` is written in.
    fn check_output(&self, path: Option<&PathBuf>, what: &str, formats: &[&str]) -> Result<()> {
        path.map_or(Ok(()), |path| check_output(path, what, formats, self.overwrite))
    }

    /// Fails early if one of the files of a directory of results exists.
    fn check_free_in<'a>(
        &self,
        directory: &Path,
        mut files: impl Iterator<Item = &'a str>,
    ) -> Result<()> {
        files.try_for_each(|file| check_free(&directory.join(file), self.overwrite))
    }
}

fn check_free(path: &Path, overwrite: bool) -> Result<()> {
    if path.exists() && !overwrite {
        return Err(Error::config(
            path.display().to_string(),
            "the file exists",
            "give another name, or --overwrite to replace it",
        ));
    }
    Ok(())
}

fn check_output(path: &Path, what: &str, formats: &[&str], overwrite: bool) -> Result<()> {
    if !formats.contains(&extension(path).as_str()) {
        let names: Vec<String> = formats.iter().map(|format| format!(".{format}")).collect();
        let names = names.join(" or ");
        return Err(Error::config(
            path.display().to_string(),
            format!("{what} is written as {names}"),
            format!("give a name that ends in {names}"),
        ));
    }
    check_free(path, overwrite)
}

/// The extension of a file in lower case.
fn extension(path: &Path) -> String {
    path.extension().map_or(String::new(), |e| e.to_string_lossy().to_lowercase())
}

/// A size like 20x20 or 10x10x10.
fn parse_size(text: &str) -> Result<Shape> {
    let bad = || {
        Error::config(
            format!("--size {text}"),
            "not a size",
            "write rows x columns as 20x20, or layers x rows x columns as 10x10x10",
        )
    };
    let axes: Vec<usize> = text
        .split('x')
        .map(|word| word.parse().ok().filter(|n| *n > 0).ok_or_else(bad))
        .collect::<Result<_>>()?;
    let shape = match axes[..] {
        [ny, nx] => Shape::square(ny, nx),
        [nz, ny, nx] => Shape::cubic(nz, ny, nx),
        _ => return Err(bad()),
    };
    shape.checked_sites()?;
    Ok(shape)
}

/// How many lattices of which size; of a cubic one also what --batch would make of it.
fn one_of(lattices: &Lattices, batch: bool) -> String {
    let axes: Vec<String> = lattices.shape().axes().iter().map(ToString::to_string).collect();
    let (count, size) = (lattices.count(), axes.join(" × "));
    let hint = match &axes[..] {
        [layers, rows @ ..] if !batch && rows.len() == 2 => {
            format!(" (with --batch: {layers} of {})", rows.join(" × "))
        }
        _ => String::new(),
    };
    format!("{count} lattice{} of {size}{hint}", plural(count))
}

fn name_of(scheme: Scheme) -> String {
    match scheme {
        Scheme::Truncated { iterations } => {
            format!("truncated to {iterations} iterations at each humidity")
        }
        Scheme::Converged { .. } => "converged".into(),
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Lattices that are shown to a device at a time, so that progress can be seen.
fn portion(count: usize) -> usize {
    (count / 50).clamp(256, 4096)
}

/// Isotherms of a batch, a portion after the other.
fn in_portions(
    backend: &dyn Backend,
    lattices: &Lattices,
    plan: &SorptionPlan,
    bar: &ProgressBar,
) -> Result<Isotherms> {
    let size = portion(lattices.count());
    let mut all: Option<Isotherms> = None;
    for first in (0..lattices.count()).step_by(size) {
        let part = lattices.range(first..(first + size).min(lattices.count()));
        let found = backend.sorption(&part, plan)?;
        bar.inc(part.count() as u64);
        match &mut all {
            Some(all) => all.extend(found),
            None => all = Some(found),
        }
    }
    all.ok_or_else(|| Error::input("the batch is empty", "give at least one lattice"))
}

pub fn main(arguments: Arguments) -> Result<()> {
    match arguments.what {
        What::Isotherm(arguments) => isotherm::main(&arguments),
        What::Gradient(arguments) => gradient::main(&arguments),
        What::Design(arguments) => design::main(&arguments),
        What::Target(arguments) => target::main(&arguments),
        What::Generate(arguments) => generate::main(&arguments),
        What::Validate(arguments) => validate::main(&arguments),
    }
}
