//! `fulgurite analyze`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use fulgurite::analysis::suite::{Bonds, Output, Radial, Scattering, Suite};
use fulgurite::io::read_frames;
use fulgurite::system::{UnitSystem, Units};
use fulgurite::{Error, Result};

use super::say;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Structures or trajectories of the same atoms, or a run directory (its final.data)
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Directory of the tables and pictures
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Longest distance of g(r)
    #[arg(long, default_value_t = 10.0)]
    r_max: f64,
    /// Bin of g(r)
    #[arg(long, default_value_t = 0.02)]
    bin: f64,
    /// Longest wave vector of S(Q)
    #[arg(long, default_value_t = 20.0)]
    q_max: f64,
    /// Bin of S(Q)
    #[arg(long, default_value_t = 0.1)]
    q_bin: f64,
    /// Length of a bond, where the first minimum of g(r) is not wanted: Si-O=2.2
    #[arg(long = "bond", value_name = "A-B=LENGTH")]
    bonds: Vec<String>,
    /// Reduced Lennard-Jones units in headers
    #[arg(long)]
    lj: bool,
}

/// Si-O=2.2
fn bond(text: &str) -> Result<((String, String), f64)> {
    text.split_once('=')
        .and_then(|(pair, length)| Some((pair.split_once('-')?, length.parse::<f64>().ok()?)))
        .filter(|(_, length)| *length > 0.0 && length.is_finite())
        .map(|((a, b), length)| ((a.to_owned(), b.to_owned()), length))
        .ok_or_else(|| {
            Error::config(
                "--bond",
                format!("`{text}` is not a bond length"),
                "write two species and a positive length: Si-O=2.2",
            )
        })
}

/// The structure of a run directory.
fn of_run(directory: &Path) -> Result<PathBuf> {
    let own = directory.join("final.data");
    if own.is_file() {
        return Ok(own);
    }
    Err(Error::input(
        format!("{} has no final.data", directory.display()),
        "give a finished run, one of its members, or a structure file",
    ))
}

pub fn main(arguments: &Arguments) -> Result<()> {
    let given = arguments.bonds.iter().map(|b| bond(b)).collect::<Result<BTreeMap<_, _>>>()?;
    for (name, value) in [
        ("--r-max", arguments.r_max),
        ("--bin", arguments.bin),
        ("--q-max", arguments.q_max),
        ("--q-bin", arguments.q_bin),
    ] {
        if !(value > 0.0 && value.is_finite()) {
            return Err(Error::config(name, "must be positive", "give a positive number"));
        }
    }
    let units = Units::of(if arguments.lj { UnitSystem::Lj } else { UnitSystem::Metal });
    let mut suite = Suite::new(vec![
        Box::new(Radial::new(arguments.r_max, arguments.bin)),
        Box::new(Bonds::new(given)),
        Box::new(Scattering::new(arguments.q_max, arguments.q_bin)),
    ]);
    let spinner = indicatif::ProgressBar::new_spinner();
    spinner.enable_steady_tick(std::time::Duration::from_millis(200));
    let mut output = Output::create(&arguments.output, units)?;
    for input in &arguments.inputs {
        let path = if input.is_dir() { of_run(input)? } else { input.clone() };
        for frame in read_frames(&path)? {
            let number = suite.frames() + 1;
            suite.accumulate(&frame?, |name| {
                spinner.set_message(format!("{}, frame {number}: {name}", path.display()));
            })?;
        }
    }
    suite.finish(&mut output)?;
    output.write_summary()?;
    spinner.finish_and_clear();
    for product in output.products() {
        for (name, value, unit) in &product.numbers {
            say(format!("{name}: {value:.4} {unit}").trim_end())?;
        }
        for remark in &product.remarks {
            say(&format!("note: {remark}"))?;
        }
    }
    say(&format!(
        "{} frames; tables and pictures in {}",
        suite.frames(),
        arguments.output.display()
    ))
}
