// Force, energy and virial of every atom for observation; changes nothing of the state. Three
// words of four an atom: (force, energy), (W_xx, W_yy, W_zz, 0), (W_yz, W_xz, W_xy, 0), where an
// atom holds half of each of its pairs.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> replicas: array<Replica, MOST_REPLICAS>;
@group(0) @binding(2) var<uniform> part: Part;
@group(0) @binding(3) var<storage, read> position: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> list: array<u32>;
@group(0) @binding(5) var<storage, read> model: array<f32>;
@group(0) @binding(6) var<storage, read> diameter: array<f32>;
@group(0) @binding(7) var<storage, read_write> observed: array<vec4<f32>>;

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
    if !is_atom {
        return;
    }
    let frame = replicas[replica].frame;
    // The atom's slot in its part of the list and of what is observed.
    let slot = i - part.first * WORKGROUP;
    let p = position[i];
    let species = species_of(p);
    var own = 0.0;
    if USES_DIAMETERS {
        own = diameter[i];
    }
    let count = list[slot];
    var total = vec4<f32>(0.0);
    var total_diagonal = vec3<f32>(0.0);
    var total_other = vec3<f32>(0.0);
    for (var first = 0u; first < count; first += BLOCK) {
        let last = min(first + BLOCK, count);
        var sum = vec4<f32>(0.0);
        var diagonal = vec3<f32>(0.0);
        var other = vec3<f32>(0.0);
        for (var k = first; k < last; k++) {
            let j = list[(k + 1u) * part.stride + slot];
            let q = position[j];
            let d = cartesian(frame, difference(p, q));
            var diameters = vec2<f32>(0.0);
            if USES_DIAMETERS {
                diameters = vec2<f32>(own, diameter[j]);
            }
            let term = pair_term(dot(d, d), row_of(species, species_of(q)), diameters);
            let f = term.y * d;
            sum += vec4<f32>(-f, 0.5 * term.x);
            diagonal += (0.5 * f) * d;
            other += (0.5 * f.yxx) * d.zzy;
        }
        total += sum;
        total_diagonal += diagonal;
        total_other += other;
    }
    observed[3u * slot] = total;
    observed[3u * slot + 1u] = vec4<f32>(total_diagonal, 0.0);
    observed[3u * slot + 2u] = vec4<f32>(total_other, 0.0);
}
