//! The `fulgurite` command.

mod cli;

fn main() -> std::process::ExitCode {
    quiet_displays();
    cli::main()
}

/// Vulkan drivers look for a Wayland display when they list devices. On machines without a session
/// (nodes of a cluster) that prints an error about `XDG_RUNTIME_DIR`, which would pass for ours; in
/// a directory that does not exist no display is found, and nothing is said.
fn quiet_displays() {
    const VARIABLE: &str = "XDG_RUNTIME_DIR";
    let known = std::env::var_os(VARIABLE).is_some_and(|d| std::path::Path::new(&d).is_absolute());
    if cfg!(target_os = "linux") && !known {
        // SAFETY: this is the first thing that the program does, on its only thread.
        unsafe { std::env::set_var(VARIABLE, "/nonexistent") };
    }
}
