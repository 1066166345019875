// Printed from the Rust definition of the potential; do not edit.
// Short-range term of `buckingham`: energy and -r dU/dr.
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
    let v12 = row.words[1].x;
    let v13 = d.r2 < v12;
    var energy14 = v7;
    var virial14 = v11;
    if v13 {
        let v15 = row.words[1].z;
        let v16 = row.words[1].y;
        let v17 = pow(d.r2, (-v15));
        let v18 = v16 * v17;
        let v19 = row.words[1].w;
        let v20 = v19 * d.r2;
        let v21 = v18 + v20;
        let v22 = v15 * v18;
        let v23 = v22 - v20;
        let v24 = 2.0f * v23;
        energy14 = v21;
        virial14 = v24;
    }
    let v25 = row.words[2].x;
    let v26 = row.words[2].y;
    let v27 = fma(v26, d.r, v25);
    let v28 = energy14 - v27;
    let v29 = fma(v26, d.r, virial14);
    let v30 = row.words[2].z;
    let v31 = d.r2 < v30;
    let v32 = select(0.0f, v28, v31);
    let v33 = select(0.0f, v29, v31);
    return vec2<f32>(v32, v33);
}
