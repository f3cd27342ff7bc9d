//! What Kubernetes calls a label ("Labels and Selectors", "Syntax and character set"): also without it, the labels of a
//! node and the pools' selectors keep its rules, so that a manifest means the same with it.

use crate::names::PoolName;

/// Whether a text is a label's key: a name, perhaps with a DNS subdomain and `/` before it.
pub fn is_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => prefix.parse::<PoolName>().is_ok() && is_name(name),
        None => is_name(text),
    }
}

/// Whether a text is a label's value: a name, or empty.
pub fn is_value(text: &str) -> bool {
    text.is_empty() || is_name(text)
}

/// At most 63 letters, digits, `-`, `_` and `.`, a letter or a digit at both ends.
fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()].iter().all(|end| end.is_some_and(u8::is_ascii_alphanumeric));
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    ends && bytes.len() <= 63 && bytes.iter().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_follow_the_rules_of_kubernetes() {
        for key in ["ng", "kubernetes.io/hostname", "node.kubernetes.io/instance-type", "A_b.c"] {
            assert!(is_key(key), "{key}");
        }
        for key in ["", "/x", "a/", "a/b/c", "-a", "UPPER.io/x", "a b", &"a".repeat(64)] {
            assert!(!is_key(key), "{key}");
        }
        assert!(is_value("") && is_value("multi-eni") && !is_value("a/b") && !is_value("a "));
    }
}
