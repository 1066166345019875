// Printed from the Rust definition of the potential; do not edit.
// Short-range term of `buckingham_repulsion24`: energy and -r dU/dr.
fn short_range(d: Distance, row: u32, diameters: vec2<f32>) -> vec2<f32> {
    let v0 = parameter(row + 1u);
    let v1 = exp2_of_distance(v0, d);
    let v2 = d.inverse * d.inverse;
    let v3 = v2 * v2;
    let v4 = v3 * v2;
    let v5 = parameter(row + 3u);
    let v6 = v5 * v4;
    let v7 = parameter(row + 0u);
    let v8 = fma(v7, v1, (-v6));
    let v9 = parameter(row + 2u);
    let v10 = v9 * v1;
    let v11 = 6.0f * v6;
    let v12 = fma(v10, d.r, (-v11));
    let v13 = v4 * v4;
    let v14 = parameter(row + 4u);
    let v15 = v13 * v13;
    let v16 = v14 * v15;
    let v17 = v8 + v16;
    let v18 = fma(24.0f, v16, v12);
    let v19 = parameter(row + 5u);
    let v20 = parameter(row + 6u);
    let v21 = fma(v20, d.r, v19);
    let v22 = v17 - v21;
    let v23 = fma(v20, d.r, v18);
    let v24 = parameter(row + 7u);
    let v25 = d.r2 < v24;
    let v26 = select(0.0f, v22, v25);
    let v27 = select(0.0f, v23, v25);
    return vec2<f32>(v26, v27);
}
