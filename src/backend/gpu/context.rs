//! Adapters and devices: which GPUs there are, opening one, and turning every way in which wgpu
//! can fail into our errors.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::Serialize;

use super::cache::{self, Store};
use super::probe::Compiler;
use crate::error::{Error, Result};

/// Environment variable that turns on bounds checks in shaders and validation of indirect
/// dispatches.
pub const CHECKED_VARIABLE: &str = "FULGURITE_GPU_CHECKED";

/// What is known of an adapter without opening it.
#[derive(Debug, Clone, Serialize)]
pub struct AdapterDescription {
    /// Number for `--device gpu:N`.
    pub index: usize,
    /// The adapter's name.
    pub name: String,
    /// Graphics interface: "vulkan", "metal", "dx12".
    pub backend: String,
    /// Driver and its version.
    pub driver: String,
    /// "discrete", "integrated", "virtual", "cpu" or "other".
    pub kind: String,
    /// True for a software rasteriser.
    pub software: bool,
    /// Largest buffer that a kernel can bind, bytes.
    pub largest_binding: u64,
    /// Largest buffer, bytes.
    pub largest_buffer: u64,
    /// Storage buffers a kernel can bind.
    pub storage_buffers: u32,
    /// Workgroup memory, bytes.
    pub workgroup_memory: u32,
    /// Whether passes can be timed on the device.
    pub timestamps: bool,
    /// Whether subgroup operations exist, and the smallest and largest subgroup.
    pub subgroups: Option<[u32; 2]>,
}

/// Which adapter to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdapterChoice {
    /// The best hardware; a software rasteriser is not taken.
    Hardware,
    /// The best there is, a software rasteriser included.
    Any,
    /// By [`AdapterDescription::index`].
    Index(usize),
}

/// How a device is opened and driven.
#[derive(Debug, Clone, Default)]
pub struct GpuOptions {
    /// Bounds checks and loop bounds in shaders, validation of indirect dispatches.
    pub checked: bool,
    /// At most so many steps in one submission (`None`: as many as fit the time bound).
    pub chunk_steps: Option<u32>,
    /// Neighbours an atom may have at first (`None`: from the density). Grown when needed; it
    /// never changes a result.
    pub list_capacity: Option<u32>,
    /// Time every pass on the device, where it can be timed; slower.
    pub timestamps: bool,
    /// Bind no buffer larger than this, bytes (`None`: the adapter's own limit). It never changes
    /// a result.
    pub largest_binding: Option<u64>,
    /// Workgroups of a dispatch along one dimension at most (`None`: the adapter's own limit). It
    /// never changes a result.
    pub longest_dispatch: Option<u32>,
    /// Keep compiled pipelines in this directory, where the API offers it (`None`: compile anew).
    /// It never changes a result.
    pub pipeline_cache: Option<PathBuf>,
    /// Use neither subgroup operations nor fused multiply-add, whatever the device was seen to do.
    pub plain_shaders: bool,
}

impl GpuOptions {
    /// The defaults, with checks if `FULGURITE_GPU_CHECKED` is set to something other than 0, and
    /// with compiled pipelines kept in the user's cache directory, or where
    /// `FULGURITE_PIPELINE_CACHE` says.
    pub fn from_environment() -> Self {
        let checked = std::env::var_os(CHECKED_VARIABLE).is_some_and(|v| v != "0" && !v.is_empty());
        Self { checked, pipeline_cache: cache::directory(), ..Self::default() }
    }
}

fn instance(checked: bool) -> wgpu::Instance {
    let mut flags = wgpu::InstanceFlags::empty();
    // Every dispatch whose size the device decides would be preceded by one that checks it.
    flags.set(wgpu::InstanceFlags::VALIDATION_INDIRECT_CALL, checked);
    flags.set(wgpu::InstanceFlags::ALLOW_UNDERLYING_NONCOMPLIANT_ADAPTER, true);
    wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12,
        flags,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    })
}

fn enumerate(instance: &wgpu::Instance) -> Vec<wgpu::Adapter> {
    pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()))
        .into_iter()
        .filter(|adapter| {
            adapter
                .get_downlevel_capabilities()
                .flags
                .contains(wgpu::DownlevelFlags::COMPUTE_SHADERS)
        })
        .collect()
}

