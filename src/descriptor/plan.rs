//! Which descriptors of which atoms: from TOML to a plan, and from a plan to a structure.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::entry::Entry;
use super::shell_average::ShellAverage;
use super::{Descriptor, REGISTRY};
use crate::config::{Document, suggestion};
use crate::error::{Error, Result};
use crate::system::Structure;

/// Atoms that are neighbours together: of some species, or all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The species; `None` for every atom.
    species: Option<Vec<String>>,
}

impl Group {
    /// "O", "Si+O" or "*".
    pub fn parse(name: &str) -> Self {
        let species = (name != "*").then(|| name.split('+').map(|s| s.trim().to_owned()).collect());
        Self { species }
    }

    pub(super) fn is_sound(&self) -> bool {
        self.species.iter().flatten().all(|s| !s.is_empty() && !s.contains(char::is_whitespace))
    }

    /// As it is written: "O", "Si+O" or "*".
    pub fn label(&self) -> String {
        self.species.as_ref().map_or_else(|| "*".into(), |s| s.join("+"))
    }

    /// The species; empty for every atom.
    pub fn species(&self) -> &[String] {
        self.species.as_deref().unwrap_or_default()
    }

    fn contains(&self, species: &str) -> bool {
        self.species.as_ref().is_none_or(|names| names.iter().any(|n| n == species))
    }
}

/// The groups as TOML.
pub(super) fn group_names(groups: &[Group]) -> toml::Value {
    toml::Value::Array(groups.iter().map(|g| toml::Value::String(g.label())).collect())
}

/// Atoms whose surroundings are described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Centres {
    /// Every atom.
    All,
    /// Atoms of these species.
    Species(Vec<String>),
    /// These atoms, counted from 0.
    Atoms(Vec<usize>),
}

/// One `[[descriptor]]`.
#[derive(Debug, Clone)]
pub struct Term {
    /// Its name in the registry.
    pub kind: &'static str,
    /// The descriptor.
    pub descriptor: Arc<dyn Descriptor>,
    /// Averages over shells that follow its own columns.
    pub average: Option<ShellAverage>,
}

impl Term {
    /// Number of features before shell averages.
    pub fn base_len(&self) -> usize {
        self.descriptor.columns("").len()
    }

    /// Names of all features.
    pub fn columns(&self, centre: &str) -> Vec<String> {
        let base = self.descriptor.columns(centre);
        let mut columns = base.clone();
        for k in 1..=self.average.as_ref().map_or(0, |a| a.iterations) {
            columns.extend(base.iter().map(|c| format!("{c} average={k}")));
        }
        columns
    }

    fn definition(&self) -> toml::Table {
        let mut table = self.descriptor.definition();
        table.insert("kind".into(), self.kind.into());
        table.insert("neighbors".into(), group_names(self.descriptor.groups()));
        if let Some(average) = &self.average {
            table.insert("average".into(), average.definition().into());
        }
        table
    }
}

/// What is computed: checked, and the same for every structure.
#[derive(Debug, Clone)]
pub struct DescriptorPlan {
    centres: Centres,
    terms: Vec<Term>,
    definition: String,
}

/// A descriptor definition as it is written in TOML; a part of other configurations too.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DescriptorText {
    /// Species that are neighbours where a descriptor names none.
    species: Option<Vec<String>>,
    /// "all", species, or numbers of atoms counted from 0.
    centres: Option<toml::Value>,
    /// The descriptors, whose columns follow each other.
    #[serde(default)]
    descriptor: Vec<toml::Table>,
}

