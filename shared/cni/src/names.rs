//! The names of the protocol, each with its rule in one constructor.

/// Makes a checked text type of a rule `fn(&str) -> Result<(), NameFault>`.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                match $rule(&text) {
                    Ok(()) => Ok(Self(text)),
                    Err(fault) => Err(NameError { what: $what, text, fault }),
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The name of a network: begins with a letter or digit, then letters, digits, `_`, `.` and `-`
    /// (CNI 1.1.0, "Configuration format", `name`).
    NetworkName,
    "network name",
    identifier
);

name!(
    /// The runtime's id of a container: begins with a letter or digit, then letters, digits, `_`, `.` and `-`
    /// (CNI 1.1.0, "Parameters", `CNI_CONTAINERID`).
    ContainerId,
    "container id",
    identifier
);

name!(
    /// A name that Linux accepts for an interface and does not make into another one.
    ///
    /// At most 15 bytes, neither `.` nor `..`, without `/`, `:` and white space (`dev_valid_name` in `net/core/dev.c`);
    /// without `%`, which asks the kernel to choose a number (`dev_get_valid_name`); neither `all` nor `default`, whose
    /// sysctls are those of every link (`sysctl_dev_name_is_allowed` in `net/ipv4/devinet.c`).
    IfName,
    "interface name",
    interface
);

name!(
    /// The `type` of a plugin, which is the name of its file in a folder of `CNI_PATH`, so it never leaves that folder
    /// (CNI 1.1.0, "Plugin configuration objects", `type`).
    PluginType,
    "plugin type",
    file_name
);

/// Why a text is not a name of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?} {fault}")]
pub struct NameError {
    what: &'static str,
    text: String,
    fault: NameFault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum NameFault {
    #[error("is empty")]
    Empty,
    #[error("does not begin with a letter or a digit")]
    Start,
    #[error("has {0:?}, only letters, digits, '_', '.' and '-' are allowed")]
    Character(char),
    #[error("has {0:?}, which is not allowed there")]
    Forbidden(char),
    #[error("is longer than 15 bytes")]
    Long,
    #[error("is reserved")]
    Reserved,
}

fn identifier(text: &str) -> Result<(), NameFault> {
    let first = text.chars().next().ok_or(NameFault::Empty)?;
    if !first.is_ascii_alphanumeric() {
        return Err(NameFault::Start);
    }
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))) {
        Some(c) => Err(NameFault::Character(c)),
        None => Ok(()),
    }
}

fn interface(text: &str) -> Result<(), NameFault> {
    if text.is_empty() {
        return Err(NameFault::Empty);
    }
    if text.len() > 15 {
        return Err(NameFault::Long);
    }
    if matches!(text, "." | ".." | "all" | "default") {
        return Err(NameFault::Reserved);
    }
    match text.chars().find(|&c| matches!(c, '/' | ':' | '%') || c.is_whitespace() || c.is_control() || kernel_space(c))
    {
        Some(c) => Err(NameFault::Forbidden(c)),
        None => Ok(()),
    }
}

/// The kernel's `isspace` looks at bytes and calls 0xa0 a space, whatever character it is a part of.
fn kernel_space(c: char) -> bool {
    c.encode_utf8(&mut [0; 4]).bytes().any(|byte| byte == 0xa0)
}

fn file_name(text: &str) -> Result<(), NameFault> {
    if text.is_empty() {
        return Err(NameFault::Empty);
    }
    if matches!(text, "." | "..") {
        return Err(NameFault::Reserved);
    }
    match text.chars().find(|c| matches!(c, '/' | '\0')) {
        Some(c) => Err(NameFault::Forbidden(c)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_follow_the_specification() {
        for good in ["a", "0", "net1", "Net_1.x-y", "cnitool-0a1b2c", &"a".repeat(300)] {
            assert_eq!(good.parse::<NetworkName>().unwrap().as_str(), good);
            assert_eq!(good.parse::<ContainerId>().unwrap().as_str(), good);
        }
        for bad in ["", "_a", ".", "..", "-a", "a/b", "a b", "a\n", "ä", "a:b", "a\0", "../etc"] {
            assert!(bad.parse::<NetworkName>().is_err(), "{bad:?}");
            assert!(bad.parse::<ContainerId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn cfg_3_interface_names_are_those_that_the_kernel_takes() {
        for good in ["eth0", "a", "net1.100", "exactly15bytes_", "ä", "-x"] {
            assert_eq!(good.parse::<IfName>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            ".",
            "..",
            "a/b",
            "a:1",
            "a b",
            "a\tb",
            "a\u{b}b",
            "sixteen_bytes_xx",
            "eth%d",
            "all",
            "default",
            "a\0b",
            "a\u{a0}",
            "à",
            "a\u{2003}b",
            "\u{7f}",
        ] {
            assert!(bad.parse::<IfName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_plugin_type_stays_in_its_folder() {
        for good in ["host-local", "a", "...", "plugin v2", ".hidden"] {
            assert_eq!(good.parse::<PluginType>().unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "/bin/sh", "../evil", "a/b", "a/", "a\0b"] {
            assert!(bad.parse::<PluginType>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_are_checked_while_they_are_deserialised() {
        assert_eq!(serde_json::from_str::<IfName>("\"net1\"").unwrap().as_str(), "net1");
        assert!(serde_json::from_str::<IfName>("\"a/b\"").is_err());
        assert!(serde_json::from_str::<IfName>("1").is_err());
        assert_eq!(serde_json::to_string(&"net1".parse::<IfName>().unwrap()).unwrap(), "\"net1\"");
    }

    #[test]
    fn the_error_names_the_kind_the_text_and_the_fault() {
        let error = "a/b".parse::<IfName>().unwrap_err();
        assert_eq!(error.to_string(), "interface name \"a/b\" has '/', which is not allowed there");
    }
}
