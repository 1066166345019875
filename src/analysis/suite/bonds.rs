//! Bonds and what they build: coordination, angles, oxygens and Qⁿ, rings, constraints.

use std::collections::BTreeMap;

use super::{Analysis, Output};
use crate::analysis::{
    AngleDistribution, Constraints, Graph, NeighborList, Network, PartialRdf, RingKind, clusters,
    constraints, count_rings,
};
use crate::error::{Error, Result};
use crate::io::Frame;
use crate::plot::Figure;
use crate::system::Structure;

/// Anions of glasses: bonds join them to everything else.
const ANIONS: [&str; 6] = ["O", "F", "S", "Cl", "Se", "Te"];
/// Network formers of oxide glasses.
const FORMERS: [&str; 5] = ["Si", "Ge", "P", "B", "Al"];
/// Longest ring looked for, formers.
const LONGEST_RING: usize = 12;
/// Bins of the angle distributions: 1° each.
const ANGLE_BINS: usize = 180;

/// Coordination, bond angles, and for oxides the network.
#[derive(Debug, Default)]
pub struct Bonds {
    given: BTreeMap<(String, String), f64>,
    /// Cutoffs of pairs that are bonds, by species numbers.
    cutoffs: BTreeMap<(u16, u16), f64>,
    names: Vec<String>,
    /// Atoms of species a with n neighbours of species b.
    coordination: BTreeMap<(u16, u16), BTreeMap<usize, u64>>,
    angles: Vec<AngleDistribution>,
    oxygen: Option<u16>,
    formers: Vec<u16>,
    network: Network,
    constraints: Vec<Constraints>,
    rings: BTreeMap<&'static str, BTreeMap<usize, u64>>,
    ring_centres: u64,
    dimensionality: Vec<usize>,
}

impl Bonds {
    /// Cutoffs by pairs of species names; pairs not given end at the first minimum of g(r) of the
    /// first frame.
    pub fn new(given: BTreeMap<(String, String), f64>) -> Self {
        Self { given, ..Self::default() }
    }

    fn given(&self, a: &str, b: &str) -> Option<f64> {
        let key = |x: &str, y: &str| (x.to_owned(), y.to_owned());
        self.given.get(&key(a, b)).or_else(|| self.given.get(&key(b, a))).copied()
    }

    fn begin(&mut self, structure: &Structure) -> Result<()> {
        self.names = structure.species.iter().map(|s| s.name.clone()).collect();
        for (a, b) in self.given.keys() {
            if let Some(unknown) = [a, b].into_iter().find(|name| !self.names.contains(name)) {
                return Err(Error::input(
                    format!("a bond length is given for {a}-{b}, but there is no {unknown}"),
                    format!("species of the structure: {}", self.names.join(", ")),
                ));
            }
        }
        let anion = |name: &str| ANIONS.contains(&name);
        let any_anion = self.names.iter().any(|n| anion(n));
        let kinds = self.names.len() as u16;
        // Smooth enough for the search, sharp enough for bonds.
        let mean_distance = (structure.simulation_box.volume() / structure.len() as f64).cbrt();
        let mut rdf =
            PartialRdf::with_images(structure, 3.0 * mean_distance, 0.01 * mean_distance)?;
        rdf.add(structure)?;
        let partials = rdf.partials();
        for a in 0..kinds {
            for b in a..kinds {
                let (first, second) = (&self.names[usize::from(a)], &self.names[usize::from(b)]);
                let given = self.given(first, second);
                if given.is_none() && any_anion && anion(first) == anion(second) {
                    continue;
                }
                let found = partials
                    .iter()
                    .find(|p| p.species[0] == *first && p.species[1] == *second)
                    .and_then(|p| p.first_minimum());
                if let Some(cutoff) = given.or(found) {
                    self.cutoffs.insert((a, b), cutoff);
                }
            }
        }
        let bonded = |a: u16, b: u16| self.cutoffs.contains_key(&(a.min(b), a.max(b)));
        for center in 0..kinds {
            for a in (0..kinds).filter(|&a| bonded(a, center)) {
                for b in (a..kinds).filter(|&b| bonded(b, center)) {
                    self.angles.push(AngleDistribution::new(a, center, b, ANGLE_BINS));
                }
            }
        }
        let number = |name: &str| self.names.iter().position(|n| n == name).map(|k| k as u16);
        self.oxygen = number("O");
        self.formers = FORMERS.iter().filter_map(|name| number(name)).collect();
        Ok(())
    }

