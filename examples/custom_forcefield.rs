//! A force field of one's own: a soft repulsive mixture, written as TOML, and the pressure of its
//! liquid.
//!
//! ```text
//! cargo run --release --example custom_forcefield
//! ```

use std::path::Path;
use std::sync::Arc;

use fulgurite::backend::cpu::CpuBackend;
use fulgurite::backend::{Backend, Observables};
use fulgurite::config::parse_force_field;
use fulgurite::dynamics::{DynamicsPlan, Ensemble, TemperatureSchedule};
use fulgurite::potential::CompiledForceField;
use fulgurite::system::{
    Density, MinimumDistances, RandomPacking, Species, Units, cubic_box,
    maxwell_boltzmann_velocities,
};

/// Weeks–Chandler–Andersen: Lennard-Jones cut and shifted at its minimum.
const FORCE_FIELD: &str = r#"
name = "wca-mixture"
units = "lj"
cutoff = 1.122462048
truncation = "shift"

[species.L]
mass = 2.0
[species.S]
mass = 1.0

[[pair]]
species = ["L", "L"]
form = "lennard_jones"
epsilon = 1.0
sigma = 1.0

[[pair]]
species = ["L", "S"]
form = "lennard_jones"
epsilon = 1.0
sigma = 0.9
cutoff = 1.010215843

[[pair]]
species = ["S", "S"]
form = "lennard_jones"
epsilon = 1.0
sigma = 0.8
cutoff = 0.8979696384
"#;

fn main() -> fulgurite::Result<()> {
    let field = parse_force_field("wca-mixture", FORCE_FIELD, Path::new(""))?;
    let species = |name: &str, mass| Species { name: name.into(), mass: Some(mass) };
    let atoms = vec![(species("L", 2.0), 500), (species("S", 1.0), 500)];
    let mut liquid = RandomPacking {
        simulation_box: cubic_box(&atoms, Density::Number(0.7), &Units::LJ)?,
        atoms,
        minimum_distances: MinimumDistances::uniform(0.75),
        seed: 3,
    }
    .build()?;
    maxwell_boltzmann_velocities(&mut liquid, 1.0, 3, &Units::LJ)?;
    let plan = DynamicsPlan {
        force_field: Arc::new(CompiledForceField::new(&field, &liquid)?),
        timestep: 0.002,
        ensemble: Ensemble::Langevin { relaxation: 0.5, displacement_cap: Some(0.05) },
        temperature: TemperatureSchedule::constant(1.0),
        seed: 3,
        skin: None,
    };
    let mut session = CpuBackend::new().molecular_dynamics(&liquid, &plan)?;
    session.advance(2000)?;
    let (mut pressure, samples) = (0.0, 100);
    for _ in 0..samples {
        session.advance(50)?;
        let seen = session.observe(Observables { thermodynamics: true, structure: false })?;
        pressure += seen.thermodynamics.map_or(0.0, |t| t.pressure) / f64::from(samples);
    }
    println!("pressure of the liquid at T = 1, density 0.7: {pressure:.3}");
    Ok(())
}
