//! No credential leaves the process by a log line or a page: what looks like one, or stands behind a name that says that it
//! is one, is taken out. What is written should never have held it; this is the second wall.

use serde_json::Value;
use std::borrow::Cow;

const REDACTED: &str = "[redacted]";

/// Prefixes of access key ids (IAM user guide, "IAM identifiers", "Unique identifiers").
const ACCESS_KEYS: [&str; 4] = ["AKIA", "ASIA", "ABIA", "ACCA"];
const ACCESS_KEY_LENGTH: usize = 20;
/// The length of a secret access key.
const SECRET_KEY_LENGTH: usize = 40;
/// Session tokens have some hundreds of characters of Base64; nothing else that is logged has this many.
const LONG_BASE64: usize = 200;
/// How every token of IMDSv2 begins, and less than its length.
const METADATA_TOKEN: (&str, usize) = ("AQAEA", 40);
/// How a JSON web token begins: `{"` in Base64.
const WEB_TOKEN: (&str, usize) = ("eyJ", 20);

/// Endings of names of credentials, in lower case and without `-` and `_`.
const SECRET_NAMES: [&str; 9] = [
    "secretaccesskey",
    "secretkey",
    "sessiontoken",
    "securitytoken",
    "metadatatoken",
    "bearertoken",
    "password",
    "amzsignature",
    "authorization",
];

/// The text without credentials.
pub(super) fn redact(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut rest = text;
    let mut changed = false;
    while let Some(start) = rest.find(is_word) {
        let (before, from_word) = rest.split_at(start);
        let (word, after) = from_word.split_at(from_word.find(|c| !is_word(c)).unwrap_or(from_word.len()));
        out.push_str(before);
        rest = after;
        match named_value(word, after) {
            Some(Range { start, end }) => {
                out.push_str(word);
                out.push_str(&after[..start]);
                out.push_str(REDACTED);
                rest = &after[end..];
                changed = true;
            }
            None => match shape(word, after) {
                Some(shown) => {
                    out.push_str(shown);
                    out.push_str(REDACTED);
                    changed = true;
                }
                None => out.push_str(word),
            },
        }
    }
    if !changed {
        return Cow::Borrowed(text);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// A field's value without credentials.
pub(super) fn redact_value(name: &str, value: Value) -> Value {
    match value {
        _ if is_secret_name(name) => Value::String(REDACTED.to_string()),
        Value::String(text) => Value::String(redact(&text).into_owned()),
        Value::Array(values) => Value::Array(values.into_iter().map(|value| redact_value("", value)).collect()),
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(name, value)| {
                    let value = redact_value(&name, value);
                    (redact(&name).into_owned(), value)
                })
                .collect(),
        ),
        value @ (Value::Null | Value::Bool(_) | Value::Number(_)) => value,
    }
}

/// The letters of Base64 in both alphabets, but for its padding, and those of names.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_')
}

/// A client token or a tag's key may end in `token`, so that counts only as the whole name: IMDS calls a session token
/// so in its document of credentials.
fn is_secret_name(name: &str) -> bool {
    let plain: String = name.chars().filter(|c| !matches!(c, '-' | '_')).collect::<String>().to_ascii_lowercase();
    plain == "token" || SECRET_NAMES.iter().any(|secret| plain.ends_with(secret))
}

struct Range {
    start: usize,
    end: usize,
}

/// Where, behind a credential's name, its value stands: as in JSON, a query, a header, XML or Rust's debug output.
fn named_value(word: &str, after: &str) -> Option<Range> {
    if !is_secret_name(word) {
        return None;
    }
    let quotes = |c| matches!(c, '"' | '\'' | '\\' | ' ');
    let separator = after.trim_start_matches(quotes).strip_prefix(['=', ':', '>'])?;
    let value = separator.trim_start_matches(quotes);
    let value = value.strip_prefix("Some(").unwrap_or(value).trim_start_matches(quotes);
    let is_end: fn(char) -> bool = match word.to_ascii_lowercase().ends_with("authorization") {
        // Its parts are separated by spaces and commas.
        true => |c| matches!(c, '"' | '\'' | '\n' | '\r' | '<'),
        false => |c| c.is_whitespace() || matches!(c, '"' | '\'' | '\\' | '&' | ',' | ';' | '}' | ')' | ']' | '<'),
    };
    let length = value.find(is_end).unwrap_or(value.len());
    let start = after.len() - value.len();
    (length > 0 && !value.starts_with(REDACTED)).then_some(Range { start, end: start + length })
}

