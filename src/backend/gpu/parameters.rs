//! What the kernels read: the uniform block, the control block and the packed force field, as
//! `shaders/common/types.wgsl` declares them.

use bytemuck::{Pod, Zeroable};

use crate::dynamics::thermostat::CHAIN;
use crate::dynamics::{DynamicsPlan, Ensemble, ThermostatState, degrees_of_freedom};
use crate::error::{Error, Result};
use crate::potential::{CompiledForceField, DampingFit, TABLE_INTERVALS};
use crate::system::{RandomStream, SimulationBox, Stream};

/// Threads of a workgroup over atoms.
pub(super) const WORKGROUP: u32 = 64;
/// `LANES` of types.wgsl: threads that share an atom in the kernels that go through its neighbours.
pub(super) const LANES: u32 = 8;
/// Words of an atom's row in the neighbour list are a multiple of this: the lanes of an atom read so
/// many at a time, and no sector of memory more than they need.
pub(super) const ROW_STEP: u32 = 8;
/// `REACH` of list.wgsl: smaller cells leave fewer atoms beyond the radius to look at.
const CELLS_OF_RADIUS: f64 = 2.0;
/// Lists that have aged (decide.wgsl) are rebuilt in the steps whose number this divides.
pub(super) const REBUILD_EVERY: u64 = 4;
/// Words of four numbers that hold a fitted damping: four and twice 17 coefficients, and one.
const DAMPING_WORDS: usize = 10;
/// Replicas of one session: `MOST_REPLICAS` of types.wgsl.
pub(super) const MOST_REPLICAS: usize = 256;
/// Species that fit the uniform block and the upper byte of a position's fourth word.
pub(super) const MOST_SPECIES: usize = 256;
/// Atoms that fit the lower three bytes.
pub(super) const MOST_ATOMS: usize = 1 << 24;
/// Fraction bits of the bath energy.
const BATH_BITS: i32 = 24;

/// `Parameters` of types.wgsl: what all replicas share.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct Parameters {
    pub replicas: u32,
    pub groups: u32,
    pub slots: u32,
    pub cell_room: u32,
    pub capacity: u32,
    pub species_count: u32,
    pub table_offset: u32,
    pub rebuild_every: u32,
    pub parts: u32,
    pub part_groups: u32,
    pub longest_dispatch: u32,
    pub spare: u32,
    pub masses: [[f32; 4]; MOST_SPECIES],
    pub damping: [[f32; 4]; DAMPING_WORDS],
}

/// `Replica` of types.wgsl: what is one replica's own.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct ReplicaParameters {
    pub atoms: u32,
    pub groups: u32,
    pub ensemble: u32,
    pub half_timestep: f32,
    pub cells: [u32; 4],
    pub frame: [[f32; 4]; 2],
    pub drift: [[f32; 4]; 2],
    pub list_r2: f32,
    pub rebuild_r2: f32,
    pub degrees_of_freedom: f32,
    pub relaxation2: f32,
    pub decay_minus_one: f32,
    pub fastest: f32,
    pub random_key: [u32; 2],
}

/// `Part` of types.wgsl: workgroups whose atoms have their lists in one binding.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable, PartialEq, Eq)]
pub(super) struct Part {
    pub first: u32,
    pub groups: u32,
    pub stride: u32,
    pub row: u32,
}

/// `Control` of types.wgsl.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable, PartialEq)]
pub(super) struct Control {
    pub most_neighbours: u32,
    pub broken: u32,
    pub moved_too_far: u32,
    pub splice_visits: u32,
    pub unrepresentable: u32,
    pub rebuilds: u32,
    pub halted: u32,
    pub stepped: u32,
    pub step_low: u32,
    pub step_high: u32,
    pub in_chunk: u32,
    pub twice_kinetic: f32,
    pub end_scale: f32,
    pub start_scale: f32,
    pub bath_low: u32,
    pub bath_high: u32,
    pub friction: [f32; CHAIN],
    pub moving: [f32; CHAIN],
    pub moving_bath: f32,
    pub rebuilding: u32,
}

