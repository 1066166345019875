//! Descriptors of many centres on a device, block by block.
//!
//! A device only makes sums over neighbours; averages over shells and invariants of the sums are
//! made here, in double precision, for every device alike.

use std::collections::HashMap;

use rayon::prelude::*;

use super::{BoundPlan, BoundTerm, CellList, DescriptorPlan, Neighbor, Neighborhood, ShellAverage};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::system::Structure;

/// Numbers in a block of rows, about: with work space some tens of MiB.
pub const BLOCK_VALUES: usize = 1 << 21;

/// Sums of a plan's descriptors over neighbours on a device.
pub trait DescriptorSession: Send {
    /// The sums of one term for some atoms, one row each, `sums_len` of the term's descriptor long.
    fn sums(&mut self, term: usize, atoms: &[u32], sums: &mut [f64]) -> Result<()>;

    /// Seconds spent in each kind of pass since the session began, where the session knows.
    fn profile(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
}

/// Features of every centre.
#[derive(Debug, Clone, PartialEq)]
pub struct DescriptorMatrix {
    /// Name of each column.
    pub columns: Vec<String>,
    /// Index of the atom of each row, counted from 0.
    pub centres: Vec<usize>,
    /// Features, row after row.
    pub data: Vec<f32>,
    /// The plan's [`DescriptorPlan::definition`].
    pub definition: String,
}

impl DescriptorMatrix {
    /// The features of one row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.data[row * self.columns.len()..(row + 1) * self.columns.len()]
    }
}

/// Some finished rows.
#[derive(Debug)]
pub struct Block<'a> {
    /// Which rows.
    pub rows: &'a [usize],
    /// Their features, row after row.
    pub data: &'a [f64],
}

/// Features of every centre of a structure, in memory.
pub fn compute(
    backend: &dyn Backend,
    structure: &Structure,
    plan: &DescriptorPlan,
) -> Result<DescriptorMatrix> {
    let bound = plan.bind(structure)?;
    let width = bound.columns.len();
    let mut data = vec![0f32; bound.centres.len() * width];
    stream(backend, &bound, |block| {
        for (&row, values) in block.rows.iter().zip(block.data.chunks(width)) {
            for (to, &from) in data[row * width..].iter_mut().zip(values) {
                *to = from as f32;
            }
        }
        Ok(())
    })?;
    let BoundPlan { columns, centres, .. } = bound;
    Ok(DescriptorMatrix { columns, centres, data, definition: plan.definition().to_owned() })
}

/// As [`compute`], with the digits that the device has: row after row.
pub fn compute_exact(
    backend: &dyn Backend,
    structure: &Structure,
    plan: &DescriptorPlan,
) -> Result<Vec<f64>> {
    let bound = plan.bind(structure)?;
    let width = bound.columns.len();
    let mut data = vec![0.0; bound.centres.len() * width];
    stream(backend, &bound, |block| {
        for (&row, values) in block.rows.iter().zip(block.data.chunks(width)) {
            data[row * width..(row + 1) * width].copy_from_slice(values);
        }
        Ok(())
    })?;
    Ok(data)
}

/// Hands the features to `visit` in blocks of rows. The memory needed besides the structure is that
/// of a block, whatever the number of centres. Where features of neighbours enter, rows come in
/// an order in which the atoms of a block are close together; otherwise in ascending order.
pub fn stream(
    backend: &dyn Backend,
    bound: &BoundPlan,
    mut visit: impl FnMut(&Block) -> Result<()>,
) -> Result<()> {
    let mut shells = Shells::new(bound)?;
    if let Some((first, second)) = shells.cells.coincident() {
        return Err(Error::Overlap {
            first: first.min(second) as usize + 1,
            second: first.max(second) as usize + 1,
            distance: 0.0,
        });
    }
    let mut session = backend.descriptors(bound)?;
    let mut rows: Vec<usize> = (0..bound.centres.len()).collect();
    if bound.terms.iter().any(|t| t.term.average.is_some() || t.term.descriptor.averaged()) {
        let position = |row: usize| bound.structure.positions[bound.centres[row]];
        rows.sort_by_cached_key(|&row| (shells.cells.cell_number(position(row)), row));
    }
    let width = bound.columns.len();
    let widest = bound.terms.iter().map(|t| t.term.descriptor.sums_len()).max().unwrap_or(1);
    let block = (BLOCK_VALUES / (width + widest)).max(64);
    let mut data = Vec::new();
    for rows in rows.chunks(block) {
        let atoms: Vec<u32> = rows.iter().map(|&row| bound.centres[row] as u32).collect();
        data.clear();
        data.resize(rows.len() * width, 0.0);
        let mut first = 0;
        for (k, term) in bound.terms.iter().enumerate() {
            let values = shells.rows(session.as_mut(), k, &atoms)?;
            let own = term.term.columns("").len();
            for (row, values) in data.chunks_mut(width).zip(values.chunks(own)) {
                row[first..first + own].copy_from_slice(values);
            }
            first += own;
        }
        if let Some(bad) = data.iter().position(|x| !x.is_finite()) {
            return Err(Error::input(
                format!(
                    "the feature `{}` of atom {} is not finite",
                    bound.columns[bad % width],
                    atoms[bad / width] + 1
                ),
                "look for atoms at nearly the same place, and for parameters of absurd size",
            ));
        }
        visit(&Block { rows, data: &data })?;
    }
    Ok(())
}

