//! Rings of a bond network: Guttman's, King's and primitive ones.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

/// Which closed paths count as rings.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum RingKind {
    /// For every bond, the shortest closed paths through it (Guttman, J. Non-Cryst. Solids 116,
    /// 145 (1990), doi:10.1016/0022-3093(90)90686-G).
    Guttman,
    /// For every atom and every pair of its bonds, the shortest closed paths through both (King,
    /// Nature 213, 1112 (1967), doi:10.1038/2131112a0).
    King,
    /// Closed paths without a shortcut: no two of their atoms are joined by a shorter path (Yuan &
    /// Cormack, Comput. Mater. Sci. 24, 343 (2002), doi:10.1016/S0927-0256(01)00256-7).
    Primitive,
}

impl RingKind {
    /// Name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Guttman => "Guttman",
            Self::King => "King",
            Self::Primitive => "primitive",
        }
    }
}

/// A graph in compressed rows: the network that rings are looked for in. It knows no periodic
/// images; [`PeriodicGraph`](super::PeriodicGraph) does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    starts: Vec<u32>,
    ends: Vec<u32>,
    /// Every ring has a node below this number.
    members: usize,
}

impl Graph {
    /// A graph of undirected edges; loops and repeated edges are dropped.
    pub fn new(nodes: usize, edges: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let mut both: Vec<(u32, u32)> =
            edges.into_iter().filter(|(a, b)| a != b).flat_map(|(a, b)| [(a, b), (b, a)]).collect();
        both.sort_unstable();
        both.dedup();
        let mut starts = vec![0u32; nodes + 1];
        for &(a, _) in &both {
            starts[a as usize + 1] += 1;
        }
        for k in 1..starts.len() {
            starts[k] += starts[k - 1];
        }
        Self { starts, ends: both.into_iter().map(|(_, b)| b).collect(), members: nodes }
    }

    /// Promises that no two nodes from number `members` on are joined: the others between them are
    /// what rings are made of.
    pub(super) fn with_members(self, members: usize) -> Self {
        Self { members, ..self }
    }

