// Forces, second half kick and the kinetic energy's partial sums. With `stepped` = 0 only the forces
// and sums: the start of a session. Neighbours are added in blocks, so that the total
// of large opposing forces is rounded a dozen times and not hundreds of times.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> replicas: array<Replica, MOST_REPLICAS>;
@group(0) @binding(2) var<uniform> part: Part;
@group(0) @binding(3) var<storage, read_write> control: array<Control>;
@group(0) @binding(4) var<storage, read> position: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read> list: array<u32>;
@group(0) @binding(6) var<storage, read> model: array<f32>;
@group(0) @binding(7) var<storage, read> diameter: array<f32>;
@group(0) @binding(8) var<storage, read_write> velocity: array<vec4<f32>>;
@group(0) @binding(9) var<storage, read_write> force: array<vec4<f32>>;
@group(0) @binding(10) var<storage, read_write> partial: array<vec2<f32>>;

var<workgroup> kinetic_of: array<f32, WORKGROUP>;

const BLOCK: u32 = 16u;

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
    var kinetic = 0.0;
    if is_atom && control[replica].halted == 0u {
        let frame = replicas[replica].frame;
        // The atom's slot in its part of the list.
        let slot = i - part.first * WORKGROUP;
        let p = position[i];
        let species = species_of(p);
        var own = 0.0;
        if USES_DIAMETERS {
            own = diameter[i];
        }
        let count = list[slot];
        var total = vec3<f32>(0.0);
        var visits = 0u;
        for (var first = 0u; first < count; first += BLOCK) {
            let last = min(first + BLOCK, count);
            var sum = vec3<f32>(0.0);
            for (var k = first; k < last; k++) {
                let j = list[(k + 1u) * part.stride + slot];
                let q = position[j];
                let d = cartesian(frame, difference(p, q));
                let r2 = dot(d, d);
                let row = row_of(species, species_of(q));
                var diameters = vec2<f32>(0.0);
                if USES_DIAMETERS {
                    diameters = vec2<f32>(own, diameter[j]);
                }
                sum -= pair_term(r2, row, diameters).y * d;
                if COUNTS_RARE && i < j && r2 < parameter(row + RARE_BELOW) {
                    visits++;
                }
            }
            total += sum;
        }
        force[i] = vec4<f32>(total, 0.0);
        let mass = parameters.masses[species];
        let old = velocity[i];
        var v = old.xyz;
        if control[replica].stepped != 0u {
            v = v + total * (replicas[replica].half_timestep * mass.x);
            velocity[i] = vec4<f32>(v, old.w);
        }
        if visits > 0u {
            atomicAdd(&control[replica].splice_visits, visits);
        }
        if not_finite(total.x) || not_finite(total.y) || not_finite(total.z) {
            atomicMax(&control[replica].broken, 2u);
        }
        kinetic = mass.y * dot(v, v);
    }
    kinetic_of[lane] = kinetic;
    for (var reach = WORKGROUP / 2u; reach > 0u; reach = reach / 2u) {
        workgroupBarrier();
        if lane < reach {
            kinetic_of[lane] += kinetic_of[lane + reach];
        }
    }
    if lane == 0u {
        partial[linear].x = kinetic_of[0];
    }
}
