//! The pair histogram.

use bytemuck::{Pod, Zeroable};

use super::super::buffers::{map, staging};
use super::super::context::Context;
use super::{buffer, compile, encode, filled, uniform};
use crate::analysis::cells::Cells;
use crate::analysis::{PairCounts, PairGrid};
use crate::error::{Error, Result};
use crate::system::Structure;

pub(super) const TEXT: &str = include_str!("../../../../shaders/analysis/pairs.wgsl");
/// Slots of a histogram in workgroup memory; longer ones take several passes.
const SLOTS: usize = 3584;
/// Workgroups at least, where there are cells for them.
const WORKGROUPS: usize = 2048;
/// Workgroups of a dispatch at most.
const MOST_WORKGROUPS: usize = 65_535;

/// The uniform block of pairs.wgsl.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Parameters {
    cells: [u32; 4],
    edges: [[i32; 4]; 3],
    sizes: [u32; 4],
    window: [u32; 4],
    scale: [f32; 4],
}

/// Counts pairs as [`PairGrid::count`] does, to the same numbers.
pub(in crate::backend::gpu) fn pair_counts(
    context: &Context,
    structure: &Structure,
    cutoff: f64,
    bins: usize,
) -> Result<PairCounts> {
    let grid = PairGrid::new(structure, cutoff, bins)?;
    let cells =
        Cells::new(&grid.structure.simulation_box, &grid.structure.positions, grid.range().into())?;
    let kinds = structure.species.len();
    let [xs, ys, zs] = &cells.xyz;
    let atoms: Vec<[i32; 4]> = (0..structure.len())
        .map(|k| {
            let kind = i32::from(structure.kinds[cells.order[k] as usize]);
            [xs[k] as i32, ys[k] as i32, zs[k] as i32, kind]
        })
        .collect();
    let groups = workgroups(&cells, structure.len())?;
    let stencil: Vec<[i32; 4]> = cells
        .stencil(true)
        .iter()
        .map(|row| [row.dy as i32, row.dz as i32, row.reach as i32, 0])
        .collect();
    let slots = kinds * (kinds + 1) / 2 * bins;
    let [nx, ny, nz] = cells.counts().map(|n| n as u32);
    let edges = grid.structure.simulation_box.vectors().map(|v| {
        let [x, y, z] = v.map(|x| x as i32);
        [x, y, z, 0]
    });
    let pipeline = compile(context, "pairs", TEXT)?;
    let atoms = filled(context, "atoms", &atoms)?;
    let starts = filled(context, "cell starts", cells.starts())?;
    let stencil_buffer = filled(context, "stencil", &stencil)?;
    let bytes = 8 * slots as u64;
    let counts = buffer(context, "pair counts", bytes)?;
    let mut encoder = context.device.create_command_encoder(&Default::default());
    encoder.clear_buffer(&counts, 0, None);
    for first in (0..slots).step_by(SLOTS) {
        let block = uniform(
            context,
            &Parameters {
                cells: [nx, ny, nz, nx * ny * nz],
                edges,
                sizes: [kinds as u32, bins as u32, grid.per_bin, stencil.len() as u32],
                window: [first as u32, SLOTS.min(slots - first) as u32, grid.range(), groups],
                scale: [1.0 / grid.per_bin as f32, 0.0, 0.0, 0.0],
            },
        )?;
        let buffers = [&block, &atoms, &starts, &stencil_buffer, &counts];
        encode(context, &mut encoder, &pipeline, buffers, [groups, 1])?;
    }
    let back = staging(context, counts.size())?;
    encoder.copy_buffer_to_buffer(&counts, 0, &back, 0, counts.size());
    context.queue.submit([encoder.finish()]);
    let words: Vec<u32> = map(context, &back)?;
    let counts =
        words.chunks(2).take(slots).map(|w| u64::from(w[0]) + (u64::from(w[1]) << 32)).collect();
    Ok(PairCounts { kinds, bins, counts })
}

/// So many that no counter of a workgroup can run over, even if every atom of its cells were a
/// neighbour of every other.
fn workgroups(cells: &Cells, atoms: usize) -> Result<u32> {
    let starts = cells.starts();
    let number = starts.len() - 1;
    let mut groups = WORKGROUPS.min(number);
    loop {
        let mut members = vec![0u64; groups];
        for cell in 0..number {
            members[cell % groups] += u64::from(starts[cell + 1] - starts[cell]);
        }
        let most = members.into_iter().max().unwrap_or(0);
        if most.saturating_mul(atoms as u64).saturating_mul(cells.images()) < 1 << 32 {
            return Ok(groups as u32);
        }
        if groups == number || 2 * groups > MOST_WORKGROUPS {
            return Err(Error::input(
                format!("the pairs of {atoms} atoms are too many for this device's counters"),
                "use a shorter range of g(r), or `--device cpu`",
            ));
        }
        groups = (2 * groups).min(number);
    }
}
