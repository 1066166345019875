//! The walk of one lattice to a fixed point, in single precision.

use super::super::level::Task;
use super::Group;
use super::grid::VECTOR;
use super::passes::{Density, Matrix, Sum, larger, largest, pass, slope, sum};
use crate::sorption::solver::{Arrival, BOUND_PASSES, Residual, Series, Walker, walk};

/// Residuals below this are rounding.
const NOISE: f32 = 2.5e-7;

impl Group {
    /// Walks the only lattice of this group.
    pub fn walk(&mut self, field: f64, direction: f64, tolerance: f64, most: u32) -> Arrival {
        // Single precision does not resolve less.
        walk(self, field, direction, tolerance.max(1e-6), most)
    }
}

impl Walker for Group {
    const NOISE: f64 = 2.5e-7;

    fn evaluate(&mut self, field: f64, direction: f64) -> Residual {
        let rule = self.rule(field);
        let (matrix, [density, next, ..]) = self.parts();
        let [up, down] = matrix.level.run(Evaluate { matrix, density, next, rule });
        let (up, down) = (f64::from(up), f64::from(down));
        match direction > 0.0 {
            true => Residual { largest: up, against: down },
            false => Residual { largest: down, against: up },
        }
    }

    fn advance(&mut self) {
        std::mem::swap(&mut self.density, &mut self.next);
    }

    fn safe_length(&mut self, direction: f64) -> f64 {
        let fluid = self.reduced.fluid as f32;
        let (matrix, [density, next, ray, sum, _]) = self.parts();
        let direction = direction as f32;
        let task = SafeLength { matrix, density, next, ray, sum, fluid, direction };
        f64::from(matrix.level.run(task))
    }

    fn extrapolate(&mut self, field: f64, direction: f64, t: f64) -> bool {
        let rule = self.rule(field);
        let (matrix, [density, _, ray, moved, there]) = self.parts();
        let (step, direction) = ((direction * t) as f32, direction as f32);
        let task = Extrapolate { matrix, density, ray, moved, there, rule, step, direction };
        let proved = matrix.level.run(task);
        if proved {
            std::mem::swap(&mut self.density, &mut self.scratch[2]);
        }
        proved
    }

    fn series(&mut self) -> Series {
        let fluid = self.reduced.fluid as f32;
        let noise = NOISE * self.reduced.rounding() as f32;
        let (matrix, [density, next, slopes, term, image]) = self.parts();
        let mut sum = vec![0.0f32; matrix.grid.span];
        let sum = &mut sum;
        matrix.level.run(Bound { matrix, density, next, slopes, term, image, sum, fluid, noise })
    }

    fn coupling(&self) -> f64 {
        -2.0 * self.reduced.saturation
    }
}

/// F of the densities; the largest rise and the largest fall.
struct Evaluate<'a> {
    matrix: Matrix<'a>,
    density: &'a [f32],
    next: &'a mut [f32],
    rule: Density,
}

impl Task for Evaluate<'_> {
    type Output = [f32; 2];

    #[inline(always)]
    fn run<const FMA: bool>(self) -> [f32; 2] {
        let Self { matrix, density, next, rule } = self;
        pass::<_, FMA>(&matrix.grid, density, matrix.eta, matrix.attraction, next, rule);
        matrix.grid.wrap(next);
        let (density, next) = (matrix.inner(density), matrix.inner(next));
        [largest!([next, density], next - density), largest!([next, density], density - next)]
    }
}

/// The residual of the last evaluation along the direction, without rounding noise, and the
/// longest step along it for which every tangent stays positive.
struct SafeLength<'a> {
    matrix: Matrix<'a>,
    density: &'a [f32],
    next: &'a [f32],
    ray: &'a mut [f32],
    sum: &'a mut [f32],
    fluid: f32,
    direction: f32,
}

