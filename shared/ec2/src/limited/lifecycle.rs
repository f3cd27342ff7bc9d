//! The errands that change something.

use super::Limited;
use crate::action::Action;
use crate::cloud::Lifecycle;
use crate::endpoint::Endpoint;
use crate::error::{Code, Error, Subject};
use crate::id::{AttachmentId, InstanceId, NetworkInterfaceId};
use crate::interface::{Creation, Force, Modification, NetworkInterface, Slot, Tags};
use std::net::{Ipv4Addr, Ipv6Addr};

impl<E: Endpoint> Lifecycle for Limited<E> {
    async fn create(&self, request: &Creation) -> Result<NetworkInterface, Error> {
        let subject = Subject {
            subnet: Some(request.subnet.clone()),
            security_groups: request.security_groups.clone(),
            ..Subject::default()
        };
        let errand = self.errand(Action::CreateNetworkInterface, subject);
        let answer = self.run(&errand, || self.endpoint.create(request)).await;
        if let Err(error) = &answer {
            self.doubt(request, &error.code);
        }
        answer
    }

    async fn attach(&self, eni: &NetworkInterfaceId, instance: &InstanceId, slot: Slot) -> Result<AttachmentId, Error> {
        let subject = Subject { instance: Some(instance.clone()), slot: Some(slot), ..Subject::eni(eni) };
        let errand = self.errand(Action::AttachNetworkInterface, subject);
        self.run(&errand, || self.endpoint.attach(eni, instance, slot)).await
    }

    async fn modify(&self, eni: &NetworkInterfaceId, change: &Modification) -> Result<(), Error> {
        let security_groups = match change {
            Modification::SecurityGroups(groups) => groups.clone(),
            Modification::DeleteOnTermination { .. }
            | Modification::SourceDestCheck(_)
            | Modification::Description(_) => Vec::new(),
        };
        let subject = Subject { security_groups, ..Subject::eni(eni) };
        let errand = self.errand(Action::ModifyNetworkInterfaceAttribute, subject);
        self.run(&errand, || self.endpoint.modify(eni, change)).await
    }

    async fn detach(&self, eni: &NetworkInterfaceId, attachment: &AttachmentId, force: Force) -> Result<(), Error> {
        let subject = Subject { name: Some(attachment.to_string()), ..Subject::eni(eni) };
        let errand = self.errand(Action::DetachNetworkInterface, subject);
        self.run(&errand, || self.endpoint.detach(eni, attachment, force)).await
    }

    async fn delete(&self, eni: &NetworkInterfaceId) -> Result<(), Error> {
        let errand = self.errand(Action::DeleteNetworkInterface, Subject::eni(eni));
        self.run(&errand, || self.endpoint.delete(eni)).await
    }

    async fn assign_ipv4(&self, eni: &NetworkInterfaceId, count: u32) -> Result<Vec<Ipv4Addr>, Error> {
        let errand = self.errand(Action::AssignPrivateIpAddresses, Subject::eni(eni));
        self.run(&errand, || self.endpoint.assign_ipv4(eni, count)).await
    }

    async fn unassign_ipv4(&self, eni: &NetworkInterfaceId, addresses: &[Ipv4Addr]) -> Result<(), Error> {
        let errand = self.errand(Action::UnassignPrivateIpAddresses, Subject::eni(eni));
        self.run(&errand, || self.endpoint.unassign_ipv4(eni, addresses)).await
    }

    async fn assign_ipv6(&self, eni: &NetworkInterfaceId, count: u32) -> Result<Vec<Ipv6Addr>, Error> {
        let errand = self.errand(Action::AssignIpv6Addresses, Subject::eni(eni));
        self.run(&errand, || self.endpoint.assign_ipv6(eni, count)).await
    }

    async fn unassign_ipv6(&self, eni: &NetworkInterfaceId, addresses: &[Ipv6Addr]) -> Result<(), Error> {
        let errand = self.errand(Action::UnassignIpv6Addresses, Subject::eni(eni));
        self.run(&errand, || self.endpoint.unassign_ipv6(eni, addresses)).await
    }

    async fn tag(&self, eni: &NetworkInterfaceId, tags: &Tags) -> Result<(), Error> {
        let errand = self.errand(Action::CreateTags, Subject::eni(eni));
        self.run(&errand, || self.endpoint.tag(eni, tags)).await
    }
}

impl<E: Endpoint> Limited<E> {
    /// Forgets what a refusal contradicts: the subnet's free addresses, or that it or a group is there.
    fn doubt(&self, request: &Creation, code: &Code) {
        match code {
            Code::InsufficientFreeAddressesInSubnet | Code::SubnetIdNotFound => {
                self.subnets.forget(|subnet| subnet.id == request.subnet);
            }
            Code::GroupNotFound | Code::SecurityGroupIdNotFound | Code::SecurityGroupNotFound => {
                self.security_groups.forget(|group| request.security_groups.contains(&group.id));
            }
            _ => {}
        }
    }
}
