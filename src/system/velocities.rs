//! Initial velocities, kinetic energy and temperature.

use super::{RandomStream, Stream, Structure, Units};
use crate::error::{Error, Result};

/// Draws velocities from the Maxwell–Boltzmann distribution.
///
/// Each component is normal with variance k T / m; then the velocity of the centre of mass is
/// removed and all are scaled so that the kinetic energy is exactly (3N − 3) k T / 2. The numbers
/// depend on the seed and the index of the atom only.
pub fn maxwell_boltzmann_velocities(
    structure: &mut Structure,
    temperature: f64,
    seed: u64,
    units: &Units,
) -> Result<()> {
    if !(temperature >= 0.0 && temperature.is_finite()) {
        return Err(Error::input(
            format!("the temperature {temperature} is not possible"),
            "give a temperature of zero or more",
        ));
    }
    let masses = masses(structure)?;
    let atoms = structure.len();
    if temperature == 0.0 {
        structure.velocities = Some(vec![[0.0; 3]; atoms]);
        return Ok(());
    }
    if atoms < 2 {
        return Err(Error::input(
            format!("{atoms} atoms at rest as a whole cannot have a temperature"),
            "use two or more atoms",
        ));
    }
    let stream = RandomStream::new(seed, Stream::Velocities);
    let mut velocities = Vec::with_capacity(atoms);
    for (particle, mass) in (0..).zip(&masses) {
        let width = (units.boltzmann * temperature / (mass * units.mass_velocity2)).sqrt();
        let [x, y] = stream.normal_pair(0, particle, 0);
        let [z, _] = stream.normal_pair(0, particle, 1);
        velocities.push([width * x, width * y, width * z]);
    }
    remove_momentum(&mut velocities, &masses);
    let wanted = 1.5 * (atoms - 1) as f64 * units.boltzmann * temperature;
    let scale = (wanted / energy(&velocities, &masses, units)).sqrt();
    velocities.as_flattened_mut().iter_mut().for_each(|v| *v *= scale);
    structure.velocities = Some(velocities);
    Ok(())
}

/// Kinetic energy Σ m v²/2 (metal: eV); an error if velocities or a mass are missing.
pub fn kinetic_energy(structure: &Structure, units: &Units) -> Result<f64> {
    let Some(velocities) = &structure.velocities else {
        return Err(Error::input(
            "the structure has no velocities",
            "give velocities in the file or draw them for a temperature",
        ));
    };
    Ok(energy(velocities, &masses(structure)?, units))
}

/// Temperature 2 K / ((3N − 3) k), for a system whose centre of mass is at rest.
pub fn temperature(structure: &Structure, units: &Units) -> Result<f64> {
    let degrees_of_freedom = 3.0 * structure.len().saturating_sub(1).max(1) as f64;
    Ok(2.0 * kinetic_energy(structure, units)? / (degrees_of_freedom * units.boltzmann))
}

fn masses(structure: &Structure) -> Result<Vec<f64>> {
    let mut masses = Vec::with_capacity(structure.len());
    for &kind in &structure.kinds {
        let species = &structure.species[usize::from(kind)];
        match species.mass {
            Some(mass) if mass > 0.0 && mass.is_finite() => masses.push(mass),
            _ => {
                return Err(Error::input(
                    format!("species {} has no mass", species.name),
                    format!("give {} a mass in the force field or in the structure", species.name),
                ));
            }
        }
    }
    Ok(masses)
}

fn remove_momentum(velocities: &mut [[f64; 3]], masses: &[f64]) {
    let total: f64 = masses.iter().sum();
    // The second pass removes what the rounding of the first left.
    for _ in 0..2 {
        let mut momentum = [0.0; 3];
        for (v, m) in velocities.iter().zip(masses) {
            for k in 0..3 {
                momentum[k] += m * v[k];
            }
        }
        for v in velocities.iter_mut() {
            for k in 0..3 {
                v[k] -= momentum[k] / total;
            }
        }
    }
}

