// One workgroup between two steps: ends a step (thermostat's second half, step count, checks) and
// begins the next (thermostat's first half). `control.stepped` = 0 leaves the end out: the first
// dispatch of a chunk. The equations are those of src/dynamics/thermostat.rs.
//
// Factors of velocities are kept less one: a factor rounded near 1 would act as a friction.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read_write> control: Control;
@group(0) @binding(2) var<storage, read> schedule: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> partial: array<vec2<f32>>;

var<workgroup> sums: array<vec2<f32>, 256>;

// Sums the partial sums in an order that depends on their number alone; valid on lane 0.
fn sum_partials(lane: u32) -> vec2<f32> {
    var own = vec2<f32>(0.0);
    for (var k = lane; k < parameters.groups; k += 256u) {
        own += partial[k];
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

fn push_first(x: vec3<f32>, twice_kinetic: f32, kt: f32, timestep: f32) -> f32 {
    let dof = parameters.degrees_of_freedom;
    let q1 = dof * kt * parameters.relaxation2;
    return push(x.x, x.y, (twice_kinetic - dof * kt) / q1, timestep);
}

fn push_second(x: vec3<f32>, timestep: f32) -> f32 {
    let drive = parameters.degrees_of_freedom * x.x * x.x - 1.0 / parameters.relaxation2;
    return push(x.y, x.z, drive, timestep);
}

fn push_third(x: vec3<f32>, timestep: f32) -> f32 {
    return x.z + 0.25 * timestep * (x.y * x.y - 1.0 / parameters.relaxation2);
}

fn chain_half_step(friction: vec3<f32>, twice_kinetic: f32, kt: f32) -> Chain {
    let timestep = 2.0 * parameters.half_timestep;
    var x = friction;
    x.z = push_third(x, timestep);
    x.y = push_second(x, timestep);
    x.x = push_first(x, twice_kinetic, kt, timestep);
    let scale = exp_minus_one(-0.5 * timestep * x.x);
    let scaled = twice_kinetic + twice_kinetic * (scale * (2.0 + scale));
    let bath = 0.5 * timestep * kt * (parameters.degrees_of_freedom * x.x + (x.y + x.z));
    x.x = push_first(x, scaled, kt, timestep);
    x.y = push_second(x, timestep);
    x.z = push_third(x, timestep);
    return Chain(x, scale, bath);
}

fn give_to_bath(energy: f32) {
    let sum = add_wide(vec2<u32>(control.bath_low, control.bath_high), wide_from(energy, 24u));
    control.bath_low = sum.x;
    control.bath_high = sum.y;
}

// α - 1 of stochastic velocity rescaling; schedule: (kT, R₁, ΣR², -).
fn rescaling(twice_kinetic: f32, numbers: vec4<f32>) -> vec2<f32> {
    if twice_kinetic <= 0.0 {
        return vec2<f32>(0.0);
    }
    let lost = -parameters.decay_minus_one;
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

fn end_step(sum: vec2<f32>) {
    let now = schedule[control.in_chunk];
    let next = schedule[control.in_chunk + 1u];
    control.twice_kinetic = sum.x;
    control.end_scale = 0.0;
    switch parameters.ensemble {
        case NOSE_HOOVER: {
            give_to_bath(control.moving_bath);
            let chain = chain_half_step(
                vec3<f32>(control.moving_1, control.moving_2, control.moving_3), sum.x, now.x);
            give_to_bath(chain.bath);
            control.friction_1 = chain.friction.x;
            control.friction_2 = chain.friction.y;
            control.friction_3 = chain.friction.z;
            control.end_scale = chain.scale;
            control.twice_kinetic = sum.x + sum.x * (chain.scale * (2.0 + chain.scale));
            // The chain's masses follow the target temperature.
            let held = 0.5 * parameters.relaxation2 * (parameters.degrees_of_freedom
                * chain.friction.x * chain.friction.x + chain.friction.y * chain.friction.y
                + chain.friction.z * chain.friction.z);
            give_to_bath(-held * (next.x - now.x));
        }
        case STOCHASTIC_RESCALING: {
            let factor = rescaling(sum.x, now);
            control.end_scale = factor.x;
            control.twice_kinetic = sum.x + sum.x * factor.y;
            give_to_bath(-0.5 * sum.x * factor.y);
        }
        case LANGEVIN: {
            give_to_bath(0.5 * sum.y);
        }
        default: {}
    }
    control.in_chunk += 1u;
    control.step_low += 1u;
    if control.step_low == 0u {
        control.step_high += 1u;
    }
}

fn begin_step() {
    control.start_scale = 0.0;
    if parameters.ensemble == NOSE_HOOVER {
        let chain = chain_half_step(
            vec3<f32>(control.friction_1, control.friction_2, control.friction_3),
            control.twice_kinetic, schedule[control.in_chunk].x);
        control.moving_1 = chain.friction.x;
        control.moving_2 = chain.friction.y;
        control.moving_3 = chain.friction.z;
        control.moving_bath = chain.bath;
        control.start_scale = chain.scale;
    }
    control.stepped = 1u;
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
    let sum = sum_partials(lane);
    if lane == 0u && control.halted == 0u {
        if control.stepped != 0u {
            if atomicLoad(&control.most_neighbours) > parameters.capacity
                || atomicLoad(&control.broken) != 0u {
                control.halted = 1u;
                return;
            }
            end_step(sum);
        }
        begin_step();
    }
}

// The kinetic energy of velocities that came from outside.
@compute @workgroup_size(256)
fn initial(@builtin(local_invocation_index) lane: u32) {
    let sum = sum_partials(lane);
    if lane == 0u {
        control.twice_kinetic = sum.x;
    }
}

// The state stands at a step's boundary: factors are spent, the schedule may change.
@compute @workgroup_size(1)
fn close() {
    control.end_scale = 0.0;
    control.start_scale = 0.0;
    control.stepped = 0u;
    control.in_chunk = 0u;
}
