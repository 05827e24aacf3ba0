//! Where the arithmetic can happen: one registry of Burn's backends, each behind a cargo feature of the same name.

use burn::tensor::{Device, Tensor};

use crate::{Error, Result};

/// One line of the registry.
pub struct DeviceEntry {
    /// What `--device` takes, with `:N` behind it where there may be several.
    pub name: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// Opens the device, or the one of a number; absent where this build leaves the backend out.
    pub open: Option<Open>,
}

/// Opens a device, or the one of a number; none where the backend has no numbers.
pub type Open = fn(Option<usize>) -> Option<Device>;

macro_rules! built {
    ($feature:literal, $open:expr) => {{
        #[cfg(feature = $feature)]
        let open: Option<Open> = Some($open);
        #[cfg(not(feature = $feature))]
        let open: Option<Open> = None;
        open
    }};
}

/// All devices, the preferred first.
pub const DEVICES: &[DeviceEntry] = &[
    DeviceEntry {
        name: "flex",
        summary: "the CPU, in pure Rust",
        open: built!("flex", |index| index.is_none().then(Device::flex)),
    },
    DeviceEntry {
        name: "wgpu",
        summary: "a GPU through whichever graphics interface is there",
        open: built!("wgpu", |index| Some(Device::wgpu(gpu(index)))),
    },
    DeviceEntry {
        name: "vulkan",
        summary: "a GPU through Vulkan",
        open: built!("vulkan", |index| Some(Device::vulkan(gpu(index)))),
    },
    DeviceEntry {
        name: "libtorch",
        summary: "PyTorch's library: the CPU, or CUDA with a number",
        open: built!("libtorch", |index| Some(
            index.map_or_else(Device::libtorch, |index| Device::libtorch_cuda(index))
        )),
    },
    DeviceEntry {
        name: "cuda",
        summary: "an NVIDIA GPU",
        open: built!("cuda", |index| Some(Device::cuda(index.unwrap_or(0)))),
    },
];

/// The device where none is named: the first that this build has.
pub fn default_name() -> &'static str {
    DEVICES.iter().find(|entry| entry.open.is_some()).unwrap_or(&DEVICES[0]).name
}

/// Opens it.
pub fn open_default() -> Result<Device> {
    open(default_name())
}

#[cfg(any(feature = "wgpu", feature = "vulkan"))]
fn gpu(index: Option<usize>) -> burn::tensor::DeviceKind {
    index.map_or(burn::tensor::DeviceKind::DefaultDevice, burn::tensor::DeviceKind::DiscreteGpu)
}

/// Opens `name` or `name:N`.
pub fn open(name: &str) -> Result<Device> {
    let (kind, index) = name.split_once(':').map_or((name, None), |(kind, index)| (kind, Some(index)));
    let entry = DEVICES.iter().find(|entry| entry.name == kind);
    let entry = entry.ok_or_else(|| Error::unknown("device", kind, DEVICES.iter().map(|entry| entry.name)))?;
    let index: Option<usize> = index.map(str::parse).transpose().map_err(|_| {
        Error::setting(format!("device `{name}` has no number after the colon; accepted: {kind} or {kind}:0"))
    })?;
    let Some(open) = entry.open else {
        let hint = format!("build with `--features {kind}`");
        return Err(Error::setting(format!("device `{kind}` is not part of this build; {hint}")));
    };
    probe(open, index).ok_or_else(|| Error::setting(format!("device `{name}` was not found on this machine")))
}

/// Memory that a program may still take, in bytes.
pub fn free_memory() -> u64 {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let limited = system.cgroup_limits().map(|limits| limits.free_memory);
    limited.map_or(system.available_memory(), |free| free.min(system.available_memory()))
}

/// The device, if it can add two numbers. Backends panic where their hardware is missing.
fn probe(open: Open, index: Option<usize>) -> Option<Device> {
    let attempt = std::panic::catch_unwind(|| {
        let device = open(index)?;
        let sum: f32 = Tensor::<1>::ones([2], &device).sum().into_scalar();
        (sum == 2.0).then_some(device)
    });
    attempt.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_device_opens() {
        assert!(open_default().is_ok());
    }

    #[test]
    fn a_device_left_out_of_the_build_names_its_feature() {
        if let Some(absent) = DEVICES.iter().find(|entry| entry.open.is_none()) {
            let error = open(absent.name).unwrap_err().to_string();
            assert!(error.contains(&format!("--features {}", absent.name)), "{error}");
        }
    }
}
