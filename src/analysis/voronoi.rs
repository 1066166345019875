//! Voronoi cells: the space nearer to an atom than to any other.

use meshless_voronoi::{Dimensionality, Voronoi};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::system::{RandomStream, Stream, Structure};

/// The cell of an atom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VoronoiCell {
    /// Its volume.
    pub volume: f64,
    /// Number of its faces: neighbours in the sense of Voronoi.
    pub faces: u32,
}

/// Cells of all atoms, with the images of a periodic box of any shape.
///
/// The box is surrounded by ghost images up to a margin; a cell is right if the sphere around its
/// atom through the images that it may touch (twice the distance of its farthest corner) lies
/// within the margin, which grows until all are. Two atoms at the same place are an error.
///
/// Where the tessellation fails because corners of many cells of a crystal all but coincide, atoms
/// are moved aside by a millionth (then a ten-thousandth) of their distance, the same for all
/// images of an atom.
pub fn voronoi_cells(structure: &Structure) -> Result<Vec<VoronoiCell>> {
    if structure.is_empty() {
        return Ok(Vec::new());
    }
    let cell = &structure.simulation_box;
    let wrapped: Vec<[f64; 3]> = structure.positions.iter().map(|r| cell.wrap(*r).0).collect();
    distinct(&wrapped)?;
    let spacing = (cell.volume() / structure.len() as f64).cbrt();
    let stream = RandomStream::new(1, Stream::Sampling);
    for aside in [0.0, 1e-6, 1e-4] {
        let moved: Vec<[f64; 3]> = (0u32..)
            .zip(&wrapped)
            .map(|(i, r)| {
                [0u32, 1, 2]
                    .map(|k| r[k as usize] + aside * spacing * (stream.uniform(0, i, k) - 0.5))
            })
            .collect();
        // The library panics where its boundary walk finds no way.
        let attempt = std::panic::catch_unwind(|| tessellate(structure, &moved, spacing, aside));
        if let Ok(cells) = attempt {
            return cells;
        }
    }
    Err(Error::input(
        "the Voronoi cells of this structure are too degenerate to be found",
        "move the atoms a little, or leave `voronoi` out",
    ))
}

fn tessellate(
    structure: &Structure,
    positions: &[[f64; 3]],
    spacing: f64,
    aside: f64,
) -> Result<Vec<VoronoiCell>> {
    let cell = &structure.simulation_box;
    let n = structure.len();
    let widths = cell.perpendicular_widths();
    let mut margin = 3.0 * spacing;
    loop {
        let (points, low, high) = with_ghosts(structure, positions, margin);
        let mask: Vec<bool> = (0..points.len()).map(|k| k < n).collect();
        let pad = 0.1 * margin;
        let anchor = glam_vector(low.map(|x| x - pad));
        let width = glam_vector([0, 1, 2].map(|k| high[k] - low[k] + 2.0 * pad));
        let generators: Vec<_> = points.iter().map(|p| glam_vector(*p)).collect();
        let tessellation = Voronoi::build_partial(
            &generators,
            &mask,
            anchor,
            width,
            Dimensionality::ThreeD,
            false,
        );
        let cells = &tessellation.cells()[..n];
        let reach = cells.iter().map(|c| c.safety_radius()).fold(0.0, f64::max);
        if reach <= margin {
            // Faces that rounding or moving aside left, between images that touch in an edge.
            return Ok(cells
                .par_iter()
                .map(|c| {
                    let smallest = (10.0 * aside).max(1e-6) * c.volume().powf(2.0 / 3.0);
                    let faces = c.faces(&tessellation).filter(|f| f.area() > smallest).count();
                    VoronoiCell { volume: c.volume(), faces: faces as u32 }
                })
                .collect());
        }
        // A lone atom's cell is the box's own; its safety radius is at most a few box widths.
        let most = 8.0 * widths.iter().copied().fold(0.0, f64::max);
        if margin > most {
            return Err(Error::input(
                "the Voronoi cells of this box do not close",
                "give a box whose edges are less tilted",
            ));
        }
        margin = (2.0 * margin).min(1.05 * reach.max(margin));
    }
}

fn glam_vector(r: [f64; 3]) -> glam::DVec3 {
    glam::DVec3::from_array(r)
}

