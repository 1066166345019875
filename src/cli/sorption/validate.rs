//! `fulgurite sorption validate`.

use std::path::PathBuf;

use clap::Args;
use fulgurite::io::write_atomically;
use fulgurite::plot::Figure;
use fulgurite::sorption::{
    Lattices, Mean, Path as Walk, Scheme, area_between, random_lattices, sinuosity,
};
use fulgurite::{Error, Result};

use super::pictures::drawn;
use super::{Common, claims, in_portions, parse_size, remark, say};
use crate::cli::progress::counting;

#[derive(Debug, Args)]
pub struct Arguments {
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
    /// Directory for the tables and the pictures
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    #[command(flatten)]
    common: Common,
}

/// Everything that is written.
const FILES: [&str; 5] =
    ["truncation.csv", "sinuosity.csv", "lattices.csv", "truncation.svg", "sinuosity.svg"];
/// Bins of the sinuosity index, from 1 to √2.
const BINS: usize = 8;
/// Lattices below which a bin has no mean worth drawing.
const FEW: usize = 5;

/// The truncated schemes against converged densities.
struct Comparison {
    lattices: Lattices,
    /// Sinuosity of the converged isotherm of each lattice.
    winding: Vec<f64>,
    iterations: Vec<u32>,
    /// Of isotherms that are means over the pores, \[iterations\]\[lattice\].
    areas: Vec<Vec<f64>>,
}

pub fn main(arguments: &Arguments) -> Result<()> {
    let Arguments { common, output, .. } = arguments;
    let config = common.config(Scheme::CONVERGED)?;
    if let Some(Scheme::Truncated { .. }) = config.scheme {
        return Err(Error::config(
            "sorption validate",
            "one truncated scheme is given where several are compared with converged densities",
            "give --iterations M,M,... in place of --truncated or scheme = \"truncated\"",
        ));
    }
    if arguments.iterations.contains(&0) {
        return Err(Error::config(
            "--iterations",
            "a truncated scheme of 0 iterations",
            "give numbers of at least 1",
        ));
    }
    let shape = parse_size(&arguments.size)?;
    common.check_free_in(output, FILES.into_iter())?;
    let lattices = random_lattices(shape, arguments.count, 0.05..0.95, arguments.seed)?;
    let chosen = common.device()?;
    let backend = chosen.backend.as_ref();
    std::fs::create_dir_all(output).map_err(|e| Error::io("create", output, e))?;
    let humidities = &config.humidities;
    let isotherms = (arguments.iterations.len() + 1) * lattices.count();
    let bar = counting(Some(isotherms as u64), "isotherms");
    let mut plan = config.plan(Walk::adsorption(humidities), Scheme::CONVERGED);
    let exact = in_portions(backend, &lattices, &plan, &bar)?;
    claims::notes("converged", &plan, &exact, backend.capabilities().kind)
        .iter()
        .for_each(|note| remark(note));
    let all = 0..lattices.count();
    let winding = all.clone().map(|k| sinuosity(humidities, exact.lattice(k))).collect();
    let mut areas = Vec::new();
    for iterations in &arguments.iterations {
        plan.scheme = Scheme::Truncated { iterations: *iterations };
        let have = in_portions(backend, &lattices, &plan, &bar)?;
        let area = |k| {
            let area = area_between(humidities, have.lattice(k), exact.lattice(k));
            match plan.mean {
                Mean::Pores => area,
                Mean::Sites => area / lattices.porosity(k),
            }
        };
        areas.push(all.clone().map(area).collect());
    }
    bar.finish_and_clear();
    let iterations = arguments.iterations.clone();
    let comparison = Comparison { lattices, winding, iterations, areas };
    comparison.write(output)?;
    let open = exact.error.iter().filter(|e| !(**e < 1e-3)).count();
    say(&format!(
        "{open} of {} converged points are not known to 1e-3; results in {}",
        exact.error.len(),
        output.display()
    ))
}

impl Comparison {
    fn write(&self, output: &std::path::Path) -> Result<()> {
        let write = |name: &str, text: String| {
            write_atomically(output.join(name), |to| to.write_all(text.as_bytes()))
        };
        write("truncation.csv", self.by_iterations()?)?;
        write("lattices.csv", self.by_lattice())?;
        let (table, figure) = self.by_sinuosity();
        write("sinuosity.csv", table)?;
        figure.write(output.join("sinuosity.svg"))?;
        let means = self.iterations.iter().zip(&self.areas);
        let means = means.map(|(m, areas)| (f64::from(*m), mean(areas)));
        let figure = Figure::new(
            "Truncation to M iterations",
            "iterations M at each humidity",
            "mean area between truncated and converged (of the pores)",
        );
        let points = means.filter(|(_, area)| *area > 0.0).collect();
        drawn(figure.log_x().log_y(), "", points).write(output.join("truncation.svg"))
    }

