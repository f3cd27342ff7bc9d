//! `install` and `uninstall`: the plugins and their settings on a host. The network configuration comes last, and only when the
//! agent is ready: it is what has the runtime call the plugins.

mod digest;
mod network;
mod place;
mod ready;
mod record;
mod removal;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use node::files::{self, Folder, mode_of};
use node::lock::{self, Lock};
use node::settings;

pub(crate) use self::network::Network;
pub(crate) use self::place::Places;
pub(crate) use self::ready::{Readiness, Waiting};
pub(crate) use self::removal::remove;

use self::digest::Digest;
use self::record::Record;

/// What a pod's network is made with.
const PLUGINS: [&str; 2] = ["multi-eni", "multi-eni-ipam"];
const AGENT: &str = "multi-eni-agent";
const SETTINGS: &str = "node.toml";
const PROGRAM_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o644;
/// Another installation takes as long as a few files do to be on the disk.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why something is not installed, or not removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    File(#[from] files::Error),
    #[error("another installation is under way")]
    Lock(#[from] lock::Error),
    #[error("cannot read {}", path.display())]
    Source {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(transparent)]
    Settings(#[from] settings::Error),
    #[error("{} is not what an installation leaves: put it aside, and install again", path.display())]
    Record {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("{} has no name that can be written down", .0.display())]
    Name(PathBuf),
    #[error(transparent)]
    Network(#[from] network::Fault),
    #[error("nothing tells when the agent is ready: node.toml has to say where it shows that, with `listen`")]
    Nowhere,
    #[error("the agent was not ready within {} s: {said}", limit.as_secs())]
    NotReady { limit: Duration, said: String },
}

/// What came of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was written.
    Written(PathBuf),
    /// It was so.
    Unchanged(PathBuf),
    /// It is somebody's own, and was left as it is.
    Kept(PathBuf),
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Written(path) => write!(f, "installed {}", path.display()),
            Self::Unchanged(path) => write!(f, "unchanged {}", path.display()),
            Self::Kept(path) => {
                write!(f, "kept {}: it is not as it was installed; remove it to have the new one", path.display())
            }
        }
    }
}

/// Which programs a host needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Programs {
    /// The agent is elsewhere, in a container.
    Plugins,
    /// A plugin runs the agent, or the host does.
    WithAgent,
}

/// Whether a file of a host may be its administrator's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    /// The name is this project's: what is there is an older one.
    Project,
    /// One that was changed, or was there before, stays.
    Administrator,
}

/// A file that is to be on the host.
struct Wish<'a> {
    source: &'a Path,
    /// Where, on the host.
    folder: &'a Path,
    name: &'a str,
    mode: u32,
    of: Of,
}

/// An installation under way, and no other beside it.
#[derive(Debug)]
pub(crate) struct Installation {
    places: Places,
    record: Record,
    _alone: Lock,
}

impl Installation {
    /// Begins one, when no other is under way.
    pub(crate) async fn begin(places: Places) -> Result<Self, Error> {
        let folder = Folder::of_host(&places.on_host(Places::SETTINGS))?;
        let alone = Lock::take_whole(&folder, PATIENCE).await?;
        let record = Record::read(folder)?;
        Ok(Self { places, record, _alone: alone })
    }

    /// Puts programs of this folder where the runtime looks for plugins.
    pub(crate) fn programs(&mut self, from: &Path, which: Programs) -> Result<Vec<Outcome>, Error> {
        let agent = (which == Programs::WithAgent).then_some(AGENT);
        let folder = self.places.programs.clone();
        let put = |name| {
            let source = from.join(name);
            self.put(&Wish { source: &source, folder: &folder, name, mode: PROGRAM_MODE, of: Of::Project })
        };
        PLUGINS.into_iter().chain(agent).map(put).collect()
    }

    /// Puts the node's settings in their place.
    pub(crate) fn settings(&mut self, from: &Path) -> Result<Outcome, Error> {
        let folder = Path::new(Places::SETTINGS);
        self.put(&Wish { source: from, folder, name: SETTINGS, mode: FILE_MODE, of: Of::Administrator })
    }

    /// Puts a network configuration where the runtime looks for them.
    pub(crate) fn network(&mut self, network: &Network) -> Result<Outcome, Error> {
        let (source, folder) = (network.path(), self.places.networks.clone());
        let wish = Wish { source, folder: &folder, name: network.name(), mode: FILE_MODE, of: Of::Administrator };
        self.put(&wish)
    }

    fn put(&mut self, wish: &Wish<'_>) -> Result<Outcome, Error> {
        let path = wish.folder.join(wish.name);
        let wanted = Digest::of(&mut open(wish.source)?).map_err(unreadable(wish.source))?;
        let folder = Folder::of_host(&self.places.on_host(wish.folder))?;
        if let Some(mut there) = present(&folder, wish)? {
            let found = Digest::of(&mut there).map_err(unreadable(&path))?;
            if wish.of == Of::Administrator && found != wanted && !self.record.has(&path, &found) {
                return Ok(Outcome::Kept(path));
            }
            if found == wanted && mode_of(&there).map_err(unreadable(&path))? == wish.mode {
                self.record.settle(&path, wanted)?;
                return Ok(Outcome::Unchanged(path));
            }
        }
        // Before there is such a file: one that is killed here leaves none that is nobody's.
        self.record.intend(&path, wanted.clone())?;
        folder.install(wish.name, &mut open(wish.source)?, wish.mode)?;
        self.record.settle(&path, wanted)?;
        Ok(Outcome::Written(path))
    }
}

/// What is of that name; what is no file is not the project's, and gives way only where the name is.
fn present(folder: &Folder, wish: &Wish<'_>) -> Result<Option<File>, Error> {
    match folder.open(wish.name) {
        Err(files::Error::NotAFile(_)) if wish.of == Of::Project => Ok(None),
        found => Ok(found?),
    }
}

fn open(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(unreadable(path))
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::Source { path, source }
}
