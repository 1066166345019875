//! `fulgurite descriptors`.

use std::path::PathBuf;

use clap::Args;
use fulgurite::descriptor::{DescriptorPlan, sidecar_path, write_matrix};
use fulgurite::{Error, Result};

use super::progress::counting;
use super::{Types, say};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Structure file: .data, .dump, .xyz, .extxyz (each also .gz) or .nc
    structure: PathBuf,
    /// Descriptor definition
    #[arg(long, value_name = "FILE.toml")]
    config: PathBuf,
    /// Features as a NumPy array; OUT.json beside it names rows and columns
    #[arg(long, value_name = "OUT.npy")]
    output: PathBuf,
    /// auto, gpu, gpu:N, cpu, cpu:LEVEL or reference
    #[arg(long, default_value = "auto")]
    device: String,
    /// Replace output files that exist
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    types: Types,
}

pub fn main(arguments: &Arguments) -> Result<()> {
    let output = &arguments.output;
    if output.extension().is_none_or(|e| e != "npy") {
        return Err(Error::config(
            format!("--output {}", output.display()),
            "features are written as a NumPy array",
            "give a name that ends in .npy",
        ));
    }
    let plan = DescriptorPlan::load(&arguments.config)?;
    for path in [output, &sidecar_path(output)] {
        if path.exists() && !arguments.overwrite {
            return Err(Error::config(
                format!("--output {}", path.display()),
                "the file exists",
                "give another name, or `--overwrite`",
            ));
        }
    }
    let structure = arguments.types.read_structure(&arguments.structure)?;
    let bound = plan.bind(&structure)?;
    let chosen = fulgurite::backend::select(&arguments.device)?;
    let rows = bound.centres.len();
    let bar = counting(Some(rows as u64), "centres");
    let name = arguments.structure.display().to_string();
    write_matrix(chosen.backend.as_ref(), &bound, &name, output, |done| {
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    say(&format!("device    {} ({})", chosen.backend.capabilities().name, chosen.reason))?;
    say(&format!("features  {} centres × {} columns", rows, bound.columns.len()))?;
    say(&format!("written   {}, {}", output.display(), sidecar_path(output).display()))
}
