// Passes over one lattice that no workgroup holds: tiles of 16 x 16 sites with a rim in workgroup
// memory, layers of a cubic lattice side by side in the dispatch. Bindings are bound anew for
// every pass; `source` is what neighbour sums are taken of.
// THREADS = 256 and THREE are printed before this text.

@group(0) @binding(1) var<storage, read> eta: array<f32>;
@group(0) @binding(2) var<storage, read> source: array<f32>;
@group(0) @binding(3) var<storage, read_write> first: array<f32>;
@group(0) @binding(4) var<storage, read_write> result: array<f32>;
// one pair a workgroup
@group(0) @binding(5) var<storage, read_write> partial: array<vec2<f32>>;
@group(0) @binding(6) var<storage, read> second: array<f32>;
@group(0) @binding(7) var<storage, read_write> third: array<f32>;
@group(0) @binding(8) var<storage, read_write> fourth: array<f32>;

const TILE: u32 = 16u;
const RIM: u32 = 18u;

var<workgroup> tile: array<f32, 324>;

struct Place {
    site: u32,
    inside: bool,
    sum: f32,
}

fn site_of(call: Call) -> vec4<u32> {
    let x = call.group.x * TILE + call.thread % TILE;
    let y = call.group.y * TILE + call.thread / TILE;
    let inside = u32(x < parameters.size.x && y < parameters.size.y);
    return vec4<u32>(x, y, (call.group.z * parameters.size.y + y) * parameters.size.x + x, inside);
}

// Loads the tile of this workgroup and adds the neighbours.
fn place(call: Call) -> Place {
    let n = parameters.size.xyz;
    for (var k = call.thread; k < RIM * RIM; k += THREADS) {
        // The rim before the first row or column is the last one; beyond the lattice nothing is used.
        let x = (call.group.x * TILE + k % RIM + n.x - 1u) % n.x;
        let y = (call.group.y * TILE + k / RIM + n.y - 1u) % n.y;
        tile[k] = source[(call.group.z * n.y + y) * n.x + x];
    }
    workgroupBarrier();
    let at = site_of(call);
    var found = Place(at.z, at.w == 1u, 0.0);
    let here = (call.thread / TILE + 1u) * RIM + call.thread % TILE + 1u;
    found.sum = (tile[here - 1u] + tile[here + 1u]) + (tile[here - RIM] + tile[here + RIM]);
    if (THREE && found.inside) {
        let before = ((call.group.z + n.z - 1u) % n.z * n.y + at.y) * n.x + at.x;
        let after = ((call.group.z + 1u) % n.z * n.y + at.y) * n.x + at.x;
        found.sum += source[before] + source[after];
    }
    return found;
}

// One pair of a workgroup for the host: of all its threads the largest, or the sum.
fn keep(call: Call, value: vec2<f32>, add: bool) {
    reduce(call.thread, value, add);
    if (call.thread == 0u) {
        partial[(call.group.z * call.groups.y + call.group.y) * call.groups.x + call.group.x] = scratch[0];
    }
}

fn keep_largest(call: Call, value: vec2<f32>) {
    keep(call, value, false);
}

// limits: noise, field times -log2 e, direction, step of an extrapolation;
// couplings.z: noise of a residual in the bound of an error
fn shifted_field(i: u32, sum: f32) -> f32 {
    return fma(-LOG2_E * parameters.couplings.x, sum, parameters.limits.y + second[i]);
}

// source = eta: the attraction of the solid, times -log2 e.
@compute @workgroup_size(THREADS)
fn attract(call: Call) {
    let p = place(call);
    if (p.inside) {
        let c = select(4.0, 6.0, THREE);
        result[p.site] = -LOG2_E * parameters.couplings.y * (c - p.sum);
    }
}

// source = densities, second = attraction: result = F, partial = largest changes.
@compute @workgroup_size(THREADS)
fn step_forward(call: Call) {
    let p = place(call);
    var change = vec2<f32>(0.0);
    if (p.inside) {
        let next = eta[p.site] * logistic(shifted_field(p.site, p.sum));
        result[p.site] = next;
        let c = parameters.limits.z * (next - source[p.site]);
        change = max(change, vec2<f32>(c, -c));
    }
    keep_largest(call, change);
}

// source = densities, second = F: result = the residual along the direction without noise.
@compute @workgroup_size(THREADS)
fn ray(call: Call) {
    let at = site_of(call);
    if (at.w == 1u) {
        let r = parameters.limits.z * (second[at.z] - source[at.z]);
        result[at.z] = select(0.0, r, r > 8.0 * parameters.limits.x);
    }
}

