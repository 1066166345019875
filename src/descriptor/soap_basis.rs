//! The radial basis of SOAP: Gaussians times r^l, orthonormalised.

use nalgebra::DMatrix;

/// Least eigenvalue of the overlap of functions of unit length, as a part of the largest, that the root
/// is taken of: there rounding is as large as the eigenvalue.
const ALIKE: f64 = 1e-13;
/// Off-diagonal elements of this size, as a part of the root of the diagonal ones, are zero.
const CONVERGED: f64 = 1e-15;
/// Sweeps over all off-diagonal elements; some ten are enough.
const SWEEPS: usize = 60;

/// S^(−1/2) of an overlap S; `None` if its functions are too alike, whatever their lengths.
///
/// By Jacobi's rotations, each of which zeroes an element to the precision of its own row and column. The
/// lengths of the functions differ by many orders of magnitude (r^l over a range of radii), and a method
/// that is precise only as a part of the largest eigenvalue would lose the short ones: the error here grows
/// with the condition of the overlap of functions of unit length alone. J. Demmel, K. Veselić, SIAM J.
/// Matrix Anal. Appl. 13, 1204 (1992), doi:10.1137/0613074.
fn inverse_root(overlap: &DMatrix<f64>) -> Option<DMatrix<f64>> {
    let n = overlap.nrows();
    let length = overlap.diagonal().map(f64::sqrt);
    let unit = DMatrix::from_fn(n, n, |i, j| overlap[(i, j)] / (length[i] * length[j]));
    let likeness = unit.symmetric_eigenvalues();
    if !(likeness.min() >= ALIKE * likeness.max()) {
        return None;
    }
    let mut s = overlap.clone();
    let mut vectors = DMatrix::<f64>::identity(n, n);
    for _ in 0..SWEEPS {
        let mut rotated = false;
        for p in 0..n {
            for q in p + 1..n {
                let (a, b, c) = (s[(p, p)], s[(p, q)], s[(q, q)]);
                if b.abs() <= CONVERGED * (a * c).sqrt() {
                    continue;
                }
                rotated = true;
                let zeta = (c - a) / (2.0 * b);
                let tangent = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
                let cosine = tangent.hypot(1.0).recip();
                let sine = cosine * tangent;
                for k in 0..n {
                    let (x, y) = (s[(k, p)], s[(k, q)]);
                    s[(k, p)] = cosine * x - sine * y;
                    s[(k, q)] = sine * x + cosine * y;
                    s[(p, k)] = s[(k, p)];
                    s[(q, k)] = s[(k, q)];
                    let (x, y) = (vectors[(k, p)], vectors[(k, q)]);
                    vectors[(k, p)] = cosine * x - sine * y;
                    vectors[(k, q)] = sine * x + cosine * y;
                }
                s[(p, p)] = a - tangent * b;
                s[(q, q)] = c + tangent * b;
                s[(p, q)] = 0.0;
                s[(q, p)] = 0.0;
            }
        }
        if !rotated {
            break;
        }
    }
    let values = s.diagonal();
    if !values.iter().all(|e| *e > 0.0) {
        return None;
    }
    let root = DMatrix::from_diagonal(&values.map(|e| e.sqrt().recip()));
    Some(&vectors * root * vectors.transpose())
}

/// DScribe's GTO basis: φ_nl(r) = r^l exp(−α_nl r²), α_nl = −ln(10⁻³/a_n^l)/a_n² with a_n equally spaced
/// from 1 Å to the cutoff, orthonormalised by Löwdin's S^(−1/2), S_nn' = ½ Γ(l+3/2)(α_n+α_n')^(−l−3/2).
#[derive(Debug, Clone)]
pub(super) struct GtoBasis {
    n_max: usize,
    l_max: usize,
    /// 1/(2σ²).
    eta: f64,
    /// α, index l·n_max + n.
    alphas: Vec<f64>,
    /// S^(−1/2), index (l·n_max + n)·n_max + n'.
    betas: Vec<f64>,
}

impl GtoBasis {
    /// `None` if the functions are too alike to be orthonormalised in double precision.
    pub fn new(n_max: usize, l_max: usize, cutoff: f64, sigma: f64) -> Option<Self> {
        let (mut alphas, mut betas) = (Vec::new(), Vec::new());
        for l in 0..=l_max {
            let own: Vec<f64> = (0..n_max)
                .map(|n| {
                    let a = match n_max {
                        1 => 1.0,
                        _ => 1.0 + (cutoff - 1.0) * n as f64 / (n_max - 1) as f64,
                    };
                    -(1e-3 / a.powi(l as i32)).ln() / (a * a)
                })
                .collect();
            let power = l as f64 + 1.5;
            let overlap = DMatrix::from_fn(n_max, n_max, |i, j| {
                0.5 * libm::tgamma(power) * (own[i] + own[j]).powf(-power)
            });
            let beta = inverse_root(&overlap)?;
            for n in 0..n_max {
                betas.extend((0..n_max).map(|m| beta[(n, m)]));
            }
            alphas.extend(own);
        }
        let eta = 0.5 / (sigma * sigma);
        Some(Self { n_max, l_max, eta, alphas, betas })
    }

    /// ∫ g_nl(r) Y_lm(r̂) exp(−η|r − R|²) d³r / Y_lm(R̂) for every l and n, at index l·n_max + n:
    /// Σ_n' β_nn' π^{3/2} (ηR)^l (α+η)^{−l−3/2} exp[−αη/(α+η) R²].
    pub fn evaluate(&self, r: f64, values: &mut [f64]) {
        let mut primitive = vec![0.0; self.n_max];
        for l in 0..=self.l_max {
            for (n, value) in primitive.iter_mut().enumerate() {
                let alpha = self.alphas[l * self.n_max + n];
                let p = alpha + self.eta;
                *value = std::f64::consts::PI.powf(1.5)
                    * (self.eta * r).powi(l as i32)
                    * p.powf(-(l as f64) - 1.5)
                    * (-alpha * self.eta / p * r * r).exp();
            }
            for n in 0..self.n_max {
                let row = (l * self.n_max + n) * self.n_max;
                let beta = &self.betas[row..row + self.n_max];
                values[l * self.n_max + n] = beta.iter().zip(&primitive).map(|(b, g)| b * g).sum();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_any_length_are_orthonormalised() {
        // Lengths over six orders of magnitude, overlap 0.3 between any two.
        let n = 5;
        let length = |i: usize| 10f64.powf(1.5 * i as f64);
        let overlap = DMatrix::from_fn(n, n, |i, j| {
            let unit = if i == j { 1.0 } else { 0.3 };
            unit * length(i) * length(j)
        });
        let root = inverse_root(&overlap).expect("different functions");
        let one = &root * &overlap * &root;
        for i in 0..n {
            for j in 0..n {
                let wanted = if i == j { 1.0 } else { 0.0 };
                assert!((one[(i, j)] - wanted).abs() < 1e-9, "{i} {j}: {}", one[(i, j)]);
            }
        }
        assert!((&root - root.transpose()).amax() < 1e-12 * root.amax());
        // The same function twice.
        assert!(inverse_root(&DMatrix::from_element(2, 2, 3.0)).is_none());
        // A large l on a long range is no likeness; many functions on a short one are.
        assert!(
            GtoBasis::new(2, 8, 10.0, 1.0).is_some() && GtoBasis::new(8, 9, 10.0, 1.0).is_some()
        );
        assert!(GtoBasis::new(24, 3, 2.0, 1.0).is_none());
    }
}
