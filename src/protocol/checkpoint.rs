//! Checkpoints: everything that determines the rest of a run, in a file that is whole or refused.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::sampler::Sampler;
use crate::dynamics::DynamicsState;
use crate::error::{Error, Result};
use crate::io::write_atomically;

const MAGIC: &[u8; 8] = b"FULGCKPT";
const FORMAT: u32 = 4;
const HEADER: usize = 8 + 4 + 8 + 4;

/// Where in the run a checkpoint was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Cursor {
    pub member: usize,
    /// 0: the stages; k: branch k−1.
    pub segment: usize,
    pub stage: usize,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// Version of the program.
    pub version: String,
    /// Of configuration and force field.
    pub fingerprint: u32,
    /// Of the initial structure's species and box.
    pub structure: u32,
    pub cursor: Cursor,
    pub stage_start: u64,
    /// `None`: the stage has not begun.
    pub sampler: Option<Sampler>,
    pub state: DynamicsState,
    pub thermo_bytes: u64,
    pub trajectory_frames: Option<u64>,
}

pub(super) fn directory(output: &Path) -> PathBuf {
    output.join("checkpoints")
}

fn latest_path(output: &Path) -> PathBuf {
    directory(output).join("latest.checkpoint")
}

fn previous_path(output: &Path) -> PathBuf {
    directory(output).join("previous.checkpoint")
}

/// The newest checkpoint file on disk, whether or not it can be read.
pub(super) fn existing(output: &Path) -> Option<PathBuf> {
    [latest_path(output), previous_path(output)].into_iter().find(|p| p.is_file())
}

/// Writes a checkpoint beside the last one, which is kept.
pub(super) fn write(output: &Path, checkpoint: &Checkpoint) -> Result<PathBuf> {
    let path = latest_path(output);
    let old = previous_path(output);
    if path.is_file() {
        std::fs::rename(&path, &old).map_err(|e| Error::io("rename", &path, e))?;
    }
    write_framed(&path, checkpoint)?;
    Ok(path)
}

/// The last checkpoint that can be read; `None` if there never was one.
pub(super) fn read_latest(output: &Path, fingerprint: u32) -> Result<Option<Checkpoint>> {
    let mut first_error = None;
    for path in [latest_path(output), previous_path(output)] {
        if !path.is_file() {
            continue;
        }
        match read(&path, fingerprint) {
            Ok(checkpoint) => return Ok(Some(checkpoint)),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    first_error.map_or(Ok(None), Err)
}

fn read(path: &Path, fingerprint: u32) -> Result<Checkpoint> {
    let checkpoint: Checkpoint = read_framed(path)?;
    let version = env!("CARGO_PKG_VERSION");
    if checkpoint.version != version {
        return Err(Error::Checkpoint {
            path: path.to_owned(),
            what: format!("written by version {}, this is {version}", checkpoint.version),
            remedy: format!(
                "continue with fulgurite {}, or start a new run in another directory",
                checkpoint.version
            ),
        });
    }
    if checkpoint.fingerprint != fingerprint {
        return Err(Error::Checkpoint {
            path: path.to_owned(),
            what: "belongs to another configuration or force field".into(),
            remedy: "resume with the same files and --set options (see configuration.toml beside \
                     it), or start a new run in another directory"
                .into(),
        });
    }
    Ok(checkpoint)
}

/// Writes a value with magic number, format version, length and CRC-32 before it.
pub(super) fn write_framed<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let payload = postcard::to_stdvec(value)
        .map_err(|e| Error::io("write", path, std::io::Error::other(e)))?;
    write_atomically(path, |w| {
        w.write_all(MAGIC)?;
        w.write_all(&FORMAT.to_le_bytes())?;
        w.write_all(&(payload.len() as u64).to_le_bytes())?;
        w.write_all(&crc32fast::hash(&payload).to_le_bytes())?;
        w.write_all(&payload)
    })
}

/// Reads what [`write_framed`] wrote, refusing damaged files.
pub(super) fn read_framed<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
    let bad = |what: &str, remedy: &str| Error::Checkpoint {
        path: path.to_owned(),
        what: what.into(),
        remedy: remedy.into(),
    };
    let damaged = |what: &str| bad(what, "start the run again in another directory");
    if bytes.len() < HEADER || &bytes[..8] != MAGIC {
        return Err(damaged("not a checkpoint of this program"));
    }
    let word = |at: usize| bytes[at..at + 4].try_into().map(u32::from_le_bytes).unwrap_or(0);
    let format = word(8);
    if format != FORMAT {
        return Err(bad(
            &format!("format {format}, this program reads format {FORMAT}"),
            "continue with the version of the program that wrote it",
        ));
    }
    let length = u64::from(word(12)) | u64::from(word(16)) << 32;
    let payload = &bytes[HEADER..];
    if payload.len() as u64 != length || crc32fast::hash(payload) != word(20) {
        return Err(damaged("damaged: length or checksum does not agree"));
    }
    postcard::from_bytes(payload).map_err(|e| damaged(&format!("damaged: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_noticed_wherever_it_is() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("x");
        let value = vec![1.5f64, -2.0, f64::MIN_POSITIVE];
        write_framed(&path, &value).expect("written");
        assert_eq!(read_framed::<Vec<f64>>(&path).expect("whole"), value);
        let bytes = std::fs::read(&path).expect("read");
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x40;
            std::fs::write(&path, &damaged).expect("written");
            assert!(read_framed::<Vec<f64>>(&path).is_err(), "byte {at}");
            std::fs::write(&path, &bytes[..at]).expect("written");
            assert!(read_framed::<Vec<f64>>(&path).is_err(), "cut at {at}");
        }
    }
}
