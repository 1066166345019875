//! The pair kernel: half a cluster against the clusters of its list.
//!
//! Of ten lanes that a list of clusters fills, three hold a pair within the cutoff. So a vector of
//! i-atoms goes through its list in three passes: separations, of which those in reach are packed
//! densely ([`find`]); the potential, on full vectors ([`evaluate`]); forces, spread back to the
//! lanes they came from ([`apply`]). Only the first and the last, a third of the arithmetic, pay
//! for lanes out of reach, and no branch depends on which they are.

use super::clusters::{Block, Cluster, Entry, HALF, load_cluster, separation, square};
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
    pub triclinic: bool,
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

/// Entries taken through the passes at once. Two atoms of a glass have some thirty.
const BATCH: usize = 64;

/// Lanes of the widest vector.
const WIDEST: usize = 2 * CLUSTER;

/// Room for the packed pairs of a batch, and a vector behind them.
const PACKED: usize = (BATCH + 1) * WIDEST;

/// What one vector of i-atoms has found in a batch.
#[derive(Clone)]
struct Found {
    /// Vectors with a pair in reach, and pairs in all of them.
    vectors: usize,
    pairs: usize,
    /// Of each vector: separations by axis, as many lanes as it has.
    separations: [f32; 3 * BATCH * WIDEST],
    /// Of each vector: lanes in reach, the j-cluster's place among forces.
    marks: [[u32; 2]; BATCH],
    /// Of each pair: r², which [`evaluate`] turns into force over distance.
    packed: [f32; PACKED],
    /// Index for [`Lanes::lookup`].
    index: [u32; PACKED],
    /// Both diameters, where the form reads them.
    diameters: [[f32; PACKED]; 2],
}

/// Memory of the passes, one for each thread.
pub(super) struct Scratch {
    found: Vec<Found>,
    /// Forces on j-clusters, lane by lane, where a vector has more lanes than a cluster.
    columns: Vec<[f32; 3 * WIDEST]>,
}

impl Scratch {
    pub fn new() -> Self {
        let found = Found {
            vectors: 0,
            pairs: 0,
            separations: [0.0; 3 * BATCH * WIDEST],
            marks: [[0; 2]; BATCH],
            packed: [0.0; PACKED],
            index: [0; PACKED],
            diameters: [[0.0; PACKED]; 2],
        };
        Self { found: vec![found; HALF], columns: Vec::new() }
    }
}

/// Energy and virial of an i-cluster, lane by lane.
struct LaneSums<L> {
    energy: L,
    virial: [L; 6],
}

/// Separations of the atoms of these clusters from a vector of i-atoms, and the pairs in reach.
/// `diagonal` are the lanes that count against the cluster `own`.
#[inline(always)]
fn find<L: Lanes, W: Law, const TRICLINIC: bool>(
    input: &KernelInput,
    rows: &Rows<'_, L>,
    entries: &[Entry],
    own: usize,
    diagonal: u32,
    found: &mut Found,
) {
    assert!(entries.len() <= BATCH);
    let reach2 = L::constant(f64::from(input.reach2));
    let (mut vectors, mut pairs) = (0, 0);
    for entry in entries {
        let cj = entry.cluster as usize;
        debug_assert!(cj < input.clusters.len());
        // SAFETY: lists are made of the clusters there are. A check is a tenth of this loop.
        let other = unsafe { input.clusters.get_unchecked(cj) };
        let column = load_cluster::<L>(other);
        let d = separation::<L, TRICLINIC>(&column, &rows.fractions, &input.matrix);
        let r2 = square(&d);
        let counting = if cj == own { diagonal } else { u32::MAX };
        let bits = L::bits(r2.less(reach2)) & counting;
        let index = L::pack_int(L::lookup_index(&other.species), bits);
        debug_assert!(vectors < BATCH && pairs <= PACKED - WIDEST);
        // Written whether in reach or not, and written over if not: which it is cannot be
        // predicted.
        // SAFETY: there are at most BATCH entries, and no more pairs than lanes in each.
        unsafe {
            let separations = found.separations.as_mut_ptr().add(3 * L::WIDTH * vectors);
            d[0].store(separations);
            d[1].store(separations.add(L::WIDTH));
            d[2].store(separations.add(2 * L::WIDTH));
            *found.marks.get_unchecked_mut(vectors) = [bits, entry.local];
            r2.pack(bits).store(found.packed.as_mut_ptr().add(pairs));
            L::store_int(index, found.index.as_mut_ptr().add(pairs));
            if W::USES_DIAMETERS {
                rows.diameters.pack(bits).store(found.diameters[0].as_mut_ptr().add(pairs));
                let column = L::cluster(&input.diameters[cj]);
                column.pack(bits).store(found.diameters[1].as_mut_ptr().add(pairs));
            }
        }
        vectors += usize::from(bits != 0);
        pairs += bits.count_ones() as usize;
    }
    // The last vector of pairs is filled up with lanes beyond every cutoff.
    let beyond = L::constant(f64::from(input.out_of_reach2));
    // SAFETY: `packed` has a vector more than the pairs of all entries.
    unsafe { beyond.store(found.packed.as_mut_ptr().add(pairs)) };
    (found.vectors, found.pairs) = (vectors, pairs);
}

