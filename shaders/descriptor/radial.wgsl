// Gaussians of distances: a thread sums four functions of one group around one centre.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> list: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> counts: array<u32>;
// R and -η log2 e, padded to fours
@group(0) @binding(3) var<storage, read> functions: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let centre = id.x;
    if centre >= parameters.centres {
        return;
    }
    let chunks = (parameters.functions + 3u) / 4u;
    let group = id.y / chunks;
    let first = 4u * (id.y % chunks);
    let a = functions[first];
    let b = functions[first + 1u];
    let c = functions[first + 2u];
    let e = functions[first + 3u];
    let at = vec4<f32>(a.x, b.x, c.x, e.x);
    let rate = vec4<f32>(a.y, b.y, c.y, e.y);
    var sum = vec4<f32>();
    let count = counts[centre];
    for (var slot = 0u; slot < count; slot++) {
        let neighbor = unpacked(list[slot_of(centre, slot)]);
        if (neighbor.groups >> group & 1u) == 0u {
            continue;
        }
        let r = distance_of(dot(neighbor.d, neighbor.d)).r;
        var weight = 1.0;
        if parameters.inverse_cutoff > 0.0 {
            weight = cutoff_function(r);
        }
        let u = vec4<f32>(r) - at;
        let t = rate * u * u;
        sum += weight * vec4<f32>(exp2_of(t.x), exp2_of(t.y), exp2_of(t.z), exp2_of(t.w));
    }
    let to = centre * parameters.width + group * parameters.functions + first;
    for (var k = 0u; k < min(4u, parameters.functions - first); k++) {
        sums[to + k] = sum[k];
    }
}
