//! What a cluster is kept by: etcd, the API server, the controllers and the scheduler, on a node's loopback.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use super::daemon::{Daemon, folder, option};
use crate::{Host, binaries, until};

/// Who may do everything.
const ADMIN: &str = "cluster-admin-of-this-test";

/// The address of the service `kubernetes`. No proxy of services runs, so the API server has it itself, for pods, too.
const SERVICE: &str = "10.96.0.1";

const SERVICES: &str = "10.96.0.0/16";

/// The daemons, in the order in which they end.
pub(super) struct ControlPlane {
    pub(super) scheduler: Daemon,
    pub(super) controllers: Daemon,
    pub(super) api_server: Daemon,
    pub(super) etcd: Daemon,
}

impl ControlPlane {
    /// Starts them, and waits until the API server serves.
    pub(super) fn start(host: &Host) -> Self {
        let own = folder(host, "pki");
        host.command("ip").args(["address", "add", &format!("{SERVICE}/32"), "dev", "lo"]).run();
        fs::create_dir_all(&own).expect("a folder of the API server");
        let (key, tokens) = (own.join("service-accounts.key"), own.join("tokens.csv"));
        host.command("openssl").args(["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out"]).arg(&key).run();
        fs::write(&tokens, format!("{ADMIN},admin,1,\"system:masters\"\n")).expect("the API server's tokens");
        write_kubeconfig(host);

        // Nothing here outlives the test, so nothing has to reach a disk.
        let etcd = Daemon::start(host, "etcd", binaries::etcd(), ["--data-dir=data", "--unsafe-no-fsync"]);
        let mut api_server = Daemon::start(
            host,
            "kube-apiserver",
            binaries::kubernetes("kube-apiserver"),
            [
                "--etcd-servers=http://127.0.0.1:2379".to_owned(),
                "--bind-address=0.0.0.0".to_owned(),
                "--secure-port=443".to_owned(),
                option("cert-dir", &own),
                option("token-auth-file", &tokens),
                option("service-account-key-file", &key),
                option("service-account-signing-key-file", &key),
                "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
                format!("--service-cluster-ip-range={SERVICES}"),
                "--authorization-mode=Node,RBAC".to_owned(),
                "--allow-privileged".to_owned(),
                // Nobody knows the nodes by their names.
                "--kubelet-preferred-address-types=InternalIP".to_owned(),
            ],
        );
        let of_loopback = [option("kubeconfig", &kubeconfig(host)), "--leader-elect=false".to_owned()];
        until_it_serves(host, &mut api_server);
        let controllers = Daemon::start(
            host,
            "kube-controller-manager",
            binaries::kubernetes("kube-controller-manager"),
            of_loopback.iter().cloned().chain([
                option("service-account-private-key-file", &key),
                option("root-ca-file", &own.join("apiserver.crt")),
                "--bind-address=127.0.0.1".to_owned(),
                "--port=0".to_owned(),
            ]),
        );
        let scheduler = Daemon::start(
            host,
            "kube-scheduler",
            binaries::kubernetes("kube-scheduler"),
            of_loopback.into_iter().chain(["--bind-address=127.0.0.1".to_owned(), "--port=0".to_owned()]),
        );
        Self { scheduler, controllers, api_server, etcd }
    }

    /// Ends the API server, as a crash does.
    pub(super) fn stop_api_server(&mut self) {
        self.api_server.stop();
    }

    /// Starts the API server again, and waits until it serves.
    pub(super) fn start_api_server(&mut self, host: &Host) {
        self.api_server.start_again();
        until_it_serves(host, &mut self.api_server);
    }

    pub(super) fn daemons(&self) -> [&Daemon; 4] {
        [&self.etcd, &self.api_server, &self.controllers, &self.scheduler]
    }
}

fn until_it_serves(host: &Host, api_server: &mut Daemon) {
    until("the API server serves", || {
        api_server.assert_runs();
        let ready = host.command(binaries::kubectl()).env("KUBECONFIG", kubeconfig(host));
        ready.args(["get", "--raw", "/readyz"]).output().status.success()
    });
}

/// How the admin of a node's cluster reaches it.
pub(super) fn kubeconfig(host: &Host) -> PathBuf {
    folder(host, "admin").join("kubeconfig")
}

fn write_kubeconfig(host: &Host) {
    // The server's certificate is its own, made anew in each test.
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {
            "server": format!("https://{SERVICE}:443"), "insecure-skip-tls-verify": true,
        }}],
        "users": [{"name": "admin", "user": {"token": ADMIN}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
    });
    let path = kubeconfig(host);
    fs::create_dir_all(folder(host, "admin")).expect("a folder of the admin");
    fs::write(path, config.to_string()).expect("the admin's configuration");
}
