//! An IPAM plugin that answers what a test tells it to, and tells the test what it was asked.

mod answer;
mod call;

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Deserialize;

pub use self::answer::Answer;
use self::answer::Script;
pub use self::call::Call;
use crate::{binaries, until};

/// The `type` that a network configuration names it by.
const NAME: &str = "fake-ipam";

/// The fake, installed in a folder of its own.
#[derive(Debug)]
pub struct FakeIpam {
    folder: PathBuf,
}

impl FakeIpam {
    /// Installs it in a new folder, in which a test lets plugins look for it ([`crate::Invocation::search`]). ADD fails
    /// until it has an answer; every other verb succeeds and says nothing.
    ///
    /// # Panics
    ///
    /// When the folder exists.
    #[must_use]
    pub fn install(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        fs::create_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        symlink(binaries::fake_ipam(), folder.join(NAME)).expect("the fake in its folder");
        let fake = Self { folder };
        fs::create_dir(fake.calls_folder()).expect("a folder for its calls");
        fake
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The program itself.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    /// From now on, a verb gets these answers in turn, and the last one again and again.
    ///
    /// # Panics
    ///
    /// When the folder is gone.
    pub fn answers(&self, verb: &str, answers: &[Answer]) {
        let script = Script { after: self.calls_of(verb).len(), answers: answers.to_vec() };
        fs::write(self.script_path(verb), serde_json::to_vec(&script).expect("answers as JSON"))
            .expect("the fake's answers");
    }

    /// Lets an [`Answer::HoldUntil`] of this name go on.
    ///
    /// # Panics
    ///
    /// When the folder is gone.
    pub fn release(&self, name: &str) {
        fs::write(self.folder.join(name), "").expect("a file in the fake's folder");
    }

    /// All calls so far, the first one first.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        (0..).map_while(|number| read(&self.call_path(number))).collect()
    }

    /// The calls of one verb so far.
    #[must_use]
    pub fn calls_of(&self, verb: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.verb() == verb).collect()
    }

    /// Waits until a verb has been called this often.
    ///
    /// # Panics
    ///
    /// When that does not happen.
    pub fn wait_for_calls(&self, verb: &str, count: usize) {
        until(&format!("{count} calls of {verb} of the fake IPAM plugin"), || self.calls_of(verb).len() >= count);
    }

    /// The installation at this folder, as the fake itself sees it.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Puts a call on record and gives what is to be done about it. Calls at the same time do not get in each other's
    /// way: a call has its number when its file, whole, has that name.
    ///
    /// # Panics
    ///
    /// When the folder cannot be written.
    #[must_use]
    pub fn record(&self, call: &Call) -> Answer {
        let draft = self.folder.join(format!("draft-{}-{:?}", std::process::id(), Instant::now()));
        fs::write(&draft, serde_json::to_vec(call).expect("a call as JSON")).expect("the fake's record");
        let number = (0..).find(|number| link_new(&draft, &self.call_path(*number))).expect("a free number");
        fs::remove_file(&draft).expect("the draft of the record");
        let same_verb = |number| read::<Call>(&self.call_path(number)).is_some_and(|other| other.verb() == call.verb());
        let earlier = (0..number).filter(|number| same_verb(*number)).count();
        match read::<Script>(&self.script_path(call.verb())) {
            Some(script) => script.answer(earlier),
            None if call.verb() == "ADD" => Answer::fail(999, "the test gave no answer for ADD"),
            None => Answer::nothing(),
        }
    }

    /// Whether an [`Answer::HoldUntil`] of this name may go on.
    #[must_use]
    pub fn is_released(&self, name: &str) -> bool {
        self.folder.join(name).exists()
    }

    fn calls_folder(&self) -> PathBuf {
        self.folder.join("calls")
    }

    fn call_path(&self, number: usize) -> PathBuf {
        self.calls_folder().join(number.to_string())
    }

    fn script_path(&self, verb: &str) -> PathBuf {
        self.folder.join(format!("answers-{verb}"))
    }
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Option<T> {
    match fs::read(path) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

fn link_new(from: &Path, to: &Path) -> bool {
    match fs::hard_link(from, to) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
        Err(error) => panic!("{}: {error}", to.display()),
    }
}
