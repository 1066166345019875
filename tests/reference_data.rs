//! Energies, forces and virials against independently computed numbers.

mod common;

use common::{data, evaluate, gpu_backends, relative_rms, teter, virial_error};
use fulgurite::backend::Backend;
use fulgurite::backend::cpu::{CpuBackend, Level};
use fulgurite::backend::reference::ReferenceBackend;
use fulgurite::io::read_structure;
use fulgurite::potential::Truncation;

struct Expected {
    energy: f64,
    virial: [f64; 6],
    forces: Vec<[f64; 3]>,
}

fn expected(name: &str) -> Expected {
    let text =
        std::fs::read_to_string(data(&format!("sodium-silicate/{name}.json"))).expect("json");
    let json: serde_json::Value = serde_json::from_str(&text).expect("json");
    let structure = read_structure(data(&format!("sodium-silicate/{name}.data.gz"))).expect("data");
    let volume = structure.simulation_box.volume();
    let stress = |k: &str| json["virial_stress_GPa"][k].as_f64().expect("number");
    // The data's GPa per eV/Å³ are those of CODATA 2014, 8e-9 from today's.
    let virial = fulgurite::dynamics::stress_names().map(|k| stress(k) * volume / 160.21766208);
    let mut forces = String::new();
    std::io::Read::read_to_string(
        &mut flate2::read::GzDecoder::new(
            std::fs::File::open(data(&format!("sodium-silicate/{name}.forces.txt.gz")))
                .expect("forces"),
        ),
        &mut forces,
    )
    .expect("forces");
    let forces = forces
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let row: Vec<f64> =
                line.split_whitespace().map(|x| x.parse().expect("number")).collect();
            [row[0], row[1], row[2]]
        })
        .collect();
    Expected { energy: json["potential_energy_eV"].as_f64().expect("number"), virial, forces }
}

fn check(backend: &dyn Backend, name: &str) {
    let want = expected(name);
    let structure = read_structure(data(&format!("sodium-silicate/{name}.data.gz"))).expect("data");
    let have = evaluate(backend, &teter(Truncation::Plain), &structure);
    let precision = backend.capabilities();
    let force = relative_rms(&have.forces, &want.forces);
    let energy = (have.potential_energy / want.energy - 1.0).abs();
    let virial = virial_error(&have.virial, &want.virial);
    println!(
        "{} {name}: force {force:.2e} energy {energy:.2e} virial {virial:.2e}",
        precision.name
    );
    assert!(energy <= precision.energy_precision, "energy {energy:e}");
    assert!(force <= precision.force_precision, "force {force:e}");
    assert!(virial <= precision.virial_precision, "virial {virial:e}");
}

const NAMES: [&str; 3] = ["glass-300K", "glass-700K", "melt-4000K"];

#[test]
fn reference_equals_the_published_forces() {
    for name in NAMES {
        check(&ReferenceBackend::new(), name);
    }
}

#[test]
fn cpu_equals_the_published_forces_at_every_instruction_set() {
    for level in Level::available() {
        for name in NAMES {
            check(&CpuBackend::with_level(level), name);
        }
    }
}

#[test]
fn gpu_equals_the_published_forces() {
    for backend in gpu_backends() {
        for name in NAMES {
            check(backend.as_ref(), name);
        }
    }
}
