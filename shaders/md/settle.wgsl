// Counting sort, 5: the sorted arrays become the present ones; counts are cleared for the next.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> replicas: array<Replica, MOST_REPLICAS>;
@group(0) @binding(2) var<storage, read> list_position: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> sorted_velocity: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> sorted_image: array<vec4<i32>>;
@group(0) @binding(5) var<storage, read_write> position: array<vec4<u32>>;
@group(0) @binding(6) var<storage, read_write> velocity: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> image: array<vec4<i32>>;
@group(0) @binding(8) var<storage, read_write> diameter: array<f32>;
@group(0) @binding(9) var<storage, read_write> cell_count: array<u32>;

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
    if cell_count[rebuild_flag(replica)] == 0u {
        return;
    }
    if is_atom {
        position[i] = list_position[i];
        velocity[i] = sorted_velocity[i];
        image[i] = sorted_image[i];
        diameter[i] = sorted_velocity[i].w;
    }
    let start = first_cell(replica);
    for (var c = i - replica * parameters.slots; c < parameters.cell_room; c += parameters.slots) {
        cell_count[start + c] = 0u;
    }
}
