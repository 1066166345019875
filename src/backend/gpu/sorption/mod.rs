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
use crate::error::{Error, Result};
use crate::sorption::{
    Cotangent, Dimension, Gradients, Isotherms, Judged, Lattices, Loss, Scheme, Shape, Shifted,
    SorptionPlan, Start, check, divisor,
};
use kernels::{
    COTANGENT_OF_SITES, KEEP_DENSITIES, Kernel, MOST_SITES, Parameters, START_FULL, Spread,
};
use memory::{NUMBERS, STAND_BYTES, UNIFORM, bind, bytes, create, part_size, read_back};
use passes::Passes;
use pieces::{CHUNK_SECONDS, Piece, Pieces};

/// Residuals below this are rounding, as on the cpu.
const NOISE: f64 = 2.5e-7;
/// As on the cpu.
const DIVERGES: f64 = 1e-3;
/// Turns after which Mesa's software rasterisers end the loops of an invocation, counted over all of
/// them (LP_MAX_TGSI_LOOP_ITERATIONS in gallivm).
const LOOP_TURNS: u32 = 65_535;
/// Passes over a lattice in one submission at most on hardware: a tenth of a second or so.
const MOST_PASSES: u32 = 65_536;
/// Points that are added up in one dispatch.
const COLLECTED: usize = 16_384;
/// Turns of the loop by which a kernel tells whether loops still run.
const WATCHED_TURNS: f32 = 4.0;
/// `outcome` before a point is reached: its filling is not a number, its error UNFINISHED.
const UNREACHED: [f32; 4] = [f32::NAN, -1.0, 0.0, 0.0];
/// `outcome[0]` of a point whose part of the gradient was found.
const FOUND: f32 = -1.0;

/// Passes over a lattice that one submission may make, and rounds of conjugate gradients. A software
/// rasteriser is given half of its loop turns, or nearly all where their number is exact.
fn most_work(spread: Spread, software: bool) -> [u32; 2] {
    match software {
        true => [LOOP_TURNS / 2 / spread.turns(), LOOP_TURNS / 10 * 9 / spread.turns()],
        false => [MOST_PASSES, u32::MAX],
    }
}

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
    /// As [`most_work`] says.
    most: [u32; 2],
    buffers: Vec<wgpu::Buffer>,
    layout: wgpu::BindGroupLayout,
}

