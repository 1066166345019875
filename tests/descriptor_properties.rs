//! Symmetries and smoothness of descriptors on every device, brute force, files, and bad input.

mod common;

use assert_cmd::Command;
use fulgurite::backend::Backend;
use fulgurite::backend::cpu::CpuBackend;
use fulgurite::backend::reference::ReferenceBackend;
use fulgurite::descriptor::{
    Centres, DescriptorPlan, compute, compute_exact, read_matrix, read_sidecar, stream,
    write_matrix,
};
use fulgurite::io::{read_structure, write_structure};
use fulgurite::system::{RandomStream, SimulationBox, Stream, Structure, UnitSystem};
use predicates::str::contains;

fn plan(text: &str) -> DescriptorPlan {
    DescriptorPlan::parse("test.toml", text).unwrap_or_else(|e| panic!("{e}; {}", e.remedy()))
}

const SMOOTH: &str = r#"
species = ["Na", "O"]
[[descriptor]]
kind = "g2"
cutoff = 4.5
eta = [0.05, 1.0]
r_s = [0, 2]
[[descriptor]]
kind = "g4"
cutoff = 4.5
eta = 0.05
zeta = [1, 4]
[[descriptor]]
kind = "g5"
cutoff = 4.5
eta = 0.05
zeta = 2
"#;

const ALL: &str = r#"
species = ["Na", "O"]
[[descriptor]]
kind = "radial"
cutoff = 6.0
L = 0.4
r = { from = 1.5, to = 4.5, step = 0.5 }
[[descriptor]]
kind = "g4"
cutoff = 4.5
eta = 0.05
zeta = [1, 4]
[[descriptor]]
kind = "psi"
cutoff = 4.0
unit = 2.0
[[descriptor]]
kind = "soap"
cutoff = 3.5
n_max = 4
l_max = 4
sigma = 0.5
[[descriptor]]
kind = "bond-order"
cutoff = 3.4
l = [4, 6]
averaged = true
[[descriptor]]
kind = "bond-order"
neighbors = ["*"]
cutoff = 3.4
l = [3, 6]
average = { cutoff = 3.0, iterations = 1, weights = "uniform" }
"#;

fn backends() -> Vec<Box<dyn Backend>> {
    let mut all: Vec<Box<dyn Backend>> = vec![Box::new(ReferenceBackend::new())];
    all.extend(common::fast_backends());
    all
}

fn melt() -> Structure {
    let b = SimulationBox::new([0.0; 3], [15.0, 16.0, 14.0], [2.0, -1.0, 3.0]).expect("sound");
    common::random_structure(b, &[("Na", 23.0, 70), ("O", 16.0, 150)], 1.6, 3)
}

/// The same atoms with new positions.
fn moved(structure: &Structure, positions: Vec<[f64; 3]>) -> Structure {
    Structure::new(
        structure.simulation_box,
        structure.species.clone(),
        structure.kinds.clone(),
        positions,
    )
    .expect("sound")
}

/// Largest difference of rows over the largest value of each column.
fn difference(a: &[f64], b: &[f64], width: usize) -> f64 {
    assert_eq!(a.len(), b.len());
    (0..width)
        .map(|c| {
            let column = || (c..a.len()).step_by(width);
            let largest = column().fold(1e-9f64, |m, k| m.max(a[k].abs()));
            column().fold(0.0f64, |m, k| m.max((a[k] - b[k]).abs())) / largest
        })
        .fold(0.0, f64::max)
}

#[test]
fn translation_permutation_and_periodic_images_change_nothing() {
    let structure = melt();
    let n = structure.len();
    let plan = plan(ALL);
    for backend in backends() {
        let limit = 2.0 * backend.capabilities().descriptor_precision;
        let rows = |s: &Structure| compute_exact(backend.as_ref(), s, &plan).expect("computes");
        let original = rows(&structure);
        let width = original.len() / n;
        let shift = structure.positions.iter().map(|r| [r[0] + 1.7, r[1] - 20.3, r[2] + 0.4]);
        let shifted = rows(&moved(&structure, shift.collect()));
        assert!(difference(&original, &shifted, width) < limit, "translation");
        let b = structure.simulation_box;
        let images = structure.positions.iter().enumerate().map(|(i, r)| {
            let f = [i % 3, i % 2, i % 5].map(|k| k as f64 - 1.0);
            let d = b.difference_to_cartesian(f);
            [r[0] + d[0], r[1] + d[1], r[2] + d[2]]
        });
        let imaged = rows(&moved(&structure, images.collect()));
        assert!(difference(&original, &imaged, width) < limit, "periodic images");
        // 97 and the number of atoms have no common divisor.
        let order: Vec<usize> = (0..n).map(|i| i * 97 % n).collect();
        let permuted = Structure::new(
            b,
            structure.species.clone(),
            order.iter().map(|&i| structure.kinds[i]).collect(),
            order.iter().map(|&i| structure.positions[i]).collect(),
        )
        .expect("sound");
        let found = rows(&permuted);
        let want: Vec<f64> =
            order.iter().flat_map(|&i| original[i * width..(i + 1) * width].to_vec()).collect();
        assert!(difference(&want, &found, width) < limit, "permutation");
    }
}

