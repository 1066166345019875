//! Analyses over the frames of a structure file, a trajectory or a running simulation, and what
//! they write.
//!
//! An [`Analysis`] sees every frame once, in order, and keeps only sums, so that memory does not
//! grow with the trajectory; the sums are plain data that a checkpoint can hold. [`Suite`] feeds
//! the analyses of an [`AnalysisPlan`].

mod agreement;
mod angles;
mod bonds;
mod cavities;
mod clusters;
mod coordination;
mod dynamics;
mod network;
mod output;
mod plan;
mod radial;
mod rings;
mod scattering;
mod shapes;
mod voronoi;

pub use agreement::{Agreement, CurveKind, ReducedSource, Reference};
pub use angles::Angles;
pub use bonds::BondCutoffs;
pub use cavities::{Cavities, CavityOptions};
pub use clusters::ClusterSizes;
pub use coordination::Coordination;
pub use dynamics::write_dynamics;
pub use network::NetworkAnalysis;
pub use output::{Output, Product};
pub use plan::{
    AnalysisKind, AnalysisPlan, AngleOptions, FrameSelection, NetworkOptions, RadialOptions,
    RingOptions, ScatteringOptions, StructureOptions,
};
pub use radial::Radial;
pub use rings::Rings;
pub use scattering::Scattering;
pub use shapes::Shapes;
pub use voronoi::VoronoiVolumes;

use std::cell::OnceCell;

use serde::{Deserialize, Serialize};

use crate::analysis::NeighborList;
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::system::Structure;

/// A quantity computed from frames, written as tables (CSV) and pictures (SVG).
pub trait Analysis: Send {
    /// Which one, as configurations name it.
    fn kind(&self) -> AnalysisKind;

    /// Adds a frame. Frames have the same atoms in the same order ([`Suite`] checks that).
    fn accumulate(&mut self, view: &View<'_>) -> Result<()>;

    /// Writes tables, pictures and numbers. Called once, after the last frame.
    fn finish(&self, output: &mut Output) -> Result<()>;
}

/// A frame with what several analyses need of it, made once.
pub struct View<'a> {
    /// The atoms.
    pub structure: &'a Structure,
    /// Where pairs and wave vectors are summed.
    pub backend: &'a dyn Backend,
    cutoffs: &'a BondCutoffs,
    bonds: OnceCell<NeighborList>,
}

impl View<'_> {
    /// Which species form bonds, and how long.
    pub fn cutoffs(&self) -> &BondCutoffs {
        self.cutoffs
    }

    /// The bonds of every atom.
    pub fn bonds(&self) -> Result<&NeighborList> {
        if let Some(bonds) = self.bonds.get() {
            return Ok(bonds);
        }
        let bonds = NeighborList::new(self.structure, |a, b| self.cutoffs.of(a, b))?;
        Ok(self.bonds.get_or_init(|| bonds))
    }
}

impl std::fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("atoms", &self.structure.len()).finish_non_exhaustive()
    }
}

/// An analysis of the registry, as data.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Entry {
    Radial(Radial),
    Coordination(Coordination),
    Angles(Angles),
    Network(NetworkAnalysis),
    Rings(Rings),
    Shapes(Shapes),
    Clusters(ClusterSizes),
    Scattering(Scattering),
    Voronoi(VoronoiVolumes),
    Cavities(Cavities),
    Agreement(Agreement),
}

impl Entry {
    /// `None` for what is not made of single frames.
    fn new(kind: AnalysisKind, plan: &AnalysisPlan) -> Result<Option<Self>> {
        Ok(Some(match kind {
            AnalysisKind::Radial => Self::Radial(Radial::new(plan)),
            AnalysisKind::Coordination => Self::Coordination(Coordination::default()),
            AnalysisKind::Angles => Self::Angles(Angles::new(&plan.angles)),
            AnalysisKind::Network => Self::Network(NetworkAnalysis::default()),
            AnalysisKind::Rings => Self::Rings(Rings::new(&plan.rings)),
            AnalysisKind::Shapes => Self::Shapes(Shapes::default()),
            AnalysisKind::Clusters => Self::Clusters(ClusterSizes::default()),
            AnalysisKind::Scattering => Self::Scattering(Scattering::new(plan)),
            AnalysisKind::Voronoi => Self::Voronoi(VoronoiVolumes::default()),
            AnalysisKind::Cavities => Self::Cavities(Cavities::new(&plan.cavities)),
            AnalysisKind::Agreement => Self::Agreement(Agreement::new(&plan.references)?),
            AnalysisKind::Dynamics => return Ok(None),
        }))
    }

