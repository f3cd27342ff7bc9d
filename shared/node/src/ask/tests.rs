use super::*;
use crate::record::Owner;
use crate::store::Store;
use serde_json::json;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixListener;

/// Longer than any test takes; what waits for it has failed.
const FOREVER: Duration = Duration::from_secs(60);

fn acquire() -> Request {
    Request::Acquire(Acquire {
        pool: "data".parse().unwrap(),
        owner: Owner { network: "n".to_string(), container_id: "c".to_string(), ifname: "net1".to_string() },
        pod: None,
        deadline_ms: 41_000,
    })
}

fn ready() -> Reply {
    Reply::Ready(Ready { network_interface_id: "eni-01234567".parse().unwrap() })
}

/// A state folder, and a socket that the returned listener serves.
fn listening() -> (tempfile::TempDir, UnixListener) {
    let root = tempfile::tempdir().unwrap();
    Store::open(root.path()).unwrap();
    let listener = listen(root.path()).unwrap();
    (root, listener)
}

async fn asked(state_dir: &Path) -> Result<Reply, Error> {
    ask(state_dir, &acquire(), FOREVER).await
}

#[test]
fn the_documents_are_as_agreed() {
    let owner = json!({"network": "n", "containerId": "c", "ifname": "net1"});
    let said = |request: &Request| serde_json::to_value(request).unwrap();
    assert_eq!(said(&acquire()), json!({"acquire": {"pool": "data", "owner": owner, "deadlineMs": 41_000}}));
    assert_eq!(said(&Request::Refresh {}), json!({"refresh": {}}));
    assert_eq!(said(&Request::Status {}), json!({"status": {}}));
    let answered = |reply: &Reply| serde_json::to_value(reply).unwrap();
    assert_eq!(answered(&ready()), json!({"ready": {"networkInterfaceId": "eni-01234567"}}));
    assert_eq!(answered(&Reply::Refreshed {}), json!({"refreshed": {}}));
    assert_eq!(answered(&Reply::Status(json!({"pools": []}))), json!({"status": {"pools": []}}));
    let refusal = Refusal { code: 101, msg: "subnet full".to_string(), details: String::new() };
    let refused = json!({"refused": {"code": 101, "msg": "subnet full", "details": ""}});
    assert_eq!(answered(&Reply::Refused(refusal)), refused);
}

#[test]
fn what_is_no_request_is_refused() {
    for bad in
        ["", "{}", "null", "{\"acquire\": {}}", "{\"stop\": {}}", "{\"refresh\": {}, \"status\": {}}", "\"refresh\""]
    {
        assert!(matches!(Request::decode(bad.as_bytes()), Err(LineError::Content(_))), "{bad}");
    }
    let giant = Request::Acquire(Acquire {
        pool: "data".parse().unwrap(),
        owner: Owner { network: "n".repeat(REQUEST_LIMIT), container_id: String::new(), ifname: String::new() },
        pod: None,
        deadline_ms: 0,
    });
    assert!(matches!(giant.encode(), Err(LineError::TooLong { .. })));
}

#[tokio::test]
async fn a_request_is_answered() {
    let (root, listener) = listening();
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert_eq!(receive(&mut stream).await.unwrap(), acquire());
        answer(&mut stream, &ready()).await.unwrap();
    };
    let (reply, ()) = tokio::join!(asked(root.path()), serve);
    assert_eq!(reply.unwrap(), ready());
    let mode = root.path().join(SOCKET).symlink_metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_state_folder_with_a_long_path_has_a_socket_too() {
    let root = tempfile::tempdir().unwrap();
    let state_dir = root.path().join("d".repeat(150));
    Store::open(&state_dir).unwrap();
    let listener = listen(&state_dir).unwrap();
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        receive(&mut stream).await.unwrap();
        answer(&mut stream, &Reply::Refreshed {}).await.unwrap();
    };
    let (reply, ()) = tokio::join!(asked(&state_dir), serve);
    assert_eq!(reply.unwrap(), Reply::Refreshed {});
}

