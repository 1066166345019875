//! Initial structures: boxes from densities and random placement with minimum distances.

use super::{RandomStream, SimulationBox, Species, Stream, Structure, Units};
use crate::error::{Error, Result};

/// Most random positions tried for one atom before the placement is given up.
const TRIES_PER_ATOM: u64 = 20_000;

/// A density, by mass or by number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Density {
    /// Mass per volume (metal: g/cm³).
    Mass(f64),
    /// Atoms per volume (metal: Å⁻³).
    Number(f64),
}

/// The cube that holds these atoms at a density.
pub fn cubic_box(
    atoms: &[(Species, usize)],
    density: Density,
    units: &Units,
) -> Result<SimulationBox> {
    let volume = match density {
        Density::Number(number) => {
            atoms.iter().map(|(_, count)| *count as f64).sum::<f64>() / number
        }
        Density::Mass(density) => {
            let mut mass = 0.0;
            for (species, count) in atoms {
                mass += *count as f64
                    * species.mass.ok_or_else(|| {
                        Error::input(
                            format!("species {} has no mass, so no density", species.name),
                            "give its mass in the force field, or a number density",
                        )
                    })?;
            }
            mass * units.density / density
        }
    };
    if !(volume > 0.0 && volume.is_finite()) {
        return Err(Error::input(
            format!("{density:?} does not give a box"),
            "give a positive density and at least one atom",
        ));
    }
    SimulationBox::cubic(volume.cbrt())
}

/// Smallest allowed distances between species, in the length unit of the force field.
#[derive(Debug, Clone, PartialEq)]
pub struct MinimumDistances {
    default: f64,
    pairs: Vec<(String, String, f64)>,
}

impl MinimumDistances {
    /// The same distance for every pair of species.
    pub fn uniform(distance: f64) -> Self {
        Self { default: distance, pairs: Vec::new() }
    }

    /// Another distance for one pair, in either order; a later one replaces an earlier one.
    #[must_use]
    pub fn with(mut self, first: &str, second: &str, distance: f64) -> Self {
        self.pairs.push((first.into(), second.into(), distance));
        self
    }

    /// The distance of a pair.
    pub fn get(&self, first: &str, second: &str) -> f64 {
        self.pairs
            .iter()
            .rev()
            .find(|(a, b, _)| (a == first && b == second) || (a == second && b == first))
            .map_or(self.default, |&(_, _, distance)| distance)
    }
}

/// Random placement of atoms one after another (random sequential addition) with minimum
/// distances under periodic boundaries.
#[derive(Debug, Clone)]
pub struct RandomPacking {
    /// Species and how many atoms of each; the structure lists them in this order.
    pub atoms: Vec<(Species, usize)>,
    /// The periodic cell.
    pub simulation_box: SimulationBox,
    /// Smallest distances.
    pub minimum_distances: MinimumDistances,
    /// Seed; equal seeds give equal structures.
    pub seed: u64,
}

impl RandomPacking {
    /// Places the atoms; an error if one finds no room in a bounded number of tries.
    ///
    /// Species with larger minimum distances are placed first, while there is room.
    pub fn build(&self) -> Result<Structure> {
        let table = self.distance_table()?;
        let kinds = self.kinds()?;
        let longest = table.iter().flatten().copied().fold(0.0, f64::max);
        if longest > self.simulation_box.longest_cutoff() {
            return Err(Error::input(
                format!(
                    "the minimum distance {longest} is longer than half the box ({:.4})",
                    self.simulation_box.longest_cutoff()
                ),
                "use more atoms or shorter minimum distances",
            ));
        }
        let mut order: Vec<u32> = (0..).take(kinds.len()).collect();
        let reach = |atom: &u32| {
            table[usize::from(kinds[*atom as usize])].iter().copied().fold(0.0, f64::max)
        };
        order.sort_by(|a, b| reach(b).total_cmp(&reach(a)));

        let stream = RandomStream::new(self.seed, Stream::Positions);
        let mut grid = Grid::new(&self.simulation_box, longest, kinds.len());
        let mut positions = vec![[0.0; 3]; kinds.len()];
        for (placed, &atom) in order.iter().enumerate() {
            let kind = kinds[atom as usize];
            let distances = &table[usize::from(kind)];
            let found = (0..TRIES_PER_ATOM).find_map(|attempt| {
                let f = [0, 1, 2].map(|lane| stream.uniform(attempt, atom, lane));
                let r = self.simulation_box.to_cartesian(f);
                let free = grid.is_free(f, |other| {
                    let nearest = distances[usize::from(kinds[other])];
                    let o = positions[other];
                    let d =
                        self.simulation_box.minimum_image([r[0] - o[0], r[1] - o[1], r[2] - o[2]]);
                    d[0] * d[0] + d[1] * d[1] + d[2] * d[2] >= nearest * nearest
                });
                free.then_some((f, r))
            });
            let Some((f, r)) = found else {
                return Err(Error::input(
                    format!(
                        "no room for an atom of {} after {TRIES_PER_ATOM} tries: {placed} of {} atoms are placed",
                        self.atoms[usize::from(kind)].0.name,
                        kinds.len()
                    ),
                    "use shorter minimum distances or a lower density",
                ));
            };
            positions[atom as usize] = r;
            grid.insert(f, atom);
        }
        let species = self.atoms.iter().map(|(species, _)| species.clone()).collect();
        Structure::new(self.simulation_box, species, kinds, positions)
    }

