//! From a wanted isotherm to a pore matrix.

use serde::{Deserialize, Serialize};

use super::generate::random_lattices;
use super::{
    Cotangent, Isotherms, Lattices, Loss, MeanSquare, Scheme, Shape, SorptionPlan, area_between,
};
use crate::backend::Backend;
use crate::error::{Error, Result};

/// How free numbers θ become η in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Parametrization {
    /// η = 1/(1 + e^(−βθ)); β rises during the design, so that η goes to 0 and 1.
    #[default]
    Sigmoid,
    /// η = θ, put back into [0, 1] after each step.
    Projected,
}

/// How a matrix is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DesignSettings {
    /// Random starts, optimised side by side in one batch.
    pub starts: usize,
    /// Steps of gradient descent (Adam).
    pub steps: usize,
    /// Step length of θ.
    pub learning_rate: f64,
    /// From θ to η.
    pub parametrization: Parametrization,
    /// Weight of the roughness Σ_i Σ_{j∈nn(i)} |η_i−η_j| / 4N² in the loss.
    pub smoothness: f64,
    /// Weight of 4η(1−η), averaged over sites, at the last step; it rises from 0.
    pub binarization: f64,
    /// Rounds after binarisation in which the single best flip of a site is made, until none
    /// helps.
    pub refinements: usize,
    /// Seed of the starts.
    pub seed: u64,
}

impl Default for DesignSettings {
    fn default() -> Self {
        Self {
            starts: 8,
            steps: 200,
            learning_rate: 0.1,
            parametrization: Parametrization::Sigmoid,
            smoothness: 0.002,
            binarization: 0.02,
            refinements: 20,
            seed: 1,
        }
    }
}

impl DesignSettings {
    /// Checks the numbers.
    pub fn validate(&self) -> Result<()> {
        let bad = |what: String| Err(Error::input(what, "correct the settings of the design"));
        if self.starts == 0 {
            return bad("a design of 0 starts".into());
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return bad(format!("a learning rate of {}", self.learning_rate));
        }
        let weight = |w: f64| w >= 0.0 && w.is_finite();
        if !weight(self.smoothness) || !weight(self.binarization) {
            return bad(format!(
                "weights of smoothness {} and binarization {}",
                self.smoothness, self.binarization
            ));
        }
        Ok(())
    }
}

/// Losses of the starts at a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DesignStep {
    /// Step, counted from 0; refinements go on counting.
    pub step: usize,
    /// Mean squared difference to the target of the best start.
    pub best: f64,
    /// Of the middle start.
    pub median: f64,
    /// Of the worst start.
    pub worst: f64,
}

/// How far a design is.
#[derive(Debug, Clone, Copy)]
pub struct DesignProgress {
    /// Steps and refinements done.
    pub done: usize,
    /// Of so many at most.
    pub most: usize,
    /// Losses after the last complete one.
    pub latest: DesignStep,
    /// Within a refinement: flips tried, of so many.
    pub flips: Option<(usize, usize)>,
}

/// What a design found.
#[derive(Debug, Clone)]
pub struct Design {
    /// Binary matrices, one for each start.
    pub lattices: Lattices,
    /// Their isotherms by the scheme of the plan.
    pub isotherms: Isotherms,
    /// Mean squared difference of each to the target.
    pub loss: Vec<f64>,
    /// Area between each isotherm and the target.
    pub area: Vec<f64>,
    /// The start that came nearest.
    pub best: usize,
    /// What the best matrix does when its densities are converged, whatever the scheme.
    pub converged: ConvergedDesign,
    /// How it went.
    pub history: Vec<DesignStep>,
}

/// The converged isotherm of a matrix that was designed, beside the target.
#[derive(Debug, Clone)]
pub struct ConvergedDesign {
    /// The isotherm.
    pub isotherm: Isotherms,
    /// Mean squared difference to the target.
    pub loss: f64,
    /// Area between isotherm and target.
    pub area: f64,
}

/// Checks a target against the humidities of a path.
pub fn check_target(target: &[f64], points: usize) -> Result<()> {
    if target.len() != points {
        return Err(Error::input(
            format!("the target has {} points, the humidity grid {points}", target.len()),
            "give one value for each humidity, or set the humidities of the target",
        ));
    }
    if let Some(bad) = target.iter().position(|t| !(0.0..=1.0).contains(t)) {
        return Err(Error::input(
            format!("target value {} is {}, which is not in [0, 1]", bad + 1, target[bad]),
            "give fillings between 0 (empty) and 1 (full)",
        ));
    }
    if let Some(k) = target.windows(2).position(|w| w[1] < w[0]) {
        return Err(Error::input(
            format!(
                "the target falls from {} to {} at value {}: an isotherm never does",
                target[k],
                target[k + 1],
                k + 2
            ),
            "give values that do not decrease with humidity",
        ));
    }
    Ok(())
}

