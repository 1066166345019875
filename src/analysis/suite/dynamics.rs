//! Dynamics of a trajectory among the results of an analysis.

use super::{AnalysisKind, Output};
use crate::analysis::motion::{TrajectoryResult, velocity_curves};
use crate::error::Result;

/// Writes the tables, pictures and diffusion coefficients of a trajectory's dynamics.
pub fn write_dynamics(result: &TrajectoryResult, output: &mut Output) -> Result<()> {
    output.begin(AnalysisKind::Dynamics);
    let units = output.units();
    let motion = result.motion.curves(&units);
    let velocities = velocity_curves(&result.velocities, &units);
    for curves in motion.iter().chain(&velocities) {
        output.curves(curves, "dynamics over time origins: see docs/analysis-dynamics.md")?;
    }
    let unit = match output.unit("length") {
        "lj" => "",
        _ => "Å²/ps",
    };
    for species in &result.motion.species {
        let Some(d) = species.diffusion.as_ref().filter(|_| !species.is_still()) else { continue };
        let name = &species.name;
        output.number(format!("diffusion coefficient, {name}"), d.coefficient.value, unit);
        if let Some(error) = d.coefficient.error {
            output.number(format!("error of the diffusion coefficient, {name}"), error, unit);
        }
        output.number(
            format!("exponent of the displacement, {name}"),
            d.exponent,
            "1 if diffusive",
        );
        if !d.is_diffusive() {
            output.remark(format!("{name} does not diffuse: its coefficient is only a slope"));
        }
    }
    for remark in result.remarks(&units) {
        output.remark(remark);
    }
    Ok(())
}
