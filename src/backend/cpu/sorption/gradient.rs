//! Gradients in single precision.

use super::super::level::Task;
use super::grid::{Grid, VECTOR};
use super::passes::{Density, Difference, Logistic, Matrix, Sum, pass, sum};
use super::{Group, Level};
use crate::error::Result;
use crate::sorption::memory::too_large;
use crate::sorption::{Gradients, Judged, Lattices, Loss, Scheme, SorptionPlan, Start};

/// Contraction above which single precision gives no derivative worth the name.
const DIVERGES: f64 = 1.0 - 1e-3;

/// Arrays of the implicit adjoint: [`Workspace`] and the cotangent of a point.
pub(super) const IMPLICIT_VECTORS: u64 = 7 + 1;
/// Arrays of back-propagation besides the iterations.
pub(super) const UNROLLED_VECTORS: u64 = 6;

/// Gradients of a loss of the lattices of a group.
pub(super) fn of_group(
    level: Level,
    lattices: &Lattices,
    range: std::ops::Range<usize>,
    plan: &SorptionPlan,
    loss: &dyn Loss,
) -> Result<Gradients> {
    let mut group = Group::new(level, lattices, range.clone(), plan);
    let (mut isotherms, densities) = group.follow(plan, true);
    let (points, sites, lanes) = (plan.path.humidities.len(), lattices.sites(), range.len());
    let kept = if plan.densities || loss.needs_densities() {
        group.unpack(&densities)
    } else {
        Vec::new()
    };
    let mut judged = Vec::new();
    for lane in 0..lanes {
        let own = if kept.is_empty() {
            &[][..]
        } else {
            &kept[lane * points * sites..(lane + 1) * points * sites]
        };
        let index = range.start + lane;
        let (eta, isotherm) = (lattices.lattice(index), isotherms.lattice(lane));
        judged.push(Judged::new(loss, plan.mean, index, eta, isotherm, own)?);
    }
    let mut total = vec![0.0f64; group.grid.len()];
    let mut diverging = vec![vec![false; points]; lanes];
    match plan.scheme {
        Scheme::Converged { .. } => {
            let mut workspace = Workspace::new(group.grid.len());
            for point in 0..points {
                if isotherms.error[point].is_infinite() {
                    diverging[0][point] = true;
                    continue;
                }
                let rule = group.rule(group.reduced.field(plan.path.humidities[point]));
                let wanted = group.wanted(&judged, point, sites);
                diverging[0][point] = !group.level.run(Implicit {
                    matrix: group.matrix(),
                    rho: &densities[point],
                    g: &wanted,
                    rule,
                    fluid: group.reduced.fluid,
                    solid: group.reduced.solid,
                    rounds: 2 * sites + 100,
                    workspace: &mut workspace,
                    total: &mut total,
                });
            }
        }
        Scheme::Truncated { iterations } => {
            let Some(mut kept) = reserved(iterations as usize, group.eta.len()) else {
                let own = super::gradient_bytes(lattices.shape(), plan);
                return Err(too_large(plan, own.saturating_mul(lanes as u64), None));
            };
            group.unrolled(plan, &mut kept, &densities, &judged, sites, &mut total);
        }
    }
    let mut all = Gradients::empty(points, plan.densities);
    for lane in 0..lanes {
        let Judged { value, direct, .. } = &judged[lane];
        let gradient: Vec<f64> = group.grid.sites(lane).map(|at| total[at] + direct).collect();
        all.push(*value, &gradient, &diverging[lane]);
    }
    if plan.densities {
        isotherms.densities = Some(kept);
    }
    all.isotherms = isotherms;
    Ok(all)
}

/// Room for so many iterations, if there is.
fn reserved(iterations: usize, n: usize) -> Option<Vec<Vec<f32>>> {
    let mut all: Vec<Vec<f32>> = Vec::new();
    all.try_reserve_exact(iterations).ok()?;
    for _ in 0..iterations {
        let mut one = Vec::new();
        one.try_reserve_exact(n).ok()?;
        one.resize(n, 0.0);
        all.push(one);
    }
    Some(all)
}

