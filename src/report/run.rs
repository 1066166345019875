//! The page of one run, made from what is in its directory.

use std::path::{Path, PathBuf};

use super::laws::within_run;
use super::page::Page;
use super::scene::{AtomScalar, encode};
use super::table::Table;
use crate::analysis::curves::{number, with_error};
use crate::analysis::suite::Product;
use crate::error::{Error, Result};
use crate::io::{read_npy, read_structure, write_atomically};
use crate::plot::Figure;
use crate::protocol::{MemberSummary, RunSummary, StageRecord};

/// A finished run on disk.
#[derive(Debug, Clone)]
pub struct RunFiles {
    /// Its directory.
    pub directory: PathBuf,
    /// Its results.
    pub summary: RunSummary,
    /// Where its numbers come from.
    pub provenance: serde_json::Value,
    /// The resolved configuration.
    pub configuration: String,
}

impl RunFiles {
    /// Reads summary.json, provenance.json and configuration.toml.
    pub fn open(directory: &Path) -> Result<Self> {
        let path = directory.join("summary.json");
        if !path.is_file() {
            return Err(Error::input(
                format!("{} holds no finished run: there is no summary.json", directory.display()),
                "name the directory of a run (see `fulgurite run`); finish one with --resume",
            ));
        }
        let text = |name: &str| {
            let path = directory.join(name);
            std::fs::read_to_string(&path).map_err(|e| Error::io("read", path, e))
        };
        let broken = |name: &str, e: serde_json::Error| {
            Error::format(directory.join(name), e.line(), e.to_string())
        };
        Ok(Self {
            directory: directory.to_owned(),
            summary: serde_json::from_str(&text("summary.json")?)
                .map_err(|e| broken("summary.json", e))?,
            provenance: serde_json::from_str(&text("provenance.json")?)
                .map_err(|e| broken("provenance.json", e))?,
            configuration: text("configuration.toml")?,
        })
    }

    /// Title as configured; not the directory's name, which says nothing about the run.
    pub fn title(&self) -> String {
        match self.summary.title.as_str() {
            "" => "Run".to_owned(),
            title => title.to_owned(),
        }
    }

    /// Name of the directory.
    pub fn folder(&self) -> String {
        self.directory.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned())
    }
}

/// A unit, "" in reduced units.
pub(super) fn unit(stage: &StageRecord, kind: &str) -> String {
    match stage.units.get(kind).map(String::as_str) {
        None | Some("lj") => String::new(),
        Some(name) => name.to_owned(),
    }
}

fn labelled(name: &str, unit: &str) -> String {
    if unit.is_empty() { name.to_owned() } else { format!("{name} ({unit})") }
}

pub(super) fn valued(value: &str, unit: &str) -> String {
    if unit.is_empty() { value.to_owned() } else { format!("{value} {unit}") }
}

/// Pictures of a stage that have something to say beyond their title: (name, about structure, how to
/// read it). A name stands for all names that begin with it.
const CAPTIONS: [(&str, bool, &str); 12] = [
    (
        "rdf",
        true,
        "Peaks are shells of neighbours: the first one's place is the bond length, its area the coordination number. High bonds are cut off.",
    ),
    (
        "mean-square-displacement",
        false,
        "Slope 2 is free flight, a plateau the cage of the neighbours, slope 1 diffusion: D is a sixth of it.",
    ),
    (
        "non-gaussian",
        false,
        "0 where displacements are Gaussian; a peak says that some atoms move much farther than others, at the time scale where cages break.",
    ),
    (
        "self-scattering",
        false,
        "What an atom remembers of its place on the scale 2π/q: 1 everything, 0 nothing. Two steps are vibration and escape.",
    ),
    (
        "collective-scattering",
        false,
        "What the density remembers of itself, relative to S(q), where it began.",
    ),
    ("overlap", false, "Part of the atoms still within a of where they were."),
    (
        "chi4",
        false,
        "How much the overlap differs from moment to moment, times the number of atoms: how many move together.",
    ),
    (
        "van-hove-self",
        false,
        "How far atoms have gone after each time. A second peak is a jump to a neighbouring site.",
    ),
    (
        "van-hove-distinct",
        false,
        "Where the other atoms are after each time. A value at r = 0 is an atom that took another's place; 1 is no memory.",
    ),
    ("velocity-correlation", false, "Below zero where atoms bounce back in their cages."),
    (
        "vibrations",
        false,
        "Cosine transform of the velocity correlation: which species vibrates at which frequency.",
    ),
    ("displacements", false, "How far atoms have gone over the whole stage."),
];

