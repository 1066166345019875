//! `fulgurite evaluate`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use fulgurite::config::load_force_field;
use fulgurite::dynamics::{DynamicsPlan, Ensemble, TemperatureSchedule, stress_names};
use fulgurite::io::write_forces_extxyz;
use fulgurite::potential::CompiledForceField;
use fulgurite::protocol::check_overlaps;
use fulgurite::{Error, Result};
use serde::Serialize;

use super::{Types, say};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Structure file: .data, .dump, .xyz, .extxyz (each also .gz) or .nc
    structure: PathBuf,
    /// Preset name or force-field file
    #[arg(long, value_name = "NAME|FILE.toml")]
    forcefield: String,
    /// auto, gpu, gpu:N, cpu, cpu:LEVEL or reference
    #[arg(long, default_value = "auto")]
    device: String,
    /// Write the forces as extended XYZ
    #[arg(long, value_name = "OUT.extxyz")]
    forces: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    types: Types,
}

#[derive(Serialize)]
struct Report<'a> {
    atoms: usize,
    device: &'a str,
    units: UnitNames,
    potential_energy: f64,
    virial_pressure: f64,
    virial_stress: Stress,
}

#[derive(Serialize)]
struct UnitNames {
    energy: &'static str,
    length: &'static str,
    pressure: &'static str,
}

#[derive(Serialize)]
struct Stress {
    xx: f64,
    yy: f64,
    zz: f64,
    yz: f64,
    xz: f64,
    xy: f64,
}

pub fn main(arguments: &Arguments) -> Result<()> {
    let field = load_force_field(&arguments.forcefield)?;
    let structure = arguments.types.read_structure(&arguments.structure)?;
    structure.check_finite()?;
    check_overlaps(&structure)?;
    let compiled = Arc::new(CompiledForceField::new(&field, &structure)?);
    let units = compiled.units;
    let chosen = fulgurite::backend::select(&arguments.device)?;
    let plan = DynamicsPlan {
        force_field: compiled,
        timestep: units.timestep,
        ensemble: Ensemble::Nve,
        temperature: TemperatureSchedule::constant(0.0),
        seed: 0,
        skin: None,
    };
    let mut session = chosen.backend.molecular_dynamics(&structure, &plan)?;
    let evaluation = session.evaluate()?;
    let volume = structure.simulation_box.volume();
    let stress = evaluation.virial_stress(volume, &units);
    let pressure = evaluation.virial_pressure(volume, &units);
    if let Some(path) = &arguments.forces {
        write_forces_extxyz(path, &structure, &evaluation.forces, units.system)?;
    }
    let device = &chosen.backend.capabilities().name;
    if arguments.json {
        let [xx, yy, zz, yz, xz, xy] = stress;
        let report = Report {
            atoms: structure.len(),
            device,
            units: UnitNames {
                energy: units.name("energy"),
                length: units.name("length"),
                pressure: units.name("pressure"),
            },
            potential_energy: evaluation.potential_energy,
            virial_pressure: pressure,
            virial_stress: Stress { xx, yy, zz, yz, xz, xy },
        };
        let text = serde_json::to_string(&report)
            .map_err(|e| Error::io("write", "standard output", std::io::Error::other(e)))?;
        return say(&text);
    }
    let unit = units.name("pressure");
    say(&format!("device             {device} ({})", chosen.reason))?;
    say(&format!("atoms              {}", structure.len()))?;
    say(&format!(
        "potential energy   {:.9} {}",
        evaluation.potential_energy,
        units.name("energy")
    ))?;
    say(&format!("virial pressure    {pressure:.9} {unit} (no kinetic part)"))?;
    for (name, value) in stress_names().iter().zip(stress) {
        say(&format!("virial stress {name}   {value:.9} {unit}"))?;
    }
    Ok(())
}
