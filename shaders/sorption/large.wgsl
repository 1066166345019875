// Passes over one lattice that no workgroup holds: tiles of 16 x 16 sites with a rim in workgroup
// memory, layers of a cubic lattice side by side in the dispatch. Bindings are bound anew for
// every pass; `source` is what neighbour sums are taken of.
// THREE is printed before this text.

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
var<workgroup> scratch: array<vec2<f32>, 256>;

struct Place {
    site: u32,
    inside: bool,
    sum: f32,
}

fn site_of(group: vec3<u32>, thread: u32) -> vec4<u32> {
    let x = group.x * TILE + thread % TILE;
    let y = group.y * TILE + thread / TILE;
    let inside = u32(x < parameters.size.x && y < parameters.size.y);
    return vec4<u32>(x, y, (group.z * parameters.size.y + y) * parameters.size.x + x, inside);
}

// Loads the tile of this workgroup and adds the neighbours.
fn place(group: vec3<u32>, thread: u32) -> Place {
    let n = parameters.size.xyz;
    for (var k = thread; k < RIM * RIM; k += 256u) {
        // The rim before the first row or column is the last one; beyond the lattice nothing is used.
        let x = (group.x * TILE + k % RIM + n.x - 1u) % n.x;
        let y = (group.y * TILE + k / RIM + n.y - 1u) % n.y;
        tile[k] = source[(group.z * n.y + y) * n.x + x];
    }
    workgroupBarrier();
    let at = site_of(group, thread);
    var found = Place(at.z, at.w == 1u, 0.0);
    let here = (thread / TILE + 1u) * RIM + thread % TILE + 1u;
    found.sum = (tile[here - 1u] + tile[here + 1u]) + (tile[here - RIM] + tile[here + RIM]);
    if (THREE && found.inside) {
        let before = ((group.z + n.z - 1u) % n.z * n.y + at.y) * n.x + at.x;
        let after = ((group.z + 1u) % n.z * n.y + at.y) * n.x + at.x;
        found.sum += source[before] + source[after];
    }
    return found;
}

fn keep_largest(group: vec3<u32>, groups: vec3<u32>, thread: u32, value: vec2<f32>) {
    scratch[thread] = value;
    for (var half = 128u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (thread < half) {
            scratch[thread] = max(scratch[thread], scratch[thread + half]);
        }
    }
    if (thread == 0u) {
        partial[(group.z * groups.y + group.y) * groups.x + group.x] = scratch[0];
    }
}

fn keep_total(group: vec3<u32>, groups: vec3<u32>, thread: u32, value: vec2<f32>) {
    scratch[thread] = value;
    for (var half = 128u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (thread < half) {
            scratch[thread] += scratch[thread + half];
        }
    }
    if (thread == 0u) {
        partial[(group.z * groups.y + group.y) * groups.x + group.x] = scratch[0];
    }
}

fn slope(i: u32, density: f32) -> f32 {
    if (eta[i] > 0.0) {
        return max(density * (1.0 - density / eta[i]), 0.0);
    }
    return 0.0;
}

// limits: noise, field times -log2 e, direction, step of an extrapolation
fn shifted_field(i: u32, sum: f32) -> f32 {
    return fma(-LOG2_E * parameters.couplings.x, sum, parameters.limits.y + second[i]);
}

// source = eta: the attraction of the solid, times -log2 e.
@compute @workgroup_size(256)
fn attract(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let p = place(group, thread);
    if (p.inside) {
        let c = select(4.0, 6.0, THREE);
        result[p.site] = -LOG2_E * parameters.couplings.y * (c - p.sum);
    }
}

// source = densities, second = attraction: result = F, partial = largest changes.
@compute @workgroup_size(256)
fn step_forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let p = place(group, thread);
    var change = vec2<f32>(0.0);
    if (p.inside) {
        let next = eta[p.site] * logistic(shifted_field(p.site, p.sum));
        result[p.site] = next;
        let c = parameters.limits.z * (next - source[p.site]);
        change = max(change, vec2<f32>(c, -c));
    }
    keep_largest(group, groups, thread, change);
}

// source = densities, second = F: result = the residual along the direction without noise.
@compute @workgroup_size(256)
fn ray(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let at = site_of(group, thread);
    if (at.w == 1u) {
        let r = parameters.limits.z * (second[at.z] - source[at.z]);
        result[at.z] = select(0.0, r, r > 8.0 * parameters.limits.x);
    }
}