fn caption(name: &str) -> (bool, String) {
    CAPTIONS
        .iter()
        .find(|c| name.starts_with(c.0))
        .map_or((true, name.replace('-', " ")), |c| (c.1, c.2.to_owned()))
}

/// The pictures in a stage's directory about structure or about dynamics, in a fixed order.
fn pictures(directory: &Path, structure: bool) -> Result<Vec<(String, String)>> {
    let entries = std::fs::read_dir(directory).map_err(|e| Error::io("read", directory, e))?;
    let mut names: Vec<String> = entries
        .filter_map(|e| e.ok()?.file_name().into_string().ok())
        .filter_map(|n| n.strip_suffix(".svg").map(str::to_owned))
        .filter(|n| n != "energy" && n != "temperature" && caption(n).0 == structure)
        .collect();
    let place = |n: &String| CAPTIONS.iter().position(|c| n.starts_with(c.0)).unwrap_or(99);
    names.sort_by(|a, b| place(a).cmp(&place(b)).then(a.cmp(b)));
    names
        .into_iter()
        .map(|name| {
            let path = directory.join(format!("{name}.svg"));
            let svg = std::fs::read_to_string(&path).map_err(|e| Error::io("read", path, e))?;
            Ok((svg, caption(&name).1))
        })
        .collect()
}

fn energy_picture(directory: &Path) -> Option<(String, String)> {
    let svg = std::fs::read_to_string(directory.join("energy.svg")).ok()?;
    let caption = "Against the temperature of the atoms, in averaged points. A clear break is where \
                   the melt falls out of equilibrium, the fictive temperature; where one parabola \
                   fits as well as two lines there is none, and their crossing hangs on the range.";
    Some((svg, caption.to_owned()))
}

/// Writes `report.html` into a run's directory. `scalars` are more numbers to colour the atoms of
/// the first member by; `softness.npy` beside its `final.data` is taken by itself.
pub fn write_run(directory: &Path, scalars: &[AtomScalar]) -> Result<PathBuf> {
    let run = RunFiles::open(directory)?;
    let path = directory.join("report.html");
    let page = page(&run, scalars)?;
    write_atomically(&path, |w| w.write_all(page.as_bytes()))?;
    Ok(path)
}

fn page(run: &RunFiles, scalars: &[AtomScalar]) -> Result<String> {
    let text = |key: &str| run.provenance[key].as_str().unwrap_or("").to_owned();
    let lead = format!(
        "force field {}, on {}, by {} {}",
        text("forcefield"),
        run.provenance["device"]["signature"].as_str().unwrap_or("an unknown device"),
        text("program"),
        text("version"),
    );
    // Not the directory's name: the same run gives the same bytes wherever it lies.
    let title =
        if run.summary.title.is_empty() { "Run".to_owned() } else { run.summary.title.clone() };
    let mut page = Page::new(title, lead);
    page.section("Summary");
    for member in &run.summary.members {
        if !member.directory.is_empty() {
            page.heading(&member.directory);
        }
        page.cards(&cards(member));
        let checks: Vec<(bool, String)> = member
            .checks
            .iter()
            .map(|c| (c.passed, format!("{} of {}: {}", c.name, c.stage, c.detail)))
            .collect();
        page.checks(&checks);
    }
    means(&mut page, &run.summary);
    if let Some(member) = run.summary.members.first() {
        let home = run.directory.join(&member.directory);
        page.section("The structure");
        viewer(&mut page, &home, member, scalars)?;
    }
    page.section("Thermodynamics");
    for member in &run.summary.members {
        thermodynamics(&mut page, run, member)?;
    }
    page.section("Structure");
    for member in &run.summary.members {
        stages(&mut page, run, member, true)?;
    }
    page.section("Dynamics");
    for member in &run.summary.members {
        stages(&mut page, run, member, false)?;
    }
    within_run(&mut page, run)?;
    page.section("Provenance");
    let mut facts = Vec::new();
    flatten("", &run.provenance, &mut facts);
    page.facts(&facts);
    page.begin_folded("Configuration, with every default", false);
    page.preformatted(&run.configuration);
    page.end_folded();
    Ok(page.finish())
}

