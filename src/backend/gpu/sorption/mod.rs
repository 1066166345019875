//! Sorption on a GPU: a small lattice in one workgroup, all lattices and as many points as a
//! submission may take in one dispatch; a lattice that no workgroup holds in tiled passes.

mod kernels;
mod large;
mod memory;
mod passes;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use bytemuck::{Pod, cast_slice};

use super::GpuBackend;
use super::context::Context;
use crate::error::Result;
use crate::sorption::{
    Cotangent, Gradients, Isotherms, Judged, Lattices, Loss, Scheme, Shifted, SorptionPlan, Start,
    check, divisor,
};
use kernels::{
    COTANGENT_OF_SITES, KEEP_DENSITIES, Kernel, MOST_SITES, Parameters, START_FULL, Spread,
};
use memory::{NUMBERS, UNIFORM, bind, bytes, create, part_size, read_back};

/// Seconds that one submission should take: far below every driver's watchdog.
const CHUNK_SECONDS: f64 = 0.1;
/// Residuals below this are rounding, as on the cpu.
const NOISE: f64 = 2.5e-7;
/// As on the cpu.
const DIVERGES: f64 = 1e-3;
/// Kernels compiled so far.
#[derive(Debug, Default)]
pub(super) struct Programs {
    known: Mutex<HashMap<(Kernel, Spread), wgpu::ComputePipeline>>,
}

impl Programs {
    fn get(
        &self,
        context: &Context,
        kernel: Kernel,
        spread: Spread,
    ) -> Result<wgpu::ComputePipeline> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(&(kernel, spread)) {
            return Ok(found.clone());
        }
        let made = kernels::compile(context, kernel, spread)?;
        known.insert((kernel, spread), made.clone());
        Ok(made)
    }
}

/// Isotherms of every lattice, in parts that fit the device.
pub(super) fn isotherms(
    backend: &GpuBackend,
    lattices: &Lattices,
    plan: &SorptionPlan,
) -> Result<Isotherms> {
    check(lattices, plan)?;
    if lattices.sites() > MOST_SITES {
        return large::isotherms(backend, lattices, plan);
    }
    let size = part_of(backend, lattices, plan, None)?;
    let mut all = Isotherms::empty(plan.path.humidities.len(), plan.densities);
    for first in (0..lattices.count()).step_by(size) {
        let part = lattices.range(first..(first + size).min(lattices.count()));
        let mut run = Run::new(backend, &part, plan, plan.densities, None)?;
        run.follow()?;
        all.append(run.isotherms(plan.densities)?);
    }
    Ok(all)
}

/// Gradients of a loss of every lattice, in parts that fit the device.
pub(super) fn gradients(
    backend: &GpuBackend,
    lattices: &Lattices,
    plan: &SorptionPlan,
    loss: &dyn Loss,
) -> Result<Gradients> {
    check(lattices, plan)?;
    if lattices.sites() > MOST_SITES {
        return large::gradients(backend, lattices, plan, loss);
    }
    let size = part_of(backend, lattices, plan, Some(loss.needs_densities()))?;
    let mut all = Gradients::empty(plan.path.humidities.len(), plan.densities);
    for first in (0..lattices.count()).step_by(size) {
        let part = lattices.range(first..(first + size).min(lattices.count()));
        let loss = Shifted { loss, first };
        all.append(gradients_of_part(backend, &part, plan, &loss)?);
    }
    Ok(all)
}

