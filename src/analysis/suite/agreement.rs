//! Agreement with reference curves: R_χ.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Analysis, AnalysisKind, Output, View};
use crate::analysis::{Radiation, parse_curve, r_chi, r_chi_of_partials};
use crate::error::{Error, Result};
use crate::plot::Figure;
use crate::system::{Structure, UnitSystem};

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

/// What a reduced G(r) is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ReducedSource {
    /// Pairs: g(r).
    #[default]
    #[serde(rename = "g")]
    Pairs,
    /// The transform of S(Q), as experiments get it.
    #[serde(rename = "S")]
    Scattering,
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
    /// What G is made from.
    #[serde(default)]
    pub from: ReducedSource,
    /// Ranges of r or Q; empty: everything, and for g and G in Å below and above 2.1 where the
    /// reference is not zero.
    #[serde(default)]
    pub ranges: Vec<[f64; 2]>,
}

/// All of a curve.
const EVERYWHERE: [f64; 2] = [0.0, f64::INFINITY];

impl Reference {
    fn ranges(&self, units: UnitSystem) -> Vec<[f64; 2]> {
        if !self.ranges.is_empty() {
            return self.ranges.clone();
        }
        match (self.curve, units) {
            // The first bonds of oxide glasses end at 2.1 Å.
            (CurveKind::Pairs | CurveKind::Reduced, UnitSystem::Metal) => {
                vec![EVERYWHERE, [0.0, 2.1], [2.1, f64::INFINITY]]
            }
            _ => vec![EVERYWHERE],
        }
    }

    fn letter(&self) -> &'static str {
        match (self.curve, self.from) {
            (CurveKind::Reduced, ReducedSource::Scattering) => "G(S)",
            _ => self.curve.letter(),
        }
    }

    fn title(&self) -> String {
        format!("{} {}", self.letter(), self.of)
    }

    /// The two species, for a pair.
    pub(super) fn pair(&self) -> Option<(&str, &str)> {
        self.of.split_once('-').filter(|(a, b)| !a.is_empty() && !b.is_empty())
    }

    /// True for a curve that comes from pairs rather than from waves.
    fn of_pairs(&self) -> bool {
        match self.curve {
            CurveKind::Pairs => true,
            CurveKind::Scattering => false,
            CurveKind::Reduced => self.from == ReducedSource::Pairs,
        }
    }

    /// The radiation whose curve it is. All atoms alike are "total" among pairs and "number" among
    /// waves; both words are understood for both.
    pub(super) fn radiation(&self) -> Option<Radiation> {
        match self.of.as_str() {
            "neutron" => Some(Radiation::Neutron),
            "xray" => Some(Radiation::Xray),
            "number" | "total" if !self.of_pairs() => Some(Radiation::Number),
            _ => None,
        }
    }

    /// Name under which the curve is kept.
    fn kept_name(&self) -> String {
        let of = match self.radiation() {
            Some(radiation) => radiation.name(),
            None if self.of == "number" => "total",
            None => &self.of,
        };
        format!("{} {of}", self.letter())
    }

    /// What is wrong with it and how to mend that, before a structure is there.
    pub fn mistake(&self) -> Option<(&'static str, String, &'static str)> {
        let words = ["total", "neutron", "xray", "number"];
        if self.pair().is_none() && !words.contains(&self.of.as_str()) {
            let what = format!("`{}` names no curve", self.of);
            return Some(("of", what, "give a pair (Si-O), total, neutron, xray or number"));
        }
        if self.from == ReducedSource::Scattering {
            if self.curve != CurveKind::Reduced {
                let what = "`from` belongs to curve = \"G\"".to_owned();
                return Some(("from", what, "leave `from` out: g and S are made in one way only"));
            }
            if self.pair().is_some() {
                let what = format!("S(Q) is not transformed to a G of {}", self.of);
                return Some(("from", what, "leave `from` out, or give total, neutron or xray"));
            }
        }
        None
    }
}

/// Compares curves of other analyses with references; comes after them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Agreement {
    /// With the points of their files.
    references: Vec<(Reference, Vec<(f64, f64)>)>,
}

impl Agreement {
    /// With these references, whose files are read.
    pub fn new(references: &[Reference]) -> Result<Self> {
        let read = |reference: &Reference| {
            let path = &reference.file;
            let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
            Ok((reference.clone(), parse_curve(path, &text)?))
        };
        Ok(Self { references: references.iter().map(read).collect::<Result<_>>()? })
    }

    /// Checks that a structure has the pairs that references are of.
    pub(super) fn expect(&self, structure: &Structure) -> Result<()> {
        let counts = structure.counts();
        let present: Vec<&str> = structure
            .species
            .iter()
            .zip(&counts)
            .filter(|(_, count)| **count > 0)
            .map(|(species, _)| species.name.as_str())
            .collect();
        for (reference, _) in &self.references {
            let Some((a, b)) = reference.pair() else { continue };
            if !present.contains(&a) || !present.contains(&b) {
                let pairs: Vec<String> = (0..present.len())
                    .flat_map(|k| present[k..].iter().map(move |other| (k, other)))
                    .map(|(k, other)| format!("{} {}-{other}", reference.letter(), present[k]))
                    .collect();
                return Err(missing(reference, &pairs.join(", ")));
            }
        }
        Ok(())
    }
}

fn missing(reference: &Reference, curves: &str) -> Error {
    let (path, title) = (reference.file.display(), reference.title());
    Error::input(
        format!("{path}: there is no curve `{title}` to compare with"),
        format!("curves of this structure: {curves}"),
    )
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
        for (number, (reference, wanted)) in self.references.iter().enumerate() {
            let title = reference.title();
            let path = &reference.file;
            let Some(found) = output.found_curve(&reference.kept_name()).map(<[_]>::to_vec) else {
                return Err(missing(reference, &output.curve_names().join(", ")));
            };
            for range in reference.ranges(output.units().system) {
                let name = range_name(range);
                let value = match r_chi(&found, wanted, range[0], range[1]) {
                    Ok(value) => value,
                    // Nobody asked for this part: most pairs have no neighbours as near as 2.1 Å.
                    Err(_) if reference.ranges.is_empty() && range != EVERYWHERE => {
                        output.remark(format!(
                            "no R_chi of {title}, {name}: the reference has no signal there"
                        ));
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                output.number(format!("R_chi of {title}, {name}"), 100.0 * value, "%");
                let file =
                    path.file_name().map_or_else(String::new, |f| f.to_string_lossy().into());
                rows.push(vec![title.clone(), file, name.clone(), value.to_string()]);
                if reference.pair().is_some() {
                    pairs.entry((reference.letter(), name)).or_default().push(value);
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
                .dashed("reference", wanted.clone());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bonds_of_oxides_are_a_range_of_their_own() {
        let of = |curve, ranges: &[[f64; 2]]| Reference {
            file: "g.csv".into(),
            curve,
            of: "total".into(),
            from: ReducedSource::Pairs,
            ranges: ranges.to_vec(),
        };
        let end = f64::INFINITY;
        let oxide = [[0.0, end], [0.0, 2.1], [2.1, end]];
        assert_eq!(of(CurveKind::Pairs, &[]).ranges(UnitSystem::Metal), oxide);
        assert_eq!(of(CurveKind::Pairs, &[]).ranges(UnitSystem::Lj), [[0.0, end]]);
        assert_eq!(of(CurveKind::Scattering, &[]).ranges(UnitSystem::Metal), [[0.0, end]]);
        let given = [[1.0, 3.0]];
        assert_eq!(of(CurveKind::Reduced, &given).ranges(UnitSystem::Lj), given);
    }
}
