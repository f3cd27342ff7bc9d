//! Security groups of a VPC.

use std::sync::Arc;

use crate::cloud::Cloud;
use crate::error::Error;
use crate::ids::VpcId;
use crate::record::{GroupRecord, SecurityGroup, Tags};

/// A security group to be made.
#[derive(Debug)]
#[must_use = "nothing is made before `create`"]
pub struct SecurityGroupBuilder {
    cloud: Arc<Cloud>,
    vpc: VpcId,
    name: String,
    id: Option<String>,
    tags: Tags,
}

impl SecurityGroupBuilder {
    pub(crate) fn new(cloud: Arc<Cloud>, vpc: VpcId, name: &str) -> Self {
        Self { cloud, vpc, name: name.to_owned(), id: None, tags: Tags::new() }
    }

    /// Its identifier, `sg-…`.
    pub fn id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// A tag, as its `Name`; can be said several times.
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Makes it. A name is a VPC's once (EC2: `InvalidGroup.Duplicate`).
    pub fn create(self) -> Result<SecurityGroup, Error> {
        let Self { cloud, vpc, name, id, tags } = self;
        cloud.change(|inner| {
            let refuse =
                |value: &str, rule| Err(Error::Value { what: "security group", value: value.to_owned(), rule });
            let id = id.unwrap_or_else(|| format!("sg-0{:016x}", inner.state.next()));
            if !id.starts_with("sg-") {
                return refuse(&id, "sg- and digits");
            }
            if inner.state.groups.contains_key(&id) {
                return refuse(&id, "another group has this id");
            }
            if inner.state.groups.values().any(|group| group.vpc == vpc && group.name == name) {
                return refuse(&name, "another group of the VPC has this name");
            }
            inner.state.groups.insert(id.clone(), GroupRecord { vpc, name: name.clone(), tags });
            Ok(SecurityGroup { id, name })
        })
    }
}