// source = residual, second = F: partial = minus the longest safe step.
@compute @workgroup_size(THREADS)
fn safe_length(call: Call) {
    let p = place(call);
    var t = 1.0e6;
    if (p.inside) {
        let r = source[p.site];
        let loss = r - slope_of(eta[p.site], second[p.site]) * parameters.couplings.x * p.sum;
        if (r > 0.0 && loss > 0.0) {
            t = min(t, r / loss);
        }
    }
    keep_largest(call, vec2<f32>(-t));
}

// source = densities, second = residual: result = the densities a step on.
@compute @workgroup_size(THREADS)
fn move_on(call: Call) {
    let at = site_of(call);
    if (at.w == 1u) {
        let step = parameters.limits.z * parameters.limits.w;
        result[at.z] = fma(step, second[at.z], source[at.z]);
    }
}

// source = moved densities, second = residual, third = F of the moved: partial = 1 if not proved.
@compute @workgroup_size(THREADS)
fn judge(call: Call) {
    let at = site_of(call);
    var violation = 0.0;
    if (at.w == 1u) {
        let gain = parameters.limits.z * (third[at.z] - source[at.z]);
        let noise = parameters.limits.x;
        if (gain < select(-noise, noise, second[at.z] > 0.0)) {
            violation = 1.0;
        }
    }
    keep_largest(call, vec2<f32>(violation));
}

// source = densities, second = F: result = first term of the series of the error, third = 0.
@compute @workgroup_size(THREADS)
fn first_term(call: Call) {
    let at = site_of(call);
    if (at.w == 1u) {
        let change = abs(second[at.z] - source[at.z]);
        result[at.z] = 65536.0 * (change + min(eta[at.z], parameters.couplings.z));
        third[at.z] = 0.0;
    }
}

// source = term, second = F: result = next term, third += term, partial = its square norm.
@compute @workgroup_size(THREADS)
fn next_term(call: Call) {
    let p = place(call);
    var square = 0.0;
    if (p.inside) {
        third[p.site] += source[p.site];
        let spread = parameters.couplings.x * p.sum;
        let term = slope_of(eta[p.site], second[p.site]) * spread;
        result[p.site] = term;
        square = term * spread;
    }
    keep(call, vec2<f32>(square, 0.0), true);
}

// source = last term, third = sum: partial = the largest of both.
@compute @workgroup_size(THREADS)
fn largest_terms(call: Call) {
    let at = site_of(call);
    var value = vec2<f32>(0.0);
    if (at.w == 1u) {
        value = vec2<f32>(third[at.z], source[at.z]);
    }
    keep_largest(call, value);
}

// source = densities, second = attraction: third = s, result = eta s, fourth = eta s (1 - s).
@compute @workgroup_size(THREADS)
fn linearize(call: Call) {
    let p = place(call);
    if (p.inside) {
        let s = logistic(shifted_field(p.site, p.sum));
        third[p.site] = s;
        result[p.site] = eta[p.site] * s;
        fourth[p.site] = eta[p.site] * s * (1.0 - s);
    }
}

// lambda <- g + w A q, q <- d lambda. source = q, second = g, first = d, third = lambda,
// result = new q, partial = largest change of lambda and largest lambda.
@compute @workgroup_size(THREADS)
fn relax(call: Call) {
    let p = place(call);
    var value = vec2<f32>(0.0);
    if (p.inside) {
        let lambda = fma(parameters.couplings.x, p.sum, second[p.site]);
        value = vec2<f32>(abs(lambda - third[p.site]), abs(lambda));
        third[p.site] = lambda;
        result[p.site] = first[p.site] * lambda;
    }
    keep_largest(call, value);
}

// source = q, second = s, third = lambda: fourth += s lambda - w_mf A q.
@compute @workgroup_size(THREADS)
fn contribute(call: Call) {
    let p = place(call);
    if (p.inside) {
        fourth[p.site] += second[p.site] * third[p.site] - parameters.couplings.y * p.sum;
    }
}

// second = s, third = adjoint: result = eta s (1 - s) adjoint.
@compute @workgroup_size(THREADS)
fn pull(call: Call) {
    let at = site_of(call);
    if (at.w == 1u) {
        let s = second[at.z];
        result[at.z] = eta[at.z] * s * (1.0 - s) * third[at.z];
    }
}

// source = pulled, second = s, third = adjoint: fourth += s adjoint - w_mf A q, adjoint = w A q.
@compute @workgroup_size(THREADS)
fn back(call: Call) {
    let p = place(call);
    if (p.inside) {
        fourth[p.site] += second[p.site] * third[p.site] - parameters.couplings.y * p.sum;
        third[p.site] = parameters.couplings.x * p.sum;
    }
}

// third += second.
@compute @workgroup_size(THREADS)
fn accumulate(call: Call) {
    let at = site_of(call);
    if (at.w == 1u) {
        third[at.z] += second[at.z];
    }
}
