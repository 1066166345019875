//! How far softness reaches in space.

use serde::Serialize;

use crate::analysis::NeighborList;
use crate::analysis::motion::{Estimate, jackknife, weighted_line};
use crate::error::Result;
use crate::system::Structure;

/// C(r) = ⟨δS_i δS_j⟩/⟨δS²⟩ over pairs at a distance r.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SoftnessCorrelation {
    /// (r, C, number of pairs); bins without pairs are left out.
    pub points: Vec<(f64, Estimate, f64)>,
    /// Length ξ of C ~ exp(−r/ξ), through the bins from the nearest neighbours on until C is first
    /// lost in its error; `None` with fewer than three such bins.
    pub length: Option<Estimate>,
}

/// Sums of one structure: number of pairs and Σ δS_i δS_j of each bin, then number and Σ δS².
fn sums(
    structure: &Structure,
    atoms: &[usize],
    softness: &[f64],
    cutoff: f64,
    bin: f64,
) -> Result<Vec<f64>> {
    let selected = Structure::new(
        structure.simulation_box,
        structure.species.clone(),
        atoms.iter().map(|&i| structure.kinds[i]).collect(),
        atoms.iter().map(|&i| structure.positions[i]).collect(),
    )?;
    let mean = softness.iter().sum::<f64>() / softness.len() as f64;
    let bins = (cutoff / bin).ceil() as usize;
    let mut sums = vec![0.0; 2 * bins + 2];
    let list = NeighborList::new(&selected, |_, _| cutoff)?;
    for (i, s) in softness.iter().enumerate() {
        let deviation = s - mean;
        for neighbor in list.of(i) {
            let k = ((neighbor.distance / bin) as usize).min(bins - 1);
            sums[2 * k] += 1.0;
            sums[2 * k + 1] += deviation * (softness[neighbor.atom as usize] - mean);
        }
        sums[2 * bins] += 1.0;
        sums[2 * bins + 1] += deviation * deviation;
    }
    Ok(sums)
}

/// Correlation of softness over structures of independent glasses: (glass, structure, atoms, their
/// softness). Deviations are from the mean of each structure.
pub fn softness_correlation(
    of: &[(u32, &Structure, &[usize], &[f64])],
    cutoff: f64,
    bin: f64,
) -> Result<SoftnessCorrelation> {
    let bins = (cutoff / bin).ceil() as usize;
    let mut by_glass = std::collections::BTreeMap::<u32, Vec<f64>>::new();
    for &(glass, structure, atoms, softness) in of {
        let more = sums(structure, atoms, softness, cutoff, bin)?;
        let total = by_glass.entry(glass).or_insert_with(|| vec![0.0; more.len()]);
        total.iter_mut().zip(more).for_each(|(t, x)| *t += x);
    }
    let blocks: Vec<Vec<f64>> = by_glass.into_values().collect();
    let mut points = Vec::new();
    for k in 0..bins {
        let part: Vec<Vec<f64>> = blocks
            .iter()
            .map(|b| vec![b[2 * bins], b[2 * bins + 1], b[2 * k], b[2 * k + 1]])
            .collect();
        let pairs: f64 = part.iter().map(|b| b[2]).sum();
        if pairs > 0.0 {
            let mut c = jackknife(&part, |s| (s[3] / s[2]) / (s[1] / s[0]));
            // Every pair is there twice; uncorrelated atoms scatter by one over the root.
            let scatter = (2.0 / pairs).sqrt();
            c.error = Some(c.error.filter(|e| e.is_finite()).unwrap_or(0.0).max(scatter));
            points.push(((k as f64 + 0.5) * bin, c, pairs / 2.0));
        }
    }
    let length = length(&points);
    Ok(SoftnessCorrelation { points, length })
}

fn length(points: &[(f64, Estimate, f64)]) -> Option<Estimate> {
    let most = points.iter().map(|p| p.1.value).fold(0.0, f64::max);
    let decays: Vec<(f64, f64, f64)> = points
        .iter()
        .skip_while(|p| p.1.value < most)
        .take_while(|p| p.1.value > 2.0 * p.1.error.unwrap_or(0.0))
        .map(|p| (p.0, p.1.value.ln(), p.1.error.unwrap_or(0.0) / p.1.value))
        .collect();
    if decays.len() < 3 {
        return None;
    }
    let line = weighted_line(&decays).filter(|l| l.slope < 0.0)?;
    let value = -1.0 / line.slope;
    Some(Estimate { value, error: Some(value * value * line.slope_error) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{RandomStream, SimulationBox, Species, Stream};

    fn cloud(n: usize, seed: u64) -> Structure {
        let stream = RandomStream::new(seed, Stream::Positions);
        let positions =
            (0..n as u32).map(|k| [0, 1, 2].map(|a| 30.0 * stream.uniform(0, k, a))).collect();
        let species = vec![Species { name: "Na".into(), mass: None }];
        let cell = SimulationBox::cubic(30.0).expect("a box");
        Structure::new(cell, species, vec![0; n], positions).expect("a structure")
    }

    #[test]
    fn a_smooth_field_is_correlated_and_noise_is_not() {
        let structures: Vec<Structure> = (0..5).map(|k| cloud(2000, k)).collect();
        let atoms: Vec<usize> = (0..2000).collect();
        let wave = std::f64::consts::TAU / 30.0;
        // S = cos kx: C(r) = sin(kr)/(kr), averaged over directions.
        let fields: Vec<Vec<f64>> = structures
            .iter()
            .map(|s| s.positions.iter().map(|r| (wave * r[0]).cos()).collect())
            .collect();
        let of: Vec<_> = (0..5)
            .map(|k| (k as u32, &structures[k], atoms.as_slice(), fields[k].as_slice()))
            .collect();
        let found = softness_correlation(&of, 12.0, 1.0).expect("correlated");
        assert_eq!(found.points.len(), 12);
        for (r, c, _) in &found.points {
            let wanted = (wave * r).sin() / (wave * r);
            assert!((c.value - wanted).abs() < 0.06, "C({r}) = {} is not {wanted}", c.value);
        }
        let stream = RandomStream::new(9, Stream::Sampling);
        let noise: Vec<Vec<f64>> =
            (0..5).map(|g| (0..2000).map(|n| stream.normal_pair(g, n, 0)[0]).collect()).collect();
        let of: Vec<_> = (0..5)
            .map(|k| (k as u32, &structures[k], atoms.as_slice(), noise[k].as_slice()))
            .collect();
        let found = softness_correlation(&of, 12.0, 1.0).expect("uncorrelated");
        for (r, c, _) in &found.points {
            assert!(c.value.abs() < 5.0 * c.error.expect("an error"), "C({r}) = {c:?}");
        }
        assert!(found.length.is_none());
    }

    #[test]
    fn an_exponential_has_its_length() {
        let points: Vec<(f64, Estimate, f64)> = (0..10)
            .map(|k| {
                let r = 2.0 + f64::from(k);
                let c = 0.4 * (-r / 3.0).exp();
                (r, Estimate { value: c, error: Some(1e-3) }, 1e5)
            })
            .collect();
        let length = length(&points).expect("decays");
        assert!((length.value - 3.0).abs() < 1e-9);
    }
}
