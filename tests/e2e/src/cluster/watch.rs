//! The API as a client sees it that waits: objects, and what becomes of them.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::control_plane::kubeconfig;
use super::daemon::{Daemon, folder};
use crate::{Host, LIMIT, binaries, until};

/// The admin's way to the API server: `kubectl proxy`, which speaks TLS for it.
pub(super) struct Api {
    pub(super) proxy: Daemon,
    pub(super) socket: PathBuf,
}

impl Api {
    pub(super) fn start(host: &Host) -> Self {
        let socket = folder(host, "kubectl-proxy").join("socket");
        let arguments = [format!("--kubeconfig={}", kubeconfig(host).display()), "proxy".to_owned()];
        let listening = format!("--unix-socket={}", socket.display());
        let mut proxy =
            Daemon::start(host, "kubectl-proxy", binaries::kubectl(), arguments.into_iter().chain([listening]));
        until("kubectl proxies", || {
            proxy.assert_runs();
            UnixStream::connect(&socket).is_ok()
        });
        Self { proxy, socket }
    }

    /// An object, or a list of them; nothing where there is none.
    ///
    /// # Panics
    ///
    /// When the API server answers otherwise.
    pub(super) fn get(&self, path: &str) -> Option<Value> {
        let mut answer = request(&self.socket, path);
        let status = status(&mut answer);
        let mut body = String::new();
        answer.read_to_string(&mut body).expect("the API server's answer");
        match status {
            200 => Some(serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))),
            404 => None,
            _ => panic!("{path}: {status}: {body}"),
        }
    }

    /// Waits until what is known of an object, nothing where there is none, is as wanted; an error has the object as it was
    /// last, if that is not within [`LIMIT`].
    pub(super) fn until(
        &self,
        path: &str,
        mut holds: impl FnMut(Option<&Value>) -> bool,
    ) -> Result<Option<Value>, Option<Value>> {
        let deadline = Instant::now() + LIMIT;
        loop {
            // Before the first look, so that nothing happens between the two.
            let mut events = request(&self.socket, &watch(path));
            assert_eq!(status(&mut events), 200, "watching {path}");
            let mut seen = self.get(path);
            loop {
                if holds(seen.as_ref()) {
                    return Ok(seen);
                }
                let Some(event) = next_event(&mut events, deadline) else { break };
                seen = (event["type"] != "DELETED").then(|| event["object"].clone());
            }
            if Instant::now() >= deadline {
                return Err(seen);
            }
        }
    }

    /// What is made of the first event of a watch that something is made of, within [`LIMIT`].
    pub(super) fn first<T>(&self, watch: &str, made_of: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + LIMIT;
        let mut events = request(&self.socket, watch);
        assert_eq!(status(&mut events), 200, "watching {watch}");
        std::iter::from_fn(|| next_event(&mut events, deadline)).find_map(|event| made_of(&event))
    }
}

/// The path that tells what becomes of an object.
fn watch(path: &str) -> String {
    let (collection, name) = path.rsplit_once('/').expect("the path of an object");
    format!("{collection}?watch=true&fieldSelector=metadata.name%3D{name}")
}

type Answer = BufReader<UnixStream>;

/// In HTTP/1.0, whose answers go on to the end of the stream and are not cut in pieces.
fn request(socket: &Path, path: &str) -> Answer {
    let mut stream = UnixStream::connect(socket).expect("kubectl's socket");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit of reading");
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").expect("a request to the API server");
    BufReader::new(stream)
}

/// The status of an answer, read up to its body.
fn status(answer: &mut Answer) -> u16 {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && answer.read_line(&mut head).expect("the API server's answer") > 0 {}
    head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("an answer of HTTP: {head}"))
}

/// Nothing at the end of the stream, and when the time is over.
fn next_event(events: &mut Answer, deadline: Instant) -> Option<Value> {
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    events.get_ref().set_read_timeout(Some(left)).expect("a limit of reading");
    let mut line = String::new();
    let read = events.read_line(&mut line).unwrap_or_default();
    (read > 0).then(|| serde_json::from_str(&line).unwrap_or_else(|error| panic!("an event: {error}: {line}")))
}
