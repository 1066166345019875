//! A force field as the user wrote it, validated.

use serde::{Deserialize, Serialize};

use super::coulomb::DampedShiftedForce;
use crate::system::UnitSystem;

/// Numbers of one species.
#[derive(Debug, Clone, PartialEq)]
pub struct SpeciesParameters {
    /// Symbol.
    pub name: String,
    /// Charge, e.
    pub charge: f64,
    /// Mass (metal: g/mol).
    pub mass: f64,
    /// Diameter for forms that read one; a structure's own diameters take precedence.
    pub diameter: Option<f64>,
}

/// What a Buckingham pair does at short distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ShortRange {
    /// Nothing: the bare form.
    None,
    /// B/rⁿ + D r² inside the inner root of V‴.
    Splice,
    /// + D/r²⁴ (energy·length²⁴).
    Repulsion24(f64),
}

/// The functional form of a pair.
#[derive(Debug, Clone, PartialEq)]
pub enum PairDefinition {
    /// A e^(−r/ρ) − C/r⁶.
    Buckingham {
        /// A, energy.
        a: f64,
        /// ρ, length.
        rho: f64,
        /// C, energy·length⁶.
        c: f64,
        /// Behaviour at short distance.
        short_range: ShortRange,
    },
    /// 4 ε [(σ/r)¹² − (σ/r)⁶].
    LennardJones {
        /// ε, energy.
        epsilon: f64,
        /// σ, length.
        sigma: f64,
    },
    /// 4 ε [(σ̄/r)²⁸ − (σ̄/r)¹⁴] with particle diameters, ε = A₀ σ_i σ_j σ̄.
    GeneralizedLennardJones {
        /// A₀, energy/length³.
        a0: f64,
    },
    /// A tabulated energy.
    Table {
        /// Distances, increasing.
        r: Vec<f64>,
        /// Energies.
        energy: Vec<f64>,
    },
}

/// A pair of species and its potential.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// Indices into [`ForceField::species`].
    pub species: [usize; 2],
    /// The form.
    pub definition: PairDefinition,
    /// Cutoff of this pair if it differs from the force field's.
    pub cutoff: Option<f64>,
}

/// How short-range terms end at their cutoff.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truncation {
    /// U as it is, 0 beyond.
    #[default]
    Plain,
    /// U − U(R): energy continuous.
    Shift,
    /// U − U(R) − (r−R) U′(R): energy and force continuous.
    ForceShift,
    /// U · S(r) with a quintic S from 1 at `from` to 0 at R: two continuous derivatives.
    Smooth {
        /// Where the switch starts.
        from: f64,
    },
}

/// A complete force field.
#[derive(Debug, Clone, PartialEq)]
pub struct ForceField {
    /// Name for messages and provenance.
    pub name: String,
    /// Unit system of every number in it.
    pub units: UnitSystem,
    /// Short-range cutoff of pairs that do not give their own.
    pub cutoff: f64,
    /// Truncation of the short-range terms.
    pub truncation: Truncation,
    /// Charges' interaction, if there is one.
    pub coulomb: Option<DampedShiftedForce>,
    /// The species.
    pub species: Vec<SpeciesParameters>,
    /// Pairs with a short-range term; others have none.
    pub pairs: Vec<Pair>,
}
