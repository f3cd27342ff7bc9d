//! Who calls: the access key of the signature
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>). The signature itself is not looked at.

use axum::http::{HeaderMap, header};

const NOBODY: &str = "anonymous";

pub(super) fn of(headers: &HeaderMap) -> String {
    let key = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(access_key);
    key.unwrap_or(NOBODY).to_owned()
}

fn access_key(authorization: &str) -> Option<&str> {
    let (_, credential) = authorization.split_once("Credential=")?;
    credential.split('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_access_key_of_a_signature_is_the_principal() {
        let of = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0";
        assert_eq!(access_key(of), Some("AKIDEXAMPLE"));
        assert_eq!(access_key("Basic abc"), None);
    }
}
