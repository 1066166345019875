//! Layout and the passes over it.
//!
//! Several lattices lie side by side: value (row, x, lane) is at `row·stride + (x + 1)·lanes +
//! lane`, and each row has a copy of its last site before it and of its first after it. Then the
//! neighbours along x are the same row shifted by `lanes`, and every pass is a flat loop that the
//! compiler vectorises. What a lane computes does not depend on the others.

use super::super::level::{Level, Task};
use super::super::simd::EXP2;
use crate::sorption::Shape;

/// Passes go over whole vectors: what they make of the places behind a row is not looked at.
const VECTOR: usize = 16;

/// Layout of `lanes` lattices side by side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    size: [usize; 3],
    three: bool,
    pub lanes: usize,
    stride: usize,
}

impl Grid {
    pub fn new(shape: Shape, lanes: usize) -> Self {
        let size = shape.size;
        let three = shape.dimension == crate::sorption::Dimension::Three;
        let vectors = (size[2] * lanes).next_multiple_of(VECTOR);
        Self { size, three, lanes, stride: vectors + 2 * lanes }
    }

    /// Length of an array.
    pub fn len(&self) -> usize {
        self.rows() * self.stride
    }

    fn rows(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Values of a row.
    fn width(&self) -> usize {
        self.size[2] * self.lanes
    }

    /// First and last value of each row, without the copies.
    fn row(&self, row: usize) -> std::ops::Range<usize> {
        let start = row * self.stride + self.lanes;
        start..start + self.width()
    }

    /// As [`Grid::row`], up to whole vectors.
    fn vectors(&self, row: usize) -> std::ops::Range<usize> {
        let start = row * self.stride + self.lanes;
        start..start + self.width().next_multiple_of(VECTOR)
    }

    /// Where the sites of a lane are.
    pub fn sites(&self, lane: usize) -> impl Iterator<Item = usize> + use<> {
        let (nx, stride, lanes) = (self.size[2], self.stride, self.lanes);
        (0..self.rows())
            .flat_map(move |row| (0..nx).map(move |x| row * stride + (x + 1) * lanes + lane))
    }

    /// An array from one function of (lane, site).
    pub fn fill(&self, value: impl Fn(usize, usize) -> f32) -> Vec<f32> {
        let mut array = vec![0.0; self.len()];
        for lane in 0..self.lanes {
            for (site, at) in self.sites(lane).enumerate() {
                array[at] = value(lane, site);
            }
        }
        for row in 0..self.rows() {
            let start = row * self.stride;
            wrap(&mut array[start..start + self.width() + 2 * self.lanes], self.lanes);
        }
        array
    }

    /// Sum over a lane's sites, in their order.
    pub fn sum(&self, lane: usize, array: &[f32]) -> f64 {
        self.sites(lane).map(|at| f64::from(array[at])).sum()
    }
}

/// Copies the ends of a row to the other side.
#[inline(always)]
fn wrap(row: &mut [f32], lanes: usize) {
    let n = row.len();
    row.copy_within(n - 2 * lanes..n - lanes, 0);
    row.copy_within(lanes..2 * lanes, n - lanes);
}

/// What a pass makes of a site: the sum over its neighbours, and two values of its own.
pub(super) trait Rule: Copy {
    fn at<const FMA: bool>(self, sum: f32, a: f32, b: f32) -> f32;
}

#[inline(always)]
fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
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
#[derive(Clone, Copy)]
pub(super) struct Density(pub Couplings, pub f32);

/// The logistic itself: `b` = the attraction of the solid.
#[derive(Clone, Copy)]
pub(super) struct Logistic(pub Couplings, pub f32);

/// The neighbour sum itself.
#[derive(Clone, Copy)]
pub(super) struct Sum;

/// b − w a Σ.
#[derive(Clone, Copy)]
pub(super) struct Difference(pub f32);

/// w a Σ.
#[derive(Clone, Copy)]
pub(super) struct Scaled(pub f32);

/// Couplings times −log₂ e, so that 2 can be the base of the exponential.
#[derive(Debug, Clone, Copy)]
pub(super) struct Couplings {
    pub fluid: f32,
}

impl Rule for Density {
    #[inline(always)]
    fn at<const FMA: bool>(self, sum: f32, a: f32, b: f32) -> f32 {
        a * logistic::<FMA>(fma::<FMA>(self.0.fluid, sum, self.1 + b))
    }
}

impl Rule for Logistic {
    #[inline(always)]
    fn at<const FMA: bool>(self, sum: f32, _: f32, b: f32) -> f32 {
        logistic::<FMA>(fma::<FMA>(self.0.fluid, sum, self.1 + b))
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

impl Rule for Scaled {
    #[inline(always)]
    fn at<const FMA: bool>(self, sum: f32, a: f32, _: f32) -> f32 {
        self.0 * a * sum
    }
}

/// One pass: `to` = rule(neighbour sum of `from`, a, b) at every site.
struct Pass<'a, R> {
    grid: Grid,
    from: &'a [f32],
    a: &'a [f32],
    b: &'a [f32],
    to: &'a mut [f32],
    rule: R,
}

impl<R: Rule> Task for Pass<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        pass::<R, FMA>(self.grid, self.from, self.a, self.b, self.to, self.rule);
    }
}

