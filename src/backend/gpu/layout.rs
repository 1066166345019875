//! How a session's arrays are laid out in buffers that a device can bind: sizes, parts of the
//! neighbour list, and what is said when they do not fit. Allocates nothing.

use super::kernels::Role;
use super::parameters::{
    Control, LANES, MOST_ATOMS, MOST_REPLICAS, Parameters, Part, ROW_STEP, ReplicaParameters,
    WORKGROUP,
};
use crate::error::{Error, Result};

/// Longest chunk, in steps.
pub(super) const LONGEST_CHUNK: u32 = 512;

/// Sums that `reduce.wgsl` makes.
pub(super) const OBSERVED_SUMS: usize = 13;

/// What a chunk changes and a replay restores. The neighbour list is rebuilt from `ListPosition`;
/// the host has the control block.
pub(super) const SNAPSHOT: [Role; 5] =
    [Role::Position, Role::Velocity, Role::Image, Role::Force, Role::ListPosition];

/// Limits of a device that the layout keeps to.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// Largest storage buffer that a kernel can bind, bytes.
    pub binding: u64,
    /// Most workgroups of a dispatch along one dimension.
    pub dispatch: u32,
    /// Name of the device, for messages.
    pub device: String,
}

/// Sizes of everything that a session keeps on the device.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// With the layout's numbers filled in.
    pub parameters: Parameters,
    limits: Limits,
    model_words: usize,
}

/// Words of an atom's row in the list.
fn row(capacity: u32) -> u64 {
    u64::from(capacity).next_multiple_of(u64::from(ROW_STEP))
}

pub(super) fn label(role: Role) -> &'static str {
    match role {
        Role::Parameters => "parameters",
        Role::Replicas => "parameters of replicas",
        Role::Part => "parts of the neighbour list",
        Role::Control => "control blocks",
        Role::Schedule => "schedule",
        Role::Model => "force field",
        Role::Position => "positions",
        Role::Velocity => "velocities",
        Role::Image => "image counters",
        Role::Force => "forces",
        Role::Diameter => "diameters",
        Role::ListPosition => "positions of the list",
        Role::SortedVelocity => "sorted velocities",
        Role::SortedImage => "sorted image counters",
        Role::Placed => "placed atoms",
        Role::CellCount => "cell counts",
        Role::CellStart => "cell starts",
        Role::List => "neighbour list",
        Role::Partial => "partial sums",
        Role::Arguments => "dispatch sizes",
        Role::Observed => "observed atoms",
        Role::Sums => "observed sums",
        Role::GivenPosition => "given positions",
        Role::GivenImage => "given image counters",
    }
}

/// Buffers of which there is one.
pub(super) const WHOLE: [Role; 21] = [
    Role::Parameters,
    Role::Replicas,
    Role::Control,
    Role::Schedule,
    Role::Model,
    Role::Position,
    Role::Velocity,
    Role::Image,
    Role::Force,
    Role::Diameter,
    Role::ListPosition,
    Role::SortedVelocity,
    Role::SortedImage,
    Role::Placed,
    Role::CellCount,
    Role::CellStart,
    Role::Partial,
    Role::Arguments,
    Role::Sums,
    Role::GivenPosition,
    Role::GivenImage,
];

/// Buffers of which each part has its own.
pub(super) const BY_PART: [Role; 3] = [Role::Part, Role::List, Role::Observed];

impl Layout {
    /// The layout of replicas with so many atoms and cells. `shared` is what the force field fills
    /// in of the parameters.
    pub fn new(
        shared: Parameters,
        sizes: &[(usize, u32)],
        model_words: usize,
        capacity: u32,
        limits: Limits,
    ) -> Result<Self> {
        let refused = |what: &str, needed: usize, available: usize| Error::Capacity {
            what: what.into(),
            needed: needed as u64,
            available: available as u64,
            device: limits.device.clone(),
        };
        if sizes.len() > MOST_REPLICAS {
            return Err(refused("replicas of one session", sizes.len(), MOST_REPLICAS));
        }
        let most = sizes.iter().map(|(atoms, _)| *atoms).max().unwrap_or(0);
        if most >= MOST_ATOMS {
            return Err(refused("atoms", most, MOST_ATOMS - 1));
        }
        let groups = (most as u32).div_ceil(WORKGROUP).max(1);
        let parameters = Parameters {
            replicas: sizes.len() as u32,
            groups,
            slots: groups * WORKGROUP,
            cell_room: sizes.iter().map(|(_, cells)| *cells).max().unwrap_or(1),
            longest_dispatch: limits.dispatch,
            ..shared
        };
        let slots = u64::from(parameters.slots) * sizes.len() as u64;
        if u32::try_from(slots).is_err() {
            return Err(refused("atoms of all replicas", slots as usize, u32::MAX as usize));
        }
        let mut layout = Self { parameters, limits, model_words };
        layout.set_capacity(capacity)?;
        for role in WHOLE {
            let (needed, available) = (layout.size(role), layout.limits.binding);
            if needed > available {
                return Err(Error::Capacity {
                    what: format!("the buffer of {} (bytes)", label(role)),
                    needed,
                    available,
                    device: layout.limits.device.clone(),
                });
            }
        }
        Ok(layout)
    }

