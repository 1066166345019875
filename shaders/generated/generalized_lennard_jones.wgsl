// Printed from the Rust definition of the potential; do not edit.
// Short-range term of `generalized_lennard_jones`: energy and -r dU/dr.
fn short_range(d: Distance, row: u32, diameters: vec2<f32>) -> vec2<f32> {
    let v0 = diameters.x + diameters.y;
    let v1 = 0.5f * v0;
    let v2 = parameter(row + 0u);
    let v3 = 4.0f * v2;
    let v4 = diameters.x * diameters.y;
    let v5 = v3 * v4;
    let v6 = v5 * v1;
    let v7 = d.inverse * d.inverse;
    let v8 = v1 * v1;
    let v9 = v8 * v7;
    let v10 = v9 * v9;
    let v11 = v10 * v10;
    let v12 = v11 * v10;
    let v13 = v12 * v9;
    let v14 = v6 * v13;
    let v15 = v14 * v13;
    let v16 = v15 - v14;
    let v17 = v15 + v15;
    let v18 = v17 - v14;
    let v19 = 14.0f * v18;
    let v20 = parameter(row + 1u);
    let v21 = parameter(row + 2u);
    let v22 = fma(v21, d.r, v20);
    let v23 = v16 - v22;
    let v24 = fma(v21, d.r, v19);
    let v25 = parameter(row + 3u);
    let v26 = d.r2 < v25;
    let v27 = select(0.0f, v23, v26);
    let v28 = select(0.0f, v24, v26);
    return vec2<f32>(v27, v28);
}
