//! `CNI_ARGS`: `K=V;K=V`.

use std::collections::BTreeMap;

/// The pairs of `CNI_ARGS`. Deprecated by the specification, which wants `args.cni` of the configuration preferred,
/// and still how Kubernetes tells which pod it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CniArgs(BTreeMap<String, String>);

/// The pod of an attachment, as far as the runtime told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pod {
    /// `K8S_POD_NAME`
    pub name: Option<String>,
    /// `K8S_POD_NAMESPACE`
    pub namespace: Option<String>,
    /// `K8S_POD_UID`
    pub uid: Option<String>,
    /// `K8S_POD_INFRA_CONTAINER_ID`
    pub infra_container_id: Option<String>,
}

/// Why `CNI_ARGS` is not valid. The values are not repeated, they may be secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgsError {
    /// A part has not exactly one `=`.
    #[error("CNI_ARGS has to be K=V;K=V, but part {0} has not exactly one '='")]
    Pair(usize),
    /// A key is empty.
    #[error("CNI_ARGS has no key before the '=' of part {0}")]
    Key(usize),
    /// `IgnoreUnknown` is not a truth value.
    #[error("IgnoreUnknown in CNI_ARGS has to be 1, true, 0 or false")]
    IgnoreUnknown,
    /// Keys that nobody here knows, and `IgnoreUnknown` is not set.
    #[error("CNI_ARGS has unknown keys: {0} (IgnoreUnknown=1 allows them)")]
    Unknown(String),
}

impl CniArgs {
    /// Reads the variable. Of a key that is there twice the last counts, as in the Go library.
    ///
    /// # Errors
    /// A pair without exactly one `=`, or an unknown key without `IgnoreUnknown`.
    pub fn parse(text: &str) -> Result<Self, ArgsError> {
        let mut pairs = BTreeMap::new();
        if text.is_empty() {
            return Ok(Self(pairs));
        }
        for (index, pair) in text.split(';').enumerate() {
            let (key, value) = pair.split_once('=').ok_or(ArgsError::Pair(index + 1))?;
            if value.contains('=') {
                return Err(ArgsError::Pair(index + 1));
            }
            if key.is_empty() {
                return Err(ArgsError::Key(index + 1));
            }
            pairs.insert(key.to_owned(), value.to_owned());
        }
        let args = Self(pairs);
        args.check_unknown()?;
        Ok(args)
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The pod, an empty value being none.
    pub fn pod(&self) -> Pod {
        let owned = |key| self.get(key).filter(|value| !value.is_empty()).map(str::to_owned);
        Pod {
            name: owned("K8S_POD_NAME"),
            namespace: owned("K8S_POD_NAMESPACE"),
            uid: owned("K8S_POD_UID"),
            infra_container_id: owned("K8S_POD_INFRA_CONTAINER_ID"),
        }
    }

    fn check_unknown(&self) -> Result<(), ArgsError> {
        let ignore = match self.get("IgnoreUnknown").map(str::to_ascii_lowercase).as_deref() {
            Some("1" | "true") => true,
            None | Some("0" | "false") => false,
            Some(_) => return Err(ArgsError::IgnoreUnknown),
        };
        let unknown: Vec<_> = self.0.keys().filter(|key| !known(key)).map(String::as_str).collect();
        if ignore || unknown.is_empty() { Ok(()) } else { Err(ArgsError::Unknown(unknown.join(", "))) }
    }
}

fn known(key: &str) -> bool {
    matches!(key, "IP" | "MAC" | "IgnoreUnknown") || key.starts_with("K8S_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pod_is_read_from_the_keys_of_kubernetes() {
        let text = "IgnoreUnknown=1;K8S_POD_NAMESPACE=db;K8S_POD_NAME=pg-0;K8S_POD_UID=;K8S_POD_INFRA_CONTAINER_ID=abc";
        let args = CniArgs::parse(text).unwrap();
        assert_eq!(args.get("K8S_POD_NAME"), Some("pg-0"));
        assert_eq!(
            args.pod(),
            Pod {
                name: Some("pg-0".to_owned()),
                namespace: Some("db".to_owned()),
                uid: None,
                infra_container_id: Some("abc".to_owned()),
            }
        );
    }

    #[test]
    fn unknown_keys_need_leave() {
        assert_eq!(CniArgs::parse("FOO=1;BAR=2"), Err(ArgsError::Unknown("BAR, FOO".to_owned())));
        assert_eq!(CniArgs::parse("FOO=1;IgnoreUnknown=0"), Err(ArgsError::Unknown("FOO".to_owned())));
        for leave in ["1", "true", "TRUE"] {
            assert_eq!(CniArgs::parse(&format!("FOO=1;IgnoreUnknown={leave}")).unwrap().get("FOO"), Some("1"));
        }
        assert_eq!(CniArgs::parse("IgnoreUnknown=yes"), Err(ArgsError::IgnoreUnknown));
        assert!(CniArgs::parse("IP=10.0.0.5;MAC=02:00:00:00:00:01").is_ok());
    }

    #[test]
    fn each_pair_has_exactly_one_equals_sign() {
        assert_eq!(CniArgs::parse("IP"), Err(ArgsError::Pair(1)));
        assert_eq!(CniArgs::parse("IP=1;MAC=a=b"), Err(ArgsError::Pair(2)));
        assert_eq!(CniArgs::parse("IP=1;"), Err(ArgsError::Pair(2)));
        assert_eq!(CniArgs::parse(";"), Err(ArgsError::Pair(1)));
        assert_eq!(CniArgs::parse("=1"), Err(ArgsError::Key(1)));
        assert_eq!(CniArgs::parse(""), Ok(CniArgs::default()));
    }

    #[test]
    fn of_a_key_that_is_there_twice_the_last_counts() {
        assert_eq!(CniArgs::parse("IP=1;IP=2").unwrap().get("IP"), Some("2"));
    }
}
