//! A call from its coming to its answer: the outage, the fault, the credentials, the bucket, the policy, the action.

use std::time::Duration;

use crate::cloud::Inner;

use super::calls::{Call, Outcome, parameters};
use super::ec2::{Delivery, Reply};
use super::fault::{Fault, Outage};
use super::refusal::Refusal;
use super::request::Request;
use super::{authorize, carry_out};

pub(crate) fn call(inner: &mut Inner, principal: &str, request: &Request) -> Reply {
    let now = inner.clock.now();
    inner.api.asked += 1;
    let request_id = format!("{:08x}-0000-4000-8000-{:012x}", inner.api.asked, inner.api.asked);
    let (outcome, delivery) = play(inner, principal, request, now);
    let known = matches!(delivery, Delivery::After(_));
    let told = match &outcome {
        Some(Ok(_)) if known => Outcome::Done,
        Some(Ok(_)) => Outcome::DoneAnswerLost,
        Some(Err(refusal)) if known => Outcome::Refused(refusal.code.to_string()),
        Some(Err(_)) | None => Outcome::Lost,
    };
    inner.api.calls.push(Call {
        at: now,
        principal: principal.to_owned(),
        action: request.action(),
        parameters: parameters(request),
        outcome: told,
        request_id: request_id.clone(),
    });
    let outcome = outcome.unwrap_or_else(|| Err(Refusal::new("Unavailable", "the request did not arrive")));
    Reply { request_id, outcome, delivery }
}

type Played = (Option<Result<super::Response, Refusal>>, Delivery);

fn play(inner: &mut Inner, principal: &str, request: &Request, now: Duration) -> Played {
    let at_once = Delivery::After(Duration::ZERO);
    match inner.api.outage {
        Outage::No => {}
        Outage::Unreachable => return (None, Delivery::Dropped),
        Outage::Silent => return (None, Delivery::Never),
        Outage::Unavailable => {
            return (Some(Err(Refusal::new("Unavailable", "The server is overloaded."))), at_once);
        }
    }
    let api = &mut inner.api;
    match api.faults.take(principal, request.action(), &mut api.rng) {
        None => (Some(honest(inner, principal, request, now, None)), at_once),
        Some(Fault::Refused(refusal)) => (Some(Err(refusal)), at_once),
        Some(Fault::Hangs) => (None, Delivery::Never),
        Some(Fault::Drops) => (None, Delivery::Dropped),
        Some(Fault::LosesTheAnswer) => (Some(honest(inner, principal, request, now, None)), Delivery::Dropped),
        Some(Fault::Slow(by)) => (Some(honest(inner, principal, request, now, None)), Delivery::After(by)),
        Some(Fault::Stale(by)) => (Some(honest(inner, principal, request, now, Some(by))), at_once),
    }
}

fn honest(
    inner: &mut Inner,
    principal: &str,
    request: &Request,
    now: Duration,
    stale: Option<Duration>,
) -> Result<super::Response, Refusal> {
    if inner.api.expired.contains(principal) {
        return Err(Refusal::new("RequestExpired", "Request has expired."));
    }
    if let Some(buckets) = &mut inner.api.buckets {
        buckets.take(request.action().kind(), now)?;
    }
    authorize::check(inner, principal, request)?;
    carry_out(inner, request, now, stale)
}
