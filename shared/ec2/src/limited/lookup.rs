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
        self.look_up(&errand, &self.subnets, &keys, |lookup, after| async move {
            self.endpoint.describe_subnets(&lookup, after.as_deref()).await
        })
        .await
    }

    async fn security_groups(&self, select: &Selection) -> Result<Vec<SecurityGroup>, Error> {
        let errand = self.errand(Action::DescribeSecurityGroups, subject(select));
        let keys = keys(select, &[By::GroupName, By::TagName]);
        self.look_up(&errand, &self.security_groups, &keys, |lookup, after| async move {
            self.endpoint.describe_security_groups(&lookup, after.as_deref()).await
        })
        .await
    }

    async fn instance_type(&self, name: &str) -> Result<InstanceTypeLimits, Error> {
        let errand = self.errand(Action::DescribeInstanceTypes, Subject::name(name));
        let known = match self.types.get(name) {
            Some(known) => known,
            None => self.ask_for_type(&errand, name).await?,
        };
        known.into_iter().next().ok_or_else(|| errand.error(Code::InvalidInstanceType))
    }
}

impl<E: Endpoint> Limited<E> {
    async fn ask_for_type(&self, errand: &Errand, name: &str) -> Result<Vec<InstanceTypeLimits>, Error> {
        let _asking = errand.wait_for(self.types.asking()).await?;
        if let Some(known) = self.types.get(name) {
            return Ok(known);
        }
        let answer = self.run(errand, || self.endpoint.describe_instance_type(name)).await?;
        let found: Vec<InstanceTypeLimits> = answer.into_iter().collect();
        self.types.put(name.to_string(), found.clone());
        Ok(found)
    }

    /// What the keys stand for, each thing once; only those that are not known are asked for.
    async fn look_up<T, F>(
        &self,
        errand: &Errand,
        known: &Known<Key, T>,
        keys: &BTreeSet<Key>,
        request: impl Fn(Lookup, Option<String>) -> F + Send + Sync,
    ) -> Result<Vec<T>, Error>
    where
        T: Found,
        F: Future<Output = Result<Page<T>, Error>> + Send,
    {
        let mut answer = Answer::from_cache(known, keys);
        if !answer.unknown.is_empty() {
            let _asking = errand.wait_for(known.asking()).await?;
            answer = Answer::from_cache(known, keys);
            for (lookup, part) in lookups(&answer.unknown) {
                let found = self.pages(errand, |after| request(lookup.clone(), after)).await?;
                for key in part {
                    let has = |item: &&T| item.has(key.by) == Some(&key.value);
                    let values: Vec<T> = found.iter().filter(has).cloned().collect();
                    answer.add(&values);
                    known.put(key, values);
                }
            }
        }
        Ok(answer.found.into_values().collect())
    }
}

/// What is known of some keys, by id, and which are not.
struct Answer<T> {
    found: BTreeMap<String, T>,
    unknown: Vec<Key>,
}

impl<T: Found> Answer<T> {
    fn from_cache(known: &Known<Key, T>, keys: &BTreeSet<Key>) -> Self {
        let mut answer = Self { found: BTreeMap::new(), unknown: Vec::new() };
        for key in keys {
            match known.get(key) {
                Some(values) => answer.add(&values),
                None => answer.unknown.push(key.clone()),
            }
        }
        answer
    }

    fn add(&mut self, values: &[T]) {
        self.found.extend(values.iter().map(|value| (value.id().to_string(), value.clone())));
    }
}

/// The keys as questions that EC2 takes: one property each, and not too many values.
fn lookups(keys: &[Key]) -> Vec<(Lookup, Vec<Key>)> {
    let alike = keys.chunk_by(|one, other| one.by == other.by);
    let parts = alike.flat_map(|keys| keys.chunks(FILTER_VALUES));
    let question = |part: &[Key]| {
        let first = part.first()?;
        let values = part.iter().map(|key| key.value.clone()).collect();
        Some((Lookup { by: first.by, values, vpc: first.vpc.clone() }, part.to_vec()))
    };
    parts.filter_map(question).collect()
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
