//! The metadata service, as the simulator has it, with its faults. The case `IMD-4` is here.

use ec2::{Imds, Metadata, MetadataError, MetadataInterface, Slot};
use ec2sim::{Fabric, Imds as Service, Netns};
use std::time::{Duration, Instant};

const SECOND: &str = "meta-data/network/interfaces/macs/02:00:00:00:aa:01";

/// A machine with two ENIs.
struct Lab {
    _fabric: Fabric,
    machine: Netns,
    service: Service,
    node: ec2sim::Instance,
    second: ec2sim::Eni,
}

impl Lab {
    fn with_cards(cards: u32) -> Self {
        let fabric = Fabric::new();
        let machine = Netns::create().unwrap();
        let vpc = fabric.vpc("10.0.0.0/16").and_ipv4("100.64.0.0/16").ipv6("2001:db8::/56").create().unwrap();
        let subnet = vpc.subnet("10.0.1.0/24").ipv6("2001:db8:0:1::/64").create().unwrap();
        let node = fabric.instance_in(&machine).id("i-0123456789abcdef0").network_cards(cards).create().unwrap();
        let first = subnet.eni().address("10.0.1.10").mac("02:00:00:00:aa:00").create().unwrap();
        first.attach(&node).index(0).now().unwrap();
        let second = subnet.eni().address("10.0.1.20").secondary("10.0.1.21").mac("02:00:00:00:aa:01");
        let second = second.ipv6("2001:db8:0:1::20").ipv4_prefix("10.0.1.64/28").create().unwrap();
        second.attach(&node).index(1).card(cards - 1).named("ens6").now().unwrap();
        let service = Service::of(&node).serve().unwrap();
        Self { _fabric: fabric, machine, service, node, second }
    }

    fn new() -> Self {
        Self::with_cards(1)
    }

    /// Asks from the machine, all in one session.
    fn ask<T: Send>(&self, question: impl AsyncFnOnce(&Imds) -> T + Send) -> T {
        let imds = Imds::new(Some(&self.service.url())).unwrap();
        self.ask_with(&imds, question)
    }

    fn ask_with<T: Send>(&self, imds: &Imds, question: impl AsyncFnOnce(&Imds) -> T + Send) -> T {
        let ask = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(question(imds))
        };
        self.machine.run(ask).unwrap()
    }

    fn interfaces(&self) -> Result<Vec<MetadataInterface>, MetadataError> {
        self.ask(async |imds: &Imds| imds.interfaces().await)
    }
}

