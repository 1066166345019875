//! Gradients in single precision.

use super::grid::{Difference, Logistic, Scaled, Sum};
use super::{Group, Level};
use crate::error::Result;
use crate::sorption::{
    Cotangent, Gradients, Lattices, Loss, Scheme, SorptionPlan, Start, check_cotangent,
    density_cotangent, direct_derivative,
};

/// Contraction above which single precision gives no derivative worth the name.
const DIVERGES: f64 = 1.0 - 1e-3;

/// Gradients of a loss of the lattices of a group.
pub(super) fn of_group(
    level: Level,
    lattices: &Lattices,
    range: std::ops::Range<usize>,
    plan: &SorptionPlan,
    loss: &dyn Loss,
) -> Result<Gradients> {
    let mut group = Group::new(level, lattices, range.clone(), plan);
    let (mut isotherms, densities) = group.follow(plan);
    let (points, sites, lanes) = (plan.path.humidities.len(), lattices.sites(), range.len());
    let kept = if plan.densities || loss.needs_densities() {
        group.unpack(&densities)
    } else {
        Vec::new()
    };
    let mut values = Vec::new();
    let mut cotangents = Vec::new();
    for lane in 0..lanes {
        let own = if kept.is_empty() {
            &[][..]
        } else {
            &kept[lane * points * sites..(lane + 1) * points * sites]
        };
        let (value, cotangent) = loss.evaluate(range.start + lane, isotherms.lattice(lane), own);
        check_cotangent(&cotangent, points, sites)?;
        values.push(value);
        cotangents.push(cotangent);
    }
    let mut gradient = vec![vec![0.0f64; sites]; lanes];
    let mut diverging = vec![vec![false; points]; lanes];
    match plan.scheme {
        Scheme::Converged { .. } => {
            for point in 0..points {
                if isotherms.error[point].is_infinite() {
                    diverging[0][point] = true;
                    continue;
                }
                let field = group.reduced.field(plan.path.humidities[point]);
                let wanted = group.wanted(&cotangents, point, sites);
                diverging[0][point] =
                    !group.implicit(field, &densities[point], &wanted, &mut gradient[0]);
            }
        }
        Scheme::Truncated { iterations } => {
            group.unrolled(plan, iterations, &densities, &cotangents, sites, &mut gradient);
        }
    }
    let mut all = Gradients::empty(points, plan.densities);
    for lane in 0..lanes {
        let direct = direct_derivative(
            &cotangents[lane],
            plan.mean,
            isotherms.lattice(lane),
            group.divisors[lane],
        );
        gradient[lane].iter_mut().for_each(|g| *g += direct);
        all.push(values[lane], &gradient[lane], &diverging[lane]);
    }
    if plan.densities {
        isotherms.densities = Some(kept);
    }
    all.isotherms = isotherms;
    Ok(all)
}

impl Group {
    /// ∂L/∂ρ of every site at a point.
    fn wanted(&self, cotangents: &[Cotangent], point: usize, sites: usize) -> Vec<f32> {
        let own: Vec<Vec<f64>> = cotangents
            .iter()
            .zip(&self.divisors)
            .map(|(c, d)| density_cotangent(c, point, sites, *d))
            .collect();
        self.passes.grid.fill(|lane, site| own[lane][site] as f32)
    }

