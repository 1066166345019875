// Follows the path of one lattice through a range of points: plain iterations, or the walk of
// src/sorption/solver.rs.

const BETWEEN: u32 = 3u;
const WORTHWHILE: f32 = 3.0;
const BOUND_PASSES: u32 = 12u;
const UNBOUNDED: f32 = 3.0e38;

// Where the walk of a lattice at a point stands.
struct Stand {
    goal: f32,
    best: f32,
    stalled: u32,
    plain: u32,
    iterations: u32,
}

var<private> stand: Stand;
// Passes that this dispatch may still make.
var<private> passes: u32;

fn set_out() {
    stand = Stand(0.5 * parameters.couplings.z, UNBOUNDED, 0u, 0u, 0u);
}

// Numbers of a lattice in `kept`: point, iterations (low and high half), goal, best residual, plain
// iterations, stalled iterations, one spare. All are exact in single precision.
const STAND: u32 = 8u;

// The point that a lattice has come to, and its stand there.
fn resume(lattice: u32) -> u32 {
    if (thread < 4u) {
        let at = STAND * lattice + 2u * thread;
        scratch[thread] = vec2<f32>(kept[at], kept[at + 1u]);
    }
    workgroupBarrier();
    let a = workgroupUniformLoad(&scratch[0]);
    let b = workgroupUniformLoad(&scratch[1]);
    let c = workgroupUniformLoad(&scratch[2]);
    let d = workgroupUniformLoad(&scratch[3]);
    set_out();
    let iterations = u32(a.y) + 65536u * u32(b.x);
    if (iterations > 0u) {
        stand = Stand(b.y, c.x, u32(d.x), u32(c.y), iterations);
    }
    return u32(a.x);
}

fn leave(lattice: u32, point: u32) {
    if (thread == 0u) {
        let at = STAND * lattice;
        kept[at] = f32(point);
        kept[at + 1u] = f32(stand.iterations & 0xffffu);
        kept[at + 2u] = f32(stand.iterations >> 16u);
        kept[at + 3u] = stand.goal;
        kept[at + 4u] = stand.best;
        // Beyond these numbers the walk makes no difference between them.
        kept[at + 5u] = f32(min(stand.plain, 65536u));
        kept[at + 6u] = f32(min(stand.stalled, 65536u));
    }
}

var<private> next: array<f32, OWNED>;

fn iterate(field: f32, count: u32) {
    var m = 0u;
    for (; m + 2u <= count; m += 2u) {
        for (var k = 0u; k < OWNED; k++) {
            if (owned(k)) {
                other[site(k)] = eta[k] * logistic(field_sum(k, field, near_sum(near[k], true)));
            }
        }
        workgroupBarrier();
        for (var k = 0u; k < OWNED; k++) {
            if (owned(k)) {
                rho[site(k)] = eta[k] * logistic(field_sum(k, field, near_sum(near[k], false)));
            }
        }
        workgroupBarrier();
    }
    if (m < count) {
        evaluate(field);
        advance();
    }
}

fn evaluate(field: f32) {
    for (var k = 0u; k < OWNED; k++) {
        next[k] = eta[k] * logistic(field_sum(k, field, near_sum(near[k], true)));
    }
}

fn advance() {
    workgroupBarrier();
    for (var k = 0u; k < OWNED; k++) {
        if (owned(k)) {
            rho[site(k)] = next[k];
        }
    }
    workgroupBarrier();
}

// Largest change along the direction and against it.
fn residual(direction: f32) -> vec2<f32> {
    var change = vec2<f32>(0.0);
    for (var k = 0u; k < OWNED; k++) {
        if (owned(k)) {
            let c = direction * (next[k] - rho[site(k)]);
            change = max(change, vec2<f32>(c, -c));
        }
    }
    return largest(change);
}

