//! Isotherms to aim at: reference cases by name, and random ones from a seed.

use rand_distr::{Distribution, Normal};

use super::generate::{one_large_pore, single_pore};
use super::{Lattices, Shape};
use crate::error::{Error, Result};
use crate::system::{RandomStream, Stream};

/// The reference cases of a design (H. Liu, PhD thesis, UCLA 2021, §6.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    /// Filling = relative humidity (over the highest one).
    Line,
    /// A single step at 20 % of the highest humidity.
    SmallPores,
    /// A single step at 50 % of the highest humidity.
    MediumPores,
    /// A single step at 80 % of the highest humidity.
    LargePores,
    /// Zeros and then ones; how many zeros is uniform.
    Stepwise,
    /// Through an anchor of uniform index and value; the increments before and after it are the
    /// softmax of N(0, 4²).
    Anchored,
    /// One in five stepwise, the others anchored.
    Random,
    /// The isotherm of a single pore site.
    SinglePore,
    /// The isotherm of one large pore, (N−1)² of N² sites.
    OneLargePore,
}

impl TargetKind {
    /// Every kind with its name.
    pub const ALL: [(&'static str, Self); 9] = [
        ("y=x", Self::Line),
        ("small-pores", Self::SmallPores),
        ("medium-pores", Self::MediumPores),
        ("large-pores", Self::LargePores),
        ("stepwise", Self::Stepwise),
        ("anchored", Self::Anchored),
        ("random", Self::Random),
        ("single-pore", Self::SinglePore),
        ("one-large-pore", Self::OneLargePore),
    ];

    /// The kind of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(n, _)| *n == name).map(|(_, kind)| *kind)
    }

    /// Whether a seed and a number choose the curve.
    pub fn is_random(self) -> bool {
        matches!(self, Self::Stepwise | Self::Anchored | Self::Random)
    }

    /// The matrix whose isotherm is the target, if the target is that of a matrix.
    pub fn matrix(self, shape: Shape) -> Option<Result<Lattices>> {
        match self {
            Self::SinglePore => Some(single_pore(shape)),
            Self::OneLargePore => Some(one_large_pore(shape)),
            _ => None,
        }
    }

    /// The curve over rising humidities, if it is not that of a matrix; `index` and `seed` choose
    /// among the random ones.
    pub fn curve(self, humidities: &[f64], index: u64, seed: u64) -> Option<Result<Vec<f64>>> {
        let highest = humidities.iter().fold(f64::MIN_POSITIVE, |m, h| m.max(*h));
        let step = |at: f64| {
            let filled = |h: &f64| f64::from(u8::from(*h > at * highest - 1e-12));
            Some(Ok(humidities.iter().map(filled).collect()))
        };
        match self {
            Self::Line => Some(Ok(humidities.iter().map(|h| h / highest).collect())),
            Self::SmallPores => step(0.2),
            Self::MediumPores => step(0.5),
            Self::LargePores => step(0.8),
            Self::Stepwise => Some(stepwise(humidities.len(), index, seed)),
            Self::Anchored => Some(anchored(humidities.len(), index, seed)),
            Self::Random => Some(random_target(humidities.len(), index, seed)),
            Self::SinglePore | Self::OneLargePore => None,
        }
    }
}

/// Target isotherms that need neither seed nor matrix: `y=x`, `small-pores`, `medium-pores`,
/// `large-pores`.
pub fn named_target(name: &str, humidities: &[f64]) -> Option<Vec<f64>> {
    let kind = TargetKind::named(name).filter(|kind| !kind.is_random())?;
    kind.curve(humidities, 0, 0)?.ok()
}

/// Names that [`named_target`] knows.
pub const TARGET_NAMES: [&str; 4] = ["y=x", "small-pores", "medium-pores", "large-pores"];

/// Random target isotherms as in H. Liu's thesis (§6.2.4): one in five is stepwise (zeros, then
/// ones), the others run through an anchor of uniform index and value, with increments before and
/// after it that are the softmax of N(0, 4²). Curve `index` of a seed does not depend on how many
/// are made.
pub fn random_target(points: usize, index: u64, seed: u64) -> Result<Vec<f64>> {
    match RandomStream::new(seed, Stream::Sampling).uniform(index, 0, 2) < 0.2 {
        true => stepwise(points, index, seed),
        false => anchored(points, index, seed),
    }
}

/// A uniform number below `n`.
fn below(n: usize, index: u64, lane: u32, seed: u64) -> Result<usize> {
    if n == 0 {
        return Err(Error::input("a target of no points", "give at least one humidity"));
    }
    let uniform = RandomStream::new(seed, Stream::Sampling).uniform(index, 0, lane);
    Ok(((uniform * n as f64) as usize).min(n - 1))
}

fn stepwise(points: usize, index: u64, seed: u64) -> Result<Vec<f64>> {
    let zeros = below(points, index, 3, seed)?;
    Ok((0..points).map(|k| f64::from(u8::from(k >= zeros))).collect())
}

