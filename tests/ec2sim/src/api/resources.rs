//! What an action is about, in IAM's words: the resources that are authorised one by one, each with its condition keys
//! (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html>).

use crate::cloud::Inner;
use crate::ids::{EniId, SubnetId};
use crate::policy::{Asked, Context};
use crate::record::{InstanceRecord, Tags};

use super::check;
use super::request::{CreateNetworkInterface, Request};

/// Everything that has to be allowed for this call. A resource that is not there is not asked for: the action itself says
/// that it is missing.
pub(crate) fn asked(inner: &Inner, request: &Request) -> Vec<Asked> {
    let names = Names { inner };
    let action = request.action().name();
    let eni = |id: &str| names.eni(action, id);
    let list: Vec<Option<Asked>> = match request {
        Request::DescribeNetworkInterfaces(_)
        | Request::DescribeSubnets(_)
        | Request::DescribeSecurityGroups(_)
        | Request::DescribeInstanceTypes(_)
        | Request::DescribeInstances(_) => vec![Some(names.ask(action, "*".into(), Context::default()))],
        Request::CreateNetworkInterface(of) => names.create(of),
        Request::AttachNetworkInterface(of) => {
            vec![names.instance(action, &of.instance_id), eni(&of.network_interface_id)]
        }
        Request::DetachNetworkInterface(of) => names.detach(action, &of.attachment_id),
        Request::DeleteNetworkInterface(of) => vec![eni(&of.network_interface_id)],
        Request::ModifyNetworkInterfaceAttribute(of) => {
            let groups = of.security_group_ids.iter().map(|id| names.group(action, id));
            let instance = of.attachment.as_ref().and_then(|_| names.instance_of(action, &of.network_interface_id));
            groups.chain([eni(&of.network_interface_id), instance]).collect()
        }
        Request::AssignPrivateIpAddresses(of) => vec![eni(&of.network_interface_id)],
        Request::UnassignPrivateIpAddresses(of) => vec![eni(&of.network_interface_id)],
        Request::AssignIpv6Addresses(of) => vec![eni(&of.network_interface_id)],
        Request::UnassignIpv6Addresses(of) => vec![eni(&of.network_interface_id)],
        Request::CreateTags(of) => {
            let tagged = of.resource_ids.iter().map(|id| names.any(action, id));
            tagged.map(|asked| asked.map(|asked| asked.with_request_tags(of.tags.iter().cloned()))).collect()
        }
        Request::DeleteTags(of) => {
            let tags = || of.tags.iter().map(|(key, value)| (key.clone(), value.clone().unwrap_or_default()));
            let tagged = of.resource_ids.iter().map(|id| names.any(action, id));
            tagged.map(|asked| asked.map(|asked| asked.with_request_tags(tags()))).collect()
        }
        Request::TerminateInstances(of) => of.instance_ids.iter().map(|id| names.instance(action, id)).collect(),
    };
    list.into_iter().flatten().collect()
}

struct Names<'a> {
    inner: &'a Inner,
}

