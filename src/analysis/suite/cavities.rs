//! Cavities and free volume between atoms with radii.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Analysis, AnalysisKind, BondCutoffs, Output, View};
use crate::analysis::{FreeVolume, ionic_radius};
use crate::error::{Error, Result};
use crate::plot::Figure;
use crate::system::Structure;

/// How cavities are looked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CavityOptions {
    /// Radii of species; those not given are effective ionic radii (Shannon).
    pub radii: BTreeMap<String, f64>,
    /// Radius of the probe whose share of the volume is named.
    pub probe: f64,
    /// Distance of the grid points of the free volume; coarser where that would be more than 32
    /// million.
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

    /// Radius of every species that has atoms, as an anion or cation.
    fn find_radii(&mut self, structure: &Structure, cutoffs: &BondCutoffs) -> Result<()> {
        let names: Vec<&str> = structure.species.iter().map(|s| s.name.as_str()).collect();
        for ((kind, &name), count) in (0u16..).zip(&names).zip(structure.counts()) {
            let given = self.options.radii.get(name).copied();
            match given.or_else(|| ionic_radius(name, cutoffs.is_anion(kind))) {
                Some(radius) => self.radii.push((name.to_owned(), radius)),
                // A species without atoms needs no radius.
                None if count == 0 => {}
                None => self.missing = Some(name.to_owned()),
            }
        }
        let unknown = self.options.radii.keys().find(|name| !names.contains(&name.as_str()));
        if let Some(unknown) = unknown {
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
            self.find_radii(structure, view.cutoffs())?;
        }
        if self.missing.is_some() {
            return Ok(());
        }
        let of = |name: &String| self.radii.iter().find(|(n, _)| n == name).map_or(0.0, |r| r.1);
        let radii: Vec<f64> = structure.species.iter().map(|s| of(&s.name)).collect();
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
        output.remark(format!(
            "free volume on grid points at most {:.3} {unit} apart; cavities need no grid",
            sums.spacing()
        ));
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
            "radii of the largest spheres that fit between the atoms around them: all there are",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::suite::NetworkOptions;
    use crate::system::{SimulationBox, Species};

    /// Radii of the species, of which each but the last has atoms.
    fn radii(names: &[&str]) -> (Vec<(String, f64)>, Option<String>) {
        let species = names.iter().map(|&n| Species { name: n.into(), mass: None }).collect();
        let kinds: Vec<u16> = (0..names.len() as u16 - 1).collect();
        let positions = kinds.iter().map(|&k| [0.5 + 2.0 * f64::from(k); 3]).collect();
        let cell = SimulationBox::cubic(10.0).expect("cube");
        let atoms = Structure::new(cell, species, kinds, positions).expect("sound");
        let cutoffs = BondCutoffs::find(&atoms, &[], &NetworkOptions::default()).expect("roles");
        let mut cavities = Cavities::new(&CavityOptions::default());
        cavities.find_radii(&atoms, &cutoffs).expect("known");
        (cavities.radii, cavities.missing)
    }

    #[test]
    fn radii_follow_the_role_of_a_species() {
        let of = |names: &[&str]| -> Vec<f64> { radii(names).0.iter().map(|r| r.1).collect() };
        // Tellurium is a cation beside oxygen; what has no atoms is no obstacle.
        assert_eq!(of(&["Te", "O", "Xe"]), [0.66, 1.35]);
        assert_eq!(of(&["Ge", "Te", "Xe"]), [0.39, 2.21]);
        assert_eq!(of(&["As", "S", "Xe"]), [0.58, 1.84]);
        assert_eq!(of(&["Be", "F", "Xe"]), [0.27, 1.285]);
        assert_eq!(radii(&["Xe", "O", "Si"]).1.as_deref(), Some("Xe"));
    }
}
