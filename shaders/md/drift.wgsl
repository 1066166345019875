// First half of a step: outstanding thermostat factors, half kick, drift, displacement check.
// Langevin does its whole B-A-O-A here.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> replicas: array<Replica, MOST_REPLICAS>;
@group(0) @binding(2) var<storage, read_write> control: array<Control>;
@group(0) @binding(3) var<storage, read> schedule: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> position: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read_write> velocity: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> image: array<vec4<i32>>;
@group(0) @binding(7) var<storage, read> force: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read> list_position: array<vec4<u32>>;
@group(0) @binding(9) var<storage, read_write> partial: array<vec2<f32>>;

var<workgroup> heat_of: array<f32, WORKGROUP>;

// Moves one fraction by a rounded amount; returns the new fraction and the change of image.
fn advance(u: u32, by: i32) -> vec2<u32> {
    let moved = u + bitcast<u32>(by);
    var image = 0u;
    if by > 0 && moved < u {
        image = 1u;
    } else if by < 0 && moved > u {
        image = 0xffffffffu;
    }
    return vec2<u32>(moved, image);
}

fn drift(replica: u32, i: u32, v: vec3<f32>, share: f32) {
    let a = replicas[replica].drift.x * share;
    let b = replicas[replica].drift.yz * share;
    let by = vec3<f32>(
        a.x * v.x + a.y * v.y + a.z * v.z,
        b.x * v.y + b.y * v.z,
        b.z * v.z,
    );
    // Beyond a quarter of the box in one step nothing is right any more.
    let size = max(max(abs(by.x), abs(by.y)), abs(by.z));
    if !(size < 1073741824.0) || not_finite(by.x) || not_finite(by.y) || not_finite(by.z) {
        atomicMax(&control[replica].broken, 1u);
        return;
    }
    let p = position[i];
    let x = advance(p.x, i32(round(by.x)));
    let y = advance(p.y, i32(round(by.y)));
    let z = advance(p.z, i32(round(by.z)));
    position[i] = vec4<u32>(x.x, y.x, z.x, p.w);
    let change = vec4<i32>(bitcast<vec3<i32>>(vec3<u32>(x.y, y.y, z.y)), 0);
    if any(change != vec4<i32>(0)) {
        image[i] = image[i] + change;
    }
}

fn capped(fastest: f32, v: vec3<f32>) -> vec3<f32> {
    let speed = length(v);
    if fastest > 0.0 && speed > fastest {
        return v * (fastest / speed);
    }
    return v;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let linear = linear_group(group, groups);
    if linear >= parameters.replicas * parameters.groups {
        return;
    }
    let replica = linear / parameters.groups;
    let i = linear * WORKGROUP + lane;
    let is_atom = i - replica * parameters.slots < replicas[replica].atoms;
    let langevin = replicas[replica].ensemble == LANGEVIN;
    var heat = 0.0;
    if is_atom && control[replica].halted == 0u {
        let start = velocity[i];
        var v = start.xyz;
        v = v + v * control[replica].end_scale;
        v = v + v * control[replica].start_scale;
        let p = position[i];
        let mass = parameters.masses[species_of(p)];
        v = v + force[i].xyz * (replicas[replica].half_timestep * mass.x);
        if langevin {
            let kicked = v;
            v = capped(replicas[replica].fastest, v);
            drift(replica, i, v, 0.5);
            let now = control[replica].in_chunk * parameters.replicas + replica;
            let noise = schedule[now].y * mass.z;
            let normals = three_normals(
                replicas[replica].random_key, control[replica].step_low,
                control[replica].step_high, index_of(p));
            v = v + v * replicas[replica].decay_minus_one + noise * normals;
            v = capped(replicas[replica].fastest, v);
            drift(replica, i, v, 0.5);
            heat = mass.y * (dot(kicked, kicked) - dot(v, v));
        } else {
            drift(replica, i, v, 1.0);
        }
        velocity[i] = vec4<f32>(v, start.w);
        let moved = cartesian(replicas[replica].frame, difference(list_position[i], position[i]));
        let age = age_of(moved, replicas[replica].rebuild_r2);
        // Most of those who see it are not the first.
        if age > atomicLoad(&control[replica].moved_too_far) {
            atomicMax(&control[replica].moved_too_far, age);
        }
    }
    if langevin {
        heat_of[lane] = heat;
        for (var reach = WORKGROUP / 2u; reach > 0u; reach = reach / 2u) {
            workgroupBarrier();
            if lane < reach {
                heat_of[lane] += heat_of[lane + reach];
            }
        }
        if lane == 0u {
            partial[linear * LANES].y = heat_of[0];
        }
    }
}
