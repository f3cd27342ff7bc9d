//! An API server that fits in a test: objects, versions, watches, preconditions, finalizers, and any answer instead, when a test says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::{Body, Bytes};
use futures_util::stream::unfold;
use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body as ClientBody;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tower::BoxError;

pub(super) const NODES: &str = "/api/v1/nodes";
pub(super) const NAMESPACES: &str = "/api/v1/namespaces";
pub(super) const NODE_ENIS: &str = "/apis/networking.k8s.aws/v1alpha1/nodeenis";
pub(super) const ENI_NODES: &str = "/apis/networking.k8s.aws/v1alpha1/eninodes";
pub(super) const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/multi-eni-system/leases";
pub(super) const ORIGINAL_LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/eni-controller-system/leases";
pub(super) const ORIGINAL_DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/eni-controller-system/deployments";

const COLLECTIONS: [&str; 7] = [NODES, NAMESPACES, NODE_ENIS, ENI_NODES, LEASES, ORIGINAL_LEASES, ORIGINAL_DEPLOYMENTS];

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instead {
    /// It is refused with this code.
    Refuses(u16),
    /// It is done, and refused with this code.
    DoesAndRefuses(u16),
    /// It is never answered.
    Hangs,
    /// The connection fails.
    Breaks,
    /// It is done after so many seconds.
    Delays(u64),
}

/// A request that was made.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) who: String,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) is_watch: bool,
}

