//! Passes over the sites, each compiled for every instruction set.

use super::super::level::{Level, Task};
use super::super::simd::EXP2;
use super::grid::Grid;

/// What a pass makes of a site: the sum over its neighbours, and two values of its own.
pub(super) trait Rule: Copy {
    fn at<const FMA: bool>(self, sum: f32, a: f32, b: f32) -> f32;
}

#[inline(always)]
pub(super) fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// The larger one, as one instruction.
#[inline(always)]
pub(super) fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// 1/(1 + 2^t). The relative error is a few 1e-7 and that of t.
#[inline(always)]
fn logistic<const FMA: bool>(t: f32) -> f32 {
    // Adding 1.5·2²³ rounds to an integer, whose low bits are then those of the sum.
    const ROUND: f32 = 12_582_912.0;
    let t = t.clamp(-120.0, 120.0);
    let shifted = t + ROUND;
    let f = t - (shifted - ROUND);
    let mut p = EXP2[6];
    for c in EXP2[..6].iter().rev() {
        p = fma::<FMA>(p, f, *c);
    }
    let e = f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23));
    1.0 / (1.0 + e)
}

/// η times the logistic of a field: `a` = η, `b` = the attraction of the solid.
#[derive(Debug, Clone, Copy)]
pub(super) struct Density {
    /// w_ff/kT times −log₂ e, so that 2 can be the base of the exponential.
    pub fluid: f32,
    /// The field, likewise.
    pub field: f32,
}

/// The logistic itself: `b` = the attraction of the solid.
#[derive(Debug, Clone, Copy)]
pub(super) struct Logistic(pub Density);

/// The neighbour sum itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sum;

/// b − w a Σ.
#[derive(Debug, Clone, Copy)]
pub(super) struct Difference(pub f32);

impl Rule for Density {
    #[inline(always)]
    fn at<const FMA: bool>(self, sum: f32, a: f32, b: f32) -> f32 {
        a * logistic::<FMA>(fma::<FMA>(self.fluid, sum, self.field + b))
    }
}

impl Rule for Logistic {
    #[inline(always)]
    fn at<const FMA: bool>(self, sum: f32, _: f32, b: f32) -> f32 {
        logistic::<FMA>(fma::<FMA>(self.0.fluid, sum, self.0.field + b))
    }
}

impl Rule for Sum {
    #[inline(always)]
    fn at<const FMA: bool>(self, sum: f32, _: f32, _: f32) -> f32 {
        sum
    }
}

impl Rule for Difference {
    #[inline(always)]
    fn at<const FMA: bool>(self, sum: f32, a: f32, b: f32) -> f32 {
        fma::<FMA>(-self.0 * a, sum, b)
    }
}

/// `to` = rule(neighbour sum of `from`, a, b) at every site; what it makes of the frame means
/// nothing.
#[inline(always)]
pub(super) fn pass<R: Rule, const FMA: bool>(
    grid: &Grid,
    from: &[f32],
    a: &[f32],
    b: &[f32],
    to: &mut [f32],
    rule: R,
) {
    let (at, n) = (grid.first, grid.span);
    let left = &from[at - grid.lanes..][..n];
    let right = &from[at + grid.lanes..][..n];
    let up = &from[at - grid.row..][..n];
    let down = &from[at + grid.row..][..n];
    let (a, b, out) = (&a[at..][..n], &b[at..][..n], &mut to[at..][..n]);
    if grid.three {
        let front = &from[at - grid.layer..][..n];
        let back = &from[at + grid.layer..][..n];
        for i in 0..n {
            let sum = (left[i] + right[i]) + (up[i] + down[i]) + (front[i] + back[i]);
            out[i] = rule.at::<FMA>(sum, a[i], b[i]);
        }
    } else {
        for i in 0..n {
            let sum = (left[i] + right[i]) + (up[i] + down[i]);
            out[i] = rule.at::<FMA>(sum, a[i], b[i]);
        }
    }
}

/// Largest value of an expression of slices' elements, at least 0, in vectors.
macro_rules! largest {
    ([$($name:ident),+], $value:expr) => {{
        let mut blocks = usize::MAX;
        $(
            let $name = $name.as_chunks::<VECTOR>().0;
            blocks = blocks.min($name.len());
        )+
        $(let $name = &$name[..blocks];)+
        let mut top = [0.0f32; VECTOR];
        for block in 0..blocks {
            for k in 0..VECTOR {
                $(let $name = $name[block][k];)+
                top[k] = larger($value, top[k]);
            }
        }
        let mut all = 0.0f32;
        for top in top {
            all = larger(top, all);
        }
        all
    }};
}

/// Σ of an expression of slices' elements in double precision and a fixed order, in vectors.
macro_rules! sum {
    ([$($name:ident),+], $value:expr) => {{
        let mut blocks = usize::MAX;
        $(
            let $name = $name.as_chunks::<VECTOR>().0;
            blocks = blocks.min($name.len());
        )+
        $(let $name = &$name[..blocks];)+
        let mut sums = [0.0f64; VECTOR];
        for block in 0..blocks {
            for k in 0..VECTOR {
                $(let $name = f64::from($name[block][k]);)+
                sums[k] += $value;
            }
        }
        let mut all = 0.0f64;
        for sum in sums {
            all += sum;
        }
        all
    }};
}

pub(super) use {largest, sum};

/// So many plain iterations, from and to `density`.
pub(super) struct Iterations<'a> {
    pub matrix: Matrix<'a>,
    pub count: u32,
    pub density: &'a mut Vec<f32>,
    pub other: &'a mut Vec<f32>,
    pub rule: Density,
}

impl Task for Iterations<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Matrix { grid, eta, attraction, .. } = self.matrix;
        for _ in 0..self.count {
            let (from, to) = (&self.density[..], &mut self.other[..]);
            pass::<_, FMA>(&grid, from, eta, attraction, to, self.rule);
            grid.wrap(to);
            std::mem::swap(self.density, self.other);
        }
    }
}

/// Lattices' own numbers and the layout, which every pass of a walk needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub level: Level,
    pub grid: Grid,
    /// η, zero in the frame.
    pub eta: &'a [f32],
    /// w_mf/kT Σ_j (1 − η_j), times −log₂ e.
    pub attraction: &'a [f32],
}

impl Matrix<'_> {
    /// The values that a pass goes over.
    #[inline(always)]
    pub fn inner<'b>(&self, array: &'b [f32]) -> &'b [f32] {
        &array[self.grid.first..][..self.grid.span]
    }

    /// The same, to be changed.
    #[inline(always)]
    pub fn inner_mut<'b>(&self, array: &'b mut [f32]) -> &'b mut [f32] {
        &mut array[self.grid.first..][..self.grid.span]
    }
}

/// η s(1 − s) from η and η s.
#[inline(always)]
pub(super) fn slope(eta: f32, density: f32) -> f32 {
    if eta > 0.0 { density * (1.0 - density / eta) } else { 0.0 }
}
