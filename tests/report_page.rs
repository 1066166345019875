//! The pages in a browser: every figure drawn, the structure shown, no error on the console.
//!
//! Needs Chromium (`chromium`, `chromium-browser`, `google-chrome`, or `FULGURITE_BROWSER`). Without
//! one the test says that it is skipped, and fails where `CI` or `FULGURITE_REQUIRE_BROWSER` is set.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::cargo::cargo_bin;
use fulgurite::plot::Figure;

mod page_support;

use page_support::{assert_drawn, browser, load};

const RUN: &str = r#"
title = "a <small> glass & its report"
forcefield = "teter"
[structure]
composition = "(Na2O)30(SiO2)70"
atoms = 600
density = 2.466
[output]
thermo = 0.01
[analysis]
interval = 0.01
rdf_cutoff = 7.0
measure = ["dynamics", "collective-scattering", "distinct-van-hove", "vibrations", "inherent-structure"]
structure = ["angles", "network", "rings", "scattering", "voronoi"]
structure_interval = 0.1
[[stage]]
name = "minimize"
kind = "minimize"
force_tolerance = 5.0
max_steps = 200
[[stage]]
name = "melt"
kind = "hold"
temperature = 3000
duration = 0.3
thermostat = "langevin"
relaxation = 0.05
displacement_cap = 0.05
[[stage]]
name = "quench"
kind = "ramp"
to = 1500
rate = 5000
[[stage]]
name = "relax"
kind = "hold"
temperature = 1500
duration = 0.4
"#;

