//! Behler's angular symmetry function with all three sides of the triangle.
//!
//! G⁴_i = 2^(1−ζ) Σ_{jk} (1 + λ cos θ_jik)^ζ exp[−η (r_ij² + r_ik² + r_jk²)] f_c(r_ij) f_c(r_ik) f_c(r_jk),
//! over **unordered** pairs of neighbours (each triangle once), as in DScribe; Behler's own sum
//! over ordered pairs of one species is twice this. Two groups a ≠ b: every j of a with every k of b. Behler,
//! J. Chem. Phys. 134, 074106 (2011), doi:10.1063/1.3553717.

use super::Descriptor;
use super::angular::Angular;
use super::entry::Entry;
use crate::error::Result;

pub(super) fn read(entry: &Entry) -> Result<Box<dyn Descriptor>> {
    Ok(Box::new(Angular::read_behler(entry, "g4", true)?))
}
