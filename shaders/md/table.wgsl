// Short-range term from a table of cubics in r²; the row is (shift0, shift1, cutoff², k q q).
// Tables follow each other in `model`: (start, 1/step, -2/step, intervals), then four
// coefficients an interval.

const TABLE_INTERVALS: u32 = 4096u;
const TABLE_WORDS: u32 = 4u + 4u * TABLE_INTERVALS;

fn short_range(d: Distance, row: u32, diameters: vec2<f32>) -> vec2<f32> {
    let table = parameters.table_offset + (row / parameters.row_width) * TABLE_WORDS;
    let x = (d.r2 - model[table]) * model[table + 1u];
    let interval = clamp(floor(x), 0.0, f32(TABLE_INTERVALS - 1u));
    let at = table + 4u + 4u * u32(interval);
    let c = vec4<f32>(model[at], model[at + 1u], model[at + 2u], model[at + 3u]);
    let term = cubic_piece(c, x - interval, model[table + 2u], d.r2);
    return select(vec2<f32>(0.0), term, d.r2 < parameter(row + 2u));
}
