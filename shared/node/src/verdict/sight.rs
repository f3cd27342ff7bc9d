//! One look at all processes: which network namespaces they and their mounts have.
//!
//! The files of a process's namespaces (`/proc/<pid>/ns/…`, namespaces(7)) and its mounts (`/proc/<pid>/mountinfo`, proc(5)) are
//! read through the folder of processes, so the agent's own mount namespace has no part in it.

use super::Unseen;
use crate::netns::{Identity, Netns};
use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::io::{Error, ErrorKind};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The first process namespace's number (`PROC_PID_INIT_INO` in `linux/proc_ns.h`): a folder of processes of it shows all.
const FIRST_PROCESS_NAMESPACE: u64 = 0xEFFF_FFFC;
/// The first user namespace's (`PROC_USER_INIT_INO`): capabilities in it are for all processes.
const FIRST_USER_NAMESPACE: u64 = 0xEFFF_FFFD;
/// The number of `CAP_SYS_PTRACE` (`linux/capability.h`).
const CAP_SYS_PTRACE: u32 = 19;

/// The network namespaces that are in use, as far as can be seen.
#[derive(Debug)]
pub struct Sight {
    proc_dir: PathBuf,
    /// Where each can be opened, by its number.
    namespaces: BTreeMap<u64, Vec<PathBuf>>,
    /// The process namespace whose processes these are.
    process_namespace: Result<u64, Unseen>,
    /// What was not seen.
    gap: Option<Unseen>,
    home: Option<Netns>,
}

impl Sight {
    /// Looks at the processes of this folder, `/proc` or a container's mount of the host's.
    pub fn of(proc_dir: &Path) -> Self {
        let mut sight = Self {
            proc_dir: proc_dir.to_path_buf(),
            namespaces: BTreeMap::new(),
            process_namespace: process_namespace(proc_dir),
            gap: hidden(proc_dir).then(|| Unseen::Hidden(proc_dir.to_path_buf())),
            home: Netns::current().ok(),
        };
        if let Err(error) = sight.read() {
            sight.gap = Some(unreadable(proc_dir, &error));
        }
        sight
    }

    /// As [`Sight::of`], on a thread that nobody waits for: it is a file or two of each process.
    pub async fn look(proc_dir: &Path) -> Self {
        let path = proc_dir.to_path_buf();
        let look = tokio::task::spawn_blocking(move || Self::of(&path)).await;
        look.unwrap_or_else(|error| Self {
            proc_dir: proc_dir.to_path_buf(),
            namespaces: BTreeMap::new(),
            process_namespace: Err(unreadable(proc_dir, &Error::other(error))),
            gap: None,
            home: None,
        })
    }

    fn read(&mut self) -> std::io::Result<()> {
        let mut seen = HashSet::new();
        for process in std::fs::read_dir(&self.proc_dir)? {
            let process = process?;
            if process.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit)
                && let Err(error) = self.look_at(&process.path(), &mut seen)
                && !has_ended(&error)
            {
                self.gap = Some(unreadable(&process.path(), &error));
            }
        }
        Ok(())
    }

    /// `seen` are the pairs of mount namespace and root whose mounts were read: a process sees those below its root only.
    fn look_at(&mut self, process: &Path, seen: &mut HashSet<(u64, PathBuf)>) -> std::io::Result<()> {
        let net = process.join("ns/net");
        let number = number_of(&net)?;
        self.namespaces.entry(number).or_default().push(net);
        let root = process.join("root");
        let view = (number_of(&process.join("ns/mnt"))?, std::fs::read_link(&root)?);
        if seen.contains(&view) {
            return Ok(());
        }
        let mounts = std::fs::read_to_string(process.join("mountinfo"))?;
        for (number, point) in mounts.lines().filter_map(mounted_namespace) {
            let point = root.join(point.strip_prefix("/").unwrap_or(&point));
            self.namespaces.entry(number).or_default().push(point);
        }
        seen.insert(view);
        Ok(())
    }

    /// Whether any process or mount has the namespace. One of the same number that cannot be opened is taken for it.
    pub fn has(&self, identity: &Identity) -> bool {
        let Some(paths) = self.namespaces.get(&identity.inode) else { return false };
        let Some(home) = &self.home else { return true };
        let found = paths.iter().find_map(|path| Netns::open(path).ok()?.identity(home).ok());
        found.is_none_or(|found| found.is_same(identity))
    }

    /// The namespace of this identity, open; nothing if no process and no mount has it. `home` is that of the calling thread.
    pub fn open(&self, identity: &Identity, home: &Netns) -> Option<Netns> {
        let is_it = |netns: &Netns| netns.identity(home).is_ok_and(|found| found.is_same(identity));
        self.namespaces.get(&identity.inode)?.iter().filter_map(|path| Netns::open(path).ok()).find(is_it)
    }

    /// Whether not even this process is seen.
    pub fn is_blind(&self) -> bool {
        self.namespaces.is_empty()
    }

    /// Whether what is not seen here is not there, for what a process of the process namespace `made_in` made: a folder of
    /// processes shows those of its own namespace and of the ones below.
    ///
    /// # Errors
    /// What is not seen.
    pub fn is_whole_for(&self, made_in: Option<u64>) -> Result<(), Unseen> {
        if let Some(gap) = &self.gap {
            return Err(gap.clone());
        }
        let shown = *self.process_namespace.as_ref().map_err(Clone::clone)?;
        if shown == FIRST_PROCESS_NAMESPACE || Some(shown) == made_in {
            return Ok(());
        }
        Err(Unseen::OtherProcesses(self.proc_dir.clone()))
    }
}

