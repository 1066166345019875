//! The committed WGSL of every potential is what the Rust definitions print.

use std::path::Path;

use fulgurite::potential::wgsl::printed_files;

#[test]
fn committed_wgsl_is_what_the_definitions_print() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders/generated");
    let update = std::env::var_os("FULGURITE_UPDATE_WGSL").is_some();
    for (name, text) in printed_files() {
        let path = folder.join(&name);
        if update {
            std::fs::write(&path, &text).expect("shaders/generated is writable");
        }
        let committed = std::fs::read_to_string(&path).expect("every potential is committed");
        assert!(
            committed == text,
            "shaders/generated/{name} is out of date: run this test once with FULGURITE_UPDATE_WGSL=1"
        );
    }
}
