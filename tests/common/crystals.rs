//! Crystals, and `analyze` on them.

#![allow(dead_code)]

use std::path::Path;

use assert_cmd::Command;
use fulgurite::system::{SimulationBox, Species, Structure};

/// Copies of a cubic cell: fractional sites with their species.
pub fn crystal(edge: f64, copies: usize, species: &[&str], sites: &[(u16, [f64; 3])]) -> Structure {
    let length = edge * copies as f64;
    let species = species.iter().map(|n| Species { name: (*n).into(), mass: None }).collect();
    let (mut kinds, mut positions) = (Vec::new(), Vec::new());
    for x in 0..copies {
        for y in 0..copies {
            for z in 0..copies {
                for &(kind, site) in sites {
                    let corner = [x, y, z].map(|k| k as f64);
                    kinds.push(kind);
                    positions.push([0, 1, 2].map(|k| edge * (corner[k] + site[k])));
                }
            }
        }
    }
    let cell = SimulationBox::orthogonal([length; 3]).expect("a box");
    Structure::new(cell, species, kinds, positions).expect("a crystal")
}

pub const FACES: [[f64; 3]; 4] =
    [[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]];

/// Ideal β-cristobalite: silicon on the sites of diamond, oxygen half-way between (Fd-3m).
pub fn cristobalite(copies: usize) -> Structure {
    let mut sites = Vec::new();
    for face in FACES {
        sites.push((0, face));
        sites.push((0, face.map(|x| x + 0.25)));
        for bond in [[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]] {
            sites.push((1, [0, 1, 2].map(|k| face[k] + 0.125 * bond[k])));
        }
    }
    crystal(7.16, copies, &["Si", "O"], &sites)
}

pub fn analyze() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulgurite"));
    command.arg("analyze");
    command
}

/// What `analysis.json` says of a number.
pub fn numbers(directory: &Path) -> Vec<(String, f64)> {
    let text = std::fs::read_to_string(directory.join("analysis.json")).expect("a summary");
    let products: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let mut found = Vec::new();
    for product in products.as_array().expect("a list") {
        for number in product["numbers"].as_array().expect("numbers") {
            let name = number[0].as_str().expect("a name").to_owned();
            found.push((name, number[1].as_f64().expect("a number")));
        }
    }
    found
}
