//! Choice of instruction set at run time, and the kernels compiled for each.

use std::cell::RefCell;

use super::clusters::{Block, Cluster, ClusterOrder, Reach, list_block};
use super::kernel::{
    Analytic, ClusterForces, KernelInput, Law, Scratch, Sums, Tabulated, block_forces,
};
use super::peak::{Seeds, multiply_add};
#[cfg(target_arch = "aarch64")]
use super::simd::neon::Neon;
use super::simd::portable::Portable;
#[cfg(target_arch = "x86_64")]
use super::simd::{avx2::Avx2, avx512::Avx512};
use crate::potential::{
    Buckingham, BuckinghamRepulsion24, FormKind, GeneralizedLennardJones, LennardJones,
};

/// An instruction set that was detected on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
}

impl Level {
    /// Every level this machine has, best first.
    pub fn available() -> Vec<Self> {
        let mut levels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("popcnt")
            {
                levels.push(Self(Kind::Avx512));
            }
            if is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("popcnt")
            {
                levels.push(Self(Kind::Avx2));
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            levels.push(Self(Kind::Neon));
        }
        levels.push(Self(Kind::Portable));
        levels
    }

    /// The best level of this machine.
    pub fn best() -> Self {
        Self::available()[0]
    }

    /// Name for people and signatures.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "AVX2",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "NEON",
            Kind::Portable => "portable",
        }
    }

    /// The level of a name as it is written behind `cpu:`, if this machine has it.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::available().into_iter().find(|level| level.key() == key)
    }

    /// Name to select it by, behind `cpu:`.
    pub fn key(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "neon",
            Kind::Portable => "portable",
        }
    }

    /// i-atoms side by side in a vector, which fixes the layout of the lookup tables.
    pub(super) fn rows(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => 2,
            _ => 1,
        }
    }
    /// Runs [`list_block`] with this instruction set.
    pub(super) fn list_block(
        self,
        order: &ClusterOrder,
        clusters: &[Cluster],
        reach: &Reach,
        first: u32,
        last: u32,
        stamps: &mut [(u32, u32)],
        stamp: u32,
    ) -> Block {
        match self.0 {
            // SAFETY: a Level exists only for instruction sets that were detected.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe {
                list_avx512(order, clusters, reach, first, last, stamps, stamp)
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { list_avx2(order, clusters, reach, first, last, stamps, stamp) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => unsafe { list_neon(order, clusters, reach, first, last, stamps, stamp) },
            Kind::Portable => {
                list_block::<Portable>(order, clusters, reach, first, last, stamps, stamp)
            }
        }
    }

    /// Runs [`multiply_add`] with this instruction set.
    pub(super) fn multiply_add(self, rounds: u32, seeds: &Seeds) -> f32 {
        match self.0 {
            // SAFETY: a Level exists only for instruction sets that were detected.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { multiply_add_avx512(rounds, seeds) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { multiply_add_avx2(rounds, seeds) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => unsafe { multiply_add_neon(rounds, seeds) },
            Kind::Portable => multiply_add::<Portable>(rounds, seeds),
        }
    }

    /// Runs a task compiled for this instruction set.
    pub(super) fn run<T: Task>(self, task: T) -> T::Output {
        match self.0 {
            // SAFETY: a Level exists only for instruction sets that were detected.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { task_avx512(task) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { task_avx2(task) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => unsafe { task_neon(task) },
            Kind::Portable => task.run::<false>(),
        }
    }

    /// The kernel of a form, with `terms` damping coefficients (0: no charges).
    pub(super) fn kernel(self, form: FormKind, terms: usize, energy: bool) -> Kernel {
        match form {
            FormKind::Buckingham => self.kernel_of::<Analytic<Buckingham>>(terms, energy),
            FormKind::BuckinghamRepulsion24 => {
                self.kernel_of::<Analytic<BuckinghamRepulsion24>>(terms, energy)
            }
            FormKind::Table => self.kernel_of::<Tabulated>(terms, energy),
            // Charged systems of these forms are tabulated (CompiledForceField::kernel_form).
            FormKind::LennardJones => self.kernel_with::<Analytic<LennardJones>, 0>(energy),
            FormKind::GeneralizedLennardJones => {
                self.kernel_with::<Analytic<GeneralizedLennardJones>, 0>(energy)
            }
        }
    }

    fn kernel_of<W: Law>(self, terms: usize, energy: bool) -> Kernel {
        match terms {
            0 => self.kernel_with::<W, 0>(energy),
            11 => self.kernel_with::<W, 11>(energy),
            17 => self.kernel_with::<W, 17>(energy),
            other => unreachable!("no kernel for {other} damping terms"),
        }
    }

    fn kernel_with<W: Law, const T: usize>(self, energy: bool) -> Kernel {
        Kernel(if energy { self.entry::<W, T, true>() } else { self.entry::<W, T, false>() })
    }

    fn entry<W: Law, const T: usize, const E: bool>(self) -> Entry {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => forces_avx512::<W, T, E>,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => forces_avx2::<W, T, E>,
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => forces_neon::<W, T, E>,
            Kind::Portable => block_forces::<Portable, W, T, E>,
        }
    }
}

