// The power spectrum: a thread makes one feature of one centre.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> coefficients: array<f32>;
// places of the first coefficients of both factors (m = -l), and l
@group(0) @binding(2) var<storage, read> features: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let feature = id.x;
    if feature >= parameters.width {
        return;
    }
    let centre = id.y;
    let which = features[feature];
    let start = centre * parameters.groups * parameters.part;
    var sum = 0.0;
    for (var m = 0u; m <= 2u * which.z; m++) {
        let at = start + m * parameters.n_max;
        sum = fma(coefficients[at + which.x], coefficients[at + which.y], sum);
    }
    // π √8
    sums[centre * parameters.width + feature] =
        8.8857659 / sqrt(f32(2u * which.z + 1u)) * sum;
}
