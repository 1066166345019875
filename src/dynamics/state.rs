//! The state of a simulation between two steps: everything that determines the bits that follow.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::system::{FixedPosition, SimulationBox, Structure, from_fixed};

/// Positions in a backend's own representation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Positions {
    /// Fixed-point fractions with image counters (`cpu`, `gpu`).
    Fixed {
        /// Fractions in units of 2⁻³².
        fractions: Vec<FixedPosition>,
        /// Periodic images.
        images: Vec<[i32; 3]>,
    },
    /// Unwrapped Cartesian coordinates (`reference`).
    Double(Vec<[f64; 3]>),
}

/// Variables of the thermostats.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ThermostatState {
    /// Nosé–Hoover frictions ξ (1/time).
    pub friction: [f64; super::thermostat::CHAIN],
    /// Energy given to the bath since the start of the stage, without what the Nosé–Hoover chain
    /// itself holds ([`super::thermostat::bath_energy`] adds it).
    pub bath_energy: f64,
    /// Σ m v² as the thermostat will take it at the start of the next step, where that is not
    /// exactly the sum over `velocities` (`gpu`: the last sum times the last factor).
    pub twice_kinetic: Option<f64>,
}

/// A simulation's state at a step. Arrays are in the order of the input atoms.
///
/// `order` and `list_fractions` are the memory order and the positions at the last neighbour-list
/// rebuild: the list is a pure function of them, so a resumed run sums in the same order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DynamicsState {
    /// Which backend wrote it; only the same one continues bit-identically.
    pub backend: String,
    /// Steps since the start of the run.
    pub step: u64,
    /// The periodic cell.
    pub simulation_box: SimulationBox,
    /// Positions.
    pub positions: Positions,
    /// Velocities (exact: f32 values are stored widened).
    pub velocities: Vec<[f64; 3]>,
    /// Thermostat variables.
    pub thermostat: ThermostatState,
    /// Atom in each memory slot at the last rebuild (`u32::MAX`: padding); empty if the backend
    /// keeps no order.
    pub order: Vec<u32>,
    /// Positions at the last rebuild, in the order of the input atoms; empty without a list.
    pub list_fractions: Vec<FixedPosition>,
    /// Pair visits to the splice region since the start of the stage, in force evaluations.
    pub splice_visits: u64,
    /// Neighbour-list rebuilds since the start of the stage.
    pub rebuilds: u64,
}

impl DynamicsState {
    /// An error unless the state is one of so many atoms.
    pub fn check_length(&self, atoms: usize) -> Result<()> {
        let lengths = match &self.positions {
            Positions::Fixed { fractions, images } => [fractions.len(), images.len()],
            Positions::Double(unwrapped) => [unwrapped.len(); 2],
        };
        match lengths == [atoms; 2] && self.velocities.len() == atoms {
            true => Ok(()),
            false => Err(Error::input(
                format!("a state of {} atoms for a structure of {atoms}", self.velocities.len()),
                "resume with the structure that the run was started from",
            )),
        }
    }

    /// The structure with this state's positions and velocities; `template` supplies species,
    /// kinds and identifiers.
    pub fn structure(&self, template: &Structure) -> Structure {
        let mut structure = template.clone();
        structure.simulation_box = self.simulation_box;
        structure.velocities = Some(self.velocities.clone());
        match &self.positions {
            Positions::Fixed { fractions, images } => {
                structure.positions =
                    fractions.iter().map(|&u| from_fixed(&self.simulation_box, u)).collect();
                structure.images.clone_from(images);
            }
            Positions::Double(unwrapped) => {
                structure.positions.clone_from(unwrapped);
                structure.images = vec![[0; 3]; unwrapped.len()];
                structure.wrap();
            }
        }
        structure
    }
}