/// Numbers of a lattice that the optimiser changes.
struct Variables {
    theta: Vec<f64>,
    first: Vec<f64>,
    second: Vec<f64>,
}

/// Searches for a matrix whose isotherm along `plan` is the target. `said` is told after every
/// step, and after every part of a refinement, how far it is and ends the search by answering
/// false; what was found until then is binarised and returned.
pub fn design(
    backend: &dyn Backend,
    shape: Shape,
    plan: &SorptionPlan,
    target: &[f64],
    settings: &DesignSettings,
    mut said: impl FnMut(DesignProgress) -> bool,
) -> Result<Design> {
    plan.validate()?;
    settings.validate()?;
    check_target(target, plan.path.humidities.len())?;
    let sites = shape.checked_sites()?;
    let loss = MeanSquare { target: target.to_vec() };
    let begin = random_lattices(shape, settings.starts, 0.3..0.9, settings.seed)?;
    // Between pore and solid there is a slope to follow.
    let soft = begin.eta().iter().map(|e| if *e > 0.5 { 0.8 } else { 0.2 });
    let theta: Vec<f64> = match settings.parametrization {
        Parametrization::Sigmoid => soft.map(|e: f64| (e / (1.0 - e)).ln()).collect(),
        Parametrization::Projected => soft.collect(),
    };
    let mut variables =
        Variables { first: vec![0.0; theta.len()], second: vec![0.0; theta.len()], theta };
    let total = settings.steps + settings.refinements;
    let mut history = Vec::new();
    let mut go_on = true;
    for step in 0..settings.steps {
        let progress = step as f64 / settings.steps.max(1) as f64;
        let sharpness = 1.0 + 3.0 * progress;
        let eta = to_eta(&variables.theta, settings.parametrization, sharpness);
        let lattices = Lattices::new(shape, eta)?;
        let found = backend.sorption_gradient(&lattices, plan, &loss)?;
        history.push(summary(step, &found.loss));
        let mut slope = Vec::with_capacity(variables.theta.len());
        for start in 0..settings.starts {
            let mut g = found.regular_part(start).to_vec();
            penalties(shape, lattices.lattice(start), settings, progress, &mut g);
            slope.extend(g);
        }
        if settings.parametrization == Parametrization::Sigmoid {
            for (g, e) in slope.iter_mut().zip(lattices.eta()) {
                *g *= sharpness * e * (1.0 - e);
            }
        }
        variables.step(&slope, step, settings.learning_rate, sites);
        if settings.parametrization == Parametrization::Projected {
            variables.theta.iter_mut().for_each(|t| *t = t.clamp(0.0, 1.0));
        }
        let latest = history[step];
        go_on = said(DesignProgress { done: step + 1, most: total, latest, flips: None });
        if !go_on {
            break;
        }
    }
    // Fewer than were asked for, if the search was ended.
    let steps = history.len();
    let eta = to_eta(&variables.theta, settings.parametrization, 1.0);
    let mut lattices = Lattices::new(shape, binary(&eta, sites))?;
    let mut isotherms = backend.sorption(&lattices, plan)?;
    let mut losses = losses_of(&isotherms, &loss, settings.starts);
    let mut best = smallest(&losses);
    for round in 0..settings.refinements {
        let latest = summary(steps + round, &losses);
        history.push(latest);
        if !go_on {
            break;
        }
        let done = steps + round + 1;
        let flip = best_flip(backend, shape, plan, &loss, lattices.lattice(best), |tried, of| {
            go_on = said(DesignProgress { done, most: total, latest, flips: Some((tried, of)) });
            go_on
        })?;
        let Some((site, value)) = flip.filter(|(_, value)| *value < losses[best]) else {
            break;
        };
        let mut all = lattices.eta().to_vec();
        all[best * sites + site] = 1.0 - all[best * sites + site];
        lattices = Lattices::new(shape, all)?;
        losses[best] = value;
    }
    isotherms = backend.sorption(&lattices, plan)?;
    losses = losses_of(&isotherms, &loss, settings.starts);
    best = smallest(&losses);
    let area = |isotherm: &[f64]| area_between(&plan.path.humidities, isotherm, target);
    let areas = (0..settings.starts).map(|k| area(isotherms.lattice(k))).collect();
    let isotherm = match plan.scheme {
        Scheme::Converged { .. } => isotherms.lattice_alone(best),
        Scheme::Truncated { .. } => {
            let converged = SorptionPlan { scheme: Scheme::CONVERGED, ..plan.clone() };
            backend.sorption(&lattices.range(best..best + 1), &converged)?
        }
    };
    let converged = ConvergedDesign {
        loss: losses_of(&isotherm, &loss, 1)[0],
        area: area(isotherm.lattice(0)),
        isotherm,
    };
    Ok(Design { lattices, isotherms, loss: losses, area: areas, best, converged, history })
}

