//! Ring statistics of a network of formers, or of the bonds themselves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Analysis, AnalysisKind, Output, RingOptions, View};
use crate::analysis::{PeriodicGraph, RingKind};
use crate::error::Result;
use crate::plot::Figure;

/// Atoms with more bonds than this on average are packed, not a network: triangles at every bond,
/// and more shortest paths than can be walked.
const MOST_BONDS: f64 = 5.0;

/// Rings of formers joined by oxygens (or other bridges); without them, of atoms joined by bonds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rings {
    options: RingOptions,
    counts: BTreeMap<RingKind, BTreeMap<usize, u64>>,
    nodes: u64,
    /// What the rings are made of.
    members: String,
    /// Bonds of an atom, where they were too many.
    packed: Option<f64>,
}

impl Rings {
    /// The definitions and sizes asked for.
    pub fn new(options: &RingOptions) -> Self {
        Self {
            options: options.clone(),
            counts: BTreeMap::new(),
            nodes: 0,
            members: String::new(),
            packed: None,
        }
    }

    /// The graph of a frame.
    fn graph(&mut self, view: &View<'_>) -> Result<PeriodicGraph> {
        let (structure, bonds, cutoffs) = (view.structure, view.bonds()?, view.cutoffs());
        let kind = |atom: usize| structure.kinds[atom];
        if let Some((bridges, formers)) = cutoffs.network() {
            self.members = "formers".into();
            return Ok(PeriodicGraph::through_bridges(
                structure,
                bonds,
                |atom| formers.contains(&kind(atom)),
                |atom| bridges.contains(&kind(atom)),
            ));
        }
        self.members = "atoms".into();
        let only_formers = cutoffs.direct && !cutoffs.formers.is_empty();
        Ok(PeriodicGraph::of_bonds(structure, bonds, |atom| {
            !bonds.of(atom).is_empty() && (!only_formers || cutoffs.formers.contains(&kind(atom)))
        }))
    }
}

impl Analysis for Rings {
    fn kind(&self) -> AnalysisKind {
        AnalysisKind::Rings
    }

    fn accumulate(&mut self, view: &View<'_>) -> Result<()> {
        let graph = self.graph(view)?;
        if self.members == "atoms" && graph.mean_degree() > MOST_BONDS {
            self.packed = Some(graph.mean_degree());
        }
        if self.packed.is_some() {
            return Ok(());
        }
        self.nodes += graph.len() as u64;
        let unfolded = graph.unfolded(self.options.longest)?;
        for &kind in &self.options.kinds {
            let sum = self.counts.entry(kind).or_default();
            for (size, count) in unfolded.count_rings(kind) {
                *sum.entry(size).or_default() += count;
            }
        }
        Ok(())
    }

    fn finish(&self, output: &mut Output) -> Result<()> {
        if let Some(bonds) = self.packed {
            output.remark(format!(
                "no formers with bridges, and atoms have {bonds:.1} bonds on average: no rings \
                 beyond {MOST_BONDS}; `[network]` in a configuration names formers and bridges"
            ));
            return Ok(());
        }
        if self.nodes == 0 {
            output.remark("no atom has a bond: no rings");
            return Ok(());
        }
        let members = &self.members;
        // Two formers may share two bridges; atoms joined by one bond make no ring of two.
        let smallest = if members == "formers" { 2 } else { 3 };
        let each = members.trim_end_matches('s');
        let size = format!("ring size ({members})");
        let mut header = vec![size.clone()];
        let mut rows: Vec<Vec<f64>> =
            (smallest..=self.options.longest).map(|size| vec![size as f64]).collect();
        let mut picture = Figure::new("", size, format!("rings per {each}"));
        for (kind, counts) in &self.counts {
            let name = kind.name();
            header.push(format!("{name} (per {each})"));
            let mut points = Vec::new();
            for (row, size) in rows.iter_mut().zip(smallest..) {
                let count = counts.get(&size).copied().unwrap_or(0);
                let share = count as f64 / self.nodes.max(1) as f64;
                row.push(share);
                points.push((size as f64, share));
            }
            let (sum, sizes) = counts.iter().fold((0.0, 0.0), |(n, s), (&size, &c)| {
                (n + c as f64, s + (size as f64) * c as f64)
            });
            if sum > 0.0 {
                output.number(format!("mean ring size, {name}"), sizes / sum, members);
            }
            picture = picture.line("", points.clone());
            let last = picture.series_count() - 1;
            picture = picture.markers(name, points).same_color_as(last);
        }
        output.table("rings", &header, &rows)?;
        output.remark(format!(
            "rings of up to {} {members}; paths that close only through the periodic boundary are no rings",
            self.options.longest
        ));
        if smallest == 2 {
            output.remark(
                "a ring of two is two formers that share two bridges: tetrahedra with a common edge",
            );
        }
        output.picture(
            "rings",
            &picture,
            &format!("sizes of closed paths through {members}; cristobalite has 6"),
        )
    }
}
