//! Namespaces with a name, as `ip netns` has them: a bind mount below `/run/netns`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use ec2sim::Netns;
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

const FOLDER: &str = "/run/netns";

/// A named namespace. One that was made here goes with this value; one that was there stays.
pub(crate) struct NamedNetns {
    name: String,
    netns: Netns,
    made: Option<PathBuf>,
}

impl NamedNetns {
    pub(crate) fn open_or_make(name: &str) -> Result<Self> {
        // The rule of `ip netns` (iproute2, ip/ipnetns.c, invalid_name).
        let good = !name.is_empty() && !name.contains('/') && name != "." && name != "..";
        ensure!(good, "{name:?} is not a name of a network namespace");
        let path = Path::new(FOLDER).join(name);
        if path.exists() {
            return Ok(Self { name: name.to_owned(), netns: Netns::at(&path)?, made: None });
        }
        let netns = Netns::create()?;
        share_folder()?;
        File::create_new(&path).with_context(|| format!("cannot make {}", path.display()))?;
        // From here on the file goes with this value, also when the mount is refused.
        let named = Self { name: name.to_owned(), netns, made: Some(path.clone()) };
        let mounted = named
            .netns
            .run(|| mount(Some("/proc/thread-self/ns/net"), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>));
        mounted?.with_context(|| format!("cannot mount a network namespace on {}", path.display()))?;
        Ok(named)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn netns(&self) -> &Netns {
        &self.netns
    }
}

/// As `ip netns` does (`netns_add` in iproute2's ip/ipnetns.c), before anything is mounted in it: whoever shares it later would
/// leave what is mounted by then underneath, out of reach.
fn share_folder() -> Result<()> {
    fs::create_dir_all(FOLDER).with_context(|| format!("cannot make {FOLDER}"))?;
    let change = |source: Option<&str>, flags| mount(source, FOLDER, None::<&str>, flags, None::<&str>);
    let share = || change(None, MsFlags::MS_SHARED | MsFlags::MS_REC);
    match share() {
        // It is no mount point yet.
        Err(Errno::EINVAL) => change(Some(FOLDER), MsFlags::MS_BIND | MsFlags::MS_REC).and_then(|()| share()),
        other => other,
    }
    .with_context(|| format!("cannot share the mounts below {FOLDER}"))
}

impl Drop for NamedNetns {
    fn drop(&mut self) {
        let Some(path) = &self.made else { return };
        if let Err(error) = umount2(path, MntFlags::MNT_DETACH) {
            log::error!("cannot unmount {}: {error}", path.display());
        }
        if let Err(error) = fs::remove_file(path) {
            log::error!("cannot remove {}: {error}", path.display());
        }
    }
}
