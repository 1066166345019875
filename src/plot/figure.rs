//! Curves, markers and bars against two axes.

use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

use super::clip::Window;
use super::ticks::{axis, ticks};
use super::{CURVE_COLORS, Failure, extent, failed, legend, save};
use crate::error::Result;

/// Points a curve is thinned to.
const POINTS: usize = 2000;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Style {
    Line,
    Dashed,
    Markers,
    Bars { width: f64 },
}

#[derive(Debug, Clone)]
struct Series {
    label: String,
    points: Vec<(f64, f64)>,
    errors: Vec<f64>,
    style: Style,
    color: RGBColor,
}

/// A picture of curves. Series with an empty label are left out of the legend; points that are not
/// finite (or not positive on a logarithmic axis) interrupt a curve; one that leaves the range asked
/// for is cut at the edge.
///
/// ```
/// let wave = (0..100).map(|i| (0.1 * i as f64, (0.1 * i as f64).sin())).collect();
/// let svg = fulgurite::plot::Figure::new("a wave", "x", "sin x").line("sine", wave).svg()?;
/// assert!(svg.contains("<svg"));
/// # Ok::<(), fulgurite::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Figure {
    title: String,
    x_label: String,
    y_label: String,
    series: Vec<Series>,
    log: [bool; 2],
    ranges: [Option<(f64, f64)>; 2],
    size: (u32, u32),
}

impl Figure {
    /// An empty picture; labels say quantity and unit: "r (Å)".
    pub fn new(
        title: impl Into<String>,
        x_label: impl Into<String>,
        y_label: impl Into<String>,
    ) -> Self {
        Self {
            title: title.into(),
            x_label: x_label.into(),
            y_label: y_label.into(),
            series: Vec::new(),
            log: [false; 2],
            ranges: [None; 2],
            size: (760, 440),
        }
    }

    fn with(mut self, label: impl Into<String>, points: Vec<(f64, f64)>, style: Style) -> Self {
        let color = CURVE_COLORS[self.series.len() % CURVE_COLORS.len()];
        self.series.push(Series { label: label.into(), points, errors: Vec::new(), style, color });
        self
    }

    /// Adds a curve.
    pub fn line(self, label: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        self.with(label, points, Style::Line)
    }

    /// Adds a curve with symmetric error bars along y.
    pub fn line_with_errors(
        self,
        label: impl Into<String>,
        points: Vec<(f64, f64)>,
        errors: Vec<f64>,
    ) -> Self {
        let mut figure = self.line(label, points);
        if let Some(series) = figure.series.last_mut() {
            series.errors = errors;
        }
        figure
    }

    /// Adds a dashed curve.
    pub fn dashed(self, label: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        self.with(label, points, Style::Dashed)
    }

    /// Adds points.
    pub fn markers(self, label: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        self.with(label, points, Style::Markers)
    }

    /// Adds points with symmetric error bars along y.
    pub fn markers_with_errors(
        self,
        label: impl Into<String>,
        points: Vec<(f64, f64)>,
        errors: Vec<f64>,
    ) -> Self {
        let mut figure = self.with(label, points, Style::Markers);
        if let Some(series) = figure.series.last_mut() {
            series.errors = errors;
        }
        figure
    }

    /// Adds bars of the given width centred at the points' x, standing on zero.
    pub fn bars(self, label: impl Into<String>, points: Vec<(f64, f64)>, width: f64) -> Self {
        self.with(label, points, Style::Bars { width })
    }

    /// Gives the latest series the colour of the series number `index`: a fit to its data.
    pub fn same_color_as(mut self, index: usize) -> Self {
        let color = self.series.get(index).map(|s| s.color);
        if let (Some(color), Some(last)) = (color, self.series.last_mut()) {
            last.color = color;
        }
        self
    }

    /// Number of series so far.
    pub fn series_count(&self) -> usize {
        self.series.len()
    }

    /// Makes x logarithmic.
    pub fn log_x(mut self) -> Self {
        self.log[0] = true;
        self
    }

