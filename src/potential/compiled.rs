//! A force field prepared for the species of a structure: what backends evaluate.

use super::buckingham;
use super::coulomb::{DampedShiftedForce, Damping, DampingFit, coulomb_term};
use super::forcefield::{ForceField, PairDefinition, ShortRange, Truncation};
use super::forms::{FormKind, PairForm};
use super::lennard_jones;
use super::real::{Distance, Parameters, Real, Term};
use super::splice;
use super::table::{CubicSpline, KernelTable};
use crate::error::{Error, Result};
use crate::system::{Structure, Units};
use crate::with_pair_form;

/// Squared distances are raised to this before anything is divided by them, so that absent
/// (zero) interactions of coinciding padding atoms stay zero instead of 0 · ∞.
pub const SMALLEST_R2: f64 = 1e-2;

/// Parameters that follow a form's own in a kernel row.
pub const ROW_TAIL: [&str; 4] = ["shift0", "shift1", "cutoff2", "coulomb"];

/// Short-range term of a pair with its truncation U − (shift0 + shift1 r) inside the cutoff.
#[inline(always)]
pub fn short_range_term<F: PairForm, R: Real, P: Parameters<R> + ?Sized>(
    p: &P,
    d: &Distance<R>,
) -> Term<R> {
    let tail = F::PARAMETERS.len();
    let bare = F::evaluate(p, d);
    let (shift0, shift1) = (p.get(tail), p.get(tail + 1));
    Term {
        energy: bare.energy - shift1.mul_add(d.r, shift0),
        virial: shift1.mul_add(d.r, bare.virial),
    }
    .masked(d.r2.less(p.get(tail + 2)))
}

/// Short-range and Coulomb terms of a pair; the caller masks at the overall cutoff when
/// `coulomb_cutoff2` is `None`.
#[inline(always)]
pub fn pair_term<F: PairForm, R: Real, P: Parameters<R> + ?Sized, D: Damping<R>>(
    p: &P,
    d: &Distance<R>,
    damping: Option<(&D, R)>,
) -> Term<R> {
    let short = short_range_term::<F, R, P>(p, d);
    match damping {
        None => short,
        Some((damping, cutoff2)) => {
            let qq = p.get(F::PARAMETERS.len() + 3);
            let coulomb = coulomb_term(qq, d, damping).masked(d.r2.less(cutoff2));
            Term { energy: short.energy + coulomb.energy, virial: short.virial + coulomb.virial }
        }
    }
}

/// A pair in double precision, with any truncation.
#[derive(Debug, Clone)]
pub struct ReferencePair {
    function: PairFunction,
    cutoff: f64,
    smooth_from: Option<f64>,
}

#[derive(Debug, Clone)]
enum PairFunction {
    Absent,
    /// Form and its row: own parameters, then shifts and cutoff.
    Form(FormKind, Vec<f64>),
    Spline {
        spline: CubicSpline,
        shift: [f64; 2],
    },
}

impl ReferencePair {
    /// Energy and −r dU/dr of the short-range term; `diameters` for forms that read them.
    pub fn term(&self, r2: f64, diameters: [f64; 2]) -> Term<f64> {
        if r2 >= self.cutoff * self.cutoff {
            return Term::zero();
        }
        let d = f64::distance(r2);
        let unswitched = match &self.function {
            PairFunction::Absent => return Term::zero(),
            PairFunction::Form(kind, row) => {
                let p = RowWithDiameters { row, diameters };
                with_pair_form!(*kind, F => short_range_term::<F, f64, _>(&p, &d),
                    table => unreachable!("tables are splines"))
            }
            PairFunction::Spline { spline, shift } => {
                let [value, slope] = spline.evaluate(d.r);
                Term {
                    energy: value - (shift[0] + shift[1] * d.r),
                    virial: (shift[1] - slope) * d.r,
                }
            }
        };
        match self.smooth_from {
            Some(from) if d.r > from => {
                let [s, slope] = smooth_switch(d.r, from, self.cutoff);
                Term {
                    energy: unswitched.energy * s,
                    virial: unswitched.virial * s - unswitched.energy * slope * d.r,
                }
            }
            _ => unswitched,
        }
    }

