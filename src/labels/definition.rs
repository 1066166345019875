//! What a label is, as it is written in TOML and kept with a model.

use serde::{Deserialize, Deserializer, Serialize};

use super::threshold::ThresholdDefinition;
use crate::error::{Error, Result};

/// Which motion makes an atom mobile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelKind {
    /// |r(t+Δt) − r(t)|: [`super::displacement_lengths`].
    Displacement,
    /// D²_min, what the best affine map of the neighbourhood leaves: [`super::nonaffine()`].
    Nonaffine,
    /// p_hop, jumps between two windows of time: [`super::hop_strength`].
    Hop,
}

/// How the coordinates of a trajectory are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Coordinates {
    /// Positions (with image flags, where the file has them) say how far atoms have gone around
    /// the box.
    #[default]
    Unwrapped,
    /// Positions lie in the box: from one frame to the next an atom has gone to its nearest image,
    /// which is right as long as it moves less than half a box between frames.
    Wrapped,
}

/// How residuals of the neighbours are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statistic {
    /// Mean over the neighbours.
    #[default]
    Mean,
    /// Sum over the neighbours.
    Sum,
}

/// Moments at which surroundings are described.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origins {
    /// The first, counted from the first frame, in the unit of the lag. Of jumps of all atoms, 0 is
    /// the first that has half a window before it.
    #[serde(default)]
    pub first: f64,
    /// From one to the next, in the unit of the lag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<f64>,
    /// How many; without it as many as the trajectory has, if there is an interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
}

impl Default for Origins {
    fn default() -> Self {
        Self { first: 0.0, interval: None, number: Some(1) }
    }
}

/// Which atoms are labelled by their jumps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HopSample {
    /// As many that are about to rearrange as have long been unmoved: to learn from.
    #[default]
    Examples,
    /// All that are in no event at an origin, by the largest p_hop of the events that open within
    /// the next t_R (of that time, if none opens): for the probability of rearranging.
    All,
}

/// The frame at which an atom is about to rearrange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// That at which its event opens: up to half a window before the jump.
    #[default]
    Opening,
    /// The one before the maximum of p_hop: just before a sudden jump, within one that takes several
    /// frames.
    Jump,
}

/// Jumps and what is chosen of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HopDefinition {
    /// p_hop at which an event opens, and below which it closes.
    #[serde(default = "default_open")]
    pub open: f64,
    /// How long an atom has not had an event before it counts as hard, in the unit of the lag.
    pub quiet: f64,
    /// Which atoms are labelled.
    #[serde(default)]
    pub sample: HopSample,
    /// When an atom is about to rearrange.
    #[serde(default)]
    pub about: About,
    /// Examples of each class at most, drawn at random from all that there are; 6000 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub examples: Option<u64>,
}

fn default_open() -> f64 {
    0.05
}

/// A definition of mobile atoms: the `[label]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelDefinition {
    /// Which motion.
    pub kind: LabelKind,
    /// Species that are labelled; all without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "one_or_many")]
    pub species: Vec<String>,
    /// Δt (displacement, nonaffine) or t_R (hop) in the time of the file (metal: ps).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<f64>,
    /// The same in frames, for files that do not say times. One of the two must be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
    /// Moments that are labelled; the first frame without it. For examples of hops only `first`, from
    /// where on frames count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origins: Option<Origins>,
    /// How coordinates are read.
    #[serde(default)]
    pub coordinates: Coordinates,
    /// Whether the motion of the centre of mass of all atoms is taken off (displacement, hop).
    #[serde(default = "yes")]
    pub remove_drift: bool,
    /// Whether motion and surroundings are those of inherent structures.
    #[serde(default)]
    pub inherent: bool,
    /// R_c (nonaffine).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cutoff: Option<f64>,
    /// Mean or sum over neighbours (nonaffine); mean without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistic: Option<Statistic>,
    /// Species that are neighbours (nonaffine); all without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "one_or_many")]
    pub neighbors: Vec<String>,
    /// Jumps (hop).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hop: Option<HopDefinition>,
    /// Where mobile begins. For hops the p_hop that the maximum of an event exceeds, 0.2 without
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<ThresholdDefinition>,
}

fn yes() -> bool {
    true
}

/// `species = "Na"` as well as `species = ["Na", "K"]`.
fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a species or a list of species")]
    enum Names {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Names::deserialize(from)? {
        Names::One(name) => vec![name],
        Names::Many(names) => names,
    })
}

/// Names, and wishes to the reader, of what a key is about.
fn wrong(key: &str, what: impl Into<String>, remedy: impl Into<String>) -> Error {
    Error::config(format!("label.{key}"), what, remedy)
}

fn positive(key: &str, value: f64) -> Result<()> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(wrong(key, format!("must be a positive number, got {value}"), "give a positive number"))
}

impl LabelDefinition {
    /// A displacement longer than a threshold after a time, from the first frame on, of atoms of
    /// one species.
    pub fn displacement(species: &str, time: f64, threshold: ThresholdDefinition) -> Self {
        Self {
            kind: LabelKind::Displacement,
            species: vec![species.to_owned()],
            time: Some(time),
            frames: None,
            origins: None,
            coordinates: Coordinates::Unwrapped,
            remove_drift: true,
            inherent: false,
            cutoff: None,
            statistic: None,
            neighbors: Vec::new(),
            hop: None,
            threshold: Some(threshold),
        }
    }

