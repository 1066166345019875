//! Cavities and free volume between atoms with radii.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Analysis, AnalysisKind, Output, View};
use crate::analysis::{FreeVolume, ionic_radius};
use crate::error::{Error, Result};
use crate::plot::Figure;

/// How cavities are looked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CavityOptions {
    /// Radii of species; those not given are effective ionic radii (Shannon).
    pub radii: BTreeMap<String, f64>,
    /// Radius of the probe whose share of the volume is named.
    pub probe: f64,
    /// Distance of grid points; coarser where that would be more than 32 million.
    pub grid: f64,
}

impl Default for CavityOptions {
    fn default() -> Self {
        Self { radii: BTreeMap::new(), probe: 1.0, grid: 0.25 }
    }
}

/// Share of the volume that spheres can enter, and the largest cavities.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cavities {
    options: CavityOptions,
    /// Why nothing was computed.
    missing: Option<String>,
    radii: Vec<(String, f64)>,
    sums: Option<FreeVolume>,
}

impl Cavities {
    /// With these options.
    pub fn new(options: &CavityOptions) -> Self {
        Self { options: options.clone(), missing: None, radii: Vec::new(), sums: None }
    }

    /// Radius of every species.
    fn find_radii(&mut self, names: impl Iterator<Item = String>) -> Result<()> {
        for name in names {
            match self.options.radii.get(&name).copied().or_else(|| ionic_radius(&name)) {
                Some(radius) => self.radii.push((name, radius)),
                None => self.missing = Some(name),
            }
        }
        let known = |name: &String| self.radii.iter().any(|(n, _)| n == name);
        if let Some(unknown) = self.options.radii.keys().find(|name| !known(name)) {
            let names: Vec<&str> = self.radii.iter().map(|(n, _)| n.as_str()).collect();
            return Err(Error::input(
                format!("a radius is given for {unknown}, but there is no {unknown}"),
                format!("species of the structure: {}", names.join(", ")),
            ));
        }
        Ok(())
    }
}

impl Analysis for Cavities {
    fn kind(&self) -> AnalysisKind {
        AnalysisKind::Cavities
    }

    fn accumulate(&mut self, view: &View<'_>) -> Result<()> {
        let structure = view.structure;
        if self.radii.is_empty() && self.missing.is_none() {
            self.find_radii(structure.species.iter().map(|s| s.name.clone()))?;
        }
        if self.missing.is_some() {
            return Ok(());
        }
        let radii: Vec<f64> = self.radii.iter().map(|(_, r)| *r).collect();
        let sums = self.sums.get_or_insert_with(|| FreeVolume::new(self.options.grid));
        sums.add(structure, &radii)
    }

    fn finish(&self, output: &mut Output) -> Result<()> {
        if let Some(name) = &self.missing {
            output.remark(format!(
                "no cavities: {name} has no ionic radius; give one in [cavities.radii]"
            ));
            return Ok(());
        }
        let Some(sums) = &self.sums else { return Ok(()) };
        let unit = output.unit("length").to_owned();
        let used: Vec<String> = self.radii.iter().map(|(n, r)| format!("{n} {r}")).collect();
        output.remark(format!("radii of the atoms ({unit}): {}", used.join(", ")));
        output.remark(format!("grid points at most {:.3} {unit} apart", sums.spacing()));
        output.number("free volume", sums.accessible(0.0), "share of the box outside the atoms");
        output.number(
            format!("volume accessible to a probe of radius {}", self.options.probe),
            sums.accessible(self.options.probe),
            "share of the box",
        );
        let largest = sums.cavities();
        output.number("largest cavity radius", largest.last().copied().unwrap_or(0.0), unit);
        let radius = output.label("radius of a probe", "length");
        let curve = sums.curve();
        let rows: Vec<Vec<f64>> = curve.iter().map(|&(r, share)| vec![r, share]).collect();
        output.table(
            "free-volume",
            &[radius.clone(), "share of the box its centre can reach".into()],
            &rows,
        )?;
        let shown: Vec<(f64, f64)> = curve.into_iter().filter(|p| p.1 > 0.0).collect();
        output.picture(
            "free-volume",
            &Figure::new("", radius, "accessible share of the volume").log_y().line("", shown),
            "share of the box where the centre of a sphere fits between the atoms; at 0 the free volume",
        )?;
        // Radii of the cavities: spheres that touch four atoms and contain none.
        let axis = output.label("cavity radius", "length");
        let bin = 0.05;
        let mut counts: BTreeMap<usize, u64> = BTreeMap::new();
        for r in &largest {
            *counts.entry((r / bin) as usize).or_default() += 1;
        }
        let frames = sums.frames().max(1) as f64;
        let points: Vec<(f64, f64)> =
            counts.iter().map(|(&k, &n)| ((k as f64 + 0.5) * bin, n as f64 / frames)).collect();
        let rows: Vec<Vec<f64>> = points.iter().map(|&(r, n)| vec![r, n]).collect();
        output.table("cavities", &[axis.clone(), "cavities per frame".into()], &rows)?;
        output.picture(
            "cavities",
            &Figure::new("", axis, "cavities per frame").bars("", points, bin),
            "radii of the largest spheres that fit between the atoms around them",
        )
    }
}
