//! Ring statistics of a network of formers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Analysis, AnalysisKind, Output, RingOptions, View};
use crate::analysis::{Graph, RingKind, count_rings};
use crate::error::Result;
use crate::plot::Figure;

/// Rings of formers joined by oxygens; without an oxide network, of atoms joined by bonds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rings {
    options: RingOptions,
    counts: BTreeMap<RingKind, BTreeMap<usize, u64>>,
    nodes: u64,
    of_formers: bool,
}

impl Rings {
    /// The definitions and sizes asked for.
    pub fn new(options: &RingOptions) -> Self {
        Self { options: options.clone(), counts: BTreeMap::new(), nodes: 0, of_formers: true }
    }
}

impl Analysis for Rings {
    fn kind(&self) -> AnalysisKind {
        AnalysisKind::Rings
    }

    fn accumulate(&mut self, view: &View<'_>) -> Result<()> {
        let Some((oxygen, formers)) = view.cutoffs().network() else {
            self.of_formers = false;
            return Ok(());
        };
        let kind = |atom: usize| view.structure.kinds[atom];
        let is_former = |atom: usize| formers.contains(&kind(atom));
        let graph = Graph::through_bridges(view.bonds()?, is_former, |a| kind(a) == oxygen);
        for &kind in &self.options.kinds {
            let sum = self.counts.entry(kind).or_default();
            for (size, count) in count_rings(&graph, kind, self.options.longest) {
                *sum.entry(size).or_default() += count;
            }
        }
        self.nodes += (0..view.structure.len()).filter(|&a| is_former(a)).count() as u64;
        Ok(())
    }

    fn finish(&self, output: &mut Output) -> Result<()> {
        if !self.of_formers {
            output.remark("no oxygen and former: no rings of an oxide network");
            return Ok(());
        }
        let mut header = vec!["ring size (formers)".to_owned()];
        let mut rows: Vec<Vec<f64>> =
            (3..=self.options.longest).map(|size| vec![size as f64]).collect();
        let mut picture = Figure::new("", "ring size (formers)", "rings per former");
        for (kind, counts) in &self.counts {
            let name = kind.name();
            header.push(format!("{name} (per former)"));
            let mut points = Vec::new();
            for (row, size) in rows.iter_mut().zip(3..) {
                let count = counts.get(&size).copied().unwrap_or(0);
                let each = count as f64 / self.nodes.max(1) as f64;
                row.push(each);
                points.push((size as f64, each));
            }
            let (sum, sizes) = counts.iter().fold((0.0, 0.0), |(n, s), (&size, &c)| {
                (n + c as f64, s + (size as f64) * c as f64)
            });
            if sum > 0.0 {
                output.number(format!("mean ring size, {name}"), sizes / sum, "formers");
            }
            picture = picture.line("", points.clone());
            let last = picture.series_count() - 1;
            picture = picture.markers(name, points).same_color_as(last);
        }
        output.table("rings", &header, &rows)?;
        output.remark(format!(
            "rings of up to {} formers; those longer than the box is wide may close through its boundary",
            self.options.longest
        ));
        output.picture(
            "rings",
            &picture,
            "sizes of closed paths through formers; cristobalite has 6",
        )
    }
}
