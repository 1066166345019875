//! One `[[descriptor]]` table: typed values, and an error with its place for everything wrong.

use std::cell::RefCell;

use super::plan::Group;
use crate::config::{Document, suggestion};
use crate::error::{Error, Result};

/// Values in one list.
const LONGEST_GRID: usize = 10_000;

/// A `[[descriptor]]` table, or a table in it. Remembers the keys it was asked for.
#[derive(Debug)]
pub struct Entry<'a> {
    document: &'a Document,
    path: String,
    table: &'a toml::Table,
    species: Option<&'a [String]>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Entry<'a> {
    /// The table at `path`; `species` stand for all neighbours where none are named.
    pub(super) fn new(
        document: &'a Document,
        path: String,
        table: &'a toml::Table,
        species: Option<&'a [String]>,
    ) -> Self {
        Self { document, path, table, species, asked: RefCell::new(Vec::new()) }
    }

    fn get(&self, key: &'static str) -> Option<&'a toml::Value> {
        self.asked.borrow_mut().push(key);
        self.table.get(key)
    }

    /// True if the table has the key.
    pub fn has(&self, key: &'static str) -> bool {
        self.get(key).is_some()
    }

    /// An error about a key.
    pub fn error(&self, key: &str, what: impl Into<String>, remedy: impl Into<String>) -> Error {
        self.document.error(&format!("{}.{key}", self.path), what, remedy)
    }

    fn missing(&self, key: &str) -> Error {
        self.error(key, format!("missing key `{key}`"), format!("add `{key} = …`"))
    }

    fn as_number(&self, key: &str, value: &toml::Value) -> Result<f64> {
        let number = match value {
            toml::Value::Float(x) => *x,
            toml::Value::Integer(i) => *i as f64,
            _ => f64::NAN,
        };
        if number.is_finite() {
            return Ok(number);
        }
        Err(self.error(
            key,
            format!("`{key}` must be a finite number"),
            "give a number without quotes or unit; lengths are in Å (σ in reduced units)",
        ))
    }

    /// A number that may be missing.
    pub fn optional_number(&self, key: &'static str) -> Result<Option<f64>> {
        self.get(key).map(|v| self.as_number(key, v)).transpose()
    }

    /// A positive number.
    pub fn positive(&self, key: &'static str) -> Result<f64> {
        match self.optional_positive(key)? {
            Some(x) => Ok(x),
            None => Err(self.missing(key)),
        }
    }

    /// A positive number that may be missing.
    pub fn optional_positive(&self, key: &'static str) -> Result<Option<f64>> {
        let value = self.optional_number(key)?;
        match value {
            Some(x) if !(x > 0.0 && x < 1e6) => Err(self.error(
                key,
                format!("`{key}` must be a positive number, got {x}"),
                format!("give a positive {key}"),
            )),
            other => Ok(other),
        }
    }

    /// An integer from a range.
    pub fn integer(
        &self,
        key: &'static str,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<usize> {
        let value = self.get(key).ok_or_else(|| self.missing(key))?;
        self.as_integer(key, value, &range)
    }

    fn as_integer(
        &self,
        key: &str,
        value: &toml::Value,
        range: &std::ops::RangeInclusive<usize>,
    ) -> Result<usize> {
        match value.as_integer().map(usize::try_from) {
            Some(Ok(n)) if range.contains(&n) => Ok(n),
            _ => Err(self.error(
                key,
                format!("`{key}` must be a whole number from {} to {}", range.start(), range.end()),
                "give such a number",
            )),
        }
    }

    /// A list of integers from a range.
    pub fn integers(
        &self,
        key: &'static str,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<Vec<usize>> {
        let value = self.get(key).ok_or_else(|| self.missing(key))?;
        match value {
            toml::Value::Array(items) if !items.is_empty() => {
                items.iter().map(|v| self.as_integer(key, v, &range)).collect()
            }
            _ => Err(self.error(
                key,
                format!("`{key}` must be a list of whole numbers"),
                format!("write {key} = [4, 6]"),
            )),
        }
    }

    /// A truth value with a default.
    pub fn boolean(&self, key: &'static str, default: bool) -> Result<bool> {
        match self.get(key) {
            None => Ok(default),
            Some(toml::Value::Boolean(b)) => Ok(*b),
            Some(_) => Err(self.error(
                key,
                format!("`{key}` must be true or false"),
                "write true or false without quotes",
            )),
        }
    }

    /// One of several words, with a default.
    pub fn word(&self, key: &'static str, words: &[&'static str]) -> Result<&'static str> {
        let Some(value) = self.get(key) else { return Ok(words[0]) };
        let given = value.as_str().unwrap_or_default();
        words.iter().find(|w| **w == given).copied().ok_or_else(|| {
            self.error(
                key,
                format!("unknown value `{}`", value.to_string().trim_matches('"')),
                suggestion(given, words, "value"),
            )
        })
    }

    /// A list of words out of several; all of them by default.
    pub fn words(&self, key: &'static str, words: &[&'static str]) -> Result<Vec<&'static str>> {
        let Some(value) = self.get(key) else { return Ok(words.to_vec()) };
        let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
        let mut found = Vec::new();
        for item in items {
            let given = item.as_str().unwrap_or_default();
            match words.iter().find(|w| **w == given) {
                Some(word) if !found.contains(word) => found.push(*word),
                Some(_) => {}
                None => {
                    return Err(self.error(
                        key,
                        format!("unknown value `{}`", item.to_string().trim_matches('"')),
                        suggestion(given, words, "value"),
                    ));
                }
            }
        }
        if found.is_empty() {
            return Err(self.error(
                key,
                format!("`{key}` must be a list of words"),
                suggestion("", words, "value"),
            ));
        }
        Ok(found)
    }

    /// Numbers: a list, one number, or `{ from, to, step }`.
    pub fn grid(&self, key: &'static str) -> Result<Vec<f64>> {
        let value = self.get(key).ok_or_else(|| self.missing(key))?;
        let grid = match value {
            toml::Value::Array(items) => {
                items.iter().map(|v| self.as_number(key, v)).collect::<Result<Vec<_>>>()?
            }
            toml::Value::Table(table) => {
                let inner = Entry::new(self.document, format!("{}.{key}", self.path), table, None);
                let from = inner.optional_number("from")?.ok_or_else(|| inner.missing("from"))?;
                let to = inner.optional_number("to")?.ok_or_else(|| inner.missing("to"))?;
                let step = inner.positive("step")?;
                inner.finish()?;
                let count = ((to - from) / step + 1e-6).floor();
                if !(count >= 0.0) || count >= LONGEST_GRID as f64 {
                    return Err(self.error(
                        key,
                        format!("{from} to {to} in steps of {step} is not a usable grid"),
                        format!("give from ≤ to and at most {LONGEST_GRID} values"),
                    ));
                }
                // The nearest short decimal, so that the same grid always has the same text.
                (0..=count as usize)
                    .map(|k| ((from + k as f64 * step) * 1e9).round() / 1e9)
                    .collect()
            }
            single => vec![self.as_number(key, single)?],
        };
        if grid.is_empty() || grid.len() > LONGEST_GRID {
            return Err(self.error(
                key,
                format!("`{key}` has {} values", grid.len()),
                format!("give between 1 and {LONGEST_GRID} values"),
            ));
        }
        Ok(grid)
    }

    /// Rows of three numbers.
    pub fn triples(&self, key: &'static str) -> Result<Option<Vec<[f64; 3]>>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let wrong = || {
            self.error(
                key,
                format!("`{key}` must be a list of rows of three numbers"),
                format!("write {key} = [[14.633, -1, 1], [14.633, 1, 1]]"),
            )
        };
        let rows = value.as_array().filter(|rows| !rows.is_empty()).ok_or_else(wrong)?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            match row.as_array().map(Vec::as_slice) {
                Some([a, b, c]) => found.push([
                    self.as_number(key, a)?,
                    self.as_number(key, b)?,
                    self.as_number(key, c)?,
                ]),
                _ => return Err(wrong()),
            }
        }
        Ok(Some(found))
    }

    /// The `neighbors` key: one group each; "*" is every atom, "Si+O" two species together.
    pub fn groups(&self) -> Result<Vec<Group>> {
        let key = "neighbors";
        let names: Vec<String> = match self.get(key) {
            None => self.species.map(<[String]>::to_vec).ok_or_else(|| {
                self.error(
                    key,
                    "no neighbours are named",
                    "add `neighbors = [\"O\"]` here, or `species = [\"Na\", \"Si\", \"O\"]` at the top of the file",
                )
            })?,
            Some(value) => value
                .as_array()
                .map(Vec::as_slice)
                .unwrap_or_default()
                .iter()
                .map(|v| v.as_str().unwrap_or_default().to_owned())
                .collect(),
        };
        let groups: Vec<Group> = names.iter().map(|n| Group::parse(n)).collect();
        let unsound = groups.iter().any(|g| !g.is_sound());
        if groups.is_empty() || groups.len() > 16 || unsound {
            return Err(self.error(
                key,
                "`neighbors` must be a list of 1 to 16 species",
                "write neighbors = [\"Si\", \"O\"]; \"*\" is every atom, \"Si+O\" both together",
            ));
        }
        for (k, group) in groups.iter().enumerate() {
            if groups[..k].contains(group) {
                return Err(self.error(
                    key,
                    format!("`{}` is named twice", group.label()),
                    "name each group of neighbours once",
                ));
            }
        }
        Ok(groups)
    }

    /// A table inside this one.
    pub fn table(&self, key: &'static str) -> Result<Option<Entry<'a>>> {
        match self.get(key) {
            None => Ok(None),
            Some(toml::Value::Table(table)) => Ok(Some(Entry::new(
                self.document,
                format!("{}.{key}", self.path),
                table,
                self.species,
            ))),
            Some(_) => Err(self.error(
                key,
                format!("`{key}` must be a table"),
                format!("write {key} = {{ … }}"),
            )),
        }
    }

    /// Error if the table has a key that nobody asked for.
    pub fn finish(&self) -> Result<()> {
        let asked = self.asked.borrow();
        for key in self.table.keys() {
            if !asked.iter().any(|a| a == key) {
                let mut keys: Vec<&str> = asked.clone();
                keys.dedup();
                return Err(self.error(
                    key,
                    format!("unknown key `{key}`"),
                    suggestion(key, &keys, "key"),
                ));
            }
        }
        Ok(())
    }
}

/// Numbers as a TOML array.
pub(super) fn numbers(values: &[f64]) -> toml::Value {
    toml::Value::Array(values.iter().map(|&x| toml::Value::Float(x)).collect())
}
