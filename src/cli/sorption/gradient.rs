//! `fulgurite sorption gradient`.

use std::path::PathBuf;

use clap::Args;
use fulgurite::io::write_npy_f64;
use fulgurite::plot::{Colors, Heatmap};
use fulgurite::sorption::{
    Cotangent, Dimension, Loss, MeanSquare, Path as Walk, Scheme, read_lattices,
};
use fulgurite::{Error, Result};

use super::target::target;
use super::{Common, one_of, remark, say};

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
    /// Write dL/dη in the shape of the grid
    #[arg(long, value_name = "OUT.npy")]
    output: Option<PathBuf>,
    /// A picture of dL/dη (first lattice)
    #[arg(long, value_name = "OUT.svg")]
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
    let mut config = common.config()?;
    for path in [&arguments.output, &arguments.picture].into_iter().flatten() {
        common.check_free(path)?;
    }
    let lattices = read_lattices(&arguments.grid, arguments.batch, arguments.invert)?;
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
    remark(&one_of(&lattices));
    let found = chosen.backend.sorption_gradient(&lattices, &plan, &*loss)?;
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
        write_npy_f64(path, &axes, &all)?;
    }
    if let Some(path) = &arguments.picture {
        let [_, rows, columns] = lattices.shape().size;
        let values = all[..rows * columns].to_vec();
        let top = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let layer =
            if lattices.shape().dimension == Dimension::Three { ", first layer" } else { "" };
        Heatmap {
            title: format!("Derivative of the loss with respect to η{layer}"),
            columns,
            rows,
            values,
            range: (top > 0.0).then_some((-top, top)),
            colors: Colors::Diverging,
            x_label: "x".into(),
            y_label: "y".into(),
            color_label: "dL/dη".into(),
        }
        .write(path)?;
    }
    Ok(())
}
