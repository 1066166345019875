//! What is asked of a device, and what it answers.

use serde::{Deserialize, Serialize};

use super::{Lattices, SorptionModel};
use crate::error::{Error, Result};

/// How the densities are found at a humidity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "scheme", rename_all = "lowercase")]
pub enum Scheme {
    /// Exactly so many plain iterations ρ ← F(ρ): the published scheme with 100.
    Truncated {
        /// Iterations M.
        iterations: u32,
    },
    /// Until a bound of the remaining error of every density is below the tolerance.
    Converged {
        /// Bound of the remaining error.
        tolerance: f64,
        /// Iterations at a humidity after which the search ends without a claim.
        most_iterations: u32,
    },
}

impl Scheme {
    /// The published scheme.
    pub const PUBLISHED: Self = Self::Truncated { iterations: 100 };

    /// Converged, with the tolerance that a device can reach.
    pub const CONVERGED: Self = Self::Converged { tolerance: 1e-10, most_iterations: 200_000 };
}

/// State before the first humidity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// No fluid anywhere: adsorption.
    Empty,
    /// Every pore full: desorption.
    Full,
}

/// What an isotherm is the mean over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mean {
    /// Σρ/Ση: the filling of the pores.
    #[default]
    Pores,
    /// Σρ/N over all sites, as in H. Liu's thesis.
    Sites,
}

/// A walk through humidities; each point starts from the densities of the one before.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Path {
    /// State before the first humidity.
    pub start: Start,
    /// Relative humidities, in the order of the walk.
    pub humidities: Vec<f64>,
}

/// Humidities of less relative difference are one humidity.
const SAME: f64 = 1e-9;

impl Path {
    /// Adsorption from empty.
    pub fn adsorption(humidities: &[f64]) -> Self {
        let mut humidities = humidities.to_vec();
        humidities.sort_by(f64::total_cmp);
        Self { start: Start::Empty, humidities }
    }

    /// Desorption from full: the same humidities from the highest down.
    pub fn desorption(humidities: &[f64]) -> Self {
        let mut humidities = humidities.to_vec();
        humidities.sort_by(|a, b| b.total_cmp(a));
        Self { start: Start::Full, humidities }
    }

    /// Adsorption up to a turning point, whether or not it is one of the humidities, and back
    /// down again (a descending scanning curve).
    pub fn descending_scan(humidities: &[f64], turning: f64) -> Self {
        let mut up: Vec<f64> =
            humidities.iter().copied().filter(|h| *h < turning * (1.0 - SAME)).collect();
        up.sort_by(f64::total_cmp);
        up.push(turning);
        let down: Vec<f64> = up.iter().rev().skip(1).copied().collect();
        Self { start: Start::Empty, humidities: [up, down].concat() }
    }

    /// Desorption down to a turning point, whether or not it is one of the humidities, and back
    /// up again (an ascending scanning curve).
    pub fn ascending_scan(humidities: &[f64], turning: f64) -> Self {
        let mut down: Vec<f64> =
            humidities.iter().copied().filter(|h| *h > turning * (1.0 + SAME)).collect();
        down.sort_by(|a, b| b.total_cmp(a));
        down.push(turning);
        let up: Vec<f64> = down.iter().rev().skip(1).copied().collect();
        Self { start: Start::Full, humidities: [down, up].concat() }
    }

    /// The published humidities: 40 steps of 2.5 %.
    pub fn published_humidities() -> Vec<f64> {
        even_humidities(40, 1.0)
    }

    /// Direction in which the densities go at a point: +1 or −1.
    pub(crate) fn direction(&self, point: usize) -> f64 {
        let before = match (point, self.start) {
            (0, Start::Empty) => 0.0,
            (0, Start::Full) => f64::INFINITY,
            _ => self.humidities[point - 1],
        };
        if self.humidities[point] >= before { 1.0 } else { -1.0 }
    }
}

/// `steps` humidities of equal distance, the last of which is `highest`.
pub fn even_humidities(steps: usize, highest: f64) -> Vec<f64> {
    (1..=steps).map(|k| highest * k as f64 / steps as f64).collect()
}

/// A complete question about a batch of lattices.
#[derive(Debug, Clone, PartialEq)]
pub struct SorptionPlan {
    /// Parameters of the lattice gas.
    pub model: SorptionModel,
    /// Humidities.
    pub path: Path,
    /// How densities are found.
    pub scheme: Scheme,
    /// What the isotherm is the mean over.
    pub mean: Mean,
    /// Highest humidity that is accepted; 1 is saturation.
    pub highest_humidity: f64,
    /// Keep the density of every site at every humidity.
    pub densities: bool,
}

