//! What goes to the device at a session's start: states in the order of the input, as rows of words.

use bytemuck::Zeroable;

use crate::backend::Replica;
use crate::dynamics::{DynamicsState, Positions};
use crate::error::Result;
use crate::system::{
    FIXED_ONE, FixedPosition, SimulationBox, Structure, fixed_difference, to_fixed,
};

/// State in the order of the input, ready for the device.
pub(super) struct Upload {
    pub positions: Vec<FixedPosition>,
    pub images: Vec<[i32; 3]>,
    pub velocities: Vec<[f64; 3]>,
}

impl Upload {
    /// The state that a replica begins with.
    pub fn of(replica: &Replica<'_>) -> Result<Self> {
        let Some(from) = replica.from else {
            replica.structure.check_finite()?;
            return Ok(Self::from_structure(replica.structure));
        };
        from.check_length(replica.structure.len())?;
        let structure = from.structure(&template(replica));
        structure.check_finite()?;
        Ok(match &from.positions {
            Positions::Fixed { fractions, images } => Self {
                positions: fractions.clone(),
                images: images.clone(),
                velocities: from.velocities.clone(),
            },
            Positions::Double(_) => Self::from_structure(&structure),
        })
    }

    fn from_structure(structure: &Structure) -> Self {
        let b = &structure.simulation_box;
        let (positions, images) = structure
            .positions
            .iter()
            .zip(&structure.images)
            .map(|(&r, image)| {
                let (u, shift) = to_fixed(b, r);
                (u, [0, 1, 2].map(|k| image[k] + shift[k]))
            })
            .unzip();
        let velocities =
            structure.velocities.clone().unwrap_or_else(|| vec![[0.0; 3]; structure.len()]);
        Self { positions, images, velocities }
    }
}

/// A replica's structure in the box of its state.
pub(super) fn template(replica: &Replica<'_>) -> Structure {
    let mut template = replica.structure.clone();
    if let Some(from) = replica.from {
        template.simulation_box = from.simulation_box;
    }
    template
}

/// What the thermostat and list of a state of the same backend hold besides the atoms.
pub(super) struct Memory<'a> {
    /// Positions at the last rebuild.
    pub list: Option<&'a [FixedPosition]>,
    /// Σ m v² as the thermostat will take it.
    pub twice_kinetic: Option<f64>,
}

impl<'a> Memory<'a> {
    /// What a state holds that was written under this signature. Its list is too old where the plan
    /// has a smaller skin than the plan that wrote it: then it is made anew.
    pub fn of(from: Option<&'a DynamicsState>, signature: &str, skin: f64) -> Self {
        let own = from.filter(|from| from.backend == signature);
        Self {
            list: own
                .filter(|from| from.list_fractions.len() == from.velocities.len())
                .filter(|from| {
                    // A trifle beyond what the device, in single precision, calls too far.
                    farthest2_from_list(from) <= 0.25 * skin * skin * (1.0 + 2e-6)
                })
                .map(|from| from.list_fractions.as_slice()),
            twice_kinetic: own.and_then(|from| from.thermostat.twice_kinetic),
        }
    }

    /// True where a state's list is not the one that will be used.
    pub fn forgets_list_of(&self, from: Option<&DynamicsState>, signature: &str) -> bool {
        self.list.is_none()
            && from.is_some_and(|from| {
                from.backend == signature && from.list_fractions.len() == from.velocities.len()
            })
    }
}

/// Largest squared distance of an atom from its position at the last rebuild.
fn farthest2_from_list(state: &DynamicsState) -> f64 {
    let Positions::Fixed { fractions, .. } = &state.positions else { return f64::INFINITY };
    let moved2 = |(&then, &now): (&FixedPosition, &FixedPosition)| {
        let SimulationBox { lengths: [lx, ly, lz], tilts: [xy, xz, yz], .. } = state.simulation_box;
        let [a, b, c] = fixed_difference(then, now).map(|u| f64::from(u) / FIXED_ONE);
        let d = [lx * a + xy * b + xz * c, ly * b + yz * c, lz * c];
        d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
    };
    state.list_fractions.iter().zip(fractions).map(moved2).fold(0.0, f64::max)
}

/// Appends a row of four words an atom, padded to a replica's slots.
pub(super) fn append_rows<T, U: Copy + Zeroable>(
    to: &mut Vec<[U; 4]>,
    slots: usize,
    items: &[T],
    row: impl Fn(&T, usize) -> [U; 4],
) {
    let end = to.len() + slots;
    to.extend(items.iter().enumerate().map(|(i, item)| row(item, i)));
    to.resize(end, [U::zeroed(); 4]);
}
