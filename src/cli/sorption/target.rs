//! `fulgurite sorption target`, and targets as arguments of other commands.

use std::path::PathBuf;

use clap::Args;
use fulgurite::config::SorptionConfig;
use fulgurite::io::{write_atomically, write_npy_f64};
use fulgurite::plot::Figure;
use fulgurite::sorption::{
    Path as Walk, Scheme, TARGET_NAMES, TargetCurve, TargetKind, check_target, named_target,
    read_target,
};
use fulgurite::{Error, Result};

use super::{Common, extension, name_of, parse_size, remark, say};

#[derive(Debug, Args)]
pub struct Arguments {
    /// y=x, small-pores, medium-pores, large-pores, stepwise, anchored, random (one in five
    /// stepwise, the others anchored), single-pore, one-large-pore (isotherms of such matrices,
    /// converged unless --truncated; the thesis has --truncated 100)
    kind: String,
    /// Number of the random curve
    #[arg(long, default_value_t = 0)]
    index: u64,
    /// Seed of random curves
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// So many random curves, from --index on, as rows of an .npy file
    #[arg(long, default_value_t = 1)]
    count: usize,
    /// Size of the matrix of single-pore and one-large-pore
    #[arg(long, default_value = "20x20")]
    size: String,
    /// The target for `sorption design`: relative humidity, filling
    #[arg(long, value_name = "OUT.csv|OUT.npy")]
    output: PathBuf,
    /// A picture of the curves (at most five)
    #[arg(long, value_name = "OUT.svg")]
    picture: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

pub fn main(arguments: &Arguments) -> Result<()> {
    let common = &arguments.common;
    let config = common.config(Scheme::CONVERGED)?;
    let Some(kind) = TargetKind::named(&arguments.kind) else {
        let names: Vec<&str> = TargetKind::ALL.iter().map(|(name, _)| *name).collect();
        return Err(Error::config(
            format!("target {}", arguments.kind),
            "not a known kind",
            format!("give one of {}", names.join(", ")),
        ));
    };
    let wrong = |what: &str, remedy: &str| Err(Error::config("sorption target", what, remedy));
    if arguments.count == 0 {
        return wrong("no curve is asked for", "give a --count of at least 1");
    }
    if arguments.count > 1 && !kind.is_random() {
        return wrong("only random curves differ from each other", "leave --count out");
    }
    match (extension(&arguments.output).as_str(), arguments.count) {
        ("csv", 1) | ("npy", _) => {}
        ("csv", _) => return wrong("a CSV file holds one target", "write several as .npy"),
        _ => return wrong("a target is written as .csv or .npy", "give --output such a name"),
    }
    common.check_output(Some(&arguments.output), "a target", &["csv", "npy"])?;
    common.check_output(arguments.picture.as_ref(), "a picture of targets", &["svg"])?;
    let humidities = &config.humidities;
    let mut source = String::new();
    let curves: Vec<Vec<f64>> = match kind.matrix(parse_size(&arguments.size)?) {
        Some(matrix) => {
            let plan = config.plan(Walk::adsorption(humidities), Scheme::CONVERGED);
            source = format!(
                "isotherm of {} on {}, {}",
                arguments.kind,
                arguments.size,
                name_of(plan.scheme)
            );
            vec![common.device()?.backend.sorption(&matrix?, &plan)?.lattice(0).to_vec()]
        }
        None => (0..arguments.count as u64)
            .filter_map(|k| kind.curve(humidities, arguments.index + k, arguments.seed))
            .collect::<Result<_>>()?,
    };
    if extension(&arguments.output) == "npy" {
        let shape = [curves.len(), humidities.len()];
        write_npy_f64(&arguments.output, &shape, &curves.concat())?;
    } else {
        let mut text = if source.is_empty() { String::new() } else { format!("# {source}\n") };
        text += "relative_humidity,filling\n";
        for (h, t) in humidities.iter().zip(&curves[0]) {
            text += &format!("{h},{t}\n");
        }
        write_atomically(&arguments.output, |to| to.write_all(text.as_bytes()))?;
    }
    if let Some(path) = &arguments.picture {
        let mut figure =
            Figure::new("Target isotherm", "relative humidity", "filling").y_range(0.0, 1.05);
        for (k, curve) in curves.iter().take(5).enumerate() {
            let label = match curves.len() {
                1 => String::new(),
                _ => format!("{}", arguments.index + k as u64),
            };
            let points = humidities.iter().copied().zip(curve.iter().copied());
            figure = figure.line(label, points.collect());
        }
        figure.write(path)?;
    }
    say(&format!(
        "{} of {} humidities{} in {}",
        if curves.len() == 1 { "a target".into() } else { format!("{} targets", curves.len()) },
        humidities.len(),
        if source.is_empty() { source } else { format!(" ({source})") },
        arguments.output.display()
    ))
}

/// A target by name or from a file; a file with humidities sets those of the configuration.
pub fn target(text: &str, config: &mut SorptionConfig) -> Result<Vec<f64>> {
    if let Some(target) = named_target(text, &config.humidities) {
        return Ok(target);
    }
    if !std::path::Path::new(text).exists() && !text.contains('.') {
        return Err(Error::config(
            format!("target {text}"),
            "neither a file nor a known name",
            format!(
                "give a CSV file (`fulgurite sorption target` writes some) or one of {}",
                TARGET_NAMES.join(", ")
            ),
        ));
    }
    let TargetCurve { humidities, filling: target, chosen } = read_target(text)?;
    if let Some(column) = chosen {
        remark(&format!("the target is column `{column}` of {text}"));
    }
    let place = |error| match error {
        Error::Input { what, remedy } => Error::Config { place: text.to_owned(), what, remedy },
        other => other,
    };
    if let Some(own) = humidities {
        if !config.humidities_given {
            if let Some(bad) = own.iter().find(|h| !(**h > 0.0 && **h <= config.highest_humidity)) {
                return Err(Error::config(
                    text,
                    format!(
                        "relative humidity {bad} is not above 0 and at most {}",
                        config.highest_humidity
                    ),
                    "give fractions (0.25 for 25 %), or raise humidity.highest",
                ));
            }
            config.humidities = own;
        } else if own.len() != config.humidities.len()
            || own.iter().zip(&config.humidities).any(|(a, b)| (a - b).abs() > 1e-9)
        {
            return Err(Error::config(
                text,
                format!(
                    "the target has {} humidities that are not the {} of the configuration",
                    own.len(),
                    config.humidities.len()
                ),
                "leave [humidity] out to take those of the target",
            ));
        }
    }
    check_target(&target, config.humidities.len()).map_err(place)?;
    Ok(target)
}