    /// The cutoff of this pair.
    pub fn cutoff(&self) -> f64 {
        self.cutoff
    }

    /// True without a short-range term.
    pub fn is_absent(&self) -> bool {
        matches!(self.function, PairFunction::Absent)
    }

    /// Squared distance below which the splice acts (0: none).
    pub fn splice_r2(&self) -> f64 {
        match &self.function {
            PairFunction::Form(FormKind::Buckingham, row) => row[4],
            _ => 0.0,
        }
    }
}

struct RowWithDiameters<'a> {
    row: &'a [f64],
    diameters: [f64; 2],
}

impl Parameters<f64> for RowWithDiameters<'_> {
    fn get(&self, index: usize) -> f64 {
        self.row[index]
    }

    fn diameters(&self) -> [f64; 2] {
        self.diameters
    }
}

/// Quintic switch S(r) from 1 at `from` to 0 at `to` with S′ = S″ = 0 at both ends, and S′(r).
fn smooth_switch(r: f64, from: f64, to: f64) -> [f64; 2] {
    let x = ((r - from) / (to - from)).clamp(0.0, 1.0);
    let value = 1.0 - x * x * x * (10.0 - x * (15.0 - 6.0 * x));
    let slope = -30.0 * x * x * (1.0 - x) * (1.0 - x) / (to - from);
    [value, slope]
}

/// Charges prepared for kernels.
#[derive(Debug, Clone)]
pub struct CompiledCoulomb {
    /// The model, for double precision.
    pub model: DampedShiftedForce,
    /// k q_i q_j for each ordered species pair.
    pub products: Vec<f64>,
}

/// A force field for the species of one structure. Species pairs are ordered, row i·n + j.
#[derive(Debug, Clone)]
pub struct CompiledForceField {
    /// Name of the force field.
    pub name: String,
    /// Constants of its unit system.
    pub units: Units,
    /// Species names in the structure's order.
    pub species: Vec<String>,
    /// Masses in that order.
    pub masses: Vec<f64>,
    /// Charges in that order.
    pub charges: Vec<f64>,
    /// Default diameters in that order.
    pub diameters: Vec<Option<f64>>,
    /// The form that kernels evaluate.
    pub form: FormKind,
    /// Short-range pairs in double precision.
    pub pairs: Vec<ReferencePair>,
    /// Charges, if any.
    pub coulomb: Option<CompiledCoulomb>,
    /// The longest cutoff.
    pub cutoff: f64,
}

impl CompiledForceField {
    /// Prepares a force field for a structure's species, refusing species without parameters,
    /// a structure that is not neutral and a cutoff too long for the box.
    pub fn new(field: &ForceField, structure: &Structure) -> Result<Self> {
        let compiled = Self::for_species(
            field,
            &structure.species.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(),
        )?;
        compiled.check(structure)?;
        Ok(compiled)
    }

    /// Prepares a force field for a list of species.
    pub fn for_species(field: &ForceField, names: &[&str]) -> Result<Self> {
        let index: Vec<usize> = names
            .iter()
            .map(|&name| {
                field.species.iter().position(|s| s.name == name).ok_or_else(|| {
                    Error::UnknownSpecies { forcefield: field.name.clone(), species: name.into() }
                })
            })
            .collect::<Result<_>>()?;
        let units = Units::of(field.units);
        let mut pairs = Vec::with_capacity(names.len() * names.len());
        for &i in &index {
            for &j in &index {
                pairs.push(reference_pair(field, i, j)?);
            }
        }
        let species = |k: usize| &field.species[index[k]];
        let charges: Vec<f64> = (0..names.len()).map(|k| species(k).charge).collect();
        let coulomb = field.coulomb.map(|model| CompiledCoulomb {
            model,
            products: charges
                .iter()
                .flat_map(|a| charges.iter().map(move |b| units.coulomb * a * b))
                .collect(),
        });
        let cutoff = pairs
            .iter()
            .filter(|p| !p.is_absent())
            .map(ReferencePair::cutoff)
            .chain(field.coulomb.map(|c| c.cutoff))
            .fold(0.0, f64::max);
        if cutoff <= 0.0 {
            return Err(Error::input(
                format!("force field `{}` has no interaction between {names:?}", field.name),
                "list the pairs of these species, or choose another force field",
            ));
        }
        Ok(Self {
            name: field.name.clone(),
            units,
            species: names.iter().map(|s| (*s).into()).collect(),
            masses: (0..names.len()).map(|k| species(k).mass).collect(),
            diameters: (0..names.len()).map(|k| species(k).diameter).collect(),
            form: kernel_form(&pairs, coulomb.is_some())?,
            charges,
            pairs,
            coulomb,
            cutoff,
        })
    }

