//! Instances: a namespace that plays the machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cloud::Cloud;
use crate::error::Error;
use crate::facts::{self, EniFacts, InstanceFacts};
use crate::ids::InstanceId;
use crate::netns::Netns;
use crate::record::{InstanceRecord, InstanceState, Tags};
use crate::wire;

/// An instance, to attach ENIs to and to ask for its metadata.
#[derive(Debug, Clone)]
pub struct Instance {
    pub(crate) cloud: Arc<Cloud>,
    pub(crate) id: InstanceId,
}

impl Instance {
    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> &InstanceId {
        &self.id
    }

    /// What its metadata say of it.
    pub fn facts(&self) -> Result<InstanceFacts, Error> {
        self.cloud.read(|state| facts::instance(state, &self.id))
    }

    /// The ENIs that are attached to it, by network card and device index.
    pub fn enis(&self) -> Result<Vec<EniFacts>, Error> {
        self.cloud.read(|state| facts::enis_of(state, &self.id))
    }

    /// The same as its metadata service knows it, which is behind by [`crate::Timing::metadata`].
    pub fn enis_of_metadata(&self) -> Result<Vec<EniFacts>, Error> {
        self.cloud.look(|inner| {
            let then = inner.clock.now().saturating_sub(inner.timing.metadata);
            facts::enis_then(inner, &self.id, then)
        })
    }

    /// From now on its metadata have this text at this path below `latest/meta-data/`, as `spot/instance-action` or
    /// `autoscaling/target-lifecycle-state`.
    pub fn announce(&self, path: &str, text: &str) -> Result<(), Error> {
        self.announcements(|all| drop(all.insert(path.to_owned(), text.to_owned())))
    }

    /// That path is not there again.
    pub fn withdraw(&self, path: &str) -> Result<(), Error> {
        self.announcements(|all| drop(all.remove(path)))
    }

    fn announcements(&self, change: impl FnOnce(&mut BTreeMap<String, String>)) -> Result<(), Error> {
        self.cloud.change(|inner| {
            let record = inner.state.instances.get_mut(&self.id);
            record.map(|record| change(&mut record.announced)).ok_or_else(|| Error::NotThere(self.id.to_string()))
        })
    }

    /// What was announced of it.
    pub fn announced(&self) -> Result<BTreeMap<String, String>, Error> {
        self.cloud.read(|state| Ok(state.instance(&self.id)?.announced.clone()))
    }

    /// The namespace that plays the machine.
    pub fn netns(&self) -> Result<Netns, Error> {
        self.cloud.read(|state| state.instance(&self.id)?.host.clone().ok_or(Error::OnPaper))
    }
}

/// An instance to be made.
#[derive(Debug)]
#[must_use = "nothing is made before `create`"]
pub struct InstanceBuilder {
    cloud: Arc<Cloud>,
    machine: Result<Option<Netns>, Error>,
    id: Option<String>,
    kind: String,
    zone: Option<String>,
    cards: Option<u32>,
    tags: Tags,
}

impl InstanceBuilder {
    pub(crate) fn new(cloud: Arc<Cloud>, machine: Result<Option<Netns>, Error>) -> Self {
        Self { cloud, machine, id: None, kind: "m5.xlarge".into(), zone: None, cards: None, tags: Tags::new() }
    }

    /// Its identifier, `i-` and 17 hexadecimal digits.
    pub fn id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// Its type; `m5.xlarge` unless said.
    pub fn kind(mut self, kind: &str) -> Self {
        kind.clone_into(&mut self.kind);
        self
    }

    /// Its availability zone; the region's zone `a` unless said.
    pub fn zone(mut self, zone: &str) -> Self {
        self.zone = Some(zone.to_owned());
        self
    }

    /// How many network cards it has; as its type, and 1 of an unknown type, unless said. With one the metadata have no
    /// `network-card`.
    pub fn network_cards(mut self, cards: u32) -> Self {
        self.cards = Some(cards);
        self
    }

    /// A tag; can be said several times.
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Makes it. The machine's loopback is turned on.
    pub fn create(self) -> Result<Instance, Error> {
        let host = self.machine?;
        host.as_ref().map_or(Ok(()), wire::boot)?;
        let rule = "i- and 17 hexadecimal digits";
        let wish = self.id.map(|id| InstanceId::new(&id).map_err(|_| Error::Value { what: "id", value: id, rule }));
        let wish = wish.transpose()?;
        let (kind, zone, cards, tags) = (self.kind, self.zone, self.cards, self.tags);
        let id = self.cloud.change(|inner| {
            if let Some(id) = wish.as_ref().filter(|id| inner.state.instances.contains_key(*id)) {
                return Err(Error::Value { what: "id", value: id.to_string(), rule: "another instance has it" });
            }
            let id = wish.unwrap_or_else(|| InstanceId::nth(inner.state.next()));
            let zone = zone.unwrap_or_else(|| format!("{}a", inner.state.region));
            let of_type = || inner.api.types.get(&kind).and_then(|of| u32::try_from(of.cards.len()).ok());
            let cards = cards.or_else(of_type).unwrap_or(1);
            let state = InstanceState::Running;
            let record = InstanceRecord {
                kind,
                zone,
                cards,
                host,
                state,
                tags,
                announced: BTreeMap::new(),
                refused_beyond: None,
            };
            inner.state.instances.insert(id.clone(), record);
            Ok(id)
        })?;
        Ok(Instance { cloud: self.cloud, id })
    }
}