    fn get(&self) -> &dyn Analysis {
        match self {
            Self::Radial(a) => a,
            Self::Coordination(a) => a,
            Self::Angles(a) => a,
            Self::Network(a) => a,
            Self::Rings(a) => a,
            Self::Shapes(a) => a,
            Self::Clusters(a) => a,
            Self::Scattering(a) => a,
            Self::Voronoi(a) => a,
            Self::Cavities(a) => a,
            Self::Agreement(a) => a,
        }
    }

    fn get_mut(&mut self) -> &mut dyn Analysis {
        match self {
            Self::Radial(a) => a,
            Self::Coordination(a) => a,
            Self::Angles(a) => a,
            Self::Network(a) => a,
            Self::Rings(a) => a,
            Self::Shapes(a) => a,
            Self::Clusters(a) => a,
            Self::Scattering(a) => a,
            Self::Voronoi(a) => a,
            Self::Cavities(a) => a,
            Self::Agreement(a) => a,
        }
    }
}

/// The analyses of a plan, fed with the same frames.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Suite {
    entries: Vec<Entry>,
    /// Bond lengths given, until the first frame completes them.
    given: Vec<([String; 2], f64)>,
    network: NetworkOptions,
    cutoffs: Option<BondCutoffs>,
    /// Species names and kinds of the first frame.
    atoms: Option<(Vec<String>, Vec<u16>)>,
    frames: u64,
}

impl Suite {
    /// The plan's analyses, without a frame yet. Those that a reference curve is compared with are
    /// added; files of reference curves are read here.
    pub fn new(plan: &AnalysisPlan) -> Result<Self> {
        let given = plan.bond_lengths()?;
        let entries = plan
            .chosen()
            .into_iter()
            .filter_map(|kind| Entry::new(kind, plan).transpose())
            .collect::<Result<_>>()?;
        let network = plan.network.clone();
        Ok(Self { entries, given, network, cutoffs: None, atoms: None, frames: 0 })
    }

    /// Checks what the plan says of species before a frame of the structure is there.
    pub fn expect(&self, structure: &Structure) -> Result<()> {
        for entry in &self.entries {
            if let Entry::Agreement(agreement) = entry {
                agreement.expect(structure)?;
            }
        }
        BondCutoffs::roles(structure, &self.given, &self.network).map(|_| ())
    }

    /// Number of analyses.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True without an analysis.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Frames seen so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Feeds a frame to every analysis; `progress` hears of each before it starts.
    ///
    /// A frame without atoms, or with other atoms than the first, is an error.
    pub fn accumulate(
        &mut self,
        structure: &Structure,
        backend: &dyn Backend,
        mut progress: impl FnMut(AnalysisKind),
    ) -> Result<()> {
        self.check(structure)?;
        if self.frames == 0 {
            self.expect(structure)?;
        }
        let cutoffs = match self.cutoffs.take() {
            Some(cutoffs) => cutoffs,
            None => BondCutoffs::find(structure, &self.given, &self.network)?,
        };
        let view = View { structure, backend, cutoffs: &cutoffs, bonds: OnceCell::new() };
        for entry in &mut self.entries {
            let analysis = entry.get_mut();
            progress(analysis.kind());
            analysis.accumulate(&view)?;
        }
        drop(view);
        self.cutoffs = Some(cutoffs);
        self.frames += 1;
        Ok(())
    }

