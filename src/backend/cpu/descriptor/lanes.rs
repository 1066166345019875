//! Elementary functions on plain arrays of lanes, which the compiler turns into vectors.

use crate::backend::cpu::simd::EXP2;

/// Lanes that are worked on side by side.
pub(super) const LANES: usize = 16;

/// One number in each lane.
pub(super) type Lane = [f32; LANES];

/// a·b + c, in one rounding where that is one instruction.
#[inline(always)]
pub(super) fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// 2^t for t ≤ 0; what is below 2⁻¹²⁶ stays there, which is nothing to any sum.
#[inline(always)]
pub(super) fn exp2<const FMA: bool>(t: f32) -> f32 {
    // Adding 1.5·2²³ rounds to the nearest integer, which then sits in the last bits.
    const ROUND: f32 = 12_582_912.0;
    let t = if t < -126.0 { -126.0 } else { t };
    let shifted = t + ROUND;
    let f = t - (shifted - ROUND);
    let mut p = EXP2[6];
    p = fma::<FMA>(p, f, EXP2[5]);
    p = fma::<FMA>(p, f, EXP2[4]);
    p = fma::<FMA>(p, f, EXP2[3]);
    p = fma::<FMA>(p, f, EXP2[2]);
    p = fma::<FMA>(p, f, EXP2[1]);
    p = fma::<FMA>(p, f, EXP2[0]);
    f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// ½[cos(πx) + 1] = cos²(πx/2) for x in [0, 1], 0 beyond. Taylor's series of the cosine: the rest
/// is below 1e-8.
#[inline(always)]
pub(super) fn cutoff_function<const FMA: bool>(x: f32) -> f32 {
    let s = x * x * 2.467_401_1;
    let mut p = 2.087_675_7e-9;
    p = fma::<FMA>(p, s, -2.755_731_9e-7);
    p = fma::<FMA>(p, s, 2.480_158_7e-5);
    p = fma::<FMA>(p, s, -1.388_888_9e-3);
    p = fma::<FMA>(p, s, 4.166_666_8e-2);
    p = fma::<FMA>(p, s, -0.5);
    p = fma::<FMA>(p, s, 1.0);
    if x < 1.0 { p * p } else { 0.0 }
}

/// Sum of the lanes, in a fixed order.
#[inline(always)]
pub(super) fn total(lanes: &Lane) -> f64 {
    let mut sum = 0.0;
    for k in 0..LANES {
        sum += f64::from(lanes[k]);
    }
    sum
}