/// The potential of the pairs found: their r² become forces over distance.
#[inline(always)]
fn evaluate<L: Lanes, W: Law, const TERMS: usize, const ENERGY: bool>(
    input: &KernelInput,
    fitted: &Fitted<TERMS>,
    rows: &Rows<'_, L>,
    found: &mut Found,
    energy: &mut L,
) -> u64 {
    let mut splice_visits = 0;
    let none = L::constant(0.0);
    for at in (0..found.pairs).step_by(L::WIDTH) {
        debug_assert!(at + L::WIDTH <= PACKED);
        // SAFETY: `find` left a vector of room behind the pairs.
        let (r2, index, diameters) = unsafe {
            (
                L::load(found.packed.as_ptr().add(at)),
                L::load_int(found.index.as_ptr().add(at)),
                if W::USES_DIAMETERS {
                    [
                        L::load(found.diameters[0].as_ptr().add(at)),
                        L::load(found.diameters[1].as_ptr().add(at)),
                    ]
                } else {
                    [none, none]
                },
            )
        };
        let r2 = r2.at_least(L::constant(SMALLEST_R2));
        let distance = L::distance(r2);
        let parameters = Lookup { tables: rows.tables, index, diameters, cubics: &input.cubics };
        let mut term = W::short_range(&parameters, &distance);
        if TERMS > 0 {
            let cutoff2 = L::constant(f64::from(input.coulomb_cutoff2));
            let qq = parameters.get(W::PARAMETERS - 1);
            let coulomb = coulomb_term(qq, &distance, fitted).masked(r2.less(cutoff2));
            term.energy = term.energy + coulomb.energy;
            term.virial = term.virial + coulomb.virial;
        }
        if let Some(parameter) = W::RARE_BELOW {
            splice_visits += u64::from(L::count(r2.less(parameters.get(parameter))));
        }
        let force = term.virial * (distance.inverse * distance.inverse);
        // SAFETY: as above.
        unsafe { force.store(found.packed.as_mut_ptr().add(at)) };
        if ENERGY {
            *energy = *energy + term.energy;
        }
    }
    splice_visits
}

/// The forces found: on the vector of i-atoms with the opposite sign, on the clusters they meet
/// lane by lane.
///
/// # Safety
/// `columns` must have 3·WIDTH floats for each place that the list names.
#[inline(always)]
unsafe fn apply<L: Lanes, const ENERGY: bool>(
    found: &Found,
    on_rows: &mut [L; 3],
    columns: *mut f32,
    virial: &mut [L; 6],
) {
    let mut at = 0;
    let mut sums = *on_rows;
    for (vector, &[bits, local]) in found.marks[..found.vectors].iter().enumerate() {
        // SAFETY: `find` wrote these, and the caller vouches for the columns.
        unsafe {
            let force = L::load(found.packed.as_ptr().add(at)).spread(bits);
            let separations = found.separations.as_ptr().add(3 * L::WIDTH * vector);
            let column = columns.add(3 * L::WIDTH * local as usize);
            let d = [
                L::load(separations),
                L::load(separations.add(L::WIDTH)),
                L::load(separations.add(2 * L::WIDTH)),
            ];
            for k in 0..3 {
                sums[k] = force.mul_add(d[k], sums[k]);
                let target = column.add(k * L::WIDTH);
                force.mul_add(d[k], L::load(target)).store(target);
            }
            if ENERGY {
                for (w, (a, b)) in
                    virial.iter_mut().zip([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)])
                {
                    *w = (force * d[a]).mul_add(d[b], *w);
                }
            }
        }
        at += bits.count_ones() as usize;
    }
    *on_rows = sums;
}

