//! What is kept under `/run/multi-eni`: typed files that say which boot and which format they are of.

use crate::addresses::AddressUse;
use crate::boot::BootId;
use crate::files::{self, Folder};
use crate::intent::{Intent, Token};
use crate::inventory::{self, Entry};
use crate::lock::{self, Lock};
use crate::names::EniId;
use crate::record::{Owner, Record};
use crate::verdict::own_process_namespace;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A kind of file of the store.
pub trait Kept: Serialize + DeserializeOwned {
    /// The newest format of the file; a reader knows this one and the one before.
    const FORMAT: u32;

    /// The name of its file.
    fn file_name(&self) -> String;
}

/// What a kept file is, around its content.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<T> {
    format: u32,
    boot_id: BootId,
    /// The process namespace of the writer. What it made, another process can only look for from there or from above.
    #[serde(default)]
    process_namespace: Option<u64>,
    content: T,
}

/// The agent's word about itself, in `agent.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentPass {
    /// When its last pass ended, in seconds since the boot.
    pub finished_at: u64,
}

impl Kept for AgentPass {
    const FORMAT: u32 = 1;

    fn file_name(&self) -> String {
        AGENT_FILE.to_string()
    }
}

/// What the inventory says of an ENI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// This.
    Here(Box<Entry>),
    /// It cannot be read now.
    Unreadable,
    /// The node has it not.
    Absent,
}

const AGENT_FILE: &str = "agent.json";
const RECORD_ENDING: &str = ".json";
/// The folder of the records of attachments.
pub(crate) const ATTACHMENTS: &str = "attachments";
const CLAIM_LOCK: &str = "claim";
const ADDRESSES_LOCK: &str = "addresses";
const ASIDE_LOCK: &str = "aside";

