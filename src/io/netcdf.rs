//! The header of the NetCDF classic format (CDF-1 and CDF-2, 64-bit offsets), and its layout on
//! disk: fixed variables, then records of equal size that can be appended and cut off.
//!
//! Format: <https://docs.unidata.ucar.edu/netcdf-c/current/file_format_specifications.html>.

use std::io::{self, Read};

const DIMENSION: u32 = 0x0A;
const VARIABLE: u32 = 0x0B;
const ATTRIBUTE: u32 = 0x0C;
/// Number of records of a file that is still being streamed.
const STREAMING: u32 = u32::MAX;
/// Byte offset of the number of records.
pub(super) const RECORD_COUNT_OFFSET: u64 = 4;
/// Longest header accepted; real ones are a few kilobytes.
const LONGEST_HEADER: u64 = 1 << 22;

/// External types.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Byte,
    Char,
    Short,
    Int,
    Float,
    Double,
}

impl Kind {
    fn code(self) -> u32 {
        match self {
            Self::Byte => 1,
            Self::Char => 2,
            Self::Short => 3,
            Self::Int => 4,
            Self::Float => 5,
            Self::Double => 6,
        }
    }

    fn from_code(code: u32) -> io::Result<Self> {
        [Self::Byte, Self::Char, Self::Short, Self::Int, Self::Float, Self::Double]
            .into_iter()
            .find(|kind| kind.code() == code)
            .ok_or_else(|| damaged(format!("unknown data type {code}")))
    }

    pub(super) fn size(self) -> u64 {
        match self {
            Self::Byte | Self::Char => 1,
            Self::Short => 2,
            Self::Int | Self::Float => 4,
            Self::Double => 8,
        }
    }

    /// Numbers from big-endian bytes.
    pub(super) fn decode(self, bytes: &[u8]) -> Vec<f64> {
        fn each<const N: usize>(bytes: &[u8], decode: impl Fn([u8; N]) -> f64) -> Vec<f64> {
            bytes.as_chunks::<N>().0.iter().map(|chunk| decode(*chunk)).collect()
        }
        match self {
            Self::Byte => each(bytes, |b: [u8; 1]| f64::from(i8::from_be_bytes(b))),
            Self::Char => each(bytes, |b: [u8; 1]| f64::from(b[0])),
            Self::Short => each(bytes, |b| f64::from(i16::from_be_bytes(b))),
            Self::Int => each(bytes, |b| f64::from(i32::from_be_bytes(b))),
            Self::Float => each(bytes, |b| f64::from(f32::from_be_bytes(b))),
            Self::Double => each(bytes, f64::from_be_bytes),
        }
    }

    /// Appends a number as big-endian bytes; integers must be in range.
    pub(super) fn encode(self, value: f64, bytes: &mut Vec<u8>) {
        match self {
            Self::Byte | Self::Char => bytes.push(value as u8),
            Self::Short => bytes.extend((value as i16).to_be_bytes()),
            Self::Int => bytes.extend((value as i32).to_be_bytes()),
            Self::Float => bytes.extend((value as f32).to_be_bytes()),
            Self::Double => bytes.extend(value.to_be_bytes()),
        }
    }
}

/// An attribute's values as they are on disk.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) kind: Kind,
    bytes: Vec<u8>,
}

impl Attribute {
    pub(super) fn text(name: &str, text: &str) -> Self {
        Self { name: name.into(), kind: Kind::Char, bytes: text.as_bytes().to_vec() }
    }

    pub(super) fn as_text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).trim_end_matches('\0').to_owned()
    }

    pub(super) fn as_number(&self) -> Option<f64> {
        if self.kind == Kind::Char {
            return None;
        }
        self.kind.decode(&self.bytes).first().copied()
    }
}

/// A variable: its dimensions, and where its (first) data begin.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) dimensions: Vec<usize>,
    pub(super) attributes: Vec<Attribute>,
    pub(super) kind: Kind,
    pub(super) begin: u64,
}

/// The header of a file.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Header {
    pub(super) record_count: u32,
    /// Names and lengths; length 0 is the record dimension.
    pub(super) dimensions: Vec<(String, u32)>,
    pub(super) attributes: Vec<Attribute>,
    pub(super) variables: Vec<Variable>,
}

impl Header {
    /// Adds a dimension and returns its number.
    pub(super) fn dimension(&mut self, name: &str, length: u32) -> usize {
        self.dimensions.push((name.into(), length));
        self.dimensions.len() - 1
    }

