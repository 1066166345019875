//! Force-field files.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::document::{Document, suggestion};
use super::presets::{PRESETS, preset};
use crate::error::{Error, Result};
use crate::potential::{
    DampedShiftedForce, ForceField, Pair, PairDefinition, ShortRange, SpeciesParameters,
    Truncation, fit_splice,
};
use crate::system::UnitSystem;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ForceFieldText {
    name: String,
    #[serde(default)]
    units: UnitSystem,
    cutoff: f64,
    #[serde(default)]
    truncation: TruncationText,
    coulomb: Option<CoulombText>,
    species: BTreeMap<String, SpeciesText>,
    #[serde(default)]
    pair: Vec<PairText>,
    #[serde(default, rename = "description")]
    _description: String,
    #[serde(default, rename = "source")]
    _source: String,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TruncationText {
    #[default]
    Plain,
    Shift,
    ForceShift,
    Smooth(f64),
}

impl From<TruncationText> for Truncation {
    fn from(text: TruncationText) -> Self {
        match text {
            TruncationText::Plain => Self::Plain,
            TruncationText::Shift => Self::Shift,
            TruncationText::ForceShift => Self::ForceShift,
            TruncationText::Smooth(from) => Self::Smooth { from },
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CoulombText {
    #[serde(rename = "method")]
    _method: CoulombMethod,
    damping: f64,
    cutoff: f64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CoulombMethod {
    Dsf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SpeciesText {
    #[serde(default)]
    charge: f64,
    mass: f64,
    diameter: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FormText {
    Buckingham,
    LennardJones,
    GeneralizedLennardJones,
    Table,
}

impl FormText {
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Buckingham => &["A", "rho", "C", "short_range"],
            Self::LennardJones => &["epsilon", "sigma"],
            Self::GeneralizedLennardJones => &["a0", "alpha"],
            Self::Table => &["file"],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Buckingham => "buckingham",
            Self::LennardJones => "lennard_jones",
            Self::GeneralizedLennardJones => "generalized_lennard_jones",
            Self::Table => "table",
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ShortRangeText {
    Splice,
    None,
    #[serde(rename = "D24")]
    D24(f64),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PairText {
    species: [String; 2],
    form: FormText,
    #[serde(rename = "A")]
    a: Option<f64>,
    rho: Option<f64>,
    #[serde(rename = "C")]
    c: Option<f64>,
    short_range: Option<ShortRangeText>,
    epsilon: Option<f64>,
    sigma: Option<f64>,
    a0: Option<f64>,
    alpha: Option<u32>,
    file: Option<String>,
    cutoff: Option<f64>,
}

/// Reads a force field: the name of a preset, or the path of a TOML file.
pub fn load_force_field(name_or_path: &str) -> Result<ForceField> {
    load_force_field_beside(name_or_path, Path::new(""))
}

/// As [`load_force_field`], with relative paths taken from a directory.
pub(crate) fn load_force_field_beside(name_or_path: &str, directory: &Path) -> Result<ForceField> {
    if let Some(found) = preset(name_or_path) {
        return parse_force_field(&format!("{name_or_path}.toml"), found.text, Path::new(""));
    }
    let path = directory.join(name_or_path);
    if !name_or_path.ends_with(".toml") && !path.is_file() {
        let names: Vec<&str> = PRESETS.iter().map(|p| p.name).collect();
        return Err(Error::config(
            "force field",
            format!("there is no preset and no file `{name_or_path}`"),
            suggestion(name_or_path, &names, "preset"),
        ));
    }
    let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
    let directory = path.parent().map(Path::to_path_buf).unwrap_or_default();
    parse_force_field(&path.display().to_string(), &text, &directory)
}

/// Parses the text of a force-field file. `name` stands for the file in messages; the files of
/// tabulated pairs are looked up in `directory`.
pub fn parse_force_field(name: &str, text: &str, directory: &Path) -> Result<ForceField> {
    let (document, raw): (Document, ForceFieldText) = Document::parse(name, text, &[])?;
    let cutoff = document.positive("cutoff", raw.cutoff)?;
    let truncation = Truncation::from(raw.truncation);
    if raw.species.is_empty() {
        return Err(document.error(
            "species",
            "the force field has no species",
            "add a [species.NAME] table with a mass for each species",
        ));
    }
    let coulomb = match &raw.coulomb {
        Some(c) => Some(DampedShiftedForce {
            damping: document.positive("coulomb.damping", c.damping)?,
            cutoff: document.positive("coulomb.cutoff", c.cutoff)?,
        }),
        None => None,
    };
    let mut species = Vec::with_capacity(raw.species.len());
    for (symbol, s) in &raw.species {
        let path = format!("species.{symbol}");
        if !s.charge.is_finite() {
            return Err(document.error(
                &format!("{path}.charge"),
                format!("the charge of {symbol} is {}", s.charge),
                "give a finite charge in units of e",
            ));
        }
        if s.charge != 0.0 && coulomb.is_none() {
            return Err(document.error(
                &format!("{path}.charge"),
                format!("{symbol} has a charge but the force field has no [coulomb] table"),
                "add [coulomb] with method, damping and cutoff, or remove the charge",
            ));
        }
        species.push(SpeciesParameters {
            name: symbol.clone(),
            charge: s.charge,
            mass: document.positive(&format!("{path}.mass"), s.mass)?,
            diameter: s
                .diameter
                .map(|d| document.positive(&format!("{path}.diameter"), d))
                .transpose()?,
        });
    }
    let mut pairs: Vec<Pair> = Vec::with_capacity(raw.pair.len());
    for (index, text) in raw.pair.iter().enumerate() {
        let path = format!("pair[{index}]");
        let pair = PairReader { document: &document, path: &path, text, directory }
            .read(&species, truncation)?;
        let [i, j] = pair.species;
        if let Some(first) = pairs.iter().position(|p| p.species == [i, j] || p.species == [j, i]) {
            return Err(document.error(
                &format!("{path}.species"),
                format!("the pair {}–{} is listed twice", text.species[0], text.species[1]),
                format!(
                    "keep one of the two; the first is at {}",
                    document.place(&format!("pair[{first}].species"))
                ),
            ));
        }
        if let Truncation::Smooth { from } = truncation {
            let end = pair.cutoff.unwrap_or(cutoff);
            if !(from.is_finite() && from > 0.0 && from < end) {
                return Err(document.error(
                    "truncation",
                    format!("smoothing from {from} does not lie below the cutoff {end}"),
                    "give { smooth = FROM } with 0 < FROM < cutoff",
                ));
            }
        }
        pairs.push(pair);
    }
    Ok(ForceField { name: raw.name, units: raw.units, cutoff, truncation, coulomb, species, pairs })
}

struct PairReader<'a> {
    document: &'a Document,
    path: &'a str,
    text: &'a PairText,
    directory: &'a Path,
}

impl PairReader<'_> {
    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }

    fn required(&self, key: &str, value: Option<f64>) -> Result<f64> {
        value.ok_or_else(|| {
            self.document.error(
                self.path,
                format!("missing key `{key}` of a {} pair", self.text.form.name()),
                format!("add `{key} = …`"),
            )
        })
    }

    fn positive(&self, key: &str, value: Option<f64>) -> Result<f64> {
        self.document.positive(&self.key(key), self.required(key, value)?)
    }

    fn not_negative(&self, key: &str, value: Option<f64>) -> Result<f64> {
        self.document.not_negative(&self.key(key), self.required(key, value)?)
    }

    fn read(&self, species: &[SpeciesParameters], truncation: Truncation) -> Result<Pair> {
        let text = self.text;
        let mut index = [0; 2];
        for k in 0..2 {
            let name = &text.species[k];
            index[k] = species.iter().position(|s| s.name == *name).ok_or_else(|| {
                let known: Vec<&str> = species.iter().map(|s| s.name.as_str()).collect();
                self.document.error(
                    &format!("{}[{k}]", self.key("species")),
                    format!("unknown species `{name}` in a pair"),
                    format!(
                        "{} (or add a [species.{name}] table)",
                        suggestion(name, &known, "name")
                    ),
                )
            })?;
        }
        self.refuse_foreign_keys()?;
        if text.form == FormText::GeneralizedLennardJones && truncation != Truncation::Plain {
            return Err(self.document.error(
                "truncation",
                "generalized_lennard_jones depends on each particle's diameter and cannot be shifted",
                "use truncation = \"plain\"",
            ));
        }
        let definition = match text.form {
            FormText::Buckingham => self.buckingham()?,
            FormText::LennardJones => PairDefinition::LennardJones {
                epsilon: self.positive("epsilon", text.epsilon)?,
                sigma: self.positive("sigma", text.sigma)?,
            },
            FormText::GeneralizedLennardJones => {
                if text.alpha.is_some_and(|alpha| alpha != 14) {
                    return Err(self.document.error(
                        &self.key("alpha"),
                        "generalized_lennard_jones is available with alpha = 14 only",
                        "write alpha = 14 or leave it out",
                    ));
                }
                PairDefinition::GeneralizedLennardJones { a0: self.positive("a0", text.a0)? }
            }
            FormText::Table => self.table()?,
        };
        let cutoff =
            text.cutoff.map(|c| self.document.positive(&self.key("cutoff"), c)).transpose()?;
        Ok(Pair { species: index, definition, cutoff })
    }

    /// Keys of another form are mistakes, not decoration.
    fn refuse_foreign_keys(&self) -> Result<()> {
        let own = self.text.form.keys();
        for key in ["A", "rho", "C", "short_range", "epsilon", "sigma", "a0", "alpha", "file"] {
            let path = self.key(key);
            if self.document.has(&path) && !own.contains(&key) {
                return Err(self.document.error(
                    &path,
                    format!("`{key}` does not belong to a {} pair", self.text.form.name()),
                    suggestion(key, own, "key"),
                ));
            }
        }
        Ok(())
    }

    fn buckingham(&self) -> Result<PairDefinition> {
        let text = self.text;
        let a = self.not_negative("A", text.a)?;
        // With A = 0 there is no exponential and ρ means nothing; any positive number serves.
        let rho =
            if a == 0.0 && text.rho.is_none() { 1.0 } else { self.positive("rho", text.rho)? };
        let c = self.not_negative("C", text.c)?;
        let short_range = match text.short_range {
            None => {
                return Err(self.document.error(
                    self.path,
                    "missing key `short_range` of a buckingham pair",
                    "say short_range = \"splice\", \"none\" or { D24 = value }",
                ));
            }
            Some(ShortRangeText::Splice) => ShortRange::Splice,
            Some(ShortRangeText::None) => ShortRange::None,
            Some(ShortRangeText::D24(d)) => ShortRange::Repulsion24(
                self.document.positive(&format!("{}.D24", self.key("short_range")), d)?,
            ),
        };
        if short_range == ShortRange::Splice {
            fit_splice(a, rho, c).map_err(|e| {
                self.document.error(&self.key("short_range"), e.to_string(), e.remedy())
            })?;
        }
        Ok(PairDefinition::Buckingham { a, rho, c, short_range })
    }

    fn table(&self) -> Result<PairDefinition> {
        let file = self.text.file.as_deref().ok_or_else(|| {
            self.document.error(
                self.path,
                "missing key `file` of a table pair",
                "add `file = \"NAME.csv\"` with the columns r,energy",
            )
        })?;
        let path = self.directory.join(file);
        let (r, energy) = read_table(&path).map_err(|e| match e {
            Error::Io { .. } => self.document.error(
                &self.key("file"),
                e.to_string(),
                "give the path of a CSV file relative to the force-field file",
            ),
            other => other,
        })?;
        // The spline has its own conditions; tell them here, with the file's name.
        crate::potential::CubicSpline::new(r.clone(), energy.clone())
            .map_err(|e| Error::format(&path, 0, e.to_string()))?;
        Ok(PairDefinition::Table { r, energy })
    }
}

fn read_table(path: &Path) -> Result<(Vec<f64>, Vec<f64>)> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let line_of = |e: &csv::Error| e.position().map_or(0, |p| p.line() as usize);
    let header = reader.headers().map_err(|e| Error::format(path, line_of(&e), e.to_string()))?;
    // "r (Å)" is as good as "r".
    let column = |name: &str| {
        header.iter().position(|h| h.split([' ', '(']).next().is_some_and(|h| h == name))
    };
    let (Some(r_column), Some(energy_column)) = (column("r"), column("energy")) else {
        return Err(Error::format(path, 1, "the header needs the columns `r` and `energy`"));
    };
    let (mut r, mut energy) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = record.map_err(|e| Error::format(path, line_of(&e), e.to_string()))?;
        let line = record.position().map_or(0, |p| p.line() as usize);
        let number = |column: usize| {
            let field = record.get(column).unwrap_or("");
            field.parse::<f64>().map_err(|_| {
                Error::format(path, line, format!("expected a number, found `{field}`"))
            })
        };
        r.push(number(r_column)?);
        energy.push(number(energy_column)?);
    }
    Ok((r, energy))
}
