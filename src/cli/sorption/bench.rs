//! `fulgurite bench sorption`.

use clap::Args;
use fulgurite::config::MOST_HUMIDITIES;
use fulgurite::sorption::{SorptionBenchmark, SorptionResult, benchmark};
use fulgurite::{Error, Result};

use super::{parse_size, say};
use crate::cli::progress::counting;

#[derive(Debug, Args)]
pub struct BenchArguments {
    /// Device to measure; give it several times to compare in one run
    #[arg(long = "device", default_value = "auto")]
    devices: Vec<String>,
    /// Random lattices
    #[arg(long, default_value_t = 512)]
    lattices: usize,
    /// Size of a lattice
    #[arg(long, default_value = "20x20")]
    size: String,
    /// Humidities
    #[arg(long, default_value_t = 40)]
    humidities: usize,
    /// Iterations of the truncated scheme
    #[arg(long, default_value_t = 100)]
    iterations: u32,
    /// Measurements, of which the median counts
    #[arg(long, default_value_t = 3)]
    repeats: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn bench(arguments: BenchArguments) -> Result<()> {
    let BenchArguments { devices, lattices, size, humidities, iterations, repeats, json } =
        arguments;
    if [lattices, humidities, iterations as usize, repeats].contains(&0) {
        return Err(Error::config(
            "bench sorption",
            "lattices, humidities, iterations and repeats must be positive",
            "give positive numbers",
        ));
    }
    if humidities > MOST_HUMIDITIES {
        return Err(Error::config(
            "bench sorption",
            format!("{humidities} humidities where {MOST_HUMIDITIES} are the most"),
            "give fewer --humidities",
        ));
    }
    let shape = parse_size(&size)?;
    let spinner = counting(None, "");
    let wanted = SorptionBenchmark { devices, lattices, shape, humidities, iterations, repeats };
    let results = benchmark(&wanted, |what| spinner.set_message(what.to_owned()))?;
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

fn line(r: &SorptionResult) -> String {
    format!(
        "{}\n  {} lattices of {} sites, truncated: {:.3e} site updates/s ({:.2e} to {:.2e}), {:.3} s; \
         difference to reference {:.1e} (both branches of {})\n  converged: {:.3} s, {:.1} passes a humidity\n  gradient: \
         implicit {:.3} s, {} bytes a lattice; through the iterations {:.3} s, {} bytes a lattice",
        r.device,
        r.lattices,
        r.sites,
        r.site_updates_per_second,
        r.range[0],
        r.range[1],
        r.truncated_seconds,
        r.difference,
        r.compared,
        r.converged_seconds,
        r.passes_per_point,
        r.implicit_gradient_seconds,
        r.implicit_gradient_bytes,
        r.unrolled_gradient_seconds,
        r.unrolled_gradient_bytes
    )
}
