//! AVX2 with FMA: one row of eight lanes.

use std::arch::x86_64::*;
use std::ops::{Add, Mul, Neg, Sub};

use super::avx512::sum8;
use super::{CLUSTER, EXP2, Lanes, PACK, SPREAD, UNSET, lanewise_power, select_rare};
use crate::potential::{Distance, Rare, Real, Term};

/// Eight f32 lanes. Made only where AVX2 and FMA were detected, which is what makes the
/// intrinsics below sound.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Avx2(__m256);

impl Add for Avx2 {
    type Output = Self;
    #[inline(always)]
    fn add(self, o: Self) -> Self {
        // SAFETY: values exist only where AVX2 and FMA were detected (so throughout this file).
        unsafe { Self(_mm256_add_ps(self.0, o.0)) }
    }
}

impl Sub for Avx2 {
    type Output = Self;
    #[inline(always)]
    fn sub(self, o: Self) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(_mm256_sub_ps(self.0, o.0)) }
    }
}

impl Mul for Avx2 {
    type Output = Self;
    #[inline(always)]
    fn mul(self, o: Self) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(_mm256_mul_ps(self.0, o.0)) }
    }
}

impl Neg for Avx2 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(_mm256_xor_ps(self.0, _mm256_set1_ps(-0.0))) }
    }
}

impl Real for Avx2 {
    type Mask = __m256;

    #[inline(always)]
    fn constant(value: f64) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(_mm256_set1_ps(value as f32)) }
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(_mm256_fmadd_ps(self.0, a.0, b.0)) }
    }

    #[inline(always)]
    fn distance(r2: Self) -> Distance<Self> {
        // SAFETY: see `add`.
        unsafe {
            let half = _mm256_set1_ps(0.5);
            // The 12-bit estimate differs between vendors; root and division are exact on all.
            let r = _mm256_sqrt_ps(r2.0);
            let inverse = _mm256_div_ps(_mm256_set1_ps(1.0), r);
            let left = _mm256_fnmadd_ps(r, r, r2.0);
            let residual = _mm256_mul_ps(_mm256_mul_ps(left, half), inverse);
            Distance { r2, r: Self(r), residual: Self(residual), inverse: Self(inverse) }
        }
    }

    #[inline(always)]
    fn exp2_of_distance(rate: Self, d: &Distance<Self>) -> Self {
        // SAFETY: see `add`.
        unsafe {
            let x = _mm256_max_ps(_mm256_mul_ps(rate.0, d.r.0), _mm256_set1_ps(-126.0));
            let n = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x);
            let f = _mm256_fmsub_ps(rate.0, d.r.0, n);
            let f = _mm256_fmadd_ps(rate.0, d.residual.0, f);
            // Far beyond any cutoff n was clamped; keep f where the polynomial is finite.
            let f = _mm256_max_ps(f, _mm256_set1_ps(-1.0));
            let mut p = _mm256_set1_ps(EXP2[6]);
            for k in (0..6).rev() {
                p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(EXP2[k]));
            }
            let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
            Self(_mm256_mul_ps(p, _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))))
        }
    }

    #[inline(never)]
    fn power(self, exponent: Self) -> Self {
        let power = lanewise_power(self.to_array(), exponent.to_array());
        // SAFETY: see `add`; the array holds more than eight floats.
        unsafe { Self(_mm256_loadu_ps(power.as_ptr())) }
    }

    #[inline(always)]
    fn less(self, other: Self) -> __m256 {
        // SAFETY: see `add`.
        unsafe { _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, other.0) }
    }

    #[inline(always)]
    fn select(mask: __m256, yes: Self, no: Self) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(_mm256_blendv_ps(no.0, yes.0, mask)) }
    }

    #[inline(always)]
    fn select_rare(mask: __m256, usual: Term<Self>, rare: impl Rare<Self>) -> Term<Self> {
        select_rare(mask, usual, rare)
    }
}

/// The row of a table of lanes for a mask.
///
/// # Safety
/// AVX2 must be present.
#[inline(always)]
unsafe fn eight_lanes(table: &[[u8; CLUSTER]; 256], bits: u32) -> __m256i {
    // SAFETY: the caller vouches for AVX2; the row holds eight bytes.
    unsafe {
        let row = &table[(bits & 255) as usize];
        _mm256_cvtepu8_epi32(_mm_loadl_epi64(row.as_ptr().cast()))
    }
}