impl SorptionPlan {
    /// Converged densities along a path, with the published parameters.
    pub fn new(path: Path) -> Self {
        Self {
            model: SorptionModel::default(),
            path,
            scheme: Scheme::CONVERGED,
            mean: Mean::Pores,
            highest_humidity: 1.0,
            densities: false,
        }
    }

    /// Checks everything that does not depend on the lattices.
    pub fn validate(&self) -> Result<()> {
        self.model.validate()?;
        if self.path.humidities.is_empty() {
            return Err(Error::input("no humidity is asked for", "give at least one humidity"));
        }
        for humidity in &self.path.humidities {
            if !(*humidity > 0.0) {
                return Err(Error::input(
                    format!("relative humidity {humidity}: its logarithm is needed"),
                    "give humidities above 0",
                ));
            }
            if !(*humidity <= self.highest_humidity && *humidity < 1e30) {
                return Err(Error::input(
                    format!(
                        "relative humidity {humidity} is above the highest chosen, {}",
                        self.highest_humidity
                    ),
                    "give humidities as fractions (0.25 for 25 %), or raise the highest humidity for supersaturation",
                ));
            }
        }
        match self.scheme {
            Scheme::Truncated { iterations: 0 } => Err(Error::input(
                "a truncated scheme of 0 iterations",
                "give at least one iteration; the published number is 100",
            )),
            Scheme::Converged { tolerance, most_iterations }
                if !(tolerance > 0.0 && tolerance < 1.0) || most_iterations == 0 =>
            {
                Err(Error::input(
                    format!(
                        "a converged scheme with tolerance {tolerance} and at most {most_iterations} iterations"
                    ),
                    "give a tolerance between 0 and 1 and at least one iteration",
                ))
            }
            _ => Ok(()),
        }
    }
}

/// Isotherms of a batch along a path.
#[derive(Debug, Clone, PartialEq)]
pub struct Isotherms {
    /// Number of humidities.
    pub points: usize,
    /// Mean density, lattice after lattice, in the order of the path.
    pub filling: Vec<f64>,
    /// Bound of the error of any density that is left by stopping and by rounding, at every
    /// point; infinite where none can be given. For the truncated scheme, of its rounding
    /// only, and zero where it is not estimated.
    pub error: Vec<f64>,
    /// Iterations made at every point.
    pub iterations: Vec<u32>,
    /// Contraction of the iteration at the fixed point (1 at a condensation jump), if converged.
    pub contraction: Vec<f64>,
    /// Densities \[lattice\]\[point\]\[site\], if asked for.
    pub densities: Option<Vec<f64>>,
}

impl Isotherms {
    pub(crate) fn empty(points: usize, densities: bool) -> Self {
        Self {
            points,
            filling: Vec::new(),
            error: Vec::new(),
            iterations: Vec::new(),
            contraction: Vec::new(),
            densities: densities.then(Vec::new),
        }
    }

    /// The isotherm of one lattice.
    pub fn lattice(&self, index: usize) -> &[f64] {
        &self.filling[index * self.points..(index + 1) * self.points]
    }

    /// Everything about one lattice but its densities.
    pub(crate) fn lattice_alone(&self, index: usize) -> Self {
        let range = index * self.points..(index + 1) * self.points;
        Self {
            points: self.points,
            filling: self.filling[range.clone()].to_vec(),
            error: self.error[range.clone()].to_vec(),
            iterations: self.iterations[range.clone()].to_vec(),
            contraction: self.contraction[range].to_vec(),
            densities: None,
        }
    }

    /// Densities of one lattice at one point of the path.
    pub fn densities_at(&self, lattice: usize, point: usize, sites: usize) -> Option<&[f64]> {
        let start = (lattice * self.points + point) * sites;
        self.densities.as_ref().map(|d| &d[start..start + sites])
    }

    /// Adds the lattices of another part of the same batch.
    pub fn extend(&mut self, other: Self) {
        self.append(other);
    }

    /// Puts the points of every lattice into the opposite order.
    pub fn reverse(&mut self, sites: usize) {
        let points = self.points;
        for numbers in [&mut self.filling, &mut self.error, &mut self.contraction] {
            numbers.chunks_exact_mut(points).for_each(<[f64]>::reverse);
        }
        self.iterations.chunks_exact_mut(points).for_each(<[u32]>::reverse);
        if let Some(all) = &mut self.densities {
            for own in all.chunks_exact_mut(points * sites) {
                let turned: Vec<f64> =
                    own.chunks_exact(sites).rev().flat_map(|d| d.iter().copied()).collect();
                own.copy_from_slice(&turned);
            }
        }
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.filling.append(&mut other.filling);
        self.error.append(&mut other.error);
        self.iterations.append(&mut other.iterations);
        self.contraction.append(&mut other.contraction);
        if let (Some(have), Some(more)) = (&mut self.densities, &mut other.densities) {
            have.append(more);
        }
    }
}