#[test]
fn rotation_changes_nothing() {
    // A cluster in a box so wide that no image is near: the box itself cannot be turned.
    let stream = RandomStream::new(9, Stream::Sampling);
    let mut points: Vec<[f64; 3]> = Vec::new();
    for i in 0..4000 {
        let p = [0, 1, 2].map(|k| 9.0 * stream.uniform(0, i, k) - 4.5);
        let apart = |q: &[f64; 3]| (0..3).map(|k| (p[k] - q[k]).powi(2)).sum::<f64>() > 2.6;
        if points.iter().all(apart) && points.len() < 60 {
            points.push(p);
        }
    }
    let n = points.len();
    let (c, s) = (0.7f64.cos(), 0.7f64.sin());
    let (d, t) = (1.9f64.cos(), 1.9f64.sin());
    let turn = |p: [f64; 3]| {
        let [x, y, z] = [c * p[0] - s * p[1], s * p[0] + c * p[1], p[2]];
        [x, d * y - t * z, t * y + d * z]
    };
    let build = |points: Vec<[f64; 3]>| {
        let species =
            ["Na", "O"].map(|name| fulgurite::system::Species { name: name.into(), mass: None });
        let positions = points.iter().map(|p| p.map(|x| x + 25.0)).collect();
        let kinds = (0..n).map(|i| (i % 3 > 0) as u16).collect();
        let b = SimulationBox::cubic(50.0).expect("sound");
        Structure::new(b, species.to_vec(), kinds, positions).expect("sound")
    };
    let turned = build(points.iter().map(|&p| turn(p)).collect());
    let straight = build(points);
    let plan = plan(ALL);
    for backend in backends() {
        let limit = 2.0 * backend.capabilities().descriptor_precision;
        let a = compute_exact(backend.as_ref(), &straight, &plan).expect("computes");
        let b = compute_exact(backend.as_ref(), &turned, &plan).expect("computes");
        let found = difference(&a, &b, a.len() / n);
        assert!(found < limit, "{}: {found:e}", backend.capabilities().name);
    }
}

#[test]
fn functions_with_a_cutoff_function_are_smooth() {
    // Along a line on which neighbours enter and leave, the change over a step is twice that over
    // half a step, as of a function with a derivative; a jump would not shrink.
    let structure = melt();
    let plan = plan(SMOOTH).with_centres(Centres::Atoms((0..40).collect())).expect("plan");
    let reference = ReferenceBackend::new();
    let at = |x: f64| {
        let mut positions = structure.positions.clone();
        positions[0][0] += x;
        compute_exact(&reference, &moved(&structure, positions), &plan).expect("computes")
    };
    let width = plan.bind(&structure).expect("binds").columns.len();
    let h = 1e-3;
    let mut worst = 0.0f64;
    for step in 0..60 {
        let x = 0.05 * f64::from(step);
        let [a, b, c, d, e] = [-2.0, -1.0, 0.0, 1.0, 2.0].map(|k| at(x + k * h));
        for k in 0..a.len() {
            let column = |v: &[f64]| {
                (k % width..v.len()).step_by(width).fold(0.0f64, |m, j| m.max(v[j].abs()))
            };
            let fine = (d[k] - b[k]) / (2.0 * h);
            let coarse = (e[k] - a[k]) / (4.0 * h);
            worst = worst.max((fine - coarse).abs() / column(&c).max(1e-6));
        }
    }
    // The second derivative at most jumps, which leaves h times that.
    assert!(worst < 5e-3, "{worst:e}");
}