/// Two atoms at one place have no cells.
fn distinct(positions: &[[f64; 3]]) -> Result<()> {
    let mut order: Vec<usize> = (0..positions.len()).collect();
    let compare = |a: &usize, b: &usize| {
        let (a, b) = (positions[*a], positions[*b]);
        (0..3)
            .map(|k| a[k].total_cmp(&b[k]))
            .find(|o| o.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    };
    order.par_sort_unstable_by(compare);
    match order.windows(2).find(|w| positions[w[0]] == positions[w[1]]) {
        None => Ok(()),
        Some(w) => Err(Error::input(
            format!(
                "atoms {} and {} are at the same place",
                w[0].min(w[1]) + 1,
                w[0].max(w[1]) + 1
            ),
            "remove one of them; coinciding atoms have no Voronoi cells",
        )),
    }
}

/// The atoms, then their images within the margin of the box, with the corners of their bounds.
fn with_ghosts(
    structure: &Structure,
    wrapped: &[[f64; 3]],
    margin: f64,
) -> (Vec<[f64; 3]>, [f64; 3], [f64; 3]) {
    let cell = &structure.simulation_box;
    let reach = cell.perpendicular_widths().map(|w| margin / w);
    let images = reach.map(|r| r.ceil() as i32);
    let mut points = wrapped.to_vec();
    let fractional: Vec<[f64; 3]> = wrapped.iter().map(|r| cell.to_fractional(*r)).collect();
    for x in -images[0]..=images[0] {
        for y in -images[1]..=images[1] {
            for z in -images[2]..=images[2] {
                if [x, y, z] == [0; 3] {
                    continue;
                }
                let image = [x, y, z].map(f64::from);
                let shift = cell.difference_to_cartesian(image);
                for (r, f) in wrapped.iter().zip(&fractional) {
                    let near = (0..3).all(|k| {
                        let at = f[k] + image[k];
                        at >= -reach[k] && at <= 1.0 + reach[k]
                    });
                    if near {
                        points.push([0, 1, 2].map(|k| r[k] + shift[k]));
                    }
                }
            }
        }
    }
    let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for p in &points {
        for k in 0..3 {
            low[k] = low[k].min(p[k]);
            high[k] = high[k].max(p[k]);
        }
    }
    (points, low, high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{SimulationBox, Species};

    fn structure(cell: SimulationBox, fractional: &[[f64; 3]]) -> Structure {
        let positions: Vec<_> = fractional.iter().map(|f| cell.to_cartesian(*f)).collect();
        let species = vec![Species { name: "A".into(), mass: None }];
        Structure::new(cell, species, vec![0; positions.len()], positions).expect("sound")
    }

    #[test]
    fn crystals_have_equal_cells() {
        let faces: [[f64; 3]; 4] =
            [[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]];
        let body = [[0.0; 3], [0.5; 3]];
        for (sites, faces) in [(&faces[..], 12), (&body[..], 14), (&body[..1], 6)] {
            let edge = 3.7;
            let n = 3;
            let mut points = Vec::new();
            for c in 0..n * n * n {
                let corner = [c % n, c / n % n, c / n / n].map(|x| x as f64);
                points
                    .extend(sites.iter().map(|s| [0, 1, 2].map(|k| (corner[k] + s[k]) / n as f64)));
            }
            let cube = SimulationBox::cubic(edge * n as f64).expect("cube");
            let wanted = edge.powi(3) / sites.len() as f64;
            for cell in voronoi_cells(&structure(cube, &points)).expect("cells") {
                assert!((cell.volume - wanted).abs() < 1e-9 * wanted, "{cell:?} {wanted}");
                assert_eq!(cell.faces, faces);
            }
        }
        // One atom alone in its box has all of it.
        let lone = structure(SimulationBox::cubic(5.0).expect("cube"), &[[0.3; 3]]);
        assert!((voronoi_cells(&lone).expect("a cell")[0].volume - 125.0).abs() < 1e-9);
    }

    #[test]
    fn cells_fill_any_box() {
        let stream = RandomStream::new(5, Stream::Sampling);
        let points: Vec<[f64; 3]> =
            (0..200).map(|i| [0, 1, 2].map(|lane| stream.uniform(0, i, lane))).collect();
        for tilts in [[0.0; 3], [3.0, -2.0, 1.5], [6.0, 5.0, -7.0]] {
            let cell = SimulationBox::new([1.0, -2.0, 3.0], [7.0, 9.0, 11.0], tilts).expect("box");
            let gas = structure(cell, &points);
            let cells = voronoi_cells(&gas).expect("cells");
            let sum: f64 = cells.iter().map(|c| c.volume).sum();
            assert!((sum - cell.volume()).abs() < 1e-9 * sum, "{tilts:?}: {sum}");
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
            assert_eq!(pool.install(|| voronoi_cells(&gas)).expect("cells"), cells);
        }
        // The same crystal of images in another cell: equal volumes, atom by atom.
        let cell = SimulationBox::new([0.0; 3], [7.0, 9.0, 11.0], [0.0, 0.0, 4.0]).expect("box");
        let other = SimulationBox::new([0.0; 3], [7.0, 9.0, 11.0], [0.0, 0.0, -5.0]).expect("box");
        let one = structure(cell, &points);
        let two =
            Structure::new(other, one.species.clone(), one.kinds.clone(), one.positions.clone())
                .expect("sound");
        let (a, b) = (voronoi_cells(&one).expect("cells"), voronoi_cells(&two).expect("cells"));
        assert!(
            a.iter().zip(&b).all(|(a, b)| (a.volume - b.volume).abs() < 1e-9 && a.faces == b.faces)
        );
    }

    #[test]
    fn coinciding_atoms_are_named() {
        let cube = SimulationBox::cubic(5.0).expect("cube");
        let error = voronoi_cells(&structure(cube, &[[0.1; 3], [0.5; 3], [0.1; 3]]));
        let text = error.expect_err("coincide").to_string();
        assert_eq!(text, "atoms 1 and 3 are at the same place");
    }
}
