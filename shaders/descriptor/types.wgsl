// What the descriptor kernels share; src/backend/gpu/descriptor/session.rs has the same block.

const WORKGROUP: u32 = 64u;

struct Parameters {
    cells: vec4<u32>,
    // cells to look into on either side, and how many along each axis in all
    reach: vec4<u32>,
    span: vec4<u32>,
    frame: Frame,
    centres: u32,
    capacity: u32,
    slot_stride: u32,
    centre_stride: u32,
    groups: u32,
    // sums of a centre
    width: u32,
    // functions of a group, or of a pair of groups
    functions: u32,
    third_side: u32,
    cutoff2: f32,
    // 1/R_c where there is a cutoff function, else 0
    inverse_cutoff: f32,
    inverse_step: f32,
    n_max: u32,
    l_max: u32,
    // neighbours whose functions are in workgroup memory together
    tile: u32,
    // expansion coefficients of a group
    part: u32,
    unused: u32,
}

// A neighbour: vector from the centre, and the groups it is in.
struct Neighbor {
    d: vec3<f32>,
    groups: u32,
}

// Lists keep floats as bits, because a small integer would be a subnormal float.
fn unpacked(entry: vec4<u32>) -> Neighbor {
    return Neighbor(bitcast<vec3<f32>>(entry.xyz), entry.w);
}

fn slot_of(centre: u32, slot: u32) -> u32 {
    return centre * parameters.centre_stride + slot * parameters.slot_stride;
}

// 2^t for t <= 0
fn exp2_of(t: f32) -> f32 {
    let bounded = max(t, -126.0);
    let whole = round(bounded);
    return exp2_of_parts(whole, bounded - whole);
}

// cos²(πx/2) = (cos(πx) + 1)/2 for x in [0, 1], 0 beyond; 1 where there is no cutoff function
fn cutoff_function(r: f32) -> f32 {
    let x = r * parameters.inverse_cutoff;
    let s = x * x * 2.4674011;
    var p = 2.0876757e-9;
    p = fma(p, s, -2.7557319e-7);
    p = fma(p, s, 2.4801587e-5);
    p = fma(p, s, -1.3888889e-3);
    p = fma(p, s, 4.1666668e-2);
    p = fma(p, s, -0.5);
    p = fma(p, s, 1.0);
    return select(0.0, p * p, x < 1.0);
}
