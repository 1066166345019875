//! Free volume, from the distance to the surface of the nearest atom on a grid, and cavities, its
//! local maxima.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::cavity_search::cavity_radii;
use super::cells::{Cells, Run};
use crate::error::{Error, Result};
use crate::system::Structure;

/// Grid points at most: 128 MiB of distances.
const MOST_POINTS: f64 = 32e6;
/// Bins of a histogram of distances for each unit of length.
const BINS_PER_LENGTH: f64 = 100.0;
/// Effective ionic radii, Å, in the coordination usual in glasses, which stands beside each:
/// Shannon, Acta Cryst. A 32, 751 (1976), doi:10.1107/S0567739476001551. Anions.
const ANION_RADII: &[(&str, f64)] = &[
    ("O", 1.35),  // 2
    ("F", 1.285), // 2
    ("N", 1.46),  // 4
    ("S", 1.84),  // 6
    ("Se", 1.98), // 6
    ("Te", 2.21), // 6
    ("Cl", 1.81), // 6
    ("Br", 1.96), // 6
    ("I", 2.20),  // 6
];
/// As [`ANION_RADII`], of cations.
const CATION_RADII: &[(&str, f64)] = &[
    ("Si", 0.26),  // 4
    ("Ge", 0.39),  // 4
    ("P", 0.17),   // 4
    ("B", 0.11),   // 4
    ("Al", 0.39),  // 4
    ("Be", 0.27),  // 4
    ("Ga", 0.47),  // 4
    ("As", 0.58),  // As³⁺, 6
    ("Sb", 0.76),  // Sb³⁺, 6
    ("Te", 0.66),  // Te⁴⁺, 4
    ("Se", 0.50),  // Se⁴⁺, 6
    ("S", 0.12),   // S⁶⁺, 4
    ("Li", 0.76),  // 6
    ("Na", 1.02),  // 6
    ("K", 1.38),   // 6
    ("Rb", 1.52),  // 6
    ("Cs", 1.67),  // 6
    ("Ag", 1.15),  // 6
    ("Mg", 0.72),  // 6
    ("Ca", 1.00),  // 6
    ("Sr", 1.18),  // 6
    ("Ba", 1.35),  // 6
    ("Zn", 0.60),  // 4
    ("Pb", 1.19),  // Pb²⁺, 6
    ("Bi", 1.03),  // Bi³⁺, 6
    ("Ti", 0.605), // 6
    ("Zr", 0.72),  // 6
    ("La", 1.032), // 6
    ("Y", 0.90),   // 6
];

/// Effective ionic radius of an element, Å, as an anion or as a cation: tellurium is one in a
/// telluride and the other in TeO₂. `None` where the table has none.
pub fn ionic_radius(species: &str, anion: bool) -> Option<f64> {
    let table = if anion { ANION_RADII } else { CATION_RADII };
    table.iter().find(|(name, _)| *name == species).map(|(_, radius)| *radius)
}

/// Distances from points of the box to the surface of the nearest atom, accumulated over frames:
/// d(x) = minᵢ |x − rᵢ| − Rᵢ over atoms and images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FreeVolume {
    wanted: f64,
    spacing: f64,
    frames: u64,
    points: u64,
    /// Points by distance, from 0 on; those inside atoms are only in `points`.
    counts: Vec<u64>,
    /// Radii of cavities, of all frames.
    cavities: Vec<f64>,
}

impl FreeVolume {
    /// Nothing yet; grid points at most `spacing` apart.
    pub fn new(spacing: f64) -> Self {
        Self {
            wanted: spacing,
            spacing: 0.0,
            frames: 0,
            points: 0,
            counts: Vec::new(),
            cavities: Vec::new(),
        }
    }

    /// Distance of the grid points, at most.
    pub fn spacing(&self) -> f64 {
        self.spacing
    }

    /// Frames so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Adds a frame of atoms with these radii by species.
    pub fn add(&mut self, structure: &Structure, radii: &[f64]) -> Result<()> {
        if !(self.wanted > 0.0) || radii.iter().any(|r| !(*r >= 0.0 && r.is_finite())) {
            return Err(Error::input(
                "cavities need a positive grid spacing and radii that are not negative",
                "correct [cavities]",
            ));
        }
        let field = Field::new(structure, radii, self.wanted)?;
        self.spacing = self.spacing.max(field.spacing());
        for &d in &field.distance {
            if d > 0.0 {
                let bin = (f64::from(d) * BINS_PER_LENGTH) as usize;
                if bin >= self.counts.len() {
                    self.counts.resize(bin + 1, 0);
                }
                self.counts[bin] += 1;
            }
        }
        self.points += field.distance.len() as u64;
        self.cavities.extend(cavity_radii(structure, radii, field.farthest())?);
        self.cavities.sort_by(f64::total_cmp);
        self.frames += 1;
        Ok(())
    }

