// Counting sort, 2: where each cell starts, one workgroup a replica. The counts become the cursors of
// the next kernel. The word after the cells tells the kernels that have no binding left for the
// control block whether the replica rebuilds.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> replicas: array<Replica, MOST_REPLICAS>;
@group(0) @binding(2) var<storage, read_write> control: array<Control>;
@group(0) @binding(3) var<storage, read_write> cell_count: array<u32>;
@group(0) @binding(4) var<storage, read_write> cell_start: array<u32>;

var<workgroup> sums: array<u32, 256>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let replica = group.x;
    let rebuilding = control[replica].rebuilding != 0u;
    let start = first_cell(replica);
    let cells = select(0u, replicas[replica].cells.w, rebuilding);
    let share = (cells + 255u) / 256u;
    let first = min(lane * share, cells);
    let last = min(first + share, cells);
    var own = 0u;
    for (var c = first; c < last; c++) {
        own += cell_count[start + c];
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
    var at = replica * parameters.slots + sums[lane] - own;
    for (var c = first; c < last; c++) {
        let count = cell_count[start + c];
        cell_start[start + c] = at;
        cell_count[start + c] = at;
        at += count;
    }
    if lane == 255u {
        if rebuilding {
            cell_start[start + cells] = replica * parameters.slots + sums[255];
        }
        let flag = select(0u, 1u, rebuilding);
        cell_start[rebuild_flag(replica)] = flag;
        cell_count[rebuild_flag(replica)] = flag;
    }
}
