//! Energies, temperature, pressure and stress.

use serde::{Deserialize, Serialize};

use crate::system::Units;

/// Potential energy, forces and virial at given positions.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Potential energy with the charges' self energy.
    pub potential_energy: f64,
    /// Force on each atom, in input order.
    pub forces: Vec<[f64; 3]>,
    /// Virial W_ab = Σ_pairs r_a f_b in energy units: xx, yy, zz, yz, xz, xy.
    pub virial: [f64; 6],
}

impl Evaluation {
    /// Virial stress W_ab/V in the pressure unit, compression positive (no kinetic part).
    pub fn virial_stress(&self, volume: f64, units: &Units) -> [f64; 6] {
        self.virial.map(|w| w / volume * units.pressure)
    }

    /// Virial pressure tr W/(3V) in the pressure unit.
    pub fn virial_pressure(&self, volume: f64, units: &Units) -> f64 {
        let s = self.virial_stress(volume, units);
        (s[0] + s[1] + s[2]) / 3.0
    }
}

/// Names of the six stress components in the order used everywhere.
pub const fn stress_names() -> [&'static str; 6] {
    ["xx", "yy", "zz", "yz", "xz", "xy"]
}

/// Momentum degrees of freedom: 3N−3 where the total momentum is conserved, else 3N.
pub fn degrees_of_freedom(atoms: usize, conserves_momentum: bool) -> f64 {
    let all = 3.0 * atoms as f64;
    if conserves_momentum && atoms > 1 { all - 3.0 } else { all }
}

/// Instantaneous thermodynamic quantities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Thermodynamics {
    /// Step.
    pub step: u64,
    /// Potential energy.
    pub potential_energy: f64,
    /// Kinetic energy.
    pub kinetic_energy: f64,
    /// 2K/(N_f k).
    pub temperature: f64,
    /// Potential + kinetic + energy given to the bath.
    pub conserved: f64,
    /// Pressure with its kinetic part.
    pub pressure: f64,
    /// Stress with its kinetic part, compression positive: xx, yy, zz, yz, xz, xy.
    pub stress: [f64; 6],
}

impl Thermodynamics {
    /// Combines sums measured on a device: `kinetic` is Σ m v_a v_b (energy units, without ½).
    pub fn from_sums(
        step: u64,
        potential_energy: f64,
        virial: [f64; 6],
        kinetic: [f64; 6],
        bath_energy: f64,
        degrees_of_freedom: f64,
        volume: f64,
        units: &Units,
    ) -> Self {
        let kinetic_energy = 0.5 * (kinetic[0] + kinetic[1] + kinetic[2]);
        let mut stress = [0.0; 6];
        for k in 0..6 {
            stress[k] = (virial[k] + kinetic[k]) / volume * units.pressure;
        }
        Self {
            step,
            potential_energy,
            kinetic_energy,
            temperature: 2.0 * kinetic_energy / (degrees_of_freedom * units.boltzmann),
            conserved: potential_energy + kinetic_energy + bath_energy,
            pressure: (stress[0] + stress[1] + stress[2]) / 3.0,
            stress,
        }
    }
}
