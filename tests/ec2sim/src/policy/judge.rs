//! What a policy says to what is asked: a Deny that fits ends it, an Allow that fits lets it pass.

use super::Asked;
use super::condition::filled;
use super::document::{Effect, Policy, Statement};
use crate::api::matches;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// By the statement of this name.
    Allowed(String),
    Denied,
    NotAllowed,
}

impl Policy {
    pub(crate) fn judge(&self, asked: &Asked) -> Verdict {
        let of = |effect: Effect| self.statements.iter().find(move |of| of.effect == effect && fits(of, asked));
        match (of(Effect::Deny), of(Effect::Allow)) {
            (Some(_), _) => Verdict::Denied,
            (None, Some(statement)) => Verdict::Allowed(statement.name.clone()),
            (None, None) => Verdict::NotAllowed,
        }
    }
}

fn fits(statement: &Statement, asked: &Asked) -> bool {
    // The case of actions does not count (reference_policies_elements_action.html).
    let action = asked.action.to_ascii_lowercase();
    statement.actions.iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), &action))
        && statement.resources.iter().any(|pattern| covers(&filled(pattern, &asked.context), &asked.resource))
        && statement.conditions.iter().all(|condition| condition.holds(&asked.context))
}

/// What EC2 asks for `*`, only `*` grants: such actions have no resources to name.
fn covers(pattern: &str, resource: &str) -> bool {
    if resource == "*" { pattern == "*" } else { matches(pattern, resource) }
}

#[cfg(test)]
mod tests {
    use super::super::Context;
    use super::*;

    const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
        {"Sid": "Read", "Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"},
        {"Sid": "Write", "Effect": "Allow", "Action": ["ec2:DeleteNetworkInterface"],
         "Resource": "arn:aws:ec2:*:*:network-interface/*",
         "Condition": {"StringEquals": {"aws:ResourceTag/cluster": "one"}}},
        {"Sid": "Not", "Effect": "Deny", "Action": "ec2:*", "Resource": "*",
         "Condition": {"StringEquals": {"aws:ResourceTag/keep": "true"}}}]}"#;

    fn judge(action: &str, resource: &str, context: Context) -> Verdict {
        let policy: Policy = POLICY.parse().unwrap();
        policy.judge(&Asked { action: action.into(), resource: resource.into(), context })
    }

    #[test]
    fn an_allow_passes_a_deny_wins_and_nothing_is_no() {
        let eni = "arn:aws:ec2:us-east-1:1:network-interface/eni-1";
        let ours = Context::default().with("aws:ResourceTag/cluster", "one");
        assert_eq!(judge("ec2:DescribeSubnets", "*", Context::default()), Verdict::Allowed("Read".into()));
        assert_eq!(judge("ec2:DeleteNetworkInterface", eni, ours.clone()), Verdict::Allowed("Write".into()));
        assert_eq!(judge("ec2:DeleteNetworkInterface", eni, Context::default()), Verdict::NotAllowed);
        let kept = ours.with("aws:ResourceTag/keep", "true");
        assert_eq!(judge("ec2:DeleteNetworkInterface", eni, kept), Verdict::Denied);
        assert_eq!(judge("ec2:DetachNetworkInterface", eni, Context::default()), Verdict::NotAllowed);
    }

    #[test]
    fn a_statement_can_be_taken_away() {
        let policy: Policy = POLICY.parse().unwrap();
        assert_eq!(policy.statements(), ["Read", "Write", "Not"]);
        assert_eq!(policy.without("Read").statements(), ["Write", "Not"]);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let not_action =
            r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "NotAction": "x", "Resource": "*"}}"#;
        assert!(not_action.parse::<Policy>().is_err());
        let old = r#"{"Version": "2008-10-17", "Statement": []}"#;
        assert!(old.parse::<Policy>().is_err());
    }
}
