// Counting sort, 4: within a cell, atoms by their index in the input, so that the order is a
// function of the positions alone.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> position: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> velocity: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> image: array<vec4<i32>>;
@group(0) @binding(4) var<storage, read> placed: array<vec2<u32>>;
@group(0) @binding(5) var<storage, read> cell_start: array<u32>;
@group(0) @binding(6) var<storage, read_write> list_position: array<vec4<u32>>;
@group(0) @binding(7) var<storage, read_write> sorted_velocity: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> sorted_image: array<vec4<i32>>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = linear_group(group, groups) * WORKGROUP + lane;
    if i < parameters.atoms {
        let own = placed[i];
        let p = position[own.y];
        let cell = cell_index(cell_coordinates(p));
        var slot = cell_start[cell];
        for (var k = cell_start[cell]; k < cell_start[cell + 1u]; k++) {
            slot += select(0u, 1u, placed[k].x < own.x);
        }
        list_position[slot] = p;
        sorted_velocity[slot] = velocity[own.y];
        sorted_image[slot] = image[own.y];
    }
}
