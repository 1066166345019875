// Sum over the lanes that share an atom, in workgroup memory, in the order of lanes_subgroup.wgsl. All
// threads must call it.

var<workgroup> of_lane: array<vec4<f32>, WORKGROUP>;

fn over_lanes(lane: u32, value: vec4<f32>) -> vec4<f32> {
    // What an earlier sum left has been read.
    workgroupBarrier();
    of_lane[lane] = value;
    workgroupBarrier();
    let k = lane - lane % LANES;
    let even = (of_lane[k] + of_lane[k + 4u]) + (of_lane[k + 2u] + of_lane[k + 6u]);
    let odd = (of_lane[k + 1u] + of_lane[k + 5u]) + (of_lane[k + 3u] + of_lane[k + 7u]);
    return even + odd;
}
