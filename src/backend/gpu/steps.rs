//! Writing down what the device shall do: dispatches in passes, rebuilds, whole chunks.

use super::buffers::Buffers;
use super::kernels::{Kernel, Role};
use super::layout::Layout;
use super::parameters::{LANES, dispatch_size};
use super::pipelines::Pipelines;
use super::timing::Timers;

/// How many workgroups a kernel runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// One thread an atom, or several; part by part where the kernel works on the list.
    Atoms,
    /// One workgroup.
    Single,
    /// One workgroup a replica.
    Replicas,
    /// As [`Extent::Atoms`], if the device decided to rebuild.
    AtomsIfRebuilding,
    /// As [`Extent::Replicas`], if the device decided to rebuild.
    ReplicasIfRebuilding,
}

/// Records dispatches: in one pass, or in a pass each when they are timed.
pub(super) struct Recorder<'a> {
    pub pipelines: &'a Pipelines,
    pub buffers: &'a Buffers,
    pub layout: &'a Layout,
    pub timers: Option<&'a mut Timers>,
}

impl Recorder<'_> {
    fn dispatch(
        &self,
        pass: &mut wgpu::ComputePass<'_>,
        kernel: Kernel,
        groups: &[wgpu::BindGroup],
        extent: Extent,
    ) {
        pass.set_pipeline(&self.pipelines.get(kernel).pipeline);
        let arguments = self.buffers.get(Role::Arguments);
        let by_part = kernel.by_part();
        let lanes = if kernel.shares_atoms() { LANES } else { 1 };
        for (n, (group, part)) in groups.iter().zip(self.layout.parts()).enumerate() {
            pass.set_bind_group(0, group, &[]);
            match extent {
                Extent::Atoms => {
                    let workgroups = if by_part { part.groups } else { self.layout.workgroups() };
                    let [x, y] =
                        dispatch_size(lanes * workgroups, self.layout.parameters.longest_dispatch);
                    pass.dispatch_workgroups(x, y, 1);
                }
                Extent::Single => pass.dispatch_workgroups(1, 1, 1),
                Extent::Replicas => {
                    pass.dispatch_workgroups(self.layout.parameters.replicas, 1, 1);
                }
                Extent::AtomsIfRebuilding => {
                    let at = if by_part { 32 + 16 * n as u64 } else { 0 };
                    pass.dispatch_workgroups_indirect(arguments, at);
                }
                Extent::ReplicasIfRebuilding => pass.dispatch_workgroups_indirect(arguments, 16),
            }
        }
    }

    /// Records a sequence of kernels.
    pub fn run(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        kernels: impl IntoIterator<Item = (Kernel, Extent)>,
    ) {
        if self.timers.is_none() {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for (kernel, extent) in kernels {
                self.dispatch(&mut pass, kernel, self.buffers.groups(kernel), extent);
            }
            return;
        }
        for (kernel, extent) in kernels {
            let name = kernel.source().name;
            let timestamp_writes = self.timers.as_mut().and_then(|t| t.next(name));
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                label: Some(name),
                timestamp_writes,
            });
            self.dispatch(&mut pass, kernel, self.buffers.groups(kernel), extent);
        }
    }

    /// Sorts the atoms at their present positions and builds the list.
    pub fn sort_and_list(&mut self, encoder: &mut wgpu::CommandEncoder) {
        encoder.clear_buffer(self.buffers.get(Role::CellCount), 0, None);
        self.run(
            encoder,
            [
                (Kernel::Bin, Extent::Atoms),
                (Kernel::Prefix, Extent::Replicas),
                (Kernel::Scatter, Extent::Atoms),
                (Kernel::Gather, Extent::Atoms),
                (Kernel::Settle, Extent::Atoms),
                (Kernel::List, Extent::Atoms),
            ],
        );
    }

    /// Builds the lists again from the positions and order they had: after their buffers have grown.
    /// The control blocks must call for it.
    pub fn list_again(&mut self, encoder: &mut wgpu::CommandEncoder) {
        encoder.clear_buffer(self.buffers.get(Role::CellCount), 0, None);
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            let bin = std::slice::from_ref(self.buffers.bin_list_group());
            self.dispatch(&mut pass, Kernel::Bin, bin, Extent::Atoms);
            let prefix = self.buffers.groups(Kernel::Prefix);
            self.dispatch(&mut pass, Kernel::Prefix, prefix, Extent::Replicas);
        }
        encoder.clear_buffer(self.buffers.get(Role::CellCount), 0, None);
        self.run(encoder, [(Kernel::List, Extent::Atoms)]);
    }

    /// A number of whole steps, from a step's boundary to a step's boundary. The lists can be
    /// rebuilt in those that `rebuilds` says; the device halts where that is not enough.
    pub fn steps(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        steps: u32,
        rebuilds: impl Fn(u32) -> bool,
    ) {
        let one = |step| {
            let rebuild =
                REBUILD_IF_NEEDED.into_iter().take(if rebuilds(step) { usize::MAX } else { 0 });
            std::iter::once((Kernel::Drift, Extent::Atoms))
                .chain(rebuild)
                .chain([(Kernel::Force, Extent::Atoms), (Kernel::Thermostat, Extent::Replicas)])
        };
        let all = std::iter::once((Kernel::Thermostat, Extent::Replicas))
            .chain((0..steps).flat_map(one))
            .chain([(Kernel::Finish, Extent::Atoms), (Kernel::CloseChunk, Extent::Replicas)]);
        self.run(encoder, all);
    }
}

/// The rebuild that the device decides on.
pub(super) const REBUILD_IF_NEEDED: [(Kernel, Extent); 7] = [
    (Kernel::Decide, Extent::Single),
    (Kernel::Bin, Extent::AtomsIfRebuilding),
    (Kernel::Prefix, Extent::ReplicasIfRebuilding),
    (Kernel::Scatter, Extent::AtomsIfRebuilding),
    (Kernel::Gather, Extent::AtomsIfRebuilding),
    (Kernel::Settle, Extent::AtomsIfRebuilding),
    (Kernel::List, Extent::AtomsIfRebuilding),
];
