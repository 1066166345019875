// Counting sort, 1: atoms per cell.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> position: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> cell_count: array<atomic<u32>>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = linear_group(group, groups) * WORKGROUP + lane;
    if i < parameters.atoms {
        atomicAdd(&cell_count[cell_index(cell_coordinates(position[i]))], 1u);
    }
}
