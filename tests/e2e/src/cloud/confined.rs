//! The agent with the file system, the mounts and the capabilities that its container has in the manifests of `install/`, and no
//! others. A kubelet and a runtime do the same in the tests of the cluster; here it is at hand for each single right.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Cloud;
use crate::{binaries, manifests};

/// In the container, as on any Linux.
const OF_EVERY_CONTAINER: &str = "\
mkdir -p $root/proc $root/dev $root/etc
mount --rbind /proc $root/proc
mount --bind $root/proc/sys $root/proc/sys
mount -o remount,bind,ro $root/proc/sys
mount -t tmpfs tmpfs $root/dev
touch $root/dev/null
mount --bind /dev/null $root/dev/null
echo 127.0.0.1 localhost imds.simulated >$root/etc/hosts
echo nameserver 127.0.0.1 >$root/etc/resolv.conf
";

/// A name server of the node: what is asked for is on its loopback. It ends with the node, and a second one at once.
const NAME_SERVER: &str = r#"
import socket, struct
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
while True:
    question, asker = server.recvfrom(512)
    end = question.index(b"\0", 12) + 5
    of_ipv4 = question[end - 4:end - 2] == b"\0\1"
    answer = struct.pack(">HHHIH4s", 0xC00C, 1, 1, 60, 4, socket.inet_aton("127.0.0.1")) if of_ipv4 else b""
    head = question[:2] + struct.pack(">HHHHH", 0x8180, 1, int(of_ipv4), 0, 0)
    server.sendto(head + question[12:end] + answer, asker)
"#;

impl Cloud {
    /// Starts the agent as this DaemonSet has it, less these of its capabilities, and waits until it answers.
    pub fn start_confined(&self, daemon_set: &Value, without: &[&str]) {
        self.lay_out_host();
        let script = self.host.folder().join("confine");
        fs::write(&script, self.confinement(daemon_set, without)).expect("a script");
        let inside = format!("unshare --mount --propagation slave sh -e {}", script.display());
        self.run_as_agent(&binaries::multi_eni_agent(), &inside);
        self.until("the agent answers", |cloud| cloud.status().is_some());
    }

    /// Has the node's folders where a real one has them; the agent's settings know no others.
    fn lay_out_host(&self) {
        let bound = [
            (self.state_dir(), "/run/multi-eni"),
            (self.kubelet_dir(), "/var/lib/kubelet"),
            (self.pools.clone(), "/etc/multi-eni/pools"),
        ];
        for (from, to) in bound {
            let from = from.display();
            self.host.sh(&format!("mkdir -p {from} {to}; mountpoint -q {to} || mount --bind {from} {to}"));
        }
        let text = fs::read_to_string(self.settings()).expect("node.toml");
        let own_folder = self.host.folder().display().to_string();
        // By names, of which the container's own file has one and the name server the other: they have to be found without a
        // library of the host.
        let lines = text.lines().filter(|line| !line.contains(&own_folder)).map(|line| match line {
            line if line.starts_with("ec2_endpoint") => line.replace("127.0.0.1", "ec2.simulated"),
            line if line.starts_with("imds_endpoint") => line.replace("127.0.0.1", "imds.simulated"),
            line => line.to_owned(),
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        let path = self.host.folder().join("node.toml.of-container");
        fs::write(&path, text).expect("node.toml of the container");
        self.host.sh(&format!("cp {} /etc/multi-eni/node.toml", path.display()));
    }

    fn confinement(&self, daemon_set: &Value, without: &[&str]) -> String {
        let agent = manifests::container(daemon_set, "agent");
        let [work, root] = ["image-work", "image-root"].map(|name| self.host.folder().join(name).display().to_string());
        let mut script = format!("root={root}\nmkdir -p {work} {root}\nmount -t tmpfs tmpfs {work}\n");
        let layers = format!("lowerdir={},upperdir={work}/upper,workdir={work}/work", image().display());
        write(&mut script, &format!("mkdir {work}/upper {work}/work\nmount -t overlay overlay -o {layers} $root"));
        script.push_str(OF_EVERY_CONTAINER);
        write(&mut script, &format!("python3 -c '{NAME_SERVER}' >/dev/null 2>&1 &"));
        for mount in agent["volumeMounts"].as_array().expect("the agent's mounts") {
            write(&mut script, &volume(daemon_set, mount));
        }
        write(&mut script, "mount -o remount,ro $root\nunset MULTI_ENI_NODE_TOML");
        for variable in agent["env"].as_array().expect("the agent's variables") {
            if let Some(value) = variable["value"].as_str() {
                write(&mut script, &format!("export {}={value}", text(&variable["name"])));
            }
        }
        let kept: Vec<String> = capabilities(agent).filter(|name| !without.contains(&name.as_str())).collect();
        let kept = kept.iter().map(|name| format!("cap_{}", name.to_lowercase())).collect::<Vec<_>>().join("|");
        write(&mut script, "all=$(capsh --print | sed -n 's/^Bounding set =//p' | tr , '\\n')");
        write(&mut script, &format!("drop=$(echo \"$all\" | grep -vxE '{kept}' | paste -sd,)"));
        let confined = "setpriv --no-new-privs capsh --chroot=$root --drop=$drop";
        write(&mut script, &format!("exec {confined} --shell=/opt/cni/bin/multi-eni-agent -- run"));
        script
    }
}

/// The capabilities that a container adds to none.
fn capabilities(container: &Value) -> impl Iterator<Item = String> {
    let capabilities = &container["securityContext"]["capabilities"];
    assert_eq!(capabilities["drop"][0], "ALL", "{container:#}");
    capabilities["add"].as_array().expect("capabilities").iter().map(|name| text(name).to_owned())
}

/// Mounts a volume as a runtime does.
fn volume(daemon_set: &Value, mount: &Value) -> String {
    let volumes = daemon_set["spec"]["template"]["spec"]["volumes"].as_array().expect("the pod's volumes");
    let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]).expect("a mount's volume");
    let (from, to) = (text(&volume["hostPath"]["path"]), text(&mount["mountPath"]));
    let create =
        if volume["hostPath"]["type"] == "DirectoryOrCreate" { format!("mkdir -p {from}; ") } else { String::new() };
    let propagation = if mount["mountPropagation"] == "HostToContainer" { "rslave" } else { "rprivate" };
    let read_only =
        if mount["readOnly"] == true { format!("; mount -o remount,bind,ro $root{to}") } else { String::new() };
    format!(
        "{create}mkdir -p $root{to}; mount --rbind {from} $root{to}; mount --make-{propagation} $root{to}{read_only}"
    )
}

fn image() -> PathBuf {
    let path = binaries::image_tree();
    assert!(Path::new(&path).is_dir(), "{} is missing: run `make binaries`", path.display());
    path
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn write(script: &mut String, line: &str) {
    writeln!(script, "{line}").expect("text in memory");
}
