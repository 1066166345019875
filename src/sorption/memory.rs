//! Whether what a gradient holds fits into the memory that is left.

use super::SorptionPlan;
use super::plan::Scheme;
use crate::error::{Error, Result};

/// Bytes that may be allocated without others being pushed out, where the system says
/// (`MemAvailable` of Linux).
fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// What is said of a gradient that does not fit.
pub(crate) fn too_large(plan: &SorptionPlan, bytes: u64, limit: Option<u64>) -> Error {
    let limit = limit.map_or(String::new(), |limit| format!(", {limit} bytes are free"));
    match plan.scheme {
        Scheme::Truncated { iterations } => Error::input(
            format!("back-propagation through {iterations} iterations holds {bytes} bytes{limit}"),
            "use fewer iterations, or converged densities, whose gradient does not grow with them",
        ),
        Scheme::Converged { .. } => Error::input(
            format!("the densities of the path and their gradient take {bytes} bytes{limit}"),
            "use fewer humidities or smaller lattices",
        ),
    }
}

/// Refuses a gradient that holds more bytes at once than are free.
pub(crate) fn check_gradient(plan: &SorptionPlan, bytes: u64) -> Result<()> {
    match available() {
        Some(limit) if bytes > limit => Err(too_large(plan, bytes, Some(limit))),
        _ => Ok(()),
    }
}
