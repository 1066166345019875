//! Pictures of a stage: temperature and energy against time, partial g(r). SVG, the same bytes for
//! the same numbers.

use std::path::Path;

use plotters::prelude::*;

use super::files::ThermoRow;
use crate::analysis::PairRdf;
use crate::error::{Error, Result};
use crate::io::write_atomically;
use crate::system::Units;

const SIZE: (u32, u32) = (760, 420);
/// Points a curve is thinned to.
const POINTS: usize = 1500;

fn label(name: &str, unit: &str) -> String {
    if unit == "lj" { name.to_owned() } else { format!("{name} ({unit})") }
}

fn range(values: impl Iterator<Item = f64> + Clone) -> std::ops::Range<f64> {
    let low = values.clone().filter(|v| v.is_finite()).fold(f64::INFINITY, f64::min);
    let high = values.filter(|v| v.is_finite()).fold(f64::NEG_INFINITY, f64::max);
    if !low.is_finite() || !high.is_finite() {
        return 0.0..1.0;
    }
    let margin = (0.04 * (high - low)).max(1e-9 * high.abs().max(1.0));
    low - margin..high + margin
}

fn save(path: &Path, picture: String) -> Result<()> {
    write_atomically(path, |w| w.write_all(picture.as_bytes()))
}

fn failed(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::io("write", path, std::io::Error::other(error.to_string()))
}

/// Temperature and potential energy per atom against time.
pub(super) fn thermodynamics(
    path: &Path,
    rows: &[ThermoRow],
    units: &Units,
    atoms: f64,
) -> Result<()> {
    if rows.len() < 2 {
        return Ok(());
    }
    let rows: Vec<&ThermoRow> = rows.iter().step_by(rows.len().div_ceil(POINTS)).collect();
    let mut picture = String::new();
    {
        let area = SVGBackend::with_string(&mut picture, SIZE).into_drawing_area();
        draw_thermodynamics(&area, &rows, units, atoms).map_err(|e| failed(path, e))?;
    }
    save(path, picture)
}

type Failure = Box<dyn std::error::Error>;

fn draw_thermodynamics(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    rows: &[&ThermoRow],
    units: &Units,
    atoms: f64,
) -> std::result::Result<(), Failure> {
    area.fill(&WHITE)?;
    let time = range(rows.iter().map(|r| r.time));
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(66)
        .right_y_label_area_size(78)
        .build_cartesian_2d(time.clone(), range(rows.iter().map(|r| r.temperature)))?
        .set_secondary_coord(time, range(rows.iter().map(|r| r.potential / atoms)));
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc(label("time", units.name("time")))
        .y_desc(label("temperature", units.name("temperature")))
        .draw()?;
    chart
        .configure_secondary_axes()
        .y_desc(label("potential energy per atom", units.name("energy")))
        .draw()?;
    chart
        .draw_series(LineSeries::new(rows.iter().map(|r| (r.time, r.temperature)), &COLORS[0]))?
        .label("temperature")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], COLORS[0]));
    chart
        .draw_secondary_series(LineSeries::new(
            rows.iter().map(|r| (r.time, r.potential / atoms)),
            &COLORS[1],
        ))?
        .label("potential energy")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], COLORS[1]));
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).draw()?;
    area.present()?;
    Ok(())
}

const COLORS: [RGBColor; 6] = [
    RGBColor(190, 60, 40),
    RGBColor(40, 90, 160),
    RGBColor(60, 140, 70),
    RGBColor(150, 90, 160),
    RGBColor(210, 140, 30),
    RGBColor(90, 90, 90),
];

/// Partial pair distribution functions.
pub(super) fn radial(path: &Path, partials: &[PairRdf], units: &Units) -> Result<()> {
    let Some(first) = partials.first() else { return Ok(()) };
    let end = first.r.last().copied().unwrap_or(1.0);
    // Bonds of a network glass are thirty times higher than anything else of interest.
    let top = partials.iter().flat_map(|p| &p.g).fold(1.0_f64, |m, &g| m.max(g)).min(12.0);
    let mut picture = String::new();
    {
        let area = SVGBackend::with_string(&mut picture, SIZE).into_drawing_area();
        draw_radial(&area, partials, units, end, 1.05 * top).map_err(|e| failed(path, e))?;
    }
    save(path, picture)
}

fn draw_radial(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    partials: &[PairRdf],
    units: &Units,
    end: f64,
    top: f64,
) -> std::result::Result<(), Failure> {
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(50)
        .build_cartesian_2d(0.0..end, 0.0..top)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc(label("r", units.name("length")))
        .y_desc("g(r)")
        .draw()?;
    for (k, p) in partials.iter().enumerate() {
        let color = COLORS[k % COLORS.len()];
        chart
            .draw_series(LineSeries::new(
                p.r.iter().zip(&p.g).map(|(&r, &g)| (r, g.min(top))),
                &color,
            ))?
            .label(format!("{}–{}", p.species[0], p.species[1]))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color));
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).draw()?;
    area.present()?;
    Ok(())
}
