//! Atoms in a box.

use serde::{Deserialize, Serialize};

use super::{SimulationBox, Units};
use crate::error::{Error, Result};

/// A chemical species (or particle type).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Species {
    /// Symbol or label, as in the force field: "Si", "A".
    pub name: String,
    /// Mass in the unit system's mass (metal: g/mol); `None` if the file did not say.
    pub mass: Option<f64>,
}

/// Atoms in a periodic box, in the order of the input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Structure {
    /// The periodic cell.
    pub simulation_box: SimulationBox,
    /// The species that `kinds` counts into.
    pub species: Vec<Species>,
    /// Species index of each atom.
    pub kinds: Vec<u16>,
    /// Positions wrapped into the box, length N.
    pub positions: Vec<[f64; 3]>,
    /// Which periodic image each atom is in: unwrapped = position + images · cell.
    pub images: Vec<[i32; 3]>,
    /// Velocities (metal: Å/ps), if known.
    pub velocities: Option<Vec<[f64; 3]>>,
    /// Charges given by the file (e); the force field's own are used for forces.
    pub charges: Option<Vec<f64>>,
    /// Per-particle diameters, for force fields that need them.
    pub diameters: Option<Vec<f64>>,
    /// Identifiers given by the file, in input order.
    pub ids: Vec<u64>,
}

impl Structure {
    /// A structure from wrapped or unwrapped positions, without velocities.
    ///
    /// Positions are wrapped; what was wrapped away is kept in `images`.
    pub fn new(
        simulation_box: SimulationBox,
        species: Vec<Species>,
        kinds: Vec<u16>,
        positions: Vec<[f64; 3]>,
    ) -> Result<Self> {
        if kinds.len() != positions.len() {
            return Err(Error::input(
                format!("{} species for {} positions", kinds.len(), positions.len()),
                "give one species for each position",
            ));
        }
        if let Some(atom) = kinds.iter().position(|&k| usize::from(k) >= species.len()) {
            return Err(Error::input(
                format!("atom {} has an undefined species", atom + 1),
                "define every species before using it",
            ));
        }
        let mut structure = Self {
            simulation_box,
            species,
            ids: (1..=positions.len() as u64).collect(),
            images: vec![[0; 3]; positions.len()],
            kinds,
            positions,
            velocities: None,
            charges: None,
            diameters: None,
        };
        structure.check_finite()?;
        structure.wrap();
        Ok(structure)
    }

    /// Number of atoms.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// True without atoms.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// Error if a position or velocity is not finite.
    pub fn check_finite(&self) -> Result<()> {
        let bad = |rows: &[[f64; 3]]| {
            rows.iter().position(|r| r.iter().any(|x| !x.is_finite() || x.abs() > 1e9))
        };
        if let Some(atom) = bad(&self.positions) {
            return Err(Error::input(
                format!("atom {} has the position {:?}", atom + 1, self.positions[atom]),
                "give finite coordinates",
            ));
        }
        if let Some(atom) = self.velocities.as_deref().and_then(bad) {
            return Err(Error::input(
                format!("atom {} has a velocity that is not finite", atom + 1),
                "give finite velocities, or none",
            ));
        }
        Ok(())
    }

    /// Moves every position into the box and counts the images.
    pub fn wrap(&mut self) {
        for (r, image) in self.positions.iter_mut().zip(&mut self.images) {
            let (wrapped, shift) = self.simulation_box.wrap(*r);
            *r = wrapped;
            for k in 0..3 {
                image[k] += shift[k];
            }
        }
    }

    /// Position of an atom with its periodic image undone.
    pub fn unwrapped(&self, atom: usize) -> [f64; 3] {
        let shift = self.simulation_box.difference_to_cartesian(self.images[atom].map(f64::from));
        let r = self.positions[atom];
        [r[0] + shift[0], r[1] + shift[1], r[2] + shift[2]]
    }

    /// Name of an atom's species.
    pub fn species_name(&self, atom: usize) -> &str {
        &self.species[usize::from(self.kinds[atom])].name
    }

    /// Atoms of each species.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.species.len()];
        for &kind in &self.kinds {
            counts[usize::from(kind)] += 1;
        }
        counts
    }

    /// Mass density (metal: g/cm³); `None` if a mass is unknown.
    pub fn density(&self, units: &Units) -> Option<f64> {
        let mut mass = 0.0;
        for &kind in &self.kinds {
            mass += self.species[usize::from(kind)].mass?;
        }
        Some(mass / self.simulation_box.volume() * units.density)
    }
}
