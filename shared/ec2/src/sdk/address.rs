//! Where EC2 is, by the SDK's own rules.

use aws_sdk_ec2::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};

/// EC2's address in a region, where a [`Client`](crate::Client) finds it that is told none: each partition has its own domain, and
/// `AWS_USE_DUALSTACK_ENDPOINT` and `AWS_USE_FIPS_ENDPOINT` have further ones. Nothing for a text that is no region.
pub async fn address_of(region: &str) -> Option<String> {
    address(region, is_set("AWS_USE_DUALSTACK_ENDPOINT"), is_set("AWS_USE_FIPS_ENDPOINT")).await
}

async fn address(region: &str, dual_stack: bool, fips: bool) -> Option<String> {
    let params = Params::builder().region(region).use_dual_stack(dual_stack).use_fips(fips).build().ok()?;
    let endpoint = ResolveEndpoint::resolve_endpoint(&DefaultResolver::new(), &params).await.ok()?;
    Some(endpoint.url().to_string())
}

fn is_set(variable: &str) -> bool {
    std::env::var(variable).is_ok_and(|value| value.eq_ignore_ascii_case("true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_partition_has_its_domain() {
        for (region, dual_stack, fips, url) in [
            ("eu-central-1", false, false, "https://ec2.eu-central-1.amazonaws.com"),
            ("cn-north-1", false, false, "https://ec2.cn-north-1.amazonaws.com.cn"),
            ("us-iso-east-1", false, false, "https://ec2.us-iso-east-1.c2s.ic.gov"),
            ("eusc-de-east-1", false, false, "https://ec2.eusc-de-east-1.amazonaws.eu"),
            ("eu-central-1", true, false, "https://ec2.eu-central-1.api.aws"),
            ("us-east-1", false, true, "https://ec2-fips.us-east-1.amazonaws.com"),
        ] {
            assert_eq!(address(region, dual_stack, fips).await.as_deref(), Some(url), "{region}");
        }
        assert_eq!(address("no region", false, false).await, None);
    }
}
