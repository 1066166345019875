//! Bond-angle distributions of every triplet of species.

use serde::{Deserialize, Serialize};

use super::{Analysis, AnalysisKind, AngleOptions, Output, View};
use crate::analysis::AngleDistribution;
use crate::error::Result;
use crate::plot::Figure;

/// Angles between the bonds of an atom.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Angles {
    bins: usize,
    names: Vec<String>,
    distributions: Vec<AngleDistribution>,
}

impl Angles {
    /// Bins as near to the width asked for as divides 180°.
    pub fn new(options: &AngleOptions) -> Self {
        let bins = (180.0 / options.bin).round().clamp(1.0, 18_000.0) as usize;
        Self { bins, names: Vec::new(), distributions: Vec::new() }
    }
}

impl Analysis for Angles {
    fn kind(&self) -> AnalysisKind {
        AnalysisKind::Angles
    }

    fn accumulate(&mut self, view: &View<'_>) -> Result<()> {
        if self.names.is_empty() {
            let cutoffs = view.cutoffs();
            self.names.clone_from(&cutoffs.names);
            let kinds = self.names.len() as u16;
            for center in 0..kinds {
                for a in (0..kinds).filter(|&a| cutoffs.joins(a, center)) {
                    for b in (a..kinds).filter(|&b| cutoffs.joins(b, center)) {
                        self.distributions.push(AngleDistribution::new(a, center, b, self.bins));
                    }
                }
            }
        }
        let bonds = view.bonds()?;
        for angles in &mut self.distributions {
            angles.add(view.structure, bonds);
        }
        Ok(())
    }

    fn finish(&self, output: &mut Output) -> Result<()> {
        let seen: Vec<_> = self.distributions.iter().filter(|a| a.number > 0).collect();
        let Some(first) = seen.first() else {
            output.remark("no atom has two bonds: no angles");
            return Ok(());
        };
        let mut header = vec!["angle (degrees)".to_owned()];
        let mut rows: Vec<Vec<f64>> =
            first.density().iter().map(|(degrees, _)| vec![*degrees]).collect();
        let mut picture = Figure::new("", "angle (degrees)", "density (per degree)");
        for angles in seen {
            let (a, center, b) = angles.triplet;
            let name = [a, center, b].map(|k| self.names[usize::from(k)].as_str()).join("-");
            output.number(format!("mean angle {name}"), angles.mean(), "degrees");
            let density = angles.density();
            rows.iter_mut().zip(&density).for_each(|(row, (_, d))| row.push(*d));
            header.push(name.clone());
            picture = picture.line(name, density);
        }
        output.table("angles", &header, &rows)?;
        output.picture(
            "angles",
            &picture.x_range(0.0, 180.0),
            "angles between bonds of one atom, the middle one; a tetrahedron has 109.5°",
        )
    }
}
