//! The errands that look at ENIs, and reading all pages.

use super::Limited;
use super::errand::Errand;
use crate::action::Action;
use crate::cloud::Query;
use crate::endpoint::{Endpoint, FILTER_VALUES, InterfaceFilter, Page};
use crate::error::{Code, Error, Subject};
use crate::id::{InstanceId, NetworkInterfaceId};
use crate::interface::{NetworkInterface, Tags};

/// More than any answer to this project's questions has; what goes on beyond it goes round in circles.
const MOST_PAGES: usize = 1000;

impl<E: Endpoint> Query for Limited<E> {
    async fn attached_to(&self, instance: &InstanceId) -> Result<Vec<NetworkInterface>, Error> {
        let subject = Subject { instance: Some(instance.clone()), ..Subject::default() };
        let errand = self.errand(Action::DescribeNetworkInterfaces, subject);
        self.interfaces_of(&errand, InterfaceFilter::AttachedTo(instance.clone())).await
    }

    async fn tagged(&self, tags: &Tags) -> Result<Vec<NetworkInterface>, Error> {
        let errand = self.errand(Action::DescribeNetworkInterfaces, by_tags(tags));
        self.interfaces_of(&errand, InterfaceFilter::Tagged(tags.clone())).await
    }

    async fn by_id(&self, ids: &[NetworkInterfaceId]) -> Result<Vec<NetworkInterface>, Error> {
        let subject = ids.first().map(Subject::eni).unwrap_or_default();
        let errand = self.errand(Action::DescribeNetworkInterfaces, subject);
        let mut found = Vec::new();
        for part in ids.chunks(FILTER_VALUES) {
            found.extend(self.interfaces_of(&errand, InterfaceFilter::Ids(part.to_vec())).await?);
        }
        Ok(found)
    }
}

/// Named by the first of them, which tells them apart.
pub(super) fn by_tags(tags: &Tags) -> Subject {
    let tag = tags.iter().next().map(|(key, value)| format!("{key}={value}"));
    Subject { name: tag, ..Subject::default() }
}

impl<E: Endpoint> Limited<E> {
    pub(super) async fn interfaces_of(
        &self,
        errand: &Errand,
        which: InterfaceFilter,
    ) -> Result<Vec<NetworkInterface>, Error> {
        let which = &which;
        self.pages(errand, |after| async move { self.endpoint.describe_interfaces(which, after.as_deref()).await })
            .await
    }

    /// The items of all pages.
    pub(super) async fn pages<T, F>(
        &self,
        errand: &Errand,
        request: impl Fn(Option<String>) -> F + Send + Sync,
    ) -> Result<Vec<T>, Error>
    where
        F: Future<Output = Result<Page<T>, Error>> + Send,
        T: Send,
    {
        let (mut items, mut after) = (Vec::new(), None);
        for _ in 0..MOST_PAGES {
            let page = self.run(errand, || request(after.clone())).await?;
            items.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(items);
            }
        }
        Err(errand.error(Code::BadAnswer))
    }
}
