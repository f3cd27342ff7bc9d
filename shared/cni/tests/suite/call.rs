//! A call of a plugin, and a plugin that remembers what it was asked.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;

use cni::{
    About, AddRequest, CheckRequest, CniResult, Death, DelRequest, Error, GcRequest, Interface, Plugin, StatusRequest,
    run_with,
};
use serde_json::{Value, json};

/// What a plugin was asked.
#[derive(Debug)]
pub(crate) enum Asked {
    Add(AddRequest),
    Del(DelRequest),
    Check(CheckRequest),
    Gc(GcRequest),
    Status(StatusRequest),
}

/// Remembers its requests. ADD passes `prevResult` on with one interface more, the other verbs succeed, unless told
/// what to answer.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) asked: RefCell<Vec<Asked>>,
    pub(crate) fails: Option<Error>,
    pub(crate) panics: bool,
    /// The verb that it died of, the interface that it was about, and the details of its error.
    pub(crate) died: RefCell<Vec<(&'static str, Option<String>, String)>>,
}

impl Recorder {
    pub(crate) fn only(&self) -> Asked {
        let mut asked = self.asked.take();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked.remove(0)
    }

    fn note(&self, asked: Asked) -> Result<(), Error> {
        self.asked.borrow_mut().push(asked);
        assert!(!self.panics, "as it was told");
        self.fails.clone().map_or(Ok(()), Err)
    }
}

impl Plugin for Recorder {
    fn about(&self) -> About {
        About { name: "recorder", line: "remembers what it was asked" }
    }

    async fn add(&self, request: &AddRequest) -> Result<CniResult, Error> {
        self.note(Asked::Add(request.clone()))?;
        let mut result = request.config.prev_result.clone().unwrap_or_default();
        result.interfaces.push(Interface {
            name: request.attachment.ifname.to_string(),
            sandbox: Some(request.netns.display().to_string()),
            mtu: Some(9001),
            pci_id: Some("0000:00:06.0".to_owned()),
            ..Interface::default()
        });
        Ok(result)
    }

    async fn del(&self, request: &DelRequest) -> Result<(), Error> {
        self.note(Asked::Del(request.clone()))
    }

    async fn check(&self, request: &CheckRequest) -> Result<(), Error> {
        self.note(Asked::Check(request.clone()))
    }

    async fn gc(&self, request: &GcRequest) -> Result<(), Error> {
        self.note(Asked::Gc(request.clone()))
    }

    async fn status(&self, request: &StatusRequest) -> Result<(), Error> {
        self.note(Asked::Status(request.clone()))
    }

    fn died(&self, death: &Death<'_>) {
        let ifname = death.attachment.map(|attachment| attachment.ifname.to_string());
        self.died.borrow_mut().push((death.verb, ifname, death.error.details.clone()));
        assert!(!self.panics, "and once more, which is nobody's concern");
    }
}

/// The surroundings of one call, all right until something is changed.
pub(crate) struct Call {
    pub(crate) env: BTreeMap<String, OsString>,
    pub(crate) config: Value,
    pub(crate) stdin: Option<Vec<u8>>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: u8,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Call {
    pub(crate) fn of(verb: &str) -> Self {
        let env = [
            ("CNI_COMMAND", verb),
            ("CNI_CONTAINERID", "c0ffee"),
            ("CNI_NETNS", "/run/netns/blue"),
            ("CNI_IFNAME", "net1"),
            ("CNI_PATH", "/opt/cni/bin"),
        ];
        let mut config = json!({"cniVersion": "1.1.0", "name": "fast", "type": "recorder"});
        if verb == "CHECK" {
            config["prevResult"] = json!({"cniVersion": "1.1.0", "ips": []});
        }
        let env = env.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
        Self { env, config, stdin: None }
    }

    pub(crate) fn env(mut self, key: &str, value: impl Into<OsString>) -> Self {
        self.env.insert(key.to_owned(), value.into());
        self
    }

    pub(crate) fn without_env(mut self, key: &str) -> Self {
        self.env.remove(key);
        self
    }

    pub(crate) fn config(mut self, key: &str, value: Value) -> Self {
        self.config[key] = value;
        self
    }

    pub(crate) fn without_config(mut self, key: &str) -> Self {
        self.config.as_object_mut().unwrap().remove(key);
        self
    }

    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    pub(crate) fn run<P: Plugin>(&self, plugin: &P) -> Outcome {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let stdin = self.stdin.clone().unwrap_or_else(|| self.config.to_string().into_bytes());
        let env = |key: &str| self.env.get(key).cloned();
        let status = run_with(plugin, env, stdin.as_slice(), &mut stdout, &mut stderr);
        Outcome { status, stdout: String::from_utf8(stdout).unwrap(), stderr: String::from_utf8(stderr).unwrap() }
    }
}

impl Outcome {
    /// The one document on stdout.
    #[track_caller]
    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The message of a failure with that code, in the form that the specification asks.
    #[track_caller]
    pub(crate) fn error(&self, code: u32) -> String {
        let document = self.document();
        assert_eq!((self.status, &document["code"]), (1, &json!(code)), "{document}");
        assert!(document["cniVersion"].is_string() && document["details"].is_string(), "{document}");
        let read: rscni_types::types::ErrorResult = serde_json::from_value(document.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), document);
        document["msg"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn success(&self) -> Value {
        assert_eq!(self.status, 0, "{self:?}");
        self.document()
    }

    #[track_caller]
    pub(crate) fn silence(&self) {
        assert_eq!((self.status, self.stdout.as_str()), (0, ""), "{self:?}");
    }
}
