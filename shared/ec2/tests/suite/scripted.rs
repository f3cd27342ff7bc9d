//! An endpoint that answers what a test says, and keeps what it was asked.

use ec2::{
    Action, AttachmentId, Class, Code, Creation, Endpoint, Error, Force, InstanceId, InstanceState, InstanceTypeLimits,
    InterfaceFilter, Limited, Limits, Lookup, Modification, NetworkInterface, NetworkInterfaceId, Observer, Page,
    SecurityGroup, Slot, Status, Subnet, Tags,
};
use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// What the endpoint does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Then {
    Answers,
    /// Answers, and there is more.
    AnswersInPart,
    Refuses(Code),
    Hangs,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) action: Action,
    pub(crate) at: Instant,
    /// The values of a lookup, or the number of a page.
    pub(crate) what: Vec<String>,
}

/// Answers once the script is at its end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scripted {
    script: Arc<Mutex<VecDeque<Then>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    subnets: Vec<Subnet>,
    groups: Vec<SecurityGroup>,
}

impl Scripted {
    pub(crate) fn of(script: impl IntoIterator<Item = Then>) -> Self {
        Self { script: Arc::new(Mutex::new(script.into_iter().collect())), ..Self::default() }
    }

    pub(crate) fn with_subnets(subnets: Vec<Subnet>) -> Self {
        Self { subnets, ..Self::default() }
    }

    pub(crate) fn with_groups(groups: Vec<SecurityGroup>) -> Self {
        Self { groups, ..Self::default() }
    }

    pub(crate) fn then(&self, then: Then) {
        self.script.lock().unwrap().push_back(then);
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// With everything that makes errands of requests.
    pub(crate) fn limited(&self, limits: Limits) -> (Limited<Self>, Arc<Seen>) {
        let seen = Arc::new(Seen::default());
        (Limited::new(self.clone(), limits, seen.clone(), 42), seen)
    }

    async fn ask(&self, action: Action, what: Vec<String>) -> Result<Option<String>, Error> {
        let number = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(Asked { action, at: Instant::now(), what });
            asked.len()
        };
        let then = self.script.lock().unwrap().pop_front().unwrap_or(Then::Answers);
        match then {
            Then::Answers => Ok(None),
            Then::AnswersInPart => Ok(Some(format!("page {number}"))),
            Then::Refuses(code) => Err(Error::new(action, code)),
            Then::Hangs => std::future::pending().await,
        }
    }
}

/// What an observer heard.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) called: Mutex<Vec<(Action, Result<(), Class>)>>,
    pub(crate) throttled: Mutex<Vec<Duration>>,
}

impl Observer for Seen {
    fn called(&self, action: Action, outcome: Result<(), Class>, _took: Duration) {
        self.called.lock().unwrap().push((action, outcome));
    }

    fn throttled(&self, _action: Action, waited: Duration) {
        self.throttled.lock().unwrap().push(waited);
    }
}

pub(crate) fn eni_id(number: u32) -> NetworkInterfaceId {
    format!("eni-{number:017x}").parse().unwrap()
}

pub(crate) fn eni(number: u32) -> NetworkInterface {
    NetworkInterface {
        id: eni_id(number),
        mac_address: format!("02:00:00:00:{:02x}:{:02x}", number >> 8 & 255, number & 255).parse().unwrap(),
        subnet: "subnet-01234567".parse().unwrap(),
        vpc: "vpc-01234567".parse().unwrap(),
        availability_zone: "eu-central-1a".into(),
        status: Status::Available,
        security_groups: vec![],
        description: String::new(),
        ipv4: vec![],
        ipv6: vec![],
        source_dest_check: true,
        interface_type: "interface".into(),
        requester_managed: false,
        tags: Tags::new(),
        attachment: None,
    }
}

pub(crate) fn creation() -> Creation {
    Creation {
        client_token: "token-1".into(),
        subnet: "subnet-01234567".parse().unwrap(),
        security_groups: vec!["sg-01234567".parse().unwrap()],
        description: "made by a test".into(),
        secondary_ipv4_count: 2,
        ipv6_count: 1,
        tags: Tags::from([("Name".into(), "eni & co".into())]),
    }
}

