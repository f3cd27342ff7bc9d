//! The PCI bus of a machine, where changes are applied.

use super::apart::Apart;
use super::refusal::{NoIommu, Unfit, group};
use super::write::{Write, WriteError, Writing};
use super::{Access, Change, DriverOverride, Error, Function, Group, Support, function, plan};
use crate::names::PciAddr;
use crate::settings::Settings;
use crate::step::Outcome;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long one change may take. The kernel takes its time where a process has to let go of a device; DEL has a runtime that waits.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a driver is waited for after the kernel was told to look for it: it binds before the write ends, or later if its
/// module is being loaded.
const SETTLING: Duration = Duration::from_secs(2);
/// The pauses before a busy device is tried again.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The functions of a machine, and how they are changed.
#[derive(Debug, Clone)]
pub struct Bus {
    sysfs: PathBuf,
    dev: PathBuf,
    no_iommu: NoIommu,
    patience: Duration,
    writer: Arc<dyn Write>,
}

impl Bus {
    /// That of this node.
    pub fn of(settings: &Settings) -> Self {
        let writer = Arc::new(Apart { locks: settings.state_dir.join("lock") });
        let no_iommu = if settings.allow_no_iommu { NoIommu::Allowed } else { NoIommu::Refused };
        Self { sysfs: settings.sysfs_dir.clone(), dev: settings.dev_dir.clone(), no_iommu, patience: PATIENCE, writer }
    }

    /// The same, with another way to write.
    #[must_use]
    pub fn with_writer(self, writer: Arc<dyn Write>) -> Self {
        Self { writer, ..self }
    }

    /// Where the kernel's devices are, `/sys`.
    pub fn sysfs(&self) -> &Path {
        &self.sysfs
    }

    /// Where their nodes are, `/dev`.
    pub fn dev(&self) -> &Path {
        &self.dev
    }

    /// The function at this address; nothing if there is none.
    ///
    /// # Errors
    /// Those of sysfs.
    pub fn function(&self, address: PciAddr) -> Result<Option<Function>, Error> {
        Function::read(&self.sysfs, address)
    }

