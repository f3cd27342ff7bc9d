//! The client as it is, against a server on loopback.

use axum::Router;
use axum::http::StatusCode;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Config};
use tokio::net::TcpListener;

use super::health;
use crate::kubernetes::Contact;
use crate::kubernetes::client::{client, words};
use crate::seen::metrics::Metrics;

/// A server that answers everything with this status, and its address.
async fn server(status: StatusCode) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let body = r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"kube-system","uid":"8d1f2a6c"}}"#;
    let router = Router::new().fallback(move || async move { (status, body) });
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// What is counted of one request to an address, and what is said of it.
async fn seen(address: &str) -> (String, String) {
    let place = tempfile::tempdir().unwrap();
    let contact = Contact { metrics: Metrics::new("test", &[]), health: health(&place) };
    let client = client(Config::new(address.parse().unwrap()), contact.clone()).unwrap();
    drop(Api::<Namespace>::all(client).get_metadata("kube-system").await);
    let text = contact.metrics.text();
    let counted = text.lines().find_map(|line| line.strip_prefix("multi_eni_kubernetes_requests_total"));
    contact.health.cluster_is_known();
    (counted.unwrap_or_default().to_string(), contact.health.ready().await.lines.last().unwrap().clone())
}

#[tokio::test]
async fn every_answer_is_counted_and_the_last_one_is_shown() {
    for (status, result, said) in [
        (StatusCode::OK, "ok", "ago"),
        (StatusCode::NOT_FOUND, "not-found", "ago"),
        (StatusCode::CONFLICT, "conflict", "ago"),
        (StatusCode::FORBIDDEN, "denied", "it answers 403 Forbidden: see the ServiceAccount's rights"),
        (StatusCode::INTERNAL_SERVER_ERROR, "failed", "it answers 500 Internal Server Error"),
    ] {
        let (counted, line) = seen(&server(status).await).await;
        assert_eq!(counted, format!("{{result=\"{result}\"}} 1"));
        assert!(line.starts_with("kubernetes: ok, last request") && line.ends_with(said), "{line}");
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_silence() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (counted, line) = seen(&address).await;
    assert_eq!(counted, "{result=\"silent\"} 1");
    assert!(line.contains("onnection refused"), "{line}");
}

#[test]
fn an_error_is_said_in_few_words() {
    let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    assert_eq!(words(&kube::Error::Service(refused.into())), "connection refused");
    let denied = kube::core::Status::failure("nodeenis is forbidden", "Forbidden").with_code(403);
    assert_eq!(words(&kube::Error::Api(denied.boxed())), "403 nodeenis is forbidden");
}
