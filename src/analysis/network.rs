//! The network of a glass: formers, the oxygens (or other bridges) between them, Qⁿ, clusters,
//! constraints.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cells::NeighborList;
use crate::system::Structure;

/// Bridges (oxygens in oxide glasses) by the number of network formers they are bonded to, and Qⁿ
/// of the formers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Network {
    /// Oxygens (or other bridges) without a former.
    pub free: u64,
    /// Oxygens with one.
    pub non_bridging: u64,
    /// Oxygens with two.
    pub bridging: u64,
    /// Oxygens with three or more (triclusters).
    pub triclusters: u64,
    /// Formers of each species with n bridging oxygens (two formers or more): (species, n).
    pub q: BTreeMap<(u16, u32), u64>,
}

impl Network {
    /// Adds a frame; species numbers of the bridges and of the formers.
    pub fn add(
        &mut self,
        structure: &Structure,
        bonds: &NeighborList,
        bridges: &[u16],
        formers: &[u16],
    ) {
        let is_former = |atom: u32| formers.contains(&structure.kinds[atom as usize]);
        let count = |atom: usize| bonds.of(atom).iter().filter(|n| is_former(n.atom)).count();
        for atom in 0..structure.len() {
            let kind = structure.kinds[atom];
            if bridges.contains(&kind) {
                match count(atom) {
                    0 => self.free += 1,
                    1 => self.non_bridging += 1,
                    2 => self.bridging += 1,
                    _ => self.triclusters += 1,
                }
            } else if formers.contains(&kind) {
                let n = bonds
                    .of(atom)
                    .iter()
                    .filter(|n| {
                        bridges.contains(&structure.kinds[n.atom as usize])
                            && count(n.atom as usize) >= 2
                    })
                    .count();
                *self.q.entry((kind, n as u32)).or_default() += 1;
            }
        }
    }

    /// Number of oxygens.
    pub fn oxygens(&self) -> u64 {
        self.free + self.non_bridging + self.bridging + self.triclusters
    }

    /// Mean n of the Qⁿ of a former; NaN without atoms.
    pub fn mean_n(&self, former: u16) -> f64 {
        let own = self.q.iter().filter(|((kind, _), _)| *kind == former);
        let (sum, number) = own.fold((0.0, 0.0), |(sum, number), ((_, n), &count)| {
            (sum + f64::from(*n) * count as f64, number + count as f64)
        });
        sum / number
    }
}

/// Connected clusters of atoms.
#[derive(Debug, Clone, PartialEq)]
pub struct Clusters {
    /// Size of each cluster, largest first.
    pub sizes: Vec<usize>,
    /// Directions (of the three edge vectors' span) in which the largest cluster repeats without
    /// end: 0 finite, 1 a thread, 2 a sheet, 3 a network.
    pub dimensionality: usize,
}

/// Clusters of the selected atoms joined by bonds.
///
/// A cluster percolates if walking along its bonds leads back to an atom in another periodic image
/// (union–find with lattice vectors; Newman & Ziff, Phys. Rev. E 64, 016706 (2001),
/// doi:10.1103/PhysRevE.64.016706). The rank of these vectors is the dimensionality.
pub fn clusters(
    structure: &Structure,
    bonds: &NeighborList,
    selected: impl Fn(usize) -> bool,
) -> Clusters {
    let n = structure.len();
    let mut cluster = vec![usize::MAX; n];
    let mut cell = vec![[0i64; 3]; n];
    let mut found: Vec<(usize, Vec<[i64; 3]>)> = Vec::new();
    let mut stack = Vec::new();
    for start in 0..n {
        if cluster[start] != usize::MAX || !selected(start) {
            continue;
        }
        let id = found.len();
        found.push((0, Vec::new()));
        cluster[start] = id;
        stack.push(start);
        while let Some(atom) = stack.pop() {
            found[id].0 += 1;
            for bond in bonds.of(atom) {
                let other = bond.atom as usize;
                if !selected(other) {
                    continue;
                }
                let shift = bond.image(structure, atom);
                let there = [0, 1, 2].map(|k| cell[atom][k] + shift[k]);
                if cluster[other] == usize::MAX {
                    cluster[other] = id;
                    cell[other] = there;
                    stack.push(other);
                } else {
                    let loop_vector = [0, 1, 2].map(|k| there[k] - cell[other][k]);
                    let basis = &mut found[id].1;
                    if basis.len() < 3 && rank(basis, loop_vector) > basis.len() {
                        basis.push(loop_vector);
                    }
                }
            }
        }
    }
    found.sort_by_key(|(size, basis)| std::cmp::Reverse((*size, basis.len())));
    Clusters {
        dimensionality: found.first().map_or(0, |(_, basis)| basis.len()),
        sizes: found.into_iter().map(|(size, _)| size).collect(),
    }
}

