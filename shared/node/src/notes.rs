//! What a plugin that died leaves, for the agent to tell of once: `notes/` in the state folder.
//!
//! One that panicked, or did not come to its end after a signal, still writes its note. One that was killed cannot: the
//! record of its ADD is what it leaves, and whoever takes that down writes the note ([`Notes::leave_of`]).

use crate::files::{self, Folder};
use crate::record::{Owner, Phase, Record};
use crate::settings::{self, Settings};
use crate::store;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The plugin that writes records of attachments.
const TAKER: &str = "multi-eni";
const FOLDER: &str = "notes";
const ENDING: &str = ".json";
/// Of an owner whose ADD has left a note, so that its record is no reason for a second one.
const TOLD_ENDING: &str = ".told";
/// The most notes that wait for the agent: where none runs, nobody reads them.
const LIMIT: usize = 64;

/// Why a note could not be left or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The node's settings.
    #[error(transparent)]
    Settings(#[from] settings::Error),
    /// A file.
    #[error("the notes of plugins that died cannot be used")]
    File(#[from] files::Error),
    /// A note is no JSON.
    #[error("a note cannot be written down")]
    Encode(#[source] serde_json::Error),
}

/// How a plugin died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    /// The plugin's name.
    pub program: String,
    /// `CNI_COMMAND`.
    pub verb: String,
    /// The attachment that it was about, if it was about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// What happened, in one line.
    pub what: String,
    /// The rest, such as the place of a panic.
    #[serde(default)]
    pub details: String,
    /// When it was written, in seconds since 1970.
    pub time: u64,
}

impl Note {
    /// A note of this moment.
    pub fn now(program: &str, verb: &str, owner: Option<Owner>, what: &str) -> Self {
        Self {
            program: program.to_string(),
            verb: verb.to_string(),
            owner,
            what: what.to_string(),
            details: String::new(),
            time: since_1970().as_secs(),
        }
    }

    /// That of a record whose ADD came to no end; nothing if it did.
    fn of(record: &Record) -> Option<Self> {
        let what = "ended without an answer: it was killed, or it crashed";
        (record.phase == Phase::Claimed).then(|| Self::now(TAKER, "ADD", Some(record.owner.clone()), what))
    }
}

/// Leaves a note on this node. The process has no other use for its errors than to log them.
pub fn leave(note: &Note) {
    let left =
        Settings::of_node().map_err(Error::from).and_then(|settings| Notes::open(&settings.state_dir)?.leave(note));
    if let Err(error) = left {
        log::warn!("no note is left of how {} {} ended: {error}", note.program, note.verb);
    }
}

/// The folder of the notes.
#[derive(Debug)]
pub struct Notes {
    folder: Folder,
    /// Those of the plugins: what is told of one that is gone keeps nobody from anything.
    records: Folder,
}

impl Notes {
    /// Those of this state folder; the folder is made if it is missing.
    ///
    /// # Errors
    /// Those of the folder.
    pub fn open(state_dir: &Path) -> Result<Self, Error> {
        let top = Folder::create(state_dir)?;
        Ok(Self { folder: top.folder(FOLDER)?, records: top.folder(store::ATTACHMENTS)? })
    }

    /// The same, for what an attachment's end leaves; nothing where there is no note of it to leave and none to be put right.
    ///
    /// # Errors
    /// Those of the folder.
    pub fn open_for(state_dir: &Path, record: &Record) -> Result<Option<Self>, Error> {
        let is_needed = Note::of(record).is_some() || state_dir.join(FOLDER).is_dir();
        is_needed.then(|| Self::open(state_dir)).transpose()
    }

    /// Where they are.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves a note. Where 64 wait already, it is only logged.
    ///
    /// # Errors
    /// Those of writing.
    pub fn leave(&self, note: &Note) -> Result<(), Error> {
        let name = format!("{}-{}{ENDING}", since_1970().as_nanos(), std::process::id());
        let content = serde_json::to_vec(note).map_err(Error::Encode)?;
        if self.folder.names(ENDING)?.len() < LIMIT {
            self.folder.write(&name, &content)?;
        } else {
            log::warn!("{LIMIT} notes are in {} already: no further one is left", self.folder.path().display());
        }
        // After the note: one that is told twice is better than one that is not.
        match (&note.owner, note.program.as_str(), note.verb.as_str()) {
            (Some(owner), TAKER, "ADD") => self.mark_told(owner),
            _ => Ok(()),
        }
    }

    /// So that the record of this owner, if there is one, is no reason for a second note. Marks whose records are gone go.
    fn mark_told(&self, owner: &Owner) -> Result<(), Error> {
        for mark in self.folder.names(TOLD_ENDING)? {
            let key = mark.trim_end_matches(TOLD_ENDING);
            if !self.records.has(&format!("{key}{ENDING}"))? {
                self.folder.remove(&mark)?;
            }
        }
        if self.records.has(&owner.file_name())? {
            self.folder.write(&format!("{}{TOLD_ENDING}", owner.key()), b"")?;
        }
        Ok(())
    }

    /// Leaves the note of an ADD that could not leave its own, of which this record is: nothing if the ADD came to its end,
    /// or has left a note. The caller holds the lock of the record's device, takes the record down, and is not that ADD.
    ///
    /// # Errors
    /// Those of writing.
    pub fn leave_of(&self, record: &Record) -> Result<(), Error> {
        // With the record goes the reason for a mark.
        let is_told = self.folder.remove(&format!("{}{TOLD_ENDING}", record.owner.key()))?;
        match Note::of(record) {
            Some(note) if !is_told => {
                self.leave(&note)?;
                Ok(self.folder.remove(&format!("{}{TOLD_ENDING}", record.owner.key())).map(drop)?)
            }
            _ => Ok(()),
        }
    }

    /// All notes, oldest first, which are no more then: they are for the caller to tell. An unreadable one is logged.
    ///
    /// # Errors
    /// Those of the folder.
    pub fn take(&self) -> Result<Vec<Note>, Error> {
        let mut notes = Vec::new();
        for name in self.folder.names(ENDING)? {
            let content = self.folder.read(&name);
            if !self.folder.remove(&name)? {
                // Somebody else tells it.
                continue;
            }
            match content.map(|content| serde_json::from_slice(&content.unwrap_or_default())) {
                Ok(Ok(note)) => notes.push(note),
                Ok(Err(error)) => log::warn!("the note {name} is none: {error}"),
                Err(error) => log::warn!("the note {name} cannot be read: {error}"),
            }
        }
        Ok(notes)
    }
}

fn since_1970() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(phase: &str) -> Record {
        serde_json::from_value(serde_json::json!({
            "owner": {"network": "net", "containerId": "c1", "ifname": "net1"},
            "device": {"macAddress": "02:00:00:00:00:01"}, "mode": "netdev",
            "namespace": {"path": "/run/netns/p", "identity": {"cookie": 1, "device": 1, "inode": 1}},
            "interfaceName": "net1", "leftovers": [], "phase": phase, "call": {"config": {}, "path": "", "args": ""},
            "home": {"name": "eth1", "altnames": [], "mtu": 9001, "macAddress": "02:00:00:00:00:01", "up": false},
        }))
        .unwrap()
    }

    fn notes() -> (tempfile::TempDir, Notes) {
        let root = tempfile::tempdir().unwrap();
        let notes = Notes::open(root.path()).unwrap();
        (root, notes)
    }

    /// The records that the notes are about.
    fn put_on_record(notes: &Notes, record: &Record) {
        notes.records.write(&record.owner.file_name(), b"{}").unwrap();
    }

    fn marks(notes: &Notes) -> usize {
        notes.folder.names(TOLD_ENDING).unwrap().len()
    }

    #[test]
    fn obs_2_a_note_is_taken_once() {
        let (_root, notes) = notes();
        let note = Note::now("multi-eni", "DEL", None, "it panicked");
        notes.leave(&note).unwrap();
        assert_eq!(notes.take().unwrap(), [note]);
        assert_eq!(notes.take().unwrap(), []);
    }

    #[test]
    fn obs_2_a_record_without_an_end_is_told_of_unless_its_add_has_told() {
        let (_root, notes) = notes();
        put_on_record(&notes, &record("claimed"));
        for finished in ["committed", "released"] {
            notes.leave_of(&record(finished)).unwrap();
        }
        assert_eq!(notes.take().unwrap(), []);
        notes.leave_of(&record("claimed")).unwrap();
        let taken = notes.take().unwrap();
        assert_eq!((taken.len(), taken[0].owner.as_ref()), (1, Some(&record("claimed").owner)));

        notes.leave(&Note::now("multi-eni", "ADD", Some(record("claimed").owner), "it panicked")).unwrap();
        notes.leave_of(&record("claimed")).unwrap();
        assert_eq!(notes.take().unwrap().len(), 1);
        notes.leave_of(&record("claimed")).unwrap();
        assert_eq!(notes.take().unwrap().len(), 1, "an ADD that comes after it");
    }

    #[test]
    fn obs_2_notes_that_nobody_takes_are_bounded_and_rubbish_is_in_nobodys_way() {
        let (root, notes) = notes();
        for number in 0..2 * LIMIT {
            let owner = Owner { container_id: number.to_string(), ..record("claimed").owner };
            notes.leave(&Note::now("multi-eni", "ADD", Some(owner), "it panicked")).unwrap();
        }
        assert!(std::fs::read_dir(root.path().join(FOLDER)).unwrap().count() <= 2 * LIMIT);
        std::fs::write(notes.path().join("0.json"), "rubbish").unwrap();
        assert_eq!(notes.take().unwrap().len(), LIMIT);
        assert_eq!(notes.take().unwrap(), []);
    }

    #[test]
    fn obs_2_marks_of_what_is_told_go_with_their_records_and_are_never_in_the_way() {
        let (_root, notes) = notes();
        let numbered = |number: usize| Record {
            owner: Owner { container_id: number.to_string(), ..record("claimed").owner },
            ..record("claimed")
        };
        let dies = |record: &Record| {
            notes.leave(&Note::now("multi-eni", "ADD", Some(record.owner.clone()), "it panicked")).unwrap();
        };
        for number in 0..2 * LIMIT {
            let record = numbered(number);
            put_on_record(&notes, &record);
            dies(&record);
            notes.records.remove(&record.owner.file_name()).unwrap();
        }
        assert!(marks(&notes) <= 1, "{}", marks(&notes));
        notes.take().unwrap();
        let last = numbered(2 * LIMIT);
        put_on_record(&notes, &last);
        dies(&last);
        notes.leave_of(&last).unwrap();
        assert_eq!((notes.take().unwrap().len(), marks(&notes)), (1, 0));
    }

    #[test]
    fn obs_2_a_mark_of_an_add_that_came_to_its_end_after_all_is_not_the_next_ones() {
        let (_root, notes) = notes();
        put_on_record(&notes, &record("committed"));
        notes.leave(&Note::now("multi-eni", "ADD", Some(record("committed").owner), "it panicked")).unwrap();
        notes.leave_of(&record("committed")).unwrap();
        notes.take().unwrap();
        notes.leave_of(&record("claimed")).unwrap();
        assert_eq!(notes.take().unwrap().len(), 1);
    }
}
