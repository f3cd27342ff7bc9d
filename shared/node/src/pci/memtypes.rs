//! How the memory of a function is mapped: on a NIC of EC2, writes that are not combined cost most of the throughput.

use super::function;
use crate::names::PciAddr;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;

/// Flags of a resource (kernel, include/linux/ioport.h).
const IORESOURCE_MEM: u64 = 0x200;
const IORESOURCE_PREFETCH: u64 = 0x2000;

/// Whether the memory that a NIC takes its packets from is mapped so that writes are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WriteCombining {
    /// Nothing has mapped it, or the kernel does not tell.
    Unknown,
    /// It is.
    Yes,
    /// It is mapped in another way: the module `vfio-pci` is one without the patch of ENA.
    No,
}

impl fmt::Display for WriteCombining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Yes => "yes",
            Self::No => "no",
        })
    }
}

/// How the prefetchable memory of a function is mapped at this moment: out of the kernel's list of mappings, which x86 has
/// and debugfs shows to root (`memtype_seq_show` in arch/x86/mm/pat/memtype.c). Only a program that has the function open has it
/// mapped, so this says nothing before one runs. Never an error. `sysfs` is `/sys`.
pub fn write_combining(sysfs: &Path, address: PciAddr) -> WriteCombining {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let resources = read(function::folder(sysfs, address).join("resource"));
    let list = read(sysfs.join("kernel/debug/x86/pat_memtype_list"));
    let bars: Vec<_> = resources.lines().filter_map(prefetchable).collect();
    let mut found = WriteCombining::Unknown;
    for (range, kind) in list.lines().filter_map(mapping) {
        let overlaps = |bar: &RangeInclusive<u64>| range.start() <= bar.end() && bar.start() <= range.end();
        if bars.iter().any(overlaps) {
            match kind {
                "write-combining" => return WriteCombining::Yes,
                _ => found = WriteCombining::No,
            }
        }
    }
    found
}

/// `0x00000000c0000000 0x00000000c00fffff 0x000000000014220c`: first and last byte, flags; of one that is not there, zeroes.
fn prefetchable(line: &str) -> Option<RangeInclusive<u64>> {
    let mut numbers = line.split_whitespace().map(hexadecimal);
    let (first, last, flags) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let wanted = IORESOURCE_MEM | IORESOURCE_PREFETCH;
    (flags & wanted == wanted && last > first).then_some(first..=last)
}

/// `PAT: [mem 0x00000000c0000000-0x00000000c0100000] write-combining`; before Linux 5.11
/// `write-combining @ 0xc0000000-0xc0100000`. The end is the first byte behind.
fn mapping(line: &str) -> Option<(RangeInclusive<u64>, &str)> {
    let (range, kind) = match line.strip_prefix("PAT: [mem ") {
        Some(rest) => rest.split_once("] ")?,
        None => line.split_once(" @ ").map(|(kind, range)| (range, kind))?,
    };
    let (start, end) = range.split_once('-')?;
    Some((hexadecimal(start)?..=hexadecimal(end)?.checked_sub(1)?, kind.trim()))
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PCI: &str = "0000:00:06.0";
    const RESOURCE: &str = "0x00000000febf4000 0x00000000febf7fff 0x0000000000040200\n\
        0x0000000000000000 0x0000000000000000 0x0000000000000000\n\
        0x00000000c0000000 0x00000000c00fffff 0x000000000014220c\n";

    /// A machine with this list of mappings; without one, debugfs is not mounted.
    fn seen(resource: &str, list: Option<&str>) -> WriteCombining {
        let sysfs = tempfile::tempdir().unwrap();
        let folder = function::folder(sysfs.path(), PCI.parse().unwrap());
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("resource"), resource).unwrap();
        if let Some(list) = list {
            std::fs::create_dir_all(sysfs.path().join("kernel/debug/x86")).unwrap();
            std::fs::write(sysfs.path().join("kernel/debug/x86/pat_memtype_list"), list).unwrap();
        }
        write_combining(sysfs.path(), PCI.parse().unwrap())
    }

    #[test]
    fn vfi_5_the_list_of_mappings_tells_whether_writes_are_combined() {
        let head = "PAT memtype list:\nPAT: [mem 0x00000000febf4000-0x00000000febf8000] uncached-minus\n";
        let entry = |kind: &str| format!("{head}PAT: [mem 0x00000000c0000000-0x00000000c0100000] {kind}\n");
        assert_eq!(seen(RESOURCE, Some(&entry("write-combining"))), WriteCombining::Yes);
        assert_eq!(seen(RESOURCE, Some(&entry("uncached-minus"))), WriteCombining::No);
        assert_eq!(seen(RESOURCE, Some(head)), WriteCombining::Unknown);
        assert_eq!(seen(RESOURCE, Some("")), WriteCombining::Unknown);
        assert_eq!(seen(RESOURCE, None), WriteCombining::Unknown);
    }

    #[test]
    fn vfi_5_a_part_of_the_memory_and_the_list_of_older_kernels_tell_too() {
        let older = "PAT memtype list:\nwrite-combining @ 0xc0080000-0xc0081000\n";
        assert_eq!(seen(RESOURCE, Some(older)), WriteCombining::Yes);
        let beside = "uncached-minus @ 0xc0100000-0xc0200000\nwrite-combining @ 0xbff00000-0xc0000000\n";
        assert_eq!(seen(RESOURCE, Some(beside)), WriteCombining::Unknown);
    }

    #[test]
    fn vfi_5_rubbish_is_unknown_and_never_an_error() {
        let list = "PAT: [mem 0x00000000c0000000-0x00000000c0100000] write-combining\n";
        for resource in ["", "x y z\n", "0x0 0x0\n", "0x00000000c0000000 0x00000000c00fffff 0x0000000000040200\n"] {
            assert_eq!(seen(resource, Some(list)), WriteCombining::Unknown, "{resource:?}");
        }
        for list in ["write-combining", "PAT: [mem 0xc0000000] x", "x @ y-z", "write-combining @ 0x0-0x0"] {
            assert_eq!(seen(RESOURCE, Some(list)), WriteCombining::Unknown, "{list:?}");
        }
        let gone = tempfile::tempdir().unwrap();
        assert_eq!(write_combining(gone.path(), PCI.parse().unwrap()), WriteCombining::Unknown);
    }
}