/// The derivative of a loss, from which devices find its derivative with respect to η.
#[derive(Debug, Clone, PartialEq)]
pub enum Cotangent {
    /// ∂L/∂(isotherm), one number a point of the path.
    Isotherm(Vec<f64>),
    /// ∂L/∂ρ of every site at every point, \[point\]\[site\].
    Densities(Vec<f64>),
}

/// A differentiable function of a lattice's isotherm or densities.
pub trait Loss: Sync {
    /// Whether [`Loss::evaluate`] looks at densities.
    fn needs_densities(&self) -> bool {
        false
    }

    /// Value and derivative for one lattice: its isotherm along the path and, if
    /// [`Loss::needs_densities`], its densities \[point\]\[site\]. Only then may the derivative be
    /// one with respect to densities.
    fn evaluate(&self, lattice: usize, isotherm: &[f64], densities: &[f64]) -> (f64, Cotangent);
}

/// Gradients of a loss with respect to η.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradients {
    /// The isotherms that the loss was taken of.
    pub isotherms: Isotherms,
    /// Loss of each lattice.
    pub loss: Vec<f64>,
    /// dL/dη, lattice after lattice, without the points that diverge.
    regular: Vec<f64>,
    /// Points \[lattice\]\[point\] at a condensation jump, where the derivative diverges or is
    /// beyond the device's precision.
    pub diverging: Vec<bool>,
}

impl Gradients {
    pub(crate) fn empty(points: usize, densities: bool) -> Self {
        Self {
            isotherms: Isotherms::empty(points, densities),
            loss: Vec::new(),
            regular: Vec::new(),
            diverging: Vec::new(),
        }
    }

    /// The gradient of one lattice; none if it diverges at one of the points.
    pub fn lattice(&self, index: usize) -> Option<&[f64]> {
        (!self.diverges(index)).then(|| self.regular_part(index))
    }

    /// The gradient of one lattice without the points where it diverges: a direction to go on in
    /// where there is no gradient.
    pub fn regular_part(&self, index: usize) -> &[f64] {
        let sites = self.regular.len() / self.loss.len();
        &self.regular[index * sites..(index + 1) * sites]
    }

    /// Adds the lattices of another part of the same batch.
    pub fn extend(&mut self, other: Self) {
        self.append(other);
    }

    pub(crate) fn push(&mut self, loss: f64, gradient: &[f64], diverging: &[bool]) {
        self.loss.push(loss);
        self.regular.extend_from_slice(gradient);
        self.diverging.extend_from_slice(diverging);
    }

    /// Whether the gradient of a lattice diverges.
    pub fn diverges(&self, index: usize) -> bool {
        let points = self.isotherms.points;
        self.diverging[index * points..(index + 1) * points].contains(&true)
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.isotherms.append(other.isotherms);
        self.loss.append(&mut other.loss);
        self.regular.append(&mut other.regular);
        self.diverging.append(&mut other.diverging);
    }
}

/// What the mean of a lattice's densities is divided by.
pub(crate) fn divisor(mean: Mean, eta: &[f64]) -> f64 {
    match mean {
        Mean::Pores => eta.iter().sum(),
        Mean::Sites => eta.len() as f64,
    }
}

/// The direct dependence ∂L/∂η of a loss of the isotherm: the mean over pores is divided by Ση.
fn direct_derivative(cotangent: &Cotangent, mean: Mean, isotherm: &[f64], divisor: f64) -> f64 {
    match (cotangent, mean) {
        (Cotangent::Isotherm(weights), Mean::Pores) => {
            -weights.iter().zip(isotherm).map(|(w, p)| w * p).sum::<f64>() / divisor
        }
        _ => 0.0,
    }
}

/// What a loss says of one lattice, checked.
pub(crate) struct Judged {
    pub value: f64,
    pub cotangent: Cotangent,
    /// What the mean is divided by.
    pub divisor: f64,
    /// ∂L/∂η without the densities' own change.
    pub direct: f64,
}

