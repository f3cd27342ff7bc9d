//! The machine's monitor: QEMU's QMP, JSON documents on lines
//! (<https://www.qemu.org/docs/master/interop/qmp-spec.html>).

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};

use crate::{LIMIT, until};

/// A connection to the monitor.
#[derive(Debug)]
pub struct Qmp {
    line: Mutex<Line>,
    events: Arc<Events>,
}

#[derive(Debug)]
struct Line {
    stream: UnixStream,
    answers: Receiver<Value>,
}

#[derive(Debug, Default)]
struct Events {
    seen: Mutex<Vec<Value>>,
    more: Condvar,
}

impl Qmp {
    /// Connects as soon as the machine listens.
    ///
    /// # Panics
    ///
    /// When it never does.
    #[must_use]
    pub fn connect(path: &Path) -> Self {
        let mut connected = None;
        until("the machine's monitor listens", || {
            connected = UnixStream::connect(path).ok();
            connected.is_some()
        });
        let stream = connected.expect("a connection to the monitor");
        let (sender, answers) = channel();
        let events = Arc::new(Events::default());
        let (reader, told) = (stream.try_clone().expect("the connection's other end"), Arc::clone(&events));
        thread::spawn(move || listen(reader, &sender, &told));
        let qmp = Self { line: Mutex::new(Line { stream, answers }), events };
        qmp.execute("qmp_capabilities", &json!({}));
        qmp
    }

    /// Has the machine do something, and gives what it answers.
    ///
    /// # Panics
    ///
    /// When it refuses, or is gone.
    pub fn execute(&self, command: &str, arguments: &Value) -> Value {
        let answer = self.ask(command, arguments);
        assert!(answer.get("error").is_none(), "{command} {arguments}: {answer}");
        answer["return"].clone()
    }

    fn ask(&self, command: &str, arguments: &Value) -> Value {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let order = json!({"execute": command, "arguments": arguments});
        writeln!(line.stream, "{order}").expect("a monitor that reads");
        line.answers.recv_timeout(LIMIT).unwrap_or_else(|error| panic!("{command} {arguments}: no answer: {error}"))
    }

    /// Whether the machine has told of this, or tells of it before it ends: however long that takes.
    pub fn comes(&self, is_it: impl Fn(&Value) -> bool) -> bool {
        let mut seen = self.events.seen.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if seen.iter().any(&is_it) {
                return true;
            }
            if seen.iter().any(|event| event["event"] == ENDED) {
                return false;
            }
            seen = self.events.more.wait(seen).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What was told of a device of this name was of another one.
    pub(super) fn forget(&self, device: &str) {
        let mut seen = self.events.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|event| event["data"]["device"] != device);
    }
}

impl Events {
    fn push(&self, event: Value) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        self.more.notify_all();
    }
}

/// Not of QEMU: its end closes the connection.
const ENDED: &str = "ENDED";

fn listen(stream: UnixStream, answers: &Sender<Value>, events: &Events) {
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        let Ok(document) = serde_json::from_str::<Value>(&line) else { continue };
        if document.get("event").is_some() {
            events.push(document);
        } else if document.get("QMP").is_none() {
            answers.send(document).ok();
        }
    }
    events.push(json!({"event": ENDED}));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    /// A monitor that answers each command with its own name, after an event.
    fn monitor(path: &Path) {
        let listener = UnixListener::bind(path).unwrap();
        thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            writeln!(stream, "{}", json!({"QMP": {}})).unwrap();
            for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                let order: Value = serde_json::from_str(&line.unwrap()).unwrap();
                writeln!(stream, "{}", json!({"event": "DEVICE_DELETED", "data": {"device": "nic1"}})).unwrap();
                writeln!(stream, "{}", json!({"return": order["execute"]})).unwrap();
            }
        });
    }

    #[test]
    fn an_answer_is_told_from_an_event_that_came_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("qmp");
        monitor(&path);
        let qmp = Qmp::connect(&path);
        assert_eq!(qmp.execute("device_del", &json!({"id": "nic1"})), "device_del");
        assert!(qmp.comes(|event| event["data"]["device"] == "nic1"));
    }
}
