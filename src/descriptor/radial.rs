//! Gaussian radial functions without a cutoff function, the features of softness.
//!
//! G(i; R) = Σ_j exp[−(r_ij − R)²/L²] over the neighbours j of one group closer than the cutoff.
//! Two conventions of the width are in use, and the keys keep them apart:
//! - `L`: exp[−(r−R)²/L²], as in Liu, Smedskjaer, Bauchy, Phys. Rev. B 106, 214206 (2022),
//!   doi:10.1103/PhysRevB.106.214206;
//! - `delta`: exp[−(r−R)²/(2δ²)], as in Cubuk et al., Phys. Rev. Lett. 114, 108001 (2015),
//!   doi:10.1103/PhysRevLett.114.108001, and Boattini et al. (2021). δ = L/√2.
//!
//! At the cutoff a neighbour's term jumps by exp[−(cutoff−R)²/L²]: keep the cutoff some widths
//! beyond the largest R where that matters.

use super::entry::{Entry, numbers};
use super::{Descriptor, Group, Kernel, Neighborhood, RadialFunction};
use crate::error::Result;

#[derive(Debug)]
struct Radial {
    groups: Vec<Group>,
    cutoff: f64,
    width: Width,
    r: Vec<f64>,
}

#[derive(Debug, Clone, Copy)]
enum Width {
    L(f64),
    Delta(f64),
}

pub(super) fn read(entry: &Entry) -> Result<Box<dyn Descriptor>> {
    let width = match (entry.optional_positive("L")?, entry.optional_positive("delta")?) {
        (Some(l), None) => Width::L(l),
        (None, Some(delta)) => Width::Delta(delta),
        _ => {
            return Err(entry.error(
                "L",
                "exactly one of `L` and `delta` gives the width",
                "give L for exp(-(r-R)^2/L^2), or delta for exp(-(r-R)^2/(2 delta^2))",
            ));
        }
    };
    let groups = entry.groups()?;
    Ok(Box::new(Radial { groups, cutoff: entry.positive("cutoff")?, width, r: entry.grid("r")? }))
}

impl Radial {
    fn eta(&self) -> f64 {
        match self.width {
            Width::L(l) => 1.0 / (l * l),
            Width::Delta(delta) => 0.5 / (delta * delta),
        }
    }
}

impl Descriptor for Radial {
    fn cutoff(&self) -> f64 {
        self.cutoff
    }

    fn groups(&self) -> &[Group] {
        &self.groups
    }

    fn definition(&self) -> toml::Table {
        let (key, width) = match self.width {
            Width::L(l) => ("L", l),
            Width::Delta(delta) => ("delta", delta),
        };
        toml::Table::from_iter([
            ("cutoff".to_owned(), self.cutoff.into()),
            (key.to_owned(), width.into()),
            ("r".to_owned(), numbers(&self.r)),
        ])
    }

    fn columns(&self, centre: &str) -> Vec<String> {
        let width = match self.width {
            Width::L(l) => format!("L={l}"),
            Width::Delta(delta) => format!("delta={delta}"),
        };
        let mut columns = Vec::new();
        for group in &self.groups {
            for r in &self.r {
                // Two decimals, so that columns read evenly, and more where they are needed.
                let short = format!("{r:.2}");
                let r = if short.parse() == Ok(*r) { short } else { r.to_string() };
                columns.push(format!("radial {centre}-{} r={r} {width}", group.label()));
            }
        }
        columns
    }

    fn sums(&self, around: &Neighborhood, sums: &mut [f64]) {
        let eta = self.eta();
        for (g, sums) in sums.chunks_mut(self.r.len()).enumerate() {
            for neighbor in around.of(g) {
                for (sum, centre) in sums.iter_mut().zip(&self.r) {
                    *sum += (-eta * (neighbor.r - centre).powi(2)).exp();
                }
            }
        }
    }

    fn kernel(&self) -> Option<Kernel> {
        let functions =
            self.r.iter().map(|&centre| RadialFunction { centre, eta: self.eta() }).collect();
        Some(Kernel::Radial { functions, cutoff_function: false })
    }
}
