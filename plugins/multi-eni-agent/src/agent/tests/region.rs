//! The simulated EC2 and instance metadata, in the agent's words and in virtual time.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ec2::{
    Action, AttachmentId, AttachmentStatus, By, Card, Code, Creation, Endpoint, Error, Force, Instance,
    InstanceAttachment, InstanceId, InstanceState, InstanceTypeLimits, InterfaceFilter, Ipv4, Ipv6, Lifecycle, Lookup,
    Metadata, MetadataError, MetadataInterface, Modification, NetworkInterface, NetworkInterfaceId, Page,
    SecurityGroup, Slot, Status, Subnet, Tags,
};
use ec2sim::request::{self, Request, Select};
use ec2sim::{Delivery, Ec2, EniFacts, EniStatus, Outcome, Response, response};
use tokio::sync::Notify;
use tokio::time::Instant;

/// The access key of the node.
pub(crate) const NODE: &str = "AKIANODE";

/// One request at a time to the simulated EC2. Clones are the same one.
#[derive(Debug, Clone)]
pub(crate) struct Region {
    pub(crate) ec2: Ec2,
    pub(crate) instance: ec2sim::Instance,
    /// How long an answer takes.
    latency: Arc<Mutex<Duration>>,
    metadata_gone: Arc<AtomicBool>,
    /// ENIs that the metadata service leaves out.
    hidden: Arc<Mutex<BTreeSet<String>>>,
    /// What the region's callers share.
    account: Option<Account>,
    /// How much was asked in this moment.
    pace: Arc<Mutex<Pace>>,
    called: Arc<Notify>,
}

/// Who asks in a circle keeps virtual time from going on. He is made to wait, and it is told.
#[derive(Debug)]
struct Pace {
    at: Instant,
    asked: u32,
    is_circle: bool,
}

/// Nobody has reason to ask so often in one moment.
const TOO_OFTEN: u32 = 300;

/// An account's buckets over several regions on paper, each with one node: so thousands of nodes need no region of thousands.
/// Clones are the same one.
#[derive(Debug, Clone)]
pub(crate) struct Account(Arc<Mutex<Ledger>>);

#[derive(Debug)]
struct Ledger {
    /// Tokens, and when they were so many.
    reads: (f64, Instant),
    writes: (f64, Instant),
    admitted: u64,
    refused: u64,
}

/// Tokens that a bucket holds, and that come each second (EC2, "Request throttling for the Amazon EC2 API": 100 and 20 for
/// most that look; half of that here for those that change).
const READS: (f64, f64) = (100.0, 20.0);
const WRITES: (f64, f64) = (50.0, 10.0);

impl Account {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        let ledger = Ledger { reads: (READS.0, now), writes: (WRITES.0, now), admitted: 0, refused: 0 };
        Self(Arc::new(Mutex::new(ledger)))
    }

    fn admits(&self, action: Action) -> bool {
        let mut ledger = self.0.lock().unwrap();
        let is_read = action.kind() == ec2::Kind::Read;
        let (bucket, (most, rate)) = if is_read { (&mut ledger.reads, READS) } else { (&mut ledger.writes, WRITES) };
        let tokens = (bucket.0 + bucket.1.elapsed().as_secs_f64() * rate).min(most);
        let admits = tokens >= 1.0;
        *bucket = (if admits { tokens - 1.0 } else { tokens }, Instant::now());
        let count = if admits { &mut ledger.admitted } else { &mut ledger.refused };
        *count += 1;
        admits
    }

    /// How many calls were let through, and how many were refused.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let ledger = self.0.lock().unwrap();
        (ledger.admitted, ledger.refused)
    }
}

impl Region {
    pub(crate) fn new(ec2: Ec2, instance: ec2sim::Instance) -> Self {
        Self {
            ec2,
            instance,
            latency: Arc::new(Mutex::new(Duration::from_millis(150))),
            metadata_gone: Arc::default(),
            hidden: Arc::default(),
            account: None,
            pace: Arc::new(Mutex::new(Pace { at: Instant::now(), asked: 0, is_circle: false })),
            called: Arc::default(),
        }
    }

    pub(crate) fn set_latency(&self, latency: Duration) {
        *self.latency.lock().unwrap() = latency;
    }

    /// The metadata service answers no more, or again.
    pub(crate) fn set_metadata_gone(&self, gone: bool) {
        self.metadata_gone.store(gone, Ordering::SeqCst);
    }

