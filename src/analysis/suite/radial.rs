//! Partial and total g(r) with running coordination and the reduced G(r), of all frames.

use serde::{Deserialize, Serialize};

use super::{Analysis, AnalysisKind, AnalysisPlan, Output, View};
use crate::analysis::{Amplitudes, PairRdf, PartialRdf, Radiation, reduced_from_g, weighted_total};
use crate::error::Result;
use crate::plot::Figure;

/// g(r) and n(r) of every pair of species, and G(r) as neutrons and X-rays weigh it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Radial {
    cutoff: f64,
    bin: f64,
    radiations: Vec<Radiation>,
    amplitudes: Amplitudes,
    fractions: Vec<(String, f64)>,
    /// Width of the box: images of an atom itself are not nearer.
    own_images: f64,
    rdf: Option<PartialRdf>,
}

impl Radial {
    /// Up to the plan's cutoff (with periodic images beyond half the box) in bins of about `bin`.
    pub fn new(plan: &AnalysisPlan) -> Self {
        let cutoff = plan.radial_cutoff();
        let bin = plan.radial.bin.unwrap_or(cutoff / 500.0);
        Self {
            cutoff,
            bin,
            radiations: plan.radiations(),
            amplitudes: plan.scattering.amplitudes(),
            fractions: Vec::new(),
            own_images: f64::INFINITY,
            rdf: None,
        }
    }

