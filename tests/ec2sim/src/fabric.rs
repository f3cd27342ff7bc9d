//! The whole of it: VPCs, and the instances whose namespaces their ENIs reach into.

use std::sync::Arc;

use crate::cloud::{Cloud, Played};
use crate::error::Error;
use crate::facts::{self, EniFacts};
use crate::instance::InstanceBuilder;
use crate::netns::Netns;
use crate::state::State;
use crate::vpc::VpcBuilder;

const REGION: &str = "us-east-1";
const ACCOUNT: &str = "123456789012";

/// A simulated region of one account. Dropping it is [`Fabric::delete`]; when its process dies, the kernel does the same.
#[derive(Debug)]
pub struct Fabric {
    pub(crate) cloud: Arc<Cloud>,
}

impl Fabric {
    /// An empty region, `us-east-1`. Nothing is in the kernel yet.
    #[must_use]
    pub fn new() -> Self {
        Self::in_region(REGION)
    }

    /// An empty region of this name.
    #[must_use]
    pub fn in_region(region: &str) -> Self {
        Self::played(region, Played::ByTheKernel)
    }

    /// An empty region, `us-east-1`, of records only: no kernel, no namespace, no root. Its API and its metadata facts are
    /// the same; who wants to see its NICs gives the API a [`crate::Hardware`].
    #[must_use]
    pub fn on_paper() -> Self {
        Self::played(REGION, Played::OnPaper)
    }

    fn played(region: &str, played: Played) -> Self {
        Self { cloud: Arc::new(Cloud::new(State::of_region(region, ACCOUNT), played)) }
    }

    /// A VPC with this IPv4 CIDR, in a namespace of its own.
    pub fn vpc(&self, ipv4: &str) -> VpcBuilder {
        VpcBuilder::new(Arc::clone(&self.cloud), ipv4)
    }

    /// An instance whose machine is the namespace of the calling thread; on paper it has none.
    pub fn instance(&self) -> InstanceBuilder {
        let machine = match self.cloud.lock().played {
            Played::ByTheKernel => Netns::of_this_thread().map(Some).map_err(Error::Netns),
            Played::OnPaper => Ok(None),
        };
        InstanceBuilder::new(Arc::clone(&self.cloud), machine)
    }

    /// An instance whose machine is the given namespace.
    pub fn instance_in(&self, machine: &Netns) -> InstanceBuilder {
        InstanceBuilder::new(Arc::clone(&self.cloud), Ok(Some(machine.clone())))
    }

    /// From now on a link that dies with a pod's namespace comes back in its instance's namespace, down, with its MAC,
    /// under its host name or the kernel's `devN`, as a real NIC does. Told by the kernel's events, never by looking.
    pub fn keep(&self) -> Result<(), Error> {
        self.cloud.change(|inner| {
            inner.keeping = true;
            inner.wires.values().try_for_each(|wire| wire.keep().map_err(Error::Wire))
        })
    }

    /// All ENIs, by identifier.
    pub fn enis(&self) -> Result<Vec<EniFacts>, Error> {
        self.cloud.read(|state| state.enis().keys().map(|id| facts::eni(state, id)).collect())
    }

    /// Takes every link down, in the instances' namespaces too, and ends the VPCs.
    pub fn delete(self) -> Result<(), Error> {
        self.cloud.delete().map_err(Error::Wire)
    }
}

impl Default for Fabric {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Fabric {
    fn drop(&mut self) {
        if let Err(error) = self.cloud.delete() {
            log::error!("the fabric cannot be taken down: {error}");
        }
    }
}
