//! Neighbours of any point with all periodic images, by cells.

use crate::error::{Error, Result};
use crate::system::{SimulationBox, Structure};

/// A neighbour of a centre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbor {
    /// Index of the atom.
    pub atom: u32,
    /// Bit g is set where the atom is in group g of the descriptor.
    pub groups: u32,
    /// Vector from the centre, Å.
    pub d: [f64; 3],
    /// Its length.
    pub r: f64,
}

/// Neighbours within a cutoff must be fewer than this, so that a slip of the pen in a cutoff does
/// not fill the memory.
const MOST_NEIGHBORS: f64 = 50_000.0;

/// Atoms sorted by cell, x fastest, in input order within a cell.
#[derive(Debug, Clone)]
pub struct CellList {
    /// The periodic box.
    pub simulation_box: SimulationBox,
    /// The cutoff that the cells were made for.
    pub cutoff: f64,
    /// Cells along each edge.
    pub cells: [usize; 3],
    /// Cells to look into on either side.
    pub reach: [usize; 3],
    /// First sorted atom of each cell, and the number of atoms.
    pub starts: Vec<u32>,
    /// Atom of each sorted place.
    pub atoms: Vec<u32>,
    /// Sorted coordinates, wrapped into the box, one vector an axis.
    pub coordinates: [Vec<f64>; 3],
}

impl CellList {
    /// Sorts the atoms that `keep` wants.
    pub fn new(structure: &Structure, cutoff: f64, keep: impl Fn(usize) -> bool) -> Result<Self> {
        let simulation_box = structure.simulation_box;
        let expected = structure.len() as f64 / simulation_box.volume() * 4.19 * cutoff.powi(3);
        if !(expected < MOST_NEIGHBORS) || structure.len() > u32::MAX as usize / 2 {
            return Err(Error::input(
                format!("{expected:.0} neighbours an atom within a cutoff of {cutoff}"),
                format!("give a cutoff with fewer than {MOST_NEIGHBORS} neighbours"),
            ));
        }
        let widths = simulation_box.perpendicular_widths();
        let most = (structure.len() as f64).cbrt().ceil().max(1.0);
        // Two cells a cutoff: of 5³ half-cells fewer atoms are in vain than of 3³ whole ones.
        let cells = widths.map(|w| (2.0 * w / cutoff).floor().clamp(1.0, most) as usize);
        let mut reach = [0; 3];
        for k in 0..3 {
            reach[k] = (cutoff * cells[k] as f64 / widths[k]).ceil() as usize;
        }
        let mut list = Self {
            simulation_box,
            cutoff,
            cells,
            reach,
            starts: vec![0; cells.iter().product::<usize>() + 1],
            atoms: Vec::new(),
            coordinates: Default::default(),
        };
        let homes: Vec<Option<u32>> = (0..structure.len())
            .map(|atom| {
                keep(atom).then(|| list.index(list.cell_of(structure.positions[atom])) as u32)
            })
            .collect();
        for home in homes.iter().flatten() {
            list.starts[*home as usize + 1] += 1;
        }
        for cell in 1..list.starts.len() {
            list.starts[cell] += list.starts[cell - 1];
        }
        let count = list.starts[list.starts.len() - 1] as usize;
        list.atoms = vec![0; count];
        list.coordinates = [vec![0.0; count], vec![0.0; count], vec![0.0; count]];
        let mut next = list.starts.clone();
        for (atom, home) in homes.iter().enumerate() {
            let Some(home) = *home else { continue };
            let place = next[home as usize] as usize;
            next[home as usize] += 1;
            list.atoms[place] = atom as u32;
            for k in 0..3 {
                list.coordinates[k][place] = structure.positions[atom][k];
            }
        }
        Ok(list)
    }

    fn index(&self, c: [usize; 3]) -> usize {
        (c[2] * self.cells[1] + c[1]) * self.cells[0] + c[0]
    }

    /// The cell of a wrapped position.
    fn cell_of(&self, r: [f64; 3]) -> [usize; 3] {
        let f = self.simulation_box.to_fractional(r);
        let mut c = [0; 3];
        for k in 0..3 {
            c[k] = ((f[k] * self.cells[k] as f64).max(0.0) as usize).min(self.cells[k] - 1);
        }
        c
    }

    /// Number of a wrapped position's cell: atoms in its order are close to each other.
    pub fn cell_number(&self, r: [f64; 3]) -> usize {
        self.index(self.cell_of(r))
    }

    /// Calls `visit(range, shift)` for runs of sorted atoms which together hold every neighbour of
    /// a wrapped position; their coordinates plus `shift` are the images to look at.
    #[inline]
    pub fn for_each_run(
        &self,
        r: [f64; 3],
        mut visit: impl FnMut(std::ops::Range<usize>, [f64; 3]),
    ) {
        let home = self.cell_of(r).map(|c| c as isize);
        let count = self.cells.map(|n| n as isize);
        let reach = self.reach.map(|n| n as isize);
        for cz in home[2] - reach[2]..=home[2] + reach[2] {
            let (iz, kz) = (cz.div_euclid(count[2]), cz.rem_euclid(count[2]));
            for cy in home[1] - reach[1]..=home[1] + reach[1] {
                let (iy, ky) = (cy.div_euclid(count[1]), cy.rem_euclid(count[1]));
                let row = ((kz * count[1] + ky) * count[0]) as usize;
                let (mut from, to) = (home[0] - reach[0], home[0] + reach[0]);
                while from <= to {
                    let ix = from.div_euclid(count[0]);
                    let last = to.min(ix * count[0] + count[0] - 1);
                    let first = row + (from - ix * count[0]) as usize;
                    let end = row + (last - ix * count[0]) as usize + 1;
                    let run = self.starts[first] as usize..self.starts[end] as usize;
                    if !run.is_empty() {
                        let image = [ix as f64, iy as f64, iz as f64];
                        visit(run, self.simulation_box.difference_to_cartesian(image));
                    }
                    from = last + 1;
                }
            }
        }
    }

    /// Two atoms at the same place, if there are any: no direction leads from one to the other.
    pub fn coincident(&self) -> Option<(u32, u32)> {
        let at = |place: usize| self.coordinates.each_ref().map(|c| c[place]);
        (1..self.starts.len()).find_map(|cell| {
            let places = self.starts[cell - 1] as usize..self.starts[cell] as usize;
            places.clone().find_map(|p| {
                let same = (p + 1..places.end).find(|&q| at(p) == at(q))?;
                Some((self.atoms[p], self.atoms[same]))
            })
        })
    }

    /// Every neighbour of an atom (at its wrapped position) closer than `cutoff`, all images
    /// counted, the atom itself left out. `groups` gives the bits of an atom; atoms of no group are
    /// left out.
    pub fn neighbors(
        &self,
        atom: u32,
        r: [f64; 3],
        cutoff: f64,
        groups: impl Fn(u32) -> u32,
        found: &mut Vec<Neighbor>,
    ) {
        found.clear();
        let [x, y, z] = &self.coordinates;
        self.for_each_run(r, |run, shift| {
            for place in run {
                let d = [
                    x[place] + shift[0] - r[0],
                    y[place] + shift[1] - r[1],
                    z[place] + shift[2] - r[2],
                ];
                let r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
                if r2 < cutoff * cutoff {
                    let other = self.atoms[place];
                    let bits = groups(other);
                    if bits != 0 && !(other == atom && shift == [0.0; 3]) {
                        found.push(Neighbor { atom: other, groups: bits, d, r: r2.sqrt() });
                    }
                }
            }
        });
    }
}
