//! A TOML document that remembers where every value stands, so that a mistake found long after
//! parsing is still reported with its line.

use std::collections::HashMap;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Error, Result};

/// A value given on the command line as `--set KEY=VALUE`.
///
/// The key is a dotted path; elements of arrays of tables are named by their position counted
/// from 0 (`stage.2.duration`) or by their `name` (`stage.melt.duration`). A value that is not
/// TOML (no quotes around a word) is taken as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    key: Vec<String>,
    value: String,
    text: String,
}

impl Override {
    /// Splits `KEY=VALUE`.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = || {
            Error::config(
                format!("--set {text}"),
                "expected KEY=VALUE",
                "write for example `--set structure.atoms=6000`",
            )
        };
        let (key, value) = text.split_once('=').ok_or_else(bad)?;
        let key: Vec<String> = key.trim().split('.').map(|k| k.trim().to_owned()).collect();
        if key.iter().any(String::is_empty) || value.trim().is_empty() {
            return Err(bad());
        }
        Ok(Self { key, value: value.trim().to_owned(), text: text.to_owned() })
    }
}

/// A parsed file with the place of every key.
#[derive(Debug)]
pub struct Document {
    name: String,
    text: String,
    overrides: Vec<String>,
    spans: HashMap<String, Range<usize>>,
}

impl Document {
    /// Parses TOML text into `T`; `name` is the file's name in messages.
    pub fn parse<T: DeserializeOwned>(
        name: &str,
        text: &str,
        overrides: &[Override],
    ) -> Result<(Self, T)> {
        let mut document = Self {
            name: name.to_owned(),
            text: text.to_owned(),
            overrides: overrides.iter().map(|o| o.text.clone()).collect(),
            spans: HashMap::new(),
        };
        let mut tree = DeTable::parse(text).map_err(|e| document.syntax(&e))?;
        let values: Vec<Spanned<DeValue<'_>>> = overrides
            .iter()
            .enumerate()
            .map(|(index, o)| document.override_value(index, o))
            .collect::<Result<_>>()?;
        for (index, (o, value)) in overrides.iter().zip(values).enumerate() {
            document.apply(tree.get_mut(), index, &o.key, value)?;
        }
        document.note_table("", tree.get_ref());
        let value =
            T::deserialize(toml::de::Deserializer::from(tree)).map_err(|e| document.syntax(&e))?;
        Ok((document, value))
    }

