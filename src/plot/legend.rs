//! Where a legend covers least of what is drawn.

use plotters::prelude::SeriesLabelPosition;

/// Places for a legend in the order of preference, with the share of the free width to its left and
/// of the free height above it.
const PLACES: [(SeriesLabelPosition, [f64; 2]); 8] = [
    (SeriesLabelPosition::UpperRight, [1.0, 0.0]),
    (SeriesLabelPosition::UpperLeft, [0.0, 0.0]),
    (SeriesLabelPosition::LowerRight, [1.0, 1.0]),
    (SeriesLabelPosition::LowerLeft, [0.0, 1.0]),
    (SeriesLabelPosition::MiddleRight, [1.0, 0.5]),
    (SeriesLabelPosition::MiddleLeft, [0.0, 0.5]),
    (SeriesLabelPosition::UpperMiddle, [0.5, 0.0]),
    (SeriesLabelPosition::LowerMiddle, [0.5, 1.0]),
];

/// Distance of a legend from the edge, and what it should keep from a curve, pixels.
const EDGE: f64 = 5.0;
const SPACE: f64 = 4.0;

/// The place where a legend of `size` in an area of `area` pixels covers the shortest piece of
/// `runs`, which are polylines in pixels from the upper left corner of the area. A run of one point
/// is a marker.
pub(super) fn place(runs: &[Vec<[f64; 2]>], area: [f64; 2], size: [f64; 2]) -> SeriesLabelPosition {
    // Pixels that are drawn on, about one a step along each curve.
    let mut drawn = Vec::new();
    for run in runs {
        drawn.extend(run.first());
        for pair in run.windows(2) {
            let [a, b] = [pair[0], pair[1]];
            let steps = (b[0] - a[0]).hypot(b[1] - a[1]).min(4000.0).ceil().max(1.0);
            drawn.extend((1..=steps as usize).map(|k| {
                let t = k as f64 / steps;
                [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])]
            }));
        }
    }
    let covered = |share: &[f64; 2]| {
        let corner: [f64; 2] =
            std::array::from_fn(|k| EDGE + share[k] * (area[k] - size[k] - 2.0 * EDGE));
        let inside = |p: &&[f64; 2]| {
            (0..2).all(|k| p[k] > corner[k] - SPACE && p[k] < corner[k] + size[k] + SPACE)
        };
        drawn.iter().filter(inside).count()
    };
    let best = PLACES.iter().min_by_key(|(_, share)| covered(share));
    best.map_or(SeriesLabelPosition::UpperRight, |(place, _)| place.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_legend_leaves_curves_alone() {
        let (area, size) = ([600.0, 300.0], [120.0, 50.0]);
        let at = |runs: &[Vec<[f64; 2]>]| place(runs, area, size);
        assert_eq!(at(&[]), SeriesLabelPosition::UpperRight);
        // An isotherm: up early, then along the top.
        let isotherm = vec![[0.0, 300.0], [200.0, 250.0], [220.0, 20.0], [600.0, 0.0]];
        assert_eq!(at(std::slice::from_ref(&isotherm)), SeriesLabelPosition::UpperLeft);
        // With a second one that starts high, below the long plateau.
        let full = vec![[0.0, 10.0], [600.0, 5.0]];
        assert_eq!(at(&[isotherm, full]), SeriesLabelPosition::LowerRight);
        // A decay leaves the preferred corner free.
        assert_eq!(at(&[vec![[0.0, 0.0], [600.0, 290.0]]]), SeriesLabelPosition::UpperRight);
        // A line whose two ends lie outside a place may still cross it.
        let crossing = vec![[420.0, 0.0], [600.0, 60.0]];
        assert_eq!(at(&[crossing]), SeriesLabelPosition::UpperLeft);
        // Where all are covered, the least.
        let mut markers = Vec::new();
        for x in (0..600).step_by(10) {
            for y in (0..300).step_by(10) {
                let free = (440..600).contains(&x) && y > 230;
                if !free || x % 20 == 0 && y % 20 == 0 {
                    markers.push(vec![[f64::from(x), f64::from(y)]]);
                }
            }
        }
        assert_eq!(at(&markers), SeriesLabelPosition::LowerRight);
    }
}
