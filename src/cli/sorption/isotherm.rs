//! `fulgurite sorption isotherm`.

use std::path::{Path, PathBuf};

use clap::Args;
use fulgurite::io::{write_atomically, write_npy_f32, write_npy_f64};
use fulgurite::plot::{Colors, Figure, Heatmap};
use fulgurite::sorption::{
    Isotherms, Lattices, Path as Walk, Scheme, SorptionPlan, read_lattices, sinuosity,
};
use fulgurite::{Error, Result};

use super::{Common, bar, extension, one_of, portion, remark, say};

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
    /// A scanning curve that leaves adsorption at this relative humidity and goes down again
    #[arg(long, value_name = "RH")]
    scan_down: Option<f64>,
    /// A scanning curve that leaves desorption at this relative humidity and goes up again
    #[arg(long, value_name = "RH")]
    scan_up: Option<f64>,
    /// Densities of every site on the adsorption branch, (batch,) humidity, (z,) y, x
    #[arg(long, value_name = "OUT.npy")]
    densities: Option<PathBuf>,
    /// A picture of the isotherm with its loop (of the first lattice of a batch)
    #[arg(long, value_name = "OUT.svg")]
    picture: Option<PathBuf>,
    /// A picture of the matrix with its water, at the humidities of --water-at
    #[arg(long, value_name = "OUT.svg")]
    water: Option<PathBuf>,
    /// Humidities of the picture of water
    #[arg(long, value_name = "RH,RH,...", value_delimiter = ',', default_value = "0.25,0.5,0.75")]
    water_at: Vec<f64>,
    #[command(flatten)]
    common: Common,
}

/// One branch of the answer, rising in humidity unless it is a scanning curve.
struct Branch {
    name: &'static str,
    humidities: Vec<f64>,
    isotherms: Isotherms,
}

pub fn main(arguments: &Arguments) -> Result<()> {
    let common = &arguments.common;
    let config = common.config()?;
    for path in [&arguments.output, &arguments.densities, &arguments.picture, &arguments.water]
        .into_iter()
        .flatten()
    {
        common.check_free(path)?;
    }
    if let Some(path) = &arguments.output
        && !["csv", "npy"].contains(&extension(path).as_str())
    {
        return Err(Error::config(
            path.display().to_string(),
            "an isotherm is written as .csv or .npy",
            "give a name that ends in .csv or .npy",
        ));
    }
    let lattices = read_lattices(&arguments.grid, arguments.batch, arguments.invert)?;
    let chosen = common.device()?;
    remark(&one_of(&lattices));
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
    let bar = bar((walks.len() * lattices.count()) as u64);
    let mut branches = Vec::new();
    for (name, walk) in walks {
        let mut plan = config.plan(walk, Scheme::CONVERGED);
        plan.densities =
            name == "adsorption" && (arguments.densities.is_some() || arguments.water.is_some());
        let mut isotherms: Option<Isotherms> = None;
        let size = portion(lattices.count());
        for first in (0..lattices.count()).step_by(size) {
            let part = lattices.range(first..(first + size).min(lattices.count()));
            let found = chosen.backend.sorption(&part, &plan)?;
            bar.inc(part.count() as u64);
            match &mut isotherms {
                Some(all) => all.extend(found),
                None => isotherms = Some(found),
            }
        }
        let Some(mut isotherms) = isotherms else { continue };
        let mut humidities = plan.path.humidities.clone();
        warn_of_claims(name, &plan, &isotherms);
        // A branch reads from low to high humidity; a scanning curve in the order of the walk.
        if name == "desorption" {
            humidities.reverse();
            isotherms.reverse(lattices.sites());
        }
        branches.push(Branch { name, humidities, isotherms });
    }
    bar.finish_and_clear();
    match &arguments.output {
        Some(path) if extension(path) == "npy" => write_npy(path, &lattices, &branches)?,
        Some(path) => {
            let text = table(&lattices, &branches);
            write_atomically(path, |to| to.write_all(text.as_bytes()))?;
        }
        None => say(table(&lattices, &branches).trim_end())?,
    }
    if let Some(path) = &arguments.output {
        let first = &branches[0];
        let curve = first.isotherms.lattice(0);
        say(&format!(
            "porosity {:.4}, filling at the highest humidity {:.4}, sinuosity {:.4}{}; written to {}",
            lattices.porosity(0),
            curve[curve.len() - 1],
            sinuosity(&first.humidities, curve),
            if lattices.count() > 1 { " (first lattice)" } else { "" },
            path.display()
        ))?;
    }
    if let Some(path) = &arguments.densities {
        let densities = branches[0].isotherms.densities.as_deref().unwrap_or_default();
        let mut axes = if arguments.batch { vec![lattices.count()] } else { Vec::new() };
        axes.push(humidities.len());
        axes.extend(lattices.shape().axes());
        if common.device == "reference" {
            write_npy_f64(path, &axes, densities)?;
        } else {
            let single: Vec<f32> = densities.iter().map(|d| *d as f32).collect();
            write_npy_f32(path, &axes, &single)?;
        }
    }
    if let Some(path) = &arguments.picture {
        picture(&branches).write(path)?;
    }
    if let Some(path) = &arguments.water {
        let first = &branches[0];
        water(&lattices, 0, &first.humidities, &first.isotherms, &arguments.water_at)?
            .write(path)?;
    }
    Ok(())
}

