//! Lattices that no workgroup holds, one at a time: tiled passes over buffers, driven by the same
//! walk as on the cpu. A pass moves whole lattices, so that the few numbers the host reads after
//! some of them do not matter.

use bytemuck::cast_slice;

use super::super::GpuBackend;
use super::super::buffers::map;
use super::kernels::{self, Parameters};
use super::memory::{NUMBERS, UNIFORM, bind, create, part_size, read_back};
use super::passes::{Pass, Passes};
use super::{DIVERGES, NOISE};
use crate::error::{Error, Result};
use crate::sorption::solver::{BOUND_PASSES, Residual, Series, Walker, walk};
use crate::sorption::{
    Gradients, Isotherms, Judged, Lattices, Loss, Reduced, Scheme, SorptionPlan, Start, divisor,
};

/// Sites × passes of one submission: some milliseconds on hardware, below a second in software.
const SITE_PASSES: usize = 32 << 20;
/// Passes of one submission at most.
const MOST_PASSES: usize = 32;
/// Iterations of the adjoint after which it is said to diverge.
const MOST_RELAXATIONS: usize = 20_000;

/// Which buffer a binding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// Nothing is read or written there.
    None,
    Density,
    Next,
    Ray,
    Moved,
    There,
    Attraction,
    Adjoint,
    Gradient,
    Given,
    /// Logistic values of an iteration.
    Kept(usize),
}

/// One lattice on the device.
struct Large<'a> {
    backend: &'a GpuBackend,
    passes: &'a Passes,
    parameters: Parameters,
    reduced: Reduced,
    groups: [u32; 3],
    layout: wgpu::BindGroupLayout,
    uniform: wgpu::Buffer,
    eta: wgpu::Buffer,
    partial: wgpu::Buffer,
    partial_staging: wgpu::Buffer,
    arrays: Vec<wgpu::Buffer>,
    kept: Vec<wgpu::Buffer>,
    unused: Vec<wgpu::Buffer>,
    sites: usize,
    /// Passes of one submission, an even number.
    passes_at_once: usize,
    failure: Option<Error>,
}

fn passes_at_once(sites: usize) -> usize {
    (SITE_PASSES / sites).clamp(2, MOST_PASSES) & !1
}

/// Refuses a lattice that is longer than a dispatch: a workgroup holds 16 × 16 sites of a layer.
fn check_groups(groups: [u32; 3], longest: u32, device: &str) -> Result<()> {
    let names = ["x in tiles of 16 sites", "y in tiles of 16 sites", "z in layers"];
    for (needed, name) in groups.into_iter().zip(names) {
        if needed > longest {
            return Err(Error::Capacity {
                what: format!("the length of a lattice along {name}"),
                needed: u64::from(needed),
                available: u64::from(longest),
                device: device.to_owned(),
            });
        }
    }
    Ok(())
}

/// Bytes that the gradient of a lattice holds on the device at once.
pub(super) fn gradient_bytes(sites: u64, plan: &SorptionPlan) -> u64 {
    let kept = match plan.scheme {
        Scheme::Truncated { iterations } => u64::from(iterations),
        Scheme::Converged { .. } => 0,
    };
    (4 * sites).saturating_mul(1 + ARRAYS.len() as u64 + kept)
}

const ARRAYS: [Slot; 9] = [
    Slot::Density,
    Slot::Next,
    Slot::Ray,
    Slot::Moved,
    Slot::There,
    Slot::Attraction,
    Slot::Adjoint,
    Slot::Gradient,
    Slot::Given,
];

