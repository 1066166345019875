//! Softness: a number for each atom's surroundings that says how likely it is to move soon.
//!
//! Surroundings of labelled atoms ([`crate::labels`]) are described by [`crate::descriptor`]s; a
//! plane in the space of these features divides mobile from immobile ([`crate::learning`]). The
//! softness of an atom is where its surroundings lie with respect to that plane, in one of two
//! conventions, [`Convention`]. [`Study::of`] goes from trajectories to a [`SoftnessModel`] and to
//! what the field shows of it.
//!
//! Sources: E. D. Cubuk et al., Phys. Rev. Lett. 114, 108001 (2015),
//! doi:10.1103/PhysRevLett.114.108001; S. S. Schoenholz et al., Nat. Phys. 12, 469 (2016),
//! doi:10.1038/nphys3644; H. Liu, M. M. Smedskjaer, M. Bauchy, Phys. Rev. B 106, 214206 (2022),
//! doi:10.1103/PhysRevB.106.214206.

mod activation;
mod bands;
mod baselines;
mod correlation;
mod data;
mod examination;
mod model;
mod pictures;
mod plan;
mod score;
mod settings;
mod study;
mod weights_picture;

pub use activation::{Activation, BandActivation};
pub use bands::{Bands, Response, ResponseBin};
pub use baselines::Baseline;
pub use correlation::{SoftnessCorrelation, softness_correlation};
pub use data::{Collected, Source, Surroundings, collect, sources_of_run};
pub use model::{Convention, Feature, SoftnessModel, TrainedOn};
pub use pictures::Picture;
pub use plan::Plan;
pub use score::Score;
pub use settings::{AnalysisSettings, LearningSettings};
pub use study::Study;
