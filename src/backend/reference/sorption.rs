//! Sorption in double precision, one lattice after another.

use crate::error::Result;
use crate::sorption::memory::check_gradient;
use crate::sorption::solver::{BOUND_PASSES, Residual, Series, Walker, walk};
use crate::sorption::{
    Gradients, Isotherms, Judged, Lattices, Loss, Reduced, Scheme, Shape, SorptionPlan, Start,
    check, divisor,
};

/// Contraction above which a derivative is not given: relative errors of the fixed point are
/// amplified by 1/(1 − contraction) and those of the derivative by its square.
const DIVERGES: f64 = 1.0 - 1e-6;

/// Isotherms of every lattice.
pub(super) fn isotherms(lattices: &Lattices, plan: &SorptionPlan) -> Result<Isotherms> {
    check(lattices, plan)?;
    let mut all = Isotherms::empty(plan.path.humidities.len(), plan.densities);
    for index in 0..lattices.count() {
        let mut sites = Sites::new(lattices, index, plan);
        let densities = sites.follow(plan, plan.densities, &mut all);
        if let Some(kept) = &mut all.densities {
            kept.extend(densities.concat());
        }
    }
    Ok(all)
}

/// Gradients of a loss of every lattice.
pub(super) fn gradients(
    lattices: &Lattices,
    plan: &SorptionPlan,
    loss: &dyn Loss,
) -> Result<Gradients> {
    check(lattices, plan)?;
    check_gradient(plan, gradient_bytes(lattices.shape(), plan))?;
    let points = plan.path.humidities.len();
    let mut all = Gradients::empty(points, plan.densities);
    for index in 0..lattices.count() {
        let mut sites = Sites::new(lattices, index, plan);
        let densities = sites.follow(plan, true, &mut all.isotherms);
        let kept =
            if plan.densities || loss.needs_densities() { densities.concat() } else { Vec::new() };
        let isotherm = all.isotherms.lattice(index).to_vec();
        let n = sites.eta.len();
        let judged = Judged::new(loss, plan.mean, index, &sites.eta, &isotherm, &kept)?;
        let mut gradient = vec![judged.direct; n];
        let mut diverging = vec![false; points];
        let wanted = |point| judged.of_densities(point, n);
        match plan.scheme {
            Scheme::Converged { .. } => {
                for point in 0..points {
                    // Without a bound of the error the branch may end right here.
                    if all.isotherms.error[index * points + point].is_infinite() {
                        diverging[point] = true;
                        continue;
                    }
                    let field = sites.reduced.field(plan.path.humidities[point]);
                    let part = sites.implicit(field, &densities[point], &wanted(point));
                    match part {
                        Some(part) => gradient.iter_mut().zip(part).for_each(|(g, p)| *g += p),
                        None => diverging[point] = true,
                    }
                }
            }
            Scheme::Truncated { iterations } => {
                sites.unrolled(plan, iterations, &densities, wanted, &mut gradient);
            }
        }
        all.push(judged.value, &gradient, &diverging);
        if let Some(all) = &mut all.isotherms.densities {
            all.extend(kept);
        }
    }
    Ok(all)
}

/// Numbers of a site that a gradient needs besides the densities of the path: those of [`Sites`]
/// and the vectors of the adjoint.
const VECTORS: usize = 5 + 10;

/// Bytes that the gradient of a lattice holds at once.
pub(super) fn gradient_bytes(shape: Shape, plan: &SorptionPlan) -> u64 {
    let iterations = match plan.scheme {
        Scheme::Truncated { iterations } => u64::from(iterations),
        Scheme::Converged { .. } => 0,
    };
    let numbers = (plan.path.humidities.len() + VECTORS) as u64 + iterations;
    let neighbours = size_of::<Vec<usize>>() + size_of::<usize>() * shape.dimension.neighbours();
    (8 * numbers + neighbours as u64).saturating_mul(shape.sites() as u64)
}

/// One lattice.
struct Sites {
    reduced: Reduced,
    eta: Vec<f64>,
    neighbours: Vec<Vec<usize>>,
    /// w_mf/kT Σ_j (1 − η_j).
    attraction: Vec<f64>,
    density: Vec<f64>,
    /// F of the densities of the last evaluation, and its slope η s(1 − s).
    next: Vec<f64>,
    slope: Vec<f64>,
}

impl Sites {
    fn new(lattices: &Lattices, index: usize, plan: &SorptionPlan) -> Self {
        let shape = lattices.shape();
        let reduced = plan.model.reduced(shape.dimension);
        let eta = lattices.lattice(index).to_vec();
        let neighbours: Vec<Vec<usize>> =
            (0..eta.len()).map(|i| shape.neighbours(i).collect()).collect();
        let attraction = neighbours
            .iter()
            .map(|near| reduced.solid * near.iter().map(|&j| 1.0 - eta[j]).sum::<f64>())
            .collect();
        let n = eta.len();
        let mut sites = Self {
            reduced,
            eta,
            neighbours,
            attraction,
            density: vec![0.0; n],
            next: vec![0.0; n],
            slope: vec![0.0; n],
        };
        sites.restart(plan.path.start);
        sites
    }