impl<'a> Large<'a> {
    fn new(
        backend: &'a GpuBackend,
        passes: &'a Passes,
        lattices: &Lattices,
        index: usize,
        plan: &SorptionPlan,
    ) -> Result<Self> {
        let context = &backend.context;
        let shape = lattices.shape();
        let sites = lattices.sites();
        let bytes = 4 * sites as u64;
        part_size([0, 0, 0, 0, bytes], context.largest_binding(), &context.description.name)?;
        let [nz, ny, nx] = shape.size.map(|n| n as u32);
        let groups = [nx.div_ceil(16), ny.div_ceil(16), nz];
        check_groups(groups, context.longest_dispatch(), &context.description.name)?;
        let storage = |label: &str, size: u64| create(context, label, size, NUMBERS);
        let reduced = plan.model.reduced(shape.dimension);
        let partial_bytes = 8 * groups.iter().map(|g| u64::from(*g)).product::<u64>();
        let mut large = Self {
            backend,
            passes,
            parameters: Parameters {
                size: [nx, ny, nz, sites as u32],
                range: [0; 4],
                control: [0; 4],
                couplings: [
                    reduced.fluid as f32,
                    reduced.solid as f32,
                    (NOISE * reduced.rounding()) as f32,
                    (-2.0 * reduced.saturation) as f32,
                ],
                limits: [NOISE as f32, 0.0, 1.0, 0.0],
                part: [0; 4],
            },
            reduced,
            groups,
            layout: kernels::layout(context),
            uniform: create(context, "parameters", size_of::<Parameters>() as u64, UNIFORM)?,
            eta: storage("lattice", bytes)?,
            partial: storage("partial results", partial_bytes)?,
            partial_staging: create(
                context,
                "staging",
                partial_bytes,
                wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            )?,
            arrays: ARRAYS.iter().map(|_| storage("sites", bytes)).collect::<Result<_>>()?,
            kept: Vec::new(),
            unused: (0..9).map(|_| storage("unused", 16)).collect::<Result<_>>()?,
            sites,
            passes_at_once: passes_at_once(sites),
            failure: None,
        };
        let eta: Vec<f32> = lattices.lattice(index).iter().map(|e| *e as f32).collect();
        context.queue.write_buffer(&large.eta, 0, cast_slice(&eta));
        // The attraction is a neighbour sum of η itself.
        large.write(Slot::Moved, &eta);
        large.run(
            Pass::Attract,
            [Slot::Moved, Slot::None, Slot::Attraction, Slot::None, Slot::None, Slot::None],
        )?;
        large.start(plan.path.start, &eta);
        Ok(large)
    }

    fn start(&mut self, start: Start, eta: &[f32]) {
        match start {
            Start::Empty => self.write(Slot::Density, &vec![0.0; self.sites]),
            Start::Full => self.write(Slot::Density, eta),
        }
    }

    fn buffer(&self, slot: Slot, binding: usize) -> &wgpu::Buffer {
        match slot {
            Slot::None => &self.unused[binding],
            Slot::Kept(k) => &self.kept[k],
            named => {
                let at = ARRAYS.iter().position(|s| *s == named).unwrap_or(0);
                &self.arrays[at]
            }
        }
    }

    fn write(&self, slot: Slot, values: &[f32]) {
        self.backend.context.queue.write_buffer(self.buffer(slot, 0), 0, cast_slice(values));
    }

    fn swap(&mut self, a: Slot, b: Slot) {
        let at = |slot| ARRAYS.iter().position(|s| *s == slot).unwrap_or(0);
        self.arrays.swap(at(a), at(b));
    }

    fn group(&self, slots: [Slot; 6]) -> wgpu::BindGroup {
        let [source, first, result, second, third, fourth] = slots;
        let buffers = [
            &self.uniform,
            &self.eta,
            self.buffer(source, 2),
            self.buffer(first, 3),
            self.buffer(result, 4),
            &self.partial,
            self.buffer(second, 6),
            self.buffer(third, 7),
            self.buffer(fourth, 8),
        ];
        bind(&self.backend.context, &self.layout, &buffers)
    }

    /// Passes in one submission. Slots: source, first, result, second, third, fourth.
    fn run_all(&self, passes: &[(Pass, [Slot; 6])]) -> Result<()> {
        let context = &self.backend.context;
        context.queue.write_buffer(&self.uniform, 0, bytemuck::bytes_of(&self.parameters));
        context.guarded("a sorption dispatch", || {
            let mut encoder =
                context.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            {
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                for (kernel, slots) in passes {
                    pass.set_pipeline(self.passes.get(*kernel));
                    pass.set_bind_group(0, &self.group(*slots), &[]);
                    let [x, y, z] = self.groups;
                    pass.dispatch_workgroups(x, y, z);
                }
            }
            let bytes = self.partial_staging.size().min(self.partial.size());
            encoder.copy_buffer_to_buffer(&self.partial, 0, &self.partial_staging, 0, bytes);
            context.queue.submit([encoder.finish()]);
        })?;
        context.wait()
    }

    fn run(&self, pass: Pass, slots: [Slot; 6]) -> Result<()> {
        self.run_all(&[(pass, slots)])
    }