fn gradients_of_part(
    backend: &GpuBackend,
    lattices: &Lattices,
    plan: &SorptionPlan,
    loss: &dyn Loss,
) -> Result<Gradients> {
    let (points, sites, count) = (plan.path.humidities.len(), lattices.sites(), lattices.count());
    let mut run = Run::new(backend, lattices, plan, true, Some(loss.needs_densities()))?;
    run.follow()?;
    let with_densities = plan.densities || loss.needs_densities();
    let mut isotherms = run.isotherms(with_densities)?;
    let mut weights = Vec::new();
    let mut values = Vec::new();
    let mut direct = Vec::new();
    for lattice in 0..count {
        let own = match &isotherms.densities {
            Some(all) => &all[lattice * points * sites..(lattice + 1) * points * sites],
            None => &[],
        };
        let isotherm = isotherms.lattice(lattice);
        let eta = lattices.lattice(lattice);
        let judged = Judged::new(loss, plan.mean, lattice, eta, isotherm, own)?;
        direct.push(judged.direct);
        values.push(judged.value);
        match &judged.cotangent {
            Cotangent::Isotherm(c) if !loss.needs_densities() => {
                weights.extend(c.iter().map(|c| (c / judged.divisor) as f32));
            }
            _ => (0..points).for_each(|point| {
                weights.extend(judged.of_densities(point, sites).into_iter().map(|c| c as f32));
            }),
        }
    }
    let per_site = weights.len() > count * points || sites == 1;
    let (raw, diverging) = run.backward(&weights, per_site)?;
    if !plan.densities {
        isotherms.densities = None;
    }
    let mut all = Gradients::empty(points, plan.densities);
    for lattice in 0..count {
        let gradient: Vec<f64> = raw[lattice * sites..(lattice + 1) * sites]
            .iter()
            .map(|g| f64::from(*g) + direct[lattice])
            .collect();
        all.push(values[lattice], &gradient, &diverging[lattice * points..(lattice + 1) * points]);
    }
    all.isotherms = isotherms;
    Ok(all)
}

/// [`part_size`] of a batch on a device.
fn part_of(
    backend: &GpuBackend,
    lattices: &Lattices,
    plan: &SorptionPlan,
    gradient: Option<bool>,
) -> Result<usize> {
    let context = &backend.context;
    let need = bytes(plan, lattices.sites() as u64, plan.densities, gradient);
    part_size(need, context.largest_binding(), &context.description.name)
}

/// A part of a batch on the device.
struct Run<'a> {
    backend: &'a GpuBackend,
    lattices: &'a Lattices,
    plan: &'a SorptionPlan,
    parameters: Parameters,
    spread: Spread,
    buffers: Vec<wgpu::Buffer>,
    layout: wgpu::BindGroupLayout,
}

const ETA: usize = 1;
const STATE: usize = 3;
const OUTCOME: usize = 4;
const DENSITIES: usize = 5;
const WEIGHTS: usize = 6;
const GRADIENT: usize = 8;

