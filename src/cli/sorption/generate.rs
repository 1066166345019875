//! `fulgurite sorption generate` and `validate`.

use std::path::PathBuf;

use clap::Args;
use fulgurite::io::{write_atomically, write_npy_f32};
use fulgurite::plot::Figure;
use fulgurite::sorption::{Path as Walk, Scheme, area_between, random_lattices, sinuosity};
use fulgurite::{Error, Result};

use super::{Common, bar, parse_size, say};

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

pub fn main(arguments: &Arguments) -> Result<()> {
    if arguments.output.exists() && !arguments.overwrite {
        return Err(Error::config(
            arguments.output.display().to_string(),
            "the file exists",
            "give another name, or --overwrite to replace it",
        ));
    }
    let shape = parse_size(&arguments.size)?;
    let porosity = arguments.porosity_from..arguments.porosity_to;
    let lattices = random_lattices(shape, arguments.count, porosity, arguments.seed)?;
    let mut axes = vec![lattices.count()];
    axes.extend(shape.axes());
    let single: Vec<f32> = lattices.eta().iter().map(|e| *e as f32).collect();
    write_npy_f32(&arguments.output, &axes, &single)?;
    say(&format!("{} lattices in {}", lattices.count(), arguments.output.display()))
}

#[derive(Debug, Args)]
pub struct ValidateArguments {
    /// Number of random lattices
    #[arg(long, default_value_t = 8769)]
    count: usize,
    /// Size: 20x20 or 8x8x8
    #[arg(long, default_value = "20x20")]
    size: String,
    /// Seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Iterations of the truncated scheme to compare
    #[arg(long, value_delimiter = ',', default_value = "10,20,50,100,200,500,1000")]
    iterations: Vec<u32>,
    /// Directory for the table and the pictures
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    #[command(flatten)]
    common: Common,
}

/// Bins of the sinuosity index, from 1 to √2.
const BINS: usize = 8;

pub fn validate(arguments: &ValidateArguments) -> Result<()> {
    let config = arguments.common.config()?;
    let shape = parse_size(&arguments.size)?;
    arguments.common.check_free(&arguments.output.join("truncation.csv"))?;
    let lattices = random_lattices(shape, arguments.count, 0.05..0.95, arguments.seed)?;
    let chosen = arguments.common.device()?;
    let output = &arguments.output;
    std::fs::create_dir_all(output).map_err(|e| Error::io("create", output, e))?;
    let path = Walk::adsorption(&config.humidities);
    let humidities = &config.humidities;
    let bar = bar(arguments.iterations.len() as u64 + 1);
    let mut plan = config.plan(path, Scheme::CONVERGED);
    plan.scheme = Scheme::CONVERGED;
    let exact = chosen.backend.sorption(&lattices, &plan)?;
    bar.inc(1);
    let count = lattices.count();
    let winding: Vec<f64> = (0..count).map(|k| sinuosity(humidities, exact.lattice(k))).collect();
    let bin = |k: usize| {
        (((winding[k] - 1.0) / (2f64.sqrt() - 1.0) * BINS as f64) as usize).min(BINS - 1)
    };
    let middle = |b: usize| 1.0 + (2f64.sqrt() - 1.0) * (b as f64 + 0.5) / BINS as f64;
    let mut text = "iterations,lattices,mean_area,standard_error,largest_area\n".to_owned();
    let mut by_sinuosity = "iterations,sinuosity,lattices,mean_area\n".to_owned();
    let mut means = Vec::new();
    let mut figure = Figure::new(
        "Truncation and sinuosity of the isotherm",
        "sinuosity index",
        "mean area between truncated and converged",
    )
    .log_y();
    for iterations in &arguments.iterations {
        plan.scheme = Scheme::Truncated { iterations: *iterations };
        let have = chosen.backend.sorption(&lattices, &plan)?;
        bar.inc(1);
        let areas: Vec<f64> = (0..count)
            .map(|k| area_between(humidities, have.lattice(k), exact.lattice(k)))
            .collect();
        let mean = areas.iter().sum::<f64>() / count as f64;
        let spread = areas.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / count as f64;
        let largest = areas.iter().fold(0.0f64, |m, a| m.max(*a));
        let error = (spread / count as f64).sqrt();
        text += &format!("{iterations},{count},{mean:.9},{error:.9},{largest:.9}\n");
        say(&format!(
            "M = {iterations}: mean area {:.4} % ± {:.4} %, largest {:.2} %",
            100.0 * mean,
            100.0 * error,
            100.0 * largest
        ))?;
        means.push((f64::from(*iterations), mean));
        let mut points = Vec::new();
        for b in 0..BINS {
            let own: Vec<f64> = (0..count).filter(|k| bin(*k) == b).map(|k| areas[k]).collect();
            if own.is_empty() {
                continue;
            }
            let mean = own.iter().sum::<f64>() / own.len() as f64;
            by_sinuosity += &format!("{iterations},{:.4},{},{mean:.9}\n", middle(b), own.len());
            if own.len() >= 5 {
                points.push((middle(b), mean.max(1e-9)));
            }
        }
        if [20, 100, 500].contains(iterations) {
            figure = figure.line(format!("M = {iterations}"), points);
        }
    }
    bar.finish_and_clear();
    write_atomically(output.join("truncation.csv"), |to| to.write_all(text.as_bytes()))?;
    write_atomically(output.join("sinuosity.csv"), |to| to.write_all(by_sinuosity.as_bytes()))?;
    Figure::new(
        "Truncation to M iterations",
        "iterations M at each humidity",
        "mean area between truncated and converged",
    )
    .log_x()
    .log_y()
    .line("", means)
    .write(output.join("truncation.svg"))?;
    figure.write(output.join("sinuosity.svg"))?;
    let open = exact.error.iter().filter(|e| !(**e < 1e-3)).count();
    say(&format!(
        "{open} of {} converged points lie within rounding of a jump; results in {}",
        exact.error.len(),
        output.display()
    ))
}
