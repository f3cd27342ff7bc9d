//! The kubelet of a node.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::control_plane::kubeconfig;
use super::daemon::{Daemon, folder, option};
use crate::{Host, binaries};

/// Where device plugins register, whatever the kubelet's own folder is (`DevicePluginPath` of the kubelet's API).
const FIXED_FOLDER: &str = "/var/lib/kubelet";

/// What the kubelet sets of the whole machine unless it finds it so (`setupKernelTunables` of its container manager).
const TUNABLES: [(&str, &str); 6] = [
    ("vm/overcommit_memory", "1"),
    ("vm/panic_on_oom", "0"),
    ("kernel/panic", "10"),
    ("kernel/panic_on_oops", "1"),
    ("kernel/keys/root_maxkeys", "1000000"),
    ("kernel/keys/root_maxbytes", "25000000"),
];

/// The kubelet asks which cloud it is in, by the metadata service and by names, and waits for each answer.
const NO_CLOUD: &str = "ip route add prohibit 169.254.169.254; \
                        rm -f /etc/resolv.conf; echo nameserver 127.0.0.1 >/etc/resolv.conf";

/// Starts a kubelet for this node, under this name, whose pods this container runtime runs.
pub(super) fn start(host: &Host, name: &str, runtime: &Path) -> Daemon {
    let own = folder(host, "kubelet");
    fs::create_dir_all(&own).expect("a folder of the kubelet");
    let root = host.kubelet_dir();
    for folder in [root.as_path(), Path::new(FIXED_FOLDER)] {
        host.command("mkdir").arg("--parents").arg(folder).run();
    }
    host.command("mount").arg("--bind").arg(&root).arg(FIXED_FOLDER).run();
    keep_tunables(host, &own);
    host.sh(NO_CLOUD);
    fs::write(own.join("config.json"), configuration(&own)).expect("the kubelet's configuration");
    fs::write(own.join("resolv.conf"), "nameserver 169.254.169.253\n").expect("the pods' name server");
    Daemon::start(
        host,
        "kubelet",
        binaries::kubernetes("kubelet"),
        [
            option("kubeconfig", &kubeconfig(host)),
            option("config", &own.join("config.json")),
            option("root-dir", &root),
            option("cert-dir", &own.join("pki")),
            "--container-runtime=remote".to_owned(),
            format!("--container-runtime-endpoint=unix://{}", runtime.display()),
            format!("--hostname-override={name}"),
        ],
    )
}

/// Has the node see these settings as the kubelet wants them, so that it writes none.
fn keep_tunables(host: &Host, own: &Path) {
    for (name, value) in TUNABLES {
        let seen = own.join(name.replace('/', "."));
        fs::write(&seen, format!("{value}\n")).expect("a setting that the kubelet looks at");
        let setting = Path::new("/proc/sys").join(name);
        host.command("mount").arg("--bind").arg(seen).arg(setting).run();
    }
}

fn configuration(own: &Path) -> String {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {"anonymous": {"enabled": true}, "webhook": {"enabled": false}},
        "authorization": {"mode": "AlwaysAllow"},
        // Control groups belong to the machine and not to the node; containerd makes none either.
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": false,
        "enforceNodeAllocatable": [],
        // Nothing of the machine's own shortage is the test's.
        "failSwapOn": false,
        "evictionHard": {
            "memory.available": "1Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%",
        },
        "imageGCHighThresholdPercent": 100,
        "makeIPTablesUtilChains": false,
        "nodeStatusUpdateFrequency": "1s",
        "readOnlyPort": 0,
        "resolvConf": own.join("resolv.conf"),
        "volumePluginDir": own.join("volume-plugins"),
    })
    .to_string()
}
