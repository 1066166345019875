//! Pair potentials against themselves: force = −dU/dr for every form and truncation, continuity of
//! the splice, and every preset summed by brute force in a random structure.

use std::sync::Arc;

use fulgurite::backend::Backend;
use fulgurite::backend::reference::ReferenceBackend;
use fulgurite::config::{PRESETS, load_force_field};
use fulgurite::dynamics::{DynamicsPlan, Ensemble, Evaluation, TemperatureSchedule};
use fulgurite::potential::{
    CompiledForceField, DampedShiftedForce, Distance, Dual, FormKind, Parameters, Real, fit_splice,
    pair_term,
};
use fulgurite::system::{RandomStream, SimulationBox, Species, Stream, Structure};
use fulgurite::with_pair_form;

/// A kernel row with diameters, lifted to dual numbers.
struct Row(Vec<f64>, [f64; 2]);

impl Parameters<Dual> for Row {
    fn get(&self, index: usize) -> Dual {
        Dual::constant(self.0[index])
    }
    fn diameters(&self) -> [Dual; 2] {
        self.1.map(Dual::constant)
    }
}

fn dual_pair(
    form: FormKind,
    row: &Row,
    r: f64,
    coulomb: Option<&DampedShiftedForce>,
) -> fulgurite::potential::Term<Dual> {
    let d: Distance<Dual> = Dual::distance(Dual::variable(r * r));
    let damping = coulomb.map(|c| (c, Dual::constant(c.cutoff * c.cutoff)));
    with_pair_form!(form, F => pair_term::<F, Dual, _, _>(row, &d, damping),
        table => unreachable!("tables are tested by finite differences"))
}

#[test]
fn forces_are_the_derivatives_of_the_energies_by_dual_numbers() {
    // Rows: own parameters, then shift0, shift1, cutoff², charge product.
    let tails = [[0.0, 0.0, 64.0, 0.0], [0.3, 0.0, 64.0, -20.7], [0.3, -0.07, 64.0, 34.5]];
    let rate = |rho: f64| -1.0 / (rho * std::f64::consts::LN_2);
    let splice = fit_splice(1844.7458, 0.343645, 192.58).expect("sound").expect("C > 0");
    let forms: [(FormKind, Vec<f64>, f64); 5] = [
        (
            FormKind::Buckingham,
            vec![
                1844.7458,
                rate(0.343645),
                1844.7458 / 0.343645,
                192.58,
                splice.r0 * splice.r0,
                splice.b,
                0.5 * splice.n,
                splice.d,
            ],
            0.5,
        ),
        (FormKind::BuckinghamRepulsion24, vec![0.0, rate(1.0), 0.0, 0.0, 3423200.0], 1.0),
        (
            FormKind::BuckinghamRepulsion24,
            vec![18003.7572, rate(0.2052048), 18003.7572 / 0.2052048, 133.5381, 29.0],
            0.9,
        ),
        (FormKind::LennardJones, vec![4.0, 4.0], 0.7),
        (FormKind::GeneralizedLennardJones, vec![0.9], 0.8),
    ];
    let damping = DampedShiftedForce { damping: 0.25, cutoff: 8.0 };
    for (form, own, from) in forms {
        for tail in tails {
            let row = Row([&own[..], &tail].concat(), [0.9, 1.3]);
            for k in 0..400 {
                let r = from + (7.99 - from) * f64::from(k) / 399.0;
                for coulomb in [None, Some(&damping)] {
                    let term = dual_pair(form, &row, r, coulomb);
                    // −r dU/dr = −2 r² dU/d(r²)
                    let derivative = -2.0 * r * r * term.energy.derivative;
                    let error = (term.virial.value - derivative).abs();
                    // The derivative of erf is a difference quotient, good to about 1e-11.
                    let scale = derivative.abs() + term.energy.value.abs();
                    assert!(
                        error <= 1e-9 * scale + 1e-9,
                        "{form:?} at {r}: {} against {derivative}",
                        term.virial.value
                    );
                }
            }
        }
    }
}

/// −(1/r) dU/dr by central differences of fourth order.
fn numerical_force(energy: impl Fn(f64) -> f64, r: f64) -> f64 {
    let h = 1e-4 * r;
    let slope = (8.0 * (energy(r + h) - energy(r - h))
        - (energy(r + 2.0 * h) - energy(r - 2.0 * h)))
        / (12.0 * h);
    -slope / r
}

fn forcefield_text(truncation: &str, form: &str) -> String {
    format!(
        "name = \"test\"\nunits = \"lj\"\ncutoff = 2.5\ntruncation = {truncation}\n\
         [species.A]\nmass = 1.0\n[[pair]]\nspecies = [\"A\", \"A\"]\n{form}\n"
    )
}

