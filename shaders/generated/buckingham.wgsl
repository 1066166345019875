// Printed from the Rust definition of the potential; do not edit.
// Short-range term of `buckingham`: energy and -(1/r) dU/dr.
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
    let v14 = parameter(row + 4u);
    let v15 = d.r2 < v14;
    var energy16 = v8;
    var force16 = v13;
    if v15 {
        let v17 = parameter(row + 6u);
        let v18 = parameter(row + 5u);
        let v19 = pow(d.r2, (-v17));
        let v20 = v18 * v19;
        let v21 = parameter(row + 7u);
        let v22 = fma(v21, d.r2, v20);
        let v23 = v20 * v2;
        let v24 = v17 * v23;
        let v25 = v24 - v21;
        let v26 = 2.0f * v25;
        energy16 = v22;
        force16 = v26;
    }
    let v27 = parameter(row + 8u);
    let v28 = parameter(row + 9u);
    let v29 = fma(v28, d.r, v27);
    let v30 = energy16 - v29;
    let v31 = fma(v28, d.inverse, force16);
    let v32 = parameter(row + 10u);
    let v33 = d.r2 < v32;
    let v34 = select(0.0f, v30, v33);
    let v35 = select(0.0f, v31, v33);
    return vec2<f32>(v34, v35);
}
