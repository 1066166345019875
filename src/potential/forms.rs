//! The interface of a pair form, and the registry of forms.

use super::real::{Distance, Parameters, Real, Term};

/// A short-range pair potential, written once for every device.
pub trait PairForm: Copy + Send + Sync + 'static {
    /// Name in WGSL and messages.
    const NAME: &'static str;
    /// Names of the numbers of a species pair, in the order of `Parameters::get`.
    const PARAMETERS: &'static [&'static str];
    /// True if the form reads the two particles' diameters.
    const USES_DIAMETERS: bool = false;
    /// Parameter holding the r² below which a repair branch acts whose visits are counted.
    const RARE_BELOW: Option<usize> = None;

    /// Energy and −r dU/dr at a distance.
    fn evaluate<R: Real, P: Parameters<R> + ?Sized>(p: &P, d: &Distance<R>) -> Term<R>;
}

/// Which form the short-range terms of a compiled force field have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FormKind {
    /// [`super::buckingham::Buckingham`], with splice.
    Buckingham,
    /// [`super::buckingham::BuckinghamRepulsion24`].
    BuckinghamRepulsion24,
    /// [`super::lennard_jones::LennardJones`].
    LennardJones,
    /// [`super::lennard_jones::GeneralizedLennardJones`].
    GeneralizedLennardJones,
    /// Piecewise cubics in r²: user tables, and combinations without a kernel of their own.
    Table,
}

impl FormKind {
    /// True if the form reads the two particles' diameters.
    pub fn uses_diameters(self) -> bool {
        self == Self::GeneralizedLennardJones
    }
}

/// Calls `$body` with `$form` bound to the form type of a [`FormKind`] other than `Table`.
#[macro_export]
macro_rules! with_pair_form {
    ($kind:expr, $form:ident => $body:expr, table => $table:expr) => {
        match $kind {
            $crate::potential::FormKind::Buckingham => {
                type $form = $crate::potential::Buckingham;
                $body
            }
            $crate::potential::FormKind::BuckinghamRepulsion24 => {
                type $form = $crate::potential::BuckinghamRepulsion24;
                $body
            }
            $crate::potential::FormKind::LennardJones => {
                type $form = $crate::potential::LennardJones;
                $body
            }
            $crate::potential::FormKind::GeneralizedLennardJones => {
                type $form = $crate::potential::GeneralizedLennardJones;
                $body
            }
            $crate::potential::FormKind::Table => $table,
        }
    };
}
