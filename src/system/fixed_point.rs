//! Positions as 32-bit fixed-point fractions of the box.
//!
//! A coordinate u stands for the fraction u/2³². Differences taken with wrapping subtraction and
//! read as signed integers are fractions in [−½, ½): the nearest image of every pair closer than
//! half the smallest perpendicular width. The resolution is L/2³² everywhere in the box
//! (6e-8 Å at L = 241 Å, where an f32 coordinate resolves 1.5e-5 Å).

use super::SimulationBox;

/// Fixed-point fractional coordinates of one atom.
pub type FixedPosition = [u32; 3];

/// 2³² as f64.
pub(crate) const FIXED_ONE: f64 = 4294967296.0;

/// Nearest fixed-point position, and the periodic image that rounding and wrapping removed.
pub fn to_fixed(simulation_box: &SimulationBox, r: [f64; 3]) -> (FixedPosition, [i32; 3]) {
    let f = simulation_box.to_fractional(r);
    let mut fixed = [0; 3];
    let mut image = [0; 3];
    for k in 0..3 {
        let floor = f[k].floor();
        let scaled = ((f[k] - floor) * FIXED_ONE).round();
        image[k] = floor as i32;
        if scaled >= FIXED_ONE {
            image[k] += 1;
        } else {
            fixed[k] = scaled as u32;
        }
    }
    (fixed, image)
}

/// Cartesian position of fixed-point coordinates.
pub fn from_fixed(simulation_box: &SimulationBox, u: FixedPosition) -> [f64; 3] {
    simulation_box.to_cartesian(u.map(|x| f64::from(x) / FIXED_ONE))
}

/// Signed fractional difference b − a in units of 2⁻³², nearest image.
#[inline]
pub fn fixed_difference(a: FixedPosition, b: FixedPosition) -> [i32; 3] {
    [b[0].wrapping_sub(a[0]) as i32, b[1].wrapping_sub(a[1]) as i32, b[2].wrapping_sub(a[2]) as i32]
}

/// Moves a fixed-point coordinate by a signed amount; returns the change of the image counter.
#[inline(always)]
pub(crate) fn advance_fixed(u: &mut u32, by: i32) -> i32 {
    let before = *u;
    *u = before.wrapping_add_signed(by);
    // Without branches, for loops over lanes.
    i32::from(by > 0 && *u < before) - i32::from(by < 0 && *u > before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_is_exact() {
        let b = SimulationBox::new([-3.0, 7.0, 0.1], [34.4377, 29.1, 41.7], [3.0, -2.0, 5.5])
            .expect("box");
        let mut x: u32 = 12345;
        for _ in 0..10_000 {
            let mut u = [0; 3];
            for v in &mut u {
                x = x.wrapping_mul(1664525).wrapping_add(1013904223);
                *v = x;
            }
            assert_eq!(to_fixed(&b, from_fixed(&b, u)), (u, [0; 3]));
        }
    }

    #[test]
    fn advancing_counts_images() {
        let mut u = u32::MAX - 1;
        assert_eq!(advance_fixed(&mut u, 5), 1);
        assert_eq!(u, 3);
        assert_eq!(advance_fixed(&mut u, -5), -1);
        assert_eq!(u, u32::MAX - 1);
        assert_eq!(advance_fixed(&mut u, 0), 0);
    }
}