/// The numbers a reader looks for first, of the last stage.
fn cards(member: &MemberSummary) -> Vec<(String, String)> {
    let mut cards = Vec::new();
    for stage in member.stages.iter().chain(&member.branches) {
        if let Some(fit) = stage.fictive_temperature.as_ref().filter(|fit| fit.clear) {
            let value = valued(&fit.break_with_error(), &unit(stage, "temperature"));
            cards.push((value, format!("fictive temperature, {}", stage.name)));
        }
    }
    let Some(last) = member.stages.iter().rev().find(|s| s.means.is_some()) else { return cards };
    if let Some(m) = &last.means {
        cards.push((
            valued(&number(m.potential_energy_per_atom), &unit(last, "energy")),
            format!("potential energy per atom, {}", last.name),
        ));
        cards.push((
            valued(&number(m.pressure), &unit(last, "pressure")),
            format!("pressure, {}", last.name),
        ));
    }
    if let Some(energy) = last.inherent_structure_energy {
        cards.push((
            valued(&number(energy), &unit(last, "energy")),
            "inherent-structure energy per atom".into(),
        ));
    }
    for bond in &last.bonds {
        if let Some(length) = bond.mean_length {
            cards.push((
                valued(&format!("{length:.4}"), &unit(last, "length")),
                format!("{} bond; coordination {:.3}", bond.pair, bond.coordination),
            ));
        }
    }
    cards
}

fn means(page: &mut Page, summary: &RunSummary) {
    if summary.members.len() < 2 {
        return;
    }
    for (rate, quantities) in &summary.means {
        page.heading(&if rate.is_empty() {
            "Means over the seeds".to_owned()
        } else {
            format!("Means over the seeds at rate {rate}")
        });
        let header = ["quantity", "mean ± standard error", "runs"].map(str::to_owned);
        let rows: Vec<Vec<String>> = quantities
            .iter()
            .map(|(name, m)| {
                vec![name.clone(), with_error(m.mean, m.standard_error), m.count.to_string()]
            })
            .collect();
        page.table(&header, &rows);
    }
}

fn viewer(
    page: &mut Page,
    home: &Path,
    member: &MemberSummary,
    scalars: &[AtomScalar],
) -> Result<()> {
    let structure = read_structure(home.join("final.data"))?;
    let bonds = member.stages.iter().rev().find(|s| !s.bonds.is_empty());
    let mut scalars = scalars.to_vec();
    let softness = home.join("softness.npy");
    if softness.is_file() {
        scalars.push(AtomScalar { name: "softness".into(), values: read_npy(&softness)?.data });
    }
    for scalar in &scalars {
        if scalar.values.len() != structure.len() {
            return Err(Error::input(
                format!(
                    "{} has {} values for {} atoms",
                    scalar.name,
                    scalar.values.len(),
                    structure.len()
                ),
                "give one number an atom, in the order of final.data; NaN where there is none",
            ));
        }
    }
    let (scene, what) =
        encode(&structure, bonds.map_or(&[], |s| &s.bonds), &scalars, "the final structure")?;
    page.viewer(&scene);
    page.note(&format!(
        "{what} Drag to turn, wheel or pinch to zoom, double click to start again. Coordination \
         counts the bonds listed under Structure."
    ));
    Ok(())
}