    /// The same, when no write to it is under way any more: one that was begun by an ADD which is given up changes it yet.
    ///
    /// # Errors
    /// Those of sysfs; [`Error::InUse`] where such a write does not end soon.
    pub async fn function_at_rest(&self, address: PciAddr) -> Result<Option<Function>, Error> {
        let end = Instant::now() + SETTLING.min(self.patience);
        let mut pause = SHORTEST_PAUSE;
        while self.writer.goes_on(address) {
            if Instant::now() >= end {
                return Err(Error::InUse(address));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.function(address)
    }

    /// The changes that hand a function to user space, in order; none if it is there.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::InUse`] and [`Error::Refused`], before anything is changed.
    pub fn to_user_space(&self, address: PciAddr) -> Result<Vec<Change>, Error> {
        self.refuse_if_in_use(address)?;
        let function = self.present(address)?;
        Ok(plan::to_user_space(&function, Support::read(&self.sysfs), self.no_iommu)?)
    }

    /// Why a function, as it was read, cannot be handed to user space now; nothing if it can.
    pub fn unfit(&self, function: &Function) -> Option<Unfit> {
        if self.writer.goes_on(function.address) {
            return Some(Unfit::InUse);
        }
        group(function, Support::read(&self.sysfs), self.no_iommu).err().map(Unfit::Refused)
    }

    /// The group by which user space has a function that was handed over; its node is there.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::NotBound`], [`Error::Refused`], [`Error::NoNode`].
    pub fn handed_over(&self, address: PciAddr) -> Result<Group, Error> {
        self.refuse_if_in_use(address)?;
        let function = self.present(address)?;
        if function.driver.as_deref() != Some(super::VFIO_PCI) {
            return Err(not_bound(&function, super::VFIO_PCI));
        }
        let group = group(&function, Support::read(&self.sysfs), self.no_iommu)?;
        let group = group.ok_or(super::Refusal::NoGroup(address))?;
        let node = group.host_node(&self.dev);
        if node.exists() { Ok(group) } else { Err(Error::NoNode { address, node }) }
    }

    /// Who may open the node of a function's group.
    ///
    /// # Errors
    /// [`Error::Node`], and [`Error::Refused`] for a function without a group.
    pub fn access(&self, address: PciAddr) -> Result<Access, Error> {
        let node = self.node(address)?;
        Access::of(&node).map_err(|source| Error::Node { node, source })
    }

    /// Applies one change.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn apply(&self, address: PciAddr, change: &Change) -> Result<Outcome, Error> {
        match change {
            Change::Override(driver) => self.reserve(address, driver.as_deref()).await,
            Change::Unbind => self.unbind(address).await,
            Change::Probe(driver) => self.probe(address, driver).await,
            Change::Node(access) => self.give(address, *access),
        }
    }

    async fn reserve(&self, address: PciAddr, driver: Option<&str>) -> Result<Outcome, Error> {
        let wished = driver.map_or(DriverOverride::No, |driver| DriverOverride::To(driver.to_string()));
        if self.present(address)?.driver_override == wished {
            return Ok(Outcome::AlreadySo);
        }
        // An empty line opens it to all again.
        let text = driver.unwrap_or("\n");
        self.write(address, &function::folder(&self.sysfs, address).join("driver_override"), text).await?;
        Ok(Outcome::Changed)
    }

    async fn unbind(&self, address: PciAddr) -> Result<Outcome, Error> {
        if self.present(address)?.driver.is_none() {
            return Ok(Outcome::AlreadySo);
        }
        let path = function::folder(&self.sysfs, address).join("driver/unbind");
        let is_unbound = |function: &Function| function.driver.is_none();
        match self.write(address, &path, &address.to_string()).await {
            Ok(()) => match self.settled(address, is_unbound).await? {
                Ok(_) => Ok(Outcome::Changed),
                Err(function) => Err(Error::StillBound { address, driver: function.driver.unwrap_or_default() }),
            },
            // The kernel says that it has no driver (ENODEV, or the file is gone), whoever took it.
            Err(Error::Write { .. }) if is_unbound(&self.present(address)?) => Ok(Outcome::AlreadySo),
            // What has not ended yet has taken the link away already.
            Err(error) => Err(error),
        }
    }

    async fn probe(&self, address: PciAddr, driver: &str) -> Result<Outcome, Error> {
        let is_bound = |function: &Function| function.driver.as_deref() == Some(driver);
        if is_bound(&self.present(address)?) {
            return Ok(Outcome::AlreadySo);
        }
        self.write(address, &self.sysfs.join("bus/pci/drivers_probe"), &address.to_string()).await?;
        // The kernel says nothing of a driver that refuses the device: the link alone tells.
        match self.settled(address, is_bound).await? {
            Ok(_) => Ok(Outcome::Changed),
            Err(function) => Err(not_bound(&function, driver)),
        }
    }

    fn give(&self, address: PciAddr, access: Access) -> Result<Outcome, Error> {
        let node = self.node(address)?;
        let failed = |source| Error::Node { node: node.clone(), source };
        if Access::of(&node).map_err(failed)? == access {
            return Ok(Outcome::AlreadySo);
        }
        access.give(&node).map_err(failed)?;
        Ok(Outcome::Changed)
    }

    /// Writes; what is busy is tried again until the time is over.
    async fn write(&self, address: PciAddr, path: &Path, text: &str) -> Result<(), Error> {
        let end = Instant::now() + self.patience;
        let mut pause = SHORTEST_PAUSE;
        loop {
            let limit = end.saturating_duration_since(Instant::now());
            let source = match self.writer.write(Writing { address, path, text, limit }).await {
                Ok(()) => return Ok(()),
                Err(WriteError::Late | WriteError::Earlier) => return Err(Error::InUse(address)),
                Err(WriteError::System(source)) => source,
            };
            if source.raw_os_error() != Some(nix::libc::EBUSY) || Instant::now() + pause >= end {
                return Err(Error::Write { address, path: path.to_path_buf(), source });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The function once it is as wished, else as it is in the end.
    async fn settled(
        &self,
        address: PciAddr,
        wished: impl Fn(&Function) -> bool,
    ) -> Result<Result<Function, Function>, Error> {
        let end = Instant::now() + SETTLING.min(self.patience);
        let mut pause = SHORTEST_PAUSE;
        loop {
            let function = self.present(address)?;
            if wished(&function) {
                return Ok(Ok(function));
            }
            if Instant::now() >= end {
                return Ok(Err(function));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// An unbind that goes on takes the driver at any moment.
    fn refuse_if_in_use(&self, address: PciAddr) -> Result<(), Error> {
        if self.writer.goes_on(address) { Err(Error::InUse(address)) } else { Ok(()) }
    }

    fn present(&self, address: PciAddr) -> Result<Function, Error> {
        self.function(address)?.ok_or(Error::Absent(address))
    }

    fn node(&self, address: PciAddr) -> Result<PathBuf, Error> {
        let group = self.present(address)?.group.ok_or(super::Refusal::NoGroup(address))?;
        Ok(group.host_node(&self.dev))
    }
}

fn not_bound(function: &Function, wished: &str) -> Error {
    Error::NotBound { address: function.address, wished: wished.to_string(), found: function.driver.clone() }
}
