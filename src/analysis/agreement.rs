//! How well a curve agrees with a reference.

use crate::error::{Error, Result};

/// R_χ = √(Σ [f_ref − f]² / Σ f_ref²) over the reference's points from `low` to `high`, as a
/// fraction (Wright, J. Non-Cryst. Solids 159, 264 (1993), doi:10.1016/0022-3093(93)90232-M). The
/// curve is interpolated linearly; points beyond its ends are left out.
pub fn r_chi(curve: &[(f64, f64)], reference: &[(f64, f64)], low: f64, high: f64) -> Result<f64> {
    let (mut difference, mut norm) = (0.0, 0.0);
    for &(x, wanted) in reference.iter().filter(|(x, _)| (low..=high).contains(x)) {
        if let Some(found) = interpolate(curve, x) {
            difference += (wanted - found).powi(2);
            norm += wanted * wanted;
        }
    }
    if norm > 0.0 {
        return Ok((difference / norm).sqrt());
    }
    Err(Error::input(
        format!("curve and reference have no point in common from {low} to {high}"),
        "give a reference in the same unit, that is not zero in the range",
    ))
}

/// Root mean square of the R_χ of several pairs; NaN without one.
pub fn r_chi_of_partials(values: &[f64]) -> f64 {
    (values.iter().map(|r| r * r).sum::<f64>() / values.len() as f64).sqrt()
}

fn interpolate(curve: &[(f64, f64)], x: f64) -> Option<f64> {
    let after = curve.partition_point(|p| p.0 < x);
    if let Some(&(at, y)) = curve.get(after)
        && at == x
    {
        return Some(y);
    }
    let (a, b) = (curve.get(after.checked_sub(1)?)?, curve.get(after)?);
    Some(a.1 + (b.1 - a.1) * (x - a.0) / (b.0 - a.0))
}

/// Reads a curve from text: two numbers a line, separated by commas or blanks; lines that do not
/// start with a number are comments. `name` is the file in messages.
pub fn parse_curve(name: &std::path::Path, text: &str) -> Result<Vec<(f64, f64)>> {
    let mut points = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut fields = line.split(|c: char| c == ',' || c == ';' || c.is_whitespace());
        let mut next = || fields.find(|f| !f.is_empty()).and_then(|f| f.parse::<f64>().ok());
        let Some(x) = next() else { continue };
        match next() {
            Some(y) if x.is_finite() && y.is_finite() => points.push((x, y)),
            _ => return Err(Error::format(name, number + 1, "expected two finite numbers")),
        }
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    if points.len() < 2 {
        return Err(Error::format(name, 0, "fewer than two points: no reference curve"));
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scaled_curve_is_off_by_its_scale() {
        let reference: Vec<(f64, f64)> =
            (0..100).map(|k| (0.1 * f64::from(k), (0.3 * f64::from(k)).sin() + 1.0)).collect();
        let scaled: Vec<(f64, f64)> = reference.iter().map(|&(x, y)| (x, 1.1 * y)).collect();
        for (low, high) in [(0.0, 9.9), (0.0, 2.1), (2.1, 50.0)] {
            assert!((r_chi(&scaled, &reference, low, high).expect("common") - 0.1).abs() < 1e-12);
        }
        assert!(r_chi(&scaled, &reference, 20.0, 30.0).is_err());
        assert!((r_chi_of_partials(&[0.3, 0.4]) - (0.125_f64).sqrt()).abs() < 1e-15);
    }

    #[test]
    fn curves_are_read_and_damaged_ones_named() {
        let path = std::path::Path::new("g.csv");
        let points = parse_curve(path, "# r g\nr,g\n2.0, 1.5\n1.0\t0.5\n").expect("a curve");
        assert_eq!(points, [(1.0, 0.5), (2.0, 1.5)]);
        assert_eq!(interpolate(&points, 1.25), Some(0.75));
        let error = parse_curve(path, "1 2\n3 x\n").expect_err("damaged");
        assert_eq!(error.to_string(), "g.csv:2: expected two finite numbers");
        assert!(parse_curve(path, "").is_err());
    }
}
