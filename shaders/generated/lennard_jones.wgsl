// Printed from the Rust definition of the potential; do not edit.
// Short-range term of `lennard_jones`: energy and -r dU/dr.
fn short_range(d: Distance, row: u32, diameters: vec2<f32>) -> vec2<f32> {
    let v0 = d.inverse * d.inverse;
    let v1 = v0 * v0;
    let v2 = v1 * v0;
    let v3 = parameter(row + 0u);
    let v4 = v3 * v2;
    let v5 = parameter(row + 1u);
    let v6 = v4 - v5;
    let v7 = v2 * v6;
    let v8 = 6.0f * v2;
    let v9 = v4 + v4;
    let v10 = v9 - v5;
    let v11 = v8 * v10;
    let v12 = parameter(row + 2u);
    let v13 = parameter(row + 3u);
    let v14 = fma(v13, d.r, v12);
    let v15 = v7 - v14;
    let v16 = fma(v13, d.r, v11);
    let v17 = parameter(row + 4u);
    let v18 = d.r2 < v17;
    let v19 = select(0.0f, v15, v18);
    let v20 = select(0.0f, v16, v18);
    return vec2<f32>(v19, v20);
}