fn to_eta(theta: &[f64], parametrization: Parametrization, sharpness: f64) -> Vec<f64> {
    match parametrization {
        Parametrization::Sigmoid => {
            theta.iter().map(|t| 1.0 / (1.0 + (-sharpness * t).exp())).collect()
        }
        Parametrization::Projected => theta.iter().map(|t| t.clamp(0.0, 1.0)).collect(),
    }
}

/// Pores where η > ½; at least the site of largest η.
fn binary(eta: &[f64], sites: usize) -> Vec<f64> {
    let mut all = Vec::with_capacity(eta.len());
    for eta in eta.chunks_exact(sites) {
        let top = eta.iter().fold(0.0f64, |m, e| m.max(*e));
        let cut = top.min(0.5);
        all.extend(eta.iter().map(|e| f64::from(u8::from(*e > 0.5 || *e >= cut && top <= 0.5))));
    }
    all
}

/// Adds the derivatives of the roughness and of 4η(1−η).
fn penalties(shape: Shape, eta: &[f64], settings: &DesignSettings, progress: f64, g: &mut [f64]) {
    let n = eta.len() as f64;
    let rough = 2.0 * settings.smoothness / (shape.dimension.neighbours() as f64 * n);
    for i in 0..eta.len() {
        for j in shape.neighbours(i) {
            if eta[i] != eta[j] {
                g[i] += rough * (eta[i] - eta[j]).signum();
            }
        }
        g[i] += settings.binarization * progress * 4.0 * (1.0 - 2.0 * eta[i]) / n;
    }
}

impl Variables {
    /// Adam (Kingma and Ba, arXiv:1412.6980); the scale of a gradient is that of its lattice, so
    /// that sites without influence stay where they are.
    fn step(&mut self, slope: &[f64], step: usize, rate: f64, sites: usize) {
        let (b1, b2) = (0.9f64, 0.99f64);
        let t = (step + 1) as i32;
        for start in 0..slope.len() / sites {
            let range = start * sites..(start + 1) * sites;
            let largest = slope[range.clone()].iter().fold(0.0f64, |m, g| m.max(g.abs()));
            for k in range {
                let g = slope[k];
                self.first[k] = b1 * self.first[k] + (1.0 - b1) * g;
                self.second[k] = b2 * self.second[k] + (1.0 - b2) * g * g;
                let mean = self.first[k] / (1.0 - b1.powi(t));
                let scale = (self.second[k] / (1.0 - b2.powi(t))).sqrt();
                self.theta[k] -= rate * mean / (scale + 1e-2 * largest + 1e-300);
            }
        }
    }
}

/// Sites of all lattices of one part of a refinement at most: a part takes seconds and megabytes.
const PART_SITES: usize = 1 << 20;
/// Lattices of one part at most.
const PART_LATTICES: usize = 1024;

/// The site whose turning around brings the isotherm nearest to the target, and the loss then.
/// `said` is told after every part how many flips were tried, of how many, and ends the trials by
/// answering false.
fn best_flip(
    backend: &dyn Backend,
    shape: Shape,
    plan: &SorptionPlan,
    loss: &MeanSquare,
    eta: &[f64],
    mut said: impl FnMut(usize, usize) -> bool,
) -> Result<Option<(usize, f64)>> {
    let pores = eta.iter().filter(|e| **e > 0.5).count();
    let flips: Vec<usize> = (0..eta.len()).filter(|i| pores > 1 || eta[*i] < 0.5).collect();
    let mut best: Option<(usize, f64)> = None;
    let mut tried = 0;
    for part in flips.chunks((PART_SITES / eta.len()).clamp(1, PART_LATTICES)) {
        let mut all = Vec::with_capacity(part.len() * eta.len());
        for site in part {
            let first = all.len();
            all.extend_from_slice(eta);
            all[first + site] = 1.0 - eta[*site];
        }
        let isotherms = backend.sorption(&Lattices::new(shape, all)?, plan)?;
        let losses = losses_of(&isotherms, loss, part.len());
        let own = smallest(&losses);
        if best.is_none_or(|(_, value)| losses[own] < value) {
            best = Some((part[own], losses[own]));
        }
        tried += part.len();
        if !said(tried, flips.len()) {
            break;
        }
    }
    Ok(best)
}