    fn is_network(&self) -> bool {
        self.oxygen.is_some() && !self.formers.is_empty()
    }

    fn add_network(&mut self, structure: &Structure, bonds: &NeighborList) {
        let Some(oxygen) = self.oxygen.filter(|_| self.is_network()) else { return };
        let formers = self.formers.clone();
        self.network.add(structure, bonds, oxygen, &formers);
        self.constraints.push(constraints(structure, bonds, oxygen, &formers));
        let kind = |atom: usize| structure.kinds[atom];
        let is_former = |atom: usize| formers.contains(&kind(atom));
        let network = clusters(structure, bonds, |atom| is_former(atom) || kind(atom) == oxygen);
        self.dimensionality.push(network.dimensionality);
        let graph = Graph::through_bridges(bonds, is_former, |atom| kind(atom) == oxygen);
        for (name, kind) in [
            ("Guttman", RingKind::Guttman),
            ("King", RingKind::King),
            ("primitive", RingKind::Primitive),
        ] {
            let sum = self.rings.entry(name).or_default();
            for (size, count) in count_rings(&graph, kind, LONGEST_RING) {
                *sum.entry(size).or_default() += count;
            }
        }
        self.ring_centres += (0..structure.len()).filter(|&atom| is_former(atom)).count() as u64;
    }

    fn write_coordination(&self, output: &mut Output) -> Result<()> {
        let header = [
            "centre".to_owned(),
            "neighbour".to_owned(),
            output.label("cutoff", "length"),
            "coordination".to_owned(),
            "share".to_owned(),
        ];
        let mut rows = Vec::new();
        let mut picture = Figure::new("", "coordination number", "share of the centres");
        for (&(a, b), counts) in &self.coordination {
            let cutoff = self.cutoffs[&(a.min(b), a.max(b))];
            let (center, neighbor) = (&self.names[usize::from(a)], &self.names[usize::from(b)]);
            let whole: u64 = counts.values().sum();
            let mean = counts.iter().map(|(&n, &c)| n as f64 * c as f64).sum::<f64>();
            output.number(format!("{neighbor} around {center}"), mean / whole as f64, "");
            let mut points = Vec::new();
            for (&n, &count) in counts {
                let share = count as f64 / whole as f64;
                points.push((n as f64, share));
                let numbers = [cutoff, n as f64, share].map(|x| x.to_string());
                rows.push([vec![center.clone(), neighbor.clone()], numbers.to_vec()].concat());
            }
            picture = picture.line("", points.clone());
            let last = picture.series_count() - 1;
            picture =
                picture.markers(format!("{neighbor} around {center}"), points).same_color_as(last);
        }
        output.text_table("coordination", &header, rows)?;
        output.picture(
            "coordination",
            &picture,
            "how many neighbours atoms have within the first minimum of g(r)",
        )
    }

    fn write_angles(&self, output: &mut Output) -> Result<()> {
        let seen: Vec<&AngleDistribution> = self.angles.iter().filter(|a| a.number > 0).collect();
        if seen.is_empty() {
            return Ok(());
        }
        let mut header = vec!["angle (degrees)".to_owned()];
        let mut rows: Vec<Vec<f64>> =
            seen[0].density().iter().map(|(degrees, _)| vec![*degrees]).collect();
        let mut picture = Figure::new("", "angle (degrees)", "density (per degree)");
        for angles in seen {
            let (a, center, b) = angles.triplet;
            let name = [a, center, b].map(|k| self.names[usize::from(k)].as_str()).join("-");
            output.number(format!("mean angle {name}"), angles.mean(), "degrees");
            let density = angles.density();
            rows.iter_mut().zip(&density).for_each(|(row, (_, d))| row.push(*d));
            header.push(name.clone());
            picture = picture.line(name, density);
        }
        output.table("angles", &header, &rows)?;
        output.picture(
            "angles",
            &picture.x_range(0.0, 180.0),
            "angles between bonds of one atom, the middle one; a tetrahedron has 109.5°",
        )
    }

