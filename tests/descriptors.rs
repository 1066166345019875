//! Descriptors against independent programs, closed forms and brute force, and their symmetries.

mod common;

use fulgurite::backend::reference::ReferenceBackend;
use fulgurite::descriptor::{DescriptorPlan, compute_exact};
use fulgurite::io::{NpyArray, read_npy, read_structure};
use fulgurite::system::{SimulationBox, Species, Structure};

fn plan(text: &str) -> DescriptorPlan {
    DescriptorPlan::parse("test.toml", text).unwrap_or_else(|e| panic!("{e}; {}", e.remedy()))
}

fn exact(structure: &Structure, text: &str) -> Vec<f64> {
    compute_exact(&ReferenceBackend::new(), structure, &plan(text))
        .unwrap_or_else(|e| panic!("{e}; {}", e.remedy()))
}

fn silicate() -> Structure {
    read_structure(common::data("descriptors/silicate.extxyz")).expect("reads")
}

fn oracle(name: &str) -> NpyArray {
    read_npy(common::data(&format!("descriptors/{name}.npy"))).expect("reads")
}

/// Largest difference over the largest value.
fn error(have: &[f64], want: &[f64]) -> f64 {
    assert_eq!(have.len(), want.len());
    let largest = want.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    have.iter().zip(want).fold(0.0f64, |m, (a, b)| m.max((a - b).abs())) / largest
}

#[test]
fn soap_is_dscribes() {
    let soap = "[[descriptor]]\nkind = \"soap\"\nneighbors = [\"Si\", \"Na\", \"O\"]\n\
                cutoff = 4.5\nn_max = 4\nl_max = 3\nsigma = 0.5";
    let have = exact(&silicate(), &format!("centres = [0, 1, 2, 3, 4, 5]\n{soap}"));
    let found = error(&have, &oracle("soap-n4-l3").data);
    assert!(found < 1e-8, "{found:e}");
    let soap = "centres = [\"Na\"]\n[[descriptor]]\nkind = \"soap\"\nneighbors = [\"O\"]\n\
                cutoff = 8.0\nn_max = 8\nl_max = 6\nsigma = 0.5";
    let found = error(&exact(&silicate(), soap), &oracle("soap-n8-l6").data);
    assert!(found < 1e-6, "{found:e}");
    // Radial functions whose norms differ by many orders of magnitude.
    let soap = "[[descriptor]]\nkind = \"soap\"\nneighbors = [\"O\"]\nsigma = 0.5\n";
    let text = format!("centres = [\"Na\"]\n{soap}cutoff = 10.0\nn_max = 2\nl_max = 8");
    let found = error(&exact(&silicate(), &text), &oracle("soap-n2-l8").data);
    assert!(found < 1e-8, "{found:e}");
    let text = format!("centres = [\"Na\"]\n{soap}cutoff = 8.0\nn_max = 8\nl_max = 9");
    let want = oracle("soap-n8-l9").data;
    let found = error(&exact(&silicate(), &text)[..want.len()], &want);
    assert!(found < 1e-6, "{found:e}");
}

#[test]
fn symmetry_functions_are_dscribes() {
    let structure = silicate();
    let acsf = oracle("acsf");
    let width = acsf.shape[1];
    assert_eq!(width, 3 * 5 + 6 * 6);
    let species = "species = [\"O\", \"Na\", \"Si\"]\n[[descriptor]]\ncutoff = 5.0\n";
    let g2 = exact(&structure, &format!("{species}kind = \"g2\"\neta = [0.05, 4.0]\nr_s = [0, 2]"));
    let g4 = exact(&structure, &format!("{species}kind = \"g4\"\neta = 0.01\nzeta = [1, 4]"));
    let g5 = exact(&structure, &format!("{species}kind = \"g5\"\neta = 0.02\nzeta = 2"));
    // DScribe's pairs run through a triangle by rows: (0,0), (0,1), (1,1), (0,2), …
    let pairs = [0, 1, 3, 2, 4, 5];
    let mut worst = 0.0f64;
    for atom in 0..structure.len() {
        let row = &acsf.data[atom * width..(atom + 1) * width];
        for s in 0..3 {
            let found = error(&g2[atom * 12 + s * 4..][..4], &row[s * 5 + 1..][..4]);
            worst = worst.max(found);
        }
        for p in 0..6 {
            let want = &row[15 + pairs.iter().position(|&q| q == p).expect("there") * 6..][..6];
            worst = worst.max(error(&g4[atom * 24 + p * 4..][..4], &want[..4]));
            worst = worst.max(error(&g5[atom * 12 + p * 2..][..2], &want[4..]));
        }
    }
    assert!(worst < 1e-6, "{worst:e}");
}

