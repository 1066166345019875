// Short-range term from a table of cubics in r²; the row is (shift0, shift1, cutoff², k q q).
// Tables follow each other in `model`: (start, 1/step, -2/step, intervals), then the four
// coefficients of each interval.

const TABLE_INTERVALS: u32 = 4096u;
const TABLE_WORDS: u32 = 1u + TABLE_INTERVALS;

fn short_range(d: Distance, row: Row, diameters: vec2<f32>) -> vec2<f32> {
    let table = parameters.table_offset + row.number * TABLE_WORDS;
    let head = model[table];
    let x = (d.r2 - head.x) * head.y;
    let interval = clamp(floor(x), 0.0, f32(TABLE_INTERVALS - 1u));
    let c = model[table + 1u + u32(interval)];
    let term = cubic_piece(c, x - interval, head.z, d.r2);
    return select(vec2<f32>(0.0), term, d.r2 < row.words[0].z);
}