/// Double-precision sums by a descriptor's own definition.
#[derive(Debug)]
pub struct Definition<'a> {
    bound: &'a BoundPlan<'a>,
    cells: CellList,
}

impl<'a> Definition<'a> {
    /// Cells for the longest cutoff.
    pub fn new(bound: &'a BoundPlan<'a>) -> Result<Self> {
        let longest = bound.terms.iter().map(|t| t.term.descriptor.cutoff()).fold(0.0, f64::max);
        Ok(Self { bound, cells: CellList::new(bound.structure, longest, |_| true)? })
    }

    /// The sums of a term for one atom.
    pub fn sums(&self, term: usize, atom: u32, space: &mut Vec<Neighbor>, sums: &mut [f64]) {
        let descriptor = &self.bound.terms[term].term.descriptor;
        let groups = |other| self.bound.groups_of(term, other);
        let position = self.bound.structure.positions[atom as usize];
        self.cells.neighbors(atom, position, descriptor.cutoff(), groups, space);
        sums.fill(0.0);
        descriptor.sums(&Neighborhood { centre_groups: groups(atom), neighbors: space }, sums);
    }
}

/// Averages over shells of neighbours.
struct Shells<'a> {
    bound: &'a BoundPlan<'a>,
    cells: CellList,
}

/// Atoms of a block and those that their averages look at, each once.
struct Members {
    atoms: Vec<u32>,
    place: HashMap<u32, u32>,
}

impl Members {
    fn add(&mut self, atom: u32) -> u32 {
        let next = self.atoms.len() as u32;
        *self.place.entry(atom).or_insert_with(|| {
            self.atoms.push(atom);
            next
        })
    }
}

impl<'a> Shells<'a> {
    fn new(bound: &'a BoundPlan<'a>) -> Result<Self> {
        let mut longest = 0.0f64;
        for BoundTerm { term, .. } in &bound.terms {
            longest = longest.max(term.average.as_ref().map_or(0.0, |a| a.cutoff));
            if term.descriptor.averaged() {
                longest = longest.max(term.descriptor.cutoff());
            }
        }
        // Without averages the cells only serve to find atoms at the same place.
        let spacing =
            (bound.structure.simulation_box.volume() / bound.structure.len().max(1) as f64).cbrt();
        let cutoff = if longest > 0.0 { longest } else { 2.0 * spacing };
        Ok(Self { bound, cells: CellList::new(bound.structure, cutoff, |_| true)? })
    }

    /// All features of a term.
    fn rows(
        &mut self,
        session: &mut dyn DescriptorSession,
        term: usize,
        atoms: &[u32],
    ) -> Result<Vec<f64>> {
        let BoundTerm { term: definition, average_groups, .. } = &self.bound.terms[term];
        let Some(average) = &definition.average else {
            return self.features(session, term, atoms);
        };
        let neighbors = |atom: u32| self.weighted_neighbors(atom, average, average_groups);
        // The last iteration is needed for the atoms themselves, each earlier one a shell further.
        let mut members = Members { atoms: Vec::new(), place: HashMap::new() };
        atoms.iter().for_each(|&a| {
            members.add(a);
        });
        let mut ends = vec![members.atoms.len()];
        let mut lists: Vec<Vec<(u32, f64)>> = Vec::new();
        for _ in 0..average.iterations {
            let from = lists.len();
            let end = members.atoms.len();
            let found: Vec<Vec<(u32, f64)>> =
                members.atoms[from..end].par_iter().map(|&a| neighbors(a)).collect();
            for list in found {
                lists.push(list.into_iter().map(|(a, w)| (members.add(a), w)).collect());
            }
            ends.push(members.atoms.len());
        }
        let base = definition.base_len();
        let mut values = self.features(session, term, &members.atoms)?;
        let own = base * (average.iterations + 1);
        let mut rows = vec![0.0; atoms.len() * own];
        // The same atom may be a centre twice.
        let places: Vec<usize> = atoms.iter().map(|a| members.place[a] as usize).collect();
        let mut keep = |k: usize, values: &[f64]| {
            for (row, &place) in rows.chunks_mut(own).zip(&places) {
                row[k * base..(k + 1) * base]
                    .copy_from_slice(&values[place * base..(place + 1) * base]);
            }
        };
        keep(0, &values);
        for k in 1..=average.iterations {
            let count = ends[average.iterations - k];
            let next: Vec<f64> = (0..count)
                .into_par_iter()
                .flat_map_iter(|place| {
                    weighted_mean(place as u32, average.weight(0.0), &lists[place], &values, base)
                })
                .collect();
            values = next;
            keep(k, &values);
        }
        Ok(rows)
    }

