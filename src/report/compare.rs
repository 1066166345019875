//! The page over several runs: curves over each other, a table, and what depends on quench rate,
//! size and temperature.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::laws::{diffusion, rates};
use super::page::Page;
use super::run::{RunFiles, directories, unit, valued};
use super::table::Table;
use super::transitions::{Transition, write_table};
use crate::analysis::curves::{Curve, Curves, Quantity, SIZE, number, significant};
use crate::analysis::motion::Arrhenius;
use crate::error::{Error, Result};
use crate::io::write_atomically;
use crate::plot::Figure;
use crate::protocol::StageRecord;

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
    let found = diffusion(&mut page, runs, transitions, Some(directory))?;
    page.section("Transitions");
    rates(&mut page, runs, transitions, Some(directory))?;
    write_table(directory, transitions)?;
    let path = directory.join("report.html");
    let text = page.finish();
    write_atomically(&path, |w| w.write_all(text.as_bytes()))?;
    Ok(Comparison { page: path, arrhenius: found })
}

/// Members with the names that curves and rows have: those of transitions, in the same order.
pub(super) fn members(
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
            point.energy_break.filter(|b| b.clear).map_or_else(dash, |b| {
                let unit = stage.as_ref().map_or(String::new(), |s| unit(s, "temperature"));
                valued(&b.break_with_error(), &unit)
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

pub(super) fn first_stage(runs: &[RunFiles]) -> Option<&StageRecord> {
    runs.iter().flat_map(|r| &r.summary.members).flat_map(|m| &m.stages).next()
}
