//! Lanes as arrays: one row of eight, for any processor.

use std::ops::{Add, Mul, Neg, Sub};

use super::{CLUSTER, EXP2, Lanes, PACK, SPREAD, lanewise_power, select_rare};
use crate::potential::{Distance, Rare, Real, Term};

/// Eight f32 lanes.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Portable([f32; 8]);

#[inline(always)]
fn map(a: [f32; 8], f: impl Fn(f32) -> f32) -> Portable {
    let mut r = [0.0; 8];
    for k in 0..8 {
        r[k] = f(a[k]);
    }
    Portable(r)
}

#[inline(always)]
fn zip(a: [f32; 8], b: [f32; 8], f: impl Fn(f32, f32) -> f32) -> Portable {
    let mut r = [0.0; 8];
    for k in 0..8 {
        r[k] = f(a[k], b[k]);
    }
    Portable(r)
}

impl Add for Portable {
    type Output = Self;
    #[inline(always)]
    fn add(self, o: Self) -> Self {
        zip(self.0, o.0, |a, b| a + b)
    }
}

impl Sub for Portable {
    type Output = Self;
    #[inline(always)]
    fn sub(self, o: Self) -> Self {
        zip(self.0, o.0, |a, b| a - b)
    }
}

impl Mul for Portable {
    type Output = Self;
    #[inline(always)]
    fn mul(self, o: Self) -> Self {
        zip(self.0, o.0, |a, b| a * b)
    }
}

impl Neg for Portable {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        map(self.0, |a| -a)
    }
}

impl Portable {
    fn wide(self) -> [f32; 16] {
        let mut wide = [1.0; 16];
        wide[..8].copy_from_slice(&self.0);
        wide
    }
}

/// Products whose rounding must be undone are split at 12 bits, where they are exact without a
/// fused multiply–add.
#[inline(always)]
fn high_part(x: f32) -> f32 {
    f32::from_bits(x.to_bits() & 0xFFFF_F000)
}

impl Real for Portable {
    type Mask = [bool; 8];

    #[inline(always)]
    fn constant(value: f64) -> Self {
        Self([value as f32; 8])
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        self * a + b
    }

    #[inline(always)]
    fn distance(r2: Self) -> Distance<Self> {
        let r = map(r2.0, f32::sqrt);
        let inverse = map(r.0, |r| 1.0 / r);
        let mut residual = [0.0; 8];
        for k in 0..8 {
            let (high, low) = (high_part(r.0[k]), r.0[k] - high_part(r.0[k]));
            let e = ((r2.0[k] - high * high) - 2.0 * high * low) - low * low;
            residual[k] = 0.5 * e * inverse.0[k];
        }
        Distance { r2, r, residual: Self(residual), inverse }
    }

    #[inline(always)]
    fn exp2_of_distance(rate: Self, d: &Distance<Self>) -> Self {
        let mut out = [0.0; 8];
        for k in 0..8 {
            let (c, r) = (rate.0[k], d.r.0[k]);
            // Rounds to the nearest integer by a large addend: a rounding instruction is not
            // part of every baseline.
            let n = ((c * r).max(-126.0) + 12582912.0) - 12582912.0;
            let (ch, rh) = (high_part(c), high_part(r));
            let f = (ch * rh - n) + (ch * (r - rh) + (c - ch) * r + c * d.residual.0[k]);
            // Far beyond any cutoff n was clamped; keep f where the polynomial is finite.
            let f = f.max(-1.0);
            let p = EXP2.iter().rev().fold(0.0, |sum, &coefficient| sum * f + coefficient);
            out[k] = p * f32::from_bits(((n as i32 + 127) as u32) << 23);
        }
        Self(out)
    }

    #[inline(never)]
    fn power(self, exponent: Self) -> Self {
        let wide = lanewise_power(self.wide(), exponent.wide());
        let mut lanes = [0.0; 8];
        lanes.copy_from_slice(&wide[..8]);
        Self(lanes)
    }

    #[inline(always)]
    fn less(self, other: Self) -> [bool; 8] {
        let mut mask = [false; 8];
        for k in 0..8 {
            mask[k] = self.0[k] < other.0[k];
        }
        mask
    }

    #[inline(always)]
    fn select(mask: [bool; 8], yes: Self, no: Self) -> Self {
        let mut r = [0.0; 8];
        for k in 0..8 {
            r[k] = if mask[k] { yes.0[k] } else { no.0[k] };
        }
        Self(r)
    }

