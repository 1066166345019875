//! NumPy arrays (`.npy`, format 1.0 to 3.0): numeric arrays in and out, rows streamed out.
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>. Like every
//! reader here this one answers any bytes with an array or an error. (The `npyz` crate multiplies
//! a hostile shape unchecked and allocates what the header claims.)

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::atomic_file::AtomicFile;
use super::write_atomically;
use crate::error::{Error, Result};

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// An array of numbers in C order (the last index runs fastest).
#[derive(Debug, Clone, PartialEq)]
pub struct NpyArray {
    /// Length along every axis; empty for a single number.
    pub shape: Vec<usize>,
    /// The numbers, whatever type they had in the file.
    pub data: Vec<f64>,
}

/// Element types that can be read.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Bool,
    Signed,
    Unsigned,
    Float,
}

/// What a header says.
struct Header {
    kind: Kind,
    bytes: usize,
    big_endian: bool,
    fortran: bool,
    shape: Vec<usize>,
}

/// Reads an array of booleans, integers or floats (f4, f8) of either byte order; Fortran order is
/// turned into C order.
pub fn read_npy(path: impl AsRef<Path>) -> Result<NpyArray> {
    let path = path.as_ref();
    let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
    parse_npy(&bytes).map_err(|what| Error::Format { path: path.to_owned(), line: 0, what })
}

/// [`read_npy`] on bytes; the error says what is wrong.
pub fn parse_npy(bytes: &[u8]) -> std::result::Result<NpyArray, String> {
    let cut = || "the file ends inside its header".to_owned();
    if bytes.get(..6) != Some(MAGIC.as_slice()) {
        return Err("not a NumPy .npy file (it does not begin with \\x93NUMPY)".to_owned());
    }
    let (length, start) = match bytes.get(6).ok_or_else(cut)? {
        1 => (bytes.get(8..10).map(|b| usize::from(u16::from_le_bytes([b[0], b[1]]))), 10),
        2 | 3 => {
            (bytes.get(8..12).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize), 12)
        }
        version => return Err(format!("version {version} of the .npy format is unknown")),
    };
    let end = length.and_then(|l| l.checked_add(start)).ok_or_else(cut)?;
    let text = std::str::from_utf8(bytes.get(start..end).ok_or_else(cut)?)
        .map_err(|_| "the header is not text".to_owned())?;
    let header = parse_header(text)?;
    let data = &bytes[end..];
    let count = header.shape.iter().try_fold(1usize, |n, &m| n.checked_mul(m));
    let wanted = count.and_then(|n| n.checked_mul(header.bytes));
    if wanted != Some(data.len()) {
        return Err(format!(
            "shape {:?} of {}-byte numbers does not fit the {} bytes that follow the header",
            header.shape,
            header.bytes,
            data.len()
        ));
    }
    let values = decode(&header, data)?;
    let data = if header.fortran { to_c_order(&values, &header.shape) } else { values };
    Ok(NpyArray { shape: header.shape, data })
}

/// The Python value after `'key':` in a header's dictionary.
fn value_of<'a>(text: &'a str, key: &str) -> std::result::Result<&'a str, String> {
    [format!("'{key}'"), format!("\"{key}\"")]
        .iter()
        .find_map(|quoted| text.split_once(quoted.as_str()))
        .and_then(|(_, rest)| rest.trim_start().strip_prefix(':'))
        .map(str::trim_start)
        .ok_or_else(|| format!("the header has no '{key}'"))
}

fn parse_header(text: &str) -> std::result::Result<Header, String> {
    let descr = value_of(text, "descr")?;
    let quote = descr.chars().next().filter(|c| matches!(c, '\'' | '"'));
    let kind = quote
        .and_then(|q| descr[1..].split(q).next())
        .ok_or("records (structured types) are not supported: save one plain array")?;
    let unsupported =
        || format!("numbers of type '{kind}' are not supported: save f4, f8, integers or bool");
    let (order, code) = match kind.chars().next() {
        Some(c @ ('<' | '>' | '|' | '=')) => (c, &kind[1..]),
        _ => ('=', kind),
    };
    let mut characters = code.chars();
    let letter = characters.next().ok_or_else(unsupported)?;
    let size: usize = characters.as_str().parse().map_err(|_| unsupported())?;
    let element = match (letter, size) {
        ('b', 1) => Kind::Bool,
        ('i', 1 | 2 | 4 | 8) => Kind::Signed,
        ('u', 1 | 2 | 4 | 8) => Kind::Unsigned,
        ('f', 4 | 8) => Kind::Float,
        _ => return Err(unsupported()),
    };
    let fortran = match value_of(text, "fortran_order")? {
        v if v.starts_with("True") => true,
        v if v.starts_with("False") => false,
        _ => return Err("'fortran_order' is neither True nor False".to_owned()),
    };
    let shape = value_of(text, "shape")?
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'))
        .ok_or("'shape' is not a tuple")?
        .0
        .split(',')
        .map(str::trim)
        .filter(|axis| !axis.is_empty())
        .map(|axis| {
            axis.parse::<usize>().map_err(|_| format!("'{axis}' in 'shape' is not a length"))
        })
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let big_endian = order == '>' || (order == '=' && cfg!(target_endian = "big"));
    Ok(Header { kind: element, bytes: size, big_endian, fortran, shape })
}