    /// Adds a variable; [`Header::place_variables`] gives it its place.
    pub(super) fn variable(&mut self, name: &str, kind: Kind, dimensions: &[usize], unit: &str) {
        let attributes =
            if unit.is_empty() { Vec::new() } else { vec![Attribute::text("units", unit)] };
        self.variables.push(Variable {
            name: name.into(),
            dimensions: dimensions.to_vec(),
            attributes,
            kind,
            begin: 0,
        });
    }

    pub(super) fn find(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().find(|v| v.name == name)
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|a| a.name == name)
    }

    pub(super) fn length_of(&self, dimension: &str) -> Option<u32> {
        self.dimensions.iter().find(|(name, _)| name == dimension).map(|&(_, length)| length)
    }

    /// True if a variable has the record dimension.
    pub(super) fn is_record(&self, variable: &Variable) -> bool {
        variable.dimensions.first().is_some_and(|&d| self.dimensions[d].1 == 0)
    }

    /// Values in a variable, or in one record of it.
    pub(super) fn count(&self, variable: &Variable) -> u64 {
        let fixed = variable.dimensions.iter().map(|&d| u64::from(self.dimensions[d].1));
        let skip = usize::from(self.is_record(variable));
        fixed.skip(skip).fold(1, u64::saturating_mul)
    }

    /// Bytes of a variable, or of one record of it, with padding to four bytes.
    pub(super) fn padded_size(&self, variable: &Variable) -> u64 {
        self.count(variable).saturating_mul(variable.kind.size()).div_ceil(4).saturating_mul(4)
    }

    /// Bytes of one record of all variables.
    pub(super) fn record_size(&self) -> u64 {
        let mut records = self.variables.iter().filter(|v| self.is_record(v));
        match (records.next(), records.next()) {
            // A single record variable is not padded, says the format.
            (Some(only), None) => self.count(only).saturating_mul(only.kind.size()),
            _ => self
                .variables
                .iter()
                .filter(|v| self.is_record(v))
                .fold(0, |sum: u64, v| sum.saturating_add(self.padded_size(v))),
        }
    }

    /// Where the records begin.
    pub(super) fn records_begin(&self) -> u64 {
        let records = self.variables.iter().filter(|v| self.is_record(v));
        records.map(|v| v.begin).min().unwrap_or(0)
    }

    /// Gives every variable its place: fixed ones after the header, then the records.
    pub(super) fn place_variables(&mut self) {
        let mut offset = self.encode().len() as u64;
        for records in [false, true] {
            for n in 0..self.variables.len() {
                let variable = &self.variables[n];
                if self.is_record(variable) == records {
                    let size = self.padded_size(variable);
                    self.variables[n].begin = offset;
                    offset += size;
                }
            }
        }
    }

    /// The header's bytes, CDF-2.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = b"CDF\x02".to_vec();
        put(&mut out, self.record_count);
        put_list(&mut out, DIMENSION, self.dimensions.len());
        for (name, length) in &self.dimensions {
            put_name(&mut out, name);
            put(&mut out, *length);
        }
        put_attributes(&mut out, &self.attributes);
        put_list(&mut out, VARIABLE, self.variables.len());
        for variable in &self.variables {
            put_name(&mut out, &variable.name);
            put(&mut out, variable.dimensions.len() as u32);
            for &dimension in &variable.dimensions {
                put(&mut out, dimension as u32);
            }
            put_attributes(&mut out, &variable.attributes);
            put(&mut out, variable.kind.code());
            // Readers compute the size themselves; too large ones are written so by the format.
            put(&mut out, u32::try_from(self.padded_size(variable)).unwrap_or(u32::MAX));
            out.extend(variable.begin.to_be_bytes());
        }
        out
    }

    /// Reads a header. Damaged input gives an error of kind `InvalidData` or `UnexpectedEof`.
    pub(super) fn decode(reader: impl Read, file_length: u64) -> io::Result<Self> {
        let mut input = Input { reader: reader.take(LONGEST_HEADER) };
        let magic: [u8; 4] = input.array()?;
        let wide_offsets = match magic {
            [b'C', b'D', b'F', 1] => false,
            [b'C', b'D', b'F', 2] => true,
            [b'C', b'D', b'F', 5] | [0x89, b'H', b'D', b'F'] => {
                return Err(damaged("NetCDF-4 and CDF-5 are not supported, only classic NetCDF"));
            }
            _ => return Err(damaged("not a NetCDF file")),
        };
        let mut header = Self { record_count: input.number()?, ..Self::default() };
        for _ in 0..input.list(DIMENSION)? {
            header.dimensions.push((input.name()?, input.number()?));
        }
        if header.dimensions.iter().filter(|(_, length)| *length == 0).count() > 1 {
            return Err(damaged("there are two record dimensions"));
        }
        header.attributes = input.attributes()?;
        for _ in 0..input.list(VARIABLE)? {
            let name = input.name()?;
            let mut dimensions = Vec::new();
            for position in 0..input.number()? {
                let dimension = input.number()? as usize;
                match header.dimensions.get(dimension) {
                    Some((_, 0)) if position > 0 => {
                        return Err(damaged("the record dimension is not the first"));
                    }
                    Some(_) => dimensions.push(dimension),
                    None => return Err(damaged("a variable has an undefined dimension")),
                }
            }
            let attributes = input.attributes()?;
            let kind = Kind::from_code(input.number()?)?;
            input.number()?;
            let begin = if wide_offsets {
                u64::from_be_bytes(input.array()?)
            } else {
                u64::from(input.number()?)
            };
            header.variables.push(Variable { name, dimensions, attributes, kind, begin });
        }
        if header.record_count == STREAMING {
            let records = file_length.saturating_sub(header.records_begin());
            let count = records.checked_div(header.record_size()).unwrap_or(0);
            header.record_count = u32::try_from(count).unwrap_or(u32::MAX - 1);
        }
        Ok(header)
    }
}

