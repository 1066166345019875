//! AVX-512: two rows of eight lanes.

use std::arch::x86_64::*;
use std::ops::{Add, Mul, Neg, Sub};

use super::{CLUSTER, EXP2, Lanes, lanewise_power, select_rare};
use crate::potential::{Distance, Rare, Real, Term};

/// Sixteen f32 lanes. Made only where AVX-512 F and DQ were detected, which is what makes the
/// intrinsics below sound.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Avx512(__m512);

impl Add for Avx512 {
    type Output = Self;
    #[inline(always)]
    fn add(self, o: Self) -> Self {
        // SAFETY: values exist only where AVX-512 was detected (so throughout this file).
        unsafe { Self(_mm512_add_ps(self.0, o.0)) }
    }
}

impl Sub for Avx512 {
    type Output = Self;
    #[inline(always)]
    fn sub(self, o: Self) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(_mm512_sub_ps(self.0, o.0)) }
    }
}

impl Mul for Avx512 {
    type Output = Self;
    #[inline(always)]
    fn mul(self, o: Self) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(_mm512_mul_ps(self.0, o.0)) }
    }
}

impl Neg for Avx512 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(_mm512_xor_ps(self.0, _mm512_set1_ps(-0.0))) }
    }
}

impl Real for Avx512 {
    type Mask = __mmask16;

    #[inline(always)]
    fn constant(value: f64) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(_mm512_set1_ps(value as f32)) }
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(_mm512_fmadd_ps(self.0, a.0, b.0)) }
    }

    #[inline(always)]
    fn distance(r2: Self) -> Distance<Self> {
        // SAFETY: see `add`.
        unsafe {
            let one = _mm512_set1_ps(1.0);
            let half = _mm512_set1_ps(0.5);
            // 14 bits, then one Newton step.
            let y = _mm512_rsqrt14_ps(r2.0);
            let e = _mm512_fnmadd_ps(_mm512_mul_ps(r2.0, y), y, one);
            let inverse = _mm512_fmadd_ps(_mm512_mul_ps(y, half), e, y);
            let r = _mm512_mul_ps(r2.0, inverse);
            let left = _mm512_fnmadd_ps(r, r, r2.0);
            let residual = _mm512_mul_ps(_mm512_mul_ps(left, half), inverse);
            Distance { r2, r: Self(r), residual: Self(residual), inverse: Self(inverse) }
        }
    }

    #[inline(always)]
    fn exp2_of_distance(rate: Self, d: &Distance<Self>) -> Self {
        // SAFETY: see `add`.
        unsafe {
            let x = _mm512_mul_ps(rate.0, d.r.0);
            let n = _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x);
            let f = _mm512_fmsub_ps(rate.0, d.r.0, n);
            let f = _mm512_fmadd_ps(rate.0, d.residual.0, f);
            let mut p = _mm512_set1_ps(EXP2[6]);
            for k in (0..6).rev() {
                p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(EXP2[k]));
            }
            Self(_mm512_scalef_ps(p, n))
        }
    }

    #[inline(never)]
    fn power(self, exponent: Self) -> Self {
        let power = lanewise_power(self.to_array(), exponent.to_array());
        // SAFETY: see `add`; the array holds sixteen floats.
        unsafe { Self(_mm512_loadu_ps(power.as_ptr())) }
    }

    #[inline(always)]
    fn less(self, other: Self) -> __mmask16 {
        // SAFETY: see `add`.
        unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, other.0) }
    }

    #[inline(always)]
    fn select(mask: __mmask16, yes: Self, no: Self) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(_mm512_mask_blend_ps(mask, no.0, yes.0)) }
    }

    #[inline(always)]
    fn select_rare(mask: __mmask16, usual: Term<Self>, rare: impl Rare<Self>) -> Term<Self> {
        select_rare(mask, usual, rare)
    }
}

impl Lanes for Avx512 {
    const ROWS: usize = 2;
    type Int = __m512i;

    #[inline(always)]
    fn cluster_int(from: &[u32; CLUSTER]) -> __m512i {
        // SAFETY: see `add`; the pointer covers eight integers.
        unsafe { _mm512_broadcast_i64x4(_mm256_loadu_si256(from.as_ptr().cast())) }
    }

    #[inline(always)]
    fn cluster(from: &[f32; CLUSTER]) -> Self {
        // SAFETY: see `add`; the pointer covers eight floats.
        unsafe {
            let half = _mm256_loadu_pd(from.as_ptr().cast());
            Self(_mm512_castpd_ps(_mm512_broadcast_f64x4(half)))
        }
    }

