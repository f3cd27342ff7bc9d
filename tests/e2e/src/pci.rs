//! A folder that plays the sysfs and `/dev` of a node whose ENI is a PCI device, and the kernel behind it: what is written to a
//! driver's file happens, to the folder and to the ENI's link.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Read;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use nix::libc::O_NONBLOCK;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::{Host, Lab, PodNetns};

/// Where the first ENI of the lab sits.
pub const PCI: &str = "0000:00:06.0";
/// The name that the kernel gives a link that comes anew.
const NEW_NAME: &str = "new0";
const GROUP: u32 = 7;
/// What a file is called that nobody writes to any more.
const HELD: &str = "drivers/vfio-pci/not-unbind";

/// What a machine of a test has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Iommu {
    /// An IOMMU, with the ENI alone in its group.
    On,
    /// None, and vfio does without.
    Unsafe,
    /// None, and vfio does not do without.
    Off,
}

/// The machine. It plays the kernel as long as it lives.
#[derive(Debug)]
pub struct Machine {
    inner: Arc<Inner>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Inner {
    host: Host,
    /// Where the link is while no driver makes one.
    parked: PodNetns,
    mac: String,
    root: PathBuf,
    iommu: Iommu,
    log: Mutex<Vec<String>>,
    ends: AtomicBool,
}

impl Machine {
    /// The machine of a lab: its first ENI sits at [`PCI`] and is bound to `ena`. It is in `node.toml`, with what the test adds,
    /// and in the inventory.
    #[must_use]
    pub fn of(lab: &Lab, iommu: Iommu, settings: &str) -> Self {
        let root = lab.host.folder().join("machine");
        let inner = Inner {
            parked: lab.host.netns("parked"),
            host: lab.host.clone(),
            mac: lab.enis[0].mac().to_string(),
            root,
            iommu,
            log: Mutex::default(),
            ends: AtomicBool::new(false),
        };
        inner.build();
        let mut entry = lab.entry(0);
        entry.pci_address = Some(PCI.parse().expect("a PCI address"));
        entry.original_driver = Some("ena".to_string());
        lab.write_entry(&entry);
        let folders = format!(
            "sysfs_dir = {:?}\ndev_dir = {:?}\n",
            inner.path("sys").display().to_string(),
            inner.path("dev").display().to_string()
        );
        lab.write_settings(&(folders + settings));
        let mut machine = Self { inner: Arc::new(inner), threads: Vec::new() };
        for file in ["bus/pci/drivers/ena/unbind", "bus/pci/drivers/vfio-pci/unbind", "bus/pci/drivers_probe"] {
            machine.serve(file);
        }
        machine
    }

    /// A path below the machine's root, which has `sys` and `dev`.
    #[must_use]
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.inner.path(path)
    }

    /// The driver of the ENI.
    #[must_use]
    pub fn driver(&self) -> Option<String> {
        self.inner.driver()
    }

    /// What the ENI is reserved for; `(null)` for nothing.
    #[must_use]
    pub fn reserved_for(&self) -> String {
        self.inner.reserved_for()
    }

    /// All that was written to files that do something, in order.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.inner.log.lock().expect("the log").clone()
    }

    /// The driver of the ENI, without a word of ours: somebody's doing.
    pub fn rebind(&self, driver: Option<&str>) {
        if self.driver().is_some() {
            self.inner.unbind();
        }
        if let Some(driver) = driver {
            self.inner.bind(driver);
        }
    }

    /// What the ENI is reserved for, without a word of ours.
    pub fn reserve(&self, driver: &str) {
        fs::write(self.inner.function().join("driver_override"), format!("{driver}\n")).expect("an override");
    }

    /// From now on nobody reads what is written to this file of the driver `vfio-pci`: as while a process has its device.
    pub fn hold(&self) {
        let file = self.path("sys/bus/pci/drivers/vfio-pci/unbind");
        fs::rename(&file, self.path("sys/bus/pci").join(HELD)).expect("the file");
        mkfifo(&file, Mode::S_IRWXU).expect("a pipe that nobody reads");
    }

    /// What waits in the file that nobody read is done now.
    pub fn let_go(&mut self) {
        self.serve("bus/pci/drivers/vfio-pci/unbind");
    }

    /// The machine refuses to bind the ENI to this driver.
    pub fn refuse(&self, driver: &str) {
        fs::write(self.path("refused"), driver).expect("a file");
    }

    fn serve(&mut self, file: &'static str) {
        let path = self.path("sys").join(file);
        if !path.exists() {
            mkfifo(&path, Mode::S_IRWXU).expect("a pipe");
        }
        let inner = Arc::clone(&self.inner);
        let serve = move || inner.serve(file, &path);
        self.threads.push(thread::Builder::new().name("kernel".into()).spawn(serve).expect("a thread"));
    }
}

