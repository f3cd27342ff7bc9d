//! The machine: QEMU, with the kernel of Debian and this machine's files to read. It emulates the processor: where a test
//! runs, the kernel's own virtualisation may be missing, or there and hanging.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ec2sim::EniFacts;
use nix::fcntl::{Flock, FlockArg};
use tempfile::TempDir;

use super::brief::Part;
use super::qmp::Qmp;
use super::region::{Region, VPC_MAC};
use super::serial::Serial;
use super::slots::{self, Slots};
use crate::binaries;

/// How long a boot with all that is done in it may take: it only says that one hangs.
const LIFE: Duration = Duration::from_secs(900);
/// The processors that a guest is given are the machine's: guests of all runs take turns.
const TURN: &str = "multi-eni-guest.lock";

/// A machine that runs. It is killed when this is dropped.
#[derive(Debug)]
pub struct Machine {
    qemu: Child,
    serial: Serial,
    _folder: TempDir,
    _turn: Flock<File>,
}

impl Machine {
    /// Boots it as the region's instance, with a NIC for each ENI that is attached, and has it run a part of the scenarios.
    ///
    /// # Panics
    ///
    /// When something that it needs is missing.
    #[must_use]
    pub fn boot(region: &Region, part: Part, only: Option<String>) -> Self {
        let turn = turn();
        let folder = tempfile::Builder::new().prefix("multi-eni-guest-").tempdir().expect("a folder for the machine");
        let brief = folder.path().join("brief.json");
        region.brief(part, only).write(&brief);
        let (monitor, there) = (folder.path().join("qmp"), region.attached());
        let mut command = qemu(&monitor, &brief, &region.primary_mac(), &there);
        let mut qemu = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("QEMU");
        let serial = Serial::listen(qemu.stdout.take().expect("the serial line"));
        let machine = Self { qemu, serial, _folder: folder, _turn: turn };
        region.tell(Slots::of(Qmp::connect(&monitor), &there));
        machine
    }

    /// Waits until the guest has ended, and gives what it said for people.
    ///
    /// # Panics
    ///
    /// When it does not end.
    #[must_use]
    pub fn said(&self) -> Vec<String> {
        self.serial.until_over(LIFE);
        self.serial.lines()
    }

    /// Waits until the guest says this, and gives what it has said; it may have ended before it did.
    ///
    /// # Panics
    ///
    /// When it does neither.
    #[must_use]
    pub fn said_until(&self, line: &str) -> Vec<String> {
        self.serial.until(LIFE, |said| said == line);
        self.serial.lines()
    }

    /// The power is gone, from one moment to the next.
    pub fn cut_the_power(self) {
        drop(self);
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.qemu.kill().ok();
        self.qemu.wait().ok();
    }
}

fn turn() -> Flock<File> {
    let path = std::env::temp_dir().join(TURN);
    let file = File::options().create(true).append(true).open(&path);
    let file = file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error).expect("the turn of this machine's guests")
}

/// It goes with the thread that starts it, whatever becomes of that.
fn qemu(monitor: &Path, brief: &Path, primary_mac: &str, there: &[EniFacts]) -> Command {
    let guest = binaries::guest_lab();
    let program = binaries::guest().canonicalize().expect("the guest's program");
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]);
    command.args("-nodefaults -no-reboot -display none -serial stdio -monitor none".split(' '));
    // Each NIC is behind a port of its own, which makes it an IOMMU group of its own and lets it come and go.
    command.args("-machine q35,kernel-irqchip=split -accel tcg -cpu max -smp 1 -m 2048".split(' '));
    command.args(["-device", "intel-iommu,intremap=on,caching-mode=on"]);
    command.arg("-kernel").arg(guest.join("vmlinuz")).arg("-initrd").arg(guest.join("initrd.gz"));
    let line = "console=ttyS0 quiet intel_iommu=on iommu=pt panic=-1";
    command.args(["-append", &format!("{line} -- {} {}", program.display(), brief.display())]);
    command.args(["-qmp", &format!("unix:{},server=on,wait=off", monitor.display())]);
    command.args(["-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"]);
    command.args(["-netdev", "user,id=uplink"]);
    command.args(["-device", &format!("e1000e,netdev=uplink,mac={primary_mac},romfile=")]);
    command.args(["-netdev", "hubport,id=vpc,hubid=1"]);
    command.args(["-device", &format!("e1000e,netdev=vpc,mac={VPC_MAC},romfile=")]);
    for slot in 1..=slots::COUNT {
        command.args(["-device", &format!("pcie-root-port,id=slot{slot},chassis={slot}")]);
    }
    for (slot, eni) in (1..).zip(there) {
        command.args(["-netdev", &format!("hubport,id={},hubid=1", slots::lan(slot))]);
        command.args(["-device", &Slots::device(slot, &eni.mac.to_string()).to_string()]);
    }
    command
}
