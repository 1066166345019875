//! Sorption in single precision: flat vector loops over lattices that lie side by side, threads
//! over groups of lattices. Each lattice's bits are the same alone and in any batch.

mod gradient;
mod grid;
mod passes;
mod walker;

use rayon::prelude::*;

use super::level::Level;
use crate::error::Result;
use crate::sorption::memory::check_gradient;
use crate::sorption::{
    Gradients, Isotherms, Lattices, Loss, Reduced, Scheme, Shape, SorptionPlan, Start, check,
    divisor,
};
use grid::Grid;
use passes::{Density, Iterations, Matrix};

/// Isotherms of every lattice.
pub(super) fn isotherms(
    level: Level,
    lattices: &Lattices,
    plan: &SorptionPlan,
) -> Result<Isotherms> {
    check(lattices, plan)?;
    let parts: Vec<Isotherms> = groups(lattices, plan)
        .into_par_iter()
        .map(|group| {
            let mut sites = Group::new(level, lattices, group, plan);
            let (mut isotherms, densities) = sites.follow(plan, plan.densities);
            if plan.densities {
                isotherms.densities = Some(sites.unpack(&densities));
            }
            isotherms
        })
        .collect();
    let mut all = Isotherms::empty(plan.path.humidities.len(), plan.densities);
    parts.into_iter().for_each(|part| all.append(part));
    Ok(all)
}

/// Gradients of a loss of every lattice.
pub(super) fn gradients(
    level: Level,
    lattices: &Lattices,
    plan: &SorptionPlan,
    loss: &dyn Loss,
) -> Result<Gradients> {
    check(lattices, plan)?;
    let groups = groups(lattices, plan);
    let at_once = groups.len().min(rayon::current_num_threads())
        * side_by_side(lattices.shape(), plan).min(lattices.count());
    let own = gradient_bytes(lattices.shape(), plan);
    check_gradient(plan, own.saturating_mul(at_once as u64))?;
    let parts: Vec<Result<Gradients>> = groups
        .into_par_iter()
        .map(|group| gradient::of_group(level, lattices, group, plan, loss))
        .collect();
    let mut all = Gradients::empty(plan.path.humidities.len(), plan.densities);
    for part in parts {
        all.append(part?);
    }
    Ok(all)
}

/// Lattices side by side of a truncated scheme.
const SIDE_BY_SIDE: usize = 4;

/// Lattices that lie side by side at most. A truncated scheme makes the same number of iterations
/// for all of them; a converged one walks with each lattice at its own pace.
fn side_by_side(shape: Shape, plan: &SorptionPlan) -> usize {
    match plan.scheme {
        Scheme::Converged { .. } => 1,
        // The frame around short rows costs less beside several lattices.
        Scheme::Truncated { .. } if shape.size[2] >= 256 => 1,
        Scheme::Truncated { .. } => SIDE_BY_SIDE,
    }
}

/// Bytes that the gradient of a lattice holds at once.
pub(super) fn gradient_bytes(shape: Shape, plan: &SorptionPlan) -> u64 {
    let lanes = side_by_side(shape, plan);
    let len = Grid::new(shape, lanes).len() as u64;
    let points = plan.path.humidities.len() as u64;
    // Those of `Group`, the total in double precision, and the vectors of the adjoint.
    let own = match plan.scheme {
        Scheme::Converged { .. } => 7 + 2 + gradient::IMPLICIT_VECTORS,
        Scheme::Truncated { iterations } => {
            7 + 2 + gradient::UNROLLED_VECTORS + u64::from(iterations)
        }
    };
    (4 * len).saturating_mul(points + own) / lanes as u64 + 8 * shape.sites() as u64
}

fn groups(lattices: &Lattices, plan: &SorptionPlan) -> Vec<std::ops::Range<usize>> {
    let most = side_by_side(lattices.shape(), plan);
    let count = lattices.count();
    (0..count).step_by(most).map(|first| first..(first + most).min(count)).collect()
}

/// Some lattices side by side.
struct Group {
    level: Level,
    grid: Grid,
    reduced: Reduced,
    range: std::ops::Range<usize>,
    /// η, zero in the frame.
    eta: Vec<f32>,
    /// w_mf/kT Σ_j (1 − η_j), times −log₂ e.
    attraction: Vec<f32>,
    density: Vec<f32>,
    next: Vec<f32>,
    scratch: [Vec<f32>; 3],
    divisors: Vec<f64>,
}

