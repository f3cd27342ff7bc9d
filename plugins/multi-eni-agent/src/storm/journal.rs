//! Who had which ENI when, told by those who took it, and what EC2 was asked meanwhile.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ec2sim::{Action, Call, Ec2, Hardware, Nic};
use node::names::{EniId, MacAddr};
use node::record::Owner;

use crate::agent::tests::machine::Model;
use crate::agent::tests::region::NODE;

/// A pod has an ENI from one moment to another. Moments are counted in calls that take something away, so that what happens at
/// the same time of the clock still has an order.
#[derive(Debug)]
struct Hold {
    eni: EniId,
    owner: Owner,
    from: usize,
    to: Option<usize>,
}

#[derive(Debug, Default)]
struct Inner {
    holds: Vec<Hold>,
    attachments: BTreeMap<String, String>,
    faults: Vec<String>,
}

/// The journal. Clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    ec2: Ec2,
    machine: Model,
    inner: Arc<Mutex<Inner>>,
}

impl Journal {
    /// An empty one, which from now on stands between the region and the machine.
    pub(super) fn between(ec2: &Ec2, machine: &Model) -> Self {
        let journal = Self { ec2: ec2.clone(), machine: machine.clone(), inner: Arc::default() };
        ec2.set_hardware(Arc::new(journal.clone()));
        journal
    }

    fn takings(&self) -> Vec<Call> {
        let takes = |call: &Call| {
            matches!(call.action, Action::DetachNetworkInterface | Action::DeleteNetworkInterface)
                && call.principal == NODE
        };
        let mut calls = self.ec2.calls();
        calls.retain(takes);
        calls
    }

    fn moment(&self) -> usize {
        let of = |action| self.ec2.calls_of(action).iter().filter(|call| call.principal == NODE).count();
        of(Action::DetachNetworkInterface) + of(Action::DeleteNetworkInterface)
    }

    pub(super) fn took(&self, owner: &Owner, eni: &EniId) {
        let from = self.moment();
        let mut inner = self.inner.lock().unwrap();
        let other = inner.holds.iter().find(|hold| hold.eni == *eni && hold.to.is_none() && hold.owner != *owner);
        let words = other.map(|other| format!("{eni} is taken by {owner} and {} has it", other.owner));
        inner.faults.extend(words);
        inner.holds.push(Hold { eni: eni.clone(), owner: owner.clone(), from, to: None });
    }

    pub(super) fn gave(&self, owner: &Owner) {
        let now = self.moment();
        let mut inner = self.inner.lock().unwrap();
        for hold in inner.holds.iter_mut().filter(|hold| hold.owner == *owner && hold.to.is_none()) {
            hold.to = Some(now);
        }
    }

    /// All pods are gone at once.
    pub(super) fn all_gave(&self) {
        let now = self.moment();
        let mut inner = self.inner.lock().unwrap();
        inner.holds.iter_mut().for_each(|hold| hold.to = hold.to.or(Some(now)));
    }

    pub(super) fn fault(&self, words: String) {
        self.inner.lock().unwrap().faults.push(words);
    }

    /// What was seen that must never be.
    pub(super) fn faults(&self) -> Vec<String> {
        let calls = self.takings();
        let inner = self.inner.lock().unwrap();
        let mut faults = inner.faults.clone();
        for (moment, call) in calls.iter().enumerate().filter(|(_, call)| call.took_effect()) {
            let parameter = |name: &str| call.parameters.get(name).map(String::as_str);
            let eni = match call.action {
                Action::DeleteNetworkInterface => parameter("NetworkInterfaceId"),
                _ => parameter("AttachmentId").and_then(|id| inner.attachments.get(id)).map(String::as_str),
            };
            let had = |hold: &&Hold| {
                eni == Some(hold.eni.as_str()) && hold.from <= moment && hold.to.is_none_or(|to| moment < to)
            };
            for hold in inner.holds.iter().filter(had) {
                faults.push(format!("{} of {} at {:?} while {} had it", call.action, hold.eni, call.at, hold.owner));
            }
        }
        faults
    }
}

impl Hardware for Journal {
    fn plug(&self, nic: &Nic) {
        if let Some(at) = &nic.eni.attachment {
            let (attachment, eni) = (at.attachment_id.to_string(), nic.eni.network_interface_id.to_string());
            self.inner.lock().unwrap().attachments.insert(attachment, eni);
        }
        self.machine.plug(nic);
    }

    fn renamed(&self, nic: &Nic) {
        self.machine.renamed(nic);
    }

    fn unplug(&self, nic: &Nic) {
        let mac: MacAddr = nic.eni.mac.to_string().parse().unwrap();
        if let Some(owner) = self.machine.find(mac).and_then(|link| link.pod) {
            self.fault(format!("{} is pulled out of {owner}", nic.eni.network_interface_id));
        }
        self.machine.unplug(nic);
    }
}
