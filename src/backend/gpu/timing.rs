//! Time per pass, measured on the device.

use std::collections::BTreeMap;

use super::buffers::map;
use super::context::Context;
use crate::error::Result;

/// Time that each kernel took since the session began.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PassTimes {
    /// Kernel, seconds in all, dispatches.
    pub kernels: BTreeMap<&'static str, (f64, u64)>,
}

/// Queries of one submission: WebGPU's limit is 4096 a set.
const QUERIES: u32 = 4096;

/// Steps whose passes have two queries each, rebuilds included.
pub(super) const LONGEST_TIMED: u32 = QUERIES / 2 / 11;

/// Timestamp queries around passes.
#[derive(Debug)]
pub(super) struct Timers {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    staging: wgpu::Buffer,
    pending: Vec<&'static str>,
    times: PassTimes,
}

impl Timers {
    pub fn new(context: &Context) -> Result<Self> {
        context.guarded("timestamp queries", || {
            let buffer = |usage| {
                context.device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some("timestamps"),
                    size: 8 * u64::from(QUERIES),
                    usage,
                    mapped_at_creation: false,
                })
            };
            Self {
                queries: context.device.create_query_set(&wgpu::QuerySetDescriptor {
                    label: Some("passes"),
                    ty: wgpu::QueryType::Timestamp,
                    count: QUERIES,
                }),
                resolved: buffer(wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC),
                staging: buffer(wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST),
                pending: Vec::new(),
                times: PassTimes::default(),
            }
        })
    }

    /// Where the next pass writes its two times; `None` once the submission's queries are used up.
    pub fn next(&mut self, name: &'static str) -> Option<wgpu::ComputePassTimestampWrites<'_>> {
        let first = 2 * self.pending.len() as u32;
        if first + 2 > QUERIES {
            return None;
        }
        self.pending.push(name);
        Some(wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        })
    }

    /// Ends a submission.
    pub fn encode_resolve(&self, encoder: &mut wgpu::CommandEncoder) {
        let count = 2 * self.pending.len() as u32;
        if count > 0 {
            encoder.resolve_query_set(&self.queries, 0..count, &self.resolved, 0);
            let size = 8 * u64::from(count);
            encoder.copy_buffer_to_buffer(&self.resolved, 0, &self.staging, 0, size);
        }
    }

    /// Adds the times of a finished submission.
    pub fn collect(&mut self, context: &Context) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let ticks: Vec<u64> = map(context, &self.staging)?;
        let period = f64::from(context.queue.get_timestamp_period()) * 1e-9;
        for (name, pair) in self.pending.drain(..).zip(ticks.chunks_exact(2)) {
            let entry = self.times.kernels.entry(name).or_default();
            entry.0 += pair[1].saturating_sub(pair[0]) as f64 * period;
            entry.1 += 1;
        }
        Ok(())
    }

    pub fn times(&self) -> &PassTimes {
        &self.times
    }
}
