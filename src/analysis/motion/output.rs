//! Dynamics as tables and pictures.

use super::{Estimate, MotionResult, VelocitySpectrum};
use crate::analysis::curves::{Curve, Curves, Quantity, length_unit, unit_of};
use crate::system::Units;

fn time(units: &Units) -> Quantity {
    Quantity::new("time", unit_of(units, "time"))
}

fn with_unit(value: f64, unit: &str) -> String {
    if unit.is_empty() { format!("{value:.3}") } else { format!("{value:.3} {unit}") }
}

impl MotionResult {
    /// Every quantity as curves over time or distance.
    pub fn curves(&self, units: &Units) -> Vec<Curves> {
        let mut all = vec![
            self.over_time(
                units,
                "mean-square-displacement",
                "Mean squared displacement",
                Quantity::new("⟨Δr²⟩", length_unit(units, "²")),
                |s| &s.mean_square,
                [true, true],
            ),
            self.over_time(
                units,
                "non-gaussian",
                "Non-Gaussian parameter",
                Quantity::new("α₂", ""),
                |s| &s.non_gaussian,
                [true, false],
            ),
        ];
        let inverse = length_unit(units, "⁻¹");
        for (k, &q) in self.wave_vectors.iter().enumerate() {
            let name = match self.wave_vectors.len() {
                1 => "self-scattering".to_owned(),
                _ => format!("self-scattering-{}", k + 1),
            };
            let title = format!("Self intermediate scattering, q = {}", with_unit(q, &inverse));
            let quantity = Quantity::new("F_s(q, t)", "");
            all.push(self.over_time(
                units,
                &name,
                &title,
                quantity,
                |s| &s.self_scattering[k],
                [true, false],
            ));
        }
        all.extend(self.collective(units, &inverse));
        let distance = with_unit(self.overlap_length, &length_unit(units, ""));
        for (name, title, symbol, own, total) in [
            (
                "overlap",
                format!("Overlap, a = {distance}"),
                "Q(t)",
                (|s| &s.overlap) as fn(&super::SpeciesMotion) -> &Vec<Estimate>,
                &self.all.0,
            ),
            (
                "chi4",
                format!("Dynamic susceptibility, a = {distance}"),
                "χ₄(t)",
                |s| &s.susceptibility,
                &self.all.1,
            ),
        ] {
            let quantity = Quantity::new(symbol, "");
            let mut curves = self.over_time(units, name, &title, quantity, own, [true, false]);
            if self.species.len() > 1 {
                curves.curves.push(Curve::of_estimates("all", &from_second(total)));
            }
            all.push(curves);
        }
        all.extend(self.distributions(units));
        all.extend(self.distinct(units));
        all
    }

    /// Time zero is left out: it says nothing and has no place on a logarithmic axis.
    fn over_time(
        &self,
        units: &Units,
        name: &str,
        title: &str,
        y_quantity: Quantity,
        pick: impl Fn(&super::SpeciesMotion) -> &Vec<Estimate>,
        log: [bool; 2],
    ) -> Curves {
        Curves {
            name: name.to_owned(),
            title: title.to_owned(),
            x_quantity: time(units),
            y_quantity,
            x: self.time.get(1..).unwrap_or_default().to_vec(),
            curves: self
                .species
                .iter()
                .map(|s| Curve::of_estimates(s.name.as_str(), &from_second(pick(s))))
                .collect(),
            log,
            x_range: None,
        }
    }

    /// F(q, t)/S(q), one picture for each wave vector.
    fn collective(&self, units: &Units, inverse: &str) -> Vec<Curves> {
        let mut all: Vec<Curves> = Vec::new();
        // Every wave vector has the same names, in the same order: the first of them begins the next
        // one, also where two are of one length because the box has no other vectors near them.
        let opening = self.collective.first().map(|(_, name, _)| name);
        for (q, name, curve) in &self.collective {
            let start = curve.first().map_or(f64::NAN, |e| e.value);
            let scaled: Vec<Estimate> = from_second(curve)
                .iter()
                .map(|e| Estimate {
                    value: e.value / start,
                    error: e.error.map(|x| x / start.abs()),
                })
                .collect();
            if Some(name) == opening {
                let number = all.len() + 1;
                all.push(Curves {
                    name: match self.wave_vectors.len() {
                        1 => "collective-scattering".to_owned(),
                        _ => format!("collective-scattering-{number}"),
                    },
                    title: format!(
                        "Collective intermediate scattering, q = {}",
                        with_unit(*q, inverse)
                    ),
                    x_quantity: time(units),
                    y_quantity: Quantity::new("F(q, t)/S(q)", ""),
                    x: self.time.get(1..).unwrap_or_default().to_vec(),
                    curves: Vec::new(),
                    log: [true, false],
                    x_range: None,
                });
            }
            if let Some(last) = all.last_mut() {
                last.curves.push(Curve::of_estimates(format!("{name}; S = {start:.3}"), &scaled));
            }
        }
        all
    }

