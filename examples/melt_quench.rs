//! A small sodium silicate glass through the library: build, minimise, melt, quench, measure.
//!
//! ```text
//! cargo run --release --example melt_quench
//! ```

use std::sync::Arc;

use fulgurite::analysis::bonding;
use fulgurite::backend::cpu::CpuBackend;
use fulgurite::backend::{Backend, Observables};
use fulgurite::config::load_force_field;
use fulgurite::dynamics::{
    DynamicsPlan, Ensemble, MinimizeMethod, MinimizeOptions, TemperatureSchedule, minimize,
};
use fulgurite::potential::CompiledForceField;
use fulgurite::system::{
    Composition, Density, MinimumDistances, RandomPacking, Species, Units, cubic_box,
    maxwell_boltzmann_velocities,
};

fn main() -> fulgurite::Result<()> {
    // 900 atoms of (Na2O)30(SiO2)70 at random places, none closer than 1.5 Å.
    let field = load_force_field("teter")?;
    let atoms: Vec<(Species, usize)> = Composition::parse("(Na2O)30(SiO2)70")?
        .counts(900)?
        .into_iter()
        .map(|(name, count)| {
            let mass = field.species.iter().find(|s| s.name == name).map(|s| s.mass);
            (Species { name, mass }, count)
        })
        .collect();
    let mut structure = RandomPacking {
        simulation_box: cubic_box(&atoms, Density::Mass(2.466), &Units::METAL)?,
        atoms,
        minimum_distances: MinimumDistances::uniform(1.5),
        seed: 1,
    }
    .build()?;
    maxwell_boltzmann_velocities(&mut structure, 4000.0, 1, &Units::METAL)?;

    let steps_of_quench = 12_000;
    let force_field = Arc::new(CompiledForceField::new(&field, &structure)?);
    let stage = |temperature| DynamicsPlan {
        force_field: Arc::clone(&force_field),
        timestep: 1e-3, // ps
        ensemble: Ensemble::StochasticRescaling { relaxation: 0.1 },
        temperature,
        seed: 1,
        skin: None,
    };
    let backend = CpuBackend::new();

    let melt = stage(TemperatureSchedule::constant(4000.0));
    let mut session = backend.molecular_dynamics(&structure, &melt)?;
    let options = MinimizeOptions {
        method: MinimizeMethod::Fire,
        force_tolerance: 2.0, // eV/Å
        max_evaluations: 300,
        longest_move: 0.1, // Å
    };
    minimize(session.as_mut(), &options, &mut |_, _| true)?;
    session.advance(4000)?;

    // The same state goes on under another plan: from 4000 to 300 K.
    let molten = session.checkpoint()?;
    let quench = stage(TemperatureSchedule {
        start: 4000.0,
        end: 300.0,
        from_step: molten.step,
        steps: steps_of_quench,
    });
    let mut session = backend.resume(&structure, &quench, &molten)?;
    for _ in 0..6 {
        session.advance(steps_of_quench / 6)?;
        let seen = session.observe(Observables { thermodynamics: true, structure: false })?;
        if let Some(t) = seen.thermodynamics {
            println!(
                "step {:6}  T = {:6.0} K  U = {:.2} eV",
                t.step, t.temperature, t.potential_energy
            );
        }
    }

    let glass = session.checkpoint()?.structure(&structure);
    let index = |name: &str| glass.species.iter().position(|s| s.name == name).unwrap_or(0) as u16;
    let bonds = bonding(&glass, index("Si"), index("O"), 2.2)?;
    println!("Si–O bond {:.3} Å, coordination {:.3}", bonds.mean_length, bonds.mean());
    Ok(())
}