    fn restart(&mut self, start: Start) {
        self.density = self.starting(start);
    }

    fn starting(&self, start: Start) -> Vec<f64> {
        match start {
            Start::Empty => vec![0.0; self.eta.len()],
            Start::Full => self.eta.clone(),
        }
    }

    /// The neighbour sum A v.
    fn neighbour_sum(&self, v: &[f64]) -> Vec<f64> {
        self.neighbours.iter().map(|near| near.iter().map(|&j| v[j]).sum()).collect()
    }

    /// The logistic value s_i = 1/(1 + e^(−x_i)) at densities `rho`.
    fn logistic(&self, field: f64, rho: &[f64]) -> Vec<f64> {
        self.neighbour_sum(rho)
            .iter()
            .zip(&self.attraction)
            .map(|(sum, attraction)| {
                1.0 / (1.0 + (-(field + attraction + self.reduced.fluid * sum)).exp())
            })
            .collect()
    }

    /// Follows the path; the densities at every point, if they are to be kept.
    fn follow(&mut self, plan: &SorptionPlan, keep: bool, to: &mut Isotherms) -> Vec<Vec<f64>> {
        let divisor = divisor(plan.mean, &self.eta);
        let mut densities = Vec::new();
        for (point, humidity) in plan.path.humidities.iter().enumerate() {
            let field = self.reduced.field(*humidity);
            let direction = plan.path.direction(point);
            match plan.scheme {
                Scheme::Truncated { iterations } => {
                    for _ in 0..iterations {
                        self.evaluate(field, direction);
                        self.advance();
                    }
                    to.iterations.push(iterations);
                    to.error.push(0.0);
                    to.contraction.push(f64::NAN);
                }
                Scheme::Converged { tolerance, most_iterations } => {
                    let arrival = walk(self, field, direction, tolerance, most_iterations);
                    to.iterations.push(arrival.iterations);
                    to.error.push(arrival.error);
                    to.contraction.push(arrival.contraction);
                }
            }
            to.filling.push(self.density.iter().sum::<f64>() / divisor);
            if keep {
                densities.push(self.density.clone());
            }
        }
        densities
    }

    /// The part of dL/dη that comes through the densities of one point, g = ∂L/∂ρ:
    /// λ = g + w_ff A(dλ), then sλ − w_mf A(dλ), with d = ρ(1 − s)/kT. None if it diverges.
    ///
    /// With ν = √d λ the system (1 − w √d A √d) ν = √d g is symmetric, and positive definite where
    /// the fixed point is stable, so conjugate gradients solve it.
    fn implicit(&self, field: f64, rho: &[f64], g: &[f64]) -> Option<Vec<f64>> {
        let s = self.logistic(field, rho);
        let root: Vec<f64> =
            s.iter().zip(&self.eta).map(|(s, e)| (e * s * (1.0 - s)).sqrt()).collect();
        let times =
            |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a * b).collect() };
        let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
        let apply = |v: &[f64]| -> Vec<f64> {
            let spread = self.neighbour_sum(&times(&root, v));
            (0..v.len()).map(|i| v[i] - self.reduced.fluid * root[i] * spread[i]).collect()
        };
        let mut nu = vec![0.0; g.len()];
        let mut r = times(&root, g);
        let mut p = r.clone();
        let mut rr = dot(&r, &r);
        let (start, mut smallest) = (rr, f64::INFINITY);
        for _ in 0..10 * g.len() + 100 {
            if rr <= 1e-30 * start {
                break;
            }
            let mp = apply(&p);
            let curvature = dot(&p, &mp);
            smallest = smallest.min(curvature / dot(&p, &p));
            if smallest <= 1.0 - DIVERGES {
                return None;
            }
            let alpha = rr / curvature;
            for i in 0..nu.len() {
                nu[i] += alpha * p[i];
                r[i] -= alpha * mp[i];
            }
            let new = dot(&r, &r);
            for i in 0..p.len() {
                p[i] = r[i] + new / rr * p[i];
            }
            rr = new;
        }
        if dot(&nu, &apply(&nu)) <= (1.0 - DIVERGES) * dot(&nu, &nu) && start > 0.0 {
            return None;
        }
        let spread = self.neighbour_sum(&times(&root, &nu));
        Some(
            (0..g.len())
                .map(|i| {
                    let lambda = g[i] + self.reduced.fluid * spread[i];
                    s[i] * lambda - self.reduced.solid * spread[i]
                })
                .collect(),
        )
    }

    /// Back-propagation through the iterations themselves. Kept are the densities at every point
    /// and, for one point at a time, those of every iteration.
    fn unrolled(
        &self,
        plan: &SorptionPlan,
        iterations: u32,
        densities: &[Vec<f64>],
        wanted: impl Fn(usize) -> Vec<f64>,
        gradient: &mut [f64],
    ) {
        let n = self.eta.len();
        let mut adjoint = vec![0.0; n];
        for point in (0..densities.len()).rev() {
            let field = self.reduced.field(plan.path.humidities[point]);
            let mut rho = match point {
                0 => self.starting(plan.path.start),
                _ => densities[point - 1].clone(),
            };
            let mut kept = Vec::new();
            for _ in 0..iterations {
                let s = self.logistic(field, &rho);
                rho = s.iter().zip(&self.eta).map(|(s, e)| s * e).collect();
                kept.push(s);
            }
            adjoint.iter_mut().zip(wanted(point)).for_each(|(a, g)| *a += g);
            for s in kept.iter().rev() {
                let pulled: Vec<f64> =
                    (0..n).map(|i| self.eta[i] * s[i] * (1.0 - s[i]) * adjoint[i]).collect();
                let spread = self.neighbour_sum(&pulled);
                for i in 0..n {
                    gradient[i] += s[i] * adjoint[i] - self.reduced.solid * spread[i];
                    adjoint[i] = self.reduced.fluid * spread[i];
                }
            }
        }
        if plan.path.start == Start::Full {
            gradient.iter_mut().zip(adjoint).for_each(|(g, a)| *g += a);
        }
    }
}

