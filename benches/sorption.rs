//! `cargo bench --bench sorption -- [--device cpu]... [--size LATTICES] [--output FILE] [--against FILE]`

mod support;

use std::process::ExitCode;

use fulgurite::bench::sorption_rows;
use fulgurite::sorption::{Shape, SorptionBenchmark, benchmark};

fn main() -> ExitCode {
    support::main(|options| {
        let wanted = SorptionBenchmark {
            devices: options.devices.clone(),
            lattices: options.size.unwrap_or(128),
            shape: Shape::square(20, 20),
            humidities: 40,
            iterations: 100,
            repeats: options.repeats,
        };
        Ok(sorption_rows(&benchmark(&wanted, |_| ())?))
    })
}
