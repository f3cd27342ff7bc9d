//! Texts that EC2 and the kernel keep.

use super::said;
use crate::declared::fault::Faults;
use crate::declared::limits::{DESCRIPTION_OF_OTHERS, EC2_TEXT};
use crate::declared::manifest::NodeEniSpec;
use node::names::IfName;

/// EC2's `Description` of an ENI.
pub(super) fn description(spec: &NodeEniSpec, faults: &mut Faults) -> Option<String> {
    let text = said(spec.description.as_ref())?;
    let starts_so =
        text.get(..DESCRIPTION_OF_OTHERS.len()).is_some_and(|start| start.eq_ignore_ascii_case(DESCRIPTION_OF_OTHERS));
    if starts_so {
        faults.push(
            "spec.description",
            "starts with aws-K8S-, by which amazon-vpc-cni knows the ENIs that it may delete",
        );
    }
    if text.chars().count() > EC2_TEXT || text.chars().any(char::is_control) {
        faults.push("spec.description", format_args!("has to be one line of at most {EC2_TEXT} characters"));
    }
    Some(text.to_string())
}

/// The link's name on the host.
pub(super) fn link_name(spec: &NodeEniSpec, faults: &mut Faults) -> Option<IfName> {
    let text = spec.link_name.as_ref()?;
    let name = faults.take("spec.linkName", text.parse::<IfName>())?;
    if name.as_str() == "lo" {
        faults.push("spec.linkName", "is the loopback link's");
    }
    Some(name)
}
