//! Choice of a device by name.

use serde::Serialize;

use super::cpu::{CpuBackend, Level};
use super::gpu::{self, AdapterChoice, AdapterDescription, GpuBackend, GpuOptions};
use super::reference::ReferenceBackend;
use super::{Backend, Capabilities};
use crate::error::{Error, Result};

/// A backend and why it was taken.
pub struct Selection {
    /// The backend.
    pub backend: Box<dyn Backend>,
    /// One phrase for people.
    pub reason: String,
}

/// A device that [`select`] knows by `name`.
#[derive(Debug, Clone, Serialize)]
pub struct Device {
    /// Name to select it by.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// True if `auto` takes it.
    pub default: bool,
    /// The adapter, for GPUs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adapter: Option<AdapterDescription>,
    /// Precision, for devices that need not be opened to know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
}

/// The backend of `auto | gpu | gpu:N | cpu | cpu:LEVEL | reference`.
///
/// `cpu` takes the best instruction set of the processor, `cpu:LEVEL` a given one of those it has:
/// `avx512`, `avx2`, `neon` or `portable`.
///
/// `auto` takes the best hardware GPU, else the CPU; a software rasteriser only runs when `gpu` or
/// `gpu:N` asks for it.
pub fn select(device: &str) -> Result<Selection> {
    select_with(device, &GpuOptions::from_environment())
}

/// As [`select`], with passes timed on the device where it can; slower.
pub fn select_profiled(device: &str) -> Result<Selection> {
    select_with(device, &GpuOptions { timestamps: true, ..GpuOptions::from_environment() })
}

/// What is wrong with a device's name.
fn unknown(device: &str) -> Error {
    let place = format!("--device {device}");
    match device.strip_prefix("cpu:") {
        Some(level) => {
            let keys: Vec<&str> = Level::available().into_iter().map(Level::key).collect();
            Error::config(
                place,
                format!("this processor has no instruction set `{level}` that is used here"),
                format!("it has {}; `cpu` takes the first", keys.join(", ")),
            )
        }
        None => Error::config(
            place,
            "unknown device",
            "give auto, gpu, gpu:N, cpu, cpu:avx2 or reference; `fulgurite devices` lists them",
        ),
    }
}

fn select_with(device: &str, options: &GpuOptions) -> Result<Selection> {
    let selection = |backend: Box<dyn Backend>, reason: &str| {
        Ok(Selection { backend, reason: reason.to_owned() })
    };
    let open = |choice| GpuBackend::new(choice, options.clone());
    match device {
        "reference" => selection(Box::<ReferenceBackend>::default(), "asked for"),
        "cpu" => selection(Box::<CpuBackend>::default(), "asked for"),
        "auto" => match open(AdapterChoice::Hardware) {
            Ok(backend) => selection(Box::new(backend), "the best hardware GPU"),
            Err(error) => selection(
                Box::<CpuBackend>::default(),
                &format!("no hardware GPU can be used: {error}"),
            ),
        },
        "gpu" => {
            let backend = open(AdapterChoice::Any)?;
            let reason = if backend.adapter().software {
                "asked for; a software rasteriser, slower than --device cpu"
            } else {
                "asked for"
            };
            selection(Box::new(backend), reason)
        }
        other => {
            if let Some(level) = other.strip_prefix("cpu:").and_then(Level::from_key) {
                return selection(Box::new(CpuBackend::with_level(level)), "asked for");
            }
            match other.strip_prefix("gpu:").map(str::parse) {
                Some(Ok(index)) => {
                    selection(Box::new(open(AdapterChoice::Index(index))?), "asked for")
                }
                _ => Err(unknown(other)),
            }
        }
    }
}

/// Every device of this machine, GPUs first.
pub fn devices() -> Vec<Device> {
    let adapters = gpu::adapters();
    let chosen = gpu::best_hardware(&adapters);
    let mut devices: Vec<Device> = adapters
        .into_iter()
        .map(|adapter| Device {
            name: format!("gpu:{}", adapter.index),
            description: format!(
                "{} ({}, {}){}",
                adapter.name,
                adapter.backend,
                adapter.driver,
                if adapter.software { ", software rasteriser" } else { "" }
            ),
            default: chosen == Some(adapter.index),
            adapter: Some(adapter),
            capabilities: None,
        })
        .collect();
    let mut known = |name: String, backend: &dyn Backend| {
        let capabilities = backend.capabilities().clone();
        devices.push(Device {
            default: name == "cpu" && chosen.is_none(),
            name,
            description: capabilities.name.clone(),
            adapter: None,
            capabilities: Some(capabilities),
        });
    };
    known("cpu".into(), &CpuBackend::new());
    for level in Level::available() {
        known(format!("cpu:{}", level.key()), &CpuBackend::with_level(level));
    }
    known("reference".into(), &ReferenceBackend::new());
    devices
}
