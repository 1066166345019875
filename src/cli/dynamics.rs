//! `fulgurite dynamics`.

use std::path::PathBuf;

use clap::Args;
use fulgurite::analysis::motion::{TrajectoryDynamics, velocity_curves};
use fulgurite::io::declared_units;
use fulgurite::protocol::last_stage;
use fulgurite::system::{SpeciesNames, UnitSystem, Units};
use fulgurite::{Error, Result};

use super::progress::counting;
use super::{Types, say};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Trajectory (NetCDF, LAMMPS dump or extended XYZ), or a run directory: the last stage of its
    /// trajectory.nc
    trajectory: PathBuf,
    /// Directory of the tables and pictures
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Only these species
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    species: Vec<String>,
    /// First and last time to use
    #[arg(long, num_args = 2, value_names = ["FROM", "TO"])]
    window: Option<Vec<f64>>,
    /// Time between frames, where the file does not say
    #[arg(long)]
    interval: Option<f64>,
    /// Time of a step, where the file has steps but no times
    #[arg(long)]
    timestep: Option<f64>,
    /// Wave vectors of the scattering functions [default: first peak of S(q)]
    #[arg(long, value_name = "Q", value_delimiter = ',')]
    wave_vectors: Vec<f64>,
    /// Distance that counts as not moved [default: 0.3 of the mean distance of atoms]
    #[arg(long)]
    overlap_length: Option<f64>,
    /// Collective intermediate scattering function too
    #[arg(long)]
    collective: bool,
    /// Distinct van Hove function too
    #[arg(long)]
    distinct: bool,
    #[command(flatten)]
    types: Types,
    /// Reduced Lennard-Jones units, where the file does not say
    #[arg(long)]
    lj: bool,
}

pub fn main(arguments: &Arguments) -> Result<()> {
    let output = &arguments.output;
    if output.exists() && std::fs::read_dir(output).map_or(true, |mut d| d.next().is_some()) {
        return Err(Error::config(
            format!("output directory {}", output.display()),
            "exists and is not empty",
            "choose another with --output",
        ));
    }
    let mut path = arguments.trajectory.clone();
    let mut window = arguments.window.as_deref().and_then(|w| Some([*w.first()?, *w.get(1)?]));
    if path.is_dir() {
        let (found, last) = last_stage(&path)?;
        let [from, to] = *window.get_or_insert(last.window);
        say(&format!("{}, stage {}: times {from} to {to}", found.display(), last.stage))?;
        path = found;
    }
    let units = match declared_units(&path)? {
        _ if arguments.lj => UnitSystem::Lj,
        Some(units) => units,
        None => UnitSystem::Metal,
    };
    let units = Units::of(units);
    let options = TrajectoryDynamics {
        species: arguments.species.clone(),
        window,
        interval: arguments.interval,
        timestep: arguments.timestep,
        wave_vectors: arguments.wave_vectors.clone(),
        overlap_length: arguments.overlap_length,
        longest: None,
        collective: arguments.collective,
        distinct: arguments.distinct,
        types: arguments.types.or(SpeciesNames::default())?,
    };
    let bar = counting(None, "frames");
    let result = options.read_with(&path, &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    std::fs::create_dir_all(output).map_err(|e| Error::io("create", output, e))?;
    for curves in result.motion.curves(&units) {
        curves.write(output)?;
    }
    for curves in velocity_curves(&result.velocities, &units) {
        curves.write(output)?;
    }
    for species in &result.motion.species {
        let Some(d) = species.diffusion.as_ref().filter(|_| !species.is_still()) else { continue };
        let error = d.coefficient.error.map_or(String::new(), |e| format!(" ± {e:.2e}"));
        let verdict = if d.is_diffusive() { "" } else { ": not diffusive, only a slope" };
        say(&format!(
            "{}: D = {:.4e}{error}{} (exponent {:.2}{verdict})",
            species.name,
            d.coefficient.value,
            if units.system == UnitSystem::Lj { "" } else { " Å²/ps" },
            d.exponent
        ))?;
    }
    for remark in result.remarks(&units) {
        say(&format!("note: {remark}"))?;
    }
    say(&format!("{} frames, results in {}", result.frames, output.display()))
}
