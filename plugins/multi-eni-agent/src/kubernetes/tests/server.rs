//! An API server of objects that a test puts there. It lists and watches as the real one does, and fails as it is told to.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::StreamExt;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::mpsc;

type Answer = UnsyncBoxBody<Bytes, Infallible>;

/// How it answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Serves,
    /// With this status, whatever is asked.
    Answers(u16),
    /// Not at all.
    Away,
}

struct Watch {
    path: String,
    selector: String,
    events: mpsc::UnboundedSender<Bytes>,
}

#[derive(Default)]
struct Inner {
    version: u64,
    /// By path and name.
    objects: BTreeMap<(String, String), Value>,
    /// What happened, by version.
    history: Vec<(u64, String, Value)>,
    /// Versions up to this are forgotten.
    horizon: u64,
    watches: Vec<Watch>,
    mood: Mood,
    refuses_expired: bool,
    requests: Vec<String>,
}

/// A clone is the same server.
#[derive(Clone, Default)]
pub(crate) struct Server(Arc<Mutex<Inner>>);

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Server")
    }
}

/// The server is not there.
#[derive(Debug, thiserror::Error)]
#[error("connection refused")]
struct Refused;

pub(crate) const NODE_ENIS: &str = "/apis/networking.k8s.aws/v1alpha1/nodeenis";
pub(crate) const NODES: &str = "/api/v1/nodes";
pub(crate) const PODS: &str = "/api/v1/pods";
const NAMESPACES: &str = "/api/v1/namespaces";
pub(crate) const CLUSTER: &str = "4c5f9a3e-0000-4000-8000-000000000001";

impl Server {
    /// With the namespace that every cluster has.
    pub(crate) fn new() -> Self {
        let server = Self::default();
        server.put(NAMESPACES, json!({ "metadata": { "name": "kube-system", "uid": CLUSTER } }));
        server
    }

    pub(crate) fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let answer = server.answer(&request);
            async move { answer }
        });
        Client::new(service, "default")
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// Puts an object there, or another one in its place.
    pub(crate) fn put(&self, path: &str, mut object: Value) {
        let mut inner = self.inner();
        inner.version += 1;
        object["metadata"]["resourceVersion"] = json!(inner.version.to_string());
        let name = object["metadata"]["name"].as_str().unwrap().to_string();
        let was_there = inner.objects.insert((path.to_string(), name), object.clone()).is_some();
        inner.tell(path, if was_there { "MODIFIED" } else { "ADDED" }, &object);
    }

    /// Takes an object away.
    pub(crate) fn delete(&self, path: &str, name: &str) {
        let mut inner = self.inner();
        inner.version += 1;
        let mut object = inner.objects.remove(&(path.to_string(), name.to_string())).unwrap();
        object["metadata"]["resourceVersion"] = json!(inner.version.to_string());
        inner.tell(path, "DELETED", &object);
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        self.inner().mood = mood;
    }

    /// Ends every watch, as a server does after some minutes, or when it goes.
    pub(crate) fn end_watches(&self) {
        self.inner().watches.clear();
    }

    /// Forgets what happened, and ends every watch with that word.
    pub(crate) fn expire(&self) {
        let mut inner = self.inner();
        inner.horizon = inner.version;
        inner.version += 1;
        let gone = line(&expired());
        for watch in inner.watches.drain(..) {
            // Whoever watched may be gone.
            drop(watch.events.send(gone.clone()));
        }
    }

    /// Answers a watch from where it cannot begin any more by a status, and not in the watch.
    pub(crate) fn refuse_expired(&self) {
        self.inner().refuses_expired = true;
    }

    /// Forgets what happened, and tells nobody.
    pub(crate) fn forget(&self) {
        let mut inner = self.inner();
        inner.horizon = inner.version;
        inner.version += 1;
    }

    /// What was asked so far of a path, `list` or `watch`.
    pub(crate) fn asked(&self, path: &str) -> Vec<String> {
        let requests = self.inner().requests.clone();
        requests
            .iter()
            .filter_map(|request| request.strip_prefix(path)?.strip_prefix(' '))
            .map(ToString::to_string)
            .collect()
    }

    fn answer(&self, request: &Request<Body>) -> Result<Response<Answer>, Refused> {
        let mut inner = self.inner();
        let (path, query) = (request.uri().path().to_string(), request.uri().query().unwrap_or_default().to_string());
        let is_watch = query.contains("watch=true");
        inner.requests.push(format!("{path} {}", if is_watch { "watch" } else { "list" }));
        match inner.mood {
            Mood::Serves => {}
            Mood::Answers(status) => return Ok(failure(status)),
            Mood::Away => return Err(Refused),
        }
        let selector = parameter(&query, "fieldSelector").unwrap_or_default();
        if is_watch {
            let from = parameter(&query, "resourceVersion").unwrap_or_default().parse().unwrap_or_default();
            return Ok(inner.watch(&path, &selector, from));
        }
        if let Some((collection, name)) = path.rsplit_once('/')
            && let Some(object) = inner.objects.get(&(collection.to_string(), name.to_string()))
        {
            return Ok(whole(200, object));
        }
        Ok(inner.list(&path, &selector))
    }
}

