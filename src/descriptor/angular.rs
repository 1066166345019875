//! What the angular descriptors share: sums over triangles of a centre and two neighbours.

use super::entry::Entry;
use super::plan::Group;
use super::{AngularFunction, Descriptor, Kernel, Neighborhood};
use crate::error::Result;

/// f_c(r) = ½[cos(πr/R_c) + 1], and 0 beyond R_c. Behler, J. Chem. Phys. 134, 074106 (2011),
/// doi:10.1063/1.3553717.
pub(super) fn cutoff_function(r: f64, cutoff: f64) -> f64 {
    if r < cutoff { 0.5 * ((std::f64::consts::PI * r / cutoff).cos() + 1.0) } else { 0.0 }
}

/// For each pair of groups a ≤ b each function's sum over pairs of neighbours: unordered pairs in
/// one group, every j of a with every other k of b in two.
#[derive(Debug)]
pub(super) struct Angular {
    /// First word of the columns.
    pub kind: &'static str,
    pub groups: Vec<Group>,
    pub cutoff: f64,
    /// r_jk² is in the exponent.
    pub third_side: bool,
    /// Behler's cutoff function of every distance in the exponent.
    pub smooth: bool,
    pub functions: Vec<AngularFunction>,
    /// Parameters of each function, for the columns.
    pub labels: Vec<String>,
    pub definition: toml::Table,
}

impl Angular {
    /// G4 (`third_side`) or G5: the product of the lists `eta`, `zeta` and `lambda`.
    pub fn read_behler(entry: &Entry, kind: &'static str, third_side: bool) -> Result<Self> {
        let cutoff = entry.positive("cutoff")?;
        let (etas, zetas) = (entry.grid("eta")?, entry.grid("zeta")?);
        let lambdas = if entry.has("lambda") { entry.grid("lambda")? } else { vec![1.0, -1.0] };
        let mut functions = Vec::new();
        let mut labels = Vec::new();
        for &eta in &etas {
            for &zeta in &zetas {
                for &lambda in &lambdas {
                    check_function(entry, eta, lambda, zeta)?;
                    let scale = 2f64.powf(1.0 - zeta);
                    functions.push(AngularFunction { eta, lambda, zeta, scale, scale_same: scale });
                    labels.push(format!("eta={eta} zeta={zeta} lambda={lambda} rc={cutoff}"));
                }
            }
        }
        let definition = toml::Table::from_iter([
            ("cutoff".to_owned(), cutoff.into()),
            ("eta".to_owned(), super::entry::numbers(&etas)),
            ("zeta".to_owned(), super::entry::numbers(&zetas)),
            ("lambda".to_owned(), super::entry::numbers(&lambdas)),
        ]);
        let groups = entry.groups()?;
        Ok(Self { kind, groups, cutoff, third_side, smooth: true, functions, labels, definition })
    }
}

/// Error for parameters that are out of range.
pub(super) fn check_function(entry: &Entry, eta: f64, lambda: f64, zeta: f64) -> Result<()> {
    if !(eta >= 0.0) || lambda.abs() != 1.0 || !(0.0..=100.0).contains(&zeta) {
        return Err(entry.error(
            "zeta",
            format!("η = {eta}, λ = {lambda}, ζ = {zeta} is not an angular function"),
            "give η ≥ 0, λ = 1 or −1, and ζ between 0 and 100: (1 + λ cos θ)^ζ beyond it is no single-precision number",
        ));
    }
    Ok(())
}

impl Descriptor for Angular {
    fn cutoff(&self) -> f64 {
        self.cutoff
    }

    fn groups(&self) -> &[Group] {
        &self.groups
    }

    fn definition(&self) -> toml::Table {
        self.definition.clone()
    }

    fn columns(&self, centre: &str) -> Vec<String> {
        let mut columns = Vec::new();
        for a in 0..self.groups.len() {
            for b in a..self.groups.len() {
                for label in &self.labels {
                    let (a, b) = (self.groups[a].label(), self.groups[b].label());
                    columns.push(format!("{} {centre}-{a}-{b} {label}", self.kind));
                }
            }
        }
        columns
    }

    fn sums_len(&self) -> usize {
        let groups = self.groups.len();
        groups * (groups + 1) / 2 * self.functions.len()
    }

    fn sums(&self, around: &Neighborhood, sums: &mut [f64]) {
        let neighbors = around.neighbors;
        let mut blocks = sums.chunks_mut(self.functions.len());
        for a in 0..self.groups.len() {
            for b in a..self.groups.len() {
                let Some(sums) = blocks.next() else { return };
                for (p, j) in neighbors.iter().enumerate() {
                    if j.groups >> a & 1 == 0 {
                        continue;
                    }
                    for (q, k) in neighbors.iter().enumerate() {
                        if k.groups >> b & 1 == 0 || p == q || (a == b && q < p) {
                            continue;
                        }
                        let dot = j.d[0] * k.d[0] + j.d[1] * k.d[1] + j.d[2] * k.d[2];
                        let cosine = (dot / (j.r * k.r)).clamp(-1.0, 1.0);
                        let mut square = j.r * j.r + k.r * k.r;
                        let third: f64 = (0..3).map(|x| (j.d[x] - k.d[x]).powi(2)).sum();
                        if self.third_side {
                            square += third;
                        }
                        let mut factor = 1.0;
                        if self.smooth {
                            factor = cutoff_function(j.r, self.cutoff)
                                * cutoff_function(k.r, self.cutoff);
                            if self.third_side {
                                factor *= cutoff_function(third.sqrt(), self.cutoff);
                            }
                        }
                        for (sum, f) in sums.iter_mut().zip(&self.functions) {
                            let scale = if a == b { f.scale_same } else { f.scale };
                            *sum += scale
                                * factor
                                * (1.0 + f.lambda * cosine).powf(f.zeta)
                                * (-f.eta * square).exp();
                        }
                    }
                }
            }
        }
    }

    fn kernel(&self) -> Option<Kernel> {
        Some(Kernel::Angular {
            functions: self.functions.clone(),
            third_side: self.third_side,
            cutoff_function: self.smooth,
        })
    }
}
