// Printed from the Rust definition of the potential; do not edit.
// No charges.
fn coulomb(d: Distance, qq: f32) -> vec2<f32> {
    return vec2<f32>(0.0f, 0.0f);
}
