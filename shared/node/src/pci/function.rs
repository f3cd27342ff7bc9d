//! One PCI function.

use super::{Error, Group, group};
use crate::names::PciAddr;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A bridge between PCI buses, a root port among them (PCI Code and ID Assignment Specification, base class 06h).
const PCI_BRIDGE: u32 = 0x0604;

/// A PCI function as it is at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Where it sits.
    pub address: PciAddr,
    /// PCI's vendor id.
    pub vendor: u16,
    /// PCI's device id.
    pub device: u16,
    /// PCI's class, subclass and programming interface, 24 bits: `0x020000` is an Ethernet controller.
    pub class: u32,
    /// The driver that it is bound to; nothing if it has none, or if the kernel is about to take it from one.
    pub driver: Option<String>,
    /// The driver that it is reserved for.
    pub driver_override: DriverOverride,
    /// The group that user space gets it in; without an IOMMU it has one only while it is bound to `vfio-pci`. The number
    /// may be another one after each boot and each hot-plug, so it is never kept.
    pub group: Option<Group>,
    /// The other functions of that group, by address.
    pub companions: Vec<Companion>,
    /// The NUMA node that it is next to; nothing on a machine that has one only.
    pub numa_node: Option<u32>,
    /// The names of its network links in the namespace that sysfs was mounted in.
    pub links: Vec<String>,
}

/// `driver_override` of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DriverOverride {
    /// Any driver that knows its kind may have it.
    No,
    /// Only this driver may have it.
    To(String),
    /// Not asked for, since the function has no driver: while the kernel takes one from it, which can last for ever, a reader
    /// waits for the end of that (`driver_override_show` in drivers/pci/pci-sysfs.c takes the device's lock).
    Unread,
}

/// Another function of the same group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Companion {
    /// Where it sits.
    pub address: PciAddr,
    /// As [`Function::class`].
    pub class: u32,
    /// As [`Function::driver`].
    pub driver: Option<String>,
}

impl Companion {
    /// Whether it is a bridge or a root port, which user space never gets and which belongs to every group below it.
    pub fn is_bridge(&self) -> bool {
        self.class >> 8 == PCI_BRIDGE
    }
}

impl Function {
    /// The function at this address; nothing if there is none. `sysfs` is `/sys`. Never waits for a driver.
    ///
    /// # Errors
    /// [`Error`]; a function that goes at this moment is none.
    pub fn read(sysfs: &Path, address: PciAddr) -> Result<Option<Self>, Error> {
        let folder = folder(sysfs, address);
        if !folder.exists() {
            return Ok(None);
        }
        match Self::of_folder(&folder, address) {
            Err(Error::Read { .. }) if !folder.exists() => Ok(None),
            outcome => outcome.map(Some),
        }
    }

    /// Whether its driver is one by which user space has it.
    pub fn is_for_user_space(&self) -> bool {
        self.driver.as_deref().is_some_and(super::is_for_user_space)
    }

    fn of_folder(folder: &Path, address: PciAddr) -> Result<Self, Error> {
        let driver = target_name(&folder.join("driver"))?;
        let group = group::of_function(folder)?;
        let companions = match group {
            Some(_) => companions(folder, address)?,
            None => Vec::new(),
        };
        Ok(Self {
            address,
            vendor: hexadecimal(&folder.join("vendor"))?,
            device: hexadecimal(&folder.join("device"))?,
            class: hexadecimal(&folder.join("class"))?,
            driver_override: match driver {
                Some(_) => driver_override(folder)?,
                None => DriverOverride::Unread,
            },
            driver,
            group,
            companions,
            numa_node: numa_node(&folder.join("numa_node"))?,
            links: links(folder)?,
        })
    }
}

/// The folder of a function.
pub(super) fn folder(sysfs: &Path, address: PciAddr) -> PathBuf {
    sysfs.join("bus/pci/devices").join(address.to_string())
}

fn companions(folder: &Path, address: PciAddr) -> Result<Vec<Companion>, Error> {
    let devices = folder.join("iommu_group/devices");
    let mut companions = Vec::new();
    for name in names(&devices)? {
        // What is no PCI function, a device of the platform, is in no group of an ENI.
        let Ok(other) = name.parse::<PciAddr>() else { continue };
        if other != address {
            let folder = devices.join(&name);
            let (class, driver) = (hexadecimal(&folder.join("class"))?, target_name(&folder.join("driver"))?);
            companions.push(Companion { address: other, class, driver });
        }
    }
    companions.sort_by_key(|companion| companion.address);
    Ok(companions)
}

/// The kernel shows a pointer that is nothing as `(null)`.
fn driver_override(folder: &Path) -> Result<DriverOverride, Error> {
    let text = read_if_there(&folder.join("driver_override"))?.unwrap_or_default();
    Ok(match text.trim() {
        "" | "(null)" => DriverOverride::No,
        name => DriverOverride::To(name.to_string()),
    })
}

/// -1 stands for none.
fn numa_node(path: &Path) -> Result<Option<u32>, Error> {
    let Some(text) = read_if_there(path)? else { return Ok(None) };
    match text.trim().parse::<i64>() {
        Ok(number) => Ok(u32::try_from(number).ok()),
        Err(_) => Err(content(path, &text, "number of a NUMA node")),
    }
}

/// A driver's own links, and those of a virtio device below the function.
fn links(folder: &Path) -> Result<Vec<String>, Error> {
    let below = names(folder)?.into_iter().filter(|name| name.starts_with("virtio"));
    let mut links = names(&folder.join("net"))?;
    for name in below {
        links.extend(names(&folder.join(name).join("net"))?);
    }
    links.sort();
    Ok(links)
}

/// The last name of where a link leads; nothing if there is no link.
pub(super) fn target_name(link: &Path) -> Result<Option<String>, Error> {
    match std::fs::read_link(link) {
        Ok(target) => match target.file_name().and_then(OsStr::to_str) {
            Some(name) => Ok(Some(name.to_string())),
            None => Err(content(link, &target.to_string_lossy(), "name")),
        },
        Err(error) if is_missing(&error) => Ok(None),
        Err(source) => Err(Error::Read { path: link.to_path_buf(), source }),
    }
}

/// The content of a file; nothing if there is none.
pub(super) fn read_if_there(path: &Path) -> Result<Option<String>, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(source) => Err(Error::Read { path: path.to_path_buf(), source }),
    }
}

/// The names in a folder, in no order; none if there is no folder.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let failed = |source| Error::Read { path: folder.to_path_buf(), source };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if is_missing(&error) => return Ok(Vec::new()),
        Err(source) => return Err(failed(source)),
    };
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.map(|entry| entry.file_name().into_string().ok());
    Ok(entries.map(name).collect::<Result<Vec<_>, _>>().map_err(failed)?.into_iter().flatten().collect())
}

fn is_missing(error: &std::io::Error) -> bool {
    // The kernel answers ENODEV for a file of a device that goes at this moment (`sysfs_kf_seq_show` in fs/sysfs/file.c).
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
        || error.raw_os_error() == Some(nix::libc::ENODEV)
}

fn hexadecimal<T: TryFrom<u32>>(path: &Path) -> Result<T, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_path_buf(), source })?;
    let digits = text.trim().strip_prefix("0x");
    let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| content(path, &text, "hexadecimal number"))
}

pub(super) fn content(path: &Path, content: &str, expected: &'static str) -> Error {
    Error::Content { path: path.to_path_buf(), content: content.trim().chars().take(80).collect(), expected }
}

#[cfg(test)]
mod tests;