impl Drop for Machine {
    /// A thread that waits for a writer gets one, and sees that it is over.
    fn drop(&mut self) {
        self.inner.ends.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            while !thread.is_finished() {
                for file in ["drivers/ena/unbind", "drivers/vfio-pci/unbind", HELD, "drivers_probe"] {
                    let path = self.inner.path("sys/bus/pci").join(file);
                    drop(OpenOptions::new().write(true).custom_flags(O_NONBLOCK).open(path));
                }
                thread::yield_now();
            }
        }
    }
}

impl Inner {
    fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    fn function(&self) -> PathBuf {
        self.path("sys/bus/pci/devices").join(PCI)
    }

    fn file(&self, path: impl AsRef<Path>, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    fn build(&self) {
        for driver in ["ena", "vfio-pci", "igb_uio"] {
            fs::create_dir_all(self.path("sys/bus/pci/drivers").join(driver)).expect("a folder");
        }
        for (name, content) in [
            ("vendor", "0x1d0f\n"),
            ("device", "0xec20\n"),
            ("class", "0x020000\n"),
            ("numa_node", "-1\n"),
            ("driver_override", "(null)\n"),
        ] {
            self.file(format!("sys/bus/pci/devices/{PCI}/{name}"), content);
        }
        symlink("../../drivers/ena", self.function().join("driver")).expect("a link");
        let parameter = if self.iommu == Iommu::Unsafe { "Y\n" } else { "N\n" };
        self.file("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", parameter);
        if self.iommu == Iommu::On {
            self.file("sys/class/iommu/dmar0/name", "");
            self.group("DMAR");
        }
        self.file("dev/vfio/vfio", "");
    }

    fn group(&self, name: &str) {
        let group = format!("sys/kernel/iommu_groups/{GROUP}");
        self.file(format!("{group}/name"), &format!("{name}\n"));
        fs::create_dir_all(self.path(&group).join("devices")).expect("a folder");
        symlink(self.path(group), self.function().join("iommu_group")).expect("a link");
    }

    fn driver(&self) -> Option<String> {
        let target = fs::read_link(self.function().join("driver")).ok()?;
        Some(target.file_name()?.to_str()?.to_string())
    }

    fn reserved_for(&self) -> String {
        let text = fs::read_to_string(self.function().join("driver_override")).expect("an override");
        if text.trim().is_empty() { "(null)".to_string() } else { text.trim().to_string() }
    }

    fn serve(&self, file: &str, path: &Path) {
        loop {
            let mut text = String::new();
            if File::open(path).and_then(|mut file| file.read_to_string(&mut text)).is_err() {
                return;
            }
            if self.ends.load(Ordering::SeqCst) {
                return;
            }
            if text.trim() != PCI {
                continue;
            }
            let file = file.trim_start_matches("bus/pci/").trim_start_matches("drivers/");
            self.log.lock().expect("the log").push(file.to_string());
            match file {
                "drivers_probe" => self.probe(),
                _ => self.unbind(),
            }
        }
    }

    fn probe(&self) {
        let reserved = self.reserved_for();
        let driver = if reserved == "(null)" { "ena" } else { &reserved };
        let refused = fs::read_to_string(self.path("refused")).unwrap_or_default();
        if self.driver().is_none() && refused != driver {
            self.bind(driver);
        }
    }

    /// The link goes first: who sees that there is no driver sees no link either.
    fn unbind(&self) {
        let driver = self.driver();
        if driver.as_deref() == Some("ena") {
            self.host.sh(&format!("{} ip link set \"$link\" netns parked", self.link()));
        }
        if driver.as_deref() == Some("vfio-pci") && self.iommu != Iommu::On {
            fs::remove_file(self.function().join("iommu_group")).expect("a group");
        }
        if driver.as_deref() == Some("vfio-pci") {
            drop(fs::remove_file(self.node()));
        }
        fs::remove_file(self.function().join("driver")).expect("a driver");
    }

    fn bind(&self, driver: &str) {
        match driver {
            "ena" => {
                let rename = format!("ip link set \"$link\" name {NEW_NAME} alias ''");
                self.parked.sh(&format!("{} ip link set \"$link\" down; {rename}", self.link()));
                // The node's first process is in the node's network namespace.
                self.parked.sh(&format!("ip link set {NEW_NAME} netns 1"));
            }
            "vfio-pci" => {
                if self.iommu != Iommu::On {
                    self.group("vfio-noiommu");
                }
                File::create(self.node()).expect("a node");
                fs::set_permissions(self.node(), Permissions::from_mode(0o600)).expect("its mode");
            }
            _ => {}
        }
        symlink(format!("../../drivers/{driver}"), self.function().join("driver")).expect("a link");
    }

    fn node(&self) -> PathBuf {
        match self.iommu {
            Iommu::On => self.path(format!("dev/vfio/{GROUP}")),
            Iommu::Unsafe | Iommu::Off => self.path(format!("dev/vfio/noiommu-{GROUP}")),
        }
    }

    /// A line of shell that finds the link's name.
    fn link(&self) -> String {
        format!("link=$(ip -o link | grep -i 'link/ether {}' | cut -d: -f2 | cut -d@ -f1 | tr -d ' ');", self.mac)
    }
}
