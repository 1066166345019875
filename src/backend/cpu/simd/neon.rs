//! NEON: one row of eight lanes in two registers of four.

use std::arch::aarch64::*;
use std::ops::{Add, Mul, Neg, Sub};

use super::{CLUSTER, EXP2, Lanes, PACK, SPREAD, lanewise_power, select_rare};
use crate::potential::{Distance, Rare, Real, Term};

/// Eight f32 lanes. Made only where NEON was detected, which is what makes the intrinsics below
/// sound.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Neon(float32x4_t, float32x4_t);

impl Add for Neon {
    type Output = Self;
    #[inline(always)]
    fn add(self, o: Self) -> Self {
        // SAFETY: values exist only where NEON was detected (so throughout this file).
        unsafe { Self(vaddq_f32(self.0, o.0), vaddq_f32(self.1, o.1)) }
    }
}

impl Sub for Neon {
    type Output = Self;
    #[inline(always)]
    fn sub(self, o: Self) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(vsubq_f32(self.0, o.0), vsubq_f32(self.1, o.1)) }
    }
}

impl Mul for Neon {
    type Output = Self;
    #[inline(always)]
    fn mul(self, o: Self) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(vmulq_f32(self.0, o.0), vmulq_f32(self.1, o.1)) }
    }
}

impl Neg for Neon {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(vnegq_f32(self.0), vnegq_f32(self.1)) }
    }
}

impl Real for Neon {
    type Mask = (uint32x4_t, uint32x4_t);

    #[inline(always)]
    fn constant(value: f64) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(vdupq_n_f32(value as f32), vdupq_n_f32(value as f32)) }
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(vfmaq_f32(b.0, self.0, a.0), vfmaq_f32(b.1, self.1, a.1)) }
    }

    #[inline(always)]
    fn distance(r2: Self) -> Distance<Self> {
        // SAFETY: see `add`.
        unsafe {
            // The 8-bit estimates would need three Newton steps; root and division are exact.
            let r = Self(vsqrtq_f32(r2.0), vsqrtq_f32(r2.1));
            let one = vdupq_n_f32(1.0);
            let inverse = Self(vdivq_f32(one, r.0), vdivq_f32(one, r.1));
            let left = Self(vfmsq_f32(r2.0, r.0, r.0), vfmsq_f32(r2.1, r.1, r.1));
            let residual = left * Self::constant(0.5) * inverse;
            Distance { r2, r, residual, inverse }
        }
    }

    #[inline(always)]
    fn exp2_of_distance(rate: Self, d: &Distance<Self>) -> Self {
        // SAFETY: see `add`.
        unsafe {
            Self(
                exp2_of_product(rate.0, d.r.0, d.residual.0),
                exp2_of_product(rate.1, d.r.1, d.residual.1),
            )
        }
    }

    #[inline(never)]
    fn power(self, exponent: Self) -> Self {
        let power = lanewise_power(self.to_array(), exponent.to_array());
        // SAFETY: see `add`; the array holds more than eight floats.
        unsafe { Self(vld1q_f32(power.as_ptr()), vld1q_f32(power.as_ptr().add(4))) }
    }

    #[inline(always)]
    fn less(self, other: Self) -> Self::Mask {
        // SAFETY: see `add`.
        unsafe { (vcltq_f32(self.0, other.0), vcltq_f32(self.1, other.1)) }
    }

    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(vbslq_f32(mask.0, yes.0, no.0), vbslq_f32(mask.1, yes.1, no.1)) }
    }

    #[inline(always)]
    fn select_rare(mask: Self::Mask, usual: Term<Self>, rare: impl Rare<Self>) -> Term<Self> {
        select_rare(mask, usual, rare)
    }
}

/// 2^(rate·(r + residual)): the product is split into an integer and a rest without rounding.
///
/// # Safety
/// NEON must be present.
#[inline(always)]
unsafe fn exp2_of_product(rate: float32x4_t, r: float32x4_t, residual: float32x4_t) -> float32x4_t {
    // SAFETY: the caller vouches for NEON.
    unsafe {
        let x = vmaxq_f32(vmulq_f32(rate, r), vdupq_n_f32(-126.0));
        let n = vrndnq_f32(x);
        let f = vfmaq_f32(vnegq_f32(n), rate, r);
        let f = vfmaq_f32(f, rate, residual);
        // Far beyond any cutoff n was clamped; keep f where the polynomial is finite.
        let f = vmaxq_f32(f, vdupq_n_f32(-1.0));
        let mut p = vdupq_n_f32(EXP2[6]);
        for k in (0..6).rev() {
            p = vfmaq_f32(vdupq_n_f32(EXP2[k]), p, f);
        }
        let exponent = vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127));
        vmulq_f32(p, vreinterpretq_f32_s32(vshlq_n_s32::<23>(exponent)))
    }
}

