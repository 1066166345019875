//! The arithmetic that pair potentials are written in.
//!
//! A potential is written once, generic over [`Real`]. With `f64` it is the reference, with SIMD
//! lanes the `cpu` kernel, with [`super::Dual`] the proof that force = −dU/dr, and with
//! [`super::wgsl::Traced`] it prints the WGSL function of the `gpu` kernel.

use std::ops::{Add, Mul, Neg, Sub};

/// A number, a vector of lanes, or a traced expression.
pub trait Real:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Neg<Output = Self>
{
    /// Result of a comparison.
    type Mask: Copy;

    /// The same value in every lane.
    fn constant(value: f64) -> Self;

    /// `self · a + b`, fused where the hardware has it.
    fn mul_add(self, a: Self, b: Self) -> Self;

    /// r, 1/r and what the rounding of r left over, from r² > 0.
    fn distance(r2: Self) -> Distance<Self>;

    /// 2^(rate · r), for |rate · r| < 120.
    fn exp2_of_distance(rate: Self, d: &Distance<Self>) -> Self;

    /// self^exponent for self > 0. May be slow: use it only inside [`Real::select_rare`].
    fn power(self, exponent: Self) -> Self;

    /// self < other.
    fn less(self, other: Self) -> Self::Mask;

    /// `yes` where the mask holds, else `no`.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;

    /// `rare.term()` where the mask holds, else `usual`; `rare` is not computed when no lane needs it.
    fn select_rare(mask: Self::Mask, usual: Term<Self>, rare: impl Rare<Self>) -> Term<Self>;
}

/// A pair's distance in the forms that potentials need.
#[derive(Debug, Clone, Copy)]
pub struct Distance<R> {
    /// r².
    pub r2: R,
    /// r, rounded.
    pub r: R,
    /// √r² − r beyond rounding, where the arithmetic computes it; 0 elsewhere.
    pub residual: R,
    /// 1/r.
    pub inverse: R,
}

/// Energy and virial of a pair at one distance.
///
/// The force on the pair is (w/r²) times the separation vector. Potentials give w rather than w/r²
/// because in a bond large repulsion and attraction cancel: rounding in a factor 1/r² common to
/// both acts on what is left, rounding in each of two factors acts on the large terms.
#[derive(Debug, Clone, Copy)]
pub struct Term<R> {
    /// U(r).
    pub energy: R,
    /// w = −r dU/dr.
    pub virial: R,
}

impl<R: Real> Term<R> {
    /// No interaction.
    #[inline(always)]
    pub fn zero() -> Self {
        Self { energy: R::constant(0.0), virial: R::constant(0.0) }
    }

    /// The term where the mask holds, else nothing.
    #[inline(always)]
    pub fn masked(self, mask: R::Mask) -> Self {
        let zero = R::constant(0.0);
        Self {
            energy: R::select(mask, self.energy, zero),
            virial: R::select(mask, self.virial, zero),
        }
    }
}

/// A branch that few pairs take. A trait rather than a closure, because closures are not inlined
/// into functions compiled for more instructions than the crate's baseline, and what they capture
/// would be stored for every pair.
pub trait Rare<R> {
    /// The branch's result.
    fn term(self) -> Term<R>;
}

/// Numbers of a species pair, by index into the form's parameter list.
pub trait Parameters<R> {
    /// Parameter `index` of this pair.
    fn get(&self, index: usize) -> R;

    /// Diameters of the two particles, for forms that declare them.
    fn diameters(&self) -> [R; 2];
}

impl Parameters<f64> for [f64] {
    #[inline(always)]
    fn get(&self, index: usize) -> f64 {
        self[index]
    }

    fn diameters(&self) -> [f64; 2] {
        // The reference appends the two diameters to the pair's own numbers.
        [self[self.len() - 2], self[self.len() - 1]]
    }
}

impl Real for f64 {
    type Mask = bool;

    #[inline(always)]
    fn constant(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        // Not fused: without hardware support f64::mul_add is a slow library call, and the
        // reference does not need the last bit.
        self * a + b
    }

    #[inline(always)]
    fn distance(r2: Self) -> Distance<Self> {
        let r = r2.sqrt();
        Distance { r2, r, residual: 0.0, inverse: 1.0 / r }
    }

    #[inline(always)]
    fn exp2_of_distance(rate: Self, d: &Distance<Self>) -> Self {
        (rate * d.r).exp2()
    }

    #[inline(always)]
    fn power(self, exponent: Self) -> Self {
        self.powf(exponent)
    }

    #[inline(always)]
    fn less(self, other: Self) -> bool {
        self < other
    }

    #[inline(always)]
    fn select(mask: bool, yes: Self, no: Self) -> Self {
        if mask { yes } else { no }
    }

    #[inline(always)]
    fn select_rare(mask: bool, usual: Term<Self>, rare: impl Rare<Self>) -> Term<Self> {
        if mask { rare.term() } else { usual }
    }
}
