//! The page of a softness study.

use std::path::Path;

use super::page::Page;
use super::scene::{AtomScalar, encode};
use crate::analysis::curves::{number, significant, with_error};
use crate::analysis::motion::Estimate;
use crate::error::Result;
use crate::io::write_atomically;
use crate::softness::{Baseline, Study};
use crate::system::Structure;

fn percent(e: &Estimate) -> String {
    match e.error {
        Some(error) => format!("{:.1} ± {:.1} %", 100.0 * e.value, 100.0 * error),
        None => format!("{:.1} %", 100.0 * e.value),
    }
}

fn maybe(e: Option<&Estimate>) -> String {
    e.map_or_else(|| "–".into(), |e| with_error(e.value, e.error))
}

/// Writes report.html: every picture of the study and, if given, a structure coloured by softness
/// (not a number for atoms that have none).
pub fn write_softness(
    study: &Study,
    shown: Option<(&Structure, Vec<f64>)>,
    directory: &Path,
) -> Result<()> {
    let title = if study.title.is_empty() { "Softness" } else { &study.title };
    let unit = &study.temperature_unit;
    let lead = format!(
        "{} atoms of {} {} at {}, {:.1} % mobile.",
        study.samples,
        study.glasses.len(),
        if study.glasses.len() == 1 { "glass" } else { "glasses" },
        format!("{} {unit}", study.temperature).trim(),
        100.0 * study.mobile_fraction
    );
    let mut page = Page::new(title, lead);
    page.section("Result");
    let mut cards = vec![(
        percent(&study.score.balanced_accuracy),
        "balanced accuracy on atoms kept out (± between divisions)".to_owned(),
    )];
    if let Some(e) = &study.unseen_balanced_accuracy {
        cards.push((percent(e), "balanced accuracy on glasses not learned from".into()));
    }
    if let Some(e) = &study.unseen_recall {
        cards.push((percent(e), "of the mobile atoms of such a glass are soft (S > 0)".into()));
    }
    cards.push((format!("{:.3}", study.roc_area), "area under the ROC curve".into()));
    page.cards(&cards);
    page.note(
        "Balanced accuracy is the mean of the shares called right among the mobile and among the \
         immobile: 50 % is a guess, whatever the part that is mobile.",
    );
    for note in &study.notes {
        page.note(note);
    }
    page.facts(&[("classifier".into(), study.learning.describe())]);
    let c = &study.confusion;
    page.table(
        &["".into(), "soft (S > 0)".into(), "hard".into()],
        &[
            vec!["mobile".into(), c.true_mobile.to_string(), c.false_immobile.to_string()],
            vec!["immobile".into(), c.false_mobile.to_string(), c.true_immobile.to_string()],
        ],
    );
    page.facts(&[
        ("accuracy (not balanced)".into(), percent(&study.score.accuracy)),
        (
            "balanced accuracy of the training".into(),
            percent(&study.score.balanced_accuracy_of_training),
        ),
        ("threshold of the label".into(), number(study.threshold)),
    ]);
    if let Some((structure, values)) = shown {
        let softness = AtomScalar { name: "softness".into(), values };
        let which = match study.glasses.first() {
            Some(glass) => format!("the first structure that was learned from, of {glass}"),
            None => "the first structure that was learned from".to_owned(),
        };
        let (scene, what) = encode(structure, &[], &[softness], &which)?;
        page.section("Structure");
        page.note(&what);
        page.viewer(&scene);
    }
    let pictures = study.pictures();
    let mut sections: Vec<&str> = Vec::new();
    for picture in &pictures {
        if !sections.contains(&picture.section) {
            sections.push(picture.section);
        }
    }
    for section in sections {
        page.section(section);
        let of: Vec<_> = pictures
            .iter()
            .filter(|p| p.section == section)
            .map(|p| (p.figure.clone(), p.caption.clone()))
            .collect();
        page.drawn(&of)?;
        match section {
            "Softness and motion" => responses(&mut page, study),
            "Activation energies" => activation(&mut page, study),
            "Other features" => baselines(&mut page, study),
            "Other temperatures and times" => transfers(&mut page, study),
            _ => {}
        }
    }
    if !study.unseen.is_empty() {
        page.section("Each glass");
        let rows: Vec<Vec<String>> = study
            .unseen
            .iter()
            .map(|u| {
                let share = |x: Option<f64>| {
                    x.map_or_else(|| "–".into(), |x| format!("{:.1} %", 100.0 * x))
                };
                vec![
                    u.glass.clone(),
                    share(u.balanced_accuracy),
                    share(Some(u.accuracy).filter(|x| x.is_finite())),
                    share(u.recall),
                ]
            })
            .collect();
        let header =
            ["glass", "balanced accuracy", "accuracy", "mobile with S > 0"].map(str::to_owned);
        page.note("Each by a softness learned from the other glasses.");
        page.table(&header, &rows);
    }
    if !study.other_glasses.is_empty() {
        page.note(&format!("At other temperatures only: {}.", study.other_glasses.join(", ")));
    }
    write_atomically(directory.join("report.html"), |w| w.write_all(page.finish().as_bytes()))
}

