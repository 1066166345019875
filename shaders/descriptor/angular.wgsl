// Triangles of a centre and two neighbours: a workgroup sums eight functions of one pair of groups.
// Neighbour j meets j + 1, j + 2, … halfway round, so each unordered pair comes once.

struct Angular {
    // -η log2 e
    rate: f32,
    lambda: f32,
    zeta: f32,
    // ζ where it is a small integer, else 0xffffffff
    whole: u32,
    // factors for two groups and for one
    scale: f32,
    scale_same: f32,
    unused: vec2<u32>,
}

const CHUNK: u32 = 8u;

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> list: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> counts: array<u32>;
// padded to whole chunks
@group(0) @binding(3) var<storage, read> functions: array<Angular>;
@group(0) @binding(4) var<storage, read_write> sums: array<f32>;

var<workgroup> partial: array<f32, 512>;

fn power(base: f32, f: Angular) -> f32 {
    if f.whole == 0xffffffffu {
        return select(0.0, pow(base, f.zeta), base > 0.0);
    }
    var result = 1.0;
    var square = base;
    for (var n = f.whole; n > 0u; n >>= 1u) {
        result *= select(1.0, square, (n & 1u) == 1u);
        square *= square;
    }
    return result;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let centre = group.x;
    let chunks = (parameters.functions + CHUNK - 1u) / CHUNK;
    let block = group.y / chunks;
    let first = CHUNK * (group.y % chunks);
    // block counts pairs of groups a <= b
    var a = 0u;
    var b = block;
    while b >= parameters.groups - a {
        b -= parameters.groups - a;
        a++;
    }
    b += a;
    var sum: array<f32, 8>;
    let count = counts[centre];
    let pairs = count * (max(count, 1u) - 1u) / 2u;
    for (var p = lane; p < pairs; p += WORKGROUP) {
        let j = p % count;
        let k = (j + p / count + 1u) % count;
        let one = unpacked(list[slot_of(centre, j)]);
        let two = unpacked(list[slot_of(centre, k)]);
        var times = (one.groups >> a & 1u) * (two.groups >> b & 1u);
        if a != b {
            times += (two.groups >> a & 1u) * (one.groups >> b & 1u);
        }
        if times == 0u {
            continue;
        }
        let rj = distance_of(dot(one.d, one.d));
        let rk = distance_of(dot(two.d, two.d));
        let cosine = dot(one.d, two.d) * rj.inverse * rk.inverse;
        let third = one.d - two.d;
        let third2 = dot(third, third);
        var square = rj.r2 + rk.r2;
        var weight = f32(times);
        if parameters.inverse_cutoff > 0.0 {
            weight *= cutoff_function(rj.r) * cutoff_function(rk.r);
        }
        if parameters.third_side == 1u {
            square += third2;
            if parameters.inverse_cutoff > 0.0 {
                weight *= cutoff_function(sqrt(third2));
            }
        }
        for (var f = 0u; f < CHUNK; f++) {
            let function = functions[first + f];
            let base = max(fma(function.lambda, cosine, 1.0), 0.0);
            sum[f] += weight * power(base, function) * exp2_of(function.rate * square);
        }
    }
    for (var f = 0u; f < CHUNK; f++) {
        partial[f * WORKGROUP + lane] = sum[f];
    }
    workgroupBarrier();
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        if lane < half {
            for (var f = 0u; f < CHUNK; f++) {
                partial[f * WORKGROUP + lane] += partial[f * WORKGROUP + lane + half];
            }
        }
        workgroupBarrier();
    }
    let function = first + lane;
    if lane < CHUNK && function < parameters.functions {
        let scale = select(functions[function].scale, functions[function].scale_same, a == b);
        sums[centre * parameters.width + block * parameters.functions + function] =
            scale * partial[lane * WORKGROUP];
    }
}
