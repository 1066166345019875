//! Writing down what the device shall do: dispatches in passes, rebuilds, whole chunks.

use super::buffers::Buffers;
use super::kernels::{Kernel, Role};
use super::parameters::Parameters;
use super::pipelines::Pipelines;
use super::timing::Timers;

/// How many workgroups a kernel runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// One thread an atom.
    Atoms,
    /// One workgroup.
    Single,
    /// As [`Extent::Atoms`], if the device decided to rebuild.
    AtomsIfRebuilding,
    /// As [`Extent::Single`], if the device decided to rebuild.
    SingleIfRebuilding,
}

/// Records dispatches: in one pass, or in a pass each when they are timed.
pub(super) struct Recorder<'a> {
    pub pipelines: &'a Pipelines,
    pub buffers: &'a Buffers,
    pub parameters: &'a Parameters,
    pub timers: Option<&'a mut Timers>,
}

impl Recorder<'_> {
    fn dispatch(
        &self,
        pass: &mut wgpu::ComputePass<'_>,
        kernel: Kernel,
        group: &wgpu::BindGroup,
        extent: Extent,
    ) {
        pass.set_pipeline(&self.pipelines.get(kernel).pipeline);
        pass.set_bind_group(0, group, &[]);
        let arguments = self.buffers.get(Role::Arguments);
        match extent {
            Extent::Atoms => {
                pass.dispatch_workgroups(self.parameters.dispatch_x, self.parameters.dispatch_y, 1);
            }
            Extent::Single => pass.dispatch_workgroups(1, 1, 1),
            Extent::AtomsIfRebuilding => pass.dispatch_workgroups_indirect(arguments, 0),
            Extent::SingleIfRebuilding => pass.dispatch_workgroups_indirect(arguments, 16),
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
                self.dispatch(&mut pass, kernel, self.buffers.group(kernel), extent);
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
            self.dispatch(&mut pass, kernel, self.buffers.group(kernel), extent);
        }
    }

    /// Sorts the atoms at their present positions and builds the list.
    pub fn sort_and_list(&mut self, encoder: &mut wgpu::CommandEncoder) {
        encoder.clear_buffer(self.buffers.get(Role::CellCount), 0, None);
        self.run(
            encoder,
            [
                (Kernel::Bin, Extent::Atoms),
                (Kernel::Prefix, Extent::Single),
                (Kernel::Scatter, Extent::Atoms),
                (Kernel::Gather, Extent::Atoms),
                (Kernel::Settle, Extent::Atoms),
                (Kernel::List, Extent::Atoms),
            ],
        );
    }

    /// Builds the list again from the positions and order it had: after its buffer has grown.
    pub fn list_again(&mut self, encoder: &mut wgpu::CommandEncoder) {
        encoder.clear_buffer(self.buffers.get(Role::CellCount), 0, None);
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            self.dispatch(&mut pass, Kernel::Bin, self.buffers.bin_list_group(), Extent::Atoms);
            let prefix = self.buffers.group(Kernel::Prefix);
            self.dispatch(&mut pass, Kernel::Prefix, prefix, Extent::Single);
        }
        encoder.clear_buffer(self.buffers.get(Role::CellCount), 0, None);
        self.run(encoder, [(Kernel::List, Extent::Atoms)]);
    }

    /// A number of whole steps, from a step's boundary to a step's boundary.
    pub fn steps(&mut self, encoder: &mut wgpu::CommandEncoder, steps: u32) {
        let one = [(Kernel::Drift, Extent::Atoms)]
            .into_iter()
            .chain(REBUILD_IF_NEEDED)
            .chain([(Kernel::Force, Extent::Atoms), (Kernel::Thermostat, Extent::Single)]);
        let all = std::iter::once((Kernel::Thermostat, Extent::Single))
            .chain((0..steps).flat_map(move |_| one.clone()))
            .chain([(Kernel::Finish, Extent::Atoms), (Kernel::CloseChunk, Extent::Single)]);
        self.run(encoder, all);
    }
}

/// The rebuild that the device decides on.
pub(super) const REBUILD_IF_NEEDED: [(Kernel, Extent); 7] = [
    (Kernel::Decide, Extent::Single),
    (Kernel::Bin, Extent::AtomsIfRebuilding),
    (Kernel::Prefix, Extent::SingleIfRebuilding),
    (Kernel::Scatter, Extent::AtomsIfRebuilding),
    (Kernel::Gather, Extent::AtomsIfRebuilding),
    (Kernel::Settle, Extent::AtomsIfRebuilding),
    (Kernel::List, Extent::AtomsIfRebuilding),
];
