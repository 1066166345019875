//! `fulgurite sorption design`.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use clap::Args;
use fulgurite::backend::Backend;
use fulgurite::config::SorptionConfig;
use fulgurite::io::{write_atomically, write_npy_f64};
use fulgurite::plot::Figure;
use fulgurite::sorption::{
    Design, DesignStep, Dimension, Lattices, Path as Walk, Scheme, SorptionPlan, design,
    write_lattice_png,
};
use fulgurite::{Error, Result};

use super::{Common, name_of, parse_size, pictures, say};
use crate::cli::progress::counting;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Wanted isotherm: CSV (relative humidity, filling), or y=x, small-pores, medium-pores,
    /// large-pores; `sorption target` writes other reference cases
    target: String,
    /// Size of the matrix: 20x20 or 8x8x8
    #[arg(long, default_value = "20x20")]
    size: String,
    /// Directory for the matrix, its isotherm, pictures and history
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    #[command(flatten)]
    common: Common,
}

/// Everything that a design writes; `matrix.png` only of a square lattice.
const FILES: [&str; 9] = [
    "matrix.npy",
    "matrix.png",
    "all-starts.npy",
    "isotherm.csv",
    "isotherm.svg",
    "history.csv",
    "history.svg",
    "water.svg",
    "configuration.toml",
];
/// Written last.
const RECORD: &str = "design.json";

pub fn main(arguments: &Arguments) -> Result<()> {
    let common = &arguments.common;
    let mut config = common.config(Scheme::PUBLISHED)?;
    let shape = parse_size(&arguments.size)?;
    let target = super::target::target(&arguments.target, &mut config)?;
    let output = &arguments.output;
    common.check_free_in(output, FILES.into_iter().chain([RECORD]))?;
    std::fs::create_dir_all(output).map_err(|e| Error::io("create", output, e))?;
    let plan = config.plan(Walk::adsorption(&config.humidities), Scheme::PUBLISHED);
    let chosen = common.device()?;
    let interrupt = crate::cli::run::stop_on_signals()?;
    let most = config.design.steps + config.design.refinements;
    let bar = counting(Some(most as u64), "steps and refinements");
    let mut steps = 0;
    let backend = chosen.backend.as_ref();
    let found = design(backend, shape, &plan, &target, &config.design, |progress| {
        steps = progress.done;
        bar.set_position(progress.done as u64);
        let best = format!("best loss {:.6}", progress.latest.best);
        bar.set_message(match progress.flips {
            Some((tried, of)) => format!("{best}, {tried} of {of} flips tried"),
            None => best,
        });
        !interrupt.load(Ordering::Relaxed)
    })?;
    bar.finish_and_clear();
    Run { arguments, config: &config, plan: &plan, target: &target, found: &found, backend }
        .write(output)?;
    let best = found.best;
    say(&format!(
        "best of {} starts, {}: mean squared difference {:.6}, area between the curves {:.4}",
        found.loss.len(),
        name_of(plan.scheme),
        found.loss[best],
        found.area[best],
    ))?;
    if let Scheme::Truncated { .. } = plan.scheme {
        say(&format!(
            "the same matrix with converged densities: mean squared difference {:.6}, area {:.4}",
            found.converged.loss, found.converged.area
        ))?;
    }
    say(&format!(
        "porosity {:.4}, roughness {:.4}; results in {}",
        found.lattices.porosity(best),
        found.lattices.roughness(best),
        output.display()
    ))?;
    if interrupt.load(Ordering::Relaxed) {
        return Err(Error::Stopped { step: steps, output: output.clone() });
    }
    Ok(())
}

/// What was asked and what was found.
struct Run<'a> {
    arguments: &'a Arguments,
    config: &'a SorptionConfig,
    plan: &'a SorptionPlan,
    target: &'a [f64],
    found: &'a Design,
    backend: &'a dyn Backend,
}

