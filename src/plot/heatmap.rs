//! A map of numbers in rows and columns.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::{Failure, extent, failed, save};
use crate::error::Result;
use crate::io::write_atomically;

/// A scale of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colors {
    /// White (low) over blue to near black (high).
    #[default]
    Sequential,
    /// Blue (low) over white (middle) to red (high).
    Diverging,
    /// Solid brown (low) to white (high): a matrix and its pores.
    Matrix,
}

/// Numbers on a rectangular grid, shown as coloured cells; the first row is on top.
#[derive(Debug, Clone, Default)]
pub struct Heatmap {
    /// Caption.
    pub title: String,
    /// Number of columns.
    pub columns: usize,
    /// Number of rows.
    pub rows: usize,
    /// `rows × columns` numbers, row after row; cells that are not finite stay grey.
    pub values: Vec<f64>,
    /// Numbers at the ends of the colour scale; by default the lowest and highest.
    pub range: Option<(f64, f64)>,
    /// Caption of the columns.
    pub x_label: String,
    /// Caption of the rows.
    pub y_label: String,
    /// What the colours mean, beside the scale.
    pub color_label: String,
    /// The colours.
    pub colors: Colors,
}

fn between(stops: &[(u8, u8, u8)], t: f64) -> RGBColor {
    let place = t.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
    let k = (place as usize).min(stops.len() - 2);
    let f = place - k as f64;
    let mix = |a: u8, b: u8| (f64::from(a) + f * (f64::from(b) - f64::from(a))).round() as u8;
    let (a, b) = (stops[k], stops[k + 1]);
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

impl Colors {
    fn at(self, t: f64) -> RGBColor {
        match self {
            Self::Sequential => {
                between(&[(252, 253, 255), (158, 202, 225), (49, 110, 180), (8, 29, 80)], t)
            }
            Self::Diverging => between(&[(33, 82, 158), (248, 248, 248), (178, 40, 40)], t),
            Self::Matrix => between(&[(92, 64, 45), (255, 255, 255)], t),
        }
    }
}

impl Heatmap {
    /// The picture as SVG text.
    pub fn svg(&self) -> Result<String> {
        let cell = self.cell() as u32;
        let width = self.columns as u32 * cell + 190;
        let height = self.rows as u32 * cell + 100;
        let mut picture = String::new();
        {
            let size = (width.max(260), height.max(180));
            let area = SVGBackend::with_string(&mut picture, size).into_drawing_area();
            self.draw(&area, cell as i32).map_err(failed)?;
        }
        Ok(picture)
    }

    /// Writes the picture to an `.svg` file, or its cells alone, without captions, to a `.png`.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("png")) {
            return self.write_png(path);
        }
        save(path, &self.svg()?)
    }

    fn write_png(&self, path: &Path) -> Result<()> {
        let cell = self.cell();
        let (width, height) = (self.columns * cell, self.rows * cell);
        let mut bytes = Vec::with_capacity(3 * width * height);
        for row in 0..height {
            for column in 0..width {
                let RGBColor(r, g, b) = self.color(row / cell, column / cell);
                bytes.extend([r, g, b]);
            }
        }
        write_atomically(path, |to| {
            let mut encoder = png::Encoder::new(to, width as u32, height as u32);
            encoder.set_color(png::ColorType::Rgb);
            encoder.set_depth(png::BitDepth::Eight);
            let mut writer = encoder.write_header().map_err(std::io::Error::other)?;
            writer.write_image_data(&bytes).map_err(std::io::Error::other)?;
            writer.finish().map_err(std::io::Error::other)
        })
    }

    /// Pixels of a cell's side.
    fn cell(&self) -> usize {
        (420 / self.rows.max(self.columns).max(1)).clamp(1, 42)
    }

    /// Numbers at the ends of the colours.
    fn ends(&self) -> (f64, f64) {
        let (low, high) =
            self.range.or_else(|| extent(self.values.iter().copied())).unwrap_or((0.0, 1.0));
        (low, if high > low { high } else { low + 1.0 })
    }

    fn color(&self, row: usize, column: usize) -> RGBColor {
        let (low, high) = self.ends();
        match self.values.get(row * self.columns + column) {
            Some(v) if v.is_finite() => self.colors.at((v - low) / (high - low)),
            _ => RGBColor(190, 190, 190),
        }
    }

    fn draw(&self, area: &DrawingArea<SVGBackend<'_>, Shift>, cell: i32) -> Result<(), Failure> {
        area.fill(&WHITE)?;
        let (left, top) = (50, 44);
        let style = ("sans-serif", 16).into_font().color(&BLACK);
        let small = ("sans-serif", 12).into_font().color(&BLACK);
        area.draw(&Text::new(self.title.clone(), (left, 14), style))?;
        for row in 0..self.rows {
            let colors: Vec<RGBColor> =
                (0..self.columns).map(|column| self.color(row, column)).collect();
            // Neighbours of one colour are one rectangle: large maps stay small files.
            let mut column = 0;
            for run in colors.chunk_by(|a, b| a == b) {
                let corner = (left + column as i32 * cell, top + row as i32 * cell);
                column += run.len();
                let end = (left + column as i32 * cell, corner.1 + cell);
                area.draw(&Rectangle::new([corner, end], run[0].filled()))?;
            }
        }
        let (wide, high_pixels) = (self.columns as i32 * cell, self.rows as i32 * cell);
        let frame = [(left, top), (left + wide, top + high_pixels)];
        area.draw(&Rectangle::new(frame, BLACK.stroke_width(1)))?;
        area.draw(&Text::new(self.x_label.clone(), (left, top + high_pixels + 10), small.clone()))?;
        let turned = small.clone().transform(FontTransform::Rotate270);
        area.draw(&Text::new(self.y_label.clone(), (left - 22, top + high_pixels), turned))?;
        self.draw_scale(area, (left + wide + 18, top, high_pixels.max(80)), self.ends())
    }

    fn draw_scale(
        &self,
        area: &DrawingArea<SVGBackend<'_>, Shift>,
        (x, top, height): (i32, i32, i32),
        (low, high): (f64, f64),
    ) -> Result<(), Failure> {
        const STEPS: i32 = 40;
        for step in 0..STEPS {
            let color = self.colors.at(1.0 - (f64::from(step) + 0.5) / f64::from(STEPS));
            let (from, to) = (top + height * step / STEPS, top + height * (step + 1) / STEPS);
            area.draw(&Rectangle::new([(x, from), (x + 14, to)], color.filled()))?;
        }
        area.draw(&Rectangle::new([(x, top), (x + 14, top + height)], BLACK.stroke_width(1)))?;
        let small = ("sans-serif", 12).into_font().color(&BLACK);
        for (t, y) in [(high, top), (0.5 * (low + high), top + height / 2), (low, top + height)] {
            let text = format!("{t:.4}");
            let text = text.trim_end_matches('0').trim_end_matches('.').to_owned();
            area.draw(&Text::new(text, (x + 20, y - 6), small.clone()))?;
        }
        let turned = small.transform(FontTransform::Rotate90);
        area.draw(&Text::new(self.color_label.clone(), (x + 78, top), turned))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_is_drawn_and_holes_are_grey() {
        let map = Heatmap {
            title: "map".to_owned(),
            columns: 3,
            rows: 2,
            values: vec![0.0, 0.5, 1.0, f64::NAN, 0.25, 0.75],
            color_label: "water".to_owned(),
            ..Heatmap::default()
        };
        let svg = map.svg().expect("drawn");
        assert_eq!(svg.matches("<rect").count(), 1 + 6 + 1 + 40 + 1);
        assert!(svg.contains("#BEBEBE"));
        assert!(svg.contains("water"));
        Heatmap::default().svg().expect("an empty map draws");
    }

    #[test]
    fn equal_neighbours_are_one_rectangle_and_a_png_has_the_cells() {
        let mut values = vec![0.0; 40];
        values[13] = 1.0;
        let map = Heatmap { columns: 10, rows: 4, values, ..Heatmap::default() };
        // Three whole rows, and one in three pieces.
        let svg = map.svg().expect("drawn");
        assert_eq!(svg.matches("<rect").count(), 1 + 6 + 1 + 40 + 1);
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("map.PNG");
        map.write(&path).expect("written");
        let file = std::io::BufReader::new(std::fs::File::open(path).expect("there"));
        let mut reader = png::Decoder::new(file).read_info().expect("a PNG");
        let mut bytes = vec![0; reader.output_buffer_size().expect("fits")];
        let info = reader.next_frame(&mut bytes).expect("sound");
        assert_eq!((info.width, info.height), (420, 168));
        let pixel = |x: usize, y: usize| {
            let at = 3 * (y * 420 + x);
            RGBColor(bytes[at], bytes[at + 1], bytes[at + 2])
        };
        assert_eq!(pixel(3 * 42 + 41, 42), Colors::Sequential.at(1.0));
        assert_eq!(pixel(4 * 42, 42), Colors::Sequential.at(0.0));
        assert_eq!(pixel(3 * 42, 41), Colors::Sequential.at(0.0));
    }

    #[test]
    fn colours_run_from_end_to_end() {
        for colors in [Colors::Sequential, Colors::Diverging, Colors::Matrix] {
            assert_ne!(colors.at(0.0), colors.at(1.0));
            assert_eq!(colors.at(-1.0), colors.at(0.0));
        }
        assert_eq!(Colors::Diverging.at(0.5), RGBColor(248, 248, 248));
    }
}
