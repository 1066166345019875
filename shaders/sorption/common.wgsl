// Parameters and the logistic, for every sorption kernel.

struct Parameters {
    // nx, ny, nz, sites
    size: vec4<u32>,
    // first lattice of the dispatch, how many lattices, first point, end of the points
    range: vec4<u32>,
    // points in all, iterations of the truncated scheme (0: converged), most iterations, flags
    control: vec4<u32>,
    // w_ff/kT, w_mf/kT, tolerance, 4 Tc/T
    couplings: vec4<f32>,
    // noise of a residual, 1 - the contraction beyond which a derivative diverges, turns of the loop
    // that tells whether loops still run, noise of a residual in the bound of an error
    limits: vec4<f32>,
    // What this dispatch does of its work. Walks: passes over a lattice at most. Implicit adjoint:
    // rounds at most. Back-propagation: iterations from x to y forwards, from w down to z back.
    part: vec4<u32>,
}

const KEEP_DENSITIES: u32 = 1u;
const COTANGENT_OF_SITES: u32 = 2u;
const START_FULL: u32 = 4u;

@group(0) @binding(0) var<uniform> parameters: Parameters;

// Who a thread is.
struct Call {
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
}

// Number of a workgroup in a dispatch of one or two dimensions.
fn number_of(call: Call) -> u32 {
    return call.group.y * call.groups.x + call.group.x;
}

const LOG2_E: f32 = 1.4426950408889634;

// 1/(1 + exp(-x)) from t = -x log2 e: the same fit as on the cpu, the exponent added to the bits.
fn logistic(argument: f32) -> f32 {
    let t = clamp(argument, -120.0, 120.0);
    let k = round(t);
    let f = t - k;
    var p = 1.546973194e-4;
    p = fma(p, f, 1.340043217e-3);
    p = fma(p, f, 9.618025603e-3);
    p = fma(p, f, 5.550327214e-2);
    p = fma(p, f, 2.402265121e-1);
    p = fma(p, f, 6.931472067e-1);
    p = fma(p, f, 1.0);
    let e = bitcast<f32>(bitcast<u32>(p) + (bitcast<u32>(i32(k)) << 23u));
    return 1.0 / (1.0 + e);
}

// eta s(1 - s) from eta and eta s
fn slope_of(eta: f32, density: f32) -> f32 {
    if (eta > 0.0) {
        return max(density * (1.0 - density / eta), 0.0);
    }
    return 0.0;
}
