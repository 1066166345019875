// Printed from the Rust definition of the potential; do not edit.
// Short-range term of `buckingham`: energy and -r dU/dr.
fn short_range(d: Distance, row: u32, diameters: vec2<f32>) -> vec2<f32> {
    let v0 = parameter(row + 1u);
    let v1 = exp2_of_distance(v0, d);
    let v2 = d.inverse2 * d.inverse2;
    let v3 = v2 * d.inverse2;
    let v4 = parameter(row + 3u);
    let v5 = v4 * v3;
    let v6 = parameter(row + 0u);
    let v7 = fma(v6, v1, (-v5));
    let v8 = parameter(row + 2u);
    let v9 = v8 * v1;
    let v10 = 6.0f * v5;
    let v11 = fma(v9, d.r, (-v10));
    let v12 = parameter(row + 4u);
    let v13 = d.r2 < v12;
    var energy14 = v7;
    var virial14 = v11;
    if v13 {
        let v15 = parameter(row + 6u);
        let v16 = parameter(row + 5u);
        let v17 = pow(d.r2, (-v15));
        let v18 = v16 * v17;
        let v19 = parameter(row + 7u);
        let v20 = v19 * d.r2;
        let v21 = v18 + v20;
        let v22 = v15 * v18;
        let v23 = v22 - v20;
        let v24 = 2.0f * v23;
        energy14 = v21;
        virial14 = v24;
    }
    let v25 = parameter(row + 8u);
    let v26 = parameter(row + 9u);
    let v27 = fma(v26, d.r, v25);
    let v28 = energy14 - v27;
    let v29 = fma(v26, d.r, virial14);
    let v30 = parameter(row + 10u);
    let v31 = d.r2 < v30;
    let v32 = select(0.0f, v28, v31);
    let v33 = select(0.0f, v29, v31);
    return vec2<f32>(v32, v33);
}