#[test]
fn every_truncation_keeps_force_and_energy_together() {
    let forms = [
        "form = \"lennard_jones\"\nepsilon = 1.0\nsigma = 1.0",
        "form = \"buckingham\"\nA = 1000.0\nrho = 0.15\nC = 1.0\nshort_range = \"splice\"",
        "form = \"buckingham\"\nA = 1000.0\nrho = 0.15\nC = 1.0\nshort_range = \"none\"",
        "form = \"buckingham\"\nA = 1000.0\nrho = 0.15\nC = 1.0\nshort_range = { D24 = 0.1 }",
        "form = \"table\"\nfile = \"table.csv\"",
    ];
    for truncation in ["\"plain\"", "\"shift\"", "\"force_shift\"", "{ smooth = 1.9 }"] {
        for form in forms {
            let text = forcefield_text(truncation, form);
            let field = fulgurite::config::parse_force_field(
                "test",
                &text,
                std::path::Path::new("tests/config/good"),
            )
            .unwrap_or_else(|e| panic!("{e}"));
            let compiled = CompiledForceField::for_species(&field, &["A"]).expect("compiles");
            let pair = &compiled.pairs[0];
            let energy = |r: f64| pair.term(r * r, [1.0; 2]).energy;
            let what = format!("{form} with {truncation}");
            for k in 0..300 {
                let r = 0.8217 + 1.66 * f64::from(k) / 299.0;
                let exact = pair.term(r * r, [1.0; 2]).virial / (r * r);
                let found = numerical_force(energy, r);
                // A cubic spline has jumps in its third derivative at the knots.
                let tolerance = if form.contains("table") { 1e-5 } else { 1e-8 };
                assert!(
                    (exact - found).abs() <= tolerance * (exact.abs() + energy(r).abs() + 1e-3),
                    "{what} at {r}: {exact} against {found}"
                );
            }
            let edge = 2.5 * (1.0 - 1e-9);
            let at_edge = pair.term(edge * edge, [1.0; 2]);
            if truncation != "\"plain\"" {
                assert!(at_edge.energy.abs() < 1e-8, "{what}: energy {}", at_edge.energy);
            }
            if truncation.contains("force") || truncation.contains("smooth") {
                assert!(at_edge.virial.abs() < 1e-7, "{what}: virial {}", at_edge.virial);
            }
            assert_eq!(pair.term(2.5 * 2.5, [1.0; 2]).energy, 0.0, "{what}");
        }
    }
}

#[test]
fn the_splice_joins_with_two_continuous_derivatives() {
    for name in ["teter", "du-teter"] {
        let field = load_force_field(name).expect("preset");
        let names: Vec<&str> = field.species.iter().map(|s| s.name.as_str()).collect();
        let compiled = CompiledForceField::for_species(&field, &names).expect("compiles");
        let mut found = 0;
        for pair in &compiled.pairs {
            let r0 = pair.splice_r2().sqrt();
            if r0 == 0.0 {
                continue;
            }
            found += 1;
            let value = |r: f64| pair.term(r * r, [1.0; 2]).energy;
            let slope = |r: f64| -pair.term(r * r, [1.0; 2]).virial / r;
            let below = r0 * (1.0 - 1e-9);
            let above = r0 * (1.0 + 1e-9);
            let scale = value(r0).abs().max(1.0);
            assert!((value(below) - value(above)).abs() < 1e-6 * scale);
            assert!((slope(below) - slope(above)).abs() < 1e-5 * slope(r0).abs().max(1.0));
            // One-sided second derivatives of second order from each side.
            let h = 1e-4 * r0;
            let inner =
                (3.0 * slope(below) - 4.0 * slope(below - h) + slope(below - 2.0 * h)) / (2.0 * h);
            let outer =
                (-3.0 * slope(above) + 4.0 * slope(above + h) - slope(above + 2.0 * h)) / (2.0 * h);
            assert!(
                (inner - outer).abs() < 1e-4 * inner.abs().max(1.0),
                "{name}: V'' {inner} inside, {outer} outside {r0}"
            );
        }
        assert!(found >= 5, "{name} has {found} splices");
    }
}