/// Plain loops that the compiler vectorises for whatever instruction set runs them. Everything on
/// the hot path below `run` is to be `#[inline(always)]`, and without closures, which are
/// compiled for the baseline.
pub(super) trait Task {
    /// What it answers.
    type Output;

    /// Does the work; `FMA` says that `mul_add` is one instruction.
    fn run<const FMA: bool>(self) -> Self::Output;
}

type Entry = unsafe fn(&KernelInput, &Block, &mut [ClusterForces], &mut Scratch) -> Sums;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
}

/// A pair kernel compiled for a detected instruction set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernel(Entry);

impl Kernel {
    /// Forces of one block; see [`block_forces`].
    pub fn run(&self, input: &KernelInput, block: &Block, forces: &mut [ClusterForces]) -> Sums {
        SCRATCH.with_borrow_mut(|scratch| {
            // SAFETY: kernels come from Level::kernel, whose instruction set was detected.
            unsafe { (self.0)(input, block, forces, scratch) }
        })
    }
}

/// What runs with an instruction set, compiled for it.
macro_rules! compiled_for {
    ($arch:tt, $features:tt, $lanes:ty, $task:ident, $forces:ident, $list:ident, $peak:ident) => {
        #[cfg(target_arch = $arch)]
        #[target_feature(enable = $features)]
        fn $peak(rounds: u32, seeds: &Seeds) -> f32 {
            multiply_add::<$lanes>(rounds, seeds)
        }

        #[cfg(target_arch = $arch)]
        #[target_feature(enable = $features)]
        fn $task<T: Task>(task: T) -> T::Output {
            task.run::<true>()
        }

        #[cfg(target_arch = $arch)]
        #[target_feature(enable = $features)]
        fn $forces<W: Law, const T: usize, const E: bool>(
            input: &KernelInput,
            block: &Block,
            forces: &mut [ClusterForces],
            scratch: &mut Scratch,
        ) -> Sums {
            block_forces::<$lanes, W, T, E>(input, block, forces, scratch)
        }

        #[cfg(target_arch = $arch)]
        #[target_feature(enable = $features)]
        fn $list(
            order: &ClusterOrder,
            clusters: &[Cluster],
            reach: &Reach,
            first: u32,
            last: u32,
            stamps: &mut [(u32, u32)],
            stamp: u32,
        ) -> Block {
            list_block::<$lanes>(order, clusters, reach, first, last, stamps, stamp)
        }
    };
}

compiled_for!(
    "x86_64",
    "avx512f,avx512dq,avx2,fma,popcnt",
    Avx512,
    task_avx512,
    forces_avx512,
    list_avx512,
    multiply_add_avx512
);
compiled_for!(
    "x86_64",
    "avx2,fma,popcnt",
    Avx2,
    task_avx2,
    forces_avx2,
    list_avx2,
    multiply_add_avx2
);
compiled_for!("aarch64", "neon", Neon, task_neon, forces_neon, list_neon, multiply_add_neon);
