//! What a study shows: pictures with a line on how to read each, and the numbers as tables.

use std::path::Path;

use super::bands::ResponseBin;
use super::study::{Study, Transfer};
use crate::analysis::curves::with_error;
use crate::analysis::motion::Estimate;
use crate::error::{Error, Result};
use crate::io::write_atomically;
use crate::plot::Figure;

/// A picture, the table behind it, and how to read it.
pub struct Picture {
    /// Name of its files.
    pub name: &'static str,
    /// Where it stands on a page.
    pub section: &'static str,
    /// The picture.
    pub figure: Figure,
    /// One line on how to read it.
    pub caption: String,
    /// Header of the table.
    pub header: Vec<String>,
    /// What each row is of, if the first column is words.
    pub labels: Vec<String>,
    /// Rows of the table; not a number where there is none.
    pub rows: Vec<Vec<f64>>,
}

impl Picture {
    pub(super) fn new(
        name: &'static str,
        section: &'static str,
        figure: Figure,
        caption: impl Into<String>,
        header: &[&str],
        rows: Vec<Vec<f64>>,
    ) -> Self {
        Self {
            name,
            section,
            figure: figure.size(620, 390),
            caption: caption.into(),
            header: header.iter().map(|h| (*h).to_owned()).collect(),
            labels: Vec::new(),
            rows,
        }
    }

    /// Writes NAME.csv and NAME.svg.
    pub fn write(&self, directory: &Path) -> Result<()> {
        write_atomically(directory.join(format!("{}.csv", self.name)), |w| {
            writeln!(w, "{}", self.header.join(","))?;
            for (k, row) in self.rows.iter().enumerate() {
                let cell = |x: &f64| if x.is_finite() { format!("{x}") } else { String::new() };
                let cells = self.labels.get(k).cloned().into_iter().chain(row.iter().map(cell));
                writeln!(w, "{}", cells.collect::<Vec<_>>().join(","))?;
            }
            Ok(())
        })?;
        self.figure.write(directory.join(format!("{}.svg", self.name)))
    }
}

pub(super) fn error_of(e: &Estimate) -> f64 {
    e.error.unwrap_or(f64::NAN)
}

/// Normalised histogram: (middle, density).
fn histogram(
    values: impl Iterator<Item = f64> + Clone,
    bins: usize,
    low: f64,
    high: f64,
) -> Vec<(f64, f64)> {
    let width = (high - low) / bins as f64;
    let mut count = vec![0.0; bins];
    let mut total = 0.0;
    for v in values {
        total += 1.0;
        let k = ((v - low) / width).floor();
        if k >= 0.0 && (k as usize) < bins {
            count[k as usize] += 1.0;
        }
    }
    let density = |c: f64| if total > 0.0 { c / (total * width) } else { 0.0 };
    count.iter().enumerate().map(|(k, c)| (low + (k as f64 + 0.5) * width, density(*c))).collect()
}

/// Shows a little more than the points on both sides, and at the right a part `right` of their span
/// for the legend.
fn with_room(figure: Figure, x: impl Iterator<Item = f64>, right: f64) -> Figure {
    let (low, high) = x.fold((f64::MAX, f64::MIN), |(a, b), x| (a.min(x), b.max(x)));
    let span = high - low;
    if span > 0.0 { figure.x_range(low - 0.05 * span, high + right * span) } else { figure }
}

/// Room for a legend of so many entries.
fn for_legend(entries: usize) -> f64 {
    if entries > 3 { 0.3 } else { 0.05 }
}

impl Study {
    fn at_temperature(&self, t: f64) -> String {
        format!("{t} {}", self.temperature_unit).trim().to_owned()
    }

    /// Everything there is to show.
    pub fn pictures(&self) -> Vec<Picture> {
        let mut all = vec![self.value_histogram(), self.softness_histogram(), self.roc_curve()];
        all.extend(self.weight_curve());
        all.push(self.fewer_curve());
        all.extend(self.response_curve());
        all.extend(self.value_curve());
        all.extend(self.activation_curves());
        all.extend(self.transfer_curves());
        all.extend(self.correlation_curve());
        all
    }

    fn value_histogram(&self) -> Picture {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        let high = sorted.get(sorted.len() * 995 / 1000).copied().unwrap_or(1.0).max(1e-12);
        let points = histogram(self.values.iter().copied(), 60, 0.0, high);
        let top = points.iter().map(|p| p.1).fold(0.0, f64::max);
        let rows = points.iter().map(|p| vec![p.0, p.1]).collect();
        let figure = Figure::new(
            format!("Values of the label at {}", self.at_temperature(self.temperature)),
            "value of the label D",
            "probability density",
        )
        .bars("", points, high / 60.0)
        .dashed("mobile above", vec![(self.threshold, 0.0), (self.threshold, top)]);
        Picture::new(
            "values",
            "Who moves",
            figure,
            format!(
                "{:.1} % of {} atoms lie above the threshold {:.3}: those are called mobile.",
                100.0 * self.mobile_fraction,
                self.samples,
                self.threshold
            ),
            &["D", "density"],
            rows,
        )
    }

