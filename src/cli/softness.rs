//! `fulgurite softness`.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use clap::{Args, Subcommand};
use fulgurite::analysis::curves::with_error;
use fulgurite::analysis::motion::Estimate;
use fulgurite::backend::Backend;
use fulgurite::config::{Override, SoftnessConfig, load_force_field, load_run, load_softness};
use fulgurite::descriptor::{read_matrix, read_sidecar};
use fulgurite::io::{read_structure, write_atomically, write_npy_f64};
use fulgurite::labels::InherentSearch;
use fulgurite::protocol::{self, RunOptions};
use fulgurite::report::write_softness;
use fulgurite::softness::{SoftnessModel, Study};
use fulgurite::system::Units;
use fulgurite::{Error, Result};

use super::progress::{Bar, counting};
use super::run::stop_on_signals;
use super::{remark, say};

#[derive(Debug, Subcommand)]
enum Command {
    /// Learn a softness from labelled trajectories and keep it as a model
    Train(StudyArguments),
    /// Softness of the atoms of a structure, or of features made before
    Apply(ApplyArguments),
    /// Learn a softness and show what it says: one page, tables and pictures
    Report(StudyArguments),
}

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct StudyArguments {
    /// Softness configuration (see configs/softness-*.toml)
    config: PathBuf,
    /// Directory of the results
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// auto, gpu, gpu:N, cpu, cpu:LEVEL or reference
    #[arg(long, default_value = "auto")]
    device: String,
    /// Replace a value of the configuration: data.temperature=600
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Debug, Args)]
struct ApplyArguments {
    /// model.toml of `softness train`
    model: PathBuf,
    /// Structure file, or features.npy of `fulgurite descriptors`
    structure: PathBuf,
    /// OUT.csv: identifier in the file, species, softness. OUT.npy: one number an atom in the order of the
    /// file, not a number without softness
    #[arg(long, value_name = "OUT.csv|OUT.npy")]
    output: PathBuf,
    /// auto, gpu, gpu:N, cpu, cpu:LEVEL or reference
    #[arg(long, default_value = "auto")]
    device: String,
    /// Minimise the structure first, under this force field (name or file): for a model of inherent
    /// structures
    #[arg(long, value_name = "FORCEFIELD")]
    inherent: Option<String>,
    /// Replace an output file that exists
    #[arg(long)]
    overwrite: bool,
}

pub fn main(arguments: &Arguments) -> Result<()> {
    match &arguments.command {
        Command::Train(arguments) => study(arguments, false),
        Command::Report(arguments) => study(arguments, true),
        Command::Apply(arguments) => apply(arguments),
    }
}

fn study(arguments: &StudyArguments, report: bool) -> Result<()> {
    let output = &arguments.output;
    if output.exists() && std::fs::read_dir(output).map_or(true, |mut d| d.next().is_some()) {
        return Err(Error::config(
            format!("output directory {}", output.display()),
            "exists and is not empty",
            "choose another with --output",
        ));
    }
    let overrides =
        arguments.set.iter().map(|text| Override::parse(text)).collect::<Result<Vec<_>>>()?;
    let config = load_softness(&arguments.config, &overrides)?;
    let chosen = fulgurite::backend::select(&arguments.device)?;
    let backend = chosen.backend.as_ref();
    let title = if config.title().is_empty() { "softness" } else { config.title() };
    remark(&format!("{title} on {} ({})", backend.capabilities().name, chosen.reason));
    // Nothing is computed that cannot be written.
    let made = !output.exists();
    std::fs::create_dir_all(output).map_err(|e| Error::io("create", output, e))?;
    learn(config, backend, output, report).inspect_err(|_| {
        // Only if nothing is in it.
        if made {
            let _ = std::fs::remove_dir(output);
        }
    })
}

