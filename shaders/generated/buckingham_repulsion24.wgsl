// Printed from the Rust definition of the potential; do not edit.
// Short-range term of `buckingham_repulsion24`: energy and -r dU/dr.
fn short_range(d: Distance, row: Row, diameters: vec2<f32>) -> vec2<f32> {
    let v0 = row.words[0].y;
    let v1 = exp2_of_distance(v0, d);
    let v2 = d.inverse2 * d.inverse2;
    let v3 = v2 * d.inverse2;
    let v4 = row.words[0].w;
    let v5 = v4 * v3;
    let v6 = row.words[0].x;
    let v7 = fma(v6, v1, (-v5));
    let v8 = row.words[0].z;
    let v9 = v8 * v1;
    let v10 = 6.0f * v5;
    let v11 = fma(v9, d.r, (-v10));
    let v12 = v3 * v3;
    let v13 = row.words[1].x;
    let v14 = v12 * v12;
    let v15 = v13 * v14;
    let v16 = v7 + v15;
    let v17 = fma(24.0f, v15, v11);
    let v18 = row.words[1].y;
    let v19 = row.words[1].z;
    let v20 = fma(v19, d.r, v18);
    let v21 = v16 - v20;
    let v22 = fma(v19, d.r, v17);
    let v23 = row.words[1].w;
    let v24 = d.r2 < v23;
    let v25 = select(0.0f, v21, v24);
    let v26 = select(0.0f, v22, v24);
    return vec2<f32>(v25, v26);
}
