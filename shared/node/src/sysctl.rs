//! The per-link sysctls of one namespace.
//!
//! `/proc/sys/net` shows the namespace of whoever opens it, so the handles of its folders are opened during the visit and
//! go on showing that namespace, links that come later included.

use crate::names::IfName;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// The environment variable that names a folder in the place of `/proc/sys/net`, which no container may write to: there, the
/// host's is mounted elsewhere. It shows the namespace of whoever opens it, as that does.
pub const FOLDER_VARIABLE: &str = "MULTI_ENI_SYSCTL_DIR";

/// A knob of `net/ipv4/conf/<link>` or `net/ipv6/conf/<link>` (kernel, `Documentation/networking/ip-sysctl.rst`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sysctl {
    /// `ipv4/conf/<link>/arp_notify`: announce the address when the link goes up.
    ArpNotify,
    /// `ipv4/conf/<link>/rp_filter`: 0 no source check, 1 strict, 2 loose.
    RpFilter,
    /// `ipv6/conf/<link>/ndisc_notify`: announce the address when the link goes up.
    NdiscNotify,
    /// `ipv6/conf/<link>/accept_dad`: 0 turns duplicate address detection off.
    AcceptDad,
    /// `ipv6/conf/<link>/accept_ra`: 0 leaves routers' advertisements unheard.
    AcceptRa,
    /// `ipv6/conf/<link>/disable_ipv6`: 1 refuses every IPv6 address.
    DisableIpv6,
}

impl Sysctl {
    fn file(self) -> (Family, &'static str) {
        match self {
            Self::ArpNotify => (Family::Ipv4, "arp_notify"),
            Self::RpFilter => (Family::Ipv4, "rp_filter"),
            Self::NdiscNotify => (Family::Ipv6, "ndisc_notify"),
            Self::AcceptDad => (Family::Ipv6, "accept_dad"),
            Self::AcceptRa => (Family::Ipv6, "accept_ra"),
            Self::DisableIpv6 => (Family::Ipv6, "disable_ipv6"),
        }
    }
}

impl fmt::Display for Sysctl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file().1)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Ipv4,
    Ipv6,
}

/// The per-link sysctls of one namespace.
#[derive(Debug)]
pub struct Sysctls {
    ipv4: OwnedFd,
    /// Nothing where the kernel runs without IPv6.
    ipv6: Option<OwnedFd>,
}

impl Sysctls {
    /// Those of the calling thread's namespace.
    ///
    /// # Errors
    /// Those of opening the folders.
    pub fn open() -> std::io::Result<Self> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_RDONLY;
        let net = std::env::var_os(FOLDER_VARIABLE).map_or_else(|| PathBuf::from("/proc/sys/net"), PathBuf::from);
        let ipv4 = open(&net.join("ipv4/conf"), flags, Mode::empty())?;
        let ipv6 = match open(&net.join("ipv6/conf"), flags, Mode::empty()) {
            Ok(folder) => Some(folder),
            Err(Errno::ENOENT) => None,
            Err(errno) => return Err(errno.into()),
        };
        Ok(Self { ipv4, ipv6 })
    }

    /// The value of one for a link, or for `all`; nothing if the namespace has none of the kind.
    ///
    /// # Errors
    /// Those of reading.
    pub fn read(&self, link: &str, sysctl: Sysctl) -> std::io::Result<Option<i64>> {
        let Some(mut file) = self.file(link, sysctl, OFlag::O_RDONLY)? else { return Ok(None) };
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        Ok(text.trim().parse().ok())
    }

    /// Sets one for a link; whether that changed anything. What the namespace has not got is left.
    ///
    /// # Errors
    /// Those of reading and writing.
    pub fn set(&self, link: &IfName, sysctl: Sysctl, value: i64) -> std::io::Result<bool> {
        match self.read(link.as_str(), sysctl)? {
            Some(now) if now != value => {}
            _ => return Ok(false),
        }
        let Some(mut file) = self.file(link.as_str(), sysctl, OFlag::O_WRONLY)? else { return Ok(false) };
        file.write_all(value.to_string().as_bytes())?;
        Ok(true)
    }

    fn file(&self, link: &str, sysctl: Sysctl, access: OFlag) -> std::io::Result<Option<File>> {
        let (family, name) = sysctl.file();
        let folder = match family {
            Family::Ipv4 => Some(&self.ipv4),
            Family::Ipv6 => self.ipv6.as_ref(),
        };
        let Some(folder) = folder else { return Ok(None) };
        match openat(folder, format!("{link}/{name}").as_str(), access | OFlag::O_CLOEXEC, Mode::empty()) {
            Ok(handle) => Ok(Some(File::from(handle))),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }
}
