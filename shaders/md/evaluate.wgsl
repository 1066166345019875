// Force, energy and virial of every atom for observation; changes nothing of the state. Eight lanes
// share an atom as in force.wgsl, Three
// words of four an atom: (force, energy), (W_xx, W_yy, W_zz, 0), (W_yz, W_xz, W_xy, 0), where an
// atom holds half of each of its pairs.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> replicas: array<Replica, MOST_REPLICAS>;
@group(0) @binding(2) var<uniform> part: Part;
@group(0) @binding(3) var<storage, read> position: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> list: array<u32>;
@group(0) @binding(5) var<storage, read> model: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> diameter: array<f32>;
@group(0) @binding(7) var<storage, read_write> observed: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let within = linear_group(group, groups);
    if within >= part.groups * LANES {
        return;
    }
    let linear = part.first * LANES + within;
    let replica = linear / (parameters.groups * LANES);
    let i = linear * ATOMS_OF_LANES + lane / LANES;
    let is_atom = i - replica * parameters.slots < replicas[replica].atoms;
    // The atom's slot in its part of the list and of what is observed.
    let slot = i - part.first * WORKGROUP;
    var sum = vec4<f32>(0.0);
    var diagonal = vec3<f32>(0.0);
    var other = vec3<f32>(0.0);
    if is_atom {
        let frame = replicas[replica].frame;
        let p = position[i];
        let rows = species_of(p) * parameters.species_count;
        var own = 0.0;
        if USES_DIAMETERS {
            own = diameter[i];
        }
        let start = part.stride + slot * part.row;
        let end = start + list[slot];
        for (var k = start + lane % LANES; k < end; k += LANES) {
            let j = list[k];
            let q = position[j];
            let d = cartesian(frame, difference(p, q));
            var diameters = vec2<f32>(0.0);
            if USES_DIAMETERS {
                diameters = vec2<f32>(own, diameter[j]);
            }
            let term = pair_term(dot(d, d), row_at(rows + species_of(q)), diameters);
            let f = term.y * d;
            sum += vec4<f32>(-f, 0.5 * term.x);
            diagonal += (0.5 * f) * d;
            other += (0.5 * f.yxx) * d.zzy;
        }
    }
    let total = over_lanes(lane, sum);
    let total_diagonal = over_lanes(lane, vec4<f32>(diagonal, 0.0));
    let total_other = over_lanes(lane, vec4<f32>(other, 0.0));
    if is_atom && lane % LANES == 0u {
        observed[3u * slot] = total;
        observed[3u * slot + 1u] = total_diagonal;
        observed[3u * slot + 2u] = total_other;
    }
}
