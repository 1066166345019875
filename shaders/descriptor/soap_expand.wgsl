// Expansion coefficients c_nlm of one group around one centre, 512 of them a workgroup. Radial
// functions and harmonics of a tile of neighbours are made once, in workgroup memory.

const EACH: u32 = 8u;
const SPACE: u32 = 3072u;

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> list: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> counts: array<u32>;
@group(0) @binding(3) var<storage, read> centres: array<vec4<u32>>;
// rows of radial functions, at l n_max + n
@group(0) @binding(4) var<storage, read> table: array<f32>;
// a and b at l² + l + m for m < l, the starting value for m = l
@group(0) @binding(5) var<storage, read> recursion: array<vec2<f32>>;
@group(0) @binding(6) var<storage, read_write> coefficients: array<f32>;

// harmonics of each neighbour of the tile, then their radial functions
var<workgroup> space: array<f32, SPACE>;

// the neighbour behind the last is the centre itself, where it counts
fn member(centre: u32, slot: u32, count: u32, group: u32, own: bool) -> vec4<f32> {
    if slot < count {
        let neighbor = unpacked(list[slot_of(centre, slot)]);
        return vec4<f32>(neighbor.d, f32(neighbor.groups >> group & 1u));
    }
    return vec4<f32>(0.0, 0.0, 0.0, select(0.0, 1.0, own && slot == count));
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let centre = id.x;
    let chunks = (parameters.part + WORKGROUP * EACH - 1u) / (WORKGROUP * EACH);
    let group = id.y / chunks;
    let first = (id.y % chunks) * WORKGROUP * EACH + lane;
    let own = (centres[centre].w >> group & 1u) == 1u;
    let n_max = parameters.n_max;
    let degrees = parameters.l_max + 1u;
    let harmonics = degrees * degrees;
    let radials = degrees * n_max;
    let tile = parameters.tile;
    let radial_at = tile * harmonics;
    // which harmonic and which radial function each of this thread's coefficients takes
    var y: array<u32, 8>;
    var g: array<u32, 8>;
    var sum: array<f32, 8>;
    for (var k = 0u; k < EACH; k++) {
        let c = min(first + k * WORKGROUP, parameters.part - 1u);
        let lm = c / n_max;
        var l = 0u;
        while (l + 1u) * (l + 1u) <= lm {
            l++;
        }
        y[k] = lm;
        g[k] = l * n_max + c % n_max;
    }
    let count = counts[centre];
    let total = count + select(0u, 1u, own);
    for (var start = 0u; start < total; start += tile) {
        workgroupBarrier();
        // harmonics: a neighbour's m are shared out
        let sharers = max(WORKGROUP / tile, 1u);
        if lane < tile * sharers {
            let j = lane % tile;
            let p = member(centre, start + j, count, group, own);
            let r2 = dot(p.xyz, p.xyz);
            var u = vec3<f32>();
            if r2 > 0.0 {
                u = p.xyz * distance_of(r2).inverse;
            }
            var phase = vec2<f32>(p.w, 0.0);
            for (var m = 0u; m < degrees; m++) {
                if m % sharers == lane / tile {
                    var before = 0.0;
                    var here = recursion[m * m + 2u * m].x;
                    for (var l = m; l < degrees; l++) {
                        if l > m {
                            let c = recursion[l * l + l + m];
                            let next = c.x * fma(u.z, here, c.y * before);
                            before = here;
                            here = next;
                        }
                        let at = j * harmonics + l * l + l;
                        space[at + m] = here * phase.x;
                        if m > 0u {
                            space[at - m] = here * phase.y;
                        }
                    }
                }
                phase = vec2<f32>(u.x * phase.x - u.y * phase.y, u.x * phase.y + u.y * phase.x);
            }
        }
        for (var e = lane; e < tile * radials; e += WORKGROUP) {
            let j = e / radials;
            let column = e % radials;
            let p = member(centre, start + j, count, group, own);
            let r2 = dot(p.xyz, p.xyz);
            var r = 0.0;
            if r2 > 0.0 {
                r = distance_of(r2).r;
            }
            let s = r * parameters.inverse_step;
            let row = u32(s);
            let t = s - f32(row);
            let a = t + 1.0;
            let b = t - 1.0;
            let c = t - 2.0;
            let at = row * radials + column;
            space[radial_at + e] = (-t * b * c * table[at] + a * t * b * table[at + 3u * radials])
                / 6.0 + 0.5 * (a * b * c * table[at + radials]
                - a * t * c * table[at + 2u * radials]);
        }
        workgroupBarrier();
        for (var j = 0u; j < min(tile, total - start); j++) {
            for (var k = 0u; k < EACH; k++) {
                sum[k] = fma(
                    space[j * harmonics + y[k]],
                    space[radial_at + j * radials + g[k]],
                    sum[k],
                );
            }
        }
    }
    let to = (centre * parameters.groups + group) * parameters.part;
    for (var k = 0u; k < EACH; k++) {
        let c = first + k * WORKGROUP;
        if c < parameters.part {
            coefficients[to + c] = sum[k];
        }
    }
}
