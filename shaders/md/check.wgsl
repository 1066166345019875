// The displacement check alone, after positions were set from outside.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read_write> control: Control;
@group(0) @binding(2) var<storage, read> position: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> list_position: array<vec4<u32>>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = linear_group(group, groups) * WORKGROUP + lane;
    if i < parameters.atoms {
        let moved = cartesian(difference(list_position[i], position[i]));
        if dot(moved, moved) >= parameters.rebuild_r2 {
            atomicMax(&control.moved_too_far, 1u);
        }
    }
}
