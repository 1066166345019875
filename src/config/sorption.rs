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

/// How densities are found where the file does not say.
#[derive(Debug, Clone, Copy, Default)]
pub struct SchemeOptions {
    /// Asked for beside the file, and above it; of the converged scheme the file keeps tolerance and
    /// iterations.
    pub option: Option<Scheme>,
    /// What is done where neither says anything: its keys may be given without its name.
    pub default: Option<Scheme>,
}

/// Humidities of an isotherm at most.
pub const MOST_HUMIDITIES: usize = 1_000_000;

fn name_of(scheme: Scheme) -> SchemeName {
    match scheme {
        Scheme::Truncated { .. } => SchemeName::Truncated,
        Scheme::Converged { .. } => SchemeName::Converged,
    }
}

impl SolverText {
    /// The scheme that results; a key that belongs to none of those named is an error.
    fn resolve(&self, document: &Document, options: SchemeOptions) -> Result<Option<Scheme>> {
        let named = options.option.map(name_of).or(self.scheme);
        let used = named.or(options.default.map(name_of));
        let keys = [
            ("solver.iterations", self.iterations.is_some(), SchemeName::Truncated),
            ("solver.tolerance", self.tolerance.is_some(), SchemeName::Converged),
            ("solver.most_iterations", self.most_iterations.is_some(), SchemeName::Converged),
        ];
        for (key, given, owner) in keys {
            // What an option overrules is left alone.
            if given && used != Some(owner) && self.scheme != Some(owner) {
                return Err(document.error(
                    key,
                    "this key belongs to another scheme",
                    "`iterations` goes with scheme = \"truncated\", the others with \"converged\"",
                ));
            }
        }
        let given = keys.iter().any(|(_, given, _)| *given);
        let Some(used) = used.filter(|_| named.is_some() || given) else { return Ok(None) };
        Ok(Some(match (used, options.option) {
            (SchemeName::Truncated, Some(option)) => option,
            (SchemeName::Truncated, None) => {
                Scheme::Truncated { iterations: self.iterations.unwrap_or(100) }
            }
            (SchemeName::Converged, _) => Scheme::Converged {
                tolerance: self.tolerance.unwrap_or(1e-10),
                most_iterations: self.most_iterations.unwrap_or(200_000),
            },
        }))
    }
}

/// Reads a configuration, or takes the published values where there is no file.
pub fn load_sorption(path: Option<&Path>, overrides: &[Override]) -> Result<SorptionConfig> {
    load_sorption_for(path, overrides, SchemeOptions::default())
}

/// [`load_sorption`] with a scheme asked for beside the file.
pub fn load_sorption_for(
    path: Option<&Path>,
    overrides: &[Override],
    options: SchemeOptions,
) -> Result<SorptionConfig> {
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
        None => {
            let steps = text.humidity.steps.unwrap_or(40);
            if steps > MOST_HUMIDITIES {
                return Err(document.error(
                    "humidity.steps",
                    format!("{steps} humidities where {MOST_HUMIDITIES} are the most"),
                    "give fewer steps; 40 are the published number",
                ));
            }
            even_humidities(steps, highest_humidity)
        }
    };
    if humidities.is_empty() {
        return Err(document.error("humidity", "no humidity is given", "give at least one"));
    }
    let scheme = text.solver.resolve(&document, options)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn scheme(text: &str, options: SchemeOptions) -> Result<Option<Scheme>> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("sorption.toml");
        std::fs::write(&path, text).expect("written");
        load_sorption_for(Some(&path), &[], options).map(|config| config.scheme)
    }

    #[test]
    fn options_stand_above_the_file_which_stands_above_the_default() {
        let found = |text: &str, option, default| {
            scheme(text, SchemeOptions { option, default: Some(default) }).expect("sound")
        };
        let (converged, published) = (Scheme::CONVERGED, Scheme::PUBLISHED);
        let loose = Scheme::Converged { tolerance: 1e-3, most_iterations: 70 };
        let keys = "tolerance = 1e-3\nmost_iterations = 70\n";
        let file = format!("[solver]\nscheme = \"converged\"\n{keys}");
        // An option that says what the file says takes nothing away.
        assert_eq!(found(&file, Some(converged), published), Some(loose));
        assert_eq!(found(&file, None, published), Some(loose));
        let few = Scheme::Truncated { iterations: 7 };
        assert_eq!(found(&file, Some(few), converged), Some(few));
        // Keys of the scheme that is used anyway need not name it.
        let bare = format!("[solver]\n{keys}");
        assert_eq!(found(&bare, None, converged), Some(loose));
        assert_eq!(found(&bare, Some(converged), published), Some(loose));
        assert_eq!(found("[solver]\niterations = 7\n", None, published), Some(few));
        assert_eq!(found("", None, published), None);
        let truncated = "[solver]\nscheme = \"truncated\"\niterations = 7\n";
        assert_eq!(found(truncated, Some(converged), published), Some(converged));
        // Keys of another one do.
        for (text, option, default) in [
            (bare.as_str(), None, published),
            (bare.as_str(), Some(few), converged),
            ("[solver]\niterations = 7\n", None, converged),
            ("[solver]\niterations = 7\n", Some(converged), published),
        ] {
            let options = SchemeOptions { option, default: Some(default) };
            let error = scheme(text, options).expect_err("refused");
            assert!(error.to_string().contains("belongs to another scheme"), "{error}");
        }
    }
}
