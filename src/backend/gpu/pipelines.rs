//! Compiled kernels of a potential.

use std::collections::HashMap;

use super::cache::Store;
use super::context::Context;
use super::kernels::{Access, Kernel, PotentialKind};
use super::probe::Compiler;
use crate::error::Result;

/// A compiled kernel with the layout of its bindings.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
}

/// Every kernel, compiled for one potential on one device.
#[derive(Debug)]
pub(super) struct Pipelines {
    kernels: HashMap<Kernel, Pipeline>,
}

impl Pipelines {
    /// Compiles the kernels.
    pub fn new(context: &Context, potential: PotentialKind) -> Result<Self> {
        let compiler = context.compiler()?;
        let kernels = Kernel::ALL
            .into_iter()
            .map(|kernel| {
                let label = format!("{} ({})", kernel.source().name, potential.name());
                let made =
                    context.guarded(&label, || compile(context, kernel, potential, compiler))?;
                Ok((kernel, made))
            })
            .collect::<Result<_>>()?;
        context.cache.iter().for_each(Store::save);
        Ok(Self { kernels })
    }

    pub fn get(&self, kernel: Kernel) -> &Pipeline {
        // `new` compiles every kernel there is.
        &self.kernels[&kernel]
    }
}

fn compile(
    context: &Context,
    kernel: Kernel,
    potential: PotentialKind,
    compiler: Compiler,
) -> Pipeline {
    let source = kernel.source();
    let bindings: Vec<Access> = source.bindings.iter().map(|(_, access)| *access).collect();
    build(context, source.name, source.entry, kernel.wgsl(potential, compiler), &bindings)
}

/// Compiles a kernel of ours; to be called guarded.
pub(super) fn build(
    context: &Context,
    name: &str,
    entry: &str,
    text: String,
    bindings: &[Access],
) -> Pipeline {
    let device = &context.device;
    let checks = if context.options.checked {
        wgpu::ShaderRuntimeChecks::checked()
    } else {
        wgpu::ShaderRuntimeChecks::unchecked()
    };
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(name),
        source: wgpu::ShaderSource::Wgsl(text.into()),
    };
    // SAFETY: the text is ours alone. Every index is bounded by a count in `Parameters` or by a
    // number that a kernel wrote after such a check (list entries, cell starts, atoms' indices),
    // every loop ends, divisors are constants or positive counts; the tests run the same kernels
    // with all checks on.
    let module = unsafe { device.create_shader_module_trusted(descriptor, checks) };
    let entries: Vec<wgpu::BindGroupLayoutEntry> = bindings
        .iter()
        .enumerate()
        .map(|(binding, access)| wgpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: match access {
                    Access::Uniform => wgpu::BufferBindingType::Uniform,
                    Access::Read => wgpu::BufferBindingType::Storage { read_only: true },
                    Access::Write => wgpu::BufferBindingType::Storage { read_only: false },
                },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        })
        .collect();
    let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some(name),
        entries: &entries,
    });
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(name),
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(name),
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some(entry),
        compilation_options: wgpu::PipelineCompilationOptions {
            constants: &[],
            // every kernel writes its workgroup memory before reading it
            zero_initialize_workgroup_memory: false,
        },
        cache: context.cache.as_ref().map(Store::for_compiling),
    });
    Pipeline { pipeline, layout }
}
