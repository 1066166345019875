//! Results of benchmarks as rows that are kept in files and compared with later ones.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{DescriptorResult, MdResult};
use crate::error::{Error, Result};
use crate::io::write_atomically;
use crate::sorption::SorptionResult;

/// One measured rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What was measured: "md, 3000 atoms, 1 replica".
    pub benchmark: String,
    /// The device's name.
    pub device: String,
    /// Unit of the rate; larger is better.
    pub unit: String,
    /// Median of the measurements.
    pub rate: f64,
    /// Slowest and fastest measurement.
    pub range: [f64; 2],
    /// What was measured beside: "force error", "device memory (bytes)", "seconds a step in force".
    #[serde(default)]
    pub also: BTreeMap<String, f64>,
}

/// The key of the error of forces in [`Row::also`].
const FORCE_ERROR: &str = "force error";

/// Times that an error may grow: another order of sums moves it by less.
const ERROR_GROWTH: f64 = 2.0;

/// A row against an earlier one of the same benchmark on the same device.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The row of now.
    pub row: Row,
    /// Rate of now over the rate of then; `None`: there is no such earlier row.
    pub ratio: Option<f64>,
    /// True where the median fell by more than the tolerance and no measurement reached the slowest
    /// of then: noise alone does not do both.
    pub slower: bool,
    /// True where the error of forces has grown to more than twice what it was.
    pub less_exact: bool,
}

/// Compares rows with earlier ones; `tolerance` is the share that a rate may lose.
pub fn compare(then: &[Row], now: &[Row], tolerance: f64) -> Vec<Comparison> {
    now.iter()
        .map(|row| {
            let same = |r: &&Row| {
                (&r.benchmark, &r.device, &r.unit) == (&row.benchmark, &row.device, &row.unit)
            };
            let old = then.iter().find(same);
            Comparison {
                row: row.clone(),
                ratio: old.map(|old| row.rate / old.rate),
                slower: old.is_some_and(|old| {
                    row.rate < (1.0 - tolerance) * old.rate && row.range[1] < old.range[0]
                }),
                less_exact: old.is_some_and(|old| {
                    let error = |r: &Row| r.also.get(FORCE_ERROR).copied();
                    error(row).zip(error(old)).is_some_and(|(now, then)| now > ERROR_GROWTH * then)
                }),
            }
        })
        .collect()
}

/// Reads a file of rows.
pub fn read_rows(path: &Path) -> Result<Vec<Row>> {
    let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
    serde_json::from_slice(&bytes).map_err(|e| Error::format(path, e.line(), e.to_string()))
}

/// Writes a file of rows; one that exists is not overwritten.
pub fn write_rows(path: &Path, rows: &[Row]) -> Result<()> {
    if path.exists() {
        return Err(Error::config(
            path.display().to_string(),
            "exists already",
            "name another file: earlier rows are what later ones are compared with",
        ));
    }
    let text = serde_json::to_vec_pretty(rows)
        .map_err(|e| Error::io("write", path, std::io::Error::other(e)))?;
    write_atomically(path, |w| w.write_all(&text).and_then(|()| w.write_all(b"\n")))
}

/// Rows of molecular dynamics.
pub fn md_rows(results: &[MdResult]) -> Vec<Row> {
    results
        .iter()
        .map(|r| Row {
            benchmark: format!("md, {} atoms, {} replicas", r.atoms, r.replicas),
            device: r.device.clone(),
            unit: "atom-steps/s".into(),
            rate: r.atom_steps_per_second,
            range: r.range,
            also: beside(r),
        })
        .collect()
}

fn beside(result: &MdResult) -> BTreeMap<String, f64> {
    let numbers = [
        (FORCE_ERROR, result.force_error),
        ("device memory (bytes)", result.device_memory.map(|bytes| bytes as f64)),
        ("drift (kT per degree of freedom and ns)", result.drift),
        ("steps between rebuilds", result.steps_per_rebuild),
        ("share of the arithmetic peak", result.arithmetic_share),
    ];
    let passes =
        result.passes.iter().map(|p| (format!("seconds a step in {}", p.name), p.seconds_per_step));
    let numbers = numbers.into_iter().filter_map(|(name, v)| Some((name.to_owned(), v?)));
    numbers.chain(passes).collect()
}

/// Rows of descriptors.
pub fn descriptor_rows(results: &[DescriptorResult]) -> Vec<Row> {
    results
        .iter()
        .map(|r| Row {
            benchmark: format!("{}, {} centres", r.descriptor, r.centres),
            device: r.device.clone(),
            unit: "centres/s".into(),
            rate: r.centres_per_second,
            range: r.range,
            also: BTreeMap::new(),
        })
        .collect()
}

/// Rows of sorption.
pub fn sorption_rows(results: &[SorptionResult]) -> Vec<Row> {
    results
        .iter()
        .map(|r| Row {
            benchmark: format!("sorption, {} lattices of {} sites", r.lattices, r.sites),
            device: r.device.clone(),
            unit: "site updates/s".into(),
            rate: r.site_updates_per_second,
            range: r.range,
            also: BTreeMap::new(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(device: &str, rate: f64) -> Row {
        Row {
            benchmark: "md".into(),
            device: device.into(),
            unit: "atom-steps/s".into(),
            rate,
            range: [0.9 * rate, 1.1 * rate],
            also: BTreeMap::new(),
        }
    }

    #[test]
    fn only_a_rate_below_every_earlier_measurement_is_slower() {
        let then = [row("a", 100.0), row("b", 100.0), row("c", 100.0)];
        let now = [row("a", 97.0), row("b", 82.0), row("c", 75.0), row("new", 5.0)];
        let found = compare(&then, &now, 0.1);
        assert_eq!(found.iter().map(|c| c.slower).collect::<Vec<_>>(), [false, false, true, false]);
        assert_eq!(found[2].ratio, Some(0.75));
        assert_eq!(found[3].ratio, None);
    }

    #[test]
    fn forces_that_lost_digits_are_seen() {
        let with = |error: f64| Row {
            also: BTreeMap::from([(FORCE_ERROR.to_owned(), error)]),
            ..row("a", 100.0)
        };
        let worse = |now: Row| compare(&[with(2e-6)], &[now], 0.1)[0].less_exact;
        assert!(worse(with(5e-6)) && !worse(with(3e-6)) && !worse(row("a", 100.0)));
    }

    #[test]
    fn rows_are_kept_and_never_overwritten() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("rows.json");
        let rows = [row("a", 12.5)];
        write_rows(&path, &rows).expect("written");
        assert_eq!(read_rows(&path).expect("read"), rows);
        assert_eq!(write_rows(&path, &rows).expect_err("refused").exit_code(), 2);
        std::fs::write(&path, "[{}]").expect("written");
        assert_eq!(read_rows(&path).expect_err("refused").exit_code(), 2);
    }
}
