//! `fulgurite report`.

use std::path::PathBuf;

use clap::Args;
use fulgurite::io::read_npy;
use fulgurite::report::{AtomScalar, RunFiles, compare, transitions, write_run};
use fulgurite::{Error, Result};

use super::progress::counting;
use super::say;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Directories of runs. One: its report.html is written again, with T_f and E_IS against the
    /// quench rate and Arrhenius laws of diffusion where it has several members or branches.
    /// Several, or one with --output: a comparison
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Directory of the comparison, of runs or of the members and branches of one: curves over each
    /// other, S(Q) against size, transitions.csv [default for several runs: comparison]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Colour the atoms of a single run's page by numbers from a file: softness=FILE.npy
    #[arg(long = "color", value_name = "NAME=FILE.npy")]
    colors: Vec<String>,
    /// Device that minimises final structures where a run did not
    #[arg(long, default_value = "cpu")]
    device: String,
}

pub fn main(arguments: &Arguments) -> Result<()> {
    if let ([run], None) = (arguments.runs.as_slice(), &arguments.output) {
        let path = write_run(run, &scalars(&arguments.colors)?)?;
        return say(&format!("wrote {}", path.display()));
    }
    if !arguments.colors.is_empty() {
        return Err(Error::config(
            "--color",
            "a comparison shows no atoms",
            "give --color with a single run",
        ));
    }
    let output = arguments.output.clone().unwrap_or_else(|| PathBuf::from("comparison"));
    if output.exists() && std::fs::read_dir(&output).map_or(true, |mut d| d.next().is_some()) {
        return Err(Error::config(
            format!("output directory {}", output.display()),
            "exists and is not empty",
            "choose another with --output",
        ));
    }
    let runs = arguments.runs.iter().map(|r| RunFiles::open(r)).collect::<Result<Vec<_>>>()?;
    let chosen = fulgurite::backend::select(&arguments.device)?;
    let members = runs.iter().map(|r| r.summary.members.len() as u64).sum();
    let bar = counting(Some(members), "members");
    let mut read = 0;
    let points = transitions(&runs, chosen.backend.as_ref(), &mut |name| {
        bar.set_position(read);
        bar.set_message(name.to_owned());
        read += 1;
    })?;
    bar.finish_and_clear();
    let comparison = compare(&runs, &points, &output)?;
    for (species, law) in &comparison.arrhenius {
        say(&format!(
            "diffusion of {species}: activation energy {:.4} ± {:.4}",
            law.energy, law.energy_error
        ))?;
    }
    say(&format!("wrote {}", comparison.page.display()))
}

fn scalars(options: &[String]) -> Result<Vec<AtomScalar>> {
    options
        .iter()
        .map(|option| {
            let (name, file) = option.split_once('=').ok_or_else(|| {
                Error::config(
                    format!("--color {option}"),
                    "expected NAME=FILE.npy",
                    "write for example `--color softness=softness.npy`",
                )
            })?;
            Ok(AtomScalar {
                name: name.to_owned(),
                values: read_npy(std::path::Path::new(file))?.data,
            })
        })
        .collect()
}
