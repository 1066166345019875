//! The plane in feature space that divides mobile from immobile.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What a wrong side costs, as a function of the margin m = y (w·x + b), y = ±1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Logistic regression: ln(1 + e^−m).
    Logistic,
    /// Linear support vector machine: max(0, 1 − m)².
    SquaredHinge,
}

impl Loss {
    /// Loss, its derivative with respect to the margin, and its second derivative (of the squared
    /// hinge a generalised one: it jumps at m = 1).
    fn of(self, m: f64) -> [f64; 3] {
        match self {
            Self::Logistic => {
                // Written so that neither sign of m overflows.
                let e = (-m.abs()).exp();
                let slope = if m >= 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) };
                [e.ln_1p() + (-m).max(0.0), -slope, e / (1.0 + e).powi(2)]
            }
            Self::SquaredHinge => {
                let short = (1.0 - m).max(0.0);
                [short * short, -2.0 * short, if short > 0.0 { 2.0 } else { 0.0 }]
            }
        }
    }
}

/// How much the two classes weigh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Classes {
    /// Both classes weigh the same: a sample weighs n/(2 n_class).
    Balanced,
    /// Every sample weighs 1.
    Plain,
}

/// How to train: the minimum over w and b of
/// ½|w|² + C Σ_i s_i ℓ(y_i (w·x_i + b)), s_i the weight of the sample's class.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// ℓ.
    pub loss: Loss,
    /// C > 0; larger follows the data more closely.
    pub regularization: f64,
    /// s.
    pub classes: Classes,
    /// Adds ½ b² to the objective, as LIBLINEAR does.
    pub penalize_intercept: bool,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            loss: Loss::Logistic,
            regularization: 1.0,
            classes: Classes::Balanced,
            penalize_intercept: false,
        }
    }
}

/// w·x + b = 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hyperplane {
    /// w, one weight a feature.
    pub weights: Vec<f64>,
    /// b.
    pub intercept: f64,
}

impl Hyperplane {
    /// w·x + b: positive on the mobile side.
    pub fn margin(&self, x: &[f64]) -> f64 {
        self.weights.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + self.intercept
    }

    /// (w·x + b)/|w|: the signed distance from the plane.
    pub fn distance(&self, x: &[f64]) -> f64 {
        self.margin(x) / self.weights.iter().map(|w| w * w).sum::<f64>().sqrt()
    }

    /// Margins of rows of features.
    pub fn margins(&self, features: &[f64]) -> Vec<f64> {
        features.par_chunks_exact(self.weights.len()).map(|x| self.margin(x)).collect()
    }
}

/// Rows summed at once; fixed, so that sums do not depend on the number of threads.
const BLOCK: usize = 1024;

/// The objective divided by C n, so that its gradient has the size of a mean.
struct Objective<'a> {
    features: &'a [f64],
    mobile: &'a [bool],
    /// Weight of the immobile and of the mobile.
    weights: [f64; 2],
    training: Training,
}

/// The objective at a point; the last parameter is b.
struct Point {
    at: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    /// Second derivative of the loss of each sample with respect to its score.
    curvature: Vec<f64>,
}

