//! Lattices of pores and solid, in batches of one shape.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Number of dimensions, which fixes the number of neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dimension {
    /// Square lattice, 4 neighbours.
    #[serde(rename = "2")]
    Two,
    /// Cubic lattice, 6 neighbours.
    #[serde(rename = "3")]
    Three,
}

impl Dimension {
    /// Nearest neighbours of a site.
    pub fn neighbours(self) -> usize {
        match self {
            Self::Two => 4,
            Self::Three => 6,
        }
    }
}

/// Size of a lattice: layers, rows, columns. A square lattice has one layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Square or cubic.
    pub dimension: Dimension,
    /// `[nz, ny, nx]`; `nz` is 1 in two dimensions.
    pub size: [usize; 3],
}

impl Shape {
    /// A square lattice.
    pub fn square(ny: usize, nx: usize) -> Self {
        Self { dimension: Dimension::Two, size: [1, ny, nx] }
    }

    /// A cubic lattice.
    pub fn cubic(nz: usize, ny: usize, nx: usize) -> Self {
        Self { dimension: Dimension::Three, size: [nz, ny, nx] }
    }

    /// Number of sites.
    pub fn sites(&self) -> usize {
        self.size.iter().product()
    }

    /// Number of sites, if it is one that can be computed with: above zero and below 2³¹.
    pub fn checked_sites(&self) -> Result<usize> {
        let axes = self.axes();
        let sites = self.size.iter().try_fold(1usize, |product, n| product.checked_mul(*n));
        match sites {
            Some(0) => Err(Error::input(
                format!("the lattice is empty (shape {axes:?})"),
                "give at least one site",
            )),
            Some(sites) if sites < 1 << 31 => Ok(sites),
            _ => Err(Error::input(
                format!("a lattice of {axes:?} sites is too large"),
                "use a lattice of fewer than 2^31 sites",
            )),
        }
    }

    /// The neighbours of a site across periodic boundaries: −x, +x, −y, +y and in three dimensions
    /// −z, +z. On an edge of one or two sites a neighbour can be the site itself or be met twice.
    pub fn neighbours(&self, site: usize) -> impl Iterator<Item = usize> + use<> {
        let [nz, ny, nx] = self.size;
        let (x, y, z) = (site % nx, site / nx % ny, site / (nx * ny));
        let at = move |z: usize, y: usize, x: usize| (z * ny + y) * nx + x;
        [
            at(z, y, (x + nx - 1) % nx),
            at(z, y, (x + 1) % nx),
            at(z, (y + ny - 1) % ny, x),
            at(z, (y + 1) % ny, x),
            at((z + nz - 1) % nz, y, x),
            at((z + 1) % nz, y, x),
        ]
        .into_iter()
        .take(self.dimension.neighbours())
    }

    /// The axes as people and `.npy` files write them.
    pub fn axes(&self) -> Vec<usize> {
        match self.dimension {
            Dimension::Two => self.size[1..].to_vec(),
            Dimension::Three => self.size.to_vec(),
        }
    }
}

/// A batch of lattices of one shape. η = 1 is a pore site, 0 solid; values between are allowed.
#[derive(Debug, Clone, PartialEq)]
pub struct Lattices {
    shape: Shape,
    eta: Vec<f64>,
}

impl Lattices {
    /// Lattices one after another, each with sites in row order (x fastest).
    pub fn new(shape: Shape, eta: Vec<f64>) -> Result<Self> {
        let sites = shape.checked_sites()?;
        let axes = shape.axes();
        if eta.is_empty() {
            return Err(Error::input(
                format!("the batch is empty (lattices of {axes:?} sites)"),
                "give at least one lattice",
            ));
        }
        if !eta.len().is_multiple_of(sites) {
            return Err(Error::input(
                format!("{} values do not fill lattices of {axes:?} sites", eta.len()),
                "give a whole number of lattices of one shape",
            ));
        }
        for (lattice, eta) in eta.chunks_exact(sites).enumerate() {
            if let Some(site) = eta.iter().position(|e| !(0.0..=1.0).contains(e)) {
                return Err(Error::input(
                    format!(
                        "site {site} of lattice {lattice} has η = {}, which is not in [0, 1]",
                        eta[site]
                    ),
                    "1 is a pore, 0 is solid; scale the values into [0, 1]",
                ));
            }
            if eta.iter().all(|e| *e == 0.0) {
                return Err(Error::input(
                    format!("lattice {lattice} has no pore: every site is solid"),
                    "1 is a pore, 0 is solid; turn the picture around with --invert if it is the other way",
                ));
            }
        }
        Ok(Self { shape, eta })
    }