impl Group {
    /// ∂L/∂ρ of every site at a point.
    fn wanted(&self, judged: &[Judged], point: usize, sites: usize) -> Vec<f32> {
        let own: Vec<Vec<f64>> = judged.iter().map(|j| j.of_densities(point, sites)).collect();
        self.grid.fill(|lane, site| own[lane][site] as f32)
    }

    /// Back-propagation through the iterations, for all lattices side by side.
    fn unrolled(
        &self,
        plan: &SorptionPlan,
        kept: &mut [Vec<f32>],
        densities: &[Vec<f32>],
        judged: &[Judged],
        sites: usize,
        total: &mut [f64],
    ) {
        let n = self.eta.len();
        let mut adjoint = vec![0.0f32; n];
        let [mut pulled, mut spread, mut part] = [vec![0.0; n], vec![0.0; n], vec![0.0; n]];
        for point in (0..densities.len()).rev() {
            let mut rho = match point {
                0 => self.starting(plan.path.start),
                _ => densities[point - 1].clone(),
            };
            for (a, wanted) in adjoint.iter_mut().zip(self.wanted(judged, point, sites)) {
                *a += wanted;
            }
            part.fill(0.0);
            self.level.run(Unrolled {
                matrix: self.matrix(),
                rule: self.rule(self.reduced.field(plan.path.humidities[point])),
                fluid: self.reduced.fluid as f32,
                solid: self.reduced.solid as f32,
                rho: &mut rho,
                kept: &mut *kept,
                adjoint: &mut adjoint,
                pulled: &mut pulled,
                spread: &mut spread,
                part: &mut part,
            });
            total.iter_mut().zip(&part).for_each(|(t, p)| *t += f64::from(*p));
        }
        if plan.path.start == Start::Full {
            total.iter_mut().zip(&adjoint).for_each(|(t, a)| *t += f64::from(*a));
        }
    }
}

/// Arrays of the implicit adjoint.
struct Workspace([Vec<f32>; 7]);

impl Workspace {
    fn new(n: usize) -> Self {
        Self(std::array::from_fn(|_| vec![0.0; n]))
    }
}

/// Adds the part of a point to the gradient of the only lattice, by the implicit adjoint as in
/// `reference`; false if it diverges. Everything but the logistic is zero in the frame, so that
/// sums over a pass are sums over the sites.
struct Implicit<'a> {
    matrix: Matrix<'a>,
    rho: &'a [f32],
    g: &'a [f32],
    rule: Density,
    fluid: f64,
    solid: f64,
    rounds: usize,
    workspace: &'a mut Workspace,
    total: &'a mut [f64],
}

