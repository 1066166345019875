// One workgroup a replica between two steps: ends a step (thermostat's second half, step count,
// checks) and begins the next (thermostat's first half). `stepped` = 0 leaves the end out: the first
// dispatch of a chunk. The equations are those of src/dynamics/thermostat.rs.
//
// Factors of velocities are kept less one: a factor rounded near 1 would act as a friction.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> replicas: array<Replica, MOST_REPLICAS>;
@group(0) @binding(2) var<storage, read_write> control: array<Control>;
@group(0) @binding(3) var<storage, read> schedule: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> partial: array<vec2<f32>>;

var<workgroup> sums: array<vec2<f32>, 256>;

// The schedule's entry so many steps from now.
fn schedule_at(replica: u32, ahead: u32) -> vec4<f32> {
    return schedule[(control[replica].in_chunk + ahead) * parameters.replicas + replica];
}

// Sums the partial sums in an order that depends on their number alone; valid on lane 0.
fn sum_partials(replica: u32, lane: u32) -> vec2<f32> {
    var own = vec2<f32>(0.0);
    let first = replica * parameters.groups * LANES;
    let count = replicas[replica].groups * LANES;
    // Eight loads at a time are under way.
    for (var k = lane; k < count; k += 8u * 256u) {
        for (var n = 0u; n < 8u; n++) {
            let at = k + 256u * n;
            let next = partial[first + min(at, count - 1u)];
            own += select(vec2<f32>(0.0), next, at < count);
        }
    }
    sums[lane] = own;
    for (var reach = 128u; reach > 0u; reach = reach / 2u) {
        workgroupBarrier();
        if lane < reach {
            sums[lane] += sums[lane + reach];
        }
    }
    return sums[0];
}

struct Chain {
    friction: vec3<f32>,
    // factor of the velocities less one
    scale: f32,
    // given to the bath
    bath: f32,
}

// A quarter step of one thermostat: damped by its successor, pushed by what drives it.
fn push(friction: f32, successor: f32, drive: f32, timestep: f32) -> f32 {
    let damp = exp_minus_one(-0.125 * timestep * successor);
    let pushed = (friction + friction * damp) + 0.25 * timestep * drive;
    return pushed + pushed * damp;
}

fn push_first(replica: u32, x: vec3<f32>, twice_kinetic: f32, kt: f32, timestep: f32) -> f32 {
    let dof = replicas[replica].degrees_of_freedom;
    let q1 = dof * kt * replicas[replica].relaxation2;
    return push(x.x, x.y, (twice_kinetic - dof * kt) / q1, timestep);
}

fn push_second(replica: u32, x: vec3<f32>, timestep: f32) -> f32 {
    let dof = replicas[replica].degrees_of_freedom;
    let drive = dof * x.x * x.x - 1.0 / replicas[replica].relaxation2;
    return push(x.y, x.z, drive, timestep);
}

fn push_third(replica: u32, x: vec3<f32>, timestep: f32) -> f32 {
    return x.z + 0.25 * timestep * (x.y * x.y - 1.0 / replicas[replica].relaxation2);
}

fn chain_half_step(replica: u32, friction: vec3<f32>, twice_kinetic: f32, kt: f32) -> Chain {
    let timestep = 2.0 * replicas[replica].half_timestep;
    var x = friction;
    x.z = push_third(replica, x, timestep);
    x.y = push_second(replica, x, timestep);
    x.x = push_first(replica, x, twice_kinetic, kt, timestep);
    let scale = exp_minus_one(-0.5 * timestep * x.x);
    let scaled = twice_kinetic + twice_kinetic * (scale * (2.0 + scale));
    let bath = 0.5 * timestep * kt * (replicas[replica].degrees_of_freedom * x.x + (x.y + x.z));
    x.x = push_first(replica, x, scaled, kt, timestep);
    x.y = push_second(replica, x, timestep);
    x.z = push_third(replica, x, timestep);
    return Chain(x, scale, bath);
}

fn give_to_bath(replica: u32, energy: f32) {
    let held = vec2<u32>(control[replica].bath_low, control[replica].bath_high);
    let sum = add_wide(held, wide_from(energy, 24u));
    control[replica].bath_low = sum.x;
    control[replica].bath_high = sum.y;
}