    /// The shape of every lattice.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Sites of one lattice.
    pub fn sites(&self) -> usize {
        self.shape.sites()
    }

    /// Number of lattices; at least one.
    pub fn count(&self) -> usize {
        self.eta.len() / self.sites()
    }

    /// η of one lattice.
    pub fn lattice(&self, index: usize) -> &[f64] {
        let sites = self.sites();
        &self.eta[index * sites..(index + 1) * sites]
    }

    /// η of all lattices.
    pub fn eta(&self) -> &[f64] {
        &self.eta
    }

    /// Some of the lattices.
    pub fn range(&self, range: std::ops::Range<usize>) -> Self {
        let sites = self.sites();
        Self { shape: self.shape, eta: self.eta[range.start * sites..range.end * sites].to_vec() }
    }

    /// Mean of η over the sites of a lattice.
    pub fn porosity(&self, index: usize) -> f64 {
        self.lattice(index).iter().sum::<f64>() / self.sites() as f64
    }

    /// Roughness Σ_i Σ_{j∈nn(i)} |η_i−η_j| / 4N² of H. Liu's thesis (ch. 6): with c neighbours and
    /// N sites Σ_i Σ_j |η_i−η_j| / cN, 0 for a uniform lattice, 1 for a chequerboard.
    pub fn roughness(&self, index: usize) -> f64 {
        let eta = self.lattice(index);
        let mut sum = 0.0;
        for (site, e) in eta.iter().enumerate() {
            for j in self.shape.neighbours(site) {
                sum += (e - eta[j]).abs();
            }
        }
        sum / (self.shape.dimension.neighbours() * eta.len()) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_mutual_and_periodic() {
        for shape in [
            Shape::square(3, 5),
            Shape::square(1, 4),
            Shape::square(2, 2),
            Shape::cubic(2, 3, 4),
            Shape::cubic(1, 1, 1),
        ] {
            let mut met = vec![0; shape.sites()];
            for i in 0..shape.sites() {
                for j in shape.neighbours(i) {
                    met[j] += 1;
                    let back = shape.neighbours(j).filter(|k| *k == i).count();
                    assert_eq!(back, shape.neighbours(i).filter(|k| *k == j).count());
                }
            }
            assert!(met.iter().all(|m| *m == shape.dimension.neighbours()), "{shape:?}");
        }
    }

    #[test]
    fn bad_lattices_are_refused() {
        let message = |shape, eta| Lattices::new(shape, eta).expect_err("refused").to_string();
        let square = Shape::square(2, 2);
        assert!(message(square, vec![1.0, 0.0, 1.5, 0.0]).contains("η = 1.5"));
        assert!(message(square, vec![1.0, 0.0, f64::NAN, 0.0]).contains("η = NaN"));
        assert!(message(square, vec![1.0, 0.0, -0.1, 0.0]).contains("not in [0, 1]"));
        assert!(message(square, vec![0.0; 4]).contains("no pore"));
        assert!(message(square, vec![]).contains("empty"));
        assert!(message(Shape::square(0, 3), vec![]).contains("empty"));
        assert!(message(square, vec![1.0; 6]).contains("do not fill"));
        for huge in [Shape::cubic(usize::MAX, 2, 2), Shape::square(1 << 16, 1 << 15)] {
            assert!(message(huge, vec![1.0]).contains("too large"));
        }
    }

    #[test]
    fn roughness_of_known_patterns() {
        let board: Vec<f64> = (0..16).map(|i| f64::from((i % 4 + i / 4) as u32 % 2)).collect();
        let lattices = Lattices::new(Shape::square(4, 4), [board, vec![0.3; 16]].concat());
        let lattices = lattices.expect("sound");
        assert_eq!(lattices.roughness(0), 1.0);
        assert_eq!(lattices.roughness(1), 0.0);
    }
}
