//! Sockets in the kubelet's folder: whose file is there, and the server behind ours.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use futures_util::stream;
use tokio::net::UnixListener;
use tokio::sync::watch;
use tonic::transport::Server;

use super::api::v1beta1::device_plugin_server::DevicePluginServer;
use super::server::{Plugin, Service, fits};

/// Which file of a name it is: a file system gives a number to the next file once the last one with it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    changed: (i64, i64),
}

impl Identity {
    /// That of the file at this path, if there is one.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = fs::symlink_metadata(path).ok()?;
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        Some(Self { device: metadata.dev(), inode: metadata.ino(), changed })
    }
}

/// A socket with a resource's server behind it, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Socket {
    path: PathBuf,
    identity: Identity,
    /// Its end is the server's.
    _end: watch::Sender<()>,
}

impl Socket {
    /// Serves a resource at this path. What an earlier agent left there is removed.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn bind(path: &Path, resource: &str, service: &Service) -> io::Result<Self> {
        if !fits(path) {
            return Err(io::Error::new(io::ErrorKind::InvalidFilename, "a socket's path has 107 bytes at most"));
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        let identity = Identity::of(path).ok_or(io::ErrorKind::NotFound)?;
        let (sender, end) = watch::channel(());
        let mut ended = end.clone();
        let plugin = Plugin { service: service.clone(), resource: resource.to_string(), end };
        let incoming = stream::poll_fn(move |cx| {
            listener.poll_accept(cx).map(|accepted| Some(accepted.map(|(stream, _)| stream)))
        });
        let resource = resource.to_string();
        tokio::spawn(async move {
            let end = async move { drop(ended.changed().await) };
            let served = Server::builder().serve_with_incoming_shutdown(DevicePluginServer::new(plugin), incoming, end);
            if let Err(error) = served.await {
                log::warn!("the server of {resource} has ended: {}", crate::apply::policy::reason(&error));
            }
        });
        Ok(Self { path: path.to_path_buf(), identity, _end: sender })
    }

    /// Whether it is the one at this path, still.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        self.path == path && Identity::of(path) == Some(self.identity)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.is_at(&self.path) {
            // At worst the next agent removes it.
            drop(fs::remove_file(&self.path));
        }
    }
}