    fn check(&self, structure: &Structure) -> Result<()> {
        if structure.is_empty() {
            return Err(Error::input("the structure has no atoms", "give at least one atom"));
        }
        let half_width = structure.simulation_box.longest_cutoff();
        if self.cutoff > half_width {
            return Err(Error::CutoffTooLong { cutoff: self.cutoff, half_width });
        }
        if self.coulomb.is_some() {
            let total: f64 = structure.kinds.iter().map(|&k| self.charges[usize::from(k)]).sum();
            if total.abs() > 1e-6 * structure.len() as f64 {
                return Err(Error::input(
                    format!(
                        "the structure is not neutral: total charge {total:.6} e with force field `{}`",
                        self.name
                    ),
                    "correct the numbers of atoms or the charges",
                ));
            }
        }
        if self.form == FormKind::GeneralizedLennardJones {
            self.atom_diameters(structure)?;
        }
        Ok(())
    }

    /// Number of species.
    pub fn species_count(&self) -> usize {
        self.species.len()
    }

    /// Diameter of every atom: the structure's, else its species'.
    pub fn atom_diameters(&self, structure: &Structure) -> Result<Vec<f64>> {
        if let Some(diameters) = &structure.diameters {
            return Ok(diameters.clone());
        }
        structure
            .kinds
            .iter()
            .map(|&k| {
                self.diameters[usize::from(k)].ok_or_else(|| {
                    Error::input(
                        format!("species {} has no diameter", self.species[usize::from(k)]),
                        "give `diameter` in the force field or diameters in the structure",
                    )
                })
            })
            .collect()
    }

    /// Full pair interaction in double precision.
    pub fn reference_term(
        &self,
        first: u16,
        second: u16,
        r2: f64,
        diameters: [f64; 2],
    ) -> Term<f64> {
        let row = usize::from(first) * self.species_count() + usize::from(second);
        let mut term = self.pairs[row].term(r2, diameters);
        if let Some(coulomb) = &self.coulomb
            && r2 < coulomb.model.cutoff * coulomb.model.cutoff
        {
            let d = f64::distance(r2);
            let charges = coulomb_term(coulomb.products[row], &d, &coulomb.model);
            term.energy += charges.energy;
            term.virial += charges.virial;
        }
        term
    }

    /// Constant self energy of a structure's charges.
    pub fn self_energy(&self, kinds: &[u16]) -> f64 {
        let Some(coulomb) = &self.coulomb else { return 0.0 };
        let squares: f64 = kinds.iter().map(|&k| self.charges[usize::from(k)].powi(2)).sum();
        self.units.coulomb * squares * coulomb.model.self_energy()
    }

    /// True if any pair has a splice region.
    pub fn has_splice(&self) -> bool {
        self.pairs.iter().any(|p| p.splice_r2() > 0.0)
    }

