//! What the kernel does when a file of the tree is written, and what it may do instead.

use super::{PCI, Tree};
use crate::names::PciAddr;
use crate::pci::{VFIO_PCI, Write, WriteError, Writing, Written};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// What becomes of a write instead of what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is refused so often, then it is done.
    Refused(i32, u32),
    /// It is done, and the kernel says this all the same.
    DoneAnd(i32),
    /// Nothing is done, and nothing is said.
    Ignored,
    /// It never ends.
    Endless,
    /// The device goes.
    Unplugged,
}

/// The kernel of a tree: every write is in its log.
#[derive(Debug)]
pub(crate) struct Kernel {
    tree: Arc<Tree>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    log: Vec<String>,
    /// By the end of the file's path.
    faults: Vec<(&'static str, Fault)>,
    waits_for_ever: bool,
}

impl Kernel {
    pub(crate) fn of(tree: Arc<Tree>, faults: &[(&'static str, Fault)]) -> Arc<Self> {
        let state = State { log: Vec::new(), faults: faults.to_vec(), waits_for_ever: false };
        Arc::new(Self { tree, state: Mutex::new(state) })
    }

    /// All that was written, in order: the end of the path, and the text.
    pub(crate) fn log(&self) -> Vec<String> {
        self.state.lock().unwrap().log.clone()
    }

    /// What becomes of a write; nothing if it never ends.
    fn answer(&self, path: &Path, text: &str) -> Option<Result<(), WriteError>> {
        let name = path.file_name().unwrap().to_str().unwrap();
        let fault = {
            let mut state = self.state.lock().unwrap();
            if state.waits_for_ever {
                return Some(Err(WriteError::Earlier));
            }
            state.log.push(format!("{name} {}", text.trim()).trim().to_string());
            state.faults.iter_mut().find(|(end, _)| *end == name).and_then(|(_, fault)| match fault {
                Fault::Refused(_, 0) => None,
                Fault::Refused(errno, left) => {
                    *left -= 1;
                    Some(Fault::Refused(*errno, *left))
                }
                other => Some(*other),
            })
        };
        let errno = |errno| Some(Err(std::io::Error::from_raw_os_error(errno).into()));
        match fault {
            Some(Fault::Refused(number, _)) => errno(number),
            Some(Fault::DoneAnd(number)) => {
                self.react(name, text);
                errno(number)
            }
            Some(Fault::Ignored) => Some(Ok(())),
            Some(Fault::Unplugged) => {
                std::fs::remove_dir_all(self.tree.folder(PCI)).unwrap();
                errno(nix::libc::ENODEV)
            }
            Some(Fault::Endless) => {
                // The kernel takes the link first, then the driver lets go.
                self.take_link();
                self.state.lock().unwrap().waits_for_ever = true;
                None
            }
            None => {
                self.react(name, text);
                Some(Ok(()))
            }
        }
    }

    fn react(&self, name: &str, text: &str) {
        match name {
            "driver_override" => {
                let text = if text.trim().is_empty() { "(null)" } else { text };
                std::fs::write(self.tree.folder(PCI).join(name), format!("{text}\n")).unwrap();
            }
            "unbind" => self.take_link(),
            "drivers_probe" => self.bind(),
            other => panic!("no file to write: {other}"),
        }
    }

    fn take_link(&self) {
        let folder = self.tree.folder(PCI);
        std::fs::remove_file(folder.join("driver")).unwrap();
        if self.without_iommu() && folder.join("iommu_group").is_symlink() {
            std::fs::remove_file(folder.join("iommu_group")).unwrap();
        }
    }

    /// The driver that it is reserved for, else that of its kind, if it is loaded.
    fn bind(&self) {
        let reserved = self.tree.reserved_for(PCI);
        let driver = if reserved == "(null)" { "ena" } else { &reserved };
        let folder = self.tree.driver(driver);
        if !folder.exists() || self.tree.driver_of(PCI).is_some() {
            return;
        }
        std::os::unix::fs::symlink(format!("../drivers/{driver}"), self.tree.folder(PCI).join("driver")).unwrap();
        if driver == VFIO_PCI {
            self.make_node();
        }
    }

    fn make_node(&self) {
        let mut node = "7";
        if self.without_iommu() {
            self.tree.file("sys/kernel/iommu_groups/0/name", "vfio-noiommu\n");
            let target = "../../../../kernel/iommu_groups/0";
            std::os::unix::fs::symlink(target, self.tree.folder(PCI).join("iommu_group")).unwrap();
            node = "noiommu-0";
        }
        self.tree.file(format!("dev/vfio/{node}"), "");
    }

    fn without_iommu(&self) -> bool {
        !self.tree.sysfs().join("class/iommu").exists()
    }
}

impl Write for Kernel {
    fn write<'a>(&'a self, writing: Writing<'a>) -> Written<'a> {
        Box::pin(async move {
            match self.answer(writing.path, writing.text) {
                Some(answer) => answer,
                None => {
                    tokio::time::sleep(writing.limit).await;
                    Err(WriteError::Late)
                }
            }
        })
    }

    fn goes_on(&self, _: PciAddr) -> bool {
        self.state.lock().unwrap().waits_for_ever
    }
}
