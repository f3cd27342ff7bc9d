//! Starting a metadata service.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use super::server::{self, Shared};
use super::{Imds, ImdsError};
use crate::error::Error;
use crate::instance::Instance;

/// A metadata service to be started.
#[derive(Debug)]
#[must_use = "nothing is served before `serve`"]
pub struct ImdsBuilder {
    instance: Instance,
    address: String,
    credentials: BTreeMap<String, String>,
}

impl ImdsBuilder {
    pub(super) fn new(instance: Instance) -> Self {
        Self { instance, address: "127.0.0.1:0".into(), credentials: BTreeMap::new() }
    }

    /// Where to listen in the machine's namespace; a free port of 127.0.0.1 unless said.
    pub fn listening_on(mut self, address: &str) -> Self {
        address.clone_into(&mut self.address);
        self
    }

    /// The credentials document of a role; without one the path is 404, as for an instance without a profile.
    pub fn credentials(mut self, role: &str, document: &str) -> Self {
        self.credentials.insert(role.to_owned(), document.to_owned());
        self
    }

    /// Starts it, in a thread of its own.
    pub fn serve(self) -> Result<Imds, Error> {
        let listen = |source| ImdsError::Listen { address: self.address.clone(), source };
        let bind = || TcpListener::bind(&self.address);
        let bound = match self.instance.netns() {
            Ok(machine) => machine.run(bind)?,
            // On paper there is no machine but this one.
            Err(Error::OnPaper) => bind(),
            Err(error) => return Err(error),
        };
        let listener = bound.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let shared = Arc::new(Shared::new(self.instance, self.credentials));
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&shared);
        let runtime = Builder::new_current_thread().enable_all().build().map_err(ImdsError::Start)?;
        let thread = std::thread::Builder::new()
            .name("imds".into())
            .spawn(move || run(&runtime, listener, serving, stopped))
            .map_err(ImdsError::Start)?;
        Ok(Imds { shared, address, stop: Some(stop), thread: Some(thread) })
    }
}

fn run(runtime: &Runtime, listener: TcpListener, shared: Arc<Shared>, stopped: oneshot::Receiver<()>) {
    runtime.block_on(async {
        tokio::select! {
            served = server::serve(listener, shared) => if let Err(error) = served {
                log::error!("the metadata service has ended: {error}");
            },
            _ = stopped => {}
        }
    });
}
