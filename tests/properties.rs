//! Random densities, species mixes, box shapes and skins: lists against the reference's cells.

mod common;

use common::{evaluate, fast_backends, kob_andersen, plan, random_structure, relative_rms};
use fulgurite::backend::Observables;
use fulgurite::backend::reference::ReferenceBackend;
use fulgurite::dynamics::Ensemble;
use fulgurite::system::{SimulationBox, Units, maxwell_boltzmann_velocities};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn lists_lose_no_pair(
        lengths in prop::array::uniform3(6.2f64..12.0),
        tilts in prop::array::uniform3(-0.45f64..0.45),
        density in 0.05f64..1.1,
        share in 0.0f64..1.0,
        skin in 0.0f64..1.5,
        seed in 0u64..1_000_000,
    ) {
        let tilts = [tilts[0] * lengths[0], tilts[1] * lengths[0], tilts[2] * lengths[1]];
        let simulation_box = SimulationBox::new([0.3, -7.0, 2.0], lengths, tilts).expect("box");
        let field = kob_andersen();
        prop_assume!(simulation_box.longest_cutoff() >= 2.5);
        let atoms = ((density * simulation_box.volume()) as usize).max(2);
        let first = ((share * atoms as f64) as usize).clamp(1, atoms - 1);
        let counts = [("B", 1.0, first), ("A", 1.0, atoms - first)];
        let mut structure = random_structure(simulation_box, &counts, 0.75, seed);
        maxwell_boltzmann_velocities(&mut structure, 1.5, seed, &Units::LJ).expect("masses");
        for backend in fast_backends() {
            let mut plan = plan(&field, &structure, Ensemble::Nve);
            plan.skin = Some(skin);
            let mut session = backend.molecular_dynamics(&structure, &plan).expect("starts");
            // Far enough that some lists are old when they are compared.
            for steps in [0, 17, 30] {
                session.advance(steps).expect("runs");
                let what = Observables { structure: true, ..Observables::default() };
                let seen = session.observe(what).expect("observes").structure.expect("asked for");
                let have = session.evaluate().expect("evaluates");
                let want = evaluate(&ReferenceBackend::new(), &field, &seen);
                let largest = want.forces.iter().flatten().fold(0.0f64, |m, x| m.max(x.abs()));
                // A lost pair would be an error of the size of a force; a few atoms far apart
                // have forces of rounding only.
                if largest > 1e-3 {
                    let error = relative_rms(&have.forces, &want.forces);
                    prop_assert!(error < 1e-5, "{}: {error:e}", backend.capabilities().name);
                }
            }
        }
    }
}