/// What of a word may be shown if it looks like a credential.
fn shape<'a>(word: &'a str, after: &str) -> Option<&'a str> {
    if word.len() == ACCESS_KEY_LENGTH && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
        return ACCESS_KEYS.iter().any(|prefix| word.starts_with(prefix)).then(|| &word[..4]);
    }
    let begins = |(start, length): (&str, usize)| word.starts_with(start) && word.len() >= length;
    let is_web_token = begins(WEB_TOKEN) && after.starts_with('.');
    let is_credential = is_secret_key(word) || word.len() >= LONG_BASE64 || begins(METADATA_TOKEN) || is_web_token;
    is_credential.then_some("")
}

/// Forty letters of Base64 of all kinds; a digest in hexadecimal or a path has not all of them.
fn is_secret_key(word: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| word.as_bytes().iter().any(kind);
    let base64 = word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'));
    word.len() == SECRET_KEY_LENGTH
        && base64
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKE1";

    fn session_token() -> String {
        format!("IQoJb3JpZ2luX2VjE{}==", "aB3+/".repeat(80))
    }

    #[test]
    fn credentials_of_every_shape_are_taken_out() {
        let token = session_token();
        for text in [
            format!("signed with ASIAIOSFODNN7EXAMPLE in eu-west-1; key {SECRET}"),
            format!("{{\"SecretAccessKey\" : \"{SECRET}\", \"Token\" : \"{token}\", \"AccessKeyId\" : \"AKIAIOSFODNN7EXAMPLE\"}}"),
            format!("aws_secret_access_key={SECRET}&aws-session-token={token}"),
            "X-Amz-Security-Token=IQoJ%2Fb3Jp%2BZ2lu&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F&X-Amz-Signature=0123abcd".to_string(),
            format!("Credentials {{ secret_access_key: \"{SECRET}\", session_token: Some(\"shorttoken1\"), expires: None }}"),
            format!("<SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>{token}</SessionToken>"),
            "x-aws-ec2-metadata-token: AQAEAKz1shorttoken1".to_string(),
            "got AQAEAGlXC0fT7zPzNDyI3DRhXWJ6m1b2w3y4z5A6B7C8D9E0F1G2==".to_string(),
            "Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/2026, SignedHeaders=host, Signature=0123abcd".to_string(),
            "authorization: Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6.eyJpc3MiOiJrdWJlcm5.c2lnbmF0".to_string(),
            "the token eyJhbGciOiJSUzI1NiIsImtpZCI6.eyJpc3MiOiJrdWJlcm5.c2lnbmF0".to_string(),
            r#"escaped {\"SessionToken\": \"shorttoken1\"}"#.to_string(),
        ] {
            let shown = redact(&text);
            for secret in [SECRET, "IOSFODNN7EXAMPLE", "IQoJ", "shorttoken1", "AQAEA", "0123abcd", "eyJhbGciOiJSUzI1NiIs"] {
                assert!(!shown.contains(secret), "{secret} in {shown}");
            }
            assert!(shown.contains(REDACTED), "{shown}");
            assert_eq!(redact(&shown), shown);
        }
    }

    #[test]
    fn what_is_no_credential_stays() {
        for text in [
            "created eni-0123456789abcdef0 in subnet-0123456789abcdef0 with client token 5f9a-multi-eni-red-1",
            "client_token=multi-eni-5f9a0c1d, tag multi-eni.networking.k8s.aws/token=5f9a0c1d",
            "container 4f1c0f3a9a1be8fb9d7c1a2b3c4d5e6f4f1c0f3a9a1be8fb9d7c1a2b3c4d5e6f of pod default/web-0",
            "commit 2aae6c35c94fcfb415dbe95f408b9ce91ee846ed",
            "/var/lib/kubelet/pods/6f1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d/volumes: no such file, ä ö ü",
            "the token has expired: asked anew",
            "",
        ] {
            assert!(matches!(redact(text), Cow::Borrowed(same) if same == text), "{}", redact(text));
        }
    }

    #[test]
    fn fields_are_told_by_their_names_too() {
        let value = json!({"session-token": "short", "nested": [{"password": 12345}], "kept": format!("key {SECRET}")});
        let expected = json!({"session-token": REDACTED, "nested": [{"password": REDACTED}], "kept": "key [redacted]"});
        assert_eq!(redact_value("credentials", value), expected);
        assert_eq!(redact_value("token", json!(["x"])), json!(REDACTED));
    }
}
