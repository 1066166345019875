//! Numbers about isotherms: the area between two, and how winding one is.

/// Area between two curves over the same humidities, by the trapezoidal rule from (0, 0) on:
/// the loss ⟨L⟩ of H. Liu's thesis (ch. 6), as a fraction of the unit square.
///
/// Both start at zero filling, which is exact at zero humidity.
pub fn area_between(humidities: &[f64], a: &[f64], b: &[f64]) -> f64 {
    let mut area = 0.0;
    let (mut h0, mut d0) = (0.0, 0.0);
    for ((h, a), b) in humidities.iter().zip(a).zip(b) {
        let d = a - b;
        let width = h - h0;
        // The difference may change its sign within a step.
        area += if d * d0 < 0.0 {
            0.5 * width * (d * d + d0 * d0) / (d.abs() + d0.abs())
        } else {
            0.5 * width * (d.abs() + d0.abs())
        };
        (h0, d0) = (*h, d);
    }
    area
}

/// Sinuosity index of an isotherm: its length as a curve from (0, 0) through its points over the
/// straight distance between its ends. 1 for a straight line, up to √2 for a single step from 0
/// to 1 over humidities up to 1.
pub fn sinuosity(humidities: &[f64], filling: &[f64]) -> f64 {
    let (mut length, mut at) = (0.0, (0.0, 0.0));
    for (h, f) in humidities.iter().zip(filling) {
        length += (h - at.0).hypot(f - at.1);
        at = (*h, *f);
    }
    length / at.0.hypot(at.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_of_known_curves() {
        let h = [0.25, 0.5, 0.75, 1.0];
        let line = h;
        let zero = [0.0; 4];
        assert!((area_between(&h, &line, &zero) - 0.5).abs() < 1e-15);
        assert_eq!(area_between(&h, &line, &line), 0.0);
        // Crossing curves: triangles of height 0.25 and 0.25 over half a step each.
        let a = [0.25, 0.0, 0.0, 0.0];
        let b = [0.0, 0.25, 0.0, 0.0];
        let want = 0.5 * 0.25 * 0.25 + 2.0 * 0.5 * 0.125 * 0.25 + 0.5 * 0.25 * 0.25;
        assert!((area_between(&h, &a, &b) - want).abs() < 1e-15);
    }

    #[test]
    fn sinuosity_of_known_curves() {
        let h: Vec<f64> = (1..=1000).map(|k| f64::from(k) / 1000.0).collect();
        assert!((sinuosity(&h, &h) - 1.0).abs() < 1e-12);
        let step: Vec<f64> = h.iter().map(|h| f64::from(u8::from(*h > 0.5))).collect();
        assert!((sinuosity(&h, &step) - 2f64.sqrt()).abs() < 1e-3);
    }
}