/// The server. A clone is the same one.
#[derive(Clone, Default)]
pub(super) struct ApiServer(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    version: u64,
    objects: BTreeMap<&'static str, BTreeMap<String, Value>>,
    watches: Vec<(&'static str, UnboundedSender<String>)>,
    /// What happened, for watches that begin later: the version, where, and the event.
    events: Vec<(u64, &'static str, String)>,
    /// Events of this version and before are forgotten.
    forgotten: u64,
    faults: Vec<Fault>,
    asked: Vec<Asked>,
}

struct Fault {
    who: Option<String>,
    method: Option<Method>,
    path: String,
    times: usize,
    instead: Instead,
}

impl ApiServer {
    /// A client of this name.
    pub(super) fn client(&self, who: &str) -> Client {
        let (server, who) = (self.clone(), who.to_string());
        let service = tower::service_fn(move |request: Request<ClientBody>| {
            let (server, who) = (server.clone(), who.clone());
            async move { server.answer(&who, request).await }
        });
        Client::new(service, "default")
    }

    /// From now on, so often, a request whose path has this in it.
    pub(super) fn at(&self, method: Option<Method>, path: &str, times: usize, instead: Instead) {
        self.inner().faults.push(Fault { who: None, method, path: path.to_string(), times, instead });
    }

    /// This client's requests, all of them.
    pub(super) fn cut_off(&self, who: &str, instead: Instead) {
        let fault = Fault { who: Some(who.into()), method: None, path: String::new(), times: usize::MAX, instead };
        self.inner().faults.push(fault);
    }

    /// Everything is answered again.
    pub(super) fn heals(&self) {
        self.inner().faults.clear();
    }

    /// All watches end, and what happened so far is forgotten.
    pub(super) fn ends_watches(&self) {
        let mut inner = self.inner();
        inner.watches.clear();
        inner.version += 1;
        inner.forgotten = inner.version;
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.inner().asked.clone()
    }

    pub(super) fn object(&self, collection: &'static str, name: &str) -> Option<Value> {
        self.inner().objects.get(collection)?.get(name).cloned()
    }

    /// Makes it, or puts it in the place of the one that is there.
    pub(super) fn put(&self, collection: &'static str, mut object: Value) {
        let mut inner = self.inner();
        let name = name(&object);
        if object["metadata"].get("uid").is_none() {
            let known = inner.objects.get(collection).and_then(|objects| objects.get(&name));
            let new = || format!("uid-{name}-{}", inner.version);
            let uid = known.map_or_else(new, |known| text(known, "/metadata/uid"));
            object["metadata"]["uid"] = json!(uid);
        }
        inner.store(collection, object);
    }

    /// As `kubectl delete`: what has finalizers stays until they are gone.
    pub(super) fn delete(&self, collection: &'static str, name: &str) {
        let mut inner = self.inner();
        let Some(mut object) = inner.objects.get(collection).and_then(|objects| objects.get(name)).cloned() else {
            return;
        };
        object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        inner.store(collection, object);
    }

    async fn answer(&self, who: &str, request: Request<ClientBody>) -> Result<Response<Body>, BoxError> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let query = parts.uri.query().unwrap_or_default().to_string();
        let (method, path) = (parts.method, parts.uri.path().to_string());
        let asked = Asked { who: who.to_string(), method, path, is_watch: query.contains("watch=true") };
        self.inner().asked.push(asked.clone());
        let fault = self.inner().fault(&asked);
        match fault {
            Some(Instead::Hangs) => return std::future::pending().await,
            Some(Instead::Breaks) => return Err("the connection is reset".into()),
            Some(Instead::Refuses(code)) => return Ok(refusal(code)),
            Some(Instead::DoesAndRefuses(code)) => {
                drop(self.inner().done(&asked, &query, &body));
                return Ok(refusal(code));
            }
            Some(Instead::Delays(seconds)) => tokio::time::sleep(std::time::Duration::from_secs(seconds)).await,
            None => {}
        }
        // The way there and back.
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        Ok(self.inner().done(&asked, &query, &body))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }
}

impl Inner {
    fn fault(&mut self, asked: &Asked) -> Option<Instead> {
        let fault = self.faults.iter_mut().find(|fault| {
            let is_meant = fault.who.as_ref().is_none_or(|who| *who == asked.who);
            let is_so = fault.method.as_ref().is_none_or(|method| *method == asked.method);
            is_meant && is_so && fault.times > 0 && asked.path.contains(&fault.path)
        })?;
        fault.times -= 1;
        Some(fault.instead)
    }

    fn done(&mut self, asked: &Asked, query: &str, body: &[u8]) -> Response<Body> {
        let of =
            COLLECTIONS.into_iter().find(|of| asked.path.strip_prefix(of).is_some_and(|rest| !rest.starts_with("-")));
        let Some(collection) = of else { return refusal(404) };
        let rest = asked.path[collection.len()..].trim_start_matches('/');
        let (item, sub) = rest.split_once('/').unwrap_or((rest, ""));
        match (asked.method.as_str(), item) {
            ("GET", "") if asked.is_watch => self.watch(collection, query),
            ("GET", "") => self.list(collection),
            ("GET", item) => {
                self.objects.get(collection).and_then(|all| all.get(item)).map_or_else(|| refusal(404), ok)
            }
            ("POST", "") => self.create(collection, serde_json::from_slice(body).unwrap()),
            ("PUT", item) => self.replace(collection, item, serde_json::from_slice(body).unwrap()),
            ("PATCH", item) => self.patch(collection, item, sub, &serde_json::from_slice(body).unwrap()),
            other => panic!("{other:?} {}", asked.path),
        }
    }

    fn list(&self, collection: &'static str) -> Response<Body> {
        let items: Vec<&Value> = self.objects.get(collection).into_iter().flatten().map(|(_, object)| object).collect();
        let metadata = json!({ "resourceVersion": self.version.to_string() });
        ok(&json!({ "apiVersion": "v1", "kind": "List", "metadata": metadata, "items": items }))
    }

    fn watch(&mut self, collection: &'static str, query: &str) -> Response<Body> {
        let from = query.split('&').find_map(|part| part.strip_prefix("resourceVersion=")).unwrap_or("0");
        let from: u64 = from.parse().unwrap();
        if from < self.forgotten {
            return refusal(410);
        }
        let (sender, receiver) = unbounded_channel();
        for (_, _, event) in self.events.iter().filter(|(version, of, _)| *version > from && *of == collection) {
            sender.send(event.clone()).unwrap();
        }
        self.watches.push((collection, sender));
        let lines = unfold(receiver, |mut receiver: UnboundedReceiver<String>| async move {
            let line = receiver.recv().await?;
            Some((Ok::<_, std::io::Error>(Bytes::from(line)), receiver))
        });
        Response::new(Body::from_stream(lines))
    }

    fn create(&mut self, collection: &'static str, mut object: Value) -> Response<Body> {
        let name = name(&object);
        if self.objects.get(collection).is_some_and(|objects| objects.contains_key(&name)) {
            return refusal(409);
        }
        object["metadata"]["uid"] = json!(format!("uid-{name}-{}", self.version));
        ok(&self.store(collection, object))
    }

    fn replace(&mut self, collection: &'static str, name: &str, object: Value) -> Response<Body> {
        match self.check(collection, name, &object["metadata"]) {
            Ok(_) => ok(&self.store(collection, object)),
            Err(code) => refusal(code),
        }
    }

    /// A merge of the metadata, or an apply of the status by the only one who applies it.
    fn patch(&mut self, collection: &'static str, name: &str, sub: &str, patch: &Value) -> Response<Body> {
        let mut object = match self.check(collection, name, &patch["metadata"]) {
            Ok(object) => object,
            Err(code) => return refusal(code),
        };
        let (part, change) = match sub {
            "status" => ("status", &patch["status"]),
            "" => ("metadata", &patch["metadata"]),
            other => panic!("{other}"),
        };
        if object.get(part).is_none() {
            object[part] = json!({});
        }
        for (key, value) in change.as_object().unwrap() {
            object[part][key] = value.clone();
        }
        ok(&self.store(collection, object))
    }

    /// The object, if it is there and the one that is meant.
    fn check(&self, collection: &'static str, name: &str, meant: &Value) -> Result<Value, u16> {
        let object = self.objects.get(collection).and_then(|objects| objects.get(name)).ok_or(404_u16)?;
        let is_same = |key: &str| meant.get(key).is_none_or(|meant| *meant == object["metadata"][key]);
        if is_same("uid") && is_same("resourceVersion") { Ok(object.clone()) } else { Err(409) }
    }

    /// Keeps it, or lets it go if nothing holds it any more, and tells.
    fn store(&mut self, collection: &'static str, mut object: Value) -> Value {
        let all = self.objects.entry(collection).or_default();
        let name = name(&object);
        object["metadata"]["resourceVersion"] = Value::Null;
        let before = all.get(&name).cloned().map(|mut before| {
            before["metadata"]["resourceVersion"] = Value::Null;
            before
        });
        // A write that changes nothing is none.
        if before.as_ref() == Some(&object) {
            return all[&name].clone();
        }
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let metadata = &object["metadata"];
        let held =
            metadata.get("finalizers").and_then(Value::as_array).is_some_and(|finalizers| !finalizers.is_empty());
        let kind = match (metadata.get("deletionTimestamp").is_some() && !held, before) {
            (true, _) => {
                all.remove(&name);
                "DELETED"
            }
            (false, known) => {
                all.insert(name, object.clone());
                if known.is_some() { "MODIFIED" } else { "ADDED" }
            }
        };
        let event = format!("{}\n", json!({ "type": kind, "object": object }));
        self.events.push((self.version, collection, event.clone()));
        self.watches.retain(|(of, watch)| *of != collection || watch.send(event.clone()).is_ok());
        object
    }
}

fn name(object: &Value) -> String {
    text(object, "/metadata/name")
}

fn text(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_string()
}

fn ok(object: &Value) -> Response<Body> {
    Response::new(Body::from(object.to_string()))
}

fn refusal(code: u16) -> Response<Body> {
    let status = json!({ "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": "Test", "message": "of a test" });
    Response::builder().status(code).body(Body::from(status.to_string())).unwrap()
}
