// Full Verlet list: the number of neighbours of each atom, then a row of their slots for each, in the
// order of cells and slots. Cells are half as wide as the list reaches; every distinct one is visited
// once, also where a box edge has fewer than five.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> replicas: array<Replica, MOST_REPLICAS>;
@group(0) @binding(2) var<uniform> part: Part;
@group(0) @binding(3) var<storage, read_write> control: array<Control>;
@group(0) @binding(4) var<storage, read> list_position: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read> cell_start: array<u32>;
@group(0) @binding(6) var<storage, read_write> list: array<u32>;

// Cells to look at on either side.
const REACH: u32 = 2u;

fn neighbour_cell(c: u32, n: u32, k: u32) -> u32 {
    if n < 2u * REACH + 1u {
        return k;
    }
    let at = c + n - REACH + k;
    return at % n;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let within = linear_group(group, groups);
    if within >= part.groups {
        return;
    }
    let linear = part.first + within;
    let replica = linear / parameters.groups;
    let i = linear * WORKGROUP + lane;
    let is_atom = i - replica * parameters.slots < replicas[replica].atoms;
    if !is_atom || control[replica].rebuilding == 0u {
        return;
    }
    let frame = replicas[replica].frame;
    let list_r2 = replicas[replica].list_r2;
    let p = list_position[i];
    let cells = replicas[replica].cells;
    let n = cells.xyz;
    let home = cell_coordinates(cells, p);
    let around = min(n, vec3<u32>(2u * REACH + 1u));
    let start = first_cell(replica);
    // The atom's slot in its part of the list.
    let own = i - part.first * WORKGROUP;
    let row = part.stride + own * part.row;
    var count = 0u;
    for (var z = 0u; z < around.z; z++) {
        let cz = neighbour_cell(home.z, n.z, z);
        for (var y = 0u; y < around.y; y++) {
            let cy = neighbour_cell(home.y, n.y, y);
            for (var x = 0u; x < around.x; x++) {
                let cx = neighbour_cell(home.x, n.x, x);
                let cell = start + cell_index(cells, vec3<u32>(cx, cy, cz));
                let last = cell_start[cell + 1u];
                for (var j = cell_start[cell]; j < last; j++) {
                    let d = cartesian(frame, difference(p, list_position[j]));
                    if dot(d, d) < list_r2 && j != i {
                        if count < parameters.capacity {
                            list[row + count] = j;
                        }
                        count++;
                    }
                }
            }
        }
    }
    list[own] = min(count, parameters.capacity);
    if count > parameters.capacity {
        atomicMax(&control[replica].most_neighbours, count);
    }
}
