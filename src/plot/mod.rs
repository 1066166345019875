//! Pictures for people: curves with axes ([`Figure`]) and maps of numbers ([`Heatmap`]), as SVG.
//! Equal numbers give equal bytes.

mod clip;
mod figure;
mod heatmap;
mod legend;
mod ticks;

pub use figure::Figure;
pub use heatmap::{Colors, Heatmap};

use std::path::Path;

use plotters::style::RGBColor;

use crate::error::{Error, Result};
use crate::io::write_atomically;

/// Colours of the curves of a picture, in order.
pub const CURVE_COLORS: [RGBColor; 8] = [
    RGBColor(190, 60, 40),
    RGBColor(40, 90, 160),
    RGBColor(60, 140, 70),
    RGBColor(150, 90, 160),
    RGBColor(210, 140, 30),
    RGBColor(90, 90, 90),
    RGBColor(0, 150, 160),
    RGBColor(130, 90, 50),
];

type Failure = Box<dyn std::error::Error>;

fn failed(error: Failure) -> Error {
    Error::input(format!("a picture could not be drawn: {error}"), "report this as a bug")
}

fn save(path: &Path, picture: &str) -> Result<()> {
    write_atomically(path, |w| w.write_all(picture.as_bytes()))
}

/// Lowest and highest finite value; `None` without any.
fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|v| v.is_finite()).fold(None, |range, v| match range {
        None => Some((v, v)),
        Some((low, high)) => Some((f64::min(low, v), f64::max(high, v))),
    })
}
