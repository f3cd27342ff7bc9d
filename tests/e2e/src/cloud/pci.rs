//! Where a node's ENIs sit: a veth sits nowhere, so a sysfs is laid over the node's that has a PCI device for each ENI.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use node::names::EniId;

use super::Cloud;

/// More than any region of a test has things in it, whose ids are counted.
const NUMBERS: std::ops::RangeInclusive<u8> = 1..=250;

impl Cloud {
    /// Gives every ENI that is attached from now on a place of its own on the PCI bus, and a driver.
    ///
    /// # Panics
    ///
    /// When the sysfs cannot be laid out.
    pub fn put_on_pci(&self) {
        let shown = self.host.folder().join("sysfs");
        for number in NUMBERS {
            lay_out(&shown, number).unwrap_or_else(|error| panic!("{}: {error}", shown.display()));
        }
        for (folder, place) in [("net", "/sys/class/net"), ("devices", "/sys/bus/pci/devices")] {
            self.host.command("mount").arg("--bind").arg(shown.join(folder)).arg(place).run();
        }
    }
}

/// A network device of Amazon's as the kernel shows it, its link under the name that the agent gives it, and its driver.
fn lay_out(shown: &Path, number: u8) -> std::io::Result<()> {
    let eni: EniId = format!("eni-{number:017x}").parse().expect("an ENI id");
    let link = eni.fallback_name().to_string();
    // A bus has 32 devices.
    let address = format!("0000:{:02x}:{:02x}.0", number / 32, number % 32);
    let device = shown.join("devices").join(&address);
    fs::create_dir_all(device.join("net").join(&link))?;
    let files = [("vendor", "0x1d0f\n"), ("device", "0xec20\n"), ("class", "0x020000\n"), ("numa_node", "-1\n")];
    for (file, content) in files {
        fs::write(device.join(file), content)?;
    }
    symlink("../../../../bus/pci/drivers/ena", device.join("driver"))?;
    let folder = shown.join("net").join(link);
    fs::create_dir_all(&folder)?;
    symlink(format!("../../../{address}"), folder.join("device"))
}
