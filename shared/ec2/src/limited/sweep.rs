//! The errands of who cleans up behind instances that are gone.

use super::Limited;
use super::query::by_tags;
use crate::action::Action;
use crate::cloud::Sweep;
use crate::endpoint::{Endpoint, FILTER_VALUES, InterfaceFilter};
use crate::error::{Error, Subject};
use crate::id::InstanceId;
use crate::instance::InstanceState;
use crate::interface::{NetworkInterface, Tags};
use std::collections::BTreeMap;

impl<E: Endpoint> Sweep for Limited<E> {
    async fn unattached(&self, tags: &Tags) -> Result<Vec<NetworkInterface>, Error> {
        let errand = self.errand(Action::DescribeNetworkInterfaces, by_tags(tags));
        self.interfaces_of(&errand, InterfaceFilter::Unattached(tags.clone())).await
    }

    async fn instance_states(&self, ids: &[InstanceId]) -> Result<BTreeMap<InstanceId, InstanceState>, Error> {
        let subject = Subject { instance: ids.first().cloned(), ..Subject::default() };
        let errand = self.errand(Action::DescribeInstances, subject);
        let mut states = BTreeMap::new();
        for part in ids.chunks(FILTER_VALUES) {
            let of_part = self
                .pages(&errand, |after| async move { self.endpoint.describe_instances(part, after.as_deref()).await });
            states.extend(of_part.await?);
        }
        Ok(states)
    }
}