fn responses(page: &mut Page, study: &Study) {
    let rows: Vec<Vec<String>> = study
        .responses
        .iter()
        .map(|r| {
            let power = r.response.power.map_or_else(
                || "–".into(),
                |[a, b, origin]| {
                    format!("{} (S − {})^{}", significant(a), significant(origin), significant(b))
                },
            );
            vec![
                r.temperature.to_string(),
                maybe(r.response.log_prefactor.as_ref()),
                maybe(r.response.beta.as_ref()),
                power,
            ]
        })
        .collect();
    page.table(&["temperature", "ln P₀", "β", "⟨D⟩"].map(str::to_owned), &rows);
}

fn activation(page: &mut Page, study: &Study) {
    let Some(found) = &study.activation else { return };
    let mut facts = Vec::new();
    let told = |e: &Estimate, unit: &str| {
        let text = with_error(e.value, e.error);
        match (unit, text.contains('±')) {
            ("", _) => text,
            (_, true) => format!("({text}) {unit}"),
            _ => format!("{text} {unit}"),
        }
    };
    let energy = if study.temperature_unit.is_empty() { "" } else { "eV" };
    if let Some([constant, slope]) = &found.energy_line {
        facts.push(("E_a at S = 0".to_owned(), told(constant, energy)));
        facts.push(("−dE_a/dS".to_owned(), told(slope, energy)));
    }
    if let Some([constant, slope]) = &found.entropy_line {
        facts.push(("Σ at S = 0".to_owned(), with_error(constant.value, constant.error)));
        facts.push(("−dΣ/dS".to_owned(), with_error(slope.value, slope.error)));
    }
    if found.energy_line.is_some() && found.entropy_line.is_some() {
        facts.push((
            "T₀, where softness would no longer matter".to_owned(),
            found.onset_temperature.as_ref().map_or_else(
                || {
                    "not determined: it takes slopes of E_a and Σ of one sign, both more than \
                     twice their errors"
                        .to_owned()
                },
                |t| told(t, &study.temperature_unit),
            ),
        ));
    }
    page.facts(&facts);
}

fn baselines(page: &mut Page, study: &Study) {
    let row = |b: &Baseline| {
        let between = b.between_glasses.as_ref().map_or_else(|| "–".into(), percent);
        vec![
            b.name.clone(),
            b.features.to_string(),
            percent(&b.score.balanced_accuracy),
            percent(&b.score.accuracy),
            between,
        ]
    };
    let header =
        ["features", "number", "balanced accuracy", "accuracy", "on unseen glasses (balanced)"]
            .map(str::to_owned);
    let rows: Vec<_> = study.baselines.iter().chain(&study.fewer_features).map(row).collect();
    page.table(&header, &rows);
    if let Some(s) = &study.similarity {
        page.facts(&[
            (
                "SOAP similarity to the atoms that moved most, with the value of the label: \
                 correlation"
                    .to_owned(),
                with_error(s.with_value.value, s.with_value.error),
            ),
            (
                "the same with the softness".to_owned(),
                with_error(s.with_softness.value, s.with_softness.error),
            ),
        ]);
    }
}

fn transfers(page: &mut Page, study: &Study) {
    let share = |e: Option<&Estimate>| e.map_or_else(|| "–".into(), percent);
    let time = match study.time_unit.as_str() {
        "" => "time".to_owned(),
        unit => format!("time ({unit})"),
    };
    for (name, of) in [("temperature", &study.temperatures), (time.as_str(), &study.times)] {
        if of.is_empty() {
            continue;
        }
        let rows: Vec<Vec<String>> = of
            .iter()
            .map(|t| {
                vec![
                    t.at.to_string(),
                    format!("{:.1} %", 100.0 * t.mobile_fraction),
                    share(t.applied.as_ref()),
                    share(t.retrained.as_ref()),
                ]
            })
            .collect();
        page.table(&[name, "mobile", "learned once", "learned anew"].map(str::to_owned), &rows);
    }
}