impl ec2::Lifecycle for Scripted {
    async fn create(&self, _: &Creation) -> Result<NetworkInterface, Error> {
        self.ask(Action::CreateNetworkInterface, vec![]).await.map(|_| eni(1))
    }

    async fn attach(&self, _: &NetworkInterfaceId, _: &InstanceId, _: Slot) -> Result<AttachmentId, Error> {
        let answer = self.ask(Action::AttachNetworkInterface, vec![]).await;
        answer.map(|_| "eni-attach-01234567".parse().unwrap())
    }

    async fn modify(&self, _: &NetworkInterfaceId, _: &Modification) -> Result<(), Error> {
        self.ask(Action::ModifyNetworkInterfaceAttribute, vec![]).await.map(|_| ())
    }

    async fn detach(&self, _: &NetworkInterfaceId, _: &AttachmentId, _: Force) -> Result<(), Error> {
        self.ask(Action::DetachNetworkInterface, vec![]).await.map(|_| ())
    }

    async fn delete(&self, _: &NetworkInterfaceId) -> Result<(), Error> {
        self.ask(Action::DeleteNetworkInterface, vec![]).await.map(|_| ())
    }

    async fn assign_ipv4(&self, _: &NetworkInterfaceId, _: u32) -> Result<Vec<Ipv4Addr>, Error> {
        self.ask(Action::AssignPrivateIpAddresses, vec![]).await.map(|_| vec![])
    }

    async fn unassign_ipv4(&self, _: &NetworkInterfaceId, _: &[Ipv4Addr]) -> Result<(), Error> {
        self.ask(Action::UnassignPrivateIpAddresses, vec![]).await.map(|_| ())
    }

    async fn assign_ipv6(&self, _: &NetworkInterfaceId, _: u32) -> Result<Vec<Ipv6Addr>, Error> {
        self.ask(Action::AssignIpv6Addresses, vec![]).await.map(|_| vec![])
    }

    async fn unassign_ipv6(&self, _: &NetworkInterfaceId, _: &[Ipv6Addr]) -> Result<(), Error> {
        self.ask(Action::UnassignIpv6Addresses, vec![]).await.map(|_| ())
    }

    async fn tag(&self, _: &NetworkInterfaceId, _: &Tags) -> Result<(), Error> {
        self.ask(Action::CreateTags, vec![]).await.map(|_| ())
    }
}

impl Endpoint for Scripted {
    async fn describe_interfaces(
        &self,
        _: &InterfaceFilter,
        after: Option<&str>,
    ) -> Result<Page<NetworkInterface>, Error> {
        let what = after.map(str::to_string).into_iter().collect();
        let next = self.ask(Action::DescribeNetworkInterfaces, what).await?;
        Ok(Page { items: vec![eni(u32::try_from(self.asked().len()).unwrap())], next })
    }

    async fn describe_subnets(&self, which: &Lookup, _: Option<&str>) -> Result<Page<Subnet>, Error> {
        self.ask(Action::DescribeSubnets, which.values.iter().cloned().collect()).await?;
        Ok(Page::whole(self.subnets.clone()))
    }

    async fn describe_security_groups(&self, which: &Lookup, _: Option<&str>) -> Result<Page<SecurityGroup>, Error> {
        self.ask(Action::DescribeSecurityGroups, which.values.iter().cloned().collect()).await?;
        Ok(Page::whole(self.groups.clone()))
    }

    async fn describe_instance_type(&self, name: &str) -> Result<Option<InstanceTypeLimits>, Error> {
        self.ask(Action::DescribeInstanceTypes, vec![name.to_string()]).await?;
        let known = name == "m5.xlarge";
        Ok(known.then(|| InstanceTypeLimits {
            name: name.to_string(),
            interfaces: 4,
            ipv4_per_interface: 15,
            ipv6_per_interface: 15,
            cards: vec![ec2::Card { index: 0, interfaces: 4 }],
        }))
    }

    async fn describe_instances(
        &self,
        ids: &[InstanceId],
        after: Option<&str>,
    ) -> Result<Page<(InstanceId, InstanceState)>, Error> {
        let what = after.map(str::to_string).into_iter().collect();
        let next = self.ask(Action::DescribeInstances, what).await?;
        Ok(Page { items: ids.iter().map(|id| (id.clone(), InstanceState::Running)).collect(), next })
    }
}
