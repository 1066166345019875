//! Pages in a browser.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The browser; without one a note, or a failure where one is required.
pub fn browser() -> Option<PathBuf> {
    let found = find();
    if found.is_none() {
        let required =
            ["CI", "FULGURITE_REQUIRE_BROWSER"].iter().any(|k| std::env::var_os(k).is_some());
        assert!(!required, "no browser: install chromium or set FULGURITE_BROWSER");
        eprintln!("SKIPPED: no browser to load pages in");
    }
    found
}

fn find() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("FULGURITE_BROWSER") {
        return Some(path.into());
    }
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .flat_map(|d| names.map(|n| d.join(n)))
        .find(|candidate| candidate.is_file())
}

/// The `data-` attributes that the page leaves on its root element, once it is loaded.
pub fn load(
    browser: &Path,
    page: &Path,
    profile: &Path,
    flags: &[&str],
) -> BTreeMap<String, String> {
    let shown = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"])
        .args(["--window-size=1200,900", "--virtual-time-budget=20000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(flags)
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("the browser starts");
    let dom = String::from_utf8_lossy(&shown.stdout);
    let start = dom.find("<html").unwrap_or_else(|| panic!("no page: {shown:?}"));
    let root = dom[start..].split('>').next().expect("an element");
    root.split("data-")
        .skip(1)
        .filter_map(|a| {
            let (name, value) = a.split_once("=\"")?;
            Some((name.to_owned(), value.split('"').next()?.to_owned()))
        })
        .collect()
}

const SOFTWARE_GL: [&str; 3] =
    ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"];

/// Loads a page and checks that no error was reported, that every one of at least `figures` figures is
/// drawn, and the structure too if there is one.
pub fn assert_drawn(
    browser: &Path,
    page: &Path,
    profile: &Path,
    figures: usize,
    viewer: bool,
) -> BTreeMap<String, String> {
    let shown = load(browser, page, profile, &SOFTWARE_GL);
    let number = |key: &str| -> usize {
        let value = shown.get(key).and_then(|v| v.parse().ok());
        value.unwrap_or_else(|| panic!("no {key} in {shown:?}"))
    };
    assert_eq!(shown.get("errors").map(String::as_str), Some("0"), "{shown:?}");
    assert!(number("figures") >= figures, "{shown:?}");
    assert_eq!(shown["figures"], shown["drawn"], "{shown:?}");
    if viewer {
        assert_eq!(shown.get("viewer").map(String::as_str), Some("drawn"), "{shown:?}");
        assert!(number("viewer-pixels") > 5000, "{shown:?}");
    }
    shown
}