fn thermodynamics(page: &mut Page, run: &RunFiles, member: &MemberSummary) -> Result<()> {
    if !member.directory.is_empty() {
        page.heading(&member.directory);
    }
    let Some(stage) = member.stages.first() else { return Ok(()) };
    let table = Table::read(&run.directory.join(&member.directory).join("thermo.csv"))?;
    let time = table.find("time").unwrap_or(2);
    let x = labelled("time", &unit(stage, "time"));
    let mut figures = Vec::new();
    for (name, kind, caption) in [
        ("temperature", "temperature", "Temperature of the atoms, dashed the target."),
        ("potential energy", "energy", "Potential energy of the whole system, stage after stage."),
        ("pressure", "pressure", "Pressure at fixed volume; negative is tension."),
        (
            "conserved quantity",
            "energy",
            "Level within a stage if the integration is sound; steps are changes of stage.",
        ),
    ] {
        let column =
            table.header.iter().position(|h| h == name || h.starts_with(&format!("{name} (")));
        let Some(column) = column.filter(|_| table.rows.len() > 1) else { continue };
        let y = labelled(name, &unit(stage, kind));
        let mut figure =
            Figure::new("", x.as_str(), y).size(620, 300).line("", table.points(time, column));
        if let (true, Some(target)) = (name == "temperature", table.find("target temperature")) {
            figure = figure.dashed("", table.points(time, target));
        }
        figures.push((figure, caption.to_owned()));
    }
    page.drawn(&figures)?;
    let header = [
        "stage".to_owned(),
        "kind".to_owned(),
        "steps".to_owned(),
        labelled("T", &unit(stage, "temperature")),
        labelled("U/N", &unit(stage, "energy")),
        labelled("P", &unit(stage, "pressure")),
        labelled("inherent structure U/N", &unit(stage, "energy")),
        "result".to_owned(),
    ];
    let rows: Vec<Vec<String>> =
        member.stages.iter().chain(&member.branches).map(stage_row).collect();
    page.table(&header, &rows);
    page.note("Means are over the second half of each stage.");
    let mut breaks = Vec::new();
    for (stage, directory) in directories(run, member) {
        if stage.fictive_temperature.is_some() {
            breaks.extend(energy_picture(&directory));
        }
    }
    page.figures(&breaks);
    Ok(())
}

fn stage_row(stage: &StageRecord) -> Vec<String> {
    let mean = |f: fn(&crate::protocol::StageMeans) -> f64| {
        stage.means.as_ref().map_or("–".into(), |m| number(f(m)))
    };
    let result = if let Some(m) = &stage.minimization {
        let end = if m.converged { "converged" } else { "stopped before its tolerance" };
        format!(
            "{end} after {} evaluations, largest force {}",
            m.evaluations,
            number(m.largest_force)
        )
    } else if let Some(fit) = &stage.fictive_temperature {
        format!("U(T) {}", fit.verdict(&unit(stage, "temperature")))
    } else if let Some(p) = &stage.plateau {
        if p.reached { "energy level".into() } else { "energy still drifting".into() }
    } else {
        String::new()
    };
    vec![
        stage.name.clone(),
        stage.kind.clone(),
        (stage.last_step - stage.first_step).to_string(),
        mean(|m| m.temperature),
        mean(|m| m.potential_energy_per_atom),
        mean(|m| m.pressure),
        stage.inherent_structure_energy.map_or("–".into(), number),
        result,
    ]
}

/// Every stage and branch of a member with its directory.
pub(super) fn directories<'a>(
    run: &RunFiles,
    member: &'a MemberSummary,
) -> Vec<(&'a StageRecord, PathBuf)> {
    let home = run.directory.join(&member.directory);
    let stages = member.stages.iter().map(|s| (s, home.join("stages").join(&s.name)));
    let branches = member.branches.iter().map(|s| (s, home.join("branches").join(&s.name)));
    stages.chain(branches).collect()
}

/// Pictures of all stages, those of the last one unfolded.
fn stages(page: &mut Page, run: &RunFiles, member: &MemberSummary, structure: bool) -> Result<()> {
    if !member.directory.is_empty() {
        page.heading(&member.directory);
    }
    let mut parts = Vec::new();
    for (stage, directory) in directories(run, member) {
        let found = pictures(&directory, structure)?;
        let analyses = directory.join("structure");
        let products = if structure { Product::read(&analyses)? } else { Vec::new() };
        if !found.is_empty() || !products.is_empty() {
            parts.push((stage, found, analyses, products));
        }
    }
    if parts.is_empty() {
        page.note("Nothing was measured: see [analysis] of the configuration.");
    }
    // The last stage is what the run was for; branches come after it in the list.
    let last = parts.iter().rposition(|p| member.stages.iter().any(|s| s.name == p.0.name));
    for (k, (stage, figures, analyses, products)) in parts.iter().enumerate() {
        page.begin_folded(&stage.name, Some(k) == last || parts.len() == 1);
        if structure {
            bonds(page, stage);
        } else {
            diffusion(page, stage);
        }
        page.figures(figures);
        structure_analyses(page, analyses, products)?;
        page.end_folded();
    }
    Ok(())
}