/// Says where the device could not reach what was asked.
fn warn_of_claims(name: &str, plan: &SorptionPlan, isotherms: &Isotherms) {
    let Scheme::Converged { tolerance, .. } = plan.scheme else { return };
    let claim = tolerance.max(1e-3);
    let mut points: Vec<f64> = isotherms
        .error
        .iter()
        .enumerate()
        .filter(|(_, e)| !(**e <= claim))
        .map(|(k, _)| plan.path.humidities[k % plan.path.humidities.len()])
        .collect();
    let count = points.len();
    points.sort_by(f64::total_cmp);
    points.dedup();
    if count > 0 {
        let shown: Vec<String> = points.iter().take(5).map(|h| format!("{h:.4}")).collect();
        remark(&format!(
            "note: {name}: at {count} point{} next to a jump (relative humidity {}{}) rounding leaves the density open by more than {claim:e}; --device reference resolves them",
            super::plural(count),
            shown.join(", "),
            if points.len() > 5 { ", …" } else { "" }
        ));
    }
}

/// The isotherms as CSV: branches beside each other where they share humidities.
fn table(lattices: &Lattices, branches: &[Branch]) -> String {
    let batch = lattices.count() > 1;
    let (loops, scans): (Vec<&Branch>, Vec<&Branch>) =
        branches.iter().partition(|b| !b.name.starts_with("scan"));
    let mut text = String::new();
    if scans.is_empty() {
        let names: Vec<&str> = loops.iter().map(|b| b.name).collect();
        text += &format!(
            "{}relative_humidity,{}\n",
            if batch { "lattice," } else { "" },
            names.join(",")
        );
        for k in 0..lattices.count() {
            for (p, h) in loops[0].humidities.iter().enumerate() {
                let values: Vec<String> =
                    loops.iter().map(|b| format!("{:.9}", b.isotherms.lattice(k)[p])).collect();
                let number = if batch { format!("{k},") } else { String::new() };
                text += &format!("{number}{h},{}\n", values.join(","));
            }
        }
        return text;
    }
    text += &format!("{}branch,relative_humidity,filling\n", if batch { "lattice," } else { "" });
    for k in 0..lattices.count() {
        for branch in branches {
            for (h, f) in branch.humidities.iter().zip(branch.isotherms.lattice(k)) {
                let number = if batch { format!("{k},") } else { String::new() };
                text += &format!("{number}{},{h},{f:.9}\n", branch.name);
            }
        }
    }
    text
}

/// (batch,) humidity, column: relative humidity, adsorption and, if asked for, desorption.
fn write_npy(path: &Path, lattices: &Lattices, branches: &[Branch]) -> Result<()> {
    if branches.iter().any(|b| b.name.starts_with("scan")) {
        return Err(Error::config(
            path.display().to_string(),
            "scanning curves have humidities of their own",
            "write them as .csv",
        ));
    }
    let points = branches[0].humidities.len();
    let mut data = Vec::new();
    for k in 0..lattices.count() {
        for p in 0..points {
            data.push(branches[0].humidities[p]);
            data.extend(branches.iter().map(|b| b.isotherms.lattice(k)[p]));
        }
    }
    let mut axes = vec![points, branches.len() + 1];
    if lattices.count() > 1 {
        axes.insert(0, lattices.count());
    }
    write_npy_f64(path, &axes, &data)
}

fn picture(branches: &[Branch]) -> Figure {
    let mut figure =
        Figure::new("Sorption isotherm", "relative humidity", "filling").y_range(0.0, 1.05);
    for branch in branches {
        let curve = branch.isotherms.lattice(0);
        let points: Vec<(f64, f64)> =
            branch.humidities.iter().copied().zip(curve.iter().copied()).collect();
        figure = match branch.name {
            "adsorption" => figure.line("adsorption", points),
            "desorption" => figure.line("desorption", points),
            "scan_down" => figure.dashed("scanning down", points),
            _ => figure.dashed("scanning up", points),
        };
    }
    figure
}

/// A map of a square lattice (or of the first layer of a cubic one) at several humidities side by
/// side: solid less water, so that water is blue, an empty pore white and solid red.
pub fn water(
    lattices: &Lattices,
    index: usize,
    humidities: &[f64],
    isotherms: &Isotherms,
    at: &[f64],
) -> Result<Heatmap> {
    let [_, ny, nx] = lattices.shape().size;
    let points: Vec<usize> = at
        .iter()
        .map(|wanted| {
            (0..humidities.len())
                .min_by(|a, b| {
                    (humidities[*a] - wanted).abs().total_cmp(&(humidities[*b] - wanted).abs())
                })
                .unwrap_or(0)
        })
        .collect();
    let gap = 1;
    let columns = points.len() * (nx + gap) - gap;
    let mut values = vec![f64::NAN; columns * ny];
    let eta = lattices.lattice(index);
    for (panel, point) in points.iter().enumerate() {
        let Some(rho) = isotherms.densities_at(index, *point, lattices.sites()) else {
            return Err(Error::input("no densities were kept", "report this as a bug"));
        };
        for y in 0..ny {
            for x in 0..nx {
                let i = y * nx + x;
                values[y * columns + panel * (nx + gap) + x] = 1.0 - eta[i] - rho[i];
            }
        }
    }
    let shown: Vec<String> =
        points.iter().map(|p| format!("{:.1} %", 100.0 * humidities[*p])).collect();
    Ok(Heatmap {
        title: format!("Water (blue) at {} relative humidity", shown.join(", ")),
        columns,
        rows: ny,
        values,
        range: Some((-1.0, 1.0)),
        colors: Colors::Diverging,
        x_label: "x".into(),
        y_label: "y".into(),
        color_label: "solid − water".into(),
    })
}
