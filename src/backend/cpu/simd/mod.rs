//! Vectors of f32 lanes for the pair kernel.
//!
//! A vector holds [`Lanes::ROWS`] i-atoms side by side, each against the eight j-atoms of a
//! cluster. The portable version is arrays that the compiler vectorises for whatever the target
//! has; AVX-512, AVX2 and NEON use intrinsics for the permutations, fused products and approximate
//! roots that plain code cannot express. Values of their types may only be made where the
//! instruction set was detected; [`super::level::Level`] is the only way in.

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon;
pub(super) mod portable;

use crate::potential::{Rare, Real, Term};

/// Atoms in a j-cluster.
pub(super) const CLUSTER: usize = 8;

/// f32 lanes with the integer, table and reduction operations of the cluster kernel.
pub(super) trait Lanes: Real {
    /// i-atoms held side by side.
    const ROWS: usize;
    /// Lanes of a vector.
    const WIDTH: usize = Self::ROWS * CLUSTER;
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
    /// One bit a lane, 8 a row.
    fn bits(mask: Self::Mask) -> u32;
    /// Number of lanes set.
    #[inline(always)]
    fn count(mask: Self::Mask) -> u32 {
        Self::bits(mask).count_ones()
    }
    /// Lanes whose bit is set, moved together to the front in their order; behind them is
    /// anything that was a lane before, or 0.
    fn pack(self, bits: u32) -> Self;
    /// [`Lanes::pack`] of integers.
    fn pack_int(ints: Self::Int, bits: u32) -> Self::Int;
    /// The inverse: lanes from the front moved to those whose bit is set, 0 in the others.
    fn spread(self, bits: u32) -> Self;
    /// [`Lanes::WIDTH`] floats from memory.
    ///
    /// # Safety
    /// All of them must be readable.
    unsafe fn load(from: *const f32) -> Self;
    /// The inverse.
    ///
    /// # Safety
    /// As many floats must be writable.
    unsafe fn store(self, to: *mut f32);
    /// As many integers that [`Lanes::store_int`] wrote.
    ///
    /// # Safety
    /// All of them must be readable.
    unsafe fn load_int(from: *const u32) -> Self::Int;
    /// The inverse.
    ///
    /// # Safety
    /// As many integers must be writable.
    unsafe fn store_int(ints: Self::Int, to: *mut u32);
    /// The larger of both.
    fn at_least(self, floor: Self) -> Self;
    /// Adds the sum over rows to eight floats.
    fn add_rows_to(self, to: &mut [f32; CLUSTER]);
    /// Subtracts each row's lane sum from `to[row]`.
    fn subtract_row_sums_from(self, to: &mut [f32]);
    /// The lanes, row after row (8 or 16 of them used).
    fn to_array(self) -> [f32; 16];
}

/// For each mask of eight lanes, the lanes set, in order; then lanes that do not matter.
pub(super) static PACK: [[u8; CLUSTER]; 256] = lane_tables().0;

/// For each mask of eight lanes, the rank of each lane among those set, [`UNSET`] for the others.
pub(super) static SPREAD: [[u8; CLUSTER]; 256] = lane_tables().1;

/// Beyond the lanes of a vector.
pub(super) const UNSET: u8 = CLUSTER as u8;

