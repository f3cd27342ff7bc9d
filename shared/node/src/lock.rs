//! Mutual exclusion between processes: `flock(2)` on files that are never deleted.

use crate::files::{self, Folder};
use std::fs::{File, TryLockError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a waiting process sleeps between two tries: no interface of the kernel waits for a lock with a bound.
const SHORTEST_PAUSE: Duration = Duration::from_micros(200);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// Why a lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The lock's file.
    #[error("cannot use the lock {name}")]
    File {
        /// The lock.
        name: String,
        /// Why.
        #[source]
        source: files::Error,
    },
    /// The kernel refused.
    #[error("cannot take the lock {name}")]
    System {
        /// The lock.
        name: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another process held it all the time.
    #[error("the lock {name} was held by another process for {} ms", limit.as_millis())]
    Held {
        /// The lock.
        name: String,
        /// How long it was waited for.
        limit: Duration,
    },
}

/// A lock that is held until it is dropped, or until the process ends.
#[derive(Debug)]
pub struct Lock {
    /// Closing the file releases the lock; it is close-on-exec, so no child keeps it.
    file: File,
}

impl Lock {
    /// Takes the lock of this name in `folder`, if nobody holds it.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::System`].
    pub fn try_take(folder: &Folder, name: &str) -> Result<Option<Self>, Error> {
        Self::try_file(&open(folder, name)?, name)
    }

    /// Takes the lock of this name in `folder`, and waits for it up to `limit`.
    ///
    /// # Errors
    /// [`Error::Held`] after `limit`; else as [`Lock::try_take`].
    pub async fn take(folder: &Folder, name: &str, limit: Duration) -> Result<Self, Error> {
        Self::wait(&open(folder, name)?, name, limit).await
    }

    /// Takes the lock of a folder itself, for whoever leaves no file of a lock behind, and waits for it up to `limit`.
    ///
    /// # Errors
    /// As [`Lock::take`].
    pub async fn take_whole(folder: &Folder, limit: Duration) -> Result<Self, Error> {
        let name = folder.path().display().to_string();
        let file = folder.itself().map_err(|source| Error::File { name: name.clone(), source })?;
        Self::wait(&file, &name, limit).await
    }

    /// Whether somebody holds the lock of this name in `folder`. Who only asks does not look like a holder to others who ask.
    ///
    /// # Errors
    /// As [`Lock::try_take`].
    pub fn is_held(folder: &Folder, name: &str) -> Result<bool, Error> {
        match open(folder, name)?.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => Err(Error::System { name: name.to_string(), source }),
        }
    }

    async fn wait(file: &File, name: &str, limit: Duration) -> Result<Self, Error> {
        let end = Instant::now() + limit;
        let mut pause = SHORTEST_PAUSE;
        loop {
            if let Some(lock) = Self::try_file(file, name)? {
                return Ok(lock);
            }
            if Instant::now() >= end {
                return Err(Error::Held { name: name.to_string(), limit });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The lock for a child: whoever has this open keeps it, too.
    pub(crate) fn passed_on(&self) -> std::io::Result<File> {
        self.file.try_clone()
    }

    fn try_file(file: &File, name: &str) -> Result<Option<Self>, Error> {
        let system = |source| Error::System { name: name.to_string(), source };
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file: file.try_clone().map_err(system)? })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(system(source)),
        }
    }
}

fn open(folder: &Folder, name: &str) -> Result<File, Error> {
    folder.lock_file(name).map_err(|source| Error::File { name: name.to_string(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn con_1_a_held_lock_is_waited_for_with_a_bound() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::create(&root.path().join("lock")).unwrap();
        let first = Lock::take(&folder, "claim", Duration::from_secs(60)).await.unwrap();
        assert!(Lock::try_take(&folder, "claim").unwrap().is_none());
        let error = Lock::take(&folder, "claim", Duration::from_millis(5)).await.unwrap_err();
        assert!(matches!(error, Error::Held { .. }));
        assert!(Lock::try_take(&folder, "eni-01234567").unwrap().is_some());
        drop(first);
        assert!(Lock::take(&folder, "claim", Duration::from_secs(60)).await.is_ok());
    }

    #[test]
    fn who_asks_for_a_holder_sees_one_and_nobody_else_who_asks() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::create(&root.path().join("lock")).unwrap();
        let asking = folder.lock_file("driver").unwrap();
        asking.try_lock_shared().unwrap();
        assert!(!Lock::is_held(&folder, "driver").unwrap());
        drop(asking);
        let lock = Lock::try_take(&folder, "driver").unwrap();
        assert!(lock.is_some() && Lock::is_held(&folder, "driver").unwrap());
        drop(lock);
        assert!(!Lock::is_held(&folder, "driver").unwrap());
    }

    #[tokio::test]
    async fn a_folder_is_locked_without_a_file_in_it() {
        let root = tempfile::tempdir().unwrap();
        let open = || Folder::of_host(root.path()).unwrap();
        let first = Lock::take_whole(&open(), Duration::from_secs(60)).await.unwrap();
        assert!(matches!(Lock::take_whole(&open(), Duration::from_millis(5)).await, Err(Error::Held { .. })));
        drop(first);
        assert!(Lock::take_whole(&open(), Duration::from_secs(60)).await.is_ok());
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_child_that_outlives_the_holder_does_not_keep_the_lock() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::create(&root.path().join("lock")).unwrap();
        let lock = Lock::take(&folder, "claim", Duration::from_secs(60)).await.unwrap();
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        drop(lock);
        // The parent may go on a moment before the kernel closes the child's files (`begin_new_exec` in fs/exec.c).
        assert!(Lock::take(&folder, "claim", Duration::from_secs(60)).await.is_ok());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
