//! The splice that replaces a Buckingham pair where it turns over: V = B/rⁿ + D r² for r < r₀.

use crate::error::{Error, Result};

/// A fitted splice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Splice {
    /// Where the splice joins: the inner root of V‴.
    pub r0: f64,
    /// B of B/rⁿ.
    pub b: f64,
    /// Exponent n.
    pub n: f64,
    /// D of D r².
    pub d: f64,
}

/// V and its first three derivatives of A e^(−r/ρ) − C/r⁶.
fn derivatives(a: f64, rho: f64, c: f64, r: f64) -> [f64; 4] {
    let e = a * (-r / rho).exp();
    [
        e - c / r.powi(6),
        -e / rho + 6.0 * c / r.powi(7),
        e / (rho * rho) - 42.0 * c / r.powi(8),
        -e / rho.powi(3) + 336.0 * c / r.powi(9),
    ]
}

/// The splice of a Buckingham pair, or `None` if C = 0 (no catastrophe to guard against).
///
/// r₀ is the inner root of V‴ and B, n, D match V, V′ and V″ there:
/// n = 1 − (r²V″−2V)/(rV′−2V), X = −(rV′−2V)/(n+2), B = X rⁿ, D = (V−X)/r².
pub fn fit(a: f64, rho: f64, c: f64) -> Result<Option<Splice>> {
    if c == 0.0 {
        return Ok(None);
    }
    let unusable = || {
        Error::input(
            format!("no splice exists for A = {a}, rho = {rho}, C = {c}: V''' has no inner root"),
            "use short_range = \"none\" or { D24 = value } for this pair",
        )
    };
    if !(a > 0.0 && rho > 0.0 && c > 0.0) {
        return Err(unusable());
    }
    // r⁹ e^(−r/ρ) rises to its maximum at 9ρ; V‴ = 0 where it equals 336 C ρ³/A.
    let third = |r: f64| derivatives(a, rho, c, r)[3];
    let (mut low, mut high) = (1e-3 * rho, 9.0 * rho);
    if third(high) >= 0.0 {
        return Err(unusable());
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if third(middle) > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    let r = 0.5 * (low + high);
    let [v, v1, v2, _] = derivatives(a, rho, c, r);
    let slope = r * v1 - 2.0 * v;
    let n = 1.0 - (r * r * v2 - 2.0 * v) / slope;
    let x = -slope / (n + 2.0);
    let splice = Splice { r0: r, b: x * r.powf(n), n, d: (v - x) / (r * r) };
    if splice.n > 0.0 && splice.b > 0.0 && splice.b.is_finite() && splice.d.is_finite() {
        Ok(Some(splice))
    } else {
        Err(unusable())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Table of physics in Liu, Smedskjaer, Bauchy, PRB 106, 214206 (2022), Table I parameters;
    // the splice numbers were worked out independently to seven digits.
    #[test]
    fn teter_splices() {
        let rows = [
            (1844.7458, 0.343645, 192.580, 1.960088, 40.07574, 3.569525, -0.2275904),
            (13702.9050, 0.193817, 54.681, 1.167768, 28.94897, 3.932992, -3.056523),
            (4383.7555, 0.243838, 30.700, 1.172007, 48.26193, 2.893787, -4.725205),
        ];
        for (a, rho, c, r0, b, n, d) in rows {
            let s = fit(a, rho, c).expect("parameters are sound").expect("C > 0");
            for (have, want) in [(s.r0, r0), (s.b, b), (s.n, n), (s.d, d)] {
                assert!((have / want - 1.0).abs() < 2e-6, "{have} against {want}");
            }
        }
    }

    #[test]
    fn no_dispersion_needs_no_splice() {
        assert_eq!(fit(41051.938, 0.151160, 0.0).expect("sound"), None);
    }

    #[test]
    fn a_pair_without_inner_root_is_refused() {
        assert!(fit(3968.5, 0.1876, 1e6).is_err());
    }
}
