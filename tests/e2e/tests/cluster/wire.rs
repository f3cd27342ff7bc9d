//! Requests over `kubectl proxy`, as an agent makes them.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use e2e::LIMIT;
use serde_json::Value;

pub(super) struct Wire {
    socket: PathBuf,
}

impl Wire {
    pub(super) fn to(socket: &Path) -> Self {
        Self { socket: socket.to_path_buf() }
    }

    pub(super) fn get(&self, path: &str) -> String {
        self.send("GET", path, "application/json", None)
    }

    pub(super) fn post(&self, path: &str, object: &Value) {
        self.send("POST", path, "application/json", Some(object));
    }

    /// Server-side apply.
    pub(super) fn apply(&self, path: &str, object: &Value) {
        let path = format!("{path}?fieldManager=multi-eni-agent&force=true");
        self.send("PATCH", &path, "application/apply-patch+yaml", Some(object));
    }

    pub(super) fn patch_status(&self, path: &str, object: &Value) {
        self.send("PATCH", &format!("{path}/status"), "application/merge-patch+json", Some(object));
    }

    /// The code of the answer to a server-side apply of a status as the cluster agent's.
    pub(super) fn apply_status(&self, path: &str, object: &Value) -> u16 {
        let path = format!("{path}/status?fieldManager=multi-eni-cluster-agent&force=true");
        self.answer("PATCH", &path, "application/apply-patch+yaml", Some(object)).0
    }

    fn send(&self, method: &str, path: &str, kind: &str, body: Option<&Value>) -> String {
        let (code, body) = self.answer(method, path, kind, body);
        assert!((200..300).contains(&code), "{method} {path}: {code} {body}");
        body
    }

    /// In HTTP/1.0, whose answers go on to the end of the stream and are not cut in pieces.
    fn answer(&self, method: &str, path: &str, kind: &str, body: Option<&Value>) -> (u16, String) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut stream = connect(&self.socket);
        let head = format!("{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: {kind}\r\n");
        write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_string())
    }
}

pub(super) fn connect(socket: &Path) -> UnixStream {
    let stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}
