// Printed from the Rust definition of the potential; do not edit.
// Short-range term of `lennard_jones`: energy and -(1/r) dU/dr.
fn short_range(d: Distance, row: u32, diameters: vec2<f32>) -> vec2<f32> {
    let v0 = d.inverse * d.inverse;
    let v1 = v0 * v0;
    let v2 = v1 * v0;
    let v3 = parameter(row + 0u);
    let v4 = v3 * v2;
    let v5 = parameter(row + 1u);
    let v6 = v4 - v5;
    let v7 = v2 * v6;
    let v8 = v2 * v0;
    let v9 = 6.0f * v8;
    let v10 = v4 + v4;
    let v11 = v10 - v5;
    let v12 = v9 * v11;
    let v13 = parameter(row + 2u);
    let v14 = parameter(row + 3u);
    let v15 = fma(v14, d.r, v13);
    let v16 = v7 - v15;
    let v17 = fma(v14, d.inverse, v12);
    let v18 = parameter(row + 4u);
    let v19 = d.r2 < v18;
    let v20 = select(0.0f, v16, v19);
    let v21 = select(0.0f, v17, v19);
    return vec2<f32>(v20, v21);
}
