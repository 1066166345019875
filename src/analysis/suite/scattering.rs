//! Structure factors summed over the wave vectors of the box, for neutrons and X-rays, and the
//! reduced G(r) that an experiment would get from them.

use serde::{Deserialize, Serialize};

use super::{Analysis, AnalysisKind, AnalysisPlan, Output, View};
use crate::analysis::{
    Amplitudes, DirectStructureFactor, LONGEST_FORM_FACTOR, Radiation, pair_index,
    reduced_from_structure_factor, vectors_per_bin, weighted_total, widening_bins,
};
use crate::error::Result;
use crate::plot::Figure;
use crate::system::UnitSystem;

/// Partial and total S(Q).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Scattering {
    longest: f64,
    width: f64,
    lorch: bool,
    /// Distances of the reduced G(r).
    r_max: f64,
    radiations: Vec<Radiation>,
    amplitudes: Amplitudes,
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
            radiations: plan.radiations(),
            amplitudes: plan.scattering.amplitudes(),
            species: Vec::new(),
            fractions: Vec::new(),
            sums: None,
        }
    }

    /// Species that have atoms.
    fn present(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.species.len()).filter(|&kind| self.fractions[kind] > 0.0)
    }

    /// Says where the tables of form factors end; false where they cannot be used.
    fn tabulated(&self, output: &mut Output) -> bool {
        let given = |name: &String| self.amplitudes.form_factors.contains_key(name);
        if self.present().all(|kind| given(&self.species[kind])) {
            return true;
        }
        if output.units().system == UnitSystem::Lj {
            output.remark(
                "left out: X-ray form factors depend on Q in 1/Å, which reduced units do not have",
            );
            return false;
        }
        if self.longest > LONGEST_FORM_FACTOR {
            output.remark(format!(
                "X-ray form factors are known up to Q = {LONGEST_FORM_FACTOR:.1} 1/Å; do not trust \
                 S xray beyond"
            ));
        }
        true
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
                let edges = widening_bins(self.longest, self.width)?;
                let each = vectors_per_bin(structure, &edges);
                none.insert(DirectStructureFactor::with_bins(structure, edges, each)?)
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
        for stranger in self.amplitudes.strangers(&self.species) {
            output.remark(format!(
                "[scattering] says what {stranger} scatters, but there is no {stranger}"
            ));
        }
        for &radiation in &self.radiations {
            if radiation == Radiation::Xray && !self.tabulated(output) {
                continue;
            }
            let total = partials
                .iter()
                .map(|(q, a)| {
                    let mut amplitudes = vec![0.0; kinds];
                    for kind in self.present() {
                        amplitudes[kind] =
                            self.amplitudes.of(radiation, &self.species[kind], *q)?;
                    }
                    let partial = |x, y| a[pair_index(x, y, kinds)];
                    Ok((*q, weighted_total(&amplitudes, &self.fractions, partial)))
                })
                .collect::<Result<Vec<(f64, f64)>>>();
            match total {
                Ok(total) if total.iter().any(|(_, s)| !s.is_finite()) => output.remark(format!(
                    "left out: the mean amplitude of {} is zero, which S is measured by",
                    radiation.name()
                )),
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
        for a in self.present() {
            for b in self.present().filter(|&b| b >= a) {
                let pair = format!("{}-{}", self.species[a], self.species[b]);
                let place = pair_index(a, b, kinds);
                rows.iter_mut().zip(&partials).for_each(|(row, (_, p))| row.push(p[place]));
                output.curve(format!("S {pair}"), partials.iter().map(|(q, p)| (*q, p[place])));
                header.push(format!("A {pair}"));
            }
        }
        // How noisy a bin is: S of n vectors and one frame has the standard error S/√n.
        header.push("wave vectors".to_owned());
        let numbers = sums.vectors_in_bins();
        rows.iter_mut().zip(&numbers).for_each(|(row, n)| row.push(*n as f64));
        output.table("scattering", &header, &rows)?;
        output.picture(
            "scattering",
            &picture,
            "what a diffraction experiment sees; the first sharp peak is medium-range order",
        )?;
        self.write_reduced(&totals, output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::suite::Suite;
    use crate::backend::cpu::CpuBackend;
    use crate::system::{RandomStream, SimulationBox, Species, Stream, Structure, Units};

    /// S of an ideal gas is 1: what its bins are off by is the noise that any glass has too.
    #[test]
    fn bins_at_long_wave_vectors_are_quiet() {
        let stream = RandomStream::new(2, Stream::Sampling);
        let cell = SimulationBox::cubic(34.0).expect("cube");
        let place = |i| cell.to_cartesian([0, 1, 2].map(|lane| stream.uniform(0, i, lane)));
        let positions = (0..3000).map(place).collect();
        let species = vec![Species { name: "Ar".into(), mass: None }];
        let gas = Structure::new(cell, species, vec![0; 3000], positions).expect("sound");
        let plan = AnalysisPlan {
            analyses: Some(vec![AnalysisKind::Scattering]),
            ..AnalysisPlan::default()
        };
        let mut suite = Suite::new(&plan).expect("sound");
        suite.accumulate(&gas, &CpuBackend::new(), |_| ()).expect("summed");
        let directory = tempfile::tempdir().expect("a directory");
        let mut output = Output::create(directory.path(), Units::METAL).expect("empty");
        suite.finish(&mut output).expect("written");
        let curve = output.found_curve("S number").expect("a curve");
        let far: Vec<f64> = curve.iter().filter(|(q, _)| *q > 10.0).map(|p| p.1 - 1.0).collect();
        let noise = (far.iter().map(|x| x * x).sum::<f64>() / far.len() as f64).sqrt();
        assert!(far.len() > 30 && noise < 0.035, "{noise} in {} bins", far.len());
        // Near the first peak the bins are as narrow as before.
        let near: Vec<f64> = curve.iter().map(|p| p.0).filter(|q| (1.5..3.5).contains(q)).collect();
        assert_eq!(near.len(), 20);
    }
}
