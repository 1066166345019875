//! Where an axis has its numbers.

use std::ops::Range;

use plotters::coord::ranged1d::{
    AsRangedCoord, BoldPoints, DefaultFormatting, KeyPointHint, Ranged,
};
use plotters::coord::types::RangedCoordf64;

/// Numbers on an axis at most, about.
const MOST: usize = 11;
/// Fewest that tell what a logarithmic axis spans.
const FEWEST: usize = 3;

/// An axis with its numbers at given places.
pub(super) struct Axis<R> {
    scale: R,
    ticks: Vec<f64>,
}

/// A scale with numbers at `ticks`.
pub(super) fn axis<C: AsRangedCoord<Value = f64>>(
    scale: C,
    ticks: &[f64],
) -> Axis<C::CoordDescType> {
    Axis { scale: scale.into(), ticks: ticks.to_vec() }
}

impl<R: Ranged<ValueType = f64>> Ranged for Axis<R> {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.scale.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.scale.range()
    }
}

/// Numbers for the axis from `low` to `high`; `whole` where only whole numbers have a meaning.
pub(super) fn ticks(low: f64, high: f64, log: bool, whole: bool) -> Vec<f64> {
    let linear = || RangedCoordf64::from(low..high).key_points(BoldPoints(MOST));
    if log {
        let powers = powers_of_ten(low, high);
        if powers.len() >= FEWEST {
            return powers;
        }
        let between = one_two_five(low, high);
        return if between.len() >= FEWEST { between } else { linear() };
    }
    if !whole {
        return linear();
    }
    let step = whole_step((high - low) / MOST as f64);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).map(|k| k as f64 * step).collect()
}

/// Powers of ten; every second, third, … where there are many.
fn powers_of_ten(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (low.log10().ceil() as i32, high.log10().floor() as i32);
    let every = ((last - first + 1).max(1) as usize).div_ceil(MOST);
    (first..=last)
        .step_by(every)
        .map(|k| 10f64.powi(k))
        .filter(|v| (low..=high).contains(v))
        .collect()
}

/// 1, 2 and 5 times powers of ten.
fn one_two_five(low: f64, high: f64) -> Vec<f64> {
    let decades = low.log10().floor() as i32..=high.log10().floor() as i32;
    decades
        .flat_map(|k| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(k)))
        .filter(|v| (low..=high).contains(v))
        .collect()
}

/// The smallest of 1, 2, 5, 10, … that is not below `least`.
fn whole_step(least: f64) -> f64 {
    let decade = 10f64.powf(least.max(1.0).log10().floor());
    [1.0, 2.0, 5.0].map(|m| m * decade).into_iter().find(|&s| s >= least).unwrap_or(10.0 * decade)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_logarithmic_axes_have_numbers() {
        assert_eq!(ticks(0.5, 2000.0, true, false), [1.0, 10.0, 100.0, 1000.0]);
        assert!((8..=MOST).contains(&ticks(1e-30, 1e30, true, false).len()));
        assert_eq!(ticks(0.9, 30.0, true, false), [1.0, 2.0, 5.0, 10.0, 20.0]);
        let narrow = ticks(2.1, 2.9, true, false);
        assert!(narrow.len() >= FEWEST && narrow.iter().all(|v| (2.1..=2.9).contains(v)));
    }

    #[test]
    fn counts_have_whole_numbers() {
        assert_eq!(ticks(-0.4, 4.4, false, true), [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(ticks(3.0, 30.0, false, true), [5.0, 10.0, 15.0, 20.0, 25.0, 30.0]);
        assert_eq!(ticks(0.0, 100.0, false, true).len(), 11);
        assert!(ticks(0.0, 1.0, false, false).contains(&0.5));
    }
}