    /// Makes room for so many neighbours of an atom, in as many parts as that takes.
    pub fn set_capacity(&mut self, capacity: u32) -> Result<()> {
        let list = |groups: u64| 4 * u64::from(WORKGROUP) * groups * (row(capacity) + 1);
        let available = self.limits.binding;
        if list(1) > available {
            return Err(Error::Capacity {
                what: format!(
                    "the neighbour list of {WORKGROUP} atoms, {capacity} neighbours each (bytes)"
                ),
                needed: list(1),
                available,
                device: self.limits.device.clone(),
            });
        }
        let all = self.workgroups();
        let observed = 48 * u64::from(WORKGROUP);
        let most = (available / list(1)).min(available / observed).clamp(1, u64::from(all)) as u32;
        let p = &mut self.parameters;
        // Parts of equal size, but for the last.
        p.part_groups = all.div_ceil(all.div_ceil(most));
        p.parts = all.div_ceil(p.part_groups);
        p.capacity = capacity;
        Ok(())
    }

    /// Neighbours an atom may have at most on this device.
    pub fn largest_capacity(&self) -> u64 {
        let words = (self.limits.binding / (4 * u64::from(WORKGROUP))).saturating_sub(1);
        words - words % u64::from(ROW_STEP)
    }

    /// Workgroups over the atoms of all replicas.
    pub fn workgroups(&self) -> u32 {
        self.parameters.replicas * self.parameters.groups
    }

    pub fn parts(&self) -> impl Iterator<Item = Part> + use<> {
        let (parts, size, all) =
            (self.parameters.parts, self.parameters.part_groups, self.workgroups());
        let row = row(self.parameters.capacity) as u32;
        (0..parts).map(move |n| {
            let first = n * size;
            let groups = size.min(all - first);
            Part { first, groups, stride: groups * WORKGROUP, row }
        })
    }

    /// Bytes of a buffer of which there is one.
    pub fn size(&self, role: Role) -> u64 {
        let p = &self.parameters;
        let replicas = u64::from(p.replicas);
        let slots = replicas * u64::from(p.slots);
        let groups = u64::from(self.workgroups());
        let cells = replicas * (u64::from(p.cell_room) + 2);
        match role {
            Role::Parameters => size_of::<Parameters>() as u64,
            Role::Replicas => (MOST_REPLICAS * size_of::<ReplicaParameters>()) as u64,
            Role::Control => replicas * size_of::<Control>() as u64,
            Role::Schedule => 16 * replicas * u64::from(LONGEST_CHUNK + 1),
            Role::Model => 16 * self.model_words as u64,
            Role::Position
            | Role::Velocity
            | Role::Image
            | Role::Force
            | Role::ListPosition
            | Role::SortedVelocity
            | Role::SortedImage
            | Role::GivenPosition
            | Role::GivenImage => 16 * slots,
            Role::Diameter => 4 * slots,
            Role::Placed => 8 * slots,
            Role::CellCount | Role::CellStart => 4 * cells,
            Role::Partial => 8 * u64::from(LANES) * groups,
            // The list may be split further when it grows.
            Role::Arguments => 32 + 16 * groups,
            Role::Sums => 8 * OBSERVED_SUMS as u64 * groups,
            Role::Part | Role::List | Role::Observed => {
                self.parts().map(|part| self.part_size(role, part)).sum()
            }
        }
    }

    /// Bytes of a part's own buffer.
    pub fn part_size(&self, role: Role, part: Part) -> u64 {
        match role {
            Role::List => 4 * u64::from(part.stride) * (row(self.parameters.capacity) + 1),
            Role::Observed => 48 * u64::from(part.stride),
            _ => size_of::<Part>() as u64,
        }
    }

