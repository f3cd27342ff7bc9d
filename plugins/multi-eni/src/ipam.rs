//! The IPAM plugin: run with the whole configuration, and the chosen ENI's facts added.

use cni::{CniResult, Code, Delegate, Environment, Invocation, NetworkConfig, RecordedCall, RecordedIpam, Version};
use node::inventory::Entry;
use node::record::{Call, Owner};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The key under which an IPAM plugin finds what is known of the ENI.
const FACTS: &str = "networkInterface";

/// An IPAM plugin with what it is run with.
#[derive(Debug)]
pub(crate) struct Ipam {
    delegate: Delegate,
    config: Map<String, Value>,
    version: Version,
    environment: Environment,
}

impl Ipam {
    /// That of a request; nothing where the configuration has none.
    ///
    /// # Errors
    /// Code 7 where `CNI_PATH` has it not.
    pub(crate) fn of_request(config: &NetworkConfig, environment: &Environment) -> Result<Option<Self>, cni::Error> {
        let Some(kind) = &config.ipam_type else { return Ok(None) };
        Ok(Some(Self {
            delegate: Delegate::find(kind, environment)?,
            config: config.raw.clone(),
            version: config.version,
            environment: environment.clone(),
        }))
    }

    /// That of an attachment on record, for a release that the runtime did not ask for by itself.
    ///
    /// # Errors
    /// Code 7 where `CNI_PATH` has it not, or the configuration on record is none.
    pub(crate) fn of_record(call: &Call, owner: &Owner) -> Result<Option<Self>, cni::Error> {
        let recorded = RecordedCall {
            config: &call.config,
            path: &call.path,
            args: &call.args,
            container_id: &owner.container_id,
            ifname: &owner.ifname,
        };
        Ok(recorded.ipam()?.map(|RecordedIpam { delegate, version, environment }| Self {
            delegate,
            config: call.config.clone(),
            version,
            environment,
        }))
    }

    /// The same with the facts of the ENI added.
    pub(crate) fn with_facts(mut self, entry: Option<&Entry>) -> Self {
        match entry {
            Some(entry) => self.config.insert(FACTS.to_string(), facts(entry)),
            None => self.config.remove(FACTS),
        };
        self
    }

    /// Its ADD. One that is not waited for any more is told to end, and has ended before a [`Self::del`] begins.
    pub(crate) async fn add(&self, limit: Duration) -> Result<CniResult, cni::Error> {
        self.delegate.add(&self.invocation(limit)).await
    }

    pub(crate) async fn del(&self, limit: Duration) -> Result<(), cni::Error> {
        self.delegate.del(&self.invocation(limit)).await
    }

    pub(crate) async fn check(&self, limit: Duration) -> Result<(), cni::Error> {
        self.delegate.check(&self.invocation(limit)).await
    }

    /// Its GC. A plugin that does not know the verb (code 4) has nothing that its DELs did not free.
    pub(crate) async fn gc(&self, limit: Duration) -> Result<(), cni::Error> {
        unless_unknown(self.delegate.gc(&self.invocation(limit)).await)
    }

    /// Its STATUS. A plugin that does not know the verb (code 4) has no word on it.
    pub(crate) async fn status(&self, limit: Duration) -> Result<(), cni::Error> {
        unless_unknown(self.delegate.status(&self.invocation(limit)).await)
    }

    fn invocation(&self, limit: Duration) -> Invocation<'_> {
        Invocation { config: &self.config, version: self.version, environment: &self.environment, limit }
    }
}

fn unless_unknown(result: Result<(), cni::Error>) -> Result<(), cni::Error> {
    match result {
        Err(error) if error.code == Code::ENVIRONMENT => {
            log::info!("the IPAM plugin does not know the verb: {error}");
            Ok(())
        }
        result => result,
    }
}

fn facts(entry: &Entry) -> Value {
    json!({
        "networkInterfaceId": entry.network_interface_id,
        "macAddress": entry.mac_address,
        "pciAddress": entry.pci_address,
        "subnet": entry.subnet,
        "vpc": entry.vpc,
        "ipv4Addresses": entry.ipv4_addresses,
        "ipv6Addresses": entry.ipv6_addresses,
    })
}

/// What of a request has to be on record to release without the runtime.
pub(crate) fn call(config: &NetworkConfig, environment: &Environment) -> Call {
    let text =
        |name| environment.variables.get(name).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
    let mut config = config.raw.clone();
    config.remove("prevResult");
    Call { config, path: text("CNI_PATH"), args: text("CNI_ARGS") }
}
