//! The workloads: what they may do on a node, and where they are.

use std::collections::BTreeSet;

use e2e::cases;
use e2e::manifests::{container, object, rendered};
use node::settings::Settings;
use serde_json::{Value, json};

const OVERLAYS: [&str; 4] =
    ["install/base", "install/overlays/eks", "install/overlays/vfio", "install/overlays/uninstall"];

fn daemon_set(objects: &[Value]) -> &Value {
    object(objects, "DaemonSet", "multi-eni-agent")
}

fn containers(workload: &Value) -> Vec<&Value> {
    let pod = &workload["spec"]["template"]["spec"];
    let lists = ["initContainers", "containers"].into_iter().filter_map(|list| pod[list].as_array());
    lists.flatten().collect()
}

fn mounts(container: &Value) -> BTreeSet<(String, bool)> {
    let mounts = container["volumeMounts"].as_array().unwrap();
    let path = |mount: &Value| (mount["mountPath"].as_str().unwrap().to_string(), mount["readOnly"] != true);
    mounts.iter().map(path).collect()
}

#[test]
fn every_container_is_confined() {
    for folder in OVERLAYS {
        let objects = rendered(folder);
        for kind in ["DaemonSet", "Deployment"] {
            for workload in objects.iter().filter(|object| object["kind"] == kind) {
                let pod = &workload["spec"]["template"]["spec"];
                assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{folder} {kind}");
                for container in containers(workload) {
                    let context = &container["securityContext"];
                    assert_eq!(context["allowPrivilegeEscalation"], false, "{container:#}");
                    assert_eq!(context["readOnlyRootFilesystem"], true, "{container:#}");
                    assert_eq!(context["capabilities"]["drop"], json!(["ALL"]), "{container:#}");
                    assert!(context.get("privileged").is_none(), "{container:#}");
                    assert!(container["resources"]["limits"]["memory"].is_string(), "{container:#}");
                    assert!(container["resources"]["requests"]["cpu"].is_string(), "{container:#}");
                }
            }
        }
    }
}

#[test]
fn the_agent_has_three_capabilities_and_two_more_where_it_gives_out_device_nodes() {
    let capabilities = |folder: &str| {
        let objects = rendered(folder);
        container(daemon_set(&objects), "agent")["securityContext"]["capabilities"]["add"].clone()
    };
    assert_eq!(capabilities("install/overlays/eks"), json!(["NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE"]));
    let with_devices = json!(["NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE", "CHOWN", "FOWNER"]);
    assert_eq!(capabilities("install/overlays/vfio"), with_devices);
    let objects = rendered("install/overlays/vfio");
    let install = container(daemon_set(&objects), "install");
    assert!(install["securityContext"]["capabilities"].get("add").is_none(), "the installer only writes files");
}

/// With whether it may be written.
#[test]
fn the_hosts_plugins_are_the_installers_alone_and_sysfs_is_written_for_devices_only() {
    let objects = rendered("install/overlays/eks");
    let of = |name: &str| mounts(container(daemon_set(&objects), name));
    let expected = |list: &[(&str, bool)]| -> BTreeSet<(String, bool)> {
        list.iter().map(|(path, writable)| ((*path).to_string(), *writable)).collect()
    };
    assert_eq!(
        of("install"),
        expected(&[("/settings", false), ("/host/etc/multi-eni", true), ("/host/opt/cni/bin", true)])
    );
    let agent = [
        ("/etc/multi-eni", false),
        ("/host/proc/sys/net", true),
        ("/run/multi-eni", true),
        ("/run/netns", false),
        ("/sys", false),
        ("/var/lib/kubelet/device-plugins", true),
        ("/var/lib/kubelet/pod-resources", false),
        ("/var/lib/kubelet/pods", false),
        ("/var/run/k8s.cni.cncf.io/devinfo", true),
    ];
    assert_eq!(of("agent"), expected(&agent));

    let with_devices = rendered("install/overlays/vfio");
    let with_devices = mounts(container(daemon_set(&with_devices), "agent"));
    let added: Vec<_> = with_devices.difference(&of("agent")).cloned().collect();
    assert_eq!(added, [("/dev/vfio".to_string(), true), ("/sys".to_string(), true)]);
}

/// What a kubelet unmounts, and the namespaces of new pods, show up in the container.
#[test]
fn what_changes_on_the_host_is_seen_in_the_container() {
    let objects = rendered("install/overlays/vfio");
    let mounts = container(daemon_set(&objects), "agent")["volumeMounts"].as_array().unwrap();
    for path in ["/run/netns", "/var/lib/kubelet/pods", "/dev/vfio"] {
        let mount = mounts.iter().find(|mount| mount["mountPath"] == path).unwrap();
        assert_eq!(mount["mountPropagation"], "HostToContainer", "{path}");
    }
    let pod = &daemon_set(&objects)["spec"]["template"]["spec"];
    assert_eq!((&pod["hostNetwork"], &pod["hostPID"]), (&json!(true), &json!(true)));
}

