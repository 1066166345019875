//! How good a classification is.

use serde::{Deserialize, Serialize};

/// Samples by class and prediction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// Mobile and called so.
    pub true_mobile: usize,
    /// Immobile and called mobile.
    pub false_mobile: usize,
    /// Immobile and called so.
    pub true_immobile: usize,
    /// Mobile and called immobile.
    pub false_immobile: usize,
}

impl Confusion {
    /// Counts; a score above zero says mobile.
    pub fn count(scores: &[f64], mobile: &[bool]) -> Self {
        let mut c = Self::default();
        for (score, mobile) in scores.iter().zip(mobile) {
            match (*score > 0.0, mobile) {
                (true, true) => c.true_mobile += 1,
                (true, false) => c.false_mobile += 1,
                (false, false) => c.true_immobile += 1,
                (false, true) => c.false_immobile += 1,
            }
        }
        c
    }

    /// Share of all samples that are called right. Guessing the larger class gives its share.
    pub fn accuracy(&self) -> f64 {
        let right = self.true_mobile + self.true_immobile;
        right as f64 / (right + self.false_mobile + self.false_immobile) as f64
    }

    /// Mean over the two classes of the share called right: a guess gives one half.
    pub fn balanced_accuracy(&self) -> f64 {
        0.5 * (self.recall() + self.specificity())
    }

    /// Share of the mobile that are called mobile.
    pub fn recall(&self) -> f64 {
        self.true_mobile as f64 / (self.true_mobile + self.false_immobile) as f64
    }

    /// Share of the immobile that are called immobile.
    pub fn specificity(&self) -> f64 {
        self.true_immobile as f64 / (self.true_immobile + self.false_mobile) as f64
    }
}

/// Receiver operating characteristic: (share of the immobile called mobile, share of the mobile
/// called mobile) for every threshold of the score, from (0, 0) to (1, 1).
pub fn roc(scores: &[f64], mobile: &[bool]) -> Vec<(f64, f64)> {
    let mut order: Vec<(f64, bool)> = scores.iter().copied().zip(mobile.iter().copied()).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positives = mobile.iter().filter(|m| **m).count() as f64;
    let negatives = mobile.len() as f64 - positives;
    let mut points = vec![(0.0, 0.0)];
    let (mut hits, mut alarms) = (0.0, 0.0);
    for (n, &(score, mobile)) in order.iter().enumerate() {
        if mobile {
            hits += 1.0;
        } else {
            alarms += 1.0;
        }
        // Equal scores are called together.
        if order.get(n + 1).is_none_or(|next| next.0 != score) {
            points.push((alarms / negatives, hits / positives));
        }
    }
    points
}

/// Area under a curve through points of ascending x (trapezoids). Of a ROC curve: the chance that a
/// mobile sample scores above an immobile one.
pub fn area_under(curve: &[(f64, f64)]) -> f64 {
    curve.windows(2).map(|w| 0.5 * (w[1].0 - w[0].0) * (w[0].1 + w[1].1)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_shares() {
        let scores = [2.0, 1.0, -1.0, 0.5, -2.0, -0.5];
        let mobile = [true, true, true, false, false, false];
        let c = Confusion::count(&scores, &mobile);
        assert_eq!(
            (c.true_mobile, c.false_mobile, c.true_immobile, c.false_immobile),
            (2, 1, 2, 1)
        );
        assert!((c.accuracy() - 4.0 / 6.0).abs() < 1e-15);
        assert!((c.balanced_accuracy() - 2.0 / 3.0).abs() < 1e-15);
        // Of the nine pairs, the mobile one scores higher in 3 + 3 + 1.
        assert!((area_under(&roc(&scores, &mobile)) - 7.0 / 9.0).abs() < 1e-15);
    }

    #[test]
    fn the_majority_guess_is_right_but_not_balanced() {
        let mobile: Vec<bool> = (0..1000).map(|n| n < 397).collect();
        let c = Confusion::count(&[-1.0; 1000], &mobile);
        assert!((c.accuracy() - 0.603).abs() < 1e-12);
        assert!((c.balanced_accuracy() - 0.5).abs() < 1e-12);
        assert!((area_under(&roc(&[-1.0; 1000], &mobile)) - 0.5).abs() < 1e-12);
    }
}