impl<'a> Run<'a> {
    fn new(
        backend: &'a GpuBackend,
        lattices: &'a Lattices,
        plan: &'a SorptionPlan,
        densities: bool,
        gradient: Option<bool>,
    ) -> Result<Self> {
        let context = &backend.context;
        let shape = lattices.shape();
        let (count, sites) = (lattices.count() as u64, lattices.sites() as u64);
        let points = plan.path.humidities.len();
        let reduced = plan.model.reduced(shape.dimension);
        let [nz, ny, nx] = shape.size.map(|n| n as u32);
        let (iterations, tolerance, most) = match plan.scheme {
            Scheme::Truncated { iterations } => (iterations, 0.0, 0),
            // Single precision does not resolve less.
            Scheme::Converged { tolerance, most_iterations } => {
                (0, tolerance.max(1e-6), most_iterations)
            }
        };
        let mut flags = if densities { KEEP_DENSITIES } else { 0 };
        if plan.path.start == Start::Full {
            flags |= START_FULL;
        }
        let parameters = Parameters {
            size: [nx, ny, nz, sites as u32],
            range: [0, count as u32, 0, points as u32],
            control: [points as u32, iterations, most, flags],
            couplings: [
                reduced.fluid as f32,
                reduced.solid as f32,
                tolerance as f32,
                (-2.0 * reduced.saturation) as f32,
            ],
            limits: [NOISE as f32, DIVERGES as f32, 0.0, 0.0],
        };
        let [kept_densities, weights, kept, outcome, field] =
            bytes(plan, sites, densities, gradient).map(|bytes| count * bytes);
        let sizes = [
            size_of::<Parameters>() as u64,
            field,
            8 * points as u64,
            field,
            outcome,
            kept_densities,
            weights,
            kept,
            if gradient.is_some() { field } else { 0 },
        ];
        let labels = [
            "parameters",
            "lattices",
            "path",
            "state",
            "isotherms",
            "densities",
            "cotangents",
            "iterations",
            "gradient",
        ];
        let mut buffers = Vec::new();
        for (binding, (size, label)) in sizes.into_iter().zip(labels).enumerate() {
            let usage = if binding == 0 { UNIFORM } else { NUMBERS };
            buffers.push(create(context, label, size, usage)?);
        }
        let eta: Vec<f32> = lattices.eta().iter().map(|e| *e as f32).collect();
        context.queue.write_buffer(&buffers[ETA], 0, cast_slice(&eta));
        let scale = -std::f64::consts::LOG2_E;
        let path: Vec<f32> = (0..points)
            .flat_map(|point| {
                let field = scale * reduced.field(plan.path.humidities[point]);
                [field as f32, plan.path.direction(point) as f32]
            })
            .collect();
        context.queue.write_buffer(&buffers[2], 0, cast_slice(&path));
        let zero = vec![0.0f32; eta.len()];
        let state = if plan.path.start == Start::Full { &eta } else { &zero };
        context.queue.write_buffer(&buffers[STATE], 0, cast_slice(state));
        Ok(Self {
            backend,
            lattices,
            plan,
            parameters,
            spread: Spread::new(shape),
            buffers,
            layout: kernels::layout(context),
        })
    }

    /// Runs one dispatch and waits for it; the seconds it took.
    fn dispatch(&self, kernel: Kernel, parameters: Parameters, groups: u64) -> Result<f64> {
        let context = &self.backend.context;
        let pipeline = self.backend.sorption.get(context, kernel, self.spread)?;
        context.queue.write_buffer(&self.buffers[0], 0, bytemuck::bytes_of(&parameters));
        let buffers: Vec<&wgpu::Buffer> = self.buffers.iter().collect();
        let clock = Instant::now();
        context.guarded("a sorption dispatch", || {
            let group = bind(context, &self.layout, &buffers);
            let mut encoder =
                context.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            {
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                pass.set_pipeline(&pipeline);
                pass.set_bind_group(0, &group, &[]);
                let most = u64::from(context.longest_dispatch());
                let rows = groups.div_ceil(most);
                pass.dispatch_workgroups(groups.div_ceil(rows) as u32, rows as u32, 1);
            }
            context.queue.submit([encoder.finish()]);
        })?;
        context.wait()?;
        Ok(clock.elapsed().as_secs_f64())
    }

    /// Dispatches over all lattices and points in pieces that stay short. `backwards`: last point
    /// first.
    fn in_pieces(&self, kernel: Kernel, backwards: bool) -> Result<()> {
        let points = self.parameters.control[0];
        let count = self.parameters.range[1];
        // Lattices × points of a submission.
        let mut budget = 256.0f64;
        let mut first = 0;
        while first < count {
            let lattices = (budget as u32).max(64).min(count - first);
            let mut done = 0;
            while done < points {
                let now = ((budget / f64::from(lattices)) as u32).clamp(1, points - done);
                let mut parameters = self.parameters;
                let range = if backwards {
                    [points - done - now, points - done]
                } else {
                    [done, done + now]
                };
                parameters.range = [first, lattices, range[0], range[1]];
                let seconds = self.dispatch(kernel, parameters, u64::from(lattices))?;
                let fitting = CHUNK_SECONDS / seconds.max(1e-6);
                budget = (f64::from(lattices) * f64::from(now) * fitting.clamp(0.1, 8.0)).max(1.0);
                done += now;
            }
            first += lattices;
        }
        Ok(())
    }