    /// Names of the numbers in a kernel row: the form's own, then [`ROW_TAIL`].
    pub fn row_names(&self) -> Vec<&'static str> {
        let own: &[&str] = with_pair_form!(self.form, F => F::PARAMETERS, table => &[]);
        own.iter().copied().chain(ROW_TAIL).collect()
    }

    /// Kernel rows in single precision, `species_count`² of them, numbers rounded jointly where
    /// rounding them one by one would bias the force.
    pub fn kernel_rows(&self) -> Vec<Vec<f32>> {
        let width = self.row_names().len();
        self.pairs
            .iter()
            .enumerate()
            .map(|(index, pair)| {
                let qq = self.coulomb.as_ref().map_or(0.0, |c| c.products[index]);
                let mut row = match (&pair.function, self.form) {
                    (PairFunction::Form(kind, row), form) if *kind == form => {
                        let mut row = row.clone();
                        if matches!(form, FormKind::Buckingham | FormKind::BuckinghamRepulsion24) {
                            round_exponential(&mut row);
                        }
                        row
                    }
                    _ => {
                        let mut row = vec![0.0; width - 1];
                        if let Some(last) = row.last_mut()
                            && !pair.is_absent()
                        {
                            *last = pair.cutoff * pair.cutoff;
                        }
                        row
                    }
                };
                row.push(qq);
                row.into_iter().map(|x| x as f32).collect()
            })
            .collect()
    }

    /// Kernel tables for [`FormKind::Table`], one per ordered species pair.
    pub fn kernel_tables(&self) -> Vec<KernelTable> {
        if self.form != FormKind::Table {
            return Vec::new();
        }
        self.pairs
            .iter()
            .map(|pair| {
                let from = match &pair.function {
                    PairFunction::Spline { spline, .. } => spline.start(),
                    // Inside 0.6 Å (σ/3 in reduced units) no pair ever comes.
                    _ => 0.075 * self.cutoff,
                };
                KernelTable::new(|s| pair.term(s, [1.0; 2]), from, pair.cutoff)
            })
            .collect()
    }

    /// Fitted damping of the charges, for single-precision kernels.
    pub fn damping_fit(&self) -> Result<Option<DampingFit>> {
        self.coulomb.as_ref().map(|c| DampingFit::new(&c.model)).transpose()
    }
}

/// Rounds rate to f32 and re-anchors A where the repulsion is 1.5 energy units, so that the
/// rounding of 1/ρ does not act as a shift of the bond length.
fn round_exponential(row: &mut [f64]) {
    let (a, rate) = (row[0], row[1]);
    if a <= 0.0 || rate == 0.0 {
        return;
    }
    let rounded = f64::from(rate as f32);
    let anchor = (1.5 / a).log2() / rate;
    let factor = ((rate - rounded) * anchor.max(0.0)).exp2();
    row[0] *= factor;
    row[2] *= factor;
    row[1] = rounded;
}

/// The common analytic form of all pairs, or tables where there is none.
fn kernel_form(pairs: &[ReferencePair], charged: bool) -> Result<FormKind> {
    let mut common = None;
    for pair in pairs {
        let kind = match &pair.function {
            PairFunction::Absent => continue,
            PairFunction::Form(kind, _) if pair.smooth_from.is_none() => *kind,
            _ => return Ok(FormKind::Table),
        };
        match common {
            None => common = Some(kind),
            Some(previous) if previous == kind => {}
            Some(_) => return Ok(FormKind::Table),
        }
    }
    match common {
        // Kernels with charges exist for the Buckingham family and for tables.
        None | Some(FormKind::LennardJones) if charged => Ok(FormKind::Table),
        Some(FormKind::GeneralizedLennardJones) if charged => Err(Error::input(
            "generalized_lennard_jones with charges is not supported",
            "leave the [coulomb] table out",
        )),
        found => Ok(found.unwrap_or(FormKind::LennardJones)),
    }
}