fn decode(header: &Header, data: &[u8]) -> std::result::Result<Vec<f64>, String> {
    let mut values = Vec::with_capacity(data.len() / header.bytes);
    for chunk in data.chunks_exact(header.bytes) {
        let mut word = [0u8; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        if header.big_endian {
            word[..chunk.len()].reverse();
        }
        let bits = u64::from_le_bytes(word);
        values.push(match (header.kind, header.bytes) {
            (Kind::Bool, _) => f64::from(u8::from(bits != 0)),
            (Kind::Float, 4) => f64::from(f32::from_bits(bits as u32)),
            (Kind::Float, _) => f64::from_bits(bits),
            (Kind::Unsigned, _) => bits as f64,
            (Kind::Signed, bytes) => {
                let unused = 64 - 8 * bytes as u32;
                (((bits << unused) as i64) >> unused) as f64
            }
        });
    }
    Ok(values)
}

/// Reorders an array whose first index runs fastest.
fn to_c_order(values: &[f64], shape: &[usize]) -> Vec<f64> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for &length in shape {
        strides.push(stride);
        stride *= length;
    }
    let mut index = vec![0usize; shape.len()];
    let mut ordered = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        ordered.push(values[index.iter().zip(&strides).map(|(i, s)| i * s).sum::<usize>()]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    ordered
}

/// The bytes before the numbers: padded so that these begin at a multiple of 64.
fn header_bytes(descr: &str, shape: &[usize]) -> Vec<u8> {
    let mut axes: String = shape.iter().map(|n| format!("{n}, ")).collect();
    if shape.len() > 1 {
        axes.truncate(axes.len() - 2);
    } else {
        axes.truncate(axes.trim_end().len());
    }
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({axes}), }}");
    let padding = (64 - (MAGIC.len() + 4 + text.len() + 1) % 64) % 64;
    text.extend(std::iter::repeat_n(' ', padding));
    text.push('\n');
    let mut bytes = MAGIC.to_vec();
    bytes.extend([1, 0]);
    // A shape has a few axes: the text stays far below 65536 bytes.
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

fn check_count(path: &Path, shape: &[usize], count: usize) -> Result<()> {
    if shape.iter().product::<usize>() == count {
        return Ok(());
    }
    Err(Error::Format {
        path: path.to_owned(),
        line: 0,
        what: format!("{count} numbers do not fill an array of shape {shape:?}"),
    })
}

/// Writes an array of doubles in C order.
pub fn write_npy_f64(path: impl AsRef<Path>, shape: &[usize], data: &[f64]) -> Result<()> {
    check_count(path.as_ref(), shape, data.len())?;
    write_atomically(path, |w| {
        w.write_all(&header_bytes("<f8", shape))?;
        data.iter().try_for_each(|v| w.write_all(&v.to_le_bytes()))
    })
}

/// Writes an array of single-precision numbers in C order.
pub fn write_npy_f32(path: impl AsRef<Path>, shape: &[usize], data: &[f32]) -> Result<()> {
    check_count(path.as_ref(), shape, data.len())?;
    write_atomically(path, |w| {
        w.write_all(&header_bytes("<f4", shape))?;
        data.iter().try_for_each(|v| w.write_all(&v.to_le_bytes()))
    })
}

/// A single-precision array of `rows` × `columns` written a block of rows at a time, so that it
/// never is in memory as a whole. The file appears under its name at [`NpyRows::finish`].
pub struct NpyRows {
    file: AtomicFile,
    path: PathBuf,
    shape: [usize; 2],
    start: u64,
    written: usize,
    /// Row at which the file stands.
    next: usize,
}

