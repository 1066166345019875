//! The network that rings are looked for in: bonds know the periodic image that they lead to.

use std::collections::BTreeMap;

use super::cells::{Neighbor, NeighborList};
use super::rings::{Graph, RingKind, count_rings};
use crate::error::{Error, Result};
use crate::system::Structure;

/// More nodes than this are not unfolded: each thread needs four bytes for each.
const MOST_NODES: u128 = 1 << 28;
/// A path may span the box exactly; rounding must not hide that.
const ROUNDING: f64 = 1e-9;

/// A bond between two nodes of the box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Edge {
    from: u32,
    to: u32,
    /// Lattice vector from the cell of one end to the cell of the other.
    image: [i32; 3],
}

/// A periodic network: nodes of one box, joined across its boundary too.
///
/// Rings are made of its members: atoms, or formers with a bridge between any two. Bridges are nodes
/// too, so that a ring passes through each once: two formers that share two bridges (tetrahedra that
/// share an edge) are a ring of two, three around one bridge none.
///
/// In the endless network that it stands for, a closed path of images adds up to the zero lattice
/// vector. Paths that come back to another image of their first atom are no rings; a small box
/// seen as a plain graph is full of them, and of shortcuts through its boundary.
#[derive(Debug, Clone, PartialEq)]
pub struct PeriodicGraph {
    /// The first nodes.
    members: usize,
    nodes: usize,
    /// Bonds from a member of a ring to the next.
    hops: usize,
    edges: Vec<Edge>,
    /// The largest part of the box that one edge crosses, along each edge vector.
    stride: [f64; 3],
}

impl PeriodicGraph {
    /// Formers joined by bridges (oxygen in oxide glasses): ring sizes count formers, as usual for
    /// glasses.
    pub fn through_bridges(
        structure: &Structure,
        bonds: &NeighborList,
        is_former: impl Fn(usize) -> bool,
        is_bridge: impl Fn(usize) -> bool,
    ) -> Self {
        let (mut graph, number) = Self::of_nodes(structure, &is_former);
        graph.hops = 2;
        for bridge in (0..structure.len()).filter(|&a| is_bridge(a)) {
            let ends: Vec<&Neighbor> =
                bonds.of(bridge).iter().filter(|n| is_former(n.atom as usize)).collect();
            if ends.len() < 2 {
                continue;
            }
            let node = graph.nodes as u32;
            graph.nodes += 1;
            for end in ends {
                let image = end.image(structure, bridge);
                graph.join(structure, [node, number[end.atom as usize]], image, end.vector);
            }
        }
        graph
    }

    /// Atoms joined by their bonds: ring sizes count atoms.
    pub fn of_bonds(
        structure: &Structure,
        bonds: &NeighborList,
        is_node: impl Fn(usize) -> bool,
    ) -> Self {
        let (mut graph, number) = Self::of_nodes(structure, &is_node);
        for atom in (0..structure.len()).filter(|&a| is_node(a)) {
            for bond in bonds.of(atom).iter().filter(|n| is_node(n.atom as usize)) {
                let image = bond.image(structure, atom);
                // Every bond is listed at both of its ends.
                if (atom, [0; 3]) < (bond.atom as usize, image) {
                    let ends = [number[atom], number[bond.atom as usize]];
                    graph.join(structure, ends, image, bond.vector);
                }
            }
        }
        graph
    }

    /// A graph without edges, and the number of each atom's node.
    fn of_nodes(structure: &Structure, is_node: &impl Fn(usize) -> bool) -> (Self, Vec<u32>) {
        let mut number = vec![0; structure.len()];
        let mut nodes = 0;
        for atom in (0..structure.len()).filter(|&a| is_node(a)) {
            number[atom] = nodes;
            nodes += 1;
        }
        let members = nodes as usize;
        let graph = Self { members, nodes: members, hops: 1, edges: Vec::new(), stride: [0.0; 3] };
        (graph, number)
    }

    fn join(&mut self, structure: &Structure, ends: [u32; 2], image: [i64; 3], vector: [f64; 3]) {
        let crossed = structure.simulation_box.difference_to_fractional(vector);
        self.stride = [0, 1, 2].map(|k| self.stride[k].max(crossed[k].abs()));
        self.edges.push(Edge { from: ends[0], to: ends[1], image: image.map(|x| x as i32) });
    }

    /// Number of members: formers, or atoms.
    pub fn len(&self) -> usize {
        self.members
    }

    /// True without members.
    pub fn is_empty(&self) -> bool {
        self.members == 0
    }

    /// Mean number of bonds of a member: to other atoms, or to bridges of two formers and more.
    pub fn mean_degree(&self) -> f64 {
        // Bonds to bridges have one member at their ends.
        let ends = if self.hops == 2 { 1.0 } else { 2.0 };
        ends * self.edges.len() as f64 / self.members.max(1) as f64
    }

