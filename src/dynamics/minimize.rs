//! Energy minimisation at fixed box: FIRE and conjugate gradient, on any device.
//!
//! Both look at forces only. In single precision the energy of many atoms resolves far less than
//! the forces do, so a line search on energies would stop early.

use crate::backend::{DynamicsSession, Observables};
use crate::error::{Error, Result};

/// Minimisation algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MinimizeMethod {
    /// Fast inertial relaxation engine (Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006),
    /// doi:10.1103/PhysRevLett.97.170201) with semi-implicit Euler steps. Robust from overlapping
    /// starts.
    Fire,
    /// Polak–Ribière conjugate gradient; line search by the secant method on the force along the
    /// line. Faster close to the minimum.
    ConjugateGradient,
}

/// When to stop, and how far atoms may move at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MinimizeOptions {
    /// Algorithm.
    pub method: MinimizeMethod,
    /// Largest force component at the end (metal: eV/Å).
    pub force_tolerance: f64,
    /// Force evaluations at most.
    pub max_evaluations: u64,
    /// Longest move of an atom in one iteration (metal: Å); about a hundredth of the cutoff.
    pub longest_move: f64,
}

/// How a minimisation ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MinimizeReport {
    /// Force evaluations used.
    pub evaluations: u64,
    /// True if the tolerance was reached.
    pub converged: bool,
    /// Largest force component at the end.
    pub largest_force: f64,
    /// Potential energy at the start.
    pub initial_energy: f64,
    /// Potential energy at the end.
    pub potential_energy: f64,
}

/// Moves a session's atoms to a minimum of the potential energy; velocities stay as they are.
///
/// `keep_going` is asked before every evaluation with the number of evaluations and the largest
/// force so far; `false` ends the minimisation where it is.
pub fn minimize(
    session: &mut dyn DynamicsSession,
    options: &MinimizeOptions,
    keep_going: &mut dyn FnMut(u64, f64) -> bool,
) -> Result<MinimizeReport> {
    let observation = session.observe(Observables { structure: true, ..Default::default() })?;
    let Some(structure) = observation.structure else {
        return Err(Error::input(
            "the session gave no structure to minimise",
            "use a backend that reads positions back",
        ));
    };
    let positions: Vec<[f64; 3]> = (0..structure.len()).map(|i| structure.unwrapped(i)).collect();
    let mut search = Search {
        session,
        options,
        keep_going,
        positions,
        forces: Vec::new(),
        evaluations: 0,
        energy: 0.0,
        stopped: false,
    };
    search.evaluate()?;
    let initial_energy = search.energy;
    match options.method {
        MinimizeMethod::Fire => search.fire()?,
        MinimizeMethod::ConjugateGradient => search.conjugate_gradient()?,
    }
    Ok(MinimizeReport {
        evaluations: search.evaluations,
        converged: search.largest_force() <= options.force_tolerance,
        largest_force: search.largest_force(),
        initial_energy,
        potential_energy: search.energy,
    })
}

struct Search<'a> {
    session: &'a mut dyn DynamicsSession,
    options: &'a MinimizeOptions,
    keep_going: &'a mut dyn FnMut(u64, f64) -> bool,
    positions: Vec<[f64; 3]>,
    forces: Vec<[f64; 3]>,
    evaluations: u64,
    energy: f64,
    stopped: bool,
}