impl Judged {
    /// Asks a loss about lattice `index`; `densities` may be empty where it does not look at them.
    pub fn new(
        loss: &dyn Loss,
        mean: Mean,
        index: usize,
        eta: &[f64],
        isotherm: &[f64],
        densities: &[f64],
    ) -> Result<Self> {
        let (value, cotangent) = loss.evaluate(index, isotherm, densities);
        if matches!(cotangent, Cotangent::Densities(_)) && !loss.needs_densities() {
            return Err(Error::input(
                "a loss that does not ask for densities returned derivatives with respect to them",
                "let `Loss::needs_densities` answer true, or return derivatives of the isotherm",
            ));
        }
        check_cotangent(&cotangent, isotherm.len(), eta.len())?;
        let divisor = divisor(mean, eta);
        let direct = direct_derivative(&cotangent, mean, isotherm, divisor);
        Ok(Self { value, cotangent, divisor, direct })
    }

    /// ∂L/∂ρ at a point: the same for all sites, or one each.
    pub fn of_densities(&self, point: usize, sites: usize) -> Vec<f64> {
        match &self.cotangent {
            Cotangent::Isotherm(weights) => vec![weights[point] / self.divisor; sites],
            Cotangent::Densities(all) => all[point * sites..(point + 1) * sites].to_vec(),
        }
    }
}

/// Checks that a loss answered with as many numbers as there are.
fn check_cotangent(cotangent: &Cotangent, points: usize, sites: usize) -> Result<()> {
    let (have, want) = match cotangent {
        Cotangent::Isotherm(c) => (c.len(), points),
        Cotangent::Densities(c) => (c.len(), points * sites),
    };
    if have == want {
        return Ok(());
    }
    Err(Error::input(
        format!("a loss returned {have} derivatives where {want} are needed"),
        "return one derivative a point of the path, or one a site and point",
    ))
}

/// Part of a batch with a loss that still sees the lattices' own numbers.
pub(crate) struct Shifted<'a> {
    pub loss: &'a dyn Loss,
    pub first: usize,
}

impl Loss for Shifted<'_> {
    fn needs_densities(&self) -> bool {
        self.loss.needs_densities()
    }

    fn evaluate(&self, lattice: usize, isotherm: &[f64], densities: &[f64]) -> (f64, Cotangent) {
        self.loss.evaluate(lattice + self.first, isotherm, densities)
    }
}

/// The mean squared difference to a target isotherm, given in the order of the path.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanSquare {
    /// The target, one number a point.
    pub target: Vec<f64>,
}

impl Loss for MeanSquare {
    fn evaluate(&self, _: usize, isotherm: &[f64], _: &[f64]) -> (f64, Cotangent) {
        let n = self.target.len() as f64;
        let difference: Vec<f64> = isotherm.iter().zip(&self.target).map(|(a, b)| a - b).collect();
        let loss = difference.iter().map(|d| d * d).sum::<f64>() / n;
        (loss, Cotangent::Isotherm(difference.into_iter().map(|d| 2.0 * d / n).collect()))
    }
}

/// Checks a plan against a batch.
pub(crate) fn check(lattices: &Lattices, plan: &SorptionPlan) -> Result<()> {
    plan.validate()?;
    let numbers = lattices.count().checked_mul(plan.path.humidities.len());
    numbers.and_then(|n| n.checked_mul(lattices.sites())).map(|_| ()).ok_or_else(|| {
        Error::input("lattices × humidities × sites is beyond 64 bits", "use a smaller batch")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scanning_curves_turn_where_they_are_told() {
        let grid = even_humidities(4, 1.0);
        let walk = |path: Path| path.humidities;
        // Off the grid.
        assert_eq!(walk(Path::descending_scan(&grid, 0.7)), [0.25, 0.5, 0.7, 0.5, 0.25]);
        assert_eq!(walk(Path::ascending_scan(&grid, 0.3)), [1.0, 0.75, 0.5, 0.3, 0.5, 0.75, 1.0]);
        // On it, and beside it by rounding.
        for turning in [0.5, 0.5 * (1.0 + 1e-12), 0.5 * (1.0 - 1e-12)] {
            assert_eq!(walk(Path::descending_scan(&grid, turning)), [0.25, turning, 0.25]);
            let want = [1.0, 0.75, turning, 0.75, 1.0];
            assert_eq!(walk(Path::ascending_scan(&grid, turning)), want);
        }
        // At and beyond the ends.
        assert_eq!(walk(Path::descending_scan(&grid, 0.1)), [0.1]);
        let turning = Path::descending_scan(&grid, 0.7);
        let directions: Vec<f64> = (0..5).map(|k| turning.direction(k)).collect();
        assert_eq!(directions, [1.0, 1.0, 1.0, -1.0, -1.0]);
    }
}
