//! The same physics on every backend, in the cases that break neighbour lists.

mod common;

use common::{
    data, evaluate, fast_backends, grains, kob_andersen, lennard_jones, plan, random_structure,
    relative_rms, teter, virial_error,
};
use fulgurite::backend::reference::ReferenceBackend;
use fulgurite::backend::{Backend, Observables};
use fulgurite::dynamics::Ensemble;
use fulgurite::io::read_structure;
use fulgurite::potential::{ForceField, PairDefinition, Truncation};
use fulgurite::system::{SimulationBox, Structure, UnitSystem};

/// Compares a backend with the reference at the backend's own (quantised) positions.
fn compare(backend: &dyn Backend, field: &ForceField, structure: &Structure, what: &str) {
    let plan = plan(field, structure, Ensemble::Nve);
    let mut session = backend.molecular_dynamics(structure, &plan).expect("starts");
    let seen = session
        .observe(Observables { structure: true, ..Observables::default() })
        .expect("observes")
        .structure
        .expect("asked for");
    let have = session.evaluate().expect("evaluates");
    let want = evaluate(&ReferenceBackend::new(), field, &seen);
    let precision = backend.capabilities();
    let force = relative_rms(&have.forces, &want.forces);
    let energy = (have.potential_energy / want.potential_energy - 1.0).abs();
    let virial = virial_error(&have.virial, &want.virial);
    println!(
        "{what} {}: force {force:.1e} energy {energy:.1e} virial {virial:.1e}",
        precision.name
    );
    assert!(force <= precision.force_precision, "{what}: force {force:e}");
    assert!(energy <= precision.energy_precision, "{what}: energy {energy:e}");
    assert!(virial <= precision.virial_precision, "{what}: virial {virial:e}");
}

fn on_all(field: &ForceField, structure: &Structure, what: &str) {
    for backend in fast_backends() {
        compare(backend.as_ref(), field, structure, what);
    }
}

const SILICATE: [(&str, f64, usize); 3] =
    [("O", 15.9994, 341), ("Na", 22.98976928, 122), ("Si", 28.0855, 140)];

/// 603 atoms: no multiple of any cluster or workgroup, species in another order than the force
/// field's, in a box barely wide enough for the cutoff.
#[test]
fn odd_number_of_atoms_in_a_small_cube() {
    let simulation_box = SimulationBox::cubic(20.2).expect("box");
    let mut counts = SILICATE;
    counts[0].2 = 341;
    let structure = random_structure(simulation_box, &counts, 1.6, 3);
    on_all(&teter(Truncation::Plain), &neutral(structure), "small cube");
}

/// Teter charges are neutral for Na:Si:O with 0.6 n + 2.4 s = 1.2 o; 122 + 4·140 = 682 = 2·341.
fn neutral(structure: Structure) -> Structure {
    assert_eq!(structure.counts(), [341, 122, 140]);
    structure
}

#[test]
fn tilted_box() {
    let simulation_box =
        SimulationBox::new([-3.0, 5.0, 100.0], [19.0, 21.0, 20.0], [6.0, -7.0, 5.0]).expect("box");
    let structure = random_structure(simulation_box, &SILICATE, 1.6, 4);
    on_all(&teter(Truncation::ForceShift), &neutral(structure), "tilted");
}

#[test]
fn flat_box_with_fewer_than_three_cells_along_two_edges() {
    let simulation_box = SimulationBox::orthogonal([16.1, 16.3, 32.0]).expect("box");
    let structure = random_structure(simulation_box, &SILICATE, 1.6, 5);
    on_all(&teter(Truncation::Plain), &neutral(structure), "flat");
}

#[test]
fn empty_regions_and_atoms_on_faces() {
    // Everything within one corner, some atoms exactly on faces, edges and the origin.
    let simulation_box = SimulationBox::cubic(40.0).expect("box");
    let corner = SimulationBox::cubic(19.0).expect("box");
    let packed = neutral(random_structure(corner, &SILICATE, 1.6, 6));
    let mut positions = packed.positions.clone();
    for (atom, axis) in [(0, 0), (10, 1), (20, 2)] {
        positions[atom][axis] = 0.0;
    }
    positions[30][0] = 40.0;
    let structure =
        Structure::new(simulation_box, packed.species, packed.kinds, positions).expect("sound");
    on_all(&teter(Truncation::Plain), &structure, "corner");
}

