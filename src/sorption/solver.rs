//! The walk to a fixed point: which iterations are made, when the safe extrapolation is tried, and
//! when the remaining error is small enough. Written once for `reference` and `cpu`; the WGSL
//! kernel follows the same rules.
//!
//! F is monotone, so from a state with F(ρ) ≥ ρ plain iterations climb to the smallest fixed point
//! above. **Safe extrapolation.** With r = F(ρ) − ρ ≥ 0 let z(t) = ρ + t r and
//! g_i(t) = F_i(z(t)) − z_i(t) for the sites with r_i > 0. If g_i > 0 on all of \[0, T) then no
//! z(t) has passed the smallest fixed point ρ* above ρ: at the last t with z(t) ≤ ρ* monotony gives
//! z(t) < F(z(t)) ≤ F(ρ*) = ρ*, so there is a later one. Along the ray F_i is a logistic curve,
//! first convex, then concave. On the convex part g_i lies above its tangent r_i + t(∂F_i·r − r_i),
//! which is positive up to t_i = r_i/(r_i − ∂F_i·r); on the concave part g_i lies above its chord.
//! So T ≤ min t_i and g_i(T) ≥ 0 at the one point T prove the whole ray. Downwards the same
//! holds with ρ replaced by η − ρ. Near a jump T is near 1/(1 − contraction): one such step does
//! the work of thousands.

/// What a pass over the sites found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Residual {
    /// Largest change, along the direction of the walk.
    pub largest: f64,
    /// Largest change against it.
    pub against: f64,
}

/// One lattice at one field.
pub(crate) trait Walker {
    /// Below this a residual is rounding.
    const NOISE: f64;

    /// F(ρ) of the present densities and how far it is from them.
    fn evaluate(&mut self, field: f64, direction: f64) -> Residual;

    /// ρ ← F(ρ) of the last evaluation.
    fn advance(&mut self);

    /// The longest t for which every tangent along r of the last evaluation stays positive.
    fn safe_length(&mut self, direction: f64) -> f64;

    /// ρ ← F(ρ + t r) if that is no less (in the direction) than ρ + t r at every site.
    fn extrapolate(&mut self, field: f64, direction: f64, t: f64) -> bool;

    /// With J = ∂F/∂ρ at the last evaluation and q = |F(ρ) − ρ| + noise at the pore sites: what the
    /// error Σ J^k q comes to, and the largest eigenvalue of J. Summed are [`BOUND_PASSES`] terms
    /// (see [`Series`]).
    fn series(&mut self) -> Series;

    /// 4 T_c/T: all couplings of a site together.
    fn coupling(&self) -> f64;
}

/// The first terms of Σ J^k q.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Series {
    /// Largest element of the sum of all terms but the last.
    pub sum: f64,
    /// Largest element of the last term.
    pub last: f64,
    /// Norm of the last term over that of the one before, in the metric Σ x²/slope in which J is
    /// symmetric: never above its largest eigenvalue, and nearer to it with every term.
    pub ratio: f64,
}

/// Passes that the bound of an error takes.
pub(crate) const BOUND_PASSES: u32 = 12;

impl Series {
    /// Bound of the remaining error of any density: change/(1 − contraction), summed term by term
    /// until only the slowest mode is left. The logistic has |s″| ≤ 1/(6√3), so the error e of that
    /// mode obeys (1 − contraction) e ≤ q + κe²; without a real solution no bound can be given,
    /// because the branch may end within the residual.
    pub fn error(&self, coupling: f64) -> f64 {
        if !(self.ratio < 1.0) {
            return f64::INFINITY;
        }
        let linear = self.sum + self.last / (1.0 - self.ratio);
        let curvature = coupling * coupling / (12.0 * 3f64.sqrt());
        let root = 1.0 - 4.0 * curvature * linear / (1.0 - self.ratio);
        if root > 0.0 { 2.0 * linear / (1.0 + root.sqrt()) } else { f64::INFINITY }
    }
}

/// How a walk ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// Passes made.
    pub iterations: u32,
    /// Bound of the remaining error of any density.
    pub error: f64,
    /// Contraction at the end.
    pub contraction: f64,
}

/// Plain iterations between two extrapolations: fast modes decay meanwhile.
const BETWEEN: u32 = 3;
/// Extrapolations shorter than this many iterations do not pay.
const WORTHWHILE: f64 = 3.0;

/// Walks to the fixed point next to the present densities in a direction (+1 or −1).
pub(crate) fn walk<W: Walker>(
    sites: &mut W,
    field: f64,
    direction: f64,
    tolerance: f64,
    most: u32,
) -> Arrival {
    let mut iterations = 0;
    let mut plain = 0;
    // What the residual has to fall below before the contraction is looked at again.
    let mut goal = 0.5 * tolerance;
    let mut best = f64::INFINITY;
    let mut stalled = 0;
    loop {
        let residual = sites.evaluate(field, direction);
        iterations += 1;
        let largest = residual.largest.max(residual.against);
        // Rounding can keep the last digits moving for ever.
        if largest < 0.9 * best {
            best = largest;
            stalled = 0;
        } else {
            stalled += 1;
        }
        let at_rest = largest <= W::NOISE || stalled > 1000 && largest <= 64.0 * W::NOISE;
        if largest <= goal || at_rest || iterations >= most {
            let series = sites.series();
            iterations += BOUND_PASSES;
            let error = series.error(sites.coupling());
            let contraction = series.ratio;
            if error <= tolerance || at_rest || iterations >= most {
                sites.advance();
                return Arrival { iterations, error, contraction };
            }
            goal = (0.5 * tolerance * (1.0 - contraction)).max(W::NOISE).min(0.5 * largest);
        }
        if plain >= BETWEEN && residual.against <= W::NOISE && largest > 8.0 * W::NOISE {
            let mut t = 0.95 * sites.safe_length(direction);
            iterations += 1;
            let mut moved = false;
            while t > WORTHWHILE && !moved {
                moved = sites.extrapolate(field, direction, t);
                iterations += 1;
                t *= 0.25;
            }
            plain = 0;
            if moved {
                continue;
            }
            // The densities are those of the last evaluation, whose F a failed attempt overwrote.
            sites.evaluate(field, direction);
            iterations += 1;
        }
        sites.advance();
        plain += 1;
    }
}
