//! Results as curves: a table (CSV) and a picture (SVG) of the same name.

use std::path::Path;

use super::motion::Estimate;
use crate::error::Result;
use crate::io::write_atomically;
use crate::plot::Figure;
use crate::system::{UnitSystem, Units};

/// Size of pictures: two stand beside each other on a page, with letters of its size.
pub(crate) const SIZE: (u32, u32) = (620, 390);

/// A curve with its errors.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// What it is: "Na", "Si–O".
    pub label: String,
    /// Values, at the x of the [`Curves`]; not a number where there is none.
    pub values: Vec<f64>,
    /// Standard errors, where there are any.
    pub errors: Option<Vec<Option<f64>>>,
}

impl Curve {
    /// A curve of estimates.
    pub fn of_estimates(label: impl Into<String>, estimates: &[Estimate]) -> Self {
        Self {
            label: label.into(),
            values: estimates.iter().map(|e| e.value).collect(),
            errors: Some(estimates.iter().map(|e| e.error).collect()),
        }
    }

    /// A curve without errors.
    pub fn exact(label: impl Into<String>, values: Vec<f64>) -> Self {
        Self { label: label.into(), values, errors: None }
    }
}

/// A quantity with its unit, for headers and axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// Name: "time", "F_s(q, t)".
    pub name: String,
    /// Unit; empty without one and in reduced units.
    pub unit: String,
}

impl Quantity {
    /// A quantity and its unit.
    pub fn new(name: impl Into<String>, unit: impl Into<String>) -> Self {
        Self { name: name.into(), unit: unit.into() }
    }

    /// "name (unit)".
    pub fn label(&self) -> String {
        if self.unit.is_empty() {
            self.name.clone()
        } else {
            format!("{} ({})", self.name, self.unit)
        }
    }
}

/// Unit of a power of the length, "" in reduced units.
pub fn length_unit(units: &Units, power: &str) -> String {
    match units.system {
        UnitSystem::Metal => format!("{}{power}", units.name("length")),
        UnitSystem::Lj => String::new(),
    }
}

/// Unit of a kind of quantity, "" in reduced units.
pub fn unit_of(units: &Units, kind: &str) -> String {
    match units.system {
        UnitSystem::Metal => units.name(kind).to_owned(),
        UnitSystem::Lj => String::new(),
    }
}

/// Curves over a common x.
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    /// Name of the files.
    pub name: String,
    /// Title of the picture.
    pub title: String,
    /// What x is.
    pub x_quantity: Quantity,
    /// What the curves are.
    pub y_quantity: Quantity,
    /// x.
    pub x: Vec<f64>,
    /// The curves.
    pub curves: Vec<Curve>,
    /// Logarithmic axes.
    pub log: [bool; 2],
    /// Range of x that the picture shows.
    pub x_range: Option<(f64, f64)>,
}

impl Curves {
    /// Writes NAME.csv and NAME.svg.
    pub fn write(&self, directory: &Path) -> Result<()> {
        self.write_table(directory)?;
        self.figure().write(directory.join(format!("{}.svg", self.name)))
    }

    /// Writes NAME.csv: x, then each curve with its error.
    pub fn write_table(&self, directory: &Path) -> Result<()> {
        write_atomically(directory.join(format!("{}.csv", self.name)), |w| {
            write!(w, "{}", self.x_quantity.label())?;
            for curve in &self.curves {
                let name =
                    format!("{} {}", self.y_quantity.name, curve.label).replace([',', '"'], ";");
                let unit = &self.y_quantity.unit;
                write!(w, ",{}", Quantity::new(name.as_str(), unit).label())?;
                if curve.errors.is_some() {
                    write!(w, ",{}", Quantity::new(format!("error of {name}"), unit).label())?;
                }
            }
            writeln!(w)?;
            for (k, x) in self.x.iter().enumerate() {
                write!(w, "{}", compact(*x))?;
                for curve in &self.curves {
                    write!(
                        w,
                        ",{}",
                        curve.values.get(k).map_or_else(String::new, |v| compact(*v))
                    )?;
                    if let Some(errors) = &curve.errors {
                        let error = errors.get(k).copied().flatten();
                        write!(w, ",{}", error.map_or_else(String::new, compact))?;
                    }
                }
                writeln!(w)?;
            }
            Ok(())
        })
    }

