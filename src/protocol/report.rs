//! report.html: what summary.json says, for reading, with the pictures of every stage.

use std::fmt::Write as _;
use std::path::Path;

use super::record::StageRecord;
use super::summary::{MemberSummary, RunSummary};
use crate::error::Result;
use crate::io::write_atomically;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;\
padding:0 1rem;color:#222}h1,h2,h3{line-height:1.2}table{border-collapse:collapse;margin:.5rem 0}\
td,th{padding:.2rem .8rem;border-bottom:1px solid #ddd;text-align:right}\
td:first-child,th:first-child{text-align:left}.ok{color:#2a7a35}.bad{color:#b03020}\
img{max-width:48%}";

/// Writes report.html into the run's directory.
pub(super) fn write(output: &Path, summary: &RunSummary) -> Result<()> {
    let title = if summary.title.is_empty() { "Run" } else { &summary.title };
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title>\
         <style>{STYLE}</style></head><body>\n<h1>{0}</h1>\n",
        escape(title)
    );
    if summary.members.len() > 1 {
        means(&mut page, summary);
    }
    for member in &summary.members {
        write_member(&mut page, member);
    }
    page.push_str("</body></html>\n");
    write_atomically(output.join("report.html"), |w| w.write_all(page.as_bytes()))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A number with its digits where they matter.
fn number(x: f64) -> String {
    if x == 0.0 || (1e-3..1e5).contains(&x.abs()) { format!("{x:.4}") } else { format!("{x:.3e}") }
}

// Writing to a String cannot fail; the results of `write!` are dropped for that reason.

fn means(page: &mut String, summary: &RunSummary) {
    for (rate, quantities) in &summary.means {
        let heading = if rate.is_empty() {
            "Means over the seeds".to_owned()
        } else {
            format!("Means over the seeds at rate {rate}")
        };
        let _ = write!(
            page,
            "<h2>{heading}</h2>\n<table><tr><th>quantity</th><th>mean</th><th>standard error</th>\
             <th>runs</th></tr>\n"
        );
        for (name, mean) in quantities {
            let error = mean.standard_error.map_or("–".to_owned(), number);
            let _ = writeln!(
                page,
                "<tr><td>{}</td><td>{}</td><td>{error}</td><td>{}</td></tr>",
                escape(name),
                number(mean.mean),
                mean.count
            );
        }
        page.push_str("</table>\n");
    }
}

fn write_member(page: &mut String, member: &MemberSummary) {
    if !member.directory.is_empty() {
        let _ = writeln!(page, "<h2>{}</h2>", escape(&member.directory));
    }
    if !member.checks.is_empty() {
        page.push_str("<h3>Checks</h3>\n<ul>\n");
        for check in &member.checks {
            let (class, word) = if check.passed { ("ok", "ok") } else { ("bad", "not met") };
            let _ = writeln!(
                page,
                "<li><b>{}</b> of {}: <span class=\"{class}\">{word}</span> – {}</li>",
                escape(&check.name),
                escape(&check.stage),
                escape(&check.detail)
            );
        }
        page.push_str("</ul>\n");
    }
    let prefix =
        if member.directory.is_empty() { String::new() } else { format!("{}/", member.directory) };
    for stage in &member.stages {
        write_stage(page, stage, &format!("{prefix}stages/{}", stage.name));
    }
    for branch in &member.branches {
        write_stage(page, branch, &format!("{prefix}branches/{}", branch.name));
    }
}

fn write_stage(page: &mut String, stage: &StageRecord, directory: &str) {
    let unit = |kind: &str| match stage.units.get(kind).map(String::as_str) {
        None | Some("lj") => String::new(),
        Some(name) => format!(" {name}"),
    };
    let _ = writeln!(page, "<h3>{} ({})</h3>", escape(&stage.name), escape(&stage.kind));
    if let Some(m) = &stage.minimization {
        let _ = writeln!(
            page,
            "<p>{} force evaluations, largest force {}, potential energy {}{}{}</p>",
            m.evaluations,
            number(m.largest_force),
            number(m.potential_energy),
            unit("energy"),
            if m.converged { "" } else { "; stopped before the tolerance was reached" }
        );
        return;
    }
    let mut facts = Vec::new();
    if let Some(m) = &stage.means {
        facts.push(format!("T = {}{}", number(m.temperature), unit("temperature")));
        facts.push(format!("U/N = {}{}", number(m.potential_energy_per_atom), unit("energy")));
        facts.push(format!("P = {}{}", number(m.pressure), unit("pressure")));
    }
    if let Some(fit) = &stage.fictive_temperature {
        facts.push(format!("break of U(T) at {}{}", number(fit.break_at), unit("temperature")));
    }
    for (species, value) in &stage.mean_squared_displacement {
        let square = unit("length");
        let square = if square.is_empty() { square } else { format!("{square}²") };
        facts.push(format!("⟨Δr²⟩ {} = {}{square}", escape(species), number(*value)));
    }
    let _ = writeln!(
        page,
        "<p>steps {} to {}: {} (second half of the stage)</p>",
        stage.first_step,
        stage.last_step,
        facts.join(", ")
    );
    if !stage.bonds.is_empty() {
        let length = unit("length");
        let _ = writeln!(
            page,
            "<table><tr><th>pair</th><th>first peak{length}</th><th>cutoff{length}</th>\
             <th>mean length{length}</th><th>shortest{length}</th><th>coordination</th></tr>"
        );
        for b in &stage.bonds {
            let _ = writeln!(
                page,
                "<tr><td>{}</td><td>{:.3}</td><td>{:.3}</td><td>{}</td><td>{}</td>\
                 <td>{:.3}</td></tr>",
                escape(&b.pair),
                b.peak,
                b.cutoff,
                length_or_dash(b.mean_length),
                length_or_dash(b.shortest),
                b.coordination
            );
        }
        page.push_str("</table>\n");
    }
    let _ = writeln!(
        page,
        "<p><img src=\"{0}/thermo.svg\" alt=\"temperature and energy\"> \
         <img src=\"{0}/rdf.svg\" alt=\"pair distribution functions\"></p>",
        escape(directory)
    );
}

/// A length, or a dash where there is none.
fn length_or_dash(length: Option<f64>) -> String {
    length.map_or_else(|| "–".to_owned(), |x| format!("{x:.4}"))
}
