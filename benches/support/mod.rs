//! What the benchmarks share: options, and keeping and comparing rows.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use fulgurite::Result;
use fulgurite::bench::{Row, compare, read_rows, write_rows};

/// Measures devices and compares with earlier rows.
#[derive(Debug, Parser)]
pub struct Options {
    /// Device to measure; may be given several times
    #[arg(long = "device", default_value = "auto")]
    pub devices: Vec<String>,
    /// Size of the problem [default: the benchmark's own]
    #[arg(long)]
    pub size: Option<usize>,
    /// Measurements, of which the median counts
    #[arg(long, default_value_t = 5)]
    pub repeats: usize,
    /// Keep the rows in this file, which must not exist
    #[arg(long)]
    output: Option<PathBuf>,
    /// Compare with the rows of this file; exit status 1 if a rate is lower or an error larger
    #[arg(long)]
    against: Option<PathBuf>,
    /// Share that a rate may lose
    #[arg(long, default_value_t = 0.1)]
    tolerance: f64,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// Runs a benchmark, prints its rows, keeps them and compares them, as the options say.
pub fn main(measure: impl FnOnce(&Options) -> Result<Vec<Row>>) -> ExitCode {
    let options = Options::parse();
    match run(&options, measure) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}\nhelp: {}", error.remedy());
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(options: &Options, measure: impl FnOnce(&Options) -> Result<Vec<Row>>) -> Result<bool> {
    let then = options.against.as_deref().map(read_rows).transpose()?.unwrap_or_default();
    let rows = measure(options)?;
    if let Some(path) = &options.output {
        write_rows(path, &rows)?;
    }
    let mut good = true;
    for found in compare(&then, &rows, options.tolerance) {
        let Row { benchmark, device, unit, rate, range, .. } = &found.row;
        let ratio = found.ratio.map_or(String::new(), |ratio| format!(", {ratio:.3} × earlier"));
        let slower = if found.slower { " SLOWER" } else { "" };
        let mark =
            if found.less_exact { format!("{slower} LESS EXACT") } else { slower.to_owned() };
        println!(
            "{benchmark} on {device}: {rate:.3e} {unit} ({:.2e} to {:.2e}){ratio}{mark}",
            range[0], range[1]
        );
        good &= !(found.slower || found.less_exact);
    }
    Ok(good)
}
