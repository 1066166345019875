// Printed from the Rust definition of the potential; do not edit.
// Short-range term of `buckingham_repulsion24`: energy and -(1/r) dU/dr.
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
    let v11 = v6 * v2;
    let v12 = 6.0f * v11;
    let v13 = fma(v10, d.inverse, (-v12));
    let v14 = v4 * v4;
    let v15 = parameter(row + 4u);
    let v16 = v14 * v14;
    let v17 = v15 * v16;
    let v18 = v8 + v17;
    let v19 = 24.0f * v17;
    let v20 = fma(v19, v2, v13);
    let v21 = parameter(row + 5u);
    let v22 = parameter(row + 6u);
    let v23 = fma(v22, d.r, v21);
    let v24 = v18 - v23;
    let v25 = fma(v22, d.inverse, v20);
    let v26 = parameter(row + 7u);
    let v27 = d.r2 < v26;
    let v28 = select(0.0f, v24, v27);
    let v29 = select(0.0f, v25, v27);
    return vec2<f32>(v28, v29);
}
