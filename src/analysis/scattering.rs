//! Scattering lengths of neutrons and form factors of X-rays, and the weights of partial
//! structure factors.

use std::collections::BTreeMap;
use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::scattering_tables::{NEUTRON, XRAY};
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

/// Longest wave vector of the table of form factors, Å⁻¹: s = 6 Å⁻¹.
pub const LONGEST_FORM_FACTOR: f64 = 24.0 * PI;

fn unknown(species: &str, table: &str) -> Error {
    Error::input(
        format!("species {species} is not in the table of {table}"),
        "name species by their element symbols, give what they scatter in `[scattering.lengths]` or \
         `[scattering.form_factors]`, or leave this radiation out of the analysis",
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
    let Some((_, table)) = found else { return Err(unknown(species, "X-ray form factors")) };
    Ok(gaussians(table, q))
}

/// Σ aᵢ exp(−bᵢ s²) + c with s = Q/4π from a₁, b₁, a₂, b₂ … c.
fn gaussians(coefficients: &[f64], q: f64) -> f64 {
    let s2 = (q / (4.0 * PI)).powi(2);
    let of = |pair: &[f64]| match pair {
        [a, b] => a * (-b * s2).exp(),
        constant => constant.iter().sum(),
    };
    coefficients.chunks(2).map(of).sum()
}

/// What species scatter where the tables are not to say it: isotopes, ions, species that are no
/// elements.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Amplitudes {
    /// Coherent neutron scattering lengths by species, fm.
    pub lengths: BTreeMap<String, f64>,
    /// X-ray form factors by species: a₁, b₁, a₂, b₂ … c of Σ aᵢ exp(−bᵢ s²) + c, s = Q/4π in Å⁻¹.
    pub form_factors: BTreeMap<String, Vec<f64>>,
}

impl Amplitudes {
    /// Scattering amplitude of a species at Q: fm for neutrons, electrons for X-rays.
    pub fn of(&self, radiation: Radiation, species: &str, q: f64) -> Result<f64> {
        match radiation {
            Radiation::Neutron => match self.lengths.get(species) {
                Some(length) => Ok(*length),
                None => neutron_length(species),
            },
            Radiation::Xray => match self.form_factors.get(species) {
                Some(coefficients) => Ok(gaussians(coefficients, q)),
                None => xray_form_factor(species, q),
            },
            Radiation::Number => Ok(1.0),
        }
    }

    /// Species that are given here and are not among `names`.
    pub fn strangers<'a>(&'a self, names: &[String]) -> Vec<&'a str> {
        let given = self.lengths.keys().chain(self.form_factors.keys());
        let mut strangers: Vec<&str> =
            given.filter(|name| !names.contains(name)).map(String::as_str).collect();
        strangers.sort_unstable();
        strangers.dedup();
        strangers
    }
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
        assert_eq!(XRAY.len(), 98);
        for (name, _) in XRAY {
            let z = f64::from(atomic_number(name).expect("an element"));
            let f = |q| xray_form_factor(name, q).expect("known");
            assert!((f(0.0) - z).abs() < 0.01 * z.sqrt(), "{name}: {}", f(0.0));
            // Positive and falling as far as the table reaches, which is what five Gaussians and a
            // constant only do if no digit is wrong.
            let mut last = f(0.0);
            for k in 1..=150 {
                let here = f(LONGEST_FORM_FACTOR * f64::from(k) / 150.0);
                assert!(here > 0.0 && here < last + 1e-3 * z, "{name}: {here} behind {last}");
                last = here;
            }
            assert!(last < 0.06 * z, "{name}: {last}");
        }
        for (name, length) in NEUTRON {
            assert!(*name == "D" || atomic_number(name).is_some(), "{name}");
            assert!((-4.0..17.0).contains(length) && *length != 0.0, "{name}");
        }
    }

    /// Form factors of another fit to other calculations: four Gaussians (a and b in turn, then c),
    /// Cromer & Mann, Acta Cryst. A 24, 321 (1968), doi:10.1107/S0567739468000550, in the
    /// International Tables for Crystallography C, table 6.1.1.4; Q < 25 Å⁻¹.
    #[test]
    fn form_factors_agree_with_those_of_cromer_and_mann() {
        #[rustfmt::skip]
        let others: &[(&str, [f64; 9])] = &[
            ("C", [2.3100, 20.8439, 1.0200, 10.2075, 1.5886, 0.5687, 0.8650, 51.6512, 0.2156]),
            ("O", [3.0485, 13.2771, 2.2868, 5.7011, 1.5463, 0.3239, 0.8670, 32.9089, 0.2508]),
            ("Na", [4.7626, 3.2850, 3.1736, 8.8422, 1.2674, 0.3136, 1.1128, 129.424, 0.6760]),
            ("Mg", [5.4204, 2.8275, 2.1735, 79.2611, 1.2269, 0.3808, 2.3073, 7.1937, 0.8584]),
            ("Al", [6.4202, 3.0387, 1.9002, 0.7426, 1.5936, 31.5472, 1.9646, 85.0886, 1.1151]),
            ("Si", [6.2915, 2.4386, 3.0353, 32.3337, 1.9891, 0.6785, 1.5410, 81.6937, 1.1407]),
            ("P", [6.4345, 1.9067, 4.1791, 27.1570, 1.7800, 0.5260, 1.4908, 68.1645, 1.1149]),
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
        for (name, table) in others {
            let z = f64::from(atomic_number(name).expect("an element"));
            for k in 0..=250 {
                let q = 0.1 * f64::from(k);
                let difference = gaussians(table, q) - xray_form_factor(name, q).expect("known");
                assert!(difference.abs() < 2e-3 * z, "{name} at {q}: {difference}");
            }
        }
    }

    #[test]
    fn isotopes_and_ions_can_be_given() {
        let given = Amplitudes {
            lengths: [("Li".to_owned(), -2.22), ("A".to_owned(), 3.0)].into(),
            // Two Gaussians and a constant.
            form_factors: [("A".to_owned(), vec![4.0, 1.0, 2.0, 5.0, 0.5])].into(),
        };
        assert_eq!(given.of(Radiation::Neutron, "Li", 1.0).expect("given"), -2.22);
        assert_eq!(given.of(Radiation::Neutron, "A", 1.0).expect("given"), 3.0);
        assert_eq!(given.of(Radiation::Neutron, "O", 1.0).expect("in the table"), 5.803);
        assert_eq!(given.of(Radiation::Xray, "A", 0.0).expect("given"), 6.5);
        let s2 = 0.25;
        let wanted = 4.0 * f64::exp(-s2) + 2.0 * f64::exp(-5.0 * s2) + 0.5;
        let found = given.of(Radiation::Xray, "A", 2.0 * PI).expect("given");
        assert!((found - wanted).abs() < 1e-14);
        let silicon = given.of(Radiation::Xray, "Si", 3.0).expect("in the table");
        assert_eq!(silicon, xray_form_factor("Si", 3.0).expect("in the table"));
        assert_eq!(given.strangers(&["Li".to_owned(), "O".to_owned()]), ["A"]);
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