// source = residual, second = F: partial = minus the longest safe step.
@compute @workgroup_size(256)
fn safe_length(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let p = place(group, thread);
    var t = 1.0e6;
    if (p.inside) {
        let r = source[p.site];
        let loss = r - slope(p.site, second[p.site]) * parameters.couplings.x * p.sum;
        if (r > 0.0 && loss > 0.0) {
            t = min(t, r / loss);
        }
    }
    keep_largest(group, groups, thread, vec2<f32>(-t));
}

// source = densities, second = residual: result = the densities a step on.
@compute @workgroup_size(256)
fn move_on(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let at = site_of(group, thread);
    if (at.w == 1u) {
        let step = parameters.limits.z * parameters.limits.w;
        result[at.z] = fma(step, second[at.z], source[at.z]);
    }
}

// source = moved densities, second = residual, third = F of the moved: partial = 1 if not proved.
@compute @workgroup_size(256)
fn judge(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let at = site_of(group, thread);
    var violation = 0.0;
    if (at.w == 1u) {
        let gain = parameters.limits.z * (third[at.z] - source[at.z]);
        let noise = parameters.limits.x;
        if (gain < select(-noise, noise, second[at.z] > 0.0)) {
            violation = 1.0;
        }
    }
    keep_largest(group, groups, thread, vec2<f32>(violation));
}

// source = densities, second = F: result = first term of the series of the error, third = 0.
@compute @workgroup_size(256)
fn first_term(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let at = site_of(group, thread);
    if (at.w == 1u) {
        let change = abs(second[at.z] - source[at.z]);
        result[at.z] = 65536.0 * (change + min(eta[at.z], parameters.limits.x));
        third[at.z] = 0.0;
    }
}

// source = term, second = F: result = next term, third += term, partial = its square norm.
@compute @workgroup_size(256)
fn next_term(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let p = place(group, thread);
    var square = 0.0;
    if (p.inside) {
        third[p.site] += source[p.site];
        let spread = parameters.couplings.x * p.sum;
        let term = slope(p.site, second[p.site]) * spread;
        result[p.site] = term;
        square = term * spread;
    }
    keep_total(group, groups, thread, vec2<f32>(square, 0.0));
}

// source = last term, third = sum: partial = the largest of both.
@compute @workgroup_size(256)
fn largest_terms(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let at = site_of(group, thread);
    var value = vec2<f32>(0.0);
    if (at.w == 1u) {
        value = vec2<f32>(third[at.z], source[at.z]);
    }
    keep_largest(group, groups, thread, value);
}

// source = densities, second = attraction: third = s, result = eta s, fourth = eta s (1 - s).
@compute @workgroup_size(256)
fn linearize(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let p = place(group, thread);
    if (p.inside) {
        let s = logistic(shifted_field(p.site, p.sum));
        third[p.site] = s;
        result[p.site] = eta[p.site] * s;
        fourth[p.site] = eta[p.site] * s * (1.0 - s);
    }
}

// lambda <- g + w A q, q <- d lambda. source = q, second = g, first = d, third = lambda,
// result = new q, partial = largest change of lambda and largest lambda.
@compute @workgroup_size(256)
fn relax(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let p = place(group, thread);
    var value = vec2<f32>(0.0);
    if (p.inside) {
        let lambda = fma(parameters.couplings.x, p.sum, second[p.site]);
        value = vec2<f32>(abs(lambda - third[p.site]), abs(lambda));
        third[p.site] = lambda;
        result[p.site] = first[p.site] * lambda;
    }
    keep_largest(group, groups, thread, value);
}

// source = q, second = s, third = lambda: fourth += s lambda - w_mf A q.
@compute @workgroup_size(256)
fn contribute(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let p = place(group, thread);
    if (p.inside) {
        fourth[p.site] += second[p.site] * third[p.site] - parameters.couplings.y * p.sum;
    }
}

// second = s, third = adjoint: result = eta s (1 - s) adjoint.
@compute @workgroup_size(256)
fn pull(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let at = site_of(group, thread);
    if (at.w == 1u) {
        let s = second[at.z];
        result[at.z] = eta[at.z] * s * (1.0 - s) * third[at.z];
    }
}

// source = pulled, second = s, third = adjoint: fourth += s adjoint - w_mf A q, adjoint = w A q.
@compute @workgroup_size(256)
fn back(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let p = place(group, thread);
    if (p.inside) {
        fourth[p.site] += second[p.site] * third[p.site] - parameters.couplings.y * p.sum;
        third[p.site] = parameters.couplings.x * p.sum;
    }
}

// third += second.
@compute @workgroup_size(256)
fn accumulate(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let at = site_of(group, thread);
    if (at.w == 1u) {
        third[at.z] += second[at.z];
    }
}