    /// Displacement distributions 4πr² G_s(r, t), one picture for each species.
    fn distributions(&self, units: &Units) -> Vec<Curves> {
        let picosecond = unit_of(units, "time");
        self.species
            .iter()
            .filter(|s| !s.distribution.is_empty())
            .map(|s| {
                // Nothing but zeros from here on.
                let end = (0..self.distance.len())
                    .rev()
                    .find(|&k| s.distribution.iter().any(|d| d[k].value > 0.0))
                    .map_or(1, |k| k + 1);
                Curves {
                    name: format!("van-hove-self-{}", s.name),
                    title: format!("Displacements of {}: 4πr² G_s(r, t)", s.name),
                    x_quantity: Quantity::new("r", length_unit(units, "")),
                    y_quantity: Quantity::new("4πr² G_s", length_unit(units, "⁻¹")),
                    x: self.distance[..end].to_vec(),
                    curves: s
                        .distribution
                        .iter()
                        .zip(&self.chosen)
                        .map(|(d, &t)| {
                            let label = format!("t = {}", with_unit(t, &picosecond));
                            Curve::of_estimates(label, &d[..end])
                        })
                        .collect(),
                    log: [false, false],
                    x_range: None,
                }
            })
            .collect()
    }

    fn distinct(&self, units: &Units) -> Vec<Curves> {
        let picosecond = unit_of(units, "time");
        let mut all: Vec<Curves> = Vec::new();
        for (t, pair) in &self.distinct {
            let [a, b] = pair.names.clone();
            let name = format!("van-hove-distinct-{a}-{b}");
            let label = format!("t = {}", with_unit(*t, &picosecond));
            let curve = Curve::of_estimates(label, &pair.g);
            match all.iter_mut().find(|c| c.name == name) {
                Some(curves) => curves.curves.push(curve),
                None => all.push(Curves {
                    name,
                    title: format!("{a}–{b} pairs after a time: G_d(r, t)/ρ"),
                    x_quantity: Quantity::new("r", length_unit(units, "")),
                    y_quantity: Quantity::new("G_d/ρ", ""),
                    x: pair.r.clone(),
                    curves: vec![curve],
                    log: [false, false],
                    x_range: None,
                }),
            }
        }
        all
    }
}

fn from_second(estimates: &[Estimate]) -> Vec<Estimate> {
    estimates.get(1..).unwrap_or_default().to_vec()
}

/// Velocity autocorrelation functions and vibrational densities of states.
pub fn velocity_curves(spectra: &[VelocitySpectrum], units: &Units) -> Vec<Curves> {
    let Some(first) = spectra.first() else { return Vec::new() };
    // Where 99.9 % of the vibrations are; beyond is noise.
    let total: f64 = first.density.iter().map(|d| d.value.max(0.0)).sum();
    let mut sum = 0.0;
    let mut end = first.frequency.len();
    for (k, d) in first.density.iter().enumerate() {
        sum += d.value.max(0.0);
        if sum > 0.999 * total {
            end = k + 1;
            break;
        }
    }
    let frequency_unit = if unit_of(units, "time").is_empty() { "" } else { "THz" };
    let density_unit = if frequency_unit.is_empty() { "" } else { "THz⁻¹" };
    vec![
        Curves {
            name: "velocity-correlation".into(),
            title: "Velocity autocorrelation".into(),
            x_quantity: time(units),
            y_quantity: Quantity::new("C_v(t)", ""),
            x: first.time.clone(),
            curves: spectra
                .iter()
                .map(|s| Curve::of_estimates(s.name.as_str(), &s.correlation))
                .collect(),
            log: [false, false],
            x_range: None,
        },
        Curves {
            name: "vibrations".into(),
            title: "Vibrational density of states".into(),
            x_quantity: Quantity::new("frequency", frequency_unit),
            y_quantity: Quantity::new("g(ν)", density_unit),
            x: first.frequency.clone(),
            curves: spectra
                .iter()
                .map(|s| Curve::of_estimates(s.name.as_str(), &s.density))
                .collect(),
            log: [false, false],
            x_range: first.frequency.get(end.saturating_sub(1)).map(|&f| (0.0, 1.1 * f)),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wave_vectors_of_one_length_keep_their_own_curves() {
        let curve = |value: f64| vec![Estimate { value, error: None }; 3];
        let collective = [2.0, 2.0, 5.0]
            .map(|q| [(q, "all".to_owned(), curve(1.0)), (q, "Na".to_owned(), curve(2.0))]);
        let result = MotionResult {
            time: vec![0.0, 1.0, 2.0],
            wave_vectors: vec![2.0, 2.02, 5.0],
            overlap_length: 1.0,
            species: Vec::new(),
            all: (curve(1.0), curve(0.0)),
            chosen: Vec::new(),
            distance: Vec::new(),
            collective: collective.concat(),
            distinct: Vec::new(),
        };
        let found: Vec<Curves> = result
            .curves(&Units::METAL)
            .into_iter()
            .filter(|c| c.name.starts_with("collective"))
            .collect();
        let names: Vec<&str> = found.iter().map(|c| c.name.as_str()).collect();
        let wanted = [1, 2, 3].map(|k| format!("collective-scattering-{k}"));
        assert_eq!(names, wanted);
        assert!(found.iter().all(|c| c.curves.len() == 2));
    }
}
