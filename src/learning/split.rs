//! Which samples are learned from and which are kept for the test.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::Samples;
use crate::error::{Error, Result};
use crate::system::{RandomStream, Stream};

/// What is divided between training and test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SplitBy {
    /// Atoms, each with all its moments: neighbours in the same glass may fall on both sides.
    Atoms,
    /// Whole glasses: the test is on glasses that were never seen.
    Glasses,
}

/// Rows of one division.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Rows that are learned from.
    pub train: Vec<usize>,
    /// The others.
    pub test: Vec<usize>,
}

impl Split {
    /// `count` random divisions with `fraction` of the atoms (or glasses, at least one on each side)
    /// for training.
    pub fn repeated(
        samples: &Samples,
        by: SplitBy,
        fraction: f64,
        count: usize,
        seed: u64,
    ) -> Result<Vec<Self>> {
        // What each sample goes along with, numbered as they come.
        let mut known: HashMap<(u32, Option<usize>), usize> = HashMap::new();
        let unit: Vec<usize> = (0..samples.len())
            .map(|n| {
                let atom = (by == SplitBy::Atoms).then_some(samples.atom[n]);
                let next = known.len();
                *known.entry((samples.glass[n], atom)).or_insert(next)
            })
            .collect();
        let units = known.len();
        if units < 2 {
            let what = match by {
                SplitBy::Atoms => "atoms",
                SplitBy::Glasses => "independent glasses",
            };
            return Err(Error::input(
                format!("{units} {what} cannot be divided into training and test"),
                "give more data, or split = \"atoms\"",
            ));
        }
        let stream = RandomStream::new(seed, Stream::Sampling);
        let chosen = ((fraction * units as f64).round() as usize).clamp(1, units - 1);
        Ok((0..count as u64)
            .map(|k| {
                let mut order: Vec<(u64, usize)> = (0..units)
                    .map(|u| {
                        let [a, b] = stream.words(k, u as u32, 0);
                        (u64::from(a) << 32 | u64::from(b), u)
                    })
                    .collect();
                order.sort_unstable();
                let mut trains = vec![false; units];
                for &(_, u) in &order[..chosen] {
                    trains[u] = true;
                }
                let (train, test) = (0..samples.len()).partition(|&n| trains[unit[n]]);
                Self { train, test }
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Samples {
        let mut samples = Samples::new(vec!["a".into()]);
        for glass in 0..10 {
            samples.extend(&[0.0; 20], &[true; 20], glass).expect("fits");
        }
        samples
    }

    #[test]
    fn every_sample_is_on_one_side() {
        let samples = samples();
        let splits = Split::repeated(&samples, SplitBy::Atoms, 0.7, 10, 1).expect("splits");
        assert_eq!(splits.len(), 10);
        for s in &splits {
            assert_eq!((s.train.len(), s.test.len()), (140, 60));
            let mut all = [s.train.as_slice(), &s.test].concat();
            all.sort_unstable();
            assert_eq!(all, (0..200).collect::<Vec<_>>());
        }
        assert_ne!(splits[0], splits[1]);
        let again = Split::repeated(&samples, SplitBy::Atoms, 0.7, 10, 1).expect("splits");
        assert_eq!(splits, again);
    }

    #[test]
    fn moments_of_an_atom_stay_together() {
        let mut samples = Samples::new(vec!["a".into()]);
        let atoms: Vec<usize> = (0..20).collect();
        for _ in 0..5 {
            samples.extend_atoms(&[0.0; 20], &[true; 20], 3, &atoms).expect("fits");
        }
        for s in Split::repeated(&samples, SplitBy::Atoms, 0.7, 5, 1).expect("splits") {
            assert_eq!((s.train.len(), s.test.len()), (70, 30));
            assert!(s.train.iter().all(|n| !s.test.iter().any(|m| m % 20 == n % 20)));
        }
    }

    #[test]
    fn glasses_stay_together() {
        let samples = samples();
        for s in Split::repeated(&samples, SplitBy::Glasses, 0.7, 5, 1).expect("splits") {
            assert_eq!(s.train.len(), 140);
            let of = |rows: &[usize]| rows.iter().map(|&n| samples.glass[n]).collect::<Vec<_>>();
            let (train, test) = (of(&s.train), of(&s.test));
            assert!(train.iter().all(|g| !test.contains(g)));
        }
        let one = samples.select(&[0, 1]);
        let error = Split::repeated(&one, SplitBy::Glasses, 0.7, 1, 1).expect_err("one glass");
        assert!(error.to_string().starts_with("1 independent glasses"));
    }
}