    fn softness_histogram(&self) -> Picture {
        let extent =
            self.softness.iter().fold((f64::MAX, f64::MIN), |(a, b), s| (a.min(*s), b.max(*s)));
        let of = |mobile: bool| {
            let chosen = self.softness.iter().zip(&self.mobile).filter(move |p| *p.1 == mobile);
            histogram(chosen.map(|p| *p.0), 40, extent.0, extent.1)
        };
        let (hard, soft) = (of(false), of(true));
        let rows = hard.iter().zip(&soft).map(|(a, b)| vec![a.0, a.1, b.1]).collect();
        Picture::new(
            "softness",
            "Softness",
            Figure::new(
                "Softness of mobile and immobile atoms",
                "softness S",
                "probability density",
            )
            .line("immobile", hard)
            .line("mobile", soft),
            format!(
                "The further the two curves lie apart, the more the surroundings say about motion. {}.",
                self.learning.describe()
            ),
            &["S", "density of the immobile", "density of the mobile"],
            rows,
        )
    }

    fn roc_curve(&self) -> Picture {
        let step = (self.roc.len() / 500).max(1);
        let mut points: Vec<(f64, f64)> = self.roc.iter().step_by(step).copied().collect();
        points.extend(self.roc.last());
        let rows = points.iter().map(|p| vec![p.0, p.1]).collect();
        Picture::new(
            "roc",
            "Softness",
            Figure::new(
                "Receiver operating characteristic",
                "immobile called mobile",
                "mobile called mobile",
            )
            .line("softness", points)
            .dashed("guess", vec![(0.0, 0.0), (1.0, 1.0)]),
            format!(
                "Each point is a threshold of softness; area {:.3}, where 0.5 is a guess and 1 is perfect.",
                self.roc_area
            ),
            &["share of the immobile called mobile", "share of the mobile called mobile"],
            rows,
        )
    }

    fn fewer_curve(&self) -> Picture {
        let points: Vec<(f64, f64)> = self
            .fewer_features
            .iter()
            .map(|b| (b.features as f64, b.score.balanced_accuracy.value))
            .collect();
        let errors: Vec<f64> = self
            .fewer_features
            .iter()
            .map(|b| b.score.balanced_accuracy.error.unwrap_or(0.0))
            .collect();
        let rows = points.iter().zip(&errors).map(|(p, e)| vec![p.0, p.1, *e]).collect();
        let mut figure =
            Figure::new("Accuracy with fewer features", "number of features", "balanced accuracy")
                .line_with_errors("", points, errors);
        if self.fewer_features.first().is_some_and(|b| b.features > 60) {
            figure = figure.log_x();
        }
        Picture::new(
            "fewer-features",
            "Other features",
            figure,
            "The features of least weight are left out one after the other (halves above 30); each \
             training part chooses its own.",
            &["features", "balanced accuracy", "standard deviation between divisions"],
            rows,
        )
    }

    /// A curve with errors for each temperature; `None` without a point.
    fn by_temperature(
        &self,
        mut figure: Figure,
        of: fn(&ResponseBin) -> Estimate,
    ) -> Option<(Figure, Vec<Vec<f64>>)> {
        let (mut rows, mut shown) = (Vec::new(), Vec::new());
        for r in &self.responses {
            let bins: Vec<&ResponseBin> =
                r.response.bins.iter().filter(|b| b.atoms >= 20.0 && of(b).value > 0.0).collect();
            shown.extend(bins.iter().map(|b| b.softness));
            figure = figure.markers_with_errors(
                self.at_temperature(r.temperature),
                bins.iter().map(|b| (b.softness, of(b).value)).collect(),
                bins.iter().map(|b| of(b).error.unwrap_or(0.0)).collect(),
            );
            for b in &r.response.bins {
                rows.push(vec![r.temperature, b.softness, b.atoms, of(b).value, error_of(&of(b))]);
            }
        }
        let room = for_legend(self.responses.len());
        (!shown.is_empty()).then(|| (with_room(figure, shown.into_iter(), room), rows))
    }

