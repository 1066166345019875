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
    let rows = numbers(path)?.rows;
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

/// A CSV file of numbers.
#[derive(Debug, Default)]
struct Table {
    /// Names of the columns, in lower case; empty if the file has none.
    names: Vec<String>,
    /// Rows with their lines.
    rows: Vec<(usize, Vec<f64>)>,
}

/// Reads a CSV file. The first line that is neither empty nor a comment (`#`) is a header if none
/// of its words is a number.
fn numbers(path: &Path) -> Result<Table> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    let mut table = Table::default();
    // Some programs begin a text with a mark of its encoding.
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let words: Vec<&str> = line.split(',').map(str::trim).collect();
        let first = table.rows.is_empty() && table.names.is_empty();
        if first && words.iter().all(|word| word.parse::<f64>().is_err()) {
            table.names = words.iter().map(|word| word.trim_matches('"').to_lowercase()).collect();
            continue;
        }
        let row = words
            .iter()
            .map(|word| {
                word.parse().map_err(|_| {
                    Error::config(
                        format!("{}:{}", path.display(), index + 1),
                        format!("`{word}` is not a number"),
                        "write numbers with commas between them; comments begin with #, and a header is the first line without a number",
                    )
                })
            })
            .collect::<Result<_>>()?;
        table.rows.push((index + 1, row));
    }
    Ok(table)
}

/// A target isotherm from a file.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetCurve {
    /// Relative humidities, if the file has them.
    pub humidities: Option<Vec<f64>>,
    /// Fillings.
    pub filling: Vec<f64>,
    /// The column that was chosen by its name, in a file of more than two.
    pub chosen: Option<String>,
}

/// Names of a column of fillings that a target is read from among several.
const FILLINGS: [&str; 3] = ["target", "filling", "adsorption"];

/// Where a target's humidities and fillings are in a file of so many columns.
fn target_columns(names: &[String], columns: usize) -> Option<(Option<usize>, usize)> {
    if columns <= 2 {
        return Some(((columns == 2).then_some(0), columns - 1));
    }
    let find = |wanted: &[&str]| {
        let mut found = (0..names.len()).filter(|k| wanted.contains(&names[*k].as_str()));
        found.next().filter(|_| found.next().is_none())
    };
    Some((Some(find(&["relative_humidity"])?), find(&FILLINGS)?))
}

/// Reads a target isotherm from a CSV file: fillings alone, or relative humidities and fillings.
/// Of more columns those are taken that the header calls `relative_humidity` and `target`,
/// `filling` or `adsorption`.
pub fn read_target(path: impl AsRef<Path>) -> Result<TargetCurve> {
    let path = path.as_ref();
    let Table { names, rows } = numbers(path)?;
    let columns = rows.first().map_or(0, |(_, r)| r.len());
    if columns == 0 {
        return Err(Error::format(path, 0, "the file has no numbers"));
    }
    if !names.is_empty() && names.len() != columns {
        let what = format!("{columns} numbers below a header of {} names", names.len());
        return Err(Error::format(path, rows[0].0, what));
    }
    let Some((at_humidity, at_filling)) = target_columns(&names, columns) else {
        return Err(Error::config(
            path.display().to_string(),
            format!("{columns} columns, and no telling which one is the target"),
            format!(
                "give two columns, relative humidity and filling, or a header with `relative_humidity` and one of `{}`",
                FILLINGS.join("`, `")
            ),
        ));
    };
    for (line, row) in &rows {
        if row.len() != columns {
            return Err(Error::format(path, *line, format!("expected {columns} columns")));
        }
        let used = at_humidity.into_iter().chain([at_filling]);
        if used.into_iter().any(|k| !row[k].is_finite()) {
            return Err(Error::format(path, *line, "a value is not finite"));
        }
    }
    let column = |at: usize| -> Vec<f64> { rows.iter().map(|(_, row)| row[at]).collect() };
    let humidities = at_humidity.map(column);
    let falls = |h: &Vec<f64>| h.windows(2).position(|w| !(w[1] > w[0]));
    if let Some(k) = humidities.as_ref().and_then(falls) {
        return Err(Error::format(path, rows[k + 1].0, "the humidities do not rise"));
    }
    let chosen = (columns > 2).then(|| names[at_filling].clone());
    Ok(TargetCurve { humidities, filling: column(at_filling), chosen })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<TargetCurve> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("target.csv");
        std::fs::write(&path, text).expect("written");
        read_target(path)
    }

    #[test]
    fn a_target_is_the_column_that_is_called_so() {
        let sound = |text: &str| {
            let found = read(text).expect("a target");
            (found.humidities.unwrap_or_default(), found.filling, found.chosen.unwrap_or_default())
        };
        let none = Vec::new;
        assert_eq!(sound("0.1\n0.2\n"), (none(), vec![0.1, 0.2], String::new()));
        assert_eq!(sound("0.5,0.1\n1,0.2\n"), (vec![0.5, 1.0], vec![0.1, 0.2], String::new()));
        // Comments before the header, a mark of the encoding, quotes.
        let text = "\u{feff}# from a paper\n\n\"RH\",\"filling\"\n0.5,0.1\n";
        assert_eq!(sound(text), (vec![0.5], vec![0.1], String::new()));
        let text = "\u{feff}0.5,0.1\n1,0.2\n";
        assert_eq!(sound(text).0, [0.5, 1.0]);
        // Tables of this program: both branches of an isotherm, a design, one of a batch.
        let text = "relative_humidity,adsorption,desorption\n0.5,0.1,0.3\n";
        assert_eq!(sound(text), (vec![0.5], vec![0.1], "adsorption".into()));
        let text = "relative_humidity,target,achieved,converged\n0.5,0.1,0.3,inf\n";
        assert_eq!(sound(text), (vec![0.5], vec![0.1], "target".into()));
        let text = "lattice,relative_humidity,adsorption\n0,0.5,0.1\n0,1,0.2\n";
        assert_eq!(sound(text), (vec![0.5, 1.0], vec![0.1, 0.2], "adsorption".into()));
    }

    #[test]
    fn a_file_without_a_telling_which_column_is_refused() {
        let refused = |text: &str| {
            let error = read(text).expect_err("refused");
            format!("{error}; {}", error.remedy())
        };
        for text in [
            "0.5,0.1,0.3\n1,0.2,0.4\n",
            "relative_humidity,achieved,converged\n0.5,0.1,0.3\n",
            "relative_humidity,target,adsorption\n0.5,0.1,0.3\n",
            "RH,target,achieved\n0.5,0.1,0.3\n",
        ] {
            let message = refused(text);
            assert!(message.contains("3 columns, and no telling which one"), "{message}");
            assert!(message.contains("`relative_humidity` and one of `target`"), "{message}");
        }
        let message = refused("relative_humidity,filling\n0.5,0.1,0.3\n");
        assert!(message.contains("3 numbers below a header of 2 names"), "{message}");
        // A row with one number is no header.
        let message = refused("0.5;0.1\nx,0.2\n1,0.4\n");
        assert!(message.contains(":2: `x` is not a number; write numbers"), "{message}");
        let message = refused("0.25,x\n0.5,0.2\n");
        assert!(message.contains(":1: `x` is not a number"), "{message}");
    }
}