    /// Makes y logarithmic.
    pub fn log_y(mut self) -> Self {
        self.log[1] = true;
        self
    }

    /// Shows this range of x instead of all points.
    pub fn x_range(mut self, low: f64, high: f64) -> Self {
        self.ranges[0] = Some((low, high));
        self
    }

    /// Shows this range of y instead of all points.
    pub fn y_range(mut self, low: f64, high: f64) -> Self {
        self.ranges[1] = Some((low, high));
        self
    }

    /// Width and height in pixels.
    pub fn size(mut self, width: u32, height: u32) -> Self {
        self.size = (width.max(200), height.max(150));
        self
    }

    /// The picture as SVG text.
    pub fn svg(&self) -> Result<String> {
        let mut picture = String::new();
        {
            let area = SVGBackend::with_string(&mut picture, self.size).into_drawing_area();
            self.draw_axes(&area).map_err(failed)?;
        }
        Ok(picture)
    }

    /// Writes the picture to an `.svg` file.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        save(path.as_ref(), &self.svg()?)
    }

    fn finite(&self, point: (f64, f64)) -> bool {
        self.window().finite(point)
    }

    fn window(&self) -> Window {
        Window { ranges: self.ranges, log: self.log }
    }

    /// Where x is shown: a bar that is too high is cut there.
    fn stands(&self, point: (f64, f64)) -> bool {
        Window { ranges: [self.ranges[0], None], log: self.log }.holds(point)
    }

    /// What an axis spans: the range asked for, or all its points and a margin.
    fn range(&self, axis: usize) -> (f64, f64) {
        if let Some((low, high)) = self.ranges[axis].filter(|r| r.1 > r.0) {
            return (low, high);
        }
        let mut reached = Vec::new();
        for series in &self.series {
            for (k, &point) in series.points.iter().enumerate().filter(|(_, p)| self.finite(**p)) {
                let (value, reach) = match (axis, series.style) {
                    (0, Style::Bars { width }) => (point.0, 0.5 * width),
                    (0, _) => (point.0, 0.0),
                    _ => (point.1, series.errors.get(k).copied().unwrap_or(0.0)),
                };
                // On a logarithmic axis a bar that ends near zero, or below, leaves it at the bottom.
                let least = if self.log[axis] { 0.25 * value } else { f64::NEG_INFINITY };
                reached.extend([(value - reach).max(least), value + reach]);
                if axis == 1 && matches!(series.style, Style::Bars { .. }) {
                    reached.push(0.0);
                }
            }
        }
        let log = self.log[axis];
        let Some((low, high)) = extent(reached.into_iter().filter(|&v| !log || v > 0.0)) else {
            return if log { (0.1, 10.0) } else { (0.0, 1.0) };
        };
        if log {
            let margin = (high / low).powf(0.04).max(1.05);
            return (low / margin, high * margin);
        }
        // What is one value but for rounding gets an axis by its size.
        let size = high.abs().max(low.abs());
        if size > 0.0 && high - low <= 1e-9 * size {
            return (low - 0.05 * size, high + 0.05 * size);
        }
        let margin = if size > 0.0 { 0.04 * (high - low) } else { 0.5 };
        // Bars and curves that begin at zero stand on the axis.
        let bottom = if axis == 1 && low == 0.0 { 0.0 } else { low - margin };
        let (bottom, top) = if axis == 0 { (low, high) } else { (bottom, high + margin) };
        if top > bottom { (bottom, top) } else { (bottom - 0.5, top + 0.5) }
    }

    /// What a series draws on, as polylines; single points where it has markers.
    fn marks(&self, series: &Series) -> Vec<Vec<(f64, f64)>> {
        let floor = if self.log[1] { self.range(1).0 } else { self.range(1).0.max(0.0) };
        let top = self.range(1).1;
        let shown = series.points.iter().copied();
        match series.style {
            Style::Line | Style::Dashed => self.window().pieces(&series.points),
            Style::Markers => shown.filter(|p| self.window().holds(*p)).map(|p| vec![p]).collect(),
            Style::Bars { .. } => shown
                .filter(|p| self.stands(*p))
                .map(|p| vec![(p.0, floor), (p.0, p.1.min(top))])
                .collect(),
        }
    }

    /// True if a series stands in the legend: nothing drawn needs none.
    fn is_labeled(&self, series: &Series) -> bool {
        !series.label.is_empty() && !self.marks(series).is_empty()
    }

    fn draw_axes(&self, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), Failure> {
        let (x, y) = (self.range(0), self.range(1));
        let (x_ticks, y_ticks) =
            (ticks(x.0, x.1, self.log[0], self.counts()), ticks(y.0, y.1, self.log[1], false));
        let linear_x = || axis(x.0..x.1, &x_ticks);
        let linear_y = || axis(y.0..y.1, &y_ticks);
        let log_x = || axis((x.0..x.1).log_scale(), &x_ticks);
        let log_y = || axis((y.0..y.1).log_scale(), &y_ticks);
        match self.log {
            [false, false] => self.draw(area, linear_x(), linear_y()),
            [true, false] => self.draw(area, log_x(), linear_y()),
            [false, true] => self.draw(area, linear_x(), log_y()),
            [true, true] => self.draw(area, log_x(), log_y()),
        }
    }

    /// True if bars stand about whole numbers: sizes of rings, numbers of neighbours.
    fn counts(&self) -> bool {
        let bars = self.series.iter().filter_map(|s| match s.style {
            Style::Bars { width } => Some((s, width)),
            _ => None,
        });
        let whole = |x: f64, width: f64| (x - x.round()).abs() <= 0.5 - 0.5 * width + 1e-9;
        let mut any = false;
        for (series, width) in bars {
            // Bars a whole number wide are bins.
            if width >= 1.0 || series.points.iter().any(|p| !whole(p.0, width)) {
                return false;
            }
            any = true;
        }
        any
    }

    fn draw<X, Y>(
        &self,
        area: &DrawingArea<SVGBackend<'_>, Shift>,
        x_axis: X,
        y_axis: Y,
    ) -> Result<(), Failure>
    where
        X: AsRangedCoord<Value = f64>,
        Y: AsRangedCoord<Value = f64>,
        X::CoordDescType: ValueFormatter<f64> + Ranged<ValueType = f64>,
        Y::CoordDescType: ValueFormatter<f64> + Ranged<ValueType = f64>,
    {
        area.fill(&WHITE)?;
        let mut builder = ChartBuilder::on(area);
        builder.margin(12).margin_right(22).x_label_area_size(44).y_label_area_size(70);
        if !self.title.is_empty() {
            builder.caption(&self.title, ("sans-serif", 17));
        }
        let mut chart = builder.build_cartesian_2d(x_axis, y_axis)?;
        let (low, high) = self.range(1);
        let text = move |v: &f64| number(*v, if self.log[1] { 0.0 } else { high - low });
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.12))
            .x_desc(&self.x_label)
            .y_desc(&self.y_label)
            .y_label_formatter(&text)
            .x_label_formatter(&|v| {
                let (a, b) = self.range(0);
                number(*v, if self.log[0] { 0.0 } else { b - a })
            })
            .draw()?;
        for series in &self.series {
            let color = series.color;
            let points: Vec<(f64, f64)> = series.points.clone();
            let legend: Box<dyn Fn((i32, i32)) -> _> = match series.style {
                Style::Markers => Box::new(move |(x, y)| {
                    EmptyElement::at((x, y))
                        + PathElement::new([(8, 0), (8, 0)], color)
                        + PathElement::new([(8, 0), (8, 0)], color)
                        + Circle::new((8, 0), 4, color.filled())
                }),
                style => Box::new(move |(x, y)| {
                    // A dashed curve is dashed here too.
                    let gap = if style == Style::Dashed { 2 } else { 0 };
                    EmptyElement::at((x, y))
                        + PathElement::new([(0, 0), (8 - gap, 0)], color.stroke_width(2))
                        + PathElement::new([(8 + gap, 0), (16, 0)], color.stroke_width(2))
                        + Circle::new((8, 0), 0, color.filled())
                }),
            };
            let runs = || {
                let pieces = self.window().pieces(&points);
                pieces.into_iter().map(thinned).collect::<Vec<_>>()
            };
            let mut annotation = None;
            let bars = points.iter().zip(&series.errors);
            let (low, _) = self.range(1);
            chart.draw_series(
                bars.filter(|(p, e)| self.window().holds(**p) && e.is_finite() && **e > 0.0).map(
                    |(&(x, y), &e)| {
                        let below = if self.log[1] { (y - e).max(low) } else { y - e };
                        PathElement::new([(x, below), (x, y + e)], color.stroke_width(1))
                    },
                ),
            )?;
            match series.style {
                Style::Line => {
                    for run in runs() {
                        annotation =
                            Some(chart.draw_series(LineSeries::new(run, color.stroke_width(2)))?);
                    }
                }
                Style::Dashed => {
                    for run in runs() {
                        annotation = Some(chart.draw_series(DashedLineSeries::new(
                            run,
                            6,
                            4,
                            color.into(),
                        ))?);
                    }
                }
                Style::Markers => {
                    let shown = points.iter().filter(|p| self.window().holds(**p));
                    annotation =
                        Some(chart.draw_series(shown.map(|&p| Circle::new(p, 3, color.filled())))?);
                }
                Style::Bars { width } => {
                    let base = if self.log[1] { self.range(1).0 } else { 0.0 };
                    let (shown, top) =
                        (points.iter().filter(|p| self.stands(**p)), self.range(1).1);
                    annotation = Some(chart.draw_series(shown.map(|&(x, y)| {
                        let corners = [(x - 0.5 * width, base), (x + 0.5 * width, y.min(top))];
                        Rectangle::new(corners, color.mix(0.55).filled())
                    }))?);
                }
            }
            if let Some(drawn) = annotation.filter(|_| self.is_labeled(series)) {
                drawn.label(&series.label).legend(legend);
            }
        }
        let shown = self.series.iter().filter(|s| self.is_labeled(s));
        let labels: Vec<&str> = shown.map(|s| s.label.as_str()).collect();
        if !labels.is_empty() {
            let plane = chart.plotting_area();
            let (left, top) = plane.get_base_pixel();
            let pixel = |p: (f64, f64)| {
                let (x, y) = plane.map_coordinate(&p);
                [f64::from(x - left), f64::from(y - top)]
            };
            let (width, height) = plane.dim_in_pixel();
            let area = [f64::from(width), f64::from(height)];
            let runs: Vec<Vec<[f64; 2]>> = self
                .series
                .iter()
                .flat_map(|s| self.marks(s))
                .map(|run| run.into_iter().map(pixel).collect())
                .collect();
            let place = legend::place(&runs, area, legend_size(&labels));
            chart
                .configure_series_labels()
                .position(place)
                .background_style(WHITE.mix(0.8))
                .draw()?;
        }
        area.present()?;
        Ok(())
    }
}

