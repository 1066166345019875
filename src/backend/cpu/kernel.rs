//! The pair kernel: half a cluster against the clusters of its list.

use super::clusters::{Block, Cluster, HALF, load_cluster, load_rows, separation, square};
use super::simd::{CLUSTER, Lanes};
use crate::potential::{
    Damping, DampingFit, Distance, PairForm, Parameters, ROW_TAIL, SMALLEST_R2, Term, coulomb_term,
    cubic_piece, short_range_term,
};

/// Forces on the eight atoms of a cluster, `[axis][atom]`.
pub(super) type ClusterForces = [[f32; CLUSTER]; 3];

/// What the kernel reads besides lists.
#[derive(Debug, Clone)]
pub(super) struct KernelInput {
    pub clusters: Vec<Cluster>,
    /// Diameters of each cluster's atoms; empty unless the form reads them.
    pub diameters: Vec<[f32; CLUSTER]>,
    /// Tables of 16 for [`Lanes::lookup`], `[combination of row species][parameter]`.
    pub tables: Vec<[f32; 16]>,
    /// Species, the padding one included.
    pub species: usize,
    /// Cubic coefficients of all tabulated pairs.
    pub cubics: Vec<[f32; 4]>,
    /// Box matrix over 2³².
    pub matrix: [f32; 6],
    pub damping: Option<DampingFit>,
    /// Coulomb cutoff squared.
    pub coulomb_cutoff2: f32,
}

/// Sums over a block.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    pub energy: f64,
    pub virial: [f64; 6],
    pub splice_visits: u64,
}

/// How a kernel finds a pair's short-range term.
pub(super) trait Law {
    const PARAMETERS: usize;
    const RARE_BELOW: Option<usize>;
    const USES_DIAMETERS: bool;
    fn short_range<L: Lanes>(p: &Lookup<'_, L>, d: &Distance<L>) -> Term<L>;
}

/// An analytic form.
pub(super) struct Analytic<F>(std::marker::PhantomData<F>);

impl<F: PairForm> Law for Analytic<F> {
    const PARAMETERS: usize = F::PARAMETERS.len() + ROW_TAIL.len();
    const RARE_BELOW: Option<usize> = F::RARE_BELOW;
    const USES_DIAMETERS: bool = F::USES_DIAMETERS;

    #[inline(always)]
    fn short_range<L: Lanes>(p: &Lookup<'_, L>, d: &Distance<L>) -> Term<L> {
        short_range_term::<F, L, _>(p, d)
    }
}

/// Cubics in r². Parameters: first coefficient row of the pair, start, 1/step, −2/step, then the
/// tail common to all forms.
pub(super) struct Tabulated;

impl Law for Tabulated {
    const PARAMETERS: usize = 4 + ROW_TAIL.len();
    const RARE_BELOW: Option<usize> = None;
    const USES_DIAMETERS: bool = false;

    #[inline(always)]
    fn short_range<L: Lanes>(p: &Lookup<'_, L>, d: &Distance<L>) -> Term<L> {
        let u = (d.r2 - p.get(1)) * p.get(2);
        let zero = L::constant(0.0);
        let most = L::constant((crate::potential::TABLE_INTERVALS - 1) as f64);
        let floor = u.floor().at_least(zero);
        let interval = L::select(floor.less(most), floor, most);
        let row = p.get(0) + interval;
        let c = [0, 1, 2, 3].map(|column| L::gather(p.cubics, row, column));
        cubic_piece(c, u - interval, p.get(3), d.r2).masked(d.r2.less(p.get(6)))
    }
}

/// Parameters of sixteen (or eight) pairs at once, by table lookup.
pub(super) struct Lookup<'a, L: Lanes> {
    tables: &'a [[f32; 16]],
    index: L::Int,
    diameters: [L; 2],
    cubics: &'a [[f32; 4]],
}

impl<L: Lanes> Parameters<L> for Lookup<'_, L> {
    #[inline(always)]
    fn get(&self, index: usize) -> L {
        L::lookup(&self.tables[index], self.index)
    }

    #[inline(always)]
    fn diameters(&self) -> [L; 2] {
        self.diameters
    }
}

struct Fitted<'a, const TERMS: usize>(&'a DampingFit);

impl<L: Lanes, const TERMS: usize> Damping<L> for Fitted<'_, TERMS> {
    #[inline(always)]
    fn erf_over_r(&self, d: &Distance<L>) -> [L; 2] {
        let t = d.r2.mul_add(L::constant(f64::from(self.0.scale)), L::constant(-1.0));
        let horner = |coefficients: &[f32]| {
            let last = coefficients.len() - 1;
            let mut sum = L::constant(f64::from(coefficients[last]));
            for k in (0..last).rev() {
                sum = sum.mul_add(t, L::constant(f64::from(coefficients[k])));
            }
            sum
        };
        // The lengths are equal to TERMS by construction; slicing lets the loop unroll.
        [horner(&self.0.energy[..TERMS + 1]), horner(&self.0.slope[..TERMS])]
    }

    #[inline(always)]
    fn force_shift(&self) -> L {
        L::constant(f64::from(self.0.force_shift))
    }

    #[inline(always)]
    fn energy_shift(&self) -> L {
        L::constant(f64::from(self.0.energy_shift))
    }
}