fn energy(velocities: &[[f64; 3]], masses: &[f64], units: &Units) -> f64 {
    let twice: f64 = velocities
        .iter()
        .zip(masses)
        .map(|(v, m)| m * (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]))
        .sum();
    0.5 * twice * units.mass_velocity2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{SimulationBox, Species};

    fn silica(atoms: usize) -> Structure {
        let mass = |name: &str, mass| Species { name: name.into(), mass: Some(mass) };
        Structure::new(
            SimulationBox::cubic(10.0).expect("box"),
            vec![mass("Si", 28.085), mass("O", 15.999)],
            (0..atoms).map(|n| u16::from(n % 3 > 0)).collect(),
            vec![[1.0; 3]; atoms],
        )
        .expect("structure")
    }

    #[test]
    fn temperature_and_momentum_are_exact() {
        for units in [Units::METAL, Units::LJ] {
            let mut s = silica(999);
            maxwell_boltzmann_velocities(&mut s, 300.0, 1, &units).expect("velocities");
            assert!((temperature(&s, &units).expect("temperature") - 300.0).abs() < 1e-9);
            let v = s.velocities.as_ref().expect("velocities");
            for k in 0..3 {
                let masses = masses(&s).expect("masses");
                let momentum: f64 = v.iter().zip(&masses).map(|(v, m)| m * v[k]).sum();
                let scale: f64 = v.iter().zip(&masses).map(|(v, m)| m * v[k].abs()).sum();
                assert!(momentum.abs() < 1e-12 * scale);
            }
        }
    }

    #[test]
    fn each_species_has_its_share_of_energy() {
        let mut s = silica(30_000);
        maxwell_boltzmann_velocities(&mut s, 1000.0, 7, &Units::METAL).expect("velocities");
        let v = s.velocities.as_ref().expect("velocities");
        for kind in 0..2u16 {
            let mass = s.species[usize::from(kind)].mass.expect("mass");
            let rows: Vec<_> = v.iter().zip(&s.kinds).filter(|(_, k)| **k == kind).collect();
            for axis in 0..3 {
                let square: f64 = rows.iter().map(|(v, _)| v[axis] * v[axis]).sum();
                let fourth: f64 = rows.iter().map(|(v, _)| v[axis].powi(4)).sum();
                let n = rows.len() as f64;
                let kt = mass * Units::METAL.mass_velocity2 * square / n;
                let expected = Units::METAL.boltzmann * 1000.0;
                assert!((kt / expected - 1.0).abs() < 5.0 * (2.0 / n).sqrt());
                let kurtosis = fourth / n / (square / n).powi(2);
                assert!((kurtosis - 3.0).abs() < 5.0 * (24.0 / n).sqrt());
            }
        }
    }

    #[test]
    fn seeds_differ_and_repeat() {
        let draw = |seed| {
            let mut s = silica(9);
            maxwell_boltzmann_velocities(&mut s, 300.0, seed, &Units::METAL).expect("velocities");
            s.velocities
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn impossible_requests() {
        let units = &Units::METAL;
        let mut s = silica(3);
        s.species[1].mass = None;
        let error = maxwell_boltzmann_velocities(&mut s, 300.0, 1, units).expect_err("no mass");
        assert!(error.to_string().contains("species O has no mass"));
        assert!(maxwell_boltzmann_velocities(&mut silica(3), f64::NAN, 1, units).is_err());
        assert!(maxwell_boltzmann_velocities(&mut silica(3), -1.0, 1, units).is_err());
        assert!(maxwell_boltzmann_velocities(&mut silica(1), 300.0, 1, units).is_err());
        let mut cold = silica(3);
        maxwell_boltzmann_velocities(&mut cold, 0.0, 1, units).expect("at rest");
        assert_eq!(temperature(&cold, units).expect("temperature"), 0.0);
        assert!(kinetic_energy(&silica(3), units).is_err());
    }
}
