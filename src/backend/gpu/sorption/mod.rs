//! Sorption on a GPU: a small lattice in one workgroup, all lattices and as many points as a
//! submission may take in one dispatch; a lattice that no workgroup holds in tiled passes.

mod kernels;
mod large;
mod memory;
mod passes;
mod pieces;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytemuck::{Pod, cast_slice};

use super::GpuBackend;
use super::context::Context;
use crate::error::Result;
use crate::sorption::{
    Cotangent, Dimension, Gradients, Isotherms, Judged, Lattices, Loss, Scheme, Shape, Shifted,
    SorptionPlan, Start, check, divisor,
};
use kernels::{
    COTANGENT_OF_SITES, KEEP_DENSITIES, Kernel, MOST_SITES, Parameters, START_FULL, Spread,
};
use memory::{NUMBERS, UNIFORM, bind, bytes, create, part_size, read_back};
use passes::Passes;
use pieces::{CHUNK_SECONDS, Piece, Pieces};

/// Residuals below this are rounding, as on the cpu.
const NOISE: f64 = 2.5e-7;
/// As on the cpu.
const DIVERGES: f64 = 1e-3;
/// Kernels compiled so far.
#[derive(Debug, Default)]
pub(super) struct Programs {
    known: Mutex<HashMap<(Kernel, Spread), wgpu::ComputePipeline>>,
    /// Of lattices that no workgroup holds, in two dimensions and in three.
    large: [Mutex<Option<Arc<Passes>>>; 2],
}

impl Programs {
    fn passes(&self, context: &Context, dimension: Dimension) -> Result<Arc<Passes>> {
        let three = dimension == Dimension::Three;
        let mut known =
            self.large[usize::from(three)].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = &*known {
            return Ok(Arc::clone(found));
        }
        Ok(Arc::clone(known.insert(Arc::new(Passes::new(context, three)?))))
    }

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

/// Bytes that the gradient of a lattice holds on the device at once.
pub(super) fn gradient_bytes(shape: Shape, plan: &SorptionPlan) -> u64 {
    let sites = shape.sites() as u64;
    if shape.sites() > MOST_SITES {
        return large::gradient_bytes(sites, plan);
    }
    // η, state and gradient are arrays of one number a site.
    let need = bytes(plan, sites, true, Some(false));
    need.iter().sum::<u64>() + 2 * need[4]
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

    /// Dispatches over all lattices and points in pieces that stay short.
    fn in_pieces(&self, kernel: Kernel, mut pieces: Pieces) -> Result<()> {
        while let Some(Piece { lattices, points, iterations }) = pieces.piece() {
            let mut parameters = self.parameters;
            let count = lattices.len() as u32;
            parameters.range = [lattices.start, count, points.start, points.end];
            parameters.control[1] = iterations;
            pieces.took(self.dispatch(kernel, parameters, u64::from(count))?);
        }
        Ok(())
    }

    /// The pieces of all lattices and points.
    fn pieces(&self, divisible: bool, backwards: bool) -> Pieces {
        let [points, iterations, ..] = self.parameters.control;
        Pieces::new(self.parameters.range[1], points, iterations, divisible, backwards)
    }

    fn follow(&mut self) -> Result<()> {
        // `state` has the densities between the iterations of a point.
        self.in_pieces(Kernel::Follow, self.pieces(true, false))
    }

    fn read<T: Pod>(&self, buffer: usize, bytes: u64) -> Result<Vec<T>> {
        read_back(&self.backend.context, &self.buffers[buffer], bytes)
    }

    fn isotherms(&self, densities: bool) -> Result<Isotherms> {
        let points = self.plan.path.humidities.len();
        let count = self.lattices.count();
        let mut isotherms = Isotherms::empty(points, densities);
        let outcome: Vec<[f32; 4]> = self.read(OUTCOME, (16 * count * points) as u64)?;
        let truncated = match self.plan.scheme {
            Scheme::Truncated { iterations } => Some(iterations),
            Scheme::Converged { .. } => None,
        };
        for (index, [sum, error, contraction, iterations]) in outcome.into_iter().enumerate() {
            if !sum.is_finite() {
                return Err(self.backend.context.failed("a density is not a number"));
            }
            let divisor = divisor(self.plan.mean, self.lattices.lattice(index / points));
            isotherms.filling.push(f64::from(sum) / divisor);
            // A truncated point may have been made in several pieces.
            isotherms.iterations.push(truncated.unwrap_or(iterations as u32));
            let contraction = truncated.map_or(f64::from(contraction), |_| f64::NAN);
            isotherms.contraction.push(contraction);
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
                // The iterations of a point stay together; the memory for them bounds their number.
                self.in_pieces(Kernel::Unrolled, self.pieces(false, true))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::gpu::{AdapterChoice, GpuOptions, adapters};

    #[test]
    fn passes_over_large_lattices_are_compiled_once() {
        for adapter in adapters() {
            let choice = AdapterChoice::Index(adapter.index);
            let backend = GpuBackend::new(choice, GpuOptions::default()).expect("opens");
            let passes = |dimension| backend.sorption.passes(&backend.context, dimension);
            let first = passes(Dimension::Two).expect("compiles");
            assert!(Arc::ptr_eq(&first, &passes(Dimension::Two).expect("compiled")));
            assert!(!Arc::ptr_eq(&first, &passes(Dimension::Three).expect("compiles")));
        }
    }

    #[test]
    fn gradients_are_charged_for_their_buffers() {
        use crate::sorption::{Path, even_humidities};
        let mut plan = SorptionPlan::new(Path::adsorption(&even_humidities(40, 1.0)));
        // Densities and cotangents and results of 40 points, and three arrays of 400 sites.
        let small = Shape::square(20, 20);
        assert_eq!(gradient_bytes(small, &plan), 40 * (1600 + 4 + 16) + 3 * 1600);
        plan.scheme = Scheme::PUBLISHED;
        assert_eq!(gradient_bytes(small, &plan), 40 * (1600 + 4 + 16) + 103 * 1600);
        // η, nine arrays and 100 iterations; densities of the path wait on the host.
        assert_eq!(gradient_bytes(Shape::square(100, 100), &plan), 40_000 * (10 + 100));
    }
}
