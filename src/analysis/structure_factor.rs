//! The total structure factor from g(r), and its first peak.

use super::radial::PairRdf;

/// S(q) = 1 + 4πρ ∫ r² (g(r) − 1) sin(qr)/(qr) w(r) dr with the window w = sin(πr/R)/(πr/R)
/// (Lorch) against the ripples of the cut at R. Neutral weights: every atom scatters equally.
pub fn structure_factor(total: &PairRdf, number_density: f64, q: &[f64]) -> Vec<f64> {
    let sinc = |x: f64| if x.abs() < 1e-6 { 1.0 } else { x.sin() / x };
    let width = if total.r.len() > 1 { total.r[1] - total.r[0] } else { 0.0 };
    let end = total.r.last().map_or(1.0, |r| r + 0.5 * width);
    q.iter()
        .map(|&q| {
            let integral: f64 = total
                .r
                .iter()
                .zip(&total.g)
                .map(|(&r, &g)| {
                    r * r * (g - 1.0) * sinc(q * r) * sinc(std::f64::consts::PI * r / end) * width
                })
                .sum();
            1.0 + 4.0 * std::f64::consts::PI * number_density * integral
        })
        .collect()
}

/// Wave vector of the first peak of S(q): the first local maximum that reaches half of the
/// highest, looked for between one wave in R and 40/d, d the mean distance of atoms.
pub fn first_peak(total: &PairRdf, number_density: f64) -> Option<f64> {
    let end = *total.r.last()?;
    let spacing = number_density.cbrt().recip();
    let (low, high) = (std::f64::consts::TAU / end, 40.0 / spacing);
    if !(low.is_finite() && high > low) {
        return None;
    }
    let q: Vec<f64> = (0..600).map(|k| low + (high - low) * f64::from(k) / 599.0).collect();
    let s = structure_factor(total, number_density, &q);
    let highest = s.iter().copied().fold(0.0, f64::max);
    (1..q.len() - 1)
        .find(|&k| s[k] >= 0.5 * highest && s[k] >= s[k - 1] && s[k] > s[k + 1])
        .map(|k| q[k])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_of_neighbours_peaks_where_it_should() {
        // g = 1 with a Gaussian shell at d: S(q) follows sin(qd)/(qd), first maximum near 7.73/d.
        let d = 3.0;
        let r: Vec<f64> = (0..1500).map(|k| 0.01 * (f64::from(k) + 0.5)).collect();
        let g = r
            .iter()
            .map(|r| if *r < 2.2 { 0.0 } else { 1.0 + 3.0 * (-(r - d).powi(2) / 0.02).exp() })
            .collect();
        let running = vec![0.0; r.len()];
        let counts = vec![0; r.len()];
        let rdf = PairRdf { species: ["all".into(), "all".into()], r, g, running, counts };
        let q = first_peak(&rdf, 0.03).expect("a peak");
        assert!((q * d - 7.73).abs() < 0.8, "{}", q * d);
        let s = structure_factor(&rdf, 0.0, &[1.0, 2.0]);
        assert_eq!(s, [1.0, 1.0]);
    }
}
