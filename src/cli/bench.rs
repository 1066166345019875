//! `fulgurite bench`.

use clap::{Args, Subcommand};
use fulgurite::bench::{MdBenchmark, MdResult, molecular_dynamics};
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
    /// Sorption isotherms of random lattices and their gradients
    Sorption(super::sorption::BenchArguments),
}

pub fn main(arguments: Arguments) -> Result<()> {
    let (devices, atoms, steps, repeats, json) = match arguments.what {
        What::Md { devices, atoms, steps, repeats, json } => (devices, atoms, steps, repeats, json),
        What::Sorption(arguments) => return super::sorption::bench(arguments),
    };
    if atoms == 0 || steps == Some(0) || repeats == 0 {
        return Err(Error::config(
            "bench md",
            "atoms, steps and repeats must be positive",
            "give positive numbers",
        ));
    }
    let spinner = indicatif::ProgressBar::new_spinner();
    let benchmark = MdBenchmark { devices, atoms, steps, repeats };
    let results = molecular_dynamics(&benchmark, |what| spinner.set_message(what.to_owned()))?;
    spinner.finish_and_clear();
    if json {
        let text = serde_json::to_string_pretty(&results)
            .map_err(|e| Error::io("write", "standard output", std::io::Error::other(e)))?;
        return say(&text);
    }
    for result in &results {
        say(&line(result))?;
    }
    Ok(())
}

fn line(r: &MdResult) -> String {
    let passes: Vec<String> = r
        .passes
        .iter()
        .take(5)
        .map(|(name, share)| format!("{name} {:.0} %", 100.0 * share))
        .collect();
    format!(
        "{}\n  {} atoms, {} steps a measurement: {:.3e} atom-steps/s ({:.2e} to {:.2e}), \
         {:.3e} directed pairs/s\n  force error {}, drift {:.1e} kT per degree of freedom and ns, \
         {} steps between list rebuilds\n  passes: {}",
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
