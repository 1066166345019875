// Distances of pairs of atoms, counted by species in workgroup memory.
//
// A workgroup goes through every so many cells. Threads side by side take atoms of a neighbouring
// run; each is compared with all atoms of the cell. Everything is an integer: the root only guesses
// the bin, and squares decide.

struct Parameters {
    // cells along the edges, and all of them
    cells: vec4<u32>,
    // edges of the box, units
    a: vec4<i32>,
    b: vec4<i32>,
    c: vec4<i32>,
    // species, bins, units in a bin, rows of the stencil
    sizes: vec4<u32>,
    // first slot of this pass, slots of it, range in units, workgroups
    window: vec4<u32>,
    // 1 / units in a bin
    scale: vec4<f32>,
}

const THREADS: u32 = 64u;
const SLOTS: u32 = 3584u;

@group(0) @binding(0) var<uniform> parameters: Parameters;
// x, y, z in units, species; in the order of cells
@group(0) @binding(1) var<storage, read> atoms: array<vec4<i32>>;
// first atom of each cell
@group(0) @binding(2) var<storage, read> starts: array<u32>;
// rows of cells to look at: dy, dz, cells to each side along x
@group(0) @binding(3) var<storage, read> stencil: array<vec4<i32>>;
// low and high word of each slot
@group(0) @binding(4) var<storage, read_write> counts: array<atomic<u32>>;

var<workgroup> histogram: array<atomic<u32>, SLOTS>;
var<workgroup> own: array<vec4<i32>, THREADS>;

fn floor_div(x: i32, n: i32) -> i32 {
    let q = x / n;
    return select(q, q - 1, x < q * n);
}

fn note(i: vec4<i32>, j: vec4<i32>) {
    let d = abs(j.xyz - i.xyz);
    if (max(d.x, max(d.y, d.z)) > 65535) {
        return;
    }
    let u = vec3<u32>(d);
    let x = u.x * u.x;
    let xy = x + u.y * u.y;
    let squared = xy + u.z * u.z;
    // A sum that ran over is smaller than its part.
    let range = parameters.window.z;
    if (xy < x || squared < xy || squared >= range * range) {
        return;
    }
    let unit = parameters.sizes.z;
    var bin = u32(sqrt(f32(squared)) * parameters.scale.x);
    let low = bin * unit;
    let high = low + unit;
    if (low * low > squared) {
        bin -= 1u;
    } else if (bin + 1u < parameters.sizes.y && high * high <= squared) {
        bin += 1u;
    }
    let first = u32(min(i.w, j.w));
    let second = u32(max(i.w, j.w));
    let pair = first * parameters.sizes.x - first * (first + 1u) / 2u + second;
    let slot = pair * parameters.sizes.y + bin - parameters.window.x;
    if (slot < parameters.window.y) {
        atomicAdd(&histogram[slot], 1u);
    }
}

// Compares the atoms between start and end, moved by shift, with those of the tile.
fn compare(start: u32, end: u32, shift: vec3<i32>, tile: u32, thread: u32) {
    for (var j = start + thread; j < end; j += THREADS) {
        let other = atoms[j];
        let moved = vec4<i32>(other.xyz + shift, other.w);
        for (var i = 0u; i < tile; i += 1u) {
            note(own[i], moved);
        }
    }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    for (var k = thread; k < parameters.window.y; k += THREADS) {
        atomicStore(&histogram[k], 0u);
    }
    let n = vec3<i32>(parameters.cells.xyz);
    for (var cell = group.x; cell < parameters.cells.w; cell += parameters.window.w) {
        let begin = starts[cell];
        let end = starts[cell + 1u];
        let x = i32(cell) % n.x;
        let y = i32(cell) / n.x % n.y;
        let z = i32(cell) / (n.x * n.y);
        for (var at = begin; at < end; at += THREADS) {
            let tile = min(THREADS, end - at);
            workgroupBarrier();
            if (thread < tile) {
                own[thread] = atoms[at + thread];
            }
            workgroupBarrier();
            // Later atoms of the cell: those of the tile once, then the following tiles.
            if (thread < tile) {
                for (var i = 0u; i < thread; i += 1u) {
                    note(own[i], own[thread]);
                }
            }
            compare(at + tile, end, vec3<i32>(0), tile, thread);
            for (var row = 0u; row < parameters.sizes.w; row += 1u) {
                let step = stencil[row];
                let to_y = y + step.x;
                let to_z = z + step.y;
                let image_y = floor_div(to_y, n.y);
                let image_z = floor_div(to_z, n.z);
                let home = ((to_z - image_z * n.z) * n.y + (to_y - image_y * n.y)) * n.x;
                let across = image_y * parameters.b.xyz + image_z * parameters.c.xyz;
                let same = step.x == 0 && step.y == 0;
                var next_cell = select(x - step.z, x + 1, same);
                let last = x + step.z;
                while (next_cell <= last) {
                    let period = floor_div(next_cell, n.x);
                    let to = min(last, period * n.x + n.x - 1);
                    let first = u32(home + next_cell - period * n.x);
                    let final_cell = u32(home + to - period * n.x);
                    let shift = across + period * parameters.a.xyz;
                    compare(starts[first], starts[final_cell + 1u], shift, tile, thread);
                    next_cell = to + 1;
                }
            }
        }
    }
    workgroupBarrier();
    for (var k = thread; k < parameters.window.y; k += THREADS) {
        let number = atomicLoad(&histogram[k]);
        if (number > 0u) {
            let slot = 2u * (parameters.window.x + k);
            let before = atomicAdd(&counts[slot], number);
            if (before > 0xffffffffu - number) {
                atomicAdd(&counts[slot + 1u], 1u);
            }
        }
    }
}
