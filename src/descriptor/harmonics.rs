//! Spherical harmonics of unit vectors, and the 3j symbols of their third-order invariants.

/// Real orthonormal spherical harmonics up to a degree, in Cartesian form.
///
/// Y_lm = N_lm P̂_lm(z) × {√2 Im, 1, √2 Re}(x + iy)^|m| for m < 0, = 0, > 0, where P̂ is the
/// associated Legendre function without its factor (1−z²)^(m/2) and without the phase (−1)^m.
#[derive(Debug, Clone, PartialEq)]
pub struct RealHarmonics {
    /// Highest degree.
    pub l_max: usize,
    /// Π_mm: the starting value of each m.
    pub diagonal: Vec<f64>,
    /// a_lm, b_lm of Π_lm = a_lm (z Π_{l−1,m} + b_lm Π_{l−2,m}), indexed by l² + l + m.
    pub recursion: Vec<[f64; 2]>,
}

impl RealHarmonics {
    /// Coefficients up to a degree.
    pub fn new(l_max: usize) -> Self {
        let mut diagonal = Vec::with_capacity(l_max + 1);
        // Π_mm = sqrt((2m+1)!! / (2m)!! / 4π), with √2 of the real form for m > 0.
        let mut square = 0.25 / std::f64::consts::PI;
        for m in 0..=l_max {
            if m > 0 {
                square *= (2 * m + 1) as f64 / (2 * m) as f64;
            }
            diagonal.push(if m > 0 { (2.0 * square).sqrt() } else { square.sqrt() });
        }
        let mut recursion = vec![[0.0; 2]; (l_max + 1) * (l_max + 1)];
        for l in 1..=l_max {
            for m in 0..l {
                let (l2, m2) = ((l * l) as f64, (m * m) as f64);
                let a = ((4.0 * l2 - 1.0) / (l2 - m2)).sqrt();
                let before = ((l - 1) * (l - 1)) as f64;
                let b = if l >= 2 { -((before - m2) / (4.0 * before - 1.0)).sqrt() } else { 0.0 };
                recursion[l * l + l + m] = [a, b];
            }
        }
        Self { l_max, diagonal, recursion }
    }

    /// Y_lm of a unit vector, at index l² + l + m.
    pub fn evaluate(&self, [x, y, z]: [f64; 3], values: &mut [f64]) {
        let (mut re, mut im) = (1.0, 0.0);
        for m in 0..=self.l_max {
            let (mut before, mut here) = (0.0, self.diagonal[m]);
            for l in m..=self.l_max {
                if l > m {
                    let [a, b] = self.recursion[l * l + l + m];
                    let next = a * (z * here + b * before);
                    before = here;
                    here = next;
                }
                values[l * l + l + m] = here * re;
                if m > 0 {
                    values[l * l + l - m] = here * im;
                }
            }
            (re, im) = (x * re - y * im, x * im + y * re);
        }
    }
}

/// Complex components q_lm, m = −l … l, of real ones:
/// Y_lm = (−1)^m (Y_l,m^re + i Y_l,−m^re)/√2 for m > 0.
pub fn complex_components(real: &[f64]) -> Vec<[f64; 2]> {
    let l = real.len() / 2;
    let mut complex = vec![[0.0; 2]; real.len()];
    complex[l] = [real[l], 0.0];
    for m in 1..=l {
        let (re, im) = (real[l + m] * 0.5f64.sqrt(), real[l - m] * 0.5f64.sqrt());
        let sign = if m % 2 == 0 { 1.0 } else { -1.0 };
        complex[l + m] = [sign * re, sign * im];
        complex[l - m] = [re, -im];
    }
    complex
}

/// Wigner 3j symbols (l l l; m₁ m₂ −m₁−m₂), which Σ Π q_lm needs: rows of (m₁, m₂, symbol).
pub fn wigner_3j(l: usize) -> Vec<(i32, i32, f64)> {
    let l = l as i32;
    let factorial = |n: i32| (1..=n).map(|k| f64::from(k).ln()).sum::<f64>();
    let mut symbols = Vec::new();
    for m1 in -l..=l {
        for m2 in -l..=l {
            let m3 = -m1 - m2;
            if m3.abs() > l {
                continue;
            }
            // Racah's formula, logarithms of factorials. J. Math. Phys. notation.
            let triangle = 3.0 * factorial(l) - factorial(3 * l + 1);
            let states = factorial(l + m1)
                + factorial(l - m1)
                + factorial(l + m2)
                + factorial(l - m2)
                + factorial(l + m3)
                + factorial(l - m3);
            let mut sum = 0.0;
            for k in 0..=l {
                let terms = [k, l - k, l - m1 - k, l + m2 - k, m1 + k, -m2 + k];
                if terms.iter().any(|&t| t < 0) {
                    continue;
                }
                let bottom: f64 = terms.iter().map(|&t| factorial(t)).sum();
                let sign = if k % 2 == 0 { 1.0 } else { -1.0 };
                sum += sign * (0.5 * (triangle + states) - bottom).exp();
            }
            let sign = if m3 % 2 == 0 { 1.0 } else { -1.0 };
            symbols.push((m1, m2, sign * sum));
        }
    }
    symbols
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmonics_satisfy_the_addition_theorem() {
        // Σ_m Y_lm(u) Y_lm(v) = (2l+1)/4π P_l(u·v)
        let harmonics = RealHarmonics::new(10);
        let unit = |r: [f64; 3]| {
            let n = r.iter().map(|x| x * x).sum::<f64>().sqrt();
            r.map(|x| x / n)
        };
        let (u, v) = (unit([0.3, -1.1, 0.4]), unit([-0.7, 0.2, 2.0]));
        let (mut a, mut b) = (vec![0.0; 121], vec![0.0; 121]);
        harmonics.evaluate(u, &mut a);
        harmonics.evaluate(v, &mut b);
        let x = u[0] * v[0] + u[1] * v[1] + u[2] * v[2];
        let (mut p0, mut p1) = (1.0, x);
        for l in 0..=10usize {
            let sum: f64 = (l * l..(l + 1) * (l + 1)).map(|k| a[k] * b[k]).sum();
            let want = (2 * l + 1) as f64 / (4.0 * std::f64::consts::PI) * p0;
            assert!((sum - want).abs() < 1e-13, "l = {l}: {sum} {want}");
            let n = (l + 1) as f64;
            (p0, p1) = (p1, ((2.0 * n + 1.0) * x * p1 - n * p0) / (n + 1.0));
        }
        // And one of them by its closed form: Y_2,1 = ½ √(15/π) x z.
        let want = 0.5 * (15.0 / std::f64::consts::PI).sqrt() * u[0] * u[2];
        assert!((a[4 + 2 + 1] - want).abs() < 1e-14);
    }

    #[test]
    fn symbols_are_the_tabulated_ones_and_orthogonal() {
        // (2 2 2; 0 0 0) = −√(2/35); Σ over m₁ m₂ of the squares is 1.
        let symbols = wigner_3j(2);
        let zero = symbols.iter().find(|s| s.0 == 0 && s.1 == 0).expect("there");
        assert!((zero.2 + (2.0f64 / 35.0).sqrt()).abs() < 1e-12);
        for l in [2, 4, 6, 8] {
            let sum: f64 = wigner_3j(l).iter().map(|s| s.2 * s.2).sum();
            assert!((sum - 1.0).abs() < 1e-9, "{l}: {sum}");
        }
    }
}