impl Run<'_> {
    fn write(&self, output: &Path) -> Result<()> {
        let Self { plan, found, .. } = self;
        let best = found.lattices.range(found.best..found.best + 1);
        let shape = best.shape();
        write_npy_f64(output.join("matrix.npy"), &shape.axes(), best.eta())?;
        let mut axes = vec![found.lattices.count()];
        axes.extend(shape.axes());
        write_npy_f64(output.join("all-starts.npy"), &axes, found.lattices.eta())?;
        let drawing = output.join("matrix.png");
        if shape.dimension == Dimension::Two {
            write_lattice_png(drawing, shape, best.eta())?;
        } else if drawing.exists() {
            // Of a square lattice that was here before.
            std::fs::remove_file(&drawing).map_err(|e| Error::io("remove", drawing, e))?;
        }
        self.write_isotherm(output)?;
        self.write_history(output)?;
        let plan = SorptionPlan { densities: true, ..(*plan).clone() };
        let with_densities = self.backend.sorption(&best, &plan)?;
        let humidities = &plan.path.humidities;
        pictures::water(&best, 0, (humidities, 0), &with_densities, &[0.25, 0.5, 0.75])?
            .write(output.join("water.svg"))?;
        let text = self.config.written(plan.scheme)?;
        write_atomically(output.join("configuration.toml"), |to| to.write_all(text.as_bytes()))?;
        self.write_record(output, &best)
    }

    fn write_isotherm(&self, output: &Path) -> Result<()> {
        let Self { plan, target, found, .. } = self;
        let humidities = &plan.path.humidities;
        let achieved = found.isotherms.lattice(found.best);
        let converged = found.converged.isotherm.lattice(0);
        let mut text = "relative_humidity,target,achieved,converged\n".to_owned();
        for k in 0..humidities.len() {
            let (h, t, a, c) = (humidities[k], target[k], achieved[k], converged[k]);
            text += &format!("{h},{t},{a:.9},{c:.9}\n");
        }
        write_atomically(output.join("isotherm.csv"), |to| to.write_all(text.as_bytes()))?;
        let curve =
            |values: &[f64]| humidities.iter().copied().zip(values.iter().copied()).collect();
        let figure = Figure::new("Wanted and achieved isotherm", "relative humidity", "filling")
            .y_range(0.0, 1.05)
            .dashed("target", curve(target));
        match plan.scheme {
            Scheme::Truncated { iterations } => figure
                .line(format!("achieved, M = {iterations}"), curve(achieved))
                .line("achieved, converged", curve(converged)),
            Scheme::Converged { .. } => figure.line("achieved, converged", curve(achieved)),
        }
        .write(output.join("isotherm.svg"))
    }

    fn write_history(&self, output: &Path) -> Result<()> {
        let history = &self.found.history;
        let mut text = "step,best_loss,median_loss,worst_loss\n".to_owned();
        for s in history {
            text += &format!("{},{:.9},{:.9},{:.9}\n", s.step, s.best, s.median, s.worst);
        }
        write_atomically(output.join("history.csv"), |to| to.write_all(text.as_bytes()))?;
        let line = |f: fn(&DesignStep) -> f64| {
            history.iter().map(|s| (s.step as f64, f(s).max(1e-12))).collect()
        };
        Figure::new("Design history", "step", "mean squared difference to the target")
            .log_y()
            .line("best start", line(|s| s.best))
            .dashed("middle start", line(|s| s.median))
            .write(output.join("history.svg"))
    }

    fn write_record(&self, output: &Path, best: &Lattices) -> Result<()> {
        let Self { arguments, config, plan, target, found, backend } = self;
        let json = serde_json::json!({
            "target": arguments.target,
            "size": best.shape().axes(),
            "device": backend.capabilities().name,
            "version": env!("CARGO_PKG_VERSION"),
            "seed": config.design.seed,
            "design": config.design,
            "model": plan.model,
            "scheme": plan.scheme,
            "mean": plan.mean,
            "highest_humidity": plan.highest_humidity,
            "humidities": plan.path.humidities,
            "target_filling": target,
            "achieved_filling": found.isotherms.lattice(found.best),
            "mean_squared_difference": found.loss[found.best],
            "area_between_curves": found.area[found.best],
            "converged": {
                "filling": found.converged.isotherm.lattice(0),
                "mean_squared_difference": found.converged.loss,
                "area_between_curves": found.converged.area,
            },
            "porosity": best.porosity(0),
            "roughness": best.roughness(0),
            "best_start": found.best,
            "loss_of_starts": found.loss,
            "units": {"filling": "1", "relative_humidity": "1", "temperature": "K"},
        });
        let text = serde_json::to_string_pretty(&json)
            .map_err(|e| Error::io("write", RECORD, std::io::Error::other(e)))?;
        write_atomically(output.join(RECORD), |to| writeln!(to, "{text}"))
    }
}
