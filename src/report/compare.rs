//! The page over several runs: curves over each other, a table, and what depends on quench rate,
//! size and temperature.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::material::groups;
use super::page::{Page, number, with_error};
use super::run::{RunFiles, directories, unit, valued};
use super::table::Table;
use super::transitions::{Transition, grouped, write_table};
use crate::analysis::curves::{Curve, Curves, Quantity, SIZE, significant};
use crate::analysis::motion::{Arrhenius, arrhenius, temperatures};
use crate::error::{Error, Result};
use crate::io::write_atomically;
use crate::plot::Figure;
use crate::protocol::StageRecord;
use crate::system::Units;

/// Curves of more runs than this cannot be told apart.
const MOST_CURVES: usize = 16;

/// What [`compare`] found beside the page.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The page.
    pub page: PathBuf,
    /// Arrhenius law of diffusion of each species of each material with three temperatures.
    pub arrhenius: BTreeMap<String, Arrhenius>,
}

/// Writes `report.html`, tables and pictures about several runs into a directory. `transitions` are
/// those of the same runs.
pub fn compare(
    runs: &[RunFiles],
    transitions: &[Transition],
    directory: &Path,
) -> Result<Comparison> {
    if runs.is_empty() {
        return Err(Error::input("no runs to compare", "name at least one run's directory"));
    }
    std::fs::create_dir_all(directory).map_err(|e| Error::io("create", directory, e))?;
    let titles: Vec<String> = runs.iter().map(RunFiles::title).collect();
    let mut page = Page::new(format!("Comparison of {} runs", runs.len()), titles.join(" · "));
    page.section("Runs");
    overview(&mut page, runs, transitions);
    page.section("Structure");
    overlay(&mut page, runs, "rdf.csv", "g ", "g(r)", [false, false])?;
    scattering(&mut page, runs, transitions, directory)?;
    page.section("Dynamics");
    overlay(&mut page, runs, "mean-square-displacement.csv", "⟨Δr²⟩ ", "⟨Δr²⟩", [true, true])?;
    let found = diffusion(&mut page, runs, transitions, directory)?;
    page.section("Transitions");
    rates(&mut page, runs, transitions, directory)?;
    write_table(directory, transitions)?;
    let path = directory.join("report.html");
    let text = page.finish();
    write_atomically(&path, |w| w.write_all(text.as_bytes()))?;
    Ok(Comparison { page: path, arrhenius: found })
}

/// Members with the names that curves and rows have: those of transitions, in the same order.
fn members(
    runs: &[RunFiles],
) -> impl Iterator<Item = (&RunFiles, &crate::protocol::MemberSummary, String)> {
    let several = runs.len() > 1;
    runs.iter().flat_map(move |run| {
        run.summary.members.iter().map(move |member| {
            let folder = run.folder();
            let name = match (several || member.directory.is_empty(), member.directory.as_str()) {
                (true, "") => folder,
                (true, own) => format!("{folder}/{own}"),
                (false, own) => own.to_owned(),
            };
            (run, member, name)
        })
    })
}

fn overview(page: &mut Page, runs: &[RunFiles], transitions: &[Transition]) {
    let mut header = vec![
        "run".to_owned(),
        "atoms".to_owned(),
        "seed".to_owned(),
        "quench rate".to_owned(),
        "T_f".to_owned(),
        "U/N".to_owned(),
        "inherent structure U/N".to_owned(),
        "P".to_owned(),
        "checks".to_owned(),
    ];
    let last = |stages: &'_ [StageRecord]| stages.iter().rev().find(|s| s.means.is_some()).cloned();
    let mut pairs: Vec<String> = Vec::new();
    for (_, member, _) in members(runs) {
        for bond in last(&member.stages).iter().flat_map(|s| &s.bonds) {
            if !pairs.contains(&bond.pair) {
                pairs.push(bond.pair.clone());
            }
        }
    }
    for pair in &pairs {
        header.push(format!("{pair} length"));
        header.push(format!("{pair} coordination"));
    }
    let dash = || "–".to_owned();
    let mut rows = Vec::new();
    for ((_, member, name), point) in members(runs).zip(transitions) {
        let stage = last(&member.stages);
        let with = |value: Option<f64>, kind: &str| {
            value.map_or_else(dash, |v| {
                valued(&number(v), &stage.as_ref().map_or(String::new(), |s| unit(s, kind)))
            })
        };
        let means = stage.as_ref().and_then(|s| s.means);
        let passed = member.checks.iter().filter(|c| c.passed).count();
        let mut row = vec![
            name,
            point.atoms.to_string(),
            point.seed.to_string(),
            point.rate.map_or_else(dash, significant),
            point.fictive_temperature.map_or_else(dash, |t| {
                let unit = stage.as_ref().map_or(String::new(), |s| unit(s, "temperature"));
                valued(&significant(t), &unit)
            }),
            with(means.map(|m| m.potential_energy_per_atom), "energy"),
            with(point.inherent_structure_energy, "energy"),
            with(means.map(|m| m.pressure), "pressure"),
            format!("{passed} of {} met", member.checks.len()),
        ];
        for pair in &pairs {
            let bond =
                stage.as_ref().and_then(|s| s.bonds.iter().find(|b| b.pair == *pair).cloned());
            row.push(with(bond.as_ref().and_then(|b| b.mean_length), "length"));
            row.push(bond.map_or_else(dash, |b| format!("{:.3}", b.coordination)));
        }
        rows.push(row);
    }
    page.table(&header, &rows);
    page.note("Energies and pressures are means over the second half of each run's last stage.");
}

