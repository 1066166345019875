//! Molecular dynamics: what is to be integrated, independent of the device.

mod minimize;
mod plan;
mod state;
mod thermodynamics;
pub mod thermostat;

pub use minimize::{MinimizeMethod, MinimizeOptions, MinimizeReport, minimize};
pub use plan::{DynamicsPlan, Ensemble, TemperatureSchedule};
pub use state::{DynamicsState, Positions, ThermostatState};
pub use thermodynamics::{Evaluation, Thermodynamics, degrees_of_freedom, stress_names};