    /// Neighbours of a node.
    pub fn of(&self, node: u32) -> &[u32] {
        let node = node as usize;
        &self.ends[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// True without nodes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Number of distinct rings of each size up to `longest` nodes.
///
/// Rings are counted, not kept: memory is a byte for each bond or pair of bonds of an atom,
/// whatever their number. A ring that is found from several places counts at the first of them.
pub fn count_rings(graph: &Graph, kind: RingKind, longest: usize) -> BTreeMap<usize, u64> {
    // Sizes are kept in a byte.
    let longest = longest.min(250);
    let shortest = match kind {
        RingKind::Guttman => per_node(graph, |search, node| search.shortest_guttman(node, longest)),
        RingKind::King => per_node(graph, |search, node| search.shortest_king(node, longest)),
        RingKind::Primitive => Shortest::default(),
    };
    // A primitive ring is counted at its lowest node.
    let from = if kind == RingKind::Primitive { graph.members } else { graph.len() };
    let nodes: Vec<u32> = (0..from as u32).collect();
    nodes
        .par_chunks(CHUNK)
        .map_init(
            || Search::new(graph),
            |search, chunk| {
                let mut sizes = BTreeMap::new();
                for &node in chunk {
                    let mut note = |size: usize| *sizes.entry(size).or_default() += 1;
                    match kind {
                        RingKind::Guttman => search.guttman(node, &shortest, &mut note),
                        RingKind::King => search.king(node, &shortest, &mut note),
                        RingKind::Primitive => search.primitive(node, longest, &mut note),
                    }
                }
                sizes
            },
        )
        .reduce(BTreeMap::new, |mut a, b: BTreeMap<usize, u64>| {
            for (size, count) in b {
                *a.entry(size).or_default() += count;
            }
            a
        })
}

/// Nodes that a thread takes at a time.
const CHUNK: usize = 256;

/// Size of the shortest ring through each bond or pair of bonds of each node, 0 where there is
/// none.
#[derive(Default)]
struct Shortest {
    starts: Vec<usize>,
    sizes: Vec<u8>,
}

impl Shortest {
    fn of(&self, node: u32) -> &[u8] {
        &self.sizes[self.starts[node as usize]..self.starts[node as usize + 1]]
    }
}

fn per_node(graph: &Graph, shortest: impl Fn(&mut Search<'_>, u32) -> Vec<u8> + Sync) -> Shortest {
    let nodes: Vec<u32> = (0..graph.len() as u32).collect();
    let parts: Vec<(Vec<u8>, Vec<usize>)> = nodes
        .par_chunks(CHUNK)
        .map_init(
            || Search::new(graph),
            |search, chunk| {
                let (mut sizes, mut lengths) = (Vec::new(), Vec::new());
                for &node in chunk {
                    let own = shortest(search, node);
                    lengths.push(own.len());
                    sizes.extend(own);
                }
                (sizes, lengths)
            },
        )
        .collect();
    let (mut starts, mut sizes) = (vec![0], Vec::new());
    for (own, lengths) in parts {
        sizes.extend(own);
        starts.extend(lengths.iter().scan(*starts.last().unwrap_or(&0), |at, n| {
            *at += n;
            Some(*at)
        }));
    }
    Shortest { starts, sizes }
}

/// Place of the pair of the neighbours number i < k among all pairs of n neighbours.
fn corner(i: usize, k: usize, n: usize) -> usize {
    i * n - i * (i + 1) / 2 + k - i - 1
}

const FAR: u32 = u32::MAX;

/// Breadth-first distances with work space that is cleaned after use.
struct Search<'a> {
    graph: &'a Graph,
    distance: Vec<u32>,
    touched: Vec<u32>,
}

impl<'a> Search<'a> {
    fn new(graph: &'a Graph) -> Self {
        Self { graph, distance: vec![FAR; graph.len()], touched: Vec::new() }
    }

    fn clean(&mut self) {
        for &node in &self.touched {
            self.distance[node as usize] = FAR;
        }
        self.touched.clear();
    }

    /// Distances from `from` up to `limit`, without using the node `avoid` or the edge
    /// from–`cut`; stops when `until` is settled.
    fn spread(
        &mut self,
        from: u32,
        limit: u32,
        avoid: Option<u32>,
        cut: Option<u32>,
        until: Option<u32>,
    ) {
        self.clean();
        self.distance[from as usize] = 0;
        self.touched.push(from);
        let mut at = 0;
        while at < self.touched.len() {
            let node = self.touched[at];
            at += 1;
            let d = self.distance[node as usize];
            if d >= limit || until.is_some_and(|u| self.distance[u as usize] <= d) {
                break;
            }
            for &next in self.graph.of(node) {
                let is_cut =
                    (node == from && Some(next) == cut) || (next == from && Some(node) == cut);
                if self.distance[next as usize] == FAR && Some(next) != avoid && !is_cut {
                    self.distance[next as usize] = d + 1;
                    self.touched.push(next);
                }
            }
        }
    }

    /// Every shortest path from `to` back to the origin of the last spread (origin last).
    fn paths(&self, to: u32, found: &mut Vec<Vec<u32>>) {
        let mut path = vec![to];
        self.extend_path(&mut path, found);
    }

    fn extend_path(&self, path: &mut Vec<u32>, found: &mut Vec<Vec<u32>>) {
        let Some(&node) = path.last() else { return };
        let d = self.distance[node as usize];
        if d == 0 {
            found.push(path.clone());
            return;
        }
        for &next in self.graph.of(node) {
            if self.distance[next as usize] == d - 1 {
                path.push(next);
                self.extend_path(path, found);
                path.pop();
            }
        }
    }

    /// Shortest ring through each bond of a node to a later one, in the order of its neighbours.
    fn shortest_guttman(&mut self, node: u32, longest: usize) -> Vec<u8> {
        let graph = self.graph;
        let later = graph.of(node).iter().filter(|&&other| other > node);
        later
            .map(|&other| {
                self.spread(node, longest as u32 - 1, None, Some(other), Some(other));
                match self.distance[other as usize] {
                    FAR => 0,
                    d => d as u8 + 1,
                }
            })
            .collect()
    }

    fn guttman(&mut self, node: u32, shortest: &Shortest, note: &mut impl FnMut(usize)) {
        let graph = self.graph;
        let later = graph.of(node).iter().filter(|&&other| other > node);
        for (&other, &size) in later.zip(shortest.of(node)) {
            if size == 0 {
                continue;
            }
            self.spread(node, u32::from(size) - 1, None, Some(other), Some(other));
            // The cut edge joins distance 0 and the end, so no shortest path runs along it.
            let mut paths = Vec::new();
            self.paths(other, &mut paths);
            for ring in paths {
                let n = ring.len();
                let found_before = (0..n).any(|k| {
                    let (a, b) = (ring[k].min(ring[(k + 1) % n]), ring[k].max(ring[(k + 1) % n]));
                    if (a, b) >= (node, other) {
                        return false;
                    }
                    let mut later = graph.of(a).iter().filter(|&&o| o > a);
                    let place = later.position(|&o| o == b);
                    place.is_some_and(|place| shortest.of(a)[place] == size)
                });
                if !found_before {
                    note(n);
                }
            }
        }
    }

    /// Shortest ring through each pair of bonds of a node.
    fn shortest_king(&mut self, node: u32, longest: usize) -> Vec<u8> {
        let near = self.graph.of(node);
        let mut sizes = Vec::with_capacity(near.len() * near.len().saturating_sub(1) / 2);
        for (k, &a) in near.iter().enumerate() {
            for &b in &near[k + 1..] {
                self.spread(a, (longest as u32).saturating_sub(2), Some(node), None, Some(b));
                sizes.push(match self.distance[b as usize] {
                    FAR => 0,
                    d => d as u8 + 2,
                });
            }
        }
        sizes
    }

    fn king(&mut self, node: u32, shortest: &Shortest, note: &mut impl FnMut(usize)) {
        let graph = self.graph;
        let near = graph.of(node);
        for (i, &a) in near.iter().enumerate() {
            for (k, &b) in near.iter().enumerate().skip(i + 1) {
                let size = shortest.of(node)[corner(i, k, near.len())];
                if size == 0 {
                    continue;
                }
                self.spread(a, u32::from(size) - 2, Some(node), None, Some(b));
                let mut paths = Vec::new();
                self.paths(b, &mut paths);
                for mut ring in paths {
                    ring.push(node);
                    let n = ring.len();
                    let found_before = (0..n).any(|m| {
                        let at = ring[m];
                        let around = graph.of(at);
                        let ends = [ring[(m + n - 1) % n], ring[(m + 1) % n]];
                        let places = ends.map(|end| around.binary_search(&end).unwrap_or(0));
                        let (x, y) = (places[0].min(places[1]), places[0].max(places[1]));
                        (at, x, y) < (node, i, k)
                            && shortest.of(at)[corner(x, y, around.len())] == size
                    });
                    if !found_before {
                        note(n);
                    }
                }
            }
        }
    }

    /// Primitive rings through `node` of which it is the lowest node.
    ///
    /// A ring is primitive if every two of its nodes are as close along it as in the graph. Seen
    /// from the node, it is two shortest paths to a far node (even) or a far edge (odd).
    fn primitive(&mut self, node: u32, longest: usize, note: &mut impl FnMut(usize)) {
        let graph = self.graph;
        let half = (longest / 2) as u32;
        self.spread(node, half, None, None, None);
        let reached: Vec<u32> =
            self.touched.iter().copied().filter(|&n| n != node && n > node).collect();
        let mut candidates = BTreeSet::new();
        for &far in &reached {
            let d = self.distance[far as usize] as usize;
            let mut paths = Vec::new();
            if 2 * d <= longest && d >= 2 {
                self.paths(far, &mut paths);
                for (k, one) in paths.iter().enumerate() {
                    for other in &paths[k + 1..] {
                        let inner = &one[1..one.len() - 1];
                        if !inner.iter().any(|n| other[1..other.len() - 1].contains(n)) {
                            let mut ring = one.clone();
                            ring.extend(other[1..other.len() - 1].iter().rev());
                            candidates.insert(canonical(&ring));
                        }
                    }
                }
            }
            if 2 * d < longest {
                for &mate in graph.of(far).iter().filter(|&&m| m > far) {
                    if self.distance[mate as usize] as usize != d {
                        continue;
                    }
                    if paths.is_empty() {
                        self.paths(far, &mut paths);
                    }
                    let mut others = Vec::new();
                    self.paths(mate, &mut others);
                    for one in &paths {
                        for other in &others {
                            let inner = &one[..one.len() - 1];
                            if !inner.iter().any(|n| other[..other.len() - 1].contains(n)) {
                                let mut ring = one.clone();
                                ring.extend(other[..other.len() - 1].iter().rev());
                                candidates.insert(canonical(&ring));
                            }
                        }
                    }
                }
            }
        }
        for ring in candidates {
            if ring.iter().all(|&n| n >= node) && self.is_primitive(&ring) {
                note(ring.len());
            }
        }
    }

    fn is_primitive(&mut self, ring: &[u32]) -> bool {
        let n = ring.len();
        // Opposite nodes suffice: a shortcut between two nodes shortens the way between some
        // opposite pair, or between nodes next to opposite.
        for k in 0..n {
            self.spread(ring[k], (n / 2) as u32, None, None, None);
            for m in 1..=n / 2 {
                if self.distance[ring[(k + m) % n] as usize] as usize != m {
                    return false;
                }
            }
        }
        true
    }
}

/// The same list for the same ring, wherever and in whichever direction it was walked.
fn canonical(ring: &[u32]) -> Vec<u32> {
    let n = ring.len();
    let start = (0..n).min_by_key(|&k| ring[k]).unwrap_or(0);
    let forward: Vec<u32> = (0..n).map(|k| ring[(start + k) % n]).collect();
    let backward: Vec<u32> = (0..n).map(|k| ring[(start + n - k) % n]).collect();
    forward.min(backward)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{RandomStream, Stream};

    /// Every simple cycle of the graph, by depth-first search.
    fn all_cycles(graph: &Graph, longest: usize) -> BTreeSet<Vec<u32>> {
        fn walk(
            graph: &Graph,
            path: &mut Vec<u32>,
            longest: usize,
            found: &mut BTreeSet<Vec<u32>>,
        ) {
            let (first, last) = (path[0], path[path.len() - 1]);
            for &next in graph.of(last) {
                if next == first && path.len() > 2 {
                    found.insert(canonical(path));
                }
                if next > first && path.len() < longest && !path.contains(&next) {
                    path.push(next);
                    walk(graph, path, longest, found);
                    path.pop();
                }
            }
        }
        let mut found = BTreeSet::new();
        for node in 0..graph.len() as u32 {
            walk(graph, &mut vec![node], longest, &mut found);
        }
        found
    }

    fn distances(graph: &Graph) -> Vec<Vec<usize>> {
        let n = graph.len();
        let mut d = vec![vec![1000; n]; n];
        for a in 0..n {
            d[a][a] = 0;
            for &b in graph.of(a as u32) {
                d[a][b as usize] = 1;
            }
        }
        for k in 0..n {
            for a in 0..n {
                for b in 0..n {
                    d[a][b] = d[a][b].min(d[a][k] + d[k][b]);
                }
            }
        }
        d
    }

    fn brute_force(graph: &Graph, kind: RingKind, longest: usize) -> BTreeMap<usize, u64> {
        let cycles = all_cycles(graph, longest);
        let d = distances(graph);
        let mut kept: BTreeSet<&Vec<u32>> = BTreeSet::new();
        let has = |c: &Vec<u32>, want: &[u32]| {
            let n = c.len();
            (0..n).any(|k| (0..want.len()).all(|m| c[(k + m) % n] == want[m]))
                || (0..n).any(|k| (0..want.len()).all(|m| c[(k + n - m) % n] == want[m]))
        };
        let mut keep_shortest = |want: &[u32]| {
            let through: Vec<&Vec<u32>> = cycles.iter().filter(|c| has(c, want)).collect();
            let shortest = through.iter().map(|c| c.len()).min();
            kept.extend(through.into_iter().filter(|c| Some(c.len()) == shortest));
        };
        match kind {
            RingKind::Guttman => {
                for a in 0..graph.len() as u32 {
                    graph.of(a).iter().for_each(|&b| keep_shortest(&[a, b]));
                }
            }
            RingKind::King => {
                for a in 0..graph.len() as u32 {
                    for &b in graph.of(a) {
                        graph
                            .of(a)
                            .iter()
                            .filter(|&&c| c > b)
                            .for_each(|&c| keep_shortest(&[b, a, c]));
                    }
                }
            }
            RingKind::Primitive => kept.extend(cycles.iter().filter(|c| {
                let n = c.len();
                (0..n).all(|i| {
                    (0..n).all(|j| {
                        let along = i.abs_diff(j).min(n - i.abs_diff(j));
                        d[c[i] as usize][c[j] as usize] == along
                    })
                })
            })),
        }
        let mut sizes = BTreeMap::new();
        for ring in kept {
            *sizes.entry(ring.len()).or_default() += 1;
        }
        sizes
    }

    #[test]
    fn every_kind_equals_a_brute_force_search() {
        let stream = RandomStream::new(77, Stream::Sampling);
        for trial in 0..60u32 {
            let n = 6 + trial % 9;
            let edges = (0..n + 5).map(|k| {
                let [a, b] = stream.words(u64::from(trial), k, 0);
                (a % n, b % n)
            });
            let graph = Graph::new(n as usize, edges);
            for kind in [RingKind::Guttman, RingKind::King, RingKind::Primitive] {
                for longest in [5, n as usize] {
                    assert_eq!(
                        count_rings(&graph, kind, longest),
                        brute_force(&graph, kind, longest),
                        "{kind:?} {trial} up to {longest}"
                    );
                }
            }
        }
    }

    /// Members joined only through other nodes, of which some join three and more.
    #[test]
    fn rings_through_bridges_equal_a_brute_force_search() {
        let stream = RandomStream::new(78, Stream::Sampling);
        let mut shortest = usize::MAX;
        for trial in 0..40u32 {
            let (members, bridges) = (4 + trial % 3, 6 + trial % 4);
            let edges = (0..2 * bridges + 3).map(|k| {
                let [a, b] = stream.words(u64::from(trial), k, 0);
                (a % members, members + b % bridges)
            });
            let graph = Graph::new((members + bridges) as usize, edges);
            let graph = graph.with_members(members as usize);
            for kind in [RingKind::Guttman, RingKind::King, RingKind::Primitive] {
                let found = count_rings(&graph, kind, 12);
                assert_eq!(found, brute_force(&graph, kind, 12), "{kind:?} {trial}");
                shortest = shortest.min(found.keys().copied().min().unwrap_or(shortest));
            }
        }
        assert_eq!(shortest, 4, "two members, two bridges");
    }

    #[test]
    fn rings_do_not_depend_on_threads() {
        let edges: Vec<(u32, u32)> =
            (0..900u32).flat_map(|k| [(k, (k + 1) % 900), (k, (k * 7 + 31) % 900)]).collect();
        let graph = Graph::new(900, edges);
        let wanted = count_rings(&graph, RingKind::King, 8);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
        assert_eq!(pool.install(|| count_rings(&graph, RingKind::King, 8)), wanted);
    }
}