    /// What every workgroup left after the last submission.
    fn partials(&self) -> Result<Vec<[f32; 2]>> {
        let count = self.groups.iter().map(|g| *g as usize).product();
        let mut all: Vec<[f32; 2]> = map(&self.backend.context, &self.partial_staging)?;
        all.truncate(count);
        Ok(all)
    }

    fn largest(&self) -> Result<[f64; 2]> {
        Ok(self.partials()?.into_iter().fold([f64::NEG_INFINITY; 2], |m, p| {
            [m[0].max(f64::from(p[0])), m[1].max(f64::from(p[1]))]
        }))
    }

    fn read(&self, slot: Slot) -> Result<Vec<f32>> {
        read_back(&self.backend.context, self.buffer(slot, 0), 0..4 * self.sites as u64)
    }

    fn set(&mut self, field: f64, direction: f64) {
        self.parameters.limits[1] = (-std::f64::consts::LOG2_E * field) as f32;
        self.parameters.limits[2] = direction as f32;
    }

    /// A result, or a harmless value and the error for later.
    fn attempt<T>(&mut self, result: Result<T>, instead: T) -> T {
        match result {
            Ok(value) => value,
            Err(error) => {
                self.failure.get_or_insert(error);
                instead
            }
        }
    }

    /// Plain iterations.
    fn iterate(&mut self, field: f64, count: u32) -> Result<()> {
        use Slot::*;
        self.set(field, 1.0);
        let mut left = count;
        while left > 0 {
            let now = left.min(self.passes_at_once as u32);
            let passes: Vec<_> = (0..now)
                .map(|k| match k % 2 {
                    0 => (Pass::StepForward, [Density, None, Next, Attraction, None, None]),
                    _ => (Pass::StepForward, [Next, None, Density, Attraction, None, None]),
                })
                .collect();
            self.run_all(&passes)?;
            if now % 2 == 1 {
                self.swap(Density, Next);
            }
            left -= now;
        }
        Ok(())
    }

    /// Follows the path; the densities at every point, if they are to be kept.
    fn follow(
        &mut self,
        plan: &SorptionPlan,
        keep: bool,
        divisor: f64,
        to: &mut Isotherms,
    ) -> Result<Vec<Vec<f32>>> {
        let mut densities = Vec::new();
        for (point, humidity) in plan.path.humidities.iter().enumerate() {
            let field = self.reduced.field(*humidity);
            match plan.scheme {
                Scheme::Truncated { iterations } => {
                    self.iterate(field, iterations)?;
                    to.iterations.push(iterations);
                    to.error.push(0.0);
                    to.contraction.push(f64::NAN);
                }
                Scheme::Converged { tolerance, most_iterations } => {
                    let direction = plan.path.direction(point);
                    let arrival =
                        walk(self, field, direction, tolerance.max(1e-6), most_iterations);
                    if let Some(failure) = self.failure.take() {
                        return Err(failure);
                    }
                    to.iterations.push(arrival.iterations);
                    to.error.push(arrival.error);
                    to.contraction.push(arrival.contraction);
                }
            }
            let rho = self.read(Slot::Density)?;
            to.filling.push(rho.iter().map(|r| f64::from(*r)).sum::<f64>() / divisor);
            if keep {
                densities.push(rho);
            }
        }
        Ok(densities)
    }

