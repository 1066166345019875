// The arithmetic of pair potentials: src/potential/real.rs for single precision. `FUSED` says that
// the device was seen to round `fma` once; elsewhere the same remainders come from exact halves.

struct Distance {
    r2: f32,
    r: f32,
    // sqrt(r2) - r beyond rounding
    residual: f32,
    // the same over r
    relative: f32,
    inverse: f32,
    // 1/r2, rounded once: its sixth powers multiply an error
    inverse2: f32,
}

// The upper 12 bits of the significand: products of two such halves are exact, with or without
// fused multiply-add.
fn upper_half(x: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u);
}

// 1 - a b for a b close to 1, exact in halves where a fused operation cannot be relied on.
fn miss_of_product(a: f32, b: f32) -> f32 {
    if FUSED {
        return fma(-a, b, 1.0);
    }
    let ah = upper_half(a);
    let al = a - ah;
    let bh = upper_half(b);
    let bl = b - bh;
    return ((1.0 - ah * bh) - (ah * bl + al * bh)) - al * bl;
}

// r2 - r² for an r close to the root, exact likewise.
fn remainder_of_square(r2: f32, r: f32) -> f32 {
    if FUSED {
        return fma(-r, r, r2);
    }
    let h = upper_half(r);
    let l = r - h;
    return ((r2 - h * h) - 2.0 * h * l) - l * l;
}

// inverseSqrt may be off by several units in the last place, and what is computed from it rounds.
// The remainders r2 - r², 1 - r/r and 1 - r2/r2 are exact in halves, so one Newton step each leaves
// every result rounded once, on every device.
fn distance_of(r2: f32) -> Distance {
    let y = inverseSqrt(r2);
    let r = r2 * y;
    let remainder = remainder_of_square(r2, r);
    let residual = 0.5 * y * remainder;
    // Not residual times y: a compiler that may take y out of what follows would lose the residual
    // against r.
    let relative = 0.5 * y * (y * remainder);
    let inverse = y + y * (miss_of_product(r, y) - relative);
    let square = inverse * inverse;
    let inverse2 = square + square * miss_of_product(r2, square);
    return Distance(r2, r, residual, relative, inverse, inverse2);
}

// 2^(rate r). The built-in exp2 is biased on some devices and its argument, rounded to single
// precision, would cost 12 units in the last place. Here the argument is exact to 2^-30: halves
// multiply exactly, the integer part cancels exactly. The polynomial (1 + f q(f), error 9e-9)
// is the minimax fit of (2^f - 1)/f on |f| <= 1/2.
fn exp2_of_distance(rate: f32, d: Distance) -> f32 {
    if FUSED {
        let product = rate * d.r;
        let beyond = fma(product, d.relative, fma(rate, d.r, -product));
        // Below, 2^-126 stands for everything smaller.
        let held = max(product, -126.0);
        let nearest = round(held);
        return exp2_of_parts(nearest, (held - nearest) + beyond);
    }
    let rh = upper_half(d.r);
    let rl = d.r - rh;
    let ah = upper_half(rate);
    let al = rate - ah;
    let leading = ah * rh;
    let rest = ah * rl + (al * d.r + rate * d.residual);
    let whole = max(round(leading + rest), -125.0);
    return exp2_of_parts(whole, max((leading - whole) + rest, -1.0));
}

// 2^(whole + f) for an integer, not below -126, and |f| <= 1/2; above -126 f may fall to -1.
fn exp2_of_parts(whole: f32, f: f32) -> f32 {
    var q = 0.00015461447765119374;
    q = fma(q, f, 0.0013390866806730628);
    q = fma(q, f, 0.009618056938052177);
    q = fma(q, f, 0.055503569543361664);
    q = fma(q, f, 0.24022650718688965);
    q = fma(q, f, 0.6931471824645996);
    return bitcast<f32>(bitcast<i32>(fma(q, f, 1.0)) + (i32(whole) << 23u));
}

// e^x - 1 for the small arguments of friction: Taylor at x/16, then (1 + e)² - 1 four times.
fn exp_minus_one(argument: f32) -> f32 {
    let x = clamp(argument, -16.0, 16.0) * 0.0625;
    var e = x * (1.0 + x * (0.5 + x * (0.16666667 + x * (0.041666668 + x * (0.008333334
        + x * (0.0013888889 + x * 0.0001984127))))));
    for (var k = 0u; k < 4u; k++) {
        e = e * (2.0 + e);
    }
    return e;
}
