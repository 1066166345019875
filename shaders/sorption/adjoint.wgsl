// Gradients of small lattices.

fn cotangent(at: u32, k: u32) -> f32 {
    if ((parameters.control.w & COTANGENT_OF_SITES) != 0u) {
        return weights[at * parameters.size.w + site(k)];
    }
    return weights[at];
}

// The implicit adjoint of one lattice at one point by conjugate gradients on
// (1 - w sqrt(d) A sqrt(d)) nu = sqrt(d) g. The densities of the point become its part of the
// gradient; outcome.z becomes 2 where it diverges, outcome.x FOUND, or LOST where the rounds of a
// dispatch were too few.
@compute @workgroup_size(THREADS)
fn implicit(call: Call) {
    let number = number_of(call);
    let points = parameters.control.x;
    if (number >= parameters.range.y * points) {
        return;
    }
    thread = call.thread;
    let lattice = parameters.range.x + number / points;
    let point = number % points;
    let at = lattice * points + point;
    let sites = parameters.size.w;
    let fluid = parameters.couplings.x;
    settle(lattice);
    for (var k = 0u; k < OWNED; k++) {
        if (owned(k)) {
            rho[site(k)] = densities[at * sites + site(k)];
        }
    }
    workgroupBarrier();
    var s: array<f32, OWNED>;
    var root: array<f32, OWNED>;
    var r: array<f32, OWNED>;
    var p: array<f32, OWNED>;
    var nu: array<f32, OWNED>;
    var sum = 0.0;
    for (var k = 0u; k < OWNED; k++) {
        s[k] = 0.0;
        root[k] = 0.0;
        r[k] = 0.0;
        nu[k] = 0.0;
        if (owned(k)) {
            s[k] = logistic(field_sum(k, path[point].x, near_sum(near[k], true)));
            root[k] = sqrt(eta[k] * s[k] * (1.0 - s[k]));
            r[k] = root[k] * cotangent(at, k);
        }
        p[k] = r[k];
        sum += r[k] * r[k];
    }
    var rr = total(vec2<f32>(sum, 0.0)).x;
    let start = rr;
    var diverging = false;
    let most = 2u * sites + 100u;
    var round = 0u;
    for (; round < min(most, parameters.part.x); round++) {
        if (rr <= 1.0e-13 * start || start == 0.0) {
            break;
        }
        for (var k = 0u; k < OWNED; k++) {
            if (owned(k)) {
                other[site(k)] = root[k] * p[k];
            }
        }
        workgroupBarrier();
        var products = vec2<f32>(0.0);
        var mp: array<f32, OWNED>;
        for (var k = 0u; k < OWNED; k++) {
            mp[k] = p[k] - fluid * root[k] * near_sum(near[k], false);
            products += vec2<f32>(p[k] * mp[k], p[k] * p[k]);
        }
        products = total(products);
        if (products.x <= parameters.limits.y * products.y) {
            diverging = true;
            break;
        }
        let alpha = rr / products.x;
        sum = 0.0;
        for (var k = 0u; k < OWNED; k++) {
            nu[k] += alpha * p[k];
            r[k] -= alpha * mp[k];
            sum += r[k] * r[k];
        }
        let now = total(vec2<f32>(sum, 0.0)).x;
        for (var k = 0u; k < OWNED; k++) {
            p[k] = r[k] + now / rr * p[k];
        }
        rr = now;
    }
    workgroupBarrier();
    for (var k = 0u; k < OWNED; k++) {
        if (owned(k)) {
            other[site(k)] = root[k] * nu[k];
        }
    }
    workgroupBarrier();
    var products = vec2<f32>(0.0);
    for (var k = 0u; k < OWNED; k++) {
        let spread = near_sum(near[k], false);
        products += vec2<f32>(nu[k] * (nu[k] - fluid * root[k] * spread), nu[k] * nu[k]);
        if (owned(k)) {
            let lambda = cotangent(at, k) + fluid * spread;
            densities[at * sites + site(k)] = s[k] * lambda - parameters.couplings.y * spread;
        }
    }
    products = total(products);
    if (thread == 0u) {
        if (diverging || (start > 0.0 && products.x <= parameters.limits.y * products.y)) {
            outcome[at].z = 2.0;
        }
        let cut = round == parameters.part.x && round < most;
        outcome[at].x = select(LOST, FOUND, loops_run() && !cut);
    }
}

