//! Every pair of atoms closer than a cutoff, by cells.

use crate::system::SimulationBox;

/// Calls `visit(i, j, d, r²)` once for every pair with |d| < cutoff, d = r_j − r_i (nearest
/// image), in an order that depends on the positions alone. The cutoff must not exceed
/// [`SimulationBox::longest_cutoff`].
pub fn for_each_pair(
    simulation_box: &SimulationBox,
    positions: &[[f64; 3]],
    cutoff: f64,
    mut visit: impl FnMut(usize, usize, [f64; 3], f64),
) {
    let widths = simulation_box.perpendicular_widths();
    // More cells than atoms would only cost memory.
    let most = (positions.len() as f64).cbrt().ceil().max(1.0);
    let cells = widths.map(|w| (w / cutoff).floor().clamp(1.0, most) as usize);
    let index = |c: [usize; 3]| (c[2] * cells[1] + c[1]) * cells[0] + c[0];
    let mut members = vec![Vec::new(); cells.iter().product()];
    for (atom, &r) in positions.iter().enumerate() {
        let f = simulation_box.to_fractional(r);
        let mut c = [0; 3];
        for k in 0..3 {
            c[k] = (((f[k] - f[k].floor()) * cells[k] as f64) as usize).min(cells[k] - 1);
        }
        members[index(c)].push(atom);
    }
    let around = |k: usize, at: usize| {
        let n = cells[k];
        let mut list = vec![(at + n - 1) % n, at, (at + 1) % n];
        list.sort_unstable();
        list.dedup();
        list
    };
    for z in 0..cells[2] {
        for y in 0..cells[1] {
            for x in 0..cells[0] {
                let home = index([x, y, z]);
                for &cz in &around(2, z) {
                    for &cy in &around(1, y) {
                        for &cx in &around(0, x) {
                            let other = index([cx, cy, cz]);
                            if other < home {
                                continue;
                            }
                            for &i in &members[home] {
                                for &j in &members[other] {
                                    if other == home && j <= i {
                                        continue;
                                    }
                                    let (a, b) = (positions[i], positions[j]);
                                    let d = simulation_box.minimum_image([
                                        b[0] - a[0],
                                        b[1] - a[1],
                                        b[2] - a[2],
                                    ]);
                                    let r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
                                    if r2 < cutoff * cutoff {
                                        visit(i, j, d, r2);
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_find_what_a_double_loop_finds() {
        let boxes = [
            SimulationBox::new([0.0; 3], [7.0, 30.0, 11.0], [0.0; 3]),
            SimulationBox::new([1.0, 2.0, 3.0], [12.0, 9.0, 15.0], [3.0, -2.5, 4.0]),
        ];
        for simulation_box in boxes.map(|b| b.expect("sound")) {
            let cutoff = simulation_box.longest_cutoff();
            let stream = crate::system::RandomStream::new(3, crate::system::Stream::Sampling);
            let positions: Vec<[f64; 3]> = (0..157)
                .map(|i| {
                    let f = [0, 1, 2].map(|k| 2.0 * stream.uniform(0, i, k) - 0.5);
                    simulation_box.to_cartesian(f)
                })
                .collect();
            let mut found = Vec::new();
            for_each_pair(&simulation_box, &positions, cutoff, |i, j, _, _| {
                found.push((i.min(j), i.max(j)));
            });
            found.sort_unstable();
            let mut wanted = Vec::new();
            for i in 0..positions.len() {
                for j in i + 1..positions.len() {
                    let (a, b) = (positions[i], positions[j]);
                    let d = simulation_box.minimum_image([b[0] - a[0], b[1] - a[1], b[2] - a[2]]);
                    if d.iter().map(|x| x * x).sum::<f64>() < cutoff * cutoff {
                        wanted.push((i, j));
                    }
                }
            }
            assert_eq!(found, wanted);
        }
    }
}