impl Inner {
    fn tell(&mut self, path: &str, kind: &str, object: &Value) {
        let event = json!({ "type": kind, "object": object });
        for watch in self.watches.iter().filter(|watch| watch.path == path && is_selected(object, &watch.selector)) {
            drop(watch.events.send(line(&event)));
        }
        self.history.push((self.version, path.to_string(), event));
    }

    fn list(&self, path: &str, selector: &str) -> Response<Answer> {
        let of_path = self.objects.iter().filter(|((of, _), object)| of == path && is_selected(object, selector));
        let items: Vec<&Value> = of_path.map(|(_, object)| object).collect();
        let list = json!({
            "apiVersion": "v1", "kind": "List", "metadata": { "resourceVersion": self.version.to_string() }, "items": items
        });
        whole(200, &list)
    }

    fn watch(&mut self, path: &str, selector: &str, from: u64) -> Response<Answer> {
        let (events, told) = mpsc::unbounded_channel();
        if from < self.horizon && self.refuses_expired {
            return failure(410);
        }
        if from < self.horizon {
            drop(events.send(line(&expired())));
        } else {
            let missed = self.history.iter().filter(|(version, of, event)| {
                *version > from && of == path && is_selected(&event["object"], selector)
            });
            missed.for_each(|(_, _, event)| drop(events.send(line(event))));
            self.watches.push(Watch { path: path.into(), selector: selector.into(), events });
        }
        let told = futures_util::stream::unfold(told, async |mut told| Some((told.recv().await?, told)));
        let frames = told.map(|bytes| Ok::<_, Infallible>(Frame::data(bytes)));
        Response::new(StreamBody::new(frames).boxed_unsync())
    }
}

fn is_selected(object: &Value, selector: &str) -> bool {
    match selector.split_once('=') {
        Some(("metadata.name", name)) => object["metadata"]["name"] == *name,
        Some(("spec.nodeName", name)) => object["spec"]["nodeName"] == *name,
        Some((other, _)) => panic!("the field {other}"),
        None => true,
    }
}

fn parameter(query: &str, name: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.replace("%3D", "="))
}

fn line(event: &Value) -> Bytes {
    format!("{event}\n").into()
}

fn expired() -> Value {
    json!({ "type": "ERROR", "object": status(410) })
}

fn status(code: u16) -> Value {
    let reason = StatusCode::from_u16(code).unwrap().canonical_reason().unwrap();
    json!({
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure", "code": code, "reason": reason, "message": reason
    })
}

fn failure(code: u16) -> Response<Answer> {
    whole(code, &status(code))
}

fn whole(code: u16, content: &Value) -> Response<Answer> {
    let body = Full::new(Bytes::from(content.to_string()));
    Response::builder().status(code).body(body.boxed_unsync()).unwrap()
}