impl Control {
    /// The control block of a state.
    pub fn new(step: u64, thermostat: &ThermostatState) -> Self {
        let bath = (thermostat.bath_energy * f64::from(BATH_BITS).exp2()).round() as i64 as u64;
        Self {
            step_low: step as u32,
            step_high: (step >> 32) as u32,
            friction: thermostat.friction.map(|x| x as f32),
            bath_low: bath as u32,
            bath_high: (bath >> 32) as u32,
            twice_kinetic: thermostat.twice_kinetic.unwrap_or(0.0) as f32,
            // The first list is built without a decision of the device.
            rebuilding: 1,
            ..Self::zeroed()
        }
    }

    /// Step reached.
    pub fn step(&self) -> u64 {
        u64::from(self.step_low) | (u64::from(self.step_high) << 32)
    }

    /// The thermostat's variables at a step's boundary.
    pub fn thermostat(&self) -> ThermostatState {
        let bath = (u64::from(self.bath_low) | (u64::from(self.bath_high) << 32)) as i64;
        ThermostatState {
            friction: self.friction.map(f64::from),
            bath_energy: bath as f64 * f64::from(-BATH_BITS).exp2(),
            twice_kinetic: Some(f64::from(self.twice_kinetic)),
        }
    }
}

/// Neighbour list and cells of a box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ListGeometry {
    /// Cutoff and skin together.
    pub radius: f64,
    /// Skin (0: the list is rebuilt every step).
    pub skin: f64,
    /// Cells along a, b, c.
    pub cells: [u32; 3],
}

impl ListGeometry {
    /// The geometry for a box: the skin shrinks where cutoff + skin would not be unique any more.
    pub fn new(
        simulation_box: &SimulationBox,
        cutoff: f64,
        skin: Option<f64>,
        atoms: usize,
    ) -> Result<Self> {
        let half_width = simulation_box.longest_cutoff();
        if cutoff > half_width {
            return Err(Error::CutoffTooLong { cutoff, half_width });
        }
        // 0.8 Å at 8 Å: what a list's slots cost and what its rebuilds cost are together least near it.
        let mut skin = skin.unwrap_or(0.1 * cutoff).min(half_width - cutoff);
        if skin < 1e-3 * cutoff {
            skin = 0.0;
        }
        let radius = cutoff + skin;
        // two cells a trifle wider than the radius, so that rounding leaves no pair out
        let wanted = simulation_box
            .perpendicular_widths()
            .map(|w| (CELLS_OF_RADIUS * w / (radius * 1.0001)).floor().clamp(1.0, 65_536.0));
        Ok(Self { radius, skin, cells: at_most(wanted, 2.0 * atoms as f64) })
    }

    /// Neighbours to expect within the list's radius at the mean density, with a margin for
    /// fluctuations: glasses vary by a tenth, and a list that turns out short is grown.
    pub fn expected_capacity(&self, atoms: usize, volume: f64) -> u32 {
        let sphere = 4.0 / 3.0 * std::f64::consts::PI * self.radius.powi(3);
        let mean = atoms as f64 / volume * sphere;
        let wanted = (1.15 * mean + 16.0).ceil().min(atoms as f64) as u32;
        wanted.next_multiple_of(ROW_STEP)
    }

    /// Cells in all.
    pub fn cell_count(&self) -> u32 {
        self.cells.iter().product()
    }
}

/// Numbers of cells whose product is at most `most`, in the same proportions as far as whole numbers
/// go: many more cells than atoms would only cost memory.
fn at_most(mut cells: [f64; 3], most: f64) -> [u32; 3] {
    loop {
        let excess = cells.iter().product::<f64>() / most.max(1.0);
        if excess <= 1.0 {
            return cells.map(|c| c as u32);
        }
        // An edge of one cell cannot give way: the others do.
        let open = cells.iter().filter(|c| **c > 1.0).count().max(1);
        let shrink = excess.powf(1.0 / open as f64);
        cells = cells.map(|c| (c / shrink).floor().max(1.0));
    }
}

/// Dispatch over a number of workgroups, in two dimensions where one does not suffice; decide.wgsl
/// does the same.
pub(super) fn dispatch_size(groups: u32, longest: u32) -> [u32; 2] {
    let rows = groups.div_ceil(longest).max(1);
    [groups.div_ceil(rows), rows]
}

/// The packed force field: rows and tables in words of four numbers, and the damping.
#[derive(Debug, Clone)]
pub(super) struct Model {
    pub words: Vec<[f32; 4]>,
    pub table_offset: u32,
    damping: [[f32; 4]; DAMPING_WORDS],
    pub damping_terms: Option<usize>,
}

