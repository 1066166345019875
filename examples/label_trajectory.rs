//! Labels the atoms of a trajectory and describes their surroundings: what softness is trained on.
//!
//! ```text
//! cargo run --release -- run configs/kob-andersen-softness.toml --output runs/kob-andersen
//! cargo run --release --example label_trajectory -- configs/softness-kob-andersen.toml \
//!     kob-andersen runs/kob-andersen/branches/at-0.5/trajectory.nc runs/kob-andersen-labels
//! ```
//!
//! Writes features.npy (a row for each labelled atom), labels.csv (frame, time, atom, value, mobile)
//! in the same order, and for jumps events.csv.

use std::path::{Path, PathBuf};

use fulgurite::backend::cpu::CpuBackend;
use fulgurite::config::{Document, load_force_field};
use fulgurite::descriptor::{Centres, DescriptorPlan, DescriptorText, compute};
use fulgurite::io::{NpyRows, write_atomically};
use fulgurite::labels::{Context, LabelDefinition, Labels};
use fulgurite::{Error, Result};

/// Of a softness configuration only what is labelled and how it is described.
#[derive(serde::Deserialize)]
struct Text {
    label: LabelDefinition,
    descriptors: DescriptorText,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [definition, force_field, trajectory, output] = arguments.as_slice() else {
        return Err(Error::input(
            "expected SOFTNESS.toml FORCEFIELD TRAJECTORY DIR",
            "give the four arguments",
        ));
    };
    let text = std::fs::read_to_string(definition).map_err(|e| Error::io("read", definition, e))?;
    let (document, Text { label, descriptors }) = Document::parse(definition, &text, &[])?;
    let plan = DescriptorPlan::from_text(&document, "descriptors.", &descriptors)?;
    let force_field = load_force_field(force_field)?;
    let backend = CpuBackend::new();
    let started = std::time::Instant::now();
    let labels = fulgurite::labels::compute(
        &label,
        &[PathBuf::from(trajectory)],
        &mut Context {
            minimizer: Some((&backend, &force_field)),
            progress: &mut |p| {
                if p.frames.is_multiple_of(50) {
                    eprintln!("{} frames, {:.0} s", p.frames, started.elapsed().as_secs_f64());
                }
            },
        },
    )?;
    println!("{} labelled, {:.3} of them mobile", labels.len(), labels.fraction);
    for note in &labels.notes {
        println!("{note}");
    }
    let directory = Path::new(output);
    std::fs::create_dir_all(directory).map_err(|e| Error::io("create", directory, e))?;
    write(&labels, directory)?;
    let mut rows: Option<NpyRows> = None;
    for origin in &labels.origins {
        let plan = plan.with_centres(Centres::Atoms(origin.atoms.clone()))?;
        let matrix = compute(&backend, &origin.structure, &plan)?;
        let file = match &mut rows {
            Some(file) => file,
            None => rows.insert(NpyRows::create(
                directory.join("features.npy"),
                labels.len(),
                matrix.columns.len(),
            )?),
        };
        file.write_rows(&matrix.data)?;
    }
    rows.map_or(Ok(()), NpyRows::finish)?;
    println!("written to {output} after {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

fn write(labels: &Labels, directory: &Path) -> Result<()> {
    let text = |time: Option<f64>| time.map_or(String::new(), |t| t.to_string());
    write_atomically(directory.join("labels.csv"), |w| {
        writeln!(w, "frame,time,atom,value,mobile")?;
        for (origin, values, mobile) in labels.by_origin() {
            for ((atom, value), mobile) in origin.atoms.iter().zip(values).zip(mobile) {
                let (frame, time) = (origin.frame, text(origin.time));
                writeln!(w, "{frame},{time},{atom},{value},{}", u8::from(*mobile))?;
            }
        }
        Ok(())
    })?;
    if labels.events.is_empty() {
        return Ok(());
    }
    write_atomically(directory.join("events.csv"), |w| {
        writeln!(w, "atom,start,frame,time,maximum,displacement,complete")?;
        for e in &labels.events {
            let (maximum, displacement, time) = (e.maximum, e.displacement, text(e.time));
            writeln!(
                w,
                "{},{},{},{time},{maximum},{displacement},{}",
                e.atom,
                e.start,
                e.frame,
                u8::from(e.complete)
            )?;
        }
        Ok(())
    })
}