    /// Adds the part of a point to the gradient of the only lattice, by the implicit adjoint as in
    /// `reference`; false if it diverges.
    fn implicit(&mut self, field: f64, rho: &[f32], g: &[f32], gradient: &mut [f64]) -> bool {
        let passes = self.passes;
        let n = g.len();
        let fluid = self.reduced.fluid as f32;
        let density = self.rule(field);
        let mut s = vec![0.0; n];
        let logistic = Logistic(density.0, density.1);
        passes.pass(rho, &self.eta, &self.attraction, &mut s, logistic);
        let root: Vec<f32> =
            s.iter().zip(&self.eta).map(|(s, e)| (e * s * (1.0 - s)).sqrt()).collect();
        let times =
            |a: &[f32], b: &[f32]| -> Vec<f32> { a.iter().zip(b).map(|(a, b)| a * b).collect() };
        let mut nu = vec![0.0f32; n];
        let mut r = times(&root, g);
        let mut p = r.clone();
        let mut scaled = vec![0.0; n];
        let mut mp = vec![0.0; n];
        let mut rr = passes.dot(&r, &r);
        let start = rr;
        for _ in 0..2 * n + 100 {
            if rr <= 1e-13 * start || start == 0.0 {
                break;
            }
            for i in 0..n {
                scaled[i] = root[i] * p[i];
            }
            passes.pass(&scaled, &root, &p, &mut mp, Difference(fluid));
            let curvature = passes.dot(&p, &mp);
            if curvature <= (1.0 - DIVERGES) * passes.dot(&p, &p) {
                return false;
            }
            let alpha = rr / curvature;
            let step = alpha as f32;
            for i in 0..n {
                nu[i] += step * p[i];
                r[i] -= step * mp[i];
            }
            let new = passes.dot(&r, &r);
            let beta = (new / rr) as f32;
            for i in 0..n {
                p[i] = r[i] + beta * p[i];
            }
            rr = new;
        }
        for i in 0..n {
            scaled[i] = root[i] * nu[i];
        }
        passes.pass(&scaled, &root, &nu, &mut mp, Difference(fluid));
        if start > 0.0 && passes.dot(&nu, &mp) <= (1.0 - DIVERGES) * passes.dot(&nu, &nu) {
            return false;
        }
        passes.pass(&scaled, &scaled, &scaled, &mut mp, Sum);
        for (at, sum) in passes.grid.sites(0).zip(gradient) {
            let spread = f64::from(mp[at]);
            let lambda = f64::from(g[at]) + self.reduced.fluid * spread;
            *sum += f64::from(s[at]) * lambda - self.reduced.solid * spread;
        }
        true
    }

    /// Back-propagation through the iterations, for all lattices side by side.
    fn unrolled(
        &mut self,
        plan: &SorptionPlan,
        iterations: u32,
        densities: &[Vec<f32>],
        cotangents: &[Cotangent],
        sites: usize,
        gradient: &mut [Vec<f64>],
    ) {
        let passes = self.passes;
        let n = self.eta.len();
        let (fluid, solid) = (self.reduced.fluid as f32, self.reduced.solid as f32);
        let ones = vec![1.0f32; n];
        let mut kept: Vec<Vec<f32>> = vec![vec![0.0; n]; iterations as usize];
        let mut adjoint = vec![0.0f32; n];
        let mut total = vec![0.0f64; n];
        let (mut pulled, mut spread) = (vec![0.0f32; n], vec![0.0f32; n]);
        for point in (0..densities.len()).rev() {
            let density = self.rule(self.reduced.field(plan.path.humidities[point]));
            let logistic = Logistic(density.0, density.1);
            let mut rho = match point {
                0 => self.starting(plan.path.start),
                _ => densities[point - 1].clone(),
            };
            for s in &mut kept {
                passes.pass(&rho, &self.eta, &self.attraction, s, logistic);
                for i in 0..n {
                    rho[i] = self.eta[i] * s[i];
                }
            }
            let wanted = self.wanted(cotangents, point, sites);
            for i in 0..n {
                adjoint[i] += wanted[i];
            }
            let mut part = vec![0.0f32; n];
            for s in kept.iter().rev() {
                for i in 0..n {
                    pulled[i] = self.eta[i] * s[i] * (1.0 - s[i]) * adjoint[i];
                }
                passes.pass(&pulled, &ones, &ones, &mut spread, Scaled(1.0));
                for i in 0..n {
                    part[i] += s[i] * adjoint[i] - solid * spread[i];
                    adjoint[i] = fluid * spread[i];
                }
            }
            for i in 0..n {
                total[i] += f64::from(part[i]);
            }
        }
        if plan.path.start == Start::Full {
            for i in 0..n {
                total[i] += f64::from(adjoint[i]);
            }
        }
        for (lane, gradient) in gradient.iter_mut().enumerate() {
            for (at, g) in passes.grid.sites(lane).zip(gradient) {
                *g += total[at];
            }
        }
    }
}
