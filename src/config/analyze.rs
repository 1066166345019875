//! Configurations of `analyze`.

use std::path::Path;

use super::document::{Document, Override};
use crate::analysis::suite::{AnalysisPlan, StructureOptions};
use crate::error::{Error, Result};

/// Reads and checks a configuration; without a file only the overrides count. Paths of reference
/// curves are relative to the file.
pub fn load_analysis(path: Option<&Path>, overrides: &[Override]) -> Result<AnalysisPlan> {
    let (name, text) = match path {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
            (path.display().to_string(), text)
        }
        None => ("the command line".into(), String::new()),
    };
    let (document, mut plan) = Document::parse::<AnalysisPlan>(&name, &text, overrides)?;
    check(&document, &plan)?;
    if let Some(folder) = path.and_then(Path::parent) {
        for reference in &mut plan.references {
            reference.file = folder.join(&reference.file);
        }
    }
    Ok(plan)
}

/// Checks what an analysis of structure can be told; `prefix` is where it stands in the document.
pub(super) fn check_structure(
    document: &Document,
    prefix: &str,
    options: &StructureOptions,
) -> Result<()> {
    let at = |key: &str| format!("{prefix}{key}");
    for (key, value) in [
        ("radial.r_max", options.radial.r_max),
        ("radial.bin", options.radial.bin),
        ("angles.bin", Some(options.angles.bin)),
        ("scattering.q_max", options.scattering.q_max),
        ("scattering.bin", Some(options.scattering.bin)),
        ("cavities.grid", Some(options.cavities.grid)),
    ] {
        if let Some(value) = value {
            document.positive(&at(key), value)?;
        }
    }
    document.not_negative(&at("cavities.probe"), options.cavities.probe)?;
    for (name, &radius) in &options.cavities.radii {
        document.not_negative(&at(&format!("cavities.radii.{name}")), radius)?;
    }
    for (name, length) in &options.scattering.lengths {
        if !length.is_finite() {
            return Err(document.error(
                &at(&format!("scattering.lengths.{name}")),
                format!("{length} is not a scattering length"),
                "give a number of femtometres: Li = -2.22",
            ));
        }
    }
    for (name, numbers) in &options.scattering.form_factors {
        if numbers.len().is_multiple_of(2) || numbers.iter().any(|x| !x.is_finite()) {
            return Err(document.error(
                &at(&format!("scattering.form_factors.{name}")),
                format!("{} numbers do not make a form factor", numbers.len()),
                "give a1, b1, a2, b2 … and last c",
            ));
        }
    }
    for (pair, &length) in &options.bonds {
        let key = at(&format!("bonds.{pair}"));
        document.positive(&key, length)?;
        if pair.split_once('-').is_none_or(|(a, b)| a.is_empty() || b.is_empty()) {
            return Err(document.error(
                &key,
                format!("`{pair}` is not a pair of species"),
                "write two species joined by a hyphen: Si-O = 2.2",
            ));
        }
    }
    let listed = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
    let formers = listed(&options.network.formers);
    if let Some(both) = listed(&options.network.bridges).iter().find(|name| formers.contains(name))
    {
        return Err(document.error(
            &at("network.bridges"),
            format!("{both} is given as a former and as a bridge"),
            "bridges join formers: name every species once",
        ));
    }
    let longest = options.rings.longest;
    if !(3..=100).contains(&longest) {
        return Err(document.error(
            &at("rings.longest"),
            format!("rings of up to {longest} cannot be counted"),
            "give a size from 3 to 100",
        ));
    }
    Ok(())
}

fn check(document: &Document, plan: &AnalysisPlan) -> Result<()> {
    check_structure(document, "", &plan.options())?;
    for (key, value) in [
        ("dynamics.interval", plan.dynamics.interval),
        ("dynamics.timestep", plan.dynamics.timestep),
        ("dynamics.overlap_length", plan.dynamics.overlap_length),
        ("dynamics.longest", plan.dynamics.longest),
    ] {
        if let Some(value) = value {
            document.positive(key, value)?;
        }
    }
    for key in ["frames.first", "frames.last", "frames.every"] {
        let value = match key {
            "frames.first" => plan.frames.first,
            "frames.last" => plan.frames.last,
            _ => plan.frames.every,
        };
        if value == Some(0) {
            return Err(document.error(key, "frames are counted from 1", "give 1 or more"));
        }
    }
    for (index, reference) in plan.references.iter().enumerate() {
        if let Some((key, what, remedy)) = reference.mistake() {
            return Err(document.error(&format!("reference[{index}].{key}"), what, remedy));
        }
        for range in &reference.ranges {
            if !(range[0] >= 0.0 && range[1] > range[0]) {
                return Err(document.error(
                    &format!("reference[{index}].ranges"),
                    format!("{} to {} is not a range", range[0], range[1]),
                    "give two numbers, the smaller first; `inf` has no end",
                ));
            }
        }
    }
    Ok(())
}
