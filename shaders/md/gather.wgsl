// Counting sort, 4: within a cell, atoms by their index in the input, so that the order is a
// function of the positions alone.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> replicas: array<Replica, MOST_REPLICAS>;
@group(0) @binding(2) var<storage, read> position: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> velocity: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> image: array<vec4<i32>>;
@group(0) @binding(5) var<storage, read> placed: array<vec2<u32>>;
@group(0) @binding(6) var<storage, read> cell_start: array<u32>;
@group(0) @binding(7) var<storage, read_write> list_position: array<vec4<u32>>;
@group(0) @binding(8) var<storage, read_write> sorted_velocity: array<vec4<f32>>;
@group(0) @binding(9) var<storage, read_write> sorted_image: array<vec4<i32>>;

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
    if is_atom && cell_start[rebuild_flag(replica)] != 0u {
        let n = replicas[replica].cells;
        let own = placed[i];
        let p = position[own.y];
        let cell = first_cell(replica) + cell_index(n, cell_coordinates(n, p));
        var slot = cell_start[cell];
        for (var k = cell_start[cell]; k < cell_start[cell + 1u]; k++) {
            slot += select(0u, 1u, placed[k].x < own.x);
        }
        list_position[slot] = p;
        sorted_velocity[slot] = velocity[own.y];
        sorted_image[slot] = image[own.y];
    }
}