#[test]
fn every_preset_sums_to_forces_that_are_gradients_in_a_random_structure() {
    for preset in PRESETS {
        let field = load_force_field(preset.name).expect("preset");
        let names: Vec<&str> = field.species.iter().map(|s| s.name.as_str()).collect();
        let compiled = CompiledForceField::for_species(&field, &names).expect("compiles");
        let length = 2.2 * compiled.cutoff;
        let stream = RandomStream::new(11, Stream::Sampling);
        let atoms = 24u32;
        let shortest = 0.2 * compiled.cutoff;
        // Random positions no two of which are closer than a fifth of the cutoff.
        let mut positions: Vec<[f64; 3]> = Vec::new();
        for try_number in 0..100_000 {
            if positions.len() == atoms as usize {
                break;
            }
            let r = [0, 1, 2].map(|lane| length * stream.uniform(0, try_number, lane));
            let near = |o: &[f64; 3]| distance2(*o, r, length) < shortest * shortest;
            if !positions.iter().any(near) {
                positions.push(r);
            }
        }
        assert_eq!(positions.len(), atoms as usize, "{}", preset.name);
        let kind = |i: usize| (i % names.len()) as u16;
        let diameters = |i: usize, j: usize| {
            [i, j].map(|k| compiled.diameters[usize::from(kind(k))].unwrap_or(1.0))
        };
        let energy = |positions: &[[f64; 3]]| {
            let mut sum = 0.0;
            for i in 0..positions.len() {
                for j in 0..i {
                    let r2 = distance2(positions[i], positions[j], length);
                    sum += compiled.reference_term(kind(i), kind(j), r2, diameters(i, j)).energy;
                }
            }
            sum
        };
        let reference = evaluate(&compiled, &names, &positions, length);
        let kinds: Vec<u16> = (0..positions.len()).map(kind).collect();
        let total = energy(&positions) + compiled.self_energy(&kinds);
        let difference = (reference.potential_energy - total).abs();
        assert!(difference <= 1e-12 * total.abs(), "{}: {difference}", preset.name);
        for atom in [0, 7, 23] {
            for axis in 0..3 {
                let mut force = 0.0;
                for j in (0..positions.len()).filter(|&j| j != atom) {
                    let d = minimum(positions[atom][axis] - positions[j][axis], length);
                    let r2 = distance2(positions[atom], positions[j], length);
                    force += d * compiled
                        .reference_term(kind(atom), kind(j), r2, diameters(atom, j))
                        .virial
                        / r2;
                }
                let backend = reference.forces[atom][axis];
                assert!(
                    (force - backend).abs() <= 1e-11 * (force.abs() + 1.0),
                    "{}: {force} summed, {backend} from the backend",
                    preset.name
                );
                let h = 1e-6 * compiled.cutoff;
                let moved = |by: f64| {
                    let mut p = positions.clone();
                    p[atom][axis] += by;
                    energy(&p)
                };
                let numerical = -(moved(h) - moved(-h)) / (2.0 * h);
                assert!(
                    (force - numerical).abs()
                        < 1e-4 * (force.abs() + 0.1) + 1e-14 * total.abs() / h,
                    "{}: {force} against {numerical}",
                    preset.name
                );
            }
        }
        // The interaction does not depend on which of the two atoms comes first.
        for i in 0..names.len() as u16 {
            for j in 0..names.len() as u16 {
                let r2 = (0.4 * compiled.cutoff).powi(2);
                let a = compiled.reference_term(i, j, r2, [1.0, 1.2]);
                let b = compiled.reference_term(j, i, r2, [1.2, 1.0]);
                assert!((a.energy - b.energy).abs() <= 1e-13 * a.energy.abs());
                assert!((a.virial - b.virial).abs() <= 1e-13 * a.virial.abs());
            }
        }
    }
}

/// The reference backend at these positions, species in turn.
fn evaluate(
    compiled: &CompiledForceField,
    names: &[&str],
    positions: &[[f64; 3]],
    length: f64,
) -> Evaluation {
    let species = names.iter().map(|&n| Species { name: n.into(), mass: None }).collect::<Vec<_>>();
    let kinds = (0..positions.len()).map(|i| (i % names.len()) as u16).collect();
    let cube = SimulationBox::cubic(length).expect("a cube");
    let structure = Structure::new(cube, species, kinds, positions.to_vec()).expect("sound");
    let plan = DynamicsPlan {
        force_field: Arc::new(compiled.clone()),
        timestep: 1e-3,
        ensemble: Ensemble::Nve,
        temperature: TemperatureSchedule::constant(1.0),
        seed: 1,
        skin: None,
    };
    let mut session =
        ReferenceBackend::new().molecular_dynamics(&structure, &plan).expect("a session");
    session.evaluate().expect("evaluated")
}

fn minimum(d: f64, length: f64) -> f64 {
    d - length * (d / length).round()
}

fn distance2(a: [f64; 3], b: [f64; 3], length: f64) -> f64 {
    (0..3).map(|k| minimum(a[k] - b[k], length).powi(2)).sum()
}