/// What the analyses of a stage's structure found: pictures as they lie there, numbers, remarks.
fn structure_analyses(page: &mut Page, directory: &Path, products: &[Product]) -> Result<()> {
    for product in products {
        let figures: Vec<(String, String)> = product
            .pictures
            .iter()
            .map(|(file, reading)| {
                let path = directory.join(file);
                let svg = std::fs::read_to_string(&path).map_err(|e| Error::io("read", path, e))?;
                Ok((svg, reading.clone()))
            })
            .collect::<Result<_>>()?;
        if !figures.is_empty() || !product.numbers.is_empty() {
            page.heading(&product.analysis);
        }
        page.figures(&figures);
        let row = |(name, value, unit): &(String, f64, String)| {
            vec![name.clone(), valued(&number(*value), unit)]
        };
        let rows: Vec<Vec<String>> = product.numbers.iter().map(row).collect();
        if !rows.is_empty() {
            page.table(&["quantity", "value"].map(str::to_owned), &rows);
        }
        for remark in &product.remarks {
            page.note(remark);
        }
    }
    Ok(())
}

fn bonds(page: &mut Page, stage: &StageRecord) {
    if stage.bonds.is_empty() {
        return;
    }
    let length = unit(stage, "length");
    let header = [
        "pair".to_owned(),
        labelled("first peak", &length),
        labelled("cutoff", &length),
        labelled("mean length", &length),
        labelled("shortest", &length),
        "coordination".to_owned(),
        "atoms with each number".to_owned(),
    ];
    let length_or_dash = |x: Option<f64>| x.map_or_else(|| "–".to_owned(), |x| format!("{x:.4}"));
    let rows: Vec<Vec<String>> = stage
        .bonds
        .iter()
        .map(|b| {
            let most = b.fractions.iter().filter(|(_, f)| **f >= 0.005);
            vec![
                b.pair.clone(),
                format!("{:.3}", b.peak),
                format!("{:.3}", b.cutoff),
                length_or_dash(b.mean_length),
                length_or_dash(b.shortest),
                format!("{:.3}", b.coordination),
                most.map(|(n, f)| format!("{n}: {:.1} %", 100.0 * f))
                    .collect::<Vec<_>>()
                    .join(", "),
            ]
        })
        .collect();
    page.table(&header, &rows);
}

fn diffusion(page: &mut Page, stage: &StageRecord) {
    if stage.diffusion.is_empty() {
        return;
    }
    let (length, time) = (unit(stage, "length"), unit(stage, "time"));
    let speed = if length.is_empty() { String::new() } else { format!("{length}²/{time}") };
    let header = [
        "species".to_owned(),
        labelled("D", &speed),
        labelled("fitted from", &time),
        labelled("to", &time),
        "exponent of ⟨Δr²⟩".to_owned(),
        String::new(),
    ];
    let rows: Vec<Vec<String>> = stage
        .diffusion
        .iter()
        .map(|(name, d)| {
            let verdict = match (d.is_diffusive(), stage.friction_time) {
                (false, _) => "not diffusive: D is only a slope",
                (true, Some(_)) => "slowed by the friction of the Langevin thermostat",
                (true, None) => "",
            };
            vec![
                name.clone(),
                with_error(d.coefficient.value, d.coefficient.error),
                number(d.window[0]),
                number(d.window[1]),
                format!("{:.2}", d.exponent),
                verdict.to_owned(),
            ]
        })
        .collect();
    page.table(&header, &rows);
}

fn flatten(name: &str, value: &serde_json::Value, facts: &mut Vec<(String, String)>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                let key = key.replace('_', " ");
                let name = if name.is_empty() { key } else { format!("{name}: {key}") };
                flatten(&name, value, facts);
            }
        }
        serde_json::Value::Null => facts.push((name.to_owned(), "not known".into())),
        serde_json::Value::String(text) => facts.push((name.to_owned(), text.clone())),
        other => facts.push((name.to_owned(), other.to_string())),
    }
}
