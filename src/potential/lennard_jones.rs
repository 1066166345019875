//! Lennard-Jones, and the generalised form of colloidal C–S–H gels.

use super::forms::PairForm;
use super::real::{Distance, Parameters, Real, Term};

/// U = 4 ε [(σ/r)¹² − (σ/r)⁶].
#[derive(Debug, Clone, Copy)]
pub struct LennardJones;

/// Kernel numbers of a Lennard-Jones pair: 4ε σ¹² and 4ε σ⁶.
pub fn parameters(epsilon: f64, sigma: f64) -> [f64; 2] {
    [4.0 * epsilon * sigma.powi(12), 4.0 * epsilon * sigma.powi(6)]
}

impl PairForm for LennardJones {
    const NAME: &'static str = "lennard_jones";
    const PARAMETERS: &'static [&'static str] = &["c12", "c6"];

    #[inline(always)]
    fn evaluate<R: Real, P: Parameters<R> + ?Sized>(p: &P, d: &Distance<R>) -> Term<R> {
        let i2 = d.inverse * d.inverse;
        let i6 = i2 * i2 * i2;
        let repulsion = p.get(0) * i6;
        Term {
            energy: i6 * (repulsion - p.get(1)),
            virial: R::constant(6.0) * i6 * (repulsion + repulsion - p.get(1)),
        }
    }
}

/// U = 4 ε [(σ̄/r)²⁸ − (σ̄/r)¹⁴] with σ̄ = (σ_i+σ_j)/2 and ε = A₀ σ_i σ_j σ̄: the potential of
/// C–S–H grains with exponent α = 14 (A₀ = k E in energy/length³), σ a property of each particle.
///
/// Source: H. Liu, UCLA thesis (2021), ch. 2–4 after Masoero et al., doi:10.1103/PhysRevLett.109.155503.
#[derive(Debug, Clone, Copy)]
pub struct GeneralizedLennardJones;

impl PairForm for GeneralizedLennardJones {
    const NAME: &'static str = "generalized_lennard_jones";
    const PARAMETERS: &'static [&'static str] = &["a0"];
    const USES_DIAMETERS: bool = true;

    #[inline(always)]
    fn evaluate<R: Real, P: Parameters<R> + ?Sized>(p: &P, d: &Distance<R>) -> Term<R> {
        let [first, second] = p.diameters();
        let mean = R::constant(0.5) * (first + second);
        let four_epsilon = R::constant(4.0) * p.get(0) * (first * second) * mean;
        let i2 = d.inverse * d.inverse;
        let x2 = mean * mean * i2;
        let x4 = x2 * x2;
        let x14 = x4 * x4 * x4 * x2;
        let attraction = four_epsilon * x14;
        let repulsion = attraction * x14;
        Term {
            energy: repulsion - attraction,
            virial: R::constant(14.0) * (repulsion + repulsion - attraction),
        }
    }
}