    /// Lets every analysis write its results.
    pub fn finish(&self, output: &mut Output) -> Result<()> {
        if self.frames == 0 {
            return Err(Error::input(
                "there is no frame to analyse",
                "give a structure, or a trajectory with at least one frame",
            ));
        }
        let mut remark = self.cutoffs.as_ref().and_then(BondCutoffs::remark);
        for entry in &self.entries {
            let kind = entry.get().kind();
            output.begin(kind);
            entry.get().finish(output)?;
            if kind.uses_bonds()
                && let Some(remark) = remark.take()
            {
                output.remark(remark);
            }
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
        structure.check_finite()?;
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
        if *kinds != structure.kinds || *species != names() {
            return Err(Error::input(
                format!("frame {} has other species than the first", self.frames + 1),
                "analyse different materials one by one",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::reference::ReferenceBackend;
    use crate::system::{RandomStream, SimulationBox, Species, Stream, Units};

    fn frame(step: u64) -> Structure {
        let stream = RandomStream::new(4, Stream::Sampling);
        let cell = SimulationBox::new([0.0; 3], [9.0, 10.0, 11.0], [1.0, 0.0, -2.0]).expect("box");
        let positions = (0..90)
            .map(|i| cell.to_cartesian([0, 1, 2].map(|lane| stream.uniform(step, i, lane))))
            .collect();
        let species = ["Si", "O"].map(|n| Species { name: n.into(), mass: None }).to_vec();
        let kinds = (0..90).map(|i| u16::from(i % 3 != 0)).collect();
        Structure::new(cell, species, kinds, positions).expect("sound")
    }

    /// Atoms at random have no first minimum of g(r), and hence no bonds: that is said once.
    #[test]
    fn pairs_without_bonds_are_named() {
        let plan = AnalysisPlan {
            analyses: Some(vec![AnalysisKind::Radial, AnalysisKind::Angles, AnalysisKind::Rings]),
            ..AnalysisPlan::default()
        };
        let mut suite = Suite::new(&plan).expect("sound");
        suite.accumulate(&frame(0), &ReferenceBackend::new(), |_| ()).expect("counted");
        let directory = tempfile::tempdir().expect("a directory");
        let mut output = Output::create(directory.path(), Units::METAL).expect("empty");
        suite.finish(&mut output).expect("written");
        let said: Vec<usize> = output
            .products()
            .iter()
            .map(|p| p.remarks.iter().filter(|r| r.starts_with("no bonds of Si-O: ")).count())
            .collect();
        assert_eq!(said, [0, 1, 0]);
    }

    /// Without a bond there is no network: its oxygens are not free, they are unknown.
    #[test]
    fn a_network_without_bonds_has_no_numbers() {
        let plan =
            AnalysisPlan { analyses: Some(vec![AnalysisKind::Network]), ..AnalysisPlan::default() };
        let mut suite = Suite::new(&plan).expect("sound");
        suite.accumulate(&frame(0), &ReferenceBackend::new(), |_| ()).expect("counted");
        let directory = tempfile::tempdir().expect("a directory");
        let mut output = Output::create(directory.path(), Units::METAL).expect("empty");
        suite.finish(&mut output).expect("written");
        let product = &output.products()[0];
        assert!(product.numbers.is_empty() && product.tables.is_empty(), "{product:?}");
        assert!(product.remarks[0].starts_with("no bond of a former with a bridge"), "{product:?}");
    }

    /// Every analysis survives a checkpoint between two frames without a trace.
    #[test]
    fn a_suite_is_data() {
        let mut plan = AnalysisPlan::default();
        plan.scattering.q_max = Some(2.0);
        plan.cavities.grid = 1.0;
        plan.bonds = [("Si-O".to_owned(), 2.0)].into();
        let backend = ReferenceBackend::new();
        let written = |cut: bool| {
            let mut suite = Suite::new(&plan).expect("sound");
            assert_eq!(suite.len(), AnalysisKind::STRUCTURE.len());
            for step in 0..2 {
                suite.accumulate(&frame(step), &backend, |_| ()).expect("counted");
                if cut {
                    let bytes = postcard::to_stdvec(&suite).expect("bytes");
                    suite = postcard::from_bytes(&bytes).expect("a suite");
                }
            }
            let directory = tempfile::tempdir().expect("a directory");
            let mut output = Output::create(directory.path(), Units::METAL).expect("empty");
            suite.finish(&mut output).expect("written");
            output.write_summary().expect("written");
            let mut files: Vec<_> = std::fs::read_dir(directory.path())
                .expect("files")
                .map(|e| e.expect("a file").path())
                .map(|p| (p.file_name().map(|n| n.to_owned()), std::fs::read(&p).expect("read")))
                .collect();
            files.sort();
            files
        };
        let (whole, cut) = (written(false), written(true));
        assert!(whole.len() > 20 && whole == cut);
        // A frame with other atoms is refused by name.
        let mut suite = Suite::new(&plan).expect("sound");
        suite.accumulate(&frame(0), &backend, |_| ()).expect("counted");
        let mut other = frame(1);
        other.kinds[0] = 1;
        let error = suite.accumulate(&other, &backend, |_| ()).expect_err("refused");
        assert_eq!(error.to_string(), "frame 2 has other species than the first");
    }
}
