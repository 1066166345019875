//! A session's buffers: state, workspace, the snapshot that a chunk can be replayed from, and
//! reading them back.

use std::collections::HashMap;

use bytemuck::Pod;

use super::context::Context;
use super::kernels::{Kernel, Role};
use super::parameters::{Control, Parameters};
use super::pipelines::Pipelines;
use crate::error::{Error, Result};

/// What a chunk changes and a replay restores. The neighbour list is rebuilt from
/// `ListPosition`.
const SNAPSHOT: [Role; 6] =
    [Role::Control, Role::Position, Role::Velocity, Role::Image, Role::Force, Role::ListPosition];

/// Longest chunk, in steps.
pub(super) const LONGEST_CHUNK: u32 = 512;

/// Buffers of a session and the bind groups of its kernels.
#[derive(Debug)]
pub(super) struct Buffers {
    buffers: HashMap<Role, wgpu::Buffer>,
    snapshot: HashMap<Role, wgpu::Buffer>,
    groups: HashMap<Kernel, wgpu::BindGroup>,
    /// `Bin` over the positions of the list instead of the present ones.
    bin_list: Option<wgpu::BindGroup>,
    control_staging: wgpu::Buffer,
}

fn usage(role: Role) -> wgpu::BufferUsages {
    use wgpu::BufferUsages as U;
    let storage = U::STORAGE | U::COPY_DST | U::COPY_SRC;
    match role {
        Role::Parameters => U::UNIFORM | U::COPY_DST,
        Role::Arguments => storage | U::INDIRECT,
        _ => storage,
    }
}

fn label(role: Role) -> &'static str {
    match role {
        Role::Parameters => "parameters",
        Role::Control => "control block",
        Role::Schedule => "schedule",
        Role::Model => "force field",
        Role::Position => "positions",
        Role::Velocity => "velocities",
        Role::Image => "image counters",
        Role::Force => "forces",
        Role::Diameter => "diameters",
        Role::ListPosition => "positions of the list",
        Role::SortedVelocity => "sorted velocities",
        Role::SortedImage => "sorted image counters",
        Role::Placed => "placed atoms",
        Role::CellCount => "cell counts",
        Role::CellStart => "cell starts",
        Role::List => "neighbour list",
        Role::Partial => "partial sums",
        Role::Arguments => "dispatch sizes",
        Role::Observed => "observed atoms",
        Role::Sums => "observed sums",
        Role::GivenPosition => "given positions",
        Role::GivenImage => "given image counters",
        Role::GivenVelocity => "given velocities",
    }
}

/// Sums that `reduce.wgsl` makes.
pub(super) const OBSERVED_SUMS: usize = 13;

fn size(role: Role, parameters: &Parameters, model_words: usize) -> u64 {
    let padded = u64::from(parameters.stride);
    let groups = u64::from(parameters.groups);
    let cells = u64::from(parameters.cells[3]);
    match role {
        Role::Parameters => size_of::<Parameters>() as u64,
        Role::Control => size_of::<Control>() as u64,
        Role::Schedule => 16 * u64::from(LONGEST_CHUNK + 1),
        Role::Model => 4 * model_words as u64,
        Role::Position
        | Role::Velocity
        | Role::Image
        | Role::Force
        | Role::ListPosition
        | Role::SortedVelocity
        | Role::SortedImage
        | Role::GivenPosition
        | Role::GivenImage
        | Role::GivenVelocity => 16 * padded,
        Role::Diameter => 4 * padded,
        Role::Placed => 8 * padded,
        Role::CellCount => 4 * cells,
        Role::CellStart => 4 * (cells + 1),
        Role::List => 4 * padded * (u64::from(parameters.capacity) + 1),
        Role::Partial => 8 * groups,
        Role::Arguments => 32,
        Role::Observed => 48 * padded,
        Role::Sums => 8 * OBSERVED_SUMS as u64 * groups,
    }
}

