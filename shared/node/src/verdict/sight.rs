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
use std::time::Duration;

/// The first process namespace's number (`PROC_PID_INIT_INO` in `linux/proc_ns.h`): a folder of processes of it shows all.
const FIRST_PROCESS_NAMESPACE: u64 = 0xEFFF_FFFC;
/// The first user namespace's (`PROC_USER_INIT_INO`): capabilities in it are for all processes.
const FIRST_USER_NAMESPACE: u64 = 0xEFFF_FFFD;
/// The number of `CAP_SYS_PTRACE` (`linux/capability.h`).
const CAP_SYS_PTRACE: u32 = 19;

/// How long a look may take. It is a file or two of each process, but a mount of another's may be of a file system that hangs.
const LIMIT: Duration = Duration::from_secs(10);

/// Which of the network namespaces that are asked for are in use, as far as can be seen.
#[derive(Debug)]
pub struct Sight {
    proc_dir: PathBuf,
    asked: Vec<(Identity, Seen)>,
    /// The process namespace whose processes these are.
    process_namespace: Result<u64, Unseen>,
    /// What was not seen.
    gap: Option<Unseen>,
}

/// What was seen of a namespace.
#[derive(Debug)]
enum Seen {
    /// No process and no mount has it.
    Nowhere,
    /// Here it can be opened.
    At(PathBuf),
    /// One of its number is there, and cannot be opened: it is taken for it.
    Closed,
}

impl Sight {
    /// Looks for these namespaces at the processes of this folder, `/proc` or a container's mount of the host's.
    pub fn of(proc_dir: &Path, asked: impl IntoIterator<Item = Identity>) -> Self {
        let gap = hidden(proc_dir).then(|| Unseen::Hidden(proc_dir.to_path_buf()));
        let mut sight = Self::nothing(proc_dir, process_namespace(proc_dir), gap);
        let mut found = Found::default();
        match found.read(proc_dir) {
            Ok(gap) => sight.gap = sight.gap.or(gap),
            Err(error) => sight.gap = Some(unreadable(proc_dir, &error)),
        }
        sight.asked = found.named(asked);
        sight
    }

    /// As [`Sight::of`], on a thread of its own and not for ever.
    pub async fn look(proc_dir: &Path, asked: impl IntoIterator<Item = Identity>) -> Self {
        let (path, asked) = (proc_dir.to_path_buf(), asked.into_iter().collect::<Vec<_>>());
        let look = aside(move || Self::of(&path, asked)).await;
        look.unwrap_or_else(|error| Self::unseen(proc_dir, unreadable(proc_dir, &error)))
    }

    /// As [`Sight::look`] at this process alone: what it shows is in use, and of the rest it tells nothing.
    pub async fn near(proc_dir: &Path, asked: impl IntoIterator<Item = Identity>) -> Self {
        let (path, asked) = (proc_dir.join("self"), asked.into_iter().collect::<Vec<_>>());
        let look = move || {
            let mut found = Found::default();
            found.look_at(&path).ok();
            found.named(asked)
        };
        Self { asked: aside(look).await.unwrap_or_default(), ..Self::unseen(proc_dir, Unseen::NotLookedFor) }
    }

    fn unseen(proc_dir: &Path, why: Unseen) -> Self {
        Self::nothing(proc_dir, Err(why.clone()), Some(why))
    }

    fn nothing(proc_dir: &Path, process_namespace: Result<u64, Unseen>, gap: Option<Unseen>) -> Self {
        Self { proc_dir: proc_dir.to_path_buf(), asked: Vec::new(), process_namespace, gap }
    }

    fn seen(&self, identity: &Identity) -> Option<&Seen> {
        self.asked.iter().find(|(asked, _)| asked == identity).map(|(_, seen)| seen)
    }

    /// Whether any process or mount has the namespace. One of the same number that cannot be opened is taken for it.
    pub fn has(&self, identity: &Identity) -> bool {
        matches!(self.seen(identity), Some(Seen::At(_) | Seen::Closed))
    }

    /// The namespace of this identity, open; nothing if no process and no mount has it any more, or none that can be opened.
    pub async fn open(&self, identity: &Identity) -> Option<Netns> {
        let Some(Seen::At(path)) = self.seen(identity) else { return None };
        let (path, identity) = (path.clone(), *identity);
        aside(move || opened(&path).filter(|(_, found)| found.is_same(&identity))).await.ok()?.map(|(netns, _)| netns)
    }

