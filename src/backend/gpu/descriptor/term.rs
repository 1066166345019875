//! One term on a GPU: its kernels and buffers.

use super::kernels::DescriptorKernel;
use super::parameters::{
    ANGULAR_CHUNK, Parameters, angular_functions, components, power_features, radial_functions,
    recursion,
};
use crate::backend::gpu::buffers::{buffer, filled, map, staging};
use crate::backend::gpu::context::Context;
use crate::backend::gpu::pipelines::Pipeline;
use crate::descriptor::{BoundPlan, CellList, Kernel, RealHarmonics};
use crate::error::{Error, Result};
use crate::system::{SimulationBox, Structure, to_fixed};

/// Bytes of the largest buffer of a block.
const BLOCK_BYTES: u64 = 64 << 20;
/// Centres of a block at most: a dispatch has 65,535 workgroups along a dimension.
const MOST_CENTRES: u64 = 32_768;
/// Threads of a workgroup.
const WORKGROUP: usize = 64;
/// Numbers of soap_expand.wgsl's workgroup memory.
const SOAP_SPACE: usize = 3072;
/// Coefficients that a workgroup of soap_expand.wgsl makes.
const SOAP_CHUNK: usize = 512;

#[derive(Debug)]
enum Form {
    Radial {
        sums: Pipeline,
        functions: wgpu::Buffer,
    },
    Angular {
        sums: Pipeline,
        functions: wgpu::Buffer,
    },
    Harmonics {
        sums: Pipeline,
        functions: wgpu::Buffer,
        recursion: wgpu::Buffer,
    },
    Soap {
        expand: Pipeline,
        power: Pipeline,
        table: wgpu::Buffer,
        recursion: wgpu::Buffer,
        features: wgpu::Buffer,
    },
}

#[derive(Debug)]
pub(super) struct GpuTerm {
    form: Form,
    list: Pipeline,
    parameters: Parameters,
    simulation_box: SimulationBox,
    uniform: wgpu::Buffer,
    atoms: wgpu::Buffer,
    starts: wgpu::Buffer,
    work: Option<Work>,
}

/// Buffers for a block of centres at a list capacity.
#[derive(Debug)]
struct Work {
    centres: u64,
    centre: wgpu::Buffer,
    list: wgpu::Buffer,
    counts: wgpu::Buffer,
    most: wgpu::Buffer,
    sums: wgpu::Buffer,
    coefficients: wgpu::Buffer,
    most_staging: wgpu::Buffer,
    sums_staging: wgpu::Buffer,
}

/// Copies of a structure side by side, so that the box is two cutoffs wide; the first copy has the
/// atoms at their own places.
fn widened(structure: &Structure, cutoff: f64) -> Result<Option<Structure>> {
    let b = structure.simulation_box;
    let copies = b.perpendicular_widths().map(|w| (2.0 * cutoff / w).ceil().max(1.0));
    if copies == [1.0; 3] {
        return Ok(None);
    }
    let number = copies.iter().product::<f64>() * structure.len() as f64;
    if !(number < 2e7) {
        return Err(Error::CutoffTooLong { cutoff, half_width: b.longest_cutoff() });
    }
    let [m, n, o] = copies;
    let lengths = [b.lengths[0] * m, b.lengths[1] * n, b.lengths[2] * o];
    let tilts = [b.tilts[0] * n, b.tilts[1] * o, b.tilts[2] * o];
    let (mut positions, mut kinds) = (Vec::new(), Vec::new());
    for z in 0..o as usize {
        for y in 0..n as usize {
            for x in 0..m as usize {
                let shift = b.difference_to_cartesian([x as f64, y as f64, z as f64]);
                positions
                    .extend(structure.positions.iter().map(|r| [0, 1, 2].map(|k| r[k] + shift[k])));
                kinds.extend_from_slice(&structure.kinds);
            }
        }
    }
    let wide = SimulationBox::new(b.origin, lengths, tilts)?;
    Structure::new(wide, structure.species.clone(), kinds, positions).map(Some)
}

impl GpuTerm {
    /// `None` for a descriptor without a kernel.
    pub fn new(context: &Context, bound: &BoundPlan, term: usize) -> Result<Option<Self>> {
        let descriptor = &bound.terms[term].term.descriptor;
        let Some(kernel) = descriptor.kernel() else { return Ok(None) };
        let cutoff = descriptor.cutoff();
        let wide = widened(bound.structure, cutoff)?;
        let structure = wide.as_ref().unwrap_or(bound.structure);
        let bits = |atom: usize| bound.terms[term].groups[usize::from(structure.kinds[atom])];
        let cells = CellList::new(structure, cutoff, |atom| bits(atom) != 0)?;
        let simulation_box = structure.simulation_box;
        let mut parameters = Parameters::new(&cells, cutoff);
        let density = cells.atoms.len() as f64 / simulation_box.volume();
        // A third above the mean; too little is found out and put right.
        parameters.capacity = (density * 5.6 * cutoff.powi(3)) as u32 + 16;
        parameters.groups = descriptor.groups().len() as u32;
        parameters.width = descriptor.sums_len() as u32;
        let packed: Vec<[u32; 4]> = cells
            .atoms
            .iter()
            .map(|&atom| {
                let [x, y, z] = to_fixed(&simulation_box, structure.positions[atom as usize]).0;
                [x, y, z, bits(atom as usize)]
            })
            .collect();
        let form = Self::form(context, kernel, cutoff, &mut parameters)?;
        let uniform = context.guarded("parameters", || {
            context.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("parameters"),
                size: size_of::<Parameters>() as u64,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        })?;
        Ok(Some(Self {
            form,
            list: DescriptorKernel::List.compile(context)?,
            parameters,
            simulation_box,
            uniform,
            atoms: filled(context, "atoms", &packed)?,
            starts: filled(context, "cell starts", &cells.starts)?,
            work: None,
        }))
    }

