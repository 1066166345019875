//! `fulgurite sorption isotherm`.

use std::path::PathBuf;

use clap::Args;
use fulgurite::config::SorptionConfig;
use fulgurite::io::{write_atomically, write_npy_f32, write_npy_f64};
use fulgurite::sorption::{Lattices, Path as Walk, Scheme, read_lattices, sinuosity};
use fulgurite::{Error, Result};

use super::tables::{self, Branch, Columns};
use super::{Common, claims, extension, in_portions, one_of, pictures, plural, remark, say};
use crate::cli::progress::counting;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Grid: .npy (ny,nx) or (nz,ny,nx), greyscale .png (white is pore), .csv; 1 = pore, 0 = solid
    grid: PathBuf,
    /// The .npy file has a leading batch axis
    #[arg(long)]
    batch: bool,
    /// Turn pore and solid around
    #[arg(long)]
    invert: bool,
    /// Write the isotherm [default: print it as CSV]
    #[arg(long, value_name = "OUT.csv|OUT.npy")]
    output: Option<PathBuf>,
    /// The desorption branch as well
    #[arg(long)]
    desorption: bool,
    /// A scanning curve that leaves adsorption at this relative humidity, also between those of
    /// the configuration, and goes down again
    #[arg(long, value_name = "RH")]
    scan_down: Option<f64>,
    /// A scanning curve that leaves desorption at this relative humidity and goes up again
    #[arg(long, value_name = "RH")]
    scan_up: Option<f64>,
    /// Beside each filling the bound of the error of any density that is left (not --truncated)
    #[arg(long)]
    errors: bool,
    /// Write a line a lattice: porosity, roughness, filling at the highest humidity, sinuosity
    #[arg(long, value_name = "OUT.csv")]
    summary: Option<PathBuf>,
    /// Densities of every site on the branch of --branch, (batch,) humidity, (z,) y, x; a scanning
    /// curve in the order of its walk
    #[arg(long, value_name = "OUT.npy")]
    densities: Option<PathBuf>,
    /// A picture of the isotherm with its loop, of the lattice of --lattice
    #[arg(long, value_name = "OUT.svg")]
    picture: Option<PathBuf>,
    /// A picture of the matrix with its water, at the humidities of --water-at
    #[arg(long, value_name = "OUT.svg")]
    water: Option<PathBuf>,
    /// Branch of --densities and --water; of a scanning curve --water shows what follows its turn
    #[arg(long, value_parser = BRANCHES, default_value = BRANCHES[0])]
    branch: String,
    /// Lattice of a batch that the pictures show, counted from 0
    #[arg(long, value_name = "K", default_value_t = 0)]
    lattice: usize,
    /// Humidities of the picture of water; the nearest ones of the path are shown
    #[arg(long, value_name = "RH,RH,...", value_delimiter = ',', default_value = "0.25,0.5,0.75")]
    water_at: Vec<f64>,
    #[command(flatten)]
    common: Common,
}

/// Names of the branches.
const BRANCHES: [&str; 4] = ["adsorption", "desorption", "scan_down", "scan_up"];

pub fn main(arguments: &Arguments) -> Result<()> {
    let common = &arguments.common;
    let config = common.config(Scheme::CONVERGED)?;
    check(arguments, &config)?;
    let walks = walks(arguments, &config)?;
    let lattices = read_lattices(&arguments.grid, arguments.batch, arguments.invert)?;
    if arguments.lattice >= lattices.count() {
        return Err(Error::config(
            format!("--lattice {}", arguments.lattice),
            format!("the batch has {} lattice{}", lattices.count(), plural(lattices.count())),
            "count from 0",
        ));
    }
    let chosen = common.device()?;
    remark(&one_of(&lattices, arguments.batch));
    let bar = counting(Some((walks.len() * lattices.count()) as u64), "isotherms");
    let mut branches = Vec::new();
    for (name, walk) in walks {
        let mut plan = config.plan(walk, Scheme::CONVERGED);
        plan.densities = name == arguments.branch
            && (arguments.densities.is_some() || arguments.water.is_some());
        let mut isotherms = in_portions(chosen.backend.as_ref(), &lattices, &plan, &bar)?;
        let mut humidities = plan.path.humidities.clone();
        claims::notes(name, &plan, &isotherms, chosen.backend.capabilities().kind)
            .iter()
            .for_each(|note| remark(note));
        // A branch reads from low to high humidity; a scanning curve in the order of the walk.
        if name == "desorption" {
            humidities.reverse();
            isotherms.reverse(lattices.sites());
        }
        branches.push(Branch { name, humidities, isotherms });
    }
    bar.finish_and_clear();
    write(arguments, &lattices, &branches)
}

