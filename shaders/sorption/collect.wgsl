// Adds the parts of a range of points where the derivative exists to the gradient.

@group(0) @binding(4) var<storage, read_write> outcome: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> densities: array<f32>;
@group(0) @binding(8) var<storage, read_write> gradient: array<f32>;

@compute @workgroup_size(64)
fn collect(call: Call) {
    let number = number_of(call) * 64u + call.thread;
    let sites = parameters.size.w;
    let points = parameters.control.x;
    if (number >= parameters.range.y * sites) {
        return;
    }
    let lattice = number / sites;
    var sum = gradient[number];
    for (var point = parameters.range.z; point < parameters.range.w; point++) {
        let at = lattice * points + point;
        // No bound of the error, or a diverging system: no derivative.
        if (outcome[at].y < 1.0e38 && outcome[at].z < 2.0) {
            sum += densities[at * sites + number % sites];
        }
    }
    gradient[number] = sum;
}
