//! `fulgurite bench`.

use clap::{Args, Subcommand};
use fulgurite::bench::{
    DescriptorBenchmark, DescriptorResult, MdBenchmark, MdResult, OPERATIONS_PER_PAIR, descriptors,
    molecular_dynamics,
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

/// Runs a benchmark behind a spinner and prints its results for people, or as JSON.
fn report<T: serde::Serialize>(
    json: bool,
    run: impl FnOnce(&mut dyn FnMut(&str)) -> Result<Vec<T>>,
    text: impl Fn(&[T]) -> String,
) -> Result<()> {
    let spinner = indicatif::ProgressBar::new_spinner();
    let results = run(&mut |what| spinner.set_message(what.to_owned()))?;
    spinner.finish_and_clear();
    if json {
        let text = serde_json::to_string_pretty(&results)
            .map_err(|e| Error::io("write", "standard output", std::io::Error::other(e)))?;
        return say(&text);
    }
    say(&text(&results))
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
            report(json, |said| molecular_dynamics(&benchmark, said), md_table)
        }
        What::Descriptors { devices, atoms, repeats, json } => {
            positive("bench descriptors", atoms > 0 && repeats > 0)?;
            let benchmark = DescriptorBenchmark { devices, atoms, repeats };
            report(
                json,
                |said| descriptors(&benchmark, said),
                |all| all.iter().map(descriptor_line).collect::<Vec<_>>().join("\n"),
            )
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

/// One row a device, then the passes of each.
fn md_table(results: &[MdResult]) -> String {
    let unknown = || "-".to_owned();
    let first = results.first();
    let mut text = String::new();
    if let Some(r) = first {
        if r.atoms != r.atoms_wanted {
            text += &format!(
                "{} atoms are measured, not {}: whole copies of the sample along each edge\n",
                r.atoms, r.atoms_wanted
            );
        }
        text += &format!(
            "{} atoms in {} replica{}, {:.1} neighbours within the cutoff, {OPERATIONS_PER_PAIR} \
             operations a pair\n\n",
            r.atoms,
            r.replicas,
            if r.replicas == 1 { "" } else { "s" },
            r.neighbours
        );
    }
    let headers = [
        "device",
        "atom-steps/s",
        "slowest, fastest",
        "ratio",
        "one alone",
        "pairs/s",
        "of peak",
        "memory",
        "force error",
        "drift, kT/dof/ns",
        "steps/rebuild",
    ];
    let mut rows = vec![headers.map(String::from)];
    rows.extend(results.iter().map(|r| {
        let drift = match (r.drift, r.drift_error) {
            (Some(drift), Some(error)) => format!("{drift:.1e} ± {error:.0e}"),
            (None, Some(error)) => format!("not measured (± {error:.0e})"),
            _ => "not measured".into(),
        };
        [
            r.device.clone(),
            format!("{:.3e}", r.atom_steps_per_second),
            format!("{:.2e}, {:.2e}", r.range[0], r.range[1]),
            format!("{:.2}", r.ratio),
            r.alone_atom_steps_per_second.map_or_else(unknown, |alone| {
                format!("{alone:.2e} (1/{:.2})", r.atom_steps_per_second / alone)
            }),
            format!("{:.2e}", r.directed_pairs_per_second),
            match (r.arithmetic_share, r.arithmetic_peak) {
                (Some(share), Some(peak)) => format!("{:.0} % of {peak:.1e}", 100.0 * share),
                _ => unknown(),
            },
            r.device_memory.map_or_else(unknown, |b| format!("{:.1} MB", b as f64 / 1e6)),
            r.force_error.map_or_else(|| "not measured".into(), |e| format!("{e:.1e}")),
            drift,
            r.steps_per_rebuild.map_or_else(unknown, |n| format!("{n:.0}")),
        ]
    }));
    text += &aligned(&rows);
    for r in results {
        text += &format!("\nPasses on {}, {} steps: ", r.device, r.profiled_steps);
        let passes: Vec<String> = r
            .passes
            .iter()
            .map(|pass| {
                let microseconds = 1e6 * pass.seconds_per_step;
                format!("{} {microseconds:.1} µs ({:.0} %)", pass.name, 100.0 * pass.share)
            })
            .collect();
        text += &if passes.is_empty() { "not timed".into() } else { passes.join(", ") };
    }
    text
}

/// Rows as lines with columns as wide as their widest entry.
fn aligned<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let width = |k: usize| rows.iter().map(|row| row[k].chars().count()).max().unwrap_or(0);
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let line = |row: &[String; COLUMNS]| {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
