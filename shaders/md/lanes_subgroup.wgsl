// Sum over the lanes that share an atom, by subgroup operations: for devices that were seen to keep
// eight neighbouring threads of a workgroup together. All threads must call it.

fn over_lanes(lane: u32, value: vec4<f32>) -> vec4<f32> {
    var sum = value;
    sum += subgroupShuffleXor(sum, 4u);
    sum += subgroupShuffleXor(sum, 2u);
    sum += subgroupShuffleXor(sum, 1u);
    return sum;
}