/// Numbers in words of four, the last filled up.
fn in_fours(numbers: &[f32]) -> impl Iterator<Item = [f32; 4]> {
    numbers.chunks(4).map(|chunk| {
        let mut word = [0.0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        word
    })
}

impl Model {
    pub fn new(field: &CompiledForceField) -> Result<Self> {
        let mut words: Vec<[f32; 4]> =
            field.kernel_rows().iter().flat_map(|row| in_fours(row)).collect();
        let mut damping = [[0.0; 4]; DAMPING_WORDS];
        let fit = field.damping_fit()?;
        if let (Some(fit), Some(coulomb)) = (&fit, &field.coulomb) {
            let DampingFit { energy, slope, scale, force_shift, energy_shift, .. } = fit;
            let cutoff2 = (coulomb.model.cutoff * coulomb.model.cutoff) as f32;
            let mut numbers = vec![*scale, *force_shift, *energy_shift, cutoff2];
            numbers.extend(energy);
            numbers.extend(slope);
            for (word, of) in damping.iter_mut().zip(in_fours(&numbers)) {
                *word = of;
            }
        }
        let table_offset = words.len() as u32;
        for table in field.kernel_tables() {
            let intervals = TABLE_INTERVALS as f32;
            words.push([
                table.start as f32,
                (1.0 / table.step) as f32,
                (-2.0 / table.step) as f32,
                intervals,
            ]);
            words.extend(&table.coefficients);
        }
        Ok(Self { words, table_offset, damping, damping_terms: fit.map(|f| f.slope.len()) })
    }
}

/// Number of an ensemble in types.wgsl.
fn ensemble_number(ensemble: &Ensemble) -> u32 {
    match ensemble {
        Ensemble::Nve => 0,
        Ensemble::NoseHoover { .. } => 1,
        Ensemble::StochasticRescaling { .. } => 2,
        Ensemble::Langevin { .. } => 3,
    }
}

impl Parameters {
    /// The force field's part; the layout adds its own.
    pub fn new(field: &CompiledForceField, model: &Model) -> Self {
        let mut masses = [[0.0; 4]; MOST_SPECIES];
        for (row, mass) in masses.iter_mut().zip(&field.masses) {
            let m = mass * field.units.mass_velocity2;
            *row = [(1.0 / m) as f32, m as f32, (1.0 / m).sqrt() as f32, 0.0];
        }
        Self {
            species_count: field.species_count() as u32,
            table_offset: model.table_offset,
            rebuild_every: REBUILD_EVERY as u32,
            masses,
            damping: model.damping,
            ..Self::zeroed()
        }
    }
}

impl ReplicaParameters {
    pub fn new(
        plan: &DynamicsPlan,
        simulation_box: &SimulationBox,
        atoms: usize,
        geometry: &ListGeometry,
    ) -> Self {
        let to_unit = (-32.0f64).exp2();
        let [lx, ly, lz] = simulation_box.lengths.map(|l| l * to_unit);
        let [xy, xz, yz] = simulation_box.tilts.map(|t| t * to_unit);
        let step = plan.timestep;
        // Inverse of the upper-triangular matrix above, times the time step.
        let drift_x =
            [step / lx, -step * xy / (lx * ly), step * (xy * yz - xz * ly) / (lx * ly * lz)];
        let drift_yz = [step / ly, -step * yz / (ly * lz), step / lz];
        let pad = |v: [f64; 3]| [v[0] as f32, v[1] as f32, v[2] as f32, 0.0];
        let (relaxation, cap) = match plan.ensemble {
            Ensemble::Nve => (f64::INFINITY, None),
            Ensemble::NoseHoover { relaxation } | Ensemble::StochasticRescaling { relaxation } => {
                (relaxation, None)
            }
            Ensemble::Langevin { relaxation, displacement_cap } => (relaxation, displacement_cap),
        };
        let dof = degrees_of_freedom(atoms, plan.ensemble.conserves_momentum());
        // Rounding must not let an atom pass half the skin unnoticed.
        let rebuild = 0.5 * geometry.skin * (1.0 - 1e-4);
        let [a, b, c] = geometry.cells;
        Self {
            atoms: atoms as u32,
            groups: (atoms as u32).div_ceil(WORKGROUP),
            ensemble: ensemble_number(&plan.ensemble),
            half_timestep: (0.5 * step) as f32,
            cells: [a, b, c, geometry.cell_count()],
            frame: [pad([lx, xy, xz]), pad([ly, yz, lz])],
            drift: [pad(drift_x), pad(drift_yz)],
            list_r2: (geometry.radius * geometry.radius * (1.0 + 1e-5)) as f32,
            rebuild_r2: (rebuild * rebuild) as f32,
            degrees_of_freedom: dof as f32,
            relaxation2: if relaxation.is_finite() {
                (relaxation * relaxation) as f32
            } else {
                1.0
            },
            decay_minus_one: (-step / relaxation).exp_m1() as f32,
            fastest: cap.map_or(0.0, |cap| (cap / step) as f32),
            random_key: RandomStream::new(plan.seed, Stream::Langevin).key(),
        }
    }
}

/// The numbers that the thermostat kernels read for a step: (kT, a, b, 0).
pub(super) fn schedule_entry(plan: &DynamicsPlan, step: u64, dof: f64) -> [f32; 4] {
    use crate::dynamics::thermostat::{langevin_constants, rescaling_numbers};
    let kt = plan.force_field.units.boltzmann * plan.temperature.at(step);
    match plan.ensemble {
        Ensemble::StochasticRescaling { .. } => {
            let [first, squares] = rescaling_numbers(plan.seed, step, dof);
            [kt as f32, first as f32, squares as f32, 0.0]
        }
        Ensemble::Langevin { relaxation, .. } => {
            // The kernels' masses are already in energy per velocity².
            let [_, noise] = langevin_constants(kt, 1.0, relaxation, plan.timestep);
            [kt as f32, noise as f32, 0.0, 0.0]
        }
        _ => [kt as f32, 0.0, 0.0, 0.0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dispatches_cover_every_workgroup() {
        for longest in [3, 7, 65_535] {
            for groups in [1, 2, 3, 7, 49, 65_535, 65_536, 130_001, 1 << 22] {
                let [x, y] = dispatch_size(groups, longest);
                assert!(x <= longest && u64::from(y) <= u64::from(groups.div_ceil(longest)));
                assert!(u64::from(x) * u64::from(y) >= u64::from(groups));
            }
        }
    }

    #[test]
    fn control_keeps_thermostat_bits() {
        let thermostat = ThermostatState {
            friction: [f64::from(1.25e-3f32), f64::from(-7.1f32), f64::from(0.3f32)],
            bath_energy: -123.456789,
            twice_kinetic: Some(f64::from(3.1f32)),
        };
        let control = Control::new((7 << 32) + 5, &thermostat);
        assert_eq!(control.step(), (7 << 32) + 5);
        let again = Control::new(0, &control.thermostat()).thermostat();
        assert_eq!(again, control.thermostat());
        assert!((again.bath_energy - thermostat.bath_energy).abs() < 1e-7);
    }

    #[test]
    fn a_long_box_has_cells_along_its_length() {
        assert_eq!(at_most([3.0, 3.0, 500.0], 64_000.0), [3, 3, 500]);
        for (wanted, most) in [
            ([40.0, 40.0, 40.0], 1000.0),
            ([1.0, 1.0, 9000.0], 100.0),
            ([2.0, 900.0, 900.0], 4000.0),
        ] {
            let cells = at_most(wanted, most);
            let product = cells.iter().map(|&c| f64::from(c)).product::<f64>();
            assert!(product <= most && product > 0.25 * most, "{cells:?} of {most}");
        }
        assert_eq!(at_most([5.0; 3], 0.0), [1, 1, 1]);
    }

    #[test]
    fn skin_shrinks_in_a_small_box() {
        let small = SimulationBox::cubic(17.0).expect("sound");
        let geometry = ListGeometry::new(&small, 8.0, Some(2.0), 300).expect("fits");
        assert!((geometry.skin - 0.5).abs() < 1e-12);
        assert_eq!(geometry.cells, [3, 3, 3]);
        let tight = SimulationBox::cubic(16.0).expect("sound");
        assert_eq!(ListGeometry::new(&tight, 8.0, None, 300).expect("fits").skin, 0.0);
        assert!(ListGeometry::new(&tight, 8.1, None, 300).is_err());
    }
}