impl Walker for Sites {
    const NOISE: f64 = 4e-16;

    fn evaluate(&mut self, field: f64, direction: f64) -> Residual {
        let s = self.logistic(field, &self.density);
        let mut residual = Residual { largest: 0.0, against: 0.0 };
        for i in 0..s.len() {
            self.next[i] = self.eta[i] * s[i];
            self.slope[i] = self.next[i] * (1.0 - s[i]);
            let change = direction * (self.next[i] - self.density[i]);
            residual.largest = residual.largest.max(change);
            residual.against = residual.against.max(-change);
        }
        residual
    }

    fn advance(&mut self) {
        std::mem::swap(&mut self.density, &mut self.next);
    }

    fn safe_length(&mut self, direction: f64) -> f64 {
        let ray: Vec<f64> = self.ray(direction);
        let sum = self.neighbour_sum(&ray);
        let mut t = f64::INFINITY;
        for i in 0..ray.len() {
            let loss = ray[i] - self.slope[i] * self.reduced.fluid * sum[i];
            if ray[i] > 0.0 && loss > 0.0 {
                t = t.min(ray[i] / loss);
            }
        }
        t.min(1e6)
    }

    fn extrapolate(&mut self, field: f64, direction: f64, t: f64) -> bool {
        let ray = self.ray(direction);
        let moved: Vec<f64> =
            self.density.iter().zip(&ray).map(|(rho, r)| rho + direction * t * r).collect();
        let s = self.logistic(field, &moved);
        let there: Vec<f64> = s.iter().zip(&self.eta).map(|(s, e)| s * e).collect();
        let proved = (0..ray.len()).all(|i| {
            direction * (there[i] - moved[i]) >= if ray[i] > 0.0 { 0.0 } else { -Self::NOISE }
        });
        if proved {
            self.density = there;
        }
        proved
    }

    fn series(&mut self) -> Series {
        let mut term: Vec<f64> = (0..self.eta.len())
            .map(|i| (self.next[i] - self.density[i]).abs() + self.eta[i].min(Self::NOISE))
            .collect();
        let mut sum = vec![0.0; term.len()];
        let (mut before, mut ratio) = (0.0, 0.0);
        for _ in 0..BOUND_PASSES {
            sum.iter_mut().zip(&term).for_each(|(s, t)| *s += t);
            let mut square = 0.0;
            for (i, near) in self.neighbour_sum(&term).into_iter().enumerate() {
                let spread = self.reduced.fluid * near;
                term[i] = self.slope[i] * spread;
                square += term[i] * spread;
            }
            ratio = if before > 0.0 { (square / before).sqrt() } else { 0.0 };
            before = square;
        }
        let largest = |v: &[f64]| v.iter().fold(0.0f64, |m, x| m.max(*x));
        Series { sum: largest(&sum), last: largest(&term), ratio }
    }

    fn coupling(&self) -> f64 {
        -2.0 * self.reduced.saturation
    }
}

impl Sites {
    /// The residual of the last evaluation along the direction, without rounding noise.
    fn ray(&self, direction: f64) -> Vec<f64> {
        self.next
            .iter()
            .zip(&self.density)
            .map(|(next, rho)| direction * (next - rho))
            .map(|r| if r > 8.0 * Self::NOISE { r } else { 0.0 })
            .collect()
    }
}