    fn kinds(&self) -> Result<Vec<u16>> {
        let total = self.atoms.iter().fold(0usize, |sum, (_, n)| sum.saturating_add(*n));
        if total >= u32::MAX as usize || self.atoms.len() > usize::from(u16::MAX) {
            return Err(Error::input(
                format!("{total} atoms of {} species are too many", self.atoms.len()),
                "use fewer than 4·10⁹ atoms",
            ));
        }
        let mut kinds = Vec::with_capacity(total);
        for (kind, (_, count)) in (0..).zip(&self.atoms) {
            kinds.resize(kinds.len() + count, kind);
        }
        Ok(kinds)
    }

    fn distance_table(&self) -> Result<Vec<Vec<f64>>> {
        let known = |name: &String| self.atoms.iter().any(|(s, _)| s.name == *name);
        for (first, second, _) in &self.minimum_distances.pairs {
            if let Some(unknown) = [first, second].into_iter().find(|name| !known(name)) {
                return Err(Error::input(
                    format!(
                        "a minimum distance is given for {unknown}, which is not in the structure"
                    ),
                    "remove it or correct the species",
                ));
            }
        }
        let row = |(a, _): &(Species, usize)| {
            self.atoms.iter().map(|(b, _)| self.minimum_distances.get(&a.name, &b.name)).collect()
        };
        let table: Vec<Vec<f64>> = self.atoms.iter().map(row).collect();
        match table.iter().flatten().find(|d| !(**d >= 0.0 && d.is_finite())) {
            Some(bad) => Err(Error::input(
                format!("{bad} is not a minimum distance"),
                "give distances of zero or more",
            )),
            None => Ok(table),
        }
    }
}

/// Linked cells that grow as atoms are placed.
struct Grid {
    counts: [usize; 3],
    first: Vec<u32>,
    next: Vec<u32>,
}

const NONE: u32 = u32::MAX;

impl Grid {
    fn new(simulation_box: &SimulationBox, reach: f64, atoms: usize) -> Self {
        // More cells than atoms would cost memory and save nothing.
        let most = (atoms as f64).cbrt().ceil().max(1.0);
        let counts = simulation_box
            .perpendicular_widths()
            .map(|width| (width / reach).floor().clamp(1.0, most) as usize);
        Self { counts, first: vec![NONE; counts.iter().product()], next: vec![NONE; atoms] }
    }

    fn cell(&self, f: [f64; 3]) -> [usize; 3] {
        let along = |k: usize| ((f[k] * self.counts[k] as f64) as usize).min(self.counts[k] - 1);
        [along(0), along(1), along(2)]
    }

    fn index(&self, cell: [usize; 3]) -> usize {
        (cell[2] * self.counts[1] + cell[1]) * self.counts[0] + cell[0]
    }

    fn insert(&mut self, f: [f64; 3], atom: u32) {
        let index = self.index(self.cell(f));
        self.next[atom as usize] = self.first[index];
        self.first[index] = atom;
    }

