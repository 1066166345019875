//! Coordination numbers: neighbours within a bond.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Analysis, AnalysisKind, BondCutoffs, Output, View};
use crate::error::Result;
use crate::plot::Figure;

/// Atoms of each species by their number of neighbours of each species.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Coordination {
    cutoffs: BondCutoffs,
    /// Atoms of species a with n neighbours of species b.
    counts: BTreeMap<(u16, u16), BTreeMap<usize, u64>>,
}

impl Analysis for Coordination {
    fn kind(&self) -> AnalysisKind {
        AnalysisKind::Coordination
    }

    fn accumulate(&mut self, view: &View<'_>) -> Result<()> {
        self.cutoffs.clone_from(view.cutoffs());
        let (structure, bonds) = (view.structure, view.bonds()?);
        let kinds = structure.species.len();
        let mut near = vec![0usize; kinds];
        for atom in 0..structure.len() {
            let kind = structure.kinds[atom];
            near.fill(0);
            for neighbor in bonds.of(atom) {
                near[usize::from(structure.kinds[neighbor.atom as usize])] += 1;
            }
            for (other, &count) in (0u16..).zip(&near) {
                if self.cutoffs.joins(kind, other) {
                    let counts = self.counts.entry((kind, other)).or_default();
                    *counts.entry(count).or_default() += 1;
                }
            }
        }
        Ok(())
    }

    fn finish(&self, output: &mut Output) -> Result<()> {
        if self.counts.is_empty() {
            output.remark("no pair of species has a first minimum of g(r): no bonds");
            return Ok(());
        }
        let header = [
            "centre".to_owned(),
            "neighbour".to_owned(),
            output.label("cutoff", "length"),
            "coordination".to_owned(),
            "share".to_owned(),
        ];
        let mut rows = Vec::new();
        let mut picture = Figure::new("", "coordination number", "share of the centres");
        for (&(a, b), counts) in &self.counts {
            let cutoff = self.cutoffs.of(a, b);
            let (center, neighbor) = (self.cutoffs.name(a), self.cutoffs.name(b));
            let whole: u64 = counts.values().sum();
            let mean = counts.iter().map(|(&n, &c)| n as f64 * c as f64).sum::<f64>();
            output.number(format!("{neighbor} around {center}"), mean / whole as f64, "");
            let mut points = Vec::new();
            for (&n, &count) in counts {
                let share = count as f64 / whole as f64;
                points.push((n as f64, share));
                let numbers = [cutoff, n as f64, share].map(|x| x.to_string());
                rows.push(
                    [vec![center.to_owned(), neighbor.to_owned()], numbers.to_vec()].concat(),
                );
            }
            picture = picture.line("", points.clone());
            let last = picture.series_count() - 1;
            picture =
                picture.markers(format!("{neighbor} around {center}"), points).same_color_as(last);
        }
        output.text_table("coordination", &header, rows)?;
        if self.cutoffs.anions.is_empty() && !self.cutoffs.direct && self.cutoffs.names.len() > 1 {
            output.remark(
                "no anion among these species: bonds join any two; `[network] bridges` in a \
                 configuration names anions",
            );
        }
        output.picture(
            "coordination",
            &picture,
            "how many neighbours atoms have within the first minimum of g(r)",
        )
    }
}
