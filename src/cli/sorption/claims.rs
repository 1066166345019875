//! What a device cannot claim about converged densities, said.

use fulgurite::backend::DeviceKind;
use fulgurite::sorption::{Isotherms, Scheme, SorptionPlan};

use super::plural;

/// Smallest bound of an error that single precision is asked for.
const SINGLE: f64 = 1e-6;
/// Smallest bound that shows in an isotherm. The bound of single precision is its rounding over
/// 1 − contraction, so that it lies above 1e-6 at a large part of the points of any isotherm.
const SHOWS: f64 = 1e-4;
/// Points that a note names.
const SHOWN: usize = 5;

/// Notes on the points of a branch whose densities are not known: those without any bound of the
/// error, those whose bound is above what was asked for (or would show, in single precision and
/// where no tolerance was chosen), and those that ran out of iterations; then what holds elsewhere.
pub fn notes(
    branch: &str,
    plan: &SorptionPlan,
    isotherms: &Isotherms,
    device: DeviceKind,
) -> Vec<String> {
    let Scheme::Converged { tolerance, most_iterations } = plan.scheme else { return Vec::new() };
    let single = device != DeviceKind::Reference;
    let chosen = plan.scheme != Scheme::CONVERGED;
    let asked = if single { tolerance.max(SINGLE) } else { tolerance };
    let claim = if single && !chosen { SHOWS } else { asked };
    let error = |k: usize| isotherms.error[k];
    let stopped = |k: &usize| isotherms.iterations[*k] >= most_iterations && !(error(*k) <= asked);
    let all = 0..isotherms.error.len();
    let late: Vec<usize> = all.clone().filter(stopped).collect();
    let (finite, unbounded): (Vec<usize>, Vec<usize>) = all
        .clone()
        .filter(|k| !stopped(k) && !(error(*k) <= claim))
        .partition(|k| error(*k).is_finite());
    let rounding = match single {
        true => "rounding of single precision; --device reference resolves them",
        false => "rounding at a jump, which no device resolves",
    };
    let stop = format!("stopped after {most_iterations} iterations; raise solver.most_iterations");
    let known = all
        .filter(|k| !stopped(k) && error(*k) <= claim)
        .fold(0.0f64, |largest, k| largest.max(error(k)));
    let mut said: Vec<String> = [
        (unbounded, "without a bound of the error".to_owned(), rounding),
        (finite, format!("not certain to {claim:.0e}"), rounding),
        (late, format!("not certain to {asked:.0e}"), stop.as_str()),
    ]
    .into_iter()
    .filter(|(points, ..)| !points.is_empty())
    .map(|(mut points, what, cause)| {
        points.sort_by(|a, b| error(*b).total_cmp(&error(*a)));
        let places: Vec<String> =
            points.iter().take(SHOWN).map(|k| place(*k, plan, isotherms)).collect();
        format!(
            "note: {branch}: {} of {} point{} {what} ({}{}): {cause}",
            points.len(),
            isotherms.error.len(),
            plural(isotherms.error.len()),
            places.join(", "),
            if points.len() > SHOWN { ", …" } else { "" }
        )
    })
    .collect();
    if let Some(last) = said.last_mut().filter(|_| known > 0.0) {
        *last += &format!("; elsewhere densities are certain to {known:.1e}");
    }
    said
}

/// Lattice, humidity and bound of a point.
fn place(index: usize, plan: &SorptionPlan, isotherms: &Isotherms) -> String {
    let humidity = plan.path.humidities[index % isotherms.points];
    let lattice = match isotherms.error.len() > isotherms.points {
        true => format!("lattice {} at ", index / isotherms.points),
        false => "at ".to_owned(),
    };
    match isotherms.error[index] {
        error if error.is_finite() => format!("{lattice}{humidity:.4} to {error:.1e}"),
        _ => format!("{lattice}{humidity:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fulgurite::sorption::{Path, even_humidities};

    #[test]
    fn notes_tell_where_by_how_much_and_why() {
        let mut plan = SorptionPlan::new(Path::adsorption(&even_humidities(2, 1.0)));
        let mut isotherms = Isotherms {
            points: 2,
            filling: vec![0.5; 4],
            error: vec![1e-11, 2e-6, f64::INFINITY, 9e-7],
            iterations: vec![10; 4],
            contraction: vec![0.5; 4],
            densities: None,
        };
        let notes_on = |plan: &SorptionPlan, isotherms: &Isotherms, device| {
            notes("adsorption", plan, isotherms, device)
        };
        let cause = "rounding of single precision; --device reference resolves them";
        // A bound that no picture shows is not worth a note of its own.
        let single = notes_on(&plan, &isotherms, DeviceKind::Cpu);
        let first = "note: adsorption: 1 of 4 points without a bound of the error";
        let elsewhere = "elsewhere densities are certain to 2.0e-6";
        assert_eq!(single, [format!("{first} (lattice 1 at 0.5000): {cause}; {elsewhere}")]);
        isotherms.error[3] = 3e-4;
        let single = notes_on(&plan, &isotherms, DeviceKind::Cpu);
        assert_eq!(single.len(), 2);
        assert_eq!(single[0], format!("{first} (lattice 1 at 0.5000): {cause}"));
        let second = "note: adsorption: 1 of 4 points not certain to 1e-4";
        let place = "(lattice 1 at 1.0000 to 3.0e-4)";
        assert_eq!(single[1], format!("{second} {place}: {cause}; {elsewhere}"));
        // Unless it is above a tolerance that was chosen.
        plan.scheme = Scheme::Converged { tolerance: 1e-6, most_iterations: 200_000 };
        let single = notes_on(&plan, &isotherms, DeviceKind::Cpu);
        assert!(single[1].contains("2 of 4 points not certain to 1e-6"), "{}", single[1]);
        plan.scheme = Scheme::CONVERGED;
        let double = notes_on(&plan, &isotherms, DeviceKind::Reference);
        assert!(double.len() == 2 && double[1].contains("2 of 4 points not certain to 1e-10"));
        assert!(double.iter().all(|note| note.contains("no device resolves")));
        // Ending by the number of iterations is not rounding.
        plan.scheme = Scheme::Converged { tolerance: 1e-6, most_iterations: 500 };
        isotherms.iterations[1] = 503;
        let both = notes_on(&plan, &isotherms, DeviceKind::Cpu);
        assert_eq!(both.len(), 3);
        assert!(both[0].contains("without a bound") && both[1].contains("1 of 4"), "{both:?}");
        assert!(both[2].contains("lattice 0 at 1.0000 to 2.0e-6"), "{}", both[2]);
        assert!(both[2].contains("stopped after 500 iterations; raise solver.most_iterations"));
        // One lattice has no number; a looser tolerance is kept by everything but the infinite.
        let error = vec![1e-3, 1e-11];
        isotherms =
            Isotherms { filling: vec![0.5; 2], error, iterations: vec![10; 2], ..isotherms };
        plan.scheme = Scheme::Converged { tolerance: 1e-2, most_iterations: 500 };
        assert!(notes_on(&plan, &isotherms, DeviceKind::Cpu).is_empty());
        plan.scheme = Scheme::CONVERGED;
        assert!(notes_on(&plan, &isotherms, DeviceKind::Cpu)[0].contains("(at 0.5000 to 1.0e-3)"));
        plan.scheme = Scheme::PUBLISHED;
        assert!(notes_on(&plan, &isotherms, DeviceKind::Cpu).is_empty());
    }
}