fn learn(config: SoftnessConfig, backend: &dyn Backend, output: &Path, report: bool) -> Result<()> {
    melt_quench(&config, backend)?;
    let mut plan = config.plan()?;
    if !report {
        plan = plan.for_training()?;
    }
    let bar = counting(None, "");
    let study = Study::of(&plan, backend, &mut |what| {
        bar.set_message(what.to_owned());
    })?;
    bar.finish_and_clear();
    study.write(output)?;
    if report {
        let shown = match &study.structure {
            Some(structure) => {
                let (atoms, softness) = study.model.apply(backend, structure)?;
                Some((structure, spread(structure.len(), &atoms, &softness)))
            }
            None => None,
        };
        write_softness(&study, shown, output)?;
    }
    tell(&study)?;
    say(&format!("model: {}", output.join("model.toml").display()))?;
    if report {
        say(&format!("report: {}", output.join("report.html").display()))?;
    }
    Ok(())
}

/// Runs, or goes on with, the melt-quench that a configuration names.
fn melt_quench(config: &SoftnessConfig, backend: &dyn Backend) -> Result<()> {
    let Some(run) = &config.run else { return Ok(()) };
    let (false, Some(path)) = (run.finished()?, &run.config) else { return Ok(()) };
    let plan = load_run(path, &run.overrides)?;
    let resume = run.directory.join("configuration.toml").is_file();
    remark(&format!("{} comes first, into {}", path.display(), run.directory.display()));
    let stop = stop_on_signals()?;
    let interrupt = Some(std::sync::Arc::clone(&stop));
    let options = RunOptions { output: run.directory.clone(), resume, interrupt };
    let mut bar = Bar::new(Units::of(plan.force_field.units));
    let outcome = protocol::run(&plan, backend, &options, &mut bar);
    bar.finish();
    match outcome {
        Ok(_) => {
            // From here on nothing is saved on the way: the next signal ends the program at once.
            stop.store(true, Ordering::SeqCst);
            Ok(())
        }
        Err(error) if error.exit_code() == 130 => {
            Err(Error::InterruptedOnTheWay { source: Box::new(error) })
        }
        Err(error) => Err(error),
    }
}

fn spread(atoms: usize, centres: &[usize], softness: &[f64]) -> Vec<f64> {
    let mut values = vec![f64::NAN; atoms];
    for (&i, s) in centres.iter().zip(softness) {
        values[i] = *s;
    }
    values
}

fn percent(e: &Estimate) -> String {
    match e.error {
        Some(error) => format!("{:.1} ± {:.1} %", 100.0 * e.value, 100.0 * error),
        None => format!("{:.1} %", 100.0 * e.value),
    }
}

fn tell(study: &Study) -> Result<()> {
    say(&format!(
        "{} atoms of {} {}, {:.1} % mobile (above {:.4})",
        study.samples,
        study.glasses.len(),
        if study.glasses.len() == 1 { "glass" } else { "glasses" },
        100.0 * study.mobile_fraction,
        study.threshold
    ))?;
    say(&format!(
        "balanced accuracy {} (training {}), accuracy {}",
        percent(&study.score.balanced_accuracy),
        percent(&study.score.balanced_accuracy_of_training),
        percent(&study.score.accuracy)
    ))?;
    say(&study.learning.describe())?;
    if let (Some(b), Some(r)) = (&study.unseen_balanced_accuracy, &study.unseen_recall) {
        say(&format!(
            "on glasses not learned from: balanced accuracy {}, {} of the mobile are soft",
            percent(b),
            percent(r)
        ))?;
    }
    if let Some([_, slope]) = study.activation.as_ref().and_then(|a| a.energy_line) {
        let unit = if study.temperature_unit.is_empty() { "" } else { " eV" };
        say(&format!(
            "activation energy falls by {}{unit} for each unit of softness",
            with_error(slope.value, slope.error)
        ))?;
    }
    for note in &study.notes {
        remark(&format!("note: {note}"));
    }
    Ok(())
}

