//! What the tests have of a kubelet.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::stream;
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};

use crate::devices::api::v1beta1::device_plugin_client::DevicePluginClient;
use crate::devices::api::v1beta1::registration_server::{Registration, RegistrationServer};
use crate::devices::api::v1beta1::{Empty, ListAndWatchResponse, RegisterRequest};

/// Waits for events, so that only what hangs takes so long.
pub(super) const LIMIT: Duration = Duration::from_secs(30);

struct Registrar(mpsc::UnboundedSender<RegisterRequest>);

#[tonic::async_trait]
impl Registration for Registrar {
    async fn register(&self, request: Request<RegisterRequest>) -> Result<Response<Empty>, Status> {
        self.0.send(request.into_inner()).map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(Empty {}))
    }
}

/// A kubelet as it is after its start: its folder is there, no socket but its own is in it, and it knows no registration.
pub(super) struct FakeKubelet {
    folder: PathBuf,
    registrations: mpsc::UnboundedReceiver<RegisterRequest>,
    server: JoinHandle<()>,
}

impl FakeKubelet {
    pub(super) fn start(kubelet_dir: &Path) -> Self {
        let folder = kubelet_dir.join("device-plugins");
        std::fs::create_dir_all(&folder).unwrap();
        for file in super::names(&folder) {
            std::fs::remove_file(folder.join(file)).unwrap();
        }
        let listener = UnixListener::bind(folder.join("kubelet.sock")).unwrap();
        let (sender, registrations) = mpsc::unbounded_channel();
        let incoming = stream::poll_fn(move |cx| {
            listener.poll_accept(cx).map(|accepted| Some(accepted.map(|(stream, _)| stream)))
        });
        let registrar = RegistrationServer::new(Registrar(sender));
        let server = async { Server::builder().serve_with_incoming(registrar, incoming).await.unwrap() };
        Self { folder, registrations, server: tokio::spawn(server) }
    }

    /// The next registration.
    pub(super) async fn registration(&mut self) -> RegisterRequest {
        tokio::time::timeout(LIMIT, self.registrations.recv()).await.expect("a registration").unwrap()
    }

    /// A client of the plugin that registered so.
    pub(super) async fn client(&self, registration: &RegisterRequest) -> DevicePluginClient<Channel> {
        let path = self.folder.join(&registration.endpoint);
        let endpoint = Endpoint::from_shared(format!("unix://{}", path.display())).unwrap();
        DevicePluginClient::new(endpoint.connect().await.unwrap())
    }

    /// A plugin's list, as the kubelet listens to it.
    pub(super) async fn listen(&mut self) -> (DevicePluginClient<Channel>, List) {
        let registration = self.registration().await;
        let mut client = self.client(&registration).await;
        let stream = client.list_and_watch(Empty {}).await.unwrap().into_inner();
        (client, List::of(stream))
    }
}

impl Drop for FakeKubelet {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A list that is listened to.
pub(super) struct List(Streaming<ListAndWatchResponse>);

impl List {
    pub(super) fn of(stream: Streaming<ListAndWatchResponse>) -> Self {
        Self(stream)
    }

    /// The next one, in words.
    pub(super) async fn next(&mut self) -> Vec<String> {
        let next = tokio::time::timeout(LIMIT, self.0.message()).await.expect("a list");
        let devices = next.unwrap().expect("a list and no end").devices;
        devices.iter().map(|device| format!("{} {}", device.id, device.health)).collect()
    }

    /// Waits for the end of the stream.
    pub(super) async fn end(&mut self) {
        while let Ok(Some(_)) = tokio::time::timeout(LIMIT, self.0.message()).await.expect("an end") {}
    }
}
