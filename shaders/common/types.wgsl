// Structures shared by all kernels; the Rust mirror is src/backend/gpu/parameters.rs.

// What never changes while a session lives and is the same for all of its replicas. A session of one
// simulation has one replica.
struct Parameters {
    replicas: u32,
    // Workgroups over the atoms of a replica; the same for all.
    groups: u32,
    // Atom slots of a replica: 64 for each workgroup.
    slots: u32,
    // Cells that a replica has room for.
    cell_room: u32,
    // Neighbours an atom may have.
    capacity: u32,
    species_count: u32,
    // Where the tables of the force field begin, in words of four numbers.
    table_offset: u32,
    // Lists that have aged are rebuilt in every step whose number this divides.
    rebuild_every: u32,
    // Parts that the list is split into, and workgroups of each but the last.
    parts: u32,
    part_groups: u32,
    // Longest dispatch along one dimension.
    longest_dispatch: u32,
    spare: u32,
    // (1/m, m, 1/√m, 0) of each species in energy per velocity².
    masses: array<vec4<f32>, 256>,
    // Numbers of the fitted damping: a uniform index costs no instruction here.
    damping: array<vec4<f32>, 10>,
}

// What never changes of one replica.
struct Replica {
    atoms: u32,
    // Its workgroups that have atoms.
    groups: u32,
    ensemble: u32,
    half_timestep: f32,
    // Cells along a, b, c and in all.
    cells: vec4<u32>,
    // Fractions in units of 2^-32 to Cartesian.
    frame: Frame,
    // Velocity to the change of fractions in one time step.
    drift: Frame,
    list_r2: f32,
    // Squared displacement at which the list must be rebuilt.
    rebuild_r2: f32,
    degrees_of_freedom: f32,
    // τ² of Nosé-Hoover; e^(-Δt/τ) - 1 of stochastic rescaling and Langevin.
    relaxation2: f32,
    decay_minus_one: f32,
    // Fastest velocity that Langevin allows (0: no cap).
    fastest: f32,
    random_key: vec2<u32>,
}

const MOST_REPLICAS: u32 = 256u;

// A part of the list that fits a binding: workgroups, counted over all replicas.
struct Part {
    first: u32,
    groups: u32,
    // Atom slots of the part: so many words of the list are numbers of neighbours.
    stride: u32,
    // Words of an atom's neighbours, which follow; a multiple of 8.
    row: u32,
}

// What changes on the device and decides what it does next, for each replica. Words that many threads write are
// atomics; the others belong to single-workgroup kernels.
struct Control {
    // Largest number of neighbours an atom ever had.
    most_neighbours: atomic<u32>,
    // 1: an absurd displacement, 2: a force that is not finite.
    broken: atomic<u32>,
    // 1: the list has aged, 2: it must not be used any more.
    moved_too_far: atomic<u32>,
    // Of directed pairs: each pair counts twice.
    splice_visits: atomic<u32>,
    unrepresentable: atomic<u32>,
    rebuilds: u32,
    // Steps do nothing once this is set.
    halted: u32,
    // 1 once a step has been completed that the thermostat has yet to see.
    stepped: u32,
    step_low: u32,
    step_high: u32,
    // Steps since the schedule was written.
    in_chunk: u32,
    // 2K; at a step's boundary after scaling.
    twice_kinetic: f32,
    // Factors of all velocities, less one: at the end of the last step, at the start of the next.
    end_scale: f32,
    start_scale: f32,
    // Bath energy in units of 2^-24, 64 bits.
    bath_low: u32,
    bath_high: u32,
    // Nosé-Hoover frictions at the step's boundary.
    friction_1: f32,
    friction_2: f32,
    friction_3: f32,
    // The same after the first half of the next step, and what it gave to the bath.
    moving_1: f32,
    moving_2: f32,
    moving_3: f32,
    moving_bath: f32,
    // 1 if the list is being rebuilt.
    rebuilding: u32,
}

const NVE: u32 = 0u;
const NOSE_HOOVER: u32 = 1u;
const STOCHASTIC_RESCALING: u32 = 2u;
const LANGEVIN: u32 = 3u;

const WORKGROUP: u32 = 64u;
// Threads that share an atom where its neighbours are gone through, and atoms of such a workgroup.
const LANES: u32 = 8u;
const ATOMS_OF_LANES: u32 = WORKGROUP / LANES;

// Part of the squared displacement allowed at which a list has aged: half the way. An atom in
// free flight that is not there in one step that looks is not at the end in the next, four later.
const AGED: f32 = 0.25;

// How far a displacement has used up a list: 0, 1 or 2 as in `moved_too_far`.
fn age_of(moved: vec3<f32>, rebuild_r2: f32) -> u32 {
    let r2 = dot(moved, moved);
    return select(0u, 1u, r2 >= AGED * rebuild_r2) + select(0u, 1u, r2 >= rebuild_r2);
}

// The species of an atom is in the upper 8 bits of its position's fourth word, its index in the
// input in the lower 24.
fn species_of(position: vec4<u32>) -> u32 {
    return position.w >> 24u;
}

fn index_of(position: vec4<u32>) -> u32 {
    return position.w & 0xffffffu;
}

// Dispatches above 65,535 workgroups are two-dimensional, and then the last row has some too many.
fn linear_group(group: vec3<u32>, groups: vec3<u32>) -> u32 {
    return group.x + group.y * groups.x;
}

// Not every compiler keeps x != x.
fn not_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7f800000u) == 0x7f800000u;
}

// Nearest-image difference b - a in units of 2^-32: wrapping subtraction, read as signed.
fn difference(a: vec4<u32>, b: vec4<u32>) -> vec3<f32> {
    return vec3<f32>(bitcast<vec3<i32>>(b.xyz - a.xyz));
}
