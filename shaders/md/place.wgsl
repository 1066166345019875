// Positions and images given in the order of the input go to the atoms' slots.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> replicas: array<Replica, MOST_REPLICAS>;
@group(0) @binding(2) var<storage, read> given_position: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> given_image: array<vec4<i32>>;
@group(0) @binding(4) var<storage, read_write> position: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read_write> image: array<vec4<i32>>;

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
    if is_atom {
        let index = replica * parameters.slots + index_of(position[i]);
        position[i] = given_position[index];
        image[i] = given_image[index];
    }
}