    /// The picture: lines, with error bars where there are few points.
    pub fn figure(&self) -> Figure {
        let mut figure =
            Figure::new(self.title.as_str(), self.x_quantity.label(), self.y_quantity.label())
                .size(SIZE.0, SIZE.1);
        for curve in &self.curves {
            let points: Vec<(f64, f64)> =
                self.x.iter().copied().zip(curve.values.iter().copied()).collect();
            figure = match &curve.errors {
                // Bars on more points would hide the curve.
                Some(errors) if points.len() <= 80 => {
                    let errors = errors.iter().map(|e| e.unwrap_or(0.0)).collect();
                    figure.line_with_errors(curve.label.as_str(), points, errors)
                }
                _ => figure.line(curve.label.as_str(), points),
            };
        }
        if self.log[0] {
            figure = figure.log_x();
        }
        if self.log[1] {
            figure = figure.log_y();
        }
        match self.x_range {
            Some((low, high)) => figure.x_range(low, high),
            None => figure,
        }
    }
}

/// A number with four significant digits.
pub fn significant(value: f64) -> String {
    if value == 0.0 || !(1e-4..1e5).contains(&value.abs()) {
        return format!("{value:.3e}");
    }
    let digits = (3 - value.abs().log10().floor() as i32).clamp(0, 7) as usize;
    format!("{value:.digits$}")
}

/// A number with its digits where they matter.
pub fn number(x: f64) -> String {
    if x == 0.0 || (1e-3..1e5).contains(&x.abs()) {
        format!("{x:.4}")
    } else if x.is_finite() {
        format!("{x:.3e}")
    } else {
        "–".into()
    }
}

/// "value ± error" with the digits that the error leaves.
pub fn with_error(value: f64, error: Option<f64>) -> String {
    match error.filter(|e| e.is_finite() && *e > 0.0) {
        None => number(value),
        Some(error) => {
            let size = value.abs().max(error);
            if (1e-3..1e5).contains(&size) {
                let digits = (1.0 - error.log10().floor()).clamp(0.0, 8.0) as usize;
                format!("{value:.digits$} ± {error:.digits$}")
            } else {
                format!("{value:.2e} ± {error:.1e}")
            }
        }
    }
}

/// Six digits; nothing where there is no number.
fn compact(value: f64) -> String {
    if !value.is_finite() {
        String::new()
    } else if value == 0.0 || (1e-4..1e7).contains(&value.abs()) {
        let digits = (5 - value.abs().max(1e-9).log10().floor() as i32).clamp(0, 9) as usize;
        let text = format!("{value:.digits$}");
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text
        }
    } else {
        format!("{value:.5e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_where_their_error_begins() {
        assert_eq!(with_error(1.23456, Some(0.012)), "1.235 ± 0.012");
        assert_eq!(with_error(2103.7, Some(31.0)), "2104 ± 31");
        assert_eq!(with_error(3.21e-6, Some(2e-7)), "3.21e-6 ± 2.0e-7");
        assert_eq!(with_error(0.5, None), "0.5000");
        assert_eq!(number(f64::NAN), "–");
    }

    #[test]
    fn four_digits_count() {
        let shown = [1890.8905, 0.43219, 12.0, 3.2e-6, 0.0].map(significant);
        assert_eq!(shown, ["1891", "0.4322", "12.00", "3.200e-6", "0.000e0"]);
    }

    #[test]
    fn tables_have_units_errors_and_gaps() {
        let curves = Curves {
            name: "msd".into(),
            title: "Mean squared displacement".into(),
            x_quantity: Quantity::new("time", "ps"),
            y_quantity: Quantity::new("msd", "Å²"),
            x: vec![0.0, 0.5, 1000.0],
            curves: vec![
                Curve {
                    label: "Na".into(),
                    values: vec![0.0, 1.25, 3.1e-8],
                    errors: Some(vec![None, Some(0.1), None]),
                },
                Curve::exact("Si, all", vec![f64::NAN, 2.0, 123456.789]),
            ],
            log: [true, true],
            x_range: None,
        };
        let directory = tempfile::tempdir().expect("a directory");
        curves.write(directory.path()).expect("written");
        let text = std::fs::read_to_string(directory.path().join("msd.csv")).expect("there");
        let wanted = "time (ps),msd Na (Å²),error of msd Na (Å²),msd Si; all (Å²)\n\
                      0,0,,\n0.5,1.25,0.1,2\n1000,3.10000e-8,,123457\n";
        assert_eq!(text, wanted);
        let svg = std::fs::read_to_string(directory.path().join("msd.svg")).expect("there");
        assert!(svg.contains("time (ps)") && svg.contains("Si, all"));
    }
}