/// Every so many points of a run that has more than a picture shows, and its last.
fn thinned(run: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let every = run.len().div_ceil(POINTS).max(1);
    let last = run.len().saturating_sub(1);
    let kept = run.iter().enumerate().filter(|(k, _)| k.is_multiple_of(every) || *k == last);
    kept.map(|(_, p)| *p).collect()
}

/// Width and height of a legend, pixels: text of 12 pixels beside a sample of 30, margins of 10.
fn legend_size(labels: &[&str]) -> [f64; 2] {
    let longest = labels.iter().map(|l| l.chars().count()).max().unwrap_or(0);
    [50.0 + 7.0 * longest as f64, 20.0 + 15.0 * labels.len() as f64]
}

/// A tick's number with as many digits as the axis' span asks for.
fn number(value: f64, span: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (span > 0.0 && size < 1e-9 * span) {
        return "0".to_owned();
    }
    if !(1e-3..1e5).contains(&size.max(span)) {
        let text = format!("{value:.2e}");
        // 1.00e-5 reads better as 1e-5.
        return text.replacen(".00e", "e", 1).replacen("0e", "e", 1);
    }
    let step = if span > 0.0 { span / 10.0 } else { size };
    let digits = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_style_and_axis_draws_its_marks() {
        let points: Vec<(f64, f64)> =
            (1..=20).map(|i| (f64::from(i), 0.5 * f64::from(i))).collect();
        let figure = Figure::new("all", "x", "y")
            .line("line", points.clone())
            .dashed("dashed", points.clone())
            .markers_with_errors("markers", points.clone(), vec![0.2; 20])
            .bars("bars", points, 0.8);
        for figure in [figure.clone(), figure.clone().log_x(), figure.clone().log_y().log_x()] {
            let svg = figure.svg().expect("drawn");
            assert_eq!(svg.matches("<circle").count(), 20 + 4);
            for label in ["all", "line", "dashed", "markers", "bars"] {
                assert!(svg.contains(&format!("\n{label}\n")), "{label}");
            }
            assert_eq!(svg, figure.svg().expect("drawn"), "equal numbers, equal bytes");
        }
    }

    #[test]
    fn gaps_empty_and_constant_series_draw() {
        let gap = vec![(0.0, 1.0), (1.0, f64::NAN), (2.0, 1.0), (3.0, 1.0)];
        let svg = Figure::new("", "x", "y").line("", gap).svg().expect("drawn");
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        Figure::new("empty", "x", "y").svg().expect("drawn");
        let single = vec![(-1.0, 0.0), (2.0, 5.0)];
        let svg = Figure::new("", "x", "y").line("l", single).log_x().log_y().svg().expect("drawn");
        assert!(!svg.contains("NaN"));
    }

    #[test]
    fn error_bars_down_to_zero_leave_a_logarithmic_axis_to_the_values() {
        for error in [0.0074, 0.00739999, 0.02] {
            let points = vec![(0.0, 0.0074), (1.0, 0.1), (2.0, 0.5)];
            let figure = Figure::new("", "x", "y")
                .markers_with_errors("", points, vec![error, 0.0, 0.0])
                .log_y();
            let low = figure.range(1).0;
            assert!(low < 0.0074 && low > 0.001, "{error}: from {low}");
        }
    }

    #[test]
    fn a_high_peak_reaches_the_edge_of_the_picture() {
        let peak = vec![(0.0, 0.0), (1.0, 1.0), (1.5, 100.0), (2.0, 1.0), (3.0, 1.0)];
        let figure = Figure::new("", "x", "y").y_range(0.0, 8.0).line("", peak.clone());
        let svg = figure.svg().expect("drawn");
        let lines: Vec<&str> = svg
            .split("<polyline")
            .skip(1)
            .filter(|line| line.contains("#BE3C28"))
            .filter_map(|line| line.split("points=\"").nth(1)?.split('"').next())
            .collect();
        assert_eq!(lines.len(), 2, "a flank on either side");
        // The plot begins 12 pixels below the upper edge.
        for line in lines {
            let heights = line.split_whitespace().filter_map(|p| p.split(',').nth(1));
            let highest = heights.filter_map(|y| y.parse::<i32>().ok()).min();
            assert_eq!(highest, Some(12), "{line}");
        }
        let bars = Figure::new("", "x", "y").y_range(0.0, 8.0).bars("", peak, 0.2).svg();
        // Background, and a bar for every point.
        assert_eq!(bars.expect("drawn").matches("<rect").count(), 1 + 5);
    }

    #[test]
    fn ticks_have_the_digits_they_need() {
        assert_eq!(number(0.1 + 0.2, 1.0), "0.3");
        assert_eq!(number(1200.0, 4000.0), "1200");
        assert_eq!(number(1e-5, 0.0), "1e-5");
        assert_eq!(number(1e-17, 1.0), "0");
        assert_eq!(number(0.01, 0.0), "0.01");
    }
}
