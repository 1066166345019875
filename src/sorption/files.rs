//! Grids and target isotherms from files; grids as pictures.

use std::io::BufReader;
use std::path::Path;

use super::{Lattices, Shape};
use crate::error::{Error, Result};
use crate::io::{read_npy, write_atomically};

/// Reads lattices from `.npy` (`(ny, nx)`, `(nz, ny, nx)`, or with `batch` a leading batch axis),
/// a greyscale `.png` (white is pore, black is solid) or a `.csv` of rows of numbers. `invert`
/// turns pore and solid around.
pub fn read_lattices(path: impl AsRef<Path>, batch: bool, invert: bool) -> Result<Lattices> {
    let path = path.as_ref();
    let extension = path.extension().map_or(String::new(), |e| e.to_string_lossy().to_lowercase());
    let (shape, mut eta) = match extension.as_str() {
        "npy" => from_npy(path, batch)?,
        "png" => from_png(path)?,
        "csv" => from_csv(path)?,
        other => {
            return Err(Error::config(
                path.display().to_string(),
                format!("a grid cannot be read from a `.{other}` file"),
                "give a .npy, .png or .csv file",
            ));
        }
    };
    if batch && extension != "npy" {
        return Err(Error::config(
            path.display().to_string(),
            "--batch needs a leading batch axis, which only .npy files have",
            "give a .npy file, or leave --batch out",
        ));
    }
    if invert {
        eta.iter_mut().for_each(|e| *e = 1.0 - *e);
    }
    Lattices::new(shape, eta).map_err(|error| match error {
        Error::Input { what, remedy } => {
            Error::Config { place: path.display().to_string(), what, remedy }
        }
        other => other,
    })
}

fn from_npy(path: &Path, batch: bool) -> Result<(Shape, Vec<f64>)> {
    let array = read_npy(path)?;
    let axes = &array.shape[usize::from(batch).min(array.shape.len())..];
    let shape = match (array.shape.is_empty(), axes) {
        (false, [ny, nx]) => Shape::square(*ny, *nx),
        (false, [nz, ny, nx]) => Shape::cubic(*nz, *ny, *nx),
        _ => {
            return Err(Error::config(
                path.display().to_string(),
                format!("an array of shape {:?} is not a grid", array.shape),
                "give (ny, nx) or (nz, ny, nx), with --batch one more axis in front",
            ));
        }
    };
    Ok((shape, array.data))
}

fn from_png(path: &Path) -> Result<(Shape, Vec<f64>)> {
    let bad = |what: String| {
        Error::config(
            path.display().to_string(),
            what,
            "save the picture as greyscale PNG of 8 bits without transparency, for example with `convert IN -colorspace gray -alpha off -depth 8 OUT.png`",
        )
    };
    let file = std::fs::File::open(path).map_err(|e| Error::io("read", path, e))?;
    let mut decoder = png::Decoder::new(BufReader::new(file));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(|e| bad(format!("not a PNG picture: {e}")))?;
    let size = reader.output_buffer_size().ok_or_else(|| bad("the picture is too large".into()))?;
    let mut bytes = vec![0; size];
    let info =
        reader.next_frame(&mut bytes).map_err(|e| bad(format!("a damaged PNG picture: {e}")))?;
    if info.color_type != png::ColorType::Grayscale {
        return Err(bad(format!("the picture is not greyscale but {:?}", info.color_type)));
    }
    let (nx, ny) = (info.width as usize, info.height as usize);
    let values: Vec<f64> = match info.bit_depth {
        png::BitDepth::Sixteen => bytes
            .chunks_exact(2)
            .map(|b| f64::from(u16::from_be_bytes([b[0], b[1]])) / 65535.0)
            .collect(),
        _ => bytes.iter().map(|b| f64::from(*b) / 255.0).collect(),
    };
    Ok((Shape::square(ny, nx), values[..nx * ny].to_vec()))
}

fn from_csv(path: &Path) -> Result<(Shape, Vec<f64>)> {
    let rows = numbers(path)?;
    let nx = rows.first().map_or(0, |(_, r)| r.len());
    let mut eta = Vec::new();
    for (line, row) in &rows {
        if row.len() != nx {
            return Err(Error::format(
                path,
                *line,
                format!("{} numbers where the first row has {nx}", row.len()),
            ));
        }
        eta.extend(row);
    }
    Ok((Shape::square(rows.len(), nx), eta))
}

/// Rows of numbers with their lines; a first line that is not numbers is a header.
fn numbers(path: &Path) -> Result<Vec<(usize, Vec<f64>)>> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    let mut rows = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let row: std::result::Result<Vec<f64>, String> = line
            .split(',')
            .map(|word| word.trim().parse::<f64>().map_err(|_| word.trim().to_owned()))
            .collect();
        match row {
            Ok(row) => rows.push((index + 1, row)),
            Err(_) if rows.is_empty() && index == 0 => {}
            Err(word) => {
                return Err(Error::format(path, index + 1, format!("`{word}` is not a number")));
            }
        }
    }
    Ok(rows)
}

/// Reads a target isotherm: the last column of a CSV file, and if it has two or more the first as
/// relative humidities.
pub fn read_target(path: impl AsRef<Path>) -> Result<(Option<Vec<f64>>, Vec<f64>)> {
    let path = path.as_ref();
    let rows = numbers(path)?;
    let columns = rows.first().map_or(0, |(_, r)| r.len());
    if columns == 0 {
        return Err(Error::format(path, 0, "the file has no numbers"));
    }
    for (line, row) in &rows {
        if row.len() != columns {
            return Err(Error::format(path, *line, format!("expected {columns} columns")));
        }
        if row.iter().any(|x| !x.is_finite()) {
            return Err(Error::format(path, *line, "a value is not finite"));
        }
    }
    let filling = rows.iter().map(|(_, row)| row[columns - 1]).collect();
    if columns < 2 {
        return Ok((None, filling));
    }
    let humidities: Vec<f64> = rows.iter().map(|(_, row)| row[0]).collect();
    if let Some(k) = humidities.windows(2).position(|w| !(w[1] > w[0])) {
        return Err(Error::format(path, rows[k + 1].0, "the humidities do not rise"));
    }
    Ok((Some(humidities), filling))
}

/// Writes a square lattice as a greyscale PNG that [`read_lattices`] reads again: white is pore.
pub fn write_lattice_png(path: impl AsRef<Path>, shape: Shape, eta: &[f64]) -> Result<()> {
    let [nz, ny, nx] = shape.size;
    if nz != 1 {
        return Err(Error::input("a cubic lattice is not one picture", "write it as .npy instead"));
    }
    let bytes: Vec<u8> = eta.iter().map(|e| (e * 255.0).round() as u8).collect();
    write_atomically(path, |to| {
        let mut encoder = png::Encoder::new(to, nx as u32, ny as u32);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().map_err(std::io::Error::other)?;
        writer.write_image_data(&bytes).map_err(std::io::Error::other)?;
        writer.finish().map_err(std::io::Error::other)
    })
}
