//! Structure factors summed over the wave vectors of the box, for neutrons and X-rays.

use super::{Analysis, Output};
use crate::analysis::{DirectStructureFactor, Radiation, pair_index, weighted_total};
use crate::error::Result;
use crate::io::Frame;
use crate::plot::Figure;

/// Sines a frame may take: small structures are averaged over many directions, large ones, which
/// average over their own, over few.
const SINES: usize = 120_000_000;

/// Partial and total S(Q).
#[derive(Debug)]
pub struct Scattering {
    longest: f64,
    width: f64,
    species: Vec<String>,
    fractions: Vec<f64>,
    sums: Option<DirectStructureFactor>,
}

impl Scattering {
    /// Wave vectors up to `longest` in bins of `width` (metal: 1/Å).
    pub fn new(longest: f64, width: f64) -> Self {
        Self { longest, width, species: Vec::new(), fractions: Vec::new(), sums: None }
    }
}

impl Analysis for Scattering {
    fn name(&self) -> &'static str {
        "scattering"
    }

    fn accumulate(&mut self, frame: &Frame) -> Result<()> {
        let structure = &frame.structure;
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
        sums.add(structure);
        Ok(())
    }

    fn finish(&mut self, output: &mut Output) -> Result<()> {
        let Some(sums) = &self.sums else { return Ok(()) };
        let partials = sums.partials();
        let kinds = self.species.len();
        let q = output.reciprocal_label("Q", "length");
        let mut header = vec![q.clone()];
        let mut rows: Vec<Vec<f64>> = partials.iter().map(|(q, _)| vec![*q]).collect();
        let mut picture = Figure::new("", q, "S(Q)");
        for radiation in [Radiation::Neutron, Radiation::Xray, Radiation::Number] {
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
                    picture = picture.line(radiation.name(), total);
                }
                Err(error) => output.remark(format!("left out: {error}")),
            }
        }
        for a in 0..kinds {
            for b in a..kinds {
                header.push(format!("A {}-{}", self.species[a], self.species[b]));
                let place = pair_index(a, b, kinds);
                rows.iter_mut().zip(&partials).for_each(|(row, (_, p))| row.push(p[place]));
            }
        }
        output.table("scattering", &header, &rows)?;
        output.picture(
            "scattering",
            &picture,
            "what a diffraction experiment sees; the first sharp peak is medium-range order",
        )
    }
}
