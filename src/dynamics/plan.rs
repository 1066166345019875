//! Plans: validated descriptions of a dynamics stage.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::potential::CompiledForceField;

/// Temperature as a function of the step: constant before and after a linear ramp.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TemperatureSchedule {
    /// Temperature at `from_step` and before.
    pub start: f64,
    /// Temperature at `from_step + steps` and after.
    pub end: f64,
    /// Step at which the ramp begins.
    pub from_step: u64,
    /// Length of the ramp in steps (0: constant `end`).
    pub steps: u64,
}

impl TemperatureSchedule {
    /// A constant temperature.
    pub fn constant(temperature: f64) -> Self {
        Self { start: temperature, end: temperature, from_step: 0, steps: 0 }
    }

    /// Target temperature at a step.
    pub fn at(&self, step: u64) -> f64 {
        let done = step.saturating_sub(self.from_step);
        if done >= self.steps {
            return self.end;
        }
        let fraction = done as f64 / self.steps as f64;
        self.start + (self.end - self.start) * fraction
    }
}

/// Which equations of motion are integrated. Times in the internal unit (metal: ps).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ensemble {
    /// Constant energy: velocity Verlet.
    Nve,
    /// Constant temperature by a Nosé–Hoover chain of three thermostats with masses
    /// Q₁ = N_f kT τ², Q₂ = Q₃ = kT τ² (Martyna, Klein, Tuckerman, J. Chem. Phys. 97, 2635 (1992)).
    NoseHoover {
        /// Relaxation time τ.
        relaxation: f64,
    },
    /// Stochastic velocity rescaling (Bussi, Donadio, Parrinello, J. Chem. Phys. 126, 014101 (2007)).
    StochasticRescaling {
        /// Relaxation time τ.
        relaxation: f64,
    },
    /// Langevin dynamics in the BAOAB splitting (Leimkuhler & Matthews, 2013).
    Langevin {
        /// Relaxation time 1/γ.
        relaxation: f64,
        /// Longest displacement of an atom in one step, for overlapping starts.
        displacement_cap: Option<f64>,
    },
}

impl Ensemble {
    /// True if the ensemble keeps the total momentum.
    pub fn conserves_momentum(&self) -> bool {
        !matches!(self, Self::Langevin { .. })
    }
}

/// A stage of dynamics.
#[derive(Debug, Clone)]
pub struct DynamicsPlan {
    /// Interactions, compiled for the structure's species.
    pub force_field: Arc<CompiledForceField>,
    /// Time step in the internal unit (metal: ps).
    pub timestep: f64,
    /// Equations of motion.
    pub ensemble: Ensemble,
    /// Target temperature; ignored by NVE.
    pub temperature: TemperatureSchedule,
    /// Seed of the ensemble's random numbers.
    pub seed: u64,
    /// Neighbour-list skin beyond the cutoff; `None` lets the backend choose.
    pub skin: Option<f64>,
}

impl DynamicsPlan {
    /// Checks the numbers that a session relies on.
    pub fn check(&self) -> Result<()> {
        let positive = |name: &str, value: f64| {
            if value.is_finite() && value > 0.0 {
                Ok(())
            } else {
                Err(Error::input(
                    format!("{name} must be positive, got {value}"),
                    format!("give a positive {name}"),
                ))
            }
        };
        positive("timestep", self.timestep)?;
        match self.ensemble {
            Ensemble::Nve => {}
            Ensemble::NoseHoover { relaxation } | Ensemble::StochasticRescaling { relaxation } => {
                positive("relaxation", relaxation)?;
                positive("temperature", self.temperature.start)?;
                positive("temperature", self.temperature.end)?;
            }
            Ensemble::Langevin { relaxation, displacement_cap } => {
                positive("relaxation", relaxation)?;
                positive("temperature", self.temperature.start)?;
                positive("temperature", self.temperature.end)?;
                if let Some(cap) = displacement_cap {
                    positive("displacement_cap", cap)?;
                }
            }
        }
        if let Some(skin) = self.skin
            && !(skin.is_finite() && skin >= 0.0)
        {
            return Err(Error::input(
                format!("skin must not be negative, got {skin}"),
                "leave `skin` out to let the backend choose",
            ));
        }
        Ok(())
    }
}