/// Neighbours an atom may have at most on this device.
pub(super) fn largest_capacity(context: &Context, stride: u32) -> u64 {
    (largest_buffer(context) / (4 * u64::from(stride))).saturating_sub(1)
}

fn largest_buffer(context: &Context) -> u64 {
    context.limits.max_storage_buffer_binding_size.min(context.limits.max_buffer_size)
}

fn create(context: &Context, role: Role, size: u64) -> Result<wgpu::Buffer> {
    let available = match role {
        Role::Parameters => context.limits.max_uniform_buffer_binding_size,
        _ => largest_buffer(context),
    };
    if size > available {
        return Err(Error::Capacity {
            what: format!("the buffer of {} (bytes)", label(role)),
            needed: size,
            available,
            device: context.description.name.clone(),
        });
    }
    context.guarded(label(role), || {
        context.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label(role)),
            size: size.max(16),
            usage: usage(role),
            mapped_at_creation: false,
        })
    })
}

const ROLES: [Role; 23] = [
    Role::Parameters,
    Role::Control,
    Role::Schedule,
    Role::Model,
    Role::Position,
    Role::Velocity,
    Role::Image,
    Role::Force,
    Role::Diameter,
    Role::ListPosition,
    Role::SortedVelocity,
    Role::SortedImage,
    Role::Placed,
    Role::CellCount,
    Role::CellStart,
    Role::List,
    Role::Partial,
    Role::Arguments,
    Role::Observed,
    Role::Sums,
    Role::GivenPosition,
    Role::GivenImage,
    Role::GivenVelocity,
];

impl Buffers {
    /// Allocates everything.
    pub fn new(
        context: &Context,
        pipelines: &Pipelines,
        parameters: &Parameters,
        model: &[f32],
    ) -> Result<Self> {
        let mut buffers = HashMap::new();
        for role in ROLES {
            let bytes = size(role, parameters, model.len());
            buffers.insert(role, create(context, role, bytes)?);
        }
        let mut snapshot = HashMap::new();
        for role in SNAPSHOT {
            snapshot.insert(role, create(context, role, size(role, parameters, model.len()))?);
        }
        let control_staging = staging(context, size_of::<Control>() as u64)?;
        let mut made =
            Self { buffers, snapshot, groups: HashMap::new(), bin_list: None, control_staging };
        made.write(context, Role::Parameters, &[*parameters]);
        made.write(context, Role::Model, model);
        made.bind(context, pipelines)?;
        Ok(made)
    }

    /// Replaces the neighbour list by a larger one.
    pub fn grow_list(
        &mut self,
        context: &Context,
        pipelines: &Pipelines,
        parameters: &Parameters,
    ) -> Result<()> {
        // The old list goes first: two of them might not fit.
        self.buffers.remove(&Role::List);
        self.groups.clear();
        let list = create(context, Role::List, size(Role::List, parameters, 0))?;
        self.buffers.insert(Role::List, list);
        self.write(context, Role::Parameters, &[*parameters]);
        self.bind(context, pipelines)
    }

    fn bind(&mut self, context: &Context, pipelines: &Pipelines) -> Result<()> {
        let group = |kernel: Kernel, swap: Option<(Role, Role)>| {
            let source = kernel.source();
            let entries: Vec<wgpu::BindGroupEntry> = source
                .bindings
                .iter()
                .enumerate()
                .map(|(binding, (role, _))| {
                    let role = match swap {
                        Some((from, to)) if from == *role => to,
                        _ => *role,
                    };
                    wgpu::BindGroupEntry {
                        binding: binding as u32,
                        resource: self.buffers[&role].as_entire_binding(),
                    }
                })
                .collect();
            context.guarded(source.name, || {
                context.device.create_bind_group(&wgpu::BindGroupDescriptor {
                    label: Some(source.name),
                    layout: &pipelines.get(kernel).layout,
                    entries: &entries,
                })
            })
        };
        let mut groups = HashMap::new();
        for kernel in Kernel::ALL {
            groups.insert(kernel, group(kernel, None)?);
        }
        let bin_list = group(Kernel::Bin, Some((Role::Position, Role::ListPosition)))?;
        self.groups = groups;
        self.bin_list = Some(bin_list);
        Ok(())
    }