    /// Bytes of everything, the copy that a chunk can be replayed from included.
    pub fn bytes(&self) -> u64 {
        let all = WHOLE.into_iter().chain(BY_PART).chain(SNAPSHOT);
        all.map(|role| self.size(role)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::parameters::ListGeometry;
    use super::*;
    use crate::system::SimulationBox;
    use bytemuck::Zeroable;

    /// Sodium silicate at 0.0735 atoms/Å³, 8 Å and the default skin.
    fn silicate(atoms: usize, replicas: usize, binding: u64) -> Result<Layout> {
        let edge = (atoms as f64 / 0.0735).cbrt();
        let simulation_box = SimulationBox::cubic(edge).expect("a box");
        let geometry = ListGeometry::new(&simulation_box, 8.0, None, atoms).expect("fits");
        let capacity = geometry.expected_capacity(atoms, simulation_box.volume());
        let limits = Limits { binding, dispatch: 65_535, device: "a test".into() };
        let sizes = vec![(atoms, geometry.cell_count()); replicas];
        Layout::new(Parameters::zeroed(), &sizes, 200, capacity, limits)
    }

    fn check(layout: &Layout) {
        let mut covered = 0;
        for part in layout.parts() {
            assert_eq!(part.first, covered);
            assert!(part.groups > 0);
            covered += part.groups;
            for role in BY_PART {
                assert!(layout.part_size(role, part) <= layout.limits.binding, "{role:?}");
            }
        }
        assert_eq!(covered, layout.workgroups());
        for role in WHOLE {
            assert!(layout.size(role) <= layout.limits.binding, "{role:?}");
        }
    }

    #[test]
    fn three_million_atoms_keep_the_memory_target_on_every_device() {
        // WebGPU's default, Vulkan drivers' usual ones.
        for (binding, parts) in [(1 << 27, 24), ((1 << 31) - 4, 2), ((1 << 32) - 4, 1)] {
            let layout = silicate(3_000_000, 1, binding).expect("fits");
            check(&layout);
            assert_eq!(layout.parameters.parts, parts, "parts of at most {binding} bytes");
            let each = layout.bytes() as f64 / 3e6;
            println!("{each:.0} bytes an atom in {parts} parts");
            assert!(each <= 1536.0, "{each} bytes an atom");
        }
        // Eight million on 24 GiB, less a tenth for the driver.
        let large = silicate(8_000_000, 1, (1 << 31) - 4).expect("fits");
        check(&large);
        assert!(large.bytes() < 24 * (1 << 30) * 9 / 10, "{} bytes", large.bytes());
    }

    #[test]
    fn memory_grows_with_the_atoms_and_replicas_cost_no_more() {
        let each = |atoms: usize, replicas: usize| {
            let layout = silicate(atoms, replicas, 1 << 27).expect("fits");
            check(&layout);
            layout.bytes() as f64 / (atoms * replicas) as f64
        };
        let one = each(3000, 64);
        for (atoms, replicas) in [(24_000, 1), (192_000, 1), (1_029_000, 1), (3000, 256)] {
            let ratio = each(atoms, replicas) / one;
            assert!((ratio - 1.0).abs() < 0.1, "{atoms} × {replicas}: {ratio}");
        }
    }

    #[test]
    fn what_does_not_fit_is_said_with_need_and_limit() {
        // 16 bytes an atom of positions are more than the binding.
        let message = silicate(3_000_000, 1, 40_000_000).expect_err("refused").to_string();
        assert!(
            message.starts_with(
                "the buffer of positions (bytes): 48000000 needed, 40000000 available"
            ),
            "{message}"
        );
        let message = silicate(3000, 257, 1 << 27).expect_err("refused").to_string();
        assert!(
            message.contains("replicas of one session: 257 needed, 256 available"),
            "{message}"
        );
        let message = silicate(1 << 24, 1, 1 << 32).expect_err("refused").to_string();
        assert!(message.contains("atoms: 16777216 needed, 16777215 available"), "{message}");
        let mut layout = silicate(3000, 1, 1 << 20).expect("fits");
        check(&layout);
        assert!(layout.parameters.parts > 1);
        assert!(layout.set_capacity(5000).is_err());
        assert_eq!(layout.largest_capacity(), 4088);
        layout.set_capacity(4088).expect("just fits");
        assert_eq!(layout.parameters.part_groups, 1);
    }
}