    /// Areas between isotherms that are means over all sites (Σρ/N in place of Σρ/Ση), as in the
    /// thesis.
    fn of_sites(&self, areas: &[f64]) -> Vec<f64> {
        areas.iter().enumerate().map(|(k, area)| area * self.lattices.porosity(k)).collect()
    }

    /// Mean area and its error for each M, for both kinds of mean, also said.
    fn by_iterations(&self) -> Result<String> {
        let mut text = "iterations,lattices".to_owned();
        for mean in ["pores", "sites"] {
            text += &format!(",mean_area_{mean},standard_error_{mean},largest_area_{mean}");
        }
        text.push('\n');
        for (iterations, areas) in self.iterations.iter().zip(&self.areas) {
            let (pores, sites) = (Spread::of(areas), Spread::of(&self.of_sites(areas)));
            text += &format!("{iterations},{}", areas.len());
            for Spread { mean, error, largest } in [pores, sites] {
                text += &format!(",{mean:.9},{error:.9},{largest:.9}");
            }
            text.push('\n');
            say(&format!(
                "M = {iterations}: mean area {} of the pores; {} of all sites",
                pores.said(),
                sites.said()
            ))?;
        }
        Ok(text)
    }

    /// A line a lattice.
    fn by_lattice(&self) -> String {
        let mut text = "lattice,porosity,sinuosity".to_owned();
        self.iterations.iter().for_each(|m| text += &format!(",area_pores_{m}"));
        self.iterations.iter().for_each(|m| text += &format!(",area_sites_{m}"));
        text.push('\n');
        let sites: Vec<Vec<f64>> = self.areas.iter().map(|areas| self.of_sites(areas)).collect();
        for k in 0..self.lattices.count() {
            text += &format!("{k},{:.6},{:.9}", self.lattices.porosity(k), self.winding[k]);
            self.areas.iter().chain(&sites).for_each(|a| text += &format!(",{:.9}", a[k]));
            text.push('\n');
        }
        text
    }

    /// Mean area in bins of the sinuosity, as a table and as a picture. Means of zero have no place
    /// on a logarithmic axis.
    fn by_sinuosity(&self) -> (String, Figure) {
        let width = (2f64.sqrt() - 1.0) / BINS as f64;
        let bin = |k: usize| (((self.winding[k] - 1.0) / width) as usize).min(BINS - 1);
        let mut text = "iterations,sinuosity,lattices,mean_area_pores\n".to_owned();
        let mut figure = Figure::new(
            "Truncation and sinuosity of the isotherm",
            "sinuosity index",
            "mean area between truncated and converged (of the pores)",
        )
        .log_y();
        for (iterations, areas) in self.iterations.iter().zip(&self.areas) {
            let mut points = Vec::new();
            for b in 0..BINS {
                let own: Vec<f64> =
                    (0..areas.len()).filter(|k| bin(*k) == b).map(|k| areas[k]).collect();
                if own.is_empty() {
                    continue;
                }
                let (middle, mean) = (1.0 + width * (b as f64 + 0.5), mean(&own));
                text += &format!("{iterations},{middle:.4},{},{mean:.9}\n", own.len());
                if own.len() >= FEW && mean > 0.0 {
                    points.push((middle, mean));
                }
            }
            figure = drawn(figure, &format!("M = {iterations}"), points);
        }
        (text, figure)
    }
}

/// Mean, its standard error and the largest of some areas.
#[derive(Debug, Clone, Copy)]
struct Spread {
    mean: f64,
    error: f64,
    largest: f64,
}

impl Spread {
    fn of(areas: &[f64]) -> Self {
        let (count, mean) = (areas.len() as f64, mean(areas));
        let square = areas.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / count;
        let largest = areas.iter().fold(0.0f64, |m, a| m.max(*a));
        Self { mean, error: (square / count).sqrt(), largest }
    }

    fn said(&self) -> String {
        let [mean, error, largest] = [self.mean, self.error, self.largest].map(|x| 100.0 * x);
        format!("{mean:.4} % ± {error:.4} %, largest {largest:.2} %")
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