    fn response_curve(&self) -> Option<Picture> {
        let figure = Figure::new("Probability to be mobile", "softness S", "P_R").log_y();
        let (mut figure, rows) = self.by_temperature(figure, |b| b.mobile)?;
        for (k, r) in self.responses.iter().enumerate() {
            let (Some(a), Some(beta)) = (r.response.log_prefactor, r.response.beta) else {
                continue;
            };
            let shown = r.response.bins.iter().filter(|b| b.atoms >= 20.0);
            let line =
                shown.map(|b| (b.softness, (a.value + beta.value * b.softness).exp().min(1.0)));
            figure = figure.dashed("", line.collect()).same_color_as(k);
        }
        Some(Picture::new(
            "mobility",
            "Softness and motion",
            figure,
            "P_R(S): the part of the atoms of a softness that is mobile; dashed: P₀ exp(βS) through \
             points that are not saturated.",
            &["temperature", "S", "atoms", "P_R", "error"],
            rows,
        ))
    }

    fn value_curve(&self) -> Option<Picture> {
        let figure = Figure::new("Mean value of the label", "softness S", "⟨D⟩").log_y();
        let (mut figure, rows) = self.by_temperature(figure, |b| b.value)?;
        for (k, r) in self.responses.iter().enumerate() {
            let Some([a, b, origin]) = r.response.power else { continue };
            let shown = r.response.bins.iter().filter(|b| b.atoms >= 20.0);
            let line =
                shown.map(|bin| (bin.softness, a * (bin.softness - origin).powf(b))).collect();
            figure = figure.dashed("", line).same_color_as(k);
        }
        Some(Picture::new(
            "mean-value",
            "Softness and motion",
            figure,
            "⟨D⟩(S); dashed: the power law a (S − S₀)^b.",
            &["temperature", "S", "atoms", "mean value", "error"],
            rows,
        ))
    }

    fn activation_curves(&self) -> Vec<Picture> {
        let Some(found) = &self.activation else { return Vec::new() };
        let unit = |u: &str| {
            if self.temperature_unit.is_empty() { String::new() } else { format!(" ({u})") }
        };
        // Reduced temperatures are of order one.
        let (scale, axis) = match self.temperature_unit.as_str() {
            "" => (1.0, "1/T"),
            _ => (1000.0, "1000/T (1/K)"),
        };
        let mut arrhenius = Figure::new("P_R of softness bands", axis, "P_R").log_y();
        let (mut rows, mut shown) = (Vec::new(), Vec::new());
        for band in &found.bands {
            let points = band.points.iter().filter(|p| p.1 > 0.0);
            shown.extend(points.clone().map(|p| scale / p.0));
            arrhenius = arrhenius.markers_with_errors(
                format!("S = {:.2}", band.softness),
                points.clone().map(|p| (scale / p.0, p.1)).collect(),
                points.map(|p| p.2).collect(),
            );
            for p in &band.points {
                rows.push(vec![band.softness, p.0, p.1, p.2, f64::from(u8::from(p.3))]);
            }
        }
        let boltzmann = if self.temperature_unit.is_empty() { 1.0 } else { 8.617333262e-5 };
        for (k, band) in found.bands.iter().enumerate() {
            let (Some(e), Some(s)) = (band.energy, band.entropy) else { continue };
            let used = band.points.iter().filter(|p| p.3);
            let line = used.map(|p| (scale / p.0, (s.value - e.value / (boltzmann * p.0)).exp()));
            arrhenius = arrhenius.dashed("", line.collect()).same_color_as(k);
        }
        if shown.is_empty() {
            return Vec::new();
        }
        let mut pictures = vec![Picture::new(
            "arrhenius",
            "Activation energies",
            with_room(arrhenius, shown.into_iter(), for_legend(found.bands.len())),
            "ln P_R of equally populated bands of softness against 1/T; dashed: fits through the \
             temperatures where a band is not saturated.",
            &["S", "temperature", "P_R", "error", "in the fit"],
            rows,
        )];
        let mut lines = |name,
                         title: &str,
                         label: String,
                         pick: fn(&super::BandActivation) -> Option<Estimate>,
                         line: Option<[Estimate; 2]>,
                         caption: String| {
            let points: Vec<(f64, Estimate)> =
                found.bands.iter().filter_map(|b| Some((b.softness, pick(b)?))).collect();
            if points.is_empty() {
                return;
            }
            let mut figure = Figure::new(title, "softness S", label).markers_with_errors(
                "bands",
                points.iter().map(|p| (p.0, p.1.value)).collect(),
                points.iter().map(|p| p.1.error.unwrap_or(0.0)).collect(),
            );
            if let Some([constant, slope]) = line {
                let at = |p: &(f64, Estimate)| (p.0, constant.value - slope.value * p.0);
                figure = figure.dashed("line", points.iter().map(at).collect());
            }
            figure = with_room(figure, points.iter().map(|p| p.0), 0.05);
            let rows = points.iter().map(|p| vec![p.0, p.1.value, error_of(&p.1)]).collect();
            pictures.push(Picture::new(
                name,
                "Activation energies",
                figure,
                caption,
                &["S", "value", "error"],
                rows,
            ));
        };
        let slope = |line: &Option<[Estimate; 2]>| {
            line.map_or(String::new(), |l| {
                format!(" Slope {}.", with_error(-l[1].value, l[1].error))
            })
        };
        lines(
            "activation-energy",
            "Activation energy",
            format!("E_a{}", unit("eV")),
            |b| b.energy,
            found.energy_line,
            format!(
                "E_a of ln P_R = Σ − E_a/kT: softer atoms have less to climb.{}",
                slope(&found.energy_line)
            ),
        );
        lines(
            "entropy",
            "Entropic term",
            "Σ".into(),
            |b| b.entropy,
            found.entropy_line,
            format!("Σ of ln P_R = Σ − E_a/kT.{}", slope(&found.entropy_line)),
        );
        pictures
    }