    /// Error if a number makes no sense, a key is missing, or one is there that the kind has no use
    /// for.
    pub fn check(&self) -> Result<()> {
        match (self.time, self.frames) {
            (Some(time), None) => positive("time", time)?,
            (None, Some(frames)) if frames > 0 && frames <= u64::from(u32::MAX) => {}
            (None, Some(frames)) => {
                return Err(wrong(
                    "frames",
                    format!("{frames} frames are no interval"),
                    "give 1 or more",
                ));
            }
            _ => {
                return Err(wrong(
                    "time",
                    "exactly one of `time` and `frames` gives the interval",
                    "give `time` in the time of the trajectory (metal: ps), or `frames`",
                ));
            }
        }
        self.check_keys()?;
        if let Some(origins) = &self.origins {
            if !(origins.first.is_finite() && origins.first >= 0.0) {
                return Err(wrong(
                    "origins.first",
                    format!("must not be negative, got {}", origins.first),
                    "count from the first frame",
                ));
            }
            match (origins.interval, origins.number) {
                (Some(interval), _) => positive("origins.interval", interval)?,
                (None, Some(number)) if number != 1 => {
                    return Err(wrong(
                        "origins.interval",
                        format!("{number} origins without an interval"),
                        "give the time from one to the next",
                    ));
                }
                _ => {}
            }
            if origins.number == Some(0) {
                return Err(wrong("origins.number", "no origin", "give 1 or more"));
            }
        }
        match self.kind {
            LabelKind::Displacement => {}
            LabelKind::Nonaffine => match self.cutoff {
                Some(cutoff) => positive("cutoff", cutoff)?,
                None => {
                    return Err(wrong(
                        "cutoff",
                        "missing key `cutoff`",
                        "give the radius within which atoms are neighbours",
                    ));
                }
            },
            LabelKind::Hop => {
                let Some(hop) = &self.hop else {
                    return Err(wrong(
                        "hop",
                        "missing table `hop`",
                        "add [label.hop] with `quiet`, the time after which an unmoved atom is hard",
                    ));
                };
                positive("hop.open", hop.open)?;
                positive("hop.quiet", hop.quiet)?;
                let all = hop.sample == HopSample::All;
                if all && hop.examples.is_some() {
                    return Err(wrong(
                        "hop.examples",
                        "`examples` has no meaning for sample = \"all\"",
                        "remove it, or say sample = \"examples\"",
                    ));
                }
                if hop.examples == Some(0) {
                    return Err(wrong("hop.examples", "no example", "give 1 or more"));
                }
            }
        }
        match (&self.threshold, self.kind) {
            (Some(threshold), _) => threshold.check()?,
            (None, LabelKind::Hop) => {}
            (None, _) => {
                return Err(wrong(
                    "threshold",
                    "missing table `threshold`",
                    "add [label.threshold] with kind = \"fixed\", \"quantile\" or \"histogram-minimum\"",
                ));
            }
        }
        if self.kind == LabelKind::Hop {
            let maximum = self.hop_threshold()?;
            if let Some(hop) = self.hop.as_ref().filter(|hop| hop.open > maximum) {
                return Err(wrong(
                    "hop.open",
                    format!("events open at {}, above the threshold {maximum}", hop.open),
                    "open events below the threshold",
                ));
            }
        }
        Ok(())
    }

    /// Keys of other kinds.
    fn check_keys(&self) -> Result<()> {
        use LabelKind::{Displacement, Hop, Nonaffine};
        let examples = self.hop.as_ref().is_some_and(|h| h.sample == HopSample::Examples);
        let extra_origins = examples
            && self.origins.as_ref().is_some_and(|o| o.interval.is_some() || o.number.is_some());
        for (key, given, kinds) in [
            ("cutoff", self.cutoff.is_some(), &[Nonaffine][..]),
            ("statistic", self.statistic.is_some(), &[Nonaffine]),
            ("neighbors", !self.neighbors.is_empty(), &[Nonaffine]),
            ("origins.interval", extra_origins && self.kind == Hop, &[Displacement, Nonaffine]),
            ("hop", self.hop.is_some(), &[Hop]),
        ] {
            if given && !kinds.contains(&self.kind) {
                return Err(wrong(
                    key,
                    format!("`{key}` has no meaning for kind = \"{}\"", self.kind.name()),
                    "remove it, or choose another kind",
                ));
            }
        }
        Ok(())
    }

    /// The p_hop that the maximum of an event exceeds if it is a rearrangement.
    pub(super) fn hop_threshold(&self) -> Result<f64> {
        match &self.threshold {
            None => Ok(0.2),
            Some(ThresholdDefinition::Fixed { value }) => Ok(*value),
            Some(_) => Err(wrong(
                "threshold.kind",
                "p_hop has a fixed threshold",
                "give kind = \"fixed\" and a value (published: 0.2)",
            )),
        }
    }
}

impl LabelKind {
    /// As in TOML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Displacement => "displacement",
            Self::Nonaffine => "nonaffine",
            Self::Hop => "hop",
        }
    }
}
