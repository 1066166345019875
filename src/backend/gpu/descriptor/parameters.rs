//! What the descriptor kernels read, as `shaders/descriptor/` declares it.

use bytemuck::{Pod, Zeroable};

use crate::descriptor::{AngularFunction, CellList, RadialFunction, RealHarmonics};
use crate::system::FIXED_ONE;

/// `Parameters` of types.wgsl.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, Pod, Zeroable)]
pub(super) struct Parameters {
    pub cells: [u32; 4],
    pub reach: [u32; 4],
    pub span: [u32; 4],
    pub to_cartesian_x: [f32; 4],
    pub to_cartesian_yz: [f32; 4],
    pub centres: u32,
    pub capacity: u32,
    pub slot_stride: u32,
    pub centre_stride: u32,
    pub groups: u32,
    pub width: u32,
    pub functions: u32,
    pub third_side: u32,
    pub cutoff2: f32,
    pub inverse_cutoff: f32,
    pub inverse_step: f32,
    pub n_max: u32,
    pub l_max: u32,
    pub tile: u32,
    pub part: u32,
    pub unused: u32,
}

impl Parameters {
    /// The box, its cells and the cutoff; the box is two cutoffs wide at least.
    pub fn new(cells: &CellList, cutoff: f64) -> Self {
        let four = |v: [usize; 3]| [v[0] as u32, v[1] as u32, v[2] as u32, 0];
        let [lx, ly, lz] = cells.simulation_box.lengths.map(|l| (l / FIXED_ONE) as f32);
        let [xy, xz, yz] = cells.simulation_box.tilts.map(|t| (t / FIXED_ONE) as f32);
        let mut span = [0; 3];
        for k in 0..3 {
            // Each cell once, also where there are few.
            span[k] = (2 * cells.reach[k] + 1).min(cells.cells[k]);
        }
        Self {
            cells: four(cells.cells),
            reach: four(cells.reach),
            span: four(span),
            to_cartesian_x: [lx, xy, xz, 0.0],
            to_cartesian_yz: [ly, yz, lz, 0.0],
            cutoff2: (cutoff * cutoff) as f32,
            ..Self::default()
        }
    }
}

/// `functions` of radial.wgsl.
pub(super) fn radial_functions(functions: &[RadialFunction]) -> Vec<[f32; 2]> {
    let mut packed: Vec<[f32; 2]> = functions
        .iter()
        .map(|f| [f.centre as f32, (-f.eta * std::f64::consts::LOG2_E) as f32])
        .collect();
    packed.resize(functions.len().next_multiple_of(4), [0.0; 2]);
    packed
}

/// `Angular` of angular.wgsl.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, Pod, Zeroable)]
pub(super) struct Angular {
    rate: f32,
    lambda: f32,
    zeta: f32,
    whole: u32,
    scale: f32,
    scale_same: f32,
    unused: [u32; 2],
}

/// Functions that a workgroup of angular.wgsl sums.
pub(super) const ANGULAR_CHUNK: usize = 8;

/// `functions` of angular.wgsl.
pub(super) fn angular_functions(functions: &[AngularFunction]) -> Vec<Angular> {
    let mut packed: Vec<Angular> = functions
        .iter()
        .map(|f| Angular {
            rate: (-f.eta * std::f64::consts::LOG2_E) as f32,
            lambda: f.lambda as f32,
            zeta: f.zeta as f32,
            whole: if f.zeta.fract() == 0.0 { f.zeta as u32 } else { u32::MAX },
            scale: f.scale as f32,
            scale_same: f.scale_same as f32,
            unused: [0; 2],
        })
        .collect();
    packed.resize(functions.len().next_multiple_of(ANGULAR_CHUNK), Angular::default());
    packed
}

/// `Component` of harmonics.wgsl.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct Component {
    l: u32,
    m: u32,
    at: u32,
    diagonal: f32,
}

/// `functions` of harmonics.wgsl: every m ≥ 0 of every degree.
pub(super) fn components(degrees: &[usize], harmonics: &RealHarmonics) -> Vec<Component> {
    let mut packed = Vec::new();
    let mut at = 0;
    for &l in degrees {
        for m in 0..=l {
            packed.push(Component {
                l: l as u32,
                m: m as u32,
                at: (at + l) as u32,
                diagonal: harmonics.diagonal[m] as f32,
            });
        }
        at += 2 * l + 1;
    }
    packed
}

/// `recursion` of harmonics.wgsl and soap_expand.wgsl, with the starting values at m = l.
pub(super) fn recursion(harmonics: &RealHarmonics) -> Vec<[f32; 2]> {
    let mut packed: Vec<[f32; 2]> =
        harmonics.recursion.iter().map(|r| r.map(|x| x as f32)).collect();
    for m in 0..=harmonics.l_max {
        packed[m * m + 2 * m] = [harmonics.diagonal[m] as f32, 0.0];
    }
    packed
}

/// `features` of soap_power.wgsl.
pub(super) fn power_features(n_max: usize, l_max: usize, groups: usize) -> Vec<[u32; 4]> {
    let part = n_max * (l_max + 1) * (l_max + 1);
    let mut features = Vec::new();
    for a in 0..groups {
        for b in a..groups {
            for l in 0..=l_max {
                for n in 0..n_max {
                    for m in if a == b { n } else { 0 }..n_max {
                        let (one, two) =
                            (a * part + l * l * n_max + n, b * part + l * l * n_max + m);
                        features.push([one as u32, two as u32, l as u32, 0]);
                    }
                }
            }
        }
    }
    features
}
