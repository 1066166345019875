// One lattice in one workgroup: densities in workgroup memory, everything else of a site with the
// thread that owns it. Site k * THREADS + thread belongs to a thread.
// THREADS, OWNED (sites of a thread), MOST_SITES and THREE are printed before this text.

@group(0) @binding(1) var<storage, read> given_eta: array<f32>;
// field times -log2 e, direction
@group(0) @binding(2) var<storage, read> path: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> state: array<f32>;
// sum of the densities, error, contraction, iterations. The error is UNFINISHED before a point is
// reached and LOST where a loop was ended early; a gradient puts FOUND or LOST in place of the sum.
@group(0) @binding(4) var<storage, read_write> outcome: array<vec4<f32>>;
// [lattice][point][site]
@group(0) @binding(5) var<storage, read_write> densities: array<f32>;
@group(0) @binding(6) var<storage, read> weights: array<f32>;
// Logistic values of the iterations of a point, or where the walks of the lattices stand.
@group(0) @binding(7) var<storage, read_write> kept: array<f32>;
@group(0) @binding(8) var<storage, read_write> gradient: array<f32>;

const UNFINISHED: f32 = -1.0;
const LOST: f32 = -2.0;
const FOUND: f32 = -1.0;

var<workgroup> rho: array<f32, MOST_SITES>;
var<workgroup> other: array<f32, MOST_SITES>;

var<private> thread: u32;
var<private> near: array<vec3<u32>, OWNED>;
var<private> eta: array<f32, OWNED>;
var<private> attraction: array<f32, OWNED>;

fn site(k: u32) -> u32 {
    return k * THREADS + thread;
}

fn owned(k: u32) -> bool {
    return site(k) < parameters.size.w;
}

// The lattice of this workgroup; its sites are found by settle().
fn lattice_of(call: Call) -> u32 {
    thread = call.thread;
    return parameters.range.x + number_of(call);
}

// Whether loops still take all their turns. Mesa's software rasterisers end every loop of an
// invocation after its first turn once all of them together took 65535; what was computed until
// here is sound if this loop takes the turns that the host asks for.
fn loops_run() -> bool {
    var turns = 0.0;
    for (var i = 0.0; i < parameters.limits.z; i += 1.0) {
        turns += 1.0;
    }
    return turns == parameters.limits.z;
}

fn near_sum(a: vec3<u32>, of_rho: bool) -> f32 {
    if (of_rho) {
        var sum = (rho[a.x & 0xffffu] + rho[a.x >> 16u]) + (rho[a.y & 0xffffu] + rho[a.y >> 16u]);
        if (THREE) {
            sum += rho[a.z & 0xffffu] + rho[a.z >> 16u];
        }
        return sum;
    }
    var sum = (other[a.x & 0xffffu] + other[a.x >> 16u]) + (other[a.y & 0xffffu] + other[a.y >> 16u]);
    if (THREE) {
        sum += other[a.z & 0xffffu] + other[a.z >> 16u];
    }
    return sum;
}

// Finds the sites of this thread and the attraction of the solid around them, times -log2 e.
fn settle(lattice: u32) {
    let n = parameters.size.xyz;
    for (var k = 0u; k < OWNED; k++) {
        let i = site(k);
        near[k] = vec3<u32>(0u);
        eta[k] = 0.0;
        if (owned(k)) {
            let x = i % n.x;
            let y = (i / n.x) % n.y;
            let z = i / (n.x * n.y);
            let row = i - x;
            let layer = z * n.x * n.y;
            let left = row + (x + n.x - 1u) % n.x;
            let right = row + (x + 1u) % n.x;
            let up = layer + ((y + n.y - 1u) % n.y) * n.x + x;
            let down = layer + ((y + 1u) % n.y) * n.x + x;
            let front = ((z + n.z - 1u) % n.z) * n.x * n.y + i - layer;
            let back = ((z + 1u) % n.z) * n.x * n.y + i - layer;
            near[k] = vec3<u32>(left | (right << 16u), up | (down << 16u), front | (back << 16u));
            eta[k] = given_eta[lattice * parameters.size.w + i];
            other[i] = 1.0 - eta[k];
        }
    }
    workgroupBarrier();
    for (var k = 0u; k < OWNED; k++) {
        attraction[k] = -LOG2_E * parameters.couplings.y * near_sum(near[k], false);
    }
    workgroupBarrier();
}

fn field_sum(k: u32, field: f32, sum: f32) -> f32 {
    return fma(-LOG2_E * parameters.couplings.x, sum, field + attraction[k]);
}

fn largest(value: vec2<f32>) -> vec2<f32> {
    reduce(thread, value, false);
    return workgroupUniformLoad(&scratch[0]);
}

fn total(value: vec2<f32>) -> vec2<f32> {
    reduce(thread, value, true);
    return workgroupUniformLoad(&scratch[0]);
}