#[test]
fn radial_functions_are_a_brute_force_sum() {
    let structure = melt();
    let text = |width: &str| {
        format!(
            "centres = [\"Na\"]\n[[descriptor]]\nkind = \"radial\"\nneighbors = [\"O\", \"*\"]\n\
             cutoff = 9.5\n{width}\nr = [2.0, 3.5, 9.0]"
        )
    };
    for (key, eta) in [("L = 0.3", 1.0 / 0.09), ("delta = 0.3", 0.5 / 0.09)] {
        let have = compute_exact(&ReferenceBackend::new(), &structure, &plan(&text(key)))
            .expect("computes");
        let centres: Vec<usize> =
            (0..structure.len()).filter(|&i| structure.kinds[i] == 0).collect();
        for (row, &i) in centres.iter().enumerate() {
            let mut want = [0.0; 6];
            for j in 0..structure.len() {
                for image in 0..125 {
                    let shift = [image % 5, image / 5 % 5, image / 25].map(|k| f64::from(k) - 2.0);
                    let s = structure.simulation_box.difference_to_cartesian(shift);
                    let (a, b) = (structure.positions[i], structure.positions[j]);
                    let r = (0..3).map(|k| (b[k] + s[k] - a[k]).powi(2)).sum::<f64>().sqrt();
                    if r < 9.5 && r > 0.0 {
                        for (k, centre) in [2.0, 3.5, 9.0].iter().enumerate() {
                            let g = (-eta * (r - centre).powi(2)).exp();
                            want[k] += if structure.kinds[j] == 1 { g } else { 0.0 };
                            want[3 + k] += g;
                        }
                    }
                }
            }
            for (a, b) in have[row * 6..row * 6 + 6].iter().zip(want) {
                assert!((a - b).abs() < 1e-10, "{a} {b}");
            }
        }
    }
}

#[test]
fn shell_averages_are_weighted_means_of_features() {
    let structure = melt();
    let base = "[[descriptor]]\nkind = \"radial\"\nneighbors = [\"O\"]\ncutoff = 5.0\nL = 0.4\nr = [2.0, 3.0]\n";
    let plain = compute_exact(&ReferenceBackend::new(), &structure, &plan(base)).expect("computes");
    let text = format!("{base}average = {{ cutoff = 3.3, iterations = 2 }}");
    let have = compute_exact(&ReferenceBackend::new(), &structure, &plan(&text)).expect("computes");
    let n = structure.len();
    let mut values: Vec<[f64; 2]> = plain.chunks(2).map(|c| [c[0], c[1]]).collect();
    for iteration in 1..=2 {
        values = (0..n)
            .map(|i| {
                let (mut sum, mut total) = (values[i], 1.0);
                for j in (0..n).filter(|&j| j != i) {
                    let (a, b) = (structure.positions[i], structure.positions[j]);
                    let d = [b[0] - a[0], b[1] - a[1], b[2] - a[2]];
                    let d = structure.simulation_box.minimum_image(d);
                    let r = d.iter().map(|x| x * x).sum::<f64>().sqrt();
                    if r < 3.3 {
                        let w = (-r / 3.3f64).exp();
                        total += w;
                        sum = [sum[0] + w * values[j][0], sum[1] + w * values[j][1]];
                    }
                }
                sum.map(|s| s / total)
            })
            .collect();
        for i in 0..n {
            for k in 0..2 {
                let found = have[i * 6 + 2 * iteration + k];
                assert!((found - values[i][k]).abs() < 1e-12, "{found} {}", values[i][k]);
            }
        }
    }
}

#[test]
fn results_do_not_depend_on_threads_blocks_or_other_centres() {
    let structure = melt();
    let whole = plan(ALL);
    let all = compute(&CpuBackend::new(), &structure, &whole).expect("computes");
    let one_thread = rayon_pool(1, || compute(&CpuBackend::new(), &structure, &whole));
    assert_eq!(all, one_thread.expect("computes"));
    let some = whole.with_centres(Centres::Atoms(vec![150, 3, 3, 77])).expect("plan");
    let few = compute(&CpuBackend::new(), &structure, &some).expect("computes");
    for (row, &centre) in few.centres.iter().enumerate() {
        assert_eq!(few.row(row), all.row(centre));
    }
    // Every row comes once.
    let bound = whole.bind(&structure).expect("binds");
    let mut seen = vec![0; structure.len()];
    stream(&CpuBackend::new(), &bound, |block| {
        block.rows.iter().for_each(|&r| seen[r] += 1);
        Ok(())
    })
    .expect("streams");
    assert!(seen.iter().all(|&n| n == 1));
}