    /// The value of a `--set`; its span lies behind the text and stands for the option.
    fn override_value<'a>(&self, index: usize, o: &'a Override) -> Result<Spanned<DeValue<'a>>> {
        let at = self.text.len() + 1 + index;
        match DeValue::parse(&o.value) {
            Ok(value) => Ok(respan(value.into_inner(), at)),
            Err(_) if o.value.chars().all(|c| c.is_alphanumeric() || "-_./:() ".contains(c)) => {
                Ok(Spanned::new(at..at, DeValue::String(o.value.as_str().into())))
            }
            Err(e) => Err(Error::config(
                format!("--set {}", o.text),
                e.message().to_owned(),
                "write the value as in the TOML file",
            )),
        }
    }

    fn apply<'a>(
        &self,
        table: &mut DeTable<'a>,
        index: usize,
        key: &[String],
        value: Spanned<DeValue<'a>>,
    ) -> Result<()> {
        let at = self.text.len() + 1 + index;
        let problem = |what: String, remedy: &str| {
            Err(Error::config(format!("--set {}", self.overrides[index]), what, remedy))
        };
        let Some((first, rest)) = key.split_first() else { return Ok(()) };
        if rest.is_empty() {
            table.insert(Spanned::new(at..at, first.clone().into()), value);
            return Ok(());
        }
        if !table.contains_key(first.as_str()) {
            let empty = Spanned::new(at..at, DeValue::Table(DeTable::new()));
            table.insert(Spanned::new(at..at, first.clone().into()), empty);
        }
        let Some(entry) = table.get_mut(first.as_str()) else { return Ok(()) };
        match entry.get_mut() {
            DeValue::Table(inner) => self.apply(inner, index, rest, value),
            DeValue::Array(items) => {
                let wanted = &rest[0];
                let position = wanted.parse::<usize>().ok().or_else(|| {
                    items.iter().position(|item| {
                        item.get_ref().get("name").and_then(|n| n.get_ref().as_str())
                            == Some(wanted.as_str())
                    })
                });
                let length = items.len();
                match position.and_then(|p| items.get_mut(p)) {
                    Some(item) if rest.len() == 1 => {
                        *item = value;
                        Ok(())
                    }
                    Some(item) => match item.get_mut() {
                        DeValue::Table(inner) => self.apply(inner, index, &rest[1..], value),
                        _ => problem(
                            format!("`{first}.{wanted}` is not a table"),
                            "name a key that the file has",
                        ),
                    },
                    None => problem(
                        format!("`{first}` has {length} elements and none named `{wanted}`"),
                        "name an element by its position counted from 0 or by its `name`",
                    ),
                }
            }
            _ => problem(format!("`{first}` is not a table"), "name a key that the file has"),
        }
    }

    fn note_table(&mut self, path: &str, table: &DeTable<'_>) {
        for (key, value) in table.iter() {
            let key_name: &str = key.get_ref();
            let here =
                if path.is_empty() { key_name.to_owned() } else { format!("{path}.{key_name}") };
            // Tables made of headers have odd spans; the key's own place reads better.
            let span = match value.get_ref() {
                DeValue::Table(_) => key.span(),
                _ => value.span(),
            };
            self.spans.insert(here.clone(), span);
            self.note_value(&here, value.get_ref());
        }
    }

    fn note_value(&mut self, path: &str, value: &DeValue<'_>) {
        match value {
            DeValue::Table(table) => self.note_table(path, table),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let here = format!("{path}[{index}]");
                    self.spans.insert(here.clone(), item.span());
                    self.note_value(&here, item.get_ref());
                }
            }
            _ => {}
        }
    }

    /// True if the file or a `--set` gives this key.
    pub fn has(&self, path: &str) -> bool {
        self.spans.contains_key(path)
    }

    /// Name of the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where a key stands: "file.toml:12:3", or "--set KEY=VALUE". For a key that is not there
    /// the place of the nearest table around it.
    pub fn place(&self, path: &str) -> String {
        let mut path = path;
        loop {
            if let Some(span) = self.spans.get(path) {
                return self.place_of_offset(span.start);
            }
            match path.rfind(['.', '[']) {
                Some(cut) => path = &path[..cut],
                None => return self.name.clone(),
            }
        }
    }

    fn place_of_offset(&self, offset: usize) -> String {
        if let Some(index) = offset.checked_sub(self.text.len() + 1)
            && let Some(text) = self.overrides.get(index)
        {
            return format!("--set {text}");
        }
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[..end];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        format!("{}:{line}:{column}", self.name)
    }

    /// An error about a key.
    pub fn error(&self, path: &str, what: impl Into<String>, remedy: impl Into<String>) -> Error {
        Error::config(self.place(path), what, remedy)
    }

    /// The value, if it is finite and greater than zero.
    pub fn positive(&self, path: &str, value: f64) -> Result<f64> {
        if value.is_finite() && value > 0.0 {
            return Ok(value);
        }
        let key = path.rsplit('.').next().unwrap_or(path);
        Err(self.error(
            path,
            format!("`{key}` must be a positive number, got {value}"),
            format!("give a positive {key}"),
        ))
    }

    /// The value, if it is finite and not negative.
    pub fn not_negative(&self, path: &str, value: f64) -> Result<f64> {
        if value.is_finite() && value >= 0.0 {
            return Ok(value);
        }
        let key = path.rsplit('.').next().unwrap_or(path);
        Err(self.error(
            path,
            format!("`{key}` must not be negative, got {value}"),
            format!("give 0 or a positive {key}"),
        ))
    }

    /// The key of `[ensemble]` that takes a list where another key, which was given one, does not.
    fn list_of(&self, message: &str, at: usize) -> Option<&'static str> {
        if !message.starts_with("invalid type: sequence") {
            return None;
        }
        let path = self.spans.iter().find(|(_, span)| span.start == at)?.0;
        Some(match path.rsplit('.').next()? {
            "composition" => "[ensemble] compositions = [...]",
            "temperature" | "to" => "[ensemble] temperatures = [...]",
            "rate" => "[ensemble] rates = [...]",
            "seed" => "[ensemble] seeds = [...]",
            _ => return None,
        })
    }

    fn syntax(&self, error: &toml::de::Error) -> Error {
        let place = match error.span() {
            Some(span) => self.place_of_offset(span.start),
            None => self.name.clone(),
        };
        let message = error.message().trim().replace('\n', ", ");
        if let Some(rest) = message.strip_prefix("unknown field ") {
            let mut names = backticked(rest);
            let unknown = names.next().unwrap_or_default();
            return Error::config(
                place,
                format!("unknown key `{unknown}`"),
                suggestion(unknown, &names.collect::<Vec<_>>(), "key"),
            );
        }
        if let Some(rest) = message.strip_prefix("unknown variant ") {
            let mut names = backticked(rest);
            let unknown = names.next().unwrap_or_default();
            return Error::config(
                place,
                format!("unknown value `{unknown}`"),
                suggestion(unknown, &names.collect::<Vec<_>>(), "value"),
            );
        }
        if let Some(rest) = message.strip_prefix("missing field ") {
            let key = backticked(rest).next().unwrap_or_default();
            return Error::config(
                place,
                format!("missing key `{key}`"),
                format!("add `{key} = …`"),
            );
        }
        let remedy = match error.span().and_then(|span| self.list_of(&message, span.start)) {
            Some(list) => format!("give one value here; a member of the run for each: `{list}`"),
            None => wrong_kind(&message),
        };
        Error::config(place, message, remedy)
    }
}

