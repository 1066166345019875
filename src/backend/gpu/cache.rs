//! Compiled pipelines kept between runs, where the API offers it (Vulkan).

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::io::write_atomically;

/// Environment variable that names the directory of compiled pipelines; empty: none are kept.
pub const CACHE_VARIABLE: &str = "FULGURITE_PIPELINE_CACHE";

const MAGIC: &[u8; 8] = b"FULGPIPE";
/// A larger file is begun again: caches only grow.
const LARGEST: usize = 64 << 20;

/// The user's directory for compiled pipelines, or the one that [`CACHE_VARIABLE`] names.
pub(super) fn directory() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os(CACHE_VARIABLE) {
        return (!given.is_empty()).then(|| PathBuf::from(given));
    }
    let variable = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let base = match cfg!(windows) {
        true => variable("LOCALAPPDATA"),
        false => variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache"))),
    };
    Some(base?.join("fulgurite"))
}

/// The cache of a device and the file it is kept in.
#[derive(Debug)]
pub(super) struct Store {
    cache: wgpu::PipelineCache,
    path: PathBuf,
    grown: AtomicBool,
}

impl Store {
    /// The cache of a device that was opened with [`wgpu::Features::PIPELINE_CACHE`]; `None` where
    /// its adapter has no name for one.
    pub fn open(device: &wgpu::Device, info: &wgpu::AdapterInfo, directory: &Path) -> Option<Self> {
        let key = wgpu::util::pipeline_cache_key(info)?;
        let path = directory.join(format!("{key}-{}.pipelines", env!("CARGO_PKG_VERSION")));
        let known = std::fs::read(&path).ok();
        let data = known.as_deref().and_then(unframed);
        // SAFETY: the data are what `get_data` gave: the file's name has the adapter and the
        // program's version, its checksum is that of what was written, and wgpu and the driver
        // check vendor, device and driver version in it.
        let cache = unsafe {
            device.create_pipeline_cache(&wgpu::PipelineCacheDescriptor {
                label: Some("pipelines"),
                data,
                fallback: true,
            })
        };
        Some(Self { cache, path, grown: AtomicBool::new(false) })
    }

    /// The cache, for a pipeline that is about to be compiled.
    pub fn for_compiling(&self) -> &wgpu::PipelineCache {
        self.grown.store(true, Ordering::Relaxed);
        &self.cache
    }

    /// Writes the file, if a pipeline was compiled since and that added something. A cache that
    /// cannot be written costs the next run a second: no reason to fail this one.
    pub fn save(&self) {
        if !self.grown.swap(false, Ordering::Relaxed) {
            return;
        }
        let Some(data) = self.cache.get_data() else { return };
        let framed = framed(&data);
        if std::fs::read(&self.path).is_ok_and(|known| known == framed) {
            return;
        }
        let written = match self.path.parent().map(std::fs::create_dir_all) {
            Some(Err(error)) => Err(error.to_string()),
            _ => write_atomically(&self.path, |w| w.write_all(&framed)).map_err(|e| e.to_string()),
        };
        if let Err(error) = written {
            tracing::debug!(error, "compiled pipelines are not kept");
        }
    }
}

fn framed(data: &[u8]) -> Vec<u8> {
    [MAGIC, &crc32fast::hash(data).to_le_bytes()[..], data].concat()
}

/// What [`framed`] was given, if these bytes are whole.
fn unframed(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (checksum, data) = rest.split_first_chunk::<4>()?;
    let whole = crc32fast::hash(data) == u32::from_le_bytes(*checksum) && data.len() <= LARGEST;
    whole.then_some(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_files_are_not_given_to_the_driver() {
        let bytes = framed(b"pipelines");
        assert_eq!(unframed(&bytes), Some(&b"pipelines"[..]));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            assert_eq!(unframed(&damaged), None, "byte {at}");
            assert_eq!(unframed(&bytes[..at]), None, "cut at {at}");
        }
    }
}
