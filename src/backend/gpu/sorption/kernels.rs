//! The sorption kernels: their text, their bindings, compiling them.

use bytemuck::{Pod, Zeroable};

use super::super::context::Context;
use crate::error::Result;
use crate::sorption::{Dimension, Shape};

/// Largest lattice that one workgroup holds: two arrays of densities within 16 KiB.
pub(super) const MOST_SITES: usize = 1536;

/// The uniform block of shaders/sorption/common.wgsl.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Parameters {
    pub size: [u32; 4],
    pub range: [u32; 4],
    pub control: [u32; 4],
    pub couplings: [f32; 4],
    pub limits: [f32; 4],
    pub part: [u32; 4],
}

pub(super) const KEEP_DENSITIES: u32 = 1;
pub(super) const COTANGENT_OF_SITES: u32 = 2;
pub(super) const START_FULL: u32 = 4;

/// Trees over a workgroup, for every kernel that knows its THREADS.
pub(super) const REDUCE: &str = include_str!("../../../../shaders/sorption/reduce.wgsl");

/// What a kernel does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kernel {
    /// Follows a path.
    Follow,
    /// The implicit adjoint.
    Implicit,
    /// Back-propagation through the iterations.
    Unrolled,
    /// Adds the points.
    Collect,
}

impl Kernel {
    #[cfg(test)]
    pub const ALL: [Self; 4] = [Self::Follow, Self::Implicit, Self::Unrolled, Self::Collect];

    pub fn entry(self) -> &'static str {
        match self {
            Self::Follow => "follow",
            Self::Implicit => "implicit",
            Self::Unrolled => "unrolled",
            Self::Collect => "collect",
        }
    }
}

/// How a lattice is spread over a workgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Spread {
    pub threads: u32,
    pub owned: u32,
    pub three: bool,
}

impl Spread {
    pub fn new(shape: Shape) -> Self {
        let sites = shape.sites() as u32;
        let threads = match sites {
            0..=512 => 64,
            513..=1024 => 128,
            _ => 256,
        };
        Self { threads, owned: sites.div_ceil(threads), three: shape.dimension == Dimension::Three }
    }

    /// Turns of all loops together that a pass over a lattice takes at most: a plain iteration, one
    /// with its residual, forwards and back, a round of conjugate gradients, a pass of a bound or
    /// of an extrapolation, keeping a point. Every loop also takes a turn to end.
    pub fn turns(self) -> u32 {
        4 * self.owned + 2 * self.threads.ilog2() + 8
    }

    /// The complete WGSL of a kernel.
    pub fn wgsl(self, kernel: Kernel) -> String {
        let common = include_str!("../../../../shaders/sorption/common.wgsl");
        let constants = format!(
            "const THREADS: u32 = {}u;\nconst OWNED: u32 = {}u;\nconst MOST_SITES: u32 = {}u;\nconst THREE: bool = {};\n",
            self.threads,
            self.owned,
            self.threads * self.owned,
            self.three
        );
        let small = include_str!("../../../../shaders/sorption/small.wgsl");
        let own = match kernel {
            Kernel::Follow => include_str!("../../../../shaders/sorption/follow.wgsl"),
            Kernel::Implicit | Kernel::Unrolled => {
                include_str!("../../../../shaders/sorption/adjoint.wgsl")
            }
            Kernel::Collect => {
                return [common, include_str!("../../../../shaders/sorption/collect.wgsl")]
                    .join("\n");
            }
        };
        [common, &constants, REDUCE, small, own].join("\n")
    }
}

/// Bindings 1 to 8 that a kernel only reads.
pub(super) const READ_ONLY: [u32; 3] = [1, 2, 6];

/// Layout of all kernels: the uniform block and eight storage buffers.
pub(super) fn layout(context: &Context) -> wgpu::BindGroupLayout {
    let entries: Vec<wgpu::BindGroupLayoutEntry> = (0..9)
        .map(|binding| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: match binding {
                    0 => wgpu::BufferBindingType::Uniform,
                    b => wgpu::BufferBindingType::Storage { read_only: READ_ONLY.contains(&b) },
                },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        })
        .collect();
    context.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("sorption"),
        entries: &entries,
    })
}