impl Group {
    fn new(
        level: Level,
        lattices: &Lattices,
        range: std::ops::Range<usize>,
        plan: &SorptionPlan,
    ) -> Self {
        let shape = lattices.shape();
        let grid = Grid::new(shape, range.len());
        let reduced = plan.model.reduced(shape.dimension);
        let eta = grid.fill(|lane, site| lattices.lattice(range.start + lane)[site] as f32);
        let attraction = grid.fill(|lane, site| {
            let eta = lattices.lattice(range.start + lane);
            let solid: f64 = shape.neighbours(site).map(|j| 1.0 - eta[j]).sum();
            (-std::f64::consts::LOG2_E * reduced.solid * solid) as f32
        });
        let zero = vec![0.0; grid.len()];
        let mut group = Self {
            level,
            grid,
            reduced,
            eta,
            attraction,
            density: zero.clone(),
            next: zero.clone(),
            scratch: [zero.clone(), zero.clone(), zero],
            divisors: range.clone().map(|k| divisor(plan.mean, lattices.lattice(k))).collect(),
            range,
        };
        group.density = group.starting(plan.path.start);
        group
    }

    fn starting(&self, start: Start) -> Vec<f32> {
        match start {
            Start::Empty => vec![0.0; self.eta.len()],
            Start::Full => {
                let mut full = self.eta.clone();
                self.grid.wrap(&mut full);
                full
            }
        }
    }

    fn matrix(&self) -> Matrix<'_> {
        let Self { level, grid, eta, attraction, .. } = self;
        Matrix { level: *level, grid: *grid, eta, attraction }
    }

    /// The matrix, and everything that a walk changes: densities, F of them, workspace.
    fn parts(&mut self) -> (Matrix<'_>, [&mut Vec<f32>; 5]) {
        let Self { level, grid, eta, attraction, density, next, scratch, .. } = self;
        let [a, b, c] = scratch;
        (Matrix { level: *level, grid: *grid, eta, attraction }, [density, next, a, b, c])
    }

    fn rule(&self, field: f64) -> Density {
        let scale = -std::f64::consts::LOG2_E;
        let fluid = (scale * self.reduced.fluid) as f32;
        Density { fluid, field: (scale * field) as f32 }
    }

    /// Follows the path: isotherms lattice by lattice, and the densities at every point, if they
    /// are to be kept.
    fn follow(&mut self, plan: &SorptionPlan, keep: bool) -> (Isotherms, Vec<Vec<f32>>) {
        let points = plan.path.humidities.len();
        let lanes = self.range.len();
        let mut isotherms = Isotherms::empty(points, false);
        let mut filling = vec![vec![0.0; points]; lanes];
        let mut densities = Vec::new();
        for point in 0..points {
            let field = self.reduced.field(plan.path.humidities[point]);
            match plan.scheme {
                Scheme::Truncated { iterations } => {
                    let rule = self.rule(field);
                    let (matrix, [density, other, ..]) = self.parts();
                    let count = iterations;
                    matrix.level.run(Iterations { matrix, count, density, other, rule });
                }
                Scheme::Converged { tolerance, most_iterations } => {
                    let direction = plan.path.direction(point);
                    let arrival = self.walk(field, direction, tolerance, most_iterations);
                    isotherms.iterations.push(arrival.iterations);
                    isotherms.error.push(arrival.error);
                    isotherms.contraction.push(arrival.contraction);
                }
            }
            for lane in 0..lanes {
                filling[lane][point] = self.grid.sum(lane, &self.density) / self.divisors[lane];
            }
            if keep {
                densities.push(self.density.clone());
            }
        }
        isotherms.filling = filling.concat();
        if let Scheme::Truncated { iterations } = plan.scheme {
            isotherms.iterations = vec![iterations; lanes * points];
            isotherms.error = vec![0.0; lanes * points];
            isotherms.contraction = vec![f64::NAN; lanes * points];
        }
        (isotherms, densities)
    }

    /// Arrays of points as \[lattice\]\[point\]\[site\].
    fn unpack(&self, arrays: &[Vec<f32>]) -> Vec<f64> {
        let grid = &self.grid;
        let mut flat = Vec::new();
        for lane in 0..grid.lanes {
            for array in arrays {
                flat.extend(grid.sites(lane).map(|at| f64::from(array[at])));
            }
        }
        flat
    }
}
