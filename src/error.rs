//! One error type for the library: facts in the variants, a remedy beside each cause.

use std::path::{Path, PathBuf};

/// Result of a library call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, with the facts needed to act on it.
///
/// [`Error::remedy`] gives one line of advice; [`Error::exit_code`] the exit status the
/// command line uses (2 for bad input, 1 for a failed run).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be opened, read, written or renamed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was attempted: "read", "write", "create", "rename".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A data file does not follow its format.
    #[error("{}:{line}: {what}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Line number, counted from 1 (0: the file as a whole).
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A configuration, force-field file or command-line value is not usable.
    #[error("{place}: {what}")]
    Config {
        /// File, line and key, or the option's name.
        place: String,
        /// What is wrong.
        what: String,
        /// What to do about it.
        remedy: String,
    },
    /// Input that is well formed but cannot be simulated (physics, sizes).
    #[error("{what}")]
    Input {
        /// What is wrong.
        what: String,
        /// What to do about it.
        remedy: String,
    },
    /// An interaction cutoff longer than half the smallest perpendicular box width.
    #[error(
        "cutoff {cutoff} Å is longer than half the smallest perpendicular box width ({half_width:.4} Å)"
    )]
    CutoffTooLong {
        /// The cutoff asked for (length unit of the force field).
        cutoff: f64,
        /// Half the smallest perpendicular width.
        half_width: f64,
    },
    /// Two atoms closer than anything physical at the start.
    #[error("atoms {first} and {second} overlap: {distance:.6} Å apart")]
    Overlap {
        /// Index of the first atom, counted from 1 in input order.
        first: usize,
        /// Index of the second atom.
        second: usize,
        /// Their distance.
        distance: f64,
    },
    /// A species in the structure has no parameters in the force field.
    #[error("force field `{forcefield}` has no parameters for species {species}")]
    UnknownSpecies {
        /// The force field's name.
        forcefield: String,
        /// The species.
        species: String,
    },
    /// The run produced a non-finite or absurd value.
    #[error("the run blew up at step {step}: {quantity} of atom {atom} is {value}")]
    NonFinite {
        /// Step at which it was seen.
        step: u64,
        /// Atom, counted from 1 in input order.
        atom: usize,
        /// Which quantity.
        quantity: &'static str,
        /// Its value.
        value: f64,
    },
    /// A capacity on the device could not be grown further.
    #[error("{what}: {needed} needed, {available} available on {device}")]
    Capacity {
        /// Which buffer or limit.
        what: String,
        /// Size needed.
        needed: u64,
        /// Size available.
        available: u64,
        /// The device.
        device: String,
    },
    /// The compute device failed or is absent.
    #[error("device {device}: {what}")]
    Device {
        /// Which device.
        device: String,
        /// What happened.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// A checkpoint that cannot be continued by this program or configuration.
    #[error("checkpoint {}: {what}", path.display())]
    Checkpoint {
        /// The checkpoint file.
        path: PathBuf,
        /// Why it does not fit.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// SIGINT or SIGTERM arrived; the state was saved.
    #[error("interrupted at step {step}; the state is saved in {}", checkpoint.display())]
    Interrupted {
        /// Step of the saved state.
        step: u64,
        /// Where it was saved.
        checkpoint: PathBuf,
    },
    /// SIGINT or SIGTERM arrived during a run that another command began, and goes on with.
    #[error("{source}")]
    InterruptedOnTheWay {
        /// The interruption.
        source: Box<Error>,
    },
    /// SIGINT or SIGTERM arrived; the best found until then was written.
    #[error("interrupted at step {step}; the best found until then is in {}", output.display())]
    Stopped {
        /// Steps done.
        step: usize,
        /// Where the results are.
        output: PathBuf,
    },
    /// A failure of one of several simulations in a session.
    #[error("replica {replica}: {source}")]
    Replica {
        /// Which, counted from 0.
        replica: usize,
        /// The cause.
        source: Box<Error>,
    },
    /// A failure of one of several members of a run.
    #[error("{member}: {source}")]
    Member {
        /// The member's directory.
        member: String,
        /// The cause.
        source: Box<Error>,
    },
    /// A failure during a run, with the last state that can be continued.
    #[error("{source}{}", last_checkpoint_phrase(last_checkpoint.as_deref()))]
    RunFailed {
        /// The cause.
        source: Box<Error>,
        /// Last good checkpoint on disk, if there is one.
        last_checkpoint: Option<PathBuf>,
    },
}

fn last_checkpoint_phrase(path: Option<&Path>) -> String {
    match path {
        Some(path) => format!("; last good checkpoint: {}", path.display()),
        None => "; no checkpoint had been written yet".into(),
    }
}

impl Error {
    /// An i/o error with its path.
    pub fn io(action: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }

    /// A data-file error at a line (counted from 1).
    pub fn format(path: impl Into<PathBuf>, line: usize, what: impl Into<String>) -> Self {
        Self::Format { path: path.into(), line, what: what.into() }
    }

    /// An input error with its remedy.
    pub fn input(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Input { what: what.into(), remedy: remedy.into() }
    }

    /// A configuration error with its place and remedy.
    pub fn config(
        place: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::Config { place: place.into(), what: what.into(), remedy: remedy.into() }
    }

    /// One line of advice to the user.
    pub fn remedy(&self) -> String {
        match self {
            Self::Io { action: "read", .. } => {
                "check that the file exists and that you may read it".into()
            }
            Self::Io { .. } => {
                "check that the directory exists, that you may write there and that the disk is not full".into()
            }
            Self::Format { .. } => {
                "correct the line, or write the structure again with the program that made it".into()
            }
            Self::Config { remedy, .. }
            | Self::Input { remedy, .. }
            | Self::Device { remedy, .. }
            | Self::Checkpoint { remedy, .. } => remedy.clone(),
            Self::CutoffTooLong { .. } => "use a larger box (more atoms) or a shorter cutoff".into(),
            Self::Overlap { .. } => {
                "build the structure with larger minimum distances, or remove one of the two atoms".into()
            }
            Self::UnknownSpecies { species, .. } => format!(
                "add a [species.{species}] table to the force field, or choose a force field that has it"
            ),
            Self::NonFinite { .. } => {
                "look for overlapping atoms and minimise the structure first, or use a shorter time step \
                 (a run goes on with `--resume`)".into()
            }
            Self::Capacity { .. } => "use a smaller system or a device with more memory".into(),
            Self::Interrupted { .. } => "continue with the same command and `--resume`".into(),
            Self::InterruptedOnTheWay { .. } => "the same command goes on from there".into(),
            Self::Stopped { .. } => {
                "use it as it is, or start again with `--overwrite` to search to the end".into()
            }
            Self::RunFailed { source, last_checkpoint: Some(_) }
                if matches!(**source, Self::Device { .. }) =>
            {
                format!("continue from the last checkpoint with `--resume`; or {}", source.remedy())
            }
            Self::Replica { source, .. }
            | Self::Member { source, .. }
            | Self::RunFailed { source, .. } => source.remedy(),
        }
    }

    /// Exit status of the command line: 2 for bad input, 1 for a failed run, 130 after SIGINT.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Format { .. }
            | Self::Config { .. }
            | Self::Input { .. }
            | Self::CutoffTooLong { .. }
            | Self::Overlap { .. }
            | Self::UnknownSpecies { .. }
            | Self::Checkpoint { .. }
            | Self::Io { action: "read", .. } => 2,
            Self::Interrupted { .. } | Self::InterruptedOnTheWay { .. } | Self::Stopped { .. } => {
                130
            }
            Self::Replica { source, .. } | Self::Member { source, .. } => source.exit_code(),
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_on_the_way_goes_on_with_the_command_that_began_it() {
        let source = Error::Interrupted { step: 7, checkpoint: "c".into() };
        let error = Error::InterruptedOnTheWay { source: Box::new(source) };
        assert_eq!(error.to_string(), "interrupted at step 7; the state is saved in c");
        assert_eq!((error.exit_code(), error.remedy().contains("--resume")), (130, false));
    }
}
