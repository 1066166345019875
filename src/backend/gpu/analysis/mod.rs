//! Pair histograms and density waves on a GPU.

mod pairs;
mod waves;

pub(super) use pairs::pair_counts;
pub(super) use waves::density_waves;

use bytemuck::Pod;

use super::buffers::{buffer, filled};
use super::context::Context;
use super::kernels::Access;
use super::pipelines::{Pipeline, build};
use crate::error::Result;

/// A uniform block and storage buffers, the last of them written.
const BINDINGS: [Access; 5] =
    [Access::Uniform, Access::Read, Access::Read, Access::Read, Access::Write];

fn compile(context: &Context, name: &str, text: &str) -> Result<Pipeline> {
    context.guarded(name, || build(context, name, "main", text.to_owned(), &BINDINGS))
}

/// A uniform block.
pub(super) fn uniform<T: Pod>(context: &Context, block: &T) -> Result<wgpu::Buffer> {
    let made = context.guarded("parameters", || {
        context.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("parameters"),
            size: size_of::<T>() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    })?;
    context.queue.write_buffer(&made, 0, bytemuck::bytes_of(block));
    Ok(made)
}

/// Encodes one dispatch.
pub(super) fn encode<const BUFFERS: usize>(
    context: &Context,
    encoder: &mut wgpu::CommandEncoder,
    pipeline: &Pipeline,
    buffers: [&wgpu::Buffer; BUFFERS],
    size: [u32; 2],
) -> Result<()> {
    let entries: Vec<wgpu::BindGroupEntry> = (0..)
        .zip(buffers)
        .map(|(binding, buffer)| wgpu::BindGroupEntry {
            binding,
            resource: buffer.as_entire_binding(),
        })
        .collect();
    let group = context.guarded("analysis buffers", || {
        context.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("analysis"),
            layout: &pipeline.layout,
            entries: &entries,
        })
    })?;
    let mut pass = encoder.begin_compute_pass(&Default::default());
    pass.set_pipeline(&pipeline.pipeline);
    pass.set_bind_group(0, &group, &[]);
    pass.dispatch_workgroups(size[0], size[1], 1);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::backend::gpu::kernels::tests::validated;
    use wgpu::naga;

    #[test]
    fn every_analysis_kernel_is_valid_and_small() {
        for (name, text, block) in [
            ("pairs", super::pairs::TEXT, size_of::<super::pairs::Parameters>()),
            ("waves", super::waves::TEXT, size_of::<super::waves::Parameters>()),
        ] {
            let module = validated(text, name);
            let mut layouter = naga::proc::Layouter::default();
            layouter.update(module.to_ctx()).expect("laid out");
            let mut workgroup = 0;
            for (_, variable) in module.global_variables.iter() {
                match variable.space {
                    naga::AddressSpace::WorkGroup => workgroup += layouter[variable.ty].size,
                    naga::AddressSpace::Uniform => {
                        assert_eq!(layouter[variable.ty].size as usize, block, "{name}");
                    }
                    _ => {}
                }
            }
            assert!(workgroup <= 16384, "{name}: {workgroup}");
        }
    }
}
