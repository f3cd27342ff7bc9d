//! What a call was about.

use crate::id::{InstanceId, NetworkInterfaceId, SecurityGroupId, SubnetId};
use crate::interface::Slot;
use std::fmt;

/// What a call was about, as far as it says so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subject {
    /// The ENI.
    pub eni: Option<NetworkInterfaceId>,
    /// The instance.
    pub instance: Option<InstanceId>,
    /// The place on the instance.
    pub slot: Option<Slot>,
    /// The subnet.
    pub subnet: Option<SubnetId>,
    /// The security groups.
    pub security_groups: Vec<SecurityGroupId>,
    /// What was looked for by name or type.
    pub name: Option<String>,
}

impl Subject {
    /// An ENI.
    pub fn eni(eni: &NetworkInterfaceId) -> Self {
        Self { eni: Some(eni.clone()), ..Self::default() }
    }

    /// Something that was looked for by a name.
    pub fn name(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }
}

/// ` (eni-…, i-…, card 0 index 1)`, or nothing.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |part: Option<&dyn fmt::Display>| part.map(ToString::to_string);
        let parts = [
            text(self.eni.as_ref().map(|eni| eni as &dyn fmt::Display)),
            text(self.instance.as_ref().map(|instance| instance as &dyn fmt::Display)),
            text(self.slot.as_ref().map(|slot| slot as &dyn fmt::Display)),
            text(self.subnet.as_ref().map(|subnet| subnet as &dyn fmt::Display)),
            self.name.clone(),
        ];
        let groups = self.security_groups.iter().map(ToString::to_string);
        let parts: Vec<String> = parts.into_iter().flatten().chain(groups).collect();
        if parts.is_empty() { Ok(()) } else { write!(f, " ({})", parts.join(", ")) }
    }
}