    /// What turns n(r), second species around the first, into that of the first around the second:
    /// N_a/N_b. `None` for a pair of one species.
    fn turned(&self, pair: &PairRdf) -> Option<f64> {
        let share = |name: &str| self.fractions.iter().find(|f| f.0 == name).map(|f| f.1);
        let [a, b] = &pair.species;
        (a != b).then(|| Some(share(a)? / share(b)?)).flatten()
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
            let amplitudes: Result<Vec<f64>> = self
                .fractions
                .iter()
                .map(|(name, share)| match *share > 0.0 {
                    true => self.amplitudes.of(*radiation, name, 0.0),
                    // Nothing scatters by a species without atoms.
                    false => Ok(0.0),
                })
                .collect();
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
            if g.iter().any(|g| !g.is_finite()) {
                output.remark(format!("left out of G(r): the mean amplitude of {name} is zero"));
                continue;
            }
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

/// Keeps a G(r) that references may be compared with.
fn keep_reduced(output: &mut Output, name: &str, of: &PairRdf, density: f64) {
    let reduced = reduced_from_g(&of.r, &of.g, density);
    output.curve(format!("G {name}"), of.r.iter().copied().zip(reduced));
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
        self.own_images = self.own_images.min(2.0 * structure.simulation_box.longest_cutoff());
        let counted = view.backend.pair_counts(structure, rdf.cutoff(), rdf.bins())?;
        rdf.add_counts(&counted, structure);
        Ok(())
    }

    fn finish(&self, output: &mut Output) -> Result<()> {
        let Some(rdf) = &self.rdf else { return Ok(()) };
        let (total, partials) = (rdf.total(), rdf.partials());
        let mut header =
            vec![output.label("r", "length"), "g total".to_owned(), "n total".to_owned()];
        for p in &partials {
            let pair = p.species.join("-");
            keep_reduced(output, &pair, p, rdf.number_density());
            header.extend([format!("g {pair}"), format!("n {pair}")]);
            if p.species[0] != p.species[1] {
                header.push(format!("n {}-{}", p.species[1], p.species[0]));
            }
            output.curve(format!("g {pair}"), p.r.iter().copied().zip(p.g.iter().copied()));
            // Among atoms of one species an image of oneself is no shell of neighbours.
            let within =
                if p.species[0] == p.species[1] { self.own_images - self.bin } else { f64::MAX };
            if let Some((at, _)) = p.first_peak().filter(|(at, _)| *at < within) {
                output.number(format!("first peak of g, {pair}"), at, output.unit("length"));
            }
        }
        keep_reduced(output, "total", &total, rdf.number_density());
        output.curve("g total".into(), total.r.iter().copied().zip(total.g.iter().copied()));
        let rows: Vec<Vec<f64>> = (0..total.r.len())
            .map(|k| {
                let mut row = vec![total.r[k], total.g[k], total.running[k]];
                for p in &partials {
                    row.extend([p.g[k], p.running[k]]);
                    row.extend(self.turned(p).map(|n| n * p.running[k]));
                }
                row
            })
            .collect();
        output.table("radial", &header, &rows)?;
        let r = output.label("r", "length");
        let curve = |x: &PairRdf, y: &[f64], factor: f64| -> Vec<(f64, f64)> {
            x.r.iter().copied().zip(y.iter().map(|y| factor * y)).collect()
        };
        let mut g: Vec<_> =
            partials.iter().map(|p| (p.species.join("–"), curve(p, &p.g, 1.0))).collect();
        g.push(("total".to_owned(), curve(&total, &total.g, 1.0)));
        let (picture, cut) = below(8.0, Figure::new("", r.clone(), "g(r)"), g);
        let reading = "peaks are shells of neighbours; 1 is a random arrangement";
        output.picture("radial", &picture, &format!("{reading}{cut}"))?;
        let mut picture = Figure::new("", r, "n(r)");
        let most = total.running.last().copied().unwrap_or(0.0);
        let (limit, mut cut) = (16.0, "");
        if most > limit {
            picture = picture.y_range(0.0, limit);
            cut = "; cut off at 16";
        }
        for p in &partials {
            let name = format!("{} around {}", p.species[1], p.species[0]);
            picture = picture.line(name, curve(p, &p.running, 1.0));
        }
        picture = picture.line("all around all", curve(&total, &total.running, 1.0));
        // The other way round dashed, in the pair's colour.
        for (own, p) in partials.iter().enumerate() {
            if let Some(factor) = self.turned(p) {
                let name = format!("{} around {}", p.species[0], p.species[1]);
                picture = picture.dashed(name, curve(p, &p.running, factor)).same_color_as(own);
            }
        }
        let reading = "a plateau is a complete shell: its height is the coordination number";
        output.picture("running-coordination", &picture, &format!("{reading}{cut}"))?;
        self.write_reduced(rdf, &partials, output)
    }
}

/// Curves that are cut at `limit`, where anything reaches it: the first peak of a network is many
/// times higher than all that follows. Says what is cut and how high it goes.
fn below(
    limit: f64,
    mut figure: Figure,
    curves: Vec<(String, Vec<(f64, f64)>)>,
) -> (Figure, String) {
    let mut higher = Vec::new();
    for (name, points) in curves {
        let top = points.iter().map(|p| p.1).fold(0.0, f64::max);
        if top > limit {
            higher.push(format!("{name} reaches {top:.1}"));
        }
        figure = figure.line(name, points);
    }
    if higher.is_empty() {
        return (figure, String::new());
    }
    (figure.y_range(0.0, limit), format!("; cut off at {limit}, {}", higher.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_off_is_said() {
        let peak = |top: f64| vec![(0.0, 0.0), (1.0, top), (2.0, 1.0)];
        let figure = || Figure::new("", "r", "g");
        let (low, cut) = below(8.0, figure(), vec![("A–B".into(), peak(5.0))]);
        assert_eq!(cut, "");
        // The first curve in one piece, and its sample in the legend.
        let pieces = |f: &Figure| f.svg().expect("drawn").matches("#BE3C28").count();
        let whole = pieces(&low);
        let curves = vec![("A–B".into(), peak(31.04)), ("A–A".into(), peak(5.0))];
        let (high, cut) = below(8.0, figure(), curves);
        assert_eq!(cut, "; cut off at 8, A–B reaches 31.0");
        assert_eq!(pieces(&high), whole + 1, "two flanks");
    }
}
