//! What Multus does for a network with a resource, and nothing else of it: a CNI plugin that asks the kubelet which device
//! the pod was given, and calls the plugin of its `delegate` with that device in `deviceID` and `pciBusID`. A pod that was
//! given none, and one that is taken down, has the delegate called without.

use std::error::Error;
use std::io::{Read, Write, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::{env, io};

use e2e::pod_resources::PodResources;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Its network configuration.
#[derive(Deserialize)]
struct Config {
    #[serde(rename = "cniVersion")]
    cni_version: String,
    name: String,
    /// Which resource the pod's container asks for.
    #[serde(rename = "resourceName")]
    resource_name: String,
    /// The kubelet's socket.
    #[serde(rename = "podResources")]
    pod_resources: PathBuf,
    /// The configuration of the plugin that does the work.
    delegate: Map<String, Value>,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut text = Vec::new();
    stdin().read_to_end(&mut text)?;
    if env::var("CNI_COMMAND")? == "VERSION" {
        stdout().write_all(json!({"cniVersion": "1.0.0", "supportedVersions": ["1.0.0"]}).to_string().as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let config: Config = serde_json::from_slice(&text)?;
    let prev_result = serde_json::from_slice::<Map<String, Value>>(&text)?.remove("prevResult");
    let is_add = env::var("CNI_COMMAND")? == "ADD";
    let device = if is_add { device(&config)? } else { None };
    delegate(config, device.as_deref(), prev_result)
}

fn device(config: &Config) -> Result<Option<String>, Box<dyn Error>> {
    let arguments = env::var("CNI_ARGS")?;
    let argument = |key: &str| {
        let pairs = arguments.split(';').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(name, _)| *name == key).map(|(_, value)| value.to_owned()).next()
    };
    let (namespace, name) = (argument("K8S_POD_NAMESPACE"), argument("K8S_POD_NAME"));
    let pods = PodResources::connect(&config.pod_resources)?.list()?;
    let of_pod = pods.iter().find(|pod| (Some(&pod.namespace), Some(&pod.name)) == (namespace.as_ref(), name.as_ref()));
    Ok(of_pod.and_then(|pod| pod.devices(&config.resource_name).into_iter().next()))
}

/// With this process's environment and streams: its answer is the answer.
fn delegate(config: Config, device: Option<&str>, prev_result: Option<Value>) -> Result<ExitCode, Box<dyn Error>> {
    let mut whole = config.delegate;
    let plugin = find(whole.get("type").and_then(Value::as_str).unwrap_or_default())?;
    whole.insert("cniVersion".into(), config.cni_version.into());
    whole.insert("name".into(), config.name.into());
    whole.extend(prev_result.map(|result| ("prevResult".to_owned(), result)));
    for key in ["deviceID", "pciBusID"] {
        whole.extend(device.map(|device| (key.to_owned(), device.into())));
    }
    let mut child = Command::new(plugin).stdin(Stdio::piped()).spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(Value::Object(whole).to_string().as_bytes())?;
    }
    Ok(ExitCode::from(child.wait()?.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)))
}

fn find(name: &str) -> io::Result<PathBuf> {
    let folders = env::var("CNI_PATH").unwrap_or_default();
    let paths = folders.split(':').map(|folder| Path::new(folder).join(name));
    let missing = || io::Error::new(io::ErrorKind::NotFound, format!("no plugin {name:?} in CNI_PATH"));
    paths.into_iter().find(|path| path.is_file()).ok_or_else(missing)
}