#[test]
fn unlike_species_with_their_own_cutoffs() {
    let simulation_box =
        SimulationBox::new([0.0; 3], [9.1, 8.7, 9.9], [1.0, 0.5, -2.0]).expect("box");
    let structure = random_structure(simulation_box, &[("B", 1.0, 173), ("A", 1.0, 611)], 0.75, 7);
    on_all(&kob_andersen(), &structure, "Kob–Andersen");
}

#[test]
fn grains_of_different_diameters() {
    let simulation_box = SimulationBox::cubic(9.0).expect("box");
    let mut structure = random_structure(simulation_box, &[("A", 1.0, 501)], 0.85, 8);
    // Representable in single precision, as positions are compared at the backend's own: the 28th
    // power makes 1e-6 of a diameter's rounding.
    let diameter = |i: i32| f64::from((0.8 + 0.4 * f64::from(i % 7) / 6.0) as f32);
    structure.diameters = Some((0..501).map(diameter).collect());
    on_all(&grains(), &structure, "grains");
}

#[test]
fn tables_and_smooth_truncation() {
    let simulation_box = SimulationBox::cubic(9.0).expect("box");
    let structure = random_structure(simulation_box, &[("A", 1.0, 601)], 0.9, 9);
    on_all(&lennard_jones(3.0, Truncation::Smooth { from: 2.4 }), &structure, "smooth");
    let mut field = lennard_jones(3.0, Truncation::ForceShift);
    let r: Vec<f64> = (0..400).map(|k| 0.8 + 0.006 * f64::from(k)).collect();
    let energy = r.iter().map(|r| 4.0 * (r.powi(-12) - r.powi(-6))).collect();
    field.pairs[0].definition = PairDefinition::Table { r, energy };
    on_all(&field, &structure, "table");
}

/// Some 600 neighbours an atom: more clusters than the cpu takes through its passes at once.
#[test]
fn many_neighbours() {
    let simulation_box = SimulationBox::cubic(13.3).expect("box");
    let structure = random_structure(simulation_box, &[("A", 1.0, 2000)], 0.85, 12);
    on_all(&lennard_jones(5.5, Truncation::ForceShift), &structure, "many neighbours");
}

#[test]
fn silicate_with_mixed_forms_is_tabulated() {
    let simulation_box = SimulationBox::cubic(20.2).expect("box");
    let structure = neutral(random_structure(simulation_box, &SILICATE, 1.6, 10));
    let mut field = teter(Truncation::Plain);
    field.pairs[2].definition = PairDefinition::LennardJones { epsilon: 0.05, sigma: 2.1 };
    on_all(&field, &structure, "mixed");
}

#[test]
fn longer_range_charges() {
    let simulation_box = SimulationBox::cubic(25.0).expect("box");
    let structure = neutral(random_structure(simulation_box, &SILICATE, 1.6, 11));
    let mut field = teter(Truncation::Plain);
    field.coulomb = Some(fulgurite::potential::DampedShiftedForce { damping: 0.25, cutoff: 12.0 });
    on_all(&field, &structure, "12 Å charges");
}

/// NIST Standard Reference Simulation Website, Lennard-Jones configurations, cutoff 3 σ.
#[test]
fn nist_lennard_jones_configurations() {
    let published = [
        (-4351.5, -568.67),
        (-690.00, -568.46),
        (-1146.7, -1164.9),
        (-16.790321304625856, -46.249),
    ];
    for (n, (energy, virial)) in published.into_iter().enumerate() {
        let structure = read_structure(data(&format!("nist-lj/lj-{}.xyz", n + 1))).expect("reads");
        let mut field = lennard_jones(3.0, Truncation::Plain);
        field.species[0].name = "H".into();
        field.units = UnitSystem::Lj;
        let have = evaluate(&ReferenceBackend::new(), &field, &structure);
        // Printed to five digits, the last configuration's energy to seventeen.
        assert!((have.potential_energy / energy - 1.0).abs() < 5e-5);
        let trace = have.virial[0] + have.virial[1] + have.virial[2];
        assert!((trace / virial - 1.0).abs() < 5e-5, "{trace} {virial}");
        if n == 3 {
            assert!((have.potential_energy / energy - 1.0).abs() < 1e-12);
        }
        on_all(&field, &structure, "NIST");
    }
}
