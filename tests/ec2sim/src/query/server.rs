//! The HTTP side: a POST is a call; a connection that is to be dropped is closed without a word.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::form::Form;
use super::{principal, read, write};
use crate::api::{Delivery, Ec2, Outage, Reply};
use crate::error::Error;

const REQUEST_ID: &str = "x-amzn-requestid";
/// The id of a request that is none.
const UNREAD: &str = "00000000-0000-4000-8000-000000000000";

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) ec2: Ec2,
}

/// Serves for good, but while nothing is to be reached: then there is no socket, and `again` makes another one afterwards.
pub(super) async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    again: impl Fn() -> Result<TcpListener, Error>,
) -> Result<(), Error> {
    let router = Router::new().fallback(handle).with_state(Arc::clone(&shared));
    tokio::select! {
        served = serve_or_be_away(listener, router, &shared, again) => served,
        () = shared.ec2.keep_time() => Ok(()),
    }
}

async fn serve_or_be_away(
    mut listener: TcpListener,
    router: Router,
    shared: &Shared,
    again: impl Fn() -> Result<TcpListener, Error>,
) -> Result<(), Error> {
    let mut outages = shared.ec2.cloud.outages.subscribe();
    loop {
        let served = serve_on(listener, router.clone());
        tokio::select! {
            served = served => return served,
            _ = outages.wait_for(|outage| *outage == Outage::Unreachable) => {}
        }
        if outages.wait_for(|outage| *outage != Outage::Unreachable).await.is_err() {
            return Ok(());
        }
        listener = again()?;
    }
}

pub(super) async fn serve_on(listener: TcpListener, router: Router) -> Result<(), Error> {
    let address = listener.local_addr().map_or_else(|error| error.to_string(), |address| address.to_string());
    let failed = |source| Error::Serve { address, source };
    match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => axum::serve(listener, router).await.map_err(failed),
        Err(source) => Err(failed(source)),
    }
}

async fn handle(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: String) -> Response {
    let form = Form::read(&body);
    let request = match read::request(&form) {
        Ok(request) => request,
        Err(refusal) => {
            return document(refusal.status, UNREAD, write::refusal(UNREAD, &refusal));
        }
    };
    let action = request.action();
    let Reply { request_id, outcome, delivery } = shared.ec2.call(&principal::of(&headers), request);
    deliver(delivery).await;
    match outcome {
        Ok(response) => document(200, &request_id, write::answer(action, &request_id, &response)),
        Err(refusal) => document(refusal.status, &request_id, write::refusal(&request_id, &refusal)),
    }
}

/// What does not come back from here is never answered.
async fn deliver(delivery: Delivery) {
    match delivery {
        Delivery::After(Duration::ZERO) => {}
        Delivery::After(time) => tokio::time::sleep(time).await,
        Delivery::Never => std::future::pending().await,
        Delivery::Dropped => {
            // Ends the connection's task, and with it the connection: nothing else that a handler does ends it unanswered.
            std::panic::resume_unwind(Box::new("the connection is dropped"));
        }
    }
}

/// EC2 writes the request's id into the document and into a header, and the SDKs read it in the header only.
fn document(status: u16, request_id: &str, xml: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = [(header::CONTENT_TYPE, "text/xml;charset=UTF-8"), (header::SERVER, "AmazonEC2")];
    (status, headers, [(REQUEST_ID, request_id)], xml).into_response()
}
