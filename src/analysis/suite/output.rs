//! Where analyses write their tables, pictures and numbers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::AnalysisKind;
use crate::analysis::curves::Curves;
use crate::error::{Error, Result};
use crate::io::write_atomically;
use crate::plot::{Figure, Heatmap};
use crate::system::{UnitSystem, Units};

/// What one analysis wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Product {
    /// Name of the analysis.
    pub analysis: String,
    /// Tables, relative to the output directory.
    pub tables: Vec<String>,
    /// Pictures: file name and one line on how to read it.
    pub pictures: Vec<(String, String)>,
    /// Single numbers: name, value, unit.
    pub numbers: Vec<(String, f64, String)>,
    /// What a reader should know: choices made, things left out and why.
    pub remarks: Vec<String>,
}

/// Where a directory of results says what it holds.
const SUMMARY: &str = "analysis.json";

impl Product {
    /// What the analyses wrote into a directory; nothing if there were none.
    pub fn read(directory: &Path) -> Result<Vec<Self>> {
        let path = directory.join(SUMMARY);
        if !path.is_file() {
            return Ok(Vec::new());
        }
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
        serde_json::from_str(&text).map_err(|e| Error::format(path, e.line(), e.to_string()))
    }
}

/// A directory of results.
#[derive(Debug)]
pub struct Output {
    directory: PathBuf,
    units: Units,
    products: Vec<Product>,
    /// Curves by name, for analyses that compare them: "g Si-O", "S neutron".
    curves: BTreeMap<String, Vec<(f64, f64)>>,
}

impl Output {
    /// Creates the directory; an existing one must be empty, so that nothing is overwritten.
    pub fn create(directory: impl AsRef<Path>, units: Units) -> Result<Self> {
        let directory = directory.as_ref();
        std::fs::create_dir_all(directory).map_err(|e| Error::io("create", directory, e))?;
        let mut entries =
            std::fs::read_dir(directory).map_err(|e| Error::io("read", directory, e))?;
        if entries.next().is_some() {
            return Err(Error::input(
                format!("{} is not empty", directory.display()),
                "choose another --output directory, or remove this one first",
            ));
        }
        Ok(Self::within(directory, units))
    }

    /// Writes into a directory that exists and belongs to the caller.
    pub fn within(directory: impl AsRef<Path>, units: Units) -> Self {
        Self {
            directory: directory.as_ref().to_owned(),
            units,
            products: Vec::new(),
            curves: BTreeMap::new(),
        }
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What was written so far.
    pub fn products(&self) -> &[Product] {
        &self.products
    }

    /// Name of a unit ("length" → "Å"; "lj" in reduced units).
    pub fn unit(&self, kind: &str) -> &'static str {
        self.units.name(kind)
    }

    /// An axis caption or column header with its unit: `label("r", "length")` → "r (Å)".
    pub fn label(&self, quantity: &str, kind: &str) -> String {
        match self.units.name(kind) {
            "lj" => quantity.to_owned(),
            unit => format!("{quantity} ({unit})"),
        }
    }

    /// As [`Self::label`] for a reciprocal: "Q (1/Å)".
    pub fn reciprocal_label(&self, quantity: &str, kind: &str) -> String {
        match self.units.name(kind) {
            "lj" => quantity.to_owned(),
            unit => format!("{quantity} (1/{unit})"),
        }
    }

    /// The unit system.
    pub fn units(&self) -> Units {
        self.units
    }

    /// A power of a unit: `power("length", 3)` → "Å³"; empty in reduced units.
    pub fn power(&self, kind: &str, exponent: u32) -> String {
        match (self.units.system, exponent) {
            (UnitSystem::Lj, _) => String::new(),
            (UnitSystem::Metal, 2) => format!("{}²", self.units.name(kind)),
            (UnitSystem::Metal, 3) => format!("{}³", self.units.name(kind)),
            (UnitSystem::Metal, n) => format!("{}^{n}", self.units.name(kind)),
        }
    }

    /// " (unit)" behind a name, nothing without a unit.
    pub fn bracketed(&self, unit: &str) -> String {
        if unit.is_empty() { String::new() } else { format!(" ({unit})") }
    }

    /// " (1/Å²)" behind a name.
    pub(super) fn reciprocal_square(&self, kind: &str) -> String {
        let unit = self.power(kind, 2);
        if unit.is_empty() { unit } else { format!(" (1/{unit})") }
    }

