//! An API server for tests: it keeps objects as the real one does, and has the bad days that a test gives it. No socket lies in
//! between, so a test's time is virtual.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use axum::body::Body;
use http::{Method, Request, Response};
use kube::Client;
use serde_json::{Value, json};

/// The server. A clone is the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scripted(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    objects: BTreeMap<String, Value>,
    calls: Vec<Call>,
    answers: VecDeque<Answer>,
    is_away: bool,
    broken: Option<String>,
    made: u32,
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// With its query.
    pub(crate) path: String,
    pub(crate) body: Value,
}

impl Call {
    pub(crate) fn is_write(&self) -> bool {
        self.method != Method::GET
    }
}

/// What it answers instead of doing as it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// This HTTP status.
    Code(u16),
    /// This one, with `Retry-After`.
    Later(u16, u64),
    /// Nothing, and yet it does it.
    Lost,
}

impl Scripted {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.clone(), "default")
    }

    /// The next requests that write are answered so.
    pub(crate) fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.inner().answers.extend(answers);
    }

    pub(crate) fn set_away(&self, is_away: bool) {
        self.inner().is_away = is_away;
    }

    /// It fails with each request that writes below this path.
    pub(crate) fn set_broken(&self, path: Option<&str>) {
        self.inner().broken = path.map(ToString::to_string);
    }

    pub(crate) fn object(&self, path: &str) -> Option<Value> {
        self.inner().objects.get(path).cloned()
    }

    /// All whose path begins so.
    pub(crate) fn objects(&self, path: &str) -> Vec<Value> {
        self.inner().objects.iter().filter(|(key, _)| key.starts_with(path)).map(|(_, object)| object.clone()).collect()
    }

    /// Somebody else writes.
    pub(crate) fn put(&self, path: &str, object: Value) {
        self.inner().objects.insert(path.to_string(), object);
    }

    /// Somebody else deletes.
    pub(crate) fn delete(&self, path: &str) {
        self.inner().objects.remove(path).unwrap();
    }

    /// The requests since the last time.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.inner().calls)
    }

    /// How many requests came since they were taken.
    pub(crate) fn calls(&self) -> usize {
        self.inner().calls.len()
    }
}

impl Inner {
    fn take(&mut self, call: &Call) -> io::Result<Response<Body>> {
        let unreachable = || io::Error::from(io::ErrorKind::ConnectionRefused);
        if self.is_away {
            return Err(unreachable());
        }
        if call.is_write() && self.broken.as_ref().is_some_and(|path| call.path.starts_with(path)) {
            return Ok(refused(500, None));
        }
        match self.answers.front().copied().filter(|_| call.is_write()) {
            None => {}
            Some(answer) => {
                self.answers.pop_front();
                match answer {
                    Answer::Code(code) => return Ok(refused(code, None)),
                    Answer::Later(code, after) => return Ok(refused(code, Some(after))),
                    Answer::Lost => {
                        drop(self.serve(call));
                        return Err(unreachable());
                    }
                }
            }
        }
        Ok(self.serve(call))
    }

    fn serve(&mut self, call: &Call) -> Response<Body> {
        let path = call.path.split('?').next().unwrap();
        match call.method.as_str() {
            "GET" => self.objects.get(path).map_or_else(|| refused(404, None), |object| answer(200, object)),
            "POST" => {
                let path = format!("{path}/{}", call.body["metadata"]["name"].as_str().unwrap());
                self.objects.insert(path, call.body.clone());
                answer(201, &call.body)
            }
            "PATCH" => match path.strip_suffix("/status") {
                Some(path) => self.merge(path, &json!({"status": call.body["status"]})),
                None if call.path.contains("fieldManager=") => {
                    self.make(path);
                    self.merge(path, &call.body)
                }
                None => self.merge(path, &call.body),
            },
            other => panic!("{other} {path}"),
        }
    }

    fn make(&mut self, path: &str) {
        if !self.objects.contains_key(path) {
            self.made += 1;
            let name = path.rsplit('/').next().unwrap();
            self.objects
                .insert(path.to_string(), json!({"metadata": {"name": name, "uid": format!("uid-{}", self.made)}}));
        }
    }

    /// What an apply or a merge patch of its only writer does to an object: a list is replaced as a whole.
    fn merge(&mut self, path: &str, patch: &Value) -> Response<Body> {
        let Some(object) = self.objects.get_mut(path) else { return refused(404, None) };
        for (key, value) in patch.as_object().unwrap() {
            match (value.as_object(), object[key].as_object_mut()) {
                (Some(fields), Some(old)) if key == "metadata" => old.extend(fields.clone()),
                _ => object[key] = value.clone(),
            }
        }
        answer(200, object)
    }
}

fn answer(code: u16, object: &Value) -> Response<Body> {
    Response::builder().status(code).body(Body::from(object.to_string())).unwrap()
}

fn refused(code: u16, after: Option<u64>) -> Response<Body> {
    let status =
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": "as the test says"});
    let mut response = answer(code, &status);
    if let Some(after) = after {
        response.headers_mut().insert("retry-after", after.into());
    }
    response
}

type Future = Pin<Box<dyn std::future::Future<Output = io::Result<Response<Body>>> + Send>>;

impl tower::Service<Request<kube::client::Body>> for Scripted {
    type Response = Response<Body>;
    type Error = io::Error;
    type Future = Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<kube::client::Body>) -> Future {
        let server = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect_bytes().await.unwrap();
            let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
            let call = Call { method: head.method, path: head.uri.to_string(), body };
            let mut inner = server.inner();
            inner.calls.push(call.clone());
            inner.take(&call)
        })
    }
}
