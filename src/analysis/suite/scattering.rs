//! Structure factors summed over the wave vectors of the box, for neutrons and X-rays, and the
//! reduced G(r) that an experiment would get from them.

use serde::{Deserialize, Serialize};

use super::{Analysis, AnalysisKind, AnalysisPlan, Output, View};
use crate::analysis::{
    DirectStructureFactor, Radiation, pair_index, reduced_from_structure_factor, weighted_total,
};
use crate::error::Result;
use crate::plot::Figure;

/// Sines a frame may take: small structures are averaged over many directions, large ones, which
/// average over their own, over few.
const SINES: usize = 120_000_000;

/// Partial and total S(Q).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Scattering {
    longest: f64,
    width: f64,
    lorch: bool,
    /// Distances of the reduced G(r).
    r_max: f64,
    radiations: Vec<Radiation>,
    species: Vec<String>,
    fractions: Vec<f64>,
    sums: Option<DirectStructureFactor>,
}

impl Scattering {
    /// Wave vectors as the plan says.
    pub fn new(plan: &AnalysisPlan) -> Self {
        Self {
            longest: plan.longest_wave_vector(),
            width: plan.scattering.bin,
            lorch: plan.scattering.lorch,
            r_max: plan.radial_cutoff(),
            radiations: plan.scattering.radiations.clone(),
            species: Vec::new(),
            fractions: Vec::new(),
            sums: None,
        }
    }

    fn write_reduced(
        &self,
        totals: &[(Radiation, Vec<(f64, f64)>)],
        output: &mut Output,
    ) -> Result<()> {
        let r: Vec<f64> = (1..=500).map(|k| f64::from(k) / 500.0 * self.r_max).collect();
        let label = output.label("r", "length");
        let unit = output.reciprocal_square("length");
        let mut header = vec![label.clone()];
        let mut rows: Vec<Vec<f64>> = r.iter().map(|&r| vec![r]).collect();
        let mut picture = Figure::new("", label, format!("G(r){unit}"));
        for (radiation, total) in totals {
            let g = reduced_from_structure_factor(total, self.lorch, &r);
            let name = radiation.name();
            output.curve(format!("G(S) {name}"), r.iter().copied().zip(g.iter().copied()));
            header.push(format!("G {name}{unit}"));
            rows.iter_mut().zip(&g).for_each(|(row, g)| row.push(*g));
            picture = picture.line(name, r.iter().copied().zip(g).collect());
        }
        output.table("reduced-from-scattering", &header, &rows)?;
        output.picture(
            "reduced-from-scattering",
            &picture,
            "G(r) as an experiment gets it from S(Q) up to its longest Q: broader peaks, ripples of the cut",
        )
    }
}

impl Analysis for Scattering {
    fn kind(&self) -> AnalysisKind {
        AnalysisKind::Scattering
    }

    fn accumulate(&mut self, view: &View<'_>) -> Result<()> {
        let structure = view.structure;
        let sums = match &mut self.sums {
            Some(sums) => sums,
            none => {
                self.species = structure.species.iter().map(|s| s.name.clone()).collect();
                let n = structure.len() as f64;
                self.fractions = structure.counts().iter().map(|&c| c as f64 / n).collect();
                let bins = (self.longest / self.width).ceil().max(1.0) as usize;
                let each = SINES / bins.saturating_mul(structure.len()).max(1);
                none.insert(DirectStructureFactor::new(
                    structure,
                    self.longest,
                    self.width,
                    each.clamp(8, 400),
                )?)
            }
        };
        let densities = view.backend.density_waves(structure, &sums.wave_vectors())?;
        sums.add_waves(structure, &densities)
    }

    fn finish(&self, output: &mut Output) -> Result<()> {
        let Some(sums) = &self.sums else { return Ok(()) };
        let partials = sums.partials();
        let kinds = self.species.len();
        let q = output.reciprocal_label("Q", "length");
        let mut header = vec![q.clone()];
        let mut rows: Vec<Vec<f64>> = partials.iter().map(|(q, _)| vec![*q]).collect();
        let mut picture = Figure::new("", q, "S(Q)");
        let mut totals = Vec::new();
        for &radiation in &self.radiations {
            let total = partials
                .iter()
                .map(|(q, a)| {
                    let amplitudes = self
                        .species
                        .iter()
                        .map(|name| radiation.amplitude(name, *q))
                        .collect::<Result<Vec<f64>>>()?;
                    let partial = |x, y| a[pair_index(x, y, kinds)];
                    Ok((*q, weighted_total(&amplitudes, &self.fractions, partial)))
                })
                .collect::<Result<Vec<(f64, f64)>>>();
            match total {
                Ok(total) => {
                    header.push(format!("S {}", radiation.name()));
                    rows.iter_mut().zip(&total).for_each(|(row, (_, s))| row.push(*s));
                    output.curve(format!("S {}", radiation.name()), total.iter().copied());
                    picture = picture.line(radiation.name(), total.clone());
                    totals.push((radiation, total));
                }
                Err(error) => output.remark(format!("left out: {error}")),
            }
        }
        for a in 0..kinds {
            for b in a..kinds {
                let pair = format!("{}-{}", self.species[a], self.species[b]);
                let place = pair_index(a, b, kinds);
                rows.iter_mut().zip(&partials).for_each(|(row, (_, p))| row.push(p[place]));
                output.curve(format!("S {pair}"), partials.iter().map(|(q, p)| (*q, p[place])));
                header.push(format!("A {pair}"));
            }
        }
        output.table("scattering", &header, &rows)?;
        output.picture(
            "scattering",
            &picture,
            "what a diffraction experiment sees; the first sharp peak is medium-range order",
        )?;
        self.write_reduced(&totals, output)
    }
}