impl Names<'_> {
    fn ask(&self, action: &str, resource: String, context: Context) -> Asked {
        let context =
            context.with("ec2:Region", &self.inner.state.region).with("aws:RequestedRegion", &self.inner.state.region);
        Asked { action: format!("ec2:{action}"), resource, context }
    }

    fn arn(&self, kind: &str, id: &str) -> String {
        let state = &self.inner.state;
        format!("arn:aws:ec2:{}:{}:{kind}/{id}", state.region, state.account)
    }

    /// The new interface has no identifier yet, and no tags but those of the request. With tags the CreateTags that they
    /// are has to be allowed, too
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html>).
    fn create(&self, of: &CreateNetworkInterface) -> Vec<Option<Asked>> {
        let action = "CreateNetworkInterface";
        let subnet = SubnetId::new(&of.subnet_id).ok();
        let place = subnet.as_ref().map_or_else(Context::default, |id| self.place(id));
        let tags: Vec<(String, String)> = of.tag_specifications.iter().flat_map(|of| of.tags.clone()).collect();
        let new = |action: &str| {
            let asked = self.ask(action, self.arn("network-interface", "*"), place.clone());
            asked.with_request_tags(tags.iter().cloned())
        };
        let mut all = vec![Some(new(action)), subnet.and_then(|id| self.subnet(action, &id))];
        all.extend(of.security_group_ids.iter().map(|id| self.group(action, id)));
        if !tags.is_empty() {
            let mut tagging = new("CreateTags");
            tagging.context = tagging.context.with("ec2:CreateAction", action);
            all.push(Some(tagging));
        }
        all
    }

    fn detach(&self, action: &str, attachment: &str) -> Vec<Option<Asked>> {
        let Ok(eni) = check::attachment(self.inner, attachment) else { return Vec::new() };
        vec![self.eni(action, eni.as_str()), self.instance_of(action, eni.as_str())]
    }

    fn eni(&self, action: &str, id: &str) -> Option<Asked> {
        let record = self.inner.state.eni(&EniId::new(id).ok()?).ok()?;
        let context = self.place(&record.subnet).with_resource_tags(&record.tags).with("ec2:NetworkInterfaceID", id);
        Some(self.ask(action, self.arn("network-interface", id), context))
    }

    /// The instance that an ENI is attached to.
    fn instance_of(&self, action: &str, eni: &str) -> Option<Asked> {
        let record = self.inner.state.eni(&EniId::new(eni).ok()?).ok()?;
        self.instance(action, record.attachment.as_ref()?.instance.as_str())
    }

    fn instance(&self, action: &str, id: &str) -> Option<Asked> {
        let (_, record): (_, &InstanceRecord) = check::instance(self.inner, id).ok()?;
        let context = Context::default()
            .with_resource_tags(&record.tags)
            .with("ec2:InstanceID", id)
            .with("ec2:InstanceType", &record.kind)
            .with("ec2:AvailabilityZone", &record.zone);
        Some(self.ask(action, self.arn("instance", id), context))
    }

    fn subnet(&self, action: &str, id: &SubnetId) -> Option<Asked> {
        let record = self.inner.state.subnet(id).ok()?;
        let context = self.place(id).with_resource_tags(&record.tags).with("ec2:SubnetID", id.as_str());
        Some(self.ask(action, self.arn("subnet", id.as_str()), context))
    }

    fn group(&self, action: &str, id: &str) -> Option<Asked> {
        let record = self.inner.state.groups.get(id)?;
        let vpc = self.arn("vpc", record.vpc.as_str());
        let context =
            Context::default().with_resource_tags(&record.tags).with("ec2:Vpc", &vpc).with("ec2:SecurityGroupID", id);
        Some(self.ask(action, self.arn("security-group", id), context))
    }

    fn any(&self, action: &str, id: &str) -> Option<Asked> {
        match id.rsplit_once('-').map(|(kind, _)| kind)? {
            "eni" => self.eni(action, id),
            "i" => self.instance(action, id),
            "subnet" => self.subnet(action, &SubnetId::new(id).ok()?),
            "sg" => self.group(action, id),
            _ => None,
        }
    }

    fn place(&self, subnet: &SubnetId) -> Context {
        let Ok(record) = self.inner.state.subnet(subnet) else { return Context::default() };
        Context::default()
            .with("ec2:Vpc", &self.arn("vpc", record.vpc.as_str()))
            .with("ec2:Subnet", &self.arn("subnet", subnet.as_str()))
            .with("ec2:AvailabilityZone", &record.zone)
    }
}

/// What a principal brings of itself, as `aws:PrincipalTag/…`.
pub(crate) fn of_principal(inner: &Inner, principal: &str) -> Tags {
    inner.api.principals.get(principal).cloned().unwrap_or_default()
}
