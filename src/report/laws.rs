//! What a set of members says together: Arrhenius laws of diffusion, and what depends on the quench
//! rate. On the page of a comparison and on that of a run with several members or branches.

use std::collections::BTreeMap;
use std::path::Path;

use super::compare::{first_stage, members};
use super::material::groups;
use super::page::Page;
use super::run::{RunFiles, unit};
use super::transitions::{Transition, grouped, recorded};
use crate::analysis::curves::{Quantity, SIZE, number, with_error};
use crate::analysis::motion::{Arrhenius, arrhenius, temperatures};
use crate::error::Result;
use crate::io::write_atomically;
use crate::plot::Figure;
use crate::system::Units;

/// Diffusion coefficients against temperature, with an Arrhenius law for each species of each
/// material; tables and pictures too where there is a directory for them.
pub(super) fn diffusion(
    page: &mut Page,
    runs: &[RunFiles],
    transitions: &[Transition],
    directory: Option<&Path>,
) -> Result<BTreeMap<String, Arrhenius>> {
    let mut points: BTreeMap<String, Vec<(f64, f64, f64)>> = BTreeMap::new();
    let materials = groups(transitions, false);
    for (index, (_, member, _)) in members(runs).enumerate() {
        let material = materials.iter().find(|g| g.members.contains(&index));
        let material = material.map_or("", |g| g.label.as_str());
        for stage in member.stages.iter().chain(&member.branches) {
            let Some(means) = &stage.means else { continue };
            // A ramp has no temperature of its own, and friction slows what it is to measure.
            if stage.kind == "ramp" || stage.friction_time.is_some() {
                continue;
            }
            for (species, d) in &stage.diffusion {
                if d.is_diffusive() && d.coefficient.value > 0.0 {
                    let error = d.coefficient.error.unwrap_or(0.0);
                    let name = match material {
                        "" => species.clone(),
                        material => format!("{species} ({material})"),
                    };
                    let point = (means.temperature, d.coefficient.value, error);
                    points.entry(name).or_default().push(point);
                }
            }
        }
    }
    let mut fits = BTreeMap::new();
    let Some(stage) = first_stage(runs) else { return Ok(fits) };
    if points.is_empty() {
        page.note(
            "No stage at a constant temperature diffuses: no mean squared displacement has an exponent \
             from 0.8 to 1.2. Stages under Langevin friction, which slows diffusion, do not count.",
        );
        return Ok(fits);
    }
    let metal = !unit(stage, "temperature").is_empty();
    let (units, scale) = if metal { (Units::METAL, 1000.0) } else { (Units::LJ, 1.0) };
    let x = if metal { "1000/T (1/K)" } else { "1/T" };
    let y = if metal { "D (Å²/ps)" } else { "D" };
    let mut figure = Figure::new("Diffusion", x, y).size(SIZE.0, SIZE.1).log_y();
    let mut rows = Vec::new();
    for (index, (species, found)) in points.iter().enumerate() {
        let values = found.iter().map(|p| (scale / p.0, p.1)).collect();
        let errors = found.iter().map(|p| p.2).collect();
        let before = 2 * index;
        figure = figure.markers_with_errors(species.as_str(), values, errors);
        let fit = arrhenius(found, units.boltzmann);
        let (low, high) = found
            .iter()
            .fold((f64::INFINITY, 0.0_f64), |r, p| (r.0.min(1.0 / p.0), r.1.max(1.0 / p.0)));
        let line = fit.map_or_else(Vec::new, |fit| {
            [low, high]
                .map(|b| (scale * b, fit.prefactor * (-fit.energy * b / units.boltzmann).exp()))
                .to_vec()
        });
        figure = figure.dashed("", line).same_color_as(before);
        if let Some(fit) = fit {
            rows.push(vec![
                species.clone(),
                temperatures(found.iter().map(|p| p.0)).to_string(),
                with_error(fit.energy, Some(fit.energy_error)),
                with_error(fit.prefactor.ln(), Some(fit.log_prefactor_error)),
                number(fit.residual),
            ]);
            fits.insert(species.clone(), fit);
        }
    }
    if let Some(directory) = directory {
        figure.write(directory.join("arrhenius.svg"))?;
        write_atomically(directory.join("diffusion.csv"), |w| {
            writeln!(w, "species,temperature{},{y},error of D", if metal { " (K)" } else { "" })?;
            for (species, found) in &points {
                for (t, d, error) in found {
                    writeln!(w, "\"{species}\",{t:.4},{d:.6e},{error:.3e}")?;
                }
            }
            Ok(())
        })?;
    }
    let caption = "Straight where one barrier decides; dashed the Arrhenius law where there are \
                   three temperatures. Stages that do not diffuse are left out, as are ramps and \
                   stages under Langevin friction, which slows diffusion.";
    page.drawn(&[(figure, caption.to_owned())])?;
    if !rows.is_empty() {
        let energy = if metal { "activation energy (eV)" } else { "activation energy" };
        let header = ["species", "temperatures", energy, "ln(prefactor)", "rms residual of ln D"]
            .map(str::to_owned);
        page.table(&header, &rows);
    }
    Ok(fits)
}

