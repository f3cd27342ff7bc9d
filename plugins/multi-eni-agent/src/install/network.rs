//! The network configuration that is installed. One that a runtime cannot read would leave the node without a network.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{} is no JSON", path.display())]
    Json {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("{} is no network configuration list: {what}", path.display())]
    List { path: PathBuf, what: &'static str },
}

/// A network configuration list in a file whose name a runtime takes.
#[derive(Debug)]
pub(crate) struct Network {
    path: PathBuf,
    name: String,
}

impl Network {
    /// Reads the file, and looks for what every runtime asks of a list (CNI 1.1.0, "Network configuration format").
    pub(crate) fn read(path: &Path) -> Result<Self, Fault> {
        let list = |what| Fault::List { path: path.to_path_buf(), what };
        let name = path.file_name().and_then(|name| name.to_str()).filter(|name| name.ends_with(".conflist"));
        let name = name.ok_or_else(|| list("its name does not end in .conflist"))?.to_string();
        let text = std::fs::read(path).map_err(|source| Fault::Read { path: path.to_path_buf(), source })?;
        let content: Value =
            serde_json::from_slice(&text).map_err(|source| Fault::Json { path: path.to_path_buf(), source })?;
        if !content["cniVersion"].is_string() || !content["name"].is_string() {
            return Err(list("it has no cniVersion, or no name"));
        }
        let plugins = content["plugins"].as_array().map(Vec::as_slice).unwrap_or_default();
        if plugins.is_empty() || !plugins.iter().all(|plugin| plugin["type"].is_string()) {
            return Err(list("it has no plugins, or one without a type"));
        }
        Ok(Self { path: path.to_path_buf(), name })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_runtime_could_not_read_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let read = |name: &str, text: &str| {
            std::fs::write(root.path().join(name), text).unwrap();
            Network::read(&root.path().join(name)).map(|network| network.name().to_string())
        };
        let whole = r#"{"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": "multi-eni", "pool": "p"}]}"#;
        assert_eq!(read("10-n.conflist", whole).unwrap(), "10-n.conflist");
        assert!(matches!(read("10-n.txt", whole), Err(Fault::List { .. })));
        assert!(matches!(read("a.conflist", "{"), Err(Fault::Json { .. })));
        for lacking in [
            r#"{"name": "n", "plugins": [{"type": "multi-eni"}]}"#,
            r#"{"cniVersion": "1.0.0", "plugins": [{"type": "multi-eni"}]}"#,
            r#"{"cniVersion": "1.0.0", "name": "n", "plugins": []}"#,
            r#"{"cniVersion": "1.0.0", "name": "n", "plugins": [{"pool": "p"}]}"#,
            r#"{"cniVersion": "1.0.0", "name": "n", "type": "multi-eni"}"#,
        ] {
            assert!(matches!(read("a.conflist", lacking), Err(Fault::List { .. })), "{lacking}");
        }
        assert!(matches!(Network::read(&root.path().join("none.conflist")), Err(Fault::Read { .. })));
    }
}
