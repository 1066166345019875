//! Shapes of sites: tetrahedral order and distance from the regular tetrahedron or octahedron.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Analysis, AnalysisKind, BondCutoffs, Output, View};
use crate::analysis::{Neighbor, Shape, continuous_shape, tetrahedral_order};
use crate::error::Result;
use crate::plot::Figure;

/// Bins of the tetrahedral order, from −3 to 1, and of shape measures, from 0 to 50.
const BINS: usize = 400;
const LOWEST_ORDER: f64 = -3.0;
const LARGEST_MEASURE: f64 = 50.0;

/// A histogram with its mean.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Distribution {
    counts: Vec<u64>,
    sum: f64,
}

impl Distribution {
    fn note(&mut self, place: f64, value: f64) {
        if self.counts.is_empty() {
            self.counts = vec![0; BINS];
        }
        let bin = (place * BINS as f64).clamp(0.0, BINS as f64 - 1.0) as usize;
        self.counts[bin] += 1;
        self.sum += value;
    }

    fn number(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Sites with four or six bonds, by the species of their centre; anions are no centres.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Shapes {
    cutoffs: BondCutoffs,
    order: BTreeMap<u16, Distribution>,
    measure: BTreeMap<(u16, Shape), Distribution>,
}

/// What one site says.
enum Site {
    Tetrahedral { order: f64, measure: Option<f64> },
    Octahedral { measure: Option<f64> },
}

fn site(near: &[Neighbor]) -> Option<Site> {
    let vectors: Vec<[f64; 3]> = near.iter().map(|n| n.vector).collect();
    match Shape::of_coordination(near.len())? {
        Shape::Tetrahedron => {
            let four: &[Neighbor; 4] = near.try_into().ok()?;
            let measure = continuous_shape(&vectors, Shape::Tetrahedron);
            Some(Site::Tetrahedral { order: tetrahedral_order(four), measure })
        }
        Shape::Octahedron => {
            Some(Site::Octahedral { measure: continuous_shape(&vectors, Shape::Octahedron) })
        }
    }
}

impl Analysis for Shapes {
    fn kind(&self) -> AnalysisKind {
        AnalysisKind::Shapes
    }

    fn accumulate(&mut self, view: &View<'_>) -> Result<()> {
        self.cutoffs.clone_from(view.cutoffs());
        let bonds = view.bonds()?;
        let sites: Vec<Option<Site>> = (0..view.structure.len())
            .into_par_iter()
            .map(|atom| {
                let ligand = self.cutoffs.is_anion(view.structure.kinds[atom]);
                if ligand { None } else { site(bonds.of(atom)) }
            })
            .collect();
        let empty = || Distribution { counts: Vec::new(), sum: 0.0 };
        for (site, &kind) in sites.into_iter().zip(&view.structure.kinds) {
            let (shape, measure) = match site {
                Some(Site::Tetrahedral { order, measure }) => {
                    let place = (order - LOWEST_ORDER) / (1.0 - LOWEST_ORDER);
                    self.order.entry(kind).or_insert_with(empty).note(place, order);
                    (Shape::Tetrahedron, measure)
                }
                Some(Site::Octahedral { measure }) => (Shape::Octahedron, measure),
                None => continue,
            };
            if let Some(measure) = measure {
                let sum = self.measure.entry((kind, shape)).or_insert_with(empty);
                sum.note(measure / LARGEST_MEASURE, measure);
            }
        }
        Ok(())
    }

    fn finish(&self, output: &mut Output) -> Result<()> {
        if self.order.is_empty() && self.measure.is_empty() {
            output.remark("no atom has four or six bonds: no shapes");
            return Ok(());
        }
        let curve = |d: &Distribution, low: f64, high: f64| -> Vec<(f64, f64)> {
            let width = (high - low) / BINS as f64;
            let norm = d.number() as f64 * width;
            let at = |k: usize| low + (k as f64 + 0.5) * width;
            d.counts.iter().enumerate().map(|(k, &c)| (at(k), c as f64 / norm)).collect()
        };
        let mut orders = Vec::new();
        for (&kind, d) in &self.order {
            let name = self.cutoffs.name(kind);
            output.number(format!("tetrahedral order, {name}"), d.sum / d.number() as f64, "");
            orders.push((name.to_owned(), curve(d, LOWEST_ORDER, 1.0)));
        }
        let mut measures = Vec::new();
        for (&(kind, shape), d) in &self.measure {
            let name = format!("{}, {}", self.cutoffs.name(kind), shape.name());
            output.number(format!("shape measure, {name}"), d.sum / d.number() as f64, "");
            measures.push((name, curve(d, 0.0, LARGEST_MEASURE)));
        }
        write(
            output,
            ("tetrahedral-order", "tetrahedral order q"),
            &orders,
            "1 is a regular tetrahedron of bonds, 0 four random directions; sites with four bonds",
        )?;
        write(
            output,
            ("shape-measure", "continuous shape measure S"),
            &measures,
            "distance of sites with four or six bonds from the regular tetrahedron or octahedron: 0 is regular",
        )
    }
}

/// The part of the axis that has 99.5 % of every distribution.
fn range(curves: &[(String, Vec<(f64, f64)>)]) -> (f64, f64) {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for (_, points) in curves {
        let whole: f64 = points.iter().map(|p| p.1).sum();
        let mut sum = 0.0;
        for &(x, density) in points {
            sum += density / whole;
            if sum < 0.0025 {
                continue;
            }
            low = low.min(x);
            high = high.max(x);
            if sum > 0.9975 {
                break;
            }
        }
    }
    let margin = 0.03 * (high - low).max(0.1);
    (low - margin, high + margin)
}

/// Fewer and wider bins where sites are few, so that the picture is not their noise: a twentieth of
/// the part of the axis that has most of them.
fn merged(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let (low, high) = range(&[(String::new(), points.to_vec())]);
    let bin = points[1].0 - points[0].0;
    let wide = (((high - low) / bin / 20.0).round() as usize).max(1);
    points
        .chunks(wide)
        .map(|c| {
            let n = c.len() as f64;
            let sum = c.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0, s.1 + p.1));
            (sum.0 / n, sum.1 / n)
        })
        .collect()
}

fn write(
    output: &mut Output,
    (name, axis): (&str, &str),
    curves: &[(String, Vec<(f64, f64)>)],
    reading: &str,
) -> Result<()> {
    let Some((_, first)) = curves.first() else { return Ok(()) };
    let mut rows: Vec<Vec<f64>> = first.iter().map(|(x, _)| vec![*x]).collect();
    let mut header = vec![axis.to_owned()];
    let (low, high) = range(curves);
    // Room for the legend above the sharpest peak.
    let top = curves.iter().flat_map(|(_, p)| merged(p)).map(|p| p.1).fold(0.0, f64::max);
    let mut picture =
        Figure::new("", axis, "density").x_range(low, high).y_range(0.0, 1.4 * top.max(1e-3));
    for (label, points) in curves {
        header.push(label.clone());
        rows.iter_mut().zip(points).for_each(|(row, p)| row.push(p.1));
        picture = picture.line(label.clone(), merged(points));
    }
    output.table(name, &header, &rows)?;
    output.picture(name, &picture, reading)
}