    /// Keeps a curve for analyses that compare curves.
    pub(super) fn curve(&mut self, name: String, points: impl Iterator<Item = (f64, f64)>) {
        self.curves.insert(name, points.collect());
    }

    /// A curve that an analysis kept; pairs in either order.
    pub(super) fn found_curve(&self, name: &str) -> Option<&[(f64, f64)]> {
        let turned = || {
            let (letter, pair) = name.split_once(' ')?;
            let (a, b) = pair.split_once('-')?;
            self.curves.get(&format!("{letter} {b}-{a}"))
        };
        self.curves.get(name).or_else(turned).map(Vec::as_slice)
    }

    /// Names of the curves kept.
    pub(super) fn curve_names(&self) -> Vec<&str> {
        self.curves.keys().map(String::as_str).collect()
    }

    /// Writes curves with their errors as NAME.csv and NAME.svg.
    pub fn curves(&mut self, curves: &Curves, reading: &str) -> Result<()> {
        curves.write(&self.directory)?;
        if let Some(product) = self.products.last_mut() {
            product.tables.push(format!("{}.csv", curves.name));
        }
        self.note_picture(&curves.name, reading);
        Ok(())
    }

    /// Starts the results of an analysis.
    pub(super) fn begin(&mut self, analysis: AnalysisKind) {
        self.products.push(Product {
            analysis: analysis.name().into(),
            tables: Vec::new(),
            pictures: Vec::new(),
            numbers: Vec::new(),
            remarks: Vec::new(),
        });
    }

    /// Writes `NAME.csv` with a header; numbers with the digits that tell them apart, empty cells
    /// for what is not finite.
    pub fn table(&mut self, name: &str, header: &[String], rows: &[Vec<f64>]) -> Result<()> {
        let rows = rows.iter().map(|row| {
            row.iter().map(|x| if x.is_finite() { format!("{x}") } else { String::new() }).collect()
        });
        self.text_table(name, header, rows)
    }

    /// Writes `NAME.csv` with cells of text.
    pub fn text_table(
        &mut self,
        name: &str,
        header: &[String],
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> Result<()> {
        let file = format!("{name}.csv");
        let path = self.directory.join(&file);
        let failed = |e: csv::Error| std::io::Error::other(e);
        write_atomically(&path, |w| {
            let mut table = csv::Writer::from_writer(w);
            table.write_record(header).map_err(failed)?;
            for row in rows {
                table.write_record(row).map_err(failed)?;
            }
            table.flush()
        })?;
        if let Some(product) = self.products.last_mut() {
            product.tables.push(file);
        }
        Ok(())
    }

    /// Writes `NAME.svg`; `reading` is one line on how to read it.
    pub fn picture(&mut self, name: &str, figure: &Figure, reading: &str) -> Result<()> {
        figure.write(self.directory.join(format!("{name}.svg")))?;
        self.note_picture(name, reading);
        Ok(())
    }

    /// Writes a map as `NAME.svg`.
    pub fn map(&mut self, name: &str, map: &Heatmap, reading: &str) -> Result<()> {
        map.write(self.directory.join(format!("{name}.svg")))?;
        self.note_picture(name, reading);
        Ok(())
    }

    fn note_picture(&mut self, name: &str, reading: &str) {
        if let Some(product) = self.products.last_mut() {
            product.pictures.push((format!("{name}.svg"), reading.into()));
        }
    }

    /// Notes a single number for the summary.
    pub fn number(&mut self, name: impl Into<String>, value: f64, unit: impl Into<String>) {
        if let Some(product) = self.products.last_mut() {
            product.numbers.push((name.into(), value, unit.into()));
        }
    }

    /// Notes something a reader should know.
    pub fn remark(&mut self, what: impl Into<String>) {
        if let Some(product) = self.products.last_mut() {
            product.remarks.push(what.into());
        }
    }

    /// Removes what was written, after an error: the directory is as empty as it was found.
    pub fn discard(&self) {
        for product in &self.products {
            let pictures = product.pictures.iter().map(|(file, _)| file);
            for file in product.tables.iter().chain(pictures) {
                // The error that led here is the one to be told.
                let _ = std::fs::remove_file(self.directory.join(file));
            }
        }
    }

    /// Writes `analysis.json`: every table, picture, number and remark.
    pub fn write_summary(&self) -> Result<()> {
        let path = self.directory.join(SUMMARY);
        write_atomically(&path, |w| {
            serde_json::to_writer_pretty(&mut *w, &self.products).map_err(std::io::Error::other)?;
            writeln!(w)
        })
    }
}
