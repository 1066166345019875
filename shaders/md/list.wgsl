// Full Verlet list: word 0 of an atom is its number of neighbours, then their slots, in the order
// of cells and slots. Every distinct cell is visited once, also where a box edge has fewer than
// three cells.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read_write> control: Control;
@group(0) @binding(2) var<storage, read> list_position: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> cell_start: array<u32>;
@group(0) @binding(4) var<storage, read_write> list: array<u32>;

fn neighbour_cell(c: u32, n: u32, k: u32) -> u32 {
    if n < 3u {
        return k;
    }
    let at = c + n - 1u + k;
    return at % n;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = linear_group(group, groups) * WORKGROUP + lane;
    if i >= parameters.atoms {
        return;
    }
    let p = list_position[i];
    let n = parameters.cells.xyz;
    let home = cell_coordinates(p);
    let around = min(n, vec3<u32>(3u));
    let stride = parameters.stride;
    var count = 0u;
    for (var z = 0u; z < around.z; z++) {
        let cz = neighbour_cell(home.z, n.z, z);
        for (var y = 0u; y < around.y; y++) {
            let cy = neighbour_cell(home.y, n.y, y);
            for (var x = 0u; x < around.x; x++) {
                let cell = cell_index(vec3<u32>(neighbour_cell(home.x, n.x, x), cy, cz));
                for (var j = cell_start[cell]; j < cell_start[cell + 1u]; j++) {
                    let d = cartesian(difference(p, list_position[j]));
                    if dot(d, d) < parameters.list_r2 && j != i {
                        if count < parameters.capacity {
                            list[(count + 1u) * stride + i] = j;
                        }
                        count++;
                    }
                }
            }
        }
    }
    list[i] = min(count, parameters.capacity);
    if count > parameters.capacity {
        atomicMax(&control.most_neighbours, count);
    }
}