#[test]
fn bond_order_is_freuds() {
    let structure = silicate();
    let want = oracle("steinhardt");
    for averaged in [false, true] {
        let text = format!(
            "[[descriptor]]\nkind = \"bond-order\"\nneighbors = [\"*\"]\ncutoff = 3.4\nl = [4, 6]\naveraged = {averaged}"
        );
        let have = exact(&structure, &text);
        let first = if averaged { 4 } else { 0 };
        for atom in 0..structure.len() {
            for k in 0..4 {
                let (a, b) = (have[atom * 4 + k], want.data[atom * 8 + first + k]);
                // freud keeps positions in single precision.
                assert!((a - b).abs() < 2e-5, "{averaged} {atom} {k}: {a} {b}");
            }
        }
    }
}

/// Copies of a cell with a basis (fractions), along each axis.
fn crystal(cell: [f64; 3], basis: &[[f64; 3]], copies: [usize; 3]) -> Structure {
    let mut positions = Vec::new();
    for x in 0..copies[0] {
        for y in 0..copies[1] {
            for z in 0..copies[2] {
                let at = [x, y, z];
                positions.extend(
                    basis.iter().map(|b| [0, 1, 2].map(|k| cell[k] * (at[k] as f64 + b[k]))),
                );
            }
        }
    }
    let lengths = [0, 1, 2].map(|k| cell[k] * copies[k] as f64);
    let kinds = vec![0; positions.len()];
    let species = vec![Species { name: "A".into(), mass: None }];
    let b = SimulationBox::orthogonal(lengths).expect("sound");
    Structure::new(b, species, kinds, positions).expect("sound")
}

#[test]
fn crystals_have_their_ideal_bond_order() {
    let fcc = [[0.0; 3], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]];
    let s = 1.0 / 2f64.sqrt();
    let hcp_cell = [1.0, 3f64.sqrt(), (8.0f64 / 3.0).sqrt()];
    let hcp = [[0.0; 3], [0.5, 0.5, 0.0], [0.5, 5.0 / 6.0, 0.5], [0.0, 1.0 / 3.0, 0.5]];
    let bcc = [[0.0; 3], [0.5; 3]];
    // q4, q6, w4, w6: Mickel et al., J. Chem. Phys. 138, 044501 (2013), doi:10.1063/1.4774084, and
    // Steinhardt, Nelson, Ronchetti (1983), Table I; bcc with both shells (14 neighbours).
    let cases: [(Structure, f64, [f64; 4]); 3] = [
        (crystal([2.0 * s; 3], &fcc, [3; 3]), 1.2, [0.19094, 0.57452, -0.15932, -0.01316]),
        (crystal(hcp_cell, &hcp, [3, 2, 2]), 1.2, [0.09722, 0.48476, 0.13410, -0.01244]),
        (crystal([1.0; 3], &bcc, [3; 3]), 1.2, [0.03637, 0.51069, 0.15932, 0.01316]),
    ];
    for (structure, cutoff, want) in cases {
        for averaged in [false, true] {
            let text = format!(
                "[[descriptor]]\nkind = \"bond-order\"\nneighbors = [\"*\"]\ncutoff = {cutoff}\nl = [4, 6]\naveraged = {averaged}"
            );
            let have = exact(&structure, &text);
            // Averaging changes nothing where all atoms have the same surroundings in the same
            // orientation; hcp has two orientations.
            let mean_ok = !averaged || want[0] != 0.09722;
            for row in have.chunks(4).filter(|_| mean_ok) {
                for (a, b) in row.iter().zip(want) {
                    assert!((a - b).abs() < 2e-5, "{averaged}: {row:?} {want:?}");
                }
            }
        }
    }
}

