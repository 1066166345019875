// Counting sort, 3: atoms into their cells, in any order; the next kernel puts them in order.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> position: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> cursor: array<atomic<u32>>;
// (index in the input, present slot)
@group(0) @binding(3) var<storage, read_write> placed: array<vec2<u32>>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = linear_group(group, groups) * WORKGROUP + lane;
    if i < parameters.atoms {
        let p = position[i];
        let slot = atomicAdd(&cursor[cell_index(cell_coordinates(p))], 1u);
        placed[slot] = vec2<u32>(index_of(p), i);
    }
}
