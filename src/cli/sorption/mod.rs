//! `fulgurite sorption`.

mod bench;
mod design;
mod generate;
mod gradient;
mod isotherm;
mod target;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use fulgurite::backend::Selection;
use fulgurite::config::{Override, SorptionConfig, load_sorption};
use fulgurite::sorption::{Lattices, Scheme, Shape};
use fulgurite::{Error, Result};

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
    Validate(generate::ValidateArguments),
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
    /// Converged densities, on the branch for certain
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
    fn config(&self) -> Result<SorptionConfig> {
        let set = self.set.iter().map(|t| Override::parse(t)).collect::<Result<Vec<_>>>()?;
        let mut config = load_sorption(self.config.as_deref(), &set)?;
        if let Some(iterations) = self.truncated {
            config.scheme = Some(Scheme::Truncated { iterations });
        }
        if self.converged {
            config.scheme = Some(Scheme::CONVERGED);
        }
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

    /// Fails early if an output exists.
    fn check_free(&self, path: &Path) -> Result<()> {
        if path.exists() && !self.overwrite {
            return Err(Error::config(
                path.display().to_string(),
                "the file exists",
                "give another name, or --overwrite to replace it",
            ));
        }
        Ok(())
    }
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
        .map(|word| word.parse().ok().filter(|n| (1..=1 << 20).contains(n)).ok_or_else(bad))
        .collect::<Result<_>>()?;
    match axes[..] {
        [ny, nx] => Ok(Shape::square(ny, nx)),
        [nz, ny, nx] => Ok(Shape::cubic(nz, ny, nx)),
        _ => Err(bad()),
    }
}

fn one_of(lattices: &Lattices) -> String {
    let axes: Vec<String> = lattices.shape().axes().iter().map(ToString::to_string).collect();
    format!("{} lattice{} of {}", lattices.count(), plural(lattices.count()), axes.join(" × "))
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Lattices that are shown to a device at a time, so that progress can be seen.
fn portion(count: usize) -> usize {
    (count / 50).clamp(256, 4096)
}

/// A bar for what takes longer than a few seconds.
fn bar(length: u64) -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new(length);
    if let Ok(style) = indicatif::ProgressStyle::with_template(
        "{bar:32} {percent:>3} %  {elapsed} elapsed, {eta} left  {msg}",
    ) {
        bar.set_style(style);
    }
    bar
}

pub fn main(arguments: Arguments) -> Result<()> {
    match arguments.what {
        What::Isotherm(arguments) => isotherm::main(&arguments),
        What::Gradient(arguments) => gradient::main(&arguments),
        What::Design(arguments) => design::main(&arguments),
        What::Target(arguments) => target::main(&arguments),
        What::Generate(arguments) => generate::main(&arguments),
        What::Validate(arguments) => generate::validate(&arguments),
    }
}
