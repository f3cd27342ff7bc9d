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
    /// The kubelet that it was last tried with.
    kubelet: Option<Identity>,
    /// When that took it.
    taken: Option<Instant>,
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

/// What is to be done for a resource.
enum Next {
    /// Nothing, as long as nothing happens.
    Nothing,
    Wait(Instant),
    Register,
}

impl Resource {
    /// Serves and registers it where that is due; when it is next.
    async fn keep(&mut self, name: &str, folder: &Path, kubelet: Identity, service: &Service) -> Option<Instant> {
        let path = folder.join(socket_name(name));
        self.forget_another(&path, kubelet);
        match self.next(service.devices.registration(name).listeners > 0) {
            Next::Nothing => None,
            Next::Wait(until) => Some(until),
            Next::Register => {
                let outcome = self.register(name, &path, folder, service).await;
                Some(self.tried(name, outcome, service))
            }
        }
    }

    /// With another kubelet, or one that has removed our socket, nothing of the earlier tries counts.
    fn forget_another(&mut self, path: &Path, kubelet: Identity) {
        let is_removed = self.socket.as_ref().is_some_and(|socket| !socket.is_at(path));
        if self.kubelet.replace(kubelet) != Some(kubelet) || is_removed {
            (self.taken, self.failures, self.next_try) = (None, 0, None);
        }
    }

    fn next(&mut self, is_listened_to: bool) -> Next {
        if self.taken.is_some() && is_listened_to {
            self.failures = 0;
            return Next::Nothing;
        }
        let listens_by = self.taken.map(|at| at + LISTENS_WITHIN);
        match listens_by.max(self.next_try).filter(|due| *due > Instant::now()) {
            Some(due) => Next::Wait(due),
            None => Next::Register,
        }
    }

    /// Notes what came of a try; when the next one may be due.
    fn tried(&mut self, name: &str, outcome: Result<(), Error>, service: &Service) -> Instant {
        let now = Instant::now();
        // Also after one that was taken: a kubelet that takes it and never listens is not asked in a circle.
        self.failures = self.failures.saturating_add(1);
        let next_try = now + pause(self.failures);
        self.next_try = Some(next_try);
        self.taken = outcome.is_ok().then_some(now);
        let error = outcome.err().map(|error| reason(&error));
        match &error {
            None => log::info!("{name} is registered with the kubelet"),
            Some(why) => log::warn!("{name} is not registered: {why}"),
        }
        service.devices.change_registration(name, |registration| {
            registration.taken += u64::from(error.is_none());
            registration.error = error;
        });
        next_try
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dev_1_a_kubelet_that_was_away_for_long_is_told_at_once_when_it_is_back() {
        let folder = tempfile::tempdir().unwrap();
        let identity = |name: &str| {
            std::fs::write(folder.path().join(name), "").unwrap();
            Identity::of(&folder.path().join(name)).unwrap()
        };
        let (before, after) = (identity("before"), identity("after"));
        let next_try = Some(Instant::now() + LONGEST_PAUSE);
        let mut resource = Resource { kubelet: Some(before), failures: 12, next_try, ..Resource::default() };
        resource.forget_another(folder.path(), before);
        assert!(matches!(resource.next(false), Next::Wait(_)));
        resource.forget_another(folder.path(), after);
        assert!(matches!(resource.next(false), Next::Register));
        assert_eq!(resource.failures, 0);
    }

    #[test]
    fn a_kubelet_that_takes_it_and_does_not_listen_has_time_for_it() {
        let mut resource = Resource { taken: Some(Instant::now()), ..Resource::default() };
        assert!(matches!(resource.next(false), Next::Wait(_)));
        assert!(matches!(resource.next(true), Next::Nothing));
        assert_eq!((pause(1), pause(3), pause(40)), (FIRST_PAUSE, FIRST_PAUSE * 4, LONGEST_PAUSE));
    }
}
