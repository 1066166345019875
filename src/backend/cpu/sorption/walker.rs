//! The walk of one lattice to a fixed point, in single precision.

use super::Group;
use super::grid::Sum;
use crate::sorption::solver::{Arrival, BOUND_PASSES, Residual, Series, Walker, walk};

impl Group {
    /// Walks the only lattice of this group.
    pub fn walk(&mut self, field: f64, direction: f64, tolerance: f64, most: u32) -> Arrival {
        // Single precision does not resolve less.
        walk(self, field, direction, tolerance.max(1e-6), most)
    }

    /// η s(1 − s) from η s.
    fn slope(eta: f32, density: f32) -> f32 {
        if eta > 0.0 { density * (1.0 - density / eta) } else { 0.0 }
    }

    /// The residual of the last evaluation along the direction, without rounding noise.
    fn ray(&mut self, direction: f64) {
        let threshold = 8.0 * Self::NOISE as f32;
        let direction = direction as f32;
        let ray = &mut self.scratch[0];
        for ((ray, next), density) in ray.iter_mut().zip(&self.next).zip(&self.density) {
            let r = direction * (next - density);
            *ray = if r > threshold { r } else { 0.0 };
        }
    }
}

impl Walker for Group {
    const NOISE: f64 = 2.5e-7;

    fn evaluate(&mut self, field: f64, direction: f64) -> Residual {
        let rule = self.rule(field);
        self.passes.pass(&self.density, &self.eta, &self.attraction, &mut self.next, rule);
        let (mut up, mut down) = ([0.0f32; 16], [0.0f32; 16]);
        for (next, density) in self.next.chunks(16).zip(self.density.chunks(16)) {
            for (k, (next, density)) in next.iter().zip(density).enumerate() {
                let change = next - density;
                up[k] = up[k].max(change);
                down[k] = down[k].max(-change);
            }
        }
        let up = f64::from(up.into_iter().fold(0.0, f32::max));
        let down = f64::from(down.into_iter().fold(0.0, f32::max));
        match direction > 0.0 {
            true => Residual { largest: up, against: down },
            false => Residual { largest: down, against: up },
        }
    }

    fn advance(&mut self) {
        std::mem::swap(&mut self.density, &mut self.next);
    }

    fn safe_length(&mut self, direction: f64) -> f64 {
        self.ray(direction);
        let [ray, sum, _] = &mut self.scratch;
        self.passes.pass(ray, ray, ray, sum, Sum);
        let fluid = self.reduced.fluid as f32;
        let mut t = 1e6f32;
        for i in 0..ray.len() {
            let loss = ray[i] - Self::slope(self.eta[i], self.next[i]) * fluid * sum[i];
            if ray[i] > 0.0 && loss > 0.0 {
                t = t.min(ray[i] / loss);
            }
        }
        f64::from(t)
    }

    fn extrapolate(&mut self, field: f64, direction: f64, t: f64) -> bool {
        self.ray(direction);
        let rule = self.rule(field);
        let [ray, moved, there] = &mut self.scratch;
        let step = (direction * t) as f32;
        for i in 0..ray.len() {
            moved[i] = self.density[i] + step * ray[i];
        }
        self.passes.pass(moved, &self.eta, &self.attraction, there, rule);
        let (direction, noise) = (direction as f32, Self::NOISE as f32);
        // With rounding a margin is needed to know that the residual is not negative.
        let proved = (0..ray.len()).all(|i| {
            let least = if ray[i] > 0.0 { noise } else { -noise };
            direction * (there[i] - moved[i]) >= least
        });
        if proved {
            std::mem::swap(&mut self.density, there);
        }
        proved
    }

    fn series(&mut self) -> Series {
        // Scaled into the middle of the range of numbers; the terms shrink from one to the next.
        const SCALE: f32 = 65536.0;
        let fluid = self.reduced.fluid as f32;
        let noise = Self::NOISE as f32;
        let [slope, term, image] = &mut self.scratch;
        let mut sum = vec![0.0f32; term.len()];
        for i in 0..slope.len() {
            slope[i] = Self::slope(self.eta[i], self.next[i]).max(0.0);
            let residual = (self.next[i] - self.density[i]).abs();
            term[i] = SCALE * (residual + self.eta[i].min(noise));
        }
        let (mut before, mut ratio) = (0.0, 0.0);
        for _ in 0..BOUND_PASSES {
            for i in 0..sum.len() {
                sum[i] += term[i];
            }
            self.passes.pass(term, slope, slope, image, Sum);
            for i in 0..sum.len() {
                image[i] *= fluid;
                term[i] = slope[i] * image[i];
            }
            let square = self.passes.dot(term, image);
            ratio = if before > 0.0 { (square / before).sqrt() } else { 0.0 };
            before = square;
        }
        let largest = |v: &[f32]| f64::from(v.iter().fold(0.0f32, |m, x| m.max(*x)) / SCALE);
        Series { sum: largest(&sum), last: largest(term), ratio }
    }

    fn coupling(&self) -> f64 {
        -2.0 * self.reduced.saturation
    }
}
