//! `fulgurite bench`.

use clap::{Args, Subcommand};
use fulgurite::bench::{
    DescriptorBenchmark, DescriptorResult, MdBenchmark, MdResult, descriptors, molecular_dynamics,
};
use fulgurite::{Error, Result};

use super::say;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Molecular dynamics of sodium silicate at 300 K
    Md {
        /// Device to measure; give it several times to compare in one run
        #[arg(long = "device", default_value = "auto")]
        devices: Vec<String>,
        /// Atoms, in copies of a 3000-atom sample
        #[arg(long, default_value_t = 3000)]
        atoms: usize,
        /// Copies of the sample, each with its own velocities, advanced together and in turn alone
        #[arg(long, default_value_t = 1)]
        replicas: usize,
        /// Steps per measurement [default: about a second's worth]
        #[arg(long)]
        steps: Option<u64>,
        /// Measurements, of which the median counts
        #[arg(long, default_value_t = 5)]
        repeats: usize,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Structural descriptors of sodium silicate
    Descriptors {
        /// Device to measure; give it several times to compare in one run
        #[arg(long = "device", default_value = "auto")]
        devices: Vec<String>,
        /// Atoms, in copies of a 3000-atom sample
        #[arg(long, default_value_t = 24000)]
        atoms: usize,
        /// Measurements, of which the median counts
        #[arg(long, default_value_t = 5)]
        repeats: usize,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Sorption isotherms of random lattices and their gradients
    Sorption(super::sorption::BenchArguments),
}

/// Runs a benchmark behind a spinner and prints one line a result, or JSON.
fn report<T: serde::Serialize>(
    json: bool,
    run: impl FnOnce(&mut dyn FnMut(&str)) -> Result<Vec<T>>,
    line: impl Fn(&T) -> String,
) -> Result<()> {
    let spinner = indicatif::ProgressBar::new_spinner();
    let results = run(&mut |what| spinner.set_message(what.to_owned()))?;
    spinner.finish_and_clear();
    if json {
        let text = serde_json::to_string_pretty(&results)
            .map_err(|e| Error::io("write", "standard output", std::io::Error::other(e)))?;
        return say(&text);
    }
    results.iter().try_for_each(|result| say(&line(result)))
}

pub fn main(arguments: Arguments) -> Result<()> {
    let positive = |what: &str, sound: bool| {
        if sound {
            return Ok(());
        }
        Err(Error::config(what, "sizes must be positive", "give positive numbers"))
    };
    match arguments.what {
        What::Md { devices, atoms, replicas, steps, repeats, json } => {
            let sound = atoms > 0 && replicas > 0 && steps != Some(0) && repeats > 0;
            positive("bench md", sound)?;
            let benchmark = MdBenchmark { devices, atoms, replicas, steps, repeats };
            report(json, |said| molecular_dynamics(&benchmark, said), line)
        }
        What::Descriptors { devices, atoms, repeats, json } => {
            positive("bench descriptors", atoms > 0 && repeats > 0)?;
            let benchmark = DescriptorBenchmark { devices, atoms, repeats };
            report(json, |said| descriptors(&benchmark, said), descriptor_line)
        }
        What::Sorption(arguments) => super::sorption::bench(arguments),
    }
}

fn descriptor_line(r: &DescriptorResult) -> String {
    format!(
        "{}\n  {}: {} centres × {} features, {:.3e} centres/s ({:.2e} to {:.2e}), {:.2} × the first \
         device\n  {:.3} s to sort atoms and make kernels ready, largest error {:.1e}",
        r.device,
        r.descriptor,
        r.centres,
        r.columns,
        r.centres_per_second,
        r.range[0],
        r.range[1],
        r.ratio,
        r.setup_seconds,
        r.error,
    )
}

fn line(r: &MdResult) -> String {
    let passes: Vec<String> = r
        .passes
        .iter()
        .take(5)
        .map(|(name, share)| format!("{name} {:.0} %", 100.0 * share))
        .collect();
    let replicas = match (r.replicas, r.alone_atom_steps_per_second) {
        (n, Some(alone)) => format!(
            "\n  {n} replicas together: {:.2} times one alone ({alone:.3e} atom-steps/s)",
            r.atom_steps_per_second / alone
        ),
        _ => String::new(),
    };
    format!(
        "{}\n  {} atoms, {} steps a measurement: {:.3e} atom-steps/s ({:.2e} to {:.2e}), \
         {:.3e} directed pairs/s\n  force error {}, drift {:.1e} kT per degree of freedom and ns, \
         {} steps between list rebuilds{replicas}\n  passes: {}",
        r.device,
        r.atoms,
        r.steps,
        r.atom_steps_per_second,
        r.range[0],
        r.range[1],
        r.directed_pairs_per_second,
        r.force_error.map_or_else(|| "not measured".into(), |e| format!("{e:.1e}")),
        r.drift,
        r.steps_per_rebuild.map_or_else(|| "all".into(), |n| format!("{n:.0}")),
        if passes.is_empty() { "not timed".into() } else { passes.join(", ") },
    )
}
