//! Reference dynamics: velocity Verlet with the thermostats as their papers write them.

use super::pairs::for_each_pair;
use crate::backend::{DynamicsSession, Observables, Observation, StepReport};
use crate::dynamics::thermostat::{
    bath_energy, follow_temperature, langevin_constants, nose_hoover_half_step, rescaling_factor,
    rescaling_numbers,
};
use crate::dynamics::{
    DynamicsPlan, DynamicsState, Ensemble, Evaluation, Positions, Thermodynamics, ThermostatState,
    degrees_of_freedom,
};
use crate::error::{Error, Result};
use crate::system::{RandomStream, Stream, Structure};

/// A simulation in double precision.
#[derive(Debug)]
pub struct ReferenceSession {
    template: Structure,
    plan: DynamicsPlan,
    diameters: Vec<f64>,
    masses: Vec<f64>,
    /// Unwrapped.
    positions: Vec<[f64; 3]>,
    velocities: Vec<[f64; 3]>,
    forces: Option<Vec<[f64; 3]>>,
    thermostat: ThermostatState,
    step: u64,
    splice_visits: u64,
}

impl ReferenceSession {
    pub(super) fn start(start: &Structure, plan: &DynamicsPlan) -> Result<Self> {
        plan.check()?;
        start.check_finite()?;
        let positions = (0..start.len()).map(|i| start.unwrapped(i)).collect();
        let velocities = start.velocities.clone().unwrap_or_else(|| vec![[0.0; 3]; start.len()]);
        Self::assemble(start, plan, positions, velocities)
    }

    pub(super) fn resume(
        template: &Structure,
        plan: &DynamicsPlan,
        from: &DynamicsState,
        signature: &str,
    ) -> Result<Self> {
        plan.check()?;
        from.check_length(template.len())?;
        let positions = match &from.positions {
            Positions::Double(unwrapped) if from.backend == signature => unwrapped.clone(),
            _ => {
                let structure = from.structure(template);
                (0..structure.len()).map(|i| structure.unwrapped(i)).collect()
            }
        };
        let mut template = template.clone();
        template.simulation_box = from.simulation_box;
        let mut session = Self::assemble(&template, plan, positions, from.velocities.clone())?;
        session.thermostat = from.thermostat;
        session.step = from.step;
        session.splice_visits = from.splice_visits;
        if from.step > 0 {
            // The forces at this step were counted before the state was saved.
            session.forces()?;
            session.splice_visits = from.splice_visits;
        }
        Ok(session)
    }

    fn assemble(
        template: &Structure,
        plan: &DynamicsPlan,
        positions: Vec<[f64; 3]>,
        velocities: Vec<[f64; 3]>,
    ) -> Result<Self> {
        let field = &plan.force_field;
        let diameters = match field.atom_diameters(template) {
            Ok(diameters) => diameters,
            Err(error) if field.form.uses_diameters() => return Err(error),
            Err(_) => vec![1.0; template.len()],
        };
        Ok(Self {
            masses: template.kinds.iter().map(|&k| field.masses[usize::from(k)]).collect(),
            template: template.clone(),
            plan: plan.clone(),
            diameters,
            positions,
            velocities,
            forces: None,
            thermostat: ThermostatState::default(),
            step: 0,
            splice_visits: 0,
        })
    }

    fn degrees_of_freedom(&self) -> f64 {
        degrees_of_freedom(self.positions.len(), self.plan.ensemble.conserves_momentum())
    }

    fn twice_kinetic(&self) -> f64 {
        let unit = self.plan.force_field.units.mass_velocity2;
        self.masses.iter().zip(&self.velocities).map(|(m, v)| m * unit * dot(*v, *v)).sum()
    }

