//! The lattice gas: parameters, their reduced form, and what is known of it in closed form.

use serde::{Deserialize, Serialize};

use super::Dimension;
use crate::error::{Error, Result};

/// Parameters of the lattice gas, with the published values as defaults
/// (H. Liu, PhD thesis, UCLA 2021, ch. 6; Kierlik, Monson, Rosinberg and Tarjus, Phys. Rev. Lett.
/// 87, 055701 (2001), doi:10.1103/PhysRevLett.87.055701).
///
/// ρ_i = η_i / (1 + exp(−\[μ + Σ_{j∈nn(i)} (w_ff ρ_j + w_mf (1−η_j))\]/kT)), periodic, with
/// w_ff = 4kT_c/c, w_mf = y w_ff, μ = μ_sat + kT ln RH and μ_sat = −c w_ff/2 (c neighbours).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SorptionModel {
    /// Temperature T, K.
    pub temperature: f64,
    /// Critical temperature T_c of the bulk fluid, K. Zero turns every interaction off (w = 0).
    pub critical_temperature: f64,
    /// Wettability y = w_mf/w_ff: attraction of the solid over that of the fluid.
    pub wettability: f64,
}

impl Default for SorptionModel {
    fn default() -> Self {
        Self { temperature: 298.0, critical_temperature: 647.0, wettability: 1.5 }
    }
}

/// Energies in units of kT, for a number of neighbours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reduced {
    /// w_ff/kT.
    pub fluid: f64,
    /// w_mf/kT.
    pub solid: f64,
    /// μ_sat/kT.
    pub saturation: f64,
}

impl SorptionModel {
    /// Checks that the parameters are numbers that make sense.
    pub fn validate(&self) -> Result<()> {
        let positive = |name: &str, value: f64, zero: bool| {
            if value.is_finite() && (value > 0.0 || zero && value == 0.0) {
                return Ok(());
            }
            Err(Error::input(
                format!("{name} is {value}"),
                format!("give a {name} that is a finite positive number"),
            ))
        };
        positive("temperature", self.temperature, false)?;
        positive("critical temperature", self.critical_temperature, true)?;
        if !self.wettability.is_finite() {
            return Err(Error::input(
                format!("wettability is {}", self.wettability),
                "give a finite wettability; the published value is 1.5",
            ));
        }
        let largest = 4.0 * self.critical_temperature / self.temperature
            * (1.0 + self.wettability.abs().max((1.0 - self.wettability).abs()));
        if largest > 60.0 {
            return Err(Error::input(
                format!(
                    "interactions of up to {largest:.0} kT: densities leave the range of single precision"
                ),
                "raise the temperature, or lower the critical temperature or the wettability",
            ));
        }
        Ok(())
    }

    /// What a user should know of unusual parameters.
    pub fn notice(&self) -> Option<String> {
        (self.temperature >= self.critical_temperature).then(|| {
            format!(
                "temperature {} K is not below the critical temperature {} K: the bulk does not condense and there is no hysteresis to expect",
                self.temperature, self.critical_temperature
            )
        })
    }

    pub(crate) fn reduced(&self, dimension: Dimension) -> Reduced {
        let total = 4.0 * self.critical_temperature / self.temperature;
        let fluid = total / dimension.neighbours() as f64;
        Reduced { fluid, solid: self.wettability * fluid, saturation: -0.5 * total }
    }

    /// Spinodals of the bulk (all sites pore): the lower and upper density
    /// ½ (1 ∓ √(1 − T/T_c)) where a uniform phase loses its stability, and the relative humidity
    /// there. The first is the end of the gas, the second that of the liquid. None at or above T_c.
    pub fn bulk_spinodals(&self) -> Option<[(f64, f64); 2]> {
        let ratio = self.temperature / self.critical_temperature;
        (ratio < 1.0).then(|| {
            let half = 0.5 * (1.0 - ratio).sqrt();
            [0.5 - half, 0.5 + half].map(|rho| {
                let x = (rho / (1.0 - rho)).ln();
                (rho, (x - (4.0 * rho - 2.0) / ratio).exp())
            })
        })
    }
}

impl Reduced {
    /// How much coarser than at the published parameters single precision resolves the argument of
    /// the logistic. Its terms sum to (4T_c/T)(1 + |y|) at most, 22 there, and the spacing of numbers
    /// doubles with every power of two.
    pub fn rounding(&self) -> f64 {
        let coupling = -2.0 * self.saturation;
        if !(coupling > 0.0) {
            return 1.0;
        }
        let energies = coupling * (1.0 + (self.solid / self.fluid).abs());
        (energies / 22.0).log2().ceil().exp2().max(1.0)
    }

    /// μ/kT at a relative humidity.
    pub fn field(&self, humidity: f64) -> f64 {
        self.saturation + humidity.ln()
    }
}
