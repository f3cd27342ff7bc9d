//! The EC2 Query API over HTTP (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html>), as the SDKs
//! speak it.

mod control;
mod form;
mod interface;
mod order;
mod principal;
mod read;
mod server;
mod timestamp;
mod write;
mod xml;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::api::Ec2;
use crate::error::Error;
use crate::netns::Netns;
use server::Shared;

/// The API's server, to be started.
#[derive(Debug)]
#[must_use = "nothing is served before `serve`"]
pub struct ServerBuilder {
    ec2: Ec2,
    address: String,
    place: Option<Netns>,
    part: Part,
}

/// What is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Api,
    Control,
}

impl ServerBuilder {
    /// Where to listen; a free port of 127.0.0.1 unless said.
    pub fn listening_on(mut self, address: &str) -> Self {
        address.clone_into(&mut self.address);
        self
    }

    /// Whose loopback it is; that of the calling thread's namespace unless said.
    pub fn in_namespace(mut self, place: &Netns) -> Self {
        self.place = Some(place.clone());
        self
    }

    /// Starts it, in a thread of its own, which also lets things happen when they are due.
    pub fn serve(self) -> Result<Server, Error> {
        let Self { ec2, address, place, part } = self;
        let listener = listen(&address, place.as_ref())?;
        let failed = |source| Error::Serve { address: address.clone(), source };
        let bound = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared { ec2 });
        let (stop, stopped) = oneshot::channel();
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let again = move || listen(&bound.to_string(), place.as_ref());
        let thread = std::thread::Builder::new()
            .name("ec2".into())
            .spawn(move || run(&runtime, part, listener, shared, stopped, again))
            .map_err(failed)?;
        Ok(Server { address: bound, stop: Some(stop), thread: Some(thread) })
    }
}

fn listen(address: &str, place: Option<&Netns>) -> Result<TcpListener, Error> {
    let failed = |source| Error::Serve { address: address.to_owned(), source };
    let bind = || TcpListener::bind(address);
    let listener = place.map_or_else(|| Ok(bind()), |place| place.run(bind))?.map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

impl Ec2 {
    /// Its server, to be started.
    pub fn server(&self) -> ServerBuilder {
        ServerBuilder { ec2: self.clone(), address: "127.0.0.1:0".into(), place: None, part: Part::Api }
    }

    /// A server beside it, for people and programs that order faults and read the log of calls; its `/` tells how.
    pub fn control(&self) -> ServerBuilder {
        ServerBuilder { part: Part::Control, ..self.server() }
    }
}

fn run(
    runtime: &Runtime,
    part: Part,
    listener: TcpListener,
    shared: Arc<Shared>,
    stopped: oneshot::Receiver<()>,
    again: impl Fn() -> Result<TcpListener, Error>,
) {
    let serve = async {
        match part {
            Part::Api => server::serve(listener, shared, again).await,
            Part::Control => control::serve(listener, shared).await,
        }
    };
    runtime.block_on(async {
        tokio::select! {
            served = serve => if let Err(error) = served {
                log::error!("a server has ended: {error}");
            },
            _ = stopped => {}
        }
    });
}

/// A running server. It ends when this is dropped, with every connection that it holds.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Its endpoint, `http://127.0.0.1:1234`, as `AWS_ENDPOINT_URL_EC2` takes it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).unwrap_or_default();
        }
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            log::error!("the API panicked");
        }
    }
}