fn run(directory: &Path, name: &str, rate: u32, atoms: u32) -> PathBuf {
    let config = directory.join(format!("{name}.toml"));
    let text = RUN
        .replace("rate = 5000", &format!("rate = {rate}"))
        .replace("atoms = 600", &format!("atoms = {atoms}"));
    std::fs::write(&config, text).expect("written");
    let output = directory.join(name);
    let done = Command::new(cargo_bin("fulgurite"))
        .args(["run", "--device", "cpu", "--output"])
        .args([&output, &config])
        .output()
        .expect("starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let last = said.lines().last().expect("a line").to_owned();
    assert_eq!(last, format!("report: {}", output.join("report.html").display()));
    output
}

fn report(arguments: &[&Path], output: Option<&Path>) -> std::process::Output {
    let mut command = Command::new(cargo_bin("fulgurite"));
    command.arg("report").args(arguments);
    if let Some(output) = output {
        command.arg("--output").arg(output);
    }
    command.output().expect("starts")
}

#[test]
fn pages_load_with_every_figure_and_no_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let home = std::fs::canonicalize(directory.path()).expect("there");
    let first = run(&home, "first", 5000, 600);
    let second = run(&home, "second", 10000, 600);
    let smaller = run(&home, "smaller", 5000, 480);
    let compared = home.join("compared");
    let done = report(&[&first, &second, &smaller], Some(&compared));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    for name in [
        "report.html",
        "transitions.csv",
        "fictive-temperature.csv",
        "inherent-structure-energy.csv",
        "inherent-structure-energy.svg",
        "structure-factor.svg",
        "structure-factor-first.csv",
    ] {
        if name == "fictive-temperature.csv" && !compared.join(name).is_file() {
            // So fast a quench need not break inside its ramp.
            continue;
        }
        assert!(compared.join(name).is_file(), "{name}");
    }
    let table = std::fs::read_to_string(compared.join("transitions.csv")).expect("there");
    assert!(table.contains(",600,1,5000,") && table.contains(",600,1,10000,"), "{table}");
    assert!(table.contains(",480,1,5000,"), "{table}");
    // S(Q) of both sizes, from one wave in each box: the smaller one begins at a larger Q.
    let lowest = |name: &str| -> f64 {
        let path = compared.join(format!("structure-factor-{name}.csv"));
        let text = std::fs::read_to_string(path).expect("there");
        let row = text.lines().nth(1).expect("a row");
        row.split(',').next().and_then(|q| q.parse().ok()).expect("a number")
    };
    let ratio = lowest("smaller") / lowest("first");
    assert!((ratio - (600.0_f64 / 480.0).cbrt()).abs() < 0.02, "{ratio}");
    let picture = std::fs::read_to_string(compared.join("structure-factor.svg")).expect("there");
    assert!(picture.contains("600 atoms") && picture.contains("480 atoms"));
    // The page is a function of the directory.
    let page = first.join("report.html");
    let before = std::fs::read(&page).expect("there");
    assert!(report(&[&first], None).status.success());
    assert!(before == std::fs::read(&page).expect("there"));
    let text = String::from_utf8(before).expect("text");
    assert!(text.contains("a &lt;small&gt; glass &amp; its report"));
    // Every picture of the analyses that the configuration chose stands on the page.
    let relax = first.join("stages/relax/structure");
    for picture in std::fs::read_dir(relax).expect("analyses") {
        let path = picture.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "svg") {
            let svg = std::fs::read_to_string(&path).expect("read");
            let body = svg.split_once("<svg").expect("a picture").1;
            let drawing = body.split_once('>').expect("its content").1.trim_end();
            let start: String = drawing.chars().take(2000).collect();
            assert!(text.contains(&start), "{}", path.display());
        }
    }
    for name in ["angles", "network", "rings", "scattering", "voronoi"] {
        assert!(text.contains(&format!(">{name}</h3>")), "{name}");
    }
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        let inside = text.matches(outside).count()
            - text.matches("http://www.w3.org/2000/svg").count()
                * usize::from(outside == "http://");
        assert_eq!(inside, 0, "the page would load {outside}");
    }

    let Some(browser) = browser() else { return };
    let profile = home.join("profile");
    let shown = assert_drawn(&browser, &page, &profile, 20, true);

    // Without WebGL the rest of the page is the same and a message stands in place of the view.
    let flat = load(&browser, &page, &profile, &["--disable-gpu", "--disable-3d-apis"]);
    assert_eq!(flat.get("viewer").map(String::as_str), Some("unavailable"), "{flat:?}");
    assert_eq!(flat.get("errors").map(String::as_str), Some("0"), "{flat:?}");
    assert_eq!(flat["drawn"], shown["drawn"]);

    assert_drawn(&browser, &compared.join("report.html"), &profile, 10, false);

    // Axes around nothing, or a legend of nothing, are no figure; bars alone are one.
    let wave = vec![(0.0, 1.0), (1.0, 2.0)];
    let figure = || Figure::new("", "x", "y");
    let empty = [
        figure(),
        figure().line("a", Vec::new()).markers("b", vec![(f64::NAN, 1.0)]),
        figure().bars("c", Vec::new(), 0.5),
    ];
    let drawn = [
        figure().bars("c", wave.clone(), 0.5),
        figure().markers("", wave.clone()),
        figure().dashed("", wave),
    ];
    for (figures, missing) in [(empty, 3), (drawn, 0)] {
        let more: String = figures
            .iter()
            .map(|f| format!("<figure>{}</figure>", f.svg().expect("a picture")))
            .collect();
        let page = home.join("more.html");
        let whole = text.replacen("</body>", &format!("{more}</body>"), 1);
        std::fs::write(&page, whole).expect("written");
        let flat = load(&browser, &page, &profile, &["--disable-gpu", "--disable-3d-apis"]);
        let count = |attributes: &BTreeMap<String, String>, key: &str| -> usize {
            attributes[key].parse().expect("a number")
        };
        assert_eq!(count(&flat, "figures"), count(&shown, "figures") + 3);
        assert_eq!(count(&flat, "figures") - count(&flat, "drawn"), missing, "{flat:?}");
    }
}

#[test]
fn what_is_no_run_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let refused = |arguments: &[&Path], output: Option<&Path>| {
        let done = report(arguments, output);
        assert_eq!(done.status.code(), Some(2));
        String::from_utf8_lossy(&done.stderr).into_owned()
    };
    let said = refused(&[directory.path()], None);
    assert!(said.contains("holds no finished run: there is no summary.json"), "{said}");
    assert!(said.contains("help: name the directory of a run"), "{said}");
    let said = refused(&[directory.path(), directory.path()], Some(Path::new("src")));
    assert!(said.contains("exists and is not empty"), "{said}");
}
