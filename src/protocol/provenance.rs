//! Where a run's numbers come from.

use std::path::Path;

use serde::Serialize;

use crate::backend::{Capabilities, DeviceKind};
use crate::config::RunPlan;
use crate::error::Result;
use crate::io::write_atomically;

#[derive(Serialize)]
struct Provenance<'a> {
    program: &'static str,
    version: &'static str,
    commit: Option<&'static str>,
    device: Device<'a>,
    title: &'a str,
    forcefield: &'a str,
    configuration_checksum: String,
    seeds: &'a [u64],
    rates: &'a [f64],
    host: Host,
}

/// What decides the bits: not the number of threads, which timing.log has.
#[derive(Serialize)]
struct Device<'a> {
    kind: DeviceKind,
    signature: &'a str,
    force_precision: f64,
    energy_precision: f64,
    virial_precision: f64,
}

#[derive(Serialize)]
struct Host {
    operating_system: &'static str,
    architecture: &'static str,
    cores: Option<usize>,
}

/// The commit the program was built from, if the build knew it (`FULGURITE_COMMIT`).
pub(super) const COMMIT: Option<&str> = option_env!("FULGURITE_COMMIT");

/// Writes provenance.json.
pub(super) fn write(output: &Path, plan: &RunPlan, device: &Capabilities) -> Result<()> {
    let provenance = Provenance {
        program: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        commit: COMMIT,
        device: Device {
            kind: device.kind,
            signature: &device.signature,
            force_precision: device.force_precision,
            energy_precision: device.energy_precision,
            virial_precision: device.virial_precision,
        },
        title: &plan.title,
        forcefield: &plan.force_field.name,
        configuration_checksum: format!("{:08x}", plan.fingerprint),
        seeds: &plan.ensemble.seeds,
        rates: &plan.ensemble.rates,
        host: Host {
            operating_system: std::env::consts::OS,
            architecture: std::env::consts::ARCH,
            cores: std::thread::available_parallelism().ok().map(std::num::NonZero::get),
        },
    };
    write_json(&output.join("provenance.json"), &provenance)
}

/// Writes a value as indented JSON with a newline at the end.
pub(super) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    write_atomically(path, |w| {
        serde_json::to_writer_pretty(&mut *w, value)?;
        writeln!(w)
    })
}
