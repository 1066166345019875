//! Descriptors in SIMD on all cores.
//!
//! Neighbours are gathered from cells in double precision and summed in single precision, sixteen
//! at a time. A centre's sums depend on nothing but its neighbours' order in the cells, so not on
//! the number of threads. A descriptor without a kernel runs by its definition.

mod angular;
mod gather;
mod harmonics;
mod lanes;
mod radial;
mod soap;

use rayon::prelude::*;

use super::level::{Level, Task};
use crate::descriptor::{BoundPlan, CellList, Definition, DescriptorSession, Kernel};
use crate::error::Result;
use gather::Around;

/// Descriptors on all cores.
#[derive(Debug)]
pub struct CpuDescriptors<'a> {
    bound: &'a BoundPlan<'a>,
    level: Level,
    terms: Vec<Option<TermKernel>>,
    /// For terms without a kernel.
    definition: Option<Definition<'a>>,
}

/// What one term needs.
#[derive(Debug)]
struct TermKernel {
    form: Form,
    cutoff: f64,
    groups: usize,
    cells: CellList,
    /// Groups of the sorted atoms.
    bits: Vec<u32>,
}

#[derive(Debug)]
enum Form {
    Radial(radial::Radial),
    Angular(angular::Angular),
    Harmonics(harmonics::MeanHarmonics),
    Soap(soap::Soap),
}

/// Work space of a thread.
#[derive(Debug, Default)]
struct Space {
    around: Around,
    angular: angular::Space,
    soap: soap::Space,
    lanes: Vec<lanes::Lane>,
}

/// Centres that a thread takes at a time.
const CENTRES: usize = 32;

impl<'a> CpuDescriptors<'a> {
    /// Sorts the atoms into cells for every term.
    pub fn start(bound: &'a BoundPlan<'a>, level: Level) -> Result<Self> {
        let mut terms = Vec::with_capacity(bound.terms.len());
        for (k, term) in bound.terms.iter().enumerate() {
            let descriptor = &term.term.descriptor;
            let cutoff = descriptor.cutoff();
            let form = match descriptor.kernel() {
                None => {
                    terms.push(None);
                    continue;
                }
                Some(Kernel::Radial { functions, cutoff_function }) => {
                    Form::Radial(radial::Radial::new(&functions, cutoff_function, cutoff))
                }
                Some(Kernel::Angular { functions, third_side, cutoff_function }) => Form::Angular(
                    angular::Angular::new(&functions, third_side, cutoff_function, cutoff),
                ),
                Some(Kernel::Harmonics { degrees }) => {
                    Form::Harmonics(harmonics::MeanHarmonics::new(&degrees))
                }
                Some(Kernel::Soap(kernel)) => Form::Soap(soap::Soap::new(&kernel)),
            };
            let keep = |atom: usize| bound.groups_of(k, atom as u32) != 0;
            let cells = CellList::new(bound.structure, cutoff, keep)?;
            let bits = cells.atoms.iter().map(|&atom| bound.groups_of(k, atom)).collect();
            let groups = descriptor.groups().len();
            terms.push(Some(TermKernel { form, cutoff, groups, cells, bits }));
        }
        let definition =
            if terms.iter().any(Option::is_none) { Some(Definition::new(bound)?) } else { None };
        Ok(Self { bound, level, terms, definition })
    }
}

impl DescriptorSession for CpuDescriptors<'_> {
    fn sums(&mut self, term: usize, atoms: &[u32], sums: &mut [f64]) -> Result<()> {
        let width = self.bound.terms[term].term.descriptor.sums_len();
        if let Some(kernel) = &self.terms[term] {
            let (bound, level) = (self.bound, self.level);
            sums.par_chunks_mut(CENTRES * width).zip(atoms.par_chunks(CENTRES)).for_each_init(
                || Space { around: Around::new(kernel.groups), ..Space::default() },
                |space, (sums, atoms)| {
                    level.run(Centres { bound, kernel, term, atoms, sums, width, space });
                },
            );
        } else if let Some(definition) = &self.definition {
            sums.par_chunks_mut(width).zip(atoms).for_each_init(
                Vec::new,
                |space, (sums, &atom)| {
                    definition.sums(term, atom, space, sums);
                },
            );
        }
        Ok(())
    }
}

/// The sums of some centres.
struct Centres<'a> {
    bound: &'a BoundPlan<'a>,
    kernel: &'a TermKernel,
    term: usize,
    atoms: &'a [u32],
    sums: &'a mut [f64],
    width: usize,
    space: &'a mut Space,
}

impl Task for Centres<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { bound, kernel, term, atoms, sums, width, space } = self;
        for (&atom, sums) in atoms.iter().zip(sums.chunks_mut(width)) {
            let position = bound.structure.positions[atom as usize];
            space.around.gather(&kernel.cells, &kernel.bits, position, kernel.cutoff);
            let groups = &mut space.around.groups;
            match &kernel.form {
                Form::Radial(radial) => radial.sums::<FMA>(groups, sums),
                Form::Angular(angular) => angular.sums::<FMA>(groups, &mut space.angular, sums),
                Form::Harmonics(mean) => mean.sums::<FMA>(groups, &mut space.lanes, sums),
                Form::Soap(soap) => {
                    let own = bound.groups_of(term, atom);
                    soap.sums::<FMA>(groups, own, &mut space.soap, sums);
                }
            }
        }
    }
}
