//! `fulgurite run`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;
use fulgurite::config::{Override, load_run};
use fulgurite::protocol::{self, RunOptions, RunSummary};
use fulgurite::system::Units;
use fulgurite::{Error, Result};

use super::progress::Bar;
use super::{remark, say};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Run configuration (see configs/)
    config: PathBuf,
    /// auto, gpu, gpu:N, cpu, cpu:LEVEL or reference
    #[arg(long, default_value = "auto")]
    device: String,
    /// Directory of the run [default: runs/NAME of the configuration]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Continue the run in the output directory from its last checkpoint
    #[arg(long)]
    resume: bool,
    /// Replace a value of the configuration: structure.atoms=6000, stage.melt.duration=20
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

pub fn main(arguments: &Arguments) -> Result<()> {
    let overrides =
        arguments.set.iter().map(|text| Override::parse(text)).collect::<Result<Vec<_>>>()?;
    let plan = load_run(&arguments.config, &overrides)?;
    let stem = arguments.config.file_stem().map_or("run".into(), |s| s.to_string_lossy());
    let output = match &arguments.output {
        Some(output) => output.clone(),
        None => PathBuf::from("runs").join(&*stem),
    };
    let chosen = fulgurite::backend::select(&arguments.device)?;
    let name = &chosen.backend.capabilities().name;
    let title = if plan.title.is_empty() { &stem } else { plan.title.as_str() };
    remark(&format!("{title} on {name} ({})", chosen.reason));
    let options = RunOptions {
        output: output.clone(),
        resume: arguments.resume,
        interrupt: Some(stop_on_signals()?),
    };
    let mut bar = Bar::new(Units::of(plan.force_field.units));
    let outcome = protocol::run(&plan, chosen.backend.as_ref(), &options, &mut bar);
    bar.finish();
    report(&outcome?, &output)
}

/// A flag that SIGINT and SIGTERM set; a second signal ends the program at once.
pub(super) fn stop_on_signals() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&flag))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)))
            .map_err(|e| Error::io("write", "signal handler", e))?;
    }
    Ok(flag)
}

fn report(summary: &RunSummary, output: &std::path::Path) -> Result<()> {
    for member in &summary.members {
        let name = if member.directory.is_empty() {
            String::new()
        } else {
            format!("{}: ", member.directory)
        };
        for stage in member.stages.iter().chain(&member.branches) {
            if let Some(fit) = &stage.fictive_temperature {
                let unit = stage.units.get("temperature").map_or("", String::as_str);
                let unit = if unit == "lj" { "" } else { unit };
                let line = if fit.clear {
                    let value = fit.break_with_error();
                    format!("{name}fictive temperature of {}: {value} {unit}", stage.name)
                } else {
                    format!("{name}U(T) of {} {}", stage.name, fit.verdict(unit))
                };
                say(line.trim_end())?;
            }
        }
        if let Some(last) = member.stages.iter().rev().find(|s| !s.bonds.is_empty()) {
            for bond in &last.bonds {
                let Some(mean_length) = bond.mean_length else { continue };
                let most = bond
                    .fractions
                    .iter()
                    .max_by(|a, b| a.1.total_cmp(b.1))
                    .map_or(String::new(), |(n, f)| format!(", {:.1} % {n}-fold", 100.0 * f));
                say(&format!(
                    "{name}{} after {}: mean length {:.4}, coordination {:.3}{most}",
                    bond.pair, last.name, mean_length, bond.coordination
                ))?;
            }
        }
        for check in &member.checks {
            let verdict = if check.passed { "ok" } else { "NOT MET" };
            say(&format!(
                "{name}check {} of {}: {verdict}: {}",
                check.name, check.stage, check.detail
            ))?;
        }
    }
    say(&format!("results in {}", output.display()))?;
    say(&format!("report: {}", output.join("report.html").display()))
}
