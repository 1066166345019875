// Sums of one workgroup's energies, virials and m v v as 64-bit integers in units of 2^-32:
// exact, so that neither the order nor the size of the system costs digits. The host adds the
// workgroups.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> replicas: array<Replica, MOST_REPLICAS>;
@group(0) @binding(2) var<uniform> part: Part;
@group(0) @binding(3) var<storage, read_write> control: array<Control>;
@group(0) @binding(4) var<storage, read> observed: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> position: array<vec4<u32>>;
@group(0) @binding(6) var<storage, read> velocity: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> sums: array<vec2<u32>>;

const QUANTITIES: u32 = 13u;
var<workgroup> scratch: array<vec2<u32>, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let within = linear_group(group, groups);
    if within >= part.groups {
        return;
    }
    let linear = part.first + within;
    let replica = linear / parameters.groups;
    let i = linear * WORKGROUP + lane;
    let is_atom = i - replica * parameters.slots < replicas[replica].atoms;
    var values = array<f32, QUANTITIES>();
    if is_atom {
        let slot = 3u * (i - part.first * WORKGROUP);
        let w = observed[slot + 1u];
        let u = observed[slot + 2u];
        let v = velocity[i].xyz;
        let mass = parameters.masses[species_of(position[i])].y;
        let diagonal = mass * v * v;
        let other = mass * v.yxx * v.zzy;
        values = array<f32, QUANTITIES>(
            observed[slot].w, w.x, w.y, w.z, u.x, u.y, u.z,
            diagonal.x, diagonal.y, diagonal.z, other.x, other.y, other.z);
    }
    for (var q = 0u; q < QUANTITIES; q++) {
        let value = values[q];
        var wide = vec2<u32>(0u);
        if abs(value) < 1048576.0 && !not_finite(value) {
            wide = wide_from(value, 32u);
        } else {
            atomicMax(&control[replica].unrepresentable, 1u);
        }
        scratch[lane] = wide;
        for (var reach = WORKGROUP / 2u; reach > 0u; reach = reach / 2u) {
            workgroupBarrier();
            if lane < reach {
                scratch[lane] = add_wide(scratch[lane], scratch[lane + reach]);
            }
        }
        if lane == 0u {
            sums[linear * QUANTITIES + q] = scratch[0];
        }
        workgroupBarrier();
    }
}