// α - 1 of stochastic velocity rescaling; schedule: (kT, R₁, ΣR², -).
fn rescaling(replica: u32, twice_kinetic: f32, numbers: vec4<f32>) -> vec2<f32> {
    if twice_kinetic <= 0.0 {
        return vec2<f32>(0.0);
    }
    let lost = -replicas[replica].decay_minus_one;
    let c = 1.0 - lost;
    let ratio = numbers.x / twice_kinetic;
    // α² - 1
    let square = lost * (ratio * (numbers.y * numbers.y + numbers.z) - 1.0)
        + 2.0 * numbers.y * sqrt(c * lost * ratio);
    let root = sqrt(max(1.0 + square, 0.0));
    if numbers.y + sqrt(c / (lost * ratio)) < 0.0 {
        return vec2<f32>(-root - 1.0, square);
    }
    return vec2<f32>(square / (1.0 + root), square);
}

fn end_step(replica: u32, sum: vec2<f32>) {
    let now = schedule_at(replica, 0u);
    let next = schedule_at(replica, 1u);
    control[replica].twice_kinetic = sum.x;
    control[replica].end_scale = 0.0;
    switch replicas[replica].ensemble {
        case NOSE_HOOVER: {
            give_to_bath(replica, control[replica].moving_bath);
            let chain = chain_half_step(
                replica,
                vec3<f32>(control[replica].moving_1, control[replica].moving_2,
                    control[replica].moving_3), sum.x, now.x);
            give_to_bath(replica, chain.bath);
            control[replica].friction_1 = chain.friction.x;
            control[replica].friction_2 = chain.friction.y;
            control[replica].friction_3 = chain.friction.z;
            control[replica].end_scale = chain.scale;
            control[replica].twice_kinetic = sum.x + sum.x * (chain.scale * (2.0 + chain.scale));
            // The chain's masses follow the target temperature.
            let held = 0.5 * replicas[replica].relaxation2 * (replicas[replica].degrees_of_freedom
                * chain.friction.x * chain.friction.x + chain.friction.y * chain.friction.y
                + chain.friction.z * chain.friction.z);
            give_to_bath(replica, -held * (next.x - now.x));
        }
        case STOCHASTIC_RESCALING: {
            let factor = rescaling(replica, sum.x, now);
            control[replica].end_scale = factor.x;
            control[replica].twice_kinetic = sum.x + sum.x * factor.y;
            give_to_bath(replica, -0.5 * sum.x * factor.y);
        }
        case LANGEVIN: {
            give_to_bath(replica, 0.5 * sum.y);
        }
        default: {}
    }
    control[replica].in_chunk += 1u;
    control[replica].step_low += 1u;
    if control[replica].step_low == 0u {
        control[replica].step_high += 1u;
    }
}

fn begin_step(replica: u32) {
    control[replica].start_scale = 0.0;
    if replicas[replica].ensemble == NOSE_HOOVER {
        let chain = chain_half_step(
            replica,
            vec3<f32>(control[replica].friction_1, control[replica].friction_2,
                control[replica].friction_3),
            control[replica].twice_kinetic, schedule_at(replica, 0u).x);
        control[replica].moving_1 = chain.friction.x;
        control[replica].moving_2 = chain.friction.y;
        control[replica].moving_3 = chain.friction.z;
        control[replica].moving_bath = chain.bath;
        control[replica].start_scale = chain.scale;
    }
    control[replica].stepped = 1u;
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let replica = group.x;
    let sum = sum_partials(replica, lane);
    if lane == 0u && control[replica].halted == 0u {
        if control[replica].stepped != 0u {
            if atomicLoad(&control[replica].most_neighbours) > parameters.capacity
                || atomicLoad(&control[replica].broken) != 0u
                || atomicLoad(&control[replica].moved_too_far) >= 2u {
                control[replica].halted = 1u;
                return;
            }
            atomicStore(&control[replica].moved_too_far, 0u);
            end_step(replica, sum);
        }
        begin_step(replica);
    }
}

// The kinetic energy of velocities that came from outside.
@compute @workgroup_size(256)
fn initial(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let replica = group.x;
    let sum = sum_partials(replica, lane);
    if lane == 0u {
        control[replica].twice_kinetic = sum.x;
    }
}

// The state stands at a step's boundary: factors are spent, the schedule may change.
@compute @workgroup_size(1)
fn close(@builtin(workgroup_id) group: vec3<u32>) {
    let replica = group.x;
    control[replica].end_scale = 0.0;
    control[replica].start_scale = 0.0;
    control[replica].stepped = 0u;
    control[replica].in_chunk = 0u;
}
