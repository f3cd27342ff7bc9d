//! What the simulated EC2 knows: the records and where they are found.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Error;
use crate::ids::{EniId, InstanceId, SubnetId, VpcId};
use crate::index::Index;
use crate::record::{EniRecord, GroupRecord, InstanceRecord, SecurityGroup, SubnetRecord, Tags, VpcRecord};

/// Reads go to the maps; ENIs change by [`State::put_eni`] and [`State::change_eni`] only, which keep the indexes.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) vpcs: BTreeMap<VpcId, VpcRecord>,
    pub(crate) subnets: BTreeMap<SubnetId, SubnetRecord>,
    pub(crate) groups: BTreeMap<String, GroupRecord>,
    pub(crate) instances: BTreeMap<InstanceId, InstanceRecord>,
    enis: BTreeMap<EniId, EniRecord>,
    index: Index,
    /// ENIs that were made, changed or deleted since the last [`State::take_touched`].
    touched: BTreeSet<EniId>,
    made: u64,
}

impl State {
    pub(crate) fn of_region(region: &str, account: &str) -> Self {
        Self { region: region.to_owned(), account: account.to_owned(), ..Self::default() }
    }

    /// A number that no resource of this fabric has yet.
    pub(crate) fn next(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    pub(crate) fn vpc(&self, id: &VpcId) -> Result<&VpcRecord, Error> {
        self.vpcs.get(id).ok_or_else(|| Error::NotThere(id.to_string()))
    }

    pub(crate) fn subnet(&self, id: &SubnetId) -> Result<&SubnetRecord, Error> {
        self.subnets.get(id).ok_or_else(|| Error::NotThere(id.to_string()))
    }

    pub(crate) fn instance(&self, id: &InstanceId) -> Result<&InstanceRecord, Error> {
        self.instances.get(id).ok_or_else(|| Error::NotThere(id.to_string()))
    }

    pub(crate) fn enis(&self) -> &BTreeMap<EniId, EniRecord> {
        &self.enis
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    pub(crate) fn eni(&self, id: &EniId) -> Result<&EniRecord, Error> {
        self.enis.get(id).ok_or_else(|| Error::NotThere(id.to_string()))
    }

    pub(crate) fn put_eni(&mut self, id: EniId, record: EniRecord) {
        self.index.add(&id, &record);
        self.touched.insert(id.clone());
        self.enis.insert(id, record);
    }

    pub(crate) fn remove_eni(&mut self, id: &EniId) {
        if let Some(record) = self.enis.remove(id) {
            self.index.remove(id, &record);
            self.touched.insert(id.clone());
        }
    }

    pub(crate) fn change_eni<T>(&mut self, id: &EniId, change: impl FnOnce(&mut EniRecord) -> T) -> Result<T, Error> {
        let record = self.enis.get_mut(id).ok_or_else(|| Error::NotThere(id.to_string()))?;
        self.index.remove(id, record);
        let outcome = change(record);
        self.index.add(id, record);
        self.touched.insert(id.clone());
        Ok(outcome)
    }

    pub(crate) fn take_touched(&mut self) -> BTreeSet<EniId> {
        std::mem::take(&mut self.touched)
    }

    /// A group that a builder names becomes one of the VPC.
    pub(crate) fn know_group(&mut self, vpc: &VpcId, group: &SecurityGroup) {
        let record = GroupRecord { vpc: vpc.clone(), name: group.name.clone(), tags: Tags::new() };
        self.groups.entry(group.id.clone()).or_insert(record);
    }

    /// The VPC in whose namespace an ENI's link ends.
    pub(crate) fn vpc_of(&self, eni: &EniId) -> Result<VpcId, Error> {
        Ok(self.subnet(&self.eni(eni)?.subnet)?.vpc.clone())
    }
}
