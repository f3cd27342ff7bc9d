//! Whether a pod is alive.

use crate::record::Pod;
use std::path::Path;

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
