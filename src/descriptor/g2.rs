//! Behler's radial symmetry function.
//!
//! G²_i = Σ_j exp[−η (r_ij − R_s)²] f_c(r_ij), f_c = ½[cos(πr/R_c) + 1]: smooth, and zero at the
//! cutoff. Behler, J. Chem. Phys. 134, 074106 (2011), doi:10.1063/1.3553717.

use super::angular::cutoff_function;
use super::entry::{Entry, numbers};
use super::{Descriptor, Group, Kernel, Neighborhood, RadialFunction};
use crate::error::Result;

#[derive(Debug)]
struct G2 {
    groups: Vec<Group>,
    cutoff: f64,
    eta: Vec<f64>,
    r_s: Vec<f64>,
}

pub(super) fn read(entry: &Entry) -> Result<Box<dyn Descriptor>> {
    let eta = entry.grid("eta")?;
    if eta.iter().any(|&e| e < 0.0) {
        return Err(entry.error("eta", "`eta` must not be negative", "give eta in Å⁻²"));
    }
    Ok(Box::new(G2 {
        groups: entry.groups()?,
        cutoff: entry.positive("cutoff")?,
        eta,
        r_s: if entry.has("r_s") { entry.grid("r_s")? } else { vec![0.0] },
    }))
}

impl G2 {
    fn functions(&self) -> Vec<RadialFunction> {
        let each = |&eta: &f64| self.r_s.iter().map(move |&centre| RadialFunction { centre, eta });
        self.eta.iter().flat_map(each).collect()
    }
}

impl Descriptor for G2 {
    fn cutoff(&self) -> f64 {
        self.cutoff
    }

    fn groups(&self) -> &[Group] {
        &self.groups
    }

    fn definition(&self) -> toml::Table {
        toml::Table::from_iter([
            ("cutoff".to_owned(), self.cutoff.into()),
            ("eta".to_owned(), numbers(&self.eta)),
            ("r_s".to_owned(), numbers(&self.r_s)),
        ])
    }

    fn columns(&self, centre: &str) -> Vec<String> {
        let mut columns = Vec::new();
        for group in &self.groups {
            for f in self.functions() {
                columns.push(format!(
                    "g2 {centre}-{} eta={} r_s={} rc={}",
                    group.label(),
                    f.eta,
                    f.centre,
                    self.cutoff
                ));
            }
        }
        columns
    }

    fn sums(&self, around: &Neighborhood, sums: &mut [f64]) {
        let functions = self.functions();
        for (g, sums) in sums.chunks_mut(functions.len()).enumerate() {
            for neighbor in around.of(g) {
                let fc = cutoff_function(neighbor.r, self.cutoff);
                for (sum, f) in sums.iter_mut().zip(&functions) {
                    *sum += (-f.eta * (neighbor.r - f.centre).powi(2)).exp() * fc;
                }
            }
        }
    }

    fn kernel(&self) -> Option<Kernel> {
        Some(Kernel::Radial { functions: self.functions(), cutoff_function: true })
    }
}