impl Lanes for Avx2 {
    const ROWS: usize = 1;
    type Int = __m256i;

    #[inline(always)]
    fn cluster_int(from: &[u32; CLUSTER]) -> __m256i {
        // SAFETY: see `add`; the pointer covers eight integers.
        unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn cluster(from: &[f32; CLUSTER]) -> Self {
        // SAFETY: see `add`; the pointer covers eight floats.
        unsafe { Self(_mm256_loadu_ps(from.as_ptr())) }
    }

    #[inline(always)]
    fn rows_int(from: &[u32]) -> __m256i {
        // SAFETY: see `add`.
        unsafe { _mm256_set1_epi32(from[0] as i32) }
    }

    #[inline(always)]
    fn rows(from: &[f32]) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(_mm256_set1_ps(from[0])) }
    }

    #[inline(always)]
    fn wrapped_difference(a: __m256i, b: __m256i) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(_mm256_cvtepi32_ps(_mm256_sub_epi32(a, b))) }
    }

    #[inline(always)]
    fn lookup_index(species: &[u32; CLUSTER]) -> __m256i {
        Self::cluster_int(species)
    }

    #[inline(always)]
    fn lookup(table: &[f32; 16], index: __m256i) -> Self {
        // SAFETY: see `add`; the table holds more than eight floats.
        unsafe { Self(_mm256_permutevar8x32_ps(_mm256_loadu_ps(table.as_ptr()), index)) }
    }

    #[inline(always)]
    fn gather(table: &[[f32; 4]], index: Self, column: usize) -> Self {
        // SAFETY: see `add`; the caller keeps indices within the table.
        unsafe {
            let rows = _mm256_slli_epi32::<2>(_mm256_cvttps_epi32(index.0));
            Self(_mm256_i32gather_ps::<4>(table.as_ptr().cast::<f32>().add(column), rows))
        }
    }

    #[inline(always)]
    fn floor(self) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(_mm256_floor_ps(self.0)) }
    }

    #[inline(always)]
    fn bits(mask: __m256) -> u32 {
        // SAFETY: see `add`.
        unsafe { _mm256_movemask_ps(mask) as u32 }
    }

    #[inline(always)]
    fn pack(self, bits: u32) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(_mm256_permutevar8x32_ps(self.0, eight_lanes(&PACK, bits))) }
    }

    #[inline(always)]
    fn pack_int(ints: __m256i, bits: u32) -> __m256i {
        // SAFETY: see `add`.
        unsafe { _mm256_permutevar8x32_epi32(ints, eight_lanes(&PACK, bits)) }
    }

    #[inline(always)]
    fn spread(self, bits: u32) -> Self {
        // SAFETY: see `add`.
        unsafe {
            let ranks = eight_lanes(&SPREAD, bits);
            let set = _mm256_cmpgt_epi32(_mm256_set1_epi32(i32::from(UNSET)), ranks);
            let moved = _mm256_permutevar8x32_ps(self.0, ranks);
            Self(_mm256_and_ps(moved, _mm256_castsi256_ps(set)))
        }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see `add`; the caller vouches for the memory (so below).
        unsafe { Self(_mm256_loadu_ps(from)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see `load`.
        unsafe { _mm256_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn load_int(from: *const u32) -> __m256i {
        // SAFETY: see `load`.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store_int(ints: __m256i, to: *mut u32) {
        // SAFETY: see `load`.
        unsafe { _mm256_storeu_si256(to.cast(), ints) }
    }

    #[inline(always)]
    fn at_least(self, floor: Self) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(_mm256_max_ps(self.0, floor.0)) }
    }

    #[inline(always)]
    fn add_rows_to(self, to: &mut [f32; CLUSTER]) {
        // SAFETY: see `add`; the pointer covers eight floats.
        unsafe {
            _mm256_storeu_ps(to.as_mut_ptr(), _mm256_add_ps(_mm256_loadu_ps(to.as_ptr()), self.0));
        }
    }

    #[inline(always)]
    fn subtract_row_sums_from(self, to: &mut [f32]) {
        // SAFETY: see `add`; AVX2 includes AVX.
        unsafe { to[0] -= sum8(self.0) }
    }

    #[inline(always)]
    fn to_array(self) -> [f32; 16] {
        let mut lanes = [1.0; 16];
        // SAFETY: see `add`; the array holds more than eight floats.
        unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), self.0) };
        lanes
    }
}