#[test]
fn the_instance_and_its_enis_are_read() {
    let lab = Lab::with_cards(2);
    let instance = lab.ask(async |imds: &Imds| imds.instance().await).unwrap();
    assert_eq!((instance.id.as_str(), instance.primary_mac.as_str()), ("i-0123456789abcdef0", "02:00:00:00:aa:00"));
    let [first, second] = &lab.interfaces().unwrap()[..] else { panic!() };
    assert_eq!(first.slot, Slot { network_card_index: 0, device_index: 0 });
    assert_eq!(second.slot, Slot { network_card_index: 1, device_index: 1 });
    assert_eq!(second.ipv4.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.0.1.20", "10.0.1.21"]);
    assert_eq!((second.ipv6.len(), second.ipv4_prefixes.len(), second.vpc_ipv4_cidrs.len()), (1, 1, 2));
    assert_eq!(second.subnet_ipv4_cidr.unwrap().to_string(), "10.0.1.0/24");
    // Without IPv6 there are no such parts, and that is no error.
    assert!(first.ipv6.is_empty() && first.ipv6_prefixes.is_empty());
}

#[test]
fn imd_4_an_error_is_not_an_empty_answer() {
    let lab = Lab::new();
    let whole = lab.interfaces().unwrap();
    for part in ["", "/local-ipv4s", "/ipv6s", "/security-group-ids", "/network-card"] {
        for fault in ["broken", "empty", "refused"] {
            let order = lab.service.at(&format!("{SECOND}{part}"));
            match fault {
                "broken" => order.is_broken(),
                "empty" => order.is_empty(),
                _ => order.refuses(),
            }
            let error = lab.interfaces().unwrap_err();
            assert!(!matches!(error, MetadataError::Missing { .. }), "{part} {fault}: {error}");
            lab.service.heal();
        }
    }
    assert_eq!(lab.interfaces().unwrap(), whole);
}

#[test]
fn imd_4_fine_then_broken_then_silent_then_refused_then_fine() {
    let lab = Lab::new();
    let imds = Imds::new(Some(&lab.service.url())).unwrap();
    let key = format!("{SECOND}/local-ipv4s");
    let read = |imds: &Imds| lab.ask_with(imds, async |imds: &Imds| imds.interfaces().await);
    let whole = read(&imds).unwrap();
    lab.service.at(&key).times(1).is_broken();
    lab.service.at(&key).times(1).hangs();
    lab.service.at(&key).times(1).refuses();
    // Each fault by itself is got over, within the read's own deadline, and the addresses never shrink.
    assert_eq!(read(&imds).unwrap(), whole);
    let statuses: Vec<_> = lab.service.requests_to(&key).iter().map(|request| request.status).collect();
    assert_eq!(statuses, [Some(200), Some(500), None, Some(401), Some(200)]);
}

#[test]
fn imd_4_a_token_that_is_not_taken_any_more_is_replaced() {
    let lab = Lab::new();
    let imds = Imds::new(Some(&lab.service.url())).unwrap();
    let read = || lab.ask_with(&imds, async |imds: &Imds| imds.instance().await).unwrap();
    read();
    read();
    assert_eq!(lab.service.requests_to("api/token").len(), 1);
    lab.service.advance(Duration::from_secs(21_601));
    read();
    assert_eq!(lab.service.requests_to("api/token").len(), 2);
}

#[test]
fn imd_4_a_service_that_is_silent_is_an_error_that_names_the_hop_limit() {
    let lab = Lab::new();
    lab.service.at("api/token").hangs();
    let start = Instant::now();
    let error = lab.ask(async |imds: &Imds| imds.instance().await).unwrap_err();
    assert!(matches!(&error, MetadataError::NoAnswer { .. }));
    assert!(error.to_string().ends_with("the instance's hop limit (HttpPutResponseHopLimit) must be 2"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn no_read_is_without_a_token() {
    let lab = Lab::new();
    lab.service.at("api/token").is_broken();
    let error = lab.ask(async |imds: &Imds| imds.instance().await).unwrap_err();
    assert!(matches!(error, MetadataError::Refused { status: 500, .. }), "{error}");
    assert!(lab.service.requests_to("meta-data").is_empty());
}

#[test]
fn an_eni_that_comes_or_goes_just_now_is_left_out() {
    let lab = Lab::new();
    lab.service.at(&format!("{SECOND}/interface-id")).is_missing();
    assert_eq!(lab.interfaces().unwrap().len(), 1);
}

#[test]
fn a_listing_that_is_not_there_is_an_error() {
    let lab = Lab::new();
    lab.service.at("meta-data/network/interfaces/macs/").is_missing();
    let error = lab.interfaces().unwrap_err();
    assert!(matches!(error, MetadataError::Missing { .. }), "{error}");
}

#[test]
fn imd_3_an_old_answer_is_what_was_so_then() {
    let lab = Lab::new();
    let then = lab.service.snapshot().unwrap();
    lab.second.assign("10.0.1.99").unwrap();
    lab.service.at("meta-data/network").is_stale(&then);
    assert_eq!(lab.interfaces().unwrap()[1].ipv4.len(), 2);
    lab.service.heal();
    assert_eq!(lab.interfaces().unwrap()[1].ipv4.len(), 3);
}

#[test]
fn an_instance_that_stays_is_not_leaving_and_what_is_not_known_is_an_error() {
    let lab = Lab::new();
    let leaving = || lab.ask(async |imds: &Imds| imds.leaving().await);
    assert!(!leaving().unwrap());
    lab.service.at("meta-data/spot").is_broken();
    assert!(leaving().is_err());
}

#[test]
fn a_spot_interruption_and_a_group_that_takes_the_instance_out_are_leaving() {
    let lab = Lab::new();
    let leaving = || lab.ask(async |imds: &Imds| imds.leaving().await).unwrap();
    let action = r#"{"action": "terminate", "time": "2026-01-01T00:00:00Z"}"#;
    lab.node.announce("spot/instance-action", action).unwrap();
    assert!(leaving());
    lab.node.withdraw("spot/instance-action").unwrap();
    for (state, leaves) in [("InService", false), ("Warmed:Stopped", false), ("Terminated", true)] {
        lab.node.announce("autoscaling/target-lifecycle-state", state).unwrap();
        assert_eq!(leaving(), leaves, "{state}");
    }
}
