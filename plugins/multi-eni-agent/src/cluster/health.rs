//! Whether the cluster agent is alive, and whether what it depends on is there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::agent::LONGEST_REST;
use crate::seen::health::{Answer, Checks, Heard, Line, Report, connection};
use crate::seen::probe::{Endpoint, Probe};
use crate::view::age;

/// A service that is gone is noticed after this time at the latest.
const FRESH_FOR: Duration = Duration::from_secs(10);
/// The longest time between two looks at the Lease: each has seconds, and a pause.
const LONGEST_TURN: Duration = Duration::from_secs(60);

/// What is known of it. A clone knows the same.
#[derive(Debug, Clone)]
pub(crate) struct Health(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Nothing where it is not known.
    ec2: Option<Endpoint>,
    connection: Probe,
    of_ec2: Heard,
    of_kubernetes: Heard,
    lease: Mutex<Lease>,
}

#[derive(Debug)]
struct Lease {
    /// The last look at it.
    turned: Instant,
    holder: Option<String>,
    /// The last pass of the loop, while it is held here.
    passed: Option<Instant>,
}

impl Health {
    /// That of an agent which begins now.
    pub(crate) fn new(ec2: Option<Endpoint>) -> Self {
        let lease = Mutex::new(Lease { turned: Instant::now(), holder: None, passed: None });
        let (of_ec2, of_kubernetes) = (Heard::default(), Heard::default());
        Self(Arc::new(Inner { ec2, connection: Probe::new(FRESH_FOR), of_ec2, of_kubernetes, lease }))
    }

    /// The Lease was looked at: who holds it, as far as is known.
    pub(crate) fn turned(&self, holder: Option<&str>) {
        let mut lease = self.lease();
        lease.turned = Instant::now();
        lease.holder = holder.map(str::to_string);
    }

    /// The loop begins, or makes a pass.
    pub(crate) fn passed(&self) {
        self.lease().passed = Some(Instant::now());
    }

    /// The loop has ended.
    pub(crate) fn rests(&self) {
        self.lease().passed = None;
    }

    fn lease(&self) -> MutexGuard<'_, Lease> {
        self.0.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of_lease(&self) -> Line {
        let lease = self.lease();
        match (&lease.holder, lease.passed) {
            (_, Some(_)) => Line::good("lease", "held here".to_string()),
            (Some(holder), None) => Line::good("lease", format!("held by {holder}")),
            (None, None) => Line::bad("lease", "nobody is known to hold it"),
        }
    }
}

impl Checks for Health {
    fn ec2(&self, action: &'static str, answer: Answer) {
        self.0.of_ec2.hear(action, answer);
    }

    fn kubernetes(&self, answer: Answer) {
        self.0.of_kubernetes.hear("answer", answer);
    }

    fn alive(&self) -> Report {
        let lease = self.lease();
        let turn = at_most("lease", "last looked at", lease.turned, LONGEST_TURN);
        let pass = lease.passed.map(|passed| at_most("loop", "last pass", passed, LONGEST_REST * 3));
        Report::of([Some(turn), pass].into_iter().flatten())
    }

    async fn ready(&self) -> Report {
        let found = connection(&self.0.connection, self.0.ec2.as_ref()).await;
        let ec2 = self.0.of_ec2.as_far_as_known("ec2", found.as_ref());
        Report::of([self.0.of_kubernetes.alone("kubernetes"), self.of_lease(), ec2])
    }
}

fn at_most(name: &'static str, what: &str, since: Instant, limit: Duration) -> Line {
    let (ago, limit_is) = (age(since.elapsed().as_secs()), age(limit.as_secs()));
    match since.elapsed() <= limit {
        true => Line::good(name, format!("{what} {ago} ago")),
        false => Line::bad(name, &format!("hangs, {what} {ago} ago, and should be {limit_is} at most")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Something that takes connections, and its health.
    async fn ground() -> (tokio::net::TcpListener, Health) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        (listener, Health::new(Some(url.parse().unwrap())))
    }

    #[tokio::test]
    async fn one_that_waits_for_the_lease_is_ready_when_the_api_server_answers() {
        let (_listener, health) = ground().await;
        let report = health.ready().await;
        assert!(!report.good && report.lines[0].starts_with("kubernetes: not ready"), "{report:?}");
        health.kubernetes(Answer::Served);
        health.turned(Some("another"));
        let report = health.ready().await;
        assert!(report.good && report.lines.contains(&"lease: ok, held by another".to_string()), "{report:?}");
    }

    #[tokio::test]
    async fn whoever_works_is_not_ready_without_ec2s_consent() {
        let (_listener, health) = ground().await;
        health.kubernetes(Answer::Served);
        health.passed();
        assert!(health.ready().await.good);
        health.ec2("DescribeInstances", Answer::Refused("the role lacks a right".to_string()));
        let report = health.ready().await;
        assert!(!report.good && report.lines[2].contains("the role lacks a right"), "{report:?}");
        assert_eq!(report.lines[1], "lease: ok, held here");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_looks_at_no_lease_hangs_and_so_does_a_loop_without_passes() {
        let health = Health::new(Some("http://127.0.0.1:1".parse().unwrap()));
        assert!(health.alive().good);
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(!health.alive().good);
        health.turned(None);
        health.passed();
        assert!(health.alive().good);
        tokio::time::advance(Duration::from_secs(91)).await;
        health.turned(None);
        assert!(health.alive().lines[1].starts_with("loop: not ready, hangs"), "{:?}", health.alive());
        health.rests();
        assert!(health.alive().good);
    }
}