    fn follow(&mut self) -> Result<()> {
        self.in_pieces(Kernel::Follow, false)
    }

    fn read<T: Pod>(&self, buffer: usize, bytes: u64) -> Result<Vec<T>> {
        read_back(&self.backend.context, &self.buffers[buffer], bytes)
    }

    fn isotherms(&self, densities: bool) -> Result<Isotherms> {
        let points = self.plan.path.humidities.len();
        let count = self.lattices.count();
        let mut isotherms = Isotherms::empty(points, densities);
        let outcome: Vec<[f32; 4]> = self.read(OUTCOME, (16 * count * points) as u64)?;
        let converged = matches!(self.plan.scheme, Scheme::Converged { .. });
        for (index, [sum, error, contraction, iterations]) in outcome.into_iter().enumerate() {
            if !sum.is_finite() {
                return Err(self.backend.context.failed("a density is not a number"));
            }
            let divisor = divisor(self.plan.mean, self.lattices.lattice(index / points));
            isotherms.filling.push(f64::from(sum) / divisor);
            isotherms.iterations.push(iterations as u32);
            isotherms.contraction.push(if converged { f64::from(contraction) } else { f64::NAN });
            isotherms.error.push(if error < 1e38 { f64::from(error) } else { f64::INFINITY });
        }
        if densities {
            let bytes = (4 * count * points * self.lattices.sites()) as u64;
            let raw: Vec<f32> = self.read(DENSITIES, bytes)?;
            isotherms.densities = Some(raw.into_iter().map(f64::from).collect());
        }
        Ok(isotherms)
    }

    /// The gradient through the densities, and the points that diverge.
    fn backward(&mut self, weights: &[f32], per_site: bool) -> Result<(Vec<f32>, Vec<bool>)> {
        let context = &self.backend.context;
        let points = self.plan.path.humidities.len();
        let (count, sites) = (self.lattices.count(), self.lattices.sites());
        context.queue.write_buffer(&self.buffers[WEIGHTS], 0, cast_slice(weights));
        if per_site {
            self.parameters.control[3] |= COTANGENT_OF_SITES;
        }
        let zero = vec![0.0f32; count * sites];
        let mut diverging = vec![false; count * points];
        match self.plan.scheme {
            Scheme::Truncated { .. } => {
                context.queue.write_buffer(&self.buffers[STATE], 0, cast_slice(&zero));
                context.queue.write_buffer(&self.buffers[GRADIENT], 0, cast_slice(&zero));
                self.in_pieces(Kernel::Unrolled, true)?;
            }
            Scheme::Converged { .. } => {
                let mut budget = 64.0f64;
                let mut first = 0u32;
                while first < count as u32 {
                    let lattices = ((budget as u32) / points as u32).clamp(1, count as u32 - first);
                    let mut parameters = self.parameters;
                    parameters.range = [first, lattices, 0, points as u32];
                    let groups = u64::from(lattices) * points as u64;
                    let seconds = self.dispatch(Kernel::Implicit, parameters, groups)?;
                    let fitting = CHUNK_SECONDS / seconds.max(1e-6);
                    budget = groups as f64 * fitting.clamp(0.1, 8.0);
                    first += lattices;
                }
                let groups = ((count * sites) as u64).div_ceil(64);
                self.dispatch(Kernel::Collect, self.parameters, groups)?;
                let outcome: Vec<[f32; 4]> = self.read(OUTCOME, (16 * count * points) as u64)?;
                for (flag, outcome) in diverging.iter_mut().zip(outcome) {
                    *flag = outcome[1] >= 1e38 || outcome[2] >= 2.0;
                }
            }
        }
        Ok((self.read(GRADIENT, (4 * count * sites) as u64)?, diverging))
    }
}
