// One directed pair from the printed potentials; needs `model` and `diameters_of`.

fn parameter(index: u32) -> f32 {
    return model[index];
}

fn damping(index: u32) -> f32 {
    return model[parameters.damping_offset + index];
}

fn row_of(first: u32, second: u32) -> u32 {
    return (first * parameters.species_count + second) * parameters.row_width;
}

// Atoms at the same place (padding, overlapping starts) must not give infinities times zero.
const SMALLEST_R2: f32 = 0.01;

// Energy and force over r of a pair; masked at each term's own cutoff. Terms give w = -r dU/dr, so
// that the factor 1/r² acts on what repulsion and attraction leave of each other.
fn pair_term(r2: f32, row: u32, diameters: vec2<f32>) -> vec2<f32> {
    let d = distance_of(max(r2, SMALLEST_R2));
    let term = short_range(d, row, diameters) + coulomb(d, parameter(row + parameters.row_width - 1u));
    return vec2<f32>(term.x, term.y * d.inverse2);
}
