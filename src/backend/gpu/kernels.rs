//! Every kernel: which WGSL parts it is joined from, its entry point and what it binds.
//!
//! Parts are joined by this table and nothing else. `cargo test` parses and validates each kernel
//! with each potential without a GPU, and checks the bindings below against the text.

use super::probe::Compiler;
use crate::potential::FormKind;
use crate::potential::wgsl::{form_name, rare_below, row_width};

/// A buffer of a session, by its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Role {
    Parameters,
    Replicas,
    Part,
    Control,
    Schedule,
    Model,
    Position,
    Velocity,
    Image,
    Force,
    Diameter,
    ListPosition,
    SortedVelocity,
    SortedImage,
    Placed,
    CellCount,
    CellStart,
    List,
    Partial,
    Arguments,
    Observed,
    Sums,
    GivenPosition,
    GivenImage,
}

/// How a kernel uses a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The uniform block.
    Uniform,
    /// Storage, read only.
    Read,
    /// Storage, read and written.
    Write,
}

/// A kernel's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Kernel {
    Drift,
    Decide,
    Check,
    Bin,
    Prefix,
    Scatter,
    Gather,
    Settle,
    List,
    Force,
    Evaluate,
    Reduce,
    Thermostat,
    InitialKinetic,
    CloseChunk,
    Finish,
    Place,
}

/// What a kernel consists of.
#[derive(Debug, Clone, Copy)]
pub struct KernelSource {
    /// Label for errors and timings.
    pub name: &'static str,
    /// Entry point.
    pub entry: &'static str,
    /// True if the text contains the printed potential.
    pub pair: bool,
    /// Bindings in the order of their numbers.
    pub bindings: &'static [(Role, Access)],
    text: &'static str,
}

impl Kernel {
    /// Every kernel.
    pub const ALL: [Self; 17] = [
        Self::Drift,
        Self::Decide,
        Self::Check,
        Self::Bin,
        Self::Prefix,
        Self::Scatter,
        Self::Gather,
        Self::Settle,
        Self::List,
        Self::Force,
        Self::Evaluate,
        Self::Reduce,
        Self::Thermostat,
        Self::InitialKinetic,
        Self::CloseChunk,
        Self::Finish,
        Self::Place,
    ];

