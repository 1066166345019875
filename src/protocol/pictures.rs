//! Pictures of a stage: temperature and energy against time, partial g(r). SVG, the same bytes for
//! the same numbers.

use std::path::Path;

use super::files::ThermoRow;
use crate::analysis::curves::{SIZE, unit_of};
use crate::analysis::{PairRdf, TwoLines};
use crate::error::Result;
use crate::plot::Figure;
use crate::system::Units;

fn label(name: &str, kind: &str, units: &Units) -> String {
    let unit = unit_of(units, kind);
    if unit.is_empty() { name.to_owned() } else { format!("{name} ({unit})") }
}

fn sized(title: &str, x: String, y: impl Into<String>) -> Figure {
    Figure::new(title, x, y).size(SIZE.0, SIZE.1)
}

/// Potential energy per atom: against time, or for ramps against temperature, averaged points with
/// the two lines through them where there are any.
pub(super) fn energy(
    path: &Path,
    rows: &[ThermoRow],
    units: &Units,
    atoms: f64,
    ramp: Option<&[(f64, f64)]>,
    fit: Option<&TwoLines>,
) -> Result<()> {
    if rows.len() < 2 {
        return Ok(());
    }
    let y = label("potential energy per atom", "energy", units);
    let Some(points) = ramp else {
        return sized("Potential energy", label("time", "time", units), y)
            .line("", rows.iter().map(|r| (r.time, r.potential / atoms)).collect())
            .write(path);
    };
    let x = label("temperature", "temperature", units);
    let mut figure =
        Figure::new("Potential energy on the ramp", x, y).line("U(T)", points.to_vec());
    if let Some(fit) = fit {
        // Least squares lines go through the mean point of their side.
        for (below, slope) in [(true, fit.slope_below), (false, fit.slope_above)] {
            let side: Vec<(f64, f64)> =
                points.iter().copied().filter(|p| (p.0 < fit.break_at) == below).collect();
            let mean = |of: fn(&(f64, f64)) -> f64| {
                side.iter().map(of).sum::<f64>() / side.len().max(1) as f64
            };
            let (t, u) = (mean(|p| p.0), mean(|p| p.1));
            let (low, high) =
                side.iter().fold((fit.break_at, fit.break_at), |e, p| (e.0.min(p.0), e.1.max(p.0)));
            let line = [low, high].map(|x| (x, u + slope * (x - t)));
            let name = match (below, fit.clear) {
                (true, _) => String::new(),
                (false, true) => format!("break at {}", fit.break_with_error()),
                (false, false) => format!("no clear break; cross at {}", fit.break_with_error()),
            };
            figure = figure.dashed(name, line.to_vec());
        }
    }
    figure.write(path)
}

/// Temperature against time.
pub(super) fn temperature(path: &Path, rows: &[ThermoRow], units: &Units) -> Result<()> {
    if rows.len() < 2 {
        return Ok(());
    }
    let (x, y) = (label("time", "time", units), label("temperature", "temperature", units));
    sized("Temperature", x, y)
        .line("of the atoms", rows.iter().map(|r| (r.time, r.temperature)).collect())
        .dashed("target", rows.iter().map(|r| (r.time, r.target)).collect())
        .write(path)
}

/// Partial pair distribution functions.
pub(super) fn radial(path: &Path, partials: &[PairRdf], units: &Units) -> Result<()> {
    let Some(first) = partials.first() else { return Ok(()) };
    let end = first.r.last().copied().unwrap_or(1.0);
    // Bonds of a network glass are thirty times higher than anything else of interest: their peaks
    // are cut at the edge.
    let top = partials.iter().flat_map(|p| &p.g).fold(1.0_f64, |m, &g| m.max(g));
    let most = 12.0;
    let title = match top > most {
        true => format!("Partial pair distribution functions, cut off at {most}"),
        false => "Partial pair distribution functions".to_owned(),
    };
    let mut figure = sized(&title, label("r", "length", units), "g(r)")
        .x_range(0.0, end)
        .y_range(0.0, (1.05 * top).min(most));
    for p in partials {
        let name = format!("{}–{}", p.species[0], p.species[1]);
        let points = p.r.iter().zip(&p.g).map(|(&r, &g)| (r, g)).collect();
        figure = figure.line(name, points);
    }
    figure.write(path)
}
