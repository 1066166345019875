//! Which analyses, and how: the content of a configuration of `analyze`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CavityOptions, Reference};
use crate::analysis::motion::TrajectoryDynamics;
use crate::analysis::{Amplitudes, Radiation, RingKind};
use crate::error::{Error, Result};
use crate::system::{SpeciesNames, UnitSystem};

/// An analysis by its name in configurations, tables and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnalysisKind {
    /// Partial and total g(r), running coordination, reduced G(r).
    Radial,
    /// Coordination numbers.
    Coordination,
    /// Bond-angle distributions.
    Angles,
    /// Bridges (oxygens), Qⁿ and constraints of a network of formers.
    Network,
    /// Ring statistics.
    Rings,
    /// Tetrahedral order and continuous shape measures.
    Shapes,
    /// Clusters and percolation.
    Clusters,
    /// Neutron and X-ray S(Q), and G(r) from it.
    Scattering,
    /// Voronoi volumes.
    Voronoi,
    /// Free volume and cavities.
    Cavities,
    /// Agreement with reference curves.
    Agreement,
    /// Dynamics over time origins, of trajectories.
    Dynamics,
}

impl AnalysisKind {
    /// Every analysis of structure, in the order of reports.
    pub const STRUCTURE: [Self; 10] = [
        Self::Radial,
        Self::Coordination,
        Self::Angles,
        Self::Network,
        Self::Rings,
        Self::Shapes,
        Self::Clusters,
        Self::Scattering,
        Self::Voronoi,
        Self::Cavities,
    ];

    /// True where bonds decide the result.
    pub(super) fn uses_bonds(self) -> bool {
        matches!(
            self,
            Self::Coordination
                | Self::Angles
                | Self::Network
                | Self::Rings
                | Self::Shapes
                | Self::Clusters
        )
    }

    /// Name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Radial => "radial",
            Self::Coordination => "coordination",
            Self::Angles => "angles",
            Self::Network => "network",
            Self::Rings => "rings",
            Self::Shapes => "shapes",
            Self::Clusters => "clusters",
            Self::Scattering => "scattering",
            Self::Voronoi => "voronoi",
            Self::Cavities => "cavities",
            Self::Agreement => "agreement",
            Self::Dynamics => "dynamics",
        }
    }
}

/// g(r): range and bins.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RadialOptions {
    /// Longest distance; default 10 Å, 5 in reduced units. Periodic images are counted beyond half
    /// the box.
    pub r_max: Option<f64>,
    /// Bin; default a 500th of the range.
    pub bin: Option<f64>,
}

/// Bond angles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AngleOptions {
    /// Bin, degrees.
    pub bin: f64,
}

impl Default for AngleOptions {
    fn default() -> Self {
        Self { bin: 1.0 }
    }
}

/// What the network is made of.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkOptions {
    /// Network formers; default those of Si, Ge, P, B, Al, As, Sb, Be, Te that are there.
    pub formers: Option<Vec<String>>,
    /// What joins them; default oxygen and nitrogen, without them the other anions. Bonds join bridges to
    /// everything else. An empty list: formers are joined directly, and bonds join any two species.
    pub bridges: Option<Vec<String>>,
}

/// Rings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RingOptions {
    /// Definitions.
    pub kinds: Vec<RingKind>,
    /// Longest ring looked for, formers (atoms where there are no bridges).
    pub longest: usize,
}

impl Default for RingOptions {
    fn default() -> Self {
        Self { kinds: vec![RingKind::Guttman, RingKind::King, RingKind::Primitive], longest: 12 }
    }
}

/// Structure factors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScatteringOptions {
    /// Longest wave vector; default 20 Å⁻¹, 40 in reduced units.
    pub q_max: Option<f64>,
    /// Narrowest bin; bins widen with Q.
    pub bin: f64,
    /// Lorch's window in the transform to G(r).
    pub lorch: bool,
    /// What is scattered.
    pub radiations: Vec<Radiation>,
    /// Neutron scattering lengths by species (fm) instead of the table's.
    pub lengths: BTreeMap<String, f64>,
    /// X-ray form factors by species instead of the table's: a₁, b₁ … c.
    pub form_factors: BTreeMap<String, Vec<f64>>,
}