    /// Repeats the box until no path around `longest` members leads from a node to an image of it
    /// in the next repetition. Rings up to that size are then those of the endless network.
    pub fn unfolded(&self, longest: usize) -> Result<UnfoldedGraph> {
        let bonds = longest * self.hops;
        // n edges that cross at most the part s of the box close through m boxes only if n s ≥ m.
        let copies = self.stride.map(|part| (bonds as f64 * part + ROUNDING).floor() as usize + 1);
        let number: u128 = copies.iter().map(|&m| m as u128).product();
        if number * self.nodes as u128 > MOST_NODES {
            return Err(Error::input(
                format!("rings of {longest} nodes would need {number} copies of this box"),
                "look for shorter rings: rings.longest",
            ));
        }
        let [nx, ny, nz] = copies;
        let copy = |cell: [i64; 3]| {
            let [x, y, z] = [0, 1, 2].map(|k| cell[k].rem_euclid(copies[k] as i64) as usize);
            (x * ny + y) * nz + z
        };
        // The members of all copies come first.
        let [members, bridges] = [self.members, self.nodes - self.members];
        let all_members = members * number as usize;
        let place = |copy: usize, node: u32| {
            let node = node as usize;
            let place = match node.checked_sub(members) {
                None => copy * members + node,
                Some(bridge) => all_members + copy * bridges + bridge,
            };
            place as u32
        };
        let cells = (0..nx).flat_map(|x| {
            (0..ny).flat_map(move |y| (0..nz).map(move |z| [x as i64, y as i64, z as i64]))
        });
        let edges = cells.flat_map(|cell| {
            let (copy, place) = (&copy, &place);
            let home = copy(cell);
            self.edges.iter().map(move |edge| {
                let there = [0, 1, 2].map(|k| cell[k] + i64::from(edge.image[k]));
                (place(home, edge.from), place(copy(there), edge.to))
            })
        });
        let graph = Graph::new(self.nodes * number as usize, edges).with_members(all_members);
        Ok(UnfoldedGraph { graph, copies: number as u64, longest, hops: self.hops })
    }
}

/// A periodic network with enough repetitions of its box that rings do not feel its boundary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfoldedGraph {
    graph: Graph,
    copies: u64,
    longest: usize,
    hops: usize,
}

impl UnfoldedGraph {
    /// Repetitions of the box.
    pub fn copies(&self) -> u64 {
        self.copies
    }