fn rayon_pool<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool").install(work)
}

#[test]
fn files_hold_what_was_computed_and_the_definition_reads_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("features.npy");
    let structure = melt();
    let plan = plan(&format!("centres = [\"Na\"]\n{ALL}"));
    let bound = plan.bind(&structure).expect("binds");
    let mut done = 0;
    write_matrix(&CpuBackend::new(), &bound, "melt", &path, |n| done = n).expect("writes");
    assert_eq!(done, 70);
    let have = read_matrix(&path).expect("reads");
    assert_eq!(have, compute(&CpuBackend::new(), &structure, &plan).expect("computes"));
    let sidecar = read_sidecar(&path).expect("reads");
    assert!(sidecar.species.iter().all(|s| s == "Na"));
    assert_eq!(sidecar.structure, "melt");
    assert_eq!(sidecar.columns[0], "radial Na-Na r=1.50 L=0.4");
    let again = DescriptorPlan::parse("sidecar", &have.definition).expect("reads");
    assert_eq!(again.definition(), plan.definition());
    let all = again.with_centres(Centres::All).expect("plan");
    assert_ne!(all.definition(), plan.definition());
    // The array and its sidecar belong together.
    let mut wrong = sidecar.clone();
    wrong.centres.pop();
    std::fs::write(path.with_extension("json"), serde_json::to_string(&wrong).expect("json"))
        .expect("writes");
    assert!(read_matrix(&path).expect_err("must not").to_string().contains("69 rows"));
}

#[test]
fn an_atom_without_neighbours_has_zeros() {
    let mut structure = melt();
    structure.simulation_box = SimulationBox::cubic(80.0).expect("sound");
    structure.positions[0] = [60.0; 3];
    let text = ALL.replace("neighbors = [\"*\"]\n", "");
    let plan = plan(&text).with_centres(Centres::Atoms(vec![0])).expect("plan");
    for backend in backends() {
        let matrix = compute(backend.as_ref(), &structure, &plan).expect("computes");
        for (name, x) in matrix.columns.iter().zip(&matrix.data) {
            // SOAP sees the centre itself.
            assert!(*x == 0.0 || name.contains("-Na-Na"), "{name} {x}");
        }
    }
}

/// Cause and remedy of a definition that must be refused.
fn refused(text: &str) -> String {
    let e = DescriptorPlan::parse("bad.toml", text).expect_err("must be refused");
    assert_eq!(e.exit_code(), 2);
    format!("{e} | {}", e.remedy())
}

#[test]
fn bad_definitions_are_refused_with_their_place() {
    let radial = "[[descriptor]]\nkind = \"radial\"\nneighbors = [\"O\"]\n";
    let cases = [
        ("", "bad.toml: no descriptor is defined"),
        ("[[descriptor]]\ncutoff = 3", "missing key `kind`"),
        (
            "[[descriptor]]\nkind = \"radail\"",
            "bad.toml:2:8: unknown value `radail` | did you mean `radial`?",
        ),
        ("[[descriptor]]\nkind = \"g2\"\ncutoff = 4\neta = 1", "no neighbours are named"),
        ("centers = [\"Na\"]", "unknown key `centers` | did you mean `centres`?"),
        ("centres = \"some\"\n[[descriptor]]\nkind = \"g2\"", "`centres` must be \"all\""),
    ];
    for (text, want) in cases {
        let found = refused(text);
        assert!(found.contains(want), "{found}\nwanted {want}");
    }
    let cases = [
        (
            "cutof = 3.0\nL = 0.2\ncutoff = 4\nr = 1",
            "bad.toml:4:9: unknown key `cutof` | did you mean `cutoff`?",
        ),
        ("cutoff = -3.0\nL = 0.2\nr = 1", "`cutoff` must be a positive number, got -3"),
        ("cutoff = nan\nL = 0.2\nr = 1", "`cutoff` must be a finite number"),
        ("cutoff = 3\nr = 1", "exactly one of `L` and `delta`"),
        ("cutoff = 3\nr = 1\nL = 0.2\ndelta = 0.2", "exactly one of `L` and `delta`"),
        ("cutoff = 3\nL = 0.2\nr = { from = 2, to = 1, step = 0.1 }", "is not a usable grid"),
        ("cutoff = 3\nL = 0.2\nr = [1.0, 1.0]", "two columns are both"),
        (
            "cutoff = 3\nL = 0.2\nr = 1\naverage = { cutoff = 3, iterations = 0 }",
            "`iterations` must be a whole number",
        ),
    ];
    for (text, want) in cases {
        let found = refused(&format!("{radial}{text}"));
        assert!(found.contains(want), "{found}\nwanted {want}");
    }
    let soap = "[[descriptor]]\nkind = \"soap\"\nneighbors = [\"O\"]\n";
    assert!(refused(&format!("{soap}cutoff = 0.9\nn_max = 4\nl_max = 3")).contains("begins at 1"));
    assert!(refused(&format!("{soap}cutoff = 2.0\nn_max = 24\nl_max = 3")).contains("too alike"));
}