impl Search<'_> {
    fn evaluate(&mut self) -> Result<()> {
        let evaluation = self.session.evaluate()?;
        self.evaluations += 1;
        self.energy = evaluation.potential_energy;
        self.forces = evaluation.forces;
        for (atom, f) in self.forces.iter().enumerate() {
            if let Some(&value) = f.iter().find(|x| !x.is_finite()) {
                return Err(Error::NonFinite { step: 0, atom: atom + 1, quantity: "force", value });
            }
        }
        let largest = self.largest_force();
        self.stopped |= !(self.keep_going)(self.evaluations, largest);
        Ok(())
    }

    fn largest_force(&self) -> f64 {
        self.forces.iter().flatten().fold(0.0, |m: f64, f| m.max(f.abs()))
    }

    fn finished(&self) -> bool {
        self.stopped
            || self.evaluations >= self.options.max_evaluations
            || self.largest_force() <= self.options.force_tolerance
    }

    fn move_by(&mut self, factor: f64, direction: &[[f64; 3]]) -> Result<()> {
        for (r, d) in self.positions.iter_mut().zip(direction) {
            for k in 0..3 {
                r[k] += factor * d[k];
            }
        }
        self.session.set_positions(&self.positions)?;
        self.evaluate()
    }

    /// Unit masses: with energies and lengths of order one (eV and Å, or reduced units) bonds
    /// have stiffness 10 to 100, for which these time steps are stable.
    fn fire(&mut self) -> Result<()> {
        const START: f64 = 0.03;
        const LONGEST: f64 = 0.2;
        let mut velocities = vec![[0.0; 3]; self.positions.len()];
        let (mut timestep, mut mixing, mut downhill) = (START, 0.1, 0);
        while !self.finished() {
            let power = product(&self.forces, &velocities);
            if power > 0.0 {
                let scale = mixing
                    * (product(&velocities, &velocities)
                        / product(&self.forces, &self.forces).max(f64::MIN_POSITIVE))
                    .sqrt();
                for (v, f) in velocities.iter_mut().zip(&self.forces) {
                    for k in 0..3 {
                        v[k] = (1.0 - mixing) * v[k] + scale * f[k];
                    }
                }
                downhill += 1;
                if downhill > 5 {
                    timestep = (1.1 * timestep).min(LONGEST);
                    mixing *= 0.99;
                }
            } else {
                // Uphill: stop, and go on with a shorter step.
                velocities.fill([0.0; 3]);
                timestep = (0.5 * timestep).max(0.02 * START);
                mixing = 0.1;
                downhill = 0;
            }
            for (v, f) in velocities.iter_mut().zip(&self.forces) {
                for k in 0..3 {
                    v[k] += timestep * f[k];
                }
            }
            // Only the atoms that would jump are held back; the rest of the system goes on.
            for v in &mut velocities {
                let length = timestep * product(&[*v], &[*v]).sqrt();
                if length > self.options.longest_move {
                    *v = v.map(|x| x * self.options.longest_move / length);
                }
            }
            let moved = velocities.clone();
            self.move_by(timestep, &moved)?;
        }
        Ok(())
    }

    fn conjugate_gradient(&mut self) -> Result<()> {
        let mut direction = self.forces.clone();
        let mut previous_length = None;
        while !self.finished() {
            let old_forces = self.forces.clone();
            if product(&direction, &old_forces) <= 0.0 {
                direction.clone_from(&old_forces);
            }
            let largest = direction
                .iter()
                .map(|d| product(&[*d], &[*d]).sqrt())
                .fold(f64::MIN_POSITIVE, f64::max);
            let longest = self.options.longest_move / largest;
            let first = previous_length.unwrap_or(0.1 * longest);
            previous_length = Some(self.line_search(&direction, first, longest)?);
            let change = product(&self.forces, &self.forces) - product(&self.forces, &old_forces);
            let beta = (change / product(&old_forces, &old_forces).max(f64::MIN_POSITIVE)).max(0.0);
            for (d, f) in direction.iter_mut().zip(&self.forces) {
                for k in 0..3 {
                    d[k] = f[k] + beta * d[k];
                }
            }
        }
        Ok(())
    }

    /// Moves along a direction until the force along it has fallen to a tenth; returns how far.
    fn line_search(&mut self, direction: &[[f64; 3]], first: f64, longest: f64) -> Result<f64> {
        let start = product(&self.forces, direction);
        let (mut at, mut slope) = (0.0, start);
        let mut next = first.clamp(1e-4 * longest, longest);
        for _ in 0..8 {
            let step = next - at;
            self.move_by(step, direction)?;
            let (old_at, old_slope) = (at, slope);
            at = next;
            slope = product(&self.forces, direction);
            if slope.abs() <= 0.1 * start.abs() || self.finished() || (at >= longest && slope > 0.0)
            {
                break;
            }
            let curvature = (old_slope - slope) / (at - old_at);
            next = if curvature > 0.0 { at + slope / curvature } else { 2.0 * at };
            next = next.clamp(0.05 * at.min(longest), longest);
            if (next - at).abs() < 1e-3 * at {
                break;
            }
        }
        Ok(at)
    }
}

fn product(a: &[[f64; 3]], b: &[[f64; 3]]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x[0] * y[0] + x[1] * y[1] + x[2] * y[2]).sum()
}
