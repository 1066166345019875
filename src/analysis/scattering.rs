//! Scattering lengths of neutrons and form factors of X-rays, and the weights of partial
//! structure factors.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What is scattered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Radiation {
    /// Bound coherent scattering lengths.
    Neutron,
    /// Form factors of neutral atoms.
    Xray,
    /// Every atom scatters equally.
    Number,
}

/// Bound coherent neutron scattering lengths of the natural elements, fm: Sears, Neutron News
/// 3(3), 26 (1992), doi:10.1080/10448639208218770 (real part).
const NEUTRON: &[(&str, f64)] = &[
    ("H", -3.7390),
    ("D", 6.671),
    ("Li", -1.90),
    ("Be", 7.79),
    ("B", 5.30),
    ("C", 6.6460),
    ("N", 9.36),
    ("O", 5.803),
    ("F", 5.654),
    ("Na", 3.63),
    ("Mg", 5.375),
    ("Al", 3.449),
    ("Si", 4.1491),
    ("P", 5.13),
    ("S", 2.847),
    ("Cl", 9.5770),
    ("Ar", 1.909),
    ("K", 3.67),
    ("Ca", 4.70),
    ("Ti", -3.438),
    ("V", -0.3824),
    ("Cr", 3.635),
    ("Mn", -3.73),
    ("Fe", 9.45),
    ("Co", 2.49),
    ("Ni", 10.3),
    ("Cu", 7.718),
    ("Zn", 5.680),
    ("Ga", 7.288),
    ("Ge", 8.185),
    ("As", 6.58),
    ("Se", 7.970),
    ("Sr", 7.02),
    ("Y", 7.75),
    ("Zr", 7.16),
    ("Nb", 7.054),
    ("Mo", 6.715),
    ("Pd", 5.91),
    ("Ag", 5.922),
    ("In", 4.065),
    ("Sn", 6.225),
    ("Sb", 5.57),
    ("Te", 5.80),
    ("I", 5.28),
    ("Cs", 5.42),
    ("Ba", 5.07),
    ("La", 8.24),
    ("Ce", 4.84),
    ("Pb", 9.405),
    ("Bi", 8.532),
];

/// f(s) = Σ aᵢ exp(−bᵢ s²) + c with s = Q/4π: Cromer & Mann, Acta Cryst. A 24, 321 (1968),
/// doi:10.1107/S0567739468000550, as in the International Tables for Crystallography C, table
/// 6.1.1.4 (a and b four times in turn, then c); s < 2 Å⁻¹, Q < 25 Å⁻¹.
const XRAY: &[(&str, [f64; 9])] = &[
    ("H", [0.489918, 20.6593, 0.262003, 7.74039, 0.196767, 49.5519, 0.049879, 2.20159, 0.001305]),
    ("Li", [1.1282, 3.9546, 0.7508, 1.0524, 0.6175, 85.3905, 0.4653, 168.261, 0.0377]),
    ("B", [2.0545, 23.2185, 1.3326, 1.0210, 1.0979, 60.3498, 0.7068, 0.1403, -0.1932]),
    ("C", [2.3100, 20.8439, 1.0200, 10.2075, 1.5886, 0.5687, 0.8650, 51.6512, 0.2156]),
    ("N", [12.2126, 0.0057, 3.1322, 9.8933, 2.0125, 28.9975, 1.1663, 0.5826, -11.529]),
    ("O", [3.0485, 13.2771, 2.2868, 5.7011, 1.5463, 0.3239, 0.8670, 32.9089, 0.2508]),
    ("F", [3.5392, 10.2825, 2.6412, 4.2944, 1.5170, 0.2615, 1.0243, 26.1476, 0.2776]),
    ("Na", [4.7626, 3.2850, 3.1736, 8.8422, 1.2674, 0.3136, 1.1128, 129.424, 0.6760]),
    ("Mg", [5.4204, 2.8275, 2.1735, 79.2611, 1.2269, 0.3808, 2.3073, 7.1937, 0.8584]),
    ("Al", [6.4202, 3.0387, 1.9002, 0.7426, 1.5936, 31.5472, 1.9646, 85.0886, 1.1151]),
    ("Si", [6.2915, 2.4386, 3.0353, 32.3337, 1.9891, 0.6785, 1.5410, 81.6937, 1.1407]),
    ("P", [6.4345, 1.9067, 4.1791, 27.1570, 1.7800, 0.5260, 1.4908, 68.1645, 1.1149]),
    ("S", [6.9053, 1.4679, 5.2034, 22.2151, 1.4379, 0.2536, 1.5863, 56.1720, 0.8669]),
    ("Cl", [11.4604, 0.0104, 7.1964, 1.1662, 6.2556, 18.5194, 1.6455, 47.7784, -9.5574]),
    ("Ar", [7.4845, 0.9072, 6.7723, 14.8407, 0.6539, 43.8983, 1.6442, 33.3929, 1.4445]),
    ("K", [8.2186, 12.7949, 7.4398, 0.7748, 1.0519, 213.187, 0.8659, 41.6841, 1.4228]),
    ("Ca", [8.6266, 10.4421, 7.3873, 0.6599, 1.5899, 85.7484, 1.0211, 178.437, 1.3751]),
    ("Ti", [9.7595, 7.8508, 7.3558, 0.5000, 1.6991, 35.6338, 1.9021, 116.105, 1.2807]),
    ("Fe", [11.7695, 4.7611, 7.3573, 0.3072, 3.5222, 15.3535, 2.3045, 76.8805, 1.0369]),
    ("Zn", [14.0743, 3.2655, 7.0318, 0.2333, 5.1652, 10.3163, 2.4100, 58.7097, 1.3041]),
    ("Ge", [16.0816, 2.8509, 6.3747, 0.2516, 3.7068, 11.4468, 3.6830, 54.7625, 2.1313]),
    ("Se", [17.0006, 2.4098, 5.8196, 0.2726, 3.9731, 15.2372, 4.3543, 43.8163, 2.8409]),
    ("Sr", [17.5663, 1.5564, 9.8184, 14.0988, 5.4220, 0.1664, 2.6694, 132.376, 2.5064]),
    ("Zr", [17.8765, 1.27618, 10.9480, 11.9160, 5.41732, 0.117622, 3.65721, 87.6627, 2.06929]),
];

