//! `fulgurite sorption design`.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use clap::Args;
use fulgurite::io::{write_atomically, write_npy_f64};
use fulgurite::plot::Figure;
use fulgurite::sorption::{Design, Path as Walk, Scheme, SorptionPlan, design, write_lattice_png};
use fulgurite::{Error, Result};

use super::{Common, bar, isotherm, parse_size, remark, say};

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

pub fn main(arguments: &Arguments) -> Result<()> {
    let common = &arguments.common;
    let mut config = common.config()?;
    let shape = parse_size(&arguments.size)?;
    let target = super::target::target(&arguments.target, &mut config)?;
    let output = &arguments.output;
    common.check_free(&output.join("design.json"))?;
    std::fs::create_dir_all(output).map_err(|e| Error::io("create", output, e))?;
    let plan = config.plan(Walk::adsorption(&config.humidities), Scheme::PUBLISHED);
    let chosen = common.device()?;
    let interrupt = crate::cli::run::stop_on_signals()?;
    let bar = bar((config.design.steps + config.design.refinements) as u64);
    let found =
        design(chosen.backend.as_ref(), shape, &plan, &target, &config.design, |done, _, step| {
            bar.set_position(done as u64);
            bar.set_message(format!("best loss {:.6}", step.best));
            !interrupt.load(Ordering::Relaxed)
        })?;
    bar.finish_and_clear();
    if interrupt.load(Ordering::Relaxed) {
        remark("interrupted: the best matrix so far is written");
    }
    write(output, &plan, &target, &found, chosen.backend.as_ref(), arguments)?;
    say(&format!(
        "best of {} starts: mean squared difference {:.6}, area between the curves {:.4}, porosity {:.4}, roughness {:.4}",
        found.loss.len(),
        found.loss[found.best],
        found.area[found.best],
        found.lattices.porosity(found.best),
        found.lattices.roughness(found.best)
    ))?;
    say(&format!("results in {}", output.display()))
}

fn write(
    output: &Path,
    plan: &SorptionPlan,
    target: &[f64],
    found: &Design,
    backend: &dyn fulgurite::backend::Backend,
    arguments: &Arguments,
) -> Result<()> {
    let best = found.lattices.range(found.best..found.best + 1);
    let shape = best.shape();
    write_npy_f64(output.join("matrix.npy"), &shape.axes(), best.eta())?;
    let mut axes = vec![found.lattices.count()];
    axes.extend(shape.axes());
    write_npy_f64(output.join("all-starts.npy"), &axes, found.lattices.eta())?;
    if shape.size[0] == 1 {
        write_lattice_png(output.join("matrix.png"), shape, best.eta())?;
    }
    let humidities = &plan.path.humidities;
    let isotherm = found.isotherms.lattice(found.best);
    let mut text = "relative_humidity,target,achieved\n".to_owned();
    for ((h, t), a) in humidities.iter().zip(target).zip(isotherm) {
        text += &format!("{h},{t},{a:.9}\n");
    }
    write_atomically(output.join("isotherm.csv"), |to| to.write_all(text.as_bytes()))?;
    let curve = |values: &[f64]| humidities.iter().copied().zip(values.iter().copied()).collect();
    Figure::new("Wanted and achieved isotherm", "relative humidity", "filling")
        .y_range(0.0, 1.05)
        .dashed("target", curve(target))
        .line("achieved", curve(isotherm))
        .write(output.join("isotherm.svg"))?;
    let mut text = "step,best_loss,median_loss,worst_loss\n".to_owned();
    for s in &found.history {
        text += &format!("{},{:.9},{:.9},{:.9}\n", s.step, s.best, s.median, s.worst);
    }
    write_atomically(output.join("history.csv"), |to| to.write_all(text.as_bytes()))?;
    let line = |f: fn(&fulgurite::sorption::DesignStep) -> f64| {
        found.history.iter().map(|s| (s.step as f64, f(s).max(1e-12))).collect()
    };
    Figure::new("Design history", "step", "mean squared difference to the target")
        .log_y()
        .line("best start", line(|s| s.best))
        .dashed("middle start", line(|s| s.median))
        .write(output.join("history.svg"))?;
    let mut plan = plan.clone();
    plan.densities = true;
    let with_densities = backend.sorption(&best, &plan)?;
    isotherm::water(&best, 0, humidities, &with_densities, &[0.25, 0.5, 0.75])?
        .write(output.join("water.svg"))?;
    let json = serde_json::json!({
        "target": arguments.target,
        "size": shape.axes(),
        "device": backend.capabilities().name,
        "version": env!("CARGO_PKG_VERSION"),
        "model": plan.model,
        "scheme": plan.scheme,
        "mean": plan.mean,
        "humidities": humidities,
        "target_filling": target,
        "achieved_filling": isotherm,
        "mean_squared_difference": found.loss[found.best],
        "area_between_curves": found.area[found.best],
        "porosity": best.porosity(0),
        "roughness": best.roughness(0),
        "best_start": found.best,
        "loss_of_starts": found.loss,
        "units": {"filling": "1", "relative_humidity": "1", "temperature": "K"},
    });
    let text = serde_json::to_string_pretty(&json)
        .map_err(|e| Error::io("write", "design.json", std::io::Error::other(e)))?;
    write_atomically(output.join("design.json"), |to| writeln!(to, "{text}"))
}
