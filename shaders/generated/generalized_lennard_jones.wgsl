// Printed from the Rust definition of the potential; do not edit.
// Short-range term of `generalized_lennard_jones`: energy and -r dU/dr.
fn short_range(d: Distance, row: Row, diameters: vec2<f32>) -> vec2<f32> {
    let v0 = diameters.x + diameters.y;
    let v1 = 0.5f * v0;
    let v2 = row.words[0].x;
    let v3 = 4.0f * v2;
    let v4 = diameters.x * diameters.y;
    let v5 = v3 * v4;
    let v6 = v5 * v1;
    let v7 = v1 * v1;
    let v8 = v7 * d.inverse2;
    let v9 = v8 * v8;
    let v10 = v9 * v9;
    let v11 = v10 * v9;
    let v12 = v11 * v8;
    let v13 = v6 * v12;
    let v14 = v13 * v12;
    let v15 = v14 - v13;
    let v16 = v14 + v14;
    let v17 = v16 - v13;
    let v18 = 14.0f * v17;
    let v19 = row.words[0].y;
    let v20 = row.words[0].z;
    let v21 = fma(v20, d.r, v19);
    let v22 = v15 - v21;
    let v23 = fma(v20, d.r, v18);
    let v24 = row.words[0].w;
    let v25 = d.r2 < v24;
    let v26 = select(0.0f, v22, v25);
    let v27 = select(0.0f, v23, v25);
    return vec2<f32>(v26, v27);
}