impl ScatteringOptions {
    /// What species scatter.
    pub(super) fn amplitudes(&self) -> Amplitudes {
        Amplitudes { lengths: self.lengths.clone(), form_factors: self.form_factors.clone() }
    }
}

impl Default for ScatteringOptions {
    fn default() -> Self {
        Self {
            q_max: None,
            bin: 0.1,
            lorch: true,
            radiations: vec![Radiation::Neutron, Radiation::Xray, Radiation::Number],
            lengths: BTreeMap::new(),
            form_factors: BTreeMap::new(),
        }
    }
}

/// Which frames of trajectories.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrameSelection {
    /// First frame, counted from 1.
    pub first: Option<u64>,
    /// Last frame.
    pub last: Option<u64>,
    /// Every so many; default so that 20 frames at most are used.
    pub every: Option<u64>,
}

impl FrameSelection {
    /// Numbers of the frames to use (counted from 0) of so many.
    pub fn of(&self, frames: u64) -> Vec<u64> {
        let first = self.first.unwrap_or(1).max(1) - 1;
        let last = self.last.unwrap_or(frames).min(frames);
        let span = last.saturating_sub(first);
        let every = self.every.unwrap_or(span.div_ceil(20)).max(1);
        // The last frame is the most relaxed: count back from it.
        let mut chosen: Vec<u64> =
            (0..span.div_ceil(every)).map(|k| last - 1 - k * every).collect();
        chosen.reverse();
        chosen
    }
}

/// How structure is analysed: what `analyze` and `[analysis.options]` of runs have in common.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StructureOptions {
    /// Longest bonds by pair.
    pub bonds: BTreeMap<String, f64>,
    /// What the network is made of.
    pub network: NetworkOptions,
    /// g(r).
    pub radial: RadialOptions,
    /// Bond angles.
    pub angles: AngleOptions,
    /// Rings.
    pub rings: RingOptions,
    /// S(Q).
    pub scattering: ScatteringOptions,
    /// Cavities.
    pub cavities: CavityOptions,
}

impl StructureOptions {
    /// Names of species that it speaks of.
    pub fn species(&self) -> Vec<&str> {
        let listed = [&self.network.formers, &self.network.bridges].into_iter().flatten().flatten();
        let bonds = self.bonds.keys().flat_map(|pair| pair.split('-'));
        listed.chain(self.cavities.radii.keys()).map(String::as_str).chain(bonds).collect()
    }
}

/// What `analyze` computes. Everything has a default that suits the species.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnalysisPlan {
    /// Units of the files; metal where neither this nor the files say.
    pub units: Option<UnitSystem>,
    /// What the species of files are that number them: "1" is Si.
    pub types: SpeciesNames,
    /// Device for pairs and wave vectors: auto, gpu, gpu:N, cpu or reference.
    pub device: Option<String>,
    /// Analyses; default all of structure, dynamics for trajectories and what references need.
    pub analyses: Option<Vec<AnalysisKind>>,
    /// Longest bonds by pair, "Si-O" = 2.2; the others end at the first minimum of g(r).
    pub bonds: BTreeMap<String, f64>,
    /// g(r).
    pub radial: RadialOptions,
    /// Bond angles.
    pub angles: AngleOptions,
    /// What the network is made of.
    pub network: NetworkOptions,
    /// Rings.
    pub rings: RingOptions,
    /// S(Q).
    pub scattering: ScatteringOptions,
    /// Cavities.
    pub cavities: CavityOptions,
    /// Reference curves.
    #[serde(rename = "reference")]
    pub references: Vec<Reference>,
    /// Frames of trajectories for the analyses of structure.
    pub frames: FrameSelection,
    /// Dynamics of trajectories.
    pub dynamics: TrajectoryDynamics,
}

impl AnalysisPlan {
    /// These analyses, of structures in these units.
    pub fn with_options(
        units: UnitSystem,
        analyses: Vec<AnalysisKind>,
        options: &StructureOptions,
    ) -> Self {
        let StructureOptions { bonds, network, radial, angles, rings, scattering, cavities } =
            options.clone();
        Self {
            units: Some(units),
            analyses: Some(analyses),
            bonds,
            network,
            radial,
            angles,
            rings,
            scattering,
            cavities,
            ..Self::default()
        }
    }

