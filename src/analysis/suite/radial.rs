//! Partial and total g(r) with running coordination, of all frames.

use super::{Analysis, Output};
use crate::analysis::PartialRdf;
use crate::error::Result;
use crate::io::Frame;
use crate::plot::Figure;

/// g(r) and n(r) of every pair of species.
#[derive(Debug)]
pub struct Radial {
    cutoff: f64,
    bin: f64,
    rdf: Option<PartialRdf>,
}

impl Radial {
    /// Up to `cutoff` (with periodic images beyond half the box) in bins of about `bin`.
    pub fn new(cutoff: f64, bin: f64) -> Self {
        Self { cutoff, bin, rdf: None }
    }
}

impl Analysis for Radial {
    fn name(&self) -> &'static str {
        "radial"
    }

    fn accumulate(&mut self, frame: &Frame) -> Result<()> {
        let rdf = match &mut self.rdf {
            Some(rdf) => rdf,
            none => none.insert(PartialRdf::with_images(&frame.structure, self.cutoff, self.bin)?),
        };
        rdf.add(&frame.structure)
    }

    fn finish(&mut self, output: &mut Output) -> Result<()> {
        let Some(rdf) = &self.rdf else { return Ok(()) };
        let (total, partials) = (rdf.total(), rdf.partials());
        let mut header = vec![output.label("r", "length"), "g total".to_owned()];
        for p in &partials {
            let pair = p.species.join("-");
            header.extend([format!("g {pair}"), format!("n {pair}")]);
        }
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
        )
    }
}
