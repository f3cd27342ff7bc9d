//! What changes on this machine, told by the kernel: links by rtnetlink, records and manifests by inotify(7).
//!
//! An event is no more than "look again". What has not been read yet is one event of each kind, however much it is, and what the
//! kernel had no room for is one too; so nobody has to wait for quiet, and nothing is missed.

mod folders;

use crate::netlink::{self, Netlink};
use folders::{Folder, Folders, Written};
use futures_util::{Stream, StreamExt};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

/// What is to be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// The host's links, or their addresses.
    LinksChanged,
    /// The records of attachments and addresses, the inventory, the notes of plugins that died.
    RecordsChanged,
    /// The manifests of pools.
    ManifestsChanged,
}

/// Why nobody can be told of changes.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Links.
    #[error("the host's links cannot be listened to")]
    Netlink(#[from] netlink::Error),
    /// Folders; there are bounds to the watches and instances of a user (`/proc/sys/fs/inotify`).
    #[error("cannot watch {}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// The folders to be told of. They need not be there yet, and may go and come again.
#[derive(Debug, Clone, Copy)]
pub struct Watched<'a> {
    /// The node's records.
    pub state_dir: &'a Path,
    /// The manifests.
    pub pools_dir: &'a Path,
}

/// Changes of links and their addresses in the calling thread's namespace and of these folders, from now on. The stream does not end but with an
/// error of the kernel that leaves nothing to listen to. Must be called inside a tokio runtime.
///
/// # Errors
/// [`Error`].
pub fn events(watched: Watched<'_>) -> Result<Events, Error> {
    let records = ["attachments", "addresses", "inventory", "notes"];
    let records =
        records.map(|folder| Folder::new(watched.state_dir.join(folder), Event::RecordsChanged, Written::Whole));
    let pools = Folder::new(watched.pools_dir.to_path_buf(), Event::ManifestsChanged, Written::Anyhow);
    let folders = Folders::watch(records.into_iter().chain([pools]).collect())?;
    Ok(Events { links: links()?, folders, due: VecDeque::new() })
}

/// Changes of one folder, from now on. It need not be there yet, and may go and come again. What has not been read yet is one
/// item, however much it is. Must be called inside a tokio runtime.
///
/// # Errors
/// [`Error::Folder`].
pub fn folder(path: &Path) -> Result<impl Stream<Item = ()> + Send + Unpin + 'static + use<>, Error> {
    let mut folders = Folders::watch(vec![Folder::new(path.to_path_buf(), (), Written::Anyhow)])?;
    Ok(futures_util::stream::poll_fn(move |cx| match folders.drain(cx).is_empty() {
        true => Poll::Pending,
        false => Poll::Ready(Some(())),
    }))
}

type Links = Pin<Box<dyn Stream<Item = ()> + Send>>;

fn links() -> Result<Links, netlink::Error> {
    Ok(Box::pin(Netlink::link_and_address_events()?))
}

/// Changes of links and folders.
pub struct Events {
    links: Links,
    folders: Folders<Event>,
    due: VecDeque<Event>,
}

impl Events {
    /// The next one, as the stream has it.
    pub async fn next(&mut self) -> Option<Event> {
        StreamExt::next(self).await
    }

    fn is_due(&mut self, event: Event) {
        if !self.due.contains(&event) {
            self.due.push_back(event);
        }
    }

    /// Takes all that there is to be read of links; whether there will be more.
    fn drain_links(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            match self.links.poll_next_unpin(cx) {
                Poll::Pending => return true,
                Poll::Ready(Some(())) => self.is_due(Event::LinksChanged),
                // The socket was closed under us: what happened meanwhile is unknown, so it is an event of its own.
                Poll::Ready(None) => {
                    self.is_due(Event::LinksChanged);
                    match links() {
                        Ok(links) => self.links = links,
                        Err(error) => {
                            log::error!("no more is heard of the host's links: {error}");
                            return false;
                        }
                    }
                }
            }
        }
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let listening = self.drain_links(cx);
        for event in self.folders.drain(cx) {
            self.is_due(event);
        }
        match (self.due.pop_front(), listening) {
            (Some(event), _) => Poll::Ready(Some(event)),
            (None, true) => Poll::Pending,
            (None, false) => Poll::Ready(None),
        }
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("folders", &self.folders).field("due", &self.due).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
