//! Whether a namespace is still there though its path is not, and whether a pod is alive.
//!
//! A namespace lives as long as a mount, a process or an open file has it. The first two can be looked up, in the view of
//! the calling process: that of a plugin is its runtime's, which made the namespaces that the records are about.

use crate::netns::{Identity, Netns};
use crate::record::Pod;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The namespace of this identity, wherever a mount or a process has it; nothing if none has.
///
/// # Errors
/// Those of reading `/proc`.
pub fn find_namespace(identity: &Identity, home: &Netns) -> std::io::Result<Option<Netns>> {
    let mounts = mounted(identity.inode)?;
    let processes = || of_processes(identity.inode);
    let is_it = |path: PathBuf| Netns::open(&path).ok().filter(|netns| has_identity(netns, identity, home));
    match mounts.into_iter().find_map(is_it) {
        Some(netns) => Ok(Some(netns)),
        None => Ok(processes()?.into_iter().find_map(is_it)),
    }
}

fn has_identity(netns: &Netns, identity: &Identity, home: &Netns) -> bool {
    netns.identity(home).is_ok_and(|found| found.is_same(identity))
}

/// Mount points of the namespace with this inode (`/proc/self/mountinfo`, proc(5)): its root is written `net:[inode]`.
fn mounted(inode: u64) -> std::io::Result<Vec<PathBuf>> {
    let root = format!("net:[{inode}]");
    let mountinfo = std::fs::read_to_string("/proc/self/mountinfo")?;
    let point = |line: &str| {
        let mut fields = line.split(' ').skip(3);
        (fields.next() == Some(root.as_str())).then(|| fields.next().map(unescaped)).flatten()
    };
    Ok(mountinfo.lines().filter_map(point).collect())
}

/// Spaces and backslashes of a mount point stand in mountinfo as octal numbers.
pub(crate) fn unescaped(field: &str) -> PathBuf {
    let (mut bytes, mut rest) = (Vec::new(), field.as_bytes());
    while let [first, tail @ ..] = rest {
        let octal = (*first == b'\\').then(|| tail.get(..3)).flatten();
        let octal = octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &tail[3..] } else { tail };
    }
    OsString::from_vec(bytes).into()
}

/// `/proc/<pid>/ns/net` of every process in the namespace with this inode.
fn of_processes(inode: u64) -> std::io::Result<Vec<PathBuf>> {
    let name = format!("net:[{inode}]");
    let mut found = Vec::new();
    for process in std::fs::read_dir("/proc")? {
        let process = process?;
        if !process.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        let path = process.path().join("ns/net");
        // A process that ends meanwhile is none.
        if std::fs::read_link(&path).is_ok_and(|target| target == Path::new(&name)) {
            found.push(path);
        }
    }
    Ok(found)
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
    fn mount_points_with_spaces_are_read() {
        assert_eq!(unescaped(r"/run/a\040b\134c"), Path::new(r"/run/a b\c"));
        assert_eq!(unescaped(r"/run/a\9"), Path::new(r"/run/a\9"));
    }

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