fn describe(index: usize, adapter: &wgpu::Adapter) -> AdapterDescription {
    let info = adapter.get_info();
    let limits = adapter.limits();
    let features = adapter.features();
    let driver = [info.driver.as_str(), info.driver_info.as_str()].join(" ");
    AdapterDescription {
        index,
        name: info.name.clone(),
        backend: format!("{:?}", info.backend).to_lowercase(),
        driver: driver.trim().to_owned(),
        kind: match info.device_type {
            wgpu::DeviceType::DiscreteGpu => "discrete",
            wgpu::DeviceType::IntegratedGpu => "integrated",
            wgpu::DeviceType::VirtualGpu => "virtual",
            wgpu::DeviceType::Cpu => "cpu",
            wgpu::DeviceType::Other => "other",
        }
        .to_owned(),
        software: is_software(&info),
        largest_binding: limits.max_storage_buffer_binding_size,
        largest_buffer: limits.max_buffer_size,
        storage_buffers: limits.max_storage_buffers_per_shader_stage,
        workgroup_memory: limits.max_compute_workgroup_storage_size,
        timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
        subgroups: features
            .contains(wgpu::Features::SUBGROUP)
            .then_some([info.subgroup_min_size, info.subgroup_max_size]),
    }
}

fn is_software(info: &wgpu::AdapterInfo) -> bool {
    // SwiftShader says it is a CPU; some versions of software drivers say "other".
    let name = info.name.to_lowercase();
    info.device_type == wgpu::DeviceType::Cpu
        || ["llvmpipe", "lavapipe", "swiftshader", "basic render"].iter().any(|s| name.contains(s))
}

/// Every adapter that can run compute kernels.
pub fn adapters() -> Vec<AdapterDescription> {
    let instance = instance(false);
    enumerate(&instance).iter().enumerate().map(|(index, a)| describe(index, a)).collect()
}

/// Index of the adapter that [`AdapterChoice::Hardware`] takes.
pub fn best_hardware(adapters: &[AdapterDescription]) -> Option<usize> {
    adapters.iter().filter(|a| !a.software).min_by_key(|a| preference(a)).map(|a| a.index)
}

/// The first failure that wgpu reported outside a call's own result.
#[derive(Debug, Default)]
struct Faults {
    first: Mutex<Option<String>>,
}

impl Faults {
    fn record(&self, what: String) {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if first.is_none() {
            *first = Some(what);
        }
    }

    fn seen(&self) -> Option<String> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// An open device.
#[derive(Debug)]
pub struct Context {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) description: AdapterDescription,
    pub(super) limits: wgpu::Limits,
    pub(super) options: GpuOptions,
    pub(super) timestamps: bool,
    pub(super) cache: Option<Store>,
    compiler: OnceLock<Compiler>,
    faults: Arc<Faults>,
}

impl Drop for Context {
    fn drop(&mut self) {
        // Pipelines of analyses, descriptors and sorption, compiled since.
        self.cache.iter().for_each(Store::save);
    }
}

impl Context {
    /// Bytes of the largest buffer that a kernel can be given whole, or that it is to be given.
    pub fn largest_binding(&self) -> u64 {
        let own = self.limits.max_storage_buffer_binding_size.min(self.limits.max_buffer_size);
        self.options.largest_binding.map_or(own, |given| given.min(own))
    }

    /// Workgroups of a dispatch along one dimension at most.
    pub fn longest_dispatch(&self) -> u32 {
        let own = self.limits.max_compute_workgroups_per_dimension;
        self.options.longest_dispatch.map_or(own, |given| given.clamp(1, own))
    }

    /// Opens an adapter with its own limits and the optional features that are used.
    pub fn open(choice: AdapterChoice, options: GpuOptions) -> Result<Self> {
        let instance = instance(options.checked);
        let mut found: Vec<(AdapterDescription, wgpu::Adapter)> = enumerate(&instance)
            .into_iter()
            .enumerate()
            .map(|(index, adapter)| (describe(index, &adapter), adapter))
            .collect();
        let count = found.len();
        let position = match choice {
            AdapterChoice::Index(index) => (index < count).then_some(index),
            _ => found
                .iter()
                .filter(|(d, _)| choice == AdapterChoice::Any || !d.software)
                .min_by_key(|(d, _)| preference(d))
                .map(|(d, _)| d.index),
        };
        let Some(position) = position else {
            return Err(no_adapter(choice, count));
        };
        let (description, adapter) = found.swap_remove(position);
        Self::open_adapter(description, &adapter, options)
    }

