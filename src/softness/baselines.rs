//! What simpler or richer features can do.

use serde::Serialize;

use super::data::Surroundings;
use super::score::Score;
use crate::analysis::motion::Estimate;
use crate::analysis::{NeighborList, PartialRdf};
use crate::error::Result;

/// A classifier on other features, tested like the model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Baseline {
    /// Its features: "coordination number", "SOAP".
    pub name: String,
    /// Number of features.
    pub features: usize,
    /// Scores on samples kept out of the training.
    pub score: Score,
    /// Scatter of the balanced accuracy between glasses that were kept out, where there are several.
    pub between_glasses: Option<Estimate>,
}

/// Number of atoms of some species within a radius of each labelled atom.
pub(super) fn coordination(
    set: &Surroundings,
    neighbors: &[String],
    cutoff: f64,
) -> Result<Vec<f64>> {
    let structure = &set.structure;
    let counts: Vec<bool> = structure
        .species
        .iter()
        .map(|s| neighbors.is_empty() || neighbors.contains(&s.name))
        .collect();
    let list = NeighborList::new(structure, |_, _| cutoff)?;
    let counted = |i: &usize| {
        let near = list.of(*i).iter();
        near.filter(|n| counts[usize::from(structure.kinds[n.atom as usize])]).count() as f64
    };
    Ok(set.atoms.iter().map(counted).collect())
}

/// What lies around the labelled atoms.
pub(super) struct Around {
    /// (r, g).
    pub rdf: Vec<(f64, f64)>,
    /// First minimum of g.
    pub first_minimum: Option<f64>,
}

/// The radial distribution of `neighbors` around the labelled species over some structures.
pub(super) fn around(sets: &[&Surroundings], neighbors: &[String], cutoff: f64) -> Result<Around> {
    let nothing = Around { rdf: Vec::new(), first_minimum: None };
    let Some(first) = sets.first() else { return Ok(nothing) };
    let structure = &first.structure;
    let cutoff = cutoff.min(structure.simulation_box.longest_cutoff());
    let mut rdf = PartialRdf::with_images(structure, cutoff, 0.02 * cutoff / 8.0)?;
    for set in sets {
        rdf.add(&set.structure)?;
    }
    let Some(centre) = first.atoms.first().map(|&i| structure.species_name(i).to_owned()) else {
        return Ok(nothing);
    };
    let wanted = neighbors.first().cloned().unwrap_or_else(|| centre.clone());
    let pair = rdf.partials().into_iter().find(|p| {
        let names = [p.species[0].as_str(), p.species[1].as_str()];
        names == [centre.as_str(), wanted.as_str()] || names == [wanted.as_str(), centre.as_str()]
    });
    Ok(pair.map_or(nothing, |p| Around {
        first_minimum: p.first_minimum(),
        rdf: p.r.iter().copied().zip(p.g.iter().copied()).collect(),
    }))
}

/// Mean SOAP similarity of each row to the rows that moved most: S(i) = ⟨q_i·q_j⟩ over the `part`
/// of the atoms j ≠ i with the largest values, q of unit length.
pub(super) fn similarity(features: &[f64], columns: usize, values: &[f64], part: f64) -> Vec<f64> {
    let unit: Vec<Vec<f64>> = features
        .chunks_exact(columns)
        .map(|row| {
            let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            row.iter().map(|x| x / norm.max(f64::MIN_POSITIVE)).collect()
        })
        .collect();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]).then(a.cmp(&b)));
    order.truncate(((part * values.len() as f64).round() as usize).max(2));
    let mut is_reference = vec![false; values.len()];
    let mut sum = vec![0.0; columns];
    for &j in &order {
        is_reference[j] = true;
        sum.iter_mut().zip(&unit[j]).for_each(|(s, x)| *s += x);
    }
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    unit.iter()
        .enumerate()
        .map(|(i, q)| {
            let itself = if is_reference[i] { dot(q, q) } else { 0.0 };
            let others = order.len() as f64 - if is_reference[i] { 1.0 } else { 0.0 };
            (dot(q, &sum) - itself) / others
        })
        .collect()
}

/// Pearson's correlation coefficient.
pub(super) fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len() as f64;
    let (ma, mb) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    let sums = a.iter().zip(b).fold([0.0; 3], |s, (a, b)| {
        [s[0] + (a - ma).powi(2), s[1] + (b - mb).powi(2), s[2] + (a - ma) * (b - mb)]
    });
    sums[2] / (sums[0] * sums[1]).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atoms_like_the_movers_are_similar() {
        let features = [3.0, 0.0, 2.0, 0.0, 0.0, 1.0, 1.0, 1.0];
        let s = similarity(&features, 2, &[5.0, 4.0, 1.0, 0.0], 0.5);
        let root = 0.5_f64.sqrt();
        for (found, wanted) in s.iter().zip([1.0, 1.0, 0.0, root]) {
            assert!((found - wanted).abs() < 1e-12);
        }
        assert!((correlation(&[1.0, 2.0, 4.0], &[2.0, 4.0, 8.0]) - 1.0).abs() < 1e-12);
        assert!((correlation(&[1.0, 2.0, 3.0], &[1.0, -1.0, 1.0])).abs() < 1e-12);
    }
}