const fn lane_tables() -> ([[u8; CLUSTER]; 256], [[u8; CLUSTER]; 256]) {
    let mut pack = [[0; CLUSTER]; 256];
    let mut spread = [[UNSET; CLUSTER]; 256];
    let mut bits = 0;
    while bits < 256 {
        let (mut lane, mut rank) = (0, 0);
        while lane < CLUSTER {
            if bits >> lane & 1 == 1 {
                pack[bits][rank] = lane as u8;
                spread[bits][lane] = rank as u8;
                rank += 1;
            }
            lane += 1;
        }
        bits += 1;
    }
    (pack, spread)
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

/// `rare` in the lanes of the mask, worked out only if there are any.
#[inline(always)]
fn select_rare<L: Lanes>(mask: L::Mask, usual: Term<L>, rare: impl Rare<L>) -> Term<L> {
    if L::count(mask) == 0 {
        return usual;
    }
    let rare = rare.term();
    Term {
        energy: L::select(mask, rare.energy, usual.energy),
        virial: L::select(mask, rare.virial, usual.virial),
    }
}

/// self^exponent lane by lane in double precision, for the rare branch.
pub(super) fn lanewise_power(base: [f32; 16], exponent: [f32; 16]) -> [f32; 16] {
    let mut power = [0.0; 16];
    for lane in 0..16 {
        power[lane] = f64::from(base[lane]).powf(f64::from(exponent[lane])) as f32;
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every operation of a kind of lanes against its definition.
    fn check<L: Lanes>() {
        let n = L::WIDTH;
        let mask_of_bits = |bits: u32| {
            let lanes: Vec<f32> = (0..n).map(|lane| (bits >> lane & 1) as f32).collect();
            // SAFETY: there are as many as lanes.
            L::constant(0.5).less(unsafe { L::load(lanes.as_ptr()) })
        };
        let lanes = |x: L| x.to_array()[..n].to_vec();
        let each = |f: &dyn Fn(usize, usize) -> f32| -> Vec<f32> {
            (0..n).map(|k| f(k / CLUSTER, k % CLUSTER)).collect()
        };
        let a = [0.5f32, -1.25, 3.0, 7.75, -0.125, 12.0, -9.5, 2.0];
        let x = L::cluster(&a);
        assert_eq!(lanes(x), each(&|_, k| a[k]));
        let rows = [2.0f32, -3.0];
        let y = L::rows(&rows[..L::ROWS]);
        assert_eq!(lanes(y), each(&|row, _| rows[row]));
        assert_eq!(lanes(x + y), each(&|row, k| a[k] + rows[row]));
        assert_eq!(lanes(x - y), each(&|row, k| a[k] - rows[row]));
        assert_eq!(lanes(x * y), each(&|row, k| a[k] * rows[row]));
        assert_eq!(lanes(-x), each(&|_, k| -a[k]));
        assert_eq!(lanes(x.mul_add(y, x)), each(&|row, k| a[k] * rows[row] + a[k]));
        assert_eq!(lanes(x.floor()), each(&|_, k| a[k].floor()));
        assert_eq!(lanes(x.at_least(y)), each(&|row, k| a[k].max(rows[row])));

        let fractions = [0u32, 1, 5, u32::MAX, 1 << 31, 77, 1 << 30, 12_345_678];
        let own = [3u32, u32::MAX - 9];
        let d = L::wrapped_difference(L::rows_int(&own[..L::ROWS]), L::cluster_int(&fractions));
        let difference = |row: usize, k: usize| own[row].wrapping_sub(fractions[k]) as i32 as f32;
        assert_eq!(lanes(d), each(&difference));

        let species = [3u32, 0, 7, 1, 6, 2, 5, 4];
        let table: [f32; 16] = std::array::from_fn(|k| 1.0 / (k as f32 + 3.0));
        let found = L::lookup(&table, L::lookup_index(&species));
        assert_eq!(lanes(found), each(&|row, k| table[species[k] as usize + 8 * row]));
        let coefficients: Vec<[f32; 4]> =
            (0..20).map(|k| std::array::from_fn(|c| (10 * k + c) as f32)).collect();
        let index = [19.0f32, 0.0, 4.0, 7.0, 11.0, 2.0, 18.0, 5.0];
        for column in 0..4 {
            let found = L::gather(&coefficients, L::cluster(&index), column);
            assert_eq!(lanes(found), each(&|_, k| 10.0 * index[k] + column as f32));
        }

        for bits in [0u32, 0b1010_0110, 0xFFFF, 0x8001, 0x0100] {
            let bits = bits & ((1u32 << n) - 1);
            let mask = mask_of_bits(bits);
            assert_eq!(L::count(mask), bits.count_ones());
            let chosen = |row: usize, k: usize| {
                if bits >> (row * CLUSTER + k) & 1 == 1 { a[k] } else { rows[row] }
            };
            assert_eq!(lanes(L::select(mask, x, y)), each(&chosen));
        }
        for bits in [0u32, 1, 0b1010_0110, 0xFFFF, 0x8001, 0x0100, 0xF37E] {
            let bits = bits & ((1u32 << n) - 1);
            assert_eq!(L::bits(mask_of_bits(bits)), bits);
            let set: Vec<usize> = (0..n).filter(|lane| bits >> lane & 1 == 1).collect();
            let numbers: Vec<f32> = (1..=n).map(|k| k as f32).collect();
            // SAFETY: there are as many as lanes.
            let loaded = unsafe { L::load(numbers.as_ptr()) };
            let packed = lanes(loaded.pack(bits));
            for (rank, &lane) in set.iter().enumerate() {
                assert_eq!(packed[rank], numbers[lane]);
            }
            let mut spread = vec![0.0; n];
            for (rank, &lane) in set.iter().enumerate() {
                spread[lane] = numbers[rank];
            }
            assert_eq!(lanes(loaded.spread(bits)), spread);
            let mut stored = vec![0.0; n];
            let mut indices = vec![0; n];
            let packed = L::pack_int(L::lookup_index(&species), bits);
            // SAFETY: there are as many as lanes.
            let index = unsafe {
                loaded.store(stored.as_mut_ptr());
                L::store_int(packed, indices.as_mut_ptr());
                L::load_int(indices.as_ptr())
            };
            assert_eq!(stored, numbers);
            let found = lanes(L::lookup(&table, index));
            for (rank, &lane) in set.iter().enumerate() {
                let entry = species[lane % CLUSTER] as usize + lane / CLUSTER * CLUSTER;
                assert_eq!(found[rank], table[entry]);
            }
        }
        let below = each(&|row, k| f32::from(u8::from(a[k] < rows[row])));
        let (one, zero) = (L::constant(1.0), L::constant(0.0));
        assert_eq!(lanes(L::select(x.less(y), one, zero)), below);

        let mut to = [100.0f32; CLUSTER];
        (x * y).add_rows_to(&mut to);
        for k in 0..CLUSTER {
            assert_eq!(to[k], 100.0 + a[k] * rows[..L::ROWS].iter().sum::<f32>());
        }
        let mut to = vec![1.0f32; L::ROWS];
        (x * y).subtract_row_sums_from(&mut to);
        for row in 0..L::ROWS {
            assert_eq!(to[row], 1.0 - rows[row] * a.iter().sum::<f32>());
        }

        let squares = [0.25f32, 1.7, 3.3, 9.9, 17.2, 40.1, 63.9, 80.6];
        let distance = L::distance(L::cluster(&squares));
        let rate = -3.456f32;
        let power = lanes(L::exp2_of_distance(L::constant(f64::from(rate)), &distance));
        let (r, rest) = (lanes(distance.r), lanes(distance.residual));
        for k in 0..n {
            let exact = f64::from(squares[k % CLUSTER]).sqrt();
            let sum = f64::from(r[k]) + f64::from(rest[k]);
            assert!((sum / exact - 1.0).abs() < 1e-12, "{sum} {exact}");
            assert!((f64::from(lanes(distance.inverse)[k]) * exact - 1.0).abs() < 2e-7);
            let want = (f64::from(rate) * exact).exp2();
            assert!((f64::from(power[k]) / want - 1.0).abs() < 5e-7, "{} {want}", power[k]);
        }
        let power = lanes(L::cluster(&squares).power(L::constant(1.5)));
        for k in 0..n {
            let want = f64::from(squares[k % CLUSTER]).powf(1.5);
            assert!((f64::from(power[k]) / want - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn every_kind_of_lanes_computes_what_it_is_defined_as() {
        check::<portable::Portable>();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                check::<avx2::Avx2>();
            }
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
                check::<avx512::Avx512>();
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            check::<neon::Neon>();
        }
    }
}
