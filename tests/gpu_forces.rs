//! Forces, energy and virial of the GPU kernels against double precision at the device's own
//! coordinates, on every adapter there is.

mod gpu_support;

use fulgurite::backend::DynamicsSession;
use fulgurite::backend::gpu::GpuOptions;
use fulgurite::potential::{ForceField, Pair, PairDefinition, ShortRange, Truncation};
use fulgurite::system::{SimulationBox, Structure};
use gpu_support::*;

fn options() -> Vec<GpuOptions> {
    // Besides: what runs on devices that offer least.
    let checked = GpuOptions { checked: true, plain_shaders: true, ..GpuOptions::default() };
    vec![GpuOptions::default(), checked]
}

fn compare(name: &str, field: &ForceField, structure: &Structure) {
    let plan = plan(field, structure, 1e-3);
    let want = exact(structure, &plan);
    for options in options() {
        for backend in backends(&options) {
            let mut session = backend.start(structure, &plan).expect("starts");
            let have = session.evaluate().expect("evaluates");
            let [force, energy, virial] = errors(&have, &want);
            let device = &backend.adapter().name;
            println!(
                "{name} U {:.3} on {device}: force {force:.2e} energy {energy:.2e} virial {virial:.2e}",
                want.potential_energy
            );
            assert!(force < 5e-6, "{name} on {device}: force {force:e}");
            assert!(energy < 1e-6, "{name} on {device}: energy {energy:e}");
            assert!(virial < 1e-5, "{name} on {device}: virial {virial:e}");
        }
    }
}

#[test]
fn sodium_silicate() {
    compare("silicate", &teter(), &silicate(901, 1));
}

#[test]
fn triclinic_silicate_with_few_cells() {
    let b = SimulationBox::new([1.0, -2.0, 3.0], [21.0, 22.0, 28.0], [5.0, -4.0, 6.0]);
    let b = b.expect("sound");
    let atoms = (0.0735 * b.volume()) as usize;
    let s = random_structure(b, &["Na", "Si", "O"], &[6, 7, 17], atoms, 1.4, 3);
    compare("triclinic", &teter(), &s);
}

#[test]
fn box_of_exactly_twice_the_cutoff() {
    let b = SimulationBox::orthogonal([16.0, 18.0, 50.0]).expect("sound");
    let s = random_structure(b, &["Na", "Si", "O"], &[6, 7, 17], 1057, 1.4, 4);
    compare("narrow", &teter(), &s);
}

#[test]
fn silica_with_guard_and_long_coulomb() {
    let b = SimulationBox::cubic(24.0).expect("sound");
    let s = random_structure(b, &["Si", "O"], &[1, 2], 912, 1.6, 5);
    compare("silica", &silica(), &s);
}

/// e^(-r/ρ) below the smallest normal number of single precision, well within the cutoff.
#[test]
fn walls_so_steep_that_their_exponential_vanishes() {
    for rho in [0.08, 0.05, 0.004] {
        let mut field = teter();
        field.coulomb = None;
        for pair in &mut field.pairs {
            let PairDefinition::Buckingham { rho: own, c, short_range, .. } = &mut pair.definition
            else {
                panic!("teter is of Buckingham pairs")
            };
            (*c, *short_range) = (0.0, ShortRange::None);
            if pair.species == [2, 2] {
                *own = rho;
            }
        }
        compare(&format!("steep {rho}"), &field, &silicate(901, 1));
    }
}

#[test]
fn kob_andersen_truncations() {
    let s = mixture(1001, 6);
    let truncations = [
        Truncation::Plain,
        Truncation::Shift,
        Truncation::ForceShift,
        Truncation::Smooth { from: 1.8 },
    ];
    for truncation in truncations {
        compare(&format!("kob-andersen {truncation:?}"), &kob_andersen(truncation), &s);
    }
}

#[test]
fn species_without_interaction() {
    // Force-shifted: with a jump of the force at the cutoff, one pair that rounding puts on its
    // other side decides the error.
    let mut field = kob_andersen(Truncation::ForceShift);
    field.pairs.truncate(2);
    // Sparse enough that the energy is no small difference of large sums.
    let b = SimulationBox::cubic(10.4).expect("sound");
    let s = random_structure(b, &["B", "A"], &[1, 1], 640, 0.93, 7);
    compare("no B-B", &field, &s);
}

#[test]
fn tabulated() {
    let r: Vec<f64> = (0..800).map(|k| 0.6 + 0.0025 * f64::from(k)).collect();
    let energy = r.iter().map(|r: &f64| 4.0 * (r.powi(-12) - r.powi(-6))).collect();
    let mut field = kob_andersen(Truncation::Shift);
    field.pairs[0] = Pair {
        species: [0, 0],
        definition: PairDefinition::Table { r, energy },
        cutoff: Some(2.5),
    };
    compare("table", &field, &mixture(1001, 6));
}

#[test]
fn grains_of_many_diameters() {
    let b = SimulationBox::cubic(9.0).expect("sound");
    let mut s = random_structure(b, &["G"], &[1], 500, 0.93, 8);
    s.diameters = Some((0..s.len()).map(|i| 0.8 + 0.25 * (i as f64 * 0.77).sin().abs()).collect());
    compare("grains", &grains(), &s);
}