    /// What it has in common with a run.
    pub fn options(&self) -> StructureOptions {
        StructureOptions {
            bonds: self.bonds.clone(),
            network: self.network.clone(),
            radial: self.radial.clone(),
            angles: self.angles.clone(),
            rings: self.rings.clone(),
            scattering: self.scattering.clone(),
            cavities: self.cavities.clone(),
        }
    }

    /// Units of the files.
    pub fn unit_system(&self) -> UnitSystem {
        self.units.unwrap_or_default()
    }

    /// Longest distance of g(r).
    pub fn radial_cutoff(&self) -> f64 {
        self.radial.r_max.unwrap_or(match self.unit_system() {
            UnitSystem::Metal => 10.0,
            UnitSystem::Lj => 5.0,
        })
    }

    /// Longest wave vector of S(Q).
    pub fn longest_wave_vector(&self) -> f64 {
        self.scattering.q_max.unwrap_or(match self.unit_system() {
            UnitSystem::Metal => 20.0,
            UnitSystem::Lj => 40.0,
        })
    }

    /// Bond lengths by pairs of names.
    pub(super) fn bond_lengths(&self) -> Result<Vec<([String; 2], f64)>> {
        self.bonds
            .iter()
            .map(|(pair, &length)| match pair.split_once('-') {
                Some((a, b)) if length > 0.0 && length.is_finite() => {
                    Ok(([a.to_owned(), b.to_owned()], length))
                }
                _ => Err(Error::config(
                    format!("bond {pair}"),
                    format!("`{pair}` = {length} is not a bond length"),
                    "write two species and a positive length: Si-O = 2.2",
                )),
            })
            .collect()
    }

    /// What is scattered: as configured, and what references are of.
    pub(super) fn radiations(&self) -> Vec<Radiation> {
        let mut radiations = self.scattering.radiations.clone();
        for radiation in self.references.iter().filter_map(Reference::radiation) {
            if !radiations.contains(&radiation) {
                radiations.push(radiation);
            }
        }
        radiations
    }

    /// True if dynamics were asked for by name.
    pub fn wants_dynamics(&self) -> bool {
        self.analyses.as_ref().is_some_and(|a| a.contains(&AnalysisKind::Dynamics))
    }

    /// The analyses in the order in which they run; those that references need are there, and the
    /// comparison comes last.
    pub(super) fn chosen(&self) -> Vec<AnalysisKind> {
        let mut chosen = self.analyses.clone().unwrap_or_else(|| AnalysisKind::STRUCTURE.to_vec());
        if !self.references.is_empty() {
            chosen.extend([
                AnalysisKind::Radial,
                AnalysisKind::Scattering,
                AnalysisKind::Agreement,
            ]);
        } else {
            chosen.retain(|&k| k != AnalysisKind::Agreement);
        }
        chosen.sort_unstable();
        chosen.dedup();
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_spread_back_from_the_last() {
        let all = FrameSelection::default();
        assert_eq!(all.of(5), [0, 1, 2, 3, 4]);
        assert_eq!(all.of(41), (0..14).map(|k| 1 + 3 * k).collect::<Vec<_>>());
        assert!(all.of(0).is_empty());
        let some = FrameSelection { first: Some(3), last: Some(9), every: Some(4) };
        assert_eq!(some.of(100), [4, 8]);
        assert!(some.of(2).is_empty());
    }

    #[test]
    fn references_bring_what_they_need() {
        let mut plan = AnalysisPlan::default();
        assert_eq!(plan.chosen(), AnalysisKind::STRUCTURE);
        plan.analyses = Some(vec![AnalysisKind::Rings, AnalysisKind::Agreement]);
        assert_eq!(plan.chosen(), [AnalysisKind::Rings]);
        plan.references.push(Reference {
            file: "g.csv".into(),
            curve: super::super::CurveKind::Pairs,
            of: "neutron".into(),
            from: Default::default(),
            ranges: Vec::new(),
        });
        plan.scattering.radiations = vec![Radiation::Xray];
        assert_eq!(plan.radiations(), [Radiation::Xray, Radiation::Neutron]);
        let names: Vec<_> = plan.chosen().iter().map(|k| k.name()).collect();
        assert_eq!(names, ["radial", "rings", "scattering", "agreement"]);
    }
}