    /// Adds the part of a point by iterating λ ← g + w A(dλ); false if it diverges.
    fn implicit(&mut self, field: f64, rho: &[f32], g: &[f32]) -> Result<bool> {
        use Slot::*;
        self.set(field, 1.0);
        self.write(Density, rho);
        self.write(Given, g);
        self.write(Adjoint, &vec![0.0; self.sites]);
        // s into Moved, d into There; the first q is zero.
        self.run(Pass::Linearize, [Density, None, Next, Attraction, Moved, There])?;
        self.write(Next, &vec![0.0; self.sites]);
        for _ in 0..MOST_RELAXATIONS / self.passes_at_once {
            let passes: Vec<_> = (0..self.passes_at_once)
                .map(|k| match k % 2 {
                    0 => (Pass::Relax, [Next, There, Ray, Given, Adjoint, None]),
                    _ => (Pass::Relax, [Ray, There, Next, Given, Adjoint, None]),
                })
                .collect();
            self.run_all(&passes)?;
            let [change, size] = self.largest()?;
            if !size.is_finite() {
                return Ok(false);
            }
            if change <= 3e-7 * size {
                self.run(Pass::Contribute, [Next, None, None, Moved, Adjoint, Gradient])?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Back-propagation through the iterations of all points.
    fn unrolled(
        &mut self,
        plan: &SorptionPlan,
        iterations: u32,
        densities: &[Vec<f32>],
        eta: &[f32],
        wanted: impl Fn(usize) -> Vec<f32>,
    ) -> Result<()> {
        use Slot::*;
        let context = &self.backend.context;
        while self.kept.len() < iterations as usize {
            let kept = create(context, "kept iteration", 4 * self.sites as u64, NUMBERS)?;
            self.kept.push(kept);
        }
        self.write(Adjoint, &vec![0.0; self.sites]);
        for point in (0..densities.len()).rev() {
            self.set(self.reduced.field(plan.path.humidities[point]), 1.0);
            match point {
                0 => self.start(plan.path.start, eta),
                _ => self.write(Density, &densities[point - 1]),
            }
            self.write(Given, &wanted(point));
            let mut passes: Vec<_> = (0..iterations as usize)
                .map(|m| match m % 2 {
                    0 => (Pass::Linearize, [Density, None, Next, Attraction, Kept(m), There]),
                    _ => (Pass::Linearize, [Next, None, Density, Attraction, Kept(m), There]),
                })
                .collect();
            passes.push((Pass::Accumulate, [None, None, None, Given, Adjoint, None]));
            for m in (0..iterations as usize).rev() {
                passes.push((Pass::Pull, [None, None, Ray, Kept(m), Adjoint, None]));
                passes.push((Pass::Back, [Ray, None, None, Kept(m), Adjoint, Gradient]));
            }
            for part in passes.chunks(self.passes_at_once) {
                self.run_all(part)?;
            }
        }
        if plan.path.start == Start::Full {
            self.run(Pass::Accumulate, [None, None, None, Adjoint, Gradient, None])?;
        }
        Ok(())
    }
}

impl Walker for Large<'_> {
    const NOISE: f64 = NOISE;

    fn evaluate(&mut self, field: f64, direction: f64) -> Residual {
        use Slot::*;
        self.set(field, direction);
        let done = self
            .run(Pass::StepForward, [Density, None, Next, Attraction, None, None])
            .and_then(|()| self.largest());
        let [largest, against] = self.attempt(done, [0.0, 0.0]);
        Residual { largest, against }
    }

    fn advance(&mut self) {
        self.swap(Slot::Density, Slot::Next);
    }

    fn safe_length(&mut self, _: f64) -> f64 {
        use Slot::*;
        let done = self
            .run_all(&[
                (Pass::Ray, [Density, None, Ray, Next, None, None]),
                (Pass::SafeLength, [Ray, None, None, Next, None, None]),
            ])
            .and_then(|()| self.largest());
        -self.attempt(done, [0.0, 0.0])[0]
    }

    fn extrapolate(&mut self, field: f64, direction: f64, t: f64) -> bool {
        use Slot::*;
        self.set(field, direction);
        self.parameters.limits[3] = t as f32;
        let done = self
            .run_all(&[
                (Pass::MoveOn, [Density, None, Moved, Ray, None, None]),
                (Pass::StepForward, [Moved, None, There, Attraction, None, None]),
                (Pass::Judge, [Moved, None, None, Ray, There, None]),
            ])
            .and_then(|()| self.largest());
        let proved = self.attempt(done, [1.0, 0.0])[0] == 0.0;
        if proved {
            self.swap(Density, There);
        }
        proved
    }

    fn series(&mut self) -> Series {
        use Slot::*;
        let all = || -> Result<Series> {
            self.run(Pass::FirstTerm, [Density, None, Ray, Next, Moved, None])?;
            let (mut before, mut ratio) = (0.0, 0.0);
            for term in 0..BOUND_PASSES {
                let slots = match term % 2 {
                    0 => [Ray, None, There, Next, Moved, None],
                    _ => [There, None, Ray, Next, Moved, None],
                };
                self.run(Pass::NextTerm, slots)?;
                if term + 2 >= BOUND_PASSES {
                    let square: f64 = self.partials()?.iter().map(|p| f64::from(p[0])).sum();
                    ratio = if before > 0.0 { (square / before).sqrt() } else { 0.0 };
                    before = square;
                }
            }
            self.run(Pass::LargestTerms, [Ray, None, None, None, Moved, None])?;
            let [sum, last] = self.largest()?.map(|x| x / 65536.0);
            Ok(Series { sum, last, ratio })
        };
        let done = all();
        self.attempt(done, Series { sum: 0.0, last: 0.0, ratio: 1.0 })
    }

    fn coupling(&self) -> f64 {
        -2.0 * self.reduced.saturation
    }
}

/// Isotherms of every lattice, one after another.
pub(super) fn isotherms(
    backend: &GpuBackend,
    lattices: &Lattices,
    plan: &SorptionPlan,
) -> Result<Isotherms> {
    let passes = backend.sorption.passes(&backend.context, lattices.shape().dimension)?;
    let mut all = Isotherms::empty(plan.path.humidities.len(), plan.densities);
    for index in 0..lattices.count() {
        let mut large = Large::new(backend, &passes, lattices, index, plan)?;
        let divisor = divisor(plan.mean, lattices.lattice(index));
        let densities = large.follow(plan, plan.densities, divisor, &mut all)?;
        if let Some(kept) = &mut all.densities {
            kept.extend(densities.iter().flatten().map(|d| f64::from(*d)));
        }
    }
    Ok(all)
}

/// Gradients of a loss of every lattice, one after another.
pub(super) fn gradients(
    backend: &GpuBackend,
    lattices: &Lattices,
    plan: &SorptionPlan,
    loss: &dyn Loss,
) -> Result<Gradients> {
    let passes = backend.sorption.passes(&backend.context, lattices.shape().dimension)?;
    let (points, sites) = (plan.path.humidities.len(), lattices.sites());
    let mut all = Gradients::empty(points, plan.densities);
    for index in 0..lattices.count() {
        let eta = lattices.lattice(index);
        let mut large = Large::new(backend, &passes, lattices, index, plan)?;
        let divisor = divisor(plan.mean, eta);
        let densities = large.follow(plan, true, divisor, &mut all.isotherms)?;
        let kept: Vec<f64> = if plan.densities || loss.needs_densities() {
            densities.iter().flatten().map(|d| f64::from(*d)).collect()
        } else {
            Vec::new()
        };
        let isotherm = all.isotherms.lattice(index).to_vec();
        let judged = Judged::new(loss, plan.mean, index, eta, &isotherm, &kept)?;
        let wanted = |point| -> Vec<f32> {
            judged.of_densities(point, sites).into_iter().map(|g| g as f32).collect()
        };
        large.write(Slot::Gradient, &vec![0.0; sites]);
        let mut diverging = vec![false; points];
        match plan.scheme {
            Scheme::Converged { .. } => {
                for point in 0..points {
                    let at = index * points + point;
                    let field = large.reduced.field(plan.path.humidities[point]);
                    let no_bound = all.isotherms.error[at].is_infinite()
                        || all.isotherms.contraction[at] >= 1.0 - DIVERGES;
                    diverging[point] =
                        no_bound || !large.implicit(field, &densities[point], &wanted(point))?;
                }
            }
            Scheme::Truncated { iterations } => {
                let single: Vec<f32> = eta.iter().map(|e| *e as f32).collect();
                large.unrolled(plan, iterations, &densities, &single, wanted)?;
            }
        }
        let gradient: Vec<f64> =
            large.read(Slot::Gradient)?.into_iter().map(|g| f64::from(g) + judged.direct).collect();
        all.push(judged.value, &gradient, &diverging);
        if let Some(all) = &mut all.isotherms.densities {
            all.extend(kept);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lattice_longer_than_a_dispatch_is_refused_with_need_and_limit() {
        assert!(check_groups([65_535, 65_535, 65_535], 65_535, "a card").is_ok());
        let refused = |groups| check_groups(groups, 65_535, "a card").expect_err("refused");
        let message = refused([1, 68_750, 1]).to_string();
        let need = "along y in tiles of 16 sites: 68750 needed, 65535 available on a card";
        assert_eq!(message, format!("the length of a lattice {need}"));
        assert!(refused([1, 1, 70_000]).to_string().contains("z in layers: 70000 needed"));
    }

    #[test]
    fn submissions_of_larger_lattices_have_fewer_passes() {
        assert_eq!(passes_at_once(2000), 32);
        assert_eq!(passes_at_once(1 << 20), 32);
        assert_eq!(passes_at_once(1 << 22), 8);
        assert_eq!(passes_at_once(3 << 22), 2);
        assert_eq!(passes_at_once(1 << 31), 2);
    }
}
