//! Partial and total g(r) with running coordination and the reduced G(r), of all frames.

use serde::{Deserialize, Serialize};

use super::{Analysis, AnalysisKind, AnalysisPlan, Output, View};
use crate::analysis::{PairRdf, PartialRdf, Radiation, reduced_from_g, weighted_total};
use crate::error::Result;
use crate::plot::Figure;

/// g(r) and n(r) of every pair of species, and G(r) as neutrons and X-rays weigh it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Radial {
    cutoff: f64,
    bin: f64,
    radiations: Vec<Radiation>,
    fractions: Vec<(String, f64)>,
    rdf: Option<PartialRdf>,
}

impl Radial {
    /// Up to the plan's cutoff (with periodic images beyond half the box) in bins of about `bin`.
    pub fn new(plan: &AnalysisPlan) -> Self {
        let cutoff = plan.radial_cutoff();
        let bin = plan.radial.bin.unwrap_or(cutoff / 500.0);
        let radiations = plan.scattering.radiations.clone();
        Self { cutoff, bin, radiations, fractions: Vec::new(), rdf: None }
    }

    fn write_reduced(
        &self,
        rdf: &PartialRdf,
        partials: &[PairRdf],
        output: &mut Output,
    ) -> Result<()> {
        let Some(first) = partials.first() else { return Ok(()) };
        let r = output.label("r", "length");
        let unit = output.reciprocal_square("length");
        let mut header = vec![r.clone()];
        let mut rows: Vec<Vec<f64>> = first.r.iter().map(|r| vec![*r]).collect();
        let mut picture = Figure::new("", r, format!("G(r){unit}"));
        let shares: Vec<f64> = self.fractions.iter().map(|(_, share)| *share).collect();
        for radiation in &self.radiations {
            // Form factors at Q = 0 stand for their whole range: the usual Warren-Krutter-Morningstar
            // approximation.
            let amplitudes: Result<Vec<f64>> =
                self.fractions.iter().map(|(name, _)| radiation.amplitude(name, 0.0)).collect();
            let amplitudes = match amplitudes {
                Ok(amplitudes) => amplitudes,
                Err(error) => {
                    output.remark(format!("left out of G(r): {error}"));
                    continue;
                }
            };
            let mut g = Vec::new();
            for bin in 0..first.r.len() {
                g.push(weighted_total(&amplitudes, &shares, |a, b| {
                    let names = [&self.fractions[a].0, &self.fractions[b].0];
                    let of = |x: &PairRdf| {
                        (&x.species[0] == names[0] && &x.species[1] == names[1])
                            || (&x.species[0] == names[1] && &x.species[1] == names[0])
                    };
                    partials.iter().find(|p| of(p)).map_or(1.0, |p| p.g[bin])
                }));
            }
            let name = radiation.name();
            output.curve(format!("g {name}"), first.r.iter().copied().zip(g.iter().copied()));
            let reduced = reduced_from_g(&first.r, &g, rdf.number_density());
            output.curve(format!("G {name}"), first.r.iter().copied().zip(reduced.iter().copied()));
            header.extend([format!("g {name}"), format!("G {name}{unit}")]);
            for (k, row) in rows.iter_mut().enumerate() {
                row.extend([g[k], reduced[k]]);
            }
            picture = picture.line(name, first.r.iter().copied().zip(reduced).collect());
        }
        output.table("reduced", &header, &rows)?;
        output.picture(
            "reduced",
            &picture,
            "G(r) = 4πρr(g − 1): ripples about 0 show how far order reaches; −4πρr where no pairs are",
        )
    }
}

impl Analysis for Radial {
    fn kind(&self) -> AnalysisKind {
        AnalysisKind::Radial
    }

    fn accumulate(&mut self, view: &View<'_>) -> Result<()> {
        let structure = view.structure;
        let rdf = match &mut self.rdf {
            Some(rdf) => rdf,
            none => {
                let n = structure.len() as f64;
                let counts = structure.counts();
                self.fractions = structure
                    .species
                    .iter()
                    .zip(counts)
                    .map(|(s, count)| (s.name.clone(), count as f64 / n))
                    .collect();
                none.insert(PartialRdf::with_images(structure, self.cutoff, self.bin)?)
            }
        };
        let counted = view.backend.pair_counts(structure, rdf.cutoff(), rdf.bins())?;
        rdf.add_counts(&counted, structure);
        Ok(())
    }

    fn finish(&self, output: &mut Output) -> Result<()> {
        let Some(rdf) = &self.rdf else { return Ok(()) };
        let (total, partials) = (rdf.total(), rdf.partials());
        let mut header = vec![output.label("r", "length"), "g total".to_owned()];
        for p in &partials {
            let pair = p.species.join("-");
            header.extend([format!("g {pair}"), format!("n {pair}")]);
            output.curve(format!("g {pair}"), p.r.iter().copied().zip(p.g.iter().copied()));
            if let Some((at, _)) = p.first_peak() {
                output.number(format!("first peak of g, {pair}"), at, output.unit("length"));
            }
        }
        output.curve("g total".into(), total.r.iter().copied().zip(total.g.iter().copied()));
        let rows: Vec<Vec<f64>> = (0..total.r.len())
            .map(|k| {
                let mut row = vec![total.r[k], total.g[k]];
                row.extend(partials.iter().flat_map(|p| [p.g[k], p.running[k]]));
                row
            })
            .collect();
        output.table("radial", &header, &rows)?;
        let r = output.label("r", "length");
        let mut g = Figure::new("", r.clone(), "g(r)").y_range(0.0, 8.0);
        let mut n = Figure::new("", r, "n(r)").y_range(0.0, 16.0);
        for p in &partials {
            let curve = |y: &[f64]| p.r.iter().copied().zip(y.iter().copied()).collect();
            g = g.line(p.species.join("–"), curve(&p.g));
            n = n.line(format!("{} around {}", p.species[1], p.species[0]), curve(&p.running));
        }
        output.picture(
            "radial",
            &g,
            "peaks are shells of neighbours; 1 is a random arrangement",
        )?;
        output.picture(
            "running-coordination",
            &n,
            "a plateau is a complete shell: its height is the coordination number",
        )?;
        self.write_reduced(rdf, &partials, output)
    }
}
