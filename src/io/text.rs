//! Lines and tokens of text formats, with every error naming its line.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::error::{Error, Result};
use crate::system::{SimulationBox, Species, Structure};

/// Longest line accepted; a longer one is not a line of any format read here.
const LONGEST_LINE: u64 = 1 << 20;
/// Largest coordinate or velocity accepted.
const LARGEST_VALUE: f64 = 1e9;
/// Most boxes an atom may be away from the central one.
const FARTHEST_IMAGE: f64 = 1e8;
/// Allocation made before data have been seen, whatever count the file announces.
const TRUSTED_COUNT: usize = 1 << 16;

/// A reader that decompresses gzip, recognised by its first bytes and not by the file's name.
pub(crate) fn decompressed<'a, R: Read + 'a>(reader: R) -> io::Result<Box<dyn BufRead + 'a>> {
    let mut buffered = BufReader::with_capacity(1 << 18, reader);
    if buffered.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        Ok(Box::new(BufReader::with_capacity(1 << 18, MultiGzDecoder::new(buffered))))
    } else {
        Ok(Box::new(buffered))
    }
}

/// An error of a reader: damaged data are the file's fault, anything else the system's.
pub(crate) fn read_error(path: &Path, line: usize, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
            Error::format(path, line, format!("the file is damaged: {error}"))
        }
        _ => Error::io("read", path, error),
    }
}

/// Reads lines one at a time and counts them.
pub(crate) struct Lines<R> {
    reader: R,
    path: PathBuf,
    number: usize,
    buffer: Vec<u8>,
    put_back: bool,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(reader: R, path: &Path) -> Self {
        Self { reader, path: path.into(), number: 0, buffer: Vec::new(), put_back: false }
    }

    /// The place of the last line read.
    pub(crate) fn place(&self) -> Place<'_> {
        Place { path: &self.path, line: self.number }
    }

    /// The next line without its end, or `None` at the end of the file.
    pub(crate) fn next_line(&mut self) -> Result<Option<Line<'_>>> {
        if self.put_back {
            self.put_back = false;
        } else {
            self.buffer.clear();
            self.number += 1;
            let read = (&mut self.reader)
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut self.buffer)
                .map_err(|e| read_error(&self.path, self.number, e))?;
            if read == 0 {
                return Ok(None);
            }
            if read as u64 == LONGEST_LINE && !self.buffer.ends_with(b"\n") {
                return Err(self.error("the line is longer than 1 MiB"));
            }
        }
        match std::str::from_utf8(&self.buffer) {
            Ok(text) => Ok(Some(Line {
                text: text.trim_end_matches(['\n', '\r']),
                place: Place { path: &self.path, line: self.number },
            })),
            Err(_) => Err(self.error("the line is not UTF-8 text")),
        }
    }

    /// The next line, which must exist; `what` completes "the file ends before ...".
    pub(crate) fn expect_line(&mut self, what: &str) -> Result<Line<'_>> {
        if self.next_line()?.is_none() {
            return Err(self.error(format!("the file ends before {what}")));
        }
        self.put_back = true;
        self.next_line().map(|line| line.expect("the line was just read"))
    }

    /// The next line that is not blank, or `None` at the end of the file.
    pub(crate) fn next_filled(&mut self) -> Result<Option<Line<'_>>> {
        loop {
            match self.next_line()? {
                None => return Ok(None),
                Some(line) if line.text.trim().is_empty() => {}
                Some(_) => break,
            }
        }
        self.put_back = true;
        self.next_line()
    }

    /// The next line that is not blank, which must exist.
    pub(crate) fn expect_filled(&mut self, what: &str) -> Result<Line<'_>> {
        if self.next_filled()?.is_none() {
            return Err(self.error(format!("the file ends before {what}")));
        }
        self.put_back = true;
        self.next_line().map(|line| line.expect("the line was just read"))
    }

    /// Lets the next call return the current line again.
    pub(crate) fn put_back(&mut self) {
        self.put_back = true;
    }

    /// An error at the current line.
    pub(crate) fn error(&self, what: impl Into<String>) -> Error {
        Error::format(&self.path, self.number, what)
    }
}