    /// Its text, entry point and bindings.
    pub fn source(self) -> KernelSource {
        use Access::{Read, Uniform, Write};
        use Role as R;
        macro_rules! kernel {
            ($file:literal, $entry:literal, $pair:literal, [$(($role:ident, $access:ident)),* $(,)?]) => {
                KernelSource {
                    name: $file,
                    entry: $entry,
                    pair: $pair,
                    bindings: &[$((R::$role, $access)),*],
                    text: include_str!(concat!("../../../shaders/md/", $file, ".wgsl")),
                }
            };
        }
        match self {
            Self::Drift => kernel!(
                "drift",
                "main",
                false,
                [
                    (Parameters, Uniform),
                    (Replicas, Uniform),
                    (Control, Write),
                    (Schedule, Read),
                    (Position, Write),
                    (Velocity, Write),
                    (Image, Write),
                    (Force, Read),
                    (ListPosition, Read),
                    (Partial, Write),
                ]
            ),
            Self::Decide => kernel!(
                "decide",
                "main",
                false,
                [(Parameters, Uniform), (Control, Write), (Arguments, Write),]
            ),
            Self::Check => kernel!(
                "check",
                "main",
                false,
                [
                    (Parameters, Uniform),
                    (Replicas, Uniform),
                    (Control, Write),
                    (Position, Read),
                    (ListPosition, Read),
                ]
            ),
            Self::Bin => kernel!(
                "bin",
                "main",
                false,
                [
                    (Parameters, Uniform),
                    (Replicas, Uniform),
                    (Control, Write),
                    (Position, Read),
                    (CellCount, Write),
                ]
            ),
            Self::Prefix => kernel!(
                "prefix",
                "main",
                false,
                [
                    (Parameters, Uniform),
                    (Replicas, Uniform),
                    (Control, Write),
                    (CellCount, Write),
                    (CellStart, Write),
                ]
            ),
            Self::Scatter => kernel!(
                "scatter",
                "main",
                false,
                [
                    (Parameters, Uniform),
                    (Replicas, Uniform),
                    (Control, Write),
                    (Position, Read),
                    (CellCount, Write),
                    (Placed, Write),
                ]
            ),
            Self::Gather => kernel!(
                "gather",
                "main",
                false,
                [
                    (Parameters, Uniform),
                    (Replicas, Uniform),
                    (Position, Read),
                    (Velocity, Read),
                    (Image, Read),
                    (Placed, Read),
                    (CellStart, Read),
                    (ListPosition, Write),
                    (SortedVelocity, Write),
                    (SortedImage, Write),
                ]
            ),
            Self::Settle => kernel!(
                "settle",
                "main",
                false,
                [
                    (Parameters, Uniform),
                    (Replicas, Uniform),
                    (ListPosition, Read),
                    (SortedVelocity, Read),
                    (SortedImage, Read),
                    (Position, Write),
                    (Velocity, Write),
                    (Image, Write),
                    (Diameter, Write),
                    (CellCount, Write),
                ]
            ),
            Self::List => kernel!(
                "list",
                "main",
                false,
                [
                    (Parameters, Uniform),
                    (Replicas, Uniform),
                    (Part, Uniform),
                    (Control, Write),
                    (ListPosition, Read),
                    (CellStart, Read),
                    (List, Write),
                ]
            ),
            Self::Force => kernel!(
                "force",
                "main",
                true,
                [
                    (Parameters, Uniform),
                    (Replicas, Uniform),
                    (Part, Uniform),
                    (Control, Write),
                    (Position, Read),
                    (List, Read),
                    (Model, Read),
                    (Diameter, Read),
                    (Velocity, Write),
                    (Force, Write),
                    (Partial, Write),
                ]
            ),
            Self::Evaluate => kernel!(
                "evaluate",
                "main",
                true,
                [
                    (Parameters, Uniform),
                    (Replicas, Uniform),
                    (Part, Uniform),
                    (Position, Read),
                    (List, Read),
                    (Model, Read),
                    (Diameter, Read),
                    (Observed, Write),
                ]
            ),
            Self::Reduce => kernel!(
                "reduce",
                "main",
                false,
                [
                    (Parameters, Uniform),
                    (Replicas, Uniform),
                    (Part, Uniform),
                    (Control, Write),
                    (Observed, Read),
                    (Position, Read),
                    (Velocity, Read),
                    (Sums, Write),
                ]
            ),
            Self::Thermostat => kernel!(
                "thermostat",
                "main",
                false,
                [
                    (Parameters, Uniform),
                    (Replicas, Uniform),
                    (Control, Write),
                    (Schedule, Read),
                    (Partial, Read),
                ]
            ),
            Self::InitialKinetic => kernel!(
                "thermostat",
                "initial",
                false,
                [
                    (Parameters, Uniform),
                    (Replicas, Uniform),
                    (Control, Write),
                    (Schedule, Read),
                    (Partial, Read),
                ]
            ),
            Self::CloseChunk => kernel!(
                "thermostat",
                "close",
                false,
                [
                    (Parameters, Uniform),
                    (Replicas, Uniform),
                    (Control, Write),
                    (Schedule, Read),
                    (Partial, Read),
                ]
            ),
            Self::Finish => kernel!(
                "finish",
                "main",
                false,
                [(Parameters, Uniform), (Replicas, Uniform), (Control, Write), (Velocity, Write),]
            ),
            Self::Place => kernel!(
                "place",
                "main",
                false,
                [
                    (Parameters, Uniform),
                    (Replicas, Uniform),
                    (GivenPosition, Read),
                    (GivenImage, Read),
                    (Position, Write),
                    (Image, Write),
                ]
            ),
        }
    }