    fn open_adapter(
        description: AdapterDescription,
        adapter: &wgpu::Adapter,
        options: GpuOptions,
    ) -> Result<Self> {
        let mut wanted = wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::SUBGROUP;
        wanted.set(wgpu::Features::PIPELINE_CACHE, options.pipeline_cache.is_some());
        let features = adapter.features() & wanted;
        let limits = adapter.limits();
        let failed = |what: String| Error::Device {
            device: description.name.clone(),
            what,
            remedy: "choose another device with --device, or update the graphics driver".into(),
        };
        if limits.max_storage_buffers_per_shader_stage < 8 {
            return Err(failed(format!(
                "{} storage buffers a kernel, 8 are needed",
                limits.max_storage_buffers_per_shader_stage
            )));
        }
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("fulgurite"),
            required_features: features,
            required_limits: limits.clone(),
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..wgpu::DeviceDescriptor::default()
        }))
        .map_err(|error| failed(format!("it cannot be opened: {error}")))?;
        let faults = Arc::new(Faults::default());
        // wgpu's own handler panics.
        let record = Arc::clone(&faults);
        device.on_uncaptured_error(Arc::new(move |error| record.record(error.to_string())));
        let record = Arc::clone(&faults);
        device.set_device_lost_callback(move |reason, message| {
            // Dropping the last handle also ends here.
            if reason != wgpu::DeviceLostReason::Destroyed {
                record.record(format!("the device was lost: {message}"));
            }
        });
        let cache = match &options.pipeline_cache {
            Some(directory) if features.contains(wgpu::Features::PIPELINE_CACHE) => {
                Store::open(&device, &adapter.get_info(), directory)
            }
            _ => None,
        };
        tracing::debug!(device = %description.name, driver = %description.driver, "opened");
        Ok(Self {
            device,
            queue,
            timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
            description,
            limits,
            options,
            cache,
            compiler: OnceLock::new(),
            faults,
        })
    }

    /// The adapter behind this device.
    pub fn description(&self) -> &AdapterDescription {
        &self.description
    }

    /// What the device's shader compiler makes of things that WebGPU leaves open.
    pub fn compiler(&self) -> Result<Compiler> {
        if let Some(known) = self.compiler.get() {
            return Ok(*known);
        }
        let seen = match self.options.plain_shaders {
            true => Compiler::PLAIN,
            false => Compiler::of(self)?,
        };
        tracing::debug!(?seen, "shader compiler");
        Ok(*self.compiler.get_or_init(|| seen))
    }

    /// An error if wgpu reported one since the device was opened.
    pub(super) fn check(&self) -> Result<()> {
        match self.faults.seen() {
            None => Ok(()),
            Some(what) => Err(self.failed(what)),
        }
    }

    pub(super) fn failed(&self, what: impl Into<String>) -> Error {
        Error::Device {
            device: self.description.name.clone(),
            what: what.into(),
            remedy: "try again; if it fails again, use --device cpu or update the driver".into(),
        }
    }

    /// Runs `make` and returns what wgpu has against it as an error.
    pub(super) fn guarded<T>(&self, what: &str, make: impl FnOnce() -> T) -> Result<T> {
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let internal = self.device.push_error_scope(wgpu::ErrorFilter::Internal);
        let made = make();
        let errors = [
            pollster::block_on(internal.pop()),
            pollster::block_on(validation.pop()),
            pollster::block_on(memory.pop()),
        ];
        match errors.into_iter().flatten().next() {
            None => Ok(made),
            Some(wgpu::Error::OutOfMemory { .. }) => {
                Err(self.failed(format!("out of memory for {what}")))
            }
            Some(error) => Err(self.failed(format!("{what}: {error}"))),
        }
    }

    /// Waits for everything submitted so far.
    pub(super) fn wait(&self) -> Result<()> {
        self.device
            .poll(wgpu::PollType::wait_indefinitely())
            .map_err(|error| self.failed(format!("waiting failed: {error}")))?;
        self.check()
    }
}

fn preference(adapter: &AdapterDescription) -> (usize, usize) {
    let kinds = ["discrete", "integrated", "virtual", "other", "cpu"];
    let rank = kinds.iter().position(|k| *k == adapter.kind).unwrap_or(kinds.len());
    (rank + if adapter.software { kinds.len() } else { 0 }, adapter.index)
}

fn no_adapter(choice: AdapterChoice, count: usize) -> Error {
    let (device, what) = match choice {
        AdapterChoice::Index(index) => {
            (format!("gpu:{index}"), format!("no such adapter; there are {count}"))
        }
        AdapterChoice::Any => ("gpu".into(), "no adapter can run compute kernels".into()),
        AdapterChoice::Hardware => ("gpu".into(), "no hardware adapter was found".into()),
    };
    Error::Device {
        device,
        what,
        remedy:
            "`fulgurite devices` lists what there is; install a Vulkan driver, or use --device cpu"
                .into(),
    }
}
