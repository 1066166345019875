// Mean spherical harmonics: a thread sums Y_l,m and Y_l,-m over one group around one centre.

struct Component {
    l: u32,
    m: u32,
    // place of Y_l,0 in a group's sums
    at: u32,
    diagonal: f32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> list: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> counts: array<u32>;
@group(0) @binding(3) var<storage, read> functions: array<Component>;
@group(0) @binding(4) var<storage, read> recursion: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let centre = id.x;
    if centre >= parameters.centres {
        return;
    }
    let group = id.y / parameters.functions;
    let component = functions[id.y % parameters.functions];
    var sum = vec2<f32>();
    var number = 0u;
    let count = counts[centre];
    for (var slot = 0u; slot < count; slot++) {
        let neighbor = unpacked(list[slot_of(centre, slot)]);
        if (neighbor.groups >> group & 1u) == 0u {
            continue;
        }
        let u = neighbor.d * distance_of(dot(neighbor.d, neighbor.d)).inverse;
        var phase = vec2<f32>(1.0, 0.0);
        for (var m = 0u; m < component.m; m++) {
            phase = vec2<f32>(u.x * phase.x - u.y * phase.y, u.x * phase.y + u.y * phase.x);
        }
        var before = 0.0;
        var here = component.diagonal;
        for (var l = component.m + 1u; l <= component.l; l++) {
            let c = recursion[l * l + l + component.m];
            let next = c.x * fma(u.z, here, c.y * before);
            before = here;
            here = next;
        }
        sum += here * phase;
        number++;
    }
    let mean = sum / f32(max(number, 1u));
    let to = centre * parameters.width + group * (parameters.width / parameters.groups)
        + component.at;
    sums[to + component.m] = mean.x;
    if component.m > 0u {
        sums[to - component.m] = mean.y;
    }
}
