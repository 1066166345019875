// The most arithmetic that the device does: sixteen chains of fused products and sums a thread, on
// registers alone.

struct Peak {
    // x: rounds of 64 fused operations
    rounds: vec4<u32>,
    factor: vec4<f32>,
    summand: vec4<f32>,
}

@group(0) @binding(0) var<uniform> peak: Peak;
@group(0) @binding(1) var<storage, read_write> answer: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let a = peak.factor;
    let b = peak.summand;
    // Unlike in every thread and chain, so that nothing is computed once for several.
    var w = b * f32(id.x);
    var x = w + b;
    var y = x + b;
    var z = y + b;
    for (var n = 0u; n < peak.rounds.x; n++) {
        w = fma(w, a, b);
        x = fma(x, a, b);
        y = fma(y, a, b);
        z = fma(z, a, b);
        w = fma(w, a, b);
        x = fma(x, a, b);
        y = fma(y, a, b);
        z = fma(z, a, b);
        w = fma(w, a, b);
        x = fma(x, a, b);
        y = fma(y, a, b);
        z = fma(z, a, b);
        w = fma(w, a, b);
        x = fma(x, a, b);
        y = fma(y, a, b);
        z = fma(z, a, b);
    }
    let sum = w + x + y + z;
    answer[id.x] = sum.x + sum.y + sum.z + sum.w;
}