    /// Whether eight threads share an atom.
    pub fn shares_atoms(self) -> bool {
        matches!(self, Self::Force | Self::Evaluate)
    }

    /// Whether it runs once for each part of the list.
    pub fn by_part(self) -> bool {
        self.source().bindings.iter().any(|(role, _)| *role == Role::Part)
    }

    /// The complete WGSL for a potential and a device's compiler.
    pub fn wgsl(self, potential: PotentialKind, compiler: Compiler) -> String {
        let source = self.source();
        let mut parts = vec![
            include_str!("../../../shaders/common/types.wgsl").to_owned(),
            compiler.constants(),
            include_str!("../../../shaders/common/real.wgsl").to_owned(),
            include_str!("../../../shaders/common/fixed.wgsl").to_owned(),
            include_str!("../../../shaders/common/geometry.wgsl").to_owned(),
            source.text.to_owned(),
        ];
        if source.bindings.iter().any(|(role, _)| *role == Role::Parameters) {
            parts.push(include_str!("../../../shaders/common/replica_cells.wgsl").to_owned());
        }
        if self == Self::Drift {
            parts.push(include_str!("../../../shaders/common/random.wgsl").to_owned());
        }
        if source.pair {
            parts.extend(potential.parts());
        }
        if self.shares_atoms() {
            let lanes = match compiler.shuffles {
                true => include_str!("../../../shaders/md/lanes_subgroup.wgsl"),
                false => include_str!("../../../shaders/md/lanes_workgroup.wgsl"),
            };
            parts.push(lanes.to_owned());
        }
        parts.join("\n")
    }
}

/// Which printed functions the pair kernels contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PotentialKind {
    /// Form of the short-range terms.
    pub form: FormKind,
    /// Slope coefficients of the fitted damping, if there are charges.
    pub damping_terms: Option<usize>,
}

impl PotentialKind {
    /// Name for labels.
    pub fn name(&self) -> String {
        match self.damping_terms {
            None => form_name(self.form).to_owned(),
            Some(terms) => format!("{}+coulomb{terms}", form_name(self.form)),
        }
    }

