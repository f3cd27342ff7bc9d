//! An agent as a plugin sees it: a socket, and answers to what is asked there.

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use e2e::{LIMIT, Lab};
use node::ask::{Acquire, Decoded, Ready, Refusal, Reply, Request, SOCKET};
use node::inventory::Entry;

/// Serves the socket of a lab.
pub(crate) struct FakeAgent {
    asked: Arc<Mutex<Vec<Acquire>>>,
    questions: Receiver<()>,
    withdrawals: Receiver<()>,
}

impl FakeAgent {
    /// Each request is answered by `answer`, on a thread of its own; nothing leaves the asker waiting.
    pub(crate) fn serve(lab: &Lab, answer: impl Fn(&Acquire) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let listener = listen(lab);
        let asked = Arc::<Mutex<Vec<Acquire>>>::default();
        let ((came, questions), (withdrawn, withdrawals)) = (channel(), channel());
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                let (came, withdrawn) = (came.clone(), withdrawn.clone());
                thread::spawn(move || {
                    let mut reader = BufReader::new(stream);
                    let request = read(&mut reader);
                    log.lock().unwrap().push(request.clone());
                    // The test may be over, here and below.
                    came.send(()).ok();
                    match answer(&request) {
                        Some(reply) => say(reader.get_mut(), &reply),
                        None => {
                            let rest = reader.read_to_end(&mut Vec::new());
                            assert!(matches!(rest, Ok(0)), "{rest:?}");
                            withdrawn.send(()).ok();
                        }
                    }
                });
            }
        });
        Self { asked, questions, withdrawals }
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<Acquire> {
        self.asked.lock().unwrap().clone()
    }

    /// Waits until the next question came.
    pub(crate) fn await_question(&self) {
        self.questions.recv_timeout(LIMIT).unwrap();
    }

    /// Waits until an asker that has no answer closes its connection.
    pub(crate) fn await_withdrawal(&self) {
        self.withdrawals.recv_timeout(LIMIT).unwrap();
    }
}

/// The socket, as an agent makes it; nobody serves it yet.
pub(crate) fn listen(lab: &Lab) -> UnixListener {
    let [path, unready] = [SOCKET, "unready"].map(|name| lab.state_dir().join(name));
    let listener = UnixListener::bind(&unready).unwrap();
    std::fs::set_permissions(&unready, Permissions::from_mode(0o600)).unwrap();
    std::fs::rename(unready, path).unwrap();
    listener
}

pub(crate) fn ready(entry: &Entry) -> Reply {
    Reply::Ready(Ready { network_interface_id: entry.network_interface_id.clone() })
}

pub(crate) fn refused(code: u32, msg: &str, details: &str) -> Reply {
    Reply::Refused(Refusal { code, msg: msg.to_string(), details: details.to_string() })
}

fn read(stream: &mut BufReader<UnixStream>) -> Acquire {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).unwrap();
    match Request::decode(&line).unwrap() {
        Request::Acquire(acquire) => acquire,
        other => panic!("a plugin asks {other:?}"),
    }
}

fn say(stream: &mut UnixStream, reply: &Reply) {
    // The asker may be dead.
    stream.write_all(&reply.encode().unwrap()).ok();
}