    fn form(
        context: &Context,
        kernel: Kernel,
        cutoff: f64,
        parameters: &mut Parameters,
    ) -> Result<Form> {
        let inverse = |smooth: bool| if smooth { (1.0 / cutoff) as f32 } else { 0.0 };
        Ok(match kernel {
            Kernel::Radial { functions, cutoff_function } => {
                parameters.functions = functions.len() as u32;
                parameters.inverse_cutoff = inverse(cutoff_function);
                Form::Radial {
                    sums: DescriptorKernel::Radial.compile(context)?,
                    functions: filled(context, "functions", &radial_functions(&functions))?,
                }
            }
            Kernel::Angular { functions, third_side, cutoff_function } => {
                parameters.functions = functions.len() as u32;
                parameters.third_side = u32::from(third_side);
                parameters.inverse_cutoff = inverse(cutoff_function);
                Form::Angular {
                    sums: DescriptorKernel::Angular.compile(context)?,
                    functions: filled(context, "functions", &angular_functions(&functions))?,
                }
            }
            Kernel::Harmonics { degrees } => {
                let harmonics = RealHarmonics::new(degrees.last().copied().unwrap_or(0));
                let components = components(&degrees, &harmonics);
                parameters.functions = components.len() as u32;
                Form::Harmonics {
                    sums: DescriptorKernel::Harmonics.compile(context)?,
                    functions: filled(context, "functions", &components)?,
                    recursion: filled(context, "recursion", &recursion(&harmonics))?,
                }
            }
            Kernel::Soap(soap) => {
                let degrees = soap.l_max + 1;
                let each = degrees * (degrees + soap.n_max);
                parameters.n_max = soap.n_max as u32;
                parameters.l_max = soap.l_max as u32;
                parameters.part = (degrees * degrees * soap.n_max) as u32;
                // A power of two up to 16, of which the space holds at least six.
                let fitting = (SOAP_SPACE / each).clamp(1, 16);
                parameters.tile = 1 << fitting.ilog2();
                parameters.inverse_step = (1.0 / soap.step) as f32;
                let table: Vec<f32> = soap.table.iter().map(|&x| x as f32).collect();
                let features = power_features(soap.n_max, soap.l_max, soap.groups);
                Form::Soap {
                    expand: DescriptorKernel::SoapExpand.compile(context)?,
                    power: DescriptorKernel::SoapPower.compile(context)?,
                    table: filled(context, "radial functions", &table)?,
                    recursion: filled(
                        context,
                        "recursion",
                        &recursion(&RealHarmonics::new(soap.l_max)),
                    )?,
                    features: filled(context, "features", &features)?,
                }
            }
        })
    }

    /// Coefficients of a centre; 0 but for SOAP.
    fn coefficients(&self) -> u64 {
        u64::from(self.parameters.groups) * u64::from(self.parameters.part)
    }

    /// Centres of a block, of which `wanted` remain to be done.
    fn block(&self, context: &Context, wanted: usize) -> u64 {
        let p = &self.parameters;
        let list = 16 * u64::from(p.capacity);
        let widest = list.max(4 * u64::from(p.width)).max(4 * self.coefficients());
        let bytes = BLOCK_BYTES.min(context.largest_binding());
        (bytes / widest).clamp(1, MOST_CENTRES).min(wanted as u64)
    }

    fn work(&self, context: &Context, centres: u64) -> Result<Work> {
        let p = &self.parameters;
        let capacity = u64::from(p.capacity);
        Ok(Work {
            centres,
            centre: buffer(context, "centres", 16 * centres)?,
            list: buffer(context, "neighbour list", 16 * capacity * centres)?,
            counts: buffer(context, "neighbour counts", 4 * centres)?,
            most: buffer(context, "most neighbours", 4)?,
            sums: buffer(context, "sums", 4 * u64::from(p.width) * centres)?,
            coefficients: buffer(context, "coefficients", 4 * self.coefficients() * centres)?,
            most_staging: staging(context, 4)?,
            sums_staging: staging(context, 4 * u64::from(p.width) * centres)?,
        })
    }

