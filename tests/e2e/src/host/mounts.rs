//! What a node's mount namespace has of its own.

use std::fs;
use std::path::Path;

use nix::mount::{MsFlags, mount};

/// What programs of a node write to, by habit or by configuration: each is the machine's to read, and the node's alone
/// to write.
const OVERLAID: [&str; 3] = ["/etc", "/opt", "/var"];

/// Makes the calling thread's mount namespace a node's. What the node writes goes to a tmpfs at `private`.
pub(super) fn make_private(private: &Path) {
    mount_or_panic(None, "/", None, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None);
    fs::create_dir(private).expect("a mount point in the node's folder");
    let private = private.to_str().expect("a folder with a name in UTF-8");
    mount_or_panic(Some("tmpfs"), private, Some("tmpfs"), MsFlags::empty(), Some("mode=700"));
    for folder in OVERLAID {
        overlay(private, folder);
    }
    sysfs(private);
    mount_or_panic(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), Some("mode=755"));
    // Shared with the mount namespace of the node's processes, which is made from this one.
    mount_or_panic(None, "/", None, MsFlags::MS_REC | MsFlags::MS_SHARED, None);
}

/// Lets the calling thread's mount namespace have another /proc than the one that it was made from.
pub(super) fn keep_proc_apart() {
    mount_or_panic(None, "/proc", None, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None);
}

fn overlay(private: &str, folder: &str) {
    let [upper, work] = ["upper", "work"].map(|part| format!("{private}{folder}/{part}"));
    for part in [&upper, &work] {
        fs::create_dir_all(part).expect("a folder on the node's tmpfs");
    }
    let options = format!("lowerdir={folder},upperdir={upper},workdir={work}");
    mount_or_panic(Some("overlay"), folder, Some("overlay"), MsFlags::empty(), Some(&options));
}

/// A sysfs shows the links of the network namespace that it was mounted in. The machine's control groups stay below it.
fn sysfs(private: &str) {
    let groups = format!("{private}/cgroup");
    fs::create_dir(&groups).expect("a folder on the node's tmpfs");
    let carried = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount_or_panic(Some("/sys/fs/cgroup"), &groups, None, carried, None);
    mount_or_panic(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), None);
    mount_or_panic(Some(&groups), "/sys/fs/cgroup", None, carried, None);
}

fn mount_or_panic(source: Option<&str>, target: &str, kind: Option<&str>, flags: MsFlags, options: Option<&str>) {
    if let Err(error) = mount(source, target, kind, flags, options) {
        panic!("mounting {kind:?} at {target} in the node ({flags:?}, {options:?}): {error}");
    }
}