/// A line of text and where it is.
pub(crate) struct Line<'a> {
    pub(crate) text: &'a str,
    pub(crate) place: Place<'a>,
}

/// Where a token is, for messages.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) path: &'a Path,
    pub(crate) line: usize,
}

impl Place<'_> {
    pub(crate) fn error(&self, what: impl Into<String>) -> Error {
        Error::format(self.path, self.line, what)
    }

    /// Gives an error made elsewhere this file and line.
    pub(crate) fn locate(&self, error: Error) -> Error {
        match error {
            Error::Io { .. } | Error::Format { .. } => error,
            other => self.error(other.to_string()),
        }
    }

    /// A finite number no larger than any coordinate can be.
    pub(crate) fn number(&self, token: Option<&str>, what: &str) -> Result<f64> {
        let token = self.token(token, what)?;
        match token.parse::<f64>() {
            Ok(value) if value.is_finite() && value.abs() <= LARGEST_VALUE => Ok(value),
            Ok(_) => Err(self.error(format!("{what} is `{}`, out of range", shorten(token)))),
            Err(_) => Err(self.error(format!("{what} is `{}`, not a number", shorten(token)))),
        }
    }

    /// An integer.
    pub(crate) fn integer<T: std::str::FromStr>(
        &self,
        token: Option<&str>,
        what: &str,
    ) -> Result<T> {
        let token = self.token(token, what)?;
        token.parse().map_err(|_| {
            self.error(format!("{what} is `{}`, not an integer in range", shorten(token)))
        })
    }

    /// A periodic image flag.
    pub(crate) fn image(&self, token: Option<&str>) -> Result<i32> {
        let flag: i32 = self.integer(token, "the image flag")?;
        if f64::from(flag).abs() > FARTHEST_IMAGE {
            return Err(self.error(format!("the image flag {flag} is out of range")));
        }
        Ok(flag)
    }

    /// A token that must be there.
    pub(crate) fn token<'t>(&self, token: Option<&'t str>, what: &str) -> Result<&'t str> {
        token.ok_or_else(|| self.error(format!("{what} is missing")))
    }
}

/// The start of a token, for messages.
pub(crate) fn shorten(token: &str) -> String {
    if token.chars().count() <= 40 {
        return token.to_owned();
    }
    token.chars().take(40).chain(std::iter::once('…')).collect()
}

/// A vector for `count` rows that trusts the count only so far.
pub(crate) fn cautious<T>(count: usize) -> Vec<T> {
    Vec::with_capacity(count.min(TRUSTED_COUNT))
}

/// A box whose numbers are all in the range of coordinates.
pub(crate) fn checked_box(
    origin: [f64; 3],
    lengths: [f64; 3],
    tilts: [f64; 3],
) -> Result<SimulationBox> {
    if origin.iter().chain(&tilts).any(|x| x.is_nan() || x.abs() > LARGEST_VALUE) {
        return Err(Error::input(
            format!("the box origin {origin:?} or tilts {tilts:?} are out of range"),
            "give the box in the length unit of the force field",
        ));
    }
    SimulationBox::new(origin, lengths, tilts)
}

/// A structure from positions as read and the image flags beside them.
pub(crate) fn assemble(
    simulation_box: SimulationBox,
    species: Vec<Species>,
    kinds: Vec<u16>,
    positions: Vec<[f64; 3]>,
    images: Option<&[[i32; 3]]>,
) -> Result<Structure> {
    let stray = |r: &[f64; 3]| {
        let f = simulation_box.to_fractional(*r);
        f.iter().any(|x| x.is_nan() || x.abs() > FARTHEST_IMAGE)
    };
    if let Some(atom) = positions.iter().position(stray) {
        return Err(Error::input(
            format!("atom {} is more than 10⁸ boxes away from the box", atom + 1),
            "check the box and the coordinates",
        ));
    }
    let mut structure = Structure::new(simulation_box, species, kinds, positions)?;
    if let Some(images) = images {
        for (total, read) in structure.images.iter_mut().zip(images) {
            for k in 0..3 {
                total[k] += read[k];
            }
        }
    }
    Ok(structure)
}