/// One of everything, for species Na, Si, O.
const EVERYTHING: &str = r#"
species = ["Na", "Si", "O"]
[[descriptor]]
kind = "radial"
cutoff = 5.5
L = 0.3
r = { from = 1.5, to = 5.0, step = 0.25 }
[[descriptor]]
kind = "radial"
neighbors = ["*"]
cutoff = 5.0
delta = 0.2
r = [2.0, 3.0, 4.0]
[[descriptor]]
kind = "g2"
cutoff = 5.0
eta = [0.05, 1.0]
r_s = [0, 2]
[[descriptor]]
kind = "g4"
neighbors = ["Si+O", "O"]
cutoff = 4.5
eta = [0.01, 0.1]
zeta = [1, 4, 2.5]
[[descriptor]]
kind = "g5"
cutoff = 4.5
eta = 0.05
zeta = [1, 16]
[[descriptor]]
kind = "psi"
cutoff = 4.0
unit = 2.0
[[descriptor]]
kind = "soap"
cutoff = 4.0
n_max = 5
l_max = 4
sigma = 0.4
[[descriptor]]
kind = "bond-order"
neighbors = ["*", "O"]
cutoff = 3.5
l = [2, 4, 6, 12]
[[descriptor]]
kind = "bond-order"
neighbors = ["*", "O"]
cutoff = 3.5
l = [4, 6]
averaged = true
[[descriptor]]
kind = "radial"
neighbors = ["O"]
cutoff = 4.0
L = 0.4
r = [2.0, 2.5]
average = { cutoff = 3.0, iterations = 2 }
"#;

fn melt() -> Structure {
    let b = SimulationBox::new([-1.0, 2.0, 0.5], [17.0, 14.0, 16.0], [3.0, -2.0, 4.0]);
    let counts = [("Na", 23.0, 60), ("Si", 28.0, 70), ("O", 16.0, 151)];
    common::random_structure(b.expect("sound"), &counts, 1.5, 7)
}

/// Largest error of each column over its root mean square.
fn column_errors(have: &[f64], want: &[f64], width: usize) -> Vec<f64> {
    (0..width)
        .map(|c| {
            let column = || (c..want.len()).step_by(width);
            let square: f64 = column().map(|k| want[k] * want[k]).sum();
            let rms = (square / (want.len() / width) as f64).sqrt();
            column().fold(0.0f64, |m, k| m.max((have[k] - want[k]).abs())) / rms.max(1e-12)
        })
        .collect()
}

#[test]
fn devices_agree_with_the_reference() {
    let plan = plan(EVERYTHING);
    // The second box is narrower than twice the cutoffs: images are summed.
    for structure in [melt(), silicate()] {
        let want = compute_exact(&ReferenceBackend::new(), &structure, &plan).expect("computes");
        let columns = plan.bind(&structure).expect("binds").columns;
        for backend in common::fast_backends() {
            let capabilities = backend.capabilities();
            let have = compute_exact(backend.as_ref(), &structure, &plan).expect("computes");
            let errors = column_errors(&have, &want, columns.len());
            let mut order: Vec<usize> = (0..errors.len()).collect();
            order.sort_by(|&a, &b| errors[b].total_cmp(&errors[a]));
            if std::env::var_os("FULGURITE_SHOW").is_some() {
                for &k in order.iter().take(12) {
                    println!("{}: {} {:.1e}", capabilities.name, columns[k], errors[k]);
                }
            }
            let worst = order[0];
            assert!(
                errors[worst] < capabilities.descriptor_precision,
                "{}: `{}` is off by {:e}",
                capabilities.name,
                columns[worst],
                errors[worst]
            );
        }
    }
}
