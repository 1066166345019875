//! The reduced distribution G(r), from g(r) and from S(Q).

use std::f64::consts::PI;

/// G(r) = 4πρr (g(r) − 1) with ρ the number density of all atoms (Keen, J. Appl. Cryst. 34, 172
/// (2001), doi:10.1107/S0021889800019993). With r in Å it is in Å⁻².
pub fn reduced_from_g(r: &[f64], g: &[f64], density: f64) -> Vec<f64> {
    r.iter().zip(g).map(|(r, g)| 4.0 * PI * density * r * (g - 1.0)).collect()
}

/// G(r) = (2/π) ∫₀^Qmax Q (S(Q) − 1) sin(Qr) M(Q) dQ, by trapezoids over the points given, from
/// (0, 0) on. M = sin(πQ/Qmax)/(πQ/Qmax) with `lorch` (Lorch, J. Phys. C 2, 229 (1969),
/// doi:10.1088/0022-3719/2/2/305), which trades the ripples of the cut at Qmax for peaks about
/// 2π/Qmax wide; 1 without.
///
/// `points` are (Q, S) with Q ascending. Peaks are right where Q is sampled finely: beyond
/// r ≈ π/ΔQ the sum repeats itself.
pub fn reduced_from_structure_factor(points: &[(f64, f64)], lorch: bool, r: &[f64]) -> Vec<f64> {
    let Some(&(longest, _)) = points.last() else { return vec![0.0; r.len()] };
    let window = |q: f64| {
        let x = PI * q / longest;
        if lorch && x > 1e-9 { x.sin() / x } else { 1.0 }
    };
    // The integrand without its sine, from the origin on.
    let weighted: Vec<(f64, f64)> = std::iter::once((0.0, 0.0))
        .chain(points.iter().map(|&(q, s)| (q, q * (s - 1.0) * window(q))))
        .collect();
    r.iter()
        .map(|r| {
            let integral: f64 = weighted
                .windows(2)
                .map(|w| {
                    let [(q0, f0), (q1, f1)] = [w[0], w[1]];
                    0.5 * (q1 - q0) * (f0 * (q0 * r).sin() + f1 * (q1 * r).sin())
                })
                .sum();
            2.0 / PI * integral
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_agree_on_a_shell() {
        // A Gaussian shell of n neighbours at d, width s, alone in space of density ρ (but for the
        // uniform background): G = n/(√(2π) s d r) r ... its transform is known:
        // Q (S − 1) = n sin(Qd)/d exp(−Q²s²/2).
        let (n, d, s) = (4.0, 1.6, 0.05);
        let points: Vec<(f64, f64)> = (1..=12_000)
            .map(|k| {
                let q = 0.01 * f64::from(k);
                (q, 1.0 + n * (q * d).sin() / (q * d) * (-0.5 * (q * s).powi(2)).exp())
            })
            .collect();
        let r: Vec<f64> = (1..200).map(|k| 0.02 * f64::from(k)).collect();
        let found = reduced_from_structure_factor(&points, false, &r);
        for (r, g) in r.iter().zip(&found) {
            let wanted = n / (d * s * (2.0 * PI).sqrt()) * (-0.5 * ((r - d) / s).powi(2)).exp();
            assert!((g - wanted).abs() < 1e-6 * n / (d * s), "{r}: {g} {wanted}");
        }
        // The window takes away height and ripples, not area.
        let cut = &points[..2000];
        let area = |g: &[f64]| -> f64 {
            r.iter().zip(g).map(|(r, g)| if (r - d).abs() < 0.7 { 0.02 * g } else { 0.0 }).sum()
        };
        let smooth = reduced_from_structure_factor(cut, true, &r);
        assert!((area(&smooth) - n / d).abs() < 0.02 * n / d, "{}", area(&smooth));
        let top = |g: &[f64]| g.iter().copied().fold(0.0, f64::max);
        assert!(top(&smooth) < 0.8 * top(&found));
    }

    #[test]
    fn an_ideal_gas_has_none() {
        assert_eq!(reduced_from_g(&[1.0, 2.0], &[1.0, 1.0], 0.1), [0.0, 0.0]);
        let found = reduced_from_g(&[2.0], &[0.0], 0.1);
        assert!((found[0] + 0.8 * PI).abs() < 1e-12);
        assert_eq!(reduced_from_structure_factor(&[], false, &[1.0]), [0.0]);
    }
}