    /// Share of the volume that the centre of a sphere of this radius can be in without touching
    /// an atom; at 0 the free volume.
    pub fn accessible(&self, radius: f64) -> f64 {
        let from = (radius * BINS_PER_LENGTH).round() as usize;
        let inside: u64 = self.counts.iter().skip(from).sum();
        inside as f64 / self.points.max(1) as f64
    }

    /// (radius, share) for every bin, falling to 0.
    pub fn curve(&self) -> Vec<(f64, f64)> {
        let mut left: u64 = self.counts.iter().sum();
        let mut curve = Vec::with_capacity(self.counts.len() + 1);
        for (bin, count) in self.counts.iter().enumerate() {
            curve.push((bin as f64 / BINS_PER_LENGTH, left as f64 / self.points as f64));
            left -= count;
        }
        curve.push((self.counts.len() as f64 / BINS_PER_LENGTH, 0.0));
        curve
    }

    /// Radii of the cavities, ascending: the largest spheres between the atoms around them, local
    /// maxima of the distance. All there are, whatever the grid.
    pub fn cavities(&self) -> Vec<f64> {
        self.cavities.clone()
    }
}

/// The runs of atoms around the cell that was looked at last.
#[derive(Default)]
struct Scratch {
    of: Option<(usize, usize)>,
    runs: Vec<Run>,
}

/// The distance field of a frame.
struct Field<'a> {
    structure: &'a Structure,
    radii: &'a [f64],
    counts: [usize; 3],
    distance: Vec<f32>,
    cells: Cells,
    largest: f64,
}

impl<'a> Field<'a> {
    fn new(structure: &'a Structure, radii: &'a [f64], wanted: f64) -> Result<Self> {
        let cell = &structure.simulation_box;
        let spacing = wanted.max((cell.volume() / MOST_POINTS).cbrt());
        let edges = cell.vectors().map(|v| v.iter().map(|x| x * x).sum::<f64>().sqrt());
        let counts = edges.map(|l| (l / spacing).ceil().max(1.0) as usize);
        let largest = radii.iter().copied().fold(0.0, f64::max);
        // Every point has an atom's centre this near, or the search goes on with twice as much.
        let mut reach = 1.5 * (cell.volume() / structure.len() as f64).cbrt() + largest;
        loop {
            let cells = Cells::new(cell, &structure.positions, reach)?;
            let mut field = Self { structure, radii, counts, distance: Vec::new(), cells, largest };
            if field.fill() {
                return Ok(field);
            }
            reach *= 1.5;
        }
    }

    /// Longest edge of a grid cell.
    fn spacing(&self) -> f64 {
        let edges = self.structure.simulation_box.vectors();
        (0..3)
            .map(|k| edges[k].iter().map(|x| x * x).sum::<f64>().sqrt() / self.counts[k] as f64)
            .fold(0.0, f64::max)
    }

    /// No point of the box is farther from the nearest surface.
    fn farthest(&self) -> f64 {
        let seen = self.distance.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        // A distance changes by no more than the way to the next grid point.
        f64::from(seen).max(0.0) + 2.0 * self.spacing()
    }

    /// Distances of all grid points; false if an atom beyond the reach might be nearest.
    fn fill(&mut self) -> bool {
        let [nx, ny, nz] = self.counts;
        let rows: Vec<Option<Vec<f32>>> = (0..ny * nz)
            .into_par_iter()
            .map(|row| {
                let mut scratch = Scratch::default();
                (0..nx)
                    .map(|x| {
                        let f = [
                            x as f64 / nx as f64,
                            (row % ny) as f64 / ny as f64,
                            (row / ny) as f64 / nz as f64,
                        ];
                        self.distance_at(f, &mut scratch).map(|d| d as f32)
                    })
                    .collect()
            })
            .collect();
        let Some(rows) = rows.into_iter().collect::<Option<Vec<Vec<f32>>>>() else { return false };
        self.distance = rows.concat();
        true
    }