    fn write_network(&self, output: &mut Output) -> Result<()> {
        let oxygens = self.network.oxygens() as f64;
        let mut rows = Vec::new();
        for (name, count) in [
            ("free oxygen", self.network.free),
            ("non-bridging oxygen", self.network.non_bridging),
            ("bridging oxygen", self.network.bridging),
            ("tricluster oxygen", self.network.triclusters),
        ] {
            output.number(name, count as f64 / oxygens, "share of oxygens");
            rows.push(vec![name.to_owned(), String::new(), (count as f64 / oxygens).to_string()]);
        }
        let mut picture = Figure::new("", "n", "share of the formers");
        for &former in &self.formers {
            let name = &self.names[usize::from(former)];
            let own: Vec<(u32, u64)> = self
                .network
                .q
                .iter()
                .filter(|((kind, _), _)| *kind == former)
                .map(|((_, n), count)| (*n, *count))
                .collect();
            let whole: u64 = own.iter().map(|(_, count)| count).sum();
            output.number(format!("mean n of Qn, {name}"), self.network.mean_n(former), "");
            let share = |count: u64| count as f64 / whole as f64;
            for &(n, count) in &own {
                rows.push(vec![format!("Qn {name}"), n.to_string(), share(count).to_string()]);
            }
            let points = own.iter().map(|&(n, count)| (f64::from(n), share(count))).collect();
            picture = picture.bars(format!("Qn, {name}"), points, 0.8);
        }
        output.text_table("network", &["what", "n", "share"].map(str::to_owned), rows)?;
        output.picture("qn", &picture, "formers by the number of bridging oxygens around them")?;
        let frames = self.constraints.len() as f64;
        let mean =
            |of: fn(&Constraints) -> f64| self.constraints.iter().map(of).sum::<f64>() / frames;
        output.number("constraints, bond stretching", mean(|c| c.stretching), "per network atom");
        output.number("constraints, bond bending", mean(|c| c.bending), "per network atom");
        output.number("constraints", mean(Constraints::total), "per network atom; 3 is isostatic");
        let spans = self.dimensionality.iter().sum::<usize>() as f64 / frames;
        output.number("dimensions the network spans", spans, "of 3");
        self.write_rings(output)
    }

    fn write_rings(&self, output: &mut Output) -> Result<()> {
        let mut header = vec!["ring size (formers)".to_owned()];
        let mut rows: Vec<Vec<f64>> = (3..=LONGEST_RING).map(|size| vec![size as f64]).collect();
        let mut picture = Figure::new("", "ring size (formers)", "rings per former");
        for (name, counts) in &self.rings {
            header.push(format!("{name} (per former)"));
            let mut points = Vec::new();
            for (row, size) in rows.iter_mut().zip(3..) {
                let count = counts.get(&size).copied().unwrap_or(0);
                let each = count as f64 / self.ring_centres.max(1) as f64;
                row.push(each);
                points.push((size as f64, each));
            }
            picture = picture.line("", points.clone());
            let last = picture.series_count() - 1;
            picture = picture.markers(*name, points).same_color_as(last);
        }
        output.table("rings", &header, &rows)?;
        output.remark(format!(
            "rings of up to {LONGEST_RING} formers; those longer than the box is wide may close through its boundary"
        ));
        output.picture(
            "rings",
            &picture,
            "sizes of closed paths through formers; cristobalite has 6",
        )
    }
}

impl Analysis for Bonds {
    fn name(&self) -> &'static str {
        "bonds"
    }

    fn accumulate(&mut self, frame: &Frame) -> Result<()> {
        let structure = &frame.structure;
        if self.names.is_empty() {
            self.begin(structure)?;
        }
        let cutoffs = &self.cutoffs;
        let bonds = NeighborList::new(structure, |a, b| {
            cutoffs.get(&(a.min(b), a.max(b))).copied().unwrap_or(0.0)
        })?;
        let kinds = structure.species.len();
        for atom in 0..structure.len() {
            let kind = structure.kinds[atom];
            let mut near = vec![0usize; kinds];
            for neighbor in bonds.of(atom) {
                near[usize::from(structure.kinds[neighbor.atom as usize])] += 1;
            }
            for (other, count) in (0u16..).zip(near) {
                if cutoffs.contains_key(&(kind.min(other), kind.max(other))) {
                    let counts = self.coordination.entry((kind, other)).or_default();
                    *counts.entry(count).or_default() += 1;
                }
            }
        }
        for angles in &mut self.angles {
            angles.add(structure, &bonds);
        }
        self.add_network(structure, &bonds);
        Ok(())
    }

    fn finish(&mut self, output: &mut Output) -> Result<()> {
        if self.cutoffs.is_empty() {
            output.remark("no pair of species has a first minimum of g(r): no bonds");
            return Ok(());
        }
        self.write_coordination(output)?;
        self.write_angles(output)?;
        if self.is_network() && self.network.oxygens() > 0 {
            self.write_network(output)?;
        }
        Ok(())
    }
}