    /// Whether this namespace, which a process of the process namespace `made_in` made, is surely not there.
    ///
    /// # Errors
    /// What is not seen.
    pub fn lacks(&self, identity: &Identity, made_in: Option<u64>) -> Result<bool, Unseen> {
        match self.seen(identity) {
            Some(Seen::At(_) | Seen::Closed) => Ok(false),
            Some(Seen::Nowhere) => self.is_whole_for(made_in).map(|()| true),
            None => Err(self.gap.clone().unwrap_or(Unseen::NotLookedFor)),
        }
    }

    /// Whether what is not seen here is not there, for what a process of the process namespace `made_in` made: a folder of
    /// processes shows those of its own namespace and of the ones below.
    ///
    /// # Errors
    /// What is not seen.
    fn is_whole_for(&self, made_in: Option<u64>) -> Result<(), Unseen> {
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

/// Where namespaces can be opened, by their numbers.
#[derive(Debug, Default)]
struct Found {
    paths: BTreeMap<u64, Vec<PathBuf>>,
    /// The pairs of mount namespace and root whose mounts were read: a process sees those below its root only.
    views: HashSet<(u64, PathBuf)>,
}

impl Found {
    /// Looks at all processes of the folder, and gives back what of them was not seen.
    fn read(&mut self, proc_dir: &Path) -> std::io::Result<Option<Unseen>> {
        let mut gap = None;
        for process in std::fs::read_dir(proc_dir)? {
            let process = process?;
            if process.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit)
                && let Err(error) = self.look_at(&process.path())
                && !has_ended(&error)
            {
                gap = Some(unreadable(&process.path(), &error));
            }
        }
        Ok(gap)
    }

    fn look_at(&mut self, process: &Path) -> std::io::Result<()> {
        let net = process.join("ns/net");
        let number = number_of(&net)?;
        self.paths.entry(number).or_default().push(net);
        let root = process.join("root");
        let view = (number_of(&process.join("ns/mnt"))?, std::fs::read_link(&root)?);
        if self.views.contains(&view) {
            return Ok(());
        }
        let mounts = match std::fs::read_to_string(process.join("mountinfo")) {
            // It ends, and has no mounts any more (`mounts_open_common` in the kernel's fs/proc_namespace.c).
            Err(error) if error.raw_os_error() == Some(nix::libc::EINVAL) => return Ok(()),
            mounts => mounts?,
        };
        for (number, point) in mounts.lines().filter_map(mounted_namespace) {
            let point = root.join(point.strip_prefix("/").unwrap_or(&point));
            self.paths.entry(number).or_default().push(point);
        }
        self.views.insert(view);
        Ok(())
    }

    /// What was found of these, each once.
    fn named(&self, asked: impl IntoIterator<Item = Identity>) -> Vec<(Identity, Seen)> {
        asked.into_iter().map(|identity| (identity, self.seen(&identity))).collect()
    }

    fn seen(&self, identity: &Identity) -> Seen {
        let Some(paths) = self.paths.get(&identity.inode) else { return Seen::Nowhere };
        let found = paths.iter().find_map(|path| opened(path).map(|(_, found)| (path, found)));
        match found {
            Some((path, found)) if found.is_same(identity) => Seen::At(path.clone()),
            // Its number is another's by now.
            Some(_) => Seen::Nowhere,
            None => Seen::Closed,
        }
    }
}

fn opened(path: &Path) -> Option<(Netns, Identity)> {
    let netns = Netns::open(path).ok()?;
    let identity = netns.identity(&Netns::current().ok()?).ok()?;
    Some((netns, identity))
}

/// Runs what may hang in the kernel on a thread that nobody waits for longer than [`LIMIT`], not even the end of a runtime.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> std::io::Result<T> {
    let (done, outcome) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name("sight".to_string()).spawn(move || drop(done.send(work())))?;
    match tokio::time::timeout(LIMIT, outcome).await {
        Ok(outcome) => outcome.map_err(Error::other),
        Err(_) => Err(Error::new(ErrorKind::TimedOut, format!("no answer in {} s", LIMIT.as_secs()))),
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

/// A process that ends while it is looked at is none.
fn has_ended(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(nix::libc::ESRCH)
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