    fn transfer_curves(&self) -> Vec<Picture> {
        let mut pictures = Vec::new();
        let mut add = |name, title: &str, x: String, of: &[Transfer], log: bool| {
            if of.len() < 2 {
                return;
            }
            let curve = |pick: fn(&Transfer) -> Option<Estimate>| {
                let with: Vec<(f64, Estimate)> =
                    of.iter().filter_map(|t| Some((t.at, pick(t)?))).collect();
                let errors: Vec<f64> = with.iter().map(|p| p.1.error.unwrap_or(0.0)).collect();
                (with.iter().map(|p| (p.0, p.1.value)).collect::<Vec<_>>(), errors)
            };
            let (applied, retrained) = (curve(|t| t.applied), curve(|t| t.retrained));
            if applied.0.is_empty() && retrained.0.is_empty() {
                return;
            }
            let mut figure = Figure::new(title, x, "balanced accuracy")
                .line_with_errors("learned once", applied.0, applied.1)
                .line_with_errors("learned anew", retrained.0, retrained.1);
            if log {
                figure = figure.log_x();
            }
            let cell = |e: Option<Estimate>| e.map_or([f64::NAN; 2], |e| [e.value, error_of(&e)]);
            let rows = of
                .iter()
                .map(|t| {
                    let ([a, ea], [r, er]) = (cell(t.applied), cell(t.retrained));
                    vec![t.at, t.mobile_fraction, a, ea, r, er]
                })
                .collect();
            pictures.push(Picture::new(
                name,
                "Other temperatures and times",
                figure,
                "Balanced accuracy on glasses not learned from (of a single glass: on atoms not \
                 learned from), of the softness learned at one temperature and time, and of one \
                 learned anew at each.",
                &["at", "mobile fraction", "learned once", "error", "learned anew", "error"],
                rows,
            ));
        };
        let t = if self.temperature_unit.is_empty() { "T".into() } else { "T (K)".to_owned() };
        add("temperatures", "One softness at other temperatures", t, &self.temperatures, false);
        let time = match self.time_unit.as_str() {
            "" => "time".to_owned(),
            unit => format!("time ({unit})"),
        };
        add("times", "One softness after other times", time, &self.times, true);
        pictures
    }

    fn correlation_curve(&self) -> Option<Picture> {
        let found = self.correlation.as_ref()?;
        let points = found.points.iter().map(|p| (p.0, p.1.value)).collect();
        let errors = found.points.iter().map(|p| p.1.error.unwrap_or(0.0)).collect();
        let end = found.points.last().map_or(1.0, |p| p.0);
        let rows = found.points.iter().map(|p| vec![p.0, p.1.value, error_of(&p.1), p.2]).collect();
        let r = format!("r ({})", self.length_unit);
        let length = found.length.map_or(
            "It is lost in its error too soon to give a length.".to_owned(),
            |l| {
                let error = l.error.map_or(String::new(), |e| format!(" ± {e:.2}"));
                format!("Length {:.2}{error} {}.", l.value, self.length_unit)
            },
        );
        Some(Picture::new(
            "correlation",
            "Softness in space",
            Figure::new("Spatial correlation of softness", r, "⟨δS δS⟩/⟨δS²⟩")
                .line_with_errors("", points, errors)
                .dashed("", vec![(0.0, 0.0), (end, 0.0)]),
            format!("How alike the softness of atoms at a distance r is. {length}"),
            &["r", "C", "error", "pairs"],
            rows,
        ))
    }

    /// Writes model.toml, softness.json and every picture with its table.
    pub fn write(&self, directory: &Path) -> Result<()> {
        std::fs::create_dir_all(directory).map_err(|e| Error::io("create", directory, e))?;
        self.model.save(&directory.join("model.toml"))?;
        let path = directory.join("softness.json");
        let text = serde_json::to_string_pretty(self)
            .map_err(|e| Error::io("write", &path, std::io::Error::other(e)))?;
        write_atomically(&path, |w| w.write_all(text.as_bytes()))?;
        for picture in self.pictures() {
            picture.write(directory)?;
        }
        Ok(())
    }
}
