//! Plugins on the socket, with a loop that the test plays.

use super::*;
use node::ask::{Ready, ask, listen};
use node::record::Owner;
use node::store::Store;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

const LIMIT: Duration = Duration::from_secs(60);

struct Served {
    place: TempDir,
    asks: mpsc::Receiver<Ask>,
    end: Option<watch::Sender<()>>,
    server: JoinHandle<()>,
}

impl Served {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        Store::open(place.path()).unwrap();
        let listener = listen(place.path()).unwrap();
        let (sender, asks) = mpsc::channel(8);
        let (end, mut ended) = watch::channel(());
        let server = tokio::spawn(serve(listener, sender, async move { drop(ended.changed().await) }));
        Self { place, asks, end: Some(end), server }
    }

    fn ask(&self, request: Request) -> JoinHandle<Result<Reply, node::ask::Error>> {
        let path = self.place.path().to_path_buf();
        tokio::spawn(async move { ask(&path, &request, LIMIT).await })
    }

    async fn asking(&mut self) -> Asking {
        match timeout(LIMIT, self.asks.recv()).await.unwrap().unwrap() {
            Ask::Acquire(asking) => asking,
            other => panic!("{other:?}"),
        }
    }
}

fn acquire(pod: &str) -> Request {
    let owner = Owner { network: "net".to_string(), container_id: pod.to_string(), ifname: "net1".to_string() };
    Request::Acquire(Acquire { pool: "data".parse().unwrap(), owner, pod: None, deadline_ms: 60_000 })
}

fn ready() -> Reply {
    Reply::Ready(Ready { network_interface_id: "eni-0123456789abcdef0".parse().unwrap() })
}

#[tokio::test]
async fn several_wait_at_once_and_each_gets_its_own_answer() {
    let mut served = Served::new();
    let plugins: Vec<_> = (0..20).map(|number| served.ask(acquire(&number.to_string()))).collect();
    let status = served.ask(Request::Status {});
    let mut waiting = Vec::new();
    for _ in 0..21 {
        match timeout(LIMIT, served.asks.recv()).await.unwrap().unwrap() {
            Ask::Acquire(asking) => waiting.push(asking),
            Ask::Status(reply) => reply.send(Reply::Status(serde_json::json!({"node": "n"}))).unwrap(),
            other => panic!("{other:?}"),
        }
    }
    for asking in waiting {
        asking.reply.send(ready()).unwrap();
    }
    for plugin in plugins {
        assert_eq!(plugin.await.unwrap().unwrap(), ready());
    }
    assert!(matches!(status.await.unwrap().unwrap(), Reply::Status(_)));
}

#[tokio::test]
async fn however_many_wait_for_an_eni_the_status_is_told_and_each_gets_its_place() {
    let mut served = Served::new();
    let mut plugins: Vec<_> = (0..70).map(|number| served.ask(acquire(&number.to_string()))).collect();
    let mut waiting = Vec::new();
    for _ in 0..MOST_ACQUIRES {
        waiting.push(served.asking().await);
    }
    let status = served.ask(Request::Status {});
    match timeout(LIMIT, served.asks.recv()).await.unwrap().unwrap() {
        Ask::Status(reply) => reply.send(Reply::Status(serde_json::json!({}))).unwrap(),
        other => panic!("{other:?}"),
    }
    assert!(matches!(status.await.unwrap().unwrap(), Reply::Status(_)));
    // Who goes makes room.
    waiting.into_iter().for_each(|asking| asking.reply.send(ready()).unwrap());
    for _ in MOST_ACQUIRES..70 {
        served.asking().await.reply.send(ready()).unwrap();
    }
    for plugin in plugins.drain(..) {
        assert_eq!(plugin.await.unwrap().unwrap(), ready());
    }
}

#[tokio::test]
async fn a_plugin_that_dies_takes_its_request_back() {
    let mut served = Served::new();
    let plugin = served.ask(acquire("pod"));
    let asking = served.asking().await;
    plugin.abort();
    match timeout(LIMIT, served.asks.recv()).await.unwrap().unwrap() {
        Ask::Withdraw(number) => assert_eq!(number, asking.number),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn rubbish_is_refused_and_in_nobodys_way() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut served = Served::new();
    let mut stream = UnixStream::connect(served.place.path().join(node::ask::SOCKET)).await.unwrap();
    stream.write_all(b"{\"stop\": {}}\n").await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.contains("\"code\":6"), "{reply}");
    let plugin = served.ask(acquire("pod"));
    served.asking().await.reply.send(ready()).unwrap();
    assert_eq!(plugin.await.unwrap().unwrap(), ready());
}

#[tokio::test]
async fn those_who_wait_when_the_agent_ends_are_left_to_the_next_one() {
    let mut served = Served::new();
    let plugin = served.ask(acquire("pod"));
    // A loop that ends forgets who waits.
    drop(served.asking().await);
    assert!(matches!(plugin.await.unwrap(), Err(node::ask::Error::Closed)));
    drop(served.end.take());
    timeout(LIMIT, served.server).await.unwrap().unwrap();
}