impl Task for Implicit<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> bool {
        let Self { matrix, rho, g, rule, fluid, solid, rounds, workspace, total } = self;
        let Matrix { grid, eta, attraction, .. } = matrix;
        let (at, n) = (grid.first, grid.span);
        let Workspace([s, root, nu, r, p, scaled, mp]) = workspace;
        pass::<_, FMA>(&grid, rho, eta, attraction, s, Logistic(rule));
        let (eta, g) = (&eta[at..][..n], &g[at..][..n]);
        {
            let (s, root, nu) = (&s[at..][..n], &mut root[at..][..n], &mut nu[at..][..n]);
            let (r, p) = (&mut r[at..][..n], &mut p[at..][..n]);
            for i in 0..n {
                root[i] = (eta[i] * s[i] * (1.0 - s[i])).sqrt();
                nu[i] = 0.0;
                r[i] = root[i] * g[i];
                p[i] = r[i];
            }
        }
        let start = dot(&r[at..][..n], &r[at..][..n]);
        let mut rr = start;
        for _ in 0..rounds {
            if rr <= 1e-13 * start || start == 0.0 {
                break;
            }
            apply::<FMA>(&grid, root, p, scaled, mp, fluid as f32);
            let (p, mp) = (&mut p[at..][..n], &mp[at..][..n]);
            let curvature = dot(p, mp);
            if curvature <= (1.0 - DIVERGES) * dot(p, p) {
                return false;
            }
            let step = (rr / curvature) as f32;
            let (nu, r) = (&mut nu[at..][..n], &mut r[at..][..n]);
            for i in 0..n {
                nu[i] += step * p[i];
                r[i] -= step * mp[i];
            }
            let new = dot(r, r);
            let beta = (new / rr) as f32;
            for i in 0..n {
                p[i] = r[i] + beta * p[i];
            }
            rr = new;
        }
        apply::<FMA>(&grid, root, nu, scaled, mp, fluid as f32);
        let (nu, at_nu) = (&nu[at..][..n], &mp[at..][..n]);
        if start > 0.0 && dot(nu, at_nu) <= (1.0 - DIVERGES) * dot(nu, nu) {
            return false;
        }
        pass::<_, FMA>(&grid, scaled, scaled, scaled, mp, Sum);
        let (s, spread, total) = (&s[at..][..n], &mp[at..][..n], &mut total[at..][..n]);
        for i in 0..n {
            let near = f64::from(spread[i]);
            let lambda = f64::from(g[i]) + fluid * near;
            total[i] += f64::from(s[i]) * lambda - solid * near;
        }
        true
    }
}

/// (1 − w √d A √d) v; √d v stays in `scaled`.
#[inline(always)]
fn apply<const FMA: bool>(
    grid: &Grid,
    root: &[f32],
    v: &[f32],
    scaled: &mut [f32],
    to: &mut [f32],
    fluid: f32,
) {
    let n = scaled.len();
    let (root_all, v_all) = (&root[..n], &v[..n]);
    for i in 0..n {
        scaled[i] = root_all[i] * v_all[i];
    }
    grid.wrap(scaled);
    pass::<_, FMA>(grid, scaled, root, v, to, Difference(fluid));
}

#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f64 {
    sum!([a, b], a * b)
}

/// The iterations of one point, forwards and back.
struct Unrolled<'a> {
    matrix: Matrix<'a>,
    rule: Density,
    fluid: f32,
    solid: f32,
    rho: &'a mut [f32],
    kept: &'a mut [Vec<f32>],
    adjoint: &'a mut [f32],
    pulled: &'a mut [f32],
    spread: &'a mut [f32],
    part: &'a mut [f32],
}

impl Task for Unrolled<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { matrix, rule, fluid, solid, rho, kept, adjoint, pulled, spread, part } = self;
        let Matrix { grid, eta, attraction, .. } = matrix;
        let (at, n) = (grid.first, grid.span);
        let eta_inner = &eta[at..][..n];
        for s in kept.iter_mut() {
            pass::<_, FMA>(&grid, rho, eta, attraction, s, Logistic(rule));
            {
                let (s, rho) = (&s[at..][..n], &mut rho[at..][..n]);
                for i in 0..n {
                    rho[i] = eta_inner[i] * s[i];
                }
            }
            grid.wrap(rho);
        }
        let (adjoint, part) = (&mut adjoint[at..][..n], &mut part[at..][..n]);
        for k in (0..kept.len()).rev() {
            let s = &kept[k][at..][..n];
            {
                let pulled = &mut pulled[at..][..n];
                for i in 0..n {
                    pulled[i] = eta_inner[i] * s[i] * (1.0 - s[i]) * adjoint[i];
                }
            }
            grid.wrap(pulled);
            pass::<_, FMA>(&grid, pulled, pulled, pulled, spread, Sum);
            let spread = &spread[at..][..n];
            for i in 0..n {
                part[i] += s[i] * adjoint[i] - solid * spread[i];
                adjoint[i] = fluid * spread[i];
            }
        }
    }
}
