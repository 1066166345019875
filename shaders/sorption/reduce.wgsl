// Trees over a workgroup of THREADS threads; scratch[0] then has the result.

var<workgroup> scratch: array<vec2<f32>, THREADS>;

fn reduce(thread: u32, value: vec2<f32>, add: bool) {
    scratch[thread] = value;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (thread < half) {
            let a = scratch[thread];
            let b = scratch[thread + half];
            scratch[thread] = select(max(a, b), a + b, add);
        }
    }
}