/// The process namespace whose processes a folder shows: that of the process that is its first.
fn process_namespace(proc_dir: &Path) -> Result<u64, Unseen> {
    let path = proc_dir.join("1/ns/pid");
    number_of(&path).map_err(|error| unreadable(&path, &error))
}

/// The process namespace of this process; nothing where there is no `/proc`.
pub(crate) fn own_process_namespace() -> Option<u64> {
    number_of(Path::new("/proc/self/ns/pid")).ok()
}

/// The number in the link of a namespace, `net:[4026531840]`.
fn number_of(link: &Path) -> std::io::Result<u64> {
    let target = std::fs::read_link(link)?;
    let text = target.to_str().and_then(|text| text.split_once(":["));
    let number = text.and_then(|(_, number)| number.strip_suffix(']')?.parse().ok());
    number.ok_or_else(|| Error::new(ErrorKind::InvalidData, format!("{} is no namespace", target.display())))
}

/// The number and mount point of a mounted network namespace: its root is written `net:[4026532000]`.
fn mounted_namespace(line: &str) -> Option<(u64, PathBuf)> {
    let mut fields = line.split(' ').skip(3);
    let number = fields.next()?.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()?;
    Some((number, unescaped(fields.next()?)))
}

/// Spaces and backslashes of a mount point stand in mountinfo as octal numbers.
fn unescaped(field: &str) -> PathBuf {
    let (mut bytes, mut rest) = (Vec::new(), field.as_bytes());
    while let [first, tail @ ..] = rest {
        let octal = (*first == b'\\').then(|| tail.get(..3)).flatten();
        let octal = octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &tail[3..] } else { tail };
    }
    OsString::from_vec(bytes).into()
}

/// A process that ends while it is looked at is none: ENOENT or ESRCH, and EINVAL for the mounts of one that has no more of them.
fn has_ended(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput)
        || error.raw_os_error() == Some(nix::libc::ESRCH)
}

fn unreadable(path: &Path, error: &Error) -> Unseen {
    let why = match error.kind() {
        ErrorKind::PermissionDenied => "the agent needs CAP_SYS_PTRACE of the host".to_string(),
        _ => error.to_string(),
    };
    Unseen::Unreadable { path: path.to_path_buf(), why }
}

/// Whether the folder may leave out processes of others (`hidepid`, proc(5)), which it does not for who may trace them all.
fn hidden(proc_dir: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    hides(&mounts, proc_dir) && !may_trace_all()
}

/// Whether a file system of processes that hides some is mounted there.
fn hides(mounts: &str, proc_dir: &Path) -> bool {
    let hides = |line: &str| {
        let point = line.split(' ').nth(4).map(unescaped);
        let options = line.rsplit(' ').next().unwrap_or_default();
        let value = options.split(',').find_map(|option| option.strip_prefix("hidepid="));
        point.as_deref() == Some(proc_dir) && value.is_some_and(|value| !matches!(value, "0" | "off"))
    };
    mounts.lines().any(hides)
}

fn may_trace_all() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok()).unwrap_or_default();
    let first = number_of(Path::new("/proc/self/ns/user")).is_ok_and(|number| number == FIRST_USER_NAMESPACE);
    first && effective & (1 << CAP_SYS_PTRACE) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_hides_processes_is_known_by_its_mount() {
        let mounts = "22 1 0:21 / /proc rw,relatime shared:5 - proc proc rw,gid=4,hidepid=invisible\n\
                      80 1 0:51 / /host/proc rw - proc proc rw\n81 1 0:52 / /off rw - proc proc rw,hidepid=off\n";
        assert!(hides(mounts, Path::new("/proc")));
        assert!(!hides(mounts, Path::new("/host/proc")));
        assert!(!hides(mounts, Path::new("/off")));
    }

    #[test]
    fn mount_points_with_spaces_are_read() {
        assert_eq!(unescaped(r"/run/a\040b\134c"), Path::new(r"/run/a b\c"));
        assert_eq!(unescaped(r"/run/a\9"), Path::new(r"/run/a\9"));
    }

    #[test]
    fn mounted_namespaces_are_found_among_other_mounts() {
        let line = |root: &str, point: &str| format!("90 25 0:4 {root} {point} rw shared:1 - nsfs nsfs rw");
        assert_eq!(mounted_namespace(&line("net:[78]", "/run/netns/a")), Some((78, "/run/netns/a".into())));
        assert_eq!(mounted_namespace(&line("/", "/")), None);
        assert_eq!(mounted_namespace(&line("mnt:[78]", "/run/x")), None);
        assert_eq!(mounted_namespace(""), None);
    }
}
