//! Unit systems and physical constants (CODATA 2018).

use serde::{Deserialize, Serialize};

/// Which unit system a force field is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnitSystem {
    /// Å, eV, K, ps (time step in fs), g/mol, e, GPa.
    #[default]
    Metal,
    /// Reduced Lennard-Jones units: every constant is 1.
    Lj,
}

/// Conversion constants of a unit system. Internally length, energy, mass and time are the
/// system's own (metal: Å, eV, g/mol, ps).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Units {
    /// Which system this is.
    pub system: UnitSystem,
    /// Boltzmann's constant (metal: eV/K).
    pub boltzmann: f64,
    /// Energy per mass·velocity² (metal: eV per (g/mol)(Å/ps)²).
    pub mass_velocity2: f64,
    /// Coulomb's constant e²/4πε₀ (metal: eV Å).
    pub coulomb: f64,
    /// Pressure unit per energy/length³ (metal: GPa per eV/Å³).
    pub pressure: f64,
    /// Internal time per unit of a configured time step (metal: ps per fs).
    pub timestep: f64,
    /// Density unit per mass/length³ (metal: g/cm³ per (g/mol)/Å³).
    pub density: f64,
}

/// Elementary charge, C (exact).
const ELEMENTARY_CHARGE: f64 = 1.602176634e-19;
/// Atomic mass constant, kg (CODATA 2018).
const ATOMIC_MASS: f64 = 1.66053906660e-27;

impl Units {
    /// Metal-style units. e²/4πε₀ = 14.3996454784 eV Å, k = 8.617333262e-5 eV/K.
    pub const METAL: Self = Self {
        system: UnitSystem::Metal,
        boltzmann: 8.617333262e-5,
        // (Å/ps)² = 1e4 m²/s²
        mass_velocity2: ATOMIC_MASS * 1e4 / ELEMENTARY_CHARGE,
        coulomb: 14.3996454784,
        pressure: ELEMENTARY_CHARGE * 1e30 * 1e-9,
        timestep: 1e-3,
        density: ATOMIC_MASS * 1e3 * 1e24,
    };

    /// Reduced units.
    pub const LJ: Self = Self {
        system: UnitSystem::Lj,
        boltzmann: 1.0,
        mass_velocity2: 1.0,
        coulomb: 1.0,
        pressure: 1.0,
        timestep: 1.0,
        density: 1.0,
    };

    /// The constants of a system.
    pub const fn of(system: UnitSystem) -> Self {
        match system {
            UnitSystem::Metal => Self::METAL,
            UnitSystem::Lj => Self::LJ,
        }
    }

    /// Name of a quantity's unit for headers: `kind` is one of "energy", "length", "pressure",
    /// "time", "temperature", "velocity", "timestep", "density", "force".
    pub fn name(&self, kind: &str) -> &'static str {
        if self.system == UnitSystem::Lj {
            return "lj";
        }
        match kind {
            "energy" => "eV",
            "length" => "Å",
            "pressure" => "GPa",
            "time" => "ps",
            "timestep" => "fs",
            "temperature" => "K",
            "velocity" => "Å/ps",
            "density" => "g/cm³",
            "force" => "eV/Å",
            _ => "",
        }
    }
}