/// The four bytes of each numbered lane, as the byte lookup of NEON wants them.
///
/// # Safety
/// NEON must be present. Numbers are at most eight, so that no byte carries into the next.
#[inline(always)]
unsafe fn bytes_of_lanes(lanes: uint32x4_t) -> uint32x4_t {
    // SAFETY: the caller vouches for NEON.
    unsafe { vmlaq_u32(vdupq_n_u32(0x0302_0100), lanes, vdupq_n_u32(0x0404_0404)) }
}

/// Lane `lanes[k]` in lane k, 0 where there is none.
///
/// # Safety
/// NEON must be present.
#[inline(always)]
unsafe fn moved(from: (uint32x4_t, uint32x4_t), lanes: &[u8; CLUSTER]) -> (uint32x4_t, uint32x4_t) {
    // SAFETY: the caller vouches for NEON; the pointer covers eight bytes.
    unsafe {
        let lanes = vmovl_u8(vld1_u8(lanes.as_ptr()));
        let low = bytes_of_lanes(vmovl_u16(vget_low_u16(lanes)));
        let high = bytes_of_lanes(vmovl_u16(vget_high_u16(lanes)));
        let table = uint8x16x2_t(vreinterpretq_u8_u32(from.0), vreinterpretq_u8_u32(from.1));
        (
            vreinterpretq_u32_u8(vqtbl2q_u8(table, vreinterpretq_u8_u32(low))),
            vreinterpretq_u32_u8(vqtbl2q_u8(table, vreinterpretq_u8_u32(high))),
        )
    }
}

impl Lanes for Neon {
    const ROWS: usize = 1;
    type Int = (uint32x4_t, uint32x4_t);

    #[inline(always)]
    fn cluster_int(from: &[u32; CLUSTER]) -> Self::Int {
        // SAFETY: see `add`; the pointer covers eight integers.
        unsafe { (vld1q_u32(from.as_ptr()), vld1q_u32(from.as_ptr().add(4))) }
    }

    #[inline(always)]
    fn cluster(from: &[f32; CLUSTER]) -> Self {
        // SAFETY: see `add`; the pointer covers eight floats.
        unsafe { Self(vld1q_f32(from.as_ptr()), vld1q_f32(from.as_ptr().add(4))) }
    }

    #[inline(always)]
    fn rows_int(from: &[u32]) -> Self::Int {
        // SAFETY: see `add`.
        unsafe { (vdupq_n_u32(from[0]), vdupq_n_u32(from[0])) }
    }

