//! Whether a namespace is still there though its path is not, and whether a pod is alive.
//!
//! A namespace lives as long as a mount, a process or an open file has it. The first two can be looked up, in the view of
//! the calling process: that of a plugin is its runtime's, which made the namespaces that the records are about.

use crate::netns::{Identity, Netns};
use crate::record::Pod;
use crate::verdict::Sight;
use std::path::Path;

/// The namespace of this identity, wherever a mount or a process has it; nothing if none has.
///
/// # Errors
/// `/proc` shows nothing at all.
pub fn find_namespace(identity: &Identity, home: &Netns) -> std::io::Result<Option<Netns>> {
    let sight = Sight::of(Path::new("/proc"));
    if sight.is_blind() {
        return Err(std::io::Error::other("no process is to be seen in /proc"));
    }
    Ok(sight.open(identity, home))
}

/// Whether the kubelet has the pod: its folder is there.
pub fn pod_is_alive(pod: &Pod, kubelet_dir: &Path) -> bool {
    let plain = |uid: &&String| !uid.is_empty() && uid.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    pod.uid.as_ref().filter(plain).is_some_and(|uid| kubelet_dir.join("pods").join(uid).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_alive_while_the_kubelet_has_its_folder() {
        let kubelet = tempfile::tempdir().unwrap();
        let uid = "0b7dbd3c-4c2e-4f1c-9d53-1a8b1f1f0001";
        let pod = |uid: Option<&str>| Pod {
            namespace: "default".to_string(),
            name: "p".to_string(),
            uid: uid.map(ToString::to_string),
        };
        assert!(!pod_is_alive(&pod(Some(uid)), kubelet.path()));
        std::fs::create_dir_all(kubelet.path().join("pods").join(uid)).unwrap();
        assert!(pod_is_alive(&pod(Some(uid)), kubelet.path()));
        assert!(!pod_is_alive(&pod(None), kubelet.path()));
        assert!(!pod_is_alive(&pod(Some("..")), kubelet.path()));
    }
}
