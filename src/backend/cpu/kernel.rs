//! The pair kernel: half a cluster against the clusters of its list.

use super::clusters::{Block, Cluster, HALF, load_cluster, separation, square};
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
    /// A squared distance beyond every cutoff.
    pub out_of_reach2: f32,
    /// Coulomb cutoff squared.
    pub coulomb_cutoff2: f32,
    /// Longest cutoff squared.
    pub reach2: f32,
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
        let c = [
            L::gather(p.cubics, row, 0),
            L::gather(p.cubics, row, 1),
            L::gather(p.cubics, row, 2),
            L::gather(p.cubics, row, 3),
        ];
        cubic_piece(c, u - interval, p.get(3), d.r2).masked(d.r2.less(p.get(6)))
    }
}

/// Parameters of sixteen (or eight) pairs at once, by table lookup.
pub(super) struct Lookup<'a, L: Lanes> {
    /// The row combination's tables, one a parameter of the law.
    tables: &'a [[f32; 16]],
    index: L::Int,
    diameters: [L; 2],
    cubics: &'a [[f32; 4]],
}

impl<L: Lanes> Parameters<L> for Lookup<'_, L> {
    #[inline(always)]
    fn get(&self, index: usize) -> L {
        debug_assert!(index < self.tables.len());
        // SAFETY: `Rows::new` cut the slice to the law's number of parameters, and laws ask only
        // for those. A check here costs a branch for each of a dozen lookups in the inner loop.
        L::lookup(unsafe { self.tables.get_unchecked(index) }, self.index)
    }

    #[inline(always)]
    fn diameters(&self) -> [L; 2] {
        self.diameters
    }
}

/// The damping fit with lengths known to the compiler.
struct Fitted<const TERMS: usize> {
    slope: [f32; TERMS],
    energy_constant: f32,
    /// Coefficients of E from the first power on.
    energy: [f32; TERMS],
    scale: f32,
    force_shift: f32,
    energy_shift: f32,
}

impl<const TERMS: usize> Fitted<TERMS> {
    fn new(fit: Option<&DampingFit>) -> Self {
        let mut fitted = Self {
            slope: [0.0; TERMS],
            energy_constant: 0.0,
            energy: [0.0; TERMS],
            scale: 0.0,
            force_shift: 0.0,
            energy_shift: 0.0,
        };
        if let Some(fit) = fit
            && fit.slope.len() == TERMS
        {
            fitted.slope.copy_from_slice(&fit.slope);
            fitted.energy_constant = fit.energy[0];
            fitted.energy.copy_from_slice(&fit.energy[1..]);
            fitted.scale = fit.scale;
            fitted.force_shift = fit.force_shift;
            fitted.energy_shift = fit.energy_shift;
        }
        fitted
    }
}

#[inline(always)]
fn horner<L: Lanes, const N: usize>(coefficients: &[f32; N], t: L) -> L {
    let mut sum = L::constant(f64::from(coefficients[N - 1]));
    for k in (0..N - 1).rev() {
        sum = sum.mul_add(t, L::constant(f64::from(coefficients[k])));
    }
    sum
}

impl<L: Lanes, const TERMS: usize> Damping<L> for Fitted<TERMS> {
    #[inline(always)]
    fn erf_over_r(&self, d: &Distance<L>) -> [L; 2] {
        let t = d.r2.mul_add(L::constant(f64::from(self.scale)), L::constant(-1.0));
        let energy = horner(&self.energy, t);
        let energy = energy.mul_add(t, L::constant(f64::from(self.energy_constant)));
        [energy, horner(&self.slope, t)]
    }

    #[inline(always)]
    fn force_shift(&self) -> L {
        L::constant(f64::from(self.force_shift))
    }

    #[inline(always)]
    fn energy_shift(&self) -> L {
        L::constant(f64::from(self.energy_shift))
    }
}

/// Sum of all lanes.
#[inline(always)]
fn total<L: Lanes>(lanes: L) -> f64 {
    let lanes = lanes.to_array();
    let mut sum = 0.0;
    for lane in &lanes[..L::ROWS * CLUSTER] {
        sum += f64::from(*lane);
    }
    sum
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

/// One vector of i-atoms.
#[derive(Clone, Copy)]
struct Rows<'a, L: Lanes> {
    fractions: [L::Int; 3],
    tables: &'a [[f32; 16]],
    diameters: L,
}

impl<'a, L: Lanes> Rows<'a, L> {
    #[inline(always)]
    fn new<W: Law>(input: &'a KernelInput, own: usize, first: usize) -> Self {
        let home = &input.clusters[own];
        let mut combination = 0;
        for row in 0..L::ROWS {
            combination = combination * input.species + home.species[first + row] as usize;
        }
        let start = combination * W::PARAMETERS;
        Self {
            fractions: [
                L::rows_int(&home.fractions[0][first..]),
                L::rows_int(&home.fractions[1][first..]),
                L::rows_int(&home.fractions[2][first..]),
            ],
            tables: &input.tables[start..start + W::PARAMETERS],
            diameters: if W::USES_DIAMETERS {
                L::rows(&input.diameters[own][first..])
            } else {
                L::constant(0.0)
            },
        }
    }
}

/// A j-cluster in registers.
struct Column<L: Lanes> {
    fractions: [L::Int; 3],
    index: L::Int,
    diameters: L,
}

/// Energy and virial of an i-cluster, lane by lane.
struct LaneSums<L> {
    energy: L,
    virial: [L; 6],
}