    pub fn get(&self, role: Role) -> &wgpu::Buffer {
        // `new` creates every role; `grow_list` puts back what it takes out or fails the session.
        &self.buffers[&role]
    }

    /// Bindings of a kernel.
    pub fn group(&self, kernel: Kernel) -> &wgpu::BindGroup {
        &self.groups[&kernel]
    }

    /// Bindings of [`Kernel::Bin`] over the positions of the list.
    pub fn bin_list_group(&self) -> &wgpu::BindGroup {
        self.bin_list.as_ref().unwrap_or(&self.groups[&Kernel::Bin])
    }

    /// Writes to the front of a buffer, before the next submission.
    pub fn write<T: Pod>(&self, context: &Context, role: Role, data: &[T]) {
        if !data.is_empty() {
            context.queue.write_buffer(self.get(role), 0, bytemuck::cast_slice(data));
        }
    }

    pub fn encode_snapshot(&self, encoder: &mut wgpu::CommandEncoder) {
        for role in SNAPSHOT {
            let size = self.get(role).size();
            encoder.copy_buffer_to_buffer(self.get(role), 0, &self.snapshot[&role], 0, size);
        }
    }

    pub fn encode_restore(&self, encoder: &mut wgpu::CommandEncoder) {
        for role in SNAPSHOT {
            let size = self.get(role).size();
            encoder.copy_buffer_to_buffer(&self.snapshot[&role], 0, self.get(role), 0, size);
        }
    }

    pub fn encode_control_copy(&self, encoder: &mut wgpu::CommandEncoder) {
        let size = size_of::<Control>() as u64;
        encoder.copy_buffer_to_buffer(self.get(Role::Control), 0, &self.control_staging, 0, size);
    }

    /// Waits for the device and reads the control block that the last submission copied.
    pub fn finish_control_copy(&self, context: &Context) -> Result<Control> {
        let bytes = map(context, &self.control_staging)?;
        bytes.first().copied().ok_or_else(|| context.failed("the control block came back empty"))
    }

    /// Reads the front of several buffers.
    pub fn read(&self, context: &Context, wanted: &[(Role, u64)]) -> Result<Vec<Vec<u32>>> {
        let mut encoder = context.device.create_command_encoder(&Default::default());
        let mut copies = Vec::with_capacity(wanted.len());
        for &(role, size) in wanted {
            let copy = staging(context, size)?;
            encoder.copy_buffer_to_buffer(self.get(role), 0, &copy, 0, size);
            copies.push(copy);
        }
        context.queue.submit([encoder.finish()]);
        copies.iter().map(|copy| map(context, copy)).collect()
    }
}

fn staging(context: &Context, size: u64) -> Result<wgpu::Buffer> {
    context.guarded("reading back", || {
        context.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("staging"),
            size,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    })
}

/// Waits for a staging buffer, reads and releases it.
pub(super) fn map<T: Pod>(context: &Context, buffer: &wgpu::Buffer) -> Result<Vec<T>> {
    let slice = buffer.slice(..);
    let (sender, receiver) = std::sync::mpsc::channel();
    slice.map_async(wgpu::MapMode::Read, move |result| {
        // The receiver is gone only if waiting failed, which is reported below.
        let _ = sender.send(result);
    });
    context.wait()?;
    // Another thread that waits for the same device may have taken the callback along and be about
    // to run it.
    match receiver.recv_timeout(std::time::Duration::from_secs(10)) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(context.failed(format!("reading back failed: {error}"))),
        Err(_) => return Err(context.failed("reading back did not finish")),
    }
    let view = slice
        .get_mapped_range()
        .map_err(|error| context.failed(format!("reading back failed: {error}")))?;
    let data = bytemuck::pod_collect_to_vec(&view);
    drop(view);
    buffer.unmap();
    Ok(data)
}
