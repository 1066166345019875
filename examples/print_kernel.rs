//! Prints the complete WGSL of a GPU kernel: `cargo run --example print_kernel -- force`.
//!
//! For looking at it, or at what a driver's compiler makes of it (see docs/gpu-kernels.md).

use fulgurite::backend::gpu::{Compiler, Kernel, PotentialKind};
use fulgurite::potential::FormKind;

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_else(|| "force".into());
    // What a hardware GPU is expected to do; `plain` prints what runs anywhere.
    let plain = std::env::args().any(|argument| argument == "plain");
    let compiler = if plain { Compiler::PLAIN } else { Compiler { fused: true, shuffles: true } };
    let potential = PotentialKind { form: FormKind::Buckingham, damping_terms: Some(11) };
    match Kernel::ALL.into_iter().find(|kernel| kernel.source().name == wanted) {
        Some(kernel) => println!("{}", kernel.wgsl(potential, compiler)),
        None => {
            let names = Kernel::ALL.map(|kernel| kernel.source().name);
            eprintln!("no kernel `{wanted}`; there are {names:?}");
            std::process::exit(2);
        }
    }
}
