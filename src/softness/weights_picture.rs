//! Weights of features that have a distance, against it.

use super::pictures::{Picture, error_of};
use super::study::Study;
use crate::analysis::motion::Estimate;
use crate::learning::curve_and_radius;
use crate::plot::Figure;

/// The pair of a feature's name: "Na-O".
fn pair(name: &str) -> &str {
    name.split_whitespace().nth(1).unwrap_or("")
}

/// One curve: its name and (r, weight).
type Curve = (String, Vec<(f64, Estimate)>);

fn curves(weights: &[(String, Estimate)]) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for (name, weight) in weights {
        let Some((curve, r)) = curve_and_radius(name) else { continue };
        match curves.iter_mut().find(|c| c.0 == curve) {
            Some(known) => known.1.push((r, *weight)),
            None => curves.push((curve, vec![(r, *weight)])),
        }
    }
    curves
}

impl Study {
    /// Weights against r beside g(r) of each pair, if there are features that have an r.
    pub(super) fn weight_curve(&self) -> Option<Picture> {
        let curves = curves(&self.weights);
        let all = || curves.iter().flat_map(|c| &c.1);
        if curves.is_empty() {
            return None;
        }
        let largest = all().map(|p| p.1.value.abs()).fold(0.0, f64::max);
        let reach = all().map(|p| p.0).fold(0.0, f64::max);
        let g_of = |pair: &str| self.rdf.iter().find(|g| g.0 == pair).map(|g| &g.1);
        let mut figure = Figure::new(
            "Weights of features at a distance",
            format!("r ({})", self.length_unit),
            "weight",
        );
        for (name, points) in &curves {
            figure = figure.line_with_errors(
                name.clone(),
                points.iter().map(|p| (p.0, p.1.value)).collect(),
                points.iter().map(|p| p.1.error.unwrap_or(0.0)).collect(),
            );
        }
        let mut shown: Vec<&str> = Vec::new();
        for (k, (name, _)) in curves.iter().enumerate() {
            let pair = pair(name);
            let Some(g) = g_of(pair).filter(|_| !shown.contains(&pair)) else { continue };
            shown.push(pair);
            let peak = g.iter().map(|p| p.1).fold(0.0, f64::max);
            if peak > 0.0 {
                let near = g.iter().filter(|p| p.0 <= 1.05 * reach);
                let scaled = near.map(|p| (p.0, p.1 / peak * largest)).collect();
                figure = figure.dashed(format!("g(r) {pair}, scaled"), scaled);
                if curves.len() > 1 {
                    figure = figure.same_color_as(k);
                }
            }
        }
        let g_at = |name: &str, r: f64| {
            let nearest = g_of(pair(name))
                .and_then(|g| g.iter().min_by(|a, b| (a.0 - r).abs().total_cmp(&(b.0 - r).abs())));
            nearest.map_or(f64::NAN, |p| p.1)
        };
        let rows = curves
            .iter()
            .flat_map(|(name, points)| {
                points.iter().map(|p| vec![p.0, p.1.value, error_of(&p.1), g_at(name, p.0)])
            })
            .collect();
        let mut picture = Picture::new(
            "weights",
            "Softness",
            figure,
            format!(
                "A negative weight: an atom with more neighbours at this distance than the mean is \
                 harder. Errors: jackknife over {}.",
                match self.glasses.len() {
                    1 => "fifths of the atoms",
                    _ => "glasses",
                }
            ),
            &["feature", "r", "weight", "error", "g(r)"],
            rows,
        );
        picture.labels = curves
            .iter()
            .flat_map(|(name, points)| std::iter::repeat_n(name.clone(), points.len()))
            .collect();
        Some(picture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_that_differ_in_more_than_r_are_other_curves() {
        let weights: Vec<(String, Estimate)> = [
            "radial A-A r=0.90 L=0.2",
            "radial A-A r=1.10 L=0.2",
            "radial A-A r=0.90 L=0.4",
            "radial A-B r=0.90 L=0.2",
            "radial A-A r=0.90 L=0.2 average=1",
            "coordination number",
        ]
        .iter()
        .zip(1..)
        .map(|(name, k)| ((*name).to_owned(), Estimate { value: f64::from(k), error: None }))
        .collect();
        let found = curves(&weights);
        let names: Vec<&str> = found.iter().map(|c| c.0.as_str()).collect();
        assert_eq!(
            names,
            [
                "radial A-A L=0.2",
                "radial A-A L=0.4",
                "radial A-B L=0.2",
                "radial A-A L=0.2 average=1"
            ]
        );
        let first: Vec<(f64, f64)> = found[0].1.iter().map(|p| (p.0, p.1.value)).collect();
        assert_eq!(first, [(0.9, 1.0), (1.1, 2.0)]);
        assert_eq!(pair(&found[2].0), "A-B");
    }
}
