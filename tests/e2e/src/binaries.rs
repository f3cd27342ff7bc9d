//! Where the programs are that tests run.

use std::env;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::cases;

/// The folder of Debian's containernetworking-plugins.
pub const REFERENCE_PLUGINS: &str = "/usr/lib/cni";

/// The image of every pod, the sandbox's own among them.
pub const IMAGE: &str = "registry.k8s.io/pause:3.6";

/// The plugin.
#[must_use]
pub fn multi_eni() -> PathBuf {
    ours("multi-eni")
}

/// The IPAM plugin.
#[must_use]
pub fn multi_eni_ipam() -> PathBuf {
    ours("multi-eni-ipam")
}

/// The plugin, built with the faults that tests ask of it.
#[must_use]
pub fn multi_eni_faulty() -> PathBuf {
    ours("multi-eni-faulty")
}

/// The agent.
#[must_use]
pub fn multi_eni_agent() -> PathBuf {
    ours("multi-eni-agent")
}

/// The agent, built with the faults that tests ask of it.
#[must_use]
pub fn multi_eni_agent_faulty() -> PathBuf {
    ours("multi-eni-agent-faulty")
}

/// The tool of Prometheus that checks metrics.
///
/// # Panics
///
/// When it is not installed.
#[must_use]
pub fn promtool() -> PathBuf {
    prepared(lab().join("bin/promtool"))
}

/// One of Debian's plugins.
///
/// # Panics
///
/// When it is not installed.
#[must_use]
pub fn reference(name: &str) -> PathBuf {
    prepared(Path::new(REFERENCE_PLUGINS).join(name))
}

/// The CNI project's own runtime.
///
/// # Panics
///
/// When it was not built yet.
#[must_use]
pub fn cnitool() -> PathBuf {
    prepared(lab().join("bin/cnitool"))
}

/// A program of the control plane, or the kubelet.
pub(crate) fn kubernetes(name: &str) -> PathBuf {
    prepared(lab().join(format!("kubernetes-{}", recipe())).join(name))
}

/// The store of the API server.
pub(crate) fn etcd() -> PathBuf {
    prepared(lab().join("bin/etcd"))
}

/// The client of the API server.
pub(crate) fn kubectl() -> PathBuf {
    prepared(lab().join("bin/kubectl"))
}

/// A client of the API server that is not as old as Debian's: what an administrator has.
pub(crate) fn kubectl_of_today() -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|folder| folder.join("kubectl")).find(|path| path.exists());
    found
        .unwrap_or_else(|| panic!("no kubectl in PATH: `kubectl apply -k` needs 1.21 or later, and Debian 12 has 1.20"))
}

/// The image of the project, as an archive.
#[must_use]
pub fn image() -> PathBuf {
    ours("image.tar")
}

/// The file system of that image.
#[must_use]
pub fn image_tree() -> PathBuf {
    ours("image")
}

/// The plugin that asks the kubelet which device a pod has.
pub(crate) fn deviceid_from_kubelet() -> PathBuf {
    ours("deviceid-from-kubelet")
}

/// Builds of different recipes lie side by side, each whole.
fn recipe() -> String {
    let recipe = cases::tree().join("tests/cluster/kubernetes");
    let text = std::fs::read(&recipe).unwrap_or_else(|error| panic!("{}: {error}", recipe.display()));
    let digest = Sha256::digest(text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()[..12].to_owned()
}

/// The demo.
#[must_use]
pub fn demo() -> PathBuf {
    ours("demo")
}

pub(crate) fn guest() -> PathBuf {
    ours("guest")
}

/// The folder of what a guest boots.
pub(crate) fn guest_lab() -> PathBuf {
    prepared(lab().join("guest"))
}

pub(crate) fn image_archive() -> PathBuf {
    prepared(lab().join("image.tar"))
}

pub(crate) fn containerd() -> PathBuf {
    prepared("/usr/bin/containerd".into())
}

pub(crate) fn fake_ipam() -> PathBuf {
    ours("fake-ipam")
}

pub(crate) fn node_init() -> PathBuf {
    ours("node-init")
}

/// `MULTI_ENI_BIN_DIR` has a build of the plugins that is not this one, as a release is. What is not there comes from
/// the build that this test is of.
fn ours(name: &str) -> PathBuf {
    let given = env::var_os("MULTI_ENI_BIN_DIR").map(PathBuf::from);
    let folders = [given, Some(build_folder())];
    folders
        .into_iter()
        .flatten()
        .map(|folder| folder.join(name))
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("{name} is not built: run `make test`, or set MULTI_ENI_BIN_DIR to where it is"))
}

/// Cargo keeps tests in `deps` below the folder of the binaries.
fn build_folder() -> PathBuf {
    let test = env::current_exe().expect("the path of this test");
    let folder = test.parent().expect("the folder of this test");
    if folder.ends_with("deps") { folder.join("..") } else { folder.to_path_buf() }
}

fn lab() -> PathBuf {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("MULTI_ENI_LAB").unwrap_or_else(|| {
        let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
        cache.expect("HOME or MULTI_ENI_LAB in the environment").join("multi-eni/lab")
    })
}

fn prepared(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "{} is missing: run `tests/prepare` as root, or `make test`", path.display());
    path
}
