//! The command line: the only place that prints.

mod analyze;
mod bench;
mod convert;
mod descriptors;
mod devices;
mod dynamics;
mod evaluate;
mod progress;
mod report;
mod run;
mod softness;
mod sorption;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use fulgurite::system::{SpeciesNames, Structure};
use fulgurite::{Error, Result};

/// GPU-accelerated compute engine for disordered materials.
#[derive(Debug, Parser)]
#[command(name = "fulgurite", version, about, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the devices that physics can run on
    Devices(devices::Arguments),
    /// Run a protocol: melt, quench, relax, measure
    Run(run::Arguments),
    /// Energy, forces and virial stress of a structure
    Evaluate(evaluate::Arguments),
    /// Structural descriptors of atoms, as a NumPy array
    Descriptors(descriptors::Arguments),
    /// Convert a structure between file formats
    Convert(convert::Arguments),
    /// Structure of a glass: g(r), coordination, angles, network, rings, S(Q)
    Analyze(analyze::Arguments),
    /// How atoms move in a trajectory: displacements, scattering, diffusion, vibrations
    Dynamics(dynamics::Arguments),
    /// Write a run's page again, or one page that compares several runs
    Report(report::Arguments),
    /// Learn from trajectories which surroundings make atoms move, and apply it
    Softness(softness::Arguments),
    /// Water sorption of pore matrices: isotherms, gradients, design
    Sorption(sorption::Arguments),
    /// Measure speed, accuracy and drift of devices side by side
    Bench(bench::Arguments),
}

/// Parses the command line, does what it says, and answers with the exit status: 0, 1 for a failed
/// run, 2 for bad input, 130 after an interrupt.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("FULGURITE_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn")),
        )
        .init();
    // A panic is our own bug; the user gets one line of it, not a backtrace.
    std::panic::set_hook(Box::new(|_| {}));
    match catch_unwind(AssertUnwindSafe(|| dispatch(arguments))) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            complain(&error.to_string(), &error.remedy());
            ExitCode::from(error.exit_code())
        }
        Err(panic) => {
            let what = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("unknown");
            complain(
                &format!("internal error: {what}"),
                "this is a bug; report it with the command and the input files",
            );
            ExitCode::from(1)
        }
    }
}

fn dispatch(arguments: Arguments) -> Result<()> {
    match arguments.command {
        Command::Devices(arguments) => devices::main(&arguments),
        Command::Run(arguments) => run::main(&arguments),
        Command::Evaluate(arguments) => evaluate::main(&arguments),
        Command::Descriptors(arguments) => descriptors::main(&arguments),
        Command::Convert(arguments) => convert::main(&arguments),
        Command::Analyze(arguments) => analyze::main(&arguments),
        Command::Dynamics(arguments) => dynamics::main(&arguments),
        Command::Report(arguments) => report::main(&arguments),
        Command::Softness(arguments) => softness::main(&arguments),
        Command::Sorption(arguments) => sorption::main(arguments),
        Command::Bench(arguments) => bench::main(arguments),
    }
}

/// Names for the species of files that number them.
#[derive(Debug, Args)]
struct Types {
    /// Species of the file's types, where it numbers them: 1=Si,2=O
    #[arg(long = "types", value_name = "TYPE=NAME", value_delimiter = ',')]
    given: Vec<String>,
}

impl Types {
    /// The names, in place of those of a configuration.
    fn or(&self, configured: SpeciesNames) -> Result<SpeciesNames> {
        if self.given.is_empty() {
            return Ok(configured);
        }
        let mut names = SpeciesNames::default();
        self.given.iter().try_for_each(|text| names.add(text))?;
        Ok(names)
    }

    /// A structure from a file, its species named.
    fn read_structure(&self, path: &Path) -> Result<Structure> {
        let names = self.or(SpeciesNames::default())?;
        let mut structure = fulgurite::io::read_structure(path)?;
        names.apply(&mut structure)?;
        Ok(structure)
    }
}

/// One line of cause and one of remedy on standard error.
fn complain(cause: &str, remedy: &str) {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let _ = writeln!(std::io::stderr(), "error: {}\nhelp: {}", one_line(cause), one_line(remedy));
}

/// A line on standard output. A closed pipe (`| head`) is not an error.
fn say(line: &str) -> Result<()> {
    match writeln!(std::io::stdout(), "{line}") {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::io("write", "standard output", e))
        }
        _ => Ok(()),
    }
}

/// A line on standard error, for what accompanies the result.
fn remark(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