// The residual without noise into `other`; the longest step for which its tangents stay positive.
fn safe_length(direction: f32) -> f32 {
    let threshold = 8.0 * parameters.limits.x;
    for (var k = 0u; k < OWNED; k++) {
        if (owned(k)) {
            let r = direction * (next[k] - rho[site(k)]);
            other[site(k)] = select(0.0, r, r > threshold);
        }
    }
    workgroupBarrier();
    var t = 1.0e6;
    for (var k = 0u; k < OWNED; k++) {
        if (owned(k)) {
            let r = other[site(k)];
            let loss = r - slope_of(eta[k], next[k]) * parameters.couplings.x * near_sum(near[k], false);
            if (r > 0.0 && loss > 0.0) {
                t = min(t, r / loss);
            }
        }
    }
    return -largest(vec2<f32>(-t, 0.0)).x;
}

// rho <- F(rho + t r) if that is proved to stay below the fixed point.
fn extrapolate(field: f32, direction: f32, t: f32) -> bool {
    var violation = 0.0;
    let noise = parameters.limits.x;
    for (var k = 0u; k < OWNED; k++) {
        if (owned(k)) {
            let r = other[site(k)];
            let sum = fma(direction * t, near_sum(near[k], false), near_sum(near[k], true));
            let there = eta[k] * logistic(field_sum(k, field, sum));
            let gain = direction * (there - (rho[site(k)] + direction * t * r));
            if (gain < select(-noise, noise, r > 0.0)) {
                violation = 1.0;
            }
            next[k] = there;
        }
    }
    if (largest(vec2<f32>(violation, 0.0)).x > 0.0) {
        return false;
    }
    advance();
    return true;
}

// Bound of the remaining error, and the contraction.
fn bound() -> vec2<f32> {
    var sum: array<f32, OWNED>;
    var term: array<f32, OWNED>;
    for (var k = 0u; k < OWNED; k++) {
        sum[k] = 0.0;
        term[k] = 0.0;
        if (owned(k)) {
            term[k] = 65536.0 * (abs(next[k] - rho[site(k)]) + min(eta[k], parameters.limits.w));
        }
    }
    var before = 0.0;
    var ratio = 0.0;
    for (var round = 0u; round < BOUND_PASSES; round++) {
        for (var k = 0u; k < OWNED; k++) {
            sum[k] += term[k];
            if (owned(k)) {
                other[site(k)] = term[k];
            }
        }
        workgroupBarrier();
        var square = 0.0;
        for (var k = 0u; k < OWNED; k++) {
            if (owned(k)) {
                let spread = parameters.couplings.x * near_sum(near[k], false);
                term[k] = slope_of(eta[k], next[k]) * spread;
                square += term[k] * spread;
            }
        }
        workgroupBarrier();
        if (round + 2u >= BOUND_PASSES) {
            square = total(vec2<f32>(square, 0.0)).x;
            ratio = select(0.0, sqrt(square / max(before, 1.0e-37)), before > 0.0);
            before = square;
        }
    }
    var top = vec2<f32>(0.0);
    for (var k = 0u; k < OWNED; k++) {
        top = max(top, vec2<f32>(sum[k], term[k]));
    }
    top = largest(top) / 65536.0;
    if (ratio >= 1.0) {
        return vec2<f32>(UNBOUNDED, ratio);
    }
    let linear = top.x + top.y / (1.0 - ratio);
    let coupling = parameters.couplings.w;
    // |s''| <= 1/(6 sqrt 3)
    let curvature = coupling * coupling * 0.0481125224;
    let root = 1.0 - 4.0 * curvature * linear / (1.0 - ratio);
    if (root > 0.0) {
        return vec2<f32>(2.0 * linear / (1.0 + sqrt(root)), ratio);
    }
    return vec2<f32>(UNBOUNDED, ratio);
}