    /// Energy, forces, virial and the number of pairs inside their splice.
    fn compute(&self) -> (Evaluation, u64) {
        let field = &self.plan.force_field;
        let kinds = &self.template.kinds;
        let mut evaluation = Evaluation {
            potential_energy: field.self_energy(kinds),
            forces: vec![[0.0; 3]; self.positions.len()],
            virial: [0.0; 6],
        };
        let mut visits = 0;
        let species = field.species_count();
        for_each_pair(
            &self.template.simulation_box,
            &self.positions,
            field.cutoff,
            |i, j, d, r2| {
                let diameters = [self.diameters[i], self.diameters[j]];
                let term = field.reference_term(kinds[i], kinds[j], r2, diameters);
                let pair = usize::from(kinds[i]) * species + usize::from(kinds[j]);
                visits += u64::from(r2 < field.pairs[pair].splice_r2());
                evaluation.potential_energy += term.energy;
                let force = term.virial / r2;
                for k in 0..3 {
                    evaluation.forces[j][k] += force * d[k];
                    evaluation.forces[i][k] -= force * d[k];
                }
                for (w, (a, b)) in evaluation.virial.iter_mut().zip([
                    (0, 0),
                    (1, 1),
                    (2, 2),
                    (1, 2),
                    (0, 2),
                    (0, 1),
                ]) {
                    *w += force * d[a] * d[b];
                }
            },
        );
        (evaluation, visits)
    }

    fn forces(&mut self) -> Result<()> {
        if self.forces.is_some() {
            return Ok(());
        }
        let (evaluation, visits) = self.compute();
        for (atom, f) in evaluation.forces.iter().enumerate() {
            for x in f {
                if !x.is_finite() {
                    return Err(self.blown_up(atom, "force", *x));
                }
            }
        }
        self.splice_visits += visits;
        self.forces = Some(evaluation.forces);
        Ok(())
    }

    fn blown_up(&self, atom: usize, quantity: &'static str, value: f64) -> Error {
        Error::NonFinite { step: self.step, atom: atom + 1, quantity, value }
    }

    fn kick(&mut self) {
        let units = &self.plan.force_field.units;
        let Some(forces) = &self.forces else { return };
        for ((v, f), m) in self.velocities.iter_mut().zip(forces).zip(&self.masses) {
            let factor = 0.5 * self.plan.timestep / (m * units.mass_velocity2);
            for k in 0..3 {
                v[k] += factor * f[k];
            }
        }
    }

    fn drift(&mut self, time: f64) -> Result<()> {
        let longest = 0.25 * 2.0 * self.template.simulation_box.longest_cutoff();
        for atom in 0..self.positions.len() {
            for k in 0..3 {
                let moved = time * self.velocities[atom][k];
                if moved.is_nan() || moved.abs() > longest {
                    return Err(self.blown_up(atom, "displacement", moved));
                }
                self.positions[atom][k] += moved;
            }
        }
        self.forces = None;
        Ok(())
    }

    fn scale(&mut self, factor: f64) {
        for v in &mut self.velocities {
            *v = v.map(|x| factor * x);
        }
    }

    fn kt(&self) -> f64 {
        self.plan.force_field.units.boltzmann * self.plan.temperature.at(self.step)
    }

    fn chain_half_step(&mut self, relaxation: f64) {
        let (k2, dof, kt) = (self.twice_kinetic(), self.degrees_of_freedom(), self.kt());
        let timestep = self.plan.timestep;
        let scale = nose_hoover_half_step(&mut self.thermostat, k2, dof, kt, relaxation, timestep);
        self.scale(scale);
    }

    fn verlet(&mut self) -> Result<()> {
        self.kick();
        self.drift(self.plan.timestep)?;
        self.forces()?;
        self.kick();
        Ok(())
    }

    fn single_step(&mut self) -> Result<()> {
        self.forces()?;
        let dof = self.degrees_of_freedom();
        match self.plan.ensemble {
            Ensemble::Nve => self.verlet()?,
            Ensemble::NoseHoover { relaxation } => {
                self.chain_half_step(relaxation);
                self.verlet()?;
                self.chain_half_step(relaxation);
                let old = self.kt();
                self.step += 1;
                let new = self.kt();
                self.step -= 1;
                follow_temperature(&mut self.thermostat, dof, relaxation, old, new);
            }
            Ensemble::StochasticRescaling { relaxation } => {
                self.verlet()?;
                let k2 = self.twice_kinetic();
                let numbers = rescaling_numbers(self.plan.seed, self.step, dof);
                let factor =
                    rescaling_factor(numbers, k2, self.kt(), relaxation, self.plan.timestep);
                self.thermostat.bath_energy += 0.5 * k2 * (1.0 - factor * factor);
                self.scale(factor);
            }
            Ensemble::Langevin { relaxation, displacement_cap } => {
                self.kick();
                self.cap_velocities(displacement_cap);
                self.drift(0.5 * self.plan.timestep)?;
                self.ornstein_uhlenbeck(relaxation);
                self.cap_velocities(displacement_cap);
                self.drift(0.5 * self.plan.timestep)?;
                self.forces()?;
                self.kick();
            }
        }
        self.step += 1;
        Ok(())
    }