impl NpyRows {
    /// Begins an array; nothing is seen at `path` yet.
    pub fn create(path: impl AsRef<Path>, rows: usize, columns: usize) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let mut file = AtomicFile::create(&path)?;
        let header = header_bytes("<f4", &[rows, columns]);
        file.write_all(&header).map_err(|e| Error::io("write", &path, e))?;
        let start = header.len() as u64;
        Ok(Self { file, path, shape: [rows, columns], start, written: 0, next: 0 })
    }

    /// Appends whole rows.
    pub fn write_rows(&mut self, values: &[f32]) -> Result<()> {
        for value in values {
            self.file
                .write_all(&value.to_le_bytes())
                .map_err(|e| Error::io("write", &self.path, e))?;
        }
        self.written += values.len();
        self.next += values.len() / self.shape[1].max(1);
        Ok(())
    }

    /// Writes one row at its place; every row must come once, in any order.
    pub fn write_row_at(&mut self, row: usize, values: &[f32]) -> Result<()> {
        if row >= self.shape[0] || values.len() != self.shape[1] {
            return Err(Error::Format {
                path: self.path.clone(),
                line: 0,
                what: format!("row {row} of {} numbers in shape {:?}", values.len(), self.shape),
            });
        }
        if row != self.next {
            let place = self.start + 4 * row as u64 * self.shape[1] as u64;
            self.file
                .seek(SeekFrom::Start(place))
                .map_err(|e| Error::io("write", &self.path, e))?;
            self.next = row;
        }
        self.write_rows(values)
    }

    /// Checks that every row came and gives the file its name.
    pub fn finish(self) -> Result<()> {
        check_count(&self.path, &self.shape, self.written)?;
        self.file.commit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(descr: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let text =
            format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn every_number_type_is_read() {
        let read = |descr: &str, data: &[u8]| {
            parse_npy(&file(descr, "False", "(2,)", data)).expect("an array").data
        };
        assert_eq!(read("|b1", &[1, 0]), [1.0, 0.0]);
        assert_eq!(read("|i1", &[255, 7]), [-1.0, 7.0]);
        assert_eq!(read("|u1", &[255, 7]), [255.0, 7.0]);
        assert_eq!(read("<i2", &[0xfe, 0xff, 1, 0]), [-2.0, 1.0]);
        assert_eq!(read(">i2", &[0xff, 0xfe, 0, 1]), [-2.0, 1.0]);
        assert_eq!(read(">f4", &[0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0]), [1.0, -2.0]);
        let doubles: Vec<u8> = [0.1f64, -1e300].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(read("<f8", &doubles), [0.1, -1e300]);
    }

    #[test]
    fn fortran_order_becomes_c_order() {
        let array = parse_npy(&file("|u1", "True", "(2, 3)", &[1, 4, 2, 5, 3, 6])).expect("array");
        assert_eq!(array.shape, [2, 3]);
        assert_eq!(array.data, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn what_is_written_is_read_back_and_numpy_would_align_it() {
        let directory = tempfile::tempdir().expect("temporary directory");
        for shape in [vec![], vec![6], vec![2, 3], vec![1, 2, 3]] {
            let path = directory.path().join("array.npy");
            let data: Vec<f64> = (0..shape.iter().product()).map(|i| i as f64 / 3.0).collect();
            write_npy_f64(&path, &shape, &data).expect("written");
            assert_eq!(read_npy(&path).expect("read"), NpyArray { shape: shape.clone(), data });
            let bytes = std::fs::read(&path).expect("bytes");
            assert_eq!((usize::from(bytes[8]) + 256 * usize::from(bytes[9]) + 10) % 64, 0);
        }
        let path = directory.path().join("rows.npy");
        let mut rows = NpyRows::create(&path, 2, 2).expect("created");
        rows.write_rows(&[1.0, 2.0]).expect("row");
        assert!(!path.exists(), "nothing appears before the end");
        rows.write_rows(&[3.0, 4.0]).expect("row");
        rows.finish().expect("finished");
        assert_eq!(read_npy(&path).expect("read").data, [1.0, 2.0, 3.0, 4.0]);
        let mut rows = NpyRows::create(&path, 3, 2).expect("created");
        for row in [2, 0, 1] {
            rows.write_row_at(row, &[row as f32, 0.5]).expect("row");
        }
        assert!(rows.write_row_at(3, &[0.0; 2]).is_err());
        rows.finish().expect("finished");
        assert_eq!(read_npy(&path).expect("read").data, [0.0, 0.5, 1.0, 0.5, 2.0, 0.5]);
        let short = NpyRows::create(&path, 3, 2).expect("created");
        assert!(short.finish().is_err(), "missing rows are an error");
        assert!(write_npy_f32(&path, &[2], &[1.0]).is_err());
    }

    #[test]
    fn malformed_files_are_errors() {
        let good = file("<f8", "False", "(1,)", &[0; 8]);
        assert!(parse_npy(&good).is_ok());
        for end in 0..good.len() {
            assert!(parse_npy(&good[..end]).is_err(), "cut at {end}");
        }
        let huge = "(4294967296, 4294967296, 16)";
        for (descr, order, shape) in [
            ("<c16", "False", "(1,)"),
            ("<f2", "False", "(1,)"),
            ("", "False", "(1,)"),
            ("é8", "False", "(1,)"),
            ("<f8", "Maybe", "(1,)"),
            ("<f8", "False", "1"),
            ("<f8", "False", "(-1,)"),
            ("<f8", "False", huge),
        ] {
            assert!(parse_npy(&file(descr, order, shape, &[0; 8])).is_err(), "{descr} {shape}");
        }
    }
}