// Error, contraction, iterations; UNFINISHED in place of the error where the passes of this dispatch
// ran out, at a place where the walk can go on.
fn walk(field: f32, direction: f32) -> vec3<f32> {
    let noise = parameters.limits.x;
    let tolerance = parameters.couplings.z;
    let most = parameters.control.z;
    let before = stand.iterations;
    var iterations = before;
    var plain = stand.plain;
    var goal = stand.goal;
    var best = stand.best;
    var stalled = stand.stalled;
    loop {
        if (iterations - before >= passes) {
            passes = 0u;
            stand = Stand(goal, best, stalled, plain, iterations);
            return vec3<f32>(UNFINISHED, 1.0, f32(iterations));
        }
        evaluate(field);
        let change = residual(direction);
        iterations += 1u;
        let worst = max(change.x, change.y);
        if (worst < 0.9 * best) {
            best = worst;
            stalled = 0u;
        } else {
            stalled += 1u;
        }
        let at_rest = worst <= noise || (stalled > 1000u && worst <= 64.0 * noise);
        if (worst <= goal || at_rest || iterations >= most) {
            let estimate = bound();
            iterations += BOUND_PASSES;
            if (estimate.x <= tolerance || at_rest || iterations >= most) {
                advance();
                // Keeping the point costs about as much as a pass.
                passes -= min(passes, iterations - before + 1u);
                set_out();
                return vec3<f32>(estimate, f32(iterations));
            }
            goal = min(max(0.5 * tolerance * (1.0 - estimate.y), noise), 0.5 * worst);
        }
        if (plain >= BETWEEN && change.y <= noise && worst > 8.0 * noise) {
            var t = 0.95 * safe_length(direction);
            iterations += 1u;
            var moved = false;
            while (t > WORTHWHILE && !moved) {
                moved = extrapolate(field, direction, t);
                iterations += 1u;
                t *= 0.25;
            }
            plain = 0u;
            if (moved) {
                continue;
            }
            // `next` was overwritten by the attempt.
            evaluate(field);
            iterations += 1u;
        }
        advance();
        plain += 1u;
    }
    return vec3<f32>(LOST, 1.0, f32(iterations));
}

@compute @workgroup_size(THREADS)
fn follow(call: Call) {
    if (number_of(call) >= parameters.range.y) {
        return;
    }
    let lattice = lattice_of(call);
    let sites = parameters.size.w;
    settle(lattice);
    for (var k = 0u; k < OWNED; k++) {
        if (owned(k)) {
            rho[site(k)] = state[lattice * sites + site(k)];
        }
    }
    workgroupBarrier();
    let walking = parameters.control.y == 0u;
    passes = parameters.part.x;
    var point = parameters.range.z;
    if (walking) {
        point = max(point, resume(lattice));
    }
    for (; point < parameters.range.w; point++) {
        var arrival = vec3<f32>(0.0, 0.0, f32(parameters.control.y));
        if (parameters.control.y > 0u) {
            iterate(path[point].x, parameters.control.y);
        } else {
            arrival = walk(path[point].x, path[point].y);
            if (arrival.x == UNFINISHED) {
                break;
            }
        }
        var sum = 0.0;
        let at = lattice * parameters.control.x + point;
        for (var k = 0u; k < OWNED; k++) {
            if (owned(k)) {
                sum += rho[site(k)];
                if ((parameters.control.w & KEEP_DENSITIES) != 0u) {
                    densities[at * sites + site(k)] = rho[site(k)];
                }
            }
        }
        sum = total(vec2<f32>(sum, 0.0)).x;
        if (thread == 0u) {
            // Once lost, a point stays so through the later pieces of its iterations.
            if (outcome[at].y == LOST || !loops_run()) {
                arrival.x = LOST;
            }
            outcome[at] = vec4<f32>(sum, arrival);
        }
    }
    if (walking) {
        leave(lattice, point);
    }
    for (var k = 0u; k < OWNED; k++) {
        if (owned(k)) {
            state[lattice * sites + site(k)] = rho[site(k)];
        }
    }
}
