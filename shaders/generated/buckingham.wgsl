// Printed from the Rust definition of the potential; do not edit.
// Short-range term of `buckingham`: energy and -r dU/dr.
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
    let v13 = parameter(row + 4u);
    let v14 = d.r2 < v13;
    var energy15 = v8;
    var virial15 = v12;
    if v14 {
        let v16 = parameter(row + 6u);
        let v17 = parameter(row + 5u);
        let v18 = pow(d.r2, (-v16));
        let v19 = v17 * v18;
        let v20 = parameter(row + 7u);
        let v21 = fma(v20, d.r2, v19);
        let v22 = v16 * v19;
        let v23 = v20 * d.r2;
        let v24 = v22 - v23;
        let v25 = 2.0f * v24;
        energy15 = v21;
        virial15 = v25;
    }
    let v26 = parameter(row + 8u);
    let v27 = parameter(row + 9u);
    let v28 = fma(v27, d.r, v26);
    let v29 = energy15 - v28;
    let v30 = fma(v27, d.r, virial15);
    let v31 = parameter(row + 10u);
    let v32 = d.r2 < v31;
    let v33 = select(0.0f, v29, v32);
    let v34 = select(0.0f, v30, v32);
    return vec2<f32>(v33, v34);
}