    #[inline(always)]
    fn rows(from: &[f32]) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(vdupq_n_f32(from[0]), vdupq_n_f32(from[0])) }
    }

    #[inline(always)]
    fn wrapped_difference(a: Self::Int, b: Self::Int) -> Self {
        // SAFETY: see `add`.
        unsafe {
            Self(
                vcvtq_f32_s32(vreinterpretq_s32_u32(vsubq_u32(a.0, b.0))),
                vcvtq_f32_s32(vreinterpretq_s32_u32(vsubq_u32(a.1, b.1))),
            )
        }
    }

    /// The four bytes of each lane's entry, as the byte lookup of NEON wants them.
    #[inline(always)]
    fn lookup_index(species: &[u32; CLUSTER]) -> Self::Int {
        let (a, b) = Self::cluster_int(species);
        // SAFETY: see `add`. Species are below eight.
        unsafe { (bytes_of_lanes(a), bytes_of_lanes(b)) }
    }

    #[inline(always)]
    fn lookup(table: &[f32; 16], index: Self::Int) -> Self {
        // SAFETY: see `add`; the table holds more than eight floats.
        unsafe {
            let bytes = table.as_ptr().cast::<u8>();
            let table = uint8x16x2_t(vld1q_u8(bytes), vld1q_u8(bytes.add(16)));
            Self(
                vreinterpretq_f32_u8(vqtbl2q_u8(table, vreinterpretq_u8_u32(index.0))),
                vreinterpretq_f32_u8(vqtbl2q_u8(table, vreinterpretq_u8_u32(index.1))),
            )
        }
    }

    #[inline(always)]
    fn gather(table: &[[f32; 4]], index: Self, column: usize) -> Self {
        let index = index.to_array();
        let mut lanes = [0.0; CLUSTER];
        for k in 0..CLUSTER {
            lanes[k] = table[index[k] as usize][column];
        }
        Self::cluster(&lanes)
    }

    #[inline(always)]
    fn floor(self) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(vrndmq_f32(self.0), vrndmq_f32(self.1)) }
    }

    #[inline(always)]
    fn bits(mask: Self::Mask) -> u32 {
        const LANE: [u32; 8] = [1, 2, 4, 8, 16, 32, 64, 128];
        // SAFETY: see `add`; the pointers cover four integers each.
        unsafe {
            let low = vandq_u32(mask.0, vld1q_u32(LANE.as_ptr()));
            let high = vandq_u32(mask.1, vld1q_u32(LANE.as_ptr().add(4)));
            vaddvq_u32(vorrq_u32(low, high))
        }
    }

    #[inline(always)]
    fn pack(self, bits: u32) -> Self {
        // SAFETY: see `add`.
        unsafe {
            let (a, b) = (vreinterpretq_u32_f32(self.0), vreinterpretq_u32_f32(self.1));
            let packed = moved((a, b), &PACK[(bits & 255) as usize]);
            Self(vreinterpretq_f32_u32(packed.0), vreinterpretq_f32_u32(packed.1))
        }
    }

    #[inline(always)]
    fn pack_int(ints: Self::Int, bits: u32) -> Self::Int {
        // SAFETY: see `add`.
        unsafe { moved(ints, &PACK[(bits & 255) as usize]) }
    }

    #[inline(always)]
    fn spread(self, bits: u32) -> Self {
        // SAFETY: see `add`. Bytes beyond the table are looked up as 0.
        unsafe {
            let (a, b) = (vreinterpretq_u32_f32(self.0), vreinterpretq_u32_f32(self.1));
            let spread = moved((a, b), &SPREAD[(bits & 255) as usize]);
            Self(vreinterpretq_f32_u32(spread.0), vreinterpretq_f32_u32(spread.1))
        }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see `add`; the caller vouches for the memory (so below).
        unsafe { Self(vld1q_f32(from), vld1q_f32(from.add(4))) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see `load`.
        unsafe {
            vst1q_f32(to, self.0);
            vst1q_f32(to.add(4), self.1);
        }
    }

    #[inline(always)]
    unsafe fn load_int(from: *const u32) -> Self::Int {
        // SAFETY: see `load`.
        unsafe { (vld1q_u32(from), vld1q_u32(from.add(4))) }
    }

    #[inline(always)]
    unsafe fn store_int(ints: Self::Int, to: *mut u32) {
        // SAFETY: see `load`.
        unsafe {
            vst1q_u32(to, ints.0);
            vst1q_u32(to.add(4), ints.1);
        }
    }

    #[inline(always)]
    fn at_least(self, floor: Self) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(vmaxq_f32(self.0, floor.0), vmaxq_f32(self.1, floor.1)) }
    }

    #[inline(always)]
    fn add_rows_to(self, to: &mut [f32; CLUSTER]) {
        let to = to.as_mut_ptr();
        // SAFETY: see `add`; the pointer covers eight floats.
        unsafe {
            vst1q_f32(to, vaddq_f32(vld1q_f32(to), self.0));
            vst1q_f32(to.add(4), vaddq_f32(vld1q_f32(to.add(4)), self.1));
        }
    }

    #[inline(always)]
    fn subtract_row_sums_from(self, to: &mut [f32]) {
        // SAFETY: see `add`. Halves, quarters, pairs, as with AVX2.
        unsafe {
            let s = vaddq_f32(self.0, self.1);
            let s = vadd_f32(vget_low_f32(s), vget_high_f32(s));
            to[0] -= vget_lane_f32::<0>(s) + vget_lane_f32::<1>(s);
        }
    }

    #[inline(always)]
    fn to_array(self) -> [f32; 16] {
        let mut lanes = [1.0; 16];
        // SAFETY: see `add`; the array holds more than eight floats.
        unsafe {
            vst1q_f32(lanes.as_mut_ptr(), self.0);
            vst1q_f32(lanes.as_mut_ptr().add(4), self.1);
        }
        lanes
    }
}