    fn cap_velocities(&mut self, cap: Option<f64>) {
        let Some(cap) = cap else { return };
        let before = self.twice_kinetic();
        let fastest = cap / self.plan.timestep;
        for v in &mut self.velocities {
            let speed = dot(*v, *v).sqrt();
            if speed > fastest {
                *v = v.map(|x| x * fastest / speed);
            }
        }
        self.thermostat.bath_energy += 0.5 * (before - self.twice_kinetic());
    }

    fn ornstein_uhlenbeck(&mut self, relaxation: f64) {
        let before = self.twice_kinetic();
        let unit = self.plan.force_field.units.mass_velocity2;
        let [c, noise] = langevin_constants(self.kt(), unit, relaxation, self.plan.timestep);
        let stream = RandomStream::new(self.plan.seed, Stream::Langevin);
        for (atom, (v, m)) in self.velocities.iter_mut().zip(&self.masses).enumerate() {
            let normals = langevin_normals(&stream, self.step, atom as u32);
            for k in 0..3 {
                v[k] = c * v[k] + noise / m.sqrt() * normals[k];
            }
        }
        self.thermostat.bath_energy += 0.5 * (before - self.twice_kinetic());
    }

    fn sums(&self) -> [f64; 6] {
        let unit = self.plan.force_field.units.mass_velocity2;
        let mut sums = [0.0; 6];
        for (v, m) in self.velocities.iter().zip(&self.masses) {
            for (s, (a, b)) in sums.iter_mut().zip([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)])
            {
                *s += m * unit * v[a] * v[b];
            }
        }
        sums
    }
}

/// The three normal numbers of a particle's Langevin kick, the same on every backend.
pub(crate) fn langevin_normals(stream: &RandomStream, step: u64, particle: u32) -> [f64; 3] {
    let [a, b] = stream.normal_pair(step, particle, 0);
    let [c, _] = stream.normal_pair(step, particle, 1);
    [a, b, c]
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

impl DynamicsSession for ReferenceSession {
    fn advance(&mut self, steps: u64) -> Result<StepReport> {
        let visits = self.splice_visits;
        for _ in 0..steps {
            self.single_step()?;
        }
        Ok(StepReport { step: self.step, rebuilds: 0, splice_visits: self.splice_visits - visits })
    }

    fn observe(&mut self, what: Observables) -> Result<Observation> {
        let units = self.plan.force_field.units;
        let thermodynamics = what.thermodynamics.then(|| {
            let (evaluation, _) = self.compute();
            let dof = self.degrees_of_freedom();
            Thermodynamics::from_sums(
                self.step,
                evaluation.potential_energy,
                evaluation.virial,
                self.sums(),
                bath_energy(&self.plan, &self.thermostat, self.step, dof),
                dof,
                self.template.simulation_box.volume(),
                &units,
            )
        });
        let structure =
            if what.structure { Some(self.checkpoint()?.structure(&self.template)) } else { None };
        Ok(Observation { step: self.step, thermodynamics, structure })
    }

    fn evaluate(&mut self) -> Result<Evaluation> {
        Ok(self.compute().0)
    }

    fn set_positions(&mut self, positions: &[[f64; 3]]) -> Result<()> {
        if positions.len() != self.positions.len() {
            return Err(Error::input(
                format!("{} positions for {} atoms", positions.len(), self.positions.len()),
                "give one position for each atom",
            ));
        }
        self.positions.copy_from_slice(positions);
        self.forces = None;
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<DynamicsState> {
        Ok(DynamicsState {
            backend: "reference-1".into(),
            step: self.step,
            simulation_box: self.template.simulation_box,
            positions: Positions::Double(self.positions.clone()),
            velocities: self.velocities.clone(),
            thermostat: self.thermostat,
            order: Vec::new(),
            list_fractions: Vec::new(),
            splice_visits: self.splice_visits,
            rebuilds: 0,
        })
    }
}