impl Objective<'_> {
    fn parameters(&self) -> usize {
        self.features.len() / self.mobile.len() + 1
    }

    /// Factor of each parameter in the gradient of the penalty.
    fn stiffness(&self, k: usize) -> f64 {
        let free = k + 1 == self.parameters() && !self.training.penalize_intercept;
        if free { 0.0 } else { 1.0 / (self.training.regularization * self.mobile.len() as f64) }
    }

    /// Σ over samples of what `of(n, score)` says, times (x, 1), where score = direction·(x, 1):
    /// the vector and the sum of a second answer.
    fn gather(
        &self,
        direction: &[f64],
        of: impl Fn(usize, f64) -> [f64; 2] + Sync,
    ) -> (Vec<f64>, f64) {
        let d = direction.len() - 1;
        let blocks: Vec<(Vec<f64>, f64)> = self
            .features
            .par_chunks(BLOCK * d)
            .enumerate()
            .map(|(block, features)| {
                let (mut sums, mut total) = (vec![0.0; d + 1], 0.0);
                for (n, x) in features.chunks_exact(d).enumerate() {
                    let score = dot(&direction[..d], x) + direction[d];
                    let [factor, more] = of(block * BLOCK + n, score);
                    for (sum, x) in sums.iter_mut().zip(x) {
                        *sum += factor * x;
                    }
                    sums[d] += factor;
                    total += more;
                }
                (sums, total)
            })
            .collect();
        let mut sums = vec![0.0; d + 1];
        let mut total = 0.0;
        for (part, more) in blocks {
            sums.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
            total += more;
        }
        (sums, total)
    }

    fn loss(&self, n: usize, score: f64) -> [f64; 3] {
        let y = if self.mobile[n] { 1.0 } else { -1.0 };
        let weight = self.weights[usize::from(self.mobile[n])] / self.mobile.len() as f64;
        let [loss, slope, curvature] = self.training.loss.of(y * score);
        [weight * loss, weight * slope * y, weight * curvature]
    }

    fn evaluate(&self, at: Vec<f64>) -> Point {
        let (mut gradient, mut value) = self.gather(&at, |n, score| {
            let [loss, slope, _] = self.loss(n, score);
            [slope, loss]
        });
        for (k, p) in at.iter().enumerate() {
            gradient[k] += self.stiffness(k) * p;
            value += 0.5 * self.stiffness(k) * p * p;
        }
        let d = at.len() - 1;
        let curvature = self
            .features
            .par_chunks_exact(d)
            .enumerate()
            .map(|(n, x)| self.loss(n, dot(&at[..d], x) + at[d])[2])
            .collect();
        Point { at, value, gradient, curvature }
    }

    /// Second derivatives times a direction.
    fn curve(&self, point: &Point, direction: &[f64]) -> Vec<f64> {
        let (mut out, _) = self.gather(direction, |n, s| [point.curvature[n] * s, 0.0]);
        out.iter_mut()
            .zip(direction)
            .enumerate()
            .for_each(|(k, (o, v))| *o += self.stiffness(k) * v);
        out
    }

    /// The Newton step: conjugate gradients, preconditioned by the diagonal, until the residual is
    /// `tolerance` of the gradient or the curvature along a direction vanishes.
    fn newton_step(&self, point: &Point, tolerance: f64) -> Vec<f64> {
        let parameters = point.at.len();
        let diagonal: Vec<f64> = {
            let d = parameters - 1;
            let mut sums = vec![0.0; parameters];
            for (x, c) in self.features.chunks_exact(d).zip(&point.curvature) {
                sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += c * x * x);
                sums[d] += c;
            }
            (0..parameters).map(|k| (sums[k] + self.stiffness(k)).max(f64::MIN_POSITIVE)).collect()
        };
        let precondition =
            |r: &[f64]| -> Vec<f64> { r.iter().zip(&diagonal).map(|(r, d)| r / d).collect() };
        let mut step = vec![0.0; parameters];
        let mut residual: Vec<f64> = point.gradient.iter().map(|g| -g).collect();
        let mut preconditioned = precondition(&residual);
        let mut direction = preconditioned.clone();
        let mut product = dot(&residual, &preconditioned);
        let goal = tolerance * dot(&residual, &residual).sqrt();
        for _ in 0..20 * parameters {
            let curved = self.curve(point, &direction);
            let stiffness = dot(&direction, &curved);
            if !(stiffness > 0.0) {
                break;
            }
            let length = product / stiffness;
            step.iter_mut().zip(&direction).for_each(|(s, d)| *s += length * d);
            residual.iter_mut().zip(&curved).for_each(|(r, c)| *r -= length * c);
            if dot(&residual, &residual).sqrt() <= goal {
                break;
            }
            preconditioned = precondition(&residual);
            let next = dot(&residual, &preconditioned);
            let share = next / product;
            direction.iter_mut().zip(&preconditioned).for_each(|(d, p)| *d = p + share * *d);
            product = next;
        }
        step
    }

    /// Minimises by Newton's method with halved steps; the answer is the last point that lowered the
    /// value, or the gradient where the value no longer resolves it.
    fn minimize(&self) -> Point {
        let mut point = self.evaluate(vec![0.0; self.parameters()]);
        for _ in 0..MOST_STEPS {
            let size = norm(&point.gradient);
            if size < GRADIENT {
                break;
            }
            let step = self.newton_step(&point, f64::min(0.1, size.sqrt()).max(1e-6));
            let descent = dot(&step, &point.gradient);
            let lower = (0..40).map(|halvings| 0.5_f64.powi(halvings)).find_map(|length| {
                let at = point.at.iter().zip(&step).map(|(p, s)| p + length * s).collect();
                let next = self.evaluate(at);
                let falls = next.value <= point.value + 1e-4 * length * descent;
                let flat = (next.value - point.value).abs() <= 1e-13 * point.value.abs()
                    && norm(&next.gradient) < 0.5 * size;
                (falls && next.value < point.value || flat).then_some(next)
            });
            match lower {
                Some(next) => point = next,
                None => break,
            }
        }
        point
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// Norm of the gradient of the scaled objective at which a minimum counts as found. Weights are then
/// good to about this over the objective's smallest curvature.
const GRADIENT: f64 = 1e-11;
/// Newton's method needs ten or so.
const MOST_STEPS: usize = 200;
/// Beyond this the minimum was missed.
const WORST_GRADIENT: f64 = 1e-7;

impl Training {
    /// Finds the hyperplane for standardised features, row after row.
    ///
    /// Both losses are convex, so the minimum is the only one. Errors: one class only, or a
    /// minimum that is not found to 1e-7 in the gradient of the mean loss. The method is Newton's with
    /// conjugate gradients, so that a thousand features need no matrix.
    pub fn train(&self, features: &[f64], mobile: &[bool]) -> Result<Hyperplane> {
        if !(self.regularization > 0.0 && self.regularization.is_finite()) {
            return Err(Error::input(
                format!("regularization = {}", self.regularization),
                "give a positive number",
            ));
        }
        let n = mobile.len();
        let positives = mobile.iter().filter(|m| **m).count();
        if positives == 0 || positives == n {
            return Err(Error::input(
                "the training samples are of one class only",
                "move the threshold of the label, or give more data",
            ));
        }
        let weights = match self.classes {
            Classes::Plain => [1.0, 1.0],
            Classes::Balanced => [n - positives, positives].map(|k| n as f64 / (2.0 * k as f64)),
        };
        let objective = Objective { features, mobile, weights, training: *self };
        let mut found = objective.minimize();
        let gradient = norm(&found.gradient);
        if !(gradient < WORST_GRADIENT) {
            return Err(Error::input(
                format!("the classifier did not converge: its gradient is still {gradient:.1e}"),
                "lower `regularization`, or leave out features that repeat each other",
            ));
        }
        let intercept = found.at.pop().unwrap_or(0.0);
        Ok(Hyperplane { weights: found.at, intercept })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{RandomStream, Stream};

    /// Two overlapping clouds: x ~ N(±shift, 1).
    fn clouds(n: u32, shift: f64) -> (Vec<f64>, Vec<bool>) {
        let stream = RandomStream::new(4, Stream::Sampling);
        let mut features = Vec::new();
        let mobile: Vec<bool> = (0..n).map(|k| k % 3 == 0).collect();
        for k in 0..n {
            let side = if mobile[k as usize] { shift } else { -shift };
            let [a, b] = stream.normal_pair(0, k, 0);
            features.extend([a + side, b]);
        }
        (features, mobile)
    }

    #[test]
    fn slopes_are_derivatives() {
        for loss in [Loss::Logistic, Loss::SquaredHinge] {
            for m in [-40.0, -3.0, -0.5, 0.0, 0.7, 2.0, 40.0] {
                let h = 1e-6;
                for k in [0, 1] {
                    let numeric = (loss.of(m + h)[k] - loss.of(m - h)[k]) / (2.0 * h);
                    assert!((numeric - loss.of(m)[k + 1]).abs() < 1e-6, "{loss:?} at {m}");
                }
            }
        }
    }

    #[test]
    fn two_gaussian_clouds_have_the_known_log_odds() {
        // ln p/q = 2 shift x + ln of the classes' weights: balanced, the plane is at x = 0.
        let (features, mobile) = clouds(60_000, 0.5);
        let training = Training { regularization: 1e6, ..Training::default() };
        let plane = training.train(&features, &mobile).expect("two classes");
        assert!((plane.weights[0] - 1.0).abs() < 0.04, "{plane:?}");
        assert!(plane.weights[1].abs() < 0.03 && plane.intercept.abs() < 0.03, "{plane:?}");
        // Plain, a third is mobile: ln(1/2) is added.
        let plain = Training { classes: Classes::Plain, ..training };
        let plane = plain.train(&features, &mobile).expect("two classes");
        assert!((plane.intercept - 0.5_f64.ln()).abs() < 0.03, "{plane:?}");
    }

    #[test]
    fn the_minimum_has_no_gradient_and_no_thread_dependence() {
        let (features, mobile) = clouds(5000, 0.4);
        for loss in [Loss::Logistic, Loss::SquaredHinge] {
            for penalize_intercept in [false, true] {
                let training = Training { loss, penalize_intercept, ..Training::default() };
                let alone = |threads| {
                    rayon::ThreadPoolBuilder::new()
                        .num_threads(threads)
                        .build()
                        .expect("a pool")
                        .install(|| training.train(&features, &mobile).expect("converges"))
                };
                let plane = alone(1);
                assert_eq!(plane, alone(3));
                // Any small step away costs more.
                let positives = mobile.iter().filter(|m| **m).count() as f64;
                let n = mobile.len() as f64;
                let weights = [n / (2.0 * (n - positives)), n / (2.0 * positives)];
                let objective =
                    Objective { features: &features, mobile: &mobile, weights, training };
                let mut at = plane.weights.clone();
                at.push(plane.intercept);
                let least = objective.evaluate(at.clone()).value;
                for k in 0..at.len() {
                    for step in [-1e-3, 1e-3] {
                        let mut away = at.clone();
                        away[k] += step;
                        assert!(objective.evaluate(away).value > least);
                    }
                }
            }
        }
    }

    #[test]
    fn separable_samples_still_have_a_plane() {
        let features: Vec<f64> = (0..40).map(|k| f64::from(k) - 19.5).collect();
        let mobile: Vec<bool> = features.iter().map(|x| *x > 0.0).collect();
        for loss in [Loss::Logistic, Loss::SquaredHinge] {
            let training = Training { loss, ..Training::default() };
            let plane = training.train(&features, &mobile).expect("finite by its penalty");
            assert!(plane.intercept.abs() < 1e-6 && plane.weights[0] > 0.0);
            assert!((plane.distance(&[3.0]) - 3.0).abs() < 1e-6);
        }
        assert!(Training::default().train(&features, &[true; 40]).is_err());
    }
}
