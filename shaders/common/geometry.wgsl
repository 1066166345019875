// Fractions, Cartesian vectors and cells of the periodic box; needs `parameters`.

fn cartesian(fraction: vec3<f32>) -> vec3<f32> {
    let a = parameters.to_cartesian_x;
    let b = parameters.to_cartesian_yz;
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

fn cell_coordinates(position: vec4<u32>) -> vec3<u32> {
    let n = parameters.cells;
    return vec3<u32>(
        cell_along(position.x, n.x),
        cell_along(position.y, n.y),
        cell_along(position.z, n.z),
    );
}

fn cell_index(c: vec3<u32>) -> u32 {
    return (c.z * parameters.cells.y + c.y) * parameters.cells.x + c.x;
}