impl Task for SafeLength<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> f32 {
        let Self { matrix, density, next, ray, sum, fluid, direction } = self;
        // The frame has copies everywhere, and so has the ray.
        let n = ray.len();
        let (density, next_all) = (&density[..n], &next[..n]);
        for i in 0..n {
            let r = direction * (next_all[i] - density[i]);
            ray[i] = if r > 8.0 * NOISE { r } else { 0.0 };
        }
        pass::<_, FMA>(&matrix.grid, ray, ray, ray, sum, Sum);
        let (ray, sum) = (matrix.inner(ray), matrix.inner(sum));
        let (next, eta) = (matrix.inner(next), matrix.inner(matrix.eta));
        // The inverse of a length is zero where the tangent rises, and in the frame, where η = 0.
        let inverse = largest!([ray, sum, next, eta], {
            let loss = ray - slope(eta, next) * fluid * sum;
            if eta > 0.0 && ray > 0.0 { loss / ray } else { 0.0 }
        });
        1.0 / larger(inverse, 1e-6)
    }
}

/// F at a step along the ray; whether that is no less (in the direction) than the place itself.
struct Extrapolate<'a> {
    matrix: Matrix<'a>,
    density: &'a [f32],
    ray: &'a [f32],
    moved: &'a mut [f32],
    there: &'a mut [f32],
    rule: Density,
    step: f32,
    direction: f32,
}

impl Task for Extrapolate<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> bool {
        let Self { matrix, density, ray, moved, there, rule, step, direction } = self;
        let n = moved.len();
        let (density, ray_all) = (&density[..n], &ray[..n]);
        for i in 0..n {
            moved[i] = density[i] + step * ray_all[i];
        }
        pass::<_, FMA>(&matrix.grid, moved, matrix.eta, matrix.attraction, there, rule);
        matrix.grid.wrap(there);
        let (ray, moved, there) = (matrix.inner(ray), matrix.inner(moved), matrix.inner(there));
        // With rounding a margin is needed to know that the residual is not negative.
        let violation = largest!([ray, moved, there], {
            let least = if ray > 0.0 { NOISE } else { -NOISE };
            if direction * (there - moved) >= least { 0.0 } else { 1.0 }
        });
        violation == 0.0
    }
}

/// The terms Σ J^k q of the error's bound.
struct Bound<'a> {
    matrix: Matrix<'a>,
    density: &'a [f32],
    next: &'a [f32],
    slopes: &'a mut [f32],
    term: &'a mut [f32],
    image: &'a mut [f32],
    sum: &'a mut [f32],
    fluid: f32,
    /// What a residual may be by rounding.
    noise: f32,
}

impl Task for Bound<'_> {
    type Output = Series;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> Series {
        // Scaled into the middle of the range of numbers; the terms shrink from one to the next.
        const SCALE: f32 = 65536.0;
        let Self { matrix, density, next, slopes, term, image, sum, fluid, noise } = self;
        let n = matrix.grid.span;
        let eta = &matrix.inner(matrix.eta)[..n];
        let (density, next) = (&matrix.inner(density)[..n], &matrix.inner(next)[..n]);
        let slopes = &mut matrix.inner_mut(slopes)[..n];
        let sum = &mut sum[..n];
        {
            let term = &mut matrix.inner_mut(term)[..n];
            for i in 0..n {
                slopes[i] = larger(slope(eta[i], next[i]), 0.0);
                let change = next[i] - density[i];
                let rounding = if eta[i] < noise { eta[i] } else { noise };
                term[i] = SCALE * (larger(change, -change) + rounding);
            }
        }
        matrix.grid.wrap(term);
        let (mut before, mut ratio) = (0.0, 0.0);
        for _ in 0..BOUND_PASSES {
            pass::<_, FMA>(&matrix.grid, term, term, term, image, Sum);
            let square = {
                let term = &mut matrix.inner_mut(term)[..n];
                let image = &mut matrix.inner_mut(image)[..n];
                for i in 0..n {
                    sum[i] += term[i];
                    image[i] *= fluid;
                    term[i] = slopes[i] * image[i];
                }
                sum!([term, image], term * image)
            };
            matrix.grid.wrap(term);
            ratio = if before > 0.0 { (square / before).sqrt() } else { 0.0 };
            before = square;
        }
        let (term, sum) = (matrix.inner(term), &sum[..]);
        Series {
            sum: f64::from(largest!([sum], sum) / SCALE),
            last: f64::from(largest!([term], term) / SCALE),
            ratio,
        }
    }
}