/// What one run of several members or branches says about temperatures and quench rates, on its own
/// page: its members compared as runs are, by what the run wrote down.
pub(super) fn within_run(page: &mut Page, run: &RunFiles) -> Result<()> {
    let members = &run.summary.members;
    if members.len() < 2 && members.iter().all(|m| m.branches.is_empty()) {
        return Ok(());
    }
    let (runs, points) = (std::slice::from_ref(run), recorded(run)?);
    page.section("Temperatures and quench rates");
    diffusion(page, runs, &points, None)?;
    if members.len() > 1 {
        rates(page, runs, &points, None)?;
    }
    page.note(
        "Inherent-structure energies are those the run measured; `fulgurite report RUN --output DIR` \
         finds missing ones, compares curves and S(Q) of the members and writes tables.",
    );
    Ok(())
}

/// Fictive temperature and inherent-structure energy against the quench rate.
pub(super) fn rates(
    page: &mut Page,
    runs: &[RunFiles],
    transitions: &[Transition],
    directory: Option<&Path>,
) -> Result<()> {
    let metal = first_stage(runs).is_some_and(|s| !unit(s, "temperature").is_empty());
    let with = |unit: &str| if metal { unit.to_owned() } else { String::new() };
    let mut drawn = Vec::new();
    let materials = groups(transitions, true);
    let quench_rate = Quantity::new("quench rate", with("K/ps"));
    for (name, title, quantity, pick, caption) in [
        (
            "fictive-temperature",
            "Fictive temperature",
            Quantity::new("T_f", with("K")),
            Transition::fictive_temperature as fn(&Transition) -> Option<f64>,
            "Slower quenches stay in equilibrium longer: T_f falls about in proportion to the \
             logarithm of the rate.",
        ),
        (
            "inherent-structure-energy",
            "Inherent-structure energy per atom",
            Quantity::new("E_IS/N", with("eV")),
            |t| t.inherent_structure_energy,
            "Slower quenches end in deeper minima.",
        ),
    ] {
        let mut figure =
            Figure::new(title, quench_rate.label(), quantity.label()).size(SIZE.0, SIZE.1).log_x();
        let mut rows = Vec::new();
        let mut counts = 0;
        for group in &materials {
            let of = group.members.iter().map(|&m| &transitions[m]);
            let points: Vec<(f64, f64)> = of.filter_map(|t| Some((t.rate?, pick(t)?))).collect();
            let means = grouped(&points);
            if means.is_empty() {
                continue;
            }
            let errors = means.iter().map(|m| m.1.standard_error.unwrap_or(0.0)).collect();
            let values = means.iter().map(|m| (m.0, m.1.mean)).collect();
            figure = figure.markers_with_errors(group.label.as_str(), values, errors);
            counts += points.len();
            rows.extend(means.into_iter().map(|(rate, mean)| (group.label.as_str(), rate, mean)));
        }
        if rows.is_empty() {
            continue;
        }
        if let Some(directory) = directory {
            write_atomically(directory.join(format!("{name}.csv")), |w| {
                writeln!(w, "material,{},{},error,members", quench_rate.label(), quantity.label())?;
                for (label, rate, mean) in &rows {
                    let error = mean.standard_error.map_or_else(String::new, |e| e.to_string());
                    writeln!(w, "\"{label}\",{rate},{},{error},{}", mean.mean, mean.count)?;
                }
                Ok(())
            })?;
            figure.write(directory.join(format!("{name}.svg")))?;
        }
        let apart = if materials.len() > 1 { " of one material and size" } else { "" };
        let means = format!("Means over members{apart} with standard errors; {counts} in all.");
        drawn.push((figure, format!("{caption} {means}")));
    }
    if drawn.is_empty() {
        page.note(
            "No run has a ramp downwards with a clear break of U(T) or an inherent structure.",
        );
    }
    page.drawn(&drawn)
}

