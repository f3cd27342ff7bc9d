//! The simulator's own endpoint: JSON, and a page that says what there is.

use std::net::TcpListener;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde::Serialize;

use super::form::Form;
use super::order::Order;
use super::server::{Shared, serve_on};
use crate::api::{Action, Outage, Throttle};
use crate::error::Error;
use crate::policy::Policy;
use crate::timing::Timing;

const HELP: &str = r#"ec2sim

GET    /calls                  what was called, by whom, when, and what became of it; ?action=NAME for one action
DELETE /calls                  forget them
GET    /enis                   all network interfaces, with all that is known of them
POST   /faults                 order a fault: {"action": NAME, "of": ACCESS_KEY, one of "nth" "every" "percent": N,
                               "times": N, "does": "refuses" | "hangs" | "drops" | "loses-the-answer" | "is-slow" |
                               "is-stale", "code": CODE, "seconds": S}; only "does" is needed, and what it needs
DELETE /faults                 take them all back
PUT    /outage/KIND            of the whole API: unreachable, silent, unavailable, no
PUT    /expired/ACCESS_KEY     its credentials have expired; DELETE: they are good again
PUT    /policy                 from now on this IAM policy document is in force; DELETE: everything is allowed
PUT    /throttle               the account's buckets: {"reads": {"capacity": 100, "per_second": 20}, "writes": {…}}
GET    /granted                the statements of the policy that have allowed something
PUT    /timing/KIND            how long things take: realistic, instant
PUT    /metadata/INSTANCE/PATH text for its metadata, as for spot/instance-action; DELETE: not there again
"#;

pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) -> Result<(), Error> {
    let router = Router::new()
        .route("/", get(|| async { HELP }))
        .route("/calls", get(calls).delete(forget))
        .route("/enis", get(enis))
        .route("/faults", post(order).delete(heal))
        .route("/outage/{kind}", put(outage))
        .route("/expired/{key}", put(expire).delete(renew))
        .route("/policy", put(policy).delete(no_policy))
        .route("/throttle", put(throttle))
        .route("/granted", get(granted))
        .route("/timing/{kind}", put(timing))
        .route("/metadata/{instance}/{*path}", put(announce).delete(withdraw))
        .with_state(shared);
    serve_on(listener, router).await
}

type Sim = State<Arc<Shared>>;

fn json(value: &impl Serialize) -> Response {
    match serde_json::to_string_pretty(value) {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text + "\n").into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

fn done(outcome: Result<(), String>) -> Response {
    match outcome {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(reason) => (StatusCode::BAD_REQUEST, reason + "\n").into_response(),
    }
}

fn told(error: &Error) -> String {
    error.to_string()
}

async fn calls(State(sim): Sim, uri: Uri) -> Response {
    let query = Form::read(uri.query().unwrap_or_default());
    match query.get("action").map(|name| (name, Action::named(name))) {
        None => json(&sim.ec2.calls()),
        Some((_, Some(action))) => json(&sim.ec2.calls_of(action)),
        Some((name, None)) => done(Err(format!("{name:?} is no action of the simulator"))),
    }
}

async fn forget(State(sim): Sim) -> Response {
    drop(sim.ec2.take_calls());
    done(Ok(()))
}

async fn enis(State(sim): Sim) -> Response {
    match sim.ec2.enis() {
        Ok(enis) => json(&enis),
        Err(error) => done(Err(told(&error))),
    }
}

async fn order(State(sim): Sim, body: String) -> Response {
    let order: Result<Order, String> = serde_json::from_str(&body).map_err(|error| error.to_string());
    done(order.and_then(|order| order.place(&sim.ec2)))
}

async fn heal(State(sim): Sim) -> Response {
    sim.ec2.heal();
    done(Ok(()))
}

async fn outage(State(sim): Sim, Path(kind): Path<String>) -> Response {
    let outage = match kind.as_str() {
        "no" => Outage::No,
        "unreachable" => Outage::Unreachable,
        "silent" => Outage::Silent,
        "unavailable" => Outage::Unavailable,
        _ => return done(Err(format!("{kind:?} is none of: no, unreachable, silent, unavailable"))),
    };
    sim.ec2.outage(outage);
    done(Ok(()))
}

async fn expire(State(sim): Sim, Path(key): Path<String>) -> Response {
    sim.ec2.expire(&key);
    done(Ok(()))
}

async fn renew(State(sim): Sim, Path(key): Path<String>) -> Response {
    sim.ec2.renew(&key);
    done(Ok(()))
}

async fn policy(State(sim): Sim, body: String) -> Response {
    let policy: Result<Policy, _> = body.parse();
    done(policy.map(|policy| sim.ec2.set_policy(&policy)).map_err(|error| error.to_string()))
}

async fn no_policy(State(sim): Sim) -> Response {
    sim.ec2.clear_policy();
    done(Ok(()))
}

async fn throttle(State(sim): Sim, body: String) -> Response {
    let throttle: Result<Throttle, _> = serde_json::from_str(&body);
    done(throttle.map(|throttle| sim.ec2.set_throttle(throttle)).map_err(|error| error.to_string()))
}

async fn granted(State(sim): Sim) -> Response {
    json(&sim.ec2.granted())
}

async fn timing(State(sim): Sim, Path(kind): Path<String>) -> Response {
    let timing = match kind.as_str() {
        "instant" => Timing::instant(),
        "realistic" => Timing::realistic(),
        _ => return done(Err(format!("{kind:?} is none of: instant, realistic"))),
    };
    sim.ec2.set_timing(timing);
    done(Ok(()))
}

async fn announce(State(sim): Sim, Path((instance, path)): Path<(String, String)>, body: String) -> Response {
    done(sim.ec2.instance(&instance).and_then(|of| of.announce(&path, &body)).map_err(|error| told(&error)))
}

async fn withdraw(State(sim): Sim, Path((instance, path)): Path<(String, String)>) -> Response {
    done(sim.ec2.instance(&instance).and_then(|of| of.withdraw(&path)).map_err(|error| told(&error)))
}
