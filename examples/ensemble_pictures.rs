//! Pictures of one branch averaged over the glasses of an ensemble: displacements of a species with
//! their scatter from glass to glass, and partial g(r). Prints the means with standard errors.
//!
//! ```text
//! cargo run --release --example ensemble_pictures -- runs/sodium-silicate-3000 relax-700K Na pictures/
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use fulgurite::analysis::mean_and_standard_error;
use fulgurite::plot::Figure;

type Columns = BTreeMap<String, Vec<f64>>;

/// A table by column name.
fn read(path: &Path) -> Result<Columns, Box<dyn Error>> {
    let mut reader = csv::Reader::from_path(path)?;
    let names: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let mut columns: Columns = names.iter().map(|n| (n.clone(), Vec::new())).collect();
    for record in reader.records() {
        for (name, field) in names.iter().zip(record?.iter()) {
            let value = field.parse().unwrap_or(f64::NAN);
            columns.entry(name.clone()).or_default().push(value);
        }
    }
    Ok(columns)
}

/// The same table of every glass.
fn tables(run: &Path, branch: &str, name: &str) -> Result<Vec<Columns>, Box<dyn Error>> {
    let mut members: Vec<PathBuf> = std::fs::read_dir(run)?
        .filter_map(|entry| entry.ok().map(|e| e.path().join("branches").join(branch).join(name)))
        .filter(|path| path.is_file())
        .collect();
    members.sort();
    members.iter().map(|path| read(path)).collect()
}

fn column<'a>(table: &'a Columns, name: &str) -> Result<&'a [f64], Box<dyn Error>> {
    table.get(name).map(Vec::as_slice).ok_or_else(|| format!("no column `{name}`").into())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [run, branch, species, output] = arguments.as_slice() else {
        return Err("usage: ensemble_pictures RUN BRANCH SPECIES OUTPUT_DIRECTORY".into());
    };
    let (run, output) = (Path::new(run), Path::new(output));
    std::fs::create_dir_all(output)?;

    let glasses = tables(run, branch, "displacements.csv")?;
    let first = glasses.first().ok_or("no member of the run has this branch")?;
    let r = column(first, "displacement (Å)")?;
    const MERGED: usize = 5;
    let width = MERGED as f64 * (r[1] - r[0]);
    let mut histograms = Vec::new();
    let mut mobile = Vec::new();
    for glass in &glasses {
        let counts = column(glass, &format!("count {species}"))?;
        let total: f64 = counts.iter().sum();
        let far: f64 = r.iter().zip(counts).filter(|(r, _)| **r > 2.0).map(|(_, c)| c).sum();
        mobile.push(100.0 * far / total);
        let merged: Vec<f64> =
            counts.chunks(MERGED).map(|bins| bins.iter().sum::<f64>() / (total * width)).collect();
        histograms.push(merged);
    }
    let bins = histograms.iter().map(Vec::len).min().unwrap_or(0);
    let (mut points, mut errors) = (Vec::new(), Vec::new());
    for bin in 0..bins {
        let values: Vec<f64> = histograms.iter().map(|h| h[bin]).collect();
        let mean = mean_and_standard_error(&values).ok_or("no values")?;
        points.push(((bin as f64 + 0.5) * width, mean.mean));
        errors.push(mean.standard_error.unwrap_or(0.0));
    }
    let mean = mean_and_standard_error(&mobile).ok_or("no values")?;
    println!("{branch}: {species} moved more than 2 Å: {mean:?} % of {mobile:?}");
    let title = format!("{species}, {branch}, {} glasses", glasses.len());
    Figure::new(title, "displacement (Å)", "share per Å")
        .bars("mean", points.clone(), width)
        .markers_with_errors("standard error over glasses", points, errors)
        .x_range(0.0, 10.0)
        .write(output.join(format!("{branch}-displacements-{species}.svg")))?;

    let glasses = tables(run, branch, "rdf.csv")?;
    let first = glasses.first().ok_or("no g(r) in this branch")?;
    let r = column(first, "r (Å)")?;
    let mut figure = Figure::new(format!("{branch}, {} glasses", glasses.len()), "r (Å)", "g(r)")
        .x_range(1.0, 8.0)
        .y_range(0.0, 6.0);
    for name in first.keys().filter(|name| name.starts_with("g ")) {
        let mut sum = vec![0.0; r.len()];
        for glass in &glasses {
            for (s, g) in sum.iter_mut().zip(column(glass, name)?) {
                *s += g / glasses.len() as f64;
            }
        }
        let highest = |from: f64, to: f64| {
            r.iter()
                .zip(&sum)
                .filter(|(r, _)| **r > from && **r < to)
                .max_by(|a, b| a.1.total_cmp(b.1))
        };
        if let (Some(first), Some(second)) = (highest(1.2, 3.6), highest(3.6, 5.6)) {
            println!(
                "{name}: highest below 3.6 Å {:.1} at {:.2} Å, from 3.6 to 5.6 Å {:.2} at {:.2} Å",
                first.1, first.0, second.1, second.0
            );
        }
        let curve = r.iter().copied().zip(sum.iter().map(|g| g.min(6.5))).collect();
        figure = figure.line(name.trim_start_matches("g "), curve);
    }
    figure.write(output.join(format!("{branch}-rdf.svg")))?;
    Ok(())
}
