//! What the three-dimensional view shows: positions in two bytes a coordinate, everything else in
//! one byte an atom.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;

use crate::analysis::NeighborList;
use crate::error::Result;
use crate::protocol::BondRecord;
use crate::system::Structure;

/// More atoms than this are shown as a slab.
pub(super) const MOST_ATOMS: usize = 100_000;

/// A number for each atom to colour by; not a number where there is none.
#[derive(Debug, Clone)]
pub struct AtomScalar {
    /// What it is: "softness".
    pub name: String,
    /// One value an atom, in the order of the structure.
    pub values: Vec<f64>,
}

#[derive(Serialize)]
struct Scene {
    atoms: usize,
    cell: [[f64; 3]; 3],
    species: Vec<Look>,
    positions: String,
    kinds: String,
    scalars: Vec<Scalar>,
}

#[derive(Serialize)]
struct Look {
    name: String,
    color: &'static str,
    radius: f64,
}

#[derive(Serialize)]
struct Scalar {
    name: String,
    kind: &'static str,
    low: f64,
    high: f64,
    data: String,
}

/// Colours near the usual ones of the elements, and radii that let one look between the atoms.
const ELEMENTS: [(&str, &str, f64); 18] = [
    ("H", "#cfd6dc", 0.4),
    ("Li", "#a06fc9", 0.6),
    ("B", "#e0a080", 0.5),
    ("C", "#4a4f55", 0.55),
    ("N", "#3d62c4", 0.55),
    ("O", "#d8402f", 0.55),
    ("F", "#7cc36a", 0.55),
    ("Na", "#7a5bd0", 0.85),
    ("Mg", "#58a85a", 0.75),
    ("Al", "#b09aa2", 0.7),
    ("Si", "#e6b566", 0.75),
    ("P", "#ee8a2a", 0.65),
    ("S", "#dcc53a", 0.65),
    ("Cl", "#4fae5c", 0.7),
    ("K", "#8f45c2", 1.0),
    ("Ca", "#4d9d6b", 0.95),
    ("Sr", "#3f9c8c", 1.05),
    ("Zr", "#6fb1bd", 0.85),
];
/// For particles that are no elements.
const OTHERS: [&str; 6] = ["#c0503c", "#3f6fb5", "#5aa35f", "#9a62ad", "#d59a35", "#6b6b6b"];

/// The scene as JSON, and one line on what of the structure it shows; `which` names the structure.
pub(super) fn encode(
    structure: &Structure,
    bonds: &[BondRecord],
    scalars: &[AtomScalar],
    which: &str,
) -> Result<(String, String)> {
    let atoms = structure.len();
    let fractions: Vec<[f64; 3]> = structure
        .positions
        .iter()
        .map(|&r| structure.simulation_box.to_fractional(r).map(|x| x - x.floor()))
        .collect();
    let share = (MOST_ATOMS as f64 / atoms.max(1) as f64).min(1.0);
    let shown: Vec<usize> = (0..atoms)
        .filter(|&i| share >= 1.0 || (fractions[i][2] - 0.5).abs() < 0.5 * share)
        .take(MOST_ATOMS)
        .collect();
    let height = structure.simulation_box.perpendicular_widths()[2];
    let what = if share >= 1.0 {
        format!("All {atoms} atoms of {which}.")
    } else {
        format!(
            "{} of {atoms} atoms of {which}: the slab {:.1} length units thick in the middle of the box, \
             which is {height:.1} high.",
            shown.len(),
            share * height
        )
    };
    let spacing = (structure.simulation_box.volume() / atoms.max(1) as f64).cbrt();
    let looks = structure.species.iter().enumerate().map(|(k, s)| {
        let known = ELEMENTS.iter().find(|e| e.0 == s.name);
        Look {
            name: s.name.clone(),
            color: known.map_or(OTHERS[k % OTHERS.len()], |e| e.1),
            radius: known.map_or(0.36 * spacing, |e| e.2),
        }
    });
    let mut positions = Vec::with_capacity(6 * shown.len());
    for &i in &shown {
        for x in fractions[i] {
            positions.extend(((x * 65536.0) as u32).min(65535).to_le_bytes().into_iter().take(2));
        }
    }
    let kinds: Vec<u8> = shown.iter().map(|&i| structure.kinds[i].min(255) as u8).collect();
    let mut encoded = Vec::new();
    if let Some(numbers) = coordination(structure, bonds) {
        let data: Vec<u8> = shown.iter().map(|&i| numbers[i].min(255) as u8).collect();
        let low = data.iter().copied().min().unwrap_or(0);
        let high = data.iter().copied().max().unwrap_or(0);
        encoded.push(Scalar {
            name: "coordination".into(),
            kind: "integer",
            low: low.into(),
            high: high.into(),
            data: BASE64.encode(data),
        });
    }
    encoded.extend(scalars.iter().filter(|s| s.values.len() == atoms).map(|s| real(s, &shown)));
    let scene = Scene {
        atoms: shown.len(),
        cell: structure.simulation_box.vectors(),
        species: looks.collect(),
        positions: BASE64.encode(positions),
        kinds: BASE64.encode(kinds),
        scalars: encoded,
    };
    let text = serde_json::to_string(&scene).map_err(|e| {
        crate::Error::input(format!("the structure cannot be shown: {e}"), "report this as a bug")
    })?;
    Ok((text, what))
}

