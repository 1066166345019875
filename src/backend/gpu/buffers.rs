//! A session's buffers: state, workspace, the snapshot that a chunk can be replayed from, and
//! reading them back.

use std::collections::HashMap;

use bytemuck::Pod;

use super::context::Context;
use super::kernels::{Kernel, Role};
use super::layout::{BY_PART, Layout, SNAPSHOT, WHOLE, label};
use super::parameters::{Control, ReplicaParameters};
use super::pipelines::Pipelines;
use crate::error::{Error, Result};

/// Buffers of a session and the bind groups of its kernels.
#[derive(Debug)]
pub(super) struct Buffers {
    buffers: HashMap<Role, wgpu::Buffer>,
    /// Buffers of each part of the list.
    parts: Vec<HashMap<Role, wgpu::Buffer>>,
    snapshot: HashMap<Role, wgpu::Buffer>,
    /// One bind group a kernel, or one for each part.
    groups: HashMap<Kernel, Vec<wgpu::BindGroup>>,
    /// `Bin` over the positions of the list instead of the present ones.
    bin_list: Option<wgpu::BindGroup>,
    control_staging: wgpu::Buffer,
}

fn usage(role: Role) -> wgpu::BufferUsages {
    use wgpu::BufferUsages as U;
    let storage = U::STORAGE | U::COPY_DST | U::COPY_SRC;
    match role {
        Role::Parameters | Role::Replicas | Role::Part => U::UNIFORM | U::COPY_DST,
        Role::Arguments => storage | U::INDIRECT,
        _ => storage,
    }
}

fn create(context: &Context, layout: &Layout, role: Role, size: u64) -> Result<wgpu::Buffer> {
    let what = format!("{}, {size} bytes of {} in all", label(role), layout.bytes());
    context.guarded(&what, || {
        context.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label(role)),
            size: size.max(16),
            usage: usage(role),
            mapped_at_creation: false,
        })
    })
}

impl Buffers {
    /// Allocates everything.
    pub fn new(
        context: &Context,
        pipelines: &Pipelines,
        layout: &Layout,
        replicas: &[ReplicaParameters],
        model: &[[f32; 4]],
    ) -> Result<Self> {
        let make = |roles: &[Role]| -> Result<HashMap<Role, wgpu::Buffer>> {
            roles.iter().map(|&r| Ok((r, create(context, layout, r, layout.size(r))?))).collect()
        };
        let control_staging = staging(context, layout.size(Role::Control))?;
        let mut made = Self {
            buffers: make(&WHOLE)?,
            parts: Vec::new(),
            snapshot: make(&SNAPSHOT)?,
            groups: HashMap::new(),
            bin_list: None,
            control_staging,
        };
        made.write(context, Role::Replicas, replicas);
        made.write(context, Role::Model, model);
        made.lay_out_list(context, pipelines, layout)?;
        Ok(made)
    }

    /// Makes the list's buffers anew, as the layout says.
    pub fn lay_out_list(
        &mut self,
        context: &Context,
        pipelines: &Pipelines,
        layout: &Layout,
    ) -> Result<()> {
        // The old list goes first: two of them might not fit.
        self.groups.clear();
        self.bin_list = None;
        self.parts.clear();
        for part in layout.parts() {
            let mut own = HashMap::new();
            for role in BY_PART {
                let size = layout.part_size(role, part);
                own.insert(role, create(context, layout, role, size)?);
            }
            context.queue.write_buffer(&own[&Role::Part], 0, bytemuck::bytes_of(&part));
            self.parts.push(own);
        }
        self.write(context, Role::Parameters, &[layout.parameters]);
        self.bind(context, pipelines)
    }

    fn bind(&mut self, context: &Context, pipelines: &Pipelines) -> Result<()> {
        let group = |kernel: Kernel, part: usize, swap: Option<(Role, Role)>| {
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
                    let own = self.parts[part].get(&role);
                    wgpu::BindGroupEntry {
                        binding: binding as u32,
                        resource: own.unwrap_or_else(|| self.get(role)).as_entire_binding(),
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
            let count = if kernel.by_part() { self.parts.len() } else { 1 };
            let own = (0..count).map(|part| group(kernel, part, None)).collect::<Result<_>>()?;
            groups.insert(kernel, own);
        }
        let bin_list = group(Kernel::Bin, 0, Some((Role::Position, Role::ListPosition)))?;
        self.groups = groups;
        self.bin_list = Some(bin_list);
        Ok(())
    }

    /// A buffer of which there is one.
    pub fn get(&self, role: Role) -> &wgpu::Buffer {
        // `new` creates every role of `WHOLE`.
        &self.buffers[&role]
    }

    /// Bindings of a kernel: one, or one for each part.
    pub fn groups(&self, kernel: Kernel) -> &[wgpu::BindGroup] {
        &self.groups[&kernel]
    }

    /// Bindings of [`Kernel::Bin`] over the positions of the list.
    pub fn bin_list_group(&self) -> &wgpu::BindGroup {
        self.bin_list.as_ref().unwrap_or(&self.groups[&Kernel::Bin][0])
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
        let size = self.control_staging.size();
        encoder.copy_buffer_to_buffer(self.get(Role::Control), 0, &self.control_staging, 0, size);
    }

    /// Waits for the device and reads the control blocks that the last submission copied.
    pub fn finish_control_copy(&self, context: &Context) -> Result<Vec<Control>> {
        map(context, &self.control_staging)
    }

    /// Reads whole buffers as words; those of parts one after the other.
    pub fn read<const N: usize>(
        &self,
        context: &Context,
        roles: [Role; N],
    ) -> Result<[Vec<u32>; N]> {
        let mut encoder = context.device.create_command_encoder(&Default::default());
        let mut copies = Vec::with_capacity(N);
        for role in roles {
            let sources: Vec<&wgpu::Buffer> = match self.buffers.get(&role) {
                Some(buffer) => vec![buffer],
                None => self.parts.iter().map(|part| &part[&role]).collect(),
            };
            let size = sources.iter().map(|buffer| buffer.size()).sum();
            let copy = staging(context, size)?;
            let mut at = 0;
            for buffer in sources {
                encoder.copy_buffer_to_buffer(buffer, 0, &copy, at, buffer.size());
                at += buffer.size();
            }
            copies.push(copy);
        }
        context.queue.submit([encoder.finish()]);
        let read = copies.iter().map(|copy| map(context, copy)).collect::<Result<Vec<_>>>()?;
        read.try_into().map_err(|_| context.failed("reading back lost a buffer"))
    }
}

/// A storage buffer, within the adapter's limits.
pub(super) fn buffer(context: &Context, label: &str, bytes: u64) -> Result<wgpu::Buffer> {
    let available = context.largest_binding();
    if bytes > available {
        return Err(Error::Capacity {
            what: format!("the buffer of {label} (bytes)"),
            needed: bytes,
            available,
            device: context.description.name.clone(),
        });
    }
    context.guarded(label, || {
        context.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: bytes.max(16).next_multiple_of(16),
            usage: wgpu::BufferUsages::STORAGE
                | wgpu::BufferUsages::COPY_DST
                | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        })
    })
}

/// A storage buffer with data.
pub(super) fn filled<T: Pod>(context: &Context, label: &str, data: &[T]) -> Result<wgpu::Buffer> {
    let made = buffer(context, label, size_of_val(data) as u64)?;
    context.queue.write_buffer(&made, 0, bytemuck::cast_slice(data));
    Ok(made)
}

pub(super) fn staging(context: &Context, size: u64) -> Result<wgpu::Buffer> {
    context.guarded(&format!("reading back {size} bytes"), || {
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
