// Threefry-2x32-20 as in src/system/random.rs, and three normal numbers from it.

fn rotate_left(x: u32, by: u32) -> u32 {
    return (x << by) | (x >> (32u - by));
}

fn threefry(key: vec2<u32>, counter: vec2<u32>) -> vec2<u32> {
    var rotations = array<u32, 8>(13u, 15u, 26u, 6u, 17u, 29u, 16u, 24u);
    var keys = array<u32, 3>(key.x, key.y, 0x1BD11BDAu ^ key.x ^ key.y);
    var x = counter + key;
    for (var turn = 0u; turn < 20u; turn++) {
        x.x = x.x + x.y;
        x.y = rotate_left(x.y, rotations[turn % 8u]) ^ x.x;
        if turn % 4u == 3u {
            let s = turn / 4u + 1u;
            x.x = x.x + keys[s % 3u];
            x.y = x.y + keys[(s + 1u) % 3u] + s;
        }
    }
    return x;
}

// (cos, sin) of 2π v / 2^32: built-in sine and cosine promise no more than eleven bits.
fn unit_circle(v: u32) -> vec2<f32> {
    // the nearest quarter turn, and the angle from it in [-π/4, π/4]
    let quarter = (v + 0x20000000u) >> 30u;
    let x = f32(bitcast<i32>(v - (quarter << 30u))) * 1.4629180792671596e-9;
    let x2 = x * x;
    let sine = x + x * x2 * (-0.16666654611 + x2 * (0.0083321608736 - x2 * 0.00019515295891));
    let cosine = 1.0 - 0.5 * x2
        + x2 * x2 * (0.04166664568298827 + x2 * (-0.001388731625493765 + x2 * 0.00002443315711809948));
    switch quarter & 3u {
        case 0u: { return vec2<f32>(cosine, sine); }
        case 1u: { return vec2<f32>(-sine, cosine); }
        case 2u: { return vec2<f32>(-cosine, -sine); }
        default: { return vec2<f32>(sine, -cosine); }
    }
}

fn normal_pair(words: vec2<u32>) -> vec2<f32> {
    // (a + 1/2)/2^32; rounding may reach 1, where the logarithm is 0
    let u = (f32(words.x) + 0.5) * 2.3283064365386963e-10;
    return sqrt(max(-2.0 * log(u), 0.0)) * unit_circle(words.y);
}

// Normal numbers of one particle at one step: lanes 0 and 1 of its counter.
fn three_normals(key: vec2<u32>, step_low: u32, step_high: u32, particle: u32) -> vec3<f32> {
    let stirred = vec2<u32>(key.x ^ ((step_low >> 28u) | (step_high << 4u)), key.y);
    let ab = normal_pair(threefry(stirred, vec2<u32>(step_low << 4u, particle)));
    let cd = normal_pair(threefry(stirred, vec2<u32>((step_low << 4u) | 1u, particle)));
    return vec3<f32>(ab, cd.x);
}