fn damaged(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

fn put(out: &mut Vec<u8>, value: u32) {
    out.extend(value.to_be_bytes());
}

fn put_list(out: &mut Vec<u8>, tag: u32, count: usize) {
    put(out, if count == 0 { 0 } else { tag });
    put(out, count as u32);
}

fn put_padded(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(bytes);
    out.resize(out.len().div_ceil(4) * 4, 0);
}

fn put_name(out: &mut Vec<u8>, name: &str) {
    put(out, name.len() as u32);
    put_padded(out, name.as_bytes());
}

fn put_attributes(out: &mut Vec<u8>, attributes: &[Attribute]) {
    put_list(out, ATTRIBUTE, attributes.len());
    for attribute in attributes {
        put_name(out, &attribute.name);
        put(out, attribute.kind.code());
        put(out, (attribute.bytes.len() as u64 / attribute.kind.size()) as u32);
        put_padded(out, &attribute.bytes);
    }
}

struct Input<R> {
    reader: io::Take<R>,
}

impl<R: Read> Input<R> {
    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn number(&mut self) -> io::Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// The length of a list that must have this tag or be absent.
    fn list(&mut self, tag: u32) -> io::Result<u32> {
        match (self.number()?, self.number()?) {
            (0, 0) => Ok(0),
            (found, count) if found == tag => Ok(count),
            _ => Err(damaged("a list of the header has the wrong tag")),
        }
    }

    /// Bytes with their padding; `length` is not trusted.
    fn padded(&mut self, length: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let padded = length.div_ceil(4) * 4;
        (&mut self.reader).take(padded).read_to_end(&mut bytes)?;
        if (bytes.len() as u64) < padded {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.truncate(length as usize);
        Ok(bytes)
    }

    fn name(&mut self) -> io::Result<String> {
        let length = self.number()?;
        let bytes = self.padded(length.into())?;
        String::from_utf8(bytes).map_err(|_| damaged("a name is not UTF-8"))
    }

    fn attributes(&mut self) -> io::Result<Vec<Attribute>> {
        let mut attributes = Vec::new();
        for _ in 0..self.list(ATTRIBUTE)? {
            let name = self.name()?;
            let kind = Kind::from_code(self.number()?)?;
            let count = self.number()?;
            let bytes = self.padded(u64::from(count) * kind.size())?;
            attributes.push(Attribute { name, kind, bytes });
        }
        Ok(attributes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_round_trip() {
        let mut header = Header { record_count: 3, ..Header::default() };
        let frame = header.dimension("frame", 0);
        let atom = header.dimension("atom", 7);
        header.attributes.push(Attribute::text("Conventions", "AMBER"));
        header.variable("time", Kind::Double, &[frame], "picosecond");
        header.variable("label", Kind::Char, &[atom], "");
        header.variable("x", Kind::Float, &[frame, atom], "angstrom");
        header.place_variables();
        let bytes = header.encode();
        let back = Header::decode(bytes.as_slice(), 1000).expect("decoded");
        assert_eq!(back, header);
        assert_eq!(header.find("label").map(|v| v.begin), Some(bytes.len() as u64));
        assert_eq!(header.records_begin(), bytes.len() as u64 + 8);
        assert_eq!(header.record_size(), 8 + 28);
    }

    #[test]
    fn every_truncation_is_an_error() {
        let mut header = Header::default();
        let atom = header.dimension("atom", 7);
        header.variable("x", Kind::Float, &[atom], "angstrom");
        let bytes = header.encode();
        for length in 0..bytes.len() {
            assert!(Header::decode(&bytes[..length], 0).is_err());
        }
    }
}
