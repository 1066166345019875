//! Pages for reading: one self-contained `report.html` a run, and one over several runs. No network,
//! no time stamps: the same run gives the same bytes.

mod compare;
mod laws;
mod material;
mod page;
mod run;
mod scene;
mod softness;
mod table;
mod transitions;

pub use compare::{Comparison, compare};
pub use material::Material;
pub use run::{RunFiles, write_run};
pub use scene::AtomScalar;
pub use softness::write_softness;
pub use transitions::{Transition, transitions};
