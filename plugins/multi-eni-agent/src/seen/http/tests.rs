use super::*;
use crate::seen::health::{Answer, Dependencies, Health};
use node::settings::Manifests;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

struct Served {
    _root: tempfile::TempDir,
    address: SocketAddr,
    health: Health,
    end: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

async fn served(limits: Limits) -> Served {
    let root = tempfile::tempdir().unwrap();
    let listener = bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // What is there is the server itself: it accepts connections, and that is all that is looked at.
    let itself: crate::seen::probe::Endpoint = format!("http://{address}").parse().unwrap();
    let state_dir = root.path().join("state");
    let dependencies =
        Dependencies { ec2: Some(itself.clone()), imds: itself, state_dir, manifests: Manifests::Folder };
    let health = Health::new(dependencies, Duration::from_secs(400));
    let pages = Pages { metrics: Metrics::new("0.1.0", &[]), health: health.clone() };
    let (end, ended) = oneshot::channel::<()>();
    let server = tokio::spawn(serve_within(limits, listener, pages, async {
        let _dropped_is_ended_too = ended.await;
    }));
    Served { _root: root, address, health, end, server }
}

async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn get_page(served: &Served, path: &str) -> String {
    ask(served.address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await
}

#[tokio::test]
async fn the_pages_answer() {
    let served = served(LIMITS).await;
    let metrics = get_page(&served, "/metrics").await;
    assert!(metrics.starts_with("HTTP/1.1 200") && metrics.contains("version=0.0.4"), "{metrics}");
    assert!(metrics.contains("multi_eni_info{version=\"0.1.0\"} 1"), "{metrics}");
    assert!(get_page(&served, "/healthz").await.starts_with("HTTP/1.1 200"));
    let before = get_page(&served, "/readyz").await;
    assert!(before.starts_with("HTTP/1.1 503") && before.contains("kernel: not ready"), "{before}");
    served.health.kernel(Answer::Served);
    let after = get_page(&served, "/readyz").await;
    assert!(after.starts_with("HTTP/1.1 200") && after.contains("\nec2: ok, "), "{after}");
    assert!(get_page(&served, "/").await.starts_with("HTTP/1.1 404"));
    assert!(ask(served.address, "POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.starts_with("HTTP/1.1 405"));
}

#[tokio::test]
async fn clients_that_say_nothing_do_not_keep_others_out() {
    let served = served(Limits { connections: 2, headers: Duration::from_millis(50), ..LIMITS }).await;
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(served.address).await.unwrap());
    }
    assert!(get_page(&served, "/healthz").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn headers_have_a_bound() {
    let served = served(LIMITS).await;
    let header = format!("X-Long: {}\r\n", "x".repeat(2 * MOST_HEADER_BYTES));
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    // The server may close before all is written.
    let _refused = stream.write_all(format!("GET /metrics HTTP/1.1\r\n{header}\r\n").as_bytes()).await;
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn it_ends_when_told_with_a_client_that_says_nothing() {
    let served = served(Limits { end: Duration::from_millis(50), ..LIMITS }).await;
    let _silent = TcpStream::connect(served.address).await.unwrap();
    assert!(get_page(&served, "/healthz").await.starts_with("HTTP/1.1 200"));
    served.end.send(()).unwrap();
    served.server.await.unwrap();
    assert!(TcpStream::connect(served.address).await.is_err());
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let first = bind("127.0.0.1:0").await.unwrap();
    let address = first.local_addr().unwrap().to_string();
    assert_eq!(bind(&address).await.unwrap_err().to_string(), format!("cannot listen on {address}"));
}

#[tokio::test]
async fn every_address_is_of_both_families_or_of_the_one_that_there_is() {
    let listener = bind("[::]:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (by_ipv4, accepted) = tokio::join!(TcpStream::connect(("127.0.0.1", port)), listener.accept());
    assert!(by_ipv4.is_ok() && accepted.is_ok());
    let no_ipv6 = io::Error::from_raw_os_error(Errno::EAFNOSUPPORT as i32);
    assert_eq!(without_ipv6("[::]:61680", &no_ipv6), "0.0.0.0:61680".parse().ok());
    for (listen, error) in
        [("[::1]:1", Errno::EAFNOSUPPORT), ("0.0.0.0:1", Errno::EAFNOSUPPORT), ("[::]:1", Errno::EADDRINUSE)]
    {
        assert_eq!(without_ipv6(listen, &io::Error::from_raw_os_error(error as i32)), None, "{listen}");
    }
}
