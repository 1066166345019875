//! What a device's shader compiler makes of what WebGPU leaves open: a small kernel is run and looked at.

use super::buffers::{buffer, filled, map, staging};
use super::context::Context;
use super::kernels::Access;
use super::parameters::{LANES, WORKGROUP};
use super::pipelines::build;
use crate::error::Result;

/// What kernels may rely on beyond plain WebGPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Compiler {
    /// `fma` rounds once, so that remainders of products are exact.
    pub fused: bool,
    /// Eight neighbouring threads of a workgroup can exchange values as parts of a subgroup.
    pub shuffles: bool,
}

impl Compiler {
    /// Nothing: right everywhere.
    pub const PLAIN: Self = Self { fused: false, shuffles: false };

    /// Every combination.
    pub const ALL: [Self; 4] = [
        Self::PLAIN,
        Self { fused: true, shuffles: false },
        Self { fused: false, shuffles: true },
        Self { fused: true, shuffles: true },
    ];

    /// The declarations that kernels look at.
    pub(super) fn constants(self) -> String {
        format!("const FUSED: bool = {};\n", self.fused)
    }

    /// For the signature of a device: its bits depend on this.
    pub(super) fn letters(self) -> &'static str {
        match (self.fused, self.shuffles) {
            (false, false) => "",
            (true, false) => "f",
            (false, true) => "s",
            (true, true) => "fs",
        }
    }

    /// Runs the probe.
    pub(super) fn of(context: &Context) -> Result<Self> {
        let offered = context.device.features().contains(wgpu::Features::SUBGROUP)
            && context.description.subgroups.is_some();
        let bindings = [Access::Read, Access::Write];
        let pipeline = context
            .guarded("probe", || build(context, "probe", "main", probe_wgsl(offered), &bindings))?;
        let numbers = products();
        let given = filled(context, "probe", &numbers)?;
        let size = 16 * u64::from(WORKGROUP);
        let seen = buffer(context, "probe", size)?;
        let copy = staging(context, size)?;
        let group = context.guarded("probe", || {
            context.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("probe"),
                layout: &pipeline.layout,
                entries: &[(0, &given), (1, &seen)].map(|(binding, buffer)| wgpu::BindGroupEntry {
                    binding,
                    resource: buffer.as_entire_binding(),
                }),
            })
        })?;
        let mut encoder = context.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(&pipeline.pipeline);
            pass.set_bind_group(0, &group, &[]);
            pass.dispatch_workgroups(1, 1, 1);
        }
        encoder.copy_buffer_to_buffer(&seen, 0, &copy, 0, size);
        context.queue.submit([encoder.finish()]);
        let rows: Vec<[u32; 4]> = map(context, &copy)?;
        let backend = context.description.backend.as_str();
        let fuses = rows.iter().zip(&numbers).all(|(row, [a, b, c, _])| {
            let exact = f64::from(*a) * f64::from(*b) + f64::from(*c);
            row[0] == (exact as f32).to_bits()
        });
        let exchanged = (rows.iter().zip(0u32..)).all(|(row, lane)| {
            row[1] == (lane ^ 4) | (lane ^ 2) << 8 | (lane ^ 1) << 16 && row[2] >= LANES
        });
        Ok(Self {
            // Elsewhere `fma` is written as an operation that a compiler may fuse in one kernel and
            // not in the next.
            fused: fuses && FUSING.contains(&backend),
            shuffles: exchanged && wide_everywhere(context.description.subgroups),
        })
    }
}

/// Backends whose `fma` is one operation by their own definition.
const FUSING: [&str; 2] = ["vulkan", "metal"];

/// Whether subgroups that were seen to be wide are so in every kernel: the limits say it, or they are
/// those of a device that does not tell, whose width is fixed.
fn wide_everywhere(subgroups: Option<[u32; 2]>) -> bool {
    subgroups.is_some_and(|[least, most]| least >= LANES || (least == 4 && most >= 64))
}

fn probe_wgsl(shuffles: bool) -> String {
    let (size, seen, exchange) = match shuffles {
        true => (
            ", @builtin(subgroup_size) size: u32",
            "size",
            "exchanged = subgroupShuffleXor(own, 4u) | (subgroupShuffleXor(own, 2u) << 8u) \
             | (subgroupShuffleXor(own, 1u) << 16u);",
        ),
        false => ("", "0u", ""),
    };
    // As in the force kernel, values are exchanged after a loop that is as long as each lane's list.
    format!(
        "@group(0) @binding(0) var<storage, read> given: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> seen: array<vec4<u32>>;

@compute @workgroup_size({WORKGROUP})
fn main(@builtin(local_invocation_index) lane: u32{size}) {{
    let g = given[lane];
    let remainder = fma(g.x, g.y, g.z);
    var own = lane;
    if g.w >= 0.0 {{
        for (var k = 0u; k < u32(g.w); k++) {{
            own = own ^ 64u;
        }}
    }}
    own = own & 63u;
    var exchanged = 0u;
    {exchange}
    seen[lane] = vec4<u32>(bitcast<u32>(remainder), exchanged, {seen}, 0u);
}}
"
    )
}

/// Factors and the negative of their rounded product: what is left of it only a fused operation finds.
fn products() -> Vec<[f32; 4]> {
    (0..WORKGROUP)
        .map(|k| {
            let a = 1.0 + (2 * k + 1) as f32 * 1.220_703_1e-4;
            let b = 1.5 + (k + 3) as f32 * 9.536_743e-7;
            [a, b, -(a * b), (k % 7) as f32 - 1.0]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::gpu::kernels::tests::validated;
    use crate::backend::gpu::{AdapterChoice, GpuOptions, adapters};

    #[test]
    fn the_probe_is_valid_and_can_tell() {
        for shuffles in [false, true] {
            validated(&probe_wgsl(shuffles), "probe");
        }
        let told = products().into_iter().filter(|[a, b, c, _]| {
            f64::from(*a) * f64::from(*b) + f64::from(*c) != 0.0 && a * b + c == 0.0
        });
        assert!(told.count() > 48, "products that are inexact");
    }

    #[test]
    fn widths_that_are_not_told_are_those_that_were_seen() {
        for wide in [[8, 8], [32, 32], [8, 32], [32, 64], [4, 64], [4, 128]] {
            assert!(wide_everywhere(Some(wide)), "{wide:?}");
        }
        // A driver that can choose four in the next kernel, or has no more.
        assert!(!wide_everywhere(Some([4, 4])) && !wide_everywhere(Some([4, 32])));
        assert!(!wide_everywhere(None));
    }

    #[test]
    fn plain_shaders_can_be_asked_for() {
        for adapter in adapters() {
            let open = |plain_shaders| {
                let options = GpuOptions { plain_shaders, ..GpuOptions::default() };
                Context::open(AdapterChoice::Index(adapter.index), options).expect("opens")
            };
            assert_eq!(open(true).compiler().expect("known"), Compiler::PLAIN);
            let seen = open(false).compiler().expect("runs");
            println!("{}: {seen:?}", adapter.name);
            let small = adapter.subgroups.is_none_or(|[_, most]| most < LANES);
            assert!(!(small && seen.shuffles), "{}: {seen:?}", adapter.name);
        }
    }
}