#[inline(always)]
fn pass<R: Rule, const FMA: bool>(
    grid: Grid,
    from: &[f32],
    a: &[f32],
    b: &[f32],
    to: &mut [f32],
    rule: R,
) {
    let [nz, ny, _] = grid.size;
    // Whole vectors; what is made behind the row is overwritten by the copy of its first site, or
    // stays between the rows where no site has a neighbour.
    let n = grid.width().next_multiple_of(VECTOR);
    for z in 0..nz {
        for y in 0..ny {
            let row = z * ny + y;
            let at = grid.vectors(row);
            let left = &from[at.start - grid.lanes..][..n];
            let right = &from[at.start + grid.lanes..][..n];
            let up = &from[grid.vectors(z * ny + (y + ny - 1) % ny)][..n];
            let down = &from[grid.vectors(z * ny + (y + 1) % ny)][..n];
            let (a, b, out) = (&a[at.clone()][..n], &b[at.clone()][..n], &mut to[at][..n]);
            if grid.three {
                let front = &from[grid.vectors((z + nz - 1) % nz * ny + y)][..n];
                let back = &from[grid.vectors((z + 1) % nz * ny + y)][..n];
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
            let start = row * grid.stride;
            wrap(&mut to[start..start + grid.width() + 2 * grid.lanes], grid.lanes);
        }
    }
}

/// So many plain iterations, from and to `density`.
struct Iterations<'a> {
    grid: Grid,
    count: u32,
    eta: &'a [f32],
    attraction: &'a [f32],
    density: &'a mut Vec<f32>,
    other: &'a mut Vec<f32>,
    rule: Density,
}

impl Task for Iterations<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for _ in 0..self.count {
            let (from, to) = (&self.density[..], &mut self.other[..]);
            pass::<_, FMA>(self.grid, from, self.eta, self.attraction, to, self.rule);
            std::mem::swap(self.density, self.other);
        }
    }
}

/// The passes over one grid with one instruction set.
#[derive(Clone, Copy)]
pub(super) struct Passes {
    pub level: Level,
    pub grid: Grid,
}

impl Passes {
    /// `to` = rule(neighbour sum of `from`, a, b).
    pub fn pass<R: Rule>(&self, from: &[f32], a: &[f32], b: &[f32], to: &mut [f32], rule: R) {
        self.level.run(Pass { grid: self.grid, from, a, b, to, rule });
    }

    /// `count` iterations ρ ← F(ρ).
    pub fn iterate(
        &self,
        count: u32,
        eta: &[f32],
        attraction: &[f32],
        density: &mut Vec<f32>,
        other: &mut Vec<f32>,
        rule: Density,
    ) {
        let grid = self.grid;
        self.level.run(Iterations { grid, count, eta, attraction, density, other, rule });
    }

    /// Σ a b over the sites, in an order that is fixed.
    pub fn dot(&self, a: &[f32], b: &[f32]) -> f64 {
        let mut partial = [0.0f64; 8];
        for row in 0..self.grid.rows() {
            let at = self.grid.row(row);
            for (a, b) in a[at.clone()].chunks(8).zip(b[at].chunks(8)) {
                for (p, (a, b)) in partial.iter_mut().zip(a.iter().zip(b)) {
                    *p += f64::from(*a) * f64::from(*b);
                }
            }
        }
        partial.iter().sum()
    }
}