    fn weighted_neighbors(
        &self,
        atom: u32,
        average: &ShellAverage,
        groups: &[u32],
    ) -> Vec<(u32, f64)> {
        let structure = self.bound.structure;
        let bits = |other: u32| groups[usize::from(structure.kinds[other as usize])];
        let mut found = Vec::new();
        let position = structure.positions[atom as usize];
        self.cells.neighbors(atom, position, average.cutoff, bits, &mut found);
        found.into_iter().map(|n| (n.atom, average.weight(n.r))).collect()
    }

    /// The features of a term before shell averages.
    fn features(
        &self,
        session: &mut dyn DescriptorSession,
        term: usize,
        atoms: &[u32],
    ) -> Result<Vec<f64>> {
        let descriptor = &self.bound.terms[term].term.descriptor;
        let width = descriptor.sums_len();
        let base = self.bound.terms[term].term.base_len();
        let mut sums = vec![0.0; atoms.len() * width];
        if descriptor.averaged() {
            let groups = descriptor.groups().len();
            let structure = self.bound.structure;
            let around: Vec<Vec<Neighbor>> = atoms
                .par_iter()
                .map(|&atom| {
                    let mut found = Vec::new();
                    let position = structure.positions[atom as usize];
                    let bits = |other| self.bound.groups_of(term, other);
                    let cutoff = descriptor.cutoff();
                    self.cells.neighbors(atom, position, cutoff, bits, &mut found);
                    found
                })
                .collect();
            let mut members = Members { atoms: Vec::new(), place: HashMap::new() };
            for (&atom, found) in atoms.iter().zip(&around) {
                members.add(atom);
                found.iter().for_each(|n| {
                    members.add(n.atom);
                });
            }
            let mut all = vec![0.0; members.atoms.len() * width];
            session.sums(term, &members.atoms, &mut all)?;
            let part = width / groups;
            sums.par_chunks_mut(width).zip(atoms).zip(&around).for_each(|((sums, atom), found)| {
                for (g, sums) in sums.chunks_mut(part).enumerate() {
                    let list: Vec<(u32, f64)> = found
                        .iter()
                        .filter(|n| n.groups >> g & 1 == 1)
                        .map(|n| (members.place[&n.atom] * groups as u32 + g as u32, 1.0))
                        .collect();
                    let own = members.place[atom] * groups as u32 + g as u32;
                    sums.copy_from_slice(&weighted_mean(own, 1.0, &list, &all, part));
                }
            });
        } else {
            session.sums(term, atoms, &mut sums)?;
        }
        let mut features = vec![0.0; atoms.len() * base];
        features
            .par_chunks_mut(base)
            .zip(sums.par_chunks(width))
            .for_each(|(features, sums)| descriptor.finish(sums, features));
        Ok(features)
    }
}

/// Weighted mean of rows of `values`: the row `own` and those of the list.
fn weighted_mean(
    own: u32,
    own_weight: f64,
    list: &[(u32, f64)],
    values: &[f64],
    width: usize,
) -> Vec<f64> {
    let row = |place: u32| &values[place as usize * width..(place as usize + 1) * width];
    let mut mean: Vec<f64> = row(own).iter().map(|x| own_weight * x).collect();
    let mut total = own_weight;
    for &(place, weight) in list {
        for (sum, x) in mean.iter_mut().zip(row(place)) {
            *sum += weight * x;
        }
        total += weight;
    }
    mean.iter_mut().for_each(|x| *x /= total);
    mean
}
