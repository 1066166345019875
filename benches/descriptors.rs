//! `cargo bench --bench descriptors -- [--device cpu]... [--size ATOMS] [--output FILE] [--against FILE]`

mod support;

use std::process::ExitCode;

use fulgurite::bench::{DescriptorBenchmark, descriptor_rows, descriptors};

fn main() -> ExitCode {
    support::main(|options| {
        let benchmark = DescriptorBenchmark {
            devices: options.devices.clone(),
            atoms: options.size.unwrap_or(3000),
            repeats: options.repeats,
        };
        Ok(descriptor_rows(&descriptors(&benchmark, |_| ())?))
    })
}
