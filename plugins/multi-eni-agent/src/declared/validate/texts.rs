//! Texts that EC2 and the kernel keep.

use super::said;
use crate::declared::fault::Faults;
use crate::declared::manifest::NodeEniSpec;
use node::names::IfName;

/// By what the ENIs of amazon-vpc-cni and of the VPC resource controller begin: their sweeps look at it.
const OF_OTHERS: &str = "aws-k8s-";

/// EC2's `Description` of an ENI, up to 255 characters.
pub(super) fn description(spec: &NodeEniSpec, faults: &mut Faults) -> Option<String> {
    let text = said(spec.description.as_ref())?;
    let starts_so = text.get(..OF_OTHERS.len()).is_some_and(|start| start.eq_ignore_ascii_case(OF_OTHERS));
    if starts_so {
        faults.push(
            "spec.description",
            "starts with aws-K8S-, by which amazon-vpc-cni knows the ENIs that it may delete",
        );
    }
    if text.chars().count() > 255 || text.chars().any(char::is_control) {
        faults.push("spec.description", "has to be one line of at most 255 characters");
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