    /// The metadata service leaves these ENIs out from now on.
    pub(crate) fn hide_from_metadata(&self, enis: impl IntoIterator<Item = String>) {
        *self.hidden.lock().unwrap() = enis.into_iter().collect();
    }

    /// Its calls are drawn from these buckets, too.
    pub(crate) fn join(&mut self, account: &Account) {
        self.account = Some(account.clone());
    }

    /// Has the region's own transitions happen when they are due.
    pub(crate) async fn tick(self) {
        let start = Instant::now() - self.ec2.now();
        loop {
            let next = self.ec2.tick();
            let due = async {
                match next {
                    Some(at) => tokio::time::sleep_until(start + at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.called.notified() => {}
                () = due => {}
            }
        }
    }

    /// Whether something was ever asked in a circle.
    pub(crate) fn was_asked_in_a_circle(&self) -> bool {
        self.pace.lock().unwrap().is_circle
    }

    async fn keep_pace(&self) {
        let is_too_often = {
            let mut pace = self.pace.lock().unwrap();
            if pace.at != Instant::now() {
                (pace.at, pace.asked) = (Instant::now(), 0);
            }
            pace.asked += 1;
            pace.is_circle |= pace.asked > TOO_OFTEN;
            pace.asked > TOO_OFTEN
        };
        if is_too_often {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn call(&self, action: Action, request: impl Into<Request>) -> Result<Response, Error> {
        self.keep_pace().await;
        if self.account.as_ref().is_some_and(|account| !account.admits(action)) {
            let latency = *self.latency.lock().unwrap();
            tokio::time::sleep(latency).await;
            return Err(Error::new(action, Code::RequestLimitExceeded));
        }
        let reply = self.ec2.call(NODE, request);
        self.called.notify_one();
        let latency = *self.latency.lock().unwrap();
        tokio::time::sleep(latency).await;
        match reply.delivery {
            Delivery::After(more) => tokio::time::sleep(more).await,
            Delivery::Never => std::future::pending().await,
            Delivery::Dropped => return Err(Error::new(action, Code::Unreachable)),
        }
        reply.outcome.map_err(|refusal| {
            let error = Error::new(action, Code::from_text(&refusal.code)).of_request(reply.request_id);
            error.because(refusal.message)
        })
    }

    fn facts(&self) -> Result<Vec<EniFacts>, MetadataError> {
        if self.metadata_gone.load(Ordering::SeqCst) {
            return Err(MetadataError::NoAnswer { path: "mac".to_string(), source: "gone".into() });
        }
        let hidden = self.hidden.lock().unwrap();
        let mut enis = self.instance.enis_of_metadata().unwrap();
        enis.retain(|eni| !hidden.contains(eni.network_interface_id.as_str()));
        Ok(enis)
    }
}

impl Endpoint for Region {
    async fn describe_interfaces(
        &self,
        which: &InterfaceFilter,
        after: Option<&str>,
    ) -> Result<Page<NetworkInterface>, Error> {
        let select = Select { next_token: after.map(ToString::to_string), ..Select::default() };
        let select = match which {
            InterfaceFilter::AttachedTo(instance) => select.filter("attachment.instance-id", [instance.as_str()]),
            InterfaceFilter::Ids(ids) => {
                select.filter("network-interface-id", ids.iter().map(NetworkInterfaceId::as_str))
            }
            InterfaceFilter::Tagged(tags) => of_tags(select, tags),
            InterfaceFilter::Unattached(tags) => of_tags(select, tags).filter("status", ["available"]),
        };
        let action = Action::DescribeNetworkInterfaces;
        match self.call(action, Request::DescribeNetworkInterfaces(select)).await? {
            Response::NetworkInterfaces { items, next_token } => {
                Ok(Page { items: items.iter().map(interface).collect(), next: next_token })
            }
            other => panic!("{other:?}"),
        }
    }

    async fn describe_subnets(&self, which: &Lookup, after: Option<&str>) -> Result<Page<Subnet>, Error> {
        let select = lookup(which, after, "subnet-id");
        match self.call(Action::DescribeSubnets, Request::DescribeSubnets(select)).await? {
            Response::Subnets { items, next_token } => {
                Ok(Page { items: items.iter().map(subnet).collect(), next: next_token })
            }
            other => panic!("{other:?}"),
        }
    }

    async fn describe_security_groups(
        &self,
        which: &Lookup,
        after: Option<&str>,
    ) -> Result<Page<SecurityGroup>, Error> {
        let select = lookup(which, after, "group-id");
        match self.call(Action::DescribeSecurityGroups, Request::DescribeSecurityGroups(select)).await? {
            Response::SecurityGroups { items, next_token } => {
                let group = |group: &response::SecurityGroupDescription| SecurityGroup {
                    id: group.group_id.parse().unwrap(),
                    name: group.group_name.clone(),
                    tag_name: group.tags.get("Name").cloned(),
                    vpc: group.vpc_id.as_str().parse().unwrap(),
                };
                Ok(Page { items: items.iter().map(group).collect(), next: next_token })
            }
            other => panic!("{other:?}"),
        }
    }

    async fn describe_instance_type(&self, name: &str) -> Result<Option<InstanceTypeLimits>, Error> {
        let select = Select { ids: vec![name.to_string()], ..Select::default() };
        match self.call(Action::DescribeInstanceTypes, Request::DescribeInstanceTypes(select)).await? {
            Response::InstanceTypes { items, .. } => Ok(items.first().map(|of| InstanceTypeLimits {
                name: of.name.clone(),
                interfaces: of.interfaces,
                ipv4_per_interface: of.ipv4_per_interface,
                ipv6_per_interface: of.ipv6_per_interface,
                cards: (0..).zip(&of.cards).map(|(index, &interfaces)| Card { index, interfaces }).collect(),
            })),
            other => panic!("{other:?}"),
        }
    }

    async fn describe_instances(
        &self,
        ids: &[InstanceId],
        after: Option<&str>,
    ) -> Result<Page<(InstanceId, InstanceState)>, Error> {
        let select = Select { next_token: after.map(ToString::to_string), ..Select::default() };
        let select = select.filter("instance-id", ids.iter().map(InstanceId::as_str));
        match self.call(Action::DescribeInstances, Request::DescribeInstances(select)).await? {
            Response::Instances { items, next_token } => {
                Ok(Page { items: items.iter().map(instance_state).collect(), next: next_token })
            }
            other => panic!("{other:?}"),
        }
    }
}

impl Lifecycle for Region {
    async fn create(&self, of: &Creation) -> Result<NetworkInterface, Error> {
        let request = request::CreateNetworkInterface {
            subnet_id: of.subnet.to_string(),
            description: Some(of.description.clone()),
            security_group_ids: of.security_groups.iter().map(ToString::to_string).collect(),
            secondary_private_ip_address_count: (of.secondary_ipv4_count > 0).then_some(of.secondary_ipv4_count),
            ipv6_address_count: (of.ipv6_count > 0).then_some(of.ipv6_count),
            client_token: Some(of.client_token.clone()),
            ..request::CreateNetworkInterface::default()
        };
        match self.call(Action::CreateNetworkInterface, request.tagged(&of.tags)).await? {
            Response::NetworkInterface(eni) => Ok(interface(&eni)),
            other => panic!("{other:?}"),
        }
    }

    async fn attach(&self, eni: &NetworkInterfaceId, instance: &InstanceId, slot: Slot) -> Result<AttachmentId, Error> {
        let request = request::AttachNetworkInterface {
            network_interface_id: eni.to_string(),
            instance_id: instance.to_string(),
            device_index: Some(slot.device_index),
            network_card_index: Some(slot.network_card_index),
        };
        match self.call(Action::AttachNetworkInterface, request).await? {
            Response::Attached { attachment_id, .. } => Ok(attachment_id.as_str().parse().unwrap()),
            other => panic!("{other:?}"),
        }
    }

    async fn modify(&self, eni: &NetworkInterfaceId, change: &Modification) -> Result<(), Error> {
        let mut request = request::ModifyNetworkInterfaceAttribute {
            network_interface_id: eni.to_string(),
            ..request::ModifyNetworkInterfaceAttribute::default()
        };
        match change {
            Modification::DeleteOnTermination { attachment, value } => {
                request.attachment = Some(request::AttachmentChange {
                    attachment_id: Some(attachment.to_string()),
                    delete_on_termination: Some(*value),
                });
            }
            Modification::SourceDestCheck(value) => request.source_dest_check = Some(*value),
            Modification::SecurityGroups(groups) => {
                request.security_group_ids = groups.iter().map(ToString::to_string).collect();
            }
            Modification::Description(text) => request.description = Some(text.clone()),
        }
        self.call(Action::ModifyNetworkInterfaceAttribute, request).await.map(drop)
    }

    async fn detach(&self, _eni: &NetworkInterfaceId, attachment: &AttachmentId, force: Force) -> Result<(), Error> {
        assert_eq!(force, Force::No, "nothing is ever detached by force");
        let request = request::DetachNetworkInterface { attachment_id: attachment.to_string(), ..Default::default() };
        self.call(Action::DetachNetworkInterface, request).await.map(drop)
    }

    async fn delete(&self, eni: &NetworkInterfaceId) -> Result<(), Error> {
        let request = request::DeleteNetworkInterface { network_interface_id: eni.to_string() };
        self.call(Action::DeleteNetworkInterface, request).await.map(drop)
    }

    async fn assign_ipv4(&self, eni: &NetworkInterfaceId, count: u32) -> Result<Vec<Ipv4Addr>, Error> {
        let request = request::AssignPrivateIpAddresses {
            network_interface_id: eni.to_string(),
            secondary_private_ip_address_count: Some(count),
            ..Default::default()
        };
        match self.call(Action::AssignPrivateIpAddresses, request).await? {
            Response::AssignedIpv4 { addresses, .. } => Ok(addresses),
            other => panic!("{other:?}"),
        }
    }

    async fn unassign_ipv4(&self, eni: &NetworkInterfaceId, addresses: &[Ipv4Addr]) -> Result<(), Error> {
        let request = request::UnassignPrivateIpAddresses {
            network_interface_id: eni.to_string(),
            private_ip_addresses: addresses.to_vec(),
        };
        self.call(Action::UnassignPrivateIpAddresses, request).await.map(drop)
    }

    async fn assign_ipv6(&self, eni: &NetworkInterfaceId, count: u32) -> Result<Vec<Ipv6Addr>, Error> {
        let request = request::AssignIpv6Addresses {
            network_interface_id: eni.to_string(),
            ipv6_address_count: Some(count),
            ..Default::default()
        };
        match self.call(Action::AssignIpv6Addresses, request).await? {
            Response::AssignedIpv6 { addresses, .. } => Ok(addresses),
            other => panic!("{other:?}"),
        }
    }

    async fn unassign_ipv6(&self, eni: &NetworkInterfaceId, addresses: &[Ipv6Addr]) -> Result<(), Error> {
        let request = request::UnassignIpv6Addresses {
            network_interface_id: eni.to_string(),
            ipv6_addresses: addresses.to_vec(),
        };
        self.call(Action::UnassignIpv6Addresses, request).await.map(drop)
    }

    async fn tag(&self, eni: &NetworkInterfaceId, tags: &Tags) -> Result<(), Error> {
        let request = request::CreateTags {
            resource_ids: vec![eni.to_string()],
            tags: tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        };
        self.call(Action::CreateTags, request).await.map(drop)
    }
}

impl Metadata for Region {
    async fn instance(&self) -> Result<Instance, MetadataError> {
        self.keep_pace().await;
        let enis = self.facts()?;
        let facts = self.instance.facts().unwrap();
        let primary = enis.iter().find(|eni| eni.attachment.as_ref().is_some_and(|at| at.device_index == 0));
        let primary = primary.ok_or_else(|| MetadataError::Missing { path: "mac".to_string() })?;
        Ok(Instance {
            id: facts.instance_id.as_str().parse().unwrap(),
            instance_type: facts.instance_type,
            region: facts.region,
            availability_zone: facts.availability_zone,
            primary_mac: primary.mac.to_string().parse().unwrap(),
        })
    }

    async fn interfaces(&self) -> Result<Vec<MetadataInterface>, MetadataError> {
        Ok(self.facts()?.iter().filter_map(metadata).collect())
    }

    async fn leaving(&self) -> Result<bool, MetadataError> {
        Ok(self.instance.announced().unwrap().contains_key("spot/instance-action"))
    }
}

fn lookup(which: &Lookup, after: Option<&str>, id: &str) -> Select {
    let name = match which.by {
        By::Id => id,
        By::TagName => "tag:Name",
        By::GroupName => "group-name",
    };
    let select = Select { next_token: after.map(ToString::to_string), ..Select::default() };
    let select = select.filter(name, which.values.iter().cloned());
    match &which.vpc {
        Some(vpc) => select.filter("vpc-id", [vpc.as_str()]),
        None => select,
    }
}

fn of_tags(select: Select, tags: &Tags) -> Select {
    tags.iter().fold(select, |select, (key, value)| select.filter(&format!("tag:{key}"), [value.as_str()]))
}

fn instance_state(of: &response::InstanceDescription) -> (InstanceId, InstanceState) {
    let state = match of.state {
        ec2sim::InstanceState::Running => InstanceState::Running,
        ec2sim::InstanceState::ShuttingDown => InstanceState::ShuttingDown,
        ec2sim::InstanceState::Terminated => InstanceState::Terminated,
    };
    (of.instance_id.as_str().parse().unwrap(), state)
}

fn subnet(of: &response::SubnetDescription) -> Subnet {
    Subnet {
        id: of.subnet_id.as_str().parse().unwrap(),
        name: of.tags.get("Name").cloned(),
        vpc: of.vpc_id.as_str().parse().unwrap(),
        availability_zone: of.availability_zone.clone(),
        ipv4_cidr: Some(of.cidr_block),
        ipv6_cidrs: of.ipv6_cidr_block.into_iter().collect(),
        available_ipv4: of.available_ip_address_count,
    }
}

fn interface(eni: &response::NetworkInterface) -> NetworkInterface {
    let ipv4 = |address, primary| Ipv4 { address, primary };
    let secondary = eni.secondary_private_ip_addresses.iter().map(|&address| ipv4(address, false));
    NetworkInterface {
        id: eni.network_interface_id.as_str().parse().unwrap(),
        mac_address: eni.mac_address.to_string().parse().unwrap(),
        subnet: eni.subnet_id.as_str().parse().unwrap(),
        vpc: eni.vpc_id.as_str().parse().unwrap(),
        availability_zone: eni.availability_zone.clone(),
        status: match eni.status {
            EniStatus::Pending => Status::Pending,
            EniStatus::Available => Status::Available,
            EniStatus::Attaching => Status::Attaching,
            EniStatus::InUse => Status::InUse,
            EniStatus::Detaching => Status::Detaching,
        },
        security_groups: eni.groups.iter().map(|group| group.id.parse().unwrap()).collect(),
        description: eni.description.clone(),
        ipv4: std::iter::once(ipv4(eni.private_ip_address, true)).chain(secondary).collect(),
        ipv6: eni.ipv6_addresses.iter().map(|&address| Ipv6 { address, primary: false }).collect(),
        source_dest_check: eni.source_dest_check,
        interface_type: eni.interface_type.clone(),
        requester_managed: eni.requester_id.is_some(),
        tags: eni.tags.clone(),
        attachment: eni.attachment.as_ref().map(|at| InstanceAttachment {
            id: at.attachment_id.as_str().parse().unwrap(),
            instance: Some(at.instance_id.as_str().parse().unwrap()),
            slot: Slot { network_card_index: at.network_card_index, device_index: at.device_index },
            status: match at.status {
                ec2sim::AttachmentStatus::Attaching => AttachmentStatus::Attaching,
                ec2sim::AttachmentStatus::Attached => AttachmentStatus::Attached,
                ec2sim::AttachmentStatus::Detaching => AttachmentStatus::Detaching,
            },
            delete_on_termination: at.delete_on_termination,
        }),
    }
}

fn metadata(eni: &EniFacts) -> Option<MetadataInterface> {
    let at = eni.attachment.as_ref()?;
    Some(MetadataInterface {
        mac_address: eni.mac.to_string().parse().unwrap(),
        id: eni.network_interface_id.as_str().parse().unwrap(),
        slot: Slot { network_card_index: at.network_card, device_index: at.device_index },
        subnet: eni.subnet_id.as_str().parse().unwrap(),
        vpc: eni.vpc_id.as_str().parse().unwrap(),
        subnet_ipv4_cidr: Some(eni.subnet_ipv4),
        subnet_ipv6_cidrs: eni.subnet_ipv6.into_iter().collect(),
        vpc_ipv4_cidrs: eni.vpc_ipv4.clone(),
        vpc_ipv6_cidrs: eni.vpc_ipv6.clone(),
        ipv4: eni.ipv4().collect(),
        ipv6: eni.ipv6.clone(),
        ipv4_prefixes: Vec::new(),
        ipv6_prefixes: Vec::new(),
        security_groups: eni.security_groups.iter().map(|group| group.id.parse().unwrap()).collect(),
    })
}

/// The calls so far, by their actions' names, in their order.
pub(crate) fn actions(ec2: &Ec2) -> Vec<&'static str> {
    ec2.calls().iter().filter(|call| call.outcome != Outcome::Lost).map(|call| call.action.name()).collect()
}
