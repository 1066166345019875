// Cartesian vectors and cells of a periodic box.

// An upper triangular matrix: (xx, xy, xz), (yy, yz, zz).
struct Frame {
    x: vec4<f32>,
    yz: vec4<f32>,
}

fn cartesian(frame: Frame, fraction: vec3<f32>) -> vec3<f32> {
    let a = frame.x;
    let b = frame.yz;
    return vec3<f32>(
        a.x * fraction.x + a.y * fraction.y + a.z * fraction.z,
        b.x * fraction.y + b.y * fraction.z,
        b.z * fraction.z,
    );
}

// floor(u n / 2^32) for n <= 65536
fn cell_along(u: u32, n: u32) -> u32 {
    return ((u >> 16u) * n + (((u & 0xffffu) * n) >> 16u)) >> 16u;
}

fn cell_coordinates(n: vec4<u32>, position: vec4<u32>) -> vec3<u32> {
    return vec3<u32>(
        cell_along(position.x, n.x),
        cell_along(position.y, n.y),
        cell_along(position.z, n.z),
    );
}

fn cell_index(n: vec4<u32>, c: vec3<u32>) -> u32 {
    return (c.z * n.y + c.y) * n.x + c.x;
}
