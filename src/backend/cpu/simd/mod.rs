//! Vectors of f32 lanes for the pair kernel.
//!
//! A vector holds [`Lanes::ROWS`] i-atoms side by side, each against the eight j-atoms of a
//! cluster. The portable version is arrays that the compiler vectorises for whatever the target
//! has (NEON, SSE2); AVX2 and AVX-512 use intrinsics for the permutations and approximate roots
//! that plain code cannot express. Values of the x86 types may only be made where the instruction
//! set was detected; [`super::level::Level`] is the only way in.

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
pub(super) mod portable;

use crate::potential::Real;

/// Atoms in a j-cluster.
pub(super) const CLUSTER: usize = 8;

/// f32 lanes with the integer, table and reduction operations of the cluster kernel.
pub(super) trait Lanes: Real {
    /// i-atoms held side by side.
    const ROWS: usize;
    /// Vector of 32-bit integers.
    type Int: Copy;

    /// The eight integers of a j-cluster, repeated for each row.
    fn cluster_int(from: &[u32; CLUSTER]) -> Self::Int;
    /// The eight floats of a j-cluster, repeated for each row.
    fn cluster(from: &[f32; CLUSTER]) -> Self;
    /// One integer an i-atom: `from[row]` in all lanes of the row.
    fn rows_int(from: &[u32]) -> Self::Int;
    /// One float an i-atom.
    fn rows(from: &[f32]) -> Self;
    /// Wrapping a − b, read as signed and converted to float.
    fn wrapped_difference(a: Self::Int, b: Self::Int) -> Self;
    /// Lookup indices of the j species of a cluster: 8 is added in the second row.
    fn lookup_index(species: &[u32; CLUSTER]) -> Self::Int;
    /// Each lane's entry of a table of 16 (two rows of 8).
    fn lookup(table: &[f32; 16], index: Self::Int) -> Self;
    /// Column of row `index` of a coefficient table, lane by lane. Indices must be in range.
    fn gather(table: &[[f32; 4]], index: Self, column: usize) -> Self;
    /// Largest integer not above self.
    fn floor(self) -> Self;
    /// Lanes whose bit is set (8 bits a row).
    fn mask_of_bits(bits: u32) -> Self::Mask;
    /// Number of lanes set.
    fn count(mask: Self::Mask) -> u32;
    /// The larger of both.
    fn at_least(self, floor: Self) -> Self;
    /// Subtracts the sum over rows from eight floats.
    fn subtract_rows_from(self, to: &mut [f32; CLUSTER]);
    /// Adds each row's lane sum to `to[row]`.
    fn add_row_sums_to(self, to: &mut [f32]);
    /// The lanes, row after row (8 or 16 of them used).
    fn to_array(self) -> [f32; 16];
}

/// Coefficients of 2^f on [−½, ½]: Chebyshev fit of degree 6, relative error 6e-8 at most with
/// the coefficients rounded to f32.
#[allow(clippy::excessive_precision)]
pub(in crate::backend::cpu) const EXP2: [f32; 7] = [
    1.000000000e+00,
    6.931472067e-01,
    2.402265121e-01,
    5.550327214e-02,
    9.618025603e-03,
    1.340043217e-03,
    1.546973194e-04,
];

/// self^exponent lane by lane in double precision, for the rare branch.
pub(super) fn lanewise_power(base: [f32; 16], exponent: [f32; 16]) -> [f32; 16] {
    let mut power = [0.0; 16];
    for lane in 0..16 {
        power[lane] = f64::from(base[lane]).powf(f64::from(exponent[lane])) as f32;
    }
    power
}
