//! `fulgurite devices`.

use clap::Args;
use fulgurite::{Error, Result};

use super::{device, say};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn main(arguments: &Arguments) -> Result<()> {
    let devices: Vec<(String, serde_json::Value, String)> = ["cpu", "reference"]
        .into_iter()
        .map(|name| {
            let chosen = device::choose(name)?;
            let capabilities = chosen.backend.capabilities();
            let value = serde_json::to_value(capabilities)
                .map_err(|e| Error::io("write", "standard output", std::io::Error::other(e)))?;
            Ok((name.to_owned(), value, capabilities.name.clone()))
        })
        .collect::<Result<_>>()?;
    if arguments.json {
        let list: Vec<_> = devices
            .into_iter()
            .map(|(name, capabilities, _)| {
                serde_json::json!({ "device": name, "capabilities": capabilities })
            })
            .collect();
        return say(&serde_json::Value::Array(list).to_string());
    }
    for (name, _, description) in devices {
        say(&format!("{name:<12} {description}"))?;
    }
    Ok(())
}
