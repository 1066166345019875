//! Configuration of sorption: `configs/sorption-*.toml`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Document, Override};
use crate::error::{Error, Result};
use crate::sorption::{
    DesignSettings, Mean, Path as Walk, Scheme, SorptionModel, SorptionPlan, even_humidities,
};

/// A sorption configuration with every default filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct SorptionConfig {
    /// Parameters of the lattice gas.
    pub model: SorptionModel,
    /// Relative humidities, rising.
    pub humidities: Vec<f64>,
    /// Whether the humidities were given rather than taken by default.
    pub humidities_given: bool,
    /// Highest humidity accepted.
    pub highest_humidity: f64,
    /// How densities are found; the command's own default if not given.
    pub scheme: Option<Scheme>,
    /// What an isotherm is the mean over.
    pub mean: Mean,
    /// Settings of a design.
    pub design: DesignSettings,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct Text {
    model: ModelText,
    humidity: HumidityText,
    solver: SolverText,
    design: DesignSettings,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct ModelText {
    temperature: Option<f64>,
    critical_temperature: Option<f64>,
    wettability: Option<f64>,
    mean: Mean,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct HumidityText {
    steps: Option<usize>,
    highest: Option<f64>,
    list: Option<Vec<f64>>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct SolverText {
    scheme: Option<SchemeName>,
    iterations: Option<u32>,
    tolerance: Option<f64>,
    most_iterations: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum SchemeName {
    Truncated,
    Converged,
}

/// Reads a configuration, or takes the published values where there is no file.
pub fn load_sorption(path: Option<&Path>, overrides: &[Override]) -> Result<SorptionConfig> {
    let (name, text) = match path {
        Some(path) => (
            path.display().to_string(),
            std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?,
        ),
        None => ("defaults".to_owned(), String::new()),
    };
    let (document, text) = Document::parse::<Text>(&name, &text, overrides)?;
    let default = SorptionModel::default();
    let model = SorptionModel {
        temperature: text.model.temperature.unwrap_or(default.temperature),
        critical_temperature: text
            .model
            .critical_temperature
            .unwrap_or(default.critical_temperature),
        wettability: text.model.wettability.unwrap_or(default.wettability),
    };
    document.positive("model.temperature", model.temperature)?;
    document.not_negative("model.critical_temperature", model.critical_temperature)?;
    let highest_humidity =
        document.positive("humidity.highest", text.humidity.highest.unwrap_or(1.0))?;
    if text.humidity.list.is_some() && text.humidity.steps.is_some() {
        return Err(document.error(
            "humidity.list",
            "`list` and `steps` both give the humidities",
            "keep one of them",
        ));
    }
    let humidities_given = text.humidity.list.is_some() || text.humidity.steps.is_some();
    let humidities = match text.humidity.list {
        Some(mut list) => {
            for (k, h) in list.iter().enumerate() {
                if !(*h > 0.0 && *h <= highest_humidity) {
                    return Err(document.error(
                        &format!("humidity.list[{k}]"),
                        format!(
                            "relative humidity {h} is not above 0 and at most {highest_humidity}"
                        ),
                        "give fractions (0.25 for 25 %), or raise `highest` for supersaturation",
                    ));
                }
            }
            list.sort_by(f64::total_cmp);
            list.dedup();
            list
        }
        None => even_humidities(text.humidity.steps.unwrap_or(40), highest_humidity),
    };
    if humidities.is_empty() {
        return Err(document.error("humidity", "no humidity is given", "give at least one"));
    }
    let solver = &text.solver;
    let scheme = match solver.scheme {
        Some(SchemeName::Truncated) => {
            Some(Scheme::Truncated { iterations: solver.iterations.unwrap_or(100) })
        }
        Some(SchemeName::Converged) => Some(Scheme::Converged {
            tolerance: solver.tolerance.unwrap_or(1e-10),
            most_iterations: solver.most_iterations.unwrap_or(200_000),
        }),
        None => None,
    };
    let foreign = [
        ("solver.iterations", solver.iterations.is_some(), Some(SchemeName::Truncated)),
        ("solver.tolerance", solver.tolerance.is_some(), Some(SchemeName::Converged)),
        ("solver.most_iterations", solver.most_iterations.is_some(), Some(SchemeName::Converged)),
    ];
    for (key, given, scheme) in foreign {
        if given && solver.scheme != scheme {
            return Err(document.error(
                key,
                "this key belongs to another scheme",
                "`iterations` goes with scheme = \"truncated\", the others with \"converged\"",
            ));
        }
    }
    let config = SorptionConfig {
        model,
        humidities,
        humidities_given,
        highest_humidity,
        scheme,
        mean: text.model.mean,
        design: text.design,
    };
    // Whatever is left to complain about concerns the file as a whole.
    let whole = |error| match error {
        Error::Input { what, remedy } => Error::Config { place: name.clone(), what, remedy },
        other => other,
    };
    config.design.validate().map_err(whole)?;
    config
        .plan(Walk::adsorption(&config.humidities), Scheme::CONVERGED)
        .validate()
        .map_err(whole)?;
    Ok(config)
}

impl SorptionConfig {
    /// The configuration as a file that [`load_sorption`] reads again, nothing left to defaults;
    /// `scheme` is the one that was used.
    pub fn written(&self, scheme: Scheme) -> Result<String> {
        let SorptionModel { temperature, critical_temperature, wettability } = self.model;
        let solver = match scheme {
            Scheme::Truncated { iterations } => SolverText {
                scheme: Some(SchemeName::Truncated),
                iterations: Some(iterations),
                ..SolverText::default()
            },
            Scheme::Converged { tolerance, most_iterations } => SolverText {
                scheme: Some(SchemeName::Converged),
                tolerance: Some(tolerance),
                most_iterations: Some(most_iterations),
                ..SolverText::default()
            },
        };
        let text = Text {
            model: ModelText {
                temperature: Some(temperature),
                critical_temperature: Some(critical_temperature),
                wettability: Some(wettability),
                mean: self.mean,
            },
            humidity: HumidityText {
                steps: None,
                highest: Some(self.highest_humidity),
                list: Some(self.humidities.clone()),
            },
            solver,
            design: self.design,
        };
        toml::to_string(&text).map_err(|e| {
            Error::input(
                format!("the configuration cannot be written: {e}"),
                "choose a seed below 2^63",
            )
        })
    }

    /// A plan along a path.
    pub fn plan(&self, path: Walk, default: Scheme) -> SorptionPlan {
        SorptionPlan {
            model: self.model,
            path,
            scheme: self.scheme.unwrap_or(default),
            mean: self.mean,
            highest_humidity: self.highest_humidity,
            densities: false,
        }
    }
}
