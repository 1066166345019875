//! The radial basis of SOAP: Gaussians times r^l, orthonormalised.

use nalgebra::DMatrix;

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
            let eigen = overlap.symmetric_eigen();
            let largest = eigen.eigenvalues.max();
            if eigen.eigenvalues.min() < 1e-13 * largest {
                return None;
            }
            let root = DMatrix::from_diagonal(&eigen.eigenvalues.map(|e| 1.0 / e.sqrt()));
            let beta = &eigen.eigenvectors * root * eigen.eigenvectors.transpose();
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
