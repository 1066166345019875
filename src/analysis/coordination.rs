//! Coordination numbers and bond lengths.

use std::collections::BTreeMap;

use super::cells::NeighborList;
use crate::error::Result;
use crate::system::Structure;

/// Neighbours of one species around another.
#[derive(Debug, Clone, PartialEq)]
pub struct Bonding {
    /// Number of neighbours of each atom of the first species, in the order of the atoms.
    pub coordination: Vec<u32>,
    /// Mean distance of the neighbours; NaN without one.
    pub mean_length: f64,
    /// Shortest distance; infinite without a neighbour.
    pub shortest: f64,
}

impl Bonding {
    /// Mean coordination number; NaN without atoms.
    pub fn mean(&self) -> f64 {
        self.coordination.iter().map(|&n| f64::from(n)).sum::<f64>()
            / self.coordination.len() as f64
    }

    /// Fraction of atoms with each coordination number.
    pub fn fractions(&self) -> BTreeMap<u32, f64> {
        let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
        for &n in &self.coordination {
            *counts.entry(n).or_default() += 1;
        }
        let atoms = self.coordination.len() as f64;
        counts.into_iter().map(|(n, count)| (n, count as f64 / atoms)).collect()
    }
}

/// Neighbours of species `neighbor` within `cutoff` of the atoms of species `center` (indices
/// into the structure's species).
pub fn bonding(structure: &Structure, center: u16, neighbor: u16, cutoff: f64) -> Result<Bonding> {
    let list = NeighborList::new(structure, |a, b| {
        let wanted = (a == center && b == neighbor) || (a == neighbor && b == center);
        if wanted { cutoff } else { 0.0 }
    })?;
    let (mut coordination, mut sum, mut bonds) = (Vec::new(), 0.0, 0u64);
    let mut shortest = f64::INFINITY;
    for atom in (0..structure.len()).filter(|&atom| structure.kinds[atom] == center) {
        let near = list.of(atom);
        coordination.push(near.len() as u32);
        bonds += near.len() as u64;
        sum += near.iter().map(|n| n.distance).sum::<f64>();
        shortest = near.first().map_or(shortest, |n| shortest.min(n.distance));
    }
    Ok(Bonding { coordination, mean_length: sum / bonds as f64, shortest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{SimulationBox, Species};

    #[test]
    fn rock_salt_is_sixfold() {
        let mut positions = Vec::new();
        let mut kinds = Vec::new();
        for x in 0..4 {
            for y in 0..4 {
                for z in 0..4 {
                    positions.push([f64::from(x), f64::from(y), f64::from(z)].map(|c| 2.8 * c));
                    kinds.push(((x + y + z) % 2) as u16);
                }
            }
        }
        let species = ["Na", "Cl"].map(|n| Species { name: n.into(), mass: None }).to_vec();
        let cube = SimulationBox::cubic(11.2).expect("cube");
        let salt = Structure::new(cube, species, kinds, positions).expect("sound");
        let found = bonding(&salt, 0, 1, 3.4).expect("bonds");
        assert_eq!(found.coordination, vec![6; 32]);
        assert!((found.mean_length - 2.8).abs() < 1e-12);
        assert_eq!(found.fractions()[&6], 1.0);
        assert_eq!(bonding(&salt, 0, 0, 3.4).expect("bonds").mean(), 0.0);
    }
}