fn anchored(points: usize, index: u64, seed: u64) -> Result<Vec<f64>> {
    let anchor = below(points, index, 4, seed)?;
    let stream = RandomStream::new(seed, Stream::Sampling);
    let value = if anchor + 1 == points { 1.0 } else { stream.uniform(index, 0, 5) };
    let normal = Normal::new(0.0f64, 4.0).map_err(|e| Error::input(e.to_string(), "a bug"))?;
    let mut generator = RandomStream::new(seed ^ 0x5EED, Stream::Sampling).generator(index);
    let mut curve = Vec::with_capacity(points);
    let mut level: f64 = 0.0;
    for (length, rise) in [(anchor + 1, value), (points - anchor - 1, 1.0 - value)] {
        let raw: Vec<f64> = (0..length).map(|_| normal.sample(&mut generator).exp()).collect();
        let whole: f64 = raw.iter().sum();
        let base = level;
        for increment in raw {
            level += rise * increment / whole;
            curve.push(level.min(1.0));
        }
        // The sum of the increments is the rise but for rounding.
        if let Some(last) = curve.last_mut().filter(|_| length > 0) {
            *last = base + rise;
            level = base + rise;
        }
    }
    Ok(curve)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sorption::even_humidities;

    #[test]
    fn targets_rise_to_one_and_one_in_five_is_stepwise() {
        let mut steps = 0;
        for k in 0..2000 {
            let target = random_target(40, k, 3).expect("a curve");
            assert!(target.windows(2).all(|w| w[0] <= w[1]), "{target:?}");
            assert!((0.0..=1.0).contains(&target[0]) && (target[39] - 1.0).abs() < 1e-12);
            steps += usize::from(target.iter().all(|t| *t == 0.0 || *t == 1.0));
        }
        assert!((steps as f64 / 2000.0 - 0.2).abs() < 0.04, "{steps}");
    }

    #[test]
    fn steps_and_anchors_are_uniform() {
        let humidities = even_humidities(10, 1.0);
        let mut zeros = [0; 10];
        let mut early = 0.0;
        for k in 0..4000 {
            let curve = |kind: TargetKind| kind.curve(&humidities, k, 5).expect("a curve");
            let step = curve(TargetKind::Stepwise).expect("sound");
            zeros[step.iter().filter(|t| **t == 0.0).count()] += 1;
            early += curve(TargetKind::Anchored).expect("sound")[4] / 4000.0;
        }
        // 400 of each on average, with a standard deviation of 19.
        assert!(zeros.iter().all(|n| (310..490).contains(n)), "{zeros:?}");
        // An anchor's index and value are uniform, so half of the curves' middles lie on each side
        // of one half but for the last point, which is always one.
        assert!((early - 0.5).abs() < 0.06, "{early}");
    }

    #[test]
    fn increments_are_a_softmax_of_a_wide_normal() {
        // One increment of 20 has most of the rise; how much on average, a plain simulation says.
        let normal = Normal::new(0.0f64, 4.0).expect("sound");
        let mut generator = RandomStream::new(99, Stream::Sampling).generator(0);
        let mut want = Vec::new();
        for _ in 0..4000 {
            let e: Vec<f64> = (0..20).map(|_| normal.sample(&mut generator).exp()).collect();
            want.push(e.iter().fold(0.0f64, |m, x| m.max(*x)) / e.iter().sum::<f64>());
        }
        let mut have = Vec::new();
        for k in 0..20_000 {
            let anchor = below(20, k, 4, 7).expect("sound");
            if anchor == 19 {
                let curve = anchored(20, k, 7).expect("sound");
                let rises = curve.windows(2).map(|w| w[1] - w[0]).fold(curve[0], f64::max);
                have.push(rises);
            }
        }
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
        assert!(have.len() > 700, "{}", have.len());
        assert!((mean(&have) - mean(&want)).abs() < 0.03, "{} {}", mean(&have), mean(&want));
    }

    #[test]
    fn names_lead_to_curves_or_to_matrices() {
        let humidities = even_humidities(5, 1.0);
        for (name, kind) in TargetKind::ALL {
            assert_eq!(TargetKind::named(name), Some(kind));
            let (curve, matrix) = (kind.curve(&humidities, 0, 1), kind.matrix(Shape::square(4, 4)));
            assert!(curve.is_some() != matrix.is_some(), "{name}");
            assert_eq!(TARGET_NAMES.contains(&name), named_target(name, &humidities).is_some());
        }
        let named = |name| named_target(name, &humidities).expect("known");
        assert_eq!(named("y=x"), humidities);
        assert_eq!(named("small-pores"), [1.0; 5]);
        assert_eq!(named("medium-pores"), [0.0, 0.0, 1.0, 1.0, 1.0]);
        assert_eq!(named("large-pores"), [0.0, 0.0, 0.0, 1.0, 1.0]);
        assert_eq!(TargetKind::named("nothing"), None);
    }
}
