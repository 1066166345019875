// Counting sort, 3: atoms into their cells, in any order; the next kernel puts them in order.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> replicas: array<Replica, MOST_REPLICAS>;
@group(0) @binding(2) var<storage, read_write> control: array<Control>;
@group(0) @binding(3) var<storage, read> position: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read_write> cursor: array<atomic<u32>>;
// (index in the input, present slot)
@group(0) @binding(5) var<storage, read_write> placed: array<vec2<u32>>;

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
    if is_atom && control[replica].rebuilding != 0u {
        let n = replicas[replica].cells;
        let p = position[i];
        let cell = first_cell(replica) + cell_index(n, cell_coordinates(n, p));
        let slot = atomicAdd(&cursor[cell], 1u);
        placed[slot] = vec2<u32>(index_of(p), i);
    }
}
