//! Agreement with reference curves: R_χ.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Analysis, AnalysisKind, Output, View};
use crate::analysis::{parse_curve, r_chi, r_chi_of_partials};
use crate::error::{Error, Result};
use crate::plot::Figure;

/// What a reference curve is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CurveKind {
    /// A pair distribution function g(r).
    #[serde(rename = "g")]
    Pairs,
    /// A structure factor S(Q).
    #[serde(rename = "S")]
    Scattering,
    /// A reduced distribution G(r) = 4πρr(g − 1).
    #[serde(rename = "G")]
    Reduced,
}

impl CurveKind {
    fn letter(self) -> &'static str {
        match self {
            Self::Pairs => "g",
            Self::Scattering => "S",
            Self::Reduced => "G",
        }
    }
}

/// A curve that the structure is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Text file of two columns.
    pub file: PathBuf,
    /// What it is.
    pub curve: CurveKind,
    /// Of what: a pair ("Si-O"), "total" (all atoms alike), "neutron", "xray" or "number".
    pub of: String,
    /// Ranges of r or Q; empty: everything, and for g and G below and above 2.1.
    #[serde(default)]
    pub ranges: Vec<[f64; 2]>,
}

impl Reference {
    fn ranges(&self) -> Vec<[f64; 2]> {
        let whole = [0.0, f64::INFINITY];
        match (self.ranges.is_empty(), self.curve) {
            (false, _) => self.ranges.clone(),
            (true, CurveKind::Scattering) => vec![whole],
            // The first bonds of oxide glasses end at 2.1 Å.
            (true, _) => vec![whole, [0.0, 2.1], [2.1, f64::INFINITY]],
        }
    }

    fn title(&self) -> String {
        format!("{} {}", self.curve.letter(), self.of)
    }
}

/// Compares curves of other analyses with references; comes after them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Agreement {
    references: Vec<Reference>,
}

impl Agreement {
    /// With these references.
    pub fn new(references: &[Reference]) -> Self {
        Self { references: references.to_vec() }
    }
}

fn range_name([low, high]: [f64; 2]) -> String {
    match (low > 0.0, high.is_finite()) {
        (false, false) => "everywhere".into(),
        (false, true) => format!("below {high}"),
        (true, false) => format!("from {low}"),
        (true, true) => format!("{low} to {high}"),
    }
}

impl Analysis for Agreement {
    fn kind(&self) -> AnalysisKind {
        AnalysisKind::Agreement
    }

    fn accumulate(&mut self, _: &View<'_>) -> Result<()> {
        Ok(())
    }

    fn finish(&self, output: &mut Output) -> Result<()> {
        let header = ["curve", "reference", "range", "R_chi"].map(str::to_owned);
        let mut rows = Vec::new();
        // R_χ of the pairs, for their root mean square.
        let mut pairs: BTreeMap<(&str, String), Vec<f64>> = BTreeMap::new();
        for (number, reference) in self.references.iter().enumerate() {
            let title = reference.title();
            let path = &reference.file;
            let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
            let wanted = parse_curve(path, &text)?;
            let Some(found) = output.found_curve(&title).map(<[_]>::to_vec) else {
                return Err(Error::input(
                    format!("{}: there is no curve `{title}` to compare with", path.display()),
                    format!("curves of this structure: {}", output.curve_names().join(", ")),
                ));
            };
            for range in reference.ranges() {
                let value = r_chi(&found, &wanted, range[0], range[1])?;
                let name = range_name(range);
                output.number(format!("R_chi of {title}, {name}"), 100.0 * value, "%");
                let file =
                    path.file_name().map_or_else(String::new, |f| f.to_string_lossy().into());
                rows.push(vec![title.clone(), file, name.clone(), value.to_string()]);
                if reference.of.contains('-') {
                    pairs.entry((reference.curve.letter(), name)).or_default().push(value);
                }
            }
            let axis = match reference.curve {
                CurveKind::Scattering => output.reciprocal_label("Q", "length"),
                _ => output.label("r", "length"),
            };
            let shown = wanted
                .iter()
                .map(|p| p.0)
                .fold((f64::MAX, f64::MIN), |(l, h), x| (l.min(x), h.max(x)));
            let picture = Figure::new("", axis, title.clone())
                .x_range(shown.0, shown.1)
                .line("this structure", found)
                .dashed("reference", wanted);
            output.picture(
                &format!("agreement-{}", number + 1),
                &picture,
                "a curve over its reference; R_χ is the root mean square difference over that of the reference",
            )?;
        }
        for ((letter, range), values) in &pairs {
            let all = r_chi_of_partials(values);
            output.number(format!("R_chi of the pairs' {letter}, {range}"), 100.0 * all, "%");
            let title = format!("{letter}, root mean square over pairs");
            rows.push(vec![title, String::new(), range.clone(), all.to_string()]);
        }
        output.text_table("agreement", &header, rows)
    }
}
