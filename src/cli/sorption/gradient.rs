//! `fulgurite sorption gradient`.

use std::path::PathBuf;

use clap::Args;
use fulgurite::backend::Backend;
use fulgurite::io::{write_atomically, write_npy_f64};
use fulgurite::plot::Heatmap;
use fulgurite::sorption::{
    Cotangent, Dimension, Gradients, Lattices, Loss, MeanSquare, Path as Walk, Scheme,
    SorptionPlan, read_lattices,
};
use fulgurite::{Error, Result};

use super::target::target;
use super::{Common, claims, extension, one_of, pictures, remark, say};
use crate::cli::progress::counting;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Grid: .npy, greyscale .png, .csv; 1 = pore, 0 = solid
    grid: PathBuf,
    /// The .npy file has a leading batch axis
    #[arg(long)]
    batch: bool,
    /// Turn pore and solid around
    #[arg(long)]
    invert: bool,
    /// Loss: mean squared difference to this isotherm (CSV, or y=x, small-pores, ...)
    #[arg(long, value_name = "TARGET", conflicts_with = "at")]
    target: Option<String>,
    /// Loss: the filling at this relative humidity
    #[arg(long, value_name = "RH")]
    at: Option<f64>,
    /// Follow desorption instead of adsorption
    #[arg(long)]
    desorption: bool,
    /// Write dL/dη in the shape of the grid (.csv: of one square lattice)
    #[arg(long, value_name = "OUT.npy|OUT.csv")]
    output: Option<PathBuf>,
    /// A picture of dL/dη (first lattice)
    #[arg(long, value_name = "OUT.svg|OUT.png")]
    picture: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

/// The filling at one point.
struct FillingAt(usize);

impl Loss for FillingAt {
    fn evaluate(&self, _: usize, isotherm: &[f64], _: &[f64]) -> (f64, Cotangent) {
        let mut weights = vec![0.0; isotherm.len()];
        weights[self.0] = 1.0;
        (isotherm[self.0], Cotangent::Isotherm(weights))
    }
}

pub fn main(arguments: &Arguments) -> Result<()> {
    let common = &arguments.common;
    let mut config = common.config(Scheme::CONVERGED)?;
    common.check_output(arguments.output.as_ref(), "a gradient", &["npy", "csv"])?;
    common.check_output(arguments.picture.as_ref(), "a picture of a gradient", &["svg", "png"])?;
    let lattices = read_lattices(&arguments.grid, arguments.batch, arguments.invert)?;
    let flat = !arguments.batch && lattices.shape().dimension == Dimension::Two;
    if let Some(path) = arguments.output.as_ref().filter(|path| !flat && extension(path) == "csv") {
        return Err(Error::config(
            path.display().to_string(),
            "a CSV file holds the gradient of one square lattice",
            "write those of a batch or a cubic lattice as .npy",
        ));
    }
    let loss: Box<dyn Loss> = match (&arguments.target, arguments.at) {
        (Some(text), _) => {
            let mut target = target(text, &mut config)?;
            if arguments.desorption {
                target.reverse();
            }
            Box::new(MeanSquare { target })
        }
        (None, Some(at)) => {
            let point = config.humidities.iter().position(|h| (h - at).abs() < 1e-9);
            let count = config.humidities.len();
            let Some(point) = point else {
                return Err(Error::config(
                    format!("--at {at}"),
                    "not one of the humidities of the path",
                    "give one of them, or set them with --set humidity.list=[...]",
                ));
            };
            Box::new(FillingAt(if arguments.desorption { count - 1 - point } else { point }))
        }
        (None, None) => {
            return Err(Error::config(
                "sorption gradient",
                "no loss is given",
                "give --target TARGET or --at RH",
            ));
        }
    };
    let path = if arguments.desorption {
        Walk::desorption(&config.humidities)
    } else {
        Walk::adsorption(&config.humidities)
    };
    let plan = config.plan(path, Scheme::CONVERGED);
    let chosen = common.device()?;
    remark(&one_of(&lattices, arguments.batch));
    let found = in_portions(chosen.backend.as_ref(), &lattices, &plan, &*loss)?;
    claims::notes("path", &plan, &found.isotherms, chosen.backend.capabilities().kind)
        .iter()
        .for_each(|note| remark(note));
    let points = plan.path.humidities.len();
    let jumps = |k: usize| -> String {
        let at: Vec<String> = (0..points)
            .filter(|p| found.diverging[k * points + p])
            .map(|p| format!("{:.4}", plan.path.humidities[p]))
            .collect();
        format!("relative humidity {}", at.join(", "))
    };
    if lattices.count() == 1 && found.diverges(0) {
        return Err(Error::Input {
            what: format!(
                "the derivative diverges: the matrix condenses or empties exactly at {}",
                jumps(0)
            ),
            remedy: "leave this humidity out, use --device reference if single precision is the reason, or differentiate the truncated scheme with --truncated 100".into(),
        });
    }
    let mut all = Vec::with_capacity(lattices.count() * lattices.sites());
    for k in 0..lattices.count() {
        match found.lattice(k) {
            Some(gradient) => {
                all.extend_from_slice(gradient);
                let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
                if k < 10 {
                    say(&format!("lattice {k}: loss {:.9}, |dL/dη| {norm:.6}", found.loss[k]))?;
                }
            }
            None => {
                remark(&format!("lattice {k}: the derivative diverges at {}", jumps(k)));
                all.resize(all.len() + lattices.sites(), f64::NAN);
            }
        }
    }
    if lattices.count() > 10 {
        say(&format!("… {} lattices in all", lattices.count()))?;
    }
    if let Some(path) = &arguments.output {
        let mut axes = if arguments.batch { vec![lattices.count()] } else { Vec::new() };
        axes.extend(lattices.shape().axes());
        if extension(path) == "csv" {
            let rows = all.chunks_exact(lattices.shape().size[2]);
            let words = |row: &[f64]| row.iter().map(|g| format!("{g:e}")).collect::<Vec<_>>();
            let text: String = rows.map(|row| words(row).join(",") + "\n").collect();
            write_atomically(path, |to| to.write_all(text.as_bytes()))?;
        } else {
            write_npy_f64(path, &axes, &all)?;
        }
    }
    if let Some(path) = &arguments.picture {
        let title = "Derivative of the loss with respect to η";
        let first = all[..lattices.sites()].to_vec();
        let map = pictures::panels(lattices.shape(), title, &[first]);
        let top = map.values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let range = (top > 0.0).then_some((-top, top));
        Heatmap { range, color_label: "dL/dη".into(), ..map }.write(path)?;
    }
    Ok(())
}

/// Lattices that are differentiated at a time, so that progress can be seen.
const PORTION: usize = 256;

/// Gradients of a batch, a portion after the other: these losses do not look at the number of the
/// lattice.
fn in_portions(
    backend: &dyn Backend,
    lattices: &Lattices,
    plan: &SorptionPlan,
    loss: &dyn Loss,
) -> Result<Gradients> {
    let bar = counting(Some(lattices.count() as u64), "gradients");
    let mut all: Option<Gradients> = None;
    for first in (0..lattices.count()).step_by(PORTION) {
        let part = lattices.range(first..(first + PORTION).min(lattices.count()));
        let found = backend.sorption_gradient(&part, plan, loss)?;
        bar.inc(part.count() as u64);
        match &mut all {
            Some(all) => all.extend(found),
            None => all = Some(found),
        }
    }
    bar.finish_and_clear();
    all.ok_or_else(|| Error::input("the batch is empty", "give at least one lattice"))
}
