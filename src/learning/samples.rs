//! What is learned from: features, classes, and which glass each sample is from.

use crate::error::{Error, Result};

/// Samples in rows.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    /// Names of the features.
    pub columns: Vec<String>,
    /// Features, row after row: `features[n * columns.len() + k]`.
    pub features: Vec<f64>,
    /// True for the class that is to be recognised (mobile, soft).
    pub mobile: Vec<bool>,
    /// Which independent glass a sample is from.
    pub glass: Vec<u32>,
    /// Which atom of its glass a sample is: the same at several moments.
    pub atom: Vec<usize>,
}

impl Samples {
    /// Samples without rows.
    pub fn new(columns: Vec<String>) -> Self {
        Self { columns, ..Self::default() }
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.mobile.len()
    }

    /// True without samples.
    pub fn is_empty(&self) -> bool {
        self.mobile.is_empty()
    }

    /// Features of a sample.
    pub fn row(&self, n: usize) -> &[f64] {
        &self.features[n * self.columns.len()..(n + 1) * self.columns.len()]
    }

    /// Adds the samples of one glass, each another atom; an error where the numbers do not fit each
    /// other.
    pub fn extend(&mut self, features: &[f64], mobile: &[bool], glass: u32) -> Result<()> {
        let atoms: Vec<usize> = (self.len()..self.len() + mobile.len()).collect();
        self.extend_atoms(features, mobile, glass, &atoms)
    }

    /// Adds samples of some atoms of one glass.
    pub fn extend_atoms(
        &mut self,
        features: &[f64],
        mobile: &[bool],
        glass: u32,
        atoms: &[usize],
    ) -> Result<()> {
        if features.len() != mobile.len() * self.columns.len() || atoms.len() != mobile.len() {
            return Err(Error::input(
                format!(
                    "{} numbers are not {} samples of {} features",
                    features.len(),
                    mobile.len(),
                    self.columns.len()
                ),
                "take features and labels of the same atoms",
            ));
        }
        self.features.extend_from_slice(features);
        self.mobile.extend_from_slice(mobile);
        self.glass.extend(std::iter::repeat_n(glass, mobile.len()));
        self.atom.extend_from_slice(atoms);
        Ok(())
    }

    /// Some of the rows.
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut features = Vec::with_capacity(rows.len() * self.columns.len());
        for &n in rows {
            features.extend_from_slice(self.row(n));
        }
        Self {
            columns: self.columns.clone(),
            features,
            mobile: rows.iter().map(|&n| self.mobile[n]).collect(),
            glass: rows.iter().map(|&n| self.glass[n]).collect(),
            atom: rows.iter().map(|&n| self.atom[n]).collect(),
        }
    }

    /// Some of the columns.
    pub fn select_columns(&self, columns: &[usize]) -> Self {
        let features =
            (0..self.len()).flat_map(|n| columns.iter().map(move |&k| self.row(n)[k])).collect();
        Self {
            columns: columns.iter().map(|&k| self.columns[k].clone()).collect(),
            features,
            mobile: self.mobile.clone(),
            glass: self.glass.clone(),
            atom: self.atom.clone(),
        }
    }

    /// The glasses, each once, in ascending order.
    pub fn glasses(&self) -> Vec<u32> {
        let mut glasses = self.glass.clone();
        glasses.sort_unstable();
        glasses.dedup();
        glasses
    }

    /// Whether some are mobile and some are not.
    pub fn has_both_classes(&self) -> bool {
        self.mobile.contains(&true) && self.mobile.contains(&false)
    }

    /// Checks that both classes are there and every number is finite.
    pub fn check(&self) -> Result<()> {
        if self.is_empty() {
            return Err(Error::input("there are no samples", "label at least one atom"));
        }
        if self.columns.is_empty() {
            return Err(Error::input("there are no features", "define at least one descriptor"));
        }
        if let Some(at) = self.features.iter().position(|x| !x.is_finite()) {
            let (n, k) = (at / self.columns.len(), at % self.columns.len());
            return Err(Error::input(
                format!(
                    "feature `{}` of sample {} is {}",
                    self.columns[k],
                    n + 1,
                    self.features[at]
                ),
                "leave out the frame or the feature; numbers must be finite",
            ));
        }
        if !self.has_both_classes() {
            return Err(Error::input(
                format!(
                    "all {} samples are {}: there is one class only",
                    self.len(),
                    if self.mobile[0] { "mobile" } else { "immobile" }
                ),
                "move the threshold of the label, or take another time or temperature",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_learned_from_is_refused() {
        let mut samples = Samples::new(vec!["a".into(), "b".into()]);
        assert!(samples.extend(&[1.0, 2.0, 3.0], &[true], 0).is_err());
        assert_eq!(samples.check().expect_err("empty").to_string(), "there are no samples");
        samples.extend(&[1.0, 2.0, 3.0, 4.0], &[true, true], 0).expect("two samples");
        let error = samples.check().expect_err("one class").to_string();
        assert_eq!(error, "all 2 samples are mobile: there is one class only");
        samples.mobile[0] = false;
        samples.check().expect("both classes");
        samples.features[3] = f64::NAN;
        let error = samples.check().expect_err("not finite").to_string();
        assert_eq!(error, "feature `b` of sample 2 is NaN");
    }

    #[test]
    fn rows_and_columns_are_taken_out() {
        let mut samples = Samples::new(vec!["a".into(), "b".into()]);
        samples.extend(&[1.0, 2.0, 3.0, 4.0], &[true, false], 3).expect("two");
        samples.extend(&[5.0, 6.0], &[true], 1).expect("one");
        let part = samples.select(&[2, 0]).select_columns(&[1]);
        assert_eq!(part.features, [6.0, 2.0]);
        assert_eq!((part.glass, samples.glasses()), (vec![1, 3], vec![1, 3]));
    }
}
