//! Features on disk: a `.npy` of single-precision rows, and beside it a JSON file that says what
//! every row and column is.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{BoundPlan, DescriptorMatrix, stream};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::io::{NpyRows, read_npy, write_atomically};

/// What the rows and columns of a feature file are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sidecar {
    /// The descriptor definition as TOML, all defaults written out.
    pub definition: String,
    /// Name of each column.
    pub columns: Vec<String>,
    /// Index of the atom of each row, counted from 0 in the order of the structure file.
    pub centres: Vec<usize>,
    /// Identifier of the atom of each row in the structure file, whose order need not follow it.
    #[serde(default)]
    pub ids: Vec<u64>,
    /// Species of the atom of each row.
    pub species: Vec<String>,
    /// Number of atoms of the structure; 0 if it is not known.
    #[serde(default)]
    pub atoms: usize,
    /// The structure the features belong to.
    pub structure: String,
    /// Units.
    pub units: SidecarUnits,
    /// Version of the program.
    pub version: String,
}

/// Units of a feature file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SidecarUnits {
    /// Of cutoffs and widths.
    pub length: String,
    /// Of the features.
    pub features: String,
}

impl Sidecar {
    /// What a bound plan's rows and columns are; `structure` names the structure.
    pub fn new(bound: &BoundPlan, structure: &str) -> Self {
        let species = |&i: &usize| bound.structure.species_name(i).to_owned();
        Self {
            definition: bound.plan.definition().to_owned(),
            columns: bound.columns.clone(),
            centres: bound.centres.clone(),
            ids: bound.centres.iter().map(|&i| bound.structure.ids[i]).collect(),
            species: bound.centres.iter().map(species).collect(),
            atoms: bound.structure.len(),
            structure: structure.to_owned(),
            units: SidecarUnits {
                length: "Å (σ in reduced units)".into(),
                features: "1 (soap: Å³, or σ³)".into(),
            },
            version: env!("CARGO_PKG_VERSION").into(),
        }
    }
}

/// Name of the JSON file of a feature file: the same name with `.json` at its end.
pub fn sidecar_path(npy: &Path) -> PathBuf {
    npy.with_extension("json")
}

/// Computes the features block by block into `path` and its sidecar. `done` hears how many rows
/// there are after each block. Both files appear complete or not at all, the array last.
pub fn write_matrix(
    backend: &dyn Backend,
    bound: &BoundPlan,
    structure: &str,
    path: &Path,
    mut done: impl FnMut(usize),
) -> Result<()> {
    let width = bound.columns.len();
    let mut file = NpyRows::create(path, bound.centres.len(), width)?;
    let mut finished = 0;
    let mut row_values = Vec::with_capacity(width);
    stream(backend, bound, |block| {
        for (&row, values) in block.rows.iter().zip(block.data.chunks(width)) {
            row_values.clear();
            row_values.extend(values.iter().map(|&x| x as f32));
            file.write_row_at(row, &row_values)?;
        }
        finished += block.rows.len();
        done(finished);
        Ok(())
    })?;
    let json = sidecar_path(path);
    let text = serde_json::to_string_pretty(&Sidecar::new(bound, structure))
        .map_err(|e| Error::io("write", &json, std::io::Error::other(e)))?;
    write_atomically(&json, |w| w.write_all(text.as_bytes()))?;
    file.finish()
}

/// Reads the sidecar of a feature file.
pub fn read_sidecar(npy: &Path) -> Result<Sidecar> {
    let path = sidecar_path(npy);
    let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
    serde_json::from_str(&text).map_err(|e| Error::format(&path, e.line(), e.to_string()))
}

/// Reads features and their sidecar, which must fit each other.
pub fn read_matrix(npy: &Path) -> Result<DescriptorMatrix> {
    let sidecar = read_sidecar(npy)?;
    let array = read_npy(npy)?;
    if array.shape != [sidecar.centres.len(), sidecar.columns.len()] {
        return Err(Error::format(
            npy,
            0,
            format!(
                "an array of shape {:?} beside a sidecar of {} rows and {} columns",
                array.shape,
                sidecar.centres.len(),
                sidecar.columns.len()
            ),
        ));
    }
    Ok(DescriptorMatrix {
        columns: sidecar.columns,
        centres: sidecar.centres,
        data: array.data.into_iter().map(|x| x as f32).collect(),
        definition: sidecar.definition,
    })
}