const ETA: usize = 1;
const STATE: usize = 3;
const OUTCOME: usize = 4;
const DENSITIES: usize = 5;
const WEIGHTS: usize = 6;
const KEPT: usize = 7;
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
            limits: [
                NOISE as f32,
                DIVERGES as f32,
                WATCHED_TURNS,
                (NOISE * reduced.rounding()) as f32,
            ],
            part: [0; 4],
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
        let unreached = vec![UNREACHED; lattices.count() * points];
        context.queue.write_buffer(&buffers[OUTCOME], 0, cast_slice(&unreached));
        if let Scheme::Converged { .. } = plan.scheme {
            let stands = vec![0.0f32; (count * STAND_BYTES / 4) as usize];
            context.queue.write_buffer(&buffers[KEPT], 0, cast_slice(&stands));
        }
        let spread = Spread::new(shape);
        Ok(Self {
            backend,
            lattices,
            plan,
            parameters,
            spread,
            most: most_work(spread, context.description.software),
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
            let mut longest = 0.0f64;
            for part in self.parts(kernel, iterations) {
                parameters.part = part;
                longest = longest.max(self.dispatch(kernel, parameters, u64::from(count))?);
            }
            if kernel == Kernel::Follow && iterations == 0 {
                let mut stands = self.stands(&lattices)?;
                // Walks that used up their passes go on where they stand.
                while stands.iter().any(|stand| (stand[0] as u32) < points.end) {
                    longest = longest.max(self.dispatch(kernel, parameters, u64::from(count))?);
                    let now = self.stands(&lattices)?;
                    if now == stands {
                        return Err(self.unfinished());
                    }
                    stands = now;
                }
            }
            pieces.took(longest);
        }
        Ok(())
    }

    /// What the dispatches of a piece do: a walk as many passes as it may, back-propagation the
    /// iterations of a point forwards and then back, at once if they are few enough.
    fn parts(&self, kernel: Kernel, iterations: u32) -> Vec<[u32; 4]> {
        let [passes, _] = self.most;
        if kernel != Kernel::Unrolled {
            return vec![[passes, 0, 0, 0]];
        }
        if iterations < passes {
            return vec![[0, iterations, 0, iterations]];
        }
        let step = passes - 1;
        let ranges = (0..iterations.div_ceil(step)).map(|k| {
            let first = k * step;
            (first, first.saturating_add(step).min(iterations))
        });
        let forwards = ranges.clone().map(|(first, end)| [first, end, 0, 0]);
        forwards.chain(ranges.rev().map(|(first, end)| [0, 0, first, end])).collect()
    }

    /// Where the walks of some lattices stand: point, iterations made there, and more.
    fn stands(&self, lattices: &std::ops::Range<u32>) -> Result<Vec<[f32; 8]>> {
        let [first, end] = [lattices.start, lattices.end].map(|k| u64::from(k) * STAND_BYTES);
        read_back(&self.backend.context, &self.buffers[KEPT], first..end)
    }

    /// A kernel did less than it was asked for.
    fn unfinished(&self) -> Error {
        Error::Device {
            device: self.backend.context.description.name.clone(),
            what: format!(
                "a sorption kernel was ended before its work was done ({} passes over a lattice were asked for at once)",
                self.most[0]
            ),
            remedy: "use --device cpu; on hardware, update the driver".into(),
        }
    }

    /// The pieces of all lattices and points.
    fn pieces(&self, divisible: bool, backwards: bool) -> Pieces {
        let [points, iterations, ..] = self.parameters.control;
        Pieces::new(self.parameters.range[1], points, iterations, divisible, backwards)
            .at_most(self.most[0])
    }

    fn follow(&mut self) -> Result<()> {
        // `state` has the densities between the iterations of a point, `kept` the rest of a walk.
        self.in_pieces(Kernel::Follow, self.pieces(true, false))
    }

    fn read<T: Pod>(&self, buffer: usize, bytes: u64) -> Result<Vec<T>> {
        read_back(&self.backend.context, &self.buffers[buffer], 0..bytes)
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
            if error < 0.0 {
                return Err(self.unfinished());
            }
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
        context.queue.write_buffer(&self.buffers[GRADIENT], 0, cast_slice(&zero));
        let mut diverging = vec![false; count * points];
        match self.plan.scheme {
            Scheme::Truncated { .. } => {
                context.queue.write_buffer(&self.buffers[STATE], 0, cast_slice(&zero));
                self.in_pieces(Kernel::Unrolled, self.pieces(false, true))?;
            }
            Scheme::Converged { .. } => {
                let mut budget = 64.0f64;
                let mut first = 0u32;
                while first < count as u32 {
                    let lattices = ((budget as u32) / points as u32).clamp(1, count as u32 - first);
                    let mut parameters = self.parameters;
                    parameters.range = [first, lattices, 0, points as u32];
                    parameters.part[0] = self.most[1];
                    let groups = u64::from(lattices) * points as u64;
                    let seconds = self.dispatch(Kernel::Implicit, parameters, groups)?;
                    let fitting = CHUNK_SECONDS / seconds.max(1e-6);
                    budget = groups as f64 * fitting.clamp(0.1, 8.0);
                    first += lattices;
                }
                let groups = ((count * sites) as u64).div_ceil(64);
                for point in (0..points).step_by(COLLECTED) {
                    let mut parameters = self.parameters;
                    let end = (point + COLLECTED).min(points);
                    parameters.range = [0, count as u32, point as u32, end as u32];
                    self.dispatch(Kernel::Collect, parameters, groups)?;
                }
            }
        }
        let outcome: Vec<[f32; 4]> = self.read(OUTCOME, (16 * count * points) as u64)?;
        for (flag, [found, error, contraction, _]) in diverging.iter_mut().zip(outcome) {
            if found != FOUND {
                return Err(self.unfinished());
            }
            // Neither is there for a truncated scheme.
            *flag = error >= 1e38 || contraction >= 2.0;
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
    fn what_a_driver_leaves_undone_is_not_a_result() {
        use crate::sorption::{Path, even_humidities, random_lattices};
        let lattices = random_lattices(Shape::square(16, 16), 1, 0.7..0.8, 3).expect("sound");
        let mut plan = SorptionPlan::new(Path::adsorption(&even_humidities(200, 1.0)));
        for adapter in adapters() {
            let choice = AdapterChoice::Index(adapter.index);
            let backend = GpuBackend::new(choice, GpuOptions::default()).expect("opens");
            for scheme in [Scheme::CONVERGED, Scheme::Truncated { iterations: 200 }] {
                plan.scheme = scheme;
                let want = isotherms(&backend, &lattices, &plan).expect("runs");
                // Everything at once, which some software rasterisers cut short.
                let mut run = Run::new(&backend, &lattices, &plan, false, None).expect("made");
                run.most = [u32::MAX; 2];
                let have = run.follow().and_then(|()| run.isotherms(false));
                match have {
                    Ok(have) => assert_eq!(have.filling, want.filling, "{}", adapter.name),
                    Err(error) => {
                        assert!(error.to_string().contains("before its work was done"), "{error}");
                        assert!(error.remedy().contains("--device cpu"), "{}", error.remedy());
                    }
                }
                // Points that no submission has reached.
                let mut run =
                    Run::new(&backend, &lattices, &plan, true, Some(false)).expect("made");
                assert!(run.isotherms(false).is_err());
                run.follow().expect("runs");
                run.isotherms(false).expect("complete");
                // A gradient of which nothing was computed.
                let outcome: Vec<[f32; 4]> = run.read(OUTCOME, 16 * 200).expect("read");
                assert!(outcome.iter().all(|[found, ..]| *found != FOUND));
                // And one that is allowed too few rounds.
                if scheme == Scheme::CONVERGED {
                    run.most[1] = 1;
                    assert!(run.backward(&[1.0; 200], false).is_err(), "{}", adapter.name);
                }
            }
        }
    }

    #[test]
    fn software_is_given_fewer_loop_turns_than_it_takes() {
        for shape in [Shape::square(4, 4), Shape::square(20, 20), Shape::square(30, 30)] {
            let spread = Spread::new(shape);
            let [passes, rounds] = most_work(spread, true);
            assert!(passes > 100 && (passes + 40) * spread.turns() < LOOP_TURNS);
            assert!(rounds > passes && (rounds + 10) * spread.turns() < LOOP_TURNS);
            assert!(most_work(spread, false)[0] > passes);
        }
        // Every lattice of up to 512 sites may make all its rounds of conjugate gradients.
        let spread = Spread::new(Shape::square(16, 32));
        assert!(most_work(spread, true)[1] >= 2 * 512 + 100);
    }

    #[test]
    fn gradients_are_charged_for_their_buffers() {
        use crate::sorption::{Path, even_humidities};
        let mut plan = SorptionPlan::new(Path::adsorption(&even_humidities(40, 1.0)));
        // Densities and cotangents and results of 40 points, and three arrays of 400 sites.
        let small = Shape::square(20, 20);
        let stand = 32;
        assert_eq!(gradient_bytes(small, &plan), 40 * (1600 + 4 + 16) + 3 * 1600 + stand);
        plan.scheme = Scheme::PUBLISHED;
        assert_eq!(gradient_bytes(small, &plan), 40 * (1600 + 4 + 16) + 103 * 1600);
        // η, nine arrays and 100 iterations; densities of the path wait on the host.
        assert_eq!(gradient_bytes(Shape::square(100, 100), &plan), 40_000 * (10 + 100));
    }
}
