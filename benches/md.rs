//! `cargo bench --bench md -- [--device cpu]... [--size ATOMS] [--output FILE] [--against FILE]`

mod support;

use std::process::ExitCode;

use fulgurite::bench::{MdBenchmark, md_rows, molecular_dynamics};

fn main() -> ExitCode {
    support::main(|options| {
        let benchmark = MdBenchmark {
            devices: options.devices.clone(),
            atoms: options.size.unwrap_or(3000),
            replicas: 1,
            steps: None,
            repeats: options.repeats,
        };
        Ok(md_rows(&molecular_dynamics(&benchmark, |_| ())?))
    })
}