fn unknown(species: &str, table: &str) -> Error {
    Error::input(
        format!("species {species} is not in the table of {table}"),
        "name species by their element symbols, or leave this radiation out of the analysis",
    )
}

/// Coherent neutron scattering length, fm.
pub fn neutron_length(species: &str) -> Result<f64> {
    let found = NEUTRON.iter().find(|(name, _)| *name == species);
    found.map(|(_, b)| *b).ok_or_else(|| unknown(species, "neutron scattering lengths"))
}

/// X-ray form factor of a neutral atom at a wave vector Q (Å⁻¹), electrons.
pub fn xray_form_factor(species: &str, q: f64) -> Result<f64> {
    let found = XRAY.iter().find(|(name, _)| *name == species);
    let Some((_, t)) = found else { return Err(unknown(species, "X-ray form factors")) };
    let s2 = (q / (4.0 * PI)).powi(2);
    Ok((0..4).map(|k| t[2 * k] * (-t[2 * k + 1] * s2).exp()).sum::<f64>() + t[8])
}

impl Radiation {
    /// Name in file names and captions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Neutron => "neutron",
            Self::Xray => "xray",
            Self::Number => "number",
        }
    }

    /// Scattering amplitude of a species at Q.
    pub fn amplitude(self, species: &str, q: f64) -> Result<f64> {
        match self {
            Self::Neutron => neutron_length(species),
            Self::Xray => xray_form_factor(species, q),
            Self::Number => Ok(1.0),
        }
    }
}

/// Total structure factor in the definition of Faber and Ziman, S = 1 + Σ_ab c_a c_b f_a f_b
/// (A_ab − 1) / (Σ_a c_a f_a)², from `partial(a, b)` = A_ab(Q) (Keen, J. Appl. Cryst. 34, 172
/// (2001), doi:10.1107/S0021889800019993).
pub fn weighted_total(
    amplitudes: &[f64],
    fractions: &[f64],
    partial: impl Fn(usize, usize) -> f64,
) -> f64 {
    let mean: f64 = amplitudes.iter().zip(fractions).map(|(f, c)| f * c).sum();
    let mut sum = 0.0;
    for a in 0..amplitudes.len() {
        for b in 0..amplitudes.len() {
            let weight = fractions[a] * fractions[b] * amplitudes[a] * amplitudes[b];
            if weight != 0.0 {
                sum += weight * (partial(a, b) - 1.0);
            }
        }
    }
    1.0 + sum / (mean * mean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::atomic_number;

    #[test]
    fn forward_scattering_counts_the_electrons() {
        for (name, _) in XRAY {
            let z = f64::from(atomic_number(name).expect("an element"));
            let f = xray_form_factor(name, 0.0).expect("known");
            assert!((f - z).abs() < 0.02 * z.sqrt(), "{name}: {f}");
            let far = xray_form_factor(name, 20.0).expect("known");
            assert!(far > -0.1 && far < 0.25 * z, "{name}: {far}");
        }
    }

    #[test]
    fn unknown_species_are_named() {
        let error = neutron_length("A").expect_err("no element");
        assert_eq!(
            error.to_string(),
            "species A is not in the table of neutron scattering lengths"
        );
        assert!(xray_form_factor("Xx", 1.0).is_err());
    }

    #[test]
    fn equal_amplitudes_weigh_by_number() {
        let s = weighted_total(&[2.0, 2.0], &[0.25, 0.75], |a, b| if a == b { 3.0 } else { 1.0 });
        assert!((s - (1.0 + 2.0 * (0.0625 + 0.5625))).abs() < 1e-14);
    }
}
