// Turns the displacement checks into the sizes of the rebuild's dispatches. A list is rebuilt where
// it must not be used any more, and where it has aged in every step whose number `rebuild_every`
// divides: so the steps between seldom need this kernel. None if no replica
// rebuilds, else over all atoms (words 0-2), of one workgroup a replica (words 4-6) and over the
// atoms of each part of the list (from word 8). The kernels skip the replicas that do not rebuild.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read_write> control: array<Control>;
@group(0) @binding(2) var<storage, read_write> arguments: array<u32>;

var<workgroup> rebuilding: atomic<u32>;

fn write_size(at: u32, workgroups: u32) {
    let longest = parameters.longest_dispatch;
    let rows = (workgroups + longest - 1u) / longest;
    arguments[at] = select(0u, (workgroups + rows - 1u) / max(rows, 1u), rows > 0u);
    arguments[at + 1u] = rows;
    arguments[at + 2u] = min(rows, 1u);
}

@compute @workgroup_size(MOST_REPLICAS)
fn main(@builtin(local_invocation_index) lane: u32) {
    if lane == 0u {
        atomicStore(&rebuilding, 0u);
    }
    workgroupBarrier();
    if lane < parameters.replicas {
        var one = 0u;
        // What halted a replica is left for the host to see.
        if control[lane].halted == 0u {
            let age = atomicExchange(&control[lane].moved_too_far, 0u);
            let due = control[lane].step_low % parameters.rebuild_every == 0u;
            one = select(0u, 1u, age >= 2u || (age == 1u && due));
        }
        control[lane].rebuilding = one;
        control[lane].rebuilds += one;
        atomicMax(&rebuilding, one);
    }
    workgroupBarrier();
    let any = atomicLoad(&rebuilding);
    let workgroups = parameters.replicas * parameters.groups;
    if lane == 0u {
        write_size(0u, any * workgroups);
        write_size(4u, any * parameters.replicas);
    }
    for (var part = lane; part < parameters.parts; part += MOST_REPLICAS) {
        let own = min(parameters.part_groups, workgroups - part * parameters.part_groups);
        write_size(8u + 4u * part, any * own);
    }
}
