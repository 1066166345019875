// Printed from the Rust definition of the potential; do not edit.
// A cubic piece of a tabulated potential: energy and -r dU/dr.
fn cubic_piece(c: vec4<f32>, t: f32, minus_two_over_step: f32, r2: f32) -> vec2<f32> {
    let v0 = t < 0.0f;
    let v1 = select(t, 0.0f, v0);
    let v2 = fma(v1, c.w, c.z);
    let v3 = fma(t, c.y, c.x);
    let v4 = v1 * v1;
    let v5 = v4 * v2;
    let v6 = v3 + v5;
    let v7 = r2 * minus_two_over_step;
    let v8 = fma(v1, c.w, v2);
    let v9 = v2 + v8;
    let v10 = fma(v1, v9, c.y);
    let v11 = v7 * v10;
    return vec2<f32>(v6, v11);
}
