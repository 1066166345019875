//! `fulgurite devices`.

use clap::Args;
use fulgurite::{Error, Result};

use super::say;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn main(arguments: &Arguments) -> Result<()> {
    let devices = fulgurite::backend::devices();
    if arguments.json {
        let text = serde_json::to_string_pretty(&devices)
            .map_err(|e| Error::io("write", "standard output", std::io::Error::other(e)))?;
        return say(&text);
    }
    for device in devices {
        let mark = if device.default { "*" } else { " " };
        say(&format!("{mark} {:<10} {}", device.name, device.description))?;
    }
    say("\n* taken by --device auto")
}
