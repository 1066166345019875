//! Analyses over the frames of a structure file, a trajectory or a running simulation, and what
//! they write.
//!
//! An [`Analysis`] sees every frame once, in order, and keeps only sums, so that memory does not
//! grow with the trajectory. [`Suite`] feeds a list of them.

mod bonds;
mod output;
mod radial;
mod scattering;

pub use bonds::Bonds;
pub use output::{Output, Product};
pub use radial::Radial;
pub use scattering::Scattering;

use crate::error::{Error, Result};
use crate::io::Frame;
use crate::system::Structure;

/// A quantity computed from frames, written as tables (CSV) and pictures (SVG).
pub trait Analysis: Send {
    /// Name in the configuration and in file names: `radial`, `rings`.
    fn name(&self) -> &'static str;

    /// Adds a frame. Frames have the same atoms in the same order ([`Suite`] checks that).
    fn accumulate(&mut self, frame: &Frame) -> Result<()>;

    /// Writes tables, pictures and numbers. Called once, after the last frame.
    fn finish(&mut self, output: &mut Output) -> Result<()>;
}

/// A list of analyses fed with the same frames.
pub struct Suite {
    analyses: Vec<Box<dyn Analysis>>,
    /// Species names and kinds of the first frame.
    atoms: Option<(Vec<String>, Vec<u16>)>,
    frames: u64,
}

impl std::fmt::Debug for Suite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.analyses.iter().map(|a| a.name()).collect();
        f.debug_struct("Suite").field("analyses", &names).field("frames", &self.frames).finish()
    }
}

impl Suite {
    /// These analyses, without a frame yet.
    pub fn new(analyses: Vec<Box<dyn Analysis>>) -> Self {
        Self { analyses, atoms: None, frames: 0 }
    }

    /// Names of the analyses, in order.
    pub fn names(&self) -> Vec<&'static str> {
        self.analyses.iter().map(|a| a.name()).collect()
    }

    /// Frames seen so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Feeds a frame to every analysis; `progress` hears of each before it starts.
    ///
    /// A frame without atoms, or with other atoms than the first, is an error.
    pub fn accumulate(&mut self, frame: &Frame, mut progress: impl FnMut(&str)) -> Result<()> {
        self.check(&frame.structure)?;
        for analysis in &mut self.analyses {
            progress(analysis.name());
            analysis.accumulate(frame)?;
        }
        self.frames += 1;
        Ok(())
    }

    /// Lets every analysis write its results.
    pub fn finish(&mut self, output: &mut Output) -> Result<()> {
        if self.frames == 0 {
            return Err(Error::input(
                "there is no frame to analyse",
                "give a structure, or a trajectory with at least one frame",
            ));
        }
        for analysis in &mut self.analyses {
            output.begin(analysis.name());
            analysis.finish(output)?;
        }
        Ok(())
    }

    fn check(&mut self, structure: &Structure) -> Result<()> {
        if structure.is_empty() {
            return Err(Error::input(
                format!("frame {} has no atoms", self.frames + 1),
                "give a structure with atoms",
            ));
        }
        let names = || structure.species.iter().map(|s| s.name.clone()).collect::<Vec<_>>();
        let Some((species, kinds)) = &self.atoms else {
            self.atoms = Some((names(), structure.kinds.clone()));
            return Ok(());
        };
        if kinds.len() != structure.len() {
            return Err(Error::input(
                format!(
                    "frame {} has {} atoms, the first has {}",
                    self.frames + 1,
                    structure.len(),
                    kinds.len()
                ),
                "analyse structures of different sizes one by one",
            ));
        }
        let same = kinds.iter().zip(&structure.kinds).all(|(&a, &b)| {
            species.get(usize::from(a)) == structure.species.get(usize::from(b)).map(|s| &s.name)
        });
        if !same || *species != names() {
            return Err(Error::input(
                format!("frame {} has other species than the first", self.frames + 1),
                "analyse different materials one by one",
            ));
        }
        Ok(())
    }
}
