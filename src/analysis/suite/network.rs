//! The network of a glass: oxygens (or other bridges) by their formers, Qⁿ, topological
//! constraints.

use serde::{Deserialize, Serialize};

use super::{Analysis, AnalysisKind, BondCutoffs, Output, View};
use crate::analysis::{Constraints, Network, constraints};
use crate::error::Result;
use crate::plot::Figure;

pub(super) const NO_NETWORK: &str =
    "no former with a bridge: no network; `[network]` in a configuration names formers and bridges";

/// Oxygens, Qⁿ and constraints.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct NetworkAnalysis {
    cutoffs: BondCutoffs,
    network: Network,
    /// Of each frame.
    constraints: Vec<Constraints>,
}

impl Analysis for NetworkAnalysis {
    fn kind(&self) -> AnalysisKind {
        AnalysisKind::Network
    }

    fn accumulate(&mut self, view: &View<'_>) -> Result<()> {
        self.cutoffs.clone_from(view.cutoffs());
        if let Some((bridges, formers)) = self.cutoffs.network() {
            let (structure, bonds) = (view.structure, view.bonds()?);
            self.network.add(structure, bonds, bridges, formers);
            self.constraints.push(constraints(structure, bonds, bridges, formers));
        }
        Ok(())
    }

    fn finish(&self, output: &mut Output) -> Result<()> {
        if self.network.oxygens() == 0 {
            output.remark(NO_NETWORK);
            return Ok(());
        }
        if !self.cutoffs.bridged() {
            output.remark(
                "no bond of a former with a bridge has a known length: no network; `[bonds]` in a \
                 configuration gives it",
            );
            return Ok(());
        }
        let oxygens = self.network.oxygens() as f64;
        let mut rows = Vec::new();
        let mut shares = Vec::new();
        let (one, several) = self.cutoffs.bridge_words();
        for (role, count) in [
            ("free", self.network.free),
            ("non-bridging", self.network.non_bridging),
            ("bridging", self.network.bridging),
            ("tricluster", self.network.triclusters),
        ] {
            let name = format!("{role} {one}");
            output.number(&name, count as f64 / oxygens, format!("share of {several}"));
            rows.push(vec![name, String::new(), (count as f64 / oxygens).to_string()]);
            shares.push((shares.len() as f64, count as f64 / oxygens));
        }
        let mut picture = Figure::new("", "n", "share of the formers");
        for &former in &self.cutoffs.formers {
            let name = self.cutoffs.name(former);
            let own: Vec<(u32, u64)> = self
                .network
                .q
                .iter()
                .filter(|((kind, _), _)| *kind == former)
                .map(|((_, n), count)| (*n, *count))
                .collect();
            let whole: u64 = own.iter().map(|(_, count)| count).sum();
            output.number(format!("mean n of Qn, {name}"), self.network.mean_n(former), "");
            let share = |count: u64| count as f64 / whole as f64;
            for &(n, count) in &own {
                rows.push(vec![format!("Qn {name}"), n.to_string(), share(count).to_string()]);
            }
            let points = own.iter().map(|&(n, count)| (f64::from(n), share(count))).collect();
            picture = picture.bars(format!("Qn, {name}"), points, 0.8);
        }
        output.text_table("network", &["what", "n", "share"].map(str::to_owned), rows)?;
        output.picture(
            "qn",
            &picture,
            &format!("formers by the number of bridging {several} around them"),
        )?;
        let (x, y) =
            (format!("formers around one of the {several}"), format!("share of the {several}"));
        output.picture(
            if one == "oxygen" { "oxygens" } else { "bridges" },
            &Figure::new("", x, y).bars("", shares, 0.8),
            "0 free, 1 non-bridging, 2 bridging, 3 or more a tricluster: the network is cut where \
             there is one",
        )?;
        self.write_constraints(output)
    }
}

impl NetworkAnalysis {
    fn write_constraints(&self, output: &mut Output) -> Result<()> {
        let frames = self.constraints.len() as f64;
        let mean =
            |of: fn(&Constraints) -> f64| self.constraints.iter().map(of).sum::<f64>() / frames;
        let all = mean(Constraints::total);
        output.number("constraints, bond stretching", mean(|c| c.stretching), "per network atom");
        output.number("constraints, bond bending", mean(|c| c.bending), "per network atom");
        output.number("constraints", all, "per network atom; 3 is isostatic");
        // What atoms with r bonds bring into the mean.
        let most = self.constraints.iter().map(|c| c.by_bonds.len()).max().unwrap_or(0);
        let mut counts = vec![0; most];
        for frame in &self.constraints {
            counts.iter_mut().zip(&frame.by_bonds).for_each(|(sum, n)| *sum += n);
        }
        let atoms = counts.iter().sum::<u64>() as f64;
        let rows: Vec<Vec<f64>> = (0..most)
            .map(|r| {
                let share = counts[r] as f64 / atoms;
                let [stretching, bending] = Constraints::of_atom(r).map(|c| share * c);
                vec![r as f64, share, stretching, bending, stretching + bending]
            })
            .collect();
        let header =
            ["bonds of an atom", "share of the network atoms", "stretching", "bending", "both"];
        output.table("constraints", &header.map(str::to_owned), &rows)?;
        let part = |column: usize, beside: f64| {
            rows.iter().map(|row| (row[0] + beside, row[column])).collect::<Vec<_>>()
        };
        let picture = Figure::new(
            "",
            "bonds of an atom into the network",
            "constraints they bring to each network atom",
        )
        .bars("bond stretching", part(2, -0.2), 0.4)
        .bars("bond bending", part(3, 0.2), 0.4);
        let reading = format!(
            "all bars together are the constraints of an atom, {all:.2}: below 3 the network is \
             floppy, above it stressed"
        );
        output.picture("constraints", &picture, &reading)
    }
}
