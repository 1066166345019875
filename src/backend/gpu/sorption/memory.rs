//! Buffers of sorption on a GPU, and how much of a batch fits into them.

use bytemuck::Pod;

use super::super::buffers::map;
use super::super::context::Context;
use crate::error::{Error, Result};
use crate::sorption::{Scheme, SorptionPlan};

/// Bytes of all buffers of one part of a batch at most.
const PART_BYTES: u64 = 1 << 30;

/// Bytes of the stand of a lattice's walk (shaders/sorption/follow.wgsl).
pub(super) const STAND_BYTES: u64 = 32;

/// Some bytes of a buffer.
pub(super) fn read_back<T: Pod>(
    context: &Context,
    buffer: &wgpu::Buffer,
    range: std::ops::Range<u64>,
) -> Result<Vec<T>> {
    let bytes = range.end - range.start;
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    let staging = create(context, "staging", bytes, usage)?;
    context.guarded("reading back", || {
        let mut encoder =
            context.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(buffer, range.start, &staging, 0, bytes);
        context.queue.submit([encoder.finish()]);
    })?;
    map(context, &staging)
}

/// A buffer of so many bytes, and of 16 at least.
pub(super) fn create(
    context: &Context,
    label: &str,
    bytes: u64,
    usage: wgpu::BufferUsages,
) -> Result<wgpu::Buffer> {
    context.guarded(label, || {
        context.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: bytes.max(16),
            usage,
            mapped_at_creation: false,
        })
    })
}

/// Usage of a buffer of numbers.
pub(super) const NUMBERS: wgpu::BufferUsages = wgpu::BufferUsages::STORAGE
    .union(wgpu::BufferUsages::COPY_DST)
    .union(wgpu::BufferUsages::COPY_SRC);

/// Usage of the uniform block.
pub(super) const UNIFORM: wgpu::BufferUsages =
    wgpu::BufferUsages::UNIFORM.union(wgpu::BufferUsages::COPY_DST);

/// The eight storage buffers of a kernel behind its uniform block.
pub(super) fn bind(
    context: &Context,
    layout: &wgpu::BindGroupLayout,
    buffers: &[&wgpu::Buffer],
) -> wgpu::BindGroup {
    let entries: Vec<wgpu::BindGroupEntry<'_>> = buffers
        .iter()
        .enumerate()
        .map(|(binding, buffer)| wgpu::BindGroupEntry {
            binding: binding as u32,
            resource: buffer.as_entire_binding(),
        })
        .collect();
    context.device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some("sorption"),
        layout,
        entries: &entries,
    })
}

/// Bytes of a lattice in the buffers that grow with the batch: densities, cotangents, kept
/// iterations or the stand of a walk, isotherms, and each of the arrays of one number a site.
pub(super) fn bytes(
    plan: &SorptionPlan,
    sites: u64,
    densities: bool,
    gradient: Option<bool>,
) -> [u64; 5] {
    let points = plan.path.humidities.len() as u64;
    let iterations = match plan.scheme {
        Scheme::Truncated { iterations } => u64::from(iterations),
        Scheme::Converged { .. } => 0,
    };
    let field = points.saturating_mul(4 * sites);
    [
        if densities || gradient.is_some() { field } else { 0 },
        match gradient {
            None => 0,
            Some(false) => 4 * points,
            Some(true) => field,
        },
        match plan.scheme {
            Scheme::Converged { .. } => STAND_BYTES,
            Scheme::Truncated { .. } if gradient.is_some() => iterations.saturating_mul(4 * sites),
            Scheme::Truncated { .. } => 0,
        },
        16 * points,
        4 * sites,
    ]
}

/// Lattices that fit into the device's buffers at once, or an error if not even one does.
pub(super) fn part_size(need: [u64; 5], binding: u64, device: &str) -> Result<usize> {
    const NAMES: [&str; 5] = [
        "the densities of a lattice at every humidity",
        "the derivatives of the loss of a lattice at every humidity",
        "the iterations of a lattice",
        "the isotherm of a lattice",
        "a lattice",
    ];
    let (largest, name) = need.into_iter().zip(NAMES).max().unwrap_or((1, ""));
    // Indices are 32 bits wide.
    let available = binding.min(1 << 32);
    if largest > available {
        return Err(Error::Capacity {
            what: format!("{name} (bytes)"),
            needed: largest,
            available,
            device: device.to_owned(),
        });
    }
    // η, state and gradient are arrays of one number a site.
    let whole = need.iter().sum::<u64>() + 2 * need[4];
    Ok((available / largest).min(PART_BYTES / whole).max(1) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sorption::{Path, even_humidities};

    #[test]
    fn a_batch_is_split_where_a_buffer_would_pass_the_limit() {
        let mut plan = SorptionPlan::new(Path::adsorption(&even_humidities(40, 1.0)));
        let size = |plan: &SorptionPlan, gradient, binding| {
            part_size(bytes(plan, 400, plan.densities, gradient), binding, "a card")
        };
        // The isotherm needs η, 1600 bytes, and 640 bytes of results.
        assert_eq!(size(&plan, None, 16_000).expect("fits"), 10);
        // With densities 64,000 bytes.
        plan.densities = true;
        assert_eq!(size(&plan, None, 128_000).expect("fits"), 2);
        assert_eq!(size(&plan, None, 64_000).expect("fits"), 1);
        let message = size(&plan, None, 63_999).expect_err("refused").to_string();
        let need = "the densities of a lattice at every humidity (bytes): 64000 needed";
        assert_eq!(message, format!("{need}, 63999 available on a card"));
        // Back-propagation keeps 100 iterations, 160,000 bytes.
        plan.scheme = Scheme::PUBLISHED;
        assert_eq!(size(&plan, Some(false), 1_600_000).expect("fits"), 10);
        let message = size(&plan, Some(true), 100_000).expect_err("refused").to_string();
        assert!(message.starts_with("the iterations of a lattice (bytes): 160000"), "{message}");
        // All buffers together stay below a gigabyte.
        let most = size(&plan, Some(true), u64::MAX).expect("fits") as u64;
        let whole = bytes(&plan, 400, true, Some(true)).iter().sum::<u64>();
        assert!(most * whole <= PART_BYTES && most * whole > PART_BYTES / 2, "{most}");
    }
}
