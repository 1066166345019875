// Counting sort, 2: where each cell starts. The counts become the cursors of the next kernel.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read_write> cell_count: array<u32>;
@group(0) @binding(2) var<storage, read_write> cell_start: array<u32>;

var<workgroup> sums: array<u32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
    let cells = parameters.cells.w;
    let share = (cells + 255u) / 256u;
    let first = min(lane * share, cells);
    let last = min(first + share, cells);
    var own = 0u;
    for (var c = first; c < last; c++) {
        own += cell_count[c];
    }
    sums[lane] = own;
    workgroupBarrier();
    for (var reach = 1u; reach < 256u; reach = reach * 2u) {
        var below = 0u;
        if lane >= reach {
            below = sums[lane - reach];
        }
        workgroupBarrier();
        sums[lane] += below;
        workgroupBarrier();
    }
    var at = sums[lane] - own;
    for (var c = first; c < last; c++) {
        let count = cell_count[c];
        cell_start[c] = at;
        cell_count[c] = at;
        at += count;
    }
    if lane == 255u {
        cell_start[cells] = sums[255];
    }
}