/// Refuses what could not be written, before anything is computed.
fn check(arguments: &Arguments, config: &SorptionConfig) -> Result<()> {
    let Arguments { output, densities, picture, water, summary, common, .. } = arguments;
    common.check_output(output.as_ref(), "an isotherm", &["csv", "npy"])?;
    common.check_output(densities.as_ref(), "an array of densities", &["npy"])?;
    common.check_output(picture.as_ref(), "a picture of an isotherm", &["svg"])?;
    common.check_output(water.as_ref(), "a picture of water", &["svg", "png"])?;
    common.check_output(summary.as_ref(), "a summary", &["csv"])?;
    let scan = arguments.scan_down.is_some() || arguments.scan_up.is_some();
    if let Some(path) = output.as_ref().filter(|path| scan && extension(path) == "npy") {
        return Err(Error::config(
            path.display().to_string(),
            "scanning curves have humidities of their own",
            "write them as .csv",
        ));
    }
    let most = config.highest_humidity.max(1.0);
    if let Some(at) = arguments.water_at.iter().find(|at| !(**at > 0.0 && **at <= most)) {
        return Err(Error::config(
            format!("--water-at {at}"),
            format!("not a relative humidity above 0 and at most {most}"),
            "give fractions (0.25 for 25 %), or raise humidity.highest",
        ));
    }
    if arguments.errors && matches!(config.scheme, Some(Scheme::Truncated { .. })) {
        return Err(Error::config(
            "--errors",
            "a truncated scheme has no bound of what is left",
            "leave it out, or ask for --converged densities",
        ));
    }
    Ok(())
}

/// The walks that were asked for, with their names.
fn walks(arguments: &Arguments, config: &SorptionConfig) -> Result<Vec<(&'static str, Walk)>> {
    let humidities = &config.humidities;
    let mut walks = vec![("adsorption", Walk::adsorption(humidities))];
    if arguments.desorption {
        walks.push(("desorption", Walk::desorption(humidities)));
    }
    for (name, turning, walk) in [
        ("scan_down", arguments.scan_down, Walk::descending_scan as fn(&[f64], f64) -> Walk),
        ("scan_up", arguments.scan_up, Walk::ascending_scan),
    ] {
        if let Some(turning) = turning {
            if !(turning > humidities[0] && turning < humidities[humidities.len() - 1]) {
                return Err(Error::config(
                    format!("--{} {turning}", name.replace('_', "-")),
                    "the turning point is not within the humidities",
                    "give a relative humidity between the first and the last",
                ));
            }
            walks.push((name, walk(humidities, turning)));
        }
    }
    if !walks.iter().any(|(name, _)| *name == arguments.branch) {
        let option = arguments.branch.replace('_', "-");
        return Err(Error::config(
            format!("--branch {}", arguments.branch),
            "this branch is not computed",
            format!("give --{option} as well"),
        ));
    }
    Ok(walks)
}

fn write(arguments: &Arguments, lattices: &Lattices, branches: &[Branch]) -> Result<()> {
    let columns = Columns { lattice: arguments.batch, errors: arguments.errors };
    let first = &branches[0];
    let shown = arguments.lattice;
    let chosen = branches.iter().find(|b| b.name == arguments.branch).unwrap_or(first);
    match &arguments.output {
        Some(path) if extension(path) == "npy" => {
            tables::write_npy(path, lattices, branches, columns)?;
        }
        Some(path) => {
            let text = tables::csv(lattices, branches, columns);
            write_atomically(path, |to| to.write_all(text.as_bytes()))?;
        }
        None => say(tables::csv(lattices, branches, columns).trim_end())?,
    }
    if let Some(path) = &arguments.output {
        let curve = first.isotherms.lattice(shown);
        say(&format!(
            "porosity {:.4}, filling at the highest humidity {:.4}, sinuosity {:.4}{}; written to {}",
            lattices.porosity(shown),
            curve[curve.len() - 1],
            sinuosity(&first.humidities, curve),
            match lattices.count() {
                1 => String::new(),
                _ => format!(" (lattice {shown}; --summary has all)"),
            },
            path.display()
        ))?;
    }
    if let Some(path) = &arguments.summary {
        let text = tables::summary(lattices, branches);
        write_atomically(path, |to| to.write_all(text.as_bytes()))?;
    }
    if let Some(path) = &arguments.densities {
        let densities = chosen.isotherms.densities.as_deref().unwrap_or_default();
        let mut axes = if arguments.batch { vec![lattices.count()] } else { Vec::new() };
        axes.push(chosen.humidities.len());
        axes.extend(lattices.shape().axes());
        if arguments.common.device == "reference" {
            write_npy_f64(path, &axes, densities)?;
        } else {
            let single: Vec<f32> = densities.iter().map(|d| *d as f32).collect();
            write_npy_f32(path, &axes, &single)?;
        }
    }
    if let Some(path) = &arguments.picture {
        pictures::isotherm(branches, shown).write(path)?;
    }
    if let Some(path) = &arguments.water {
        let walk = (&chosen.humidities[..], chosen.turning());
        pictures::water(lattices, shown, walk, &chosen.isotherms, &arguments.water_at)?
            .write(path)?;
    }
    Ok(())
}
