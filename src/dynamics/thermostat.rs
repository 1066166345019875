//! Thermostats in double precision: the equations that `reference` and `cpu` run and that the
//! `gpu` kernels are tested against.

use rand_distr::{ChiSquared, Distribution, StandardNormal};

use super::plan::{DynamicsPlan, Ensemble};
use super::state::ThermostatState;
use crate::system::{RandomStream, Stream};

/// Thermostats in a Nosé–Hoover chain.
///
/// Three: the second thermostat of a chain of two settles where Q₁ξ₁² = kT and so keeps ξ₁ near
/// 1/(τ√N_f), which a fast quench of a large system needs to exceed; the third takes that
/// constraint off.
pub const CHAIN: usize = 3;

/// Masses of the Nosé–Hoover chain at a temperature: Q₁ = N_f kT τ², others kT τ².
pub fn chain_masses(degrees_of_freedom: f64, kt: f64, relaxation: f64) -> [f64; CHAIN] {
    let q = kt * relaxation * relaxation;
    let mut masses = [q; CHAIN];
    masses[0] *= degrees_of_freedom;
    masses
}

/// Energy stored in the chain, ½ Σ Q ξ².
pub fn chain_energy(friction: [f64; CHAIN], masses: [f64; CHAIN]) -> f64 {
    0.5 * friction.iter().zip(masses).map(|(x, q)| q * x * x).sum::<f64>()
}

/// Advances the chain by half a time step and returns the factor for every velocity.
///
/// `twice_kinetic` is Σ m v² before the half step. The bath integral gains
/// ∫(N_f kT ξ₁ + kT ξ₂ + kT ξ₃) dt; with [`chain_energy`] it makes H + bath conserved, also when T
/// changes in time (the masses change with it, see [`follow_temperature`]).
pub fn nose_hoover_half_step(
    state: &mut ThermostatState,
    mut twice_kinetic: f64,
    degrees_of_freedom: f64,
    kt: f64,
    relaxation: f64,
    timestep: f64,
) -> f64 {
    let masses = chain_masses(degrees_of_freedom, kt, relaxation);
    let quarter = 0.25 * timestep;
    // Pushes thermostat k by what drives it, damped by its successor.
    let push = |x: &mut [f64; CHAIN], k: usize, twice_kinetic: f64| {
        let drive = if k == 0 {
            twice_kinetic - degrees_of_freedom * kt
        } else {
            masses[k - 1] * x[k - 1] * x[k - 1] - kt
        };
        let damp = if k + 1 < CHAIN { (-0.5 * quarter * x[k + 1]).exp() } else { 1.0 };
        x[k] = (x[k] * damp + quarter * (drive / masses[k])) * damp;
    };
    let mut x = state.friction;
    for k in (0..CHAIN).rev() {
        push(&mut x, k, twice_kinetic);
    }
    let scale = (-0.5 * timestep * x[0]).exp();
    twice_kinetic *= scale * scale;
    let others: f64 = x[1..].iter().sum();
    state.bath_energy += 0.5 * timestep * kt * (degrees_of_freedom * x[0] + others);
    for k in 0..CHAIN {
        push(&mut x, k, twice_kinetic);
    }
    state.friction = x;
    scale
}

/// Accounts for the change of the chain's masses when the target temperature moves on.
pub fn follow_temperature(
    state: &mut ThermostatState,
    degrees_of_freedom: f64,
    relaxation: f64,
    old_kt: f64,
    new_kt: f64,
) {
    if old_kt != new_kt {
        let old =
            chain_energy(state.friction, chain_masses(degrees_of_freedom, old_kt, relaxation));
        let new =
            chain_energy(state.friction, chain_masses(degrees_of_freedom, new_kt, relaxation));
        state.bath_energy -= new - old;
    }
}

/// Energy that [`ThermostatState::bath_energy`] and the chain hold together at a step.
pub fn bath_energy(plan: &DynamicsPlan, state: &ThermostatState, step: u64, dof: f64) -> f64 {
    match plan.ensemble {
        Ensemble::NoseHoover { relaxation } => {
            let kt = plan.force_field.units.boltzmann * plan.temperature.at(step);
            state.bath_energy + chain_energy(state.friction, chain_masses(dof, kt, relaxation))
        }
        _ => state.bath_energy,
    }
}

/// The two random numbers of stochastic rescaling at a step: a Gaussian, and the sum of squares
/// of N_f − 1 further Gaussians.
pub fn rescaling_numbers(seed: u64, step: u64, degrees_of_freedom: f64) -> [f64; 2] {
    let mut source = RandomStream::new(seed, Stream::Rescaling).generator(step);
    let first: f64 = StandardNormal.sample(&mut source);
    let others = (degrees_of_freedom - 1.0).max(0.0);
    let squares =
        ChiSquared::new(others).map_or(0.0, |distribution| distribution.sample(&mut source));
    [first, squares]
}

/// Velocity factor of stochastic rescaling (Bussi, Donadio, Parrinello 2007, eq. A7):
/// α² = c + (1−c) K̄/(N_f K) (R₁² + ΣR²) + 2 R₁ √(c(1−c) K̄/(N_f K)), c = e^(−Δt/τ).
pub fn rescaling_factor(
    numbers: [f64; 2],
    twice_kinetic: f64,
    kt: f64,
    relaxation: f64,
    timestep: f64,
) -> f64 {
    if twice_kinetic <= 0.0 {
        return 1.0;
    }
    let c = (-timestep / relaxation).exp();
    // K̄/(N_f K) with K̄ = N_f kT/2
    let ratio = kt / twice_kinetic;
    let [first, squares] = numbers;
    let square = c
        + (1.0 - c) * ratio * (first * first + squares)
        + 2.0 * first * (c * (1.0 - c) * ratio).sqrt();
    let sign = if first + (c / ((1.0 - c) * ratio)).sqrt() < 0.0 { -1.0 } else { 1.0 };
    sign * square.max(0.0).sqrt()
}

