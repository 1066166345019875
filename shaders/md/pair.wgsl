// One directed pair from the printed potentials; needs `model` as words of four.

// Numbers of a species pair, loaded four at a time.
struct Row {
    number: u32,
    words: array<vec4<f32>, ROW_WORDS>,
}

fn row_at(number: u32) -> Row {
    var row: Row;
    row.number = number;
    for (var k = 0u; k < ROW_WORDS; k++) {
        row.words[k] = model[number * ROW_WORDS + k];
    }
    return row;
}

fn damping(index: u32) -> f32 {
    return parameters.damping[index / 4u][index % 4u];
}

// Atoms at the same place (padding, overlapping starts) must not give infinities times zero.
const SMALLEST_R2: f32 = 0.01;

// Energy and force over r of a pair; masked at each term's own cutoff. Terms give w = -r dU/dr, so
// that the factor 1/r² acts on what repulsion and attraction leave of each other.
fn pair_term(r2: f32, row: Row, diameters: vec2<f32>) -> vec2<f32> {
    let d = distance_of(max(r2, SMALLEST_R2));
    let charges = row.words[CHARGES / 4u][CHARGES % 4u];
    let term = short_range(d, row, diameters) + coulomb(d, charges);
    return vec2<f32>(term.x, term.y * d.inverse2);
}
