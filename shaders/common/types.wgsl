// Structures shared by all kernels; the Rust mirror is src/backend/gpu/parameters.rs.

// What never changes while a session lives.
struct Parameters {
    atoms: u32,
    // Distance between two neighbours of one atom in the list, in words.
    stride: u32,
    // Neighbours an atom may have.
    capacity: u32,
    // Workgroups of a dispatch over atoms.
    groups: u32,
    // Cells along a, b, c and in all.
    cells: vec4<u32>,
    // Fractions in units of 2^-32 to Cartesian: (xx, xy, xz), (yy, yz, zz).
    to_cartesian_x: vec4<f32>,
    to_cartesian_yz: vec4<f32>,
    // Velocity to the change of fractions in one time step: (xx, xy, xz), (yy, yz, zz).
    drift_x: vec4<f32>,
    drift_yz: vec4<f32>,
    half_timestep: f32,
    list_r2: f32,
    // Squared displacement at which the list is rebuilt.
    rebuild_r2: f32,
    species_count: u32,
    row_width: u32,
    damping_offset: u32,
    table_offset: u32,
    ensemble: u32,
    // Width and height of a dispatch over atoms.
    dispatch_x: u32,
    dispatch_y: u32,
    degrees_of_freedom: f32,
    // τ² of Nosé-Hoover; e^(-Δt/τ) - 1 of stochastic rescaling and Langevin.
    relaxation2: f32,
    decay_minus_one: f32,
    // Fastest velocity that Langevin allows (0: no cap).
    fastest: f32,
    random_key: vec2<u32>,
    // (1/m, m, 1/√m, 0) of each species in energy per velocity².
    masses: array<vec4<f32>, 256>,
}

// What changes on the device and decides what it does next. Words that many threads write are
// atomics; the others belong to single-workgroup kernels.
struct Control {
    // Largest number of neighbours an atom ever had.
    most_neighbours: atomic<u32>,
    // 1: an absurd displacement, 2: a force that is not finite.
    broken: atomic<u32>,
    moved_too_far: atomic<u32>,
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
    spare: u32,
}

const NVE: u32 = 0u;
const NOSE_HOOVER: u32 = 1u;
const STOCHASTIC_RESCALING: u32 = 2u;
const LANGEVIN: u32 = 3u;

const WORKGROUP: u32 = 64u;

// The species of an atom is in the upper 8 bits of its position's fourth word, its index in the
// input in the lower 24.
fn species_of(position: vec4<u32>) -> u32 {
    return position.w >> 24u;
}

fn index_of(position: vec4<u32>) -> u32 {
    return position.w & 0xffffffu;
}

// Dispatches above 65,535 workgroups are two-dimensional.
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