#[test]
fn a_node_agent_is_on_every_node_and_the_last_to_go() {
    let objects = rendered("install/overlays/eks");
    let pod = &daemon_set(&objects)["spec"]["template"]["spec"];
    assert_eq!(pod["priorityClassName"], "system-node-critical");
    assert_eq!(pod["tolerations"], json!([{"operator": "Exists"}]));
    let cluster = object(&objects, "Deployment", "multi-eni-cluster-agent");
    assert_eq!(cluster["spec"]["replicas"], 2);
    let pod = &cluster["spec"]["template"]["spec"];
    assert_eq!(pod["priorityClassName"], "system-cluster-critical");
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    let budget = object(&objects, "PodDisruptionBudget", "multi-eni-cluster-agent");
    assert_eq!(budget["spec"]["selector"], cluster["spec"]["selector"]);
}

#[test]
fn the_image_is_that_of_this_version_everywhere() {
    let manifest = std::fs::read_to_string(cases::tree().join("Cargo.toml")).unwrap();
    let (_, package) = manifest.split_once("[workspace.package]\nversion = \"").unwrap();
    let expected = format!("multi-eni-cni:{}", package.split_once('"').unwrap().0);
    for folder in OVERLAYS {
        for object in &rendered(folder) {
            for container in containers(object) {
                assert_eq!(container["image"], expected, "{folder}");
            }
        }
    }
}

/// The name of the map ends in a digest of its content: a changed setting is a new pod.
#[test]
fn the_settings_are_right_and_a_change_of_them_rolls_out() {
    let objects = rendered("install/base");
    let maps: Vec<&Value> = objects.iter().filter(|object| object["kind"] == "ConfigMap").collect();
    for (workload, prefix) in [
        (daemon_set(&objects), "multi-eni-node-"),
        (object(&objects, "Deployment", "multi-eni-cluster-agent"), "multi-eni-cluster-"),
    ] {
        let volumes = workload["spec"]["template"]["spec"]["volumes"].as_array().unwrap();
        let name = volumes.iter().find(|volume| volume["name"] == "settings").unwrap()["configMap"]["name"].as_str();
        let name = name.unwrap();
        assert!(name.starts_with(prefix) && name.len() > prefix.len(), "{name}");
        let map = maps.iter().find(|map| map["metadata"]["name"] == name).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.toml");
        std::fs::write(&path, map["data"]["node.toml"].as_str().unwrap()).unwrap();
        let settings = Settings::read(&path).unwrap();
        let probe = &containers(workload).last().unwrap()["readinessProbe"]["httpGet"];
        assert!(settings.agent.listen.unwrap().port() == 61680 && probe["path"] == "/readyz", "{probe}");
    }
}

/// Where no agent was, nothing is to be taken away; and its pods would wait there for ever.
#[test]
fn what_takes_all_away_goes_where_the_agent_was() {
    let affinity = |folder: &str, name: &str| {
        let objects = rendered(folder);
        object(&objects, "DaemonSet", name)["spec"]["template"]["spec"]["affinity"].clone()
    };
    let agent = affinity("install/overlays/eks", "multi-eni-agent");
    assert!(agent["nodeAffinity"].is_object(), "{agent}");
    assert_eq!(affinity("install/overlays/uninstall", "multi-eni-uninstall"), agent);
}

#[test]
fn amazon_eks_leaves_amazon_vpc_cni_room() {
    let objects = rendered("install/overlays/eks");
    let is_settings = |object: &&Value| {
        let name = object["metadata"]["name"].as_str();
        object["kind"] == "ConfigMap" && name.is_some_and(|name| name.starts_with("multi-eni-node-"))
    };
    let text = objects.iter().find(is_settings).unwrap()["data"]["node.toml"].as_str().unwrap();
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("node.toml");
    std::fs::write(&path, text).unwrap();
    assert_eq!(Settings::read(&path).unwrap().agent.reserved_enis, 1);
}

/// As in an overlay of somebody's own.
#[test]
fn the_component_for_apparmor_changes_that_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let up = "../".repeat(root.path().components().count() - 1);
    let place = |folder: &str| format!("{up}{}", cases::tree().join(folder).strip_prefix("/").unwrap().display());
    let overlay = json!({
        "resources": [place("install/overlays/eks")],
        "components": [place("install/components/unconfined")],
    });
    std::fs::write(root.path().join("kustomization.yaml"), overlay.to_string()).unwrap();
    let (mut with, without) = (rendered(root.path().to_str().unwrap()), rendered("install/overlays/eks"));
    for object in with.iter_mut().filter(|object| object["kind"] == "DaemonSet") {
        let context = &mut object["spec"]["template"]["spec"]["containers"][0]["securityContext"];
        assert_eq!(context["appArmorProfile"]["type"], "Unconfined");
        context.as_object_mut().unwrap().remove("appArmorProfile");
    }
    assert_eq!(with, without);
}
