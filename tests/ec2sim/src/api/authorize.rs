//! Whether the policy lets a call pass.

use crate::cloud::Inner;
use crate::policy::Verdict;

use super::refusal::Refusal;
use super::request::Request;
use super::resources;

/// Every resource of the call has to be allowed by itself. Without a policy everything is.
pub(crate) fn check(inner: &mut Inner, principal: &str, request: &Request) -> Result<(), Refusal> {
    let api = &inner.api;
    let Some(policy) = api.policies.get(principal).or(api.policy.as_ref()).cloned() else { return Ok(()) };
    let own = resources::of_principal(inner, principal);
    for mut asked in resources::asked(inner, request) {
        for (key, value) in &own {
            asked.context = asked.context.with(key, value);
        }
        match policy.judge(&asked) {
            Verdict::Allowed(statement) => {
                inner.api.granted.insert(statement);
            }
            Verdict::Denied => {
                let message = format!(
                    "You are not authorized to perform this operation. User: {principal} is not authorized to perform: {} on resource: {} with an explicit deny in an identity-based policy",
                    asked.action, asked.resource
                );
                return Err(Refusal::new("UnauthorizedOperation", message));
            }
            Verdict::NotAllowed => {
                let message = format!(
                    "You are not authorized to perform this operation. User: {principal} is not authorized to perform: {} on resource: {} because no identity-based policy allows the {} action",
                    asked.action, asked.resource, asked.action
                );
                return Err(Refusal::new("UnauthorizedOperation", message));
            }
        }
    }
    Ok(())
}
