//! Many processes against one account's bucket, in virtual time.

use crate::scripted::{Scripted, Then};
use ec2::{
    Action, AttachmentId, Code, Creation, Endpoint, Error, Force, InstanceId, InstanceState, InstanceTypeLimits,
    InterfaceFilter, Lifecycle, Limited, Limits, Lookup, Modification, NetworkInterface, NetworkInterfaceId, Page,
    Query, Rate, SecurityGroup, Slot, Subnet, Tags, Unobserved,
};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// EC2's bucket for actions that look: 100, and 20 in a second (EC2, "Request throttling for the Amazon EC2 API").
#[derive(Debug)]
struct Account {
    tokens: f64,
    at: Option<Instant>,
}

impl Account {
    fn admits(&mut self) -> bool {
        let now = Instant::now();
        let passed = self.at.map_or(Duration::ZERO, |at| now - at);
        self.tokens = (self.tokens + passed.as_secs_f64() * 20.0).min(100.0);
        self.at = Some(now);
        let admits = self.tokens >= 1.0;
        self.tokens -= if admits { 1.0 } else { 0.0 };
        admits
    }
}

/// One of the processes: it counts what it is refused.
#[derive(Debug, Clone)]
struct OneOfMany {
    account: Arc<Mutex<Account>>,
    refused: Arc<Mutex<u32>>,
    nothing: Scripted,
}

impl Endpoint for OneOfMany {
    async fn describe_interfaces(
        &self,
        which: &InterfaceFilter,
        after: Option<&str>,
    ) -> Result<Page<NetworkInterface>, Error> {
        if !self.account.lock().unwrap().admits() {
            *self.refused.lock().unwrap() += 1;
            self.nothing.then(Then::Refuses(Code::RequestLimitExceeded));
        }
        self.nothing.describe_interfaces(which, after).await
    }

    async fn describe_subnets(&self, which: &Lookup, after: Option<&str>) -> Result<Page<Subnet>, Error> {
        self.nothing.describe_subnets(which, after).await
    }

    async fn describe_security_groups(
        &self,
        which: &Lookup,
        after: Option<&str>,
    ) -> Result<Page<SecurityGroup>, Error> {
        self.nothing.describe_security_groups(which, after).await
    }

    async fn describe_instance_type(&self, name: &str) -> Result<Option<InstanceTypeLimits>, Error> {
        self.nothing.describe_instance_type(name).await
    }

    async fn describe_instances(
        &self,
        ids: &[InstanceId],
        after: Option<&str>,
    ) -> Result<Page<(InstanceId, InstanceState)>, Error> {
        self.nothing.describe_instances(ids, after).await
    }
}

/// They only look.
impl Lifecycle for OneOfMany {
    async fn create(&self, request: &Creation) -> Result<NetworkInterface, Error> {
        self.nothing.create(request).await
    }

    async fn attach(&self, eni: &NetworkInterfaceId, instance: &InstanceId, slot: Slot) -> Result<AttachmentId, Error> {
        self.nothing.attach(eni, instance, slot).await
    }

    async fn modify(&self, eni: &NetworkInterfaceId, change: &Modification) -> Result<(), Error> {
        self.nothing.modify(eni, change).await
    }

    async fn detach(&self, eni: &NetworkInterfaceId, attachment: &AttachmentId, force: Force) -> Result<(), Error> {
        self.nothing.detach(eni, attachment, force).await
    }

    async fn delete(&self, eni: &NetworkInterfaceId) -> Result<(), Error> {
        self.nothing.delete(eni).await
    }

    async fn assign_ipv4(&self, eni: &NetworkInterfaceId, count: u32) -> Result<Vec<Ipv4Addr>, Error> {
        self.nothing.assign_ipv4(eni, count).await
    }

    async fn unassign_ipv4(&self, eni: &NetworkInterfaceId, addresses: &[Ipv4Addr]) -> Result<(), Error> {
        self.nothing.unassign_ipv4(eni, addresses).await
    }

    async fn assign_ipv6(&self, eni: &NetworkInterfaceId, count: u32) -> Result<Vec<Ipv6Addr>, Error> {
        self.nothing.assign_ipv6(eni, count).await
    }

    async fn unassign_ipv6(&self, eni: &NetworkInterfaceId, addresses: &[Ipv6Addr]) -> Result<(), Error> {
        self.nothing.unassign_ipv6(eni, addresses).await
    }

    async fn tag(&self, eni: &NetworkInterfaceId, tags: &Tags) -> Result<(), Error> {
        self.nothing.tag(eni, tags).await
    }
}

struct Outcome {
    took: Duration,
    refused_share: f64,
    refusals_each: f64,
    most_refusals: u32,
}

/// As an agent has it that nothing else is said to (`[agent]` of `node.toml`).
fn limits() -> Limits {
    let rate = Rate { per_second: 5.0, burst: 10.0 };
    Limits { reads: rate, writes: rate, ..Limits::default() }
}

/// All start within `spread`, and each looks so often as fast as it may, with no more sense than asking again what failed.
async fn fleet(processes: u64, looks: u32, spread: Duration) -> Outcome {
    let account = Arc::new(Mutex::new(Account { tokens: 100.0, at: None }));
    let instance: InstanceId = "i-0123456789abcdef0".parse().unwrap();
    let start = Instant::now();
    let mut all = JoinSet::new();
    for seed in 0..processes {
        let process = OneOfMany { account: account.clone(), refused: Arc::default(), nothing: Scripted::default() };
        let refused = process.refused.clone();
        let ec2 = Limited::new(process, limits(), Arc::new(Unobserved), seed);
        let instance = instance.clone();
        let begin = spread.mul_f64(fastrand::Rng::with_seed(seed).f64());
        all.spawn(async move {
            tokio::time::sleep(begin).await;
            let mut left = looks;
            while left > 0 {
                match ec2.attached_to(&instance).await {
                    Ok(_) => left -= 1,
                    Err(error) => {
                        assert_eq!(error.action, Action::DescribeNetworkInterfaces);
                        tokio::time::sleep(Duration::from_secs(10)).await;
                    }
                }
            }
            *refused.lock().unwrap()
        });
    }
    let refusals = all.join_all().await;
    let sum: u32 = refusals.iter().sum();
    Outcome {
        took: start.elapsed(),
        refused_share: f64::from(sum) / (f64::from(sum) + processes as f64 * f64::from(looks)),
        refusals_each: f64::from(sum) / refusals.len() as f64,
        most_refusals: refusals.into_iter().max().unwrap(),
    }
}

#[tokio::test(start_paused = true)]
async fn thr_1_of_a_hundred_that_start_at_once_none_is_refused() {
    let outcome = fleet(100, 1, Duration::ZERO).await;
    assert_eq!((outcome.most_refusals, outcome.took), (0, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn thr_1_refusals_of_each_grow_with_the_logarithm_of_the_fleet_and_it_ends() {
    let few = fleet(500, 2, Duration::ZERO).await;
    let many = fleet(5000, 2, Duration::ZERO).await;
    assert!(many.refusals_each < few.refusals_each + 6.0, "{} then {}", few.refusals_each, many.refusals_each);
    assert!(many.most_refusals < 30);
    // The account admits 10,000 in 495 s.
    assert!(many.took < Duration::from_secs(1800), "{:?}", many.took);
}

#[tokio::test(start_paused = true)]
async fn thr_1_of_5000_whose_first_looks_are_spread_as_the_agents_are_hardly_one_is_refused() {
    let outcome = fleet(5000, 1, Duration::from_secs(300)).await;
    assert!(outcome.refused_share < 0.05, "{}", outcome.refused_share);
}