/// Compiles a kernel.
pub(super) fn compile(
    context: &Context,
    kernel: Kernel,
    spread: Spread,
) -> Result<wgpu::ComputePipeline> {
    compile_text(context, kernel.entry(), spread.wgsl(kernel))
}

/// Compiles an entry point of a text.
pub(super) fn compile_text(
    context: &Context,
    entry: &'static str,
    text: String,
) -> Result<wgpu::ComputePipeline> {
    let name = format!("sorption {entry}");
    context.guarded(&name, || {
        let checks = if context.options.checked {
            wgpu::ShaderRuntimeChecks::checked()
        } else {
            wgpu::ShaderRuntimeChecks::unchecked()
        };
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(&name),
            source: wgpu::ShaderSource::Wgsl(text.into()),
        };
        // SAFETY: the text is ours alone. Sites are bounded by the count in `Parameters` before
        // every access, neighbours are computed modulo the size, every loop ends by a count; the
        // tests run the same kernels with all checks on.
        let module = unsafe { context.device.create_shader_module_trusted(descriptor, checks) };
        let groups = layout(context);
        let pipeline_layout =
            context.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: Some(&name),
                bind_group_layouts: &[Some(&groups)],
                immediate_size: 0,
            });
        context.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(&name),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some(entry),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &[],
                // every kernel writes its workgroup memory before reading it
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wgpu::naga;

    fn check(text: &str, entry: &str, what: &str) {
        let module = naga::front::wgsl::parse_str(text)
            .unwrap_or_else(|e| panic!("{what}: {}", e.emit_to_string(text)));
        // No capability beyond plain WebGPU.
        naga::valid::Validator::new(
            naga::valid::ValidationFlags::all(),
            naga::valid::Capabilities::empty(),
        )
        .validate(&module)
        .unwrap_or_else(|e| panic!("{what}: {}", e.emit_to_string(text)));
        assert!(module.entry_points.iter().any(|e| e.name == entry), "{what}");
        let mut workgroup = 0;
        let mut layouter = naga::proc::Layouter::default();
        layouter.update(module.to_ctx()).expect("laid out");
        for (_, variable) in module.global_variables.iter() {
            match variable.space {
                naga::AddressSpace::WorkGroup => workgroup += layouter[variable.ty].size,
                naga::AddressSpace::Uniform => {
                    assert_eq!(layouter[variable.ty].size, size_of::<Parameters>() as u32);
                }
                naga::AddressSpace::Storage { access } => {
                    let binding = variable.binding.expect("bound").binding;
                    let written = access.contains(naga::StorageAccess::STORE);
                    assert_eq!(written, !READ_ONLY.contains(&binding), "{what} {binding}");
                }
                _ => {}
            }
        }
        assert!(workgroup <= 16384, "{what}: {workgroup} bytes of workgroup memory");
    }

    #[test]
    fn every_kernel_is_valid_for_every_spread() {
        for shape in [
            Shape::square(1, 1),
            Shape::square(20, 20),
            Shape::square(30, 30),
            Shape::cubic(11, 11, 11),
            Shape::square(1, MOST_SITES),
        ] {
            let spread = Spread::new(shape);
            assert!(spread.threads * spread.owned >= shape.sites() as u32);
            for kernel in Kernel::ALL {
                check(&spread.wgsl(kernel), kernel.entry(), &format!("{kernel:?} {spread:?}"));
            }
        }
    }

    #[test]
    fn every_pass_over_large_lattices_is_valid() {
        use crate::backend::gpu::sorption::passes::{Pass, wgsl};
        for three in [false, true] {
            for pass in Pass::ALL {
                check(&wgsl(three), pass.entry(), &format!("{pass:?}"));
            }
        }
    }
}