    /// True if `clear` holds for every atom in the 27 cells around a position.
    fn is_free(&self, f: [f64; 3], clear: impl Fn(usize) -> bool) -> bool {
        let cell = self.cell(f);
        // With fewer than three cells an axis is searched whole, each cell once.
        let around = |k: usize| {
            let n = self.counts[k];
            let start = cell[k] + n - usize::from(n >= 3);
            (0..n.min(3)).map(move |step| (start + step) % n)
        };
        around(2).all(|z| {
            around(1).all(|y| {
                around(0).all(|x| {
                    let mut atom = self.first[self.index([x, y, z])];
                    while atom != NONE {
                        if !clear(atom as usize) {
                            return false;
                        }
                        atom = self.next[atom as usize];
                    }
                    true
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{Composition, standard_mass};

    fn sodium_silicate(atoms: usize) -> Vec<(Species, usize)> {
        let composition = Composition::parse("(Na2O)30(SiO2)70").expect("formula");
        let with_mass =
            |(name, count): (String, usize)| (Species { mass: standard_mass(&name), name }, count);
        composition.counts(atoms).expect("divisible").into_iter().map(with_mass).collect()
    }

    fn packing(atoms: Vec<(Species, usize)>, cell: SimulationBox) -> RandomPacking {
        let minimum_distances =
            MinimumDistances::uniform(1.2).with("O", "O", 1.8).with("O", "Si", 1.5);
        RandomPacking { atoms, simulation_box: cell, minimum_distances, seed: 42 }
    }

    fn check_distances(packing: &RandomPacking, s: &Structure) {
        for i in 0..s.len() {
            for j in 0..i {
                let (a, b) = (s.positions[i], s.positions[j]);
                let d = s.simulation_box.minimum_image([a[0] - b[0], a[1] - b[1], a[2] - b[2]]);
                let r = (d[0] * d[0] + d[1] * d[1] + d[2] * d[2]).sqrt();
                let least = packing.minimum_distances.get(s.species_name(i), s.species_name(j));
                assert!(r >= least - 1e-9, "{i} {j}: {r} < {least}");
            }
        }
    }

    #[test]
    fn glass_of_three_thousand_atoms() {
        let atoms = sodium_silicate(3000);
        let cell = cubic_box(&atoms, Density::Mass(2.466), &Units::METAL).expect("box");
        assert!((cell.lengths[0] - 34.438).abs() < 1e-3, "{}", cell.lengths[0]);
        let packing = packing(atoms, cell);
        let s = packing.build().expect("placed");
        assert_eq!(s.counts(), [600, 1700, 700]);
        assert!((s.density(&Units::METAL).expect("masses") - 2.466).abs() < 1e-12);
        check_distances(&packing, &s);
        assert_eq!(packing.build().expect("placed"), s);
        let other = RandomPacking { seed: 43, ..packing }.build().expect("placed");
        assert_ne!(other.positions, s.positions);
    }

    #[test]
    fn small_and_tilted_boxes() {
        for (lengths, tilts) in [
            ([6.0, 6.0, 6.0], [0.0; 3]),
            ([9.0, 7.0, 11.0], [3.0, -2.5, 2.0]),
            ([4.0; 3], [0.0; 3]),
        ] {
            let cell = SimulationBox::new([-1.0, 2.0, 0.5], lengths, tilts).expect("box");
            let packing = packing(sodium_silicate(30), cell);
            if lengths == [4.0; 3] {
                // Far too dense: the error must come, and soon.
                let error = packing.build().expect_err("no room");
                assert!(error.to_string().contains("no room"), "{error}");
            } else {
                check_distances(&packing, &packing.build().expect("placed"));
            }
        }
    }

    #[test]
    fn a_million_atoms_take_seconds() {
        let atoms = sodium_silicate(1_029_000);
        let cell = cubic_box(&atoms, Density::Mass(2.466), &Units::METAL).expect("box");
        assert!((cell.lengths[0] - 241.06).abs() < 0.01);
        let started = std::time::Instant::now();
        let s = packing(atoms, cell).build().expect("placed");
        assert_eq!(s.len(), 1_029_000);
        assert!(started.elapsed().as_secs() < 60, "took {:?}", started.elapsed());
    }

    #[test]
    fn bad_requests() {
        let cell = SimulationBox::cubic(10.0).expect("box");
        let build = |d| {
            RandomPacking {
                atoms: sodium_silicate(30),
                simulation_box: cell,
                minimum_distances: d,
                seed: 1,
            }
            .build()
        };
        assert!(build(MinimumDistances::uniform(5.1)).is_err());
        assert!(build(MinimumDistances::uniform(f64::NAN)).is_err());
        assert!(build(MinimumDistances::uniform(-1.0)).is_err());
        assert!(build(MinimumDistances::uniform(0.0)).is_ok());
        let unknown = build(MinimumDistances::uniform(1.0).with("O", "K", 1.0)).expect_err("K");
        assert!(unknown.to_string().contains("for K"));
        let atoms = sodium_silicate(30);
        for density in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(cubic_box(&atoms, Density::Mass(density), &Units::METAL).is_err());
        }
        let massless = [(Species { name: "A".into(), mass: None }, 8)];
        assert!(cubic_box(&massless, Density::Mass(1.0), &Units::METAL).is_err());
        let number = cubic_box(&massless, Density::Number(1.0), &Units::LJ).expect("box");
        assert!((number.lengths[0] - 2.0).abs() < 1e-12);
    }
}
