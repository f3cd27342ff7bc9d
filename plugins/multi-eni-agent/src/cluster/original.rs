//! Whether aws-multi-eni-controller is at work in the cluster, which has the same NodeENIs and other ideas of their ENIs: by its Lease,
//! and by its Deployment. Pure; the API server is asked in [`super::apply`].

use std::time::Duration;

/// The namespace that it is always in.
pub(crate) const NAMESPACE: &str = "eni-controller-system";
/// Its Lease.
pub(crate) const LEASE: &str = "nodeeni-controller-leader-election";
/// Its Deployment.
pub(crate) const DEPLOYMENT: &str = "eni-controller";
/// How long a Lease without a duration lasts: controller-runtime's.
const DURATION: Duration = Duration::from_secs(15);

/// What the API server said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Signs {
    /// Of the Lease that somebody holds: its version, which each renewal changes, and its duration.
    pub(crate) lease: Option<(String, Option<Duration>)>,
    /// How many replicas the Deployment is to have; nothing if there is none.
    pub(crate) replicas: Option<i32>,
}

/// What is known of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Original {
    /// Nothing before the first answer.
    verdict: Option<Verdict>,
    /// The Lease's version, and since when it is that.
    lease: Option<(String, Duration)>,
    /// Why the last question has no answer.
    unanswered: Option<String>,
}

/// What a look at its Lease says.
enum Renewal {
    /// It is another one than it was.
    Seen,
    /// It is the same, and not for its duration yet.
    Unknown,
    /// It is not there, or was the same for its duration.
    Over,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is not.
    Gone,
    /// It is, by this sign.
    AtWork(String),
}

impl Original {
    /// The API server has said so. A Lease is renewed if it is another one than it was, and ends when it was the same for its duration:
    /// by the clock of this process alone, whatever the time in it says. One that was there already at the first look may be left over:
    /// until it is one or the other, it says nothing.
    pub(crate) fn see(&mut self, signs: &Signs, now: Duration) {
        self.unanswered = None;
        let lease = self.sees_lease(signs, now);
        let replicas = signs.replicas.unwrap_or_default();
        if replicas > 0 {
            let sign = format!("its Deployment {NAMESPACE}/{DEPLOYMENT} has {replicas} replicas");
            self.verdict = Some(Verdict::AtWork(sign));
            return;
        }
        match lease {
            Renewal::Over => self.verdict = Some(Verdict::Gone),
            Renewal::Unknown if self.verdict.is_none() => {
                self.unanswered = Some(format!("its Lease {NAMESPACE}/{LEASE} may be left over, or not"));
            }
            Renewal::Seen | Renewal::Unknown => {
                self.verdict = Some(Verdict::AtWork(format!("its Lease {NAMESPACE}/{LEASE} is renewed")));
            }
        }
    }

    fn sees_lease(&mut self, signs: &Signs, now: Duration) -> Renewal {
        let before = self.lease.take();
        let Some((version, duration)) = &signs.lease else { return Renewal::Over };
        let is_another = before.as_ref().is_some_and(|(known, _)| known != version);
        let since = before.filter(|_| !is_another).map_or(now, |(_, since)| since);
        self.lease = Some((version.clone(), since));
        if is_another {
            Renewal::Seen
        } else if now.saturating_sub(since) >= duration.unwrap_or(DURATION) {
            Renewal::Over
        } else {
            Renewal::Unknown
        }
    }

    /// The API server could not be asked, for this reason. What it said before stands.
    pub(crate) fn is_silent(&mut self, why: String) {
        self.unanswered = Some(why);
    }

    /// What is known; else why nothing is.
    pub(crate) fn verdict(&self) -> Result<&Verdict, &str> {
        let why = || self.unanswered.as_deref().unwrap_or("the API server has not been asked yet");
        self.verdict.as_ref().ok_or_else(why)
    }

    /// Whether it certainly is not at work.
    pub(crate) fn is_gone(&self) -> bool {
        self.verdict == Some(Verdict::Gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    fn lease(version: &str) -> Signs {
        Signs { lease: Some((version.to_string(), None)), replicas: None }
    }

    #[test]
    fn a_cluster_that_never_had_it_has_not() {
        let mut original = Original::default();
        assert!(original.verdict().is_err() && !original.is_gone());
        original.see(&Signs::default(), seconds(0));
        assert!(original.is_gone());
    }

    #[test]
    fn a_lease_that_is_left_over_is_not_renewed_and_a_new_one_is() {
        let renewed = Verdict::AtWork(format!("its Lease {NAMESPACE}/{LEASE} is renewed"));
        let mut original = Original::default();
        original.see(&lease("1"), seconds(0));
        assert!(original.verdict().unwrap_err().contains("left over"), "it may be alive, or not");
        assert!(!original.is_gone());
        original.see(&lease("2"), seconds(10));
        assert_eq!(original.verdict(), Ok(&renewed));
        original.see(&lease("2"), seconds(24));
        assert_eq!(original.verdict(), Ok(&renewed));
        original.see(&lease("2"), seconds(25));
        assert!(original.is_gone());
        original.see(&lease("3"), seconds(60));
        assert_eq!(original.verdict(), Ok(&renewed));
    }

    #[test]
    fn a_lease_that_nobody_has_renewed_since_the_first_look_never_was_a_sign() {
        let mut original = Original::default();
        for at in [0, 10, 14] {
            original.see(&lease("1"), seconds(at));
            assert!(original.verdict().is_err() && !original.is_gone(), "after {at} s");
        }
        original.see(&lease("1"), seconds(15));
        assert!(original.is_gone());
    }

    #[test]
    fn a_lease_that_comes_after_none_was_there_is_a_sign_at_once() {
        let mut original = Original::default();
        original.see(&Signs::default(), seconds(0));
        original.see(&lease("1"), seconds(10));
        assert!(matches!(original.verdict(), Ok(Verdict::AtWork(_))));
    }

    #[test]
    fn a_deployment_with_replicas_is_a_sign_at_once_beside_a_lease_that_may_be_left_over() {
        let mut original = Original::default();
        original.see(&Signs { replicas: Some(1), ..lease("1") }, seconds(0));
        assert!(matches!(original.verdict(), Ok(Verdict::AtWork(sign)) if sign.contains("Deployment")));
        original.see(&Signs { replicas: Some(0), ..lease("1") }, seconds(10));
        assert!(matches!(original.verdict(), Ok(Verdict::AtWork(sign)) if sign.contains("Lease")));
        original.see(&Signs { replicas: Some(0), ..lease("1") }, seconds(20));
        assert!(original.is_gone());
    }

    #[test]
    fn a_deployment_with_replicas_is_at_work_before_it_has_a_lease() {
        let mut original = Original::default();
        original.see(&Signs { lease: None, replicas: Some(1) }, seconds(0));
        assert!(!original.is_gone());
        original.see(&Signs { lease: None, replicas: Some(0) }, seconds(1));
        assert!(original.is_gone());
    }

    #[test]
    fn what_was_known_stands_while_the_api_server_is_silent() {
        let mut original = Original::default();
        original.is_silent("403".to_string());
        assert_eq!(original.verdict(), Err("403"));
        original.see(&Signs::default(), seconds(0));
        original.is_silent("500".to_string());
        assert!(original.is_gone());
    }
}