    /// Number of distinct rings of each number of members in one box: a ring and its images count
    /// once.
    pub fn count_rings(&self, kind: RingKind) -> BTreeMap<usize, u64> {
        let counts = count_rings(&self.graph, kind, self.longest * self.hops);
        counts.into_iter().map(|(size, count)| (size / self.hops, count / self.copies)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{RandomStream, SimulationBox, Species, Stream};

    const KINDS: [RingKind; 3] = [RingKind::Guttman, RingKind::King, RingKind::Primitive];

    /// Atoms at random in a tilted box, repeated `copies` times along each edge.
    fn gas(copies: usize) -> Structure {
        let stream = RandomStream::new(21, Stream::Sampling);
        let n = copies as f64;
        let (lengths, tilts) = ([5.0, 6.0, 7.0], [1.5, -1.0, 2.0]);
        let small = SimulationBox::new([0.0; 3], lengths, tilts).expect("box");
        let large = SimulationBox::new([0.0; 3], lengths.map(|x| n * x), tilts.map(|x| n * x));
        let mut positions = Vec::new();
        for cell in 0..copies.pow(3) {
            let corner = [cell % copies, cell / copies % copies, cell / copies / copies];
            for atom in 0..24 {
                positions.push(small.to_cartesian(
                    [0, 1, 2].map(|k| corner[k] as f64 + stream.uniform(0, atom, k as u32)),
                ));
            }
        }
        let species = vec![Species { name: "A".into(), mass: None }];
        let kinds = vec![0; positions.len()];
        Structure::new(large.expect("box"), species, kinds, positions).expect("sound")
    }

    /// A box that rings reach around says the same as boxes that they do not: the network is
    /// endless in both.
    #[test]
    fn rings_do_not_depend_on_the_box_they_are_told_in() {
        let graphs = [1usize, 2, 4].map(|copies| {
            let gas = gas(copies);
            let bonds = NeighborList::new(&gas, |_, _| 2.3).expect("bonds");
            (
                copies.pow(3) as u64,
                [
                    PeriodicGraph::of_bonds(&gas, &bonds, |_| true),
                    PeriodicGraph::through_bridges(&gas, &bonds, |a| a % 2 == 0, |a| a % 2 == 1),
                ],
            )
        });
        let longest = 7;
        let (_, smallest) = &graphs[0];
        for (number, graph) in smallest.iter().enumerate() {
            for kind in KINDS {
                let wanted = graph.unfolded(longest).expect("small").count_rings(kind);
                assert!(wanted.values().sum::<u64>() > 5, "{kind:?}: {wanted:?}");
                for (copies, large) in &graphs[1..] {
                    let large = large[number].unfolded(longest).expect("small");
                    let mut found = large.count_rings(kind);
                    for count in found.values_mut() {
                        assert_eq!(*count % copies, 0);
                        *count /= copies;
                    }
                    assert_eq!(found, wanted, "{kind:?}, {copies} boxes");
                }
            }
        }
    }

    /// Formers (A) and bridges (B) joined where they are nearer than 1.2, alone in a wide box.
    fn cluster(formers: &[[f64; 3]], bridges: &[[f64; 3]]) -> PeriodicGraph {
        let cell = SimulationBox::cubic(20.0).expect("cube");
        let species = ["A", "B"].map(|n| Species { name: n.into(), mass: None }).to_vec();
        let kinds = [vec![0; formers.len()], vec![1; bridges.len()]].concat();
        let atoms = Structure::new(cell, species, kinds, [formers, bridges].concat());
        let atoms = atoms.expect("sound");
        let bonds =
            NeighborList::new(&atoms, |a, b| if a == b { 0.0 } else { 1.2 }).expect("bonds");
        PeriodicGraph::through_bridges(
            &atoms,
            &bonds,
            |a| atoms.kinds[a] == 0,
            |a| atoms.kinds[a] == 1,
        )
    }

    /// Edge-sharing tetrahedra, as in a chain of SiS₂, are rings of two.
    #[test]
    fn formers_that_share_two_bridges_are_a_ring_of_two() {
        let formers = [0.0, 1.5, 3.0].map(|x| [x, 0.0, 0.0]);
        let bridges =
            [(0.75, 0.7), (0.75, -0.7), (2.25, 0.7), (2.25, -0.7)].map(|(x, y)| [x, y, 0.0]);
        let graph = cluster(&formers, &bridges);
        assert_eq!(graph.len(), 3);
        assert!((graph.mean_degree() - 8.0 / 3.0).abs() < 1e-12);
        for kind in KINDS {
            let found = graph.unfolded(6).expect("small").count_rings(kind);
            assert_eq!(found, [(2, 2)].into(), "{kind:?}");
        }
    }

    /// Three formers around one bridge are no ring; with a bridge between any two they are one,
    /// without it too.
    #[test]
    fn a_threefold_bridge_alone_is_no_ring() {
        let corner = |angle: f64, r: f64| {
            let angle = angle.to_radians();
            [10.0 + r * angle.cos(), 10.0 + r * angle.sin(), 10.0]
        };
        let formers = [0.0, 120.0, 240.0].map(|angle| corner(angle, 1.0));
        let middle = [10.0; 3];
        let outer = [60.0, 180.0, 300.0].map(|angle| corner(angle, 1.1));
        for kind in KINDS {
            let count = |bridges: &[[f64; 3]]| {
                cluster(&formers, bridges).unfolded(6).expect("small").count_rings(kind)
            };
            assert!(count(&[middle]).is_empty(), "{kind:?}");
            assert_eq!(count(&outer), [(3, 1)].into(), "{kind:?}");
            // Each outer bridge shares its two formers with the one in the middle.
            let both = count(&[outer.as_slice(), &[middle]].concat());
            assert_eq!(both.get(&2), Some(&3), "{kind:?}");
        }
    }

    /// One atom of a simple cubic lattice is joined to its own images: all its rings are squares
    /// and, primitive ones, the six-rings around the corners of a cube.
    #[test]
    fn one_atom_has_the_rings_of_its_lattice() {
        let cell = SimulationBox::orthogonal([1.0; 3]).expect("box");
        let species = vec![Species { name: "A".into(), mass: None }];
        let one = Structure::new(cell, species, vec![0], vec![[0.5; 3]]).expect("sound");
        let bonds = NeighborList::new(&one, |_, _| 1.2).expect("bonds");
        let graph = PeriodicGraph::of_bonds(&one, &bonds, |_| true);
        assert_eq!((graph.len(), graph.mean_degree()), (1, 6.0));
        let unfolded = graph.unfolded(4).expect("small");
        assert_eq!(unfolded.copies(), 125);
        for kind in [RingKind::Guttman, RingKind::Primitive] {
            assert_eq!(unfolded.count_rings(kind), [(4, 3)].into());
        }
        // Every cube has four hexagons around its diagonals, and every hexagon one cube.
        let primitive = graph.unfolded(6).expect("small").count_rings(RingKind::Primitive);
        assert_eq!(primitive, [(4, 3), (6, 4)].into());
        let error = graph.unfolded(100_000).expect_err("too many");
        assert!(error.to_string().contains("copies of this box"), "{error}");
    }
}