/// Forces of one block into `forces` (zeroed here), and its sums (energy and virial only with
/// `ENERGY`). `TERMS` is the number of damping coefficients, 0 without charges.
#[inline(always)]
pub(super) fn block_forces<L: Lanes, W: Law, const TERMS: usize, const ENERGY: bool>(
    input: &KernelInput,
    block: &Block,
    forces: &mut [ClusterForces],
    scratch: &mut Scratch,
) -> Sums {
    assert_eq!(forces.len(), block.touched.len());
    let mut sums = Sums::default();
    forces.fill([[0.0; CLUSTER]; 3]);
    let vectors = HALF / L::ROWS;
    let found = &mut scratch.found[..vectors];
    let wide = &mut scratch.columns;
    wide.clear();
    if L::ROWS > 1 {
        wide.resize(forces.len(), [0.0; 3 * WIDEST]);
    }
    let fitted = Fitted::<TERMS>::new(input.damping.as_ref());
    let zero = L::constant(0.0);
    for n in 0..block.own.len() {
        let ranges = block.ranges[n];
        let most = ranges[0][1].max(ranges[1][1]) - ranges[0][0].min(ranges[1][0]);
        if most == 0 {
            continue;
        }
        let ci = block.first as usize + n;
        let (own, half) = (ci / 2, ci % 2);
        let mut rows = [Rows::<L>::new::<W>(input, own, half * HALF); HALF];
        for v in 1..vectors {
            rows[v] = Rows::new::<W>(input, own, half * HALF + v * L::ROWS);
        }
        let mut on_rows = [[zero; 3]; HALF];
        let mut lanes = LaneSums { energy: zero, virial: [zero; 6] };
        for start in (0..most as usize).step_by(BATCH) {
            // Pass by pass over all vectors, so that what one writes has left the store buffer
            // when the next reads it in other pieces.
            for v in 0..vectors {
                let range = ranges[2 * v / vectors];
                let end = range[1] as usize;
                let from = (range[0] as usize + start).min(end);
                let entries = &block.entries[from..(from + BATCH).min(end)];
                let diagonal = diagonal_bits(half, v * L::ROWS, L::ROWS);
                let (row, found) = (&rows[v], &mut found[v]);
                if input.triclinic {
                    find::<L, W, true>(input, row, entries, own, diagonal, found);
                } else {
                    find::<L, W, false>(input, row, entries, own, diagonal, found);
                }
            }
            for v in 0..vectors {
                let (row, found) = (&rows[v], &mut found[v]);
                sums.splice_visits +=
                    evaluate::<L, W, TERMS, ENERGY>(input, &fitted, row, found, &mut lanes.energy);
            }
            let columns = if L::ROWS > 1 {
                wide.as_mut_ptr().cast::<f32>()
            } else {
                forces.as_mut_ptr().cast::<f32>()
            };
            for v in 0..vectors {
                let (found, on_rows) = (&found[v], &mut on_rows[v]);
                // SAFETY: places are below the number of clusters that the block touches.
                unsafe { apply::<L, ENERGY>(found, on_rows, columns, &mut lanes.virial) };
            }
        }
        let target = &mut forces[block.own[n] as usize];
        for v in 0..vectors {
            for k in 0..3 {
                let at = half * HALF + v * L::ROWS;
                on_rows[v][k].subtract_row_sums_from(&mut target[k][at..at + L::ROWS]);
            }
        }
        if ENERGY {
            sums.energy += total(lanes.energy);
            for k in 0..6 {
                sums.virial[k] += total(lanes.virial[k]);
            }
        }
    }
    if L::ROWS > 1 {
        for (target, column) in forces.iter_mut().zip(wide) {
            for k in 0..3 {
                // SAFETY: a column has three of the widest vectors.
                let lanes = unsafe { L::load(column.as_ptr().add(k * L::WIDTH)) };
                lanes.add_rows_to(&mut target[k]);
            }
        }
    }
    sums
}