/// Forces of one vector of i-atoms against a j-cluster. `within` masks lanes that count, where
/// not all do.
#[inline(always)]
fn interact<L: Lanes, W: Law, const TERMS: usize, const TRICLINIC: bool, const ENERGY: bool>(
    input: &KernelInput,
    fitted: &Fitted<TERMS>,
    rows: &Rows<'_, L>,
    column: &Column<L>,
    within: Option<u32>,
    on_rows: &mut [L; 3],
    on_column: &mut [L; 3],
    sums: &mut LaneSums<L>,
    splice_visits: &mut u64,
) {
    let d = separation::<L, TRICLINIC>(&rows.fractions, &column.fractions, &input.matrix);
    let mut r2 = square(&d).at_least(L::constant(SMALLEST_R2));
    if let Some(bits) = within {
        // Lanes that do not count go out of reach, not into the splice.
        let far = L::constant(f64::from(input.out_of_reach2));
        r2 = L::select(L::mask_of_bits(bits), r2, far);
    }
    // A quarter of the vectors have no pair within reach: their lists are made for atoms that move.
    if L::count(r2.less(L::constant(f64::from(input.reach2)))) == 0 {
        return;
    }
    let distance = L::distance(r2);
    let parameters = Lookup {
        tables: rows.tables,
        index: column.index,
        diameters: [rows.diameters, column.diameters],
        cubics: &input.cubics,
    };
    let mut term = W::short_range(&parameters, &distance);
    if TERMS > 0 {
        let cutoff2 = L::constant(f64::from(input.coulomb_cutoff2));
        let qq = parameters.get(W::PARAMETERS - 1);
        let coulomb = coulomb_term(qq, &distance, fitted).masked(r2.less(cutoff2));
        term.energy = term.energy + coulomb.energy;
        term.virial = term.virial + coulomb.virial;
    }
    if let Some(parameter) = W::RARE_BELOW {
        *splice_visits += u64::from(L::count(r2.less(parameters.get(parameter))));
    }
    let force = term.virial * (distance.inverse * distance.inverse);
    for k in 0..3 {
        on_rows[k] = force.mul_add(d[k], on_rows[k]);
        on_column[k] = force.mul_add(d[k], on_column[k]);
    }
    if ENERGY {
        sums.energy = sums.energy + term.energy;
        for (w, (a, b)) in
            sums.virial.iter_mut().zip([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)])
        {
            *w = (force * d[a]).mul_add(d[b], *w);
        }
    }
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
    let fitted = Fitted::<TERMS>::new(input.damping.as_ref());
    // Vectors that hold the first, or the second, two i-atoms of half a cluster.
    let side = HALF / L::ROWS / 2;
    let zero = L::constant(0.0);
    for n in 0..block.own.len() {
        let entries = &block.entries[block.starts[n] as usize..block.starts[n + 1] as usize];
        if entries.is_empty() {
            continue;
        }
        let ci = block.first as usize + n;
        let (own, half) = (ci / 2, ci % 2);
        let mut rows = [Rows::<L>::new::<W>(input, own, half * HALF); HALF];
        for v in 1..2 * side {
            rows[v] = Rows::new::<W>(input, own, half * HALF + v * L::ROWS);
        }
        let mut on_rows = [[zero; 3]; HALF];
        let mut lanes = LaneSums { energy: zero, virial: [zero; 6] };
        for entry in entries {
            let cj = entry.cluster as usize;
            let other = &input.clusters[cj];
            let column = Column::<L> {
                fractions: load_cluster::<L>(other),
                index: L::lookup_index(&other.species),
                diameters: if W::USES_DIAMETERS { L::cluster(&input.diameters[cj]) } else { zero },
            };
            let diagonal = cj == own;
            let mut on_column = [zero; 3];
            // Entries are sorted by side, so these branches are predicted.
            if entry.sides & 1 != 0 {
                for v in 0..side {
                    let within = diagonal.then(|| diagonal_bits(half, v * L::ROWS, L::ROWS));
                    interact::<L, W, TERMS, TRICLINIC, ENERGY>(
                        input,
                        &fitted,
                        &rows[v],
                        &column,
                        within,
                        &mut on_rows[v],
                        &mut on_column,
                        &mut lanes,
                        &mut sums.splice_visits,
                    );
                }
            }
            if entry.sides & 2 != 0 {
                for v in side..2 * side {
                    let within = diagonal.then(|| diagonal_bits(half, v * L::ROWS, L::ROWS));
                    interact::<L, W, TERMS, TRICLINIC, ENERGY>(
                        input,
                        &fitted,
                        &rows[v],
                        &column,
                        within,
                        &mut on_rows[v],
                        &mut on_column,
                        &mut lanes,
                        &mut sums.splice_visits,
                    );
                }
            }
            let target = &mut forces[entry.local as usize];
            for k in 0..3 {
                on_column[k].subtract_rows_from(&mut target[k]);
            }
        }
        let target = &mut forces[block.own[n] as usize];
        for v in 0..2 * side {
            for k in 0..3 {
                let at = half * HALF + v * L::ROWS;
                on_rows[v][k].add_row_sums_to(&mut target[k][at..at + L::ROWS]);
            }
        }
        if ENERGY {
            sums.energy += total(lanes.energy);
            for k in 0..6 {
                sums.virial[k] += total(lanes.virial[k]);
            }
        }
    }
    sums
}
