//! The errands that look for subnets, security groups and types of instances, of which what is known is not asked again.

use super::Limited;
use super::errand::Errand;
use super::known::Known;
use crate::action::Action;
use crate::cloud::Network;
use crate::endpoint::{By, Endpoint, FILTER_VALUES, Lookup, Page};
use crate::error::{Code, Error, Subject};
use crate::id::VpcId;
use crate::network::{InstanceTypeLimits, SecurityGroup, Selection, Subnet};
use std::collections::{BTreeMap, BTreeSet};

/// What was looked for: one entry of a cache.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    by: By,
    value: String,
    vpc: Option<VpcId>,
}

/// Something that a lookup finds.
pub(super) trait Found: Clone + Send + Sync {
    fn id(&self) -> &str;
    fn has(&self, by: By) -> Option<&str>;
}

impl Found for Subnet {
    fn id(&self) -> &str {
        &self.id
    }

    fn has(&self, by: By) -> Option<&str> {
        match by {
            By::Id => Some(&self.id),
            By::TagName => self.name.as_deref(),
            By::GroupName => None,
        }
    }
}

impl Found for SecurityGroup {
    fn id(&self) -> &str {
        &self.id
    }

    fn has(&self, by: By) -> Option<&str> {
        match by {
            By::Id => Some(&self.id),
            By::TagName => self.tag_name.as_deref(),
            By::GroupName => Some(&self.name),
        }
    }
}

impl<E: Endpoint> Network for Limited<E> {
    async fn subnets(&self, select: &Selection) -> Result<Vec<Subnet>, Error> {
        let errand = self.errand(Action::DescribeSubnets, subject(select));
        let keys = keys(select, &[By::TagName]);
        self.look_up(&errand, &self.subnets, keys, |lookup, after| async move {
            self.endpoint.describe_subnets(&lookup, after.as_deref()).await
        })
        .await
    }

    async fn security_groups(&self, select: &Selection) -> Result<Vec<SecurityGroup>, Error> {
        let errand = self.errand(Action::DescribeSecurityGroups, subject(select));
        let keys = keys(select, &[By::GroupName, By::TagName]);
        self.look_up(&errand, &self.security_groups, keys, |lookup, after| async move {
            self.endpoint.describe_security_groups(&lookup, after.as_deref()).await
        })
        .await
    }

    async fn instance_type(&self, name: &str) -> Result<InstanceTypeLimits, Error> {
        let errand = self.errand(Action::DescribeInstanceTypes, Subject::name(name));
        let key = name.to_string();
        let _asking = self.types.asking().await;
        let known = match self.types.get(&key) {
            Some(known) => known,
            None => {
                let answer = self.run(&errand, || self.endpoint.describe_instance_type(name)).await?;
                let found: Vec<InstanceTypeLimits> = answer.into_iter().collect();
                self.types.put(key, found.clone());
                found
            }
        };
        known.into_iter().next().ok_or_else(|| errand.error(Code::InvalidInstanceType))
    }
}

impl<E: Endpoint> Limited<E> {
    async fn look_up<T, F>(
        &self,
        errand: &Errand,
        known: &Known<Key, T>,
        keys: BTreeSet<Key>,
        request: impl Fn(Lookup, Option<String>) -> F + Send + Sync,
    ) -> Result<Vec<T>, Error>
    where
        T: Found,
        F: Future<Output = Result<Page<T>, Error>> + Send,
    {
        let _asking = known.asking().await;
        let mut answer: BTreeMap<String, T> = BTreeMap::new();
        let mut unknown: BTreeMap<By, Vec<Key>> = BTreeMap::new();
        for key in keys {
            match known.get(&key) {
                Some(values) => answer.extend(values.into_iter().map(|value| (value.id().to_string(), value))),
                None => unknown.entry(key.by).or_default().push(key),
            }
        }
        for (by, keys) in unknown {
            for part in keys.chunks(FILTER_VALUES) {
                let lookup = Lookup {
                    by,
                    values: part.iter().map(|key| key.value.clone()).collect(),
                    vpc: part.first().and_then(|key| key.vpc.clone()),
                };
                let found = self.pages(errand, |after| request(lookup.clone(), after)).await?;
                for key in part {
                    let values: Vec<T> =
                        found.iter().filter(|item| item.has(by) == Some(&key.value)).cloned().collect();
                    answer.extend(values.iter().map(|value| (value.id().to_string(), value.clone())));
                    known.put(key.clone(), values);
                }
            }
        }
        Ok(answer.into_values().collect())
    }
}

fn keys(select: &Selection, names_by: &[By]) -> BTreeSet<Key> {
    let key = |by: By, value: &String| Key { by, value: value.clone(), vpc: select.vpc.clone() };
    let ids = select.ids.iter().map(|id| key(By::Id, id));
    let names = names_by.iter().flat_map(|&by| select.names.iter().map(move |name| key(by, name)));
    ids.chain(names).collect()
}

fn subject(select: &Selection) -> Subject {
    Subject { name: select.ids.iter().chain(&select.names).next().cloned(), ..Subject::default() }
}
