//! Sums that the fast devices have kernels for, shared by several descriptors.

/// exp(−η (r − R)²), times Behler's cutoff function if the kernel says so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RadialFunction {
    /// R, Å.
    pub centre: f64,
    /// η, Å⁻².
    pub eta: f64,
}

/// scale · (1 + λ cos θ)^ζ exp(−η (r_ij² + r_ik² [+ r_jk²])).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AngularFunction {
    /// η, Å⁻².
    pub eta: f64,
    /// λ: +1 or −1.
    pub lambda: f64,
    /// ζ.
    pub zeta: f64,
    /// Factor for a pair of neighbours of two groups.
    pub scale: f64,
    /// Factor for an unordered pair of neighbours of one group.
    pub scale_same: f64,
}

/// Expansion of a density of Gaussians in radial functions g_nl(r) and spherical harmonics, and
/// its power spectrum.
#[derive(Debug, Clone, PartialEq)]
pub struct SoapKernel {
    /// Radial functions for each l.
    pub n_max: usize,
    /// Highest l.
    pub l_max: usize,
    /// c_nl(r) of one neighbour at distance k·step, as `table[(k * (l_max + 1) + l) * n_max + n]`,
    /// beginning at k = −1 and reaching two steps beyond the cutoff, for interpolation by four points.
    pub table: Vec<f64>,
    /// Distance between rows of the table, Å.
    pub step: f64,
    /// Number of groups.
    pub groups: usize,
}

/// What a fast device computes for one descriptor: its sums, in the order of the definition.
#[derive(Debug, Clone, PartialEq)]
pub enum Kernel {
    /// For each group, each function's sum over the neighbours.
    Radial {
        /// The functions.
        functions: Vec<RadialFunction>,
        /// Multiply by ½[cos(πr/R_c) + 1].
        cutoff_function: bool,
    },
    /// For each pair of groups a ≤ b, each function's sum over pairs of neighbours.
    Angular {
        /// The functions.
        functions: Vec<AngularFunction>,
        /// r_jk² is in the exponent.
        third_side: bool,
        /// Multiply by ½[cos(πr/R_c) + 1] of every distance in the exponent.
        cutoff_function: bool,
    },
    /// For each group and l the mean over the neighbours of the real spherical harmonics, m from
    /// −l to l.
    Harmonics {
        /// Degrees, ascending.
        degrees: Vec<usize>,
    },
    /// The power spectrum.
    Soap(SoapKernel),
}
