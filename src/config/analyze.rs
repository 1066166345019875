//! Configurations of `analyze`.

use std::path::Path;

use super::document::{Document, Override};
use crate::analysis::suite::AnalysisPlan;
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

fn check(document: &Document, plan: &AnalysisPlan) -> Result<()> {
    for (key, value) in [
        ("radial.r_max", plan.radial.r_max),
        ("radial.bin", plan.radial.bin),
        ("angles.bin", Some(plan.angles.bin)),
        ("scattering.q_max", plan.scattering.q_max),
        ("scattering.bin", Some(plan.scattering.bin)),
        ("cavities.grid", Some(plan.cavities.grid)),
        ("dynamics.interval", plan.dynamics.interval),
        ("dynamics.timestep", plan.dynamics.timestep),
        ("dynamics.overlap_length", plan.dynamics.overlap_length),
        ("dynamics.longest", plan.dynamics.longest),
    ] {
        if let Some(value) = value {
            document.positive(key, value)?;
        }
    }
    document.not_negative("cavities.probe", plan.cavities.probe)?;
    for (name, &radius) in &plan.cavities.radii {
        document.not_negative(&format!("cavities.radii.{name}"), radius)?;
    }
    for (name, length) in &plan.scattering.lengths {
        if !length.is_finite() {
            return Err(document.error(
                &format!("scattering.lengths.{name}"),
                format!("{length} is not a scattering length"),
                "give a number of femtometres: Li = -2.22",
            ));
        }
    }
    for (name, numbers) in &plan.scattering.form_factors {
        if numbers.len() % 2 == 0 || numbers.iter().any(|x| !x.is_finite()) {
            return Err(document.error(
                &format!("scattering.form_factors.{name}"),
                format!("{} numbers do not make a form factor", numbers.len()),
                "give a1, b1, a2, b2 … and last c",
            ));
        }
    }
    for (pair, &length) in &plan.bonds {
        let key = format!("bonds.{pair}");
        document.positive(&key, length)?;
        if pair.split_once('-').is_none_or(|(a, b)| a.is_empty() || b.is_empty()) {
            return Err(document.error(
                &key,
                format!("`{pair}` is not a pair of species"),
                "write two species joined by a hyphen: Si-O = 2.2",
            ));
        }
    }
    let longest = plan.rings.longest;
    if !(3..=100).contains(&longest) {
        return Err(document.error(
            "rings.longest",
            format!("rings of up to {longest} cannot be counted"),
            "give a size from 3 to 100",
        ));
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
