//! Energy, forces and pressure of a structure file:
//!
//! ```text
//! cargo run --release --example evaluate -- glass.data teter
//! ```

use std::sync::Arc;

use fulgurite::backend::Backend;
use fulgurite::backend::cpu::CpuBackend;
use fulgurite::config::load_force_field;
use fulgurite::dynamics::{DynamicsPlan, Ensemble, TemperatureSchedule};
use fulgurite::io::read_structure;
use fulgurite::potential::CompiledForceField;

fn main() -> fulgurite::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(file), Some(name)) = (arguments.next(), arguments.next()) else {
        println!("usage: evaluate STRUCTURE FORCEFIELD");
        return Ok(());
    };
    let structure = read_structure(file)?;
    let field = CompiledForceField::new(&load_force_field(&name)?, &structure)?;
    let units = field.units;
    let plan = DynamicsPlan {
        force_field: Arc::new(field),
        timestep: units.timestep,
        ensemble: Ensemble::Nve,
        temperature: TemperatureSchedule::constant(0.0),
        seed: 0,
        skin: None,
    };
    let mut session = CpuBackend::new().molecular_dynamics(&structure, &plan)?;
    let evaluation = session.evaluate()?;
    let largest = evaluation.forces.iter().flatten().fold(0.0_f64, |m, f| m.max(f.abs()));
    let volume = structure.simulation_box.volume();
    println!("potential energy  {:.6} {}", evaluation.potential_energy, units.name("energy"));
    println!("largest force     {largest:.6} {}", units.name("force"));
    println!(
        "virial pressure   {:.6} {}",
        evaluation.virial_pressure(volume, &units),
        units.name("pressure")
    );
    Ok(())
}