/// One picture for each column that begins with `prefix` in the tables of the runs' last stages.
fn overlay(
    page: &mut Page,
    runs: &[RunFiles],
    file: &str,
    prefix: &str,
    y: &str,
    log: [bool; 2],
) -> Result<()> {
    let mut figures: Vec<(String, Figure)> = Vec::new();
    let mut left_out = 0;
    for (number, (run, member, name)) in members(runs).enumerate() {
        if number >= MOST_CURVES {
            left_out += 1;
            continue;
        }
        let stages = member.stages.len();
        let here = directories(run, member);
        let Some(path) = here[..stages].iter().rev().map(|d| d.1.join(file)).find(|p| p.is_file())
        else {
            continue;
        };
        let table = Table::read(&path)?;
        for (column, title) in table.header.iter().enumerate() {
            let Some(what) = title.strip_prefix(prefix) else { continue };
            let what = what.split(" (").next().unwrap_or(what);
            let points = table.points(0, column);
            match figures.iter_mut().find(|f| f.0 == what) {
                Some(entry) => {
                    entry.1 = entry.1.clone().line(name.as_str(), points);
                }
                None => {
                    let mut figure =
                        Figure::new(what, table.header[0].as_str(), y).size(SIZE.0, SIZE.1);
                    if log[0] {
                        figure = figure.log_x();
                    }
                    if log[1] {
                        figure = figure.log_y();
                    }
                    figures.push((what.to_owned(), figure.line(name.as_str(), points)));
                }
            }
        }
    }
    let figures: Vec<(Figure, String)> = figures
        .into_iter()
        .map(|(what, f)| (f, format!("{what} in the last stage of each run that has it.")))
        .collect();
    page.drawn(&figures)?;
    if left_out > 0 {
        page.note(&format!("Curves of {left_out} more members are left out of the pictures."));
    }
    Ok(())
}

/// S(Q) of the final structures, named by their size.
fn scattering(
    page: &mut Page,
    runs: &[RunFiles],
    transitions: &[Transition],
    directory: &Path,
) -> Result<()> {
    let length = first_stage(runs).map_or_else(String::new, |s| unit(s, "length"));
    let inverse = if length.is_empty() { String::new() } else { format!("{length}⁻¹") };
    let quantity = Quantity::new("Q", inverse);
    let mut figure =
        Figure::new("S(Q) of the final structures", quantity.label(), "S(Q)").size(SIZE.0, SIZE.1);
    for ((_, _, name), point) in members(runs).zip(transitions).take(MOST_CURVES) {
        let label = format!("{name}, {} atoms", point.atoms);
        let column = |k: usize| point.structure_factor.iter().map(|p| p[k]).collect::<Vec<_>>();
        let (q, s) = (column(0), column(1));
        figure = figure.line(label.as_str(), q.iter().copied().zip(s.iter().copied()).collect());
        // The first Q is one wave in the box.
        Curves {
            name: format!("structure-factor-{}", name.replace('/', "-")),
            title: label.clone(),
            x_quantity: quantity.clone(),
            y_quantity: Quantity::new("S", ""),
            x: q,
            curves: vec![Curve {
                label: format!("{} atoms", point.atoms),
                values: s,
                errors: Some(column(2).into_iter().map(Some).collect()),
            }],
            log: [false, false],
            x_range: None,
        }
        .write_table(directory)?;
    }
    figure.write(directory.join("structure-factor.svg"))?;
    let caption = "Every atom scatters equally. Summed over wave vectors of each box, in the same \
                   bins for all, so that only the structure differs: a larger box adds the smallest \
                   Q, and peaks that grow with it are order that a small box cuts off. A bin of n \
                   vectors scatters by S/√n, the error in the tables.";
    page.drawn(&[(figure, caption.to_owned())])
}

fn first_stage(runs: &[RunFiles]) -> Option<&StageRecord> {
    runs.iter().flat_map(|r| &r.summary.members).flat_map(|m| &m.stages).next()
}

/// Diffusion coefficients against temperature, with an Arrhenius law for each species of each
/// material.
fn diffusion(
    page: &mut Page,
    runs: &[RunFiles],
    transitions: &[Transition],
    directory: &Path,
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

/// Fictive temperature and inherent-structure energy against the quench rate.
fn rates(
    page: &mut Page,
    runs: &[RunFiles],
    transitions: &[Transition],
    directory: &Path,
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
            (|t| t.fictive_temperature) as fn(&Transition) -> Option<f64>,
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
        write_atomically(directory.join(format!("{name}.csv")), |w| {
            writeln!(w, "material,{},{},error,members", quench_rate.label(), quantity.label())?;
            for (label, rate, mean) in &rows {
                let error = mean.standard_error.map_or_else(String::new, |e| e.to_string());
                writeln!(w, "\"{label}\",{rate},{},{error},{}", mean.mean, mean.count)?;
            }
            Ok(())
        })?;
        figure.write(directory.join(format!("{name}.svg")))?;
        let apart = if materials.len() > 1 { " of one material and size" } else { "" };
        let means = format!("Means over members{apart} with standard errors; {counts} in all.");
        drawn.push((figure, format!("{caption} {means}")));
    }
    if drawn.is_empty() {
        page.note("No run has a ramp downwards.");
    }
    page.drawn(&drawn)
}