/// 0 to 254 between the 2nd and the 98th percentile, which outliers do not move; 255: no value.
fn real(scalar: &AtomScalar, shown: &[usize]) -> Scalar {
    let mut sorted: Vec<f64> =
        shown.iter().map(|&i| scalar.values[i]).filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let at = |part: f64| {
        sorted.get((part * sorted.len().saturating_sub(1) as f64) as usize).copied().unwrap_or(0.0)
    };
    let (low, high) = (at(0.02), at(0.98));
    let data: Vec<u8> = shown
        .iter()
        .map(|&i| {
            let x = scalar.values[i];
            let scaled = if high > low { (x - low) / (high - low) } else { 0.5 };
            if x.is_finite() { (254.0 * scaled.clamp(0.0, 1.0)).round() as u8 } else { 255 }
        })
        .collect();
    Scalar { name: scalar.name.clone(), kind: "real", low, high, data: BASE64.encode(data) }
}

/// Bonded neighbours of every atom; `None` without bonds.
fn coordination(structure: &Structure, bonds: &[BondRecord]) -> Option<Vec<u32>> {
    let kind = |name: &str| structure.species.iter().position(|s| s.name == name);
    let pairs: Vec<(usize, usize, f64)> = bonds
        .iter()
        .filter_map(|b| {
            let (first, second) = b.pair.split_once('-')?;
            Some((kind(first)?, kind(second)?, b.cutoff))
        })
        .collect();
    let cutoff = |a: u16, b: u16| {
        let (a, b) = (usize::from(a), usize::from(b));
        let own = pairs.iter().filter(|p| (p.0, p.1) == (a, b) || (p.0, p.1) == (b, a));
        own.map(|p| p.2).fold(0.0, f64::max)
    };
    if !pairs.iter().any(|p| p.2 > 0.0) {
        return None;
    }
    let list = NeighborList::new(structure, cutoff).ok()?;
    let numbers = (0..structure.len()).map(|atom| list.of(atom).len() as u32).collect();
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{SimulationBox, Species};

    fn line(atoms: usize) -> Structure {
        let species = ["Si", "O"].map(|n| Species { name: n.into(), mass: None }).to_vec();
        let length = 1.5 * atoms as f64;
        let cell = SimulationBox::orthogonal([30.0, 30.0, length]).expect("a box");
        let positions = (0..atoms).map(|i| [0.0, 0.0, 1.5 * (i as f64 + 0.5)]).collect();
        let kinds = (0..atoms).map(|i| (i % 2) as u16).collect();
        Structure::new(cell, species, kinds, positions).expect("sound")
    }

    #[test]
    fn atoms_and_their_neighbours_are_encoded() {
        let bond = BondRecord {
            pair: "Si-O".into(),
            cutoff: 2.0,
            peak: 1.5,
            mean_length: None,
            coordination: 2.0,
            fractions: Default::default(),
            shortest: None,
        };
        let mut softness = AtomScalar { name: "softness".into(), values: vec![0.5; 20] };
        softness.values[3] = f64::NAN;
        let (text, what) =
            encode(&line(20), &[bond], &[softness], "the final structure").expect("encoded");
        assert_eq!(what, "All 20 atoms of the final structure.");
        let scene: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let bytes =
            |v: &serde_json::Value| BASE64.decode(v.as_str().expect("text")).expect("base64");
        assert_eq!(bytes(&scene["positions"]).len(), 120);
        assert_eq!(bytes(&scene["kinds"])[..4], [0, 1, 0, 1]);
        assert_eq!(bytes(&scene["scalars"][0]["data"]), vec![2; 20]);
        assert_eq!(bytes(&scene["scalars"][1]["data"])[2..4], [127, 255]);
    }

    #[test]
    fn large_structures_are_cut_to_a_stated_slab() {
        let (text, what) =
            encode(&line(250_000), &[], &[], "the final structure").expect("encoded");
        let scene: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(scene["atoms"], 100_000);
        assert!(
            what.starts_with("100000 of 250000 atoms of the final structure: the slab 150000.0"),
            "{what}"
        );
    }
}