/// Constants of the Ornstein–Uhlenbeck step: velocities become c v + noise · √(1/m) · normal.
pub fn langevin_constants(
    kt: f64,
    mass_velocity2: f64,
    relaxation: f64,
    timestep: f64,
) -> [f64; 2] {
    let c = (-timestep / relaxation).exp();
    // 1 − c² without cancellation
    let noise = (-(-2.0 * timestep / relaxation).exp_m1() * kt / mass_velocity2).sqrt();
    [c, noise]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A quench at 150 K/ps of 9000 degrees of freedom, half of whose energy is potential: the
    /// temperature must follow its target.
    #[test]
    fn chain_follows_a_fast_quench() {
        let (dof, tau, dt) = (9000.0, 0.1, 1e-3);
        let boltzmann = crate::system::Units::METAL.boltzmann;
        let mut state = ThermostatState::default();
        let mut k2 = dof * boltzmann * 4000.0;
        let mut kt = boltzmann * 4000.0;
        while kt > boltzmann * 400.0 {
            for _ in 0..2 {
                let scale = nose_hoover_half_step(&mut state, k2, dof, kt, tau, dt);
                // Equipartition: what is taken from the kinetic energy is shared by the potential.
                k2 *= 0.5 + 0.5 * scale * scale;
            }
            let next = kt - boltzmann * 150.0 * dt;
            follow_temperature(&mut state, dof, tau, kt, next);
            kt = next;
        }
        let temperature = k2 / (dof * boltzmann);
        assert!((temperature - 400.0).abs() < 40.0, "{temperature} K");
    }

    #[test]
    fn chain_conserves_with_a_harmonic_system() {
        // Oscillators of many frequencies: with a single one 2K would resonate with the chain.
        let (dof, kt, tau, dt) = (30.0, 0.5, 0.1, 1e-3);
        let omega: Vec<f64> = (0..30).map(|i| 12.0 + 0.73 * f64::from(i)).collect();
        let mut x: Vec<f64> = (0..30).map(|i| (f64::from(i) * 0.37).sin() * 0.05).collect();
        let mut v: Vec<f64> = (0..30).map(|i| (f64::from(i) * 1.7).cos()).collect();
        let mut state = ThermostatState::default();
        let mut kt_now = kt;
        let total = |x: &[f64], v: &[f64], s: &ThermostatState, kt: f64| {
            0.5 * v.iter().map(|v| v * v).sum::<f64>()
                + 0.5 * x.iter().zip(&omega).map(|(x, w)| w * w * x * x).sum::<f64>()
                + s.bath_energy
                + chain_energy(s.friction, chain_masses(dof, kt, tau))
        };
        let start = total(&x, &v, &state, kt);
        let (mut worst, mut mean_kinetic) = (0.0f64, 0.0);
        let steps = 100_000;
        for step in 0..steps {
            let half = |v: &mut Vec<f64>, state: &mut ThermostatState, kt: f64| {
                let k2 = v.iter().map(|v| v * v).sum();
                let scale = nose_hoover_half_step(state, k2, dof, kt, tau, dt);
                v.iter_mut().for_each(|v| *v *= scale);
            };
            half(&mut v, &mut state, kt_now);
            for ((x, v), w) in x.iter_mut().zip(&mut v).zip(&omega) {
                *v -= 0.5 * dt * w * w * *x;
                *x += dt * *v;
                *v -= 0.5 * dt * w * w * *x;
            }
            half(&mut v, &mut state, kt_now);
            let next = kt * (1.0 - 0.5 * f64::from(step) / f64::from(steps));
            follow_temperature(&mut state, dof, tau, kt_now, next);
            kt_now = next;
            worst = worst.max((total(&x, &v, &state, kt_now) - start).abs());
            mean_kinetic += v.iter().map(|v| v * v).sum::<f64>() / (dof * 0.75 * kt);
        }
        assert!(worst < 2e-3 * dof * kt, "conserved quantity moved by {worst}");
        let ratio = mean_kinetic / f64::from(steps);
        assert!((ratio - 1.0).abs() < 0.03, "{ratio}");
    }

    #[test]
    fn rescaling_samples_the_canonical_kinetic_energy() {
        let (dof, kt) = (57.0, 1.3);
        let (mut k2, mut mean, mut square) = (10.0, 0.0, 0.0);
        let steps = 40_000;
        for step in 0..steps {
            let factor = rescaling_factor(rescaling_numbers(11, step, dof), k2, kt, 0.005, 0.001);
            k2 *= factor * factor;
            mean += k2;
            square += k2 * k2;
        }
        let n = steps as f64;
        let (mean, variance) = (mean / n, square / n - (mean / n) * (mean / n));
        // 2K/kT is χ² with N_f degrees of freedom; correlation time five steps
        let error = (2.0 * dof).sqrt() * kt * (10.0 / n).sqrt();
        assert!((mean - dof * kt).abs() < 5.0 * error, "{mean}");
        assert!((variance / (2.0 * dof * kt * kt) - 1.0).abs() < 0.1, "{variance}");
    }
}
