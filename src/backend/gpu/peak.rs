//! The most arithmetic that the device does.

use std::time::Instant;

use bytemuck::{Pod, Zeroable};

use super::buffers::{buffer, map, staging};
use super::context::Context;
use super::kernels::Access;
use super::pipelines::build;
use crate::error::Result;

const TEXT: &str = include_str!("../../../shaders/peak/peak.wgsl");

/// Workgroups of 64 threads: enough to fill every device there is.
const WORKGROUPS: u32 = 16_384;

/// Fused products and sums of a thread in a round.
const ROUND: u32 = 64;

/// A dispatch that takes so long is measured, seconds.
const LONG_ENOUGH: f64 = 0.02;

/// The uniform block of peak.wgsl.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Peak {
    rounds: [u32; 4],
    factor: [f32; 4],
    summand: [f32; 4],
}

/// Single-precision operations a second, a fused product and sum counted as two: the best of a few
/// tries, start and end of a submission included.
pub(super) fn peak(context: &Context) -> Result<f64> {
    let bindings = [Access::Uniform, Access::Write];
    let kernel =
        context.guarded("peak", || build(context, "peak", "main", TEXT.to_owned(), &bindings))?;
    let software = context.description.software;
    let workgroups = if software { WORKGROUPS / 64 } else { WORKGROUPS };
    let answer = buffer(context, "peak", 256 * u64::from(workgroups))?;
    let first = staging(context, 4)?;
    let block = super::analysis::uniform(context, &Peak::zeroed())?;
    let (mut rounds, mut best) = (16u32, 0.0f64);
    for tries in (0..4).rev() {
        loop {
            let numbers = Peak { rounds: [rounds; 4], factor: [0.75; 4], summand: [0.5; 4] };
            context.queue.write_buffer(&block, 0, bytemuck::bytes_of(&numbers));
            let mut encoder = context.device.create_command_encoder(&Default::default());
            let buffers = [&block, &answer];
            let size = [workgroups, 1];
            super::analysis::encode(context, &mut encoder, &kernel, buffers, size)?;
            encoder.copy_buffer_to_buffer(&answer, 0, &first, 0, 4);
            let clock = Instant::now();
            context.queue.submit([encoder.finish()]);
            let _: Vec<f32> = map(context, &first)?;
            let seconds = clock.elapsed().as_secs_f64();
            if seconds < LONG_ENOUGH && rounds < 1 << 24 {
                rounds *= 4;
                continue;
            }
            let threads = 64.0 * f64::from(workgroups);
            let operations = 2.0 * f64::from(ROUND) * f64::from(rounds) * threads;
            best = best.max(operations / seconds);
            break;
        }
        tracing::debug!(tries, rounds, best, "arithmetic peak");
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use crate::backend::gpu::kernels::tests::validated;

    #[test]
    fn the_kernel_is_valid_and_counts_its_operations() {
        validated(super::TEXT, "peak");
        let fused = super::TEXT.matches("fma(").count() as u32;
        // On vectors of four.
        assert_eq!(4 * fused, super::ROUND);
    }
}