fn reference_pair(field: &ForceField, i: usize, j: usize) -> Result<ReferencePair> {
    let found = field.pairs.iter().find(|p| p.species == [i, j] || p.species == [j, i]);
    let cutoff = found.and_then(|p| p.cutoff).unwrap_or(field.cutoff);
    let mut made = ReferencePair { function: PairFunction::Absent, cutoff, smooth_from: None };
    let Some(pair) = found else { return Ok(made) };
    // Where the field as a whole guards with D/r²⁴, pairs without a guard have D = 0.
    let guarded = field.pairs.iter().any(|p| {
        matches!(
            p.definition,
            PairDefinition::Buckingham { short_range: ShortRange::Repulsion24(_), .. }
        )
    });
    let (kind, own) = match &pair.definition {
        PairDefinition::Buckingham { a, rho, c, short_range } => {
            let own = buckingham::parameters(*a, *rho, *c);
            match short_range {
                ShortRange::Repulsion24(d24) => {
                    (FormKind::BuckinghamRepulsion24, [&own[..], &[*d24]].concat())
                }
                ShortRange::None if guarded => {
                    (FormKind::BuckinghamRepulsion24, [&own[..], &[0.0]].concat())
                }
                ShortRange::None => (FormKind::Buckingham, [&own[..], &[0.0; 4]].concat()),
                ShortRange::Splice => {
                    let tail = splice::fit(*a, *rho, *c)?
                        .map_or([0.0; 4], |s| [s.r0 * s.r0, s.b, 0.5 * s.n, s.d]);
                    (FormKind::Buckingham, [&own[..], &tail].concat())
                }
            }
        }
        PairDefinition::LennardJones { epsilon, sigma } => {
            (FormKind::LennardJones, lennard_jones::parameters(*epsilon, *sigma).to_vec())
        }
        PairDefinition::GeneralizedLennardJones { a0 } => {
            (FormKind::GeneralizedLennardJones, vec![*a0])
        }
        PairDefinition::Table { r, energy } => {
            let spline = CubicSpline::new(r.clone(), energy.clone())?;
            if spline.end() < cutoff * (1.0 - 1e-9) {
                return Err(Error::input(
                    format!(
                        "the table of {}–{} ends at {} before the cutoff {cutoff}",
                        field.species[i].name,
                        field.species[j].name,
                        spline.end()
                    ),
                    "extend the table or shorten the cutoff",
                ));
            }
            let [value, slope] = spline.evaluate(cutoff);
            let shift = shift_terms(field.truncation, cutoff, value, slope);
            made.function = PairFunction::Spline { spline, shift };
            made.smooth_from = smooth_from(field.truncation);
            return Ok(made);
        }
    };
    let uses_diameters = kind == FormKind::GeneralizedLennardJones;
    if uses_diameters && field.truncation != Truncation::Plain {
        return Err(Error::input(
            "generalized_lennard_jones depends on each particle's diameter and cannot be shifted",
            "use truncation = \"plain\"",
        ));
    }
    let mut row = own;
    row.extend([0.0, 0.0, f64::INFINITY]);
    let d = f64::distance(cutoff * cutoff);
    let bare = with_pair_form!(kind, F => F::evaluate::<f64, _>(
        &RowWithDiameters { row: &row, diameters: [1.0; 2] }, &d),
        table => unreachable!("handled above"));
    let shift = if uses_diameters {
        [0.0; 2]
    } else {
        shift_terms(field.truncation, cutoff, bare.energy, -bare.virial / cutoff)
    };
    let tail = row.len() - 3;
    row[tail] = shift[0];
    row[tail + 1] = shift[1];
    row[tail + 2] = cutoff * cutoff;
    made.function = PairFunction::Form(kind, row);
    made.smooth_from = smooth_from(field.truncation);
    Ok(made)
}

/// (shift0, shift1) of U − (shift0 + shift1 r) from value and slope at the cutoff.
fn shift_terms(truncation: Truncation, cutoff: f64, value: f64, slope: f64) -> [f64; 2] {
    match truncation {
        Truncation::Plain | Truncation::Smooth { .. } => [0.0; 2],
        Truncation::Shift => [value, 0.0],
        Truncation::ForceShift => [value - slope * cutoff, slope],
    }
}

fn smooth_from(truncation: Truncation) -> Option<f64> {
    match truncation {
        Truncation::Smooth { from } => Some(from),
        _ => None,
    }
}
