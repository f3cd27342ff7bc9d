//! Keeps the node's resources registered with its kubelet: a kubelet that starts removes every socket of its folder and remembers
//! no registration, so whatever happens there, sockets are made anew and each resource is registered again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tonic::transport::Endpoint;

use super::api::v1beta1::RegisterRequest;
use super::api::v1beta1::registration_client::RegistrationClient;
use super::server::{Service, options, socket_name};
use super::sockets::{Identity, Socket};
use super::state::Kubelet;
use crate::apply::policy::reason;

/// The folder of sockets below the kubelet's own.
const FOLDER: &str = "device-plugins";
/// The kubelet's socket there.
const KUBELET: &str = "kubelet.sock";
/// The version of the API.
const VERSION: &str = "v1beta1";
/// The kubelet answers from memory.
const LIMIT: Duration = Duration::from_secs(10);
/// A kubelet that took a registration listens within this time; one that hung up has as long.
const LISTENS_WITHIN: Duration = Duration::from_secs(5);
/// Between two tries, the more the more of them failed.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Where the kernel cannot tell of changes, the folder is looked at so often.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Why a resource is not registered.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("no server can be had at {}", path.display())]
    Serve {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the kubelet does not answer at {}", path.display())]
    Connect {
        path: PathBuf,
        #[source]
        source: tonic::transport::Error,
    },
    #[error("the kubelet does not take it")]
    Refused(#[source] Box<tonic::Status>),
    #[error("the kubelet does not answer within {} s", LIMIT.as_secs())]
    Silent,
}

/// A resource with its server.
#[derive(Debug, Default)]
struct Resource {
    socket: Option<Socket>,
    /// The kubelet that took it, and when.
    taken: Option<(Identity, Instant)>,
    failures: u32,
    next_try: Option<Instant>,
}

/// Serves all resources until `end` closes.
pub(crate) async fn serve(service: Service, mut end: watch::Receiver<()>) {
    let mut registrar = Registrar::new(service);
    let mut folder = pin!(registrar.events());
    let mut changes = registrar.service.devices.changes();
    loop {
        changes.mark_unchanged();
        let next = registrar.pass().await;
        let due = async {
            match next {
                Some(next) => sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = end.changed() => break,
            changed = changes.changed() => if changed.is_err() { break },
            Some(()) = folder.next() => {}
            () = due => {}
        }
    }
}

struct Registrar {
    service: Service,
    folder: PathBuf,
    resources: BTreeMap<String, Resource>,
}

impl Registrar {
    fn new(service: Service) -> Self {
        let folder = service.devices.places().kubelet_dir.join(FOLDER);
        Self { service, folder, resources: BTreeMap::new() }
    }

    /// What happens in the kubelet's folder.
    fn events(&self) -> impl Stream<Item = ()> + use<> {
        match node::watch::folder(&self.folder) {
            Ok(events) => events.left_stream(),
            Err(error) => {
                log::warn!("the kubelet's folder is looked at every {} s: {}", LOOK_EVERY.as_secs(), reason(&error));
                let tick = |()| async { Some((tokio::time::sleep(LOOK_EVERY).await, ())) };
                Box::pin(futures_util::stream::unfold((), tick)).right_stream()
            }
        }
    }

    /// Makes everything as it should be; when to look again though nothing happens.
    async fn pass(&mut self) -> Option<Instant> {
        let offers = self.service.devices.offers();
        self.resources.retain(|resource, _| offers.contains_key(resource));
        for resource in offers.into_keys() {
            self.resources.entry(resource).or_default();
        }
        let kubelet = Identity::of(&self.folder.join(KUBELET));
        self.look_for(kubelet);
        let kubelet = kubelet?;
        let mut next: Option<Instant> = None;
        for (name, resource) in &mut self.resources {
            let due = resource.keep(name, &self.folder, kubelet, &self.service).await;
            next = [next, due].into_iter().flatten().min();
        }
        next
    }

    fn look_for(&self, kubelet: Option<Identity>) {
        let found = if kubelet.is_some() { Kubelet::Present } else { Kubelet::Absent };
        let before = self.service.devices.found_kubelet(found);
        if before != found && found == Kubelet::Absent && !self.resources.is_empty() {
            log::info!("no kubelet is at {}: devices are offered when one is", self.folder.display());
        }
    }
}

impl Resource {
    /// Serves and registers it where that is due; when it is next.
    async fn keep(&mut self, name: &str, folder: &Path, kubelet: Identity, service: &Service) -> Option<Instant> {
        let path = folder.join(socket_name(name));
        let is_served = self.socket.as_ref().is_some_and(|socket| socket.is_at(&path));
        let is_taken = is_served && self.taken.is_some_and(|(by, _)| by == kubelet);
        if !is_taken && self.taken.take().is_some() {
            // Another kubelet, or one that has removed our socket: nothing of the last one's refusals counts.
            (self.failures, self.next_try) = (0, None);
        }
        let now = Instant::now();
        if let Some((_, at)) = self.taken {
            if service.devices.registration(name).listeners > 0 {
                self.failures = 0;
                return None;
            }
            let due = (at + LISTENS_WITHIN).max(self.next_try.unwrap_or(at));
            if due > now {
                return Some(due);
            }
        }
        if let Some(due) = self.next_try.filter(|due| *due > now) {
            return Some(due);
        }
        let outcome = self.register(name, &path, folder, service).await;
        let now = Instant::now();
        // Also after one that was taken: a kubelet that takes it and never listens is not asked in a circle.
        self.failures = self.failures.saturating_add(1);
        self.next_try = Some(now + pause(self.failures));
        match outcome {
            Ok(()) => {
                log::info!("{name} is registered with the kubelet");
                service.devices.change_registration(name, |registration| {
                    registration.taken += 1;
                    registration.error = None;
                });
                self.taken = Some((kubelet, now));
                Some((now + LISTENS_WITHIN).max(now + pause(self.failures)))
            }
            Err(error) => {
                let why = reason(&error);
                log::warn!("{name} is not registered: {why}");
                service.devices.change_registration(name, |registration| registration.error = Some(why));
                self.taken = None;
                self.next_try
            }
        }
    }

    async fn register(&mut self, name: &str, path: &Path, folder: &Path, service: &Service) -> Result<(), Error> {
        if !self.socket.as_ref().is_some_and(|socket| socket.is_at(path)) {
            self.socket = None;
            let bound = Socket::bind(path, name, service);
            self.socket = Some(bound.map_err(|source| Error::Serve { path: path.to_path_buf(), source })?);
        }
        match timeout(LIMIT, register(folder, name)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::Silent),
        }
    }
}

async fn register(folder: &Path, resource: &str) -> Result<(), Error> {
    let path = folder.join(KUBELET);
    let connected = async { Endpoint::from_shared(format!("unix://{}", path.display()))?.connect().await };
    let channel = connected.await.map_err(|source| Error::Connect { path, source })?;
    let request = RegisterRequest {
        version: VERSION.to_string(),
        endpoint: socket_name(resource),
        resource_name: resource.to_string(),
        options: Some(options()),
    };
    RegistrationClient::new(channel).register(request).await.map_err(|status| Error::Refused(Box::new(status)))?;
    Ok(())
}

fn pause(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_PAUSE)
}
