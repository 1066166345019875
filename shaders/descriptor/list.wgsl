// Neighbours of each centre in the order of the cells. The box is at least two cutoffs wide, so
// that the wrapped difference is the only image that counts.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> atoms: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> cell_start: array<u32>;
@group(0) @binding(3) var<storage, read> centres: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read_write> list: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read_write> counts: array<u32>;
// the most neighbours that any centre has
@group(0) @binding(6) var<storage, read_write> most: atomic<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let centre = id.x;
    if centre >= parameters.centres {
        return;
    }
    let p = centres[centre];
    let n = parameters.cells.xyz;
    let first = cell_coordinates(parameters.cells, p) + n - parameters.reach.xyz;
    var count = 0u;
    for (var z = 0u; z < parameters.span.z; z++) {
        for (var y = 0u; y < parameters.span.y; y++) {
            for (var x = 0u; x < parameters.span.x; x++) {
                let cell = cell_index(parameters.cells, (first + vec3<u32>(x, y, z)) % n);
                let end = cell_start[cell + 1u];
                for (var k = cell_start[cell]; k < end; k++) {
                    let q = atoms[k];
                    let d = cartesian(parameters.frame, vec3<f32>(bitcast<vec3<i32>>(q.xyz - p.xyz)));
                    let r2 = dot(d, d);
                    if r2 < parameters.cutoff2 && any(q.xyz != p.xyz) {
                        if count < parameters.capacity {
                            list[slot_of(centre, count)] =
                                vec4<u32>(bitcast<vec3<u32>>(d), q.w);
                        }
                        count++;
                    }
                }
            }
        }
    }
    counts[centre] = min(count, parameters.capacity);
    atomicMax(&most, count);
}