// Back-propagation through the iterations of a range of points, last point first. `kept` holds
// the logistic values of the iterations of one point, `state` the adjoint of the densities. The
// iterations of a single point may be spread over several dispatches: first forwards, then back.
@compute @workgroup_size(THREADS)
fn unrolled(call: Call) {
    if (number_of(call) >= parameters.range.y) {
        return;
    }
    let lattice = lattice_of(call);
    let sites = parameters.size.w;
    let points = parameters.control.x;
    let iterations = parameters.control.y;
    let full = (parameters.control.w & START_FULL) != 0u;
    let part = parameters.part;
    settle(lattice);
    var adjoint: array<f32, OWNED>;
    var sum: array<f32, OWNED>;
    for (var k = 0u; k < OWNED; k++) {
        adjoint[k] = 0.0;
        sum[k] = 0.0;
        if (owned(k)) {
            adjoint[k] = state[lattice * sites + site(k)];
            sum[k] = gradient[lattice * sites + site(k)];
        }
    }
    for (var point = parameters.range.w; point > parameters.range.z; point--) {
        let at = lattice * points + point - 1u;
        let field = path[point - 1u].x;
        for (var k = 0u; k < OWNED; k++) {
            if (owned(k)) {
                var origin = select(0.0, eta[k], full);
                if (part.x > 0u) {
                    let before = (lattice * iterations + part.x - 1u) * sites;
                    origin = eta[k] * kept[before + site(k)];
                } else if (point > 1u) {
                    origin = densities[(at - 1u) * sites + site(k)];
                }
                rho[site(k)] = origin;
            }
        }
        workgroupBarrier();
        for (var m = part.x; m < part.y; m++) {
            let slab = (lattice * iterations + m) * sites;
            var s: array<f32, OWNED>;
            for (var k = 0u; k < OWNED; k++) {
                s[k] = logistic(field_sum(k, field, near_sum(near[k], true)));
            }
            workgroupBarrier();
            for (var k = 0u; k < OWNED; k++) {
                if (owned(k)) {
                    kept[slab + site(k)] = s[k];
                    rho[site(k)] = eta[k] * s[k];
                }
            }
            workgroupBarrier();
        }
        for (var k = 0u; k < OWNED; k++) {
            if (owned(k) && part.w == iterations) {
                adjoint[k] += cotangent(at, k);
            }
        }
        for (var m = part.w; m > part.z; m--) {
            let slab = (lattice * iterations + m - 1u) * sites;
            var s: array<f32, OWNED>;
            for (var k = 0u; k < OWNED; k++) {
                s[k] = 0.0;
                if (owned(k)) {
                    s[k] = kept[slab + site(k)];
                    other[site(k)] = eta[k] * s[k] * (1.0 - s[k]) * adjoint[k];
                }
            }
            workgroupBarrier();
            for (var k = 0u; k < OWNED; k++) {
                let spread = near_sum(near[k], false);
                sum[k] += s[k] * adjoint[k] - parameters.couplings.y * spread;
                adjoint[k] = parameters.couplings.x * spread;
            }
            workgroupBarrier();
        }
        if (point == 1u && full && part.z == 0u && part.w > 0u) {
            for (var k = 0u; k < OWNED; k++) {
                sum[k] += adjoint[k];
            }
        }
        if (thread == 0u) {
            if (outcome[at].x == LOST || !loops_run()) {
                outcome[at].x = LOST;
            } else if (part.z == 0u && part.w > 0u) {
                outcome[at].x = FOUND;
            }
        }
    }
    for (var k = 0u; k < OWNED; k++) {
        if (owned(k)) {
            state[lattice * sites + site(k)] = adjoint[k];
            gradient[lattice * sites + site(k)] = sum[k];
        }
    }
}
