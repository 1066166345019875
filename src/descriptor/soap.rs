//! The power spectrum of smooth overlaps of atomic positions (SOAP), with DScribe's definition
//! and order.
//!
//! ρ_Z(r) = Σ_{j∈Z} exp(−|r − r_ij|²/2σ²), c_nlm = ∫ g_nl(r) Y_lm(r̂) ρ(r) d³r in the GTO basis, and
//! p^{ZZ'}_{nn'l} = π √(8/(2l+1)) Σ_m c^Z_nlm c^{Z'}_n'lm.
//! Neighbours count up to cutoff + σ√(−2 ln 10⁻³), where their Gaussian has fallen to 10⁻³, without a
//! smooth cutoff; the centre itself counts if its species is named. Order: species pairs Z ≤ Z' (by atomic
//! number where all names are elements, else as written), then l, n, n' (n' ≥ n for Z = Z').
//! Bartók, Kondor, Csányi, Phys. Rev. B 87, 184115 (2013), doi:10.1103/PhysRevB.87.184115; Himanen et
//! al., Comput. Phys. Commun. 247, 106949 (2020), doi:10.1016/j.cpc.2019.106949.

use super::entry::Entry;
use super::harmonics::RealHarmonics;
use super::soap_basis::GtoBasis;
use super::{Descriptor, Group, Kernel, Neighborhood, SoapKernel};
use crate::error::Result;
use crate::system::atomic_number;

/// Rows of the kernels' table in one σ: cubic interpolation errs by less than 1e-7 of the largest.
const ROWS_PER_SIGMA: f64 = 40.0;

#[derive(Debug)]
struct Soap {
    groups: Vec<Group>,
    cutoff: f64,
    sigma: f64,
    n_max: usize,
    l_max: usize,
    basis: GtoBasis,
    harmonics: RealHarmonics,
}

pub(super) fn read(entry: &Entry) -> Result<Box<dyn Descriptor>> {
    let cutoff = entry.positive("cutoff")?;
    if cutoff <= 1.0 {
        return Err(entry.error(
            "cutoff",
            format!("the basis begins at 1, which a cutoff of {cutoff} does not reach"),
            "give a cutoff greater than 1",
        ));
    }
    let sigma = entry.optional_positive("sigma")?.unwrap_or(1.0);
    let (n_max, l_max) = (entry.integer("n_max", 1..=24)?, entry.integer("l_max", 0..=12)?);
    let mut groups = entry.groups()?;
    let number = |g: &Group| match g.species() {
        [one] => atomic_number(one),
        _ => None,
    };
    if groups.iter().all(|g| number(g).is_some()) {
        groups.sort_by_key(number);
    }
    let basis = GtoBasis::new(n_max, l_max, cutoff, sigma).ok_or_else(|| {
        entry.error(
            "n_max",
            format!("{n_max} radial functions within {cutoff} are too alike to be orthonormalised"),
            "give a smaller n_max",
        )
    })?;
    let harmonics = RealHarmonics::new(l_max);
    Ok(Box::new(Soap { groups, cutoff, sigma, n_max, l_max, basis, harmonics }))
}

impl Soap {
    fn coefficients(&self) -> usize {
        self.n_max * (self.l_max + 1).pow(2)
    }
}

impl Descriptor for Soap {
    fn cutoff(&self) -> f64 {
        self.cutoff + self.sigma * (-2.0 * 1e-3f64.ln()).sqrt()
    }

    fn groups(&self) -> &[Group] {
        &self.groups
    }

    fn definition(&self) -> toml::Table {
        toml::Table::from_iter([
            ("cutoff".to_owned(), self.cutoff.into()),
            ("sigma".to_owned(), self.sigma.into()),
            ("n_max".to_owned(), (self.n_max as i64).into()),
            ("l_max".to_owned(), (self.l_max as i64).into()),
        ])
    }

    fn columns(&self, centre: &str) -> Vec<String> {
        let mut columns = Vec::with_capacity(self.sums_len());
        for a in 0..self.groups.len() {
            for b in a..self.groups.len() {
                let pair = format!("{}-{}", self.groups[a].label(), self.groups[b].label());
                for l in 0..=self.l_max {
                    for n in 0..self.n_max {
                        for m in if a == b { n } else { 0 }..self.n_max {
                            columns.push(format!(
                                "soap {centre}-{pair} n={n} n'={m} l={l} rc={} sigma={}",
                                self.cutoff, self.sigma
                            ));
                        }
                    }
                }
            }
        }
        columns
    }

    fn sums_len(&self) -> usize {
        let (n, groups) = (self.n_max, self.groups.len());
        (self.l_max + 1) * (groups * n * (n + 1) / 2 + groups * (groups - 1) / 2 * n * n)
    }

    fn sums(&self, around: &Neighborhood, sums: &mut [f64]) {
        let lm_count = (self.l_max + 1).pow(2);
        let mut c = vec![0.0; self.groups.len() * self.coefficients()];
        let mut radial = vec![0.0; (self.l_max + 1) * self.n_max];
        let mut angular = vec![0.0; lm_count];
        for (g, c) in c.chunks_mut(self.coefficients()).enumerate() {
            let mut add = |r: f64, unit: [f64; 3]| {
                self.basis.evaluate(r, &mut radial);
                self.harmonics.evaluate(unit, &mut angular);
                for n in 0..self.n_max {
                    for l in 0..=self.l_max {
                        for lm in l * l..(l + 1) * (l + 1) {
                            c[n * lm_count + lm] += radial[l * self.n_max + n] * angular[lm];
                        }
                    }
                }
            };
            if around.centre_groups >> g & 1 == 1 {
                add(0.0, [0.0, 0.0, 1.0]);
            }
            for neighbor in around.of(g) {
                add(neighbor.r, neighbor.d.map(|x| x / neighbor.r));
            }
        }
        let mut sums = sums.iter_mut();
        for a in 0..self.groups.len() {
            for b in a..self.groups.len() {
                let (a, b) = (a * self.coefficients(), b * self.coefficients());
                for l in 0..=self.l_max {
                    let factor = std::f64::consts::PI * (8.0 / (2 * l + 1) as f64).sqrt();
                    for n in 0..self.n_max {
                        for m in if a == b { n } else { 0 }..self.n_max {
                            let product: f64 = (l * l..(l + 1) * (l + 1))
                                .map(|lm| c[a + n * lm_count + lm] * c[b + m * lm_count + lm])
                                .sum();
                            if let Some(sum) = sums.next() {
                                *sum = factor * product;
                            }
                        }
                    }
                }
            }
        }
    }

    fn kernel(&self) -> Option<Kernel> {
        let step = self.sigma / ROWS_PER_SIGMA;
        let rows = (self.cutoff() / step).ceil() as usize + 4;
        let width = (self.l_max + 1) * self.n_max;
        let mut table = vec![0.0; rows * width];
        for (k, row) in table.chunks_mut(width).enumerate() {
            self.basis.evaluate((k as f64 - 1.0) * step, row);
        }
        Some(Kernel::Soap(SoapKernel {
            n_max: self.n_max,
            l_max: self.l_max,
            table,
            step,
            groups: self.groups.len(),
        }))
    }
}
