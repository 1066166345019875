//! Files that appear whole or not at all: written beside their final place, synced, then renamed.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// Bytes gathered before they go to the system.
const BUFFER: usize = 1 << 18;

/// Writes a file through a temporary one in the same directory, so that a reader, or a run killed
/// at any moment, never sees half of it. A name ending in `.gz` is compressed.
pub fn write_atomically(
    path: impl AsRef<Path>,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    let path = path.as_ref();
    let mut temporary = AtomicFile::temporary(path)?;
    write_contents(&mut temporary, is_gzip_name(path), fill)
        .map_err(|e| Error::io("write", path, e))?;
    AtomicFile::publish(temporary, path)
}

/// A file written piece by piece that appears under its name only at [`AtomicFile::commit`].
/// Dropped before that, it leaves nothing behind.
pub struct AtomicFile {
    writer: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl AtomicFile {
    /// Opens a temporary file beside `path`.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let writer = BufWriter::with_capacity(BUFFER, Self::temporary(path)?);
        Ok(Self { writer, path: path.to_owned() })
    }

    /// Syncs the contents and gives the file its name.
    pub fn commit(self) -> Result<()> {
        let temporary =
            self.writer.into_inner().map_err(|e| Error::io("write", &self.path, e.into_error()))?;
        Self::publish(temporary, &self.path)
    }

    fn temporary(path: &Path) -> Result<NamedTempFile> {
        temporary_in(&parent(path)).map_err(|e| Error::io("create", path, e))
    }

    fn publish(temporary: NamedTempFile, path: &Path) -> Result<()> {
        temporary.as_file().sync_all().map_err(|e| Error::io("write", path, e))?;
        temporary.persist(path).map_err(|e| Error::io("rename", path, e.error))?;
        let directory = parent(path);
        sync_directory(&directory).map_err(|e| Error::io("write", directory, e))
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.writer.seek(to)
    }
}

/// True if a file name ends in `.gz`.
pub(crate) fn is_gzip_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}

/// Makes a rename or creation in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    // Only Unix lets a directory be opened and synced; elsewhere the rename itself must do.
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// The directory a file is in.
pub(crate) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn temporary_in(directory: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".fulgurite-").suffix(".part");
    #[cfg(unix)]
    let everyone = {
        use std::os::unix::fs::PermissionsExt;
        std::fs::Permissions::from_mode(0o666)
    };
    // Without this the result would be readable by its owner only; the umask still applies.
    #[cfg(unix)]
    builder.permissions(everyone);
    builder.tempfile_in(directory)
}

fn write_contents(
    file: &mut NamedTempFile,
    gzip: bool,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffered = BufWriter::with_capacity(BUFFER, file);
    if gzip {
        // The encoder writes no time stamp, so equal contents give equal files.
        let mut encoder = GzEncoder::new(&mut buffered, Compression::default());
        fill(&mut encoder)?;
        encoder.finish()?;
    } else {
        fill(&mut buffered)?;
    }
    buffered.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_keeps_the_old_file_and_leaves_no_litter() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("table.csv");
        write_atomically(&path, |w| w.write_all(b"old")).expect("written");
        let failed = write_atomically(&path, |w| {
            w.write_all(b"new")?;
            Err(io::Error::other("disk full"))
        });
        assert!(matches!(failed, Err(Error::Io { action: "write", .. })));
        assert_eq!(std::fs::read(&path).expect("read"), b"old");
        assert_eq!(std::fs::read_dir(directory.path()).expect("list").count(), 1);
    }

    #[test]
    fn a_missing_directory_is_an_error() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let failed = write_atomically(directory.path().join("none/x"), |_| Ok(()));
        assert!(matches!(failed, Err(Error::Io { action: "create", .. })));
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_readable_by_others() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("x");
        write_atomically(&path, |w| w.write_all(b"x")).expect("written");
        let plain = directory.path().join("y");
        std::fs::write(&plain, b"y").expect("written");
        let mode = |p: &Path| std::fs::metadata(p).expect("metadata").permissions().mode();
        assert_eq!(mode(&path), mode(&plain));
    }
}
