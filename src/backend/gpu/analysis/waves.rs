//! Density waves.

use bytemuck::{Pod, Zeroable};

use super::super::buffers::{map, staging};
use super::super::context::Context;
use super::{buffer, compile, encode, filled, uniform};
use crate::analysis::{DensityWave, WAVE_BLOCK, by_species};
use crate::error::Result;
use crate::system::Structure;

pub(super) const TEXT: &str = include_str!("../../../../shaders/analysis/waves.wgsl");
/// Bytes of the sums of one pass.
const PASS_BYTES: u64 = 32 << 20;
/// Workgroups along a dimension.
const MOST_WORKGROUPS: usize = 65_535;

/// The uniform block of waves.wgsl.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Parameters {
    sizes: [u32; 4],
}

/// ρ_a(Q) for each vector, for each species.
pub(in crate::backend::gpu) fn density_waves(
    context: &Context,
    structure: &Structure,
    vectors: &[[i32; 3]],
) -> Result<Vec<DensityWave>> {
    let kinds = structure.species.len();
    let (fixed, ranges) = by_species(structure);
    if vectors.is_empty() || fixed.is_empty() {
        return Ok(vec![[0.0; 2]; vectors.len() * kinds]);
    }
    // A dispatch has so many blocks at most: longer ones for very many atoms.
    let block = WAVE_BLOCK.max(fixed.len().div_ceil(MOST_WORKGROUPS / 2));
    let mut blocks: Vec<[u32; 2]> = Vec::new();
    let mut block_kind = Vec::new();
    for (kind, range) in ranges.iter().enumerate() {
        for start in range.clone().step_by(block) {
            blocks.push([start as u32, (start + block).min(range.end) as u32]);
            block_kind.push(kind);
        }
    }
    let pipeline = compile(context, "waves", TEXT)?;
    let packed: Vec<[u32; 4]> = fixed.iter().map(|&[x, y, z]| [x, y, z, 0]).collect();
    let atoms = filled(context, "atoms", &packed)?;
    let block_buffer = filled(context, "blocks", &blocks)?;
    let padded: Vec<[i32; 4]> = vectors.iter().map(|&[h, k, l]| [h, k, l, 0]).collect();
    let vector_buffer = filled(context, "wave vectors", &padded)?;
    let each = 8 * blocks.len() as u64;
    let pass = ((PASS_BYTES / each) as usize).clamp(1, MOST_WORKGROUPS).min(vectors.len());
    let sums = buffer(context, "density waves", each * pass as u64)?;
    let back = staging(context, sums.size())?;
    let mut waves = Vec::with_capacity(vectors.len() * kinds);
    for first in (0..vectors.len()).step_by(pass) {
        let number = pass.min(vectors.len() - first);
        let sizes = [number as u32, blocks.len() as u32, first as u32, 0];
        let block = uniform(context, &Parameters { sizes })?;
        let mut encoder = context.device.create_command_encoder(&Default::default());
        let buffers = [&block, &atoms, &block_buffer, &vector_buffer, &sums];
        let size = [number as u32, blocks.len() as u32];
        encode(context, &mut encoder, &pipeline, buffers, size)?;
        encoder.copy_buffer_to_buffer(&sums, 0, &back, 0, sums.size());
        context.queue.submit([encoder.finish()]);
        let values: Vec<[f32; 2]> = map(context, &back)?;
        for own in values.chunks(blocks.len()).take(number) {
            let start = waves.len();
            waves.resize(start + kinds, [0.0; 2]);
            for (value, &kind) in own.iter().zip(&block_kind) {
                let sum: &mut DensityWave = &mut waves[start + kind];
                sum[0] += f64::from(value[0]);
                sum[1] += f64::from(value[1]);
            }
        }
    }
    Ok(waves)
}
