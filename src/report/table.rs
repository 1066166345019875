//! Tables of a run read back.

use std::path::Path;

use crate::error::{Error, Result};

/// A CSV file with a header.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub fn read(path: &Path) -> Result<Self> {
        let mut reader = csv::Reader::from_path(path)
            .map_err(|e| Error::io("read", path, std::io::Error::other(e)))?;
        let broken = |e: csv::Error| {
            let line = e.position().map_or(0, |p| p.line() as usize);
            Error::format(path, line, e.to_string())
        };
        let text = |r: &csv::StringRecord| r.iter().map(str::to_owned).collect::<Vec<_>>();
        let header = text(reader.headers().map_err(broken)?);
        let rows = reader.records().map(|r| r.map(|r| text(&r)).map_err(broken));
        Ok(Self { rows: rows.collect::<Result<_>>()?, header })
    }

    /// Numbers of a column; not a number where there is none.
    pub fn column(&self, index: usize) -> Vec<f64> {
        let number = |row: &Vec<String>| row.get(index).and_then(|c| c.parse().ok());
        self.rows.iter().map(|r| number(r).unwrap_or(f64::NAN)).collect()
    }

    /// Index of the first column whose name begins with `name`.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|h| h.starts_with(name))
    }

    /// Two columns as points.
    pub fn points(&self, x: usize, y: usize) -> Vec<(f64, f64)> {
        self.column(x).into_iter().zip(self.column(y)).collect()
    }
}