    #[inline(always)]
    fn rows_int(from: &[u32]) -> __m512i {
        // SAFETY: see `add`.
        unsafe {
            let (a, b) = (_mm256_set1_epi32(from[0] as i32), _mm256_set1_epi32(from[1] as i32));
            _mm512_inserti64x4::<1>(_mm512_castsi256_si512(a), b)
        }
    }

    #[inline(always)]
    fn rows(from: &[f32]) -> Self {
        // SAFETY: see `add`.
        unsafe {
            let bits = Self::rows_int(&[from[0].to_bits(), from[1].to_bits()]);
            Self(_mm512_castsi512_ps(bits))
        }
    }

    #[inline(always)]
    fn wrapped_difference(a: __m512i, b: __m512i) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(_mm512_cvtepi32_ps(_mm512_sub_epi32(a, b))) }
    }

    #[inline(always)]
    fn lookup_index(species: &[u32; CLUSTER]) -> __m512i {
        // SAFETY: see `add`.
        unsafe {
            let rows = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 8, 8, 8, 8, 8, 8, 8, 8);
            _mm512_add_epi32(Self::cluster_int(species), rows)
        }
    }

    #[inline(always)]
    fn lookup(table: &[f32; 16], index: __m512i) -> Self {
        // SAFETY: see `add`; the table holds sixteen floats.
        unsafe { Self(_mm512_permutexvar_ps(index, _mm512_loadu_ps(table.as_ptr()))) }
    }

    #[inline(always)]
    fn gather(table: &[[f32; 4]], index: Self, column: usize) -> Self {
        // SAFETY: see `add`; the caller keeps indices within the table.
        unsafe {
            let rows = _mm512_slli_epi32::<2>(_mm512_cvttps_epi32(index.0));
            Self(_mm512_i32gather_ps::<4>(rows, table.as_ptr().cast::<f32>().add(column)))
        }
    }

    #[inline(always)]
    fn floor(self) -> Self {
        // SAFETY: see `add`.
        unsafe {
            Self(_mm512_roundscale_ps::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(self.0))
        }
    }

    #[inline(always)]
    fn bits(mask: __mmask16) -> u32 {
        u32::from(mask)
    }

    #[inline(always)]
    fn pack(self, bits: u32) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(_mm512_maskz_compress_ps(bits as __mmask16, self.0)) }
    }

    #[inline(always)]
    fn pack_int(ints: __m512i, bits: u32) -> __m512i {
        // SAFETY: see `add`.
        unsafe { _mm512_maskz_compress_epi32(bits as __mmask16, ints) }
    }

    #[inline(always)]
    fn spread(self, bits: u32) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(_mm512_maskz_expand_ps(bits as __mmask16, self.0)) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: see `add`; the caller vouches for the memory (so below).
        unsafe { Self(_mm512_loadu_ps(from)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see `load`.
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn load_int(from: *const u32) -> __m512i {
        // SAFETY: see `load`.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store_int(ints: __m512i, to: *mut u32) {
        // SAFETY: see `load`.
        unsafe { _mm512_storeu_si512(to.cast(), ints) }
    }

    #[inline(always)]
    fn at_least(self, floor: Self) -> Self {
        // SAFETY: see `add`.
        unsafe { Self(_mm512_max_ps(self.0, floor.0)) }
    }

    #[inline(always)]
    fn add_rows_to(self, to: &mut [f32; CLUSTER]) {
        // SAFETY: see `add`; the pointer covers eight floats.
        unsafe {
            let sum =
                _mm256_add_ps(_mm512_castps512_ps256(self.0), _mm512_extractf32x8_ps::<1>(self.0));
            _mm256_storeu_ps(to.as_mut_ptr(), _mm256_add_ps(_mm256_loadu_ps(to.as_ptr()), sum));
        }
    }

    #[inline(always)]
    fn subtract_row_sums_from(self, to: &mut [f32]) {
        // SAFETY: see `add`.
        unsafe {
            to[0] -= sum8(_mm512_castps512_ps256(self.0));
            to[1] -= sum8(_mm512_extractf32x8_ps::<1>(self.0));
        }
    }

    #[inline(always)]
    fn to_array(self) -> [f32; 16] {
        let mut lanes = [0.0; 16];
        // SAFETY: see `add`; the array holds sixteen floats.
        unsafe { _mm512_storeu_ps(lanes.as_mut_ptr(), self.0) };
        lanes
    }
}

/// Sum of eight lanes: halves, quarters, pairs.
///
/// # Safety
/// AVX must be present.
#[inline(always)]
pub(super) unsafe fn sum8(a: __m256) -> f32 {
    // SAFETY: the caller vouches for AVX.
    unsafe {
        let s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
        let s = _mm_add_ps(s, _mm_movehl_ps(s, s));
        _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)))
    }
}
