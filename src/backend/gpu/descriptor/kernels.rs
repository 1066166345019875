//! The descriptor kernels: what each is joined from and what it binds.

use crate::backend::gpu::context::Context;
use crate::backend::gpu::kernels::Access;
use crate::backend::gpu::pipelines::{Pipeline, build};
use crate::backend::gpu::probe::Compiler;
use crate::error::Result;

/// A kernel's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DescriptorKernel {
    List,
    Radial,
    Angular,
    Harmonics,
    SoapExpand,
    SoapPower,
}

impl DescriptorKernel {
    #[cfg(test)]
    const ALL: [Self; 6] = [
        Self::List,
        Self::Radial,
        Self::Angular,
        Self::Harmonics,
        Self::SoapExpand,
        Self::SoapPower,
    ];

    /// Name, text and how each binding is used.
    fn source(self) -> (&'static str, &'static str, &'static [Access]) {
        use Access::{Read, Uniform, Write};
        macro_rules! kernel {
            ($file:literal, $($access:ident),*) => {
                (
                    $file,
                    include_str!(concat!("../../../../shaders/descriptor/", $file, ".wgsl")),
                    &[$($access),*],
                )
            };
        }
        match self {
            Self::List => kernel!("list", Uniform, Read, Read, Read, Write, Write, Write),
            Self::Radial => kernel!("radial", Uniform, Read, Read, Read, Write),
            Self::Angular => kernel!("angular", Uniform, Read, Read, Read, Write),
            Self::Harmonics => kernel!("harmonics", Uniform, Read, Read, Read, Read, Write),
            Self::SoapExpand => {
                kernel!("soap_expand", Uniform, Read, Read, Read, Read, Read, Write)
            }
            Self::SoapPower => kernel!("soap_power", Uniform, Read, Read, Write),
        }
    }

    /// The complete WGSL.
    fn wgsl(self) -> String {
        [
            include_str!("../../../../shaders/descriptor/types.wgsl"),
            &Compiler::PLAIN.constants(),
            include_str!("../../../../shaders/common/real.wgsl"),
            include_str!("../../../../shaders/common/geometry.wgsl"),
            self.source().1,
        ]
        .join("\n")
    }

    /// Compiles the kernel.
    pub fn compile(self, context: &Context) -> Result<Pipeline> {
        let (name, _, bindings) = self.source();
        context.guarded(name, || build(context, name, "main", self.wgsl(), bindings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::gpu::kernels::tests::validated;
    use wgpu::naga;

    #[test]
    fn every_descriptor_kernel_is_valid_and_binds_what_the_table_says() {
        for kernel in DescriptorKernel::ALL {
            let (name, _, bindings) = kernel.source();
            let module = validated(&kernel.wgsl(), name);
            assert!(module.entry_points.iter().any(|e| e.name == "main"), "{name}");
            let mut bound = 0;
            for (_, variable) in module.global_variables.iter() {
                let Some(binding) = variable.binding else { continue };
                let declared = match variable.space {
                    naga::AddressSpace::Uniform => Access::Uniform,
                    naga::AddressSpace::Storage { access }
                        if access.contains(naga::StorageAccess::STORE) =>
                    {
                        Access::Write
                    }
                    _ => Access::Read,
                };
                assert_eq!(declared, bindings[binding.binding as usize], "{name}");
                bound += 1;
            }
            assert_eq!(bound, bindings.len(), "{name}");
            assert!(bindings.len() <= 9, "{name}: at most eight storage buffers");
        }
    }

    #[test]
    fn the_block_has_the_size_of_its_wgsl_structure() {
        let module = validated(&DescriptorKernel::List.wgsl(), "list");
        let (_, block) = module
            .types
            .iter()
            .find(|(_, t)| t.name.as_deref() == Some("Parameters"))
            .expect("declared");
        let naga::TypeInner::Struct { span, .. } = block.inner else { panic!("a structure") };
        assert_eq!(span as usize, size_of::<super::super::parameters::Parameters>());
    }
}
