// Positions and images given in the order of the input go to the atoms' slots.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> given_position: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> given_image: array<vec4<i32>>;
@group(0) @binding(3) var<storage, read_write> position: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read_write> image: array<vec4<i32>>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = linear_group(group, groups) * WORKGROUP + lane;
    if i < parameters.atoms {
        let index = index_of(position[i]);
        position[i] = given_position[index];
        image[i] = given_image[index];
    }
}