    #[inline(always)]
    fn select_rare(mask: [bool; 8], usual: Term<Self>, rare: impl Rare<Self>) -> Term<Self> {
        select_rare(mask, usual, rare)
    }
}

/// Lane `lanes[k]` in lane k, 0 where there is none.
#[inline(always)]
fn moved<T: Copy + Default>(from: &[T; 8], lanes: &[u8; CLUSTER]) -> [T; 8] {
    let mut wide = [T::default(); 16];
    wide[..8].copy_from_slice(from);
    let mut to = [T::default(); 8];
    for k in 0..8 {
        to[k] = wide[usize::from(lanes[k] & 15)];
    }
    to
}

impl Lanes for Portable {
    const ROWS: usize = 1;
    type Int = [u32; 8];

    #[inline(always)]
    fn cluster_int(from: &[u32; CLUSTER]) -> [u32; 8] {
        *from
    }

    #[inline(always)]
    fn cluster(from: &[f32; CLUSTER]) -> Self {
        Self(*from)
    }

    #[inline(always)]
    fn rows_int(from: &[u32]) -> [u32; 8] {
        [from[0]; 8]
    }

    #[inline(always)]
    fn rows(from: &[f32]) -> Self {
        Self([from[0]; 8])
    }

    #[inline(always)]
    fn wrapped_difference(a: [u32; 8], b: [u32; 8]) -> Self {
        let mut r = [0.0; 8];
        for k in 0..8 {
            r[k] = a[k].wrapping_sub(b[k]) as i32 as f32;
        }
        Self(r)
    }

    #[inline(always)]
    fn lookup_index(species: &[u32; CLUSTER]) -> [u32; 8] {
        *species
    }

    #[inline(always)]
    fn lookup(table: &[f32; 16], index: [u32; 8]) -> Self {
        let mut r = [0.0; 8];
        for k in 0..8 {
            r[k] = table[(index[k] & 15) as usize];
        }
        Self(r)
    }

    #[inline(always)]
    fn gather(table: &[[f32; 4]], index: Self, column: usize) -> Self {
        map(index.0, |i| table[i as usize][column])
    }

    #[inline(always)]
    fn floor(self) -> Self {
        map(self.0, f32::floor)
    }

    #[inline(always)]
    fn bits(mask: [bool; 8]) -> u32 {
        let mut bits = 0;
        for k in 0..8 {
            bits |= u32::from(mask[k]) << k;
        }
        bits
    }

    #[inline(always)]
    fn pack(self, bits: u32) -> Self {
        Self(moved(&self.0, &PACK[(bits & 255) as usize]))
    }

    #[inline(always)]
    fn pack_int(ints: [u32; 8], bits: u32) -> [u32; 8] {
        moved(&ints, &PACK[(bits & 255) as usize])
    }

    #[inline(always)]
    fn spread(self, bits: u32) -> Self {
        Self(moved(&self.0, &SPREAD[(bits & 255) as usize]))
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for the memory (so below).
        unsafe { Self(from.cast::<[f32; 8]>().read()) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: see `load`.
        unsafe { to.cast::<[f32; 8]>().write(self.0) }
    }

    #[inline(always)]
    unsafe fn load_int(from: *const u32) -> [u32; 8] {
        // SAFETY: see `load`.
        unsafe { from.cast::<[u32; 8]>().read() }
    }

    #[inline(always)]
    unsafe fn store_int(ints: [u32; 8], to: *mut u32) {
        // SAFETY: see `load`.
        unsafe { to.cast::<[u32; 8]>().write(ints) }
    }

    #[inline(always)]
    fn at_least(self, floor: Self) -> Self {
        zip(self.0, floor.0, f32::max)
    }

    #[inline(always)]
    fn add_rows_to(self, to: &mut [f32; CLUSTER]) {
        for k in 0..8 {
            to[k] += self.0[k];
        }
    }

    #[inline(always)]
    fn subtract_row_sums_from(self, to: &mut [f32]) {
        let a = self.0;
        to[0] -= ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]));
    }

    #[inline(always)]
    fn to_array(self) -> [f32; 16] {
        let mut wide = [0.0; 16];
        wide[..8].copy_from_slice(&self.0);
        wide
    }
}
