//! Pods of a container runtime, as the kubelet asks for them.

use std::collections::HashMap;
use std::path::PathBuf;

use serde_json::Value;
use tonic::Status;

use crate::Containerd;
use crate::binaries::IMAGE;
use crate::cri::{
    ContainerConfig, ContainerMetadata, ContainerRequest, CreateContainerRequest, CreateContainerResponse, DnsConfig,
    Empty, ExecSyncRequest, ExecSyncResponse, ImageSpec, PodSandboxConfig, PodSandboxMetadata, PodSandboxRequest,
    PodSandboxStatusResponse,
};

/// A pod that runs. Dropping it leaves it running.
#[derive(Debug)]
pub struct Pod<'c> {
    containerd: &'c Containerd,
    id: String,
    config: PodSandboxConfig,
}

/// What a pod with this name is made of: namespace `default`, and its name as its UID too.
pub(super) fn sandbox(name: &str) -> PodSandboxConfig {
    PodSandboxConfig {
        metadata: Some(PodSandboxMetadata {
            name: name.into(),
            uid: format!("uid-{name}"),
            namespace: "default".into(),
            attempt: 0,
        }),
        hostname: name.into(),
        // Without one, containerd copies the machine's, which may be a link to where the node has nothing.
        dns_config: Some(DnsConfig { servers: vec!["169.254.169.253".into()], ..DnsConfig::default() }),
        labels: HashMap::new(),
        ..PodSandboxConfig::default()
    }
}

impl<'c> Pod<'c> {
    pub(super) fn new(containerd: &'c Containerd, id: String, config: PodSandboxConfig) -> Self {
        Self { containerd, id, config }
    }

    /// The configuration of a pod with this name in namespace `default`, to be changed and given to
    /// [`Containerd::run`].
    #[must_use]
    pub fn config(name: &str) -> PodSandboxConfig {
        sandbox(name)
    }

    /// The sandbox's ID: `CNI_CONTAINERID`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The path of its network namespace: `CNI_NETNS`.
    ///
    /// # Panics
    ///
    /// When containerd does not know it.
    #[must_use]
    pub fn netns(&self) -> PathBuf {
        let status = self.status().expect("the pod's status");
        let info: Value = serde_json::from_str(&status.info["info"]).expect("containerd's information as JSON");
        let namespaces = info["runtimeSpec"]["linux"]["namespaces"].as_array().expect("the sandbox's namespaces");
        let network = namespaces.iter().find(|one| one["type"] == "network").expect("a network namespace");
        network["path"].as_str().expect("a path of the network namespace").into()
    }

    /// What containerd knows of it, with its additional information.
    ///
    /// # Errors
    ///
    /// What containerd says.
    pub fn status(&self) -> Result<PodSandboxStatusResponse, Status> {
        self.containerd.cri().call("PodSandboxStatus", self.request(true))
    }

    /// The addresses that containerd tells the kubelet.
    ///
    /// # Panics
    ///
    /// When containerd does not know them.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        let status = self.status().expect("the pod's status").status.unwrap_or_default();
        let network = status.network.unwrap_or_default();
        std::iter::once(network.ip).chain(network.additional_ips.into_iter().map(|one| one.ip)).collect()
    }

    /// Starts a container in it, which sleeps until it is stopped.
    ///
    /// # Errors
    ///
    /// What containerd says.
    pub fn start_container(&self, name: &str) -> Result<Container<'c>, Status> {
        let config = ContainerConfig {
            metadata: Some(ContainerMetadata { name: name.into(), attempt: 0 }),
            image: Some(ImageSpec { image: IMAGE.into() }),
            ..ContainerConfig::default()
        };
        self.start(config)
    }

    /// Starts a container of any configuration in it.
    ///
    /// # Errors
    ///
    /// What containerd says.
    pub fn start(&self, config: ContainerConfig) -> Result<Container<'c>, Status> {
        let request = CreateContainerRequest {
            pod_sandbox_id: self.id.clone(),
            config: Some(config),
            sandbox_config: Some(self.config.clone()),
        };
        let created: CreateContainerResponse = self.containerd.cri().call("CreateContainer", request)?;
        let container = Container { containerd: self.containerd, id: created.container_id };
        container.ask("StartContainer")?;
        Ok(container)
    }

    /// Stops it: its containers end, and its network is taken down.
    ///
    /// # Errors
    ///
    /// What containerd says, with the plugin's error in its text.
    pub fn stop(&self) -> Result<(), Status> {
        self.containerd.cri().call("StopPodSandbox", self.request(false)).map(|Empty {}| ())
    }

    /// Removes it, after it was stopped.
    ///
    /// # Errors
    ///
    /// What containerd says.
    pub fn remove(&self) -> Result<(), Status> {
        self.containerd.cri().call("RemovePodSandbox", self.request(false)).map(|Empty {}| ())
    }

    fn request(&self, verbose: bool) -> PodSandboxRequest {
        PodSandboxRequest { pod_sandbox_id: self.id.clone(), verbose }
    }
}

/// A container that runs. Dropping it leaves it running.
#[derive(Debug)]
pub struct Container<'c> {
    containerd: &'c Containerd,
    id: String,
}

impl Container<'_> {
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Runs a command of the image in it and gives its stdout.
    ///
    /// # Panics
    ///
    /// When it cannot be run, or fails.
    #[must_use]
    #[track_caller]
    pub fn exec(&self, command: &[&str]) -> String {
        let answer = self.try_exec(command).unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let [stdout, stderr] = [answer.stdout, answer.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert_eq!(answer.exit_code, 0, "{command:?}\nstdout: {stdout}\nstderr: {stderr}");
        stdout
    }

    /// Runs a command of the image in it, whatever comes of it.
    ///
    /// # Errors
    ///
    /// When it cannot be run.
    pub fn try_exec(&self, command: &[&str]) -> Result<ExecSyncResponse, Status> {
        let cmd = command.iter().map(ToString::to_string).collect();
        let request = ExecSyncRequest { container_id: self.id.clone(), cmd, timeout: 60 };
        self.containerd.cri().call("ExecSync", request)
    }

    /// Ends it at once.
    ///
    /// # Errors
    ///
    /// What containerd says.
    pub fn stop(&self) -> Result<(), Status> {
        self.ask("StopContainer")
    }

    /// Removes it, after it was stopped.
    ///
    /// # Errors
    ///
    /// What containerd says.
    pub fn remove(&self) -> Result<(), Status> {
        self.ask("RemoveContainer")
    }

    fn ask(&self, method: &str) -> Result<(), Status> {
        let request = ContainerRequest { container_id: self.id.clone(), timeout: 0 };
        self.containerd.cri().call(method, request).map(|Empty {}| ())
    }
}
