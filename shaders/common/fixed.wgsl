// 64-bit integers in two 32-bit words: sums that do not depend on the order.

fn add_wide(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let low = a.x + b.x;
    return vec2<u32>(low, a.y + b.y + select(0u, 1u, low < a.x));
}

// x · 2^fraction_bits, exact for every |x| < 2^31 whose last bit is representable, else rounded
// towards zero. `scale` is 2^fraction_bits with 0 < fraction_bits <= 32.
fn wide_from(x: f32, fraction_bits: u32) -> vec2<u32> {
    let magnitude = abs(x);
    let whole = u32(magnitude);
    // the difference is exact and below 1, the product exact and below 2^32
    let part = u32((magnitude - f32(whole)) * 4294967296.0);
    var low = part;
    var high = whole;
    if fraction_bits < 32u {
        low = (part >> (32u - fraction_bits)) | (whole << fraction_bits);
        high = whole >> (32u - fraction_bits);
    }
    if x < 0.0 {
        low = ~low + 1u;
        high = ~high + select(0u, 1u, low == 0u);
    }
    return vec2<u32>(low, high);
}