    /// Distance of a fractional point to the nearest surface; `None` if it lies farther than the
    /// cells were made for.
    fn distance_at(&self, f: [f64; 3], scratch: &mut Scratch) -> Option<f64> {
        let cell = &self.structure.simulation_box;
        let f = f.map(|x| x - x.floor());
        let at = cell.to_cartesian(f);
        let (row, x) = self.cells.place(f);
        if scratch.of != Some((row, x)) {
            self.cells.runs(row, x, false, &mut scratch.runs);
            scratch.of = Some((row, x));
        }
        let [xs, ys, zs] = &self.cells.xyz;
        let mut nearest = f64::INFINITY;
        for run in &scratch.runs {
            let origin = [0, 1, 2].map(|k| at[k] - run.shift[k]);
            for j in run.start..run.end {
                let d = [xs[j] - origin[0], ys[j] - origin[1], zs[j] - origin[2]];
                let kind = self.structure.kinds[self.cells.order[j] as usize];
                let distance = (d[0] * d[0] + d[1] * d[1] + d[2] * d[2]).sqrt();
                nearest = nearest.min(distance - self.radii[usize::from(kind)]);
            }
        }
        (nearest + self.largest <= self.cells.radius()).then_some(nearest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{RandomStream, SimulationBox, Species, Stream};

    fn crystal(cell: SimulationBox, fractional: &[[f64; 3]]) -> Structure {
        let positions: Vec<_> = fractional.iter().map(|f| cell.to_cartesian(*f)).collect();
        let species = vec![Species { name: "A".into(), mass: None }];
        Structure::new(cell, species, vec![0; positions.len()], positions).expect("sound")
    }

    #[test]
    fn holes_of_crystals_have_their_radii() {
        let (a, r) = (4.0, 1.1);
        let cube = SimulationBox::cubic(a).expect("cube");
        let simple: [[f64; 3]; 1] = [[0.1; 3]];
        let body = [[0.0; 3], [0.5; 3]];
        let face = [[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]];
        // The cage of the cube, tetrahedra, and tetrahedra and octahedra.
        for (sites, hole, holes) in [
            (&simple[..], 3.0_f64.sqrt() / 2.0 * a, 1),
            (&body[..], 5.0_f64.sqrt() / 4.0 * a, 12),
            (&face[..], 0.5 * a, 12),
        ] {
            let mut free = FreeVolume::new(0.1);
            free.add(&crystal(cube, sites), &[r]).expect("cavities");
            let largest = *free.cavities().last().expect("a hole");
            assert!((largest - (hole - r)).abs() < 1e-9, "{largest} {}", hole - r);
            assert_eq!(free.cavities().len(), holes);
            let sphere = 4.0 / 3.0 * std::f64::consts::PI * r.powi(3);
            let wanted = 1.0 - sites.len() as f64 * sphere / a.powi(3);
            let share = free.accessible(0.0);
            assert!((share - wanted).abs() < 0.01, "{share} {wanted}");
            assert_eq!(free.accessible(largest + 0.02), 0.0);
            let curve = free.curve();
            assert!(curve.windows(2).all(|w| w[1].1 <= w[0].1));
        }
    }

    /// A disordered box has as many cavities whatever the grid of its free volume.
    #[test]
    fn cavities_do_not_depend_on_the_grid() {
        let stream = RandomStream::new(8, Stream::Sampling);
        let sites: Vec<[f64; 3]> =
            (0..100).map(|i| [0, 1, 2].map(|lane| stream.uniform(0, i, lane))).collect();
        let cell = SimulationBox::new([0.0; 3], [11.0, 11.5, 12.0], [2.0, 0.0, -3.0]).expect("box");
        let gas = crystal(cell, &sites);
        let cavities = [0.3, 0.8].map(|grid| {
            let mut free = FreeVolume::new(grid);
            free.add(&gas, &[0.9]).expect("cavities");
            free.cavities()
        });
        assert!(cavities[0].len() > 100, "{}", cavities[0].len());
        assert_eq!(cavities[0].len(), cavities[1].len());
        assert!(cavities[0].iter().zip(&cavities[1]).all(|(a, b)| (a - b).abs() < 1e-9));
    }

    #[test]
    fn a_tilted_box_of_the_same_crystal_has_the_same_holes() {
        let a = 4.0;
        let tilted = SimulationBox::new([0.0; 3], [a, a, a], [a, 0.0, -a]).expect("box");
        let mut free = FreeVolume::new(0.1);
        free.add(&crystal(tilted, &[[0.2, 0.3, 0.4]]), &[1.0]).expect("cavities");
        let largest = *free.cavities().last().expect("a hole");
        assert!((largest - (3.0_f64.sqrt() / 2.0 * a - 1.0)).abs() < 1e-3, "{largest}");
    }

    #[test]
    fn a_lone_atom_in_a_large_box_is_searched_for() {
        let cube = SimulationBox::cubic(20.0).expect("cube");
        let mut free = FreeVolume::new(1.0);
        free.add(&crystal(cube, &[[0.5; 3]]), &[0.0]).expect("cavities");
        assert!((free.cavities()[0] - 3.0_f64.sqrt() * 10.0).abs() < 1e-3);
        let mut refused = FreeVolume::new(0.0);
        assert!(refused.add(&crystal(cube, &[[0.5; 3]]), &[0.0]).is_err());
    }
}
