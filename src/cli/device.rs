//! `--device`.

use fulgurite::backend::Backend;
use fulgurite::backend::cpu::CpuBackend;
use fulgurite::backend::reference::ReferenceBackend;
use fulgurite::{Error, Result};

/// A backend and why it was taken.
pub struct Chosen {
    pub backend: Box<dyn Backend>,
    pub reason: String,
}

/// The backend of `--device auto | gpu | gpu:N | cpu | reference`.
pub fn choose(device: &str) -> Result<Chosen> {
    let chosen =
        |backend: Box<dyn Backend>, reason: &str| Ok(Chosen { backend, reason: reason.to_owned() });
    match device {
        "reference" => chosen(Box::new(ReferenceBackend::new()), "asked for"),
        "cpu" => chosen(Box::new(CpuBackend::new()), "asked for"),
        "auto" => chosen(Box::new(CpuBackend::new()), "no hardware GPU is available"),
        other if other == "gpu" || other.starts_with("gpu:") => Err(Error::Device {
            device: other.to_owned(),
            what: "no GPU is available".into(),
            remedy: "use --device cpu, or install a Vulkan driver (see `fulgurite devices`)".into(),
        }),
        other => Err(Error::config(
            format!("--device {other}"),
            "unknown device",
            "give auto, gpu, gpu:N, cpu or reference",
        )),
    }
}
