//! Time origins and lags: which pairs of samples of a trajectory are compared.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Blocks of time that errors are estimated from.
pub(super) const TIME_BLOCKS: u32 = 10;

/// Lags to be measured, in samples, and which samples are time origins.
///
/// Every `stride`-th sample is an origin. Only origins younger than the longest lag are kept, so
/// memory is bounded by the number of origins whatever the length of the trajectory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LagGrid {
    lags: Vec<u32>,
    samples: u32,
    stride: u32,
    blocks: u32,
}

impl LagGrid {
    /// 0, 1, 2, … and then `per_decade` lags a decade up to `longest`, with at most `origins`
    /// origins kept at a time, for a trajectory of `samples` samples.
    pub fn logarithmic(samples: u32, longest: u32, per_decade: u32, origins: u32) -> Result<Self> {
        let mut lags = vec![0];
        let ratio = 10f64.powf(1.0 / f64::from(per_decade.max(1)));
        let mut lag = 1.0;
        while lag < f64::from(longest) {
            lags.push(lag as u32);
            lag = (lag * ratio).max(lag.floor() + 1.0);
        }
        lags.push(longest);
        lags.dedup();
        Self::new(lags, samples, origins)
    }

    /// Every lag up to `longest`.
    pub fn linear(samples: u32, longest: u32, origins: u32) -> Result<Self> {
        Self::new((0..=longest).collect(), samples, origins)
    }

    fn new(lags: Vec<u32>, samples: u32, origins: u32) -> Result<Self> {
        let longest = lags.last().copied().unwrap_or(0);
        if samples < 2 || longest == 0 || longest >= samples {
            return Err(Error::input(
                format!("{samples} frames do not hold a time difference of {longest} frames"),
                "give a trajectory of at least two frames, and a longest lag shorter than it",
            ));
        }
        let stride = (longest + 1).div_ceil(origins.max(1));
        let blocks = TIME_BLOCKS.min((samples / stride).max(1));
        Ok(Self { lags, samples, stride, blocks })
    }

    /// The lags, in samples.
    pub fn lags(&self) -> &[u32] {
        &self.lags
    }

    /// Samples between origins.
    pub fn stride(&self) -> u32 {
        self.stride
    }

    pub(super) fn blocks(&self) -> usize {
        self.blocks as usize
    }

    pub(super) fn block(&self, origin: u32) -> usize {
        let block = u64::from(origin) * u64::from(self.blocks) / u64::from(self.samples);
        (block as usize).min(self.blocks() - 1)
    }

    /// How many neighbouring blocks have to be taken together so that what is measured over this
    /// lag from one hardly overlaps with what is measured from the next.
    pub(super) fn merged(&self, lag: usize) -> usize {
        let length = self.samples.div_ceil(self.blocks).max(1);
        (self.lags[lag].div_ceil(length) as usize).max(1)
    }
}

/// Origins that are still within reach.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Origins<T> {
    seen: u32,
    kept: VecDeque<(u32, T)>,
}

impl<T> Default for Origins<T> {
    fn default() -> Self {
        Self { seen: 0, kept: VecDeque::new() }
    }
}

impl<T> Origins<T> {
    /// Notes a sample and calls `compare(lag index, origin's number, origin, sample)` for every
    /// origin at one of the grid's lags before it, itself (lag 0) last.
    pub fn push(&mut self, grid: &LagGrid, sample: T, mut compare: impl FnMut(usize, u32, &T, &T)) {
        let now = self.seen;
        self.seen = self.seen.saturating_add(1);
        let longest = grid.lags.last().copied().unwrap_or(0);
        while self.kept.front().is_some_and(|(at, _)| now - at > longest) {
            self.kept.pop_front();
        }
        for (at, origin) in &self.kept {
            if let Ok(lag) = grid.lags.binary_search(&(now - at)) {
                compare(lag, *at, origin, &sample);
            }
        }
        if now.is_multiple_of(grid.stride) {
            if grid.lags.first() == Some(&0) {
                compare(0, now, &sample, &sample);
            }
            self.kept.push_back((now, sample));
        }
    }

    /// Samples so far.
    pub fn seen(&self) -> u32 {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_the_grid_is_compared_once() {
        let grid = LagGrid::logarithmic(50, 24, 8, 6).expect("a grid");
        assert_eq!(grid.stride(), 5);
        let mut origins = Origins::default();
        let mut found = Vec::new();
        for sample in 0..50u32 {
            origins.push(&grid, sample, |lag, at, a, b| {
                assert_eq!((*a, b - a), (at, grid.lags()[lag]));
                found.push((at, b - a));
            });
            assert!(origins.kept.len() <= 6);
        }
        found.sort_unstable();
        let mut wanted = Vec::new();
        for origin in (0..50).step_by(5) {
            wanted.extend(grid.lags().iter().filter(|l| origin + *l < 50).map(|&l| (origin, l)));
        }
        assert_eq!(found, wanted);
        assert!(grid.lags().windows(2).all(|w| w[0] < w[1]));
        assert!(LagGrid::linear(1, 1, 4).is_err() && LagGrid::linear(5, 5, 4).is_err());
    }
}
