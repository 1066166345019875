//! Clusters and percolation: how far the network reaches, and the channels of its modifiers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Analysis, AnalysisKind, Output, View};
use crate::analysis::clusters;
use crate::error::Result;
use crate::plot::Figure;

/// Clusters of one kind, over frames.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Sizes {
    /// Clusters of each size.
    counts: BTreeMap<usize, u64>,
    /// Sum over frames of the largest cluster's share of the selected atoms.
    largest: f64,
    /// Sum over frames of the independent directions in which it repeats without end.
    dimensions: usize,
}

/// Sizes of clusters: of formers and oxygens, and of modifiers with the oxygens that are no
/// bridges; without a network, of all atoms that have a bond.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ClusterSizes {
    groups: BTreeMap<String, Sizes>,
    frames: u64,
}

impl ClusterSizes {
    fn note(
        &mut self,
        name: &str,
        view: &View<'_>,
        selected: &dyn Fn(usize) -> bool,
    ) -> Result<()> {
        let found = clusters(view.structure, view.bonds()?, selected);
        let atoms: usize = found.sizes.iter().sum();
        if atoms == 0 {
            return Ok(());
        }
        let sums = self.groups.entry(name.to_owned()).or_default();
        sums.largest += found.sizes[0] as f64 / atoms as f64;
        sums.dimensions += found.dimensionality;
        for size in found.sizes {
            *sums.counts.entry(size).or_default() += 1;
        }
        Ok(())
    }
}

impl Analysis for ClusterSizes {
    fn kind(&self) -> AnalysisKind {
        AnalysisKind::Clusters
    }

    fn accumulate(&mut self, view: &View<'_>) -> Result<()> {
        self.frames += 1;
        let bonds = view.bonds()?;
        let kinds = &view.structure.kinds;
        let Some((bridges, formers)) = view.cutoffs().network() else {
            return self.note("bonded atoms", view, &|atom| !bonds.of(atom).is_empty());
        };
        let is_former = |atom: usize| formers.contains(&kinds[atom]);
        self.note("network", view, &|atom| is_former(atom) || bridges.contains(&kinds[atom]))?;
        let joins =
            |atom: usize| bonds.of(atom).iter().filter(|n| is_former(n.atom as usize)).count() >= 2;
        // Oxygens bridging two formers belong to the network, all other atoms to the channels.
        self.note("channels", view, &|atom| {
            !is_former(atom) && (!bridges.contains(&kinds[atom]) || !joins(atom))
        })
    }

    fn finish(&self, output: &mut Output) -> Result<()> {
        let header = ["cluster of", "atoms", "clusters per frame"].map(str::to_owned);
        let frames = self.frames.max(1) as f64;
        let mut rows = Vec::new();
        let mut picture =
            Figure::new("", "atoms in a cluster", "clusters per frame").log_x().log_y();
        for (name, sums) in &self.groups {
            output.number(
                format!("largest cluster, {name}"),
                sums.largest / frames,
                "share of its atoms",
            );
            let spans = sums.dimensions as f64 / frames;
            output.number(format!("dimensions the {name} spans"), spans, "of 3");
            let mut points = Vec::new();
            for (&size, &count) in &sums.counts {
                let each = count as f64 / frames;
                rows.push(vec![name.clone(), size.to_string(), each.to_string()]);
                points.push((size as f64, each));
            }
            picture = picture.markers(name.clone(), points);
        }
        if rows.is_empty() {
            output.remark("no atom has a bond: no clusters");
            return Ok(());
        }
        output.text_table("clusters", &header, rows)?;
        output.picture(
            "clusters",
            &picture,
            "atoms joined by bonds: network = formers and oxygens, channels = modifiers and oxygens \
             that bridge nothing; a percolating cluster stands alone at the right",
        )
    }
}
