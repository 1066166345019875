//! What a device cannot claim about converged densities, said.

use fulgurite::backend::DeviceKind;
use fulgurite::sorption::{Isotherms, Scheme, SorptionPlan};

use super::plural;

/// Smallest bound of an error that single precision is asked for.
const SINGLE: f64 = 1e-6;
/// Points that a note names.
const SHOWN: usize = 5;

/// Notes on the points of a branch whose densities are not known as well as was asked: which, by
/// how much, and why.
pub fn notes(
    branch: &str,
    plan: &SorptionPlan,
    isotherms: &Isotherms,
    device: DeviceKind,
) -> Vec<String> {
    let Scheme::Converged { tolerance, most_iterations } = plan.scheme else { return Vec::new() };
    let single = device != DeviceKind::Reference;
    let claim = if single { tolerance.max(SINGLE) } else { tolerance };
    let open: Vec<usize> =
        (0..isotherms.error.len()).filter(|k| !(isotherms.error[*k] <= claim)).collect();
    let (stopped, rounded): (Vec<usize>, Vec<usize>) =
        open.into_iter().partition(|k| isotherms.iterations[*k] >= most_iterations);
    let rounding = match single {
        true => "rounding of single precision; --device reference resolves them",
        false => "rounding at a jump, which no device resolves",
    };
    let stop = format!("stopped after {most_iterations} iterations; raise solver.most_iterations");
    [(rounded, rounding), (stopped, stop.as_str())]
        .into_iter()
        .filter(|(points, _)| !points.is_empty())
        .map(|(mut points, cause)| {
            points.sort_by(|a, b| isotherms.error[*b].total_cmp(&isotherms.error[*a]));
            let places: Vec<String> =
                points.iter().take(SHOWN).map(|k| place(*k, plan, isotherms)).collect();
            format!(
                "note: {branch}: {} of {} point{} not certain to {claim:.0e} ({}{}): {cause}",
                points.len(),
                isotherms.error.len(),
                plural(isotherms.error.len()),
                places.join(", "),
                if points.len() > SHOWN { ", …" } else { "" }
            )
        })
        .collect()
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
        _ => format!("{lattice}{humidity:.4} without a bound"),
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
        let single = notes_on(&plan, &isotherms, DeviceKind::Cpu);
        assert_eq!(
            single,
            [
                "note: adsorption: 2 of 4 points not certain to 1e-6 (lattice 1 at 0.5000 without a bound, lattice 0 at 1.0000 to 2.0e-6): rounding of single precision; --device reference resolves them"
            ]
        );
        let double = notes_on(&plan, &isotherms, DeviceKind::Reference);
        assert!(double.len() == 1 && double[0].contains("3 of 4 points not certain to 1e-10"));
        assert!(double[0].contains("no device resolves"));
        // Ending by the number of iterations is not rounding.
        plan.scheme = Scheme::Converged { tolerance: 1e-6, most_iterations: 500 };
        isotherms.iterations[1] = 503;
        let both = notes_on(&plan, &isotherms, DeviceKind::Cpu);
        assert_eq!(both.len(), 2);
        assert!(both[0].contains("1 of 4") && both[0].contains("rounding"));
        assert!(both[1].contains("lattice 0 at 1.0000 to 2.0e-6"), "{}", both[1]);
        assert!(both[1].ends_with("stopped after 500 iterations; raise solver.most_iterations"));
        // One lattice has no number; a looser tolerance is kept by everything but the infinite.
        isotherms = Isotherms { filling: vec![0.5; 2], error: vec![1e-4, 1e-11], ..isotherms };
        plan.scheme = Scheme::Converged { tolerance: 1e-3, most_iterations: 500 };
        assert!(notes_on(&plan, &isotherms, DeviceKind::Cpu).is_empty());
        plan.scheme = Scheme::CONVERGED;
        assert!(notes_on(&plan, &isotherms, DeviceKind::Cpu)[0].contains("(at 0.5000 to 1.0e-4)"));
        plan.scheme = Scheme::PUBLISHED;
        assert!(notes_on(&plan, &isotherms, DeviceKind::Cpu).is_empty());
    }
}
