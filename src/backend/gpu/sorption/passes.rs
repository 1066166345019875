//! The passes over lattices that no workgroup holds: their text, compiling them.

use std::collections::HashMap;

use super::super::context::Context;
use super::kernels;
use crate::error::Result;

/// A pass of shaders/sorption/large.wgsl.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Pass {
    Attract,
    StepForward,
    Ray,
    SafeLength,
    MoveOn,
    Judge,
    FirstTerm,
    NextTerm,
    LargestTerms,
    Linearize,
    Relax,
    Contribute,
    Pull,
    Back,
    Accumulate,
}

impl Pass {
    pub const ALL: [Self; 15] = [
        Self::Attract,
        Self::StepForward,
        Self::Ray,
        Self::SafeLength,
        Self::MoveOn,
        Self::Judge,
        Self::FirstTerm,
        Self::NextTerm,
        Self::LargestTerms,
        Self::Linearize,
        Self::Relax,
        Self::Contribute,
        Self::Pull,
        Self::Back,
        Self::Accumulate,
    ];

    pub fn entry(self) -> &'static str {
        match self {
            Self::Attract => "attract",
            Self::StepForward => "step_forward",
            Self::Ray => "ray",
            Self::SafeLength => "safe_length",
            Self::MoveOn => "move_on",
            Self::Judge => "judge",
            Self::FirstTerm => "first_term",
            Self::NextTerm => "next_term",
            Self::LargestTerms => "largest_terms",
            Self::Linearize => "linearize",
            Self::Relax => "relax",
            Self::Contribute => "contribute",
            Self::Pull => "pull",
            Self::Back => "back",
            Self::Accumulate => "accumulate",
        }
    }
}

/// The complete WGSL of the passes.
pub(super) fn wgsl(three: bool) -> String {
    [
        include_str!("../../../../shaders/sorption/common.wgsl"),
        &format!("const THREADS: u32 = 256u;\nconst THREE: bool = {three};\n"),
        kernels::REDUCE,
        include_str!("../../../../shaders/sorption/large.wgsl"),
    ]
    .join("\n")
}

/// Compiled passes.
#[derive(Debug)]
pub(super) struct Passes(HashMap<Pass, wgpu::ComputePipeline>);

impl Passes {
    pub fn new(context: &Context, three: bool) -> Result<Self> {
        let text = wgsl(three);
        Pass::ALL
            .into_iter()
            .map(|pass| Ok((pass, kernels::compile_text(context, pass.entry(), text.clone())?)))
            .collect::<Result<_>>()
            .map(Self)
    }

    /// A compiled pass.
    pub fn get(&self, pass: Pass) -> &wgpu::ComputePipeline {
        &self.0[&pass]
    }
}
