//! Linear classifiers for structure and mobility: standardisation, training, splits and scores.
//!
//! Everything is deterministic: equal data, options and seed give equal bits on any number of
//! threads.

mod classifier;
mod metrics;
mod samples;
mod split;
mod standardize;

pub use classifier::{Classes, Hyperplane, Loss, Training};
pub use metrics::{Confusion, area_under, roc};
pub use samples::Samples;
pub use split::{Split, SplitBy};
pub use standardize::Standardizer;
pub(crate) use standardize::curve_and_radius;