fn losses_of(isotherms: &Isotherms, loss: &MeanSquare, count: usize) -> Vec<f64> {
    (0..count)
        .map(|k| {
            let (value, _): (f64, Cotangent) = loss.evaluate(k, isotherms.lattice(k), &[]);
            value
        })
        .collect()
}

fn smallest(values: &[f64]) -> usize {
    (0..values.len()).min_by(|a, b| values[*a].total_cmp(&values[*b])).unwrap_or(0)
}

fn summary(step: usize, losses: &[f64]) -> DesignStep {
    let mut sorted = losses.to_vec();
    sorted.sort_by(f64::total_cmp);
    DesignStep {
        step,
        best: sorted[0],
        median: sorted[sorted.len() / 2],
        worst: sorted[sorted.len() - 1],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cpu::CpuBackend;
    use crate::sorption::{Path, even_humidities};

    fn plan() -> SorptionPlan {
        SorptionPlan {
            scheme: Scheme::Truncated { iterations: 2 },
            ..SorptionPlan::new(Path::adsorption(&even_humidities(3, 1.0)))
        }
    }

    #[test]
    fn flips_are_tried_in_parts_and_their_best_is_the_best_of_all() {
        let shape = Shape::square(44, 44);
        let loss = MeanSquare { target: vec![0.2, 0.4, 0.9] };
        let start = random_lattices(shape, 1, 0.4..0.5, 3).expect("sound");
        let backend = CpuBackend::new();
        let mut parts = Vec::new();
        let found = best_flip(&backend, shape, &plan(), &loss, start.lattice(0), |tried, of| {
            parts.push(tried);
            assert_eq!(of, 1936);
            true
        });
        let (site, value) = found.expect("runs").expect("a flip");
        // 2²⁰ sites at a time hold 541 lattices.
        assert_eq!(parts, [541, 1082, 1623, 1936]);
        let lone = |site: usize| {
            let mut eta = start.eta().to_vec();
            eta[site] = 1.0 - eta[site];
            let flipped = Lattices::new(shape, eta).expect("sound");
            losses_of(&backend.sorption(&flipped, &plan()).expect("runs"), &loss, 1)[0]
        };
        assert_eq!(lone(site), value);
        assert!((0..1936).step_by(97).all(|other| lone(other) >= value));
        // An interruption ends the trials after the part at hand.
        let mut asked = 0;
        let found = best_flip(&backend, shape, &plan(), &loss, start.lattice(0), |_, _| {
            asked += 1;
            false
        });
        assert!(asked == 1 && found.expect("runs").expect("a flip").0 < 541);
    }

    #[test]
    fn a_design_that_is_stopped_returns_what_it_has_and_its_converged_isotherm() {
        let settings =
            DesignSettings { starts: 2, steps: 3, refinements: 5, ..DesignSettings::default() };
        let target = [0.2, 0.4, 0.9];
        let mut told: Vec<DesignProgress> = Vec::new();
        let shape = Shape::square(6, 6);
        let found = design(&CpuBackend::new(), shape, &plan(), &target, &settings, |progress| {
            told.push(progress);
            told.len() < 4
        });
        let found = found.expect("runs");
        // Three steps, then all flips of the first refinement, at which it was stopped.
        assert_eq!(told.iter().map(|p| p.done).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!(told[3].flips, Some((36, 36)));
        assert!(told[2].flips.is_none() && told.iter().all(|p| p.most == 8));
        assert!(found.loss[found.best] <= told[3].latest.best);
        let best = found.lattices.range(found.best..found.best + 1);
        let converged = SorptionPlan { scheme: Scheme::CONVERGED, ..plan() };
        let exact = crate::backend::reference::ReferenceBackend::new()
            .sorption(&best, &converged)
            .expect("runs");
        let mean_square = |isotherm: &[f64]| {
            isotherm.iter().zip(target).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / 3.0
        };
        assert!((found.converged.loss - mean_square(exact.lattice(0))).abs() < 1e-5);
        // Two iterations are far from converged: the two losses are not the same number.
        assert!((found.converged.loss - found.loss[found.best]).abs() > 1e-3);
        assert!(found.converged.area > 0.0);
        // Ended after two steps, what is left is binarised as step 2.
        let early = design(&CpuBackend::new(), shape, &plan(), &target, &settings, |p| p.done < 2);
        let steps: Vec<usize> = early.expect("runs").history.iter().map(|s| s.step).collect();
        assert_eq!(steps, [0, 1, 2]);
        // A converged plan needs no second answer.
        let found =
            design(&CpuBackend::new(), shape, &converged, &target, &settings, |p| p.done < 2);
        let found = found.expect("runs");
        assert_eq!(found.converged.loss, found.loss[found.best]);
        assert_eq!(found.converged.isotherm.lattice(0), found.isotherms.lattice(found.best));
    }
}
