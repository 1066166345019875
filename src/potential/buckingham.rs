//! Buckingham: U = A e^(−r/ρ) − C/r⁶ (+ D/r²⁴).

use super::forms::PairForm;
use super::real::{Distance, Parameters, Rare, Real, Term};

/// Numbers of a Buckingham pair as kernels use them.
///
/// The exponential is 2^(rate·r) with rate = −1/(ρ ln 2).
pub fn parameters(a: f64, rho: f64, c: f64) -> [f64; 4] {
    [a, -1.0 / (rho * std::f64::consts::LN_2), a / rho, c]
}

#[inline(always)]
fn exponential_and_dispersion<R: Real, P: Parameters<R> + ?Sized>(
    p: &P,
    d: &Distance<R>,
) -> (Term<R>, R) {
    let exponential = R::exp2_of_distance(p.get(1), d);
    let i2 = d.inverse * d.inverse;
    let i6 = i2 * i2 * i2;
    let dispersion = p.get(3) * i6;
    let term = Term {
        energy: p.get(0).mul_add(exponential, -dispersion),
        virial: (p.get(2) * exponential).mul_add(d.r, -(R::constant(6.0) * dispersion)),
    };
    (term, i6)
}

/// A e^(−r/ρ) − C/r⁶, replaced below r₀ by the splice B/rⁿ + D r².
///
/// r in Å, A in eV, C in eV Å⁶. Valid for r > 0.1 Å; r₀ = 0 leaves the splice out. The splice
/// joins with continuous V, V′ and V″ at the inner root of V‴ ([`super::splice::fit`]).
#[derive(Debug, Clone, Copy)]
pub struct Buckingham;

impl PairForm for Buckingham {
    const NAME: &'static str = "buckingham";
    const PARAMETERS: &'static [&'static str] =
        &["a", "rate", "a_over_rho", "c", "splice_r2", "splice_b", "splice_half_n", "splice_d"];
    const RARE_BELOW: Option<usize> = Some(4);

    #[inline(always)]
    fn evaluate<R: Real, P: Parameters<R> + ?Sized>(p: &P, d: &Distance<R>) -> Term<R> {
        let (usual, _) = exponential_and_dispersion(p, d);
        R::select_rare(d.r2.less(p.get(4)), usual, InsideSplice { p, r2: d.r2 })
    }
}

/// B/rⁿ + D r².
struct InsideSplice<'a, R, P: ?Sized> {
    p: &'a P,
    r2: R,
}

impl<R: Real, P: Parameters<R> + ?Sized> Rare<R> for InsideSplice<'_, R, P> {
    #[inline(always)]
    fn term(self) -> Term<R> {
        // B/rⁿ = B (r²)^(−n/2)
        let half_n = self.p.get(6);
        let repulsion = self.p.get(5) * self.r2.power(-half_n);
        let parabola = self.p.get(7) * self.r2;
        Term {
            energy: repulsion + parabola,
            virial: R::constant(2.0) * (half_n * repulsion - parabola),
        }
    }
}

/// A e^(−r/ρ) − C/r⁶ + D/r²⁴: the guard of the silica force fields (D in eV Å²⁴).
#[derive(Debug, Clone, Copy)]
pub struct BuckinghamRepulsion24;

impl PairForm for BuckinghamRepulsion24 {
    const NAME: &'static str = "buckingham_repulsion24";
    const PARAMETERS: &'static [&'static str] = &["a", "rate", "a_over_rho", "c", "d24"];

    #[inline(always)]
    fn evaluate<R: Real, P: Parameters<R> + ?Sized>(p: &P, d: &Distance<R>) -> Term<R> {
        let (outer, i6) = exponential_and_dispersion(p, d);
        let i12 = i6 * i6;
        let guard = p.get(4) * (i12 * i12);
        Term {
            energy: outer.energy + guard,
            virial: R::constant(24.0).mul_add(guard, outer.virial),
        }
    }
}
