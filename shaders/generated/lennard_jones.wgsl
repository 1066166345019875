// Printed from the Rust definition of the potential; do not edit.
// Short-range term of `lennard_jones`: energy and -r dU/dr.
fn short_range(d: Distance, row: Row, diameters: vec2<f32>) -> vec2<f32> {
    let v0 = d.inverse2 * d.inverse2;
    let v1 = v0 * d.inverse2;
    let v2 = row.words[0].x;
    let v3 = v2 * v1;
    let v4 = row.words[0].y;
    let v5 = v3 - v4;
    let v6 = v1 * v5;
    let v7 = 6.0f * v1;
    let v8 = v3 + v3;
    let v9 = v8 - v4;
    let v10 = v7 * v9;
    let v11 = row.words[0].z;
    let v12 = row.words[0].w;
    let v13 = fma(v12, d.r, v11);
    let v14 = v6 - v13;
    let v15 = fma(v12, d.r, v10);
    let v16 = row.words[1].x;
    let v17 = d.r2 < v16;
    let v18 = select(0.0f, v14, v17);
    let v19 = select(0.0f, v15, v17);
    return vec2<f32>(v18, v19);
}