/// What to do about a value of the wrong kind, from the parser's words.
fn wrong_kind(message: &str) -> String {
    match message.split_once("expected ") {
        Some((wrong, "f64" | "u64" | "u32")) if wrong.starts_with("invalid type: string") => {
            "give a number without quotes or unit; times are ps, the time step fs, temperatures K"
                .into()
        }
        Some((wrong, kind)) if wrong.starts_with("invalid") => {
            let kind = match kind {
                "a string" | "string" => "text in quotes",
                "f64" | "f32" => "a number",
                "u64" | "u32" | "usize" | "u8" => "a whole number that is not negative",
                "a sequence" => "a list in brackets",
                "a boolean" => "true or false",
                other => other,
            };
            format!("give {kind}")
        }
        _ => "correct the TOML at this place".into(),
    }
}

/// The same value with every span at one place.
fn respan(value: DeValue<'_>, at: usize) -> Spanned<DeValue<'_>> {
    let value = match value {
        DeValue::Array(items) => {
            DeValue::Array(items.into_iter().map(|item| respan(item.into_inner(), at)).collect())
        }
        DeValue::Table(table) => DeValue::Table(
            table
                .into_iter()
                .map(|(k, v)| (Spanned::new(at..at, k.into_inner()), respan(v.into_inner(), at)))
                .collect(),
        ),
        other => other,
    };
    Spanned::new(at..at, value)
}

fn backticked(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// "did you mean …" with the nearest candidate, or the list of them.
pub(crate) fn suggestion(unknown: &str, candidates: &[&str], what: &str) -> String {
    let nearest = candidates
        .iter()
        .map(|c| (strsim::damerau_levenshtein(&unknown.to_lowercase(), &c.to_lowercase()), *c))
        .min();
    match nearest {
        Some((distance, candidate)) if distance <= 1 + candidate.len() / 3 => {
            format!("did you mean `{candidate}`?")
        }
        Some(_) => {
            let list: Vec<String> = candidates.iter().map(|c| format!("`{c}`")).collect();
            let plural = if what.ends_with('s') { what.to_owned() } else { format!("{what}s") };
            format!("valid {plural} here: {}", list.join(", "))
        }
        None => format!("remove this {what}"),
    }
}