/// Lanes of i-row r against j-atom k of the same cluster that count: each pair once, no self.
fn diagonal_bits(half: usize, first_row: usize, rows: usize) -> u32 {
    let mut bits = 0;
    for row in 0..rows {
        let i = half * HALF + first_row + row;
        for j in i + 1..CLUSTER {
            bits |= 1 << (row * CLUSTER + j);
        }
    }
    bits
}

/// Forces of one block into `forces` (zeroed here), and its sums (energy and virial only with
/// `ENERGY`). `TERMS` is the number of damping coefficients, 0 without charges.
#[inline(always)]
pub(super) fn block_forces<
    L: Lanes,
    W: Law,
    const TERMS: usize,
    const TRICLINIC: bool,
    const ENERGY: bool,
>(
    input: &KernelInput,
    block: &Block,
    forces: &mut [ClusterForces],
) -> Sums {
    let mut sums = Sums::default();
    forces.fill([[0.0; CLUSTER]; 3]);
    let fitted = input.damping.as_ref().map(Fitted::<TERMS>);
    let vectors = HALF / L::ROWS;
    let zero = L::constant(0.0);
    for n in 0..block.own.len() {
        let entries = &block.entries[block.starts[n] as usize..block.starts[n + 1] as usize];
        if entries.is_empty() {
            continue;
        }
        let ci = block.first as usize + n;
        let (own, half) = (ci / 2, ci % 2);
        let home = &input.clusters[own];
        let rows = load_rows::<L>(home, half);
        let tables: [&[[f32; 16]]; HALF] = std::array::from_fn(|v| {
            let at = half * HALF + (v * L::ROWS) % HALF;
            let combination =
                (0..L::ROWS).fold(0, |c, row| c * input.species + home.species[at + row] as usize);
            let start = combination * W::PARAMETERS;
            &input.tables[start..start + W::PARAMETERS]
        });
        let row_diameters: [L; HALF] = if W::USES_DIAMETERS {
            std::array::from_fn(|v| {
                L::rows(&input.diameters[own][half * HALF + (v * L::ROWS) % HALF..])
            })
        } else {
            [zero; HALF]
        };
        let mut on_rows = [[zero; 3]; HALF];
        let mut energy = zero;
        let mut virial = [zero; 6];
        for entry in entries {
            let cj = entry.cluster as usize;
            let other = &input.clusters[cj];
            let j = load_cluster::<L>(other);
            let index = L::lookup_index(&other.species);
            let cluster_diameters =
                if W::USES_DIAMETERS { L::cluster(&input.diameters[cj]) } else { zero };
            let mut on_cluster = [zero; 3];
            for v in 0..vectors {
                let d = separation::<L, TRICLINIC>(&rows[v], &j, &input.matrix);
                let r2 = square(&d).at_least(L::constant(SMALLEST_R2));
                let distance = L::distance(r2);
                let parameters = Lookup {
                    tables: tables[v],
                    index,
                    diameters: [row_diameters[v], cluster_diameters],
                    cubics: &input.cubics,
                };
                let mut term = W::short_range(&parameters, &distance);
                if TERMS > 0
                    && let Some(fitted) = &fitted
                {
                    let cutoff2 = L::constant(f64::from(input.coulomb_cutoff2));
                    let qq = parameters.get(W::PARAMETERS - 1);
                    let coulomb = coulomb_term(qq, &distance, fitted).masked(r2.less(cutoff2));
                    term.energy = term.energy + coulomb.energy;
                    term.virial = term.virial + coulomb.virial;
                }
                let mut rare = W::RARE_BELOW.map(|parameter| r2.less(parameters.get(parameter)));
                if cj == own {
                    let mask = L::mask_of_bits(diagonal_bits(half, v * L::ROWS, L::ROWS));
                    term = term.masked(mask);
                    rare = rare.map(|rare| L::both(rare, mask));
                }
                if let Some(rare) = rare {
                    sums.splice_visits += u64::from(L::count(rare));
                }
                let force = term.virial * (distance.inverse * distance.inverse);
                for k in 0..3 {
                    on_rows[v][k] = force.mul_add(d[k], on_rows[v][k]);
                    on_cluster[k] = force.mul_add(d[k], on_cluster[k]);
                }
                if ENERGY {
                    energy = energy + term.energy;
                    for (w, (a, b)) in
                        virial.iter_mut().zip([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)])
                    {
                        *w = (force * d[a]).mul_add(d[b], *w);
                    }
                }
            }
            let target = &mut forces[entry.local as usize];
            for k in 0..3 {
                on_cluster[k].subtract_rows_from(&mut target[k]);
            }
        }
        let target = &mut forces[block.own[n] as usize];
        for v in 0..vectors {
            for k in 0..3 {
                let at = half * HALF + v * L::ROWS;
                on_rows[v][k].add_row_sums_to(&mut target[k][at..at + L::ROWS]);
            }
        }
        if ENERGY {
            let used = L::ROWS * CLUSTER;
            let total =
                |lanes: L| lanes.to_array()[..used].iter().map(|&x| f64::from(x)).sum::<f64>();
            sums.energy += total(energy);
            for k in 0..6 {
                sums.virial[k] += total(virial[k]);
            }
        }
    }
    sums
}
