//! Random densities, species mixes, box shapes and skins: lists against all pairs.

mod common;

use common::{fast_backends, kob_andersen, plan, random_structure};
use fulgurite::backend::{DynamicsSession, Observables};
use fulgurite::dynamics::Ensemble;
use fulgurite::potential::{ForceField, PairDefinition, Truncation};
use fulgurite::system::{SimulationBox, Structure, Units, maxwell_boltzmann_velocities};
use proptest::prelude::*;

/// Force (any distance) and cutoff of each pair of species: A-A, A-B, B-B.
const PAIRS: [(f64, f64); 3] = [(1.0, 2.5), (2.0, 2.0), (3.0, 2.2)];

/// A pair this close to its cutoff, relatively, may be seen or not in single precision.
const UNDECIDED: f64 = 3e-6;

/// Linear potentials cut off plainly: every pair within the cutoff pushes with the same force, so
/// one pair too few or too many is an error as large as a force.
fn steps() -> ForceField {
    let mut field = kob_andersen();
    field.truncation = Truncation::Plain;
    for (pair, (force, cutoff)) in field.pairs.iter_mut().zip(PAIRS) {
        let r: Vec<f64> = (1..=26).map(|k| 0.1 * f64::from(k)).collect();
        let energy = r.iter().map(|r| force * (2.6 - r)).collect();
        pair.definition = PairDefinition::Table { r, energy };
        pair.cutoff = Some(cutoff);
    }
    field
}

/// Forces from a loop over all pairs, and how far each may be off for pairs at their cutoff. Where
/// the cutoff is at most half a perpendicular width, the differences of fractions that wrap to the
/// nearest are those of every pair within it.
fn all_pairs(structure: &Structure) -> (Vec<[f64; 3]>, Vec<f64>) {
    let [lx, ly, lz] = structure.simulation_box.lengths;
    let [xy, xz, yz] = structure.simulation_box.tilts;
    let fractions: Vec<[f64; 3]> = structure
        .positions
        .iter()
        .map(|r| {
            let z = r[2] / lz;
            let y = (r[1] - yz * z) / ly;
            [(r[0] - xy * y - xz * z) / lx, y, z]
        })
        .collect();
    // The structure lists its species in an order of its own.
    let is_b: Vec<usize> = structure
        .kinds
        .iter()
        .map(|&k| usize::from(structure.species[usize::from(k)].name == "B"))
        .collect();
    let mut forces = vec![[0.0; 3]; structure.len()];
    let mut undecided = vec![0.0; structure.len()];
    for i in 0..structure.len() {
        for j in 0..i {
            let u = [0, 1, 2].map(|k| {
                let u = fractions[i][k] - fractions[j][k];
                u - u.round()
            });
            let d = [lx * u[0] + xy * u[1] + xz * u[2], ly * u[1] + yz * u[2], lz * u[2]];
            let r = (d[0] * d[0] + d[1] * d[1] + d[2] * d[2]).sqrt();
            let (force, cutoff) = PAIRS[is_b[i] + is_b[j]];
            if (r / cutoff - 1.0).abs() < UNDECIDED {
                undecided[i] += force;
                undecided[j] += force;
            }
            if r < cutoff {
                for k in 0..3 {
                    forces[i][k] += force * d[k] / r;
                    forces[j][k] -= force * d[k] / r;
                }
            }
        }
    }
    (forces, undecided)
}

/// An atom whose force is not that of all its pairs, and by how much.
fn wrong_force(session: &mut dyn DynamicsSession) -> Option<(usize, f64)> {
    let what = Observables { structure: true, ..Observables::default() };
    let seen = session.observe(what).expect("observes").structure.expect("asked for");
    let have = session.evaluate().expect("evaluates").forces;
    let (want, undecided) = all_pairs(&seen);
    (0..seen.len()).find_map(|atom| {
        let off = [0, 1, 2].map(|k| have[atom][k] - want[atom][k]);
        let error = (off[0] * off[0] + off[1] * off[1] + off[2] * off[2]).sqrt();
        // The weakest pair pushes with 1.
        (error > 2e-3 + undecided[atom]).then_some((atom, error))
    })
}

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
        let field = steps();
        prop_assume!(simulation_box.longest_cutoff() >= 2.5);
        let atoms = ((density * simulation_box.volume()) as usize).max(2);
        let first = ((share * atoms as f64) as usize).clamp(1, atoms - 1);
        let counts = [("B", 1.0, first), ("A", 1.0, atoms - first)];
        let mut structure = random_structure(simulation_box, &counts, 0.75, seed);
        maxwell_boltzmann_velocities(&mut structure, 1.5, seed, &Units::LJ).expect("masses");
        for backend in fast_backends() {
            let mut plan = plan(&field, &structure, Ensemble::Nve);
            plan.skin = Some(skin);
            plan.timestep = 2e-3;
            let mut session = backend.molecular_dynamics(&structure, &plan).expect("starts");
            // Far enough that some lists are old when they are compared.
            for steps in [0, 17, 30] {
                session.advance(steps).expect("runs");
                let lost = wrong_force(session.as_mut());
                prop_assert!(lost.is_none(), "{}: {lost:?}", backend.capabilities().name);
            }
        }
    }
}

/// A stage may have a smaller skin than the one before: the list that its state remembers is then
/// too old and too short.
#[test]
fn a_smaller_skin_leaves_no_old_list() {
    let simulation_box = SimulationBox::cubic(8.0).expect("box");
    let mut structure =
        random_structure(simulation_box, &[("B", 1.0, 80), ("A", 1.0, 320)], 0.75, 11);
    maxwell_boltzmann_velocities(&mut structure, 1.5, 5, &Units::LJ).expect("masses");
    let mut wide = plan(&steps(), &structure, Ensemble::Nve);
    (wide.skin, wide.timestep) = (Some(1.2), 2e-3);
    let mut narrow = wide.clone();
    narrow.skin = Some(0.1);
    for backend in fast_backends() {
        let name = &backend.capabilities().name;
        let mut session = backend.molecular_dynamics(&structure, &wide).expect("starts");
        let report = session.advance(25).expect("runs");
        assert_eq!(report.rebuilds, 0, "{name}: the list is to be old");
        let state = session.checkpoint().expect("reads");
        let mut next = backend.resume(&structure, &narrow, &state).expect("resumes");
        assert_eq!(wrong_force(next.as_mut()), None, "{name}");
        assert_eq!(next.checkpoint().expect("reads").rebuilds, 1, "{name}");
        // Under the same plan nothing is made anew.
        let mut same = backend.resume(&structure, &wide, &state).expect("resumes");
        assert_eq!(same.checkpoint().expect("reads"), state, "{name}");
    }
}