/// Rank of up to two independent vectors and one more, in exact integers.
fn rank(basis: &[[i64; 3]], v: [i64; 3]) -> usize {
    let cross = |a: [i64; 3], b: [i64; 3]| {
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    };
    let zero = [0; 3];
    match basis {
        [] => usize::from(v != zero),
        [a] => 1 + usize::from(cross(*a, v) != zero),
        [a, b, ..] => {
            let c = cross(*a, *b);
            2 + usize::from((0..3).map(|k| c[k] * v[k]).sum::<i64>() != 0)
        }
    }
}

/// Topological constraints per network atom (formers and oxygens).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Constraints {
    /// Network atoms by their number r of former–oxygen bonds.
    pub by_bonds: Vec<u64>,
    /// Bond stretching: one for each former–oxygen bond.
    pub stretching: f64,
    /// Bond bending: 2r − 3 angles for an atom with r ≥ 2 such bonds.
    pub bending: f64,
}

impl Constraints {
    /// Both; 3 is isostatic.
    pub fn total(&self) -> f64 {
        self.stretching + self.bending
    }

    /// Constraints of an atom with r bonds: r/2 of stretching, each bond having two ends, and
    /// 2r − 3 of bending.
    pub fn of_atom(bonds: usize) -> [f64; 2] {
        [0.5 * bonds as f64, (2 * bonds).saturating_sub(3) as f64]
    }
}

/// Counts constraints in the network of formers and oxygens or other bridges (Phillips, J. Non-Cryst. Solids 34,
/// 153 (1979), doi:10.1016/0022-3093(79)90033-4): one for the length of each former–oxygen bond,
/// 2r − 3 for the angles at an atom with r ≥ 2 of them. Modifiers and their bonds do not count,
/// so that an ideal (Na₂O)ₓ(SiO₂)₁₋ₓ has (11 − 12x)/(3 − 2x). NaN without network atoms.
pub fn constraints(
    structure: &Structure,
    bonds: &NeighborList,
    bridges: &[u16],
    formers: &[u16],
) -> Constraints {
    let mut by_bonds = Vec::new();
    for atom in 0..structure.len() {
        let kind = structure.kinds[atom];
        let is_former = formers.contains(&kind);
        if !bridges.contains(&kind) && !is_former {
            continue;
        }
        let partners = if is_former { bridges } else { formers };
        let partner = |n: u16| partners.contains(&n);
        let r = bonds.of(atom).iter().filter(|n| partner(structure.kinds[n.atom as usize])).count();
        if by_bonds.len() <= r {
            by_bonds.resize(r + 1, 0);
        }
        by_bonds[r] += 1;
    }
    let atoms = by_bonds.iter().sum::<u64>() as f64;
    let mean = |which: usize| {
        let sum = |(r, &n): (usize, &u64)| n as f64 * Constraints::of_atom(r)[which];
        by_bonds.iter().enumerate().map(sum).sum::<f64>() / atoms
    };
    Constraints { stretching: mean(0), bending: mean(1), by_bonds }
}