#[tokio::test]
async fn without_an_agent_the_error_says_so_at_once() {
    let (root, listener) = listening();
    drop(listener);
    assert!(matches!(asked(root.path()).await, Err(Error::NoAgent { .. })), "the socket of a dead agent");
    std::fs::remove_file(root.path().join(SOCKET)).unwrap();
    assert!(matches!(asked(root.path()).await, Err(Error::NoAgent { .. })), "no socket");
    assert!(matches!(asked(&root.path().join("none")).await, Err(Error::NoAgent { .. })), "no folder");
    listen(root.path()).unwrap();
    listen(root.path()).unwrap();
}

#[tokio::test]
async fn a_socket_that_others_could_have_made_is_not_asked() {
    let untrusted = |root: &Path| {
        let root = root.to_path_buf();
        async move { matches!(asked(&root).await, Err(Error::Untrusted { .. })) }
    };
    let (root, _listener) = listening();
    let socket = root.path().join(SOCKET);
    let allow = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    allow(&socket, 0o660);
    assert!(untrusted(root.path()).await, "mode");
    allow(&socket, 0o600);
    allow(root.path(), 0o755);
    assert!(untrusted(root.path()).await, "mode of the folder");
    allow(root.path(), 0o700);
    std::os::unix::fs::chown(&socket, Some(65_534), None).unwrap();
    assert!(untrusted(root.path()).await, "owner");
    std::fs::rename(&socket, root.path().join("real.sock")).unwrap();
    symlink(root.path().join("real.sock"), &socket).unwrap();
    assert!(untrusted(root.path()).await, "link");
    std::fs::remove_file(&socket).unwrap();
    std::fs::write(&socket, "").unwrap();
    assert!(untrusted(root.path()).await, "file");
}

#[tokio::test]
async fn an_agent_that_does_not_answer_is_left_and_told_so() {
    let (root, listener) = listening();
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        receive(&mut stream).await.unwrap();
        withdrawn(&stream).await;
    };
    let request = acquire();
    let (reply, ()) = tokio::join!(ask(root.path(), &request, Duration::from_millis(50)), serve);
    assert!(matches!(reply, Err(Error::Late { .. })));
}

#[tokio::test]
async fn an_agent_that_closes_has_no_answer() {
    let (root, listener) = listening();
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        receive(&mut stream).await.unwrap();
    };
    let (reply, ()) = tokio::join!(asked(root.path()), serve);
    assert!(matches!(reply, Err(Error::Closed)), "{reply:?}");
}

#[tokio::test]
async fn replies_that_are_none_are_refused() {
    let giant = vec![b' '; REPLY_LIMIT + 1];
    for bad in [&b"nothing\n"[..], b"{\"ready\": {}}\n", b"{\"refreshed\": {}}", b"{\"refreshed\": {}}\n{}\n", &giant] {
        let (root, listener) = listening();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            receive(&mut stream).await.unwrap();
            // The asker may have left before all was written.
            drop(stream.write_all(bad).await);
        };
        let (reply, ()) = tokio::join!(asked(root.path()), serve);
        assert!(matches!(reply, Err(Error::Line(_))), "{:?} of {} bytes", reply, bad.len());
    }
}

#[tokio::test]
async fn requests_that_are_none_are_refused() {
    let giant = vec![b'['; REQUEST_LIMIT + 1];
    for (bad, is_right) in [
        (&b"{\"stop\": {}}\n"[..], (|error| matches!(error, LineError::Content(_))) as fn(&LineError) -> bool),
        (b"{\"refresh\": {}}", |error| matches!(error, LineError::Closed { read: 15 })),
        (b"", |error| matches!(error, LineError::Closed { read: 0 })),
        (b"{\"refresh\": {}}\n{\"status\": {}}\n", |error| matches!(error, LineError::Trailing)),
        (&giant, |error| matches!(error, LineError::TooLong { .. })),
    ] {
        let error = receive(&mut &*bad).await.unwrap_err();
        assert!(is_right(&error), "{error:?}");
    }
}