impl DescriptorPlan {
    /// Reads a descriptor definition from a file.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Parses a descriptor definition; `name` stands for the file in messages.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let (document, raw): (Document, DescriptorText) = Document::parse(name, text, &[])?;
        Self::from_text(&document, "", &raw)
    }

    /// The plan of a definition inside a larger document; `prefix` is its path with a final dot
    /// ("softness.descriptors."), or empty.
    pub fn from_text(document: &Document, prefix: &str, raw: &DescriptorText) -> Result<Self> {
        let centres = centres(document, &format!("{prefix}centres"), raw.centres.as_ref())?;
        if raw.descriptor.is_empty() {
            return Err(document.error(
                &format!("{prefix}descriptor"),
                "no descriptor is defined",
                "add a [[descriptor]] table with a `kind`",
            ));
        }
        let terms = raw
            .descriptor
            .iter()
            .enumerate()
            .map(|(k, table)| {
                let path = format!("{prefix}descriptor[{k}]");
                term(&Entry::new(document, path, table, raw.species.as_deref()))
            })
            .collect::<Result<Vec<_>>>()?;
        let mut plan = Self { centres, terms, definition: String::new() };
        plan.definition = plan.write_definition()?;
        let mut columns = plan.columns("*");
        columns.sort_unstable();
        if let Some(twice) = columns.windows(2).find(|w| w[0] == w[1]) {
            return Err(document.error(
                &format!("{prefix}descriptor"),
                format!("two columns are both `{}`", twice[0]),
                "define each feature once",
            ));
        }
        Ok(plan)
    }

    /// The same descriptors of other centres. The definition follows.
    pub fn with_centres(&self, centres: Centres) -> Result<Self> {
        let mut plan = Self { centres, ..self.clone() };
        plan.definition = plan.write_definition()?;
        Ok(plan)
    }

    fn write_definition(&self) -> Result<String> {
        let centres: toml::Value = match &self.centres {
            Centres::Species(names) => names.clone().into(),
            // Which atoms were described is not part of how they are.
            Centres::All | Centres::Atoms(_) => "all".into(),
        };
        let mut top = toml::Table::new();
        top.insert("centres".into(), centres);
        let tables = self.terms.iter().map(|t| toml::Value::Table(t.definition())).collect();
        top.insert("descriptor".into(), toml::Value::Array(tables));
        toml::to_string(&top)
            .map_err(|e| Error::config("descriptor", e.to_string(), "report this as a bug"))
    }

    /// The definition with every default written out, as TOML that [`DescriptorPlan::parse`]
    /// reads. Equal definitions give equal features.
    pub fn definition(&self) -> &str {
        &self.definition
    }

    /// The centres.
    pub fn centres(&self) -> &Centres {
        &self.centres
    }

    /// The descriptors.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Names of the features, where `centre` stands for the centres.
    fn columns(&self, centre: &str) -> Vec<String> {
        self.terms.iter().flat_map(|t| t.columns(centre)).collect()
    }

    /// Finds centres and neighbours in a structure.
    pub fn bind<'a>(&'a self, structure: &'a Structure) -> Result<BoundPlan<'a>> {
        structure.check_finite()?;
        if structure.species.len() > 255 {
            return Err(Error::input(
                format!("{} species", structure.species.len()),
                "use at most 255 species",
            ));
        }
        let centres = bind_centres(&self.centres, structure)?;
        let first = centres.first().map(|&i| structure.kinds[i]);
        let label = match first {
            Some(kind) if centres.iter().all(|&i| structure.kinds[i] == kind) => {
                structure.species[usize::from(kind)].name.as_str()
            }
            _ => "*",
        };
        let terms = self
            .terms
            .iter()
            .map(|term| {
                Ok(BoundTerm {
                    term,
                    groups: bind_groups(term.descriptor.groups(), structure)?,
                    average_groups: match &term.average {
                        Some(average) => bind_groups(&average.groups, structure)?,
                        None => Vec::new(),
                    },
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(BoundPlan { plan: self, structure, centres, columns: self.columns(label), terms })
    }
}

fn term(entry: &Entry) -> Result<Term> {
    let names: Vec<&'static str> = REGISTRY.iter().map(|(name, _)| *name).collect();
    if !entry.has("kind") {
        return Err(entry.error(
            "kind",
            "missing key `kind`",
            format!("add kind = \"…\", one of {}", names.join(", ")),
        ));
    }
    let kind = entry.word("kind", &names)?;
    let (kind, read) = REGISTRY
        .iter()
        .find(|(name, _)| *name == kind)
        .ok_or_else(|| entry.error("kind", "unknown kind", suggestion(kind, &names, "kind")))?;
    let descriptor = read(entry)?;
    let average = entry.table("average")?.map(|e| ShellAverage::read(&e)).transpose()?;
    entry.finish()?;
    Ok(Term { kind, descriptor: Arc::from(descriptor), average })
}

fn centres(document: &Document, path: &str, value: Option<&toml::Value>) -> Result<Centres> {
    let wrong = || {
        document.error(
            path,
            "`centres` must be \"all\", a list of species, or a list of atoms counted from 0",
            "write centres = [\"Na\"]",
        )
    };
    match value {
        None => Ok(Centres::All),
        Some(toml::Value::String(word)) if word == "all" => Ok(Centres::All),
        Some(toml::Value::Array(items)) if !items.is_empty() => {
            let names: Vec<String> =
                items.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect();
            if names.len() == items.len() {
                return Ok(Centres::Species(names));
            }
            let atoms: Vec<usize> =
                items.iter().filter_map(|v| usize::try_from(v.as_integer()?).ok()).collect();
            if atoms.len() != items.len() {
                return Err(wrong());
            }
            Ok(Centres::Atoms(atoms))
        }
        Some(_) => Err(wrong()),
    }
}

fn unknown_species(name: &str, what: &str, structure: &Structure) -> Error {
    let known: Vec<&str> = structure.species.iter().map(|s| s.name.as_str()).collect();
    Error::input(
        format!("the structure has no species `{name}`, which is {what}"),
        format!("{}; the structure has {}", suggestion(name, &known, "species"), known.join(", ")),
    )
}

fn bind_centres(centres: &Centres, structure: &Structure) -> Result<Vec<usize>> {
    let n = structure.len();
    let found: Vec<usize> = match centres {
        Centres::All => (0..n).collect(),
        Centres::Atoms(atoms) => {
            if let Some(beyond) = atoms.iter().find(|&&i| i >= n) {
                return Err(Error::input(
                    format!("centre {beyond} is not an atom of the structure, which has {n} atoms"),
                    format!("count atoms from 0 to {}", n.saturating_sub(1)),
                ));
            }
            atoms.clone()
        }
        Centres::Species(names) => {
            let mut wanted = vec![false; structure.species.len()];
            for name in names {
                let mut known = false;
                for (kind, species) in structure.species.iter().enumerate() {
                    if species.name == *name {
                        wanted[kind] = true;
                        known = true;
                    }
                }
                if !known {
                    return Err(unknown_species(name, "named as a centre", structure));
                }
            }
            (0..n).filter(|&i| wanted[usize::from(structure.kinds[i])]).collect()
        }
    };
    if found.is_empty() {
        return Err(Error::input(
            "the structure has no atom that the definition calls a centre",
            "name species of the structure in `centres`",
        ));
    }
    Ok(found)
}

/// Group bits of every kind of atom.
fn bind_groups(groups: &[Group], structure: &Structure) -> Result<Vec<u32>> {
    for group in groups {
        for name in group.species() {
            if !structure.species.iter().any(|s| s.name == *name) {
                return Err(unknown_species(name, "named as a neighbour", structure));
            }
        }
    }
    Ok(structure
        .species
        .iter()
        .map(|species| {
            (0..groups.len()).map(|g| u32::from(groups[g].contains(&species.name)) << g).sum()
        })
        .collect())
}

/// A term with its groups found in a structure.
#[derive(Debug, Clone)]
pub struct BoundTerm<'a> {
    /// The term.
    pub term: &'a Term,
    /// Group bits of each kind of atom.
    pub groups: Vec<u32>,
    /// The same for the groups of its shell average; empty without one.
    pub average_groups: Vec<u32>,
}

/// A plan with centres and neighbours found in a structure.
#[derive(Debug, Clone)]
pub struct BoundPlan<'a> {
    /// The plan.
    pub plan: &'a DescriptorPlan,
    /// The structure.
    pub structure: &'a Structure,
    /// Indices of the centres, in the order of the rows.
    pub centres: Vec<usize>,
    /// Names of the features, in the order of the columns.
    pub columns: Vec<String>,
    /// The terms.
    pub terms: Vec<BoundTerm<'a>>,
}

impl BoundPlan<'_> {
    /// Group bits of an atom for a term.
    pub fn groups_of(&self, term: usize, atom: u32) -> u32 {
        self.terms[term].groups[usize::from(self.structure.kinds[atom as usize])]
    }
}