/// Why the store could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of it.
    #[error("the node's records cannot be used")]
    File(#[from] files::Error),
    /// The kernel's boot id.
    #[error("the boot id of this machine cannot be read")]
    Boot(#[source] std::io::Error),
    /// What was to be written is no JSON.
    #[error("cannot write down {name}")]
    Encode {
        /// The file.
        name: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// The folders of the store.
#[derive(Debug)]
pub struct Store {
    boot_id: BootId,
    process_namespace: Option<u64>,
    top: Folder,
    inventory: Folder,
    attachments: Folder,
    addresses: Folder,
    creating: Folder,
    locks: Folder,
    set_aside: AtomicU64,
}

impl Store {
    /// Opens the store in the folder of this path, and makes what is missing.
    ///
    /// # Errors
    /// Those of the folders.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let top = Folder::create(path)?;
        Ok(Self {
            boot_id: BootId::current().map_err(Error::Boot)?,
            inventory: top.folder("inventory")?,
            attachments: top.folder(ATTACHMENTS)?,
            addresses: top.folder("addresses")?,
            creating: top.folder("creating")?,
            process_namespace: own_process_namespace(),
            locks: top.folder("lock")?,
            set_aside: AtomicU64::new(0),
            top,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.top.path()
    }

    /// The inventory, sorted by ENI. An unreadable file is passed over and said: it is its writer's to set aside.
    ///
    /// # Errors
    /// Those of listing the folder.
    pub fn inventory(&self) -> Result<Vec<Entry>, Error> {
        self.all(&self.inventory, Unreadable::PassOver)
    }

    /// As [`Store::inventory`], for the one who writes it: what is unreadable is set aside, to be made anew.
    ///
    /// # Errors
    /// Those of listing the folder, and of setting aside.
    pub fn inventory_to_keep(&self) -> Result<Vec<Entry>, Error> {
        self.all(&self.inventory, Unreadable::SetAside)
    }

    /// How many unreadable files this store has set aside since it was opened.
    pub fn set_aside(&self) -> u64 {
        self.set_aside.load(Ordering::Relaxed)
    }

    /// The entry of one ENI; nothing if the inventory has it not, or it is unreadable, which is said.
    ///
    /// # Errors
    /// Those of reading.
    pub fn entry(&self, eni: &EniId) -> Result<Option<Entry>, Error> {
        self.read(&self.inventory, &inventory::file_name(eni), Unreadable::PassOver)
    }

    /// What the inventory says of one ENI. An entry that is unreadable, or was and is set aside, says nothing: only its absence
    /// says that the ENI is not the node's.
    ///
    /// # Errors
    /// Those of reading.
    pub fn listed(&self, eni: &EniId) -> Result<Listed, Error> {
        let name = inventory::file_name(eni);
        if let Some(entry) = self.entry(eni)? {
            return Ok(Listed::Here(Box::new(entry)));
        }
        let was_there = self.inventory.has(&name)? || self.inventory.has(&files::aside(&name))?;
        Ok(if was_there { Listed::Unreadable } else { Listed::Absent })
    }

    /// Writes an ENI's entry.
    ///
    /// # Errors
    /// Those of writing.
    pub fn write_entry(&self, entry: &Entry) -> Result<(), Error> {
        self.write(&self.inventory, entry)
    }

    /// Removes an ENI's entry, and what of it was set aside: the ENI is not the node's any more.
    ///
    /// # Errors
    /// Those of removing.
    pub fn remove_entry(&self, entry: &Entry) -> Result<(), Error> {
        let name = entry.file_name();
        self.inventory.remove(&files::aside(&name))?;
        Ok(self.inventory.remove(&name).map(drop)?)
    }

    /// When an agent last finished a pass in this boot; nothing if none ever did.
    ///
    /// # Errors
    /// Those of reading.
    pub fn agent_pass(&self) -> Result<Option<AgentPass>, Error> {
        self.read(&self.top, AGENT_FILE, Unreadable::PassOver)
    }

    /// Notes that the agent finished a pass.
    ///
    /// # Errors
    /// Those of writing.
    pub fn write_agent_pass(&self, pass: &AgentPass) -> Result<(), Error> {
        self.write(&self.top, pass)
    }

    /// What the agent keeps for itself in the file of this name; nothing if there is none, or it is unreadable, which is said.
    ///
    /// # Errors
    /// Those of reading.
    pub fn agents_own<T: Kept>(&self, name: &str) -> Result<Option<T>, Error> {
        self.read(&self.top, name, Unreadable::PassOver)
    }

    /// Writes what the agent keeps for itself.
    ///
    /// # Errors
    /// Those of writing.
    pub fn write_agents_own<T: Kept>(&self, content: &T) -> Result<(), Error> {
        self.write(&self.top, content)
    }

    /// All records of attachments of this boot. An unreadable one is set aside.
    ///
    /// # Errors
    /// Those of listing the folder.
    pub fn records(&self) -> Result<Vec<Record>, Error> {
        self.all(&self.attachments, Unreadable::SetAside)
    }

    /// The record of an attachment of this boot. An unreadable one is set aside.
    ///
    /// # Errors
    /// Those of reading.
    pub fn record(&self, owner: &Owner) -> Result<Option<Record>, Error> {
        self.read(&self.attachments, &owner.file_name(), Unreadable::SetAside)
    }

    /// Writes an attachment's record.
    ///
    /// # Errors
    /// Those of writing.
    pub fn write_record(&self, record: &Record) -> Result<(), Error> {
        self.write(&self.attachments, record)
    }

    /// Removes an attachment's record.
    ///
    /// # Errors
    /// Those of removing.
    pub fn remove_record(&self, owner: &Owner) -> Result<(), Error> {
        Ok(self.attachments.remove(&owner.file_name()).map(drop)?)
    }

    /// All uses of addresses of shared ENIs in this boot. An unreadable one is set aside.
    ///
    /// # Errors
    /// Those of listing the folder.
    pub fn address_uses(&self) -> Result<Vec<AddressUse>, Error> {
        self.all(&self.addresses, Unreadable::SetAside)
    }

    /// Writes the use of an address.
    ///
    /// # Errors
    /// Those of writing.
    pub fn write_address_use(&self, usage: &AddressUse) -> Result<(), Error> {
        self.write(&self.addresses, usage)
    }

    /// Forgets the use of an address.
    ///
    /// # Errors
    /// Those of removing.
    pub fn remove_address_use(&self, owner: &Owner) -> Result<(), Error> {
        Ok(self.addresses.remove(&owner.file_name()).map(drop)?)
    }

    /// The process namespace of the plugin that wrote an owner's record, by its number; nothing if there is no record, or one
    /// that does not say.
    ///
    /// # Errors
    /// Those of reading.
    pub fn process_namespace_of(&self, owner: &Owner) -> Result<Option<u64>, Error> {
        writer_of(&self.attachments, owner)
    }

    /// As [`Store::process_namespace_of`], of the plugin that wrote an owner's use of addresses.
    ///
    /// # Errors
    /// Those of reading.
    pub fn process_namespace_of_use(&self, owner: &Owner) -> Result<Option<u64>, Error> {
        writer_of(&self.addresses, owner)
    }

    /// Writes down what is about to be asked of EC2.
    ///
    /// # Errors
    /// Those of writing.
    pub fn write_intent<T: Serialize + DeserializeOwned>(&self, intent: &Intent<T>) -> Result<(), Error> {
        self.write(&self.creating, intent)
    }

    /// All that was about to be asked of EC2 in this boot, and is not forgotten. An unreadable one is set aside.
    ///
    /// # Errors
    /// Those of listing the folder.
    pub fn intents<T: Serialize + DeserializeOwned>(&self) -> Result<Vec<Intent<T>>, Error> {
        self.all(&self.creating, Unreadable::SetAside)
    }

    /// Forgets what was about to be asked of EC2.
    ///
    /// # Errors
    /// Those of removing.
    pub fn remove_intent(&self, token: &Token) -> Result<(), Error> {
        Ok(self.creating.remove(&token.file_name()).map(drop)?)
    }

    /// The lock under which ENIs are chosen and claimed. Held shortly.
    ///
    /// # Errors
    /// [`lock::Error`].
    pub async fn claim_lock(&self, limit: Duration) -> Result<Lock, lock::Error> {
        Lock::take(&self.locks, CLAIM_LOCK, limit).await
    }

    /// The lock under which addresses of shared ENIs are given and taken back. Held shortly.
    ///
    /// # Errors
    /// [`lock::Error`].
    pub async fn addresses_lock(&self, limit: Duration) -> Result<Lock, lock::Error> {
        Lock::take(&self.locks, ADDRESSES_LOCK, limit).await
    }

    /// The lock that is held over the moves of the device of this lock name.
    ///
    /// # Errors
    /// [`lock::Error`].
    pub async fn device_lock(&self, name: &str, limit: Duration) -> Result<Lock, lock::Error> {
        Lock::take(&self.locks, name, limit).await
    }

    /// As [`Store::device_lock`], if nobody holds it.
    ///
    /// # Errors
    /// [`lock::Error`].
    pub fn try_device_lock(&self, name: &str) -> Result<Option<Lock>, lock::Error> {
        Lock::try_take(&self.locks, name)
    }

    fn all<T: Kept>(&self, folder: &Folder, unreadable: Unreadable) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        for name in folder.names(RECORD_ENDING)? {
            all.extend(self.read(folder, &name, unreadable)?);
        }
        Ok(all)
    }

    fn read<T: Kept>(&self, folder: &Folder, name: &str, unreadable: Unreadable) -> Result<Option<T>, Error> {
        match (self.look(folder, name)?, unreadable) {
            (Ok(content), _) => Ok(content),
            (Err(why), Unreadable::PassOver) => {
                let path = folder.path().join(name);
                log::warn!(file = path.display().to_string().as_str(); "unreadable: {why}");
                Ok(None)
            }
            (Err(_), Unreadable::SetAside) => self.put_aside(folder, name),
        }
    }

    /// The content, or why it is unreadable.
    fn look<T: Kept>(&self, folder: &Folder, name: &str) -> Result<Result<Option<T>, Why>, Error> {
        match folder.read(name) {
            Ok(None) => Ok(Ok(None)),
            Ok(Some(content)) => Ok(self.decode(&content).map_err(Why::from)),
            Err(error @ files::Error::NotAFile(_)) => Ok(Err(Why::from(error))),
            Err(error) => Err(error.into()),
        }
    }

    /// Sets an unreadable file aside. Of those who find it so at once one does that, and looks again before: another may have, and its
    /// owner may have written it anew since.
    fn put_aside<T: Kept>(&self, folder: &Folder, name: &str) -> Result<Option<T>, Error> {
        let _lock = match Lock::try_take(&self.locks, ASIDE_LOCK) {
            Ok(Some(lock)) => lock,
            Ok(None) => return Ok(None),
            Err(error) => {
                log::warn!("{} is unreadable, and cannot be set aside: {error}", folder.path().join(name).display());
                return Ok(None);
            }
        };
        let why = match self.look(folder, name)? {
            Ok(content) => return Ok(content),
            Err(why) => why,
        };
        let aside = folder.set_aside(name)?;
        self.set_aside.fetch_add(1, Ordering::Relaxed);
        log::warn!(file = aside.display().to_string().as_str(); "unreadable, and set aside: {why}");
        Ok(None)
    }

    /// The content; nothing if it is of another boot, whose pods are gone.
    fn decode<T: Kept>(&self, content: &[u8]) -> Result<Option<T>, serde_json::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Head {
            format: u32,
            boot_id: BootId,
        }
        let head: Head = serde_json::from_slice(content)?;
        if head.boot_id != self.boot_id {
            return Ok(None);
        }
        if head.format > T::FORMAT || head.format + 1 < T::FORMAT {
            return Err(serde::de::Error::custom(format_args!("format {} is not known here", head.format)));
        }
        serde_json::from_slice::<Envelope<T>>(content).map(|envelope| Some(envelope.content))
    }

    fn write<T: Kept>(&self, folder: &Folder, content: &T) -> Result<(), Error> {
        let name = content.file_name();
        let (format, boot_id, process_namespace) = (T::FORMAT, self.boot_id.clone(), self.process_namespace);
        let envelope = Envelope { format, boot_id, process_namespace, content };
        let text = serde_json::to_vec(&envelope).map_err(|source| Error::Encode { name: name.clone(), source })?;
        Ok(folder.write(&name, &text)?)
    }
}

/// The process namespace that the file of this owner in this folder was written in, if it says.
fn writer_of(folder: &Folder, owner: &Owner) -> Result<Option<u64>, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Writer {
        process_namespace: Option<u64>,
    }
    let Some(content) = folder.read(&owner.file_name())? else { return Ok(None) };
    Ok(serde_json::from_slice::<Writer>(&content).ok().and_then(|writer| writer.process_namespace))
}

/// Why a file is unreadable.
type Why = Box<dyn std::error::Error>;

#[derive(Debug, Clone, Copy)]
enum Unreadable {
    /// Another process writes these files.
    PassOver,
    /// The file has no writer any more.
    SetAside,
}

#[cfg(test)]
mod tests;