#[cfg(test)]
mod tests {
    use crate::io::write_structure;
    use crate::report::write_run;
    use crate::system::{SimulationBox, Species, Structure, UnitSystem};

    /// Members of three rates with inherent structures, a clear break in all but one, and branches
    /// at three temperatures.
    #[test]
    fn a_run_of_several_members_shows_what_they_were_made_for() {
        let home = tempfile::tempdir().expect("a directory");
        let stage = |name: &str, kind: &str, temperature: f64, crossing: serde_json::Value| {
            let lag = serde_json::json!({
                "coefficient": {"value": 100.0 * (-9000.0 / temperature).exp(), "error": 1e-4},
                "exponent": 1.0, "window": [1.0, 4.0]
            });
            let diffusion =
                if kind == "hold" { serde_json::json!({"A": lag}) } else { serde_json::json!({}) };
            serde_json::json!({
                "name": name, "kind": kind, "units": {"temperature": "K", "energy": "eV"},
                "first_step": 0, "last_step": 10, "minimization": null,
                "means": {
                    "temperature": temperature, "potential_energy_per_atom": -1.0, "pressure": 0.0,
                    "conserved_drift_per_atom": 0.0
                },
                "splice_visits": null, "plateau": null, "fictive_temperature": crossing,
                "memory": null, "mean_squared_displacement": {}, "diffusion": diffusion,
                "inherent_structure_energy": if kind == "ramp" { Some(-19.5) } else { None },
                "bonds": []
            })
        };
        let cell = SimulationBox::cubic(9.0).expect("cube");
        let species = vec![Species { name: "A".into(), mass: Some(1.0) }];
        let one = Structure::new(cell, species, vec![0], vec![[1.0; 3]]).expect("sound");
        let mut members = Vec::new();
        for (k, rate) in [1.0, 10.0, 100.0].into_iter().enumerate() {
            let directory = format!("rate-{rate}-seed-1");
            let lines = |clear: bool| {
                serde_json::json!({
                    "break_at": 1500.0 + 100.0 * k as f64, "break_error": 20.0, "slope_below": 1.0,
                    "slope_above": 2.0, "residual": 0.1, "clear": clear
                })
            };
            let branches: Vec<_> = [1500.0, 2000.0, 2500.0]
                .map(|t| stage(&format!("relax-{t}K"), "hold", t, serde_json::Value::Null))
                .to_vec();
            for branch in ["relax-1500K", "relax-2000K", "relax-2500K"] {
                let path = home.path().join(&directory).join("branches").join(branch);
                std::fs::create_dir_all(path).expect("a directory");
            }
            let own = home.path().join(&directory);
            std::fs::create_dir_all(own.join("stages/quench")).expect("a directory");
            write_structure(own.join("final.data"), &one, UnitSystem::Metal).expect("written");
            std::fs::write(own.join("thermo.csv"), "stage,step,time (ps)\nquench,0,0\n")
                .expect("written");
            members.push(serde_json::json!({
                "directory": directory, "seed": 1, "rate": rate, "checks": [],
                "stages": [stage("quench", "ramp", 300.0, lines(k != 1))], "branches": branches
            }));
        }
        let summary = serde_json::json!({
            "title": "", "members": members, "means": {}, "all_checks_passed": true
        });
        for (name, text) in [
            ("summary.json", summary.to_string()),
            ("provenance.json", "{}".to_owned()),
            ("configuration.toml", "no plan".to_owned()),
        ] {
            std::fs::write(home.path().join(name), text).expect("written");
        }
        let path = write_run(home.path(), &[]).expect("a page");
        let text = std::fs::read_to_string(path).expect("read");
        for wanted in [
            "Temperatures and quench rates",
            "activation energy (eV)",
            "T_f falls about",
            "2 in all",
            "end in deeper minima",
            "3 in all",
            "1500 ± 20 K",
            "bends without a clear break; two lines would cross at 1600 ± 20 K",
        ] {
            assert!(text.contains(wanted), "{wanted}");
        }
        assert!(!home.path().join("diffusion.csv").exists());
    }
}