#[test]
fn what_does_not_fit_the_structure_is_refused() {
    let structure = melt();
    let error = |text: &str, structure: &Structure| {
        let plan = plan(text);
        let e = compute(&CpuBackend::new(), structure, &plan).expect_err("must be refused");
        assert_eq!(e.exit_code(), 2);
        format!("{e} | {}", e.remedy())
    };
    let radial = "[[descriptor]]\nkind = \"radial\"\nL = 0.2\nr = 2\nneighbors = [\"O\"]\n";
    let found = error(&format!("centres = [\"Si\"]\n{radial}cutoff = 4"), &structure);
    assert!(found.contains("no species `Si`, which is named as a centre"), "{found}");
    let found =
        error(&radial.replace("\"O\"", "\"o2\"").replace("r = 2", "r = 2\ncutoff = 4"), &structure);
    assert!(found.contains("no species `o2`") && found.contains("has Na, O"), "{found}");
    let found = error(&format!("centres = [4, 220]\n{radial}cutoff = 4"), &structure);
    assert!(
        found.contains("centre 220 is not an atom of the structure, which has 220 atoms"),
        "{found}"
    );
    let found = error(&format!("{radial}cutoff = 900"), &structure);
    assert!(found.contains("neighbours an atom within a cutoff of 900"), "{found}");
    let mut broken = structure.clone();
    broken.positions[7][1] = f64::NAN;
    let found = error(&format!("{radial}cutoff = 4"), &broken);
    assert!(found.contains("atom 8 has the position"), "{found}");
    let mut twice = structure.clone();
    twice.positions[9] = twice.positions[200];
    let found = error(&format!("{radial}cutoff = 4"), &twice);
    assert!(found.contains("atoms 10 and 201 overlap"), "{found}");
}

#[test]
fn the_command_writes_both_files_and_never_replaces_them_silently() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    write_structure(at("melt.data"), &melt(), UnitSystem::Metal).expect("written");
    let command = |extra: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fulgurite"));
        command.current_dir(directory.path()).args(["descriptors", "melt.data", "--config"]);
        command.arg(
            std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("configs/descriptors-softness.toml"),
        );
        command.args(["--output", "f.npy", "--device", "cpu"]).args(extra);
        command.assert()
    };
    command(&[]).success().stdout(contains("70 centres × 17 columns"));
    let matrix = read_matrix(&at("f.npy")).expect("reads");
    assert_eq!(matrix.columns[1], "radial Na-O r=1.90 L=0.2");
    let structure = read_structure(at("melt.data")).expect("reads");
    assert!(matrix.centres.iter().all(|&i| structure.species_name(i) == "Na"));
    command(&[]).code(2).stderr(contains("the file exists"));
    command(&["--overwrite"]).success();
    for config in ["kob-andersen", "soap", "local-order"] {
        let path = format!("{}/configs/descriptors-{config}.toml", env!("CARGO_MANIFEST_DIR"));
        DescriptorPlan::load(path.as_ref()).unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn bench_descriptors_prints_what_it_promises() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulgurite"));
    command.args(["bench", "descriptors", "--device", "cpu", "--device", "reference"]);
    command.args(["--atoms", "3000", "--repeats", "1", "--json"]);
    let output = command.assert().success().get_output().stdout.clone();
    let results: serde_json::Value = serde_json::from_slice(&output).expect("JSON");
    let results = results.as_array().expect("a list");
    assert_eq!(results.len(), 8);
    for result in results {
        assert!(result["centres_per_second"].as_f64().is_some_and(|x| x > 0.0), "{result}");
        assert!(result["ratio"].as_f64().is_some_and(|x| x > 0.0), "{result}");
        assert!(result["error"].as_f64().is_some_and(|x| x < 2e-5), "{result}");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulgurite"));
    command.args(["bench", "descriptors", "--atoms", "0"]).assert().code(2);
}