    fn parts(&self) -> Vec<String> {
        let rare = rare_below(self.form);
        let constants = format!(
            "const USES_DIAMETERS: bool = {};\nconst COUNTS_RARE: bool = {};\nconst RARE_BELOW: u32 = {}u;\n\
             const ROW_WORDS: u32 = {}u;\nconst CHARGES: u32 = {}u;\n",
            self.form.uses_diameters(),
            rare.is_some(),
            rare.unwrap_or(0),
            row_width(self.form).div_ceil(4),
            row_width(self.form) - 1,
        );
        let mut parts = vec![constants, include_str!("../../../shaders/md/pair.wgsl").to_owned()];
        if self.form == FormKind::Table {
            parts.push(include_str!("../../../shaders/md/table.wgsl").to_owned());
        }
        let form = match self.form {
            FormKind::Buckingham => include_str!("../../../shaders/generated/buckingham.wgsl"),
            FormKind::BuckinghamRepulsion24 => {
                include_str!("../../../shaders/generated/buckingham_repulsion24.wgsl")
            }
            FormKind::LennardJones => {
                include_str!("../../../shaders/generated/lennard_jones.wgsl")
            }
            FormKind::GeneralizedLennardJones => {
                include_str!("../../../shaders/generated/generalized_lennard_jones.wgsl")
            }
            FormKind::Table => include_str!("../../../shaders/generated/table.wgsl"),
        };
        parts.push(form.to_owned());
        let coulomb = match self.damping_terms {
            None => include_str!("../../../shaders/generated/coulomb_none.wgsl"),
            Some(11) => include_str!("../../../shaders/generated/coulomb_11.wgsl"),
            Some(_) => include_str!("../../../shaders/generated/coulomb_17.wgsl"),
        };
        parts.push(coulomb.to_owned());
        parts
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::potential::DAMPING_TERMS;
    use crate::potential::wgsl::FORM_KINDS;
    use wgpu::naga;

    pub(in crate::backend::gpu) fn validated(text: &str, what: &str) -> naga::Module {
        let module = naga::front::wgsl::parse_str(text)
            .unwrap_or_else(|e| panic!("{what}: {}", e.emit_to_string(text)));
        // No capability beyond plain WebGPU, but for what a device was seen to have.
        let capabilities = match text.contains("subgroupShuffleXor") {
            true => naga::valid::Capabilities::SUBGROUP,
            false => naga::valid::Capabilities::empty(),
        };
        naga::valid::Validator::new(naga::valid::ValidationFlags::all(), capabilities)
            .validate(&module)
            .unwrap_or_else(|e| panic!("{what}: {}", e.emit_to_string(text)));
        module
    }

    #[test]
    fn every_kernel_is_valid_with_every_potential() {
        let dampings = [None, Some(DAMPING_TERMS[0]), Some(DAMPING_TERMS[1])];
        for kernel in Kernel::ALL {
            let source = kernel.source();
            for form in FORM_KINDS {
                for damping_terms in dampings {
                    let potential = PotentialKind { form, damping_terms };
                    for compiler in Compiler::ALL {
                        let what =
                            format!("{} with {} {compiler:?}", source.name, potential.name());
                        let module = validated(&kernel.wgsl(potential, compiler), &what);
                        assert!(module.entry_points.iter().any(|e| e.name == source.entry));
                        check_bindings(&module, &source, &what);
                    }
                    if !source.pair {
                        break;
                    }
                }
                if !source.pair {
                    break;
                }
            }
        }
    }

    fn check_bindings(module: &naga::Module, source: &KernelSource, what: &str) {
        let mut bound = 0;
        for (_, variable) in module.global_variables.iter() {
            let Some(binding) = variable.binding else { continue };
            let (_, access) = source.bindings[binding.binding as usize];
            let declared = match variable.space {
                naga::AddressSpace::Uniform => Access::Uniform,
                naga::AddressSpace::Storage { access }
                    if access.contains(naga::StorageAccess::STORE) =>
                {
                    Access::Write
                }
                _ => Access::Read,
            };
            assert_eq!(declared, access, "{what}: binding {}", binding.binding);
            bound += 1;
        }
        assert_eq!(bound, source.bindings.len(), "{what}");
        let storage = source.bindings.iter().filter(|(_, a)| *a != Access::Uniform).count();
        assert!(storage <= 8, "{what}: {storage} storage buffers");
    }

    #[test]
    fn blocks_have_the_size_of_their_wgsl_structures() {
        let potential = PotentialKind { form: FormKind::LennardJones, damping_terms: None };
        let module = validated(&Kernel::Drift.wgsl(potential, Compiler::PLAIN), "drift");
        let size = |name: &str| {
            let (_, t) = module
                .types
                .iter()
                .find(|(_, t)| t.name.as_deref() == Some(name))
                .expect("declared in types.wgsl");
            match t.inner {
                naga::TypeInner::Struct { span, .. } => span as usize,
                _ => 0,
            }
        };
        use crate::backend::gpu::parameters::{Control, Parameters, Part, ReplicaParameters};
        assert_eq!(size("Parameters"), size_of::<Parameters>());
        assert_eq!(size("Control"), size_of::<Control>());
        assert_eq!(size("Replica"), size_of::<ReplicaParameters>());
        let module = validated(&Kernel::Reduce.wgsl(potential, Compiler::PLAIN), "reduce");
        assert!(module.types.iter().any(|(_, t)| t.name.as_deref() == Some("Part")));
        assert_eq!(size_of::<Part>(), 16);
    }
}
