//! A person at EC2's console, who changes what is the agent's.

use ec2sim::request::{
    AttachmentChange, CreateTags, DeleteTags, ModifyNetworkInterfaceAttribute, TerminateInstances,
    UnassignPrivateIpAddresses,
};
use ec2sim::{Ec2, EniFacts, Instance, Request};

use super::Cloud;

const PERSON: &str = "AKIAIOSFODNN7PERSON0";

/// EC2 as a person uses it, whom no policy holds back.
#[derive(Debug)]
pub struct Console<'a> {
    ec2: &'a Ec2,
}

impl Cloud {
    /// The console.
    #[must_use]
    pub fn console(&self) -> Console<'_> {
        Console { ec2: &self.ec2 }
    }
}

impl Console<'_> {
    fn call(&self, request: impl Into<Request>) {
        self.ec2.call(PERSON, request).outcome.expect("what a person may do");
    }

    fn modify(&self, change: ModifyNetworkInterfaceAttribute) {
        self.call(change);
    }

    /// Gives an ENI these security groups instead of its own.
    pub fn set_groups(&self, eni: &EniFacts, groups: &[&str]) {
        self.modify(ModifyNetworkInterfaceAttribute {
            security_group_ids: groups.iter().map(ToString::to_string).collect(),
            ..of(eni)
        });
    }

    /// Turns the check of an ENI's source and destination.
    pub fn set_source_dest_check(&self, eni: &EniFacts, value: bool) {
        self.modify(ModifyNetworkInterfaceAttribute { source_dest_check: Some(value), ..of(eni) });
    }

    /// Says whether an attached ENI ends with its instance.
    ///
    /// # Panics
    ///
    /// When it is not attached.
    pub fn set_delete_on_termination(&self, eni: &EniFacts, value: bool) {
        let attachment = eni.attachment.as_ref().expect("an attached ENI").attachment_id.to_string();
        let change = AttachmentChange { attachment_id: Some(attachment), delete_on_termination: Some(value) };
        self.modify(ModifyNetworkInterfaceAttribute { attachment: Some(change), ..of(eni) });
    }

    /// Gives an ENI a tag.
    pub fn tag(&self, eni: &EniFacts, key: &str, value: &str) {
        let tags = vec![(key.to_string(), value.to_string())];
        self.call(CreateTags { resource_ids: vec![eni.network_interface_id.to_string()], tags });
    }

    /// Takes a tag from an ENI.
    pub fn untag(&self, eni: &EniFacts, key: &str) {
        let tags = vec![(key.to_string(), None)];
        self.call(DeleteTags { resource_ids: vec![eni.network_interface_id.to_string()], tags });
    }

    /// Ends an instance, and what is marked to end with it.
    pub fn terminate(&self, instance: &Instance) {
        self.call(TerminateInstances { instance_ids: vec![instance.id().to_string()] });
    }

    /// Takes all secondary addresses from an ENI.
    pub fn unassign_secondaries(&self, eni: &EniFacts) {
        self.call(UnassignPrivateIpAddresses {
            network_interface_id: eni.network_interface_id.to_string(),
            private_ip_addresses: eni.secondaries.clone(),
        });
    }
}

fn of(eni: &EniFacts) -> ModifyNetworkInterfaceAttribute {
    ModifyNetworkInterfaceAttribute {
        network_interface_id: eni.network_interface_id.to_string(),
        ..ModifyNetworkInterfaceAttribute::default()
    }
}
