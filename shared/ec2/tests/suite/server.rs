//! A server that speaks HTTP and answers as a test says. It is a metadata service too, which gives credentials.

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// The parameters of a call, and beside them its number as `#` and the header `Authorization`.
pub(crate) type Form = BTreeMap<String, String>;

#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Status(u16, String),
    Hangs,
    /// Ends the connection instead.
    Closes,
}

impl Reply {
    pub(crate) fn of(action: &str, inner: &str) -> Self {
        let namespace = "http://ec2.amazonaws.com/doc/2016-11-15/";
        let body = format!(
            "<{action}Response xmlns=\"{namespace}\"><requestId>request-1</requestId>{inner}</{action}Response>"
        );
        Self::Status(200, body)
    }

    pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Self {
        let error = format!("<Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>");
        Self::Status(status, format!("<Response>{error}<RequestID>request-1</RequestID></Response>"))
    }
}

/// Runs as long as the runtime of the test.
pub(crate) struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Form>>>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Form) -> Reply + Send + Sync + 'static) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let server = Self { address: listener.local_addr().unwrap(), asked: Arc::default() };
        let (asked, answer) = (server.asked.clone(), Arc::new(answer));
        let credentials = Arc::new(Mutex::new(0));
        tokio::spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let (asked, answer, credentials) = (asked.clone(), answer.clone(), credentials.clone());
                let serve =
                    service_fn(move |request| respond(request, asked.clone(), answer.clone(), credentials.clone()));
                tokio::spawn(async move {
                    // A connection that the client gave up is none of the test's concern.
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), serve)
                        .await
                        .unwrap_or_default();
                });
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The calls of EC2 so far, without what stands beside the parameters.
    pub(crate) fn asked(&self) -> Vec<Form> {
        let mut asked = self.asked.lock().unwrap().clone();
        for form in &mut asked {
            form.remove("#");
            form.remove("Authorization");
        }
        asked
    }
}

async fn respond(
    request: Request<Incoming>,
    asked: Arc<Mutex<Vec<Form>>>,
    answer: Arc<impl Fn(&Form) -> Reply>,
    credentials: Arc<Mutex<u32>>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let path = request.uri().path().to_string();
    if path != "/" {
        return Ok(metadata(&path, &credentials));
    }
    let authorization = request.headers().get("authorization").unwrap().to_str().unwrap().to_string();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let mut form = parse(std::str::from_utf8(&body).unwrap());
    form.insert("Authorization".into(), authorization);
    let reply = {
        let mut asked = asked.lock().unwrap();
        form.insert("#".into(), (asked.len() + 1).to_string());
        asked.push(form.clone());
        answer(&form)
    };
    match reply {
        Reply::Status(status, body) => Ok(response(status, body)),
        Reply::Hangs => std::future::pending().await,
        Reply::Closes => Err(std::io::ErrorKind::ConnectionReset.into()),
    }
}

/// Each time that credentials are asked for, they are others.
fn metadata(path: &str, credentials: &Mutex<u32>) -> Response<Full<Bytes>> {
    match path {
        "/latest/api/token" => {
            let mut response = response(200, "TOKEN-OF-IMDS".into());
            response.headers_mut().insert("x-aws-ec2-metadata-token-ttl-seconds", 21600.into());
            response
        }
        "/latest/meta-data/iam/security-credentials/" => response(200, "node".into()),
        "/latest/meta-data/iam/security-credentials/node" => {
            let mut count = credentials.lock().unwrap();
            *count += 1;
            let document = format!(
                r#"{{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"KEY{count}","SecretAccessKey":"SECRET",
                    "Token":"SESSION","Expiration":"2099-01-01T00:00:00Z","LastUpdated":"2020-01-01T00:00:00Z"}}"#
            );
            response(200, document)
        }
        _ => response(404, String::new()),
    }
}

fn response(status: u16, body: String) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status).header("x-amzn-requestid", "request-1");
    response.body(Full::new(Bytes::from(body))).unwrap()
}

fn parse(body: &str) -> Form {
    let pairs = body.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(key, value)| (decoded(key), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, tail @ ..] = rest {
        let hex = (*first == b'%').then(|| std::str::from_utf8(&tail[..2]).unwrap());
        bytes.push(match (first, hex) {
            (_, Some(hex)) => u8::from_str_radix(hex, 16).unwrap(),
            (b'+', None) => b' ',
            (other, None) => *other,
        });
        rest = if hex.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).unwrap()
}