    /// The sums of some atoms.
    pub fn sums(
        &mut self,
        context: &Context,
        bound: &BoundPlan,
        term: usize,
        atoms: &[u32],
        sums: &mut [f64],
    ) -> Result<()> {
        let width = self.parameters.width as usize;
        let mut done = 0;
        while done < atoms.len() {
            let wanted = self.block(context, atoms.len() - done);
            let work = match self.work.take() {
                Some(work) if work.centres >= wanted => work,
                _ => self.work(context, wanted)?,
            };
            let count = (atoms.len() - done).min(work.centres as usize);
            let centres: Vec<[u32; 4]> = atoms[done..done + count]
                .iter()
                .map(|&atom| {
                    let r = bound.structure.positions[atom as usize];
                    let [x, y, z] = to_fixed(&self.simulation_box, r).0;
                    [x, y, z, bound.groups_of(term, atom)]
                })
                .collect();
            context.queue.write_buffer(&work.centre, 0, bytemuck::cast_slice(&centres));
            let most = self.run(context, &work, count)?;
            if most > self.parameters.capacity {
                tracing::debug!(most, capacity = self.parameters.capacity, "longer lists");
                self.parameters.capacity = most + most / 8 + 8;
                continue;
            }
            let values: Vec<f32> = map(context, &work.sums_staging)?;
            for (to, from) in sums[done * width..].iter_mut().zip(&values[..count * width]) {
                *to = f64::from(*from);
            }
            done += count;
            self.work = Some(work);
        }
        Ok(())
    }

    /// Submits a block and answers with the most neighbours of a centre.
    fn run(&self, context: &Context, work: &Work, count: usize) -> Result<u32> {
        let mut p = self.parameters;
        p.centres = count as u32;
        // Threads side by side are centres, or neighbours of one centre: what they read is too.
        let by_centre = matches!(self.form, Form::Radial { .. } | Form::Harmonics { .. });
        (p.slot_stride, p.centre_stride) =
            if by_centre { (work.centres as u32, 1) } else { (1, p.capacity) };
        context.queue.write_buffer(&self.uniform, 0, bytemuck::bytes_of(&p));
        context.queue.write_buffer(&work.most, 0, &[0; 4]);
        let mut encoder = context.device.create_command_encoder(&Default::default());
        let groups = count.div_ceil(WORKGROUP);
        let (w, u) = (work, &self.uniform);
        let mut pass = |pipeline: &Pipeline, buffers: &[&wgpu::Buffer], size: [usize; 2]| {
            let entries: Vec<wgpu::BindGroupEntry> = buffers
                .iter()
                .enumerate()
                .map(|(binding, buffer)| wgpu::BindGroupEntry {
                    binding: binding as u32,
                    resource: buffer.as_entire_binding(),
                })
                .collect();
            let bind_group = context.guarded("descriptor buffers", || {
                context.device.create_bind_group(&wgpu::BindGroupDescriptor {
                    label: Some("descriptor"),
                    layout: &pipeline.layout,
                    entries: &entries,
                })
            })?;
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&pipeline.pipeline);
            pass.set_bind_group(0, &bind_group, &[]);
            pass.dispatch_workgroups(size[0] as u32, size[1] as u32, 1);
            Ok::<(), Error>(())
        };
        let lists = [u, &self.atoms, &self.starts, &w.centre, &w.list, &w.counts, &w.most];
        pass(&self.list, &lists, [groups, 1])?;
        let (functions, own_groups) = (p.functions as usize, p.groups as usize);
        match &self.form {
            Form::Radial { sums, functions: table } => {
                let size = [groups, own_groups * functions.div_ceil(4)];
                pass(sums, &[u, &w.list, &w.counts, table, &w.sums], size)?;
            }
            Form::Angular { sums, functions: table } => {
                let pairs = own_groups * (own_groups + 1) / 2;
                let size = [count, pairs * functions.div_ceil(ANGULAR_CHUNK)];
                pass(sums, &[u, &w.list, &w.counts, table, &w.sums], size)?;
            }
            Form::Harmonics { sums, functions: table, recursion } => {
                let size = [groups, own_groups * functions];
                pass(sums, &[u, &w.list, &w.counts, table, recursion, &w.sums], size)?;
            }
            Form::Soap { expand, power, table, recursion, features } => {
                let size = [count, own_groups * (p.part as usize).div_ceil(SOAP_CHUNK)];
                let buffers = [u, &w.list, &w.counts, &w.centre, table, recursion, &w.coefficients];
                pass(expand, &buffers, size)?;
                let size = [(p.width as usize).div_ceil(WORKGROUP), count];
                pass(power, &[u, &w.coefficients, features, &w.sums], size)?;
            }
        }
        encoder.copy_buffer_to_buffer(&w.most, 0, &w.most_staging, 0, 4);
        let bytes = 4 * u64::from(p.width) * count as u64;
        encoder.copy_buffer_to_buffer(&w.sums, 0, &w.sums_staging, 0, bytes);
        context.queue.submit([encoder.finish()]);
        let most: Vec<u32> = map(context, &w.most_staging)?;
        most.first().copied().ok_or_else(|| context.failed("a count came back empty"))
    }
}