fn apply(arguments: &ApplyArguments) -> Result<()> {
    let output = &arguments.output;
    let kind = output.extension().and_then(|e| e.to_str());
    if !matches!(kind, Some("csv" | "npy")) {
        return Err(Error::config(
            format!("--output {}", output.display()),
            "softness is written as .csv or .npy",
            "give a name with one of these endings",
        ));
    }
    if output.exists() && !arguments.overwrite {
        return Err(Error::config(
            format!("--output {}", output.display()),
            "the file exists",
            "give another name, or `--overwrite`",
        ));
    }
    let model = SoftnessModel::load(&arguments.model)?;
    let features = arguments.structure.extension().is_some_and(|e| e == "npy");
    check_kind(arguments, &model, features)?;
    let (total, rows, softness) = if features {
        let matrix = read_matrix(&arguments.structure)?;
        let softness = model.of_matrix(&matrix)?;
        let sidecar = read_sidecar(&arguments.structure)?;
        // Features of an earlier program do not say the identifiers: numbers from 1, as most files have.
        let id =
            |(k, &atom): (usize, &usize)| sidecar.ids.get(k).copied().unwrap_or(atom as u64 + 1);
        let ids = matrix.centres.iter().enumerate().map(id).collect();
        (sidecar.atoms, Rows { atoms: matrix.centres, ids, species: sidecar.species }, softness)
    } else {
        let mut structure = read_structure(&arguments.structure)?;
        let chosen = fulgurite::backend::select(&arguments.device)?;
        if let Some(name) = &arguments.inherent {
            let force_field = load_force_field(name)?;
            let mut search = InherentSearch::new(chosen.backend.as_ref(), &force_field)?;
            if let Some(found) = search.find(std::slice::from_ref(&structure))?.pop() {
                if !found.converged {
                    remark("note: the structure was not minimised to the force tolerance");
                }
                structure = found.structure;
            }
        }
        let (atoms, softness) = model.apply(chosen.backend.as_ref(), &structure)?;
        let species = atoms.iter().map(|&i| structure.species_name(i).to_owned()).collect();
        let ids = atoms.iter().map(|&i| structure.ids[i]).collect();
        (structure.len(), Rows { atoms, ids, species }, softness)
    };
    if kind == Some("npy") {
        if total == 0 {
            return Err(Error::config(
                format!("--output {}", output.display()),
                "the features do not say how many atoms the structure has",
                "compute them anew (`fulgurite descriptors`), or give OUT.csv",
            ));
        }
        write_npy_f64(output, &[total], &spread(total, &rows.atoms, &softness))?;
    } else {
        write_table(output, &rows, &softness)?;
    }
    done(&softness, output)
}

/// Whether the structure is of the kind that the model is of: inherent or instantaneous.
fn check_kind(arguments: &ApplyArguments, model: &SoftnessModel, features: bool) -> Result<()> {
    match (&arguments.inherent, model.label.inherent) {
        (Some(_), false) => Err(Error::config(
            "--inherent",
            "the model is of instantaneous structures",
            "leave it out, or give a model of inherent structures",
        )),
        (Some(_), true) if features => Err(Error::config(
            "--inherent",
            "features cannot be minimised",
            "give the structure instead of its features",
        )),
        (None, true) => {
            let what = if features { "features of one" } else { "one, or --inherent FORCEFIELD" };
            remark(&format!("note: the model is of inherent structures: give {what}"));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Atoms that have a softness.
struct Rows {
    /// Their places in the structure file, counted from 0.
    atoms: Vec<usize>,
    /// Their identifiers there, in any order.
    ids: Vec<u64>,
    species: Vec<String>,
}

fn write_table(path: &Path, rows: &Rows, softness: &[f64]) -> Result<()> {
    write_atomically(path, |w| {
        writeln!(w, "id,species,softness")?;
        for ((id, name), s) in rows.ids.iter().zip(&rows.species).zip(softness) {
            writeln!(w, "{id},{name},{s}")?;
        }
        Ok(())
    })
}

fn done(softness: &[f64], output: &Path) -> Result<()> {
    let soft = softness.iter().filter(|s| **s > 0.0).count();
    let mean = softness.iter().sum::<f64>() / softness.len().max(1) as f64;
    say(&format!(
        "{} atoms, mean softness {mean:.4}, {:.1} % soft (S > 0)",
        softness.len(),
        100.0 * soft as f64 / softness.len().max(1) as f64
    ))?;
    say(&format!("written {}", output.display()))
}
